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

PointClusters::PointClusters(unsigned int                dimension,
                             const std::vector<double> & positions,
                             const std::vector<double> & masses,
                             double                      cellSize)
{
  const SizeValueType points = masses.size();
  std::vector<double> cells(positions.size()); // whole numbers
  std::transform(
    positions.begin(), positions.end(), cells.begin(), [cellSize](double x) { return std::floor(x / cellSize); });
  const auto cellOf = [&](SizeValueType i) { return cells.begin() + static_cast<std::ptrdiff_t>(i * dimension); };
  const auto areTogether = [&](SizeValueType i, SizeValueType j) {
    return std::equal(cellOf(i), cellOf(i) + dimension, cellOf(j));
  };
  std::vector<SizeValueType> order(points);
  std::iota(order.begin(), order.end(), SizeValueType{ 0 });
  std::sort(order.begin(), order.end(), [&](SizeValueType i, SizeValueType j) {
    const auto difference = std::mismatch(cellOf(i), cellOf(i) + dimension, cellOf(j));
    return difference.first == cellOf(i) + dimension ? i < j : *difference.first < *difference.second;
  });

  // The first point of each cell, which has the smallest number, stands for it.
  std::vector<SizeValueType> first(points);
  for (SizeValueType k = 0; k < points; ++k)
  {
    first[order[k]] = k > 0 && areTogether(order[k - 1], order[k]) ? first[order[k - 1]] : order[k];
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
