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
#ifndef sinkhornRegisterSyN_hxx
#define sinkhornRegisterSyN_hxx

#include "smoothSyN.h"

#include "itkDisplacementFieldTransform.h"
#include "itkDisplacementFieldTransformParametersAdaptor.h"

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
  const auto makeField = [grid]() {
    const auto field = FieldType::New();
    field->CopyInformation(grid);
    field->SetRegions(grid->GetLargestPossibleRegion());
    field->Allocate();
    field->FillBuffer(typename FieldType::PixelType(0.0));
    return field;
  };
  const auto transform = TTransform::New();
  transform->SetDisplacementField(makeField());
  transform->SetInverseDisplacementField(makeField());
  return transform;
}

template <unsigned int VDimension>
StageOutput<VDimension>
RunSyNStage(const StageInput<VDimension> & input, Progress & progress)
{
  using Image = ImageType<VDimension>;
  using TransformType = itk::DisplacementFieldTransform<double, VDimension>;
  using MethodType = SmoothSyNMethod<Image, TransformType>;
  using AdaptorType = itk::DisplacementFieldTransformParametersAdaptor<TransformType>;

  const Stage &            stage = input.Parameters;
  const std::size_t        numberOfLevels = stage.Iterations.size();
  const Metric<VDimension> metric = MakeMetric<VDimension>(stage);
  const auto               method = MethodType::New();
  ConfigurePyramid(input, metric, method.GetPointer());
  method->SetLearningRate(ChooseLearningRate(stage));
  method->SetMargin(input.Grid.Margin);
  // With the push-forward model the derivative sits on the fixed image already, voxel by voxel its mass times the way
  // that the mass has to go.
  const bool carriesMass = ChooseMassModel(stage) == MassModelKind::PushForward;
  method->SetForceSitsOnMovingImage(ComparesMass(stage) && !carriesMass);
  method->SetForceIsMassTimesWay(stage.Metric == MetricKind::Sinkhorn && carriesMass);
  method->SetForceIsDifferenceTimesGradient(stage.Metric == MetricKind::MeanSquares);

  typename MethodType::TransformParametersAdaptorsContainerType adaptors;
  typename MethodType::NumberOfIterationsArrayType              iterations(numberOfLevels);
  std::vector<std::vector<double>>                              sigmas;
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

  const auto transform =
    MakeZeroField<TransformType>(ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors.front()));
  method->SetInitialTransform(transform);
  method->InPlaceOn();
  if (input.Maps.FixedToMiddle)
  {
    method->SetFixedToMiddleTransform(input.Maps.FixedToMiddle);
    method->SetMovingToMiddleTransform(input.Maps.MovingToMiddle);
  }

  StageOutput<VDimension> output;
  const Observation       levels(method, itk::MultiResolutionIterationEvent(), [&]() {
    EnterLevel(input, metric, method->GetCurrentLevel(), progress);
    if (stage.Metric == MetricKind::Sinkhorn)
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
    report.Converged = method->GetStoppedItself();
    progress.Iteration(report.Iterations, report.Value, metric.GetMarginalError ? metric.GetMarginalError() : -1.0);
  });
  method->Update();
  progress.EndLevel();
  output.Transform = method->GetModifiableTransform();
  output.Maps = { method->GetModifiableFixedToMiddleTransform(), method->GetModifiableMovingToMiddleTransform() };
  return output;
}

} // namespace SinkhornRegister

#endif
