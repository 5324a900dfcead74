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
#ifndef itkSinkhornLabelMixture_hxx
#define itkSinkhornLabelMixture_hxx

#include "itkSinkhornLabelMixture.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

inline LabelMixture
LabelMixer::Mix()
{
  double known = 0.0;
  for (unsigned int i = 0; i < m_Count; ++i)
  {
    known += m_Entries[i].Weight;
  }
  if (!(known > 0.0) || known < m_Unknown)
  {
    return LabelMixture::MakePure(UnknownLabel);
  }
  const auto weaker = [](const Entry & one, const Entry & other) { return one.Weight < other.Weight; };
  while (m_Count > LabelMixture::Capacity)
  {
    const auto weakest = std::min_element(m_Entries.begin(), m_Entries.begin() + m_Count, weaker);
    known -= weakest->Weight;
    std::move(weakest + 1, m_Entries.begin() + m_Count, weakest);
    --m_Count;
  }
  LabelMixture mixture;
  mixture.Count = m_Count;
  for (unsigned int i = 0; i < m_Count; ++i)
  {
    mixture.Label[i] = m_Entries[i].Label;
    mixture.Part[i] = static_cast<float>(m_Entries[i].Weight / known);
  }
  return mixture;
}

template <unsigned int VDimension>
FixedArray<unsigned int, VDimension>
FindLevelFactors(const ImageBase<VDimension> *                     grid,
                 const Transform<double, VDimension, VDimension> * map,
                 const ImageBase<VDimension> *                     image)
{
  const auto                           region = grid->GetLargestPossibleRegion();
  ContinuousIndex<double, VDimension>  middle;
  Vector<double, VDimension>           squares(0.0);
  FixedArray<unsigned int, VDimension> factors;
  const auto                           place = [&](const ContinuousIndex<double, VDimension> & index) {
    Point<double, VDimension> point;
    grid->TransformContinuousIndexToPhysicalPoint(index, point);
    return map ? map->TransformPoint(point) : point;
  };
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    middle[d] = static_cast<double>(region.GetIndex(d)) + 0.5 * static_cast<double>(region.GetSize(d) - 1);
  }
  for (unsigned int edge = 0; edge < VDimension; ++edge)
  {
    auto next = middle;
    next[edge] += 1.0;
    const Vector<double, VDimension> along = image->GetInverseDirection() * (place(next) - place(middle));
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      squares[d] += Math::sqr(along[d] / image->GetSpacing()[d]);
    }
  }
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const auto most = static_cast<double>(image->GetLargestPossibleRegion().GetSize(d));
    factors[d] = static_cast<unsigned int>(std::min(most, std::max(1.0, std::round(std::sqrt(squares[d])))));
  }
  return factors;
}

template <unsigned int VDimension>
typename LabelMixtureImage<VDimension>::Pointer
MixLabels(const LabelImage<VDimension> * labels, const FixedArray<unsigned int, VDimension> & factors)
{
  const auto                                 whole = labels->GetBufferedRegion();
  const auto                                 mixtures = LabelMixtureImage<VDimension>::New();
  typename LabelImage<VDimension>::SizeType  size;
  typename LabelImage<VDimension>::IndexType first;
  ContinuousIndex<double, VDimension>        middle;
  typename LabelImage<VDimension>::PointType origin;
  auto                                       spacing = labels->GetSpacing();
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    size[d] = (whole.GetSize(d) + factors[d] - 1) / factors[d];
    first[d] = whole.GetIndex(d) - static_cast<IndexValueType>((size[d] * factors[d] - whole.GetSize(d)) / 2);
    middle[d] = static_cast<double>(first[d]) + 0.5 * (factors[d] - 1.0);
    spacing[d] *= factors[d];
  }
  labels->TransformContinuousIndexToPhysicalPoint(middle, origin);
  mixtures->SetRegions(size);
  mixtures->SetSpacing(spacing);
  mixtures->SetDirection(labels->GetDirection());
  mixtures->SetOrigin(origin);
  mixtures->Allocate();
  const auto region = mixtures->GetBufferedRegion();
  ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, AdvanceIndex(region, index))
    {
      ImageRegion<VDimension> box;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        box.SetIndex(d, first[d] + index[d] * static_cast<IndexValueType>(factors[d]));
        box.SetSize(d, factors[d]);
      }
      box.Crop(whole);
      LabelMixer mixer;
      auto       at = box.GetIndex();
      for (SizeValueType n = 0; n < box.GetNumberOfPixels(); ++n, AdvanceIndex(box, at))
      {
        mixer.Add(labels->GetPixel(at), 1.0);
      }
      mixtures->GetBufferPointer()[i] = mixer.Mix();
    }
  });
  return mixtures;
}

template <unsigned int VDimension>
LabelMixture
VoxelInterpolator<LabelMixture>::Interpolate(const LabelMixture *                           first,
                                             const GridLocator<VDimension> &                locator,
                                             const typename GridLocator<VDimension>::Cell & cell)
{
  constexpr unsigned int corners = GridLocator<VDimension>::Corners;
  bool                   isPure = true;
  for (unsigned int corner = 0; corner < corners && isPure; ++corner)
  {
    isPure = first->IsSamePure(first[locator.GetOffset(corner)]);
  }
  if (isPure)
  {
    return *first;
  }
  LabelMixer mixer;
  for (unsigned int corner = 0; corner < corners; ++corner)
  {
    const double weight = GridLocator<VDimension>::GetWeight(cell, corner);
    if (weight > 0.0)
    {
      mixer.Add(first[locator.GetOffset(corner)], weight);
    }
  }
  return mixer.Mix();
}

} // namespace Sinkhorn
} // namespace itk

#endif
