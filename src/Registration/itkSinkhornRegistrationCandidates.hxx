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
#include <array>
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
  double             Similarity{ 0.0 };
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

/** For messages. */
inline std::string
Describe(SmoothnessKind smoothness)
{
  switch (smoothness)
  {
    case SmoothnessKind::Smooth: return ", with a smooth map";
    case SmoothnessKind::SmoothCoarseLevels: return ", with a map that is smooth on coarse levels";
    default: return ", with a detailed map";
  }
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

/** How similar the coarse levels of a finish make the images, beginning with a candidate. */
template <unsigned int VDimension>
double
TryFinish(const Plan &                  plan,
          const Stage &                 finish,
          const ImagePair<VDimension> & images,
          const Candidate<VDimension> & candidate,
          Listener &                    listener)
{
  listener.Say("coarse levels of the finish from the " + candidate.Name + Describe(finish.Smoothness));
  const auto              queue = CopyQueue<VDimension>(candidate.Queue);
  HalfwayMaps<VDimension> maps = candidate.Maps;
  RegistrationReport      trial;
  RunStage<VDimension>(plan, MakePilot(finish), images, queue, maps, trial, listener);
  return MeasureSimilarityOf<VDimension>(images, GetMap<VDimension>(queue.GetPointer()).GetPointer());
}

/** Whether coarse levels can tell how smooth a map is: they span several of the widest Gaussians, and the finish has
 * not been told. */
template <unsigned int VDimension>
bool
CanTellSmoothness(const Stage & finish, const ImagePair<VDimension> & images)
{
  constexpr SizeValueType fewest = 64; // of the finest level; ten standard deviations and more on the next
  const auto              size = images.Fixed->GetLargestPossibleRegion().GetSize();
  return HasSmoothness(finish) && finish.Iterations.size() > 1 && *std::max_element(size.begin(), size.end()) >= fewest;
}

/** Chooses how smooth the map of a finish is: what is less smooth fits noise, too, and has to be clearly more similar.
 * Whether a deformation is large and smooth or full of detail is not seen before. A trial each. */
template <unsigned int VDimension>
void
ChooseSmoothness(const Plan &                  plan,
                 Stage &                       finish,
                 const ImagePair<VDimension> & images,
                 const Candidate<VDimension> & candidate,
                 std::string &                 text,
                 Listener &                    listener)
{
  struct Choice
  {
    SmoothnessKind Kind;
    /** How much more similar what is less smooth has to be. */
    double Clearly;
  };
  // Smooth maps of noisy images: 0.1 to 1.4 %; anatomies of two people, stains, breaths: from 5.7 %.
  static constexpr std::array<Choice, 3> choices{ { { SmoothnessKind::Smooth, 1.03 },
                                                    { SmoothnessKind::SmoothCoarseLevels, 1.05 },
                                                    { SmoothnessKind::Detailed, 1.0 } } };
  std::array<double, choices.size()>     similarities{};
  const SmoothnessKind                   tried = finish.Smoothness;
  std::ostringstream                     numbers;
  for (std::size_t n = 0; n < choices.size(); ++n)
  {
    if (choices[n].Kind == SmoothnessKind::Smooth && !MayBeSmooth(finish))
    {
      continue;
    }
    finish.Smoothness = choices[n].Kind;
    similarities[n] = choices[n].Kind == tried ? candidate.Similarity
                                               : TryFinish<VDimension>(plan, finish, images, candidate, listener);
    numbers << similarities[n] << Describe(choices[n].Kind) << ", ";
  }
  text += numbers.str();
  for (auto n = choices.size(); n-- > 0;)
  {
    const double lessSmooth = *std::max_element(similarities.begin() + n, similarities.end());
    if (similarities[n] > 0.0 && lessSmooth <= choices[n].Clearly * similarities[n])
    {
      finish.Smoothness = choices[n].Kind;
    }
  }
}

/** The candidate from which the coarse levels of the finish lead to the most similar images: springs and mass mislead
 * where brightness drifts, mutual information where one image shows a part of the other, and how similar images are
 * before they are deformed tells little about how similar they can become. In the same way it is chosen how smooth the
 * map is. */
template <unsigned int VDimension>
const Candidate<VDimension> &
ChooseCandidate(Plan &                               plan,
                const ImagePair<VDimension> &        images,
                std::vector<Candidate<VDimension>> & candidates,
                Listener &                           listener)
{
  Stage &    finish = plan.Stages.back();
  const bool choosesSmoothness = CanTellSmoothness<VDimension>(finish, images);
  if (candidates.size() == 1 && !choosesSmoothness)
  {
    return candidates.front();
  }
  std::ostringstream text;
  for (auto & candidate : candidates)
  {
    candidate.Similarity = TryFinish<VDimension>(plan, finish, images, candidate, listener);
    text << candidate.Similarity << " " << candidate.Name << ", ";
  }
  const auto  best = std::max_element(candidates.begin(), candidates.end(), [](const auto & one, const auto & other) {
    return one.Similarity < other.Similarity;
  });
  std::string numbers = text.str();
  if (choosesSmoothness)
  {
    ChooseSmoothness<VDimension>(plan, finish, images, *best, numbers, listener);
  }
  listener.Say("the finish begins with the " + best->Name + (choosesSmoothness ? Describe(finish.Smoothness) : "") +
               ": the most similar images on coarse levels (mutual information: " + numbers + "in the order tried)");
  return *best;
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
