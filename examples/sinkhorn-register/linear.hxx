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
#ifndef sinkhornRegisterLinear_hxx
#define sinkhornRegisterLinear_hxx

#include "pyramid.hxx"

#include "itkAffineTransform.h"
#include "itkEuler2DTransform.h"
#include "itkEuler3DTransform.h"
#include "itkGradientDescentOptimizerv4.h"
#include "itkRegistrationParameterScalesFromPhysicalShift.h"
#include "itkSimilarity2DTransform.h"
#include "itkSimilarity3DTransform.h"
#include "itkTranslationTransform.h"

namespace SinkhornRegister
{

/** Gradient descent whose steps move no point of the image further than a given length, halved whenever the gradient
 * turns back, doubled (up to the first length) while it keeps its direction; it stops when steps are too short to
 * matter. Lengths are physical at every iteration, unlike those of ITK's regular-step optimiser, which mix radians and
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
  bool
  GetStoppedItself() const
  {
    return m_StoppedItself;
  }
  void
  StartOptimization(bool doOnlyInitialization = false) override
  {
    m_Length = m_Longest;
    m_StoppedItself = false;
    m_LastStep.clear();
    Superclass::StartOptimization(doOnlyInitialization);
  }

protected:
  PhysicalStepOptimizer() { this->m_UseConvergenceMonitoring = false; }
  ~PhysicalStepOptimizer() override = default;

  void
  AdvanceOneStep() override
  {
    if (!m_LastStep.empty())
    {
      double along = 0.0;
      for (std::size_t i = 0; i < m_LastStep.size(); ++i)
      {
        along += m_LastStep[i] * this->m_Gradient[i];
      }
      m_Length = along < 0.0 ? 0.5 * m_Length : std::min(1.4 * m_Length, m_Longest);
    }
    const bool noGradient = this->m_Gradient.inf_norm() == 0.0;
    if (m_Length < m_Shortest || noGradient)
    {
      m_StoppedItself = true;
      this->m_StopConditionDescription << (noGradient ? "the gradient is zero" : "steps became too short to matter");
      this->InvokeEvent(itk::IterationEvent());
      this->StopOptimization();
      return;
    }
    Superclass::AdvanceOneStep();
    m_LastStep.assign(this->m_Gradient.begin(), this->m_Gradient.end());
  }

  void
  EstimateLearningRate() override
  {
    const double shift = this->m_ScalesEstimator->EstimateStepScale(this->m_Gradient);
    this->m_LearningRate = shift > 0.0 ? m_Length / shift : 0.0;
  }

private:
  double              m_Longest{ 1.0 };
  double              m_Shortest{ 0.01 };
  double              m_Length{ 1.0 };
  bool                m_StoppedItself{ false };
  std::vector<double> m_LastStep;
};

template <typename TMethod>
class LinearMethod : public RangeKeepingMethod<TMethod>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(LinearMethod);
  using Self = LinearMethod;
  using Pointer = itk::SmartPointer<Self>;
  itkNewMacro(Self);

protected:
  LinearMethod() = default;
  ~LinearMethod() override = default;
};

template <unsigned int VDimension>
using RigidTransform =
  std::conditional_t<VDimension == 2, itk::Euler2DTransform<double>, itk::Euler3DTransform<double>>;

template <unsigned int VDimension>
using SimilarityTransform =
  std::conditional_t<VDimension == 2, itk::Similarity2DTransform<double>, itk::Similarity3DTransform<double>>;

/** The identity, centred on the fixed image where there is a centre. */
template <unsigned int VDimension>
typename itk::Transform<double, VDimension, VDimension>::Pointer
MakeLinearTransform(TransformKind kind, const ImageType<VDimension> * fixed)
{
  if (kind == TransformKind::Translation)
  {
    const auto translation = itk::TranslationTransform<double, VDimension>::New();
    translation->SetIdentity();
    return translation.GetPointer();
  }
  itk::ContinuousIndex<double, VDimension> middle;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    middle[d] = 0.5 * (static_cast<double>(fixed->GetLargestPossibleRegion().GetSize()[d]) - 1.0);
  }
  typename ImageType<VDimension>::PointType center;
  fixed->TransformContinuousIndexToPhysicalPoint(middle, center);
  typename itk::MatrixOffsetTransformBase<double, VDimension, VDimension>::Pointer transform;
  switch (kind)
  {
    case TransformKind::Rigid: transform = RigidTransform<VDimension>::New(); break;
    case TransformKind::Similarity: transform = SimilarityTransform<VDimension>::New(); break;
    default: transform = itk::AffineTransform<double, VDimension>::New(); break;
  }
  transform->SetIdentity();
  transform->SetCenter(center);
  return transform.GetPointer();
}

template <unsigned int VDimension>
StageOutput<VDimension>
RunLinearStage(const StageInput<VDimension> & input, Progress & progress)
{
  using Image = ImageType<VDimension>;
  using TransformType = itk::Transform<double, VDimension, VDimension>;
  using MethodType = LinearMethod<itk::ImageRegistrationMethodv4<Image, Image, TransformType>>;
  using ScalesType = itk::RegistrationParameterScalesFromPhysicalShift<MetricType<VDimension>>;

  const Metric<VDimension> metric = MakeMetric<VDimension>(input.Parameters);
  const auto               method = MethodType::New();
  ConfigurePyramid(input, metric, method.GetPointer());
  StageOutput<VDimension> output;
  output.Transform = MakeLinearTransform<VDimension>(input.Parameters.Transform, input.Fixed);
  method->SetInitialTransform(output.Transform);
  method->InPlaceOn();

  const auto scales = ScalesType::New();
  scales->SetMetric(metric.Pointer);
  const auto optimizer = PhysicalStepOptimizer::New();
  optimizer->SetScalesEstimator(scales);
  method->SetOptimizer(optimizer);

  std::size_t       level = 0;
  const Observation levels(method, itk::MultiResolutionIterationEvent(), [&]() {
    level = method->GetCurrentLevel();
    EnterLevel(input, metric, level, progress);
    optimizer->SetNumberOfIterations(input.Parameters.Iterations[level]);
    const double longest = ChooseLearningRate(input.Parameters) * input.Grid.GetSpacing(level);
    optimizer->SetStepLengths(longest, 0.01 * longest);
    output.Levels.emplace_back();
  });
  const Observation iterations(optimizer, itk::IterationEvent(), [&]() {
    LevelReport & report = output.Levels.back();
    report.Iterations = static_cast<unsigned int>(optimizer->GetCurrentIteration() + 1);
    report.Value = optimizer->GetCurrentMetricValue();
    report.Converged = optimizer->GetStoppedItself();
    progress.Iteration(report.Iterations, report.Value, metric.GetMarginalError ? metric.GetMarginalError() : -1.0);
  });
  method->Update();
  progress.EndLevel();
  return output;
}

} // namespace SinkhornRegister

#endif
