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
#ifndef itkKernelDistancePointSetToPointSetMetricv4_h
#define itkKernelDistancePointSetToPointSetMetricv4_h

#include "itkParticlePointSetToPointSetMetricv4.h"
#include "itkSinkhornPointKernelDistance.h"

namespace itk
{

/** \class KernelDistancePointSetToPointSetMetricv4
 * \brief Kernel distance between two curves, surfaces or clouds: the cheap relative of
 * SinkhornPointSetToPointSetMetricv4 and the baseline of its paper.
 *
 * The value is \f$\langle\alpha-\beta, k\star(\alpha-\beta)\rangle\f$ with the Gaussian kernel of standard deviation
 * Blur, times one on directions if DirectionWeight is set (a distance of varifolds; of oriented ones, which are near to
 * currents, with OrientedDirections): see Sinkhorn::PointKernelDistance. It has no unit and lies between 0 and 2;
 * beyond a few times Blur there is no force.
 *
 * How shapes become particles, transforms, scaling, derivative and errors are those of
 * ParticlePointSetToPointSetMetricv4. The automatic blur is 10 % of the larger one of the shapes' diagonals.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedPointSet,
          typename TMovingPointSet = TFixedPointSet,
          class TInternalComputationValueType = double>
class ITK_TEMPLATE_EXPORT KernelDistancePointSetToPointSetMetricv4
  : public ParticlePointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(KernelDistancePointSetToPointSetMetricv4);

  /** Standard class type aliases. */
  using Self = KernelDistancePointSetToPointSetMetricv4;
  using Superclass = ParticlePointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(KernelDistancePointSetToPointSetMetricv4, ParticlePointSetToPointSetMetricv4);

protected:
  KernelDistancePointSetToPointSetMetricv4() = default;
  ~KernelDistancePointSetToPointSetMetricv4() override = default;

  double
  CompareMeasures(const Sinkhorn::PointMeasure & alpha,
                  const Sinkhorn::PointMeasure & beta,
                  Sinkhorn::PointGradient *      gradient) const override
  {
    Sinkhorn::PointKernelParameters parameters;
    static_cast<Sinkhorn::PointComparisonParameters &>(parameters) = this->MakeComparisonParameters();
    parameters.Blur = this->GetBlurInUse();
    const Sinkhorn::PointKernelDistance distance(alpha, beta, parameters);
    if (gradient)
    {
      *gradient = distance.ComputeGradient(Sinkhorn::Side::Alpha);
    }
    return distance.GetValue();
  }

  double
  GetAutomaticBlur() const override
  {
    return 0.1;
  }
};

} // namespace itk

#endif
