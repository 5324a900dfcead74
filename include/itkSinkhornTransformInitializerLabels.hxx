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
#ifndef itkSinkhornTransformInitializerLabels_hxx
#define itkSinkhornTransformInitializerLabels_hxx

// Pairs of densities from label maps, one for each label or for each group of labels between which mass can go.
#include "itkSinkhornTransformInitializer.h"

#include "itkSinkhornFeatureSprings.h"

#include <algorithm>
#include <numeric>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::FindLabels(const LabelImageType & labels)
  -> std::vector<LabelExtent>
{
  Sinkhorn::LabelExtents<LabelExtent> extents;
  const auto &                        region = labels.GetBufferedRegion();
  auto                                index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    const std::uint32_t label = labels.GetBufferPointer()[i];
    if (label != 0 && label != Sinkhorn::UnknownLabel)
    {
      ++extents.Meet(label, index).Voxels;
    }
  }
  return extents.Get();
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::FindLabelGroups() const -> std::vector<LabelGroup>
{
  std::vector<LabelGroup> groups;
  const auto              add = [&](const std::vector<LabelExtent> & extents, LabelExtent LabelGroup::*side) {
    for (const LabelExtent & extent : extents)
    {
      auto group = std::find_if(groups.begin(), groups.end(), [&](const LabelGroup & other) {
        return m_LabelCosts.AreLinked(other.Labels.front(), extent.Label);
      });
      if (group == groups.end())
      {
        group = groups.insert(groups.end(), LabelGroup());
      }
      if (std::count(group->Labels.begin(), group->Labels.end(), extent.Label) == 0)
      {
        group->Labels.push_back(extent.Label);
      }
      LabelExtent & whole = (*group).*side;
      if (whole.Voxels == 0)
      {
        whole = extent;
        continue;
      }
      whole.Voxels += extent.Voxels;
      Sinkhorn::IncludeBox(whole.Box, extent.Box);
    }
  };
  add(FindLabels(*m_FixedLabels), &LabelGroup::Fixed);
  add(FindLabels(*m_MovingLabels), &LabelGroup::Moving);
  return groups;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::TakeLabels(
  const LabelImageType &              map,
  const std::vector<std::uint32_t> &  labels,
  const ImageRegion<ImageDimension> & box) -> DensityPointer
{
  const auto density = DensityType::New();
  density->CopyInformation(&map);
  density->SetRegions(box);
  density->Allocate();
  const auto & region = map.GetBufferedRegion();
  auto         index = box.GetIndex();
  for (SizeValueType i = 0; i < box.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(box, index))
  {
    const bool isIn =
      region.IsInside(index) && std::find(labels.begin(), labels.end(), map.GetPixel(index)) != labels.end();
    density->GetBufferPointer()[i] = isIn ? 1.0F : 0.0F;
  }
  return density;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::BinLabels(
  const LabelImageType &              map,
  const std::vector<std::uint32_t> &  labels,
  const ImageRegion<ImageDimension> & box,
  const DensityType &                 binned) -> std::vector<DensityPointer>
{
  const auto                  whole = TakeLabels(map, labels, box);
  const Lattice               lattice = MakeLattice(*whole, binned.GetBufferedRegion().GetNumberOfPixels());
  const float *               first = whole->GetBufferPointer();
  const double                total = std::accumulate(first, first + box.GetNumberOfPixels(), 0.0);
  std::vector<DensityPointer> bins;
  for (const std::uint32_t label : labels)
  {
    std::vector<double> masses(binned.GetBufferedRegion().GetNumberOfPixels(), 0.0);
    const auto          own = TakeLabels(map, { label }, box);
    auto                index = box.GetIndex();
    for (SizeValueType i = 0; i < box.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(box, index))
    {
      if (own->GetBufferPointer()[i] > 0.0F)
      {
        AddToLattice(lattice, box, index, 1.0 / total, masses);
      }
    }
    bins.push_back(Sinkhorn::MakeImageOn<DensityType>(&binned));
    std::transform(masses.begin(), masses.end(), bins.back()->GetBufferPointer(), [](double mass) {
      return static_cast<float>(mass);
    });
  }
  return bins;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::FindCommonBox(
  const LabelImageType &              fixed,
  const ImageRegion<ImageDimension> & from,
  ImageRegion<ImageDimension>         to) const -> ImageRegion<ImageDimension>
{
  for (unsigned int corner = 0; corner < (1u << ImageDimension); ++corner)
  {
    auto index = from.GetIndex();
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      index[d] = (corner >> d) & 1u ? from.GetUpperIndex()[d] : index[d];
    }
    PointType point;
    fixed.TransformIndexToPhysicalPoint(index, point);
    m_MovingLabels->TransformPhysicalPointToIndex(point, index); // outside of the image, too
    Sinkhorn::IncludeIndex(to, index);
  }
  return to;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakeLabelPair(const LabelGroup & group,
                                                                                   SizeValueType most) const -> Pair
{
  constexpr SizeValueType fewVoxels = 500;
  const SizeValueType     count = group.Labels.size();
  double                  unused;
  Pair                    pair;
  // As bins of intensity have it: more voxels together, fewer each.
  most = Sinkhorn::LimitVoxelsForBins(most, fewVoxels, count);
  pair.MaximumNumberOfVoxels = most;
  const auto & from = group.Fixed.Box;
  auto         to = group.Moving.Box;
  pair.Fixed = this->Bin(*TakeLabels(*m_FixedLabels, group.Labels, from), nullptr, "fixed", most, unused);
  pair.Moving = this->Bin(*TakeLabels(*m_MovingLabels, group.Labels, to), nullptr, "moving", most, unused);
  if (!IsAffordable(*pair.Fixed, MapType(), *pair.Moving, most))
  {
    // A lattice fine enough for a small label is too fine for a long way.
    to = this->FindCommonBox(*m_FixedLabels, from, to);
    pair.Moving = this->Bin(*TakeLabels(*m_MovingLabels, group.Labels, to), nullptr, "moving", most, unused);
  }
  if (count > 1)
  {
    pair.FixedBins = BinLabels(*m_FixedLabels, group.Labels, from, *pair.Fixed);
    pair.MovingBins = BinLabels(*m_MovingLabels, group.Labels, to, *pair.Moving);
    pair.Costs = m_LabelCosts.Take(group.Labels);
  }
  return pair;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakeLabelPairs() const -> Pairs
{
  constexpr SizeValueType fewVoxels = 500;
  std::vector<LabelGroup> groups = this->FindLabelGroups();
  const auto isAlone = [](const LabelGroup & group) { return group.Fixed.Voxels == 0 || group.Moving.Voxels == 0; };
  groups.erase(std::remove_if(groups.begin(), groups.end(), isAlone), groups.end());
  if (groups.empty())
  {
    itkExceptionMacro("FixedLabels and MovingLabels have no label in common, nor two with a finite cost between them.");
  }
  double voxels[2] = { 0.0, 0.0 };
  for (const LabelGroup & group : groups)
  {
    voxels[0] += static_cast<double>(group.Fixed.Voxels);
    voxels[1] += static_cast<double>(group.Moving.Voxels);
  }
  const SizeValueType most = std::max(fewVoxels, m_MaximumNumberOfVoxels / groups.size());
  Pairs               pairs;
  for (const LabelGroup & group : groups)
  {
    pairs.push_back(this->MakeLabelPair(group, most));
    pairs.back().Share = 0.5 * (static_cast<double>(group.Fixed.Voxels) / voxels[0] +
                                static_cast<double>(group.Moving.Voxels) / voxels[1]);
  }
  return pairs;
}

} // namespace itk

#endif
