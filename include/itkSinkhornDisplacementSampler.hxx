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
#ifndef itkSinkhornDisplacementSampler_hxx
#define itkSinkhornDisplacementSampler_hxx

#include "itkSinkhornDisplacementSampler.h"

namespace itk
{
namespace Sinkhorn
{

template <typename TField>
DisplacementSampler<TField>::DisplacementSampler(const TField * field)
  : m_Buffer(field->GetBufferPointer())
{
  const auto & region = field->GetBufferedRegion();
  field->TransformIndexToPhysicalPoint(region.GetIndex(), m_Origin);
  for (unsigned int axis = 0; axis < ImageDimension; ++axis)
  {
    m_Last[axis] = static_cast<double>(region.GetSize(axis)) - 1.0;
    m_Strides[axis] = field->GetOffsetTable()[axis];
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      m_ToIndex(axis, d) = field->GetInverseDirection()(axis, d) / field->GetSpacing()[axis];
    }
  }
  for (unsigned int corner = 0; corner < Corners; ++corner)
  {
    m_Corners[corner] = 0;
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      // An axis of one voxel has no cell: both of its ends are that voxel.
      m_Corners[corner] += ((corner >> axis) & 1U) && m_Last[axis] > 0.0 ? m_Strides[axis] : 0;
    }
  }
}

template <typename TField>
bool
DisplacementSampler<TField>::Locate(const PointType & point, Cell & cell) const
{
  const VectorType fromFirst = point - m_Origin;
  OffsetValueType  offset = 0;
  for (unsigned int axis = 0; axis < ImageDimension; ++axis)
  {
    double index = 0.0;
    for (unsigned int d = 0; d < ImageDimension; ++d)
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
    offset += static_cast<OffsetValueType>(lower) * m_Strides[axis];
  }
  cell.First = m_Buffer + offset;
  return true;
}

template <typename TField>
bool
DisplacementSampler<TField>::IsInside(const PointType & point) const
{
  Cell cell;
  return this->Locate(point, cell);
}

template <typename TField>
auto
DisplacementSampler<TField>::operator()(const PointType & point) const -> VectorType
{
  VectorType value(0.0);
  Cell       cell;
  if (this->Locate(point, cell))
  {
    for (unsigned int corner = 0; corner < Corners; ++corner)
    {
      double weight = 1.0;
      for (unsigned int axis = 0; axis < ImageDimension; ++axis)
      {
        weight *= (corner >> axis) & 1U ? cell.Weight[axis] : 1.0 - cell.Weight[axis];
      }
      const PixelType & voxel = cell.First[m_Corners[corner]];
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        value[d] += weight * voxel[d];
      }
    }
  }
  return value;
}

template <typename TField>
auto
DisplacementSampler<TField>::Evaluate(const PointType & point, MatrixType & jacobian) const -> VectorType
{
  VectorType value(0.0);
  Cell       cell;
  jacobian.SetIdentity();
  if (!this->Locate(point, cell))
  {
    return value;
  }
  double alongAxes[ImageDimension][ImageDimension] = {};
  for (unsigned int corner = 0; corner < Corners; ++corner)
  {
    double weights[ImageDimension];
    double weight = 1.0;
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      weights[axis] = (corner >> axis) & 1U ? cell.Weight[axis] : 1.0 - cell.Weight[axis];
      weight *= weights[axis];
    }
    const PixelType & voxel = cell.First[m_Corners[corner]];
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      value[d] += weight * voxel[d];
    }
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      double slope = (corner >> axis) & 1U ? 1.0 : -1.0;
      for (unsigned int other = 0; other < ImageDimension; ++other)
      {
        slope *= other == axis ? 1.0 : weights[other];
      }
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        alongAxes[d][axis] += slope * voxel[d];
      }
    }
  }
  for (unsigned int axis = 0; axis < ImageDimension; ++axis)
  {
    for (unsigned int d = 0; d < ImageDimension && cell.Varies[axis]; ++d)
    {
      for (unsigned int c = 0; c < ImageDimension; ++c)
      {
        jacobian(d, c) += alongAxes[d][axis] * m_ToIndex(axis, c);
      }
    }
  }
  return value;
}

template <typename TField>
auto
DisplacementSampler<TField>::ComputeJacobian(const PointType & point) const -> MatrixType
{
  MatrixType jacobian;
  this->Evaluate(point, jacobian);
  return jacobian;
}

} // namespace Sinkhorn
} // namespace itk

#endif
