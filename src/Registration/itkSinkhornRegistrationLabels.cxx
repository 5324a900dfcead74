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
// Label maps: how they are told from other images, and what is registered of them.
#include "itkSinkhornRegistrationEngine.h"
#include "itkSinkhornRegistrationExclusions.h"
#include "itkSinkhornRegistrationLabelLinks.h"
#include "itkSinkhornRegistrationMetrics.h"

#include "itkSinkhornDensity.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornLabelMixture.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <unordered_map>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** Voxels of one value, and those of them with a neighbour of the same. */
struct Patches
{
  SizeValueType Voxels{ 0 };
  SizeValueType Joined{ 0 };
};

/** Neighbours of which the first is not background. */
struct Neighbours
{
  SizeValueType All{ 0 };
  SizeValueType Equal{ 0 };
  SizeValueType Unequal{ 0 }; ///< and neither of them is background
  SizeValueType Steps{ 0 };   ///< of these those that differ by 1
};

using Values = std::unordered_map<float, Patches>;

/** \return false as soon as a value is no label, or if there are too many of them. */
template <unsigned int VDimension>
bool
Survey(const ImageType<VDimension> * image, Values & values, Neighbours & neighbours)
{
  constexpr std::size_t mostLabels = 4096;
  const auto            region = image->GetBufferedRegion();
  const float *         voxel = image->GetBufferPointer();
  const auto *          strides = image->GetOffsetTable();
  auto                  index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, ++voxel, Sinkhorn::AdvanceIndex(region, index))
  {
    if (!(*voxel >= 0.0F) || *voxel != std::floor(*voxel) || values.size() > mostLabels)
    {
      return false;
    }
    if (*voxel == 0.0F)
    {
      continue;
    }
    bool isJoined = false;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      isJoined = isJoined || (index[d] > region.GetIndex()[d] && *(voxel - strides[d]) == *voxel);
      if (index[d] < region.GetUpperIndex()[d])
      {
        const float next = voxel[strides[d]];
        isJoined = isJoined || next == *voxel;
        ++neighbours.All;
        neighbours.Equal += next == *voxel;
        neighbours.Unequal += next != *voxel && next > 0.0F;
        neighbours.Steps += next > 0.0F && std::abs(next - *voxel) == 1.0F;
      }
    }
    Patches & patches = values[*voxel];
    ++patches.Voxels;
    patches.Joined += isJoined;
  }
  return !values.empty();
}

double
Share(SizeValueType part, SizeValueType all)
{
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0.0;
}

} // namespace

template <unsigned int VDimension>
bool
IsLabelMap(const ImageType<VDimension> * image)
{
  // Among label maps and other images of whole numbers of many kinds: labels have patches at least 95 % of them (others
  // at most 40 %), 99 % of their voxels are joined to one of the same label, and 70 % of the neighbours are equal (50
  // %).
  constexpr double      mostValues = 0.9;
  constexpr double      mostVoxels = 0.95;
  constexpr double      mostNeighbours = 0.5;
  constexpr std::size_t fewValues = 16;
  Values                values;
  Neighbours            neighbours;
  if (!Survey<VDimension>(image, values, neighbours))
  {
    return false;
  }
  SizeValueType patchy = 0;
  SizeValueType voxels = 0;
  SizeValueType joined = 0;
  for (const auto & value : values)
  {
    patchy += 2 * value.second.Joined > value.second.Voxels;
    voxels += value.second.Voxels;
    joined += value.second.Joined;
  }
  const double equal = Share(neighbours.Equal, neighbours.All);
  // A brightness that changes slowly has patches too, each beside the next brighter one.
  const bool isRamp = values.size() > fewValues && Share(neighbours.Steps, neighbours.Unequal) > 0.9 && equal < 0.9;
  return Share(patchy, values.size()) >= mostValues && Share(joined, voxels) >= mostVoxels && equal > mostNeighbours &&
         !isRamp;
}

namespace
{

template <unsigned int VDimension>
std::set<std::uint32_t>
ListLabels(const LabelImageType<VDimension> * map, const MaskImageType<VDimension> * mask)
{
  std::set<std::uint32_t> labels;
  std::uint32_t           last = 0;
  for (SizeValueType i = 0; i < map->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    const std::uint32_t label = map->GetBufferPointer()[i];
    if (label != last && (!mask || mask->GetBufferPointer()[i] != 0))
    {
      labels.insert(label);
      last = label;
    }
  }
  labels.erase(0);
  return labels;
}

/** Numbers labels that have none, those of \a same as the labels that they cannot be told from, in the order in which
 * \a map has them. */
template <unsigned int VDimension>
void
NumberLabels(const LabelImageType<VDimension> * map,
             const std::vector<std::uint32_t> & labels,
             const LabelNumbers &               same,
             std::uint32_t &                    most,
             LabelNumbers &                     numbers)
{
  std::set<std::uint32_t> missing(labels.begin(), labels.end());
  for (const auto & number : numbers)
  {
    missing.erase(number.first);
  }
  const std::uint32_t * first = map->GetBufferPointer();
  for (SizeValueType i = 0; i < map->GetBufferedRegion().GetNumberOfPixels() && !missing.empty(); ++i)
  {
    if (numbers.count(first[i]) > 0 || missing.erase(first[i]) == 0)
    {
      continue;
    }
    const auto          found = same.find(first[i]);
    const std::uint32_t name = found == same.end() ? first[i] : found->second;
    if (numbers.count(name) == 0)
    {
      numbers[name] = ++most;
    }
    numbers[first[i]] = numbers[name];
  }
}

/** Numbers for all labels that take part, from 1 on; linked labels come first. */
template <unsigned int VDimension>
LabelNumbers
NumberLabels(const ImagePair<VDimension> & images, const LabelSets & sets, const LabelDistances & distances)
{
  const LabelNumbers         same = FindSame(sets, distances);
  std::vector<std::uint32_t> linked;
  for (const auto & group : sets.Linked)
  {
    linked.insert(linked.end(), group.begin(), group.end());
  }
  LabelNumbers  numbers{ { 0, 0 } };
  std::uint32_t most = 0;
  NumberLabels<VDimension>(images.FixedLabelMap, linked, same, most, numbers);
  NumberLabels<VDimension>(images.MovingLabelMap, linked, same, most, numbers);
  NumberLabels<VDimension>(images.FixedLabelMap, sets.Common, same, most, numbers);
  return numbers;
}

/** Renumbers a map; what has no number, or lies outside the mask, is unknown. */
template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
Renumber(const LabelImageType<VDimension> * map, const MaskImageType<VDimension> * mask, const LabelNumbers & numbers)
{
  const typename LabelImageType<VDimension>::Pointer renumbered = Sinkhorn::CopyImage(map);
  for (SizeValueType i = 0; i < map->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    std::uint32_t & label = renumbered->GetBufferPointer()[i];
    const auto      found = numbers.find(label);
    const bool      isIn = found != numbers.end() && (!mask || mask->GetBufferPointer()[i] != 0);
    label = isIn ? found->second : Sinkhorn::UnknownLabel;
  }
  return renumbered;
}

/** 1 where a map of renumbered labels has one. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
MakeOutline(const LabelImageType<VDimension> * map)
{
  const auto outline = Sinkhorn::MakeImageOn<ImageType<VDimension>>(map);
  std::transform(map->GetBufferPointer(),
                 map->GetBufferPointer() + map->GetBufferedRegion().GetNumberOfPixels(),
                 outline->GetBufferPointer(),
                 [](std::uint32_t label) { return label > 0 && label != Sinkhorn::UnknownLabel ? 1.0F : 0.0F; });
  return outline;
}

/** Whether labels are worth it where nobody asked for them: one label is an outline. */
bool
AreManifold(const LabelSets & sets)
{
  return !sets.Linked.empty() ||
         (!sets.Common.empty() && sets.Common.size() + std::max(sets.FixedOnly.size(), sets.MovingOnly.size()) > 1);
}

/** \exception UsageError for a finite distance that is so far beyond what the images span that numbers of single
 * precision could not tell ways in them any more. */
template <unsigned int VDimension>
void
CheckDistances(const Plan & plan, const ImagePair<VDimension> & images)
{
  constexpr double most = 10.0;
  const auto       span = [](const LabelImageType<VDimension> * map) {
    double squares = 0.0;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      squares += Math::sqr(static_cast<double>(map->GetBufferedRegion().GetSize(d)) * map->GetSpacing()[d]);
    }
    return std::sqrt(squares);
  };
  const double      limit = most * std::max(span(images.FixedLabelMap), span(images.MovingLabelMap));
  const auto &      distances = plan.Distances;
  const std::size_t count = distances.Labels.size();
  for (std::size_t i = 0; i < distances.Values.size(); ++i)
  {
    if (distances.Values[i] > limit && std::isfinite(distances.Values[i]))
    {
      std::ostringstream text;
      text << plan.Prefix << "label-costs '" << distances.Name << "': row of label " << distances.Labels[i / count]
           << ", column of label " << distances.Labels[i % count] << ": " << distances.Values[i] << " mm is beyond "
           << limit << " mm, ten times what the images span; write inf where labels must not mix";
      throw UsageError(text.str());
    }
  }
}

/** The labels of both maps, if they may be compared; none otherwise. */
template <unsigned int VDimension>
LabelSets
CompareSets(const Plan & plan, const ImagePair<VDimension> & images)
{
  const bool hasMaps = images.FixedLabelMap && images.MovingLabelMap;
  if (!plan.Distances.IsEmpty() && !hasMaps)
  {
    throw UsageError(plan.Prefix + "label-costs: has no meaning here, " + images.FixedName + " and " +
                     images.MovingName + " do not look like label maps; leave it out, or say " + plan.Prefix +
                     "features labels if they are");
  }
  if (!hasMaps || !MayCompareLabels(plan))
  {
    return LabelSets();
  }
  CheckDistances<VDimension>(plan, images);
  return LinkLabels(ListLabels<VDimension>(images.FixedLabelMap, images.FixedMask),
                    ListLabels<VDimension>(images.MovingLabelMap, images.MovingMask),
                    plan.Distances);
}

} // namespace

template <unsigned int VDimension>
ImagePair<VDimension>
ChooseFeatures(Plan & plan, const ImagePair<VDimension> & given)
{
  const ImagePair<VDimension> images = ApplyExclusions<VDimension>(given);
  ImagePair<VDimension>       pair = images;
  const bool                  hasMaps = images.FixedLabelMap && images.MovingLabelMap;
  // Who gives distances between labels wants these compared.
  const bool isAsked = plan.Features == FeatureKind::Labels || !plan.Distances.IsEmpty();
  if (plan.Features == FeatureKind::Labels && !hasMaps)
  {
    throw UsageError(plan.Prefix + "features labels: both images must be label maps");
  }
  const LabelSets sets = CompareSets<VDimension>(plan, images);
  if (isAsked && sets.Common.empty() && sets.Linked.empty())
  {
    throw UsageError(plan.Prefix + "features labels: " + images.FixedName + " and " + images.MovingName +
                     " have no label in common" + (plan.Distances.IsEmpty() ? "" : ", nor two at a finite distance") +
                     (images.FixedMask || images.MovingMask ? " inside their masks" : "") + "; " + plan.Prefix +
                     "features none compares their outlines");
  }
  pair.FixedLabelMap = nullptr;
  pair.MovingLabelMap = nullptr;
  if (plan.Features == FeatureKind::Intensity)
  {
    return pair;
  }
  if (!isAsked && !AreManifold(sets))
  {
    plan.Features = FeatureKind::None;
    return pair;
  }
  plan.Features = FeatureKind::Labels;
  plan.Labels = sets;
  const LabelNumbers numbers = NumberLabels<VDimension>(images, sets, plan.Distances);
  pair.Links = MakeLinks(sets,
                         ListLabels<VDimension>(images.FixedLabelMap, images.FixedMask),
                         ListLabels<VDimension>(images.MovingLabelMap, images.MovingMask),
                         plan.Distances,
                         numbers);
  pair.FixedLabelMap = Renumber<VDimension>(images.FixedLabelMap, images.FixedMask, numbers);
  pair.MovingLabelMap = Renumber<VDimension>(images.MovingLabelMap, images.MovingMask, numbers);
  pair.Fixed = MakeOutline<VDimension>(pair.FixedLabelMap);
  pair.Moving = MakeOutline<VDimension>(pair.MovingLabelMap);
  plan.Main.ComparesLabels = CanCompareLabels(plan.Main);
  for (Stage & stage : plan.Stages)
  {
    stage.ComparesLabels = CanCompareLabels(stage);
  }
  return pair;
}

template <unsigned int VDimension>
Evaluation
EvaluateLabels(const Stage &                                   stage,
               const Sinkhorn::LabelMixtureImage<VDimension> * fixed,
               const Sinkhorn::LabelMixtureImage<VDimension> * warped,
               double                                          blur)
{
  typename RegistrationForce<ImageType<VDimension>>::WeightPointer none;
  const Metric<VDimension>                                         metric = MakeMetric<VDimension>(stage);
  Evaluation                                                       evaluation;
  if (metric.SetBlur)
  {
    metric.SetBlur(blur);
  }
  metric.Force->ComputeLabelForces(fixed, warped, nullptr, nullptr, nullptr, none, evaluation.Value);
  if (metric.GetMarginalError)
  {
    evaluation.MarginalError = metric.GetMarginalError();
    evaluation.Converged = metric.GetConverged();
  }
  return evaluation;
}

#define SINKHORN_INSTANTIATE(D)                                          \
  template bool         IsLabelMap<D>(const ImageType<D> *);             \
  template ImagePair<D> ChooseFeatures<D>(Plan &, const ImagePair<D> &); \
  template Evaluation   EvaluateLabels<D>(                               \
    const Stage &, const Sinkhorn::LabelMixtureImage<D> *, const Sinkhorn::LabelMixtureImage<D> *, double);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
