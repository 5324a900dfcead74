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
#include "itkSinkhornPointClusters.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace itk
{
namespace Sinkhorn
{

PointCells::PointCells(unsigned int                dimension,
                       const std::vector<double> & positions,
                       const std::vector<double> & origin,
                       double                      cellSize)
  : m_Dimension(dimension)
  , m_Cells(positions.size())
  , m_Order(positions.size() / dimension)
{
  for (SizeValueType i = 0; i < positions.size(); ++i)
  {
    m_Cells[i] = std::floor((positions[i] - origin[i % dimension]) / cellSize);
  }
  std::iota(m_Order.begin(), m_Order.end(), SizeValueType{ 0 });
  std::sort(m_Order.begin(), m_Order.end(), [this](SizeValueType i, SizeValueType j) {
    const double * const a = m_Cells.data() + i * m_Dimension;
    const double * const b = m_Cells.data() + j * m_Dimension;
    const auto           difference = std::mismatch(a, a + m_Dimension, b);
    return difference.first == a + m_Dimension ? i < j : *difference.first < *difference.second;
  });
}

SizeValueType
PointCells::GetNumberOfCells() const
{
  SizeValueType count = 0;
  for (SizeValueType place = 0; place < m_Order.size(); ++place)
  {
    count += this->StartsCell(place) ? 1 : 0;
  }
  return count;
}

bool
PointCells::StartsCell(SizeValueType place) const
{
  if (place == 0)
  {
    return true;
  }
  const double * const here = m_Cells.data() + m_Order[place] * m_Dimension;
  return !std::equal(here, here + m_Dimension, m_Cells.data() + m_Order[place - 1] * m_Dimension);
}

PointClusters::PointClusters(unsigned int                dimension,
                             const std::vector<double> & positions,
                             const std::vector<double> & masses,
                             double                      cellSize)
{
  const SizeValueType points = masses.size();
  const PointCells    cells(dimension, positions, std::vector<double>(dimension, 0.0), cellSize);
  // The first point of each cell, which has the smallest number, stands for it.
  std::vector<SizeValueType> first(points);
  for (SizeValueType k = 0; k < points; ++k)
  {
    first[cells[k]] = cells.StartsCell(k) ? cells[k] : first[cells[k - 1]];
  }
  Parents.resize(points);
  std::vector<double> counts;
  for (SizeValueType i = 0; i < points; ++i)
  {
    if (first[i] == i)
    {
      Parents[i] = counts.size();
      counts.push_back(0.0);
      Masses.push_back(0.0);
    }
    Parents[i] = Parents[first[i]];
    counts[Parents[i]] += 1.0;
    Masses[Parents[i]] += masses[i];
  }
  Positions.assign(counts.size() * dimension, 0.0);
  for (SizeValueType i = 0; i < points; ++i)
  {
    const SizeValueType parent = Parents[i];
    const double        share = Masses[parent] > 0.0 ? masses[i] / Masses[parent] : 1.0 / counts[parent];
    for (unsigned int d = 0; d < dimension; ++d)
    {
      Positions[parent * dimension + d] += share * positions[i * dimension + d];
    }
  }
}

} // namespace Sinkhorn
} // namespace itk
