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
#if defined(itkSinkhornLineSoftminGroup_inl_h) == defined(HWY_TARGET_TOGGLE)
#ifdef itkSinkhornLineSoftminGroup_inl_h
#undef itkSinkhornLineSoftminGroup_inl_h
#else
#define itkSinkhornLineSoftminGroup_inl_h
#endif

#include "itkSinkhornLineSoftminLine-inl.h"
#include "itkSinkhornLineSoftminSimilar-inl.h"

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{

// The numerical part of LineKernelOf: one group of outputs of one displacement, and one output by itself.

/** The group as one banded convolution. Writes the outputs that the bound certifies; bit t of the result is set if some
 * output of the t-th vector is left. */
template <typename TReal>
HWY_INLINE uint32_t
LineKernelOf<TReal>::TryGroup(Range outputs, int displacement, int level, Range hull)
{
  const double tilt = displacement * m_Plan.stepSquared;
  const int    origin = outputs.begin + displacement;
  Group        group;
  group.first = outputs.begin;
  group.size = outputs.end - outputs.begin;
  group.tiles = (group.size + Lanes - 1) / Lanes;
  group.displacement = displacement;
  group.level = level;
  group.tilt = static_cast<TReal>(tilt);
  // The inputs of the band that lie on the line.
  const int band = (m_Plan.radius[level] + Quad - 1) / Quad * Quad;
  const int beforeLine = origin >= 0 ? (origin + Quad - 1) / Quad * Quad : -(-origin / Quad * Quad);
  group.begin = std::max(-band, -beforeLine);
  const int size = std::min(group.tiles * Lanes + band, m_Plan.length - origin) - group.begin;
  if (size <= 0)
  {
    return ~uint32_t(0);
  }
  group.end = group.begin + (size + Lanes - 1) / Lanes * Lanes;

  const V maximum = TiltedMaximum(group);
  group.maximum = hn::GetLane(maximum);
  // A tilt that lifts the weights far above h would cost digits.
  if (!(group.maximum > -std::numeric_limits<TReal>::infinity() && group.maximum <= m_Highest + LargestRange))
  {
    return ~uint32_t(0);
  }
  group.base = static_cast<TReal>(group.maximum - 0.5 * tilt * displacement);
  group.smallest = m_Plan.smallestSum;
  if (hull.begin < origin + group.begin || hull.end > origin + group.end)
  {
    const TReal far = BoundFar(group, hull);
    if (!(far < 4))
    {
      return ~uint32_t(0);
    }
    if (far > -2 * LargestRange)
    {
      group.smallest += m_Plan.scale * hn::GetLane(ScaledExp(m_D, hn::Set(m_D, far)));
    }
  }
  Weigh(group);
  BoundTails(group);
  return ConvolveAll(group);
}

/** Stores h − q·i of the inputs; returns the maximum in every lane. */
template <typename TReal>
HWY_INLINE typename LineKernelOf<TReal>::V
LineKernelOf<TReal>::TiltedMaximum(const Group & group)
{
  const V       tilt = hn::Set(m_D, group.tilt);
  const V       step = hn::Set(m_D, static_cast<TReal>(Lanes));
  const TReal * h = m_H + group.first + group.displacement + group.begin;
  const int     size = group.end - group.begin;
  V             i = hn::Iota(m_D, static_cast<TReal>(group.begin));
  V             maximum = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  for (int k = 0; k < size; k += Lanes)
  {
    const V tilted = hn::NegMulAdd(tilt, i, hn::LoadU(m_D, h + k));
    hn::Store(tilted, m_D, m_Weights + k);
    maximum = hn::Max(maximum, tilted);
    i = hn::Add(i, step);
  }
  return hn::MaxOfLanes(m_D, maximum);
}

/** Logarithm of the bound, times 1/Tolerance, of what the voxels of the hull outside the group's inputs contribute to
 * any output of the group, in units of the largest weight. By the Monge property the voxels on the right matter most to
 * the last output, those on the left to the first. */
template <typename TReal>
HWY_INLINE TReal
LineKernelOf<TReal>::BoundFar(const Group & group, Range hull) const
{
  const V    none = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  const V    step = hn::Set(m_D, static_cast<TReal>(Lanes));
  const auto scan = [&](int begin, int end, int x) {
    // The constants turn h(y) − (x−y)²s²/2 into the units of the weights.
    const double u = x - group.first;
    const double xc = x - m_Center;
    const double s = m_Plan.stepSquared;
    const V      slope = hn::Set(m_D, static_cast<TReal>(xc * s));
    const double constant = -0.5 * xc * xc * s - u * group.displacement * s - group.base;
    V            distance = hn::Iota(m_D, static_cast<TReal>(begin - m_Center));
    V            maximum = none;
    for (int y = begin; y < end; y += Lanes)
    {
      maximum = hn::Max(maximum, hn::MulAdd(slope, distance, hn::LoadU(m_D, m_Curved + y)));
      distance = hn::Add(distance, step);
    }
    return hn::Add(maximum, hn::Set(m_D, static_cast<TReal>(constant)));
  };
  // Whole vectors may reach into the group's inputs; what they add there only weakens the bound.
  const int origin = group.first + group.displacement;
  const int leftEnd = std::min(origin + group.begin, hull.end);
  const int rightBegin = std::max(origin + group.end, hull.begin);
  const V   left = scan(leftEnd - (leftEnd - hull.begin + Lanes - 1) / Lanes * Lanes, leftEnd, group.first);
  const V   right = scan(rightBegin, hull.end, group.first + group.size - 1);
  return hn::GetLane(hn::MaxOfLanes(m_D, hn::Max(left, right))) + static_cast<TReal>(m_Plan.farRoom);
}

/** Replaces h − q·i by the weights 2^ScaleExponent·exp(h − q·i − M), followed by zeros, and finds their maxima. */
template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::Weigh(const Group & group)
{
  const V   maximum = hn::Set(m_D, group.maximum);
  const int size = group.end - group.begin;
  for (int k = 0; k < size; k += Lanes)
  {
    const V weights = ScaledExp(m_D, hn::Sub(hn::Load(m_D, m_Weights + k), maximum));
    hn::Store(weights, m_D, m_Weights + k);
    hn::Store(MaxOfQuads(m_D, weights), m_D, m_QuadMaxima + k);
  }
  const int zeros = group.tiles * Lanes + MaximumParts;
  for (int k = size; k < size + zeros; k += Lanes)
  {
    hn::Store(hn::Zero(m_D), m_D, m_Weights + k);
  }
}

/** For each vector of outputs the bound, times 1/Tolerance, of everything that its sums leave out. */
template <typename TReal>
HWY_INLINE void
LineKernelOf<TReal>::BoundTails(const Group & group)
{
  constexpr int phases = Lanes / Quad;
  const int     vectors = (group.end - group.begin) / Lanes;
  // The vector and phase of the first quad; floor division.
  const int firstQuad = group.begin / Quad;
  const int firstVector = (firstQuad - (firstQuad < 0 ? phases - 1 : 0)) / phases;
  const int firstPhase = firstQuad - firstVector * phases;
  for (int tile = 0; tile < group.tiles; tile += Lanes)
  {
    V             bounds[phases];
    const TReal * kernels[phases];
    std::fill_n(bounds, phases, hn::Zero(m_D));
    for (int step = 0; step < phases; ++step)
    {
      const int quad = firstPhase + step;
      kernels[step] = m_Plan.Tail(group.level, quad % phases) + tile - firstVector - quad / phases;
    }
    for (int k = 0; k < vectors; ++k)
    {
      for (int step = 0; step < phases; ++step)
      {
        const V weight = hn::Set(m_D, m_QuadMaxima[k * Lanes + step * Quad]);
        bounds[step] = hn::MulAdd(weight, hn::LoadU(m_D, kernels[step] - k), bounds[step]);
      }
    }
    V bound = hn::Set(m_D, group.smallest);
    for (int step = 0; step < phases; ++step)
    {
      bound = hn::Add(bound, bounds[step]);
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
  constexpr int parts = Count == 4 ? 2 : MaximumParts;
  constexpr int chunk = 64;
  const int     radius = m_Plan.radius[group.level];
  const int     begin = std::max(-radius, group.begin - (tile + Count - 1) * Lanes);
  const int     end = std::min(radius + Lanes, group.end - tile * Lanes);
  const TReal * gauss = m_Plan.Gauss();
  const TReal * weights = m_Weights + tile * Lanes - group.begin;
  // A small normal number: sums of products below the range never become denormal, which would be slow.
  const V tiny = hn::Set(m_D, std::numeric_limits<TReal>::min());
  std::fill_n(sums, Count, tiny);
  for (int chunkBegin = begin; chunkBegin < end; chunkBegin += chunk)
  {
    const int chunkEnd = std::min(end, chunkBegin + chunk);
    V         partial[parts * Count];
    std::fill_n(partial, parts * Count, tiny);
    // The last parts may reach beyond the end, to zeros or to terms that only make the sum better.
    for (int p = chunkBegin; p < chunkEnd; p += parts)
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

/** All vectors of the group, as many at a time as may share the loads of the kernel; the result is as in TryGroup(). */
template <typename TReal>
HWY_INLINE uint32_t
LineKernelOf<TReal>::ConvolveAll(const Group & group)
{
  uint32_t failed = 0;
  int      tile = 0;
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

/** The outputs of one vector that are left, by the two-pass formula: where their displacements differ so much that
 * their sums do not fit into the range of the type together. */
template <typename TReal>
void
LineKernelOf<TReal>::Direct(Range outputs, Range hull)
{
  // Terms beyond the arg max of an output one vector further are negligible from some distance on, see Run().
  const double room = m_Plan.cut + std::log(static_cast<double>(m_Plan.length));
  const int    beyond =
    static_cast<int>(std::min<double>(m_Plan.length, std::ceil((room + 2.0) / (m_Plan.stepSquared * Lanes))));
  const int   least = std::min(ArgMax(outputs.begin - Lanes, hull), hull.end - 1);
  const int   most = std::min(ArgMax(outputs.end - 1 + Lanes, hull), hull.end - 1);
  const Range terms{ std::max(hull.begin, least - beyond), std::min(hull.end, most + beyond + 1) };

  const V    none = hn::Set(m_D, -std::numeric_limits<TReal>::infinity());
  const V    one = hn::Set(m_D, TReal(1));
  const V    halfSquare = hn::Set(m_D, static_cast<TReal>(0.5 * m_Plan.stepSquared));
  const V    first = hn::Neg(hn::Iota(m_D, static_cast<TReal>(outputs.begin - terms.begin)));
  const auto termAt = [&](int y, V distance) HWY_ATTR {
    return hn::NegMulAdd(hn::Mul(distance, distance), halfSquare, hn::Set(m_D, m_H[y]));
  };
  V distance = first;
  V maximum = none;
  for (int y = terms.begin; y < terms.end; ++y)
  {
    maximum = hn::Max(maximum, termAt(y, distance));
    distance = hn::Add(distance, one);
  }
  // Where there is nothing, −∞ − −∞ must not arise.
  const M isEmpty = hn::Eq(maximum, none);
  maximum = hn::IfThenElse(isEmpty, hn::Zero(m_D), maximum);
  const V negligible = hn::Sub(maximum, hn::Set(m_D, static_cast<TReal>(room)));
  V       sum = hn::Zero(m_D);
  distance = first;
  for (int y = terms.begin; y < terms.end; ++y)
  {
    const V term = termAt(y, distance);
    if (!hn::AllFalse(m_D, hn::Gt(term, negligible)))
    {
      sum = hn::Add(sum, ScaledExp(m_D, hn::Sub(term, maximum)));
    }
    distance = hn::Add(distance, one);
  }
  const V value = AddLogOfScaled(m_D, hn::IfThenElse(isEmpty, one, sum), SoftminTraits<TReal>::ScaleExponent, maximum);
  const V result = hn::IfThenElse(isEmpty, none, value);
  const V out = hn::LoadU(m_D, m_Out + outputs.begin);
  const M isLeft = hn::Eq(out, hn::Set(m_D, std::numeric_limits<TReal>::infinity()));
  hn::StoreU(hn::IfThenElse(isLeft, result, out), m_D, m_Out + outputs.begin);
}

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#endif
