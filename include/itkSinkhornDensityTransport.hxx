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
#ifndef itkSinkhornDensityTransport_hxx
#define itkSinkhornDensityTransport_hxx

#include "itkSinkhornDensityTransport.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace itk
{
namespace Sinkhorn
{

/** Share of the mass by which two densities differ, in [0, 1], estimated on about 2^16 voxels. */
template <typename TReal>
double
EstimateDifference(const std::vector<TReal> & logA, const std::vector<TReal> & logB)
{
  const SizeValueType stride = std::max<SizeValueType>(1, logA.size() >> 16) | 1;
  double              difference = 0.0;
  double              sum = 0.0;
  for (SizeValueType i = 0; i < logA.size(); i += stride)
  {
    const double a = std::exp(static_cast<double>(logA[i]));
    const double b = std::exp(static_cast<double>(logB[i]));
    difference += std::abs(a - b);
    sum += a + b;
  }
  return sum > 0.0 ? difference / sum : 1.0;
}

template <typename TReal>
void
DensityTransport<TReal>::Update(const std::vector<SizeValueType> & size,
                                const std::vector<double> &        spacing,
                                std::vector<TReal>                 logAlpha,
                                std::vector<TReal>                 logBeta,
                                const SolverParameters &           parameters,
                                ThreadIdType                       numberOfWorkUnits,
                                const std::vector<double> &        costs)
{
  const bool sameProblem = !this->IsEmpty() && this->IsSameProblem(size, spacing, parameters, costs);
  if (sameProblem && logAlpha == m_LogAlpha && logBeta == m_LogBeta)
  {
    return;
  }
  if (sameProblem && logAlpha == m_LogBeta && logBeta == m_LogAlpha)
  {
    this->Swap();
    return;
  }

  this->ChooseStart(sameProblem, logAlpha, logBeta);
  std::vector<TReal>().swap(m_LogAlpha); // the solve needs the memory
  std::vector<TReal>().swap(m_LogBeta);
  try
  {
    const auto op = MakeGridOperator<TReal>({ size, spacing, costs, numberOfWorkUnits }, m_OperatorMaker);
    ++m_NumberOfSolves;
    m_Report = Solver<TReal>::Solve(op, logAlpha, logBeta, parameters, m_Potentials);
    m_Values = ComputeTransportValues(logAlpha, logBeta, parameters, m_Potentials, numberOfWorkUnits);
  }
  catch (...)
  {
    this->Clear();
    throw;
  }
  m_Size = size;
  m_Spacing = spacing;
  m_Costs = costs;
  m_LogAlpha = std::move(logAlpha);
  m_LogBeta = std::move(logBeta);
  m_Parameters = parameters;
}

template <typename TReal>
void
DensityTransport<TReal>::Clear()
{
  m_LogAlpha.clear();
  m_LogBeta.clear();
  m_Potentials = Potentials<TReal>{};
  m_Report = SolverReport{};
  m_Values = TransportValues{};
}

template <typename TReal>
void
DensityTransport<TReal>::Swap()
{
  std::swap(m_LogAlpha, m_LogBeta);
  std::swap(m_Potentials.F, m_Potentials.G);
  std::swap(m_Potentials.FAlphaAlpha, m_Potentials.GBetaBeta);
  m_Potentials.Shift = -m_Potentials.Shift;
  std::swap(m_Report.MarginalErrorAlpha, m_Report.MarginalErrorBeta);
  std::swap(m_Report.MarginalErrorAlphaAlpha, m_Report.MarginalErrorBetaBeta);
  std::swap(m_Values.MassAlpha, m_Values.MassBeta);
}

template <typename TReal>
bool
DensityTransport<TReal>::IsSameProblem(const std::vector<SizeValueType> & size,
                                       const std::vector<double> &        spacing,
                                       const SolverParameters &           parameters,
                                       const std::vector<double> &        costs) const
{
  const auto key = [](const SolverParameters & p) {
    return std::make_tuple(p.Blur,
                           p.Reach,
                           p.Debias,
                           p.Tolerance,
                           p.MaximumNumberOfIterations,
                           p.Accelerate,
                           p.AnnealingRatio,
                           p.UsePyramid,
                           p.UseCoarseCorrection,
                           p.FinalUpdate,
                           p.TranslationInvariant);
  };
  return size == m_Size && spacing == m_Spacing && costs == m_Costs && key(parameters) == key(m_Parameters);
}

template <typename TReal>
void
DensityTransport<TReal>::ChooseStart(bool                       sameProblem,
                                     const std::vector<TReal> & logAlpha,
                                     const std::vector<TReal> & logBeta)
{
  if (!sameProblem || !m_UseWarmStart)
  {
    m_Potentials = Potentials<TReal>{};
    return;
  }
  const double straight = std::max(EstimateDifference(logAlpha, m_LogAlpha), EstimateDifference(logBeta, m_LogBeta));
  const double crossed = std::max(EstimateDifference(logAlpha, m_LogBeta), EstimateDifference(logBeta, m_LogAlpha));
  if (crossed < straight)
  {
    this->Swap();
  }
}

} // namespace Sinkhorn
} // namespace itk

#endif
