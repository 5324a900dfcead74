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
#ifndef itkSinkhornRegistrationSmoothFinish_hxx
#define itkSinkhornRegistrationSmoothFinish_hxx

#include "itkSinkhornRegistrationCandidates.hxx"
#include "itkSinkhornRegistrationCounterparts.h"
#include "itkSinkhornRegistrationExclusions.h"
#include "itkSinkhornRegistrationRunStage.hxx"

#include "itkDisplacementFieldTransform.h"
#include "itkSinkhornNarrowGaussian.h"

#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{

/** How similar a map makes the images if the displacement on top of it loses what is narrower than a voxel or two, as a
 * part of \a similarity, what it makes them as it is. */
template <unsigned int VDimension>
double
MeasureWithoutDetail(const ImagePair<VDimension> &                  images,
                     const CompositeTransform<double, VDimension> * map,
                     double                                         similarity)
{
  using FieldTransformType = DisplacementFieldTransform<double, VDimension>;
  const auto * top = dynamic_cast<const FieldTransformType *>(map->GetBackTransform());
  if (top == nullptr || !(similarity > 0.0))
  {
    return 0.0;
  }
  const auto field = top->GetDisplacementField();
  const auto voxel = field->GetSpacing();
  const auto smooth = FieldTransformType::New();
  smooth->SetDisplacementField(
    Sinkhorn::SmoothNarrowly<typename FieldTransformType::DisplacementFieldType>(field, voxel));
  const auto queue = CopyQueue<VDimension>(map);
  queue->RemoveTransform();
  queue->AddTransform(smooth);
  return MeasureSimilarityOf<VDimension>(images, queue) / similarity;
}

/** The images without what one of them alone shows, of which local correlation would make something
 * that the other one shows, too. It is looked for where the coarse levels of the finish lead, and once more where
 * they lead without it, since it has misled them. \param tried where they lead; nullptr: nobody has run them yet. */
template <unsigned int VDimension>
ImagePair<VDimension>
LeaveOutUnmatched(const Plan &                                   plan,
                  const Stage &                                  finish,
                  const ImagePair<VDimension> &                  images,
                  const CompositeTransform<double, VDimension> * start,
                  const HalfwayMaps<VDimension> &                maps,
                  const CompositePointer<VDimension> &           tried,
                  RegistrationReport &                           report,
                  Listener &                                     listener)
{
  constexpr unsigned int rounds = 2;
  if (plan.KeepUnmatched || !CanTrySmootherCoarseLevels(finish))
  {
    return images;
  }
  Candidate<VDimension> candidate;
  candidate.Name = "start";
  candidate.Queue = CopyQueue<VDimension>(start);
  candidate.Maps = maps;
  ImagePair<VDimension>      rest = images;
  UnmatchedParts<VDimension> parts;
  for (unsigned int round = 0; round < rounds; ++round)
  {
    const auto map = tried && round == 0 ? tried : TryFinish<VDimension>(plan, finish, rest, candidate, listener);
    parts = FindUnmatchedParts<VDimension>(plan, images, GetMap<VDimension>(map.GetPointer()).GetPointer());
    if (!parts.Fixed && !parts.Moving)
    {
      return images;
    }
    rest = ExcludeMore<VDimension>(images, parts.Fixed, parts.Moving);
  }
  report.UnmatchedFixed = parts.FixedPart;
  report.UnmatchedMoving = parts.MovingPart;
  std::ostringstream text;
  text << "parts without a counterpart are left out of the finish: " << 100.0 * parts.FixedPart << " % of the "
       << images.FixedName << ", " << 100.0 * parts.MovingPart << " % of the " << images.MovingName;
  listener.Say(text.str());
  return rest;
}

/** Runs the finish of a recipe and, where the detail of its map brings nothing, once more with a smooth map.
 *
 * Local correlation follows noise if its map may. The anatomies of two people, or two stains, differ in every detail,
 * and a map without it makes them clearly less similar; one brain twice differs by a smooth map, and detail is noise
 * that doubles the error. What decides is seen on the finest level only: first the map is smoothed by a voxel,
 * which costs little (known smooth maps of heads, hippocampi and slices, with noise, keep 97.6 % of their mutual
 * information and more, anatomies and stains 96.9 % and less), then the finish with a smooth map has to come close
 * (known maps: within 4.7 %, others 7.3 % and more). \param next number of the finish in the plan.
 * \param tried see LeaveOutUnmatched(). */
template <unsigned int VDimension>
void
RunFinish(Plan &                                   plan,
          const ImagePair<VDimension> &            given,
          std::size_t                              next,
          CompositeTransform<double, VDimension> * transform,
          HalfwayMaps<VDimension> &                maps,
          const CompositePointer<VDimension> &     tried,
          RegistrationReport &                     report,
          Listener &                               listener)
{
  constexpr double mostOfIt = 0.975;
  constexpr double clearly = 1.06;

  Stage &    finish = plan.Stages[next];
  const auto images = LeaveOutUnmatched<VDimension>(plan, finish, given, transform, maps, tried, report, listener);
  const auto before = CopyQueue<VDimension>(transform);
  HalfwayMaps<VDimension>  smoothMaps = maps;
  const RegistrationReport reportBefore = report;
  RunStage<VDimension>(plan, finish, images, transform, maps, report, listener);
  if (!AllowsSmoothMap(finish) || !report.Stages.back().Kept)
  {
    return;
  }
  const double similarity = MeasureSimilarityOf<VDimension>(images, transform);
  const double part = MeasureWithoutDetail<VDimension>(images, transform, similarity);
  if (part < mostOfIt)
  {
    return;
  }
  std::ostringstream text;
  text << "smoothed by a voxel, the map keeps " << part << " of the similarity: the finish is tried with a smooth map";
  listener.Say(text.str());
  Stage smooth = finish;
  smooth.Smoothness = SmoothnessKind::Smooth;
  RegistrationReport smoothReport = reportBefore;
  RunStage<VDimension>(plan, smooth, images, before, smoothMaps, smoothReport, listener);
  const double smoothSimilarity = MeasureSimilarityOf<VDimension>(images, GetMap<VDimension>(before.GetPointer()));
  const bool   isAsGood = smoothReport.Stages.back().Kept && similarity <= clearly * smoothSimilarity;
  std::ostringstream verdict;
  verdict << "the " << (isAsGood ? "smooth" : "detailed") << " map is kept (mutual information: detailed " << similarity
          << ", smooth " << smoothSimilarity << ")";
  listener.Say(verdict.str());
  if (isAsGood)
  {
    finish = smooth;
    Assign<VDimension>(before, transform);
    maps = smoothMaps;
    report = smoothReport;
  }
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
