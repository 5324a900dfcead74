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
#ifndef itkSinkhornPointKernelDistance_h
#define itkSinkhornPointKernelDistance_h

#include "itkSinkhornLiftedMeasures.h"

#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

struct PointKernelParameters : PointComparisonParameters
{
  /** Standard deviation of the Gaussian, mm, > 0. */
  double Blur{ 1.0 };
};

/** \class PointKernelDistance
 * \brief Squared kernel distance of two point measures,
 * ⟨α − β, k ⋆ (α − β)⟩ = Σ_x Σ_y (α−β)(x) k(x,y) (α−β)(y), k = exp(−cost/Blur²).
 *
 * Without directions k(x,y) = exp(−|x−y|²/(2·Blur²)), the kernel of KernelDistance and the baseline of Feydy et al.
 * 2017. With them the cost is that of PointComparisonParameters, and k the product of that kernel and one on
 * directions: exp(−s²(1−⟨n,m⟩²)/Blur²), a distance of varifolds (Charon and Trouvé, *The varifold representation of
 * nonoriented shapes for diffeomorphic registration*, 2013), or exp(−s²(1−⟨n,m⟩)/Blur²), of oriented varifolds, which
 * are near to currents (Kaltenmark, Charlier and Charon 2017). The value has the unit of mass squared; for masses of 1
 * it lies between 0 and 2.
 *
 * \ingroup Sinkhorn
 */
class Sinkhorn_EXPORT PointKernelDistance
{
public:
  using ArrayType = std::vector<double>;

  /** \exception itk::ExceptionObject if Blur is not positive, and see LiftedMeasures. */
  PointKernelDistance(const PointMeasure & alpha, const PointMeasure & beta, const PointKernelParameters & parameters);

  /** The squared distance; of equal measures exactly 0. What rounding leaves below zero is zero. */
  double
  GetValue() const
  {
    return m_Value;
  }

  /** Derivative of the value with respect to the positions of one side, and to the directions if these matter. */
  PointGradient
  ComputeGradient(Side side) const;

private:
  /** k ⋆ (measure of \a from) at the particles of \a to. */
  ArrayType
  Convolve(Side to, Side from) const;

  LiftedMeasures                                  m_Measures;
  PointKernelParameters                           m_Parameters;
  std::shared_ptr<const ClusteredSoftminOperator> m_Operator;
  double                                          m_Value{ 0.0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
