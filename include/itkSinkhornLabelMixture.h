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
#ifndef itkSinkhornLabelMixture_h
#define itkSinkhornLabelMixture_h

#include "itkSinkhornWarp.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Labels of structures; 0 is the background, and UnknownLabel marks voxels that take part in nothing. */
template <unsigned int VDimension>
using LabelImage = Image<std::uint32_t, VDimension>;

constexpr std::uint32_t UnknownLabel = std::numeric_limits<std::uint32_t>::max();

/** \class LabelMixture
 * \brief Probabilities of the labels at a point, of those that are there.
 *
 * A label map is K images of probabilities, one a label, of which all but a few are 0 at any one point: linear
 * interpolation of hard labels has no more labels than corners. So a point costs the same however many labels there
 * are. Labels are compared for equality only: what they are called changes nothing. By default background alone; empty
 * where nothing is known.
 *
 * \ingroup Sinkhorn
 */
struct LabelMixture
{
  /** Most labels at a point; where there are more the weakest are left out. */
  static constexpr unsigned int Capacity = 4;

  std::array<std::uint32_t, Capacity> Label{};
  std::array<float, Capacity>         Part{};
  std::uint32_t                       Count{ 0 };

  /** One label for sure. */
  static LabelMixture
  MakePure(std::uint32_t label)
  {
    LabelMixture pure;
    pure.Label[0] = label;
    pure.Part[0] = 1.0F;
    pure.Count = label == UnknownLabel ? 0 : 1;
    return pure;
  }

  bool
  IsKnown() const
  {
    return Count > 0;
  }

  /** Probability of a label. */
  double
  GetPart(std::uint32_t label) const
  {
    for (unsigned int i = 0; i < Count; ++i)
    {
      if (Label[i] == label)
      {
        return static_cast<double>(Part[i]);
      }
    }
    return 0.0;
  }

  bool
  IsSamePure(const LabelMixture & other) const
  {
    return Count == 1 && other.Count == 1 && Label[0] == other.Label[0];
  }
};

/** Sum over all labels of the product of their probabilities. */
inline double
Multiply(const LabelMixture & one, const LabelMixture & other)
{
  double sum = 0.0;
  for (unsigned int i = 0; i < one.Count; ++i)
  {
    sum += static_cast<double>(one.Part[i]) * other.GetPart(one.Label[i]);
  }
  return sum;
}

/** \class LabelMixer
 * \brief Adds up weighted mixtures.
 *
 * \ingroup Sinkhorn
 */
class LabelMixer
{
public:
  void
  Add(std::uint32_t label, double weight)
  {
    if (label == UnknownLabel)
    {
      m_Unknown += weight;
      return;
    }
    unsigned int i = 0;
    while (i < m_Count && m_Entries[i].Label != label)
    {
      ++i;
    }
    if (i == m_Count && m_Count < m_Entries.size())
    {
      m_Entries[m_Count++] = { label, 0.0 };
    }
    if (i < m_Count)
    {
      m_Entries[i].Weight += weight;
    }
  }
  void
  Add(const LabelMixture & mixture, double weight)
  {
    m_Unknown += mixture.IsKnown() ? 0.0 : weight;
    for (unsigned int i = 0; i < mixture.Count; ++i)
    {
      this->Add(mixture.Label[i], weight * static_cast<double>(mixture.Part[i]));
    }
  }
  /** Probabilities of the strongest labels, which add up to 1, in the order in which they came; empty unless at least
   * half of the weight was known. */
  LabelMixture
  Mix();

private:
  struct Entry
  {
    std::uint32_t Label;
    double        Weight;
  };
  std::array<Entry, 32> m_Entries;
  unsigned int          m_Count{ 0 };
  double                m_Unknown{ 0.0 };
};

template <unsigned int VDimension>
using LabelMixtureImage = Image<LabelMixture, VDimension>;

/** \class LabelExtents
 * \brief What there is to know of each label, in the order in which labels are met, and the boxes that they fill.
 *
 * \tparam TExtent has a Label and a Box.
 * \ingroup Sinkhorn
 */
template <typename TExtent>
class LabelExtents
{
public:
  /** What is known of a label that is met at an index, which its box holds from now on. */
  template <unsigned int VDimension>
  TExtent &
  Meet(std::uint32_t label, const Index<VDimension> & index)
  {
    const auto found = m_Places.emplace(label, m_Extents.size());
    if (found.second)
    {
      m_Extents.emplace_back();
      m_Extents.back().Label = label;
      m_Extents.back().Box = ImageRegion<VDimension>(index, Size<VDimension>::Filled(1));
    }
    TExtent & extent = m_Extents[found.first->second];
    IncludeIndex(extent.Box, index);
    return extent;
  }

  const std::vector<TExtent> &
  Get() const
  {
    return m_Extents;
  }

private:
  std::vector<TExtent>                           m_Extents;
  std::unordered_map<std::uint32_t, std::size_t> m_Places;
};

/** How many voxels of \a image come to one of \a grid along each of its axes, in the middle of the grid, at least 1.
 * \param map from the grid to where the image lies; nullptr: the identity. */
template <unsigned int VDimension>
FixedArray<unsigned int, VDimension>
FindLevelFactors(const ImageBase<VDimension> *                     grid,
                 const Transform<double, VDimension, VDimension> * map,
                 const ImageBase<VDimension> *                     image);

/** The mixtures of a label map in boxes of \a factors voxels along each axis, around the middle of the image; boxes
 * that reach beyond it hold what lies inside. */
template <unsigned int VDimension>
typename LabelMixtureImage<VDimension>::Pointer
MixLabels(const LabelImage<VDimension> * labels, const FixedArray<unsigned int, VDimension> & factors);

/** For WarpOnto(): each label's probability is interpolated multilinearly; outside nothing is known. */
template <>
struct VoxelInterpolator<LabelMixture>
{
  template <unsigned int VDimension>
  static LabelMixture
  Interpolate(const LabelMixture *                           first,
              const GridLocator<VDimension> &                locator,
              const typename GridLocator<VDimension>::Cell & cell);
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornLabelMixture.hxx"
#endif

#endif
