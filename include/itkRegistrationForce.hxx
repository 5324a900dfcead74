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
#ifndef itkRegistrationForce_hxx
#define itkRegistrationForce_hxx

#include "itkRegistrationForce.h"

#include "itkSinkhornFieldAlgebra.h"

#include <algorithm>
#include <numeric>

namespace itk
{

template <typename TImage>
auto
MassRegistrationForce<TImage>::ComputeWeight(const TImage * image) const -> WeightPointer
{
  const auto   mass = Sinkhorn::MakeImageOn<WeightType>(image);
  const auto * voxels = image->GetBufferPointer();
  std::transform(voxels,
                 voxels + mass->GetBufferedRegion().GetNumberOfPixels(),
                 mass->GetBufferPointer(),
                 [](typename TImage::PixelType value) { return std::max(0.0, static_cast<double>(value)); });
  return mass;
}

template <typename TImage>
void
MassRegistrationForce<TImage>::Normalize(WeightType * weight) const
{
  double * const first = weight->GetBufferPointer();
  double * const last = first + weight->GetBufferedRegion().GetNumberOfPixels();
  const double   total = std::accumulate(first, last, 0.0);
  if (total > 0.0)
  {
    std::transform(first, last, first, [total](double value) { return value / total; });
  }
}

namespace RegistrationForceDetail
{

/** Derivative along an axis of the grid by central differences, per mm; 0 on the border. */
template <typename TImage>
double
Differentiate(const TImage * image, const Index<TImage::ImageDimension> & index, SizeValueType i, unsigned int axis)
{
  const auto & region = image->GetBufferedRegion();
  if (index[axis] == region.GetIndex()[axis] || index[axis] == region.GetUpperIndex()[axis])
  {
    return 0.0;
  }
  const auto * here = image->GetBufferPointer() + i;
  const auto   stride = image->GetOffsetTable()[axis];
  return (static_cast<double>(here[stride]) - static_cast<double>(*(here - stride))) /
         (2.0 * image->GetSpacing()[axis]);
}

/** Sum of squared differences, and of how many. */
struct Squares
{
  double        Sum{ 0.0 };
  SizeValueType Count{ 0 };
  Squares &
  operator+=(const Squares & other)
  {
    Sum += other.Sum;
    Count += other.Count;
    return *this;
  }
};

} // namespace RegistrationForceDetail

template <typename TImage>
bool
GaussNewtonRegistrationForce<TImage>::ComputeForces(const TImage *                             fixed,
                                                    const TImage *                             moving,
                                                    const typename Superclass::MaskImageType * fixedMask,
                                                    const typename Superclass::MaskImageType * movingMask,
                                                    typename Superclass::ForceFieldType *      forces,
                                                    WeightPointer &                            itkNotUsed(weight),
                                                    double &                                   value) const
{
  using Squares = RegistrationForceDetail::Squares;
  constexpr unsigned int dimension = TImage::ImageDimension;
  if (!m_IsExact)
  {
    return false;
  }
  const auto &  region = fixed->GetBufferedRegion();
  const auto &  direction = fixed->GetDirection();
  const auto    isIn = [](const auto * mask, SizeValueType i) { return !mask || mask->GetBufferPointer()[i] != 0; };
  const Squares total =
    Sinkhorn::SumOverChunks<Squares>(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
      Squares part;
      auto    index = Sinkhorn::PositionToIndex(region, begin);
      for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
      {
        if (!isIn(fixedMask, i) || !isIn(movingMask, i))
        {
          continue;
        }
        const double difference =
          static_cast<double>(fixed->GetBufferPointer()[i]) - static_cast<double>(moving->GetBufferPointer()[i]);
        part += Squares{ difference * difference, 1 };
        for (unsigned int axis = 0; forces && axis < dimension && difference != 0.0; ++axis)
        {
          const double along = 2.0 * difference * RegistrationForceDetail::Differentiate(moving, index, i, axis);
          for (unsigned int d = 0; d < dimension; ++d)
          {
            forces->GetBufferPointer()[i][d] += direction(d, axis) * along;
          }
        }
      }
      return part;
    });
  if (total.Count == 0)
  {
    return false; // the metric knows what to say of that
  }
  value = total.Sum / static_cast<double>(total.Count);
  return true;
}

template <typename TImage>
auto
GaussNewtonRegistrationForce<TImage>::ComputeWeight(const TImage * image) const -> WeightPointer
{
  constexpr unsigned int dimension = TImage::ImageDimension;
  const auto             squares = Sinkhorn::MakeImageOn<WeightType>(image);
  const auto             region = image->GetBufferedRegion();
  double * const         out = squares->GetBufferPointer();
  Sinkhorn::ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = Sinkhorn::PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      for (unsigned int d = 0; d < dimension; ++d)
      {
        out[i] += Math::sqr(RegistrationForceDetail::Differentiate(image, index, i, d));
      }
    }
  });
  return squares;
}

} // namespace itk

#endif
