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
#ifndef itkSinkhornPointRegistrationSprings_h
#define itkSinkhornPointRegistrationSprings_h

#include "itkSinkhornPointParticles.h"

#include "itkSinkhornLinearFit.h"
#include "itkSinkhornPointTransport.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace SinkhornRegistration
{

/** \class PointSprings
 * \brief The springs that pull moved particles to those of the fixed shape, for a registration: each solve begins with
 * the potentials of the one before it. */
template <unsigned int VDimension>
class PointSprings
{
public:
  using PointType = Point<double, VDimension>;
  using VectorType = Vector<double, VDimension>;
  using MeasureType = Sinkhorn::PointMeasure;

  /** \param reach mm, 0 for balanced transport. */
  PointSprings(const MeasureType & fixed, double blur, double reach)
    : m_Fixed(fixed)
  {
    this->SetScales(blur, reach);
  }

  void
  SetScales(double blur, double reach)
  {
    m_Parameters.Solver.Blur = blur;
    m_Parameters.Solver.Reach = reach;
  }

  void
  SetTolerance(double tolerance)
  {
    m_Parameters.Solver.Tolerance = tolerance;
  }

  template <typename TMap>
  static MeasureType
  Move(const MeasureType & measure, const TMap & map)
  {
    MeasureType moved = measure;
    for (SizeValueType i = 0; i < measure.GetNumberOfParticles(); ++i)
    {
      SetPoint(moved, i, map(GetPoint(measure, i)));
    }
    return moved;
  }

  static PointType
  GetPoint(const MeasureType & measure, SizeValueType i)
  {
    PointType point;
    std::copy_n(measure.Positions.data() + i * VDimension, VDimension, point.Begin());
    return point;
  }

  void
  Solve(const MeasureType & moved)
  {
    Sinkhorn::PointTransport transport(moved, m_Fixed, m_Parameters);
    transport.Solve(m_Start);
    m_Start = transport.GetPotentials();
    m_Masses = transport.ComputeMarginal(Sinkhorn::Side::Alpha);
    m_Forces = transport.ComputeSprings(Sinkhorn::Side::Alpha);
    m_Divergence = transport.GetValues().Divergence;
    m_MarginalError = transport.GetReport().GetMarginalError();
    m_Converged = transport.GetReport().Converged;
    m_Given = moved.Masses;
  }

  /** Mass that the plan moves from a particle. */
  double
  GetMass(SizeValueType i) const
  {
    return m_Masses[i];
  }

  /** Mass times way that a particle is pulled along. */
  VectorType
  GetForce(SizeValueType i) const
  {
    VectorType force;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      force[d] = m_Given[i] * m_Forces[i * VDimension + d];
    }
    return force;
  }

  /** Mean squared spring of the mass that is moved, mm². */
  double
  GetMeanSquare() const
  {
    double sum = 0.0;
    double mass = 0.0;
    for (SizeValueType i = 0; i < m_Masses.size(); ++i)
    {
      sum += m_Masses[i] > 0.0 ? this->GetForce(i).GetSquaredNorm() / m_Masses[i] : 0.0;
      mass += m_Masses[i];
    }
    return mass > 0.0 ? sum / mass : 0.0;
  }

  /** Of the particles and where their springs lead. */
  Sinkhorn::PairMoments<VDimension>
  ComputeMoments(const MeasureType & moved) const
  {
    return Sinkhorn::PairMoments<VDimension>::Compute([&](const auto & add) {
      for (SizeValueType i = 0; i < m_Masses.size(); ++i)
      {
        const PointType from = GetPoint(moved, i);
        add(m_Masses[i], from, m_Masses[i] > 0.0 ? from + this->GetForce(i) / m_Masses[i] : from);
      }
    });
  }

  double
  GetDivergence() const
  {
    return m_Divergence;
  }
  double
  GetMarginalError() const
  {
    return m_MarginalError;
  }
  bool
  GetConverged() const
  {
    return m_Converged;
  }

private:
  static void
  SetPoint(MeasureType & measure, SizeValueType i, const PointType & point)
  {
    std::copy_n(point.Begin(), VDimension, measure.Positions.data() + i * VDimension);
  }

  MeasureType                              m_Fixed;
  Sinkhorn::PointTransportParameters       m_Parameters;
  Sinkhorn::PointTransport::PotentialsType m_Start;
  std::vector<double>                      m_Masses;
  std::vector<double>                      m_Forces;
  std::vector<double>                      m_Given;
  double                                   m_Divergence{ 0.0 };
  double                                   m_MarginalError{ 0.0 };
  bool                                     m_Converged{ false };
};

} // namespace SinkhornRegistration
} // namespace itk

#endif
