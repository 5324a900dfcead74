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
#ifndef itkPhysicalStepGradientDescentOptimizerv4_h
#define itkPhysicalStepGradientDescentOptimizerv4_h

#include "itkGradientDescentOptimizerv4.h"

#include <functional>
#include <vector>

namespace itk
{

/** \class PhysicalStepGradientDescentOptimizerv4Template
 * \brief Gradient descent whose steps have a physical length, and which never ends with a worse value than it began
 * with.
 *
 * The length of a step is the largest shift, mm, that it causes at any of the scales estimator's sample points
 * (OptimizerParameterScalesEstimator::EstimateStepScale), so that it means the same for a translation, a rotation or a
 * shear, and at every iteration. It begins as LongestStep. A step that makes the value worse is taken back and tried
 * with half its length; a step that is kept grows by 1.4 (never beyond LongestStep) if the next gradient still points
 * along it, and is halved if it points back. The optimiser has converged, GetConverged(), when the length is below
 * ShortestStep or the gradient is zero; NumberOfIterations ends it otherwise. In both cases the parameters are the best
 * ones seen and GetValue() is their value.
 *
 * RegularStepGradientDescentOptimizerv4 mixes radians and millimetres in its steps, and like
 * GradientDescentOptimizerv4 it goes on from worse values.
 *
 * Used again, as by the levels of ImageRegistrationMethodv4, it also looks at the parameters that its first run began
 * with: coarse levels may lead away from a start that is better at a finer one. ForgetStart() lets the next run be the
 * first.
 *
 * A metric that is a mean over the points at which both images have values can pay for having fewer of them.
 * SetOverlap() takes a function that tells their part; less than MinimumOverlap times that at the start counts as
 * worse.
 *
 * A scales estimator is required, SetScalesEstimator(): StartOptimization() throws without one, and if the steps are
 * not 0 < ShortestStep <= LongestStep.
 *
 * \ingroup Sinkhorn
 */
template <typename TInternalComputationValueType>
class ITK_TEMPLATE_EXPORT PhysicalStepGradientDescentOptimizerv4Template
  : public GradientDescentOptimizerv4Template<TInternalComputationValueType>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(PhysicalStepGradientDescentOptimizerv4Template);

  using Self = PhysicalStepGradientDescentOptimizerv4Template;
  using Superclass = GradientDescentOptimizerv4Template<TInternalComputationValueType>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkTypeMacro(PhysicalStepGradientDescentOptimizerv4Template, GradientDescentOptimizerv4Template);

  using MeasureType = typename Superclass::MeasureType;
  using ParametersType = typename Superclass::ParametersType;
  using DerivativeType = typename Superclass::DerivativeType;
  using OverlapFunctionType = std::function<double()>;

  /** Length of the first step, which no step exceeds, mm. Default 1. */
  itkSetMacro(LongestStep, double);
  itkGetConstMacro(LongestStep, double);

  /** Length below which steps no longer matter, mm. Default 0.01. */
  itkSetMacro(ShortestStep, double);
  itkGetConstMacro(ShortestStep, double);

  /** Least part of the overlap at the first start, 0 to 1. Default 0.5; without SetOverlap() it has no effect. */
  itkSetClampMacro(MinimumOverlap, double, 0.0, 1.0);
  itkGetConstMacro(MinimumOverlap, double);

  /** A function, called after each evaluation of the metric, that tells the part of the domain at which both images
   * have values, or anything proportional to it. None by default. */
  void
  SetOverlap(OverlapFunctionType overlap);

  /** Length of the next step, mm. */
  itkGetConstMacro(StepLength, double);

  /** Whether steps became too short to matter, or the gradient is zero. */
  itkGetConstMacro(Converged, bool);

  /** Value of the best parameters so far. */
  itkGetConstMacro(BestValue, MeasureType);

  /** The next run is the first one: its start is what later ones return to. */
  void
  ForgetStart();

  void
  StartOptimization(bool doOnlyInitialization = false) override;

protected:
  PhysicalStepGradientDescentOptimizerv4Template();
  ~PhysicalStepGradientDescentOptimizerv4Template() override = default;

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

  void
  AdvanceOneStep() override;

  void
  EstimateLearningRate() override;

private:
  void
  VerifySettings() const;
  bool
  IsBetter();
  void
  AdaptStepLength();
  void
  ReturnToStartIfBetter();

  double              m_LongestStep{ 1.0 };
  double              m_ShortestStep{ 0.01 };
  double              m_MinimumOverlap{ 0.5 };
  OverlapFunctionType m_GetOverlap;
  double              m_StepLength{ 1.0 };
  bool                m_Converged{ false };

  /** The last step that was tried. */
  std::vector<TInternalComputationValueType> m_Step;

  bool           m_HasBest{ false };
  MeasureType    m_BestValue{ 0.0 };
  ParametersType m_BestPosition;
  DerivativeType m_BestGradient;

  bool           m_HasStart{ false };
  ParametersType m_StartPosition;
  bool           m_HasStartOverlap{ false };
  double         m_StartOverlap{ 0.0 };
};

/** The usual one, in double precision. */
using PhysicalStepGradientDescentOptimizerv4 = PhysicalStepGradientDescentOptimizerv4Template<double>;

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkPhysicalStepGradientDescentOptimizerv4.hxx"
#endif

#endif
