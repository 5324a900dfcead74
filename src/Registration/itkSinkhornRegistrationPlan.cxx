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
#include "itkSinkhornRegistrationPlan.h"

#include "itkSinkhornRegistrationSettings.h"

#include <algorithm>
#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** Mass is carried on the coarsest level until nothing is gained any more; then the moving image's intensities are
 * adapted there; then a local metric refines on all levels. */
std::vector<Stage>
MakeRecipe(const Stage & main, MetricKind finish)
{
  std::vector<Stage> stages;
  Stage              coarse = main;
  coarse.NumberOfLevels = main.Iterations.size();
  coarse.Iterations.resize(1);
  coarse.Shrink.resize(std::min<std::size_t>(coarse.Shrink.size(), 1));
  coarse.TotalSigmas.resize(std::min<std::size_t>(coarse.TotalSigmas.size(), 1));
  coarse.UpdateSigmas.resize(std::min<std::size_t>(coarse.UpdateSigmas.size(), 1));
  stages.push_back(coarse);
  if (main.MassModel == MassModelKind::Automatic)
  {
    coarse.MassModel = MassModelKind::Intensity;
    coarse.IsRefining = true;
    stages.push_back(coarse);
  }
  stages.push_back(MakeFinish(main, finish));
  return stages;
}

void
ChooseStart(const PlanRequest & request, bool transports, Plan & plan)
{
  const std::string name = request.Prefix + "initialize";
  // Shapes far apart have rotated, too, and a deformation is a poor way to rotate.
  const std::string automatic = transports ? "automatic" : "none";
  plan.Initial = ParseInitial(name, request.Initialize.empty() ? automatic : request.Initialize);
  if (plan.Initial == InitialKind::Centers)
  {
    plan.Centers = true;
    plan.Initial = ParseInitial(name, automatic);
  }
  if (plan.MultiStart && plan.Initial == InitialKind::None)
  {
    throw UsageError(request.Prefix + "multi-start belongs to " + name +
                     " automatic, sinkhorn, sinkhorn-rigid or sinkhorn-similarity");
  }
}

/** Refuses settings that change nothing: who gives them believes that they do. */
void
CheckUse(const PlanRequest & request, const Plan & plan)
{
  const auto anyHasUse = [&plan](const std::string & key) {
    return std::any_of(
      plan.Stages.begin(), plan.Stages.end(), [&key](const Stage & stage) { return HasUse(key, stage); });
  };
  for (const auto & setting : ListSettings())
  {
    if (request.Settings.count(setting.second) > 0 && !anyHasUse(setting.first))
    {
      throw UsageError(request.Prefix + setting.second + ": has no meaning here, it belongs to " +
                       GetUse(setting.first) + "; leave it out, or choose another " + request.Prefix + "metric or " +
                       request.Prefix + "transform");
    }
  }
  const bool shapesMass = plan.Mass.How == DensityRule::Mode::Shift || plan.Mass.How == DensityRule::Mode::Clamp ||
                          plan.Mass.How == DensityRule::Mode::Around;
  if (shapesMass && !anyHasUse("blur") && plan.Initial == InitialKind::None)
  {
    throw UsageError(request.Prefix + "density " + plan.Mass.ToString() +
                     ": has no meaning here, only the metrics sinkhorn and kernel and " + request.Prefix +
                     "initialize see mass");
  }
}

Stage
MakeDefaults(const PlanRequest & request)
{
  Stage defaults;
  for (const auto & given : request.Settings)
  {
    const auto & settings = ListSettings();
    const auto   found = std::find_if(
      settings.begin(), settings.end(), [&given](const auto & entry) { return entry.second == given.first; });
    if (found == settings.end())
    {
      throw UsageError("there is no setting '" + given.first + "'");
    }
    ApplySetting(defaults, found->first, request.Prefix + given.first, given.second);
  }
  return defaults;
}

void
PlanStages(const PlanRequest & request, const Stage & defaults, Plan & plan)
{
  for (const auto & other : { std::make_pair("metric", &request.Metric),
                              std::make_pair("transform", &request.Transform),
                              std::make_pair("finish", &request.Finish) })
  {
    if (!other.second->empty())
    {
      throw UsageError(request.Prefix + other.first + " and " + request.Prefix +
                       "stage exclude each other: a stage names its transform and metric");
    }
  }
  for (const std::string & text : request.Stages)
  {
    plan.Stages.push_back(ParseStage(request.Prefix + "stage '" + text + "'", text, defaults));
  }
  plan.Main = plan.Stages.back();
  ChooseStart(request, false, plan);
}

/** Mass is carried by a displacement down to the finest level, balanced, and nothing else follows: a local metric would
 * compare densities that a map has stretched as if they were intensities. */
void
PlanConserved(const PlanRequest & request, Plan & plan)
{
  Stage &           main = plan.Main;
  const std::string name = request.Prefix + "mass-model conserved: ";
  if (main.Metric != MetricKind::Sinkhorn)
  {
    throw UsageError(name + "belongs to the metric sinkhorn, not " + ToString(main.Metric));
  }
  if (request.Transform.empty())
  {
    main.Transform = TransformKind::Displacement;
  }
  if (main.Transform != TransformKind::Displacement && main.Transform != TransformKind::Velocity)
  {
    throw UsageError(name + request.Prefix + "transform " + ToString(main.Transform) +
                     " does not carry mass from the one image to the other; choose displacement or velocity");
  }
  if (main.Reach > 0.0)
  {
    throw UsageError(name + "with a " + request.Prefix + "reach mass is created and destroyed; leave it out");
  }
  if (!request.Finish.empty() && request.Finish != "none")
  {
    throw UsageError(name + "has no " + request.Prefix + "finish; leave it out");
  }
  if (request.Density.empty())
  {
    plan.Mass.How = DensityRule::Mode::AsIs;
  }
  constexpr double smallestWay = 0.02;
  main.SmallestWay = smallestWay;
  plan.Stages = { main };
  ChooseStart(request, false, plan);
}

void
PlanRecipe(const PlanRequest & request, const Stage & defaults, Plan & plan)
{
  const auto given = [&request](const char * name) { return request.Settings.count(name) > 0; };
  Stage &    main = plan.Main;
  main = defaults;
  main.Metric = ParseMetric(request.Prefix + "metric", request.Metric.empty() ? "sinkhorn" : request.Metric);
  main.Transform = ParseTransform(request.Prefix + "transform", request.Transform.empty() ? "syn" : request.Transform);
  const auto & settings = ListSettings();
  CompleteStage(main, [&](const std::string & key) {
    return request.Prefix + std::find_if(settings.begin(), settings.end(), [&key](const auto & entry) {
                              return entry.first == key;
                            })->second;
  });
  if (main.MassModel == MassModelKind::Conserved)
  {
    PlanConserved(request, plan);
    return;
  }
  plan.Stages = { main };
  const bool transports = main.Metric == MetricKind::Sinkhorn && IsDeformation(main.Transform);
  ChooseStart(request, transports && request.Finish != "none", plan);
  if (!transports && !request.Finish.empty())
  {
    throw UsageError(request.Prefix + "finish: only a deformation with sinkhorn has a finish; give " + request.Prefix +
                     "stage once for each stage instead");
  }
  plan.IsRecipe = !IsDeformation(main.Transform) && request.Metric.empty();
  if (transports && request.Finish != "none")
  {
    plan.IsRecipe = true;
    plan.ChoosesFinish = request.Finish.empty();
    plan.ChoosesStandardize = !given("standardize");
    plan.ChoosesIterations = !given("iterations");
    plan.ChoosesReach = !given("reach") && plan.Initial != InitialKind::None;
    plan.Stages = MakeRecipe(main, ParseMetric(request.Prefix + "finish", plan.ChoosesFinish ? "cc" : request.Finish));
  }
}

/** \exception UsageError if labels were asked for where no stage can compare them, or intensities without springs. */
void
ChooseFeatures(const PlanRequest & request, Plan & plan)
{
  const std::string name = request.Prefix + "features";
  ParseFeatures(name, request.Features.empty() ? "auto" : request.Features, plan);
  if (plan.Features == FeatureKind::Labels && !MayCompareLabels(plan))
  {
    throw UsageError(name +
                     " labels: no stage can compare labels; those of deformations with sinkhorn or meansquares can");
  }
  if (plan.Features == FeatureKind::Intensity && plan.Initial == InitialKind::None)
  {
    throw UsageError(name + " " + request.Features + ": has no meaning here, only a start from springs sees it; give " +
                     request.Prefix + "initialize automatic, sinkhorn, sinkhorn-rigid or sinkhorn-similarity");
  }
}

/** \exception UsageError if there are none, or if no stage compares labels. */
void
ReadDistances(const PlanRequest & request, Plan & plan)
{
  if (request.LabelCosts.empty())
  {
    return;
  }
  const std::string name = request.Prefix + "label-costs";
  if (!MayCompareLabels(plan))
  {
    throw UsageError(name + ": has no meaning here, where no labels are compared; leave it out, or choose " +
                     request.Prefix + "features labels and a deformation with sinkhorn");
  }
  plan.Distances = ReadLabelDistances(name, request.LabelCosts);
}

} // namespace

bool
MayCompareLabels(const Plan & plan)
{
  const bool mayFinish = !plan.Stages.empty() && CanCompareLabels(plan.Stages.back());
  switch (plan.Features)
  {
    case FeatureKind::None:
    case FeatureKind::Intensity: return false;
    case FeatureKind::Automatic: return plan.IsRecipe && (plan.ChoosesFinish || mayFinish);
    default: return plan.ChoosesFinish || std::any_of(plan.Stages.begin(), plan.Stages.end(), CanCompareLabels);
  }
}

std::string
DescribeFeatures(const Plan & plan)
{
  std::ostringstream text;
  text << ToString(plan.Features);
  if (plan.Features == FeatureKind::Intensity)
  {
    text << ':' << plan.NumberOfIntensityBins;
    if (plan.IntensityWeight > 0.0)
    {
      text << ':' << plan.IntensityWeight;
    }
  }
  return text.str();
}

Stage
MakeFinish(const Stage & main, MetricKind metric)
{
  Stage finish = main;
  finish.Metric = metric;
  finish.UpdateSigmas.clear();
  finish.IsRefining = true;
  return finish;
}

Stage
MakeLinearRefinement(TransformKind transform)
{
  Stage stage;
  stage.Transform = transform;
  stage.Metric = MetricKind::Mattes;
  stage.NumberOfLevels = 3;
  stage.Iterations = { 100, 50 };
  return stage;
}

Plan
MakePlan(const PlanRequest & request)
{
  Plan plan;
  plan.Prefix = request.Prefix;
  plan.MultiStart = request.MultiStart;
  plan.KeepUnmatched = request.KeepUnmatched;
  plan.Mass = ParseDensity(request.Prefix + "density", request.Density.empty() ? "auto" : request.Density);
  const Stage defaults = MakeDefaults(request);
  if (request.Stages.empty())
  {
    PlanRecipe(request, defaults, plan);
  }
  else
  {
    PlanStages(request, defaults, plan);
  }
  ChooseFeatures(request, plan);
  ReadDistances(request, plan);
  CheckUse(request, plan);
  return plan;
}

} // namespace SinkhornRegistration
} // namespace itk
