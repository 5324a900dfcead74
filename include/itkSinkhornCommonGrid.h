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

#include "itkSinkhornVoxelSplatter.h"

namespace itk
{
namespace Sinkhorn
{

/** \brief The grid on which densities of different geometry meet: the lattice of \a reference (spacing, direction,
 * indices), its largest possible region enlarged until it covers the voxels of \a others.
 *
 * \exception itk::ExceptionObject if the grid would have more than 2²⁰ voxels and 64 times as many as all images
 * together: they are too far apart, or one has a much finer spacing than the other is large. */
template <unsigned int VDimension>
typename ImageBase<VDimension>::Pointer
MakeCommonGrid(const ImageBase<VDimension> & reference, const std::vector<const ImageBase<VDimension> *> & others);

/** \brief Carries an image's mass (intensity × voxel volume) to a grid, without loss.
 *
 * Any spacings and directions will do, see VoxelSplatter: the mass is kept, and the centre of mass wherever the grid
 * covers the image (as that of MakeCommonGrid() does). Voxels outside the mask and negative ones count as 0. The masses
 * are in units of Density::Unit. \exception itk::ExceptionObject if there is no mass, if it is beyond the range of
 * floating-point numbers, or if all voxels are outside the mask. */
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
