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

template <typename TReal>
UpdateSums
UpdateRangeReference(const UpdateArguments<TReal> & a, SizeValueType begin, SizeValueType end)
{
  // A marginal e³⁰ times its due is as wrong as any larger one.
  constexpr double largest = 30.0;
  const auto       boundedExp = [largest](double x) { return std::exp(std::min(x, largest)); };

  UpdateSums sums;
  for (SizeValueType i = begin; i < end; ++i)
  {
    const double f = a.Potential[i];
    const double softmin = a.Softmin[i];
    const double weight = a.LogWeights[i];
    const double updated = f + a.Relaxation * (a.Scale * softmin - f);
    a.Potential[i] = static_cast<TReal>(updated);
    if (a.Residual != nullptr)
    {
      a.Residual[i] =
        static_cast<TReal>(boundedExp(weight - f * a.InverseRho) - boundedExp(weight + f * a.InverseEpsilon + softmin));
    }
    if (weight > -std::numeric_limits<double>::infinity())
    {
      const double marginal = weight + f * a.InverseEpsilon + softmin;
      const double target = weight - f * a.InverseRho;
      const bool   isBounded = marginal <= largest && target <= largest; // false for NaN
      sums.MarginalError += isBounded ? std::abs(std::exp(marginal) - std::exp(target)) : std::exp(largest);
      if (a.InverseRho > 0)
      {
        const double exponent = -updated * a.InverseRho;
        const double damped = boundedExp(weight + exponent);
        sums.DampedMass += damped;
        sums.DampedExcess +=
          std::abs(exponent) < 0.5 ? std::exp(weight) * std::expm1(exponent) : damped - std::exp(weight);
      }
    }
  }
  return sums;
}

template <typename TReal>
UpdateSums
UpdatePotential(SizeValueType       length,
                const TReal *       logWeights,
                const TReal *       softmin,
                TReal *             potential,
                const Temperature & temperature,
                double              relaxation,
                ThreadIdType        numberOfWorkUnits,
                TReal *             residual)
{
  UpdateArguments<TReal> arguments;
  arguments.LogWeights = logWeights;
  arguments.Softmin = softmin;
  arguments.Potential = potential;
  arguments.Residual = residual;
  arguments.InverseEpsilon = static_cast<TReal>(1.0 / temperature.Epsilon);
  arguments.InverseRho = static_cast<TReal>(temperature.Rho > 0.0 ? 1.0 / temperature.Rho : 0.0);
  arguments.Scale = static_cast<TReal>(-temperature.GetDamping() * temperature.Epsilon);
  arguments.Relaxation = static_cast<TReal>(relaxation);
  return SumOverChunks<UpdateSums>(length, numberOfWorkUnits, [&arguments](SizeValueType begin, SizeValueType end) {
    return UpdateRange(arguments, begin, end);
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
UpdateRangeReference(const UpdateArguments<float> &, SizeValueType, SizeValueType);
template UpdateSums
UpdateRangeReference(const UpdateArguments<double> &, SizeValueType, SizeValueType);
template UpdateSums
UpdatePotential(SizeValueType,
                const float *,
                const float *,
                float *,
                const Temperature &,
                double,
                ThreadIdType,
                float *);
template UpdateSums
UpdatePotential(SizeValueType,
                const double *,
                const double *,
                double *,
                const Temperature &,
                double,
                ThreadIdType,
                double *);
template void
ShiftPotential(SizeValueType, float *, double, ThreadIdType);
template void
ShiftPotential(SizeValueType, double *, double, ThreadIdType);

} // namespace Sinkhorn
} // namespace itk
