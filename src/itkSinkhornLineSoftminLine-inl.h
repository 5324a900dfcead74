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
// Per-target include guard: compiled once for each instruction set, see itkSinkhornLineSoftminSimd.cxx.
#if defined(itkSinkhornLineSoftminLine_inl_h) == defined(HWY_TARGET_TOGGLE)
#ifdef itkSinkhornLineSoftminLine_inl_h
#undef itkSinkhornLineSoftminLine_inl_h
#else
#define itkSinkhornLineSoftminLine_inl_h
#endif

#include "itkSinkhornLineSoftminMath-inl.h"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{

/** \brief Softmin of one contiguous line.
 *
 * A tilt of h moves the Gaussian: with i = y − x₀ − D, u = x − x₀, q = D·s²,
 *   h(y) − (x−y)²s²/2 = [h(y) − q·i] − (u−i)²s²/2 + q·u − D²s²/2.
 * So wherever the terms that matter to x lie near x + D, the sum is an ordinary convolution of e(i) = exp(h − q·i − M)
 * with a Gaussian, banded at |u−i| ≤ R: one exponential per voxel and 2R + 1 multiplications. A line is cut into groups
 * of outputs of nearly equal displacement, found from the arg max of h(y) − (x−y)²s²/2 at a few x; that arg max is
 * monotone in x since the cost is a Monge array, which keeps the search short.
 *
 * The displacements are only hints. What makes a result valid is a bound, evaluated for every output, of all that was
 * left out: the voxels outside the band (block maxima of h − q·i times the kernel at the block's nearest distance) and
 * what fell below the range of the floating-point type. An output whose sum is not 1/Tolerance times that bound is
 * computed again: in a smaller group, then with its own displacement, and at last with the ordinary two-pass formula.
 */
template <typename TReal>
class LineKernelOf
{
public:
  explicit LineKernelOf(const LinePlan<TReal> & plan);

  /** First of the length voxels of h, to be filled by the caller before Run(); +∞ and NaN are not allowed. */
  TReal *
  Input()
  {
    return m_H;
  }

  /** Writes the softmin of the line; \a out must hold length voxels rounded up to whole vectors. */
  void
  Run(TReal * out);

private:
  using D = hn::ScalableTag<TReal>;
  using V = hn::Vec<D>;
  using M = hn::Mask<D>;

  struct Range
  {
    int begin;
    int end;
  };

  /** A group of outputs of one displacement. Inputs are counted by i, in blocks of Lanes. */
  struct Group
  {
    int   first;        // x₀
    int   size;         // outputs
    int   tiles;        // vectors of outputs
    int   displacement; // D
    int   level;
    int   blockBegin; // blocks whose weights are computed
    int   blockEnd;
    TReal tilt;     // q
    TReal maximum;  // M
    TReal base;     // M − D²s²/2
    TReal smallest; // sums below this are not accurate
  };

  static constexpr int Lanes = static_cast<int>(hn::MaxLanes(D()));

  static constexpr int MaximumTiles = 8; // vectors of outputs that share a load of the kernel

  int
  ArgMax(int x, Range range) const;
  void
  SampleBetween(int first, int last);
  void
  Segment(Range outputs, int yFirst, int yLast, Range hull);
  void
  Tile(Range outputs, int yFirst, int yLast, Range hull);
  uint32_t
  TryGroup(Range outputs, int displacement, int level, Range hull);
  V
  TiltedMaximum(const Group & group);
  V
  FarMaximum(const Group & group, Range hull) const;
  void
  Weigh(const Group & group);
  void
  BoundTails(const Group & group);
  template <int Count>
  uint32_t
  Convolve(const Group & group, int tile);
  template <int Count>
  void
  Accumulate(const Group & group, int tile, V (&sums)[Count]) const;
  void
  Direct(int x, Range hull);

  const D                            m_D{};
  const LinePlan<TReal> &            m_Plan;
  hwy::AlignedFreeUniquePtr<TReal[]> m_Buffer;
  TReal *                            m_H;
  TReal *                            m_Weights;
  TReal *                            m_BlockMaxima;
  TReal *                            m_Tails;
  TReal *                            m_Out{};
  TReal                              m_Highest{}; // of h
  std::vector<int>                   m_Samples;   // arg max at the multiples of the plan's maximumGroup
};

template <typename TReal>
LineKernelOf<TReal>::LineKernelOf(const LinePlan<TReal> & plan)
  : m_Plan(plan)
{
  const int padded = (plan.length + Lanes - 1) / Lanes * Lanes;
  const int margin = 2 * Lanes;
  const int blocks = padded / Lanes + 2;
  const int sizeOfH = padded + 2 * margin;
  const int sizeOfWeights = (blocks + 2 * MaximumTiles) * Lanes;
  const int sizeOfBlocks = (blocks + 2 * Lanes) / Lanes * Lanes;
  const int sizeOfTails = (plan.maximumGroup / Lanes + 2 * Lanes) / Lanes * Lanes;
  const int size = sizeOfH + sizeOfWeights + sizeOfBlocks + sizeOfTails;
  m_Buffer = hwy::AllocateAligned<TReal>(size);
  m_H = m_Buffer.get() + margin;
  m_Weights = m_Buffer.get() + sizeOfH + MaximumTiles * Lanes;
  m_BlockMaxima = m_Buffer.get() + sizeOfH + sizeOfWeights;
  m_Tails = m_BlockMaxima + sizeOfBlocks;
  std::fill_n(m_Buffer.get(), sizeOfH, -std::numeric_limits<TReal>::infinity());
  std::fill_n(m_Buffer.get() + sizeOfH, size - sizeOfH, TReal(0));
  m_Samples.resize(1 + (plan.length + plan.maximumGroup - 1) / plan.maximumGroup);
}

/** Some y of the range (or up to one vector beyond it) where h(y) − (x−y)²s²/2 is largest. */
template <typename TReal>
HWY_INLINE int
LineKernelOf<TReal>::ArgMax(int x, Range range) const
{
  const V halfSquare = hn::Set(m_D, static_cast<TReal>(0.5 * m_Plan.stepSquared));
  const V step = hn::Set(m_D, static_cast<TReal>(Lanes));
  V       distance = hn::Iota(m_D, static_cast<TReal>(range.begin - x));
  V       best = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  V       where = distance;
  for (int y = range.begin; y < range.end; y += Lanes)
  {
    const V value = hn::NegMulAdd(hn::Mul(distance, distance), halfSquare, hn::LoadU(m_D, m_H + y));
    where = hn::IfThenElse(hn::Gt(value, best), distance, where);
    best = hn::Max(best, value);
    distance = hn::Add(distance, step);
  }
  const intptr_t  lane = hn::FindFirstTrue(m_D, hn::Eq(best, hn::MaxOfLanes(m_D, best)));
  HWY_ALIGN TReal distances[HWY_MAX_BYTES / sizeof(TReal)];
  hn::Store(where, m_D, distances);
  return std::min(x + static_cast<int>(distances[lane]), m_Plan.length - 1);
}

/** Fills m_Samples strictly between two known entries. */
template <typename TReal>
void
LineKernelOf<TReal>::SampleBetween(int first, int last)
{
  if (last - first > 1)
  {
    const int middle = (first + last) / 2;
    m_Samples[middle] = ArgMax(middle * m_Plan.maximumGroup, { m_Samples[first], m_Samples[last] + 1 });
    SampleBetween(first, middle);
    SampleBetween(middle, last);
  }
}

template <typename TReal>
void
LineKernelOf<TReal>::Run(TReal * out)
{
  m_Out = out;
  const int length = m_Plan.length;
  const int segments = static_cast<int>(m_Samples.size()) - 1;
  V         highest = hn::LoadU(m_D, m_H);
  for (int y = Lanes; y < length; y += Lanes)
  {
    highest = hn::Max(highest, hn::LoadU(m_D, m_H + y));
  }
  m_Highest = hn::GetLane(hn::MaxOfLanes(m_D, highest));
  if (m_Highest == -std::numeric_limits<TReal>::infinity())
  {
    std::fill_n(out, length, m_Highest);
    return;
  }
  m_Samples[0] = ArgMax(0, { 0, length });
  std::fill_n(out, length, std::numeric_limits<TReal>::infinity());
  m_Samples[segments] = ArgMax(length - 1, { m_Samples[0], length });
  SampleBetween(0, segments);

  // y* = arg max at x' = x + Δ bounds the terms beyond it: they are less than e^{−Δ(y−y*)s²} of the one at y*, by the
  // Monge property; likewise to the left. Two units of the logarithm are left for the rounding of the maximum.
  const double cut = (m_Plan.cut + std::log(static_cast<double>(length)) + 2.0) / m_Plan.stepSquared;
  const auto   beyond = [cut, length](int delta) {
    return static_cast<int>(std::min<double>(length, std::ceil(cut / std::max(delta, 1))));
  };
  for (int segment = 0; segment < segments; ++segment)
  {
    const int   begin = segment * m_Plan.maximumGroup;
    const Range outputs{ begin, std::min(length, begin + m_Plan.maximumGroup) };
    Range       hull{ 0, length };
    if (segment > 0)
    {
      hull.begin = std::max(0, m_Samples[segment - 1] - beyond(m_Plan.maximumGroup));
    }
    if (segment + 2 <= segments)
    {
      const int delta = std::min(length - 1, (segment + 2) * m_Plan.maximumGroup) - (outputs.end - 1);
      hull.end = std::min(length, m_Samples[segment + 2] + beyond(delta) + 1);
    }
    // The last sample sits on the last voxel, the others on the first voxel of the next segment.
    Segment(outputs, m_Samples[segment], m_Samples[segment + 1], hull);
  }
}

/** Computes the outputs of a range, of which the arg max at both ends is about yFirst and yLast. Voxels outside the
 * hull are known to be negligible. */
template <typename TReal>
void
LineKernelOf<TReal>::Segment(Range outputs, int yFirst, int yLast, Range hull)
{
  const int size = outputs.end - outputs.begin;
  if (size <= Lanes)
  {
    Tile(outputs, yFirst, yLast, hull);
    return;
  }
  const int middle = outputs.begin + (size / 2 + Lanes - 1) / Lanes * Lanes;
  const int yMiddle = ArgMax(middle, { yFirst, std::max(yFirst, yLast) + 1 });
  const int displacements[3] = { yFirst - outputs.begin, yMiddle - middle, yLast - (outputs.end - 1) };
  const int least = std::min({ displacements[0], displacements[1], displacements[2] });
  const int most = std::max({ displacements[0], displacements[1], displacements[2] });
  uint32_t  failed = ~uint32_t(0);
  if (most - least <= 2 * m_Plan.maximumSpread)
  {
    failed = TryGroup(outputs, least + (most - least) / 2, m_Plan.GetLevel(0.5 * (most - least)), hull);
  }
  if (failed == 0)
  {
    return;
  }
  const int      tiles = (size + Lanes - 1) / Lanes;
  const uint32_t all = (uint32_t(2) << (tiles - 1)) - 1;
  if ((failed & all) == all)
  {
    Segment({ outputs.begin, middle }, yFirst, yMiddle, hull);
    Segment({ middle, outputs.end }, yMiddle, yLast, hull);
    return;
  }
  for (int tile = 0; tile < tiles; ++tile)
  {
    int end = tile;
    while (end < tiles && (failed >> end & 1) != 0)
    {
      ++end;
    }
    if (end > tile)
    {
      const Range run{ outputs.begin + tile * Lanes, std::min(outputs.end, outputs.begin + end * Lanes) };
      const int   yRun = ArgMax(run.begin, { yFirst, std::max(yFirst, yLast) + 1 });
      Segment(run, yRun, ArgMax(run.end - 1, { yRun, std::max(yRun, yLast) + 1 }), hull);
      tile = end;
    }
  }
}

/** One vector of outputs. Where its displacements differ too much for the range of the type, some outputs are certified
 * by one displacement and the others by another. */
template <typename TReal>
void
LineKernelOf<TReal>::Tile(Range outputs, int yFirst, int yLast, Range hull)
{
  const int first = yFirst - outputs.begin;
  const int last = yLast - (outputs.end - 1);
  if (TryGroup(outputs,
               std::min(first, last) + std::abs(first - last) / 2,
               m_Plan.GetLevel(0.5 * std::abs(first - last)),
               hull) == 0)
  {
    return;
  }
  int attempts = 3;
  for (int x = outputs.begin; x < outputs.end; ++x)
  {
    if (m_Out[x] == std::numeric_limits<TReal>::infinity() && attempts > 0)
    {
      --attempts;
      // Outputs to the right of x have displacements that fall at most as fast as x grows.
      const int y = ArgMax(x, { yFirst, std::max(yFirst, yLast) + 1 });
      TryGroup(outputs, y - x, m_Plan.GetLevel(0.0), hull);
    }
    if (m_Out[x] == std::numeric_limits<TReal>::infinity())
    {
      Direct(x, hull);
    }
  }
}

/** The group as one banded convolution. Writes the outputs that the bound certifies; bit t of the result is set if some
 * output of the t-th vector is left. */
template <typename TReal>
HWY_INLINE uint32_t
LineKernelOf<TReal>::TryGroup(Range outputs, int displacement, int level, Range hull)
{
  const double tilt = displacement * m_Plan.stepSquared;
  const int    origin = outputs.begin + displacement;
  const int    radiusInBlocks = (m_Plan.radius[level] + Lanes - 1) / Lanes;
  Group        group;
  group.first = outputs.begin;
  group.size = outputs.end - outputs.begin;
  group.tiles = (group.size + Lanes - 1) / Lanes;
  group.displacement = displacement;
  group.level = level;
  group.tilt = static_cast<TReal>(tilt);
  // Blocks that meet the line and the band; −origin and length − origin are the ends of the line.
  const int blocksBefore = origin > 0 ? (origin + Lanes - 1) / Lanes : -((-origin) / Lanes);
  const int lineEnd = m_Plan.length - origin;
  const int blocksAfter = lineEnd > 0 ? (lineEnd + Lanes - 1) / Lanes : -((-lineEnd) / Lanes);
  group.blockBegin = std::max(-radiusInBlocks, -blocksBefore);
  group.blockEnd = std::min(group.tiles + radiusInBlocks, blocksAfter);
  if (group.blockBegin >= group.blockEnd)
  {
    return ~uint32_t(0);
  }

  const V maximum = TiltedMaximum(group);
  group.maximum = hn::GetLane(maximum);
  // A tilt that lifts the weights far above h would cost digits.
  if (!(group.maximum > -std::numeric_limits<TReal>::infinity() && group.maximum <= m_Highest + LargestRange))
  {
    return ~uint32_t(0);
  }
  group.base = static_cast<TReal>(group.maximum - 0.5 * tilt * displacement);
  group.smallest = m_Plan.smallestSum;
  if (hull.begin < origin + group.blockBegin * Lanes || hull.end > origin + group.blockEnd * Lanes)
  {
    const V     room = hn::Set(m_D, static_cast<TReal>(m_Plan.cut + std::log(static_cast<double>(m_Plan.length))));
    const V     far = hn::Add(hn::Sub(FarMaximum(group, hull), maximum), room);
    const TReal scale = static_cast<TReal>(std::ldexp(1.0, SoftminTraits<TReal>::ScaleExponent));
    if (hn::GetLane(far) > 4)
    {
      return ~uint32_t(0);
    }
    group.smallest += scale * hn::GetLane(ScaledExp(m_D, far));
  }
  Weigh(group);
  BoundTails(group);

  uint32_t failed = 0;
  int      tile = 0;
  for (; tile + MaximumTiles <= group.tiles; tile += MaximumTiles)
  {
    failed |= Convolve<MaximumTiles>(group, tile);
  }
  for (; tile + 4 <= group.tiles; tile += 4)
  {
    failed |= Convolve<4>(group, tile);
  }
  for (; tile + 2 <= group.tiles; tile += 2)
  {
    failed |= Convolve<2>(group, tile);
  }
  if (tile < group.tiles)
  {
    failed |= Convolve<1>(group, tile);
  }
  return failed;
}

/** Stores h − q·i of all blocks and the maximum of each; returns the maximum of all in every lane. */
template <typename TReal>
HWY_INLINE typename LineKernelOf<TReal>::V
LineKernelOf<TReal>::TiltedMaximum(const Group & group)
{
  const V       tilt = hn::Set(m_D, group.tilt);
  const V       step = hn::Set(m_D, static_cast<TReal>(Lanes));
  const TReal * h = m_H + group.first + group.displacement;
  TReal *       weights = m_Weights - group.blockBegin * Lanes;
  TReal *       blockMaxima = m_BlockMaxima - group.blockBegin;
  V             i = hn::Iota(m_D, static_cast<TReal>(group.blockBegin * Lanes));
  V             maximum = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  for (int block = group.blockBegin; block < group.blockEnd; ++block)
  {
    const V tilted = hn::NegMulAdd(tilt, i, hn::LoadU(m_D, h + block * Lanes));
    const V blockMaximum = hn::MaxOfLanes(m_D, tilted);
    hn::Store(tilted, m_D, weights + block * Lanes);
    blockMaxima[block] = hn::GetLane(blockMaximum);
    maximum = hn::Max(maximum, blockMaximum);
    i = hn::Add(i, step);
  }
  return maximum;
}

/** Largest term, in the units of h − q·i, that a voxel of the hull outside the blocks can contribute to any output of
 * the group. */
template <typename TReal>
typename LineKernelOf<TReal>::V
LineKernelOf<TReal>::FarMaximum(const Group & group, Range hull) const
{
  const V    none = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  const V    tilt = hn::Set(m_D, group.tilt);
  const V    halfSquare = hn::Set(m_D, static_cast<TReal>(0.5 * m_Plan.stepSquared));
  const V    step = hn::Set(m_D, static_cast<TReal>(Lanes));
  V          maximum = none;
  const auto scan = [&](int begin, int end, int nearest) {
    V i = hn::Iota(m_D, static_cast<TReal>(begin));
    for (int first = begin; first < end; first += Lanes)
    {
      const V h = hn::LoadU(m_D, m_H + group.first + group.displacement + first);
      const V distance = hn::Sub(i, hn::Set(m_D, static_cast<TReal>(nearest)));
      const V term = hn::NegMulAdd(hn::Mul(distance, distance), halfSquare, hn::NegMulAdd(tilt, i, h));
      const M inside = hn::FirstN(m_D, static_cast<size_t>(std::min(end - first, Lanes)));
      maximum = hn::Max(maximum, hn::IfThenElse(inside, term, none));
      i = hn::Add(i, step);
    }
  };
  const int origin = group.first + group.displacement;
  scan(hull.begin - origin, std::min(group.blockBegin * Lanes, hull.end - origin), 0);
  scan(std::max(group.blockEnd * Lanes, hull.begin - origin), hull.end - origin, group.size - 1);
  return hn::MaxOfLanes(m_D, maximum);
}

/** Replaces h − q·i by the weights 2^ScaleExponent·exp(h − q·i − M), followed by zeros. */
template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::Weigh(const Group & group)
{
  const V   maximum = hn::Set(m_D, group.maximum);
  const int size = (group.blockEnd - group.blockBegin) * Lanes;
  for (int i = 0; i < size; i += Lanes)
  {
    hn::Store(ScaledExp(m_D, hn::Sub(hn::Load(m_D, m_Weights + i), maximum)), m_D, m_Weights + i);
  }
  const int zeros = std::min(group.tiles, MaximumTiles) * Lanes;
  for (int i = size; i < size + zeros; i += Lanes)
  {
    hn::Store(hn::Zero(m_D), m_D, m_Weights + i);
  }
}

/** For each vector of outputs the bound, times 1/Tolerance, of everything that its sums leave out. */
template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::BoundTails(const Group & group)
{
  const V   maximum = hn::Set(m_D, group.maximum);
  const int blocks = group.blockEnd - group.blockBegin;
  for (int block = 0; block < blocks; block += Lanes)
  {
    hn::Store(ScaledExp(m_D, hn::Sub(hn::Load(m_D, m_BlockMaxima + block), maximum)), m_D, m_BlockMaxima + block);
  }
  const TReal * kernel = m_Plan.Tail(group.level) - group.blockBegin;
  for (int tile = 0; tile < group.tiles; tile += Lanes)
  {
    V bound = hn::Set(m_D, group.smallest);
    for (int block = 0; block < blocks; ++block)
    {
      bound = hn::MulAdd(hn::Set(m_D, m_BlockMaxima[block]), hn::LoadU(m_D, kernel + tile - block), bound);
    }
    hn::Store(bound, m_D, m_Tails + tile);
  }
}

/** The sums of Count vectors of outputs, without the factor exp(q·u + base)·2^(−2·ScaleExponent). */
template <typename TReal>
template <int Count>
HWY_INLINE void
LineKernelOf<TReal>::Accumulate(const Group & group, int tile, V (&sums)[Count]) const
{
  // The outputs share each load of the kernel; few outputs are summed in several parts to hide the latency of the FMA.
  // Chunks keep the rounding of long sums small.
  constexpr int parts = Count == 1 ? 4 : Count == 2 ? 2 : 1;
  constexpr int chunk = 64;
  const int     radius = m_Plan.radius[group.level];
  const int     begin = std::max(-radius, (group.blockBegin - tile - Count + 1) * Lanes);
  const int     end = std::min(radius + Lanes, (group.blockEnd - tile) * Lanes);
  const TReal * gauss = m_Plan.Gauss();
  const TReal * weights = m_Weights + (tile - group.blockBegin) * Lanes;
  // A small normal number: sums of products below the range never become denormal, which would be slow.
  const V tiny = hn::Set(m_D, std::numeric_limits<TReal>::min());
  std::fill_n(sums, Count, tiny);
  for (int chunkBegin = begin; chunkBegin < end; chunkBegin += chunk)
  {
    const int chunkEnd = std::min(end, chunkBegin + chunk);
    V         partial[parts * Count];
    std::fill_n(partial, parts * Count, tiny);
    int p = chunkBegin;
    for (; p + parts <= chunkEnd; p += parts)
    {
      for (int part = 0; part < parts; ++part)
      {
        const V kernel = hn::LoadU(m_D, gauss - p - part);
        for (int k = 0; k < Count; ++k)
        {
          V & sum = partial[part * Count + k];
          sum = hn::MulAdd(hn::Set(m_D, weights[p + part + k * Lanes]), kernel, sum);
        }
      }
    }
    for (; p < chunkEnd; ++p)
    {
      const V kernel = hn::LoadU(m_D, gauss - p);
      for (int k = 0; k < Count; ++k)
      {
        partial[k] = hn::MulAdd(hn::Set(m_D, weights[p + k * Lanes]), kernel, partial[k]);
      }
    }
    for (int i = 0; i < parts * Count; ++i)
    {
      sums[i % Count] = hn::Add(sums[i % Count], partial[i]);
    }
  }
}

/** Count vectors of outputs; the result is as in TryGroup(). */
template <typename TReal>
template <int Count>
HWY_INLINE uint32_t
LineKernelOf<TReal>::Convolve(const Group & group, int tile)
{
  constexpr int twiceScale = 2 * SoftminTraits<TReal>::ScaleExponent;
  V             sums[Count];
  Accumulate<Count>(group, tile, sums);
  const V  tilt = hn::Set(m_D, group.tilt);
  const V  base = hn::Set(m_D, group.base);
  const V  missing = hn::Set(m_D, std::numeric_limits<TReal>::infinity());
  uint32_t failed = 0;
  for (int k = 0; k < Count; ++k)
  {
    const int first = (tile + k) * Lanes;
    TReal *   out = m_Out + group.first + first;
    const V   u = hn::Iota(m_D, static_cast<TReal>(first));
    const V   value = AddLogOfScaled(m_D, sums[k], twiceScale, hn::MulAdd(tilt, u, base));
    const M   certain = hn::Ge(sums[k], hn::Set(m_D, m_Tails[tile + k]));
    const V   result = hn::IfThenElse(certain, value, hn::LoadU(m_D, out));
    hn::StoreU(result, m_D, out);
    const M left = hn::And(hn::Eq(result, missing), hn::Lt(u, hn::Set(m_D, static_cast<TReal>(group.size))));
    failed |= static_cast<uint32_t>(!hn::AllFalse(m_D, left)) << (tile + k);
  }
  return failed;
}

/** One output by the two-pass formula over the whole hull. */
template <typename TReal>
void
LineKernelOf<TReal>::Direct(int x, Range hull)
{
  const V none = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  const V halfSquare = hn::Set(m_D, static_cast<TReal>(0.5 * m_Plan.stepSquared));
  const V step = hn::Set(m_D, static_cast<TReal>(Lanes));
  V       distance = hn::Iota(m_D, static_cast<TReal>(hull.begin - x));
  V       maximum = none;
  for (int y = hull.begin, i = 0; y < hull.end; y += Lanes, i += Lanes)
  {
    const M inside = hn::FirstN(m_D, static_cast<size_t>(std::min(hull.end - y, Lanes)));
    const V h = hn::IfThenElse(inside, hn::LoadU(m_D, m_H + y), none);
    const V term = hn::NegMulAdd(hn::Mul(distance, distance), halfSquare, h);
    hn::Store(term, m_D, m_Weights + i);
    maximum = hn::Max(maximum, term);
    distance = hn::Add(distance, step);
  }
  maximum = hn::MaxOfLanes(m_D, maximum);
  if (hn::GetLane(maximum) == -std::numeric_limits<TReal>::infinity())
  {
    m_Out[x] = hn::GetLane(maximum);
    return;
  }
  const V negligible =
    hn::Sub(maximum, hn::Set(m_D, static_cast<TReal>(m_Plan.cut + std::log(static_cast<double>(m_Plan.length)))));
  V sum = hn::Zero(m_D);
  for (int i = 0; i < hull.end - hull.begin; i += Lanes)
  {
    const V term = hn::Load(m_D, m_Weights + i);
    if (!hn::AllFalse(m_D, hn::Gt(term, negligible)))
    {
      sum = hn::Add(sum, ScaledExp(m_D, hn::Sub(term, maximum)));
    }
  }
  sum = hn::SumOfLanes(m_D, sum);
  m_Out[x] = hn::GetLane(AddLogOfScaled(m_D, sum, SoftminTraits<TReal>::ScaleExponent, maximum));
}

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#endif
