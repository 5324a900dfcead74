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
#ifndef itkSinkhornVoxelSplatter_hxx
#define itkSinkhornVoxelSplatter_hxx

#include "itkSinkhornVoxelSplatter.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

template <unsigned int VDimension>
ContinuousIndex<double, VDimension>
LocateInGrid(const ImageBase<VDimension> & grid, const Point<double, VDimension> & point)
{
  ContinuousIndex<double, VDimension> where;
  static_cast<void>(grid.TransformPhysicalPointToContinuousIndex(point, where));
  return where;
}

template <typename TReal, unsigned int VDimension>
void
SplatLinearly(const ImageRegion<VDimension> &             region,
              const ContinuousIndex<double, VDimension> & where,
              double                                      mass,
              std::vector<TReal> &                        masses)
{
  SizeValueType base = 0;
  SizeValueType strides[VDimension];
  double        fractions[VDimension];
  SizeValueType stride = 1;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const auto   last = static_cast<double>(region.GetSize(d) - 1);
    const double position = std::min(std::max(where[d] - static_cast<double>(region.GetIndex(d)), 0.0), last);
    const double lower = std::floor(position);
    fractions[d] = position - lower;
    base += static_cast<SizeValueType>(lower) * stride;
    strides[d] = stride;
    stride *= region.GetSize(d);
  }
  for (unsigned int corner = 0; corner < (1u << VDimension); ++corner)
  {
    double        weight = mass;
    SizeValueType node = base;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      const bool isUpper = (corner >> d) & 1u;
      weight *= isUpper ? fractions[d] : 1.0 - fractions[d];
      node += isUpper ? strides[d] : 0;
    }
    if (weight != 0.0) // a node without weight may lie outside
    {
      masses[node] += static_cast<TReal>(weight);
    }
  }
}

template <unsigned int VDimension>
IndexMap<VDimension>::IndexMap(const ImageBase<VDimension> & image, const ImageBase<VDimension> & grid)
  : IndexMap(image, grid, [](const Point<double, VDimension> & point) { return point; })
{}

template <unsigned int VDimension>
template <typename TTransform>
IndexMap<VDimension>::IndexMap(const ImageBase<VDimension> & image,
                               const ImageBase<VDimension> & grid,
                               const TTransform &            transform)
{
  const auto locate = [&](const Index<VDimension> & index) {
    Point<double, VDimension> point;
    image.TransformIndexToPhysicalPoint(index, point);
    return LocateInGrid<VDimension>(grid, transform(point));
  };
  Index<VDimension> zero;
  zero.Fill(0);
  Offset = locate(zero);
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    auto unit = zero;
    unit[d] = 1;
    Steps[d] = locate(unit) - Offset;
  }
}

template <unsigned int VDimension>
bool
IndexMap<VDimension>::IsShift() const
{
  constexpr double tolerance = 1e-4;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (std::abs(Offset[d] - std::round(Offset[d])) > tolerance)
    {
      return false;
    }
    for (unsigned int e = 0; e < VDimension; ++e)
    {
      // a voxel's step is compared over a hundred voxels
      if (std::abs(Steps[d][e] - (d == e ? 1.0 : 0.0)) > 1e-2 * tolerance)
      {
        return false;
      }
    }
  }
  return true;
}

template <unsigned int VDimension>
double
IndexMap<VDimension>::GetHalfVoxel(unsigned int gridAxis) const
{
  double half = 0.0;
  for (const auto & step : Steps)
  {
    half += 0.5 * std::abs(step[gridAxis]);
  }
  return half;
}

template <unsigned int VDimension>
VoxelSplatter<VDimension>::VoxelSplatter(const IndexMap<VDimension> & map)
  : m_Map(map)
  , m_IsShift(map.IsShift())
{
  constexpr double longest = 1.0 + 1e-4;
  bool             isTaken[VDimension] = {};
  m_IsAligned = true;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    double largest = 0.0;
    m_GridAxis[d] = 0;
    for (unsigned int e = 0; e < VDimension; ++e)
    {
      const double component = std::abs(map.Steps[d][e]);
      m_GridAxis[d] = component > largest ? e : m_GridAxis[d];
      largest = std::max(largest, component);
    }
    for (unsigned int e = 0; e < VDimension; ++e)
    {
      // over ten thousand voxels of either grid less than a hundredth of a voxel
      const double component = e == m_GridAxis[d] ? 0.0 : std::abs(map.Steps[d][e]);
      m_IsAligned = m_IsAligned && component <= 1e-6 * std::min(largest, 1.0);
    }
    m_IsAligned = m_IsAligned && !isTaken[m_GridAxis[d]];
    isTaken[m_GridAxis[d]] = true;
    m_Pieces[d] = largest <= longest ? 1u : static_cast<unsigned int>(std::ceil(2.0 * largest));
  }
}

template <unsigned int VDimension>
double
VoxelSplatter<VDimension>::GetHalfExtent(unsigned int gridAxis) const
{
  double extent = 0.0;
  for (unsigned int d = 0; d < VDimension && !m_IsShift; ++d)
  {
    const double step = std::abs(m_Map.Steps[d][gridAxis]);
    if (!m_IsAligned)
    {
      extent += 0.5 * step * (1.0 - 1.0 / m_Pieces[d]);
    }
    else if (m_GridAxis[d] == gridAxis)
    {
      extent += 0.5 * GetWidth(step);
    }
  }
  return extent;
}

template <unsigned int VDimension>
void
VoxelSplatter<VDimension>::Initialize(const RegionType & imageRegion, const RegionType & gridRegion)
{
  m_ImageRegion = imageRegion;
  m_GridRegion = gridRegion;
  SizeValueType stride = 1;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    m_Strides[d] = stride;
    stride *= gridRegion.GetSize(d);
  }
  for (unsigned int d = 0; d < VDimension && m_IsAligned && !m_IsShift; ++d)
  {
    const unsigned int e = m_GridAxis[d];
    m_Weights[d].clear();
    for (SizeValueType i = 0; i < imageRegion.GetSize(d); ++i)
    {
      const double index = static_cast<double>(imageRegion.GetIndex(d)) + static_cast<double>(i);
      const double centre = m_Map.Offset[e] + index * m_Map.Steps[d][e] - static_cast<double>(gridRegion.GetIndex(e));
      m_Weights[d].push_back(MakeWeights(centre, GetWidth(std::abs(m_Map.Steps[d][e])), gridRegion.GetSize(e)));
      m_Weights[d].back().First *= m_Strides[e];
    }
  }
}

template <unsigned int VDimension>
double
VoxelSplatter<VDimension>::GetWidth(double step)
{
  constexpr double tolerance = 1e-4;
  return std::abs(step - 1.0) <= tolerance ? 0.0 : step;
}

template <unsigned int VDimension>
auto
VoxelSplatter<VDimension>::MakeWeights(double centre, double width, SizeValueType size) -> Weights
{
  // a node's linear weight, integrated from −∞ to t
  const auto integral = [](double t) {
    t = std::min(std::max(t, -1.0), 1.0);
    return t < 0.0 ? 0.5 * (1.0 + t) * (1.0 + t) : 1.0 - 0.5 * (1.0 - t) * (1.0 - t);
  };
  const auto   last = static_cast<double>(size - 1);
  const auto   clamp = [last](double node) { return std::min(std::max(node, 0.0), last); };
  const double lower = std::floor(centre - 0.5 * width);
  const double upper = std::ceil(centre + 0.5 * width);
  Weights      weights;
  weights.First = static_cast<SizeValueType>(clamp(lower));
  weights.Values.assign(static_cast<size_t>(clamp(upper) - clamp(lower)) + 1, 0.0);
  for (double node = lower; node <= upper; ++node)
  {
    const double t = centre - node;
    // what falls outside goes to the border
    weights.Values[static_cast<size_t>(clamp(node) - clamp(lower))] +=
      width > 0.0 ? (integral(t + 0.5 * width) - integral(t - 0.5 * width)) / width : std::max(1.0 - std::abs(t), 0.0);
  }
  return weights;
}

template <unsigned int VDimension>
ContinuousIndex<double, VDimension>
VoxelSplatter<VDimension>::Locate(const IndexType & index) const
{
  auto where = m_Map(index);
  for (unsigned int d = 0; d < VDimension && m_IsShift; ++d)
  {
    where[d] = std::round(where[d]);
  }
  return where;
}

template <unsigned int VDimension>
template <typename TReal>
void
VoxelSplatter<VDimension>::Splat(const IndexType & index, double mass, std::vector<TReal> & masses) const
{
  if (m_IsAligned && !m_IsShift)
  {
    this->SplatBox(index, mass, masses);
  }
  else
  {
    this->SplatPoints(index, mass, masses);
  }
}

template <unsigned int VDimension>
template <typename TReal>
void
VoxelSplatter<VDimension>::SplatBox(const IndexType & index, double mass, std::vector<TReal> & masses) const
{
  const Weights * weights[VDimension];
  SizeValueType   counters[VDimension] = {};
  SizeValueType   first = 0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    weights[d] = &m_Weights[d][static_cast<size_t>(index[d] - m_ImageRegion.GetIndex(d))];
    first += weights[d]->First;
  }
  for (bool isDone = false; !isDone;)
  {
    double        weight = mass;
    SizeValueType node = first;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      weight *= weights[d]->Values[counters[d]];
      node += counters[d] * m_Strides[m_GridAxis[d]];
    }
    masses[node] += static_cast<TReal>(weight);
    isDone = true;
    for (unsigned int d = 0; d < VDimension && isDone; ++d)
    {
      isDone = ++counters[d] == weights[d]->Values.size();
      counters[d] = isDone ? 0 : counters[d];
    }
  }
}

template <unsigned int VDimension>
template <typename TReal>
void
VoxelSplatter<VDimension>::SplatPoints(const IndexType & index, double mass, std::vector<TReal> & masses) const
{
  const auto   centre = this->Locate(index);
  unsigned int counters[VDimension] = {};
  double       share = mass;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    share /= m_Pieces[d];
  }
  for (bool isDone = false; !isDone;)
  {
    auto where = centre;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      where += m_Map.Steps[d] * ((counters[d] + 0.5) / m_Pieces[d] - 0.5);
    }
    SplatLinearly(m_GridRegion, where, share, masses);
    isDone = true;
    for (unsigned int d = 0; d < VDimension && isDone; ++d)
    {
      isDone = ++counters[d] == m_Pieces[d];
      counters[d] = isDone ? 0 : counters[d];
    }
  }
}

} // namespace Sinkhorn
} // namespace itk

#endif
