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
#ifndef itkSinkhornRegistrationDeformable_hxx
#define itkSinkhornRegistrationDeformable_hxx

#include "itkSinkhornRegistrationPyramid.hxx"

#include "itkFoldFreeDisplacementFieldRegistrationMethod.h"
#include "itkFoldFreeSyNImageRegistrationMethod.h"
#include "itkFoldFreeVelocityFlowRegistrationMethod.h"

namespace itk
{
namespace SinkhornRegistration
{

/** Metric, pyramid, smoothing and steps of a stage into a method. */
template <unsigned int VDimension>
void
ConfigureDeformation(const StageInput<VDimension> &                      input,
                     const Metric<VDimension> &                          metric,
                     FoldFreeRegistrationMethod<ImageType<VDimension>> * method)
{
  using MethodType = FoldFreeRegistrationMethod<ImageType<VDimension>>;
  const Stage & stage = input.Parameters;
  ConfigurePyramid(input, metric, method);
  method->SetForce(metric.Force);
  method->SetFixedLabels(input.FixedLabels);
  method->SetMovingLabels(input.MovingLabels);
  method->SetLearningRate(stage.LearningRate);
  if (stage.SmallestWay > 0.0 && metric.Force)
  {
    metric.Force->SetSmallestWay(stage.SmallestWay);
  }
  if (IsNarrow(stage))
  {
    constexpr double faintPart = 0.05;
    constexpr double leastImprovement = 0.0002;
    metric.Force->SetFaintPart(faintPart);
    method->SetLeastImprovement(leastImprovement);
  }
  typename UpdateFieldRegularizer<VDimension>::Pointer regularizer = UpdateFieldRegularizer<VDimension>::New();
  if (stage.Transform == TransformKind::BSplineSyN)
  {
    regularizer = BSplineUpdateFieldRegularizer<VDimension>::New();
  }
  regularizer->SetMargin(input.Grid.Margin);
  // The user's own are mm.
  regularizer->SetSigmasAreSpecifiedInPhysicalUnits(!IsNarrow(stage) || !stage.UpdateSigmas.empty());
  method->SetUpdateRegularizer(regularizer);
  const std::size_t                                numberOfLevels = stage.Iterations.size();
  typename MethodType::NumberOfIterationsArrayType iterations(numberOfLevels);
  typename MethodType::UpdateSigmasType            sigmas;
  for (std::size_t level = 0; level < numberOfLevels; ++level)
  {
    iterations[level] = stage.Iterations[level];
    sigmas.push_back(ChooseUpdateSigmas(stage, input.Grid.FieldOfView, input.Grid.GetSpacing(level), level));
  }
  method->SetNumberOfIterationsPerLevel(iterations);
  method->SetUpdateSigmasPerLevel(sigmas);
}

template <unsigned int VDimension>
StageOutput<VDimension>
RunMethod(const StageInput<VDimension> &                      input,
          FoldFreeRegistrationMethod<ImageType<VDimension>> * method,
          Listener &                                          listener)
{
  const Metric<VDimension> metric = MakeMetric<VDimension>(input.Parameters);
  ConfigureDeformation(input, metric, method);
  if (input.Maps.FixedToMiddle)
  {
    method->SetFixedToMiddleTransform(input.Maps.FixedToMiddle);
    method->SetMovingToMiddleTransform(input.Maps.MovingToMiddle);
  }

  StageOutput<VDimension> output;
  const Observation       levels(method, MultiResolutionIterationEvent(), [&]() {
    EnterLevel(input, metric, method->GetCurrentLevel(), listener);
    const auto size = input.Grid.GetSize(method->GetCurrentLevel());
    method->SetTotalFieldSigma(
      ChooseTotalSigma(input.Parameters, method->GetCurrentLevel(), *std::max_element(size.begin(), size.end())));
    output.Levels.emplace_back();
  });
  const Observation       steps(method, IterationEvent(), [&]() {
    // The pyramid announces itself with the same event, as iteration 0.
    if (method->GetCurrentIteration() == 0)
    {
      return;
    }
    LevelReport & report = output.Levels.back();
    report.Iterations = static_cast<unsigned int>(method->GetCurrentIteration());
    report.Value = method->GetCurrentMetricValue();
    report.Converged = method->GetConverged();
    listener.Iteration(report.Iterations, report.Value, metric.GetMarginalError ? metric.GetMarginalError() : -1.0);
  });
  method->Update();
  listener.EndLevel();
  output.Transform = method->GetModifiableTransform();
  if (CanBeContinued(input.Parameters.Transform))
  {
    output.Maps = { method->GetModifiableFixedToMiddleTransform(), method->GetModifiableMovingToMiddleTransform() };
  }
  return output;
}

template <unsigned int VDimension>
StageOutput<VDimension>
RunDeformableStage(const StageInput<VDimension> & input, Listener & listener)
{
  typename FoldFreeRegistrationMethod<ImageType<VDimension>>::Pointer method;
  const auto displacement = FoldFreeDisplacementFieldRegistrationMethod<ImageType<VDimension>>::New();
  displacement->SetGreedy(input.Parameters.Transform == TransformKind::Greedy);
  switch (input.Parameters.Transform)
  {
    case TransformKind::Displacement:
    case TransformKind::Greedy: method = displacement; break;
    case TransformKind::Velocity: method = FoldFreeVelocityFlowRegistrationMethod<ImageType<VDimension>>::New(); break;
    default: method = FoldFreeSyNImageRegistrationMethod<ImageType<VDimension>>::New(); break;
  }
  return RunMethod<VDimension>(input, method, listener);
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
