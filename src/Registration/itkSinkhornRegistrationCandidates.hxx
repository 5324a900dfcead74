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
#ifndef itkSinkhornRegistrationCandidates_hxx
#define itkSinkhornRegistrationCandidates_hxx

#include "itkSinkhornRegistrationRunStage.hxx"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** A map from which the finish of a recipe may begin. */
template <unsigned int VDimension>
struct Candidate
{
  std::string                  Name;
  CompositePointer<VDimension> LinearStart;
  CompositePointer<VDimension> Queue;
  HalfwayMaps<VDimension>      Maps;
  /** Of the stages between both: reports of stages and levels. */
  RegistrationReport Report;
  /** Where the coarse levels of the finish lead from there, and how similar that makes the images. */
  CompositePointer<VDimension> Tried;
  double                       Similarity{ 0.0 };
};

/** The coarse levels of a stage, which take a small part of its time: all but the finest. */
inline Stage
MakePilot(const Stage & stage)
{
  Stage             pilot = stage;
  const std::size_t levels = std::max<std::size_t>(stage.Iterations.size(), 2) - 1;
  const auto        keep = [levels](auto & values) { values.resize(std::min(values.size(), levels)); };
  pilot.NumberOfLevels = CountLevels(stage);
  keep(pilot.Iterations);
  keep(pilot.Shrink);
  keep(pilot.UpdateSigmas);
  keep(pilot.TotalSigmas);
  keep(pilot.Radii);
  return pilot;
}

/** Runs the stages of mass, from number \a first to the one before the last, on top of a linear start. \a candidates
 * receives what they lead to and, if they lead anywhere, the linear start itself. */
template <unsigned int VDimension>
void
AddCandidates(const Plan &                         plan,
              const ImagePair<VDimension> &        images,
              std::size_t                          first,
              const std::string &                  name,
              const CompositePointer<VDimension> & linearStart,
              std::vector<Candidate<VDimension>> & candidates,
              Listener &                           listener)
{
  Candidate<VDimension> candidate;
  candidate.Name = name + ", mass carried";
  candidate.LinearStart = linearStart;
  candidate.Queue = CopyQueue<VDimension>(linearStart);
  for (std::size_t n = first; n + 1 < plan.Stages.size(); ++n)
  {
    RunStage<VDimension>(plan, plan.Stages[n], images, candidate.Queue, candidate.Maps, candidate.Report, listener);
  }
  auto &     stages = candidate.Report.Stages;
  const bool moved = !AreClose<VDimension>(GetMap<VDimension>(candidate.Queue.GetPointer()).GetPointer(),
                                           GetMap<VDimension>(linearStart.GetPointer()).GetPointer(),
                                           images.Fixed);
  if (moved)
  {
    candidates.push_back(candidate);
    candidate.Queue = CopyQueue<VDimension>(linearStart);
    candidate.Maps = HalfwayMaps<VDimension>();
    std::for_each(stages.begin(), stages.end(), [](StageReport & stage) { stage.Kept = false; });
  }
  candidate.Name = name;
  candidates.push_back(candidate);
}

/** Where the coarse levels of a finish lead, beginning with a candidate. */
template <unsigned int VDimension>
CompositePointer<VDimension>
TryFinish(const Plan &                  plan,
          const Stage &                 finish,
          const ImagePair<VDimension> & images,
          const Candidate<VDimension> & candidate,
          Listener &                    listener)
{
  listener.Say("coarse levels of the finish from the " + candidate.Name +
               (finish.Smoothness == SmoothnessKind::SmoothCoarseLevels ? ", with a smoother map" : ""));
  const auto              queue = CopyQueue<VDimension>(candidate.Queue);
  HalfwayMaps<VDimension> maps = candidate.Maps;
  RegistrationReport      trial;
  RunStage<VDimension>(plan, MakePilot(finish), images, queue, maps, trial, listener);
  return queue;
}

/** Whether a finish has coarse levels and a choice of how smooth its map is there. */
inline bool
CanTrySmootherCoarseLevels(const Stage & finish)
{
  return LeavesSmoothnessOpen(finish) && finish.Iterations.size() > 1;
}

/** The candidate from which the coarse levels of the finish lead to the most similar images: springs and mass mislead
 * where brightness drifts, mutual information where one image shows a part of the other, and how similar images are
 * before they are deformed tells little about how similar they can become. In the same way the finish gets a less
 * smooth map on coarse levels where that is clearly better: whether a deformation is large and smooth or full of detail
 * is not seen before. */
template <unsigned int VDimension>
const Candidate<VDimension> &
ChooseCandidate(Plan &                               plan,
                const ImagePair<VDimension> &        images,
                std::vector<Candidate<VDimension>> & candidates,
                Listener &                           listener)
{
  Stage & finish = plan.Stages.back();
  if (candidates.size() == 1 && !CanTrySmootherCoarseLevels(finish))
  {
    return candidates.front();
  }
  const auto measure = [&images](const CompositePointer<VDimension> & queue) {
    return MeasureSimilarityOf<VDimension>(images, GetMap<VDimension>(queue.GetPointer()).GetPointer());
  };
  std::ostringstream text;
  for (auto & candidate : candidates)
  {
    candidate.Tried = TryFinish<VDimension>(plan, finish, images, candidate, listener);
    candidate.Similarity = measure(candidate.Tried);
    text << candidate.Name << " " << candidate.Similarity << ", ";
  }
  const auto best = std::max_element(candidates.begin(), candidates.end(), [](const auto & one, const auto & other) {
    return one.Similarity < other.Similarity;
  });
  if (CanTrySmootherCoarseLevels(finish))
  {
    const bool isSmoother = finish.Smoothness == SmoothnessKind::SmoothCoarseLevels;
    Stage      other = finish;
    other.Smoothness = isSmoother ? SmoothnessKind::Detailed : SmoothnessKind::SmoothCoarseLevels;
    const auto   tried = TryFinish<VDimension>(plan, other, images, *best, listener);
    const double similarity = measure(tried);
    text << (isSmoother ? "less smooth " : "smoother ") << similarity << ", ";
    // What is less smooth fits noise, too.
    constexpr double clearly = 1.05;
    const double     lessSmooth = isSmoother ? similarity : best->Similarity;
    const double     smoother = isSmoother ? best->Similarity : similarity;
    finish.Smoothness =
      lessSmooth <= clearly * smoother ? SmoothnessKind::SmoothCoarseLevels : SmoothnessKind::Detailed;
    best->Tried = finish.Smoothness == other.Smoothness ? tried : best->Tried;
  }
  listener.Say("the finish begins with the " + best->Name +
               (finish.Smoothness == SmoothnessKind::SmoothCoarseLevels ? ", smoother on coarse levels" : "") +
               ": that makes the images most similar on coarse levels (mutual information: " + text.str() +
               "in the order tried)");
  return *best;
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
