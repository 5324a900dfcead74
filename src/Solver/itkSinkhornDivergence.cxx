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
#include "itkSinkhornDivergence.h"
#include "itkSinkhornParallel.h"

#include "itkMacro.h"

#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Sum over the points with mass of weight · function(i). */
template <typename TReal, typename TFunction>
double
Integrate(const std::vector<TReal> & logWeights, ThreadIdType numberOfWorkUnits, const TFunction & function)
{
  return SumOverChunks<double>(logWeights.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    double sum = 0.0;
    for (SizeValueType i = begin; i < end; ++i)
    {
      if (logWeights[i] > -std::numeric_limits<TReal>::infinity())
      {
        sum += std::exp(static_cast<double>(logWeights[i])) * function(i);
      }
    }
    return sum;
  });
}

/** e^{−f/ρ} − 1, the exponent bounded: where there is no mass, a short reach can drive −f/ρ beyond any floating-point
 * range (a particle added there would be worth arbitrarily much), and what leaves this file has to be finite in single
 * precision. */
double
DampedPayoff(double f, double rho)
{
  constexpr double largestExponent = 60.0;
  return std::expm1(std::min(-f / rho, largestExponent));
}

} // namespace

template <typename TReal>
TransportValues
ComputeTransportValues(const std::vector<TReal> & logAlpha,
                       const std::vector<TReal> & logBeta,
                       const SolverParameters &   parameters,
                       const Potentials<TReal> &  potentials,
                       ThreadIdType               numberOfWorkUnits)
{
  const double epsilon = parameters.Blur * parameters.Blur;
  const double rho = parameters.Reach * parameters.Reach;
  const bool   debiased = !potentials.FAlphaAlpha.empty() && !potentials.GBetaBeta.empty();

  TransportValues values;
  values.MassAlpha = Integrate(logAlpha, numberOfWorkUnits, [](SizeValueType) { return 1.0; });
  values.MassBeta = Integrate(logBeta, numberOfWorkUnits, [](SizeValueType) { return 1.0; });
  const double massAlpha = values.MassAlpha;
  const double massBeta = values.MassBeta;
  const auto   integrate = [=](const std::vector<TReal> & logWeights, const std::vector<TReal> & potential) {
    return Integrate(logWeights, numberOfWorkUnits, [&potential, rho](SizeValueType i) {
      return rho > 0.0 ? DampedPayoff(potential[i], rho) : static_cast<double>(potential[i]);
    });
  };
  const double alpha = integrate(logAlpha, potentials.F);
  const double beta = integrate(logBeta, potentials.G);
  const double self =
    debiased ? integrate(logAlpha, potentials.FAlphaAlpha) + integrate(logBeta, potentials.GBetaBeta) : 0.0;
  if (!(rho > 0.0))
  {
    values.Transport = alpha + beta;
    values.Divergence = debiased ? alpha + beta - self : values.Transport;
    return values;
  }
  // With A = ⟨α,e^{−f/ρ}⟩ and B = ⟨β,e^{−g/ρ}⟩ the best translation of the pair makes both √(AB), whatever the one that
  // the potentials came with. All differences from the masses, which ρ multiplies, are taken before they are rounded.
  const double mean = std::sqrt(massAlpha * massBeta);
  const double damped = std::sqrt((massAlpha + alpha) * (massBeta + beta));
  const double excess = (alpha * massBeta + beta * massAlpha + alpha * beta) / (damped + mean); // √(AB) − √(m_α m_β)
  const double roots = std::sqrt(massAlpha) - std::sqrt(massBeta);
  values.Transport = rho * roots * roots + epsilon * (massAlpha * massBeta - mean) - (2.0 * rho + epsilon) * excess;
  values.Divergence = debiased ? (rho + 0.5 * epsilon) * (roots * roots + (self - 2.0 * excess)) : values.Transport;
  return values;
}

template <typename TReal>
void
ComputeFirstVariation(Side                      side,
                      const SolverParameters &  parameters,
                      const Potentials<TReal> & potentials,
                      double                    oppositeMass,
                      std::vector<TReal> &      variation,
                      ThreadIdType              numberOfWorkUnits)
{
  const double               epsilon = parameters.Blur * parameters.Blur;
  const double               rho = parameters.Reach * parameters.Reach;
  const std::vector<TReal> & cross = side == Side::Alpha ? potentials.F : potentials.G;
  const std::vector<TReal> & self = side == Side::Alpha ? potentials.FAlphaAlpha : potentials.GBetaBeta;
  const bool                 debiased = !self.empty();

  const double shift = potentials.GetShift(side);
  const auto   variationAt = [&, epsilon, rho, debiased, oppositeMass, shift](SizeValueType i) {
    const double f = cross[i] + shift;
    if (!(rho > 0.0))
    {
      return debiased ? f - self[i] : f;
    }
    if (debiased)
    {
      return (rho + epsilon) * (DampedPayoff(self[i], rho) - DampedPayoff(f, rho));
    }
    return epsilon * (oppositeMass - 1.0) - (rho + epsilon) * DampedPayoff(f, rho);
  };

  variation.resize(cross.size());
  ForEachChunk(cross.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      variation[i] = static_cast<TReal>(variationAt(i));
    }
  });
}

template <typename TReal>
double
ComputePaperFidelity(const std::vector<TReal> & logAlpha,
                     const std::vector<TReal> & logBeta,
                     const SolverParameters &   parameters,
                     const Potentials<TReal> &  potentials)
{
  if (parameters.Reach > 0.0)
  {
    itkGenericExceptionMacro("Sinkhorn: the paper's fidelity is defined for balanced transport, but Reach is "
                             << parameters.Reach << " mm. Set Reach to 0.");
  }
  const double epsilon = parameters.Blur * parameters.Blur;
  const double paperEpsilon = 2.0 * epsilon;
  const auto   term = [=](const std::vector<TReal> & logWeights, const std::vector<TReal> & potential) {
    return Integrate(logWeights, 0, [&](SizeValueType i) { return logWeights[i] + potential[i] / epsilon + 0.5; });
  };
  return paperEpsilon * (term(logAlpha, potentials.F) + term(logBeta, potentials.G));
}

#define itkSinkhornInstantiateDivergence(TReal)                                                                        \
  template Sinkhorn_EXPORT TransportValues ComputeTransportValues(const std::vector<TReal> &,                          \
                                                                  const std::vector<TReal> &,                          \
                                                                  const SolverParameters &,                            \
                                                                  const Potentials<TReal> &,                           \
                                                                  ThreadIdType);                                       \
  template Sinkhorn_EXPORT void            ComputeFirstVariation(                                                      \
               Side, const SolverParameters &, const Potentials<TReal> &, double, std::vector<TReal> &, ThreadIdType); \
  template Sinkhorn_EXPORT double ComputePaperFidelity(                                                                \
    const std::vector<TReal> &, const std::vector<TReal> &, const SolverParameters &, const Potentials<TReal> &)

itkSinkhornInstantiateDivergence(float);
itkSinkhornInstantiateDivergence(double);

} // namespace Sinkhorn
} // namespace itk
