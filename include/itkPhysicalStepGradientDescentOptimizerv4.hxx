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
#ifndef itkPhysicalStepGradientDescentOptimizerv4_hxx
#define itkPhysicalStepGradientDescentOptimizerv4_hxx

#include <algorithm>
#include <cmath>
#include <utility>

namespace itk
{

template <typename TInternalComputationValueType>
PhysicalStepGradientDescentOptimizerv4Template<
  TInternalComputationValueType>::PhysicalStepGradientDescentOptimizerv4Template()
{
  // The lengths of the steps decide.
  this->m_UseConvergenceMonitoring = false;
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::SetOverlap(OverlapFunctionType overlap)
{
  m_GetOverlap = std::move(overlap);
  this->Modified();
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::ForgetStart()
{
  m_HasStart = false;
  m_HasStartOverlap = false;
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::VerifySettings() const
{
  if (this->m_ScalesEstimator.IsNull())
  {
    itkExceptionMacro("Steps have a physical length only by a scales estimator: call SetScalesEstimator(), e.g. with a "
                      "RegistrationParameterScalesFromPhysicalShift.");
  }
  if (!(m_ShortestStep > 0.0) || !(m_LongestStep >= m_ShortestStep) || std::isinf(m_LongestStep))
  {
    itkExceptionMacro("LongestStep " << m_LongestStep << " and ShortestStep " << m_ShortestStep
                                     << " mm: must be 0 < ShortestStep <= LongestStep.");
  }
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::StartOptimization(
  bool doOnlyInitialization)
{
  this->VerifySettings();
  m_StepLength = m_LongestStep;
  m_Converged = false;
  m_HasBest = false;
  m_Step.clear();
  if (this->m_Metric.IsNotNull())
  {
    this->ReturnToStartIfBetter();
  }
  Superclass::StartOptimization(doOnlyInitialization);
  if (m_HasBest)
  {
    this->m_Metric->SetParameters(m_BestPosition);
    this->m_CurrentMetricValue = m_BestValue;
  }
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::ReturnToStartIfBetter()
{
  ParametersType present = this->m_Metric->GetParameters();
  if (!m_HasStart || m_StartPosition.Size() != present.Size())
  {
    m_StartPosition = present;
    m_HasStart = true;
    return;
  }
  const MeasureType value = this->m_Metric->GetValue();
  this->m_Metric->SetParameters(m_StartPosition);
  const MeasureType startValue = this->m_Metric->GetValue();
  if (!(startValue < value))
  {
    this->m_Metric->SetParameters(present);
  }
}

template <typename TInternalComputationValueType>
bool
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::IsBetter()
{
  const double overlap = m_GetOverlap ? m_GetOverlap() : 1.0;
  if (!m_HasStartOverlap)
  {
    m_StartOverlap = overlap;
    m_HasStartOverlap = true;
  }
  if (!m_HasBest || std::isnan(m_BestValue))
  {
    return true;
  }
  return this->m_CurrentMetricValue < m_BestValue && overlap >= m_MinimumOverlap * m_StartOverlap;
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::AdaptStepLength()
{
  constexpr double growth = 1.4;
  if (m_Step.empty())
  {
    return;
  }
  double along = 0.0;
  for (std::size_t i = 0; i < m_Step.size(); ++i)
  {
    along += static_cast<double>(m_Step[i]) * static_cast<double>(this->m_Gradient[i]);
  }
  m_StepLength = along < 0.0 ? 0.5 * m_StepLength : std::min(growth * m_StepLength, m_LongestStep);
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::AdvanceOneStep()
{
  if (this->IsBetter())
  {
    this->AdaptStepLength();
    m_HasBest = true;
    m_BestValue = this->m_CurrentMetricValue;
    m_BestPosition = this->GetCurrentPosition();
    m_BestGradient = this->m_Gradient;
  }
  else
  {
    m_StepLength *= 0.5;
    this->m_Metric->SetParameters(m_BestPosition);
    this->m_Gradient = m_BestGradient;
  }
  const bool noGradient = this->m_Gradient.inf_norm() == 0.0;
  if (m_StepLength < m_ShortestStep || noGradient)
  {
    m_Converged = true;
    this->m_StopCondition = StopConditionObjectToObjectOptimizerEnum::STEP_TOO_SMALL;
    this->m_StopConditionDescription << (noGradient ? "the gradient is zero" : "steps became too short to matter");
    this->InvokeEvent(IterationEvent());
    this->StopOptimization();
    return;
  }
  Superclass::AdvanceOneStep();
  m_Step.assign(this->m_Gradient.begin(), this->m_Gradient.end());
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::EstimateLearningRate()
{
  const auto shift = this->m_ScalesEstimator->EstimateStepScale(this->m_Gradient);
  this->m_LearningRate = shift > 0.0 ? m_StepLength / shift : 0.0;
}

template <typename TInternalComputationValueType>
void
PhysicalStepGradientDescentOptimizerv4Template<TInternalComputationValueType>::PrintSelf(std::ostream & os,
                                                                                         Indent         indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "LongestStep: " << m_LongestStep << std::endl;
  os << indent << "ShortestStep: " << m_ShortestStep << std::endl;
  os << indent << "MinimumOverlap: " << m_MinimumOverlap << std::endl;
  os << indent << "Overlap: " << (m_GetOverlap ? "(set)" : "(none)") << std::endl;
  os << indent << "StepLength: " << m_StepLength << std::endl;
  os << indent << "Converged: " << (m_Converged ? "On" : "Off") << std::endl;
  os << indent << "HasBest: " << m_HasBest << std::endl;
  os << indent << "BestValue: " << m_BestValue << std::endl;
  os << indent << "BestPosition: " << m_BestPosition << std::endl;
  os << indent << "HasStart: " << m_HasStart << std::endl;
  os << indent << "StartPosition: " << m_StartPosition << std::endl;
  os << indent << "StartOverlap: " << m_StartOverlap << std::endl;
}

} // namespace itk

#endif
