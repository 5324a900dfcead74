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
#ifndef itkSinkhornImageToImageMetricv4_h
#define itkSinkhornImageToImageMetricv4_h

#include "itkDensityImageToImageMetricv4.h"
#include "itkSinkhornDensityTransport.h"

namespace itk
{

/** \class SinkhornImageToImageMetricv4
 * \brief Entropic optimal transport between two images seen as mass.
 *
 * Both images are densities on the virtual domain (mass of a voxel = intensity × volume of the virtual voxel). The
 * value is the Sinkhorn divergence \f[ S_\varepsilon(\alpha,\beta) = OT_\varepsilon(\alpha,\beta) - \tfrac12
 * OT_\varepsilon(\alpha,\alpha)
 *     - \tfrac12 OT_\varepsilon(\beta,\beta) + \tfrac\varepsilon2 (m_\alpha - m_\beta)^2, \f]
 * \f[ OT_\varepsilon(\alpha,\beta) = \min_\gamma \langle\gamma,C\rangle
 *     + \varepsilon\,\mathrm{KL}(\gamma|\alpha\otimes\beta)
 *     + \rho\,\mathrm{KL}(\gamma 1|\alpha) + \rho\,\mathrm{KL}(\gamma^T1|\beta), \f]
 * with \f$C(x,y)=|x-y|^2/2\f$ in mm², \f$\varepsilon=\mathrm{Blur}^2\f$ and \f$\rho=\mathrm{Reach}^2\f$ (balanced, that
 * is \f$\rho=\infty\f$, by default). Each piece of mass feels the piece that it should go to, however far that is,
 * where local metrics have no gradient.
 *
 * After J. Feydy, B. Charlier, F.-X. Vialard, G. Peyré, *Optimal Transport for Diffeomorphic Registration*, MICCAI
 * 2017, arXiv:1706.05218 (whose ε is 2·Blur²), and for the divergence T. Séjourné, J. Feydy et al., *Sinkhorn
 * Divergences for Unbalanced Optimal Transport*, 2019, arXiv:1910.12958.
 *
 * The value is in mm² (times mass). How densities are made of images, the mass models, masks, the image gradient and
 * the derivative are those of DensityImageToImageMetricv4; with MassModel::PushForward the derivative is the force of
 * the paper's springs. It follows from the envelope theorem, never through the iterations.
 *
 * \par Bins of intensity
 * With NumberOfIntensityBins K the cost is |x−y|²/2 + c(k,l), with c from Sinkhorn::MakeIntensityCosts(): mass prefers
 * mass as bright as itself, however far. Feydy et al. 2017, section 2, "Position + Orientation", has orientations in
 * place of intensities. Memory and time are K times as much.
 *
 * \par Repeated evaluations
 * The last potentials are kept: the same images swapped, as SyN asks for them, cost no second solve; similar ones on
 * the same grid start warm (UseWarmStart). Results are bit-identical for any number of work units.
 *
 * \par Precision
 * The transport is solved in single precision if both images have float pixels, else in double precision.
 *
 * \par Errors
 * See DensityImageToImageMetricv4; besides, unequal masses in a balanced problem without NormalizeMasses are an
 * exception. Without convergence within MaximumNumberOfIterations there is a warning, once for each grid and set of
 * parameters, and GetConverged() is false.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedImage,
          typename TMovingImage,
          typename TVirtualImage = TFixedImage,
          typename TInternalComputationValueType = double,
          typename TMetricTraits =
            DefaultImageToImageMetricTraitsv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType>>
class ITK_TEMPLATE_EXPORT SinkhornImageToImageMetricv4
  : public DensityImageToImageMetricv4<TFixedImage,
                                       TMovingImage,
                                       TVirtualImage,
                                       TInternalComputationValueType,
                                       TMetricTraits>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornImageToImageMetricv4);

  /** Standard class type aliases. */
  using Self = SinkhornImageToImageMetricv4;
  using Superclass =
    DensityImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(SinkhornImageToImageMetricv4, DensityImageToImageMetricv4);

  using MeasureType = typename Superclass::MeasureType;
  using DerivativeType = typename Superclass::DerivativeType;
  using SolverRealType = typename Superclass::SolverRealType;
  using PotentialImageType = typename Superclass::PotentialImageType;
  using MassModelEnum = typename Superclass::MassModelEnum;
  using AccelerationEnum = Sinkhorn::Acceleration;

  /** Distance beyond which mass is created or destroyed rather than moved, mm; 0 (default) is balanced transport, where
   * all mass is moved. It must not be negative. */
  itkSinkhornSettingMacro(Reach, double);

  /** For images whose difference of mass means something, such as two CTs or label maps: on, and with a Reach,
   * NormalizeMasses scales both masses by one common factor instead of each to 1, and what one image has more of is
   * created or destroyed. Off by default; balanced transport needs equal masses and takes no notice. */
  itkSinkhornBooleanSettingMacro(PreserveMassRatio);

  /** On (default): the value is the Sinkhorn divergence, 0 for equal images. Off: OT_ε alone, cheaper, whose minimum is
   * not at equal images but at an image shrunk by about Blur. */
  itkSinkhornBooleanSettingMacro(Debias);

  /** The solver stops when the L1 error of the marginals, relative to the mass, is at most this. Default 1e-3; must be
   * positive. */
  itkSinkhornSettingMacro(Tolerance, double);

  /** Iterations allowed on every grid of the solver's pyramid at its last blur. Default 200, at least 1. */
  itkSinkhornSettingMacro(MaximumNumberOfIterations, unsigned int);

  /** How the solver's iterations are accelerated; all reach the same potentials. Default: over-relaxation. */
  itkSetEnumMacro(Acceleration, AccelerationEnum);
  itkGetEnumMacro(Acceleration, AccelerationEnum);

  /** On (default): the solver starts from the potentials of the last evaluation if the images resemble those of the
   * last one. Off: the result does not depend on earlier evaluations, not even within the tolerance. */
  itkSetMacro(UseWarmStart, bool);
  itkGetConstMacro(UseWarmStart, bool);
  itkBooleanMacro(UseWarmStart);

#ifndef ITK_WRAPPING_PARSER
  /** Makes the operator of the transport, for a kernel of one's own; null, the default: that of the grid, with bins of
   * intensity if there are any. In C++ only. */
  void
  SetOperatorMaker(Sinkhorn::OperatorMaker<SolverRealType> maker)
  {
    m_Transport.SetOperatorMaker(std::move(maker));
    this->Modified();
  }
#endif

  /** \name What the last evaluation found. */
  /**@{*/
  /** Dual potential of the fixed and of the moving side, mm² (g and f of OT_ε(moving, fixed)); Debias does not subtract
   * anything from it. It lives on the virtual domain, with MassModel::PushForward on the grid in moving space.
   * \exception itk::ExceptionObject if nothing has been evaluated, and with NumberOfIntensityBins. */
  typename PotentialImageType::Pointer
  GetFixedPotential() const;
  typename PotentialImageType::Pointer
  GetMovingPotential() const;

  /** Iterations of the last solve on the finest grid at the final blur. */
  unsigned int
  GetNumberOfIterations() const
  {
    return m_Transport.GetReport().NumberOfIterations;
  }

  /** Cost of the last solve: softmins of all scales and grids, each weighted by its number of points relative to the
   * finest grid. */
  double
  GetEquivalentSoftmins() const
  {
    return m_Transport.GetReport().EquivalentSoftmins;
  }

  /** Largest L1 error of the marginals after the last solve, relative to the mass. */
  double
  GetMarginalError() const
  {
    return m_Transport.GetReport().GetMarginalError();
  }

  /** Whether the last solve reached the tolerance; false before the first one. */
  bool
  GetConverged() const
  {
    return m_Transport.GetReport().Converged;
  }

  /** OT_ε without debiasing, mm². */
  double
  GetTransportValue() const
  {
    return m_Transport.GetValues().Transport;
  }

  /** The fidelity W_ε as the paper defines it; balanced problems only. See Sinkhorn::ComputePaperFidelity().
   * \exception itk::ExceptionObject if nothing has been evaluated. */
  double
  GetPaperFidelity() const;

  /** Transport problems solved since this object was made; an evaluation that needed no solve is not counted. */
  SizeValueType
  GetNumberOfSolves() const
  {
    return m_Transport.GetNumberOfSolves();
  }
  /**@}*/

  /** Mass times the way that it has to go under MassModel::PushForward. */
  typename RegistrationForce<TFixedImage>::Pointer
  CreateForce() const override;

protected:
  using typename Superclass::GridType;
  using typename Superclass::MassNormalization;
  using typename Superclass::ScaledDensity;
  using typename Superclass::Variation;

  SinkhornImageToImageMetricv4() = default;
  ~SinkhornImageToImageMetricv4() override = default;

  double
  CompareDensities(const GridType & grid, ScaledDensity alpha, ScaledDensity beta) const override;

  Variation
  ComputeVariation(Sinkhorn::Side side) const override;

  bool
  HasComparison() const override
  {
    return !m_Transport.IsEmpty();
  }

  void
  ClearComparison() const override
  {
    m_Transport.Clear();
  }

  MassNormalization
  GetMassNormalization() const override;

  bool
  ComparesIntensityBins() const override
  {
    return true;
  }

  bool
  RequiresEqualMasses() const override
  {
    return m_Settings.Reach == 0.0;
  }

  std::string
  GetUnequalMassesRemedy() const override
  {
    return "Set NormalizeMasses on, or Reach for unbalanced transport.";
  }

  void
  VerifyParameters() const override;

  std::string
  DescribeSettings() const override;

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  Sinkhorn::SolverParameters
  MakeSolverParameters() const;
  /** The potential of one measure. */
  typename PotentialImageType::Pointer
  MakeDualImage(Sinkhorn::Side side) const;

  Sinkhorn::TransportSettings m_Settings;
  AccelerationEnum            m_Acceleration{ AccelerationEnum::OverRelaxation };
  bool                        m_UseWarmStart{ true };

  mutable Sinkhorn::DensityTransport<SolverRealType> m_Transport;

  /** The settings for which a warning was given last. */
  mutable std::string m_NotConvergedWarning;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornImageToImageMetricv4.hxx"
#endif

#endif
