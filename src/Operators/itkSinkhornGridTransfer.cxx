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
#include "itkSinkhornGridTransfer.h"
#include "itkSinkhornLogSumSimd.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Where a fine voxel lies between two coarse voxels along one axis. */
struct LinearStencil
{
  SizeValueType Lower{ 0 };
  double        UpperWeight{ 0.0 };
};

LinearStencil
MakeStencil(SizeValueType voxel, SizeValueType fineSize, SizeValueType coarseSize)
{
  LinearStencil stencil;
  if (coarseSize == fineSize)
  {
    stencil.Lower = voxel;
  }
  else if (coarseSize > 1)
  {
    const double position = (static_cast<double>(voxel) - 0.5) / 2.0;
    const double lower = std::min(std::max(std::floor(position), 0.0), static_cast<double>(coarseSize - 2));
    stencil.Lower = static_cast<SizeValueType>(lower);
    stencil.UpperWeight = position - lower;
  }
  return stencil;
}

/** Replaces neighbours 2k and 2k + 1 by function of both, in place; the last one of an odd row stays alone. */
template <typename TReal, typename TFunction>
void
CombinePairs(TReal * row, SizeValueType fineLength, const TFunction & function)
{
  const SizeValueType pairs = fineLength / 2;
  for (SizeValueType k = 0; k < pairs; ++k)
  {
    row[k] = function(row[2 * k], row[2 * k + 1]);
  }
  if (fineLength % 2 != 0)
  {
    row[pairs] = row[fineLength - 1];
  }
}

} // namespace

template <typename TReal>
GridTransfer<TReal>::GridTransfer(std::vector<SizeValueType> fineSize,
                                  std::vector<SizeValueType> coarseSize,
                                  ThreadIdType               numberOfWorkUnits)
  : m_FineSize(std::move(fineSize))
  , m_CoarseSize(std::move(coarseSize))
  , m_NumberOfWorkUnits(numberOfWorkUnits)
{}

template <typename TReal>
template <typename TFunction>
void
GridTransfer<TReal>::ForEachRow(const std::vector<SizeValueType> & size, const TFunction & function) const
{
  SizeValueType rows = 1;
  for (size_t d = 1; d < size.size(); ++d)
  {
    rows *= size[d];
  }
  const SizeValueType rowsPerTask = std::max<SizeValueType>(1, ChunkLength / size[0]);
  const SizeValueType tasks = (rows + rowsPerTask - 1) / rowsPerTask;
  ForEachTask(tasks, m_NumberOfWorkUnits, rows * size[0] <= SerialLength, [&](SizeValueType task) {
    std::vector<TReal> scratch(2 * m_FineSize[0]);
    for (SizeValueType row = task * rowsPerTask; row < std::min(rows, (task + 1) * rowsPerTask); ++row)
    {
      function(row, scratch.data());
    }
  });
}

template <typename TReal>
auto
GridTransfer<TReal>::FineRowsOf(SizeValueType coarseRow) const -> std::vector<Row>
{
  std::vector<Row> rows(1);
  SizeValueType    stride = m_FineSize[0];
  for (size_t d = 1; d < m_FineSize.size(); ++d)
  {
    const bool          halved = m_CoarseSize[d] != m_FineSize[d];
    const SizeValueType index = coarseRow % m_CoarseSize[d];
    const SizeValueType first = halved ? 2 * index : index;
    const size_t        count = rows.size();
    for (size_t i = 0; i < count; ++i)
    {
      rows[i].Offset += first * stride;
      if (halved && first + 1 < m_FineSize[d])
      {
        rows.push_back(rows[i]);
        rows.back().Offset += stride;
      }
    }
    coarseRow /= m_CoarseSize[d];
    stride *= m_FineSize[d];
  }
  return rows;
}

template <typename TReal>
auto
GridTransfer<TReal>::CoarseRowsAround(SizeValueType fineRow) const -> std::vector<Row>
{
  std::vector<Row> rows(1);
  SizeValueType    stride = m_CoarseSize[0];
  for (size_t d = 1; d < m_FineSize.size(); ++d)
  {
    const LinearStencil stencil = MakeStencil(fineRow % m_FineSize[d], m_FineSize[d], m_CoarseSize[d]);
    const size_t        count = rows.size();
    for (size_t i = 0; i < count; ++i)
    {
      rows[i].Offset += stencil.Lower * stride;
      if (stencil.UpperWeight != 0.0)
      {
        rows.push_back(rows[i]);
        rows.back().Offset += stride;
        rows.back().Weight *= static_cast<TReal>(stencil.UpperWeight);
        rows[i].Weight *= static_cast<TReal>(1.0 - stencil.UpperWeight);
      }
    }
    fineRow /= m_FineSize[d];
    stride *= m_CoarseSize[d];
  }
  return rows;
}

template <typename TReal>
void
GridTransfer<TReal>::RestrictLogWeights(Side, const TReal * fine, TReal * coarse) const
{
  const SizeValueType length = m_FineSize[0];
  const SizeValueType coarseLength = m_CoarseSize[0];
  this->ForEachRow(m_CoarseSize, [&](SizeValueType coarseRow, TReal * scratch) {
    const std::vector<Row> rows = this->FineRowsOf(coarseRow);
    TReal *                out = coarse + coarseRow * coarseLength;
    TReal *                maximum = scratch;
    TReal *                sum = scratch + length;
    std::fill_n(maximum, length, std::numeric_limits<TReal>::lowest());
    for (const Row & row : rows)
    {
      const TReal * values = fine + row.Offset;
      for (SizeValueType x = 0; x < length; ++x)
      {
        maximum[x] = std::max(maximum[x], values[x]);
      }
    }
    if (coarseLength != length)
    {
      for (SizeValueType x = 0; x + 1 < length; x += 2)
      {
        maximum[x] = maximum[x + 1] = std::max(maximum[x], maximum[x + 1]);
      }
    }
    std::fill_n(sum, length, TReal(0));
    for (const Row & row : rows)
    {
      AddExponentials(fine + row.Offset, maximum, length, sum);
    }
    if (coarseLength != length)
    {
      CombinePairs(maximum, length, [](TReal a, TReal) { return a; });
      CombinePairs(sum, length, [](TReal a, TReal b) { return a + b; });
    }
    AddLogarithms(maximum, sum, coarseLength, out);
  });
}

template <typename TReal>
void
GridTransfer<TReal>::RestrictPotential(Side, const TReal * fine, TReal * coarse) const
{
  this->RestrictLinearly(fine, coarse, true);
}

template <typename TReal>
void
GridTransfer<TReal>::RestrictMass(Side, const TReal * fine, TReal * coarse) const
{
  this->RestrictLinearly(fine, coarse, false);
}

template <typename TReal>
void
GridTransfer<TReal>::RestrictLinearly(const TReal * fine, TReal * coarse, bool mean) const
{
  const SizeValueType length = m_FineSize[0];
  const SizeValueType coarseLength = m_CoarseSize[0];
  this->ForEachRow(m_CoarseSize, [&](SizeValueType coarseRow, TReal * scratch) {
    const std::vector<Row> rows = this->FineRowsOf(coarseRow);
    const auto             scale = mean ? static_cast<TReal>(1.0 / static_cast<double>(rows.size())) : TReal(1);
    const auto             pairScale = mean ? TReal(0.5) : TReal(1);
    std::fill_n(scratch, length, TReal(0));
    for (const Row & row : rows)
    {
      const TReal * values = fine + row.Offset;
      for (SizeValueType x = 0; x < length; ++x)
      {
        scratch[x] += scale * values[x];
      }
    }
    if (coarseLength != length)
    {
      CombinePairs(scratch, length, [=](TReal a, TReal b) { return pairScale * (a + b); });
    }
    std::copy_n(scratch, coarseLength, coarse + coarseRow * coarseLength);
  });
}

template <typename TReal>
void
GridTransfer<TReal>::ProlongPotential(Side, const TReal * coarse, TReal * fine) const
{
  const SizeValueType        length = m_FineSize[0];
  const SizeValueType        coarseLength = m_CoarseSize[0];
  std::vector<SizeValueType> lower;
  std::vector<TReal>         upperWeight;
  for (SizeValueType x = 0; x < length; ++x)
  {
    const LinearStencil stencil = MakeStencil(x, length, coarseLength);
    lower.push_back(stencil.Lower);
    upperWeight.push_back(static_cast<TReal>(stencil.UpperWeight));
  }
  const bool interpolate = coarseLength != length && coarseLength > 1;
  this->ForEachRow(m_FineSize, [&](SizeValueType fineRow, TReal * scratch) {
    TReal * out = fine + fineRow * length;
    std::fill_n(scratch, coarseLength, TReal(0));
    for (const Row & row : this->CoarseRowsAround(fineRow))
    {
      const TReal * values = coarse + row.Offset;
      for (SizeValueType x = 0; x < coarseLength; ++x)
      {
        scratch[x] += row.Weight * values[x];
      }
    }
    for (SizeValueType x = 0; x < length; ++x)
    {
      const TReal * value = scratch + lower[x];
      out[x] = interpolate ? value[0] + upperWeight[x] * (value[1] - value[0]) : value[0];
    }
  });
}

template class GridTransfer<float>;
template class GridTransfer<double>;

} // namespace Sinkhorn
} // namespace itk
