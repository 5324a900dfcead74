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
#include "itkSinkhornFeatureSoftminOperator.h"

#include "itkSinkhornLogSumSimd.h"
#include "itkSinkhornParallel.h"

#include "itkMacro.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Points that are worked on together. */
constexpr SizeValueType BlockLength = 256;

template <typename TReal>
constexpr TReal Empty = -std::numeric_limits<TReal>::infinity();

template <typename TReal>
using Block = std::array<TReal, BlockLength>;

/** Elementwise maximum of a row and what is there already; never −∞, which has no differences. */
template <typename TReal>
void
RaiseTo(Block<TReal> & maxima, const TReal * row, TReal less, SizeValueType count)
{
  for (SizeValueType i = 0; i < count; ++i)
  {
    maxima[i] = std::max(maxima[i], static_cast<TReal>(row[i] - less));
  }
}

/** Whether no sum of the terms that AddExponentials() leaves is so small that terms below the range of the type may
 * matter; else logarithms have to be summed. */
template <typename TReal>
bool
AreSafe(const Block<TReal> & sums, const Block<TReal> & maxima, SizeValueType count)
{
  // The largest term is 2^55 (float) or 2^470: far above what the range of the type cuts off, far below what counts.
  constexpr TReal least = std::is_same_v<TReal, float> ? TReal(1e-2) : TReal(1e-20);
  unsigned int    unsafe = 0;
  for (SizeValueType i = 0; i < count; ++i)
  {
    unsafe |= static_cast<unsigned int>(sums[i] < least) &
              static_cast<unsigned int>(maxima[i] != std::numeric_limits<TReal>::lowest());
  }
  return unsafe == 0;
}

/** log Σ_l exp(row_l − less_l) of rows \a stride apart. */
template <typename TReal>
void
SumBins(const TReal * rows,
        SizeValueType stride,
        const TReal * less,
        SizeValueType bins,
        SizeValueType count,
        TReal *       out)
{
  // A term this far below the largest one is less than the rounding of the sum.
  constexpr TReal negligible = -60;
  Block<TReal>    maxima;
  Block<TReal>    shifted;
  Block<TReal>    sums{};
  maxima.fill(std::numeric_limits<TReal>::lowest());
  for (SizeValueType l = 0; l < bins; ++l)
  {
    if (less[l] < std::numeric_limits<TReal>::infinity())
    {
      RaiseTo(maxima, rows + l * stride, less[l], count);
    }
  }
  for (SizeValueType l = 0; l < bins; ++l)
  {
    if (!(less[l] < std::numeric_limits<TReal>::infinity()))
    {
      continue;
    }
    TReal nearest = Empty<TReal>;
    for (SizeValueType i = 0; i < count; ++i)
    {
      shifted[i] = rows[l * stride + i] - less[l];
      nearest = std::max(nearest, static_cast<TReal>(shifted[i] - maxima[i]));
    }
    if (nearest > negligible)
    {
      AddExponentials(shifted.data(), maxima.data(), count, sums.data());
    }
  }
  AddLogarithms(maxima.data(), sums.data(), count, out);
}

} // namespace

template <typename TReal>
FeatureSoftminOperator<TReal>::FeatureSoftminOperator(Pointer space, std::vector<double> costs)
  : m_Space(std::move(space))
  , m_Costs(std::move(costs))
{
  while (m_NumberOfBins * m_NumberOfBins < m_Costs.size())
  {
    ++m_NumberOfBins;
  }
  if (m_Costs.empty() || m_NumberOfBins * m_NumberOfBins != m_Costs.size())
  {
    itkGenericExceptionMacro("Sinkhorn: " << m_Costs.size()
                                          << " costs between features; give one for each pair of bins, K rows of K.");
  }
  for (SizeValueType k = 0; k < m_NumberOfBins; ++k)
  {
    for (SizeValueType l = 0; l < m_NumberOfBins; ++l)
    {
      const double cost = m_Costs[k * m_NumberOfBins + l];
      if (!(cost >= 0.0) || cost != m_Costs[l * m_NumberOfBins + k] || (k == l && cost > 0.0))
      {
        itkGenericExceptionMacro("Sinkhorn: the cost between the features " << k << " and " << l << " is " << cost
                                                                            << "; costs are symmetric, not negative, "
                                                                               "and 0 on the diagonal.");
      }
    }
  }
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::MixBins(const Kernel & kernel,
                                       SizeValueType  length,
                                       SizeValueType  begin,
                                       SizeValueType  end,
                                       TReal *        values) const
{
  std::vector<Block<TReal>> sums(m_NumberOfBins);
  std::vector<Block<TReal>> terms(m_NumberOfBins);
  std::vector<char>         isSafe(m_NumberOfBins);
  for (SizeValueType first = begin; first < end; first += BlockLength)
  {
    const SizeValueType count = std::min(BlockLength, end - first);
    Block<TReal>        maxima;
    maxima.fill(std::numeric_limits<TReal>::lowest());
    for (SizeValueType l = 0; l < m_NumberOfBins; ++l)
    {
      // Rows that are a power of two apart push each other out of the cache: they are read once.
      std::copy_n(values + l * length + first, count, sums[l].begin());
      RaiseTo(maxima, sums[l].data(), TReal(0), count);
    }
    for (SizeValueType l = 0; l < m_NumberOfBins; ++l)
    {
      terms[l].fill(TReal(0));
      AddExponentials(sums[l].data(), maxima.data(), count, terms[l].data());
    }
    MultiplyRows(kernel.Values.data(), m_NumberOfBins, terms[0].data(), BlockLength, count, sums[0].data());
    for (SizeValueType k = 0; k < m_NumberOfBins; ++k)
    {
      isSafe[k] = AreSafe(sums[k], maxima, count);
      if (!isSafe[k]) // while the values are still there
      {
        const TReal * exponents = kernel.Exponents.data() + k * m_NumberOfBins;
        SumBins(values + first, length, exponents, m_NumberOfBins, count, sums[k].data());
      }
    }
    for (SizeValueType k = 0; k < m_NumberOfBins; ++k)
    {
      TReal * out = values + k * length + first;
      if (isSafe[k])
      {
        AddLogarithms(maxima.data(), sums[k].data(), count, out);
      }
      else
      {
        std::copy_n(sums[k].begin(), count, out);
      }
    }
  }
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::Apply(Side          to,
                                     Side          from,
                                     double        blur,
                                     const TReal * logWeights,
                                     const TReal * potential,
                                     TReal *       out) const
{
  const SizeValueType sources = m_Space->GetNumberOfPoints(from);
  const SizeValueType targets = m_Space->GetNumberOfPoints(to);
  for (SizeValueType k = 0; k < m_NumberOfBins; ++k)
  {
    const TReal * weights = logWeights + k * sources;
    if (std::all_of(weights, weights + sources, [](TReal weight) { return weight == Empty<TReal>; }))
    {
      std::fill_n(out + k * targets, targets, Empty<TReal>);
      continue;
    }
    m_Space->Apply(to, from, blur, weights, potential ? potential + k * sources : nullptr, out + k * targets);
  }
  Kernel kernel;
  for (const double cost : m_Costs)
  {
    kernel.Exponents.push_back(static_cast<TReal>(cost / (blur * blur)));
    kernel.Values.push_back(static_cast<TReal>(std::exp(-cost / (blur * blur))));
  }
  ForEachChunk(targets, this->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
    this->MixBins(kernel, targets, begin, end, out);
  });
}

template <typename TReal>
double
FeatureSoftminOperator<TReal>::GetDiameter() const
{
  double largest = 0.0;
  for (const double cost : m_Costs)
  {
    largest = std::max(largest, cost < std::numeric_limits<double>::infinity() ? cost : 0.0);
  }
  return std::sqrt(m_Space->GetDiameter() * m_Space->GetDiameter() + 2.0 * largest);
}

template <typename TReal>
auto
FeatureSoftminOperator<TReal>::MakeCoarser() const -> Pointer
{
  const Pointer coarse = m_Space->MakeCoarser();
  return coarse ? std::make_shared<const FeatureSoftminOperator>(coarse, m_Costs) : nullptr;
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::ForEachBin(const Superclass & other,
                                          bool               isFromOther,
                                          TransferType       transfer,
                                          Side               side,
                                          const TReal *      in,
                                          TReal *            out) const
{
  // MakeCoarser() and MakeCropped() give no other kind.
  const Superclass &  space = *static_cast<const FeatureSoftminOperator &>(other).m_Space;
  const SizeValueType own = m_Space->GetNumberOfPoints(side);
  const SizeValueType others = space.GetNumberOfPoints(side);
  for (SizeValueType k = 0; k < m_NumberOfBins; ++k)
  {
    ((*m_Space).*transfer)(space, side, in + k * (isFromOther ? others : own), out + k * (isFromOther ? own : others));
  }
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::RestrictLogWeights(const Superclass & coarse,
                                                  Side               side,
                                                  const TReal *      fine,
                                                  TReal *            coarseWeights) const
{
  this->ForEachBin(coarse, false, &Superclass::RestrictLogWeights, side, fine, coarseWeights);
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::ProlongPotential(const Superclass & coarse,
                                                Side               side,
                                                const TReal *      coarsePotential,
                                                TReal *            fine) const
{
  this->ForEachBin(coarse, true, &Superclass::ProlongPotential, side, coarsePotential, fine);
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::RestrictPotential(const Superclass & coarse,
                                                 Side               side,
                                                 const TReal *      fine,
                                                 TReal *            coarsePotential) const
{
  this->ForEachBin(coarse, false, &Superclass::RestrictPotential, side, fine, coarsePotential);
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::RestrictMass(const Superclass & coarse,
                                            Side               side,
                                            const TReal *      fine,
                                            TReal *            coarseMass) const
{
  this->ForEachBin(coarse, false, &Superclass::RestrictMass, side, fine, coarseMass);
}

template <typename TReal>
auto
FeatureSoftminOperator<TReal>::MakeCropped(const TReal * logAlpha, const TReal * logBeta) const -> Pointer
{
  // A place has mass if any of its bins has.
  const auto merge = [this](Side side, const TReal * logWeights) {
    const SizeValueType count = m_Space->GetNumberOfPoints(side);
    std::vector<TReal>  merged(logWeights, logWeights + count);
    for (SizeValueType k = 1; k < m_NumberOfBins; ++k)
    {
      std::transform(merged.begin(), merged.end(), logWeights + k * count, merged.begin(), [](TReal a, TReal b) {
        return std::max(a, b);
      });
    }
    return merged;
  };
  const Pointer cropped = m_Space->MakeCropped(merge(Side::Alpha, logAlpha).data(), merge(Side::Beta, logBeta).data());
  return cropped ? std::make_shared<const FeatureSoftminOperator>(cropped, m_Costs) : nullptr;
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::GatherFrom(const Superclass & cropped,
                                          Side               side,
                                          const TReal *      whole,
                                          TReal *            part) const
{
  this->ForEachBin(cropped, false, &Superclass::GatherFrom, side, whole, part);
}

template <typename TReal>
void
FeatureSoftminOperator<TReal>::ScatterTo(const Superclass & cropped, Side side, const TReal * part, TReal * whole) const
{
  this->ForEachBin(cropped, true, &Superclass::ScatterTo, side, part, whole);
}

template class FeatureSoftminOperator<float>;
template class FeatureSoftminOperator<double>;

} // namespace Sinkhorn
} // namespace itk
