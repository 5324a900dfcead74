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
#ifndef itkDensityImageToImageMetricv4_h
#define itkDensityImageToImageMetricv4_h

#include "itkDefaultImageToImageMetricTraitsv4.h"
#include "itkImageToImageMetricv4.h"
#include "itkRegistrationForce.h"
#include "itkSinkhornCompatibility.h"
#include "itkSinkhornDensity.h"
#include "itkSinkhornDensityPushForward.h"
#include "itkSinkhornIntensityBins.h"
#include "itkSinkhornSide.h"
#include "itkSinkhornTransportSettings.h"

#include <string>
#include <type_traits>
#include <vector>

namespace itk
{

/** \class DensityImageToImageMetricv4
 * \brief Base of the metrics that compare two images as mass.
 *
 * Both images are densities (mass of a voxel = intensity × volume of the voxel, in mm^dimension). This class brings
 * them onto one grid, as measures α (the active side, which the moving transform acts on) and β, and turns the first
 * variation of a distance between α and β into the derivative with respect to the transform's parameters. A subclass
 * supplies the distance and its first variation, and knows nothing of images, transforms and masks.
 *
 * \par Value and derivative
 * The value is minimised and is a property of the whole images: it is not divided by a number of points. As for every
 * ITK metric the derivative is the one that improves the value when it is *added* to the parameters, that is minus the
 * gradient; it is the true gradient of the value for transforms of global and of local support alike. Only the moving
 * transform is active.
 *
 * \par Mass models
 * With MassModel::Intensity, the default, \f$\alpha(x)=M(T(x))\f$ on the virtual domain, as in ITK's other metrics: the
 * derivative is \f$-(\varphi(x)-\bar\varphi)\nabla M\cdot\partial T/\partial\theta\f$, φ being the first variation of
 * the value. With MassModel::PushForward, each fixed voxel carries its mass q(x) to T(x) in the moving image's space,
 * is splatted there with linear weights and compared with the moving density: mass is conserved under any transform,
 * and the derivative is \f$-q(x)\nabla\varphi(T(x))\cdot\partial T/\partial\theta\f$. See Sinkhorn::PushForwardGrid.
 *
 * \par Image gradient
 * UseMovingImageGradientFilter is off by default (unlike in other metrics): the gradient is that of the moving
 * interpolator itself, by a central difference over a tiny step in physical space, so that the derivative belongs to
 * the value. When the filter is switched on, the default filter yields the true physical gradient of the smoothed image
 * (NormalizeAcrossScale off), 1/mm. A gradient calculator other than the default one is used as it is. Only
 * GRADIENT_SOURCE_MOVING is supported.
 *
 * \par Bins of intensity
 * With NumberOfIntensityBins the metrics compare intensities beside places: a way from one bin to another costs what
 * Sinkhorn::MakeIntensityCosts() says. Then the mass of a sample of intensity I is shared between the two bins around
 * I: α_k = α w_k(I), and φ has a value for each bin. With MassModel::Intensity the derivative acts through
 * \f$\sum_k(\varphi_k-\bar\varphi)(w_k + M w_k')\f$ in place of \f$\varphi-\bar\varphi\f$, with MassModel::PushForward
 * mass carries the bins of the fixed voxel along, \f$\nabla\sum_k w_k\varphi_k\f$.
 *
 * \par Masks
 * Outside an image's mask there is no mass of that image and no derivative; beyond its border the density falls to 0
 * linearly over one voxel, so that value and derivative agree there, also for images that fill their frame. SyN never
 * clears a mask that it has once set: give it both masks or none. With MassModel::Intensity the value jumps where the
 * transform takes a sample with mass over the border of the moving image's mask, and between such jumps the derivative
 * is that of the value; with MassModel::PushForward there are no jumps.
 *
 * \par Threads and precision
 * Results are bit-identical for any number of work units. Densities are held in single precision if both images have
 * float pixels, else in double precision; sums are made in double precision.
 *
 * \par Errors
 * Initialize() throws an itk::ExceptionObject that says what is wrong and what to do: a parameter out of range;
 * negative, NaN or infinite voxels inside the mask (with the first such index); an image, or its part inside the mask,
 * that has no mass in the virtual domain; sampled point sets. The evaluation throws the same if a transform carries an
 * image out of the virtual domain, and for masses that differ where the distance needs equal ones.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedImage,
          typename TMovingImage,
          typename TVirtualImage = TFixedImage,
          typename TInternalComputationValueType = double,
          typename TMetricTraits =
            DefaultImageToImageMetricTraitsv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType>>
class ITK_TEMPLATE_EXPORT DensityImageToImageMetricv4
  : public ImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>
  , public RegistrationForceSource<TFixedImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(DensityImageToImageMetricv4);

  /** Standard class type aliases. */
  using Self = DensityImageToImageMetricv4;
  using Superclass =
    ImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(DensityImageToImageMetricv4, ImageToImageMetricv4);

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

  /** Type in which densities are held and compared. */
  using SolverRealType = std::conditional_t<std::is_same<FixedImagePixelType, float>::value &&
                                              std::is_same<MovingImagePixelType, float>::value,
                                            float,
                                            double>;

  /** Image of a potential on the grid on which the densities meet. */
  using PotentialImageType = Image<SolverRealType, VirtualImageDimension>;

  using MassModelEnum = Sinkhorn::MassModel;

  /** Standard deviation of the Gaussian kernel, mm. It must be positive. As long as it is not set it is automatic,
   * twice the largest spacing of the virtual domain, and so follows the levels of a registration. SetBlurToAutomatic()
   * goes back to that. */
  itkSinkhornBlurMacro();

  /** The blur that an evaluation uses, mm. */
  double
  GetBlurInUse() const
  {
    return m_Blur.GetInUse(this->GetVirtualSpacing());
  }

  /** On (default): the masses of both images are scaled to 1 each, or both by one common factor if the subclass says
   * so. Off: masses are as they come, intensity × mm³ (mm² in 2-D). */
  itkSetMacro(NormalizeMasses, bool);
  itkGetConstMacro(NormalizeMasses, bool);
  itkBooleanMacro(NormalizeMasses);

  /** Bins of intensity beside the place, NumberOfIntensityBins, 2 to 256; 0, the default: places alone. Each image's
   * bins lie at equal distances between the intensities below and above which a hundredth of its mass is (found by
   * Initialize()), so that the scale of one image changes nothing. There is no image of potentials then.
   * IntensityWeight says how far the darkest bin is from the brightest one, mm; 0, the default, is automatic, the root
   * mean square distance of the moving mass from its centre. Both are refused by metrics that compare places alone. */
  itkSinkhornIntensityBinsMacro();

  /** Negative voxels are an exception by default. On: they count as 0, with a warning. In either case negative voxels
   * of at most 0.005 of the largest voxel count as 0, because the smoothing of ITK's registration methods makes them.
   */
  itkSetMacro(ClampNegative, bool);
  itkGetConstMacro(ClampNegative, bool);
  itkBooleanMacro(ClampNegative);

  /** A direction, which sits on the image that it is to move under MassModel::Intensity. */
  typename RegistrationForce<TFixedImage>::Pointer
  CreateForce() const override;

  /** How the moving transform acts on mass. Default MassModel::Intensity. */
  itkSetEnumMacro(MassModel, MassModelEnum);
  itkGetEnumMacro(MassModel, MassModelEnum);

  /** \name What the last evaluation found. */
  /**@{*/
  /** Derivative of the value with respect to the mass of a moving (MassModel::Intensity) or transported fixed
   * (MassModel::PushForward) voxel before normalisation constants. It lives on the virtual domain, with
   * MassModel::PushForward on the grid in moving space. \exception itk::ExceptionObject if nothing has been evaluated.
   */
  typename PotentialImageType::Pointer
  GetFirstVariation() const;

  /** Total mass (intensity × volume) of the two images in the last evaluation, before normalisation. */
  itkGetConstMacro(FixedMass, double);
  itkGetConstMacro(MovingMass, double);
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
  using GridType = ImageBase<VirtualImageDimension>;
  using VectorType = std::vector<SolverRealType>;

  /** A measure on the nodes of a grid, fastest axis first: a node has the mass Mass × Scale. */
  struct ScaledDensity
  {
    VectorType Mass;
    double     Scale{ 1.0 };
  };

  /** What becomes of the masses of both images before they are compared. */
  enum class MassNormalization : uint8_t
  {
    None,  ///< as they are
    Each,  ///< both are 1
    Common ///< their sum is 2: a difference stays visible
  };

  /** Derivative of the value with respect to the mass of each node of one measure, and its integral. */
  struct Variation
  {
    VectorType Values;
    double     Integral{ 0.0 }; ///< Σ Values · measure
    double     Mass{ 0.0 };     ///< of the measure
  };

  DensityImageToImageMetricv4();
  ~DensityImageToImageMetricv4() override = default;

  /** \name What a subclass supplies. */
  /**@{*/
  /** The distance between two measures on a grid. It keeps what ComputeVariation() and HasComparison() need. */
  virtual double
  CompareDensities(const GridType & grid, ScaledDensity alpha, ScaledDensity beta) const = 0;

  /** First variation of the last distance with respect to one of its measures. */
  virtual Variation
  ComputeVariation(Sinkhorn::Side side) const = 0;

  /** Whether a distance has been computed and ComputeVariation() can be called. */
  virtual bool
  HasComparison() const = 0;

  /** Forgets the last distance. */
  virtual void
  ClearComparison() const = 0;

  /** Whether CompareDensities() also compares densities that are shared by bins of intensity, bin after bin, with
   * GetIntensityCosts() between the bins. Otherwise VerifyParameters() refuses them. */
  virtual bool
  ComparesIntensityBins() const
  {
    return false;
  }

  virtual MassNormalization
  GetMassNormalization() const = 0;

  /** Whether measures of unequal mass can not be compared: then masses that differ by more than a thousandth are an
   * exception, and only changes that conserve the mass have a derivative. */
  virtual bool
  RequiresEqualMasses() const = 0;

  /** How to get rid of the exception, for its message. */
  virtual std::string
  GetUnequalMassesRemedy() const = 0;

  /** Checks the parameters. A subclass calls its superclass. */
  virtual void
  VerifyParameters() const;

  /** The settings that a warning depends on: it is given once for each text. */
  virtual std::string
  DescribeSettings() const;
  /**@}*/

  /** Costs between the bins of intensity, mm², K rows of K; empty without bins.
   * \exception itk::ExceptionObject if the number of bins has changed since Initialize(). */
  const std::vector<double> &
  GetIntensityCosts() const;

  /** Shows a warning unless the settings are still those of the last one of its kind. */
  void
  WarnOnce(std::string & lastSettings, const std::string & message) const;

  /** \exception itk::ExceptionObject if there is nothing to read out. */
  void
  VerifyEvaluated() const;

  /** An image of a potential of the last evaluation. */
  typename PotentialImageType::Pointer
  MakePotentialImage(const VectorType & values) const;

  /** The side of the last comparison on which the fixed or the moving image was. */
  Sinkhorn::Side
  GetSideOfMoving() const
  {
    return m_MassModelOfGrid == MassModelEnum::PushForward ? Sinkhorn::Side::Beta : Sinkhorn::Side::Alpha;
  }

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
  using DensityType = Sinkhorn::Density<SolverRealType>;
  using PushForwardType = Sinkhorn::PushForwardGrid<SolverRealType, VirtualImageDimension>;
  using ForceType = CovariantVector<double, MovingImageDimension>;

  static_assert(FixedImageDimension == VirtualImageDimension && MovingImageDimension == VirtualImageDimension,
                "fixed, moving and virtual image must have the same dimension");

  /** Intensities that the lowest and the highest bin stand for. */
  using IntensityRange = std::pair<double, double>;

  /** Factors that turn the masses into the measures α and β. */
  struct MassScales
  {
    double alpha{ 1.0 };
    double beta{ 1.0 };
  };

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

  /** A density at a continuous index: the interpolated image between its outermost voxels' centres, and beyond them a
   * linear ramp from the nearest value there to 0 at the distance of a voxel. It is continuous everywhere, and holds
   * the mass of whole voxels. */
  template <typename TInterpolator>
  static double
  EvaluateWithRamp(const TInterpolator & interpolator, typename TInterpolator::ContinuousIndexType where);
  /** The same at a point. \return false outside of the mask or where the ramp has ended. */
  template <typename TImage, typename TInterpolator>
  static bool
  Sample(const TImage &                                image,
         const SpatialObject<TImage::ImageDimension> * mask,
         const TInterpolator &                         interpolator,
         const typename TImage::PointType &            point,
         double &                                      value);
  MovingImagePointType
  MapToMoving(const VirtualPointType & point) const;
  bool
  SampleFixed(const VirtualPointType & point, double & value) const;
  bool
  SampleMoving(const VirtualPointType & point, double & value) const;
  DensityType
  RasterizeFixed(const GridType & grid) const;
  DensityType
  RasterizeMoving(const GridType & grid) const;
  VectorType
  SplatFixed(PushForwardType & grid, const GridType & virtualGrid, const DensityType & fixed) const;
  VectorType
  SplatMoving(PushForwardType & grid) const;
  template <typename TImage>
  static IntensityRange
  FindRange(const TImage & image, const SpatialObject<TImage::ImageDimension> * mask);
  Sinkhorn::IntensityPlace
  FindPlace(double intensity, const IntensityRange & range) const
  {
    return Sinkhorn::FindIntensityPlace(intensity, range.first, range.second, this->GetNumberOfIntensityBins());
  }
  /** Masses of voxels of a volume, shared by the bins of their intensity; as they are if there are none. */
  VectorType
  ShareByBins(VectorType masses, double volume, const IntensityRange & range) const;
  /** Splats masses of voxels of a volume, bin by bin of their intensity. */
  template <typename TCarrier>
  VectorType
  SplatBins(PushForwardType &      grid,
            SizeValueType          count,
            const TCarrier &       carrier,
            double                 volume,
            const IntensityRange & range) const;
  /** Derivative of Σ_k weights_k · I w_k(I) with respect to the intensity of a voxel. */
  double
  WeighSample(const VectorType & weights, SizeValueType position, double intensity) const;
  MassScales
  ComputeMassScales(double alpha, double beta) const;
  void
  Compare(VectorType alpha, VectorType beta, const MassScales & scales) const;

  void
  EvaluateIntensity() const;
  void
  EvaluatePushForward() const;

  /** dValue/d(density sample of the moving image) of every voxel, but for the scale of the mass and the volume of a
   * voxel. */
  VectorType
  ComputeSampleWeights() const;

  /** Adds Σ_x force(x)·∂T/∂θ to the derivative. forceAt(position, virtual point, force) says false where there is none;
   * it is called by all threads. */
  template <typename TForce>
  void
  AccumulateDerivative(const TForce & forceAt) const;

  /** force·∂T/∂θ of a parameter θ. */
  static double
  PullOnParameter(const ForceType & force, const JacobianType & jacobian, NumberOfParametersType parameter)
  {
    double product = 0.0;
    for (unsigned int d = 0; d < MovingImageDimension; ++d)
    {
      product += force[d] * static_cast<double>(jacobian(d, parameter));
    }
    return product;
  }

  /** Adds what parts of the domain contribute to each parameter, in the order of the parts. */
  static void
  AddParts(const std::vector<std::vector<double>> & sums, DerivativeType & derivative);

  Sinkhorn::BlurSetting          m_Blur;
  Sinkhorn::IntensityBinSettings m_Bins;
  bool                           m_NormalizeMasses{ true };
  bool                           m_ClampNegative{ false };
  MassModelEnum                  m_MassModel{ MassModelEnum::Intensity };
  ThreadIdType                   m_MaximumNumberOfWorkUnits{ 1 };

  /** State of the last evaluation; α is the active side: the moving image pulled back, or the fixed mass pushed
   * forward. */
  mutable typename GridType::Pointer m_Grid;
  mutable MassModelEnum              m_MassModelOfGrid{ MassModelEnum::Intensity };
  mutable double                     m_FixedMass{ 0.0 };
  mutable double                     m_MovingMass{ 0.0 };

  /** Found by Initialize(). */
  IntensityRange      m_FixedRange{ 0.0, 1.0 };
  IntensityRange      m_MovingRange{ 0.0, 1.0 };
  std::vector<double> m_IntensityCosts;

  /** The settings for which a warning was given last. */
  mutable std::string m_NegativeWarning;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkDensityImageToImageMetricv4.hxx"
#endif

#endif
