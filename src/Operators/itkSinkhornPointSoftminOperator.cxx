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
#include "itkSinkhornPointSoftminOperator.h"
#include "itkSinkhornParallel.h"
#include "itkSinkhornPointBlocks.h"

#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
PointSoftminOperator<TReal>::PointSoftminOperator(unsigned int        dimension,
                                                  std::vector<double> alpha,
                                                  std::vector<double> beta,
                                                  ThreadIdType        numberOfWorkUnits)
  : m_Dimension(dimension)
  , m_Alpha(std::move(alpha))
  , m_Beta(std::move(beta))
  , m_NumberOfWorkUnits(numberOfWorkUnits)
{
  CheckPointList(m_Dimension, m_Alpha, "alpha");
  CheckPointList(m_Dimension, m_Beta, "beta");
}

template <typename TReal>
void
PointSoftminOperator<TReal>::Apply(Side          to,
                                   Side          from,
                                   double        blur,
                                   const TReal * logWeights,
                                   const TReal * potential,
                                   TReal *       out) const
{
  const std::vector<double> & targets = this->GetPoints(to);
  const std::vector<double> & sources = this->GetPoints(from);
  const SizeValueType         numberOfTargets = this->GetNumberOfPoints(to);
  const SizeValueType         numberOfSources = this->GetNumberOfPoints(from);
  const double                inverseEpsilon = 1.0 / (blur * blur);
  constexpr double            infinity = std::numeric_limits<double>::infinity();

  const auto softminAt = [&](SizeValueType i) {
    std::vector<double> exponents(numberOfSources, -infinity);
    double              largest = -infinity;
    for (SizeValueType j = 0; j < numberOfSources; ++j)
    {
      if (logWeights[j] == -infinity)
      {
        continue;
      }
      double squaredDistance = 0.0;
      for (unsigned int d = 0; d < m_Dimension; ++d)
      {
        const double difference = targets[i * m_Dimension + d] - sources[j * m_Dimension + d];
        squaredDistance += difference * difference;
      }
      const double dual = potential ? static_cast<double>(potential[j]) : 0.0;
      exponents[j] = logWeights[j] + (dual - 0.5 * squaredDistance) * inverseEpsilon;
      largest = std::max(largest, exponents[j]);
    }
    if (largest == -infinity)
    {
      return -infinity;
    }
    double sum = 0.0;
    for (const double exponent : exponents)
    {
      sum += std::exp(exponent - largest);
    }
    return largest + std::log(sum);
  };

  ForEachTask(numberOfTargets,
              m_NumberOfWorkUnits,
              numberOfTargets * numberOfSources < SerialLength,
              [&](SizeValueType i) { out[i] = static_cast<TReal>(softminAt(i)); });
}

template <typename TReal>
double
PointSoftminOperator<TReal>::GetDiameter() const
{
  return ComputeBoxDiagonal(m_Dimension, { &m_Alpha, &m_Beta });
}

template class PointSoftminOperator<float>;
template class PointSoftminOperator<double>;

} // namespace Sinkhorn
} // namespace itk
