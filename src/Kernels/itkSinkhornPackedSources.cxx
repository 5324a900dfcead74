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
#include "itkSinkhornPackedSources.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

template <typename T>
PackedSources<T>::PackedSources(const PointBlocks & blocks,
                                double              inverseEpsilon,
                                const double *      logWeights,
                                const double *      potential,
                                ThreadIdType        workUnits)
  : m_Blocks(blocks)
  , m_Constants(blocks.GetNumberOfBlocks())
  , m_Slopes(blocks.Centers.size())
  , m_Largest(blocks.GetNumberOfBlocks())
  , m_Offsets(blocks.Order.size())
  , m_Coordinates(blocks.Coordinates.size())
{
  ForEachTask(blocks.GetNumberOfBlocks(), workUnits, false, [&](SizeValueType block) {
    this->PackBlock(block, inverseEpsilon, logWeights, potential);
  });
}

template <typename T>
void
PackedSources<T>::PackValues(const double * values, unsigned int numberOfColumns, unsigned int begin)
{
  m_Values.assign(m_Blocks.Order.size() * PointValueColumns, T(0));
  m_ValueMeans.assign(m_Blocks.GetNumberOfBlocks() * PointValueColumns, 0.0);
  for (SizeValueType block = 0; block < m_Blocks.GetNumberOfBlocks(); ++block)
  {
    for (unsigned int c = 0; c < PointValueColumns && begin + c < numberOfColumns; ++c)
    {
      double column[PointBlocks::Length];
      double sum = 0.0;
      for (SizeValueType k = 0; k < PointBlocks::Length; ++k)
      {
        column[k] = values[m_Blocks.Order[block * PointBlocks::Length + k] * numberOfColumns + begin + c];
        sum += column[k];
      }
      const double mean = sum / PointBlocks::Length;
      m_ValueMeans[block * PointValueColumns + c] = mean;
      T * relative = &m_Values[(block * PointValueColumns + c) * PointBlocks::Length];
      std::transform(
        column, column + PointBlocks::Length, relative, [mean](double v) { return static_cast<T>(v - mean); });
    }
  }
}

template <typename T>
void
PackedSources<T>::Fill(PointSoftminPass<T> & pass) const
{
  pass.Dimension = m_Blocks.Dimension;
  pass.NumberOfSourceBlocks = m_Blocks.GetNumberOfBlocks();
  pass.SourceCenters = m_Blocks.Centers.data();
  pass.SourceHalfWidths = m_Blocks.HalfWidths.data();
  pass.Constants = m_Constants.data();
  pass.Slopes = m_Slopes.data();
  pass.Largest = m_Largest.data();
  pass.Offsets = m_Offsets.data();
  pass.Coordinates = m_Coordinates.data();
  pass.Values = m_Values.empty() ? nullptr : m_Values.data();
  pass.ValueMeans = m_ValueMeans.data();
}

template <typename T>
void
PackedSources<T>::PackBlock(SizeValueType  block,
                            double         inverseEpsilon,
                            const double * logWeights,
                            const double * potential)
{
  constexpr SizeValueType length = PointBlocks::Length;
  const unsigned int      dimension = m_Blocks.Dimension;
  const SizeValueType *   order = &m_Blocks.Order[block * length];
  const double *          coordinates = &m_Blocks.Coordinates[block * dimension * length];
  const double *          center = &m_Blocks.Centers[block * dimension];
  double *                slope = &m_Slopes[block * dimension];
  double                  squared[length] = {};
  double                  values[length];
  for (unsigned int d = 0; d < dimension; ++d)
  {
    for (SizeValueType k = 0; k < length; ++k)
    {
      const double v = coordinates[d * length + k] - center[d];
      squared[k] += v * v;
      m_Coordinates[(block * dimension + d) * length + k] = static_cast<T>(v);
    }
  }
  std::fill(values, values + length, -std::numeric_limits<double>::infinity());
  for (SizeValueType k = 0; k < m_Blocks.Counts[block]; ++k)
  {
    if (logWeights[order[k]] > -std::numeric_limits<double>::infinity())
    {
      const double dual = potential != nullptr ? potential[order[k]] : 0.0;
      values[k] = logWeights[order[k]] + (dual - 0.5 * squared[k]) * inverseEpsilon;
    }
  }
  const double constant = FitSlope(dimension, coordinates, length, values, m_Blocks.Counts[block], center, slope);
  m_Constants[block] = constant;
  double largest = -std::numeric_limits<double>::infinity();
  for (SizeValueType k = 0; k < length; ++k)
  {
    double offset = values[k] - constant;
    for (unsigned int d = 0; d < dimension; ++d)
    {
      offset -= slope[d] * (coordinates[d * length + k] - center[d]);
    }
    offset = values[k] == -std::numeric_limits<double>::infinity() ? values[k] : offset;
    largest = std::max(largest, offset);
    m_Offsets[block * length + k] = static_cast<T>(offset);
  }
  m_Largest[block] = largest;
}

template class PackedSources<float>;
template class PackedSources<double>;

} // namespace Sinkhorn
} // namespace itk
