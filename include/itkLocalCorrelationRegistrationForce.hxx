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
#ifndef itkLocalCorrelationRegistrationForce_hxx
#define itkLocalCorrelationRegistrationForce_hxx

#include "itkLocalCorrelationRegistrationForce.h"

#include "itkSinkhornBoxSum.h"
#include "itkSinkhornFieldAlgebra.h"

#include <algorithm>
#include <cmath>

namespace itk
{

template <typename TImage>
LocalCorrelationRegistrationForce<TImage>::LocalCorrelationRegistrationForce()
{
  m_Radius.Fill(2);
  this->SetFaintPart(0.05);
}

template <typename TImage>
void
LocalCorrelationRegistrationForce<TImage>::Moments::Conclude(double count)
{
  Mean = Sum / count;
  const double variance = SumOfSquares / count - Mean * Mean;
  // What is below is rounding of the squares: the image is constant.
  Scale = variance > 1e-12 * Mean * Mean && variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0;
}

template <typename TImage>
auto
LocalCorrelationRegistrationForce<TImage>::PairMoments::operator+=(const PairMoments & other) -> PairMoments &
{
  Count += other.Count;
  Fixed.Sum += other.Fixed.Sum;
  Fixed.SumOfSquares += other.Fixed.SumOfSquares;
  Moving.Sum += other.Moving.Sum;
  Moving.SumOfSquares += other.Moving.SumOfSquares;
  return *this;
}

template <typename TImage>
auto
LocalCorrelationRegistrationForce<TImage>::MeasureMoments(const TImage *               fixed,
                                                          const TImage *               moving,
                                                          const MaskImageType *        fixedMask,
                                                          const MaskImageType *        movingMask,
                                                          std::vector<unsigned char> & takesPart) -> PairMoments
{
  const auto isIn = [](const MaskImageType * mask, SizeValueType i) {
    return !mask || mask->GetBufferPointer()[i] != 0;
  };
  return Sinkhorn::SumOverChunks<PairMoments>(takesPart.size(), 0, [&](SizeValueType begin, SizeValueType end) {
    PairMoments part;
    for (SizeValueType i = begin; i < end; ++i)
    {
      takesPart[i] = isIn(fixedMask, i) && isIn(movingMask, i);
      if (takesPart[i])
      {
        const auto f = static_cast<double>(fixed->GetBufferPointer()[i]);
        const auto w = static_cast<double>(moving->GetBufferPointer()[i]);
        part += PairMoments{ 1, { f, f * f }, { w, w * w } };
      }
    }
    return part;
  });
}

template <typename TImage>
auto
LocalCorrelationRegistrationForce<TImage>::Standardize(const TImage *        fixed,
                                                       const TImage *        moving,
                                                       const MaskImageType * fixedMask,
                                                       const MaskImageType * movingMask) -> Pair
{
  const SizeValueType number = fixed->GetBufferedRegion().GetNumberOfPixels();
  Pair                pair;
  pair.TakesPart.resize(number);
  PairMoments sums = MeasureMoments(fixed, moving, fixedMask, movingMask, pair.TakesPart);
  pair.Count = sums.Count;
  if (sums.Count == 0)
  {
    return pair;
  }
  sums.Fixed.Conclude(static_cast<double>(sums.Count));
  sums.Moving.Conclude(static_cast<double>(sums.Count));
  pair.Fixed.resize(number);
  pair.Moving.resize(number);
  Sinkhorn::ForEachChunk(number, 0, [&](SizeValueType begin, SizeValueType end) {
    const auto standardize = [](const TImage * image, const Moments & moments, SizeValueType i) {
      return static_cast<float>((static_cast<double>(image->GetBufferPointer()[i]) - moments.Mean) * moments.Scale);
    };
    for (SizeValueType i = begin; i < end; ++i)
    {
      pair.Fixed[i] = pair.TakesPart[i] ? standardize(fixed, sums.Fixed, i) : 0.0F;
      pair.Moving[i] = pair.TakesPart[i] ? standardize(moving, sums.Moving, i) : 0.0F;
    }
  });
  return pair;
}

template <typename TImage>
auto
LocalCorrelationRegistrationForce<TImage>::SumOverBoxes(const Pair & pair, const RadiusType & size) const -> BoxSums
{
  const SizeValueType number = pair.Fixed.size();
  BoxSums             sums{ Map(number), Map(pair.Fixed), Map(pair.Moving), Map(number), Map(number), Map(number) };
  Sinkhorn::ForEachChunk(number, 0, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      sums.Count[i] = pair.TakesPart[i] ? 1.0F : 0.0F;
      sums.FixedSquares[i] = pair.Fixed[i] * pair.Fixed[i];
      sums.MovingSquares[i] = pair.Moving[i] * pair.Moving[i];
      sums.Products[i] = pair.Fixed[i] * pair.Moving[i];
    }
  });
  for (Map * map : { &sums.Count, &sums.Fixed, &sums.Moving, &sums.FixedSquares, &sums.MovingSquares, &sums.Products })
  {
    Sinkhorn::SumOverBoxes<ImageDimension>(size, m_Radius, *map);
  }
  return sums;
}

template <typename TImage>
double
LocalCorrelationRegistrationForce<TImage>::MeasureSignAgreement(const TImage *        fixed,
                                                                const TImage *        moving,
                                                                const MaskImageType * fixedMask,
                                                                const MaskImageType * movingMask) const
{
  const Pair pair = Standardize(fixed, moving, fixedMask, movingMask);
  if (pair.Count == 0)
  {
    return 1.0;
  }
  const BoxSums sums = this->SumOverBoxes(pair, fixed->GetBufferedRegion().GetSize());
  double        withSign = 0.0;
  double        without = 0.0;
  for (SizeValueType i = 0; i < pair.TakesPart.size(); ++i)
  {
    if (pair.TakesPart[i])
    {
      const double n = sums.Count[i];
      const double f = sums.Fixed[i] / n;
      const double w = sums.Moving[i] / n;
      const double common = sums.Products[i] / n - f * w;
      const double ofFixed = std::max(0.0, sums.FixedSquares[i] / n - f * f) + m_VarianceFloor;
      const double ofMoving = std::max(0.0, sums.MovingSquares[i] / n - w * w) + m_VarianceFloor;
      const double squared = common * common / (ofFixed * ofMoving);
      withSign += common < 0.0 ? -squared : squared;
      without += squared;
    }
  }
  return without > 0.0 ? withSign / without : 1.0;
}

template <typename TImage>
bool
LocalCorrelationRegistrationForce<TImage>::IsInverted(const Pair & pair, const BoxSums & sums)
{
  const auto & f = sums.Fixed;
  const auto & w = sums.Moving;
  const double total = Sinkhorn::SumOverChunks<double>(f.size(), 0, [&](SizeValueType begin, SizeValueType end) {
    double sum = 0.0;
    for (SizeValueType i = begin; i < end; ++i)
    {
      sum += pair.TakesPart[i] ? static_cast<double>(sums.Products[i] - f[i] / sums.Count[i] * w[i]) : 0.0;
    }
    return sum;
  });
  return total < 0.0;
}

template <typename TImage>
auto
LocalCorrelationRegistrationForce<TImage>::Correlate(const Pair &       pair,
                                                     const RadiusType & size,
                                                     bool               withDerivative) const -> Correlation
{
  const SizeValueType number = pair.Fixed.size();
  BoxSums             sums = this->SumOverBoxes(pair, size);
  const Map &         count = sums.Count;
  Map &               f = sums.Fixed;
  Map &               w = sums.Moving;
  Map &               ff = sums.FixedSquares;
  Map &               ww = sums.MovingSquares;
  const Map &         fw = sums.Products;
  const auto          floorOfVoxel = static_cast<float>(m_VarianceFloor);
  const float         sign = IsInverted(pair, sums) ? -1.0F : 1.0F;
  Correlation         correlation;
  // In place: a into ff, b into ww, a f̄ into f, b w̄ into w.
  correlation.Sum = Sinkhorn::SumOverChunks<double>(number, 0, [&](SizeValueType begin, SizeValueType end) {
    double sum = 0.0;
    for (SizeValueType i = begin; i < end; ++i)
    {
      if (!pair.TakesPart[i])
      {
        ff[i] = ww[i] = f[i] = w[i] = 0.0F;
        continue;
      }
      const float meanF = f[i] / count[i];
      const float meanW = w[i] / count[i];
      const float floor = floorOfVoxel * count[i];
      const float common = fw[i] - meanF * w[i] + sign * floor;
      const float ofFixed = std::max(0.0F, ff[i] - meanF * f[i]) + floor;
      const float ofMoving = std::max(0.0F, ww[i] - meanW * w[i]) + floor;
      ff[i] = common / (ofFixed * ofMoving);
      ww[i] = ff[i] * common / ofMoving;
      f[i] = ff[i] * meanF;
      w[i] = ww[i] * meanW;
      sum += static_cast<double>(ff[i]) * static_cast<double>(common);
    }
    return sum;
  });
  if (withDerivative)
  {
    for (Map * map : { &ff, &ww, &f, &w })
    {
      Sinkhorn::SumOverBoxes<ImageDimension>(size, m_Radius, *map);
    }
    Sinkhorn::ForEachChunk(number, 0, [&](SizeValueType begin, SizeValueType end) {
      for (SizeValueType i = begin; i < end; ++i)
      {
        f[i] -= pair.Fixed[i] * ff[i] - pair.Moving[i] * ww[i] + w[i];
        ww[i] = std::max(0.0F, ww[i]);
      }
    });
    correlation.Residual.swap(f);
    correlation.Curvature.swap(ww);
  }
  return correlation;
}

template <typename TImage>
void
LocalCorrelationRegistrationForce<TImage>::Differentiate(const Pair &        pair,
                                                         const Correlation & correlation,
                                                         ForceFieldType *    forces,
                                                         WeightType *        weight)
{
  const auto   region = forces->GetBufferedRegion();
  const auto & direction = forces->GetDirection();
  const auto * strides = forces->GetOffsetTable();
  Sinkhorn::ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = Sinkhorn::PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      if (!pair.TakesPart[i])
      {
        continue;
      }
      double squares = 0.0;
      for (unsigned int axis = 0; axis < ImageDimension; ++axis)
      {
        const auto stride = static_cast<SizeValueType>(strides[axis]);
        // Where a neighbour does not take part an edge would be one of the mask.
        if (index[axis] == region.GetIndex()[axis] || index[axis] == region.GetUpperIndex()[axis] ||
            !pair.TakesPart[i - stride] || !pair.TakesPart[i + stride])
        {
          continue;
        }
        const double slope =
          static_cast<double>(pair.Moving[i + stride] - pair.Moving[i - stride]) / (2.0 * forces->GetSpacing()[axis]);
        squares += slope * slope;
        const double along = -2.0 * static_cast<double>(correlation.Residual[i]) * slope;
        for (unsigned int d = 0; d < ImageDimension; ++d)
        {
          forces->GetBufferPointer()[i][d] += direction(d, axis) * along;
        }
      }
      weight->GetBufferPointer()[i] = static_cast<double>(correlation.Curvature[i]) * squares;
    }
  });
}

template <typename TImage>
bool
LocalCorrelationRegistrationForce<TImage>::ComputeForces(const TImage *        fixed,
                                                         const TImage *        moving,
                                                         const MaskImageType * fixedMask,
                                                         const MaskImageType * movingMask,
                                                         ForceFieldType *      forces,
                                                         WeightPointer &       weight,
                                                         double &              value) const
{
  const Pair pair = Standardize(fixed, moving, fixedMask, movingMask);
  if (pair.Count == 0)
  {
    return false; // the metric knows what to say of that
  }
  const Correlation correlation = this->Correlate(pair, fixed->GetBufferedRegion().GetSize(), forces != nullptr);
  value = -correlation.Sum / static_cast<double>(pair.Count);
  if (forces)
  {
    weight = Sinkhorn::MakeImageOn<WeightType>(forces);
    Differentiate(pair, correlation, forces, weight);
  }
  return true;
}

template <typename TImage>
void
LocalCorrelationRegistrationForce<TImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "Radius: " << m_Radius << std::endl;
  os << indent << "VarianceFloor: " << m_VarianceFloor << std::endl;
}

} // namespace itk

#endif
