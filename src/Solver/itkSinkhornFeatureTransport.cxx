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
#include "itkSinkhornFeatureTransport.h"

#include "itkSinkhornDensity.h"
#include "itkSinkhornSprings.h"

#include "itkMacro.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
FeatureTransport<TReal>::FeatureTransport(std::vector<SizeValueType>   size,
                                          std::vector<double>          spacing,
                                          std::vector<double>          costs,
                                          const ArrayType &            alpha,
                                          const ArrayType &            beta,
                                          const SolverParameters &     parameters,
                                          ThreadIdType                 numberOfWorkUnits,
                                          const OperatorMaker<TReal> & maker)
  : m_Size(std::move(size))
  , m_Spacing(std::move(spacing))
  , m_NumberOfVoxels(std::accumulate(m_Size.begin(), m_Size.end(), SizeValueType(1), std::multiplies<SizeValueType>()))
  , m_Parameters(parameters)
  , m_NumberOfWorkUnits(numberOfWorkUnits)
  , m_Operator(MakeGridOperator<TReal>({ m_Size, m_Spacing, std::move(costs), numberOfWorkUnits }, maker))
  , m_LogAlpha(this->MakeLogWeights("first", alpha))
  , m_LogBeta(this->MakeLogWeights("second", beta))
{}

template <typename TReal>
auto
FeatureTransport<TReal>::MakeLogWeights(const char * name, const ArrayType & masses) const -> ArrayType
{
  const SizeValueType expected = m_Operator->GetNumberOfPoints(Side::Alpha);
  if (masses.size() != expected)
  {
    itkGenericExceptionMacro("Sinkhorn: the " << name << " image has " << masses.size() << " masses; "
                                              << m_NumberOfVoxels << " voxels with " << this->GetNumberOfBins()
                                              << " bins need " << expected << '.');
  }
  double sum = 0.0;
  for (SizeValueType i = 0; i < expected; ++i)
  {
    if (!(masses[i] >= TReal(0)) || !(masses[i] < std::numeric_limits<TReal>::infinity()))
    {
      itkGenericExceptionMacro("Sinkhorn: the mass of voxel "
                               << i % m_NumberOfVoxels << ", bin " << i / m_NumberOfVoxels << " of the " << name
                               << " image is " << masses[i] << "; masses are finite and not negative.");
    }
    sum += masses[i];
  }
  if (!(sum > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: the " << name << " image has no mass in any bin.");
  }
  ArrayType logWeights = masses;
  ConvertToLogWeights(logWeights, 1.0 / sum, m_NumberOfWorkUnits);
  return logWeights;
}

template <typename TReal>
const SolverReport &
FeatureTransport<TReal>::Solve(const SolverObserver & observer)
{
  m_Potentials = Potentials<TReal>();
  m_Report = Solver<TReal>::Solve(m_Operator, m_LogAlpha, m_LogBeta, m_Parameters, m_Potentials, observer);
  return m_Report;
}

template <typename TReal>
void
FeatureTransport<TReal>::CheckSolved() const
{
  if (m_Potentials.F.empty())
  {
    itkGenericExceptionMacro(
      "Sinkhorn: a transport of features has no result before Solve(), nor after an aborted one.");
  }
}

template <typename TReal>
TransportValues
FeatureTransport<TReal>::GetValues() const
{
  this->CheckSolved();
  return ComputeTransportValues(m_LogAlpha, m_LogBeta, m_Parameters, m_Potentials, m_NumberOfWorkUnits);
}

template <typename TReal>
auto
FeatureTransport<TReal>::ComputeMean(Side side, const ArrayType & values) const -> ArrayType
{
  this->CheckSolved();
  if (values.size() != m_NumberOfVoxels)
  {
    itkGenericExceptionMacro("Sinkhorn: " << values.size() << " values for " << m_NumberOfVoxels << " voxels.");
  }
  const auto plan = Plan<TReal>::MakeCross(m_Operator, m_LogAlpha, m_LogBeta, m_Parameters.Blur, m_Potentials);
  return AverageBins(this->GetLogWeights(side),
                     plan.ComputeMean(side, plan.ComputeLogSum(side), RepeatForBins(values, this->GetNumberOfBins())),
                     m_NumberOfVoxels);
}

template <typename TReal>
auto
FeatureTransport<TReal>::ComputeTransportedMass(Side side) const -> ArrayType
{
  this->CheckSolved();
  const auto plan = Plan<TReal>::MakeCross(m_Operator, m_LogAlpha, m_LogBeta, m_Parameters.Blur, m_Potentials);
  return SumBins(plan.ComputeMarginal(side, plan.ComputeLogSum(side)), m_NumberOfVoxels);
}

template <typename TReal>
auto
FeatureTransport<TReal>::ComputeSprings(Side side) const -> ArrayType
{
  this->CheckSolved();
  const ArrayType & own = this->GetLogWeights(side);
  const auto        cross = Plan<TReal>::MakeCross(m_Operator, m_LogAlpha, m_LogBeta, m_Parameters.Blur, m_Potentials);
  const auto        self =
    m_Parameters.Debias ? Plan<TReal>::MakeSelf(m_Operator, side, own, m_Parameters.Blur, m_Potentials) : cross;
  ArrayType springs;
  for (const ArrayType & ways : Sinkhorn::ComputeSprings(cross,
                                                         cross.ComputeLogSum(side),
                                                         m_Parameters.Debias ? &self : nullptr,
                                                         side,
                                                         m_Size,
                                                         m_Spacing,
                                                         this->GetNumberOfBins()))
  {
    const ArrayType means = AverageBins(own, ways, m_NumberOfVoxels);
    springs.insert(springs.end(), means.begin(), means.end());
  }
  return springs;
}

template class FeatureTransport<float>;
template class FeatureTransport<double>;

} // namespace Sinkhorn
} // namespace itk
