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
#ifndef itkSinkhornDiffeomorphicMap_hxx
#define itkSinkhornDiffeomorphicMap_hxx

#include "itkSinkhornDiffeomorphicMap.h"

#include "itkDisplacementFieldJacobianCalculator.h"
#include "itkImageRegionIteratorWithIndex.h"
#include "itkMultiThreaderBase.h"
#include "vnl/algo/vnl_determinant.h"
#include "vnl/vnl_inverse.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

template <typename TField>
DisplacementSampler<TField>::DisplacementSampler(const TField * field)
  : m_Field(field)
  , m_Interpolator(InterpolatorType::New())
{
  m_Interpolator->SetInputImage(field);
}

template <typename TField>
bool
DisplacementSampler<TField>::IsInside(const PointType & point) const
{
  return m_Interpolator->IsInsideBuffer(point);
}

template <typename TField>
auto
DisplacementSampler<TField>::operator()(const PointType & point) const -> VectorType
{
  VectorType displacement(0.0);
  if (this->IsInside(point))
  {
    const auto value = m_Interpolator->Evaluate(point);
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      displacement[d] = value[d];
    }
  }
  return displacement;
}

template <typename TField>
auto
DisplacementSampler<TField>::ComputeJacobian(const PointType & point) const -> MatrixType
{
  MatrixType alongAxes;
  for (unsigned int axis = 0; axis < ImageDimension; ++axis)
  {
    const double spacing = m_Field->GetSpacing()[axis];
    VectorType   half;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      half[d] = 0.5 * spacing * m_Field->GetDirection()(d, axis);
    }
    const VectorType difference = ((*this)(point + half) - (*this)(point - half)) / spacing;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      alongAxes(d, axis) = difference[d];
    }
  }
  MatrixType jacobian = alongAxes * MatrixType(m_Field->GetInverseDirection());
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    jacobian(d, d) += 1.0;
  }
  return jacobian;
}

/** Calls function(differences) for all voxels: differences[axis][side] is the derivative of the displacement along an
 * axis of the grid, per mm, to the neighbour behind (side 0) or ahead (side 1); at the border both are the one there
 * is. */
template <typename TField, typename TFunction>
void
ForEachDifference(const TField & field, const TFunction & function)
{
  constexpr unsigned int dimension = TField::ImageDimension;
  using VectorType = Vector<double, dimension>;
  const auto & region = field.GetBufferedRegion();
  const auto * buffer = field.GetBufferPointer();
  const auto * strides = field.GetOffsetTable();
  auto         index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    VectorType differences[dimension][2];
    for (unsigned int axis = 0; axis < dimension; ++axis)
    {
      const bool isFirst = index[axis] == region.GetIndex(axis);
      const bool isLast = index[axis] == region.GetUpperIndex()[axis];
      for (unsigned int side = 0; side < 2; ++side)
      {
        auto lower = static_cast<OffsetValueType>(i) - (side == 0 ? strides[axis] : 0);
        lower += (side == 0 && isFirst) ? strides[axis] : 0;
        lower -= (side == 1 && isLast) ? strides[axis] : 0;
        differences[axis][side].Fill(0.0);
        if (!(isFirst && isLast))
        {
          for (unsigned int d = 0; d < dimension; ++d)
          {
            differences[axis][side][d] =
              (static_cast<double>(buffer[lower + strides[axis]][d]) - static_cast<double>(buffer[lower][d])) /
              field.GetSpacing()[axis];
          }
        }
      }
    }
    function(differences);
  }
}

template <typename TField>
double
ComputeLargestDerivative(const TField & field)
{
  constexpr unsigned int dimension = TField::ImageDimension;
  double                 largest = 0.0;
  ForEachDifference(field, [&](const Vector<double, dimension>(&differences)[dimension][2]) {
    for (const auto & axis : differences)
    {
      for (unsigned int d = 0; d < dimension; ++d)
      {
        largest = std::max({ largest, std::abs(axis[0][d]), std::abs(axis[1][d]) });
      }
    }
  });
  return largest;
}

template <unsigned int VDimension>
DiffeomorphicMap<VDimension>::DiffeomorphicMap(const GridType & grid)
  : m_Forward(MakeField(grid, [](const PointType &) { return VectorType(0.0); }))
  , m_Inverse(m_Forward)
{}

template <unsigned int VDimension>
template <typename TField>
typename TField::Pointer
DiffeomorphicMap<VDimension>::MakeField(const GridType &                                     grid,
                                        const std::function<VectorType(const PointType &)> & function)
{
  const auto field = TField::New();
  field->CopyInformation(&grid);
  field->SetRegions(grid.GetBufferedRegion());
  field->Allocate();
  const auto threader = MultiThreaderBase::New();
  threader->template ParallelizeImageRegion<VDimension>(
    grid.GetBufferedRegion(),
    [&](const ImageRegion<VDimension> & region) {
      for (ImageRegionIteratorWithIndex<TField> it(field, region); !it.IsAtEnd(); ++it)
      {
        PointType point;
        field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
        const VectorType           value = function(point);
        typename TField::PixelType pixel;
        for (unsigned int d = 0; d < VDimension; ++d)
        {
          pixel[d] = static_cast<typename TField::PixelType::ValueType>(value[d]);
        }
        it.Set(pixel);
      }
    },
    nullptr);
  return field;
}

template <unsigned int VDimension>
bool
DiffeomorphicMap<VDimension>::Append(const FieldType & step, double smallestDeterminant)
{
  using SamplerType = DisplacementSampler<FieldType>;
  constexpr unsigned int maximumNumberOfIterations = 60;
  const SamplerType      forward(m_Forward);
  const SamplerType      inverse(m_Inverse);
  const SamplerType      change(&step);
  const auto             composed = MakeField(*m_Forward, [&](const PointType & x) {
    const VectorType u = forward(x);
    return u + change(x + u);
  });
  const auto             jacobian = DisplacementFieldJacobianCalculator<FieldType>::New();
  jacobian->SetDisplacementField(composed);
  jacobian->Compute();
  const double determinant = jacobian->GetMinimum();
  if (!(determinant >= smallestDeterminant))
  {
    return false;
  }
  const double tolerance = 1e-6 * m_Forward->GetSpacing()[0];
  m_Inverse = MakeField(*m_Forward, [&](const PointType & y) {
    VectorType back(0.0);
    double     moved = std::numeric_limits<double>::max();
    for (unsigned int i = 0; i < maximumNumberOfIterations && moved > tolerance; ++i)
    {
      const VectorType next = -change(y + back);
      moved = (next - back).GetNorm();
      back = next;
    }
    return back + inverse(y + back);
  });
  m_Forward = composed;
  m_MinimumJacobianDeterminant = determinant;
  return true;
}

template <typename TField>
Vector<double, TField::ImageDimension>
RefineInverse(const DisplacementSampler<TField> &            forward,
              const Point<double, TField::ImageDimension> &  y,
              const Vector<double, TField::ImageDimension> & w,
              double                                         tolerance)
{
  constexpr unsigned int maximumNumberOfIterations = 10;
  auto                   best = w;
  auto                   residual = best + forward(y + best);
  for (unsigned int i = 0;
       i < maximumNumberOfIterations && residual.GetNorm() > tolerance && forward.IsInside(y + best);
       ++i)
  {
    const auto jacobian = forward.ComputeJacobian(y + best);
    if (!(vnl_determinant(jacobian.GetVnlMatrix().as_matrix()) > 0.0))
    {
      break;
    }
    const auto next =
      best - Matrix<double, TField::ImageDimension, TField::ImageDimension>(jacobian.GetInverse()) * residual;
    const auto left = next + forward(y + next);
    if (!(left.GetNorm() < residual.GetNorm()))
    {
      break;
    }
    best = next;
    residual = left;
  }
  return best;
}

} // namespace Sinkhorn
} // namespace itk

#endif
