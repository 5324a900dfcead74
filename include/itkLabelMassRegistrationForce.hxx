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
#ifndef itkLabelMassRegistrationForce_hxx
#define itkLabelMassRegistrationForce_hxx

#include "itkLabelMassRegistrationForce.h"

#include <algorithm>

namespace itk
{

template <typename TImage>
auto
LabelMassRegistrationForce<TImage>::FindExtents(const MapPair & fixed, const MapPair & moving) -> std::vector<Extent>
{
  Sinkhorn::LabelExtents<Extent> extents;
  const auto                     region = fixed.first->GetBufferedRegion();
  const auto                     include =
    [&](const MapPair & map, SizeValueType i, const Index<ImageDimension> & index, double Extent::*mass) {
      const Sinkhorn::LabelMixture & mixture = map.first->GetBufferPointer()[i];
      const bool                     isIn = !map.second || map.second->GetBufferPointer()[i] != 0;
      for (unsigned int n = 0; n < mixture.Count && isIn; ++n)
      {
        if (mixture.Label[n] != 0)
        {
          extents.Meet(mixture.Label[n], index).*mass += static_cast<double>(mixture.Part[n]);
        }
      }
    };
  auto index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    include(fixed, i, index, &Extent::Fixed);
    include(moving, i, index, &Extent::Moving);
  }
  return extents.Get();
}

template <typename TImage>
auto
LabelMassRegistrationForce<TImage>::JoinGroups(std::vector<Extent> extents) const -> std::vector<Extent>
{
  std::vector<Extent> groups;
  for (Extent & extent : extents)
  {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const Extent & other) {
      return !m_Costs.IsEmpty() && m_Costs.AreLinked(other.Label, extent.Label);
    });
    if (group == groups.end())
    {
      extent.Group = { extent.Label };
      groups.push_back(extent);
      continue;
    }
    group->Group.push_back(extent.Label);
    group->Fixed += extent.Fixed;
    group->Moving += extent.Moving;
    Sinkhorn::IncludeBox(group->Box, extent.Box);
  }
  // The two maps swapped must lead to the same order.
  for (Extent & group : groups)
  {
    std::sort(group.Group.begin(), group.Group.end());
    group.Label = group.Group.front();
  }
  return groups;
}

template <typename TImage>
auto
LabelMassRegistrationForce<TImage>::ChooseBox(const Extent & extent, const RegionType & whole) const -> RegionType
{
  constexpr SizeValueType mostGrowth = 2;
  // Room for the differences at its border.
  RegionType needed = extent.Box;
  needed.PadByRadius(1);
  needed.Crop(whole);
  const auto last = m_Memory.find(extent.Label);
  if (last != m_Memory.end())
  {
    const RegionType & box = last->second.Box;
    if (whole.IsInside(box) && box.IsInside(needed) &&
        box.GetNumberOfPixels() <= mostGrowth * needed.GetNumberOfPixels())
    {
      return box;
    }
  }
  needed.PadByRadius(1);
  needed.Crop(whole);
  return needed;
}

template <typename TImage>
std::vector<float>
LabelMassRegistrationForce<TImage>::Rasterize(const MapPair & map, const Extent & extent, double mass)
{
  const RegionType & box = extent.Box;
  std::vector<float> density;
  density.reserve(box.GetNumberOfPixels() * extent.Group.size());
  for (const std::uint32_t label : extent.Group)
  {
    auto index = box.GetIndex();
    for (SizeValueType i = 0; i < box.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(box, index))
    {
      const auto at = map.first->ComputeOffset(index);
      const bool isIn = !map.second || map.second->GetBufferPointer()[at] != 0;
      density.push_back(isIn ? static_cast<float>(map.first->GetBufferPointer()[at].GetPart(label)) : 0.0F);
    }
  }
  Sinkhorn::ConvertToLogWeights(density, 1.0 / mass, 0);
  return density;
}

template <typename TImage>
auto
LabelMassRegistrationForce<TImage>::Transport(const Extent &  extent,
                                              const MapPair & fixed,
                                              const MapPair & moving) const -> const TransportType &
{
  Memory & memory = m_Memory[extent.Label];
  memory.Box = extent.Box;
  Sinkhorn::SolverParameters parameters;
  std::vector<SizeValueType> size;
  std::vector<double>        spacing;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    size.push_back(extent.Box.GetSize(d));
    spacing.push_back(fixed.first->GetSpacing()[d]);
  }
  parameters.Blur = m_Blur > 0.0 ? m_Blur : 2.0 * *std::max_element(spacing.begin(), spacing.end());
  parameters.Reach = m_Reach;
  memory.Transport.Update(size,
                          spacing,
                          Rasterize(fixed, extent, extent.Fixed),
                          Rasterize(moving, extent, extent.Moving),
                          parameters,
                          0,
                          m_Costs.Take(extent.Group));
  m_MarginalError = std::max(m_MarginalError, memory.Transport.GetReport().GetMarginalError());
  m_Converged = m_Converged && memory.Transport.GetReport().Converged;
  return memory.Transport;
}

template <typename TImage>
void
LabelMassRegistrationForce<TImage>::AddForces(const TransportType & transport,
                                              const RegionType &    box,
                                              double                share,
                                              ForceFieldType *      forces,
                                              WeightType *          weight)
{
  std::vector<float> variation;
  Sinkhorn::ComputeFirstVariation(Sinkhorn::Side::Alpha,
                                  transport.GetParameters(),
                                  transport.GetPotentials(),
                                  transport.GetValues().MassBeta,
                                  variation,
                                  0);
  const auto & masses = transport.GetLogWeights(Sinkhorn::Side::Alpha);
  const auto & direction = forces->GetDirection();
  // Label after label: the box begins anew.
  const SizeValueType voxels = box.GetNumberOfPixels();
  auto                index = box.GetIndex();
  for (SizeValueType i = 0; i < masses.size(); ++i, Sinkhorn::AdvanceIndex(box, index))
  {
    index = i % voxels == 0 ? box.GetIndex() : index;
    const double mass = share * std::exp(static_cast<double>(masses[i]));
    if (!(mass > 0.0))
    {
      continue;
    }
    const auto at = forces->ComputeOffset(index);
    weight->GetBufferPointer()[at] += mass;
    SizeValueType stride = 1;
    for (unsigned int axis = 0; axis < ImageDimension; stride *= box.GetSize(axis), ++axis)
    {
      const bool   hasBefore = index[axis] > box.GetIndex(axis);
      const bool   hasAfter = index[axis] < box.GetUpperIndex()[axis];
      const double rise = static_cast<double>(variation[hasAfter ? i + stride : i]) -
                          static_cast<double>(variation[hasBefore ? i - stride : i]);
      const double run = forces->GetSpacing()[axis] * (static_cast<double>(hasAfter) + static_cast<double>(hasBefore));
      for (unsigned int d = 0; d < ImageDimension && run > 0.0; ++d)
      {
        forces->GetBufferPointer()[at][d] -= direction(d, axis) * mass * rise / run;
      }
    }
  }
}

template <typename TImage>
bool
LabelMassRegistrationForce<TImage>::ComputeLabelForces(const LabelsType *    fixed,
                                                       const LabelsType *    moving,
                                                       const MaskImageType * fixedMask,
                                                       const MaskImageType * movingMask,
                                                       ForceFieldType *      forces,
                                                       WeightPointer &       weight,
                                                       double &              value) const
{
  const MapPair       from(fixed, fixedMask);
  const MapPair       to(moving, movingMask);
  std::vector<Extent> extents = this->JoinGroups(FindExtents(from, to));
  // What is less than a thousandth of a voxel is rounding.
  const auto isMissing = [](const Extent & extent) { return std::min(extent.Fixed, extent.Moving) < 1e-3; };
  extents.erase(std::remove_if(extents.begin(), extents.end(), isMissing), extents.end());
  double fixedMass = 0.0;
  double movingMass = 0.0;
  for (Extent & extent : extents)
  {
    fixedMass += extent.Fixed;
    movingMass += extent.Moving;
  }
  weight = forces ? Sinkhorn::MakeImageOn<WeightType>(forces) : nullptr;
  value = 0.0;
  m_MarginalError = 0.0;
  m_Converged = true;
  for (Extent & extent : extents)
  {
    const double share = 0.5 * (extent.Fixed / fixedMass + extent.Moving / movingMass);
    extent.Box = this->ChooseBox(extent, fixed->GetBufferedRegion());
    const TransportType & transport = this->Transport(extent, from, to);
    value += share * transport.GetValues().Divergence;
    if (forces)
    {
      AddForces(transport, extent.Box, share, forces, weight);
    }
  }
  return !extents.empty();
}

template <typename TImage>
void
LabelMassRegistrationForce<TImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "Blur: " << m_Blur << std::endl;
  os << indent << "Reach: " << m_Reach << std::endl;
  os << indent << "LabelCosts: " << m_Costs.GetTable().size() << std::endl;
  os << indent << "MarginalError: " << m_MarginalError << std::endl;
  os << indent << "Converged: " << (m_Converged ? "Yes" : "No") << std::endl;
}

} // namespace itk

#endif
