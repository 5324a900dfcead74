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
#if defined(itkSinkhornLineSoftminSimilar_inl_h) == defined(HWY_TARGET_TOGGLE)
#ifdef itkSinkhornLineSoftminSimilar_inl_h
#undef itkSinkhornLineSoftminSimilar_inl_h
#else
#define itkSinkhornLineSoftminSimilar_inl_h
#endif

// Outputs whose arg max lies about equally far away, which share one displacement.
#include "itkSinkhornLineSoftminLine-inl.h"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{

/** The longest group of whole vectors from outputs.begin on whose displacements differ by at most 2·maximumSpread. */
template <typename TReal>
HWY_INLINE typename LineKernelOf<TReal>::Similar
LineKernelOf<TReal>::FindSimilar(Range outputs, TReal maximumSpread) const
{
  // The samples around x, which is less than the segment's end.
  const auto before = [this](int x) { return std::min((x - m_Origin) / MaximumTiles, Lanes - 1); };
  Similar    similar;
  similar.firstSample = std::min(before(outputs.begin), std::max(Lanes - 2, 0));
  similar.lastSample = similar.firstSample;
  similar.least = m_Displacements[similar.firstSample];
  similar.most = similar.least;
  similar.end = outputs.begin;
  TReal sum = similar.least;
  do
  {
    const int end = std::min(similar.end + Lanes, outputs.end);
    const int lastSample = before(end + MaximumTiles - 2);
    TReal     least = similar.least;
    TReal     most = similar.most;
    TReal     sumWith = sum;
    for (int sample = similar.lastSample + 1; sample <= lastSample; ++sample)
    {
      least = std::min(least, m_Displacements[sample]);
      most = std::max(most, m_Displacements[sample]);
      sumWith += m_Displacements[sample];
    }
    // A displacement that grows evenly by so much is not even in the sense of IsEven().
    const bool uneven =
      (most - least) * static_cast<TReal>(lastSample - similar.firstSample) > 8 * m_Plan.maximumChange;
    if (similar.end > outputs.begin && (uneven || most - least > 2 * maximumSpread))
    {
      break;
    }
    similar.end = end;
    similar.lastSample = lastSample;
    similar.least = least;
    similar.most = most;
    sum = sumWith;
  } while (similar.end < outputs.end);
  similar.mean = std::floor(sum / static_cast<TReal>(similar.lastSample - similar.firstSample + 1) + TReal(0.5));
  return similar;
}

/** Whether one displacement makes the sums differ little enough to fit into the range of the type: the derivative of
 * their logarithm with respect to x is s² times what is left of the displacement. */
template <typename TReal>
HWY_INLINE bool
LineKernelOf<TReal>::IsEven(const Similar & similar) const
{
  if ((similar.most - similar.least) * static_cast<TReal>(similar.lastSample - similar.firstSample) <=
      2 * m_Plan.maximumChange)
  {
    return true;
  }
  TReal sum = 0;
  TReal lowest = 0;
  TReal highest = 0;
  for (int sample = similar.firstSample; sample < similar.lastSample; ++sample)
  {
    sum += m_Displacements[sample] - similar.mean;
    lowest = std::min(lowest, sum);
    highest = std::max(highest, sum);
  }
  return highest - lowest <= m_Plan.maximumChange;
}

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#endif
