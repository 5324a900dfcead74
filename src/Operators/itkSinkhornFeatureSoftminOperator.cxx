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
#include <memory>
#include <type_traits>
#include <utility>

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

/** How many points of each side a bin has in an operator of the places and in a smaller version of it. */
class BinCounts
{
public:
  template <typename TReal>
  BinCounts(const SoftminOperator<TReal> & large, const SoftminOperator<TReal> & small, SizeValueType numberOfBins)
    : m_NumberOfBins(numberOfBins)
  {
    for (const Side side : { Side::Alpha, Side::Beta })
    {
      m_Large[static_cast<size_t>(side)] = large.GetNumberOfPoints(side);
      m_Small[static_cast<size_t>(side)] = small.GetNumberOfPoints(side);
    }
  }

  /** Calls transfer(first point in the large operator, in the small one) for each bin. */
  template <typename TTransfer>
  void
  ForEachBin(Side side, const TTransfer & transfer) const
  {
    const auto s = static_cast<size_t>(side);
    for (SizeValueType k = 0; k < m_NumberOfBins; ++k)
    {
      transfer(k * m_Large[s], k * m_Small[s]);
    }
  }

private:
  SizeValueType m_NumberOfBins;
  SizeValueType m_Large[2];
  SizeValueType m_Small[2];
};

/** That of the places, bin by bin. */
template <typename TReal>
class BinwiseCoarseTransfer : public CoarseTransfer<TReal>
{
public:
  BinwiseCoarseTransfer(std::shared_ptr<const CoarseTransfer<TReal>> places, const BinCounts & counts)
    : m_Places(std::move(places))
    , m_Counts(counts)
  {}

  void
  RestrictLogWeights(Side side, const TReal * fine, TReal * coarse) const override
  {
    m_Counts.ForEachBin(side, [&](SizeValueType inFine, SizeValueType inCoarse) {
      m_Places->RestrictLogWeights(side, fine + inFine, coarse + inCoarse);
    });
  }

  void
  RestrictMass(Side side, const TReal * fine, TReal * coarse) const override
  {
    m_Counts.ForEachBin(side, [&](SizeValueType inFine, SizeValueType inCoarse) {
      m_Places->RestrictMass(side, fine + inFine, coarse + inCoarse);
    });
  }

  void
  RestrictPotential(Side side, const TReal * fine, TReal * coarse) const override
  {
    m_Counts.ForEachBin(side, [&](SizeValueType inFine, SizeValueType inCoarse) {
      m_Places->RestrictPotential(side, fine + inFine, coarse + inCoarse);
    });
  }

  void
  ProlongPotential(Side side, const TReal * coarse, TReal * fine) const override
  {
    m_Counts.ForEachBin(side, [&](SizeValueType inFine, SizeValueType inCoarse) {
      m_Places->ProlongPotential(side, coarse + inCoarse, fine + inFine);
    });
  }

private:
  std::shared_ptr<const CoarseTransfer<TReal>> m_Places;
  BinCounts                                    m_Counts;
};

template <typename TReal>
class BinwiseCropTransfer : public CropTransfer<TReal>
{
public:
  BinwiseCropTransfer(std::shared_ptr<const CropTransfer<TReal>> places, const BinCounts & counts)
    : m_Places(std::move(places))
    , m_Counts(counts)
  {}

  void
  Gather(Side side, const TReal * whole, TReal * part) const override
  {
    m_Counts.ForEachBin(side, [&](SizeValueType inWhole, SizeValueType inPart) {
      m_Places->Gather(side, whole + inWhole, part + inPart);
    });
  }

  void
  Scatter(Side side, const TReal * part, TReal * whole) const override
  {
    m_Counts.ForEachBin(side, [&](SizeValueType inWhole, SizeValueType inPart) {
      m_Places->Scatter(side, part + inPart, whole + inWhole);
    });
  }

private:
  std::shared_ptr<const CropTransfer<TReal>> m_Places;
  BinCounts                                  m_Counts;
};

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
CoarserOperator<TReal>
FeatureSoftminOperator<TReal>::MakeCoarser() const
{
  const auto coarse = m_Space->MakeCoarser();
  if (!coarse.Operator)
  {
    return {};
  }
  return { std::make_shared<const FeatureSoftminOperator>(coarse.Operator, m_Costs),
           std::make_shared<const BinwiseCoarseTransfer<TReal>>(
             coarse.Transfer, BinCounts(*m_Space, *coarse.Operator, m_NumberOfBins)) };
}

template <typename TReal>
CroppedOperator<TReal>
FeatureSoftminOperator<TReal>::MakeCropped(const TReal * logAlpha, const TReal * logBeta) const
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
  const auto cropped = m_Space->MakeCropped(merge(Side::Alpha, logAlpha).data(), merge(Side::Beta, logBeta).data());
  if (!cropped.Operator)
  {
    return {};
  }
  return { std::make_shared<const FeatureSoftminOperator>(cropped.Operator, m_Costs),
           std::make_shared<const BinwiseCropTransfer<TReal>>(cropped.Transfer,
                                                              BinCounts(*m_Space, *cropped.Operator, m_NumberOfBins)) };
}

template class FeatureSoftminOperator<float>;
template class FeatureSoftminOperator<double>;

} // namespace Sinkhorn
} // namespace itk
