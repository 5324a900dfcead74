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
 * of outputs of nearly equal displacement, found from the arg max of h(y) − (x−y)²s²/2 at a few x. That arg max is
 * monotone in x since the cost is a Monge array, which bounds the voxels that matter to one part of a long line.
 *
 * The displacements are only hints, and are searched on a thinned line. What makes a result valid is a bound, evaluated
 * for every output, of all that was left out: the voxels outside the band (the largest weight of a few neighbours times
 * the kernel at their nearest distance) and what fell below the range of the floating-point type. An output whose sum
 * is not 1/Tolerance times that bound is computed again: in a smaller group, and
 * at last with the ordinary two-pass formula.
 */
template <typename TReal>
class LineKernelOf
{
public:
  /** Entries of −∞ that must lie on either side of a line. */
  static constexpr int Margin = 2 * static_cast<int>(hn::MaxLanes(hn::ScalableTag<TReal>()));

  explicit LineKernelOf(const LinePlan<TReal> & plan);

  /** Writes the softmin of the line \a h, length entries of which none is NaN or +∞, with Margin entries of −∞ before
   * and after. \a out must hold length entries rounded up to whole vectors. */
  void
  Run(const TReal * h, TReal * out);

private:
  using D = hn::ScalableTag<TReal>;
  using V = hn::Vec<D>;
  using M = hn::Mask<D>;

  struct Range
  {
    int begin;
    int end;
  };

  /** Samples of the displacement of outputs up to end, and their extremes. */
  struct Similar
  {
    int   end;
    int   firstSample;
    int   lastSample;
    TReal least;
    TReal most;
    TReal mean; // rounded
  };

  /** A group of outputs of one displacement. Inputs are counted by i. */
  struct Group
  {
    int   first;        // x₀
    int   size;         // outputs
    int   tiles;        // vectors of outputs
    int   displacement; // D
    int   level;
    int   begin;    // inputs i whose weights are computed: a multiple of Quad,
    int   end;      // and whole vectors from there
    TReal tilt;     // q
    TReal maximum;  // M
    TReal base;     // M − D²s²/2
    TReal smallest; // sums below this are not accurate
  };

  static constexpr int Lanes = static_cast<int>(hn::MaxLanes(D()));

  static constexpr int Quad = std::min<int>(Lanes, 16 / sizeof(TReal));

  static constexpr int MaximumTiles = SoftminTilesPerGroup; // vectors of outputs that share a load of the kernel
  static constexpr int MaximumParts = 4;                    // of the sum of a lone vector

  int
  ArgMax(int x, Range range) const;
  void
  SampleBetween(int first, int last);
  void
  Segment(Range outputs, Range search, Range hull);
  void
  Curve(Range outputs, Range hull);
  void
  Thin(Range search);
  void
  FindDisplacements(Range outputs, Range search);
  Similar
  FindSimilar(Range outputs, TReal maximumSpread) const;
  bool
  IsEven(const Similar & similar) const;
  void
  Part(Range outputs, Range hull);
  void
  Again(Range group, int tiles, uint32_t failed, Range hull);
  uint32_t
  TryGroup(Range outputs, int displacement, int level, Range hull);
  V
  TiltedMaximum(const Group & group);
  TReal
  BoundFar(const Group & group, Range hull) const;
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
  uint32_t
  ConvolveAll(const Group & group);
  void
  Direct(Range outputs, Range hull);

  const D                            m_D{};
  const LinePlan<TReal> &            m_Plan;
  hwy::AlignedFreeUniquePtr<TReal[]> m_Buffer;
  TReal *                            m_Curved;     // h(y) − (y−c)²s²/2, c the middle of the segment
  TReal *                            m_Thinned;    // its maximum over the plan's thinning voxels from y on
  TReal *                            m_Weights;    // of the group
  TReal *                            m_QuadMaxima; // of the weights, repeated
  TReal *                            m_Tails;      // bounds of what each vector of outputs leaves out
  const TReal *                      m_H{};
  TReal *                            m_Out{};
  TReal                              m_Highest{};            // of h
  int                                m_Origin{};             // of the segment
  int                                m_Center{};             // c
  HWY_ALIGN TReal                    m_Displacements[Lanes]; // at every MaximumTiles-th output of the segment
  std::vector<int>                   m_Samples;              // arg max at the multiples of the plan's maximumGroup
};

template <typename TReal>
LineKernelOf<TReal>::LineKernelOf(const LinePlan<TReal> & plan)
  : m_Plan(plan)
{
  const int line = (plan.length + Lanes - 1) / Lanes * Lanes + 2 * Margin;
  const int weights = line + (2 * MaximumTiles + MaximumParts) * Lanes;
  const int tails = 2 * Lanes * MaximumTiles;
  // Its size follows from what is computed here.
  // cppcheck-suppress useInitializationList
  m_Buffer = hwy::AllocateAligned<TReal>(2 * line + 2 * weights + tails);
  std::fill_n(m_Buffer.get(), 2 * line, -std::numeric_limits<TReal>::infinity());
  std::fill_n(m_Buffer.get() + 2 * line, 2 * weights + tails, TReal(0));
  m_Curved = m_Buffer.get() + Margin;
  m_Thinned = m_Curved + line;
  m_Weights = m_Buffer.get() + 2 * line + MaximumTiles * Lanes;
  m_QuadMaxima = m_Weights + weights;
  m_Tails = m_Buffer.get() + 2 * line + 2 * weights;
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
LineKernelOf<TReal>::Run(const TReal * h, TReal * out)
{
  m_H = h;
  m_Out = out;
  const int length = m_Plan.length;
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
  // +∞ marks the outputs that are still to be computed.
  std::fill_n(out, length, std::numeric_limits<TReal>::infinity());
  const int segments = static_cast<int>(m_Samples.size()) - 1;
  if (segments <= 2)
  {
    // Of so short a line nothing can be left out beforehand. The arg max grows with x, as far as it is known.
    Range search{ 0, length };
    for (int begin = 0; begin < length; begin += m_Plan.maximumGroup)
    {
      const int end = std::min(length, begin + m_Plan.maximumGroup);
      Segment({ begin, end }, search, { 0, length });
      const int last = end - 1 + static_cast<int>(m_Displacements[Lanes - 1]);
      search.begin = std::min(std::max(last - m_Plan.thinning, 0), length - 1);
    }
    return;
  }
  m_Samples[0] = ArgMax(0, { 0, length });
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
    Segment(outputs, { m_Samples[segment], m_Samples[segment + 1] + 1 }, hull);
  }
}

/** Computes at most maximumGroup outputs, whose arg max lies in the range search. Voxels outside the hull are known to
 * be negligible. */
template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::Segment(Range outputs, Range search, Range hull)
{
  Curve(outputs, hull);
  Thin(search);
  FindDisplacements(outputs, search);
  Part(outputs, hull);
}

template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::Curve(Range outputs, Range hull)
{
  m_Origin = outputs.begin;
  m_Center = (outputs.begin + outputs.end) / 2;
  const V halfSquare = hn::Set(m_D, static_cast<TReal>(0.5 * m_Plan.stepSquared));
  const V step = hn::Set(m_D, static_cast<TReal>(Lanes));
  V       distance = hn::Iota(m_D, static_cast<TReal>(hull.begin - m_Center));
  for (int y = hull.begin; y < hull.end; y += Lanes)
  {
    hn::StoreU(hn::NegMulAdd(hn::Mul(distance, distance), halfSquare, hn::LoadU(m_D, m_H + y)), m_D, m_Curved + y);
    distance = hn::Add(distance, step);
  }
  // Whole vectors may reach beyond the hull, where the segment before has left its values.
  const V empty = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  hn::StoreU(empty, m_D, m_Curved + hull.begin - Lanes);
  hn::StoreU(empty, m_D, m_Curved + hull.end);
}

template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::Thin(Range search)
{
  for (int y = search.begin; y < search.end; y += Lanes)
  {
    V maximum = hn::LoadU(m_D, m_Curved + y);
    for (int shift = 1; shift < m_Plan.thinning; ++shift)
    {
      maximum = hn::Max(maximum, hn::LoadU(m_D, m_Curved + y + shift));
    }
    hn::StoreU(maximum, m_D, m_Thinned + y);
  }
}

/** The displacement y − x of the arg max at outputs begin, begin + MaximumTiles, …, to within half of the plan's
 * thinning, or exactly if the plan refines it. */
template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::FindDisplacements(Range outputs, Range search)
{
  const int thinning = m_Plan.thinning;
  // The last sample is the last output.
  const V sample = hn::Iota(m_D, TReal(0));
  const V last = hn::Set(m_D, static_cast<TReal>(outputs.end - 1 - m_Center));
  const V regular = hn::MulAdd(
    sample, hn::Set(m_D, static_cast<TReal>(MaximumTiles)), hn::Set(m_D, static_cast<TReal>(outputs.begin - m_Center)));
  const V x = hn::IfThenElse(hn::Lt(sample, hn::Set(m_D, static_cast<TReal>(Lanes - 1))), hn::Min(regular, last), last);
  const V slope = hn::Mul(x, hn::Set(m_D, static_cast<TReal>(m_Plan.stepSquared)));
  const V step = hn::Set(m_D, static_cast<TReal>(thinning));
  V       distance = hn::Set(m_D, static_cast<TReal>(search.begin - m_Center));
  V       best = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  V       where = distance;
  for (int y = search.begin; y < search.end; y += thinning)
  {
    const V value = hn::MulAdd(slope, distance, hn::Set(m_D, m_Thinned[y]));
    where = hn::IfThenElse(hn::Gt(value, best), distance, where);
    best = hn::Max(best, value);
    distance = hn::Add(distance, step);
  }
  // The curved line rises in one direction within a window, so that the window stands for its higher end.
  const V half = hn::Set(m_D, TReal(0.5));
  V       end = hn::NegMulAdd(slope, hn::Mul(half, step), half);
  end = hn::Min(hn::Max(end, hn::Zero(m_D)), hn::Set(m_D, TReal(1)));
  where = hn::Floor(hn::MulAdd(end, hn::Set(m_D, static_cast<TReal>(thinning - 1)), where));
  if (m_Plan.refine)
  {
    const hn::RebindToSigned<D> di;
    const V                     center = where;
    const auto                  index = hn::ConvertTo(di, center);
    best = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
    for (int shift = -thinning / 2; shift <= thinning / 2; ++shift)
    {
      const V y = hn::Add(center, hn::Set(m_D, static_cast<TReal>(shift)));
      const V value = hn::MulAdd(slope, y, hn::GatherIndex(m_D, m_Curved + m_Center + shift, index));
      where = hn::IfThenElse(hn::Gt(value, best), y, where);
      best = hn::Max(best, value);
    }
  }
  const V lastInput = hn::Set(m_D, static_cast<TReal>(m_Plan.length - 1 - m_Center));
  hn::Store(hn::Sub(hn::Min(where, lastInput), x), m_D, m_Displacements);
}

/** Computes outputs of the segment in groups of similar displacements. */
template <typename TReal>
void
LineKernelOf<TReal>::Part(Range outputs, Range hull)
{
  while (outputs.begin < outputs.end)
  {
    TReal   maximumSpread = m_Plan.maximumSpread;
    Similar similar = FindSimilar(outputs, maximumSpread);
    while (similar.end - outputs.begin > Lanes && !IsEven(similar))
    {
      maximumSpread *= TReal(0.5);
      similar = FindSimilar(outputs, maximumSpread);
    }
    const Range    group{ outputs.begin, similar.end };
    const int      tiles = (group.end - group.begin + Lanes - 1) / Lanes;
    const TReal    spread = std::max(similar.most - similar.mean, similar.mean - similar.least);
    const int      level = m_Plan.GetLevel(spread + m_Plan.uncertainty);
    const uint32_t all = (uint32_t(2) << (tiles - 1)) - 1;
    const uint32_t failed = TryGroup(group, static_cast<int>(similar.mean), level, hull) & all;
    if (failed != 0)
    {
      Again(group, tiles, failed, hull);
    }
    outputs.begin = group.end;
  }
}

/** Computes the vectors of a group that have their bit in failed, in smaller groups. */
template <typename TReal>
void
LineKernelOf<TReal>::Again(Range group, int tiles, uint32_t failed, Range hull)
{
  const auto tilesToOutputs = [&](int begin, int end) {
    return Range{ group.begin + begin * Lanes, std::min(group.end, group.begin + end * Lanes) };
  };
  if (tiles == 1)
  {
    Direct(group, hull);
    return;
  }
  for (int begin = 0; begin < tiles; ++begin)
  {
    int end = begin;
    while (end < tiles && (failed >> end & 1) != 0)
    {
      ++end;
    }
    if (end - begin == tiles)
    {
      Part(tilesToOutputs(0, tiles / 2), hull);
      Part(tilesToOutputs(tiles / 2, tiles), hull);
    }
    else if (end > begin)
    {
      Part(tilesToOutputs(begin, end), hull);
    }
    begin = end;
  }
}

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#endif
