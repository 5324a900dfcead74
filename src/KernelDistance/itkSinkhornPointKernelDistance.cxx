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
#include "itkSinkhornPointKernelDistance.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

PointKernelDistance::PointKernelDistance(const PointMeasure &          alpha,
                                         const PointMeasure &          beta,
                                         const PointKernelParameters & parameters)
  : m_Measures(alpha, beta, parameters)
  , m_Parameters(parameters)
  // the value is a difference: near the minimum it would be rounding in single precision
  , m_Operator(m_Measures.MakeOperator(PairPrecision::Double))
{
  if (!(parameters.Blur > 0.0) || !std::isfinite(parameters.Blur))
  {
    itkGenericExceptionMacro("Sinkhorn: Blur is " << parameters.Blur
                                                  << " mm, but must be positive and finite. A good start is a tenth of "
                                                  << "the size of the shapes.");
  }
  for (const Side side : { Side::Alpha, Side::Beta })
  {
    const ArrayType masses = m_Measures.GetMasses(side);
    const ArrayType own = this->Convolve(side, side);
    const ArrayType other = this->Convolve(side, Opposite(side));
    for (size_t i = 0; i < masses.size(); ++i)
    {
      m_Value += masses[i] * (own[i] - other[i]);
    }
  }
  m_Value = std::max(m_Value, 0.0);
}

auto
PointKernelDistance::Convolve(Side to, Side from) const -> ArrayType
{
  ArrayType sums(m_Operator->GetNumberOfPoints(to));
  m_Operator->Apply(to, from, m_Parameters.Blur, m_Measures.GetLogWeights(from).data(), nullptr, sums.data());
  std::transform(sums.begin(), sums.end(), sums.begin(), [](double logSum) { return std::exp(logSum); });
  return sums;
}

PointGradient
PointKernelDistance::ComputeGradient(Side side) const
{
  // ∇(k ⋆ β)(x) = (k ⋆ β)(x) (T(x) − x)/Blur², T(x) being the mean of y under k(x,y) β(y)
  const ArrayType &  coordinates = m_Measures.GetCoordinates(side);
  const ArrayType    masses = m_Measures.GetMasses(side);
  const unsigned int dimension = m_Measures.GetDimension();
  ArrayType          gradient(coordinates.size(), 0.0);
  ArrayType          means(coordinates.size());
  for (const Side from : { side, Opposite(side) })
  {
    const ArrayType sums = this->Convolve(side, from);
    m_Operator->ComputeMeans(side,
                             from,
                             m_Parameters.Blur,
                             m_Measures.GetLogWeights(from).data(),
                             nullptr,
                             m_Measures.GetCoordinates(from).data(),
                             dimension,
                             means.data());
    const double sign = from == side ? 2.0 : -2.0;
    const double scale = sign / (m_Parameters.Blur * m_Parameters.Blur);
    for (size_t k = 0; k < gradient.size(); ++k)
    {
      gradient[k] += scale * masses[k / dimension] * sums[k / dimension] * (means[k] - coordinates[k]);
    }
  }
  return m_Measures.PullBack(side, gradient);
}

} // namespace Sinkhorn
} // namespace itk
