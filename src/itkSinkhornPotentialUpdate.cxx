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
#include "itkSinkhornPotentialUpdate.h"
#include "itkSinkhornParallel.h"

#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Exponents above this are cut: a sum of 2^50 such terms is still finite in double precision. */
constexpr double LargestExponent = 600.0;

} // namespace

template <typename TReal>
UpdateSums
UpdatePotential(SizeValueType       length,
                const TReal *       logWeights,
                const TReal *       softmin,
                TReal *             potential,
                const Temperature & temperature,
                double              relaxation,
                ThreadIdType        numberOfWorkUnits)
{
  const double inverseEpsilon = 1.0 / temperature.Epsilon;
  const double inverseRho = temperature.Rho > 0.0 ? 1.0 / temperature.Rho : 0.0;
  const double scale = -temperature.GetDamping() * temperature.Epsilon;

  return SumOverChunks<UpdateSums>(length, numberOfWorkUnits, [=](SizeValueType begin, SizeValueType end) {
    UpdateSums sums;
    for (SizeValueType i = begin; i < end; ++i)
    {
      const double f = potential[i];
      const double updated = f + relaxation * (scale * softmin[i] - f);
      potential[i] = static_cast<TReal>(updated);
      const double weight = logWeights[i];
      if (weight > -std::numeric_limits<double>::infinity())
      {
        const double marginal = std::exp(std::min(weight + f * inverseEpsilon + softmin[i], LargestExponent));
        const double target = std::exp(std::min(weight - f * inverseRho, LargestExponent));
        sums.MarginalError += std::abs(marginal - target);
        sums.DampedMass += inverseRho > 0.0 ? std::exp(std::min(weight - updated * inverseRho, LargestExponent)) : 0.0;
      }
    }
    return sums;
  });
}

template <typename TReal>
void
ShiftPotential(SizeValueType length, TReal * potential, double shift, ThreadIdType numberOfWorkUnits)
{
  ForEachChunk(length, numberOfWorkUnits, [=](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      potential[i] += static_cast<TReal>(shift);
    }
  });
}

template UpdateSums
UpdatePotential(SizeValueType, const float *, const float *, float *, const Temperature &, double, ThreadIdType);
template UpdateSums
UpdatePotential(SizeValueType, const double *, const double *, double *, const Temperature &, double, ThreadIdType);
template void
ShiftPotential(SizeValueType, float *, double, ThreadIdType);
template void
ShiftPotential(SizeValueType, double *, double, ThreadIdType);

} // namespace Sinkhorn
} // namespace itk
