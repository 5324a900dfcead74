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
#ifndef itkSinkhornRegistrationEngine_hxx
#define itkSinkhornRegistrationEngine_hxx

#include "itkSinkhornRegistrationEngine.h"
#include "itkSinkhornRegistrationSchedule.hxx"

#include "itkSinkhornFoldRegularizer.h"

#include <algorithm>
#include <sstream>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** That a registration has made the images less similar, and by which measure. */
template <unsigned int VDimension>
std::string
DescribeLoss(const Plan & plan, const ImagePair<VDimension> & images, double began, double ended)
{
  const bool         isConserved = plan.Main.MassModel == MassModelKind::Conserved;
  std::ostringstream text;
  text << "the registration ended less similar than it began ("
       << (isConserved ? "common mass " : (images.FixedLabelMap ? "overlap of labels " : "mutual information "))
       << began << " -> " << ended << ")";
  return text.str();
}

/** Hands the more similar one over where the result is less similar than what it began with: what was given, or, of
 * images that are no shapes, the linear start; and says so, also where every stage was dropped. */
template <unsigned int VDimension>
void
KeepBetter(const Plan &                                   plan,
           const ImagePair<VDimension> &                  images,
           const StageInput<VDimension> &                 main,
           const CompositeTransform<double, VDimension> * given,
           const CompositeTransform<double, VDimension> * linearStart,
           CompositeTransform<double, VDimension> *       transform,
           RegistrationReport &                           report,
           Listener &                                     listener)
{
  const bool isConserved = plan.Main.MassModel == MassModelKind::Conserved;
  const auto similarity = [&](const Transform<double, VDimension, VDimension> * map) {
    return isConserved ? MeasureMassOverlap<VDimension>(main.Fixed, main.Moving, map)
                       : MeasureSimilarityOf<VDimension>(images, map);
  };
  const auto isDropped = [](const StageReport & stage) { return !stage.Kept; };
  const bool allDropped = std::all_of(report.Stages.begin(), report.Stages.end(), isDropped);
  const bool hasLinear = linearStart->GetNumberOfTransforms() > given->GetNumberOfTransforms();
  const auto result = CopyQueue<VDimension>(transform);
  report.SimilarityBefore = similarity(GetMap<VDimension>(given));
  const double ended = similarity(GetMap<VDimension>(result.GetPointer()));
  report.SimilarityAfter = ended;
  const bool   follows = FollowsIntensities(plan);
  const bool   isWorse = ended < report.SimilarityBefore || allDropped;
  const double linear = hasLinear && (follows || isWorse) ? similarity(linearStart) : -1.0;
  // A start that happens to lie on the voxels is not blurred by interpolation: that alone makes a few hundredths.
  constexpr double clearly = 0.95;
  const double     began =
    follows && ended < clearly * linear ? std::max(report.SimilarityBefore, linear) : report.SimilarityBefore;
  if (ended >= began && !isWorse)
  {
    return;
  }
  const bool keepsLinear = linear >= report.SimilarityBefore;
  Assign<VDimension>(keepsLinear ? linearStart : given, transform);
  AddIdentityIfEmpty<VDimension>(transform);
  report.Kept = keepsLinear ? "linear start" : "start";
  report.SimilarityAfter = std::max(report.SimilarityBefore, linear);
  const auto isStill = [](const StageReport & stage) { return stage.MovedNothing; };
  report.MovedNothing = allDropped && (keepsLinear || !hasLinear)
                          ? std::all_of(report.Stages.begin(), report.Stages.end(), isStill)
                          : AreClose<VDimension>(GetMap<VDimension>(result.GetPointer()), transform, images.Fixed);
  if (report.MovedNothing)
  {
    listener.Say("the registration found nothing to move: the " + report.Kept + " is handed over");
    return;
  }
  const std::string loss = allDropped ? "every stage ended worse by its own metric than it began"
                                      : DescribeLoss<VDimension>(plan, images, began, ended);
  listener.Complain(loss + "; the " + report.Kept + " is handed over instead. Try another " + plan.Prefix + "metric, " +
                    plan.Prefix + "transform or " + plan.Prefix + "initialize, or masks.");
}

/** Whether a deformation has been sampled as finely as an image: then so must be the search for folds. */
template <unsigned int VDimension>
bool
HoldsDetail(const CompositeTransform<double, VDimension> * transform, const ImageType<VDimension> * image)
{
  for (SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i)
  {
    const auto * one =
      dynamic_cast<const DisplacementFieldTransform<double, VDimension> *>(transform->GetNthTransform(i).GetPointer());
    bool isFine = one != nullptr;
    for (unsigned int d = 0; d < VDimension && isFine; ++d)
    {
      isFine = one->GetDisplacementField()->GetSpacing()[d] < 1.01 * image->GetSpacing()[d];
    }
    if (isFine)
    {
      return true;
    }
  }
  return false;
}

/** Each stage's map is invertible, but their composition can stretch and shear so much between two voxels that its
 * samples fold. Then one displacement field, mended, takes the place of the deformable transforms. */
template <unsigned int VDimension>
void
MendFolds(const ImageType<VDimension> * grid, CompositeTransform<double, VDimension> * transform)
{
  using FieldTransform = DisplacementFieldTransform<double, VDimension>;
  constexpr double smallestDeterminant = 0.001;
  // Stages work on grids of their own, and what one moves must not be cut off.
  std::vector<const ImageBase<VDimension> *> fields;
  const auto                                 deformation = CompositeTransform<double, VDimension>::New();
  const auto                                 linear = CompositeTransform<double, VDimension>::New();
  for (SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i)
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
  Sinkhorn::MapPair<VDimension> map;
  map.Forward = SampleDisplacement<VDimension>(deformation, Sinkhorn::ExtendGrid<VDimension>(grid, fields));
  if (!Sinkhorn::FoldRegularizer<VDimension>::RelaxForward(map.Forward, smallestDeterminant))
  {
    return;
  }
  map.Inverse = Sinkhorn::InvertField<FieldType<VDimension>>(map.Forward,
                                                             Sinkhorn::MakeImageOn<FieldType<VDimension>>(map.Forward));
  const auto field = FieldTransform::New();
  field->SetDisplacementField(map.Forward);
  field->SetInverseDisplacementField(map.Inverse);
  Assign<VDimension>(linear, transform);
  transform->AddTransform(field);
}

/** Values of the main stage's metric at the beginning and at the end. */
template <unsigned int VDimension>
void
EvaluateEnds(const StageInput<VDimension> &                 input,
             const CompositeTransform<double, VDimension> * given,
             CompositeTransform<double, VDimension> *       transform,
             RegistrationReport &                           report)
{
  report.ValueBefore = EvaluateStage<VDimension>(input, GetMap<VDimension>(given).GetPointer()).Value;
  const Evaluation after = EvaluateStage<VDimension>(input, transform);
  report.ValueAfter = after.Value;
  report.HasMarginalError = input.Parameters.Metric == MetricKind::Sinkhorn;
  report.MarginalError = after.MarginalError;
  // The last level met its own criterion, what it led to was kept, and the transport that measures it has converged.
  const bool isHandedOver = report.Kept == "result"
                              ? report.Stages.empty() || report.Stages.back().Kept || report.Stages.back().MovedNothing
                              : report.MovedNothing;
  report.Converged = report.Levels.back().Converged && isHandedOver && after.Converged;
  report.Blur = ChooseBlur(input.Parameters, input.Grid.GetSpacing(ChooseEvaluatedLevel<VDimension>(input)));
}

/** Tells what was chosen for an image that is not taken as it is. */
inline void
SayDensity(const DensityRule & asked, const DensityRule & chosen, const std::string & name, Listener & listener)
{
  if (asked.How != chosen.How && chosen.How != DensityRule::Mode::AsIs)
  {
    listener.Say("mass of the " + name + ": " + chosen.ToString() +
                 (chosen.Low > chosen.High ? " (dark on bright)" : ""));
  }
}

/** Tells what is compared, and which labels are not. */
inline void
SayFeatures(const Plan & plan, Listener & listener)
{
  if (plan.Features == FeatureKind::Intensity)
  {
    listener.Say("the springs of the start compare intensities: " + DescribeFeatures(plan));
  }
  if (plan.Features != FeatureKind::Labels)
  {
    return;
  }
  const auto list = [](const std::vector<std::uint32_t> & labels) {
    std::ostringstream text;
    for (const std::uint32_t label : labels)
    {
      text << " " << label;
    }
    return text.str();
  };
  std::ostringstream text;
  text << "label maps, compared label by label: " << plan.Labels.Common.size() << " labels";
  listener.Say(text.str());
  if (!plan.Distances.IsEmpty() && plan.Labels.Linked.empty())
  {
    listener.Say("no finite distance of " + plan.Prefix +
                 "label-costs is between labels of these maps: it changes nothing");
  }
  for (const auto & group : plan.Labels.Linked)
  {
    listener.Say("labels at finite distances of each other, transported together:" + list(group));
  }
  for (const auto & only :
       { std::make_pair("fixed", &plan.Labels.FixedOnly), std::make_pair("moving", &plan.Labels.MovingOnly) })
  {
    if (!only.second->empty())
    {
      listener.Say(std::string("labels of the ") + only.first +
                   " image alone, which take part in nothing:" + list(*only.second));
    }
  }
}

template <unsigned int VDimension>
RegistrationReport
Register(Plan &                                   plan,
         const ImagePair<VDimension> &            images,
         CompositeTransform<double, VDimension> * transform,
         Listener &                               listener)
{
  SayFeatures(plan, listener);
  SayDensity(plan.Mass, plan.FixedMass, images.FixedName, listener);
  SayDensity(plan.Mass, plan.MovingMass, images.MovingName, listener);
  RegistrationReport report;
  const auto         given = CopyQueue<VDimension>(transform);
  const auto         result = CopyQueue<VDimension>(transform);
  const bool         areEqual =
    !images.FixedMask && !images.MovingMask && given->IsTransformQueueEmpty() &&
    AreEqual<VDimension>(images.Fixed, images.Moving) &&
    (!images.FixedLabelMap || AreEqualLabels<VDimension>(images.FixedLabelMap, images.MovingLabelMap));
  const auto main = PrepareStage<VDimension>(plan, plan.Main, images);
  if (areEqual)
  {
    listener.Say("both images show the same where they overlap: the map is the identity");
    AddIdentityIfEmpty<VDimension>(result);
    report.Levels.push_back({ 0, 0.0, true });
    plan.Stages.clear();
  }
  else
  {
    auto linearStart = CompositeTransform<double, VDimension>::New();
    RunStages<VDimension>(plan, images, result, linearStart, report, listener);
    const auto coarse = Sinkhorn::ShrinkGeometry<VDimension>(main.Grid.Image, main.Grid.Factors.back());
    MendFolds<VDimension>(HoldsDetail<VDimension>(result, images.Fixed) ? images.Fixed : coarse, result);
    KeepBetter<VDimension>(plan, images, main, given, linearStart, result, report, listener);
  }
  EvaluateEnds<VDimension>(main, given, result, report);
  Assign<VDimension>(result, transform);
  return report;
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
