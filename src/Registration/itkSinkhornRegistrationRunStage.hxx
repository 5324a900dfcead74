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
#ifndef itkSinkhornRegistrationRunStage_hxx
#define itkSinkhornRegistrationRunStage_hxx

#include "itkSinkhornRegistrationExclusions.h"
#include "itkSinkhornRegistrationOverlap.h"
#include "itkSinkhornRegistrationQueue.h"
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
  // Metrics leave out what either mask does, but mass would fill the hole.
  StageInput<VDimension> input = PrepareStage<VDimension>(
    plan, stage, ComparesMass(stage) ? ShareExclusions<VDimension>(images, GetMap<VDimension>(transform)) : images);
  const bool isCut = !IsDeformation(stage.Transform) && ComparesMass(stage) &&
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
    Assign<VDimension>(before, transform);
    std::ostringstream text;
    text << "the stage ended worse than it began (" << facts.ValueBefore << " -> " << facts.ValueAfter
         << "): its result is dropped";
    listener.Say(text.str());
  }
  report.Stages.push_back(facts);
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
