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
  if (!(m_Reach >= 0.0) || !std::isfinite(m_Reach))
  {
    itkExceptionMacro("Reach must be 0 (balanced) or positive and finite (mm), but is " << m_Reach << '.');
  }
  if (!(m_Tolerance > 0.0) || !std::isfinite(m_Tolerance))
  {
    itkExceptionMacro("Tolerance must be positive and finite, but is " << m_Tolerance << ". The default is 1e-3.");
  }
  if (m_MaximumNumberOfIterations == 0)
  {
    itkExceptionMacro("MaximumNumberOfIterations must be at least 1. The default is 200.");
  }
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
  parameters.PreserveMassRatio = m_PreserveMassRatio;
  parameters.Solver.Blur = this->GetBlurInUse();
  parameters.Solver.Reach = m_Reach;
  parameters.Solver.Debias = m_Debias;
  parameters.Solver.Tolerance = m_Tolerance;
  parameters.Solver.MaximumNumberOfIterations = m_MaximumNumberOfIterations;
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

itkSinkhornPointMetricTemplate void
itkSinkhornPointMetricClass::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  const auto onOff = [](bool value) { return value ? "On" : "Off"; };
  os << indent << "Reach: " << m_Reach << std::endl;
  os << indent << "PreserveMassRatio: " << onOff(m_PreserveMassRatio) << std::endl;
  os << indent << "Debias: " << onOff(m_Debias) << std::endl;
  os << indent << "Tolerance: " << m_Tolerance << std::endl;
  os << indent << "MaximumNumberOfIterations: " << m_MaximumNumberOfIterations << std::endl;
  os << indent << "Acceleration: " << m_Acceleration << std::endl;
  os << indent << "UseWarmStart: " << onOff(m_UseWarmStart) << std::endl;
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
