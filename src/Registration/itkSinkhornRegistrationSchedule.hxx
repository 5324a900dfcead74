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

#include "itkSinkhornRegistrationCandidates.hxx"
#include "itkSinkhornRegistrationContrast.h"
#include "itkSinkhornRegistrationQueue.h"
#include "itkSinkhornRegistrationRigidStart.hxx"
#include "itkSinkhornRegistrationRotations.hxx"
#include "itkSinkhornRegistrationSettings.h"
#include "itkSinkhornRegistrationSimilarity.h"
#include "itkSinkhornRegistrationSmoothFinish.hxx"
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
  Assign<VDimension>(given, transform);
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

/** Runs the next stage of a plan on top of \a transform. \param tried where the coarse levels of the finish led;
 * nullptr if nobody has run them. */
template <unsigned int VDimension>
void
RunNextStage(Plan &                                   plan,
             const ImagePair<VDimension> &            images,
             std::size_t &                            next,
             CompositeTransform<double, VDimension> * transform,
             HalfwayMaps<VDimension> &                maps,
             const CompositePointer<VDimension> &     tried,
             RegistrationReport &                     report,
             Listener &                               listener)
{
  if (FollowsIntensities(plan) && next + 1 == plan.Stages.size())
  {
    RunFinish<VDimension>(plan, images, next, transform, maps, tried, report, listener);
  }
  else
  {
    RunStage<VDimension>(plan, plan.Stages[next], images, transform, maps, report, listener);
  }
  ++next;
  listener.Advance(static_cast<double>(next) / static_cast<double>(plan.Stages.size()));
}

/** The linear part of a recipe for intensities: the start from springs, orientations that it missed, refinements.
 * \param next receives the number of the first stage after it. \param rival receives the refined start in another
 * orientation, if one is nearly as similar, for those who can still choose; where nothing follows, the more similar one
 * is taken here. \return the start before its refinement. */
template <unsigned int VDimension>
CompositePointer<VDimension>
RunLinearStages(Plan &                                         plan,
                const ImagePair<VDimension> &                  images,
                const CompositeTransform<double, VDimension> * given,
                CompositeTransform<double, VDimension> *       transform,
                std::size_t &                                  next,
                CompositePointer<VDimension> &                 rival,
                RegistrationReport &                           report,
                Listener &                                     listener)
{
  HalfwayMaps<VDimension> none;
  const auto              isLinear = [&]() {
    return plan.IsRecipe && next < plan.Stages.size() && !IsDeformation(plan.Stages[next].Transform);
  };
  if (FollowsIntensities(plan) && isLinear() && ComparesMass(plan.Stages[next]))
  {
    RunNextStage<VDimension>(plan, images, next, transform, none, nullptr, report, listener);
    report.Stages.back().Kept = !KeepBetterStart<VDimension>(images, given, transform, listener);
  }
  if (plan.SearchesRotations && (given->IsTransformQueueEmpty() || plan.Centers))
  {
    rival = SearchRotations<VDimension>(plan, images, transform, listener);
  }
  const auto         start = CopyQueue<VDimension>(transform);
  RegistrationReport ofRival = report;
  while (isLinear())
  {
    if (rival)
    {
      listener.Say("in an orientation that is nearly as similar:");
      RunStage<VDimension>(plan, plan.Stages[next], images, rival, none, ofRival, listener);
    }
    RunNextStage<VDimension>(plan, images, next, transform, none, nullptr, report, listener);
  }
  if (rival && next == plan.Stages.size() &&
      MeasureSimilarityOf<VDimension>(images, rival) > MeasureSimilarityOf<VDimension>(images, transform))
  {
    listener.Say("the other orientation has become more similar: it is taken");
    Assign<VDimension>(rival, transform);
    report = ofRival;
  }
  return start;
}

/** Runs the stages of mass of a recipe for intensities, those before its finish, from \a transform, a linear start, and
 * from \a unrefined, what it was before its refinement, and brings \a transform to where the finish begins.
 * \param rival another linear start, or nullptr. \param linearStart receives the start that led there. \param tried
 * receives where the coarse levels of the finish led, if that was tried. */
template <unsigned int VDimension>
void
RunMassStages(Plan &                                   plan,
              const ImagePair<VDimension> &            images,
              const CompositePointer<VDimension> &     unrefined,
              const CompositePointer<VDimension> &     rival,
              std::size_t &                            next,
              CompositeTransform<double, VDimension> * transform,
              CompositePointer<VDimension> &           linearStart,
              HalfwayMaps<VDimension> &                maps,
              CompositePointer<VDimension> &           tried,
              RegistrationReport &                     report,
              Listener &                               listener)
{
  const auto                         refined = CopyQueue<VDimension>(transform);
  std::vector<Candidate<VDimension>> candidates;
  AddCandidates<VDimension>(plan, images, next, "linear start", refined, candidates, listener);
  if (!AreClose<VDimension>(
        GetMap<VDimension>(refined.GetPointer()), GetMap<VDimension>(unrefined.GetPointer()), images.Fixed))
  {
    AddCandidates<VDimension>(
      plan, images, next, "linear start before its refinement", unrefined, candidates, listener);
  }
  if (rival)
  {
    AddCandidates<VDimension>(plan, images, next, "start in another orientation", rival, candidates, listener);
  }
  const Candidate<VDimension> & best = ChooseCandidate<VDimension>(plan, images, candidates, listener);
  if (best.LinearStart != refined)
  {
    report.Stages.back().Kept = false;
  }
  linearStart = best.LinearStart;
  Assign<VDimension>(best.Queue, transform);
  maps = best.Maps;
  tried = best.Tried;
  report.Stages.insert(report.Stages.end(), best.Report.Stages.begin(), best.Report.Stages.end());
  report.Levels.insert(report.Levels.end(), best.Report.Levels.begin(), best.Report.Levels.end());
  while (next + 1 < plan.Stages.size())
  {
    ++next;
    listener.Advance(static_cast<double>(next) / static_cast<double>(plan.Stages.size()));
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
      if (IsDeformation(plan.Stages.front().Transform))
      {
        PreferRigidStart<VDimension>(plan, images, given, transform, listener);
      }
    }
  }
  std::size_t                  next = 0;
  CompositePointer<VDimension> rival;
  const auto unrefined = RunLinearStages<VDimension>(plan, images, given, transform, next, rival, report, listener);
  if (followsIntensities && next < plan.Stages.size() && MayMisreadContrast(plan))
  {
    AdaptToContrast<VDimension>(plan, images, transform, listener);
  }
  linearStart = CopyQueue<VDimension>(transform);
  HalfwayMaps<VDimension>      maps;
  CompositePointer<VDimension> tried;
  if (followsIntensities && next + 1 < plan.Stages.size())
  {
    RunMassStages<VDimension>(
      plan, images, unrefined, rival, next, transform, linearStart, maps, tried, report, listener);
  }
  while (next < plan.Stages.size())
  {
    RunNextStage<VDimension>(plan, images, next, transform, maps, tried, report, listener);
  }
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
