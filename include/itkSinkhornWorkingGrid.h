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
#ifndef itkSinkhornWorkingGrid_h
#define itkSinkhornWorkingGrid_h

#include "SinkhornExport.h"
#include "itkFixedArray.h"
#include "itkImage.h"

#include "itkTransform.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** What a working grid holds. */
enum class WorkingGridExtent : uint8_t
{
  Content, ///< what is not empty in either image, and a wide margin
  Frame    ///< the fixed image, and a margin of two voxels of the coarsest level; up to 40 million voxels at full
           ///< resolution
};

/** \class WorkingGrid
 * \brief The grid that a registration works on, and its pyramid.
 *
 * The grid has the spacing and direction of the fixed image, holds what is not empty in either image, wherever that
 * lies, and a margin in which the deformation fades out. A moving image far from the fixed one therefore loses no mass
 * at the border of the fixed grid, and large empty surroundings cost nothing.
 *
 * \ingroup Sinkhorn */
template <unsigned int VDimension>
struct Sinkhorn_EXPORT WorkingGrid
{
  using FactorsType = FixedArray<unsigned int, VDimension>;

  /** Carries the geometry; its buffer is not allocated. */
  typename Image<float, VDimension>::Pointer Image;
  /** Width of the margin along each axis, mm. */
  Vector<double, VDimension> Margin;
  /** Shrink factors along each axis, coarsest level first. */
  std::vector<FactorsType> Factors;
  /** Largest extent of the grid without its margin, mm. */
  double FieldOfView{ 0.0 };

  /** Largest spacing of a level, mm. */
  double
  GetSpacing(std::size_t level) const;

  Size<VDimension>
  GetSize(std::size_t level) const;
};

/** \param shrink factor of each level, coarsest first; empty: doubled from level to level, stopped where fewer than 16
 * voxels would be left along an axis; thick slices are shrunk less, and the finest level is shrunk too if it would have
 * more than 1 million voxels (WorkingGridExtent::Frame: 40 million). */
template <unsigned int VDimension>
Sinkhorn_EXPORT WorkingGrid<VDimension>
                MakeWorkingGrid(const Image<float, VDimension> *  fixed,
                                const Image<float, VDimension> *  moving,
                                std::size_t                       numberOfLevels,
                                const std::vector<unsigned int> & shrink,
                                WorkingGridExtent                 extent = WorkingGridExtent::Content);

/** An image without voxels on \a grid, extended by whole voxels until the voxels of \a others lie between its own. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename Image<float, VDimension>::Pointer
ExtendGrid(const Image<float, VDimension> * grid, const std::vector<const ImageBase<VDimension> *> & others);

/** An image without voxels on \a grid shrunk by \a factors. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename Image<float, VDimension>::Pointer
ShrinkGeometry(const Image<float, VDimension> * grid, const FixedArray<unsigned int, VDimension> & factors);

} // namespace Sinkhorn
} // namespace itk

#endif
