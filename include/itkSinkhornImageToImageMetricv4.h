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

#include "itkDefaultImageToImageMetricTraitsv4.h"
#include "itkImageToImageMetricv4.h"
#include "itkSinkhornCompatibility.h"
#include "itkSinkhornDensity.h"
#include "itkSinkhornDensityPushForward.h"
#include "itkSinkhornDensityTransport.h"

#include <type_traits>

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
 * \par Value and derivative
 * The value is in mm² (times mass), is minimised and is a property of the whole images: it is not divided by a number
 * of points. As for every ITK metric the derivative is the one that improves the value when it is *added* to the
 * parameters, that is minus the gradient; it is the true gradient of the value for transforms of global and of local
 * support alike. It follows from the envelope theorem, never through the iterations. Only the moving transform is
 * active.
 *
 * \par Mass models
 * With MassModel::Intensity, the default, \f$\alpha(x)=M(T(x))\f$, as in ITK's other metrics: the derivative is
 * \f$-(\varphi(x)-\bar\varphi)\nabla M\cdot\partial T/\partial\theta\f$, φ being the first variation of the value.
 * With MassModel::PushForward, each fixed voxel carries its mass q(x) to T(x) in the moving image's space, is splatted
 * there with linear weights and compared with the moving density: mass is conserved under any transform, and the
 * derivative is \f$-q(x)\nabla\varphi(T(x))\cdot\partial T/\partial\theta\f$, the paper's springs. See
 * Sinkhorn::PushForwardGrid.
 *
 * \par Image gradient
 * UseMovingImageGradientFilter is off by default (unlike in other metrics): the gradient is that of the moving
 * interpolator itself, by a central difference over a tiny step in physical space, so that the derivative belongs to
 * the value. When the filter is switched on, the default filter yields the true physical gradient of the smoothed image
 * (NormalizeAcrossScale off), 1/mm. A gradient calculator other than the default one is used as it is. Only
 * GRADIENT_SOURCE_MOVING is supported.
 *
 * \par Masks
 * Outside an image's mask, or its buffer, there is no mass of that image and no derivative. SyN never clears a mask
 * that it has once set: give it both masks or none.
 *
 * \par Repeated evaluations
 * The last potentials are kept: the same images swapped, as SyN asks for them, cost no second solve; similar ones on
 * the same grid start warm (UseWarmStart). Results are bit-identical for any number of work units.
 *
 * \par Precision
 * The transport is solved in single precision if both images have float pixels, else in double precision.
 *
 * \par Errors
 * Initialize() throws an itk::ExceptionObject that says what is wrong and what to do: a parameter out of range;
 * negative, NaN or infinite voxels inside the mask (with the first such index); an image, or its part inside the mask,
 * that has no mass in the virtual domain; sampled point sets. The evaluation throws the same if a transform carries an
 * image out of the virtual domain, and for unequal masses in a balanced problem without NormalizeMasses. Without
 * convergence within MaximumNumberOfIterations there is a warning, once for each grid and set of parameters, and
 * GetConverged() is false.
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
  : public ImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornImageToImageMetricv4);

  /** Standard class type aliases. */
  using Self = SinkhornImageToImageMetricv4;
  using Superclass =
    ImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(SinkhornImageToImageMetricv4, ImageToImageMetricv4);

  using MeasureType = typename Superclass::MeasureType;
  using DerivativeType = typename Superclass::DerivativeType;
  using DerivativeValueType = typename Superclass::DerivativeValueType;
  using JacobianType = typename Superclass::JacobianType;
  using FixedImageType = typename Superclass::FixedImageType;
  using FixedImagePointType = typename Superclass::FixedImagePointType;
  using FixedImagePixelType = typename Superclass::FixedImagePixelType;
  using MovingImageType = typename Superclass::MovingImageType;
  using MovingImagePointType = typename Superclass::MovingImagePointType;
  using MovingImagePixelType = typename Superclass::MovingImagePixelType;
  using MovingImageGradientType = typename Superclass::MovingImageGradientType;
  using MovingTransformType = typename Superclass::MovingTransformType;
  using VirtualIndexType = typename Superclass::VirtualIndexType;
  using VirtualPointType = typename Superclass::VirtualPointType;
  using NumberOfParametersType = typename Superclass::NumberOfParametersType;

  /** Image dimension accessors */
  static constexpr unsigned int VirtualImageDimension = TVirtualImage::ImageDimension;
  static constexpr unsigned int FixedImageDimension = TFixedImage::ImageDimension;
  static constexpr unsigned int MovingImageDimension = TMovingImage::ImageDimension;

  /** Type in which the transport problem is solved. */
  using SolverRealType = std::conditional_t<std::is_same<FixedImagePixelType, float>::value &&
                                              std::is_same<MovingImagePixelType, float>::value,
                                            float,
                                            double>;

  /** Image of a dual potential on the grid of the transport problem. */
  using PotentialImageType = Image<SolverRealType, VirtualImageDimension>;

  using MassModelEnum = Sinkhorn::MassModel;
  using AccelerationEnum = Sinkhorn::Acceleration;

  /** Standard deviation of the Gibbs kernel, mm: details below it are not seen. It must be positive. As long as it is
   * not set it is automatic, twice the largest spacing of the virtual domain, and so follows the levels of a
   * registration. A smaller one costs more iterations. */
  virtual void
  SetBlur(double blur);
  itkGetConstMacro(Blur, double);

  /** Go back to the automatic blur. */
  virtual void
  SetBlurToAutomatic();

  /** Whether the blur is automatic (true until SetBlur() is called). */
  itkGetConstMacro(BlurIsAutomatic, bool);

  /** The blur that an evaluation uses, mm. */
  double
  GetBlurInUse() const;

  /** Distance beyond which mass is created or destroyed rather than moved, mm; 0 (default) is balanced transport, where
   * all mass is moved. It must not be negative. */
  itkSetMacro(Reach, double);
  itkGetConstMacro(Reach, double);

  /** On (default): the value is the Sinkhorn divergence, 0 for equal images. Off: OT_ε alone, cheaper, whose minimum is
   * not at equal images but at an image shrunk by about Blur. */
  itkSetMacro(Debias, bool);
  itkGetConstMacro(Debias, bool);
  itkBooleanMacro(Debias);

  /** The solver stops when the L1 error of the marginals, relative to the mass, is at most this. Default 1e-3; must be
   * positive. */
  itkSetMacro(Tolerance, double);
  itkGetConstMacro(Tolerance, double);

  /** Iterations allowed on every grid of the solver's pyramid at its last blur. Default 200, at least 1. */
  itkSetMacro(MaximumNumberOfIterations, unsigned int);
  itkGetConstMacro(MaximumNumberOfIterations, unsigned int);

  /** How the solver's iterations are accelerated; all reach the same potentials. Default: over-relaxation. */
  itkSetEnumMacro(Acceleration, AccelerationEnum);
  itkGetEnumMacro(Acceleration, AccelerationEnum);

  /** On (default): balanced, the masses of both images are scaled to 1 each; with Reach, both by the common factor
   * 2/(m_fixed + m_moving), so that a difference of mass stays visible. Off: masses are as they come, intensity × mm³
   * (mm² in 2-D), and balanced transport between masses that differ by more than a thousandth is an exception. */
  itkSetMacro(NormalizeMasses, bool);
  itkGetConstMacro(NormalizeMasses, bool);
  itkBooleanMacro(NormalizeMasses);

  /** Negative voxels are an exception by default. On: they count as 0, with a warning. In either case negative voxels
   * of at most 0.005 of the largest voxel count as 0, because the smoothing of ITK's registration methods makes them.
   */
  itkSetMacro(ClampNegative, bool);
  itkGetConstMacro(ClampNegative, bool);
  itkBooleanMacro(ClampNegative);

  /** How the moving transform acts on mass. Default MassModel::Intensity. */
  itkSetEnumMacro(MassModel, MassModelEnum);
  itkGetEnumMacro(MassModel, MassModelEnum);

  /** On (default): the solver starts from the potentials of the last evaluation if the images resemble those of the
   * last one. Off: the result does not depend on earlier evaluations, not even within the tolerance. */
  itkSetMacro(UseWarmStart, bool);
  itkGetConstMacro(UseWarmStart, bool);
  itkBooleanMacro(UseWarmStart);

  /** \name What the last evaluation found. */
  /**@{*/
  /** Dual potential of the fixed and of the moving side, mm² (g and f of OT_ε(moving, fixed)); Debias does not subtract
   * anything from it. It lives on the virtual domain, with MassModel::PushForward on the grid in moving space.
   * \exception itk::ExceptionObject if nothing has been evaluated. */
  typename PotentialImageType::Pointer
  GetFixedPotential() const;
  typename PotentialImageType::Pointer
  GetMovingPotential() const;

  /** Derivative of the value with respect to the mass of a moving (MassModel::Intensity) or transported fixed
   * (MassModel::PushForward) voxel before normalisation constants, mm²: f − f_αα when debiased, see
   * Sinkhorn::ComputeFirstVariation(). Same grid and exception as the potentials. */
  typename PotentialImageType::Pointer
  GetFirstVariation() const;

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

  /** Total mass (intensity × volume) of the two images in the last evaluation, before normalisation. */
  itkGetConstMacro(FixedMass, double);
  itkGetConstMacro(MovingMass, double);

  /** Transport problems solved since this object was made; an evaluation that needed no solve is not counted. */
  SizeValueType
  GetNumberOfSolves() const
  {
    return m_Transport.GetNumberOfSolves();
  }
  /**@}*/

  /** Checks parameters and images, see the errors above. */
  void
  Initialize() override;

  /** Work units (threads) of an evaluation; the default is ITK's. Results do not depend on it. */
  void
  SetMaximumNumberOfWorkUnits(ThreadIdType number) override;
  ThreadIdType
  GetMaximumNumberOfWorkUnits() const override
  {
    return m_MaximumNumberOfWorkUnits;
  }
  ThreadIdType
  GetNumberOfWorkUnitsUsed() const override
  {
    return m_MaximumNumberOfWorkUnits;
  }

protected:
  SinkhornImageToImageMetricv4();
  ~SinkhornImageToImageMetricv4() override = default;

  void
  GetValueAndDerivativeExecute() const override;

  void
  ComputeMovingImageGradientAtPoint(const MovingImagePointType & mappedPoint,
                                    MovingImageGradientType &    gradient) const override;

  void
  InitializeDefaultMovingImageGradientFilter() override;

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using GridType = ImageBase<VirtualImageDimension>;
  using DensityType = Sinkhorn::Density<SolverRealType>;
  using PushForwardType = Sinkhorn::PushForwardGrid<SolverRealType, VirtualImageDimension>;
  using LogWeightsType = std::vector<SolverRealType>;

  using ForceType = CovariantVector<double, MovingImageDimension>;

  static_assert(FixedImageDimension == VirtualImageDimension && MovingImageDimension == VirtualImageDimension,
                "fixed, moving and virtual image must have the same dimension");

  /** Factors that turn the masses into the measures α and β of the transport problem. */
  struct MassScales
  {
    double alpha{ 1.0 };
    double beta{ 1.0 };
  };

  void
  VerifyParameters() const;
  template <typename TImage>
  void
  VerifyImage(const TImage & image, const SpatialObject<TImage::ImageDimension> * mask, const char * name);
  void
  VerifyOverlap() const;
  template <typename TImage, typename TTransform>
  [[noreturn]] void
  ThrowNoMass(const TImage &                                image,
              const SpatialObject<TImage::ImageDimension> * mask,
              const TTransform &                            transform,
              const char *                                  name) const;
  void
  WarnOnce(std::string & last, const std::string & message) const;
  void
  VerifyEvaluated() const;

  Sinkhorn::SolverParameters
  MakeSolverParameters() const;
  bool
  SampleFixed(const VirtualPointType & point, double & value) const;
  bool
  SampleMoving(const VirtualPointType & point, double & value) const;
  DensityType
  RasterizeFixed(const GridType & grid) const;
  DensityType
  RasterizeMoving(const GridType & grid) const;
  LogWeightsType
  SplatMoving(PushForwardType & grid) const;
  MassScales
  ComputeMassScales(double alpha, double beta) const;
  void
  SolveTransport(const GridType & grid, LogWeightsType logAlpha, LogWeightsType logBeta) const;

  void
  EvaluateIntensity() const;
  void
  EvaluatePushForward() const;

  /** dValue/d(density sample of the moving image) of every voxel. */
  LogWeightsType
  ComputeSampleWeights(double scale) const;

  /** Adds Σ_x force(x)·∂T/∂θ to the derivative. forceAt(position, virtual point, force) says false where there is none;
   * it is called by all threads. */
  template <typename TForce>
  void
  AccumulateDerivative(const TForce & forceAt) const;

  typename PotentialImageType::Pointer
  MakePotentialImage(const LogWeightsType & values) const;

  double           m_Blur{ 0.0 };
  bool             m_BlurIsAutomatic{ true };
  double           m_Reach{ 0.0 };
  bool             m_Debias{ true };
  double           m_Tolerance{ 1e-3 };
  unsigned int     m_MaximumNumberOfIterations{ 200 };
  AccelerationEnum m_Acceleration{ AccelerationEnum::OverRelaxation };
  bool             m_NormalizeMasses{ true };
  bool             m_ClampNegative{ false };
  MassModelEnum    m_MassModel{ MassModelEnum::Intensity };
  bool             m_UseWarmStart{ true };
  ThreadIdType     m_MaximumNumberOfWorkUnits{ 1 };

  /** State of the last evaluation; α is the active side: the moving image pulled back, or the fixed mass pushed
   * forward.
   */
  mutable Sinkhorn::DensityTransport<SolverRealType> m_Transport;
  mutable typename GridType::Pointer                 m_Grid;
  mutable MassModelEnum                              m_MassModelOfGrid{ MassModelEnum::Intensity };
  mutable double                                     m_FixedMass{ 0.0 };
  mutable double                                     m_MovingMass{ 0.0 };

  /** The settings for which a warning was given last. */
  mutable std::string m_NotConvergedWarning;
  mutable std::string m_NegativeWarning;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornImageToImageMetricv4.hxx"
#endif

#endif
