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
#ifndef itkSinkhornDensity_h
#define itkSinkhornDensity_h

#include "itkImageBase.h"
#include "itkSinkhornParallel.h"
#include "itkSpatialObject.h"

#include <string>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** How a transform acts on the mass of a shape. */
enum class MassModel : uint8_t
{
  Intensity,  ///< pull-back: the density is the transformed image, M(T(x)), as in ITK's own metrics
  PushForward ///< each fixed voxel carries its mass to T(x)
};

inline std::ostream &
operator<<(std::ostream & os, MassModel model)
{
  return os << (model == MassModel::Intensity ? "Intensity" : "PushForward");
}

/** \class Density
 * \brief An image as a measure: the mass of every voxel of a grid, fastest axis first.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
struct Density
{
  /** density sample × voxel volume / Unit, ≥ 0 and finite; 0 where there is no sample */
  std::vector<TReal> Mass;
  /** Of Mass, a power of two. */
  double Unit{ 1.0 };
  /** Sum of Mass × Unit. */
  double Total{ 0.0 };
  /** Voxels inside the image's buffer and mask. */
  SizeValueType NumberOfSamples{ 0 };
  /** Samples below zero, which count as 0. */
  SizeValueType NumberOfNegativeSamples{ 0 };
};

/** What is wrong with an image that should be a density. */
struct DensityDefect
{
  /** Voxels that are negative, NaN or infinite. */
  SizeValueType NumberOfNegative{ 0 };
  SizeValueType NumberOfNonFinite{ 0 };
  /** Position in the buffer of the first of each kind, and its value. */
  SizeValueType FirstNegative{ 0 };
  SizeValueType FirstNonFinite{ 0 };
  double        FirstNegativeValue{ 0.0 };
  double        FirstNonFiniteValue{ 0.0 };

  /** Joins the defects of a later part of the image. */
  DensityDefect &
  operator+=(const DensityDefect & later);
};

/** The index of the voxel at a position (number of the voxel, fastest axis first) of a region. */
template <unsigned int VDimension>
Index<VDimension>
PositionToIndex(const ImageRegion<VDimension> & region, SizeValueType position);

/** Steps to the next voxel of the region, fastest axis first. */
template <unsigned int VDimension>
void
AdvanceIndex(const ImageRegion<VDimension> & region, Index<VDimension> & index);

/** Grows a box until it holds an index, or another box. */
template <unsigned int VDimension>
void
IncludeIndex(ImageRegion<VDimension> & box, const Index<VDimension> & index);
template <unsigned int VDimension>
void
IncludeBox(ImageRegion<VDimension> & box, const ImageRegion<VDimension> & other);

/** The smallest box that holds all voxels of a region for which isIn(position in the region) is true; empty, at the
 * region's start, if there is none. */
template <unsigned int VDimension, typename TPredicate>
ImageRegion<VDimension>
FindBox(const ImageRegion<VDimension> & region, const TPredicate & isIn);

/** Volume of a voxel, mm^dimension. */
template <unsigned int VDimension>
double
ComputeVoxelVolume(const ImageBase<VDimension> & grid);

/** Size and spacing of a grid as the solver wants them. */
template <unsigned int VDimension>
std::vector<SizeValueType>
GetSizeOfGrid(const ImageBase<VDimension> & grid);
template <unsigned int VDimension>
std::vector<double>
GetSpacingOfGrid(const ImageBase<VDimension> & grid);

/** A grid with the geometry and the buffered region of \a image, and no pixels. */
template <unsigned int VDimension>
typename ImageBase<VDimension>::Pointer
CopyGrid(const ImageBase<VDimension> & image);

/** Negative voxels of at most this part of the image's largest voxel count as 0 without further ado: the recursive
 * Gaussians with which ITK's registration methods smooth images have negative lobes of up to 0.0015 of a peak. */
constexpr double NegativeLobe = 5e-3;

/** Looks for voxels that cannot be a density: negative (beyond NegativeLobe), NaN or infinite. Voxels outside the mask
 * (if there is one) are of no interest. */
template <typename TImage>
DensityDefect
FindDensityDefects(const TImage &                                image,
                   const SpatialObject<TImage::ImageDimension> * mask,
                   ThreadIdType                                  numberOfWorkUnits);

/** \brief Samples a density on the buffered region of a grid.
 *
 * \param sampler callable bool(const Point & gridPoint, double & value), thread-safe; false where there is nothing to
 * sample (outside the image's buffer or mask). Negative values count as 0 and are counted.
 * \param name of the image, for messages.
 * \exception itk::ExceptionObject if a sample is not finite. */
template <typename TReal, unsigned int VDimension, typename TSampler>
Density<TReal>
RasterizeDensity(const ImageBase<VDimension> & grid,
                 const TSampler &              sampler,
                 const std::string &           name,
                 ThreadIdType                  numberOfWorkUnits);

/** Whether there is any point of the grid with mass: a sparse look first, then every voxel, until one is found. */
template <unsigned int VDimension, typename TSampler>
bool
FindMass(const ImageBase<VDimension> & grid, const TSampler & sampler);

/** Multiplies masses by a factor, in place. */
template <typename TReal>
void
ScaleMasses(std::vector<TReal> & masses, double scale, ThreadIdType numberOfWorkUnits);

/** Turns masses into the solver's logarithmic weights, log(mass · scale), −∞ where there is none, in place. */
template <typename TReal>
void
ConvertToLogWeights(std::vector<TReal> & masses, double scale, ThreadIdType numberOfWorkUnits);

/** Σ e^{logWeights} · function, added in a fixed order. */
template <typename TReal>
double
Integrate(const std::vector<TReal> & logWeights, const std::vector<TReal> & function, ThreadIdType numberOfWorkUnits);

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornDensity.hxx"
#endif

#endif
