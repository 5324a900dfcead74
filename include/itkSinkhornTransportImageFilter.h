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
#ifndef itkSinkhornTransportImageFilter_h
#define itkSinkhornTransportImageFilter_h

#include "itkImage.h"
#include "itkImageSource.h"
#include "itkSinkhornCommonGrid.h"
#include "itkSinkhornCompatibility.h"
#include "itkSinkhornDivergence.h"
#include "itkSinkhornGridOperator.h"
#include "itkSinkhornIntensityBins.h"
#include "itkSinkhornPlan.h"
#include "itkSinkhornTransportSettings.h"

#include <type_traits>

namespace itk
{

/** How SinkhornTransportImageFilter moves mass from one density to the other. */
enum class SinkhornInterpolation : uint8_t
{
  Entropic,    ///< Schrödinger bridge: exact at both ends, in between blurred by up to Blur/2
  Displacement ///< McCann: the fixed mass at x goes to x + t·spring(x), shared with linear weights; sharp, but at t = 1
               ///< the moving density only as far as a map can make it
};

inline std::ostream &
operator<<(std::ostream & os, SinkhornInterpolation interpolation)
{
  return os << (interpolation == SinkhornInterpolation::Entropic ? "Entropic" : "Displacement");
}

/** \class SinkhornTransportImageFilter
 * \brief Optimal transport between two images seen as mass, without any registration: value, springs, marginals.
 *
 * Solves entropic optimal transport from the fixed density α to the moving density β (cost \f$|x-y|^2/2\f$ in mm²,
 * \f$\varepsilon=\mathrm{Blur}^2\f$, \f$\rho=\mathrm{Reach}^2\f$; see SinkhornImageToImageMetricv4) and reads the plan
 * γ as the spring system of Feydy et al., *Optimal Transport for Diffeomorphic Registration*, MICCAI 2017: the spring
 * of a fixed voxel x points to its barycentric target \f$T(x)=\sum_j\gamma_{xj}y_j/\sum_j\gamma_{xj}\f$.
 *
 * \par Grid
 * The images may have any geometry. The transport lives on the fixed image's lattice (spacing, direction, indices),
 * enlarged until it covers the moving image, and so do all outputs: fixed voxels keep their indices. Mass is carried
 * there without loss, see Sinkhorn::CarryDensity().
 *
 * \par Outputs
 * - GetSprings() (primary output): displacement in mm, in physical space. With Debias (default) the bias of the blur is
 *   taken off, \f$T_{\alpha\beta}(x)-T_{\alpha\alpha}(x)\f$, so that the springs of a translated shape are the
 *   translation; without, \f$T_{\alpha\beta}(x)-x\f$. Defined on every voxel: smooth also between the masses, and
 * outside the bounding box of both the spring of the box's nearest voxel. A DisplacementFieldTransform takes the image
 * as it is, fixed points to moving points.
 * - GetFixedPotential(), GetMovingPotential(): f and g, mm².
 * - GetTransportedMass(): mass of the plan in every fixed voxel, in normalised units (NormalizeMasses).
 * - GetFixedResidual(), GetMovingResidual(): mass of the plan minus that of the image, in the same units: created (> 0)
 *   or destroyed (< 0). Balanced it is at most the tolerance.
 *
 * After an Update() images and label maps can be carried through the plan, and the densities interpolated.
 *
 * \par Precision
 * Single if both images have float pixels, else double. Single precision rounds the exponents of far transport: springs
 * over a distance D are exact to about 1e-7·(D/Blur)² of the field of view.
 *
 * \par Errors
 * Update() throws an itk::ExceptionObject that says what is wrong and what to do: parameters out of range; negative,
 * NaN or infinite voxels (the first index); no mass; empty masks; images so far apart that no grid can hold both;
 * unequal masses in a balanced problem without NormalizeMasses. AbortGenerateDataOn() is honoured between the solver's
 * iterations with itk::ProcessAborted. Without convergence there is a warning and GetConverged() is false.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedImage, typename TMovingImage = TFixedImage>
class ITK_TEMPLATE_EXPORT SinkhornTransportImageFilter
  : public ImageSource<Image<Vector<std::conditional_t<std::is_same<typename TFixedImage::PixelType, float>::value &&
                                                         std::is_same<typename TMovingImage::PixelType, float>::value,
                                                       float,
                                                       double>,
                                    TFixedImage::ImageDimension>,
                             TFixedImage::ImageDimension>>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornTransportImageFilter);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  static_assert(TMovingImage::ImageDimension == ImageDimension, "both images must have the same dimension");

  /** Type in which the transport is solved. */
  using RealType = std::conditional_t<std::is_same<typename TFixedImage::PixelType, float>::value &&
                                        std::is_same<typename TMovingImage::PixelType, float>::value,
                                      float,
                                      double>;
  using FixedImageType = TFixedImage;
  using MovingImageType = TMovingImage;
  using DisplacementFieldType = Image<Vector<RealType, ImageDimension>, ImageDimension>;
  using RealImageType = Image<RealType, ImageDimension>;
  using RealImagePointer = typename RealImageType::Pointer;
  using LabelImageType = Image<unsigned short, ImageDimension>;
  using LabelImagePointer = typename LabelImageType::Pointer;
  using MaskType = SpatialObject<ImageDimension>;
  using InterpolationEnum = SinkhornInterpolation;
  using DataObjectPointerArraySizeType = ProcessObject::DataObjectPointerArraySizeType;

  /** Standard class type aliases. */
  using Self = SinkhornTransportImageFilter;
  using Superclass = ImageSource<DisplacementFieldType>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(SinkhornTransportImageFilter, ImageSource);

  /** The density α that springs start from, and the density β that they end in. */
  void
  SetFixedImage(const FixedImageType * image);
  const FixedImageType *
  GetFixedImage() const;
  void
  SetMovingImage(const MovingImageType * image);
  const MovingImageType *
  GetMovingImage() const;

  /** Voxels outside have no mass; none by default. */
  itkSetConstObjectMacro(FixedMask, MaskType);
  itkGetConstObjectMacro(FixedMask, MaskType);
  itkSetConstObjectMacro(MovingMask, MaskType);
  itkGetConstObjectMacro(MovingMask, MaskType);

  /** Standard deviation of the Gibbs kernel, mm, positive: details below it are not seen. As long as it is not set it
   * is automatic, twice the largest spacing of the fixed image. */
  itkSinkhornBlurMacro();

  /** The blur of the last update, mm. */
  double
  GetBlurInUse() const
  {
    return m_Parameters.Blur;
  }

  /** Distance beyond which mass is created or destroyed rather than moved, mm; 0 (default) is balanced transport. */
  itkSinkhornSettingMacro(Reach, double);

  /** On (default): divergence instead of OT_ε, and springs without the blur's bias. */
  itkSinkhornBooleanSettingMacro(Debias);

  /** The solver stops when the L1 error of the marginals, relative to the mass, is at most this. Default 1e-3. */
  itkSinkhornSettingMacro(Tolerance, double);

  /** Iterations allowed on every grid of the solver's pyramid at its last blur. Default 200. */
  itkSinkhornSettingMacro(MaximumNumberOfIterations, unsigned int);

  /** On (default): the masses of both images are scaled to 1 each, so that neither exposure nor units matter. Off:
   * masses are intensity × mm³ (mm² in 2-D). See PreserveMassRatio. */
  itkSetMacro(NormalizeMasses, bool);
  itkGetConstMacro(NormalizeMasses, bool);
  itkBooleanMacro(NormalizeMasses);

  /** For images whose difference of mass means something, such as two CTs or label maps: on, and with a Reach,
   * NormalizeMasses scales both masses by the common factor 2/(m_fixed + m_moving), and what one image has more of is
   * created or destroyed. Off by default; balanced transport needs equal masses and takes no notice. */
  itkSinkhornBooleanSettingMacro(PreserveMassRatio);

  /** Bins of intensity beside the place, 2 to 256; 0, the default: places alone. Then mass prefers mass as bright as
   * itself, and the cost is |x−y|²/2 + c(k,l), see Sinkhorn::MakeIntensityCosts(). Each image's bins lie at equal
   * distances between the intensities below and above which a hundredth of its mass is, so that the scale of one image
   * changes nothing. Results are means over the bins of a voxel by their mass, and so 0 where a side has no mass; the
   * potentials' integrals against the masses stay. There is no interpolation. */
  itkSinkhornIntensityBinsMacro();

  /** Makes the operator of the transport, for a kernel of one's own; null, the default: that of the grid, with bins of
   * intensity if there are any. In C++ only. */
  itkSinkhornOperatorMakerMacro(RealType);

  /** Negative voxels are an exception by default. On: they count as 0, with a warning. */
  itkSetMacro(ClampNegative, bool);
  itkGetConstMacro(ClampNegative, bool);
  itkBooleanMacro(ClampNegative);

  /** \name Outputs, see the class. */
  /**@{*/
  DisplacementFieldType *
  GetSprings()
  {
    return this->GetOutput();
  }
  RealImageType *
  GetFixedPotential()
  {
    return this->GetRealOutput(1);
  }
  RealImageType *
  GetMovingPotential()
  {
    return this->GetRealOutput(2);
  }
  RealImageType *
  GetTransportedMass()
  {
    return this->GetRealOutput(3);
  }
  RealImageType *
  GetFixedResidual()
  {
    return this->GetRealOutput(4);
  }
  RealImageType *
  GetMovingResidual()
  {
    return this->GetRealOutput(5);
  }
  /**@}*/

  /** \name What the last update found. */
  /**@{*/
  /** OT_ε, mm² (times mass), without debiasing. */
  double
  GetTransportValue() const
  {
    return m_Values.Transport;
  }
  /** Sinkhorn divergence, mm² (times mass); OT_ε if Debias is off. */
  double
  GetDivergence() const
  {
    return m_Values.Divergence;
  }
  /** Mass (intensity × volume) of the images, before normalisation. */
  itkGetConstMacro(FixedMass, double);
  itkGetConstMacro(MovingMass, double);
  /** Iterations on the finest grid at the final blur. */
  unsigned int
  GetNumberOfIterations() const
  {
    return m_Report.NumberOfIterations;
  }
  /** Largest L1 error of the marginals, relative to the mass. */
  double
  GetMarginalError() const
  {
    return m_Report.GetMarginalError();
  }
  /** Whether the tolerance was reached. */
  bool
  GetConverged() const
  {
    return m_Report.Converged;
  }
  /** Seconds of the last update spent in the solver. */
  itkGetConstMacro(SolverSeconds, double);
  /**@}*/

  /** \name Through the plan, after an Update().
   * Each costs one to three softmins on the outputs' grid. All throw an itk::ExceptionObject before the first Update().
   */
  /**@{*/
  /** Copies an image that lives in the moving image's space to the fixed shape: each fixed voxel with mass gets the
   * mean \f$\sum_j\gamma_{xj}v(y_j)/\sum_j\gamma_{xj}\f$, the others 0. The image is read at the grid's voxels by
   * linear interpolation, 0 outside. */
  RealImagePointer
  TransportToFixed(const RealImageType * image) const;
  /** The mirror: an image in the fixed image's space is copied to the moving shape. */
  RealImagePointer
  TransportToMoving(const RealImageType * image) const;

  /** The most probable label of each fixed voxel with mass, for labels in the moving image's space; 0 elsewhere. One
   * softmin for each label. */
  LabelImagePointer
  TransportLabelsToFixed(const LabelImageType * labels) const;
  LabelImagePointer
  TransportLabelsToMoving(const LabelImageType * labels) const;

  /** Probability of one label in each fixed voxel with mass, for labels in the moving image's space; 0 elsewhere. */
  RealImagePointer
  TransportLabelProbabilityToFixed(const LabelImageType * labels, unsigned short label) const;
  RealImagePointer
  TransportLabelProbabilityToMoving(const LabelImageType * labels, unsigned short label) const;

  /** \brief The density on its way from fixed (t = 0) to moving (t = 1): mass per voxel, in normalised units.
   *
   * Unbalanced, mass that the plan does not move fades out where it is, or in, in proportion to time, and mass that the
   * plan creates grows on its way, so that the ends are the two densities in any case. Entropic ends are exact; see
   * Sinkhorn::Plan::ComputeInterpolation(). \exception itk::ExceptionObject with NumberOfIntensityBins. */
  RealImagePointer
  Interpolate(double t, InterpolationEnum interpolation = InterpolationEnum::Entropic) const;
  /**@}*/

  using Superclass::MakeOutput;
  DataObject::Pointer
  MakeOutput(DataObjectPointerArraySizeType index) override;

protected:
  SinkhornTransportImageFilter();
  ~SinkhornTransportImageFilter() override = default;

  void
  GenerateOutputInformation() override;
  void
  EnlargeOutputRequestedRegion(DataObject * output) override;
  void
  GenerateData() override;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using GridType = ImageBase<ImageDimension>;
  using RegionType = ImageRegion<ImageDimension>;
  using ArrayType = std::vector<RealType>;
  using SideEnum = Sinkhorn::Side;
  using PlanType = Sinkhorn::Plan<RealType>;
  using OperatorPointer = typename Sinkhorn::SoftminOperator<RealType>::Pointer;

  RealImageType *
  GetRealOutput(DataObjectPointerArraySizeType index);
  void
  PrepareDensities();
  void
  Solve();
  void
  ComputeSprings();
  void
  ReportProgress(double fraction);
  PlanType
  MakePlan() const;
  /** On the whole grid, or on a box of it. */
  OperatorPointer
  MakeOperator(const std::vector<SizeValueType> & size) const;
  /** Of the densities that are held; 1 without bins of intensity. */
  SizeValueType
  GetNumberOfBins() const
  {
    return m_LogAlpha.size() / m_Grid->GetBufferedRegion().GetNumberOfPixels();
  }
  /** Sum, or mean by mass, over the bins of each voxel; without bins the array itself. \param logWeights of these bins.
   */
  ArrayType
  SumOverBins(ArrayType values) const;
  ArrayType
  AverageOverBins(const ArrayType & logWeights, ArrayType values) const;
  /** The bounding box of all mass. */
  RegionType
  FindMassRegion() const;
  /** Calls function(position in the grid, position in the box, length) for every line of a part of the grid. */
  template <typename TFunction>
  void
  ForEachLine(const RegionType & box, const TFunction & function) const;
  ArrayType
  Crop(const RegionType & box, const ArrayType & whole) const;
  /** Writes a box into an image, 0 elsewhere. */
  void
  Store(const RegionType & box, const ArrayType & part, RealImageType * image) const;
  void
  StoreSprings(const RegionType & box, const std::vector<ArrayType> & displacement);
  void
  Forget();
  const ArrayType &
  GetLogWeights(SideEnum side) const
  {
    return side == SideEnum::Alpha ? m_LogAlpha : m_LogBeta;
  }
  RealImagePointer
  MakeImage(const ArrayType & values) const;
  /** Clears what is outside the support of a side. */
  template <typename TArray>
  void
  RestrictToSupport(SideEnum side, TArray & values) const;
  ArrayType
  SampleOnGrid(const RealImageType * image) const;
  std::vector<unsigned short>
  SampleLabelsOnGrid(const LabelImageType * labels) const;
  RealImagePointer
  TransportTo(SideEnum side, const RealImageType * image) const;
  LabelImagePointer
  TransportLabelsTo(SideEnum side, const LabelImageType * labels) const;
  /** The most probable labels of the voxels, all bins of each together. */
  std::vector<unsigned short>
  FindLabelsOverBins(const PlanType & plan, SideEnum side, const std::vector<unsigned short> & labels) const;
  RealImagePointer
  TransportLabelProbabilityTo(SideEnum side, const LabelImageType * labels, unsigned short label) const;
  ArrayType
  DisplaceMass(const PlanType & plan, double t) const;

  typename MaskType::ConstPointer m_FixedMask;
  typename MaskType::ConstPointer m_MovingMask;
  Sinkhorn::BlurSetting           m_Blur;
  Sinkhorn::TransportSettings     m_Settings;
  bool                            m_NormalizeMasses{ true };
  bool                            m_ClampNegative{ false };
  Sinkhorn::IntensityBinSettings  m_Bins;

  typename GridType::Pointer        m_Grid;
  Sinkhorn::OperatorMaker<RealType> m_OperatorMaker;
  OperatorPointer                   m_Operator;
  std::vector<double>               m_Costs;    ///< between bins, mm²
  ArrayType                         m_LogAlpha; ///< bin after bin
  ArrayType                         m_LogBeta;
  Sinkhorn::Potentials<RealType>    m_Potentials;
  Sinkhorn::SolverParameters        m_Parameters;
  Sinkhorn::SolverReport            m_Report;
  Sinkhorn::TransportValues         m_Values;
  double                            m_FixedMass{ 0.0 };
  double                            m_MovingMass{ 0.0 };
  double                            m_SolverSeconds{ 0.0 };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornTransportImageFilter.hxx"
#include "itkSinkhornTransportImageFilterOutputs.hxx"
#endif

#endif
