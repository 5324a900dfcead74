/*=========================================================================
 *
 *  Copyright NumFOCUS
 *
 *  Licensed under the Apache License, Version 2.0 (the "License");
 *  you may not use this file except in compliance with the License.
 *  You may obtain a copy of the License at
 *
 *         https://www.apache.org/licenses/LICENSE-2.0.txt
 *
 *  Unless required by applicable law or agreed to in writing, software
 *  distributed under the License is distributed on an "AS IS" BASIS,
 *  WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 *  See the License for the specific language governing permissions and
 *  limitations under the License.
 *
 *=========================================================================*/
#ifndef itkSinkhornImageFeatures_h
#define itkSinkhornImageFeatures_h

#include "itkImage.h"
#include "itkSinkhornCommonGrid.h"
#include "itkSinkhornLinearFit.h"

#include <string>
#include <utility>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \name Features of the voxels of an image, as the parts of K bins: bin after bin, K times as many as voxels; the
 * parts of a voxel sum to 1. For FeatureTransport. */
/**@{*/

/** Intensities with their masses where there is mass, of about a million voxels at most: for FindIntensityRange(). */
template <typename TDensity, typename TImage>
std::vector<std::pair<double, double>>
CollectIntensities(const TDensity &                                density,
                   const TImage &                                  intensities,
                   const SpatialObject<TDensity::ImageDimension> * mask);

/** The range that bins of intensity should span: a hundredth of the mass is darker, and a hundredth brighter, so that
 * single voxels do not matter, nor does an empty background. Where all are equal, it begins there.
 * \param values intensities with their masses, > 0; not empty. */
inline std::pair<double, double>
FindIntensityRange(std::vector<std::pair<double, double>> values);

/** Where an intensity lies between bins: \a Bin has the part 1 − Upper and the one above it Upper, which grows with the
 * intensity by Slope. */
struct IntensityPlace
{
  SizeValueType Bin;
  double        Upper;
  double        Slope;
};

/** The place of one intensity, see SplatIntensities(), which checks its parameters. */
inline IntensityPlace
FindIntensityPlace(double value, double low, double high, SizeValueType numberOfBins);

/** Intensity, shared between the two bins whose centres lie around it. The centres lie at equal distances from \a low
 * to \a high; what lies beyond belongs to the outermost ones. \exception itk::ExceptionObject if there are fewer than
 * two bins or low is not below high. */
template <unsigned int VDimension>
std::vector<float>
SplatIntensities(const Image<float, VDimension> * image, double low, double high, SizeValueType numberOfBins);

/** Calls function(index, bin, mass) for the two bins that share the mass of each voxel of a density by its intensity;
 * not for parts of 0. Bins lie at equal distances over FindIntensityRange(). \param intensities on the density's
 * voxels; may be the density itself. \param numberOfBins at least 2. \return the sum of the masses. */
template <typename TDensity, typename TImage, typename TFunction>
double
ForEachBinnedMass(const TDensity &                                density,
                  const TImage &                                  intensities,
                  const SpatialObject<TDensity::ImageDimension> * mask,
                  SizeValueType                                   numberOfBins,
                  const TFunction &                               function);

/** c(k,l) = w²((k−l)/(K−1))²/2, mm²: from the lowest to the highest intensity is as far as \a weight, mm. */
std::vector<double>
MakeIntensityCosts(SizeValueType numberOfBins, double weight);

/** CarryDensity() that shares the mass of each voxel between the two bins around its intensity: Mass goes bin after
 * bin. Bins lie at equal distances over FindIntensityRange() of the image. \param numberOfBins at least 2. \exception
 * itk::ExceptionObject see CarryDensity(). */
template <typename TReal, typename TImage>
Density<TReal>
CarryIntensities(const TImage &                                image,
                 const SpatialObject<TImage::ImageDimension> * mask,
                 const ImageBase<TImage::ImageDimension> &     grid,
                 const std::string &                           name,
                 SizeValueType                                 numberOfBins,
                 ThreadIdType                                  numberOfWorkUnits);

/** MakeIntensityCosts() whose weight, if it is 0, is the root mean square distance of the mass of a density from
 * its centre. */
template <typename TDensity>
std::vector<double>
MakeIntensityCostsFor(const TDensity &                                density,
                      const SpatialObject<TDensity::ImageDimension> * mask,
                      SizeValueType                                   numberOfBins,
                      double                                          weight);

/** Orientation of the edges, sign-invariant: the direction in physical space along which the image changes most in the
 * neighbourhood, the largest eigenvector of the structure tensor (Bigün & Granlund, ICCV 1987). In the plane bins are
 * angles at equal distances and a direction is shared between the two around it; in space they are
 * FindOrientationAxes(), shared by (n·a)¹⁶. Where nothing changes all bins have the same part. \param sigma of the
 * gradient and of the neighbourhood, mm, > 0. */
template <unsigned int VDimension>
std::vector<float>
SplatOrientations(const Image<float, VDimension> * image, double sigma, SizeValueType numberOfBins);

/** The axes of the bins of orientation, unit vectors. In the plane any number ≥ 2, of angles k·180°/K; in space 16: the
 * six axes through the corners of an icosahedron and the ten through its faces.
 * \exception itk::ExceptionObject for other numbers. */
template <unsigned int VDimension>
std::vector<Vector<double, VDimension>>
FindOrientationAxes(SizeValueType numberOfBins);

/** c(k,l) = w²(1 − ⟨a_k, a_l⟩²), mm²: what is perpendicular is as far as √2 times \a weight, mm. */
template <unsigned int VDimension>
std::vector<double>
MakeOrientationCosts(SizeValueType numberOfBins, double weight);

/** Parts times densities: the masses that FeatureTransport takes. \exception itk::ExceptionObject if there are not K
 * parts for each voxel. */
template <unsigned int VDimension>
std::vector<float>
LiftMass(const Image<float, VDimension> * density, const std::vector<float> & parts);
/**@}*/

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornImageFeatures.hxx"
#endif

#endif
