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
#include "itkSinkhornClusteredSoftminOperator.h"

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

/** Coordinates whose squared distance, halved, is the cost: positions, followed by s n if directions are oriented, or
 * else by the distinct entries of s n nᵀ, since |nnᵀ − mmᵀ|² = 2 − 2⟨n,m⟩². */
std::vector<double>
Lift(const PointMeasure & measure, double weight, bool oriented, unsigned int & liftedDimension)
{
  const unsigned int dimension = measure.Dimension;
  liftedDimension = dimension;
  if (weight == 0.0)
  {
    return measure.Positions;
  }
  liftedDimension += oriented ? dimension : dimension * (dimension + 1) / 2;
  std::vector<double> lifted;
  lifted.reserve(measure.GetNumberOfParticles() * liftedDimension);
  for (SizeValueType i = 0; i < measure.GetNumberOfParticles(); ++i)
  {
    const double * x = &measure.Positions[i * dimension];
    const double * n = &measure.Directions[i * dimension];
    lifted.insert(lifted.end(), x, x + dimension);
    for (unsigned int d = 0; d < dimension; ++d)
    {
      if (oriented)
      {
        lifted.push_back(weight * n[d]);
        continue;
      }
      lifted.push_back(weight * n[d] * n[d]);
      for (unsigned int e = d + 1; e < dimension; ++e)
      {
        lifted.push_back(std::sqrt(2.0) * weight * n[d] * n[e]);
      }
    }
  }
  return lifted;
}

void
Check(const PointMeasure & alpha, const PointMeasure & beta, const PointTransportParameters & parameters)
{
  alpha.Check("the first");
  beta.Check("the second");
  if (alpha.Dimension != beta.Dimension)
  {
    itkGenericExceptionMacro("Sinkhorn: the first measure has the dimension "
                             << alpha.Dimension << " and the second " << beta.Dimension << "; they must be the same.");
  }
  if (!(parameters.DirectionWeight >= 0.0) || !std::isfinite(parameters.DirectionWeight))
  {
    itkGenericExceptionMacro("Sinkhorn: DirectionWeight is " << parameters.DirectionWeight
                                                             << " mm, but must be positive, or 0 to leave directions "
                                                             << "out.");
  }
  if (parameters.DirectionWeight > 0.0 && !(alpha.HasDirections() && beta.HasDirections()))
  {
    itkGenericExceptionMacro("Sinkhorn: DirectionWeight is " << parameters.DirectionWeight << " mm, but the "
                                                             << (alpha.HasDirections() ? "second" : "first")
                                                             << " measure has no directions. Give curves or surfaces, "
                                                             << "or set DirectionWeight to 0.");
  }
}

} // namespace

PointTransport::PointTransport(const PointMeasure &             alpha,
                               const PointMeasure &             beta,
                               const PointTransportParameters & parameters)
  : m_Measures{ alpha, beta }
  , m_Parameters(parameters)
{
  Check(alpha, beta, parameters);
  const double mass[2] = { alpha.GetTotalMass(), beta.GetTotalMass() };
  for (size_t side = 0; side < 2; ++side)
  {
    double logScale = 0.0;
    if (parameters.NormalizeMasses)
    {
      logScale = parameters.Solver.Reach > 0.0 ? std::log(2.0 / (mass[0] + mass[1])) : -std::log(mass[side]);
    }
    const ArrayType & masses = m_Measures[side].Masses;
    m_LogWeights[side].resize(masses.size());
    std::transform(masses.begin(), masses.end(), m_LogWeights[side].begin(), [logScale](double m) {
      return std::log(m) + logScale;
    });
  }
  unsigned int dimension = 0;
  const auto   lift = [&](const PointMeasure & measure) {
    return Lift(measure, parameters.DirectionWeight, parameters.OrientedDirections, dimension);
  };
  const auto liftedAlpha = lift(alpha);
  const auto liftedBeta = lift(beta);
  const auto precision =
    parameters.Solver.Tolerance < LeastSingleTolerance ? PairPrecision::Double : PairPrecision::Single;
  m_Operator = std::make_shared<ClusteredSoftminOperator>(
    dimension, liftedAlpha, liftedBeta, alpha.Masses, beta.Masses, precision, parameters.NumberOfWorkUnits);
}

const SolverReport &
PointTransport::Solve(PotentialsType start, const SolverObserver & observer)
{
  m_Potentials = std::move(start);
  m_Report =
    Solver<double>::Solve(m_Operator, m_LogWeights[0], m_LogWeights[1], m_Parameters.Solver, m_Potentials, observer);
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
  return ComputeTransportValues(
    m_LogWeights[0], m_LogWeights[1], m_Parameters.Solver, m_Potentials, m_Parameters.NumberOfWorkUnits);
}

auto
PointTransport::GetMasses(Side side) const -> ArrayType
{
  ArrayType masses = m_LogWeights[static_cast<size_t>(side)];
  std::transform(masses.begin(), masses.end(), masses.begin(), [](double logMass) { return std::exp(logMass); });
  return masses;
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
  const PointMeasure & columns = this->GetMeasure(from);
  ArrayType            means(this->GetMeasure(to).Positions.size());
  m_Operator->ComputeMeans(to,
                           from,
                           m_Parameters.Solver.Blur,
                           m_LogWeights[static_cast<size_t>(from)].data(),
                           potential.data(),
                           columns.Positions.data(),
                           columns.Dimension,
                           means.data());
  return means;
}

auto
PointTransport::ComputeTargets(Side side) const -> ArrayType
{
  this->CheckSolved();
  return this->ComputeMeans(side, Opposite(side), side == Side::Alpha ? m_Potentials.G : m_Potentials.F);
}

auto
PointTransport::ComputeSprings(Side side) const -> ArrayType
{
  this->CheckSolved();
  const ArrayType &  positions = this->GetMeasure(side).Positions;
  const unsigned int dimension = this->GetMeasure(side).Dimension;
  const double       rho = m_Parameters.Solver.Reach * m_Parameters.Solver.Reach;
  const ArrayType &  cross = side == Side::Alpha ? m_Potentials.F : m_Potentials.G;
  const ArrayType &  self = side == Side::Alpha ? m_Potentials.FAlphaAlpha : m_Potentials.GBetaBeta;
  const double       shift = m_Potentials.GetShift(side);
  ArrayType          springs = this->ComputeTargets(side);
  // what is destroyed is not pulled: (ρ+ε)/ρ e^{−f/ρ} ∇f = e^{−f/ρ} (x − T(x))
  const auto damp = [rho](double potential) { return rho > 0.0 ? std::exp(std::min(-potential / rho, 60.0)) : 1.0; };
  for (size_t k = 0; k < springs.size(); ++k)
  {
    springs[k] = damp(cross[k / dimension] + shift) * (springs[k] - positions[k]);
  }
  if (!self.empty())
  {
    const ArrayType blurred = this->ComputeMeans(side, side, self);
    for (size_t k = 0; k < springs.size(); ++k)
    {
      springs[k] -= damp(self[k / dimension]) * (blurred[k] - positions[k]);
    }
  }
  return springs;
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
  m_Operator->Apply(side,
                    from,
                    m_Parameters.Solver.Blur,
                    m_LogWeights[static_cast<size_t>(from)].data(),
                    column.data(),
                    marginal.data());
  for (size_t i = 0; i < marginal.size(); ++i)
  {
    marginal[i] = std::exp(m_LogWeights[static_cast<size_t>(side)][i] + row[i] / epsilon + marginal[i]);
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
