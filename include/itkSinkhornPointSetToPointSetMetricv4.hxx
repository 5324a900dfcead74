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
#ifndef itkSinkhornPointSetToPointSetMetricv4_hxx
#define itkSinkhornPointSetToPointSetMetricv4_hxx

#include "itkSinkhornPointSetToPointSetMetricv4.h"

#include <cmath>
#include <numeric>

// The classes of this file have three template parameters.
#define itkSinkhornPointMetricTemplate \
  template <typename TFixedPointSet, typename TMovingPointSet, class TInternalComputationValueType>
#define itkSinkhornPointMetricClass \
  SinkhornPointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>

namespace itk
{

itkSinkhornPointMetricTemplate void
itkSinkhornPointMetricClass::VerifyParameters() const
{
  Superclass::VerifyParameters();
  m_Settings.Verify(this->GetNameOfClass());
}

itkSinkhornPointMetricTemplate void
itkSinkhornPointMetricClass::Initialize()
{
  Superclass::Initialize();
  m_HasWarned = false;
}

itkSinkhornPointMetricTemplate Sinkhorn::PointTransportParameters
                               itkSinkhornPointMetricClass::MakeParameters() const
{
  Sinkhorn::PointTransportParameters parameters;
  static_cast<Sinkhorn::PointComparisonParameters &>(parameters) = this->MakeComparisonParameters();
  parameters.PreserveMassRatio = m_Settings.PreserveMassRatio;
  parameters.Solver = m_Settings.MakeSolverParameters(this->GetBlurInUse());
  parameters.Solver.Accelerate = m_Acceleration;
  return parameters;
}

itkSinkhornPointMetricTemplate double
itkSinkhornPointMetricClass::CompareMeasures(const Sinkhorn::PointMeasure & alpha,
                                             const Sinkhorn::PointMeasure & beta,
                                             Sinkhorn::PointGradient *      gradient) const
{
  const auto   parameters = this->MakeParameters();
  const auto & transport = m_Transport.Update(alpha, beta, parameters, m_UseWarmStart);
  if (!transport.GetReport().Converged && !m_HasWarned)
  {
    m_HasWarned = true;
    itkWarningMacro("The transport has " << transport.GetReport().Describe(parameters.Solver)
                                         << ". Raise MaximumNumberOfIterations, Blur or Tolerance. Shown once; "
                                         << "GetConverged() tells it for each evaluation.");
  }
  if (gradient)
  {
    *gradient = transport.ComputeGradient(Sinkhorn::Side::Alpha);
  }
  return transport.GetValues().Divergence;
}

itkSinkhornPointMetricTemplate double
itkSinkhornPointMetricClass::GetMassOfGradient() const
{
  const std::vector<double> masses = m_Transport.GetTransport()->GetMasses(Sinkhorn::Side::Alpha);
  return std::accumulate(masses.begin(), masses.end(), 0.0);
}

itkSinkhornPointMetricTemplate void
itkSinkhornPointMetricClass::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  m_Settings.Print(os, indent);
  os << indent << "Acceleration: " << m_Acceleration << std::endl;
  os << indent << "UseWarmStart: " << Sinkhorn::OnOrOff(m_UseWarmStart) << std::endl;
  os << indent << "NumberOfIterations: " << this->GetNumberOfIterations() << std::endl;
  os << indent << "MarginalError: " << this->GetMarginalError() << std::endl;
  os << indent << "Converged: " << (this->GetConverged() ? "Yes" : "No") << std::endl;
  os << indent << "TransportValue: " << this->GetTransportValue() << std::endl;
  os << indent << "NumberOfSolves: " << this->GetNumberOfSolves() << std::endl;
}

} // namespace itk

#undef itkSinkhornPointMetricTemplate
#undef itkSinkhornPointMetricClass

#endif
