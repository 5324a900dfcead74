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
#ifndef itkSinkhornDensityPushForward_hxx
#define itkSinkhornDensityPushForward_hxx

#include "itkSinkhornDensityPushForward.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal, unsigned int VDimension>
PushForwardGrid<TReal, VDimension>::PushForwardGrid(const GridType & moving, const GridType & virtualGrid)
  : m_Grid(GridType::New())
{
  double wanted = virtualGrid.GetSpacing()[0];
  for (unsigned int d = 1; d < VDimension; ++d)
  {
    wanted = std::min<double>(wanted, virtualGrid.GetSpacing()[d]);
  }
  auto                spacing = moving.GetSpacing();
  ContinuousIndexType first;
  RegionType          region;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const double factor = std::max(1.0, std::floor(wanted / spacing[d] + 0.5));
    // node c stands for the voxels factor·c … factor·c + factor − 1
    first[d] = 0.5 * (factor - 1.0);
    const double begin = (moving.GetBufferedRegion().GetIndex(d) - first[d]) / factor;
    const double end = begin + (moving.GetBufferedRegion().GetSize(d) - 1.0) / factor;
    const auto   lower = static_cast<IndexValueType>(std::floor(begin + 1e-6));
    const auto   upper = static_cast<IndexValueType>(std::ceil(end - 1e-6));
    region.SetIndex(d, lower);
    region.SetSize(d, static_cast<SizeValueType>(upper - lower + 1));
    spacing[d] *= factor;
  }
  PointType origin;
  moving.TransformContinuousIndexToPhysicalPoint(first, origin);
  m_Grid->SetOrigin(origin);
  m_Grid->SetSpacing(spacing);
  m_Grid->SetDirection(moving.GetDirection());
  m_Grid->SetRegions(region);
  m_MovingRegion = region;
  m_LargestNumberOfNodes = 64 * (region.GetNumberOfPixels() + virtualGrid.GetBufferedRegion().GetNumberOfPixels());
}

template <typename TReal, unsigned int VDimension>
void
PushForwardGrid<TReal, VDimension>::KeepPaddingOf(const GridType & earlier)
{
  if (earlier.GetOrigin() == m_Grid->GetOrigin() && earlier.GetSpacing() == m_Grid->GetSpacing() &&
      earlier.GetDirection() == m_Grid->GetDirection() && earlier.GetBufferedRegion().IsInside(m_MovingRegion) &&
      earlier.GetBufferedRegion().GetNumberOfPixels() <= 2 * m_MovingRegion.GetNumberOfPixels())
  {
    m_Grid->SetRegions(earlier.GetBufferedRegion());
  }
}

template <typename TReal, unsigned int VDimension>
void
PushForwardGrid<TReal, VDimension>::Box::Include(const Cell & cell)
{
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const IndexValueType last = cell.base[d] + (cell.fraction[d] > 0.0 ? 1 : 0);
    lower[d] = empty ? cell.base[d] : std::min(lower[d], cell.base[d]);
    upper[d] = empty ? last : std::max(upper[d], last);
  }
  empty = false;
}

template <typename TReal, unsigned int VDimension>
auto
PushForwardGrid<TReal, VDimension>::Locate(const PointType & point) const -> Cell
{
  // rounding must not smear what lies on a node over its neighbours
  constexpr double    snap = 1e-6;
  ContinuousIndexType index;
  Cell                cell;
  static_cast<void>(m_Grid->TransformPhysicalPointToContinuousIndex(point, index));
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    // also catches NaN; GrowTo() refuses the result
    const double limited = std::abs(index[d]) < 1e9 ? index[d] : 1e9;
    const double below = std::floor(limited + snap);
    cell.base[d] = static_cast<IndexValueType>(below);
    cell.fraction[d] = (limited - below > snap) ? limited - below : 0.0;
  }
  return cell;
}

template <typename TReal, unsigned int VDimension>
SizeValueType
PushForwardGrid<TReal, VDimension>::GetPosition(const IndexType & index) const
{
  const auto &  region = m_Grid->GetBufferedRegion();
  SizeValueType position = 0;
  for (unsigned int d = VDimension; d-- > 0;)
  {
    position = position * region.GetSize(d) + static_cast<SizeValueType>(index[d] - region.GetIndex(d));
  }
  return position;
}

template <typename TReal, unsigned int VDimension>
void
PushForwardGrid<TReal, VDimension>::AddToNodes(const Cell & cell, double mass, std::vector<TReal> & masses) const
{
  for (unsigned int corner = 0; corner < (1u << VDimension); ++corner)
  {
    double weight = mass;
    auto   node = cell.base;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      const bool upper = (corner >> d) & 1u;
      weight *= upper ? cell.fraction[d] : 1.0 - cell.fraction[d];
      node[d] += upper ? 1 : 0;
    }
    if (weight > 0.0)
    {
      masses[this->GetPosition(node)] += static_cast<TReal>(weight);
    }
  }
}

template <typename TReal, unsigned int VDimension>
bool
PushForwardGrid<TReal, VDimension>::Contains(const Box & box) const
{
  const auto & region = m_Grid->GetBufferedRegion();
  return box.empty || (region.IsInside(box.lower) && region.IsInside(box.upper));
}

template <typename TReal, unsigned int VDimension>
template <typename TCarrier>
auto
PushForwardGrid<TReal, VDimension>::TrySplat(SizeValueType        count,
                                             const TCarrier &     carrier,
                                             ThreadIdType         numberOfWorkUnits,
                                             std::vector<TReal> & masses) const -> Box
{
  // Batches: where the mass goes is found by all threads, the sums are made by one in the order of the positions, so
  // that they do not depend on the number of threads.
  constexpr SizeValueType batch = 8 * SerialLength;
  std::vector<Cell>       cells(std::min(batch, count));
  std::vector<double>     carried(cells.size());
  Box                     box;
  masses.assign(m_Grid->GetBufferedRegion().GetNumberOfPixels(), TReal{ 0 });
  for (SizeValueType first = 0; first < count; first += batch)
  {
    const SizeValueType length = std::min(batch, count - first);
    ForEachChunk(length, numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
      for (SizeValueType i = begin; i < end; ++i)
      {
        PointType where;
        double    mass = 0.0;
        carried[i] = carrier(first + i, where, mass) ? mass : 0.0;
        if (carried[i] > 0.0)
        {
          cells[i] = this->Locate(where);
        }
      }
    });
    for (SizeValueType i = 0; i < length; ++i)
    {
      if (carried[i] > 0.0)
      {
        box.Include(cells[i]);
      }
    }
    if (!this->Contains(box))
    {
      continue; // only the box is of interest now
    }
    for (SizeValueType i = 0; i < length; ++i)
    {
      if (carried[i] > 0.0)
      {
        this->AddToNodes(cells[i], carried[i], masses);
      }
    }
  }
  return box;
}

template <typename TReal, unsigned int VDimension>
template <typename TCarrier>
std::vector<TReal>
PushForwardGrid<TReal, VDimension>::Splat(SizeValueType count, const TCarrier & carrier, ThreadIdType numberOfWorkUnits)
{
  std::vector<TReal> masses;
  const auto         box = this->TrySplat(count, carrier, numberOfWorkUnits, masses);
  if (!this->Contains(box))
  {
    this->GrowTo(box);
    this->TrySplat(count, carrier, numberOfWorkUnits, masses);
  }
  return masses;
}

template <typename TReal, unsigned int VDimension>
void
PushForwardGrid<TReal, VDimension>::GrowTo(const Box & box)
{
  // in steps, so that the grid does not change with every small motion
  constexpr IndexValueType step = 8;
  RegionType               region = m_Grid->GetBufferedRegion();
  double                   nodes = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    IndexValueType lower = region.GetIndex(d);
    IndexValueType upper = region.GetUpperIndex()[d];
    while (lower > box.lower[d] && upper - lower < (1 << 24))
    {
      lower -= step;
    }
    while (upper < box.upper[d] && upper - lower < (1 << 24))
    {
      upper += step;
    }
    region.SetIndex(d, lower);
    region.SetSize(d, static_cast<SizeValueType>(upper - lower + 1));
    nodes *= static_cast<double>(upper - lower + 1);
  }
  if (nodes > static_cast<double>(m_LargestNumberOfNodes))
  {
    itkGenericExceptionMacro(
      "The moving transform carries mass of the fixed image far out of the moving image, to indices from "
      << box.lower << " to " << box.upper << " of the grid " << m_MovingRegion.GetIndex() << " + "
      << m_MovingRegion.GetSize()
      << ". Start from a transform that brings the images together, or lower the learning rate.");
  }
  m_Grid->SetRegions(region);
}

template <typename TReal, unsigned int VDimension>
auto
PushForwardGrid<TReal, VDimension>::ComputeGradient(const TReal * values, const PointType & point) const -> GradientType
{
  const auto   cell = this->Locate(point);
  const auto & region = m_Grid->GetBufferedRegion();
  const auto   clamp = [&region](IndexValueType node, unsigned int d) {
    return std::max(region.GetIndex(d), std::min(region.GetUpperIndex()[d], node));
  };

  GradientType local;
  for (unsigned int axis = 0; axis < VDimension; ++axis)
  {
    const bool onNode = cell.fraction[axis] == 0.0;
    double     slope = 0.0;
    for (unsigned int corner = 0; corner < (1u << VDimension); ++corner)
    {
      if ((corner >> axis) & 1u)
      {
        continue;
      }
      double weight = 1.0;
      auto   lower = cell.base;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        const bool upper = (corner >> d) & 1u;
        weight *= (d == axis) ? 1.0 : (upper ? cell.fraction[d] : 1.0 - cell.fraction[d]);
        lower[d] += upper ? 1 : 0;
      }
      if (weight > 0.0)
      {
        auto upper = lower;
        upper[axis] = clamp(lower[axis] + 1, axis);
        lower[axis] = clamp(lower[axis] - (onNode ? 1 : 0), axis);
        const double difference =
          static_cast<double>(values[this->GetPosition(upper)]) - static_cast<double>(values[this->GetPosition(lower)]);
        slope += weight * difference / std::max<IndexValueType>(1, upper[axis] - lower[axis]);
      }
    }
    local[axis] = slope / m_Grid->GetSpacing()[axis];
  }
  GradientType gradient;
  m_Grid->TransformLocalVectorToPhysicalVector(local, gradient);
  return gradient;
}

} // namespace Sinkhorn
} // namespace itk

#endif
