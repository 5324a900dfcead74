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
#ifndef itkSinkhornPointSetToPointSetMetricv4_h
#define itkSinkhornPointSetToPointSetMetricv4_h

#include "itkParticlePointSetToPointSetMetricv4.h"
#include "itkSinkhornRememberedPointTransport.h"

namespace itk
{

/** \class SinkhornPointSetToPointSetMetricv4
 * \brief Entropic optimal transport between two curves, surfaces or clouds.
 *
 * The value is the Sinkhorn divergence between the particles of the fixed shape, moved, and those of the moving one,
 * with the cost |x−y|²/2 in mm², ε = Blur² and ρ = Reach²: see SinkhornImageToImageMetricv4, whose formulas and
 * parameters it has, and Sinkhorn::PointTransport. Each particle feels the ones that it should go to, however far they
 * are: the paper's springs (J. Feydy, B. Charlier, F.-X. Vialard, G. Peyré, *Optimal Transport for Diffeomorphic
 * Registration*, MICCAI 2017, arXiv:1706.05218).
 *
 * How shapes become particles, transforms, scaling and derivative are those of ParticlePointSetToPointSetMetricv4. The
 * automatic blur is 1.5 % of the larger one of the shapes' diagonals. Shapes of which only parts correspond want a
 * Reach of about a tenth of the diagonal.
 *
 * \par Repeated evaluations
 * The last potentials are kept: the same shapes cost no second solve, and shapes of the same particles a little
 * elsewhere, or the two exchanged, start warm (UseWarmStart).
 *
 * \par Errors
 * See ParticlePointSetToPointSetMetricv4; besides, unequal masses in a balanced problem without NormalizeMasses are an
 * exception. Without convergence within MaximumNumberOfIterations there is a warning, once after each Initialize(), and
 * GetConverged() is false.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedPointSet,
          typename TMovingPointSet = TFixedPointSet,
          class TInternalComputationValueType = double>
class ITK_TEMPLATE_EXPORT SinkhornPointSetToPointSetMetricv4
  : public ParticlePointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornPointSetToPointSetMetricv4);

  /** Standard class type aliases. */
  using Self = SinkhornPointSetToPointSetMetricv4;
  using Superclass = ParticlePointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(SinkhornPointSetToPointSetMetricv4, ParticlePointSetToPointSetMetricv4);

  using AccelerationEnum = Sinkhorn::Acceleration;

  /** Distance beyond which mass is created or destroyed rather than moved, mm; 0 (default) is balanced transport, where
   * all mass is moved. It must not be negative. */
  itkSinkhornSettingMacro(Reach, double);

  /** For shapes whose difference of mass means something: on, and with a Reach, NormalizeMasses scales both masses by
   * one common factor instead of each to 1, and what one shape has more of is created or destroyed. Off by default;
   * balanced transport needs equal masses and takes no notice. */
  itkSinkhornBooleanSettingMacro(PreserveMassRatio);

  /** On (default): the value is the Sinkhorn divergence, 0 for equal shapes. Off: OT_ε alone, cheaper, whose minimum is
   * not at equal shapes but at one shrunk by about Blur. */
  itkSinkhornBooleanSettingMacro(Debias);

  /** The solver stops when the L1 error of the marginals, relative to the mass, is at most this. Default 1e-3; must be
   * positive. Below 1e-5 pairs are computed in double precision. */
  itkSinkhornSettingMacro(Tolerance, double);

  /** Iterations allowed on every level of the solver's pyramid at its last blur. Default 200, at least 1. */
  itkSinkhornSettingMacro(MaximumNumberOfIterations, unsigned int);

  /** How the solver's iterations are accelerated; all reach the same potentials. Default: over-relaxation. */
  itkSetEnumMacro(Acceleration, AccelerationEnum);
  itkGetEnumMacro(Acceleration, AccelerationEnum);

  /** On (default): the solver starts from the potentials of the last evaluation if the particles are the same. Off: the
   * result does not depend on earlier evaluations, not even within the tolerance. */
  itkSetMacro(UseWarmStart, bool);
  itkGetConstMacro(UseWarmStart, bool);
  itkBooleanMacro(UseWarmStart);

  /** \name What the last evaluation found. */
  /**@{*/
  /** Iterations of the last solve on all particles at the final blur. */
  unsigned int
  GetNumberOfIterations() const
  {
    return this->GetReport().NumberOfIterations;
  }

  /** Largest L1 error of the marginals after the last solve, relative to the mass. */
  double
  GetMarginalError() const
  {
    return this->GetReport().GetMarginalError();
  }

  /** Whether the last solve reached the tolerance; false before the first one. */
  bool
  GetConverged() const
  {
    return this->GetReport().Converged;
  }

  /** OT_ε without debiasing, mm²; 0 before the first evaluation. */
  double
  GetTransportValue() const
  {
    return m_Transport.GetTransport() ? m_Transport.GetTransport()->GetValues().Transport : 0.0;
  }

  /** Transport problems solved since this object was made; an evaluation that needed no solve is not counted. */
  SizeValueType
  GetNumberOfSolves() const
  {
    return m_Transport.GetNumberOfSolves();
  }
  /**@}*/

  void
  Initialize() override;

  /** A spring is as long as the way to its target. */
  bool
  GetForcesAreWays() const override
  {
    return true;
  }

protected:
  SinkhornPointSetToPointSetMetricv4() = default;
  ~SinkhornPointSetToPointSetMetricv4() override = default;

  double
  CompareMeasures(const Sinkhorn::PointMeasure & alpha,
                  const Sinkhorn::PointMeasure & beta,
                  Sinkhorn::PointGradient *      gradient) const override;

  double
  GetMassOfGradient() const override;

  double
  GetAutomaticBlur() const override
  {
    return 0.015;
  }

  void
  VerifyParameters() const override;

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  Sinkhorn::PointTransportParameters
  MakeParameters() const;

  Sinkhorn::SolverReport
  GetReport() const
  {
    return m_Transport.GetTransport() ? m_Transport.GetTransport()->GetReport() : Sinkhorn::SolverReport();
  }

  Sinkhorn::TransportSettings m_Settings;
  AccelerationEnum            m_Acceleration{ AccelerationEnum::OverRelaxation };
  bool                        m_UseWarmStart{ true };

  mutable Sinkhorn::RememberedPointTransport m_Transport;
  mutable bool                               m_HasWarned{ false };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornPointSetToPointSetMetricv4.hxx"
#endif

#endif
