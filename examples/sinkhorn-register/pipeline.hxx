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
#include "grid.h"
#include "images.h"
#include "inputs.h"
#include "intensities.h"
#include "limits.h"
#include "metrics.h"
#include "outputs.h"
#include "overview.h"
#include "progress.h"
#include "report.h"
#include "resultFiles.h"
#include "similarity.h"
#include "smoothing.h"
#include "stages.h"

#include "itkDisplacementFieldTransform.h"
#include "itkIdentityTransform.h"
#include "itkTranslationTransform.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

namespace SinkhornRegister
{

/** Local standardisation of the recipe's finish, standard deviation in voxels: wide enough to keep the contrast between
 * neighbouring structures. */
constexpr double standardizedVoxels = 16.0;

/** A mask that is 1 on the whole of \a image. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
MakeFullMask(const ImageType<VDimension> * image)
{
  const auto mask = MakeImageOn<MaskImageType<VDimension>>(image);
  mask->FillBuffer(1);
  return mask;
}

template <unsigned int VDimension>
typename MaskType<VDimension>::Pointer
MakeMaskObject(const MaskImageType<VDimension> * image)
{
  const auto mask = MaskType<VDimension>::New();
  mask->SetImage(image);
  mask->Update();
  return mask;
}

/** Geometric mean over the axes, mm. */
template <unsigned int VDimension>
double
GetMeanSpacing(const ImageType<VDimension> * image)
{
  double volume = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    volume *= image->GetSpacing()[d];
  }
  return std::pow(volume, 1.0 / VDimension);
}

/** Densities, masks and grid of a stage. */
template <unsigned int VDimension>
StageInput<VDimension>
PrepareStage(const Options & options, const Stage & stage, const Inputs<VDimension> & inputs)
{
  const bool             asMass = ComparesMass(stage);
  StageInput<VDimension> input;
  input.Parameters = stage;
  input.Fixed = MakeDensity<VDimension>(
    inputs.Fixed, inputs.FixedMask, options.Mass, asMass, "fixed image '" + options.Fixed + "'");
  input.Moving = MakeDensity<VDimension>(
    inputs.Moving, inputs.MovingMask, options.Mass, asMass, "moving image '" + options.Moving + "'");
  // A density is 0 outside its mask already, and the edge that this makes has to be felt: a mask in the metric would
  // hide it. Local metrics always get both masks: the working grid is larger than the images, and what lies outside an
  // image must not be compared with zero.
  if (!asMass)
  {
    const auto fixedMask = inputs.FixedMask ? inputs.FixedMask : MakeFullMask<VDimension>(inputs.Fixed);
    const auto movingMask = inputs.MovingMask ? inputs.MovingMask : MakeFullMask<VDimension>(inputs.Moving);
    if (stage.Standardize > 0.0)
    {
      const double sigma = stage.Standardize * GetMeanSpacing<VDimension>(inputs.Fixed);
      input.Fixed = StandardizeLocally<VDimension>(input.Fixed, fixedMask, sigma);
      input.Moving = StandardizeLocally<VDimension>(input.Moving, movingMask, sigma);
    }
    else if (stage.IsRefining && stage.Metric == MetricKind::MeanSquares)
    {
      // Transport compares normalised masses; what refines its result must not see the scale of intensities either.
      MatchBrightness<VDimension>(input.Fixed, input.Moving);
    }
    input.FixedMask = MakeMaskObject<VDimension>(fixedMask);
    input.MovingMask = MakeMaskObject<VDimension>(movingMask);
  }
  const std::size_t named = stage.Iterations.size();
  input.Grid = MakeWorkingGrid<VDimension>(
    input.Fixed, input.Moving, stage.NumberOfLevels > 0 ? stage.NumberOfLevels : named, stage.Shrink);
  input.Grid.Factors.resize(named);
  return input;
}

/** Chooses what the recipe leaves open from what the images show. */
template <unsigned int VDimension>
void
AdaptRecipe(Options & options, const Inputs<VDimension> & inputs)
{
  const auto fixed =
    MakeDensity<VDimension>(inputs.Fixed, inputs.FixedMask, options.Mass, true, "fixed image '" + options.Fixed + "'");
  const auto moving = MakeDensity<VDimension>(
    inputs.Moving, inputs.MovingMask, options.Mass, true, "moving image '" + options.Moving + "'");
  const bool showsShapes = IsPiecewiseConstant<VDimension>(fixed) && IsPiecewiseConstant<VDimension>(moving);
  Stage &    finish = options.Stages.back();
  finish.ShowsShapes = showsShapes;
  if (options.ChoosesStandardize && !showsShapes)
  {
    finish.Standardize = standardizedVoxels;
  }
  if (options.ChoosesIterations && finish.Metric == MetricKind::MeanSquares)
  {
    // A Gauss-Newton step leaves a tenth of the way; more of them fit noise. Exact edges in pictures can have as many
    // as it takes, in volumes that would be slow.
    const std::vector<unsigned int> exact =
      VDimension == 2 ? finish.Iterations : std::vector<unsigned int>{ 20, 15, 20 };
    finish.Iterations = showsShapes ? exact : std::vector<unsigned int>{ 15, 10, 5 };
  }
  if (!showsShapes && (IsCutByBorder<VDimension>(fixed) || IsCutByBorder<VDimension>(moving)))
  {
    // Mass beyond a border has no counterpart; a linear transform averages that out, a deformation would follow it.
    options.Stages.erase(options.Stages.begin(), options.Stages.end() - 1);
  }
}

/** Value of the stage's metric under a transform: on the finest working grid for sinkhorn, whose mass may lie outside
 * the fixed image, on the grid of the fixed image for the others. */
template <unsigned int VDimension>
Evaluation
EvaluateStage(const StageInput<VDimension> & input, const itk::Transform<double, VDimension, VDimension> * transform)
{
  const std::size_t finest = input.Grid.Factors.size() - 1;
  const double      blur = ChooseBlur(input.Parameters, input.Grid.GetSpacing(finest));
  if (ComparesMass(input.Parameters))
  {
    // The densities are 0 outside their masks already.
    const auto grid = ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors[finest]);
    const auto warped = WarpImage<VDimension>(input.Moving, transform, grid, 0.0F, false);
    return Evaluate<VDimension>(input.Parameters, input.Fixed, warped, nullptr, nullptr, grid, blur);
  }
  const auto warped = WarpImage<VDimension>(input.Moving, transform, input.Fixed, 0.0F, false);
  const auto mask =
    MakeMaskObject<VDimension>(WarpMask<VDimension>(input.MovingMask->GetImage(), transform, input.Fixed));
  return Evaluate<VDimension>(input.Parameters, input.Fixed, warped, input.FixedMask, mask, input.Fixed, blur);
}

/** Whether a stage can go on with the half-way maps of the one before: its first grid must not be coarser, or detail
 * would be lost. */
template <unsigned int VDimension>
bool
CanContinue(const StageInput<VDimension> & input, const HalfwayMaps<VDimension> & maps)
{
  if (!CanBeContinued(input.Parameters.Transform) || !maps.FixedToMiddle)
  {
    return false;
  }
  const auto before = maps.FixedToMiddle->GetDisplacementField()->GetSpacing();
  const auto now = ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors.front())->GetSpacing();
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (now[d] > 1.01 * before[d])
    {
      return false;
    }
  }
  return true;
}

/** Begins with the linear transform that fits the springs. Where that leaves a good part of the way, what keeps it off
 * is mass that should not have been matched: it is fitted once more, with a reach.
 * \return the reach that stages should have, mm: the way that is left, in the mean square; beyond twice as much mass is
 * given up. */
template <unsigned int VDimension>
double
StartFromSprings(const Options &                               options,
                 const Inputs<VDimension> &                    inputs,
                 itk::CompositeTransform<double, VDimension> * transform)
{
  constexpr double mostRest = 0.01;
  Stage            stage = options.Main;
  stage.Metric = MetricKind::Sinkhorn; // which asks for densities
  StageInput<VDimension>      input = PrepareStage<VDimension>(options, stage, inputs);
  const SpringFit<VDimension> fit = FitToSprings<VDimension>(input, options.Initial, options.MultiStart);
  transform->AddTransform(fit.Transform);
  const double reach = std::sqrt(2.0 * std::max(0.0, fit.Divergence));
  if (options.ChoosesReach && fit.Rest > mostRest)
  {
    const auto grid = ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors.back());
    input.Moving = WarpImage<VDimension>(input.Moving, fit.Transform, grid, 0.0F, false);
    input.Parameters.Reach = reach;
    transform->AddTransform(FitToSprings<VDimension>(input, InitialKind::Rigid, false).Transform);
  }
  return reach;
}

template <unsigned int VDimension>
using CompositePointer = typename itk::CompositeTransform<double, VDimension>::Pointer;

template <unsigned int VDimension>
CompositePointer<VDimension>
CopyQueue(const itk::CompositeTransform<double, VDimension> * transform)
{
  const auto copy = itk::CompositeTransform<double, VDimension>::New();
  for (itk::SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i)
  {
    copy->AddTransform(transform->GetNthTransform(i));
  }
  return copy;
}

/** Hands the more similar one over where the result is less similar than the identity that it began with: the start
 * from springs or the identity. */
template <unsigned int VDimension>
void
KeepBetter(const Inputs<VDimension> &                          inputs,
           const itk::CompositeTransform<double, VDimension> * linearStart,
           itk::CompositeTransform<double, VDimension> *       transform,
           Report &                                            report)
{
  const auto similarity = [&](const itk::Transform<double, VDimension, VDimension> * map) {
    return MeasureSimilarity<VDimension>(inputs.Fixed, inputs.Moving, inputs.FixedMask, inputs.MovingMask, map);
  };
  report.SimilarityBefore = similarity(itk::IdentityTransform<double, VDimension>::New());
  report.SimilarityAfter = similarity(transform);
  if (report.SimilarityAfter >= report.SimilarityBefore)
  {
    return;
  }
  const double worse = report.SimilarityAfter;
  const bool   hasLinear = linearStart->GetNumberOfTransforms() > 0;
  const double linear = hasLinear ? similarity(linearStart) : 0.0;
  transform->ClearTransformQueue();
  if (hasLinear && linear > report.SimilarityBefore)
  {
    for (itk::SizeValueType i = 0; i < linearStart->GetNumberOfTransforms(); ++i)
    {
      transform->AddTransform(linearStart->GetNthTransform(i));
    }
  }
  else
  {
    transform->AddTransform(itk::TranslationTransform<double, VDimension>::New());
  }
  report.Kept = hasLinear && linear > report.SimilarityBefore ? "linear start" : "start";
  report.SimilarityAfter = std::max(report.SimilarityBefore, linear);
  std::cerr << "sinkhorn-register: the registration ended less similar than it began (mutual information "
            << report.SimilarityBefore << " -> " << worse << "); the " << report.Kept
            << " is handed over instead. Try another --metric, --transform or --initialize, or masks.\n";
}

/** Runs the stages; \a transform receives their composition, \a linearStart that of the start from springs. Settings
 * that were left open are chosen. */
template <unsigned int VDimension>
void
RunStages(Options &                                     options,
          const Inputs<VDimension> &                    inputs,
          itk::CompositeTransform<double, VDimension> * transform,
          CompositePointer<VDimension> &                linearStart,
          Report &                                      report,
          Progress &                                    progress)
{
  if (options.Initial != InitialKind::None)
  {
    progress.Say("start from springs: " + ToString(options.Initial));
    const double reach = StartFromSprings<VDimension>(options, inputs, transform);
    for (Stage & stage : options.Stages)
    {
      if (options.ChoosesReach && stage.Metric == MetricKind::Sinkhorn)
      {
        stage.Reach = reach;
      }
    }
  }
  linearStart = CopyQueue<VDimension>(transform);
  HalfwayMaps<VDimension> maps;
  for (const Stage & stage : options.Stages)
  {
    StageInput<VDimension> input = PrepareStage<VDimension>(options, stage, inputs);
    if (CanContinue(input, maps))
    {
      transform->RemoveTransform();
      input.Maps = maps;
    }
    input.Initial = transform;
    progress.Say(ToString(stage.Transform) + " with " + ToString(stage.Metric));
    const StageOutput<VDimension> output =
      IsDeformation(stage.Transform) ? RunDeformableStage(input, progress) : RunLinearStage(input, progress);
    transform->AddTransform(output.Transform);
    maps = output.Maps;
    report.Levels.insert(report.Levels.end(), output.Levels.begin(), output.Levels.end());
  }
}

/** Each stage's map is invertible, but their composition can stretch and shear so much between two voxels that its
 * samples fold. Then one displacement field, mended, takes the place of the deformable transforms. */
template <unsigned int VDimension>
void
MendFolds(const ImageType<VDimension> * grid, itk::CompositeTransform<double, VDimension> * transform)
{
  constexpr double smallestDeterminant = 0.001;
  const auto       deformation = itk::CompositeTransform<double, VDimension>::New();
  const auto       linear = itk::CompositeTransform<double, VDimension>::New();
  for (itk::SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i)
  {
    const auto one = transform->GetNthTransform(i);
    // ITK applies the last one first: the linear stages come before the deformable ones, or are part of them.
    (one->IsLinear() && deformation->IsTransformQueueEmpty() ? linear : deformation)->AddTransform(one);
  }
  if (deformation->IsTransformQueueEmpty())
  {
    return;
  }
  MapPair<VDimension> map;
  map.Forward = SampleDisplacement<VDimension>(deformation, grid);
  if (!FoldGuard<VDimension>::RelaxForward(map, smallestDeterminant))
  {
    return;
  }
  const auto field = itk::DisplacementFieldTransform<double, VDimension>::New();
  field->SetDisplacementField(map.Forward);
  field->SetInverseDisplacementField(map.Inverse);
  transform->ClearTransformQueue();
  for (itk::SizeValueType i = 0; i < linear->GetNumberOfTransforms(); ++i)
  {
    transform->AddTransform(linear->GetNthTransform(i));
  }
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
  report.Converged = report.Levels.back().Converged && report.Kept == "result" && after.Converged;
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
    KeepBetter<VDimension>(inputs, linearStart, transform, report);
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
  return report.Kept == "result";
}

} // namespace SinkhornRegister

#endif
