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
#include "itkSinkhornPlan.h"
#include "itkSinkhornParallel.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
Plan<TReal>::Plan(typename OperatorType::Pointer op, double blur, const Measure & rows, const Measure & columns)
  : m_Operator(std::move(op))
  , m_Blur(blur)
  , m_Rows(rows)
  , m_Columns(columns)
{
  if (!(blur > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: the blur of a plan is " << blur << " mm, but must be positive.");
  }
  for (const auto & measure : { rows, columns })
  {
    this->CheckLength(measure.PointsOf, measure.LogWeights->size(), "weights");
    this->CheckLength(measure.PointsOf, measure.Potential->size(), "potentials");
  }
}

template <typename TReal>
Plan<TReal>
Plan<TReal>::MakeCross(typename OperatorType::Pointer op,
                       const ArrayType &              logAlpha,
                       const ArrayType &              logBeta,
                       double                         blur,
                       const Potentials<TReal> &      potentials)
{
  return Plan(std::move(op), blur, { Side::Alpha, &logAlpha, &potentials.F }, { Side::Beta, &logBeta, &potentials.G });
}

template <typename TReal>
Plan<TReal>
Plan<TReal>::MakeSelf(typename OperatorType::Pointer op,
                      Side                           side,
                      const ArrayType &              logWeights,
                      double                         blur,
                      const Potentials<TReal> &      potentials)
{
  const ArrayType & potential = side == Side::Alpha ? potentials.FAlphaAlpha : potentials.GBetaBeta;
  const Measure     measure{ side, &logWeights, &potential };
  return Plan(std::move(op), blur, measure, measure);
}

template <typename TReal>
void
Plan<TReal>::CheckLength(Side pointsOf, SizeValueType length, const char * what) const
{
  const SizeValueType expected = m_Operator->GetNumberOfPoints(pointsOf);
  if (length != expected)
  {
    itkGenericExceptionMacro("Sinkhorn: a plan got " << length << ' ' << what << " for " << expected
                                                     << " points. Self-transport exists only if solved with Debias.");
  }
}

template <typename TReal>
template <typename TFunction>
auto
Plan<TReal>::Generate(SizeValueType length, const TFunction & function) const -> ArrayType
{
  ArrayType result(length);
  ForEachChunk(length, m_Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      result[i] = static_cast<TReal>(function(i));
    }
  });
  return result;
}

template <typename TReal>
auto
Plan<TReal>::SumRows(Side side, const ArrayType & logWeights) const -> ArrayType
{
  const Side      to = this->GetMeasure(side).PointsOf;
  const Measure & from = this->GetMeasure(Opposite(side));
  ArrayType       sums(m_Operator->GetNumberOfPoints(to));
  m_Operator->Apply(to, from.PointsOf, m_Blur, logWeights.data(), from.Potential->data(), sums.data());
  return sums;
}

template <typename TReal>
auto
Plan<TReal>::ComputeLogSum(Side side) const -> ArrayType
{
  return this->SumRows(side, *this->GetMeasure(Opposite(side)).LogWeights);
}

template <typename TReal>
auto
Plan<TReal>::ComputeMarginal(Side side, const ArrayType & logSum) const -> ArrayType
{
  const Measure & measure = this->GetMeasure(side);
  const TReal *   logWeights = measure.LogWeights->data();
  const TReal *   potential = measure.Potential->data();
  const double    inverseEpsilon = 1.0 / (m_Blur * m_Blur);
  this->CheckLength(measure.PointsOf, logSum.size(), "row sums");
  return this->Generate(logSum.size(), [&, inverseEpsilon](SizeValueType i) {
    return logWeights[i] > -std::numeric_limits<TReal>::infinity()
             ? std::exp(logWeights[i] + potential[i] * inverseEpsilon + logSum[i])
             : 0.0;
  });
}

template <typename TReal>
auto
Plan<TReal>::ComputeMass(Side side) const -> ArrayType
{
  const ArrayType & logWeights = *this->GetMeasure(side).LogWeights;
  return this->Generate(logWeights.size(), [&](SizeValueType i) { return std::exp(logWeights[i]); });
}

template <typename TReal>
auto
Plan<TReal>::ComputeResidual(Side side, const ArrayType & marginal) const -> ArrayType
{
  const Measure & measure = this->GetMeasure(side);
  this->CheckLength(measure.PointsOf, marginal.size(), "marginals");
  return this->Generate(marginal.size(),
                        [&](SizeValueType i) { return marginal[i] - std::exp((*measure.LogWeights)[i]); });
}

template <typename TReal>
auto
Plan<TReal>::ComputeMean(Side side, const ArrayType & logSum, const ArrayType & values) const -> ArrayType
{
  constexpr TReal   empty = -std::numeric_limits<TReal>::infinity();
  const Measure &   from = this->GetMeasure(Opposite(side));
  const ArrayType & logWeights = *from.LogWeights;
  this->CheckLength(from.PointsOf, values.size(), "values");
  this->CheckLength(this->GetMeasure(side).PointsOf, logSum.size(), "row sums");

  // Logarithms need positive numbers, and rounding is relative to them: count from the smallest value that has mass.
  TReal smallest = std::numeric_limits<TReal>::max();
  TReal largest = std::numeric_limits<TReal>::lowest();
  for (SizeValueType j = 0; j < values.size(); ++j)
  {
    if (logWeights[j] > empty)
    {
      if (!std::isfinite(values[j]))
      {
        itkGenericExceptionMacro("Sinkhorn: the value to be transported from point "
                                 << j << " is " << values[j] << ", but must be finite where there is mass.");
      }
      smallest = std::min(smallest, values[j]);
      largest = std::max(largest, values[j]);
    }
  }
  if (!(largest > smallest))
  {
    return ArrayType(logSum.size(), largest == smallest ? smallest : TReal{});
  }
  const ArrayType weighted = this->Generate(values.size(), [&](SizeValueType j) {
    return logWeights[j] > empty ? logWeights[j] + std::log(values[j] - smallest) : empty;
  });
  ArrayType       mean = this->SumRows(side, weighted);
  ForEachChunk(mean.size(), m_Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      // A mean lies within the range of its values, whatever rounding says.
      mean[i] = std::min(largest, smallest + std::exp(mean[i] - logSum[i]));
    }
  });
  return mean;
}

template <typename TReal>
auto
Plan<TReal>::RestrictToLabel(Side side, const std::vector<LabelType> & labels, LabelType label) const -> ArrayType
{
  const Measure & from = this->GetMeasure(Opposite(side));
  this->CheckLength(from.PointsOf, labels.size(), "labels");
  return this->Generate(labels.size(), [&](SizeValueType j) {
    return labels[j] == label ? (*from.LogWeights)[j] : -std::numeric_limits<TReal>::infinity();
  });
}

template <typename TReal>
auto
Plan<TReal>::ComputeLabelProbability(Side                           side,
                                     const ArrayType &              logSum,
                                     const std::vector<LabelType> & labels,
                                     LabelType                      label) const -> ArrayType
{
  this->CheckLength(this->GetMeasure(side).PointsOf, logSum.size(), "row sums");
  ArrayType probability = this->SumRows(side, this->RestrictToLabel(side, labels, label));
  ForEachChunk(probability.size(), m_Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      probability[i] = std::min(TReal{ 1 }, std::exp(probability[i] - logSum[i]));
    }
  });
  return probability;
}

template <typename TReal>
auto
Plan<TReal>::ComputeLabels(Side                           side,
                           const ArrayType &              logSum,
                           const std::vector<LabelType> & labels,
                           ArrayType *                    probability) const -> std::vector<LabelType>
{
  const Measure & from = this->GetMeasure(Opposite(side));
  this->CheckLength(from.PointsOf, labels.size(), "labels");
  std::set<LabelType> present;
  for (SizeValueType j = 0; j < labels.size(); ++j)
  {
    if ((*from.LogWeights)[j] > -std::numeric_limits<TReal>::infinity())
    {
      present.insert(labels[j]);
    }
  }
  std::vector<LabelType> best(logSum.size(), LabelType{});
  ArrayType              highest(logSum.size(), TReal{ -1 });
  for (const LabelType label : present)
  {
    const ArrayType current = this->ComputeLabelProbability(side, logSum, labels, label);
    ForEachChunk(best.size(), m_Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
      for (SizeValueType i = begin; i < end; ++i)
      {
        if (current[i] > highest[i])
        {
          highest[i] = current[i];
          best[i] = label;
        }
      }
    });
  }
  if (probability != nullptr)
  {
    *probability = std::move(highest);
  }
  return best;
}

template <typename TReal>
auto
Plan<TReal>::ComputeInterpolation(Side at, double t) const -> ArrayType
{
  if (!(t >= 0.0 && t <= 1.0))
  {
    itkGenericExceptionMacro("Sinkhorn: the time of an interpolation is " << t << ", but must lie in [0, 1].");
  }
  if (t == 0.0 || t == 1.0)
  {
    const Side side = t == 0.0 ? Side::Alpha : Side::Beta;
    this->CheckLength(this->GetMeasure(at).PointsOf, this->GetMeasure(side).LogWeights->size(), "points of the end");
    return this->ComputeMarginal(side, this->ComputeLogSum(side));
  }

  const Side          to = this->GetMeasure(at).PointsOf;
  const SizeValueType points = m_Operator->GetNumberOfPoints(to);
  const auto          spread = [&](Side side, double duration) {
    const Measure & measure = this->GetMeasure(side);
    // The potential keeps the temperature of the whole way while the kernel is that of a part of it.
    const double    inverseEpsilon = 1.0 / (m_Blur * m_Blur);
    const ArrayType scaled = this->Generate(measure.LogWeights->size(), [&](SizeValueType i) {
      return (*measure.LogWeights)[i] > -std::numeric_limits<TReal>::infinity()
                        ? (*measure.LogWeights)[i] + (*measure.Potential)[i] * inverseEpsilon
                        : -std::numeric_limits<TReal>::infinity();
    });
    ArrayType       sums(points);
    m_Operator->Apply(to, measure.PointsOf, std::sqrt(duration) * m_Blur, scaled.data(), nullptr, sums.data());
    return sums;
  };
  ArrayType       density = spread(Side::Alpha, t);
  const ArrayType arriving = spread(Side::Beta, 1.0 - t);
  TReal           largest = -std::numeric_limits<TReal>::infinity();
  for (SizeValueType i = 0; i < points; ++i)
  {
    density[i] += arriving[i];
    largest = std::max(largest, density[i]);
  }
  const auto sumOf = [&](const ArrayType & masses) {
    return SumOverChunks<double>(
      masses.size(), m_Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
        double sum = 0.0;
        for (SizeValueType i = begin; i < end; ++i)
        {
          sum += masses[i];
        }
        return sum;
      });
  };
  density = this->Generate(points, [&](SizeValueType i) { return std::exp(density[i] - largest); });
  const double mass = sumOf(this->ComputeMarginal(Side::Alpha, this->ComputeLogSum(Side::Alpha)));
  const double scale = mass / sumOf(density);
  return this->Generate(points, [&](SizeValueType i) { return scale * density[i]; });
}

template class Plan<float>;
template class Plan<double>;

} // namespace Sinkhorn
} // namespace itk
