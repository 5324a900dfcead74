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
#include "itkSinkhornPointBarycenter.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** A move that is shorter than this part of the springs does not matter any more. */
constexpr double LeastStep = 1.0 / 64.0;

/** Energies are known to about this part, by the tolerance of the marginals. */
constexpr double EnergyRounding = 1e-3;

std::vector<double>
CheckedWeights(size_t numberOfMeasures, std::vector<double> weights, const PointBarycenterParameters & parameters)
{
  if (numberOfMeasures == 0 || weights.size() != numberOfMeasures)
  {
    itkGenericExceptionMacro("Sinkhorn: a barycentre of " << numberOfMeasures << " measures with " << weights.size()
                                                          << " weights. Give at least one measure and one weight for "
                                                          << "each.");
  }
  for (size_t k = 0; k < weights.size(); ++k)
  {
    if (!(weights[k] >= 0.0) || !std::isfinite(weights[k]))
    {
      itkGenericExceptionMacro("Sinkhorn: weight " << k << " of a barycentre is " << weights[k]
                                                   << ", but must be finite and not negative.");
    }
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(sum > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: all weights of a barycentre are 0; at least one must be positive.");
  }
  if (parameters.Transport.DirectionWeight != 0.0)
  {
    itkGenericExceptionMacro("Sinkhorn: DirectionWeight is "
                             << parameters.Transport.DirectionWeight
                             << " mm, but the particles of a barycentre have no directions. Set it to 0.");
  }
  if (!(parameters.Tolerance > 0.0) || parameters.MaximumNumberOfIterations == 0)
  {
    itkGenericExceptionMacro("Sinkhorn: a barycentre needs a positive Tolerance and at least one iteration, not "
                             << parameters.Tolerance << " and " << parameters.MaximumNumberOfIterations << '.');
  }
  std::transform(weights.begin(), weights.end(), weights.begin(), [sum](double weight) { return weight / sum; });
  return weights;
}

/** Weighted means of the energies and of the springs of a measure to several others. */
class MeanTransport
{
public:
  MeanTransport(const std::vector<PointMeasure> & measures,
                const std::vector<double> &       weights,
                const PointTransportParameters &  parameters)
    : m_Measures(measures)
    , m_Weights(weights)
    , m_Parameters(parameters)
    , m_Starts(measures.size())
  {}

  /** The energy. \param springs becomes their mean. */
  double
  Solve(const PointMeasure & particles, std::vector<double> & springs)
  {
    double energy = 0.0;
    springs.assign(particles.Positions.size(), 0.0);
    for (size_t k = 0; k < m_Measures.size(); ++k)
    {
      if (m_Weights[k] == 0.0)
      {
        continue;
      }
      PointTransport transport(particles, m_Measures[k], m_Parameters);
      transport.Solve(std::move(m_Starts[k]));
      m_Starts[k] = transport.GetPotentials();
      energy += m_Weights[k] * transport.GetValues().Divergence;
      const std::vector<double> of = transport.ComputeSprings(Side::Alpha);
      for (size_t i = 0; i < springs.size(); ++i)
      {
        springs[i] += m_Weights[k] * of[i];
      }
    }
    return energy;
  }

private:
  const std::vector<PointMeasure> &           m_Measures;
  const std::vector<double> &                 m_Weights;
  const PointTransportParameters &            m_Parameters;
  std::vector<PointTransport::PotentialsType> m_Starts;
};

double
GetLongest(const std::vector<double> & vectors, unsigned int dimension)
{
  double longest = 0.0;
  for (size_t i = 0; i < vectors.size(); i += dimension)
  {
    longest = std::max(longest, std::inner_product(&vectors[i], &vectors[i] + dimension, &vectors[i], 0.0));
  }
  return std::sqrt(longest);
}

} // namespace

PointMeasure
ComputePointBarycenter(const std::vector<PointMeasure> & measures,
                       const std::vector<double> &       givenWeights,
                       const PointMeasure &              start,
                       const PointBarycenterParameters & parameters,
                       PointBarycenterReport *           report)
{
  const std::vector<double> weights = CheckedWeights(measures.size(), givenWeights, parameters);
  const double              enough = parameters.Tolerance * parameters.Transport.Solver.Blur;
  MeanTransport             transport(measures, weights, parameters.Transport);
  PointBarycenterReport     result;
  PointMeasure              particles = start;
  particles.Directions.clear();
  PointMeasure        best = particles;
  std::vector<double> bestSprings;
  std::vector<double> springs;
  double              bestEnergy = std::numeric_limits<double>::max();
  double              step = 1.0;
  while (result.NumberOfIterations < parameters.MaximumNumberOfIterations && !result.Converged)
  {
    ++result.NumberOfIterations;
    const double energy = transport.Solve(particles, springs);
    if (energy <= bestEnergy * (1.0 + EnergyRounding))
    {
      bestEnergy = std::min(energy, bestEnergy);
      best.Positions = particles.Positions;
      bestSprings = springs;
    }
    else
    {
      step *= 0.5;
    }
    result.LargestMove = step * GetLongest(bestSprings, start.Dimension);
    result.Converged = result.LargestMove <= enough || step < LeastStep;
    for (size_t i = 0; i < particles.Positions.size(); ++i)
    {
      particles.Positions[i] = best.Positions[i] + step * bestSprings[i];
    }
  }
  result.Energy = bestEnergy;
  if (report != nullptr)
  {
    *report = result;
  }
  return best;
}

} // namespace Sinkhorn
} // namespace itk
