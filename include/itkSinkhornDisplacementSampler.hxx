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
  , m_Locator(field)
{}

template <typename TField>
bool
DisplacementSampler<TField>::IsInside(const PointType & point) const
{
  typename LocatorType::Cell cell;
  return m_Locator.Locate(point, cell);
}

template <typename TField>
auto
DisplacementSampler<TField>::operator()(const PointType & point) const -> VectorType
{
  VectorType                 value(0.0);
  typename LocatorType::Cell cell;
  if (m_Locator.Locate(point, cell))
  {
    for (unsigned int corner = 0; corner < LocatorType::Corners; ++corner)
    {
      const double weight = LocatorType::GetWeight(cell, corner);
      const auto & voxel = m_Buffer[cell.First + m_Locator.GetOffset(corner)];
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
  VectorType                 value(0.0);
  typename LocatorType::Cell cell;
  jacobian.SetIdentity();
  if (!m_Locator.Locate(point, cell))
  {
    return value;
  }
  double alongAxes[ImageDimension][ImageDimension] = {};
  for (unsigned int corner = 0; corner < LocatorType::Corners; ++corner)
  {
    const double weight = LocatorType::GetWeight(cell, corner);
    const auto & voxel = m_Buffer[cell.First + m_Locator.GetOffset(corner)];
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      value[d] += weight * voxel[d];
    }
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      double slope = (corner >> axis) & 1U ? 1.0 : -1.0;
      for (unsigned int other = 0; other < ImageDimension; ++other)
      {
        slope *= other == axis ? 1.0 : LocatorType::GetWeight(cell, corner, other);
      }
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        alongAxes[d][axis] += slope * voxel[d];
      }
    }
  }
  const MatrixType & toIndex = m_Locator.GetPhysicalToIndex();
  for (unsigned int axis = 0; axis < ImageDimension; ++axis)
  {
    for (unsigned int d = 0; d < ImageDimension && cell.Varies[axis]; ++d)
    {
      for (unsigned int c = 0; c < ImageDimension; ++c)
      {
        jacobian(d, c) += alongAxes[d][axis] * toIndex(axis, c);
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
