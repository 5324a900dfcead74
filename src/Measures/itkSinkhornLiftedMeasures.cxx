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
#include "itkSinkhornLiftedMeasures.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

namespace
{

const double SquareRootOfTwo = std::sqrt(2.0);

void
Check(const PointMeasure & alpha, const PointMeasure & beta, const PointComparisonParameters & parameters)
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
    itkGenericExceptionMacro("Sinkhorn: DirectionWeight is "
                             << parameters.DirectionWeight << " mm, but the "
                             << (alpha.HasDirections() ? "second" : "first")
                             << " measure has no directions. Give curves or surfaces, or set DirectionWeight to 0.");
  }
}

} // namespace

LiftedMeasures::LiftedMeasures(const PointMeasure &              alpha,
                               const PointMeasure &              beta,
                               const PointComparisonParameters & parameters)
  : m_Measures{ alpha, beta }
  , m_Parameters(parameters)
{
  Check(alpha, beta, parameters);
  m_Dimension = alpha.Dimension;
  if (parameters.DirectionWeight > 0.0)
  {
    m_Dimension += parameters.OrientedDirections ? alpha.Dimension : alpha.Dimension * (alpha.Dimension + 1) / 2;
  }
  const double mass[2] = { alpha.GetTotalMass(), beta.GetTotalMass() };
  for (size_t side = 0; side < 2; ++side)
  {
    double logScale = 0.0;
    if (parameters.NormalizeMasses)
    {
      logScale = parameters.PreserveMassRatio ? std::log(2.0 / (mass[0] + mass[1])) : -std::log(mass[side]);
    }
    const ArrayType & masses = m_Measures[side].Masses;
    m_LogWeights[side].resize(masses.size());
    std::transform(masses.begin(), masses.end(), m_LogWeights[side].begin(), [logScale](double m) {
      return std::log(m) + logScale;
    });
    m_Coordinates[side] = this->Lift(m_Measures[side]);
  }
}

auto
LiftedMeasures::Lift(const PointMeasure & measure) const -> ArrayType
{
  const unsigned int dimension = measure.Dimension;
  const double       weight = m_Parameters.DirectionWeight;
  if (m_Dimension == dimension)
  {
    return measure.Positions;
  }
  ArrayType lifted;
  lifted.reserve(measure.GetNumberOfParticles() * m_Dimension);
  for (SizeValueType i = 0; i < measure.GetNumberOfParticles(); ++i)
  {
    const double * x = &measure.Positions[i * dimension];
    const double * n = &measure.Directions[i * dimension];
    lifted.insert(lifted.end(), x, x + dimension);
    for (unsigned int d = 0; d < dimension; ++d)
    {
      if (m_Parameters.OrientedDirections)
      {
        lifted.push_back(weight * n[d]);
        continue;
      }
      lifted.push_back(weight * n[d] * n[d]);
      for (unsigned int e = d + 1; e < dimension; ++e)
      {
        lifted.push_back(SquareRootOfTwo * weight * n[d] * n[e]);
      }
    }
  }
  return lifted;
}

auto
LiftedMeasures::GetMasses(Side side) const -> ArrayType
{
  ArrayType masses = this->GetLogWeights(side);
  std::transform(masses.begin(), masses.end(), masses.begin(), [](double logMass) { return std::exp(logMass); });
  return masses;
}

std::shared_ptr<const ClusteredSoftminOperator>
LiftedMeasures::MakeOperator(PairPrecision precision) const
{
  return std::make_shared<ClusteredSoftminOperator>(m_Dimension,
                                                    m_Coordinates[0],
                                                    m_Coordinates[1],
                                                    m_Measures[0].Masses,
                                                    m_Measures[1].Masses,
                                                    precision,
                                                    m_Parameters.NumberOfWorkUnits);
}

auto
LiftedMeasures::GetPositions(Side side, const ArrayType & lifted) const -> ArrayType
{
  const unsigned int dimension = this->GetMeasure(side).Dimension;
  ArrayType          positions(this->GetMeasure(side).Positions.size());
  for (size_t k = 0; k < positions.size(); ++k)
  {
    positions[k] = lifted[k / dimension * m_Dimension + k % dimension];
  }
  return positions;
}

PointGradient
LiftedMeasures::PullBack(Side side, const ArrayType & lifted) const
{
  PointGradient gradient;
  gradient.Positions = this->GetPositions(side, lifted);
  const PointMeasure & measure = this->GetMeasure(side);
  const unsigned int   dimension = measure.Dimension;
  if (m_Dimension == dimension)
  {
    return gradient;
  }
  const double weight = m_Parameters.DirectionWeight;
  gradient.Directions.assign(measure.Positions.size(), 0.0);
  for (SizeValueType i = 0; i < measure.GetNumberOfParticles(); ++i)
  {
    const double * n = &measure.Directions[i * dimension];
    const double * feature = &lifted[i * m_Dimension + dimension];
    double *       direction = &gradient.Directions[i * dimension];
    for (unsigned int d = 0; d < dimension; ++d)
    {
      if (m_Parameters.OrientedDirections)
      {
        direction[d] = weight * *feature++;
        continue;
      }
      direction[d] += 2.0 * weight * n[d] * *feature++;
      for (unsigned int e = d + 1; e < dimension; ++e, ++feature)
      {
        direction[d] += SquareRootOfTwo * weight * n[e] * *feature;
        direction[e] += SquareRootOfTwo * weight * n[d] * *feature;
      }
    }
  }
  return gradient;
}

} // namespace Sinkhorn
} // namespace itk
