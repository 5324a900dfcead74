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
#ifndef itkPointRegistrationForce_h
#define itkPointRegistrationForce_h

#include "itkPointSetToPointSetMetricv4.h"
#include "itkRegistrationForce.h"

#include <limits>
#include <vector>

namespace itk
{

/** \class PointForceSource
 * \brief Interface of a point set metric that knows what pulls at each of its fixed points.
 *
 * Itself it may be a property of the whole shapes, which has no parts of single points.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class PointForceSource
{
public:
  /** What pulls at the fixed points as they are now, in the order of their identifiers. The metric is initialised, and
   * calculates in the tangent space: both point sets are in the virtual domain.
   * \param masses of the points. \param forces of the points, coordinate after coordinate: what improves the value;
   * mass times way, mm, if GetForcesAreWays(). \return the value. */
  virtual double
  ComputePointForces(std::vector<double> & masses, std::vector<double> & forces) const = 0;

  /** Whether a force is a mass times the way that it has to go, mm. */
  virtual bool
  GetForcesAreWays() const = 0;

  /** What the metric knows of the fixed points besides themselves, and of the moving ones, changes place, as the point
   * sets do in a method that moves both. */
  virtual void
  ExchangeSides() = 0;

protected:
  PointForceSource() = default;
  virtual ~PointForceSource() = default;
};

/** \class PointRegistrationForce
 * \brief What pulls at points: known at few places, with the masses of the points as its weight.
 *
 * The update is the smoothed force divided by the mass, smoothed alike, so that dense and sparse points move alike and
 * what lies between them goes along. It is as long as the way that is left where the metric knows that
 * (PointForceSource), else a direction.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT PointRegistrationForce : public RegistrationForce<TImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(PointRegistrationForce);

  using Self = PointRegistrationForce;
  using Superclass = RegistrationForce<TImage>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(PointRegistrationForce, RegistrationForce);

  /** On: a force is a mass times the way that it has to go, mm. Default off. */
  itkSetMacro(ForcesAreWays, bool);
  itkGetConstMacro(ForcesAreWays, bool);
  itkBooleanMacro(ForcesAreWays);

  double
  GetLargestFactor(double share) const override
  {
    return m_ForcesAreWays ? share : std::numeric_limits<double>::max();
  }
  double
  GetDefaultLearningRate() const override
  {
    return m_ForcesAreWays ? 2.0 : 0.5;
  }
  double
  GetDefaultUpdateSigma() const override
  {
    return 0.0;
  }
  /** Forces that are known at points alone are as rough as the grid can be. */
  double
  GetLeastUpdateSigma() const override
  {
    return 2.0;
  }

protected:
  PointRegistrationForce() { this->SetFaintPart(0.02); }
  ~PointRegistrationForce() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override
  {
    Superclass::PrintSelf(os, indent);
    os << indent << "ForcesAreWays: " << (m_ForcesAreWays ? "On" : "Off") << std::endl;
  }

private:
  bool m_ForcesAreWays{ false };
};

namespace Sinkhorn
{

/** What pulls at the fixed points, from a PointForceSource, or point by point from a metric of ITK, whose points weigh
 * 1 each; its own sum over points runs into several threads' writing at once and depends on their number. See
 * PointForceSource::ComputePointForces(). \return the value: of ITK's metrics the mean over all points, whether or not
 * they lie in the virtual domain. */
template <typename TPointSet, typename TReal>
double
ComputePointForces(const PointSetToPointSetMetricWithIndexv4<TPointSet, TPointSet, TReal> * metric,
                   std::vector<double> &                                                    masses,
                   std::vector<double> &                                                    forces);

/** Shares out forces and masses to the voxels around the points, in the order of the points, with the weights of linear
 * interpolation; points outside are left out. \return how many are inside. */
template <unsigned int VDimension>
SizeValueType
SplatPointForces(const std::vector<Point<double, VDimension>> &  places,
                 const std::vector<double> &                     masses,
                 const std::vector<double> &                     forces,
                 Image<Vector<double, VDimension>, VDimension> * forceField,
                 Image<double, VDimension> *                     massImage);

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkPointRegistrationForce.hxx"
#endif

#endif
