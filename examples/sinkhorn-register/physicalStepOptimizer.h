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
#ifndef sinkhornRegisterPhysicalStepOptimizer_h
#define sinkhornRegisterPhysicalStepOptimizer_h

#include "itkGradientDescentOptimizerv4.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

namespace SinkhornRegister
{

/** Gradient descent whose steps move no point of the image further than a given length, and which never ends with a
 * worse value than it began with. A step that makes the value worse is taken back and tried with half its length; steps
 * that the gradient agrees with grow (up to the first length); it has converged when steps are too short to matter.
 * Lengths are physical at every iteration, unlike those of ITK's regular-step optimiser, which mix radians and
 * millimetres. */
class PhysicalStepOptimizer : public itk::GradientDescentOptimizerv4Template<double>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(PhysicalStepOptimizer);
  using Self = PhysicalStepOptimizer;
  using Superclass = itk::GradientDescentOptimizerv4Template<double>;
  using Pointer = itk::SmartPointer<Self>;
  itkNewMacro(Self);
  itkTypeMacro(PhysicalStepOptimizer, GradientDescentOptimizerv4Template);

  /** Longest and shortest step, mm. */
  void
  SetStepLengths(double longest, double shortest)
  {
    m_Longest = longest;
    m_Shortest = shortest;
    m_Length = longest;
  }
  /** What tells the part of the domain's points at which both images have values: less than half as much as at the
   * first start counts as worse, since metrics that are means over these points pay for fewer of them. None by default.
   */
  void
  SetOverlap(std::function<double()> overlap)
  {
    m_GetOverlap = std::move(overlap);
  }
  /** Whether steps became too short to matter, or there is no gradient. */
  bool
  GetConverged() const
  {
    return m_Converged;
  }
  /** The value at the present parameters, the best so far. */
  double
  GetBestValue() const
  {
    return m_BestValue;
  }
  void
  StartOptimization(bool doOnlyInitialization = false) override
  {
    m_Length = m_Longest;
    m_Converged = false;
    m_HasBest = false;
    m_Step.clear();
    this->ReturnToStartIfBetter();
    Superclass::StartOptimization(doOnlyInitialization);
    if (m_HasBest)
    {
      this->ReturnToBest();
      this->m_CurrentMetricValue = m_BestValue;
    }
  }

protected:
  PhysicalStepOptimizer() { this->m_UseConvergenceMonitoring = false; }
  ~PhysicalStepOptimizer() override = default;

  void
  AdvanceOneStep() override
  {
    const double overlap = m_GetOverlap ? m_GetOverlap() : 1.0;
    m_LeastOverlap = m_LeastOverlap < 0.0 ? 0.5 * overlap : m_LeastOverlap;
    const bool isBetter =
      !m_HasBest || std::isnan(m_BestValue) || (this->m_CurrentMetricValue < m_BestValue && overlap >= m_LeastOverlap);
    if (isBetter)
    {
      this->AdaptLength();
      m_HasBest = true;
      m_BestValue = this->m_CurrentMetricValue;
      m_BestParameters = this->GetCurrentPosition();
      m_BestGradient = this->m_Gradient;
    }
    else
    {
      m_Length *= 0.5;
      this->ReturnToBest();
      this->m_Gradient = m_BestGradient;
    }
    const bool noGradient = this->m_Gradient.inf_norm() == 0.0;
    if (m_Length < m_Shortest || noGradient)
    {
      m_Converged = true;
      this->m_StopConditionDescription << (noGradient ? "the gradient is zero" : "steps became too short to matter");
      this->InvokeEvent(itk::IterationEvent());
      this->StopOptimization();
      return;
    }
    Superclass::AdvanceOneStep();
    m_Step.assign(this->m_Gradient.begin(), this->m_Gradient.end());
  }

  void
  EstimateLearningRate() override
  {
    const double shift = this->m_ScalesEstimator->EstimateStepScale(this->m_Gradient);
    this->m_LearningRate = shift > 0.0 ? m_Length / shift : 0.0;
  }

private:
  /** After a step that was kept: longer if the gradient still points along it, shorter if it turned back. */
  void
  AdaptLength()
  {
    double along = 0.0;
    for (std::size_t i = 0; i < m_Step.size(); ++i)
    {
      along += m_Step[i] * this->m_Gradient[i];
    }
    if (!m_Step.empty())
    {
      m_Length = along < 0.0 ? 0.5 * m_Length : std::min(1.4 * m_Length, m_Longest);
    }
  }
  /** Coarse levels may lead away from a start that is better at this one. */
  void
  ReturnToStartIfBetter()
  {
    ParametersType present = this->m_Metric->GetParameters();
    if (m_StartParameters.empty())
    {
      m_StartParameters = present;
      return;
    }
    const double value = this->m_Metric->GetValue();
    this->m_Metric->SetParameters(m_StartParameters);
    const double startValue = this->m_Metric->GetValue();
    if (!(startValue < value))
    {
      this->m_Metric->SetParameters(present);
    }
  }
  void
  ReturnToBest()
  {
    this->m_Metric->SetParameters(m_BestParameters);
  }

  double                  m_Longest{ 1.0 };
  double                  m_Shortest{ 0.01 };
  double                  m_Length{ 1.0 };
  bool                    m_Converged{ false };
  std::function<double()> m_GetOverlap;
  double                  m_LeastOverlap{ -1.0 }; ///< not known before the first evaluation
  std::vector<double>     m_Step;
  bool                    m_HasBest{ false };
  double                  m_BestValue{ 0.0 };
  ParametersType          m_StartParameters; ///< of the first level
  ParametersType          m_BestParameters;
  DerivativeType          m_BestGradient;
};

} // namespace SinkhornRegister

#endif
