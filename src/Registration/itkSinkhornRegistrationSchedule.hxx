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
#ifndef itkSinkhornRegistrationSchedule_hxx
#define itkSinkhornRegistrationSchedule_hxx

#include "itkSinkhornRegistrationContrast.h"
#include "itkSinkhornRegistrationOverlap.h"
#include "itkSinkhornRegistrationQueue.h"
#include "itkSinkhornRegistrationRotations.hxx"
#include "itkSinkhornRegistrationSettings.h"
#include "itkSinkhornRegistrationSimilarity.h"
#include "itkSinkhornRegistrationStageInputs.hxx"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

namespace itk
{
namespace SinkhornRegistration
{

/** Whether a recipe registers intensities, which are mass more or less only, not shapes or labels. */
inline bool
FollowsIntensities(const Plan & plan)
{
  return plan.IsRecipe && !plan.Stages.empty() && !plan.Stages.back().ShowsShapes;
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
  const auto now = Sinkhorn::ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors.front())->GetSpacing();
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
StartFromSprings(const Plan &                             plan,
                 const ImagePair<VDimension> &            images,
                 CompositeTransform<double, VDimension> * transform)
{
  constexpr double mostRest = 0.01;
  Stage            stage = plan.Main;
  stage.Metric = MetricKind::Sinkhorn; // which asks for densities
  stage.ComparesLabels = images.FixedLabelMap.IsNotNull();
  StageInput<VDimension> input = PrepareStage<VDimension>(plan, stage, images);
  const auto             bring = [&input](const Transform<double, VDimension, VDimension> * map) {
    const auto grid = Sinkhorn::ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors.back());
    input.Moving = WarpImage<VDimension>(input.Moving, map, grid, 0.0F, false);
    if (input.MovingIntensities)
    {
      input.MovingIntensities = WarpImage<VDimension>(input.MovingIntensities, map, grid, 0.0F, false);
    }
    input.MovingLabels = input.MovingLabels ? WarpLabels<VDimension>(input.MovingLabels, map, grid) : nullptr;
  };
  if (transform->GetNumberOfTransforms() > 0)
  {
    bring(transform);
  }
  const SpringFit<VDimension> fit = FitToSprings<VDimension>(input, plan.Initial, plan.MultiStart);
  transform->AddTransform(fit.Transform);
  const double reach = std::sqrt(2.0 * std::max(0.0, fit.Divergence));
  if (plan.ChoosesReach && fit.Rest > mostRest)
  {
    bring(fit.Transform);
    input.Parameters.Reach = reach;
    transform->AddTransform(FitToSprings<VDimension>(input, InitialKind::Rigid, false).Transform);
  }
  return reach;
}

/** A linear stage of mass within the box that both frames have in common, which is looked for again with each result:
 * where frames cut through what they show, whole masses are not the same even at the true map. */
template <unsigned int VDimension>
StageOutput<VDimension>
RunStageOnOverlap(const StageInput<VDimension> &                 whole,
                  const CompositeTransform<double, VDimension> * initial,
                  Listener &                                     listener)
{
  constexpr unsigned int  rounds = 4;
  const auto              queue = CopyQueue<VDimension>(initial);
  const auto              found = CompositeTransform<double, VDimension>::New();
  StageOutput<VDimension> output;
  StageInput<VDimension>  input = whole;
  for (unsigned int round = 0; round < rounds; ++round)
  {
    const auto before = input.Grid.Image;
    if (!CropToOverlap<VDimension>(
          input.Grid, whole.Fixed, whole.Moving, GetMap<VDimension>(queue.GetPointer()).GetPointer()) ||
        (round > 0 && before->GetLargestPossibleRegion() == input.Grid.Image->GetLargestPossibleRegion() &&
         before->GetOrigin() == input.Grid.Image->GetOrigin()))
    {
      break;
    }
    input.Initial = queue;
    const StageOutput<VDimension> result = RunLinearStage(input, listener);
    output.Levels = result.Levels;
    found->AddTransform(result.Transform);
    queue->AddTransform(result.Transform);
  }
  output.Transform = found;
  return output;
}

/** A linear stage of mass whose images are cut by their borders: with the whole masses, within the common box, and the
 * one after the other. The most similar result is kept. */
template <unsigned int VDimension>
StageOutput<VDimension>
RunCutStage(const StageInput<VDimension> &                 input,
            const CompositeTransform<double, VDimension> * initial,
            const ImagePair<VDimension> &                  images,
            Listener &                                     listener)
{
  const StageOutput<VDimension> overlap = RunStageOnOverlap<VDimension>(input, initial, listener);
  const StageOutput<VDimension> whole = RunLinearStage(input, listener);
  StageOutput<VDimension>       both =
    RunStageOnOverlap<VDimension>(input, CopyQueueWith<VDimension>(initial, whole.Transform), listener);
  const auto sequence = CompositeTransform<double, VDimension>::New();
  sequence->AddTransform(whole.Transform);
  both.Transform = CopyQueueWith<VDimension>(sequence, both.Transform).GetPointer();

  StageOutput<VDimension> best;
  double                  largest = -1.0;
  for (const auto & candidate : { overlap, whole, both })
  {
    if (candidate.Levels.empty()) // there was no common box
    {
      continue;
    }
    const double similarity =
      MeasureSimilarityOf<VDimension>(images, CopyQueueWith<VDimension>(initial, candidate.Transform).GetPointer());
    if (similarity > largest)
    {
      largest = similarity;
      best = candidate;
    }
  }
  return best;
}

/** Whether two maps differ by less than a quarter of a voxel everywhere on \a grid: interpolation alone then decides
 * which one is more similar. */
template <unsigned int VDimension>
bool
AreClose(const Transform<double, VDimension, VDimension> * one,
         const Transform<double, VDimension, VDimension> * other,
         const ImageType<VDimension> *                     grid)
{
  constexpr double negligible = 0.25;
  const auto       first = SampleDisplacement<VDimension>(one, grid);
  const auto       second = SampleDisplacement<VDimension>(other, grid);
  const double     voxel = *std::min_element(grid->GetSpacing().Begin(), grid->GetSpacing().End());
  const auto       count = grid->GetBufferedRegion().GetNumberOfPixels();
  for (SizeValueType i = 0; i < count; ++i)
  {
    if (!((first->GetBufferPointer()[i] - second->GetBufferPointer()[i]).GetNorm() < negligible * voxel))
    {
      return false;
    }
  }
  return true;
}

/** Value of a stage, by which its result is accepted: of its metric, or, where frames cut through masses, the negative
 * similarity. */
template <unsigned int VDimension>
double
ValueOfStage(const StageInput<VDimension> &                 input,
             const CompositeTransform<double, VDimension> * queue,
             const ImagePair<VDimension> &                  images,
             bool                                           isCut)
{
  const auto map = GetMap<VDimension>(queue);
  return isCut ? -MeasureSimilarityOf<VDimension>(images, map.GetPointer())
               : EvaluateStage<VDimension>(input, map.GetPointer()).Value;
}

/** Runs a stage on top of \a transform and keeps its result there unless its value got worse. */
template <unsigned int VDimension>
void
RunStage(const Plan &                             plan,
         const Stage &                            stage,
         const ImagePair<VDimension> &            images,
         CompositeTransform<double, VDimension> * transform,
         HalfwayMaps<VDimension> &                maps,
         RegistrationReport &                     report,
         Listener &                               listener)
{
  StageInput<VDimension> input = PrepareStage<VDimension>(plan, stage, images);
  const bool             isCut = !IsDeformation(stage.Transform) && ComparesMass(stage) &&
                     (IsCutByBorder<VDimension>(input.Fixed) || IsCutByBorder<VDimension>(input.Moving));
  const auto  before = CopyQueue<VDimension>(transform);
  StageReport facts;
  facts.ValueBefore = ValueOfStage<VDimension>(input, before, images, isCut);
  if (CanContinue(input, maps))
  {
    transform->RemoveTransform();
    input.Maps = maps;
  }
  input.Initial = transform;
  listener.Say(ToString(stage.Transform) + " with " + ToString(stage.Metric));
  const StageOutput<VDimension> output = isCut ? RunCutStage<VDimension>(input, transform, images, listener)
                                         : IsDeformation(stage.Transform) ? RunDeformableStage(input, listener)
                                                                          : RunLinearStage(input, listener);
  transform->AddTransform(output.Transform);
  transform->FlattenTransformQueue();
  report.Levels.insert(report.Levels.end(), output.Levels.begin(), output.Levels.end());
  facts.ValueAfter = ValueOfStage<VDimension>(input, transform, images, isCut);
  const double rounding = 1e-9 * std::max(std::abs(facts.ValueBefore), std::abs(facts.ValueAfter));
  facts.Kept = facts.ValueAfter <= facts.ValueBefore + rounding;
  if (facts.Kept)
  {
    maps = output.Maps;
  }
  else
  {
    facts.MovedNothing = AreClose<VDimension>(transform, GetMap<VDimension>(before.GetPointer()), images.Fixed);
    transform->ClearTransformQueue();
    Append<VDimension>(before, transform);
    std::ostringstream text;
    text << "the stage ended worse than it began (" << facts.ValueBefore << " -> " << facts.ValueAfter
         << "): its result is dropped";
    listener.Say(text.str());
  }
  report.Stages.push_back(facts);
}

/** Springs follow mass, and mass misleads where brightness drifts or what is bright in one image is not in the other:
 * of images that are no shapes the start is what was given where that is the more similar.
 * \return whether it is. */
template <unsigned int VDimension>
bool
KeepBetterStart(const ImagePair<VDimension> &                  images,
                const CompositeTransform<double, VDimension> * given,
                CompositeTransform<double, VDimension> *       transform,
                Listener &                                     listener)
{
  if (MeasureSimilarityOf<VDimension>(images, GetMap<VDimension>(given).GetPointer()) <
      MeasureSimilarityOf<VDimension>(images, GetMap<VDimension>(transform).GetPointer()))
  {
    return false;
  }
  transform->ClearTransformQueue();
  Append<VDimension>(given, transform);
  listener.Say("the start from springs is less similar than what it began with: it is left out");
  return true;
}

/** Whether a finish sees something that another contrast changes. */
inline bool
MayMisreadContrast(const Plan & plan)
{
  const MetricKind metric = plan.Stages.back().Metric;
  return plan.ChoosesFinish ? plan.Main.Transform == TransformKind::SyN
                            : metric == MetricKind::Correlation || metric == MetricKind::MeanSquares;
}

/** Where contrasts do not agree, neither do masses: then mutual information alone decides, unless somebody has chosen
 * the finish. */
template <unsigned int VDimension>
void
AdaptToContrast(Plan &                                         plan,
                const ImagePair<VDimension> &                  images,
                const CompositeTransform<double, VDimension> * transform,
                Listener &                                     listener)
{
  const auto agreement = MeasureContrast<VDimension>(plan, images, GetMap<VDimension>(transform).GetPointer());
  if (!agreement.IsMixed())
  {
    return;
  }
  std::ostringstream text;
  text << "the contrasts of both images differ (signs of their local correlation: " << agreement.Everywhere
       << " of 1, where both have mass " << agreement.Inside << ")";
  if (plan.ChoosesFinish)
  {
    plan.Stages.back() = MakeFinish(plan.Main, MetricKind::Mattes);
    text << ": mutual information (mattes) registers them";
  }
  else
  {
    text << ": " << ToString(plan.Stages.back().Metric) << " may bring together what does not belong together; "
         << plan.Prefix << "finish mattes does not";
  }
  listener.Say(text.str());
}

/** Undoes the stages of mass where they left images that are no shapes less similar than they found them. \param first
 * the first of them, which begins with \a linearStart. */
template <unsigned int VDimension>
void
KeepBetterMass(const ImagePair<VDimension> &                  images,
               const CompositeTransform<double, VDimension> * linearStart,
               std::size_t                                    first,
               CompositeTransform<double, VDimension> *       transform,
               HalfwayMaps<VDimension> &                      maps,
               RegistrationReport &                           report,
               Listener &                                     listener)
{
  const auto begin = report.Stages.begin() + static_cast<std::ptrdiff_t>(first);
  const bool anyKept = std::any_of(begin, report.Stages.end(), [](const StageReport & stage) { return stage.Kept; });
  if (anyKept && MeasureSimilarityOf<VDimension>(images, GetMap<VDimension>(transform).GetPointer()) <
                   MeasureSimilarityOf<VDimension>(images, GetMap<VDimension>(linearStart).GetPointer()))
  {
    transform->ClearTransformQueue();
    Append<VDimension>(linearStart, transform);
    maps = HalfwayMaps<VDimension>();
    std::for_each(begin, report.Stages.end(), [](StageReport & stage) { stage.Kept = false; });
    listener.Say("carrying mass left the images less similar than before: that is undone");
  }
}

/** Runs the stages; \a transform receives their composition, \a linearStart that of the start from springs. Settings
 * that were left open are chosen. */
template <unsigned int VDimension>
void
RunStages(Plan &                                   plan,
          const ImagePair<VDimension> &            images,
          CompositeTransform<double, VDimension> * transform,
          CompositePointer<VDimension> &           linearStart,
          RegistrationReport &                     report,
          Listener &                               listener)
{
  const bool followsIntensities = FollowsIntensities(plan);
  const auto given = CopyQueue<VDimension>(transform);
  if (plan.Initial != InitialKind::None)
  {
    listener.Say("start from springs: " + ToString(plan.Initial));
    const double reach = StartFromSprings<VDimension>(plan, images, transform);
    for (Stage & stage : plan.Stages)
    {
      if (plan.ChoosesReach && stage.Metric == MetricKind::Sinkhorn)
      {
        stage.Reach = reach;
      }
    }
    if (followsIntensities)
    {
      KeepBetterStart<VDimension>(images, given, transform, listener);
    }
  }
  HalfwayMaps<VDimension> maps;
  std::size_t             next = 0;
  const auto              runNext = [&]() {
    RunStage<VDimension>(plan, plan.Stages[next], images, transform, maps, report, listener);
    ++next;
    listener.Advance(static_cast<double>(next) / static_cast<double>(plan.Stages.size()));
  };
  const auto isLinear = [&plan](std::size_t n) {
    return plan.IsRecipe && n < plan.Stages.size() && !IsDeformation(plan.Stages[n].Transform);
  };
  if (followsIntensities && isLinear(next) && ComparesMass(plan.Stages[next]))
  {
    runNext();
    report.Stages.back().Kept = !KeepBetterStart<VDimension>(images, given, transform, listener);
  }
  if (plan.SearchesRotations && (given->IsTransformQueueEmpty() || plan.Centers))
  {
    SearchRotations<VDimension>(plan, images, transform, listener);
  }
  while (isLinear(next))
  {
    runNext();
  }
  if (followsIntensities && next < plan.Stages.size() && MayMisreadContrast(plan))
  {
    AdaptToContrast<VDimension>(plan, images, transform, listener);
  }
  linearStart = CopyQueue<VDimension>(transform);
  const std::size_t firstOfMass = next;
  while (next < plan.Stages.size())
  {
    if (followsIntensities && next > firstOfMass && next + 1 == plan.Stages.size())
    {
      KeepBetterMass<VDimension>(images, linearStart, firstOfMass, transform, maps, report, listener);
    }
    runNext();
  }
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
