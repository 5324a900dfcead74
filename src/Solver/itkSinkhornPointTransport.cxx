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
#include "itkSinkhornPointTransport.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Below this tolerance pairs are computed in double precision. */
constexpr double LeastSingleTolerance = 1e-5;

/** The largest part of the way that a predicted move may have gone, forwards or backwards. */
constexpr double LargestPart = 0.9;

/** A balanced transport needs equal masses. */
PointComparisonParameters
GetComparisonParameters(const PointTransportParameters & parameters)
{
  PointComparisonParameters comparison = parameters;
  comparison.PreserveMassRatio = parameters.PreserveMassRatio && parameters.Solver.Reach > 0.0;
  return comparison;
}

} // namespace

PointTransport::PointTransport(const PointMeasure &             alpha,
                               const PointMeasure &             beta,
                               const PointTransportParameters & parameters)
  : m_Measures(alpha, beta, GetComparisonParameters(parameters))
  , m_Parameters(parameters)
  , m_Operator(m_Measures.MakeOperator(parameters.Solver.Tolerance < LeastSingleTolerance ? PairPrecision::Double
                                                                                          : PairPrecision::Single))
{}

const SolverReport &
PointTransport::Solve(PotentialsType start, const SolverObserver & observer)
{
  m_Potentials = std::move(start);
  m_Report = Solver<double>::Solve(m_Operator,
                                   m_Measures.GetLogWeights(Side::Alpha),
                                   m_Measures.GetLogWeights(Side::Beta),
                                   m_Parameters.Solver,
                                   m_Potentials,
                                   observer);
  return m_Report;
}

void
PointTransport::CheckSolved() const
{
  if (m_Potentials.F.empty())
  {
    itkGenericExceptionMacro("Sinkhorn: a point transport has no result before Solve(), nor after an aborted one.");
  }
}

TransportValues
PointTransport::GetValues() const
{
  this->CheckSolved();
  return ComputeTransportValues(m_Measures.GetLogWeights(Side::Alpha),
                                m_Measures.GetLogWeights(Side::Beta),
                                m_Parameters.Solver,
                                m_Potentials,
                                m_Parameters.NumberOfWorkUnits);
}

auto
PointTransport::ComputeVariation(Side side) const -> ArrayType
{
  this->CheckSolved();
  const ArrayType opposite = this->GetMasses(Opposite(side));
  double          oppositeMass = 0.0;
  for (const double mass : opposite)
  {
    oppositeMass += mass;
  }
  ArrayType variation;
  ComputeFirstVariation(
    side, m_Parameters.Solver, m_Potentials, oppositeMass, variation, m_Parameters.NumberOfWorkUnits);
  return variation;
}

auto
PointTransport::ComputeMeans(Side to, Side from, const ArrayType & potential) const -> ArrayType
{
  ArrayType means(m_Measures.GetCoordinates(to).size());
  m_Operator->ComputeMeans(to,
                           from,
                           m_Parameters.Solver.Blur,
                           m_Measures.GetLogWeights(from).data(),
                           potential.data(),
                           m_Measures.GetCoordinates(from).data(),
                           m_Measures.GetDimension(),
                           means.data());
  return means;
}

auto
PointTransport::ComputeTargets(Side side) const -> ArrayType
{
  this->CheckSolved();
  const ArrayType & potential = side == Side::Alpha ? m_Potentials.G : m_Potentials.F;
  return m_Measures.GetPositions(side, this->ComputeMeans(side, Opposite(side), potential));
}

auto
PointTransport::ComputeLiftedSprings(Side side) const -> ArrayType
{
  this->CheckSolved();
  const ArrayType &  coordinates = m_Measures.GetCoordinates(side);
  const unsigned int dimension = m_Measures.GetDimension();
  const double       rho = m_Parameters.Solver.Reach * m_Parameters.Solver.Reach;
  const ArrayType &  own = side == Side::Alpha ? m_Potentials.F : m_Potentials.G;
  const ArrayType &  opposite = side == Side::Alpha ? m_Potentials.G : m_Potentials.F;
  const ArrayType &  self = side == Side::Alpha ? m_Potentials.FAlphaAlpha : m_Potentials.GBetaBeta;
  const double       shift = m_Potentials.GetShift(side);
  ArrayType          springs = this->ComputeMeans(side, Opposite(side), opposite);
  // what is destroyed is not pulled: (ρ+ε)/ρ e^{−f/ρ} ∇f = e^{−f/ρ} (x − T(x))
  const auto damp = [rho](double potential) { return rho > 0.0 ? std::exp(std::min(-potential / rho, 60.0)) : 1.0; };
  for (size_t k = 0; k < springs.size(); ++k)
  {
    springs[k] = damp(own[k / dimension] + shift) * (springs[k] - coordinates[k]);
  }
  if (!self.empty())
  {
    const ArrayType blurred = this->ComputeMeans(side, side, self);
    for (size_t k = 0; k < springs.size(); ++k)
    {
      springs[k] -= damp(self[k / dimension]) * (blurred[k] - coordinates[k]);
    }
  }
  return springs;
}

auto
PointTransport::ComputeSprings(Side side) const -> ArrayType
{
  return m_Measures.GetPositions(side, this->ComputeLiftedSprings(side));
}

PointGradient
PointTransport::ComputeGradient(Side side) const
{
  ArrayType          gradient = this->ComputeLiftedSprings(side);
  const ArrayType    masses = this->GetMasses(side);
  const unsigned int dimension = m_Measures.GetDimension();
  for (size_t k = 0; k < gradient.size(); ++k)
  {
    gradient[k] *= -masses[k / dimension];
  }
  return m_Measures.PullBack(side, gradient);
}

auto
PointTransport::PredictPotentials(const ArrayType & positions) const -> PotentialsType
{
  const PointMeasure & alpha = this->GetMeasure(Side::Alpha);
  const ArrayType      springs = this->ComputeSprings(Side::Alpha);
  if (positions.size() != springs.size())
  {
    itkGenericExceptionMacro("Sinkhorn: " << positions.size() << " coordinates of moved particles, but there were "
                                          << springs.size() << ". They must be the same particles.");
  }
  double    along = 0.0;
  double    squared = 0.0;
  ArrayType lengths(alpha.GetNumberOfParticles(), 0.0);
  for (size_t k = 0; k < springs.size(); ++k)
  {
    const size_t i = k / alpha.Dimension;
    along += alpha.Masses[i] * springs[k] * (positions[k] - alpha.Positions[k]);
    squared += alpha.Masses[i] * springs[k] * springs[k];
    lengths[i] += springs[k] * springs[k];
  }
  PotentialsType predicted = m_Potentials;
  const double   part = squared > 0.0 ? std::min(std::max(along / squared, -LargestPart), LargestPart) : 0.0;
  const auto     scale = [part](ArrayType & potential, const ArrayType & self, const auto & less) {
    for (size_t i = 0; i < potential.size(); ++i)
    {
      const double bias = self.empty() ? 0.0 : self[i];
      potential[i] = bias + (1.0 - part) * (potential[i] - bias - less(i));
    }
  };
  scale(predicted.F, predicted.FAlphaAlpha, [&](size_t i) { return 0.5 * part * lengths[i]; });
  scale(predicted.G, predicted.GBetaBeta, [](size_t) { return 0.0; });
  return predicted;
}

auto
PointTransport::ComputeMarginal(Side side) const -> ArrayType
{
  this->CheckSolved();
  const Side        from = Opposite(side);
  const double      epsilon = m_Parameters.Solver.Blur * m_Parameters.Solver.Blur;
  const ArrayType & row = side == Side::Alpha ? m_Potentials.F : m_Potentials.G;
  const ArrayType & column = side == Side::Alpha ? m_Potentials.G : m_Potentials.F;
  ArrayType         marginal(row.size());
  m_Operator->Apply(
    side, from, m_Parameters.Solver.Blur, m_Measures.GetLogWeights(from).data(), column.data(), marginal.data());
  for (size_t i = 0; i < marginal.size(); ++i)
  {
    marginal[i] = std::exp(m_Measures.GetLogWeights(side)[i] + row[i] / epsilon + marginal[i]);
  }
  return marginal;
}

PointMeasure
PointTransport::MakeInterpolation(double t) const
{
  PointMeasure    moved = this->GetMeasure(Side::Alpha);
  const ArrayType springs = this->ComputeSprings(Side::Alpha);
  for (size_t k = 0; k < springs.size(); ++k)
  {
    moved.Positions[k] += t * springs[k];
  }
  moved.Directions.clear();
  return moved;
}

} // namespace Sinkhorn
} // namespace itk
