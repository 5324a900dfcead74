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

namespace itk
{
namespace Sinkhorn
{
namespace
{
constexpr double LogTwo = 0.693147180559945309417;

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
LinePlan<TReal>::LinePlan(SizeValueType lengthOfLine, double step, int numberOfLanes)
  : length(static_cast<int>(lengthOfLine))
  , lanes(numberOfLanes)
  , stepSquared(step * step)
  , sigma(1.0 / step)
  , cut(-std::log(SoftminTraits<TReal>::Tolerance))
{
  using Traits = SoftminTraits<TReal>;
  constexpr int scale = Traits::ScaleExponent;
  // A group spans at most 128 outputs; a spread of 4σ costs e^{−8} of the range and 8σ of band.
  maximumGroup = std::max(128, lanes);
  maximumSpread = std::max(4.0 * sigma, 0.75);

  // Distances beyond farthest do not occur between a line and its displaced copy within the group's own band, or are
  // below the smallest number.
  const double reach = std::sqrt(2.0 * LogTwo * (scale - Traits::SmallestExponent)) * sigma;
  const int    farthest = static_cast<int>(std::min(std::ceil(reach) + 1.0, 2.0 * length + 1.0));
  // The truncated part is bounded block by block: lanes·(kernel at the nearest distance)·(largest weight), hence
  // log(lanes) and some room for weights that grow outwards.
  const double room = cut + std::log(static_cast<double>(lanes)) + 6.0;
  const int    narrowest = static_cast<int>(std::min<double>(std::ceil(std::sqrt(2.0 * room) * sigma), farthest));
  const int    increment = std::max(1, static_cast<int>(std::ceil(sigma)));
  for (int r = narrowest; radius.empty() || radius.back() < farthest; r += increment)
  {
    radius.push_back(std::min(r, farthest));
  }

  gaussOrigin = radius.back() + 2 * lanes;
  gauss.resize(2 * static_cast<SizeValueType>(gaussOrigin) + 1);
  for (int k = -gaussOrigin; k <= gaussOrigin; ++k)
  {
    gauss[gaussOrigin + k] = ScaledExponential<TReal>(scale, -0.5 * stepSquared * k * k);
  }

  tailReach = (radius.back() + maximumGroup) / lanes + 4 + lanes;
  tailStride = 2 * static_cast<SizeValueType>(tailReach) + 1;
  tail.resize(tailStride * radius.size());
  for (SizeValueType level = 0; level < radius.size(); ++level)
  {
    for (int delta = -tailReach; delta <= tailReach; ++delta)
    {
      const int nearest = std::max(lanes * std::abs(delta) - lanes + 1, radius[level] + 1);
      if (lanes * std::abs(delta) + lanes - 1 > radius[level])
      {
        tail[level * tailStride + tailReach + delta] = ScaledExponential<TReal>(
          scale, -0.5 * stepSquared * nearest * nearest + cut + std::log(static_cast<double>(lanes)));
      }
    }
  }

  // Every weight below the range is replaced by the smallest one and every kernel value below it by zero; each product
  // so changed is off by at most 2^(SmallestExponent + ScaleExponent). And a sum far below the largest weight has a
  // logarithm far below the group's maximum, so that the rounding of exponents and logarithm would show.
  const double changed = cut + std::log(2.0 * length + 2.0 * lanes + 2.0);
  smallestSum = static_cast<TReal>(std::max(std::exp2(Traits::SmallestExponent + scale + 1.0 + changed / LogTwo),
                                            std::ldexp(std::exp(-LargestRange), 2 * scale)));
}

template <typename TReal>
int
LinePlan<TReal>::GetLevel(double displacementSpread) const
{
  const double wanted = radius.front() + displacementSpread;
  const auto   found = std::lower_bound(radius.begin(), radius.end(), wanted);
  return static_cast<int>(std::min<std::ptrdiff_t>(found - radius.begin(), radius.size() - 1));
}

template struct LinePlan<float>;
template struct LinePlan<double>;

} // namespace Sinkhorn
} // namespace itk
