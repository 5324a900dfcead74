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
#ifndef itkSinkhornGridLocator_h
#define itkSinkhornGridLocator_h

#include "itkImageBase.h"
#include "itkMatrix.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

/** Finds the cell of a grid that a physical point lies in, for multilinear interpolation: that is constant in the outer
 * half of the border voxels, and there is nothing outside of them. Knows the buffered region of the grid it was made
 * of. */
template <unsigned int VDimension>
class GridLocator
{
public:
  static constexpr unsigned int Corners = 1U << VDimension;
  using PointType = Point<double, VDimension>;
  using MatrixType = Matrix<double, VDimension, VDimension>;

  struct Cell
  {
    OffsetValueType First;              ///< its lowest voxel in the buffer
    double          Weight[VDimension]; ///< of the upper voxel along each axis
    bool            Varies[VDimension]; ///< whether the interpolant changes along this axis here
  };

  explicit GridLocator(const ImageBase<VDimension> * grid)
  {
    const auto & region = grid->GetBufferedRegion();
    grid->TransformIndexToPhysicalPoint(region.GetIndex(), m_Origin);
    for (unsigned int axis = 0; axis < VDimension; ++axis)
    {
      m_Last[axis] = static_cast<double>(region.GetSize(axis)) - 1.0;
      m_Strides[axis] = grid->GetOffsetTable()[axis];
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        m_ToIndex(axis, d) = grid->GetInverseDirection()(axis, d) / grid->GetSpacing()[axis];
      }
    }
    for (unsigned int corner = 0; corner < Corners; ++corner)
    {
      m_Corners[corner] = 0;
      for (unsigned int axis = 0; axis < VDimension; ++axis)
      {
        // An axis of one voxel has no cell: both of its ends are that voxel.
        m_Corners[corner] += ((corner >> axis) & 1U) && m_Last[axis] > 0.0 ? m_Strides[axis] : 0;
      }
    }
  }

  /** \return whether the point lies inside; else the cell is left undefined. */
  bool
  Locate(const PointType & point, Cell & cell) const
  {
    const auto fromFirst = point - m_Origin;
    cell.First = 0;
    for (unsigned int axis = 0; axis < VDimension; ++axis)
    {
      double index = 0.0;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        index += m_ToIndex(axis, d) * fromFirst[d];
      }
      if (!(index >= -0.5 && index <= m_Last[axis] + 0.5))
      {
        return false;
      }
      const double inside = std::min(std::max(index, 0.0), m_Last[axis]);
      const double lower = std::min(std::floor(inside), std::max(0.0, m_Last[axis] - 1.0));
      cell.Weight[axis] = inside - lower;
      cell.Varies[axis] = index >= 0.0 && index <= m_Last[axis] && m_Last[axis] > 0.0;
      cell.First += static_cast<OffsetValueType>(lower) * m_Strides[axis];
    }
    return true;
  }

  /** From the first voxel of a cell to a corner; bit k of \a corner is set for the upper voxel along axis k. */
  OffsetValueType
  GetOffset(unsigned int corner) const
  {
    return m_Corners[corner];
  }

  /** Weight of a corner along one axis, and along all. */
  static double
  GetWeight(const Cell & cell, unsigned int corner, unsigned int axis)
  {
    return (corner >> axis) & 1U ? cell.Weight[axis] : 1.0 - cell.Weight[axis];
  }
  static double
  GetWeight(const Cell & cell, unsigned int corner)
  {
    double weight = 1.0;
    for (unsigned int axis = 0; axis < VDimension; ++axis)
    {
      weight *= GetWeight(cell, corner, axis);
    }
    return weight;
  }

  /** From physical space to indices. */
  const MatrixType &
  GetPhysicalToIndex() const
  {
    return m_ToIndex;
  }

private:
  PointType       m_Origin; ///< of the first buffered voxel
  MatrixType      m_ToIndex;
  double          m_Last[VDimension]; ///< index of the last voxel along each axis, from the first one
  OffsetValueType m_Strides[VDimension];
  OffsetValueType m_Corners[Corners];
};

} // namespace Sinkhorn
} // namespace itk

#endif
