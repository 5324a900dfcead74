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
#ifndef sinkhornRegisterPipeline_hxx
#define sinkhornRegisterPipeline_hxx

#include "pipeline.h"

#include "evaluation.h"
#include "foldGuard.h"
#include "images.h"
#include "inputs.h"
#include "limits.h"
#include "outputs.h"
#include "overview.h"
#include "progress.h"
#include "report.h"
#include "resultFiles.h"
#include "schedule.hxx"
#include "similarity.h"

#include "itkDisplacementFieldTransform.h"
#include "itkIdentityTransform.h"
#include "itkTranslationTransform.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <vector>

namespace SinkhornRegister
{

/** Hands the more similar one over where the result is less similar than the identity that it began with: the start
 * from springs or the identity; and says so, also where every stage was dropped. */
template <unsigned int VDimension>
void
KeepBetter(const Inputs<VDimension> &                          inputs,
           const itk::CompositeTransform<double, VDimension> * linearStart,
           itk::CompositeTransform<double, VDimension> *       transform,
           Report &                                            report,
           Progress &                                          progress)
{
  const auto similarity = [&](const itk::Transform<double, VDimension, VDimension> * map) {
    return MeasureSimilarity<VDimension>(inputs.Fixed, inputs.Moving, inputs.FixedMask, inputs.MovingMask, map);
  };
  const auto isDropped = [](const StageReport & stage) { return !stage.Kept; };
  const bool allDropped = std::all_of(report.Stages.begin(), report.Stages.end(), isDropped);
  const bool hasLinear = linearStart->GetNumberOfTransforms() > 0;
  const auto result = CopyQueue<VDimension>(transform);
  report.SimilarityBefore = similarity(itk::IdentityTransform<double, VDimension>::New());
  const double ended = similarity(GetMap<VDimension>(result.GetPointer()));
  report.SimilarityAfter = ended;
  if (ended >= report.SimilarityBefore && !allDropped)
  {
    return;
  }
  const double linear = hasLinear ? similarity(linearStart) : -1.0;
  const bool   keepsLinear = linear >= report.SimilarityBefore;
  transform->ClearTransformQueue();
  if (keepsLinear)
  {
    Append<VDimension>(linearStart, transform);
  }
  else
  {
    transform->AddTransform(itk::TranslationTransform<double, VDimension>::New());
  }
  report.Kept = keepsLinear ? "linear start" : "start";
  report.SimilarityAfter = std::max(report.SimilarityBefore, linear);
  const auto isStill = [](const StageReport & stage) { return stage.MovedNothing; };
  report.MovedNothing = allDropped && (keepsLinear || !hasLinear)
                          ? std::all_of(report.Stages.begin(), report.Stages.end(), isStill)
                          : AreClose<VDimension>(GetMap<VDimension>(result.GetPointer()), transform, inputs.Fixed);
  if (report.MovedNothing)
  {
    progress.Say("the registration found nothing to move: the " + report.Kept + " is handed over");
    return;
  }
  std::cerr << "sinkhorn-register: ";
  if (allDropped)
  {
    std::cerr << "every stage ended worse by its own metric than it began";
  }
  else
  {
    std::cerr << "the registration ended less similar than it began (mutual information " << report.SimilarityBefore
              << " -> " << ended << ")";
  }
  std::cerr << "; the " << report.Kept
            << " is handed over instead. Try another --metric, --transform or --initialize, or masks.\n";
}

/** Each stage's map is invertible, but their composition can stretch and shear so much between two voxels that its
 * samples fold. Then one displacement field, mended, takes the place of the deformable transforms. */
template <unsigned int VDimension>
void
MendFolds(const ImageType<VDimension> * grid, itk::CompositeTransform<double, VDimension> * transform)
{
  using FieldTransform = itk::DisplacementFieldTransform<double, VDimension>;
  constexpr double smallestDeterminant = 0.001;
  // Stages work on grids of their own, and what one moves must not be cut off.
  std::vector<const itk::ImageBase<VDimension> *> fields;
  const auto                                      deformation = itk::CompositeTransform<double, VDimension>::New();
  const auto                                      linear = itk::CompositeTransform<double, VDimension>::New();
  for (itk::SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i)
  {
    const auto one = transform->GetNthTransform(i);
    // ITK applies the last one first: the linear stages come before the deformable ones, or are part of them.
    (one->IsLinear() && deformation->IsTransformQueueEmpty() ? linear : deformation)->AddTransform(one);
    if (const auto * deformable = dynamic_cast<const FieldTransform *>(one.GetPointer()))
    {
      fields.push_back(deformable->GetDisplacementField());
    }
  }
  if (deformation->IsTransformQueueEmpty())
  {
    return;
  }
  MapPair<VDimension> map;
  map.Forward = SampleDisplacement<VDimension>(deformation, ExtendGrid<VDimension>(grid, fields));
  if (!FoldGuard<VDimension>::RelaxForward(map, smallestDeterminant))
  {
    return;
  }
  const auto field = FieldTransform::New();
  field->SetDisplacementField(map.Forward);
  field->SetInverseDisplacementField(map.Inverse);
  transform->ClearTransformQueue();
  Append<VDimension>(linear, transform);
  transform->AddTransform(field);
}

/** Values of the main stage's metric at the identity and at the end. */
template <unsigned int VDimension>
void
EvaluateEnds(const StageInput<VDimension> &                input,
             itk::CompositeTransform<double, VDimension> * transform,
             Report &                                      report)
{
  const auto identity = itk::IdentityTransform<double, VDimension>::New();
  report.ValueBefore = EvaluateStage<VDimension>(input, identity).Value;
  const Evaluation after = EvaluateStage<VDimension>(input, transform);
  report.ValueAfter = after.Value;
  report.HasMarginalError = input.Parameters.Metric == MetricKind::Sinkhorn;
  report.MarginalError = after.MarginalError;
  // The last level met its own criterion, what it led to was kept, and the transport that measures it has converged.
  const bool isHandedOver = report.Kept == "result"
                              ? report.Stages.empty() || report.Stages.back().Kept || report.Stages.back().MovedNothing
                              : report.MovedNothing;
  report.Converged = report.Levels.back().Converged && isHandedOver && after.Converged;
  report.Blur = ChooseBlur(input.Parameters, input.Grid.GetSpacing(input.Grid.Factors.size() - 1));
}

/** Errors of landmarks and Dice of labels, as the files lie and as they were registered.
 * \param toFile \a transform on to where the moving image lies in its file. */
template <unsigned int VDimension>
void
MeasureAgreement(const Inputs<VDimension> &                          inputs,
                 const itk::CompositeTransform<double, VDimension> * transform,
                 const itk::CompositeTransform<double, VDimension> * toFile,
                 Report &                                            report)
{
  const auto identity = itk::IdentityTransform<double, VDimension>::New();
  if (!inputs.FixedLandmarks.empty())
  {
    report.HasLandmarks = true;
    report.NumberOfLandmarks = inputs.FixedLandmarks.size();
    report.ErrorBefore =
      ComputeTargetError<VDimension>(inputs.FixedLandmarks, inputs.MovingLandmarks, identity.GetPointer());
    report.ErrorAfter = ComputeTargetError<VDimension>(inputs.FixedLandmarks, inputs.MovingLandmarks, toFile);
  }
  if (inputs.FixedLabels)
  {
    report.HasDice = true;
    report.DiceBefore = ComputeDice<VDimension>(
      inputs.FixedLabels, WarpLabels<VDimension>(inputs.MovingLabels, inputs.MapFromFile(), inputs.Fixed));
    report.DiceAfter =
      ComputeDice<VDimension>(inputs.FixedLabels, WarpLabels<VDimension>(inputs.MovingLabels, transform, inputs.Fixed));
  }
}

/** The registration itself: nothing to do where both images show the same. */
template <unsigned int VDimension>
void
Register(Options &                                     options,
         const Inputs<VDimension> &                    inputs,
         itk::CompositeTransform<double, VDimension> * transform,
         Report &                                      report,
         Progress &                                    progress)
{
  const bool areEqual = !inputs.FixedMask && !inputs.MovingMask && AreEqual<VDimension>(inputs.Fixed, inputs.Moving);
  const auto main = PrepareStage<VDimension>(options, options.Main, inputs);
  if (areEqual)
  {
    progress.Say("both images show the same: the map is the identity");
    transform->AddTransform(itk::TranslationTransform<double, VDimension>::New());
    report.Levels.push_back({ 0, 0.0, true });
    options.Stages.clear();
  }
  else
  {
    auto linearStart = itk::CompositeTransform<double, VDimension>::New();
    RunStages<VDimension>(options, inputs, transform, linearStart, report, progress);
    MendFolds<VDimension>(ShrinkGeometry<VDimension>(main.Grid.Image, main.Grid.Factors.back()), transform);
    KeepBetter<VDimension>(inputs, linearStart, transform, report, progress);
  }
  EvaluateEnds<VDimension>(main, transform, report);
}

template <unsigned int VDimension>
bool
RunPipeline(const Options & given, const FileFacts & fixed, const FileFacts & moving)
{
  const auto               start = std::chrono::steady_clock::now();
  Options                  options = given;
  Progress                 progress(options.Quiet);
  const Inputs<VDimension> inputs = ReadInputs<VDimension>(options, fixed, moving);
  for (const std::string & notice : inputs.Notices)
  {
    progress.Warn(notice);
  }
  CheckLimits<VDimension>(options, inputs.Fixed, inputs.Moving);
  if (options.IsRecipe)
  {
    AdaptRecipe<VDimension>(options, inputs);
  }
  OutputFolder folder(options.Output, ListInputFiles(options));
  Report       report;
  report.Dimension = VDimension;

  const auto transform = itk::CompositeTransform<double, VDimension>::New();
  Register<VDimension>(options, inputs, transform, report, progress);

  const auto field = SampleDisplacement<VDimension>(transform, inputs.Fixed);
  const auto jacobian = ComputeJacobian<VDimension>(field);
  report.Folds = MeasureFolding<VDimension>(field);
  const auto toFile = inputs.MapToFile(transform);
  MeasureAgreement<VDimension>(inputs, transform, toFile, report);
  report.Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  ResultSource<VDimension> source;
  source.FixedFacts = &fixed;
  source.MovingFacts = &moving;
  source.LabelFacts = &inputs.MovingLabelFacts;
  source.Plane = &inputs.Plane;
  source.Fixed = inputs.Fixed;
  source.Moving = inputs.Moving;
  source.MovingLabels = inputs.MovingLabels;
  source.ToRegistered = transform;
  source.ToFile = toFile;
  const std::vector<std::string> obsolete = WriteResults<VDimension>(folder, source);
  OverviewData<VDimension>       overview;
  overview.Fixed = inputs.Fixed;
  overview.Moving = inputs.Moving;
  overview.Transform = transform;
  overview.Displacement = field;
  overview.Jacobian = jacobian;
  overview.Caption = Summarize(options, report);
  DrawOverview<VDimension>(folder.Stage("overview.png"), overview);
  WriteReport(folder.Stage("report.json"), options, report);
  folder.Commit(obsolete);

  progress.Say(overview.Caption);
  progress.Say("results in " + options.Output);
  return report.Kept == "result" || report.MovedNothing;
}

} // namespace SinkhornRegister

#endif
