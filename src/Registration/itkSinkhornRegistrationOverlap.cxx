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
#include "itkSinkhornRegistrationOverlap.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** A lattice over the fixed frame, coarse enough to be looked at quickly, that knows which of its points T takes into
 * the moving frame. */
template <unsigned int VDimension>
class FrameLattice
{
public:
  using FrameType = ImageType<VDimension>;
  using Box = std::array<std::array<long, 2>, VDimension>; ///< first and last point of each axis

  FrameLattice(const FrameType * fixed, const FrameType * moving, const Transform<double, VDimension, VDimension> * map)
  {
    constexpr double mostPoints = VDimension == 2 ? 256.0 : 64.0;
    const auto       size = fixed->GetBufferedRegion().GetSize();
    std::size_t      count = 1;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      m_Step[d] = std::max(1L, static_cast<long>(std::ceil(static_cast<double>(size[d]) / mostPoints)));
      m_Count[d] = static_cast<long>(size[d] - 1) / m_Step[d] + 1;
      count *= static_cast<std::size_t>(m_Count[d]);
    }
    m_Inside.resize(count);
    for (std::size_t i = 0; i < count; ++i)
    {
      auto index = fixed->GetBufferedRegion().GetIndex();
      long rest = static_cast<long>(i);
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        index[d] += m_Step[d] * (rest % m_Count[d]);
        rest /= m_Count[d];
      }
      typename FrameType::PointType point;
      fixed->TransformIndexToPhysicalPoint(index, point);
      const auto where = moving->template TransformPhysicalPointToContinuousIndex<double>(map->TransformPoint(point));
      m_Inside[i] = moving->GetBufferedRegion().IsInside(where);
    }
  }

  Box
  GetWhole() const
  {
    Box whole;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      whole[d] = { 0, m_Count[d] - 1 };
    }
    return whole;
  }

  long
  GetStep(unsigned int axis) const
  {
    return m_Step[axis];
  }

  /** Part of the points of a box that lie outside. */
  double
  CountOutside(const Box & box) const
  {
    std::size_t                  outside = 0;
    std::size_t                  all = 0;
    std::array<long, VDimension> at;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      at[d] = box[d][0];
    }
    for (bool done = false; !done;)
    {
      std::size_t offset = 0;
      for (unsigned int d = VDimension; d-- > 0;)
      {
        offset = offset * static_cast<std::size_t>(m_Count[d]) + static_cast<std::size_t>(at[d]);
      }
      outside += m_Inside[offset] ? 0 : 1;
      ++all;
      unsigned int axis = 0;
      while (axis < VDimension && ++at[axis] > box[axis][1])
      {
        at[axis] = box[axis][0];
        ++axis;
      }
      done = axis == VDimension;
    }
    return static_cast<double>(outside) / static_cast<double>(all);
  }

  /** Takes faces off, the one with most points outside first, until none has more than a few.
   * \return false if nothing is left. */
  bool
  Shrink(Box & box) const
  {
    constexpr double few = 0.02;
    for (;;)
    {
      double       worst = few;
      unsigned int axis = VDimension;
      unsigned int side = 0;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        for (unsigned int s = 0; s < 2; ++s)
        {
          Box face = box;
          face[d][1 - s] = box[d][s];
          const double outside = this->CountOutside(face);
          if (outside > worst)
          {
            worst = outside;
            axis = d;
            side = s;
          }
        }
      }
      if (axis == VDimension)
      {
        return true;
      }
      box[axis][side] += side == 0 ? 1 : -1;
      if (box[axis][0] >= box[axis][1])
      {
        return false;
      }
    }
  }

private:
  std::array<long, VDimension> m_Step;
  std::array<long, VDimension> m_Count;
  std::vector<bool>            m_Inside;
};

template <unsigned int VDimension>
double
GetFrameVolume(const ImageType<VDimension> * image)
{
  double volume = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    volume *= image->GetSpacing()[d] * static_cast<double>(image->GetBufferedRegion().GetSize()[d]);
  }
  return volume;
}

} // namespace

template <unsigned int VDimension>
bool
CropToOverlap(Sinkhorn::WorkingGrid<VDimension> &               grid,
              const ImageType<VDimension> *                     fixed,
              const ImageType<VDimension> *                     moving,
              const Transform<double, VDimension, VDimension> * toMoving)
{
  constexpr double leastPart = 0.125;
  // What lies near the faces may leave the moving frame on the way to the map that is looked for.
  constexpr double                          marginPart = 0.1;
  const FrameLattice<VDimension>            lattice(fixed, moving, toMoving);
  auto                                      box = lattice.GetWhole();
  typename ImageType<VDimension>::IndexType first = fixed->GetBufferedRegion().GetIndex();
  typename ImageType<VDimension>::SizeType  size;
  if (!lattice.Shrink(box))
  {
    return false;
  }
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const long whole = (box[d][1] - box[d][0]) * lattice.GetStep(d) + 1;
    const long room = static_cast<long>(std::round(marginPart * static_cast<double>(whole)));
    const long begin = box[d][0] * lattice.GetStep(d) + room;
    const long length = whole - 2 * room;
    const long factor = grid.Factors.front()[d];
    // A size that every level divides, in the middle of the box.
    const long divided = length / factor * factor;
    if (divided < 4 * factor)
    {
      return false;
    }
    first[d] += begin + (length - divided) / 2;
    size[d] = static_cast<SizeValueType>(divided);
  }
  const auto                                cropped = ImageType<VDimension>::New();
  typename ImageType<VDimension>::PointType origin;
  fixed->TransformIndexToPhysicalPoint(first, origin);
  cropped->SetSpacing(fixed->GetSpacing());
  cropped->SetDirection(fixed->GetDirection());
  cropped->SetOrigin(origin);
  cropped->SetRegions(size);
  if (GetFrameVolume<VDimension>(cropped) <
      leastPart * std::min(GetFrameVolume<VDimension>(fixed), GetFrameVolume<VDimension>(moving)))
  {
    return false;
  }
  grid.Image = cropped;
  grid.Margin.Fill(0.0);
  return true;
}

#define SINKHORN_INSTANTIATE(D)   \
  template bool CropToOverlap<D>( \
    Sinkhorn::WorkingGrid<D> &, const ImageType<D> *, const ImageType<D> *, const Transform<double, D, D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
