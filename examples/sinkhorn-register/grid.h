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
#ifndef sinkhornRegisterGrid_h
#define sinkhornRegisterGrid_h

#include "images.h"

#include "itkTransform.h"

#include <vector>

namespace SinkhornRegister
{

/** The grid that a registration works on, and its pyramid.
 *
 * The grid has the spacing and direction of the fixed image, holds what is not empty in either image, wherever that
 * lies, and a margin in which the deformation fades out. A moving image far from the fixed one therefore loses no mass
 * at the border of the fixed grid, and large empty surroundings cost nothing. */
template <unsigned int VDimension>
struct WorkingGrid
{
  using FactorsType = itk::FixedArray<unsigned int, VDimension>;

  /** Carries the geometry; its buffer is not allocated. */
  typename ImageType<VDimension>::Pointer Image;
  /** Width of the margin along each axis, mm. */
  itk::Vector<double, VDimension> Margin;
  /** Shrink factors along each axis, coarsest level first. */
  std::vector<FactorsType> Factors;
  /** Largest extent of the grid without its margin, mm. */
  double FieldOfView{ 0.0 };

  /** Largest spacing of a level, mm. */
  double
  GetSpacing(std::size_t level) const;

  typename ImageType<VDimension>::SizeType
  GetSize(std::size_t level) const;
};

/** \param shrink factor of each level, coarsest first; empty: doubled from level to level, stopped where fewer than 16
 * voxels would be left along an axis; thick slices are shrunk less, and the finest level is shrunk too if it would have
 * more than 1 million voxels. */
template <unsigned int VDimension>
WorkingGrid<VDimension>
MakeWorkingGrid(const ImageType<VDimension> *     fixed,
                const ImageType<VDimension> *     moving,
                std::size_t                       numberOfLevels,
                const std::vector<unsigned int> & shrink);

/** Takes the grid back to the middle of the box in which both images have voxels, without a margin, for images that
 * show more than their frames hold: what one frame cuts off the other must not be compared with nothing.
 *
 * \param toMoving where a point of the fixed image lies in the moving one.
 *
 * \return whether there is a common box of at least an eighth of the smaller frame; else the grid stays as it is. */
template <unsigned int VDimension>
bool
CropToOverlap(WorkingGrid<VDimension> &                              grid,
              const ImageType<VDimension> *                          fixed,
              const ImageType<VDimension> *                          moving,
              const itk::Transform<double, VDimension, VDimension> * toMoving);

/** An image without voxels on \a grid, extended by whole voxels until the voxels of \a others lie between its own. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ExtendGrid(const ImageType<VDimension> * grid, const std::vector<const itk::ImageBase<VDimension> *> & others);

/** An image without voxels on \a grid shrunk by \a factors. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ShrinkGeometry(const ImageType<VDimension> * grid, const itk::FixedArray<unsigned int, VDimension> & factors);

} // namespace SinkhornRegister

#endif
