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
#ifndef itkSinkhornCommonGrid_h
#define itkSinkhornCommonGrid_h

#include "itkContinuousIndex.h"
#include "itkSinkhornDensity.h"

namespace itk
{
namespace Sinkhorn
{

/** \brief The grid on which densities of different geometry meet: the lattice of \a reference (spacing, direction,
 * indices), its largest possible region enlarged until it covers those of \a others.
 *
 * \exception itk::ExceptionObject if the grid would have more than 64 times as many voxels as all images together: they
 * are too far apart, or one has a much finer spacing than the other is large. */
template <unsigned int VDimension>
typename ImageBase<VDimension>::Pointer
MakeCommonGrid(const ImageBase<VDimension> & reference, const std::vector<const ImageBase<VDimension> *> & others);

/** Adds a mass at a point to the 2^d nearest voxels of a region with linear weights, which keeps the mass and, inside
 * the region, its centre. A point outside counts as the nearest one inside.
 * \param masses one for each voxel of the region, fastest axis first. */
template <typename TReal, unsigned int VDimension>
void
SplatLinearly(const ImageRegion<VDimension> &             region,
              const ContinuousIndex<double, VDimension> & where,
              double                                      mass,
              std::vector<TReal> &                        masses);

/** \brief Carries an image's mass (intensity × voxel volume) to a grid, without loss.
 *
 * An image on the grid's own lattice is copied. One with voxels no larger than the grid's is splatted with linear
 * weights, which also keeps the centre of mass; one with larger voxels would leave gaps and is interpolated linearly
 * and scaled to its mass. Voxels outside the mask and negative ones count as 0. \exception itk::ExceptionObject if
 * there is no mass, or if all voxels are outside the mask. */
template <typename TReal, typename TImage>
Density<TReal>
CarryDensity(const TImage &                                image,
             const SpatialObject<TImage::ImageDimension> * mask,
             const ImageBase<TImage::ImageDimension> &     grid,
             const std::string &                           name,
             ThreadIdType                                  numberOfWorkUnits);

/** Refuses an image that cannot be a density, naming the first offending index and the remedy.
 * \return a warning if there are negative voxels and \a clampNegative allows them, else an empty string.
 * \exception itk::ExceptionObject on voxels that are NaN, infinite, or negative (beyond NegativeLobe) when not allowed;
 * voxels outside the mask do not matter. */
template <typename TImage>
std::string
VerifyDensity(const TImage &                                image,
              const SpatialObject<TImage::ImageDimension> * mask,
              const std::string &                           name,
              bool                                          clampNegative,
              ThreadIdType                                  numberOfWorkUnits);

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornCommonGrid.hxx"
#endif

#endif
