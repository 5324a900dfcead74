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
#ifndef sinkhornRegisterDeformable_hxx
#define sinkhornRegisterDeformable_hxx

#include "displacementMethod.h"
#include "velocityMethod.h"

#include "itkDisplacementFieldTransform.h"
#include "itkDisplacementFieldTransformParametersAdaptor.h"
#include "itkImageDuplicator.h"

namespace SinkhornRegister
{

/** Way left, as a part of the spacing of the grid, below which a level of transport has nothing more to say. */
constexpr double smallestWay = 0.15;

/** A displacement of zero on the grid of a level. */
template <typename TTransform>
typename TTransform::Pointer
MakeZeroField(const ImageType<TTransform::Dimension> * grid)
{
  using FieldType = typename TTransform::DisplacementFieldType;
  const auto transform = TTransform::New();
  transform->SetDisplacementField(MakeImageOn<FieldType>(grid));
  transform->SetInverseDisplacementField(MakeImageOn<FieldType>(grid));
  return transform;
}

/** A copy that shares nothing: a stage works on its maps in place, and its start must stay what it was. */
template <typename TTransform>
typename TTransform::Pointer
CopyFields(const TTransform * transform)
{
  using FieldType = typename TTransform::DisplacementFieldType;
  const auto duplicate = [](const FieldType * field) {
    const auto duplicator = itk::ImageDuplicator<FieldType>::New();
    duplicator->SetInputImage(field);
    duplicator->Update();
    return typename FieldType::Pointer(duplicator->GetOutput());
  };
  const auto copy = TTransform::New();
  copy->SetDisplacementField(duplicate(transform->GetDisplacementField()));
  copy->SetInverseDisplacementField(duplicate(transform->GetInverseDisplacementField()));
  return copy;
}

/** Metric, pyramid, forces and steps of a stage into a method. */
template <unsigned int VDimension, typename TMethod>
void
ConfigureDeformation(const StageInput<VDimension> & input, const Metric<VDimension> & metric, TMethod * method)
{
  using AdaptorType =
    itk::DisplacementFieldTransformParametersAdaptor<itk::DisplacementFieldTransform<double, VDimension>>;
  const Stage & stage = input.Parameters;
  ConfigurePyramid(input, metric, method);
  method->SetLearningRate(ChooseLearningRate(stage));
  auto & shaper = method->GetShaper();
  shaper.SetMargin(input.Grid.Margin);
  shaper.SetSmoother(stage.Transform == TransformKind::BSplineSyN ? Smoother::BSpline : Smoother::Gaussian);
  shaper.SetForce(ChooseForce(stage));
  // The other forces sit on the moving image and move it, or on the fixed image already.
  method->SetForceSitsOnMovingImage(ComparesMass(stage) && ChooseMassModel(stage) != MassModelKind::PushForward);

  const std::size_t                                          numberOfLevels = stage.Iterations.size();
  typename TMethod::TransformParametersAdaptorsContainerType adaptors;
  typename TMethod::NumberOfIterationsArrayType              iterations(numberOfLevels);
  std::vector<std::vector<double>>                           sigmas;
  for (std::size_t level = 0; level < numberOfLevels; ++level)
  {
    const auto grid = ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors[level]);
    const auto adaptor = AdaptorType::New();
    adaptor->SetRequiredSpacing(grid->GetSpacing());
    adaptor->SetRequiredSize(grid->GetLargestPossibleRegion().GetSize());
    adaptor->SetRequiredDirection(grid->GetDirection());
    adaptor->SetRequiredOrigin(grid->GetOrigin());
    adaptors.push_back(adaptor);
    iterations[level] = stage.Iterations[level];
    sigmas.push_back(ChooseUpdateSigmas(stage, input.Grid.FieldOfView, input.Grid.GetSpacing(level), level));
  }
  method->SetTransformParametersAdaptorsPerLevel(adaptors);
  method->SetNumberOfIterationsPerLevel(iterations);
  method->SetUpdateSigmas(sigmas);
}

template <typename TMethod, unsigned int VDimension>
StageOutput<VDimension>
RunMethod(const StageInput<VDimension> & input, Progress & progress)
{
  using TransformType = itk::DisplacementFieldTransform<double, VDimension>;

  const Metric<VDimension> metric = MakeMetric<VDimension>(input.Parameters);
  const auto               method = TMethod::New();
  ConfigureDeformation(input, metric, method.GetPointer());
  method->SetInitialTransform(
    MakeZeroField<TransformType>(ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors.front())));
  method->InPlaceOn();
  if (input.Maps.FixedToMiddle)
  {
    method->SetFixedToMiddleTransform(CopyFields<TransformType>(input.Maps.FixedToMiddle));
    method->SetMovingToMiddleTransform(CopyFields<TransformType>(input.Maps.MovingToMiddle));
  }

  StageOutput<VDimension> output;
  const Observation       levels(method, itk::MultiResolutionIterationEvent(), [&]() {
    EnterLevel(input, metric, method->GetCurrentLevel(), progress);
    if (input.Parameters.Metric == MetricKind::Sinkhorn)
    {
      // The divergence is half the mean square of the way left.
      const double way = smallestWay * input.Grid.GetSpacing(method->GetCurrentLevel());
      method->SetSmallestValue(0.5 * way * way);
    }
    output.Levels.emplace_back();
  });
  const Observation       steps(method, itk::IterationEvent(), [&]() {
    // The pyramid announces itself with the same event, as iteration 0.
    if (method->GetCurrentIteration() == 0)
    {
      return;
    }
    method->Watch();
    LevelReport & report = output.Levels.back();
    report.Iterations = static_cast<unsigned int>(method->GetCurrentIteration());
    report.Value = method->GetCurrentMetricValue();
    report.Converged = method->GetConverged();
    progress.Iteration(report.Iterations, report.Value, metric.GetMarginalError ? metric.GetMarginalError() : -1.0);
  });
  method->Update();
  progress.EndLevel();
  output.Transform = method->GetModifiableTransform();
  if (CanBeContinued(input.Parameters.Transform))
  {
    output.Maps = { method->GetModifiableFixedToMiddleTransform(), method->GetModifiableMovingToMiddleTransform() };
  }
  return output;
}

template <unsigned int VDimension>
StageOutput<VDimension>
RunDeformableStage(const StageInput<VDimension> & input, Progress & progress)
{
  using Image = ImageType<VDimension>;
  using TransformType = itk::DisplacementFieldTransform<double, VDimension>;
  switch (input.Parameters.Transform)
  {
    case TransformKind::Displacement:
      return RunMethod<DisplacementMethod<Image, TransformType>, VDimension>(input, progress);
    case TransformKind::Velocity: return RunMethod<VelocityMethod<Image, TransformType>, VDimension>(input, progress);
    default: return RunMethod<SmoothSyNMethod<Image, TransformType>, VDimension>(input, progress);
  }
}

} // namespace SinkhornRegister

#endif
