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
#include "itkSinkhornLineSoftminPlan.h"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace itk
{
namespace Sinkhorn
{
namespace
{
constexpr double LogTwo = 0.693147180559945309417;

/** A solve goes back and forth between the axes of a few grids. */
constexpr size_t NumberOfKeptPlans = 16;

/** Longer lines have plans that are large, and take little time beside the lines themselves. */
constexpr SizeValueType LongestKeptLine = 2048;

/** 2^exponent·e^argument, zero below the range of TReal. */
template <typename TReal>
TReal
ScaledExponential(int exponent, double argument)
{
  if (exponent + argument / LogTwo < SoftminTraits<TReal>::SmallestExponent)
  {
    return 0;
  }
  // Half of the argument at a time, since e^argument alone may be below the range of double.
  const double half = std::exp(0.5 * argument);
  return static_cast<TReal>(std::ldexp(half, exponent) * half);
}
} // namespace

template <typename TReal>
LinePlan<TReal>::LinePlan(SizeValueType lengthOfLine, double stepOfLine, int numberOfLanes)
  : length(static_cast<int>(lengthOfLine))
  , lanes(numberOfLanes)
  , quad(std::min<int>(numberOfLanes, 16 / sizeof(TReal)))
  , step(stepOfLine)
  , stepSquared(step * step)
  , sigma(1.0 / step)
  , cut(-std::log(SoftminTraits<TReal>::Tolerance))
{
  using Traits = SoftminTraits<TReal>;
  constexpr int exponent = Traits::ScaleExponent;
  maximumGroup = SoftminTilesPerGroup * lanes;
  scale = static_cast<TReal>(std::ldexp(1.0, Traits::ScaleExponent));
  // An uncertainty of σ costs little band; less would cost more time than it saves.
  thinning = std::min({ std::max(static_cast<int>(2.0 * sigma), 4), lanes, 8 });
  refine = thinning > 2.0 * sigma;
  uncertainty = static_cast<TReal>(refine ? 1.0 : 0.5 * thinning);
  // A spread of 4.5σ costs e^{−10} of the range and 9σ of band. Sums that differ by e^40 in a group leave e^20 for the
  // weights.
  maximumSpread = static_cast<TReal>(4.5 * sigma) + uncertainty;
  maximumChange = static_cast<TReal>(40.0 * sigma * sigma / SoftminTilesPerGroup);
  farRoom = cut + std::log(static_cast<double>(length)) + 2.0;

  ChooseRadii();
  TabulateGauss();
  TabulateTails();

  // Every weight below the range is replaced by the smallest one and every kernel value below it by zero; each product
  // so changed is off by at most 2^(SmallestExponent + ScaleExponent). And a sum far below the largest weight has a
  // logarithm far below the group's maximum, so that the rounding of exponents and logarithm would show.
  const double changed = cut + std::log(2.0 * length + 2.0 * lanes + 2.0);
  smallestSum = static_cast<TReal>(std::max(std::exp2(Traits::SmallestExponent + exponent + 1.0 + changed / LogTwo),
                                            std::ldexp(std::exp(-LargestRange), 2 * exponent)));
}

/** From the narrowest band that cuts off no more than the tolerance to the widest that is of any use. */
template <typename TReal>
void
LinePlan<TReal>::ChooseRadii()
{
  using Traits = SoftminTraits<TReal>;
  // Distances beyond farthest do not occur between a line and its displaced copy within the group's own band, or are
  // below the smallest number.
  const double reach = std::sqrt(2.0 * LogTwo * (Traits::ScaleExponent - Traits::SmallestExponent)) * sigma;
  const int    farthest = static_cast<int>(std::min(std::ceil(reach) + 1.0, 2.0 * length + 1.0));
  // The truncated part is bounded quad by quad: quad·(kernel at the nearest distance)·(largest weight). Where the
  // weights grow outwards, the displacement is off by so much, which the level adds.
  const double room = cut + std::log(static_cast<double>(quad));
  const int    narrowest =
    static_cast<int>(std::min<double>(std::ceil(std::sqrt(2.0 * room) * sigma) + quad - 1, farthest));
  const int increment = std::max(1, static_cast<int>(std::ceil(0.5 * sigma)));
  inverseIncrement = static_cast<TReal>(1.0 / increment);
  for (int r = narrowest; radius.empty() || radius.back() < farthest; r += increment)
  {
    radius.push_back(std::min(r, farthest));
  }
}

/** As far as the widest band reaches, and whole vectors of inputs beyond. */
template <typename TReal>
void
LinePlan<TReal>::TabulateGauss()
{
  gaussOrigin = radius.back() + 2 * lanes + 4;
  gauss.resize(2 * static_cast<SizeValueType>(gaussOrigin) + 1);
  for (int k = -gaussOrigin; k <= gaussOrigin; ++k)
  {
    gauss[gaussOrigin + k] = ScaledExponential<TReal>(SoftminTraits<TReal>::ScaleExponent, -0.5 * stepSquared * k * k);
  }
}

/** The bounds are zero where the band leaves nothing out. */
template <typename TReal>
void
LinePlan<TReal>::TabulateTails()
{
  tailReach = (radius.back() + maximumGroup) / lanes + 4 + lanes;
  tailStride = 2 * static_cast<SizeValueType>(tailReach) + 1;
  tail.resize(tailStride * radius.size() * (lanes / quad));
  for (int level = 0; level < static_cast<int>(radius.size()); ++level)
  {
    for (int phase = 0; phase < lanes / quad; ++phase)
    {
      TReal * bound = const_cast<TReal *>(Tail(level, phase));
      for (int delta = -tailReach; delta <= tailReach; ++delta)
      {
        // Least and greatest difference of an output and an input.
        const int least = lanes * delta - (phase + 1) * quad + 1;
        const int greatest = lanes * (delta + 1) - 1 - phase * quad;
        const int nearest = std::max({ least, -greatest, radius[level] + 1 });
        if (std::max(-least, greatest) > radius[level])
        {
          bound[delta] = ScaledExponential<TReal>(SoftminTraits<TReal>::ScaleExponent,
                                                  -0.5 * stepSquared * nearest * nearest + cut +
                                                    std::log(static_cast<double>(quad)));
        }
      }
    }
  }
}

template <typename TReal>
std::shared_ptr<const LinePlan<TReal>>
GetLinePlan(SizeValueType length, double step, int lanes)
{
  using Pointer = std::shared_ptr<const LinePlan<TReal>>;
  if (length > LongestKeptLine)
  {
    return std::make_shared<const LinePlan<TReal>>(length, step, lanes);
  }
  static std::mutex                 mutex;
  static std::vector<Pointer>       kept; // the last one used comes first
  const std::lock_guard<std::mutex> lock(mutex);

  const auto same = [=](const Pointer & plan) {
    return plan->length == static_cast<int>(length) && plan->step == step && plan->lanes == lanes;
  };
  auto found = std::find_if(kept.begin(), kept.end(), same);
  if (found == kept.end())
  {
    if (kept.size() == NumberOfKeptPlans)
    {
      kept.pop_back();
    }
    found = kept.insert(kept.end(), std::make_shared<const LinePlan<TReal>>(length, step, lanes));
  }
  std::rotate(kept.begin(), found, found + 1);
  return kept.front();
}

template struct LinePlan<float>;
template struct LinePlan<double>;
template std::shared_ptr<const LinePlan<float>>
GetLinePlan(SizeValueType, double, int);
template std::shared_ptr<const LinePlan<double>>
GetLinePlan(SizeValueType, double, int);

} // namespace Sinkhorn
} // namespace itk
