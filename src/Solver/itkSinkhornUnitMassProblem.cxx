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
#include "itkSinkhornUnitMassProblem.h"
#include "itkSinkhornParallel.h"
#include "itkSinkhornPotentialUpdate.h"

#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
UnitMassProblem<TReal>::UnitMassProblem(const std::vector<TReal> & logAlpha,
                                        const std::vector<TReal> & logBeta,
                                        const double (&mass)[2],
                                        const SolverParameters & parameters,
                                        ThreadIdType             numberOfWorkUnits)
  : m_Given{ &logAlpha, &logBeta }
  , m_NumberOfWorkUnits(numberOfWorkUnits)
{
  // translations of up to a hundred times ε change the exponents of a plan in single precision by less than 1e-5
  constexpr double translationBudget = 100.0;
  constexpr double rounding = 16.0 * std::numeric_limits<TReal>::epsilon();

  const double logMass[2] = { std::log(mass[0]), std::log(mass[1]) };
  Temperature  temperature;
  temperature.Epsilon = parameters.Blur * parameters.Blur;
  temperature.Rho = parameters.Reach * parameters.Reach;
  const double damping = temperature.GetDamping();
  const double scale = -damping * temperature.Epsilon / (1.0 + damping);
  m_Common = 0.5 * scale * (logMass[0] + logMass[1]);
  m_Translation = 0.5 * temperature.Rho * (logMass[0] - logMass[1]);
  m_LargestTranslation = translationBudget * temperature.Epsilon;
  for (size_t side = 0; side < 2; ++side)
  {
    m_Self[side] = scale * logMass[side];
    if (std::abs(logMass[side]) > rounding)
    {
      m_Scaled[side] = *m_Given[side];
      ShiftPotential(m_Scaled[side].size(), m_Scaled[side].data(), -logMass[side], numberOfWorkUnits);
    }
  }
}

template <typename TReal>
double
UnitMassProblem<TReal>::ComputeDifference(double enough) const
{
  const std::vector<TReal> & logAlpha = this->GetLogWeights(Side::Alpha);
  const std::vector<TReal> & logBeta = this->GetLogWeights(Side::Beta);
  if (logAlpha.size() != logBeta.size())
  {
    return 1.0;
  }
  const double sum =
    SumOverChunks<double>(logAlpha.size(), m_NumberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
      double difference = 0.0;
      for (SizeValueType i = begin; i < end && difference <= 2.0 * enough; ++i)
      {
        // most points of most problems are equal or far from it: no exponential for those that are
        difference +=
          logAlpha[i] == logBeta[i]
            ? 0.0
            : std::abs(std::exp(static_cast<double>(logAlpha[i])) - std::exp(static_cast<double>(logBeta[i])));
      }
      return difference;
    });
  return 0.5 * sum;
}

template <typename TReal>
void
UnitMassProblem<TReal>::Reduce(Potentials<TReal> & potentials) const
{
  // A start from other masses has another translation; that of a long reach is not known to its last digits and
  // best left out.
  const double rest = m_Translation - potentials.Shift;
  this->Shift(potentials, -1.0, std::abs(rest) <= m_LargestTranslation ? rest : 0.0);
  potentials.Shift = 0.0;
}

template <typename TReal>
void
UnitMassProblem<TReal>::Complete(Potentials<TReal> & potentials) const
{
  const bool isSmall = std::abs(m_Translation) <= m_LargestTranslation;
  this->Shift(potentials, 1.0, isSmall ? m_Translation : 0.0);
  potentials.Shift = isSmall ? 0.0 : m_Translation;
}

template <typename TReal>
void
UnitMassProblem<TReal>::Shift(Potentials<TReal> & potentials, double direction, double translation) const
{
  const auto shift = [this, direction](std::vector<TReal> & potential, double constant) {
    if (constant != 0.0)
    {
      ShiftPotential(potential.size(), potential.data(), direction * constant, m_NumberOfWorkUnits);
    }
  };
  shift(potentials.F, m_Common + translation);
  shift(potentials.G, m_Common - translation);
  shift(potentials.FAlphaAlpha, m_Self[0]);
  shift(potentials.GBetaBeta, m_Self[1]);
}

template class UnitMassProblem<float>;
template class UnitMassProblem<double>;

} // namespace Sinkhorn
} // namespace itk
