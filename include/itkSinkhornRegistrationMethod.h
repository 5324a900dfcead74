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
#ifndef itkSinkhornRegistrationMethod_h
#define itkSinkhornRegistrationMethod_h

#include "itkSinkhornCompatibility.h"
#include "itkSinkhornRegistrationEngine.h"

#include "itkDataObjectDecorator.h"
#include "itkProcessObject.h"

#include <string>
#include <vector>

namespace itk
{

/** \class SinkhornRegistrationMethod
 * \brief Registers two images with optimal transport, as good as it gets without further advice, or by a list of
 * stages.
 *
 * This is what the program sinkhorn-register does, without files: a linear start from the springs of transport, mass
 * that is carried home on a coarse level, and a local metric that refines. By default the transform is SyN with the
 * metric Sinkhorn; settings are the words of the program's command line (README, "Settings"), given by SetSetting() or
 * by members of their own, and lengths are in mm. Stages given one by one (AddStage()) replace the recipe.
 *
 * The result is a CompositeTransform from fixed to moving points, its inverse, and a report. A result that is less
 * similar to the fixed image than its start is not handed over: the start is, and the report's "kept" and GetMessages()
 * say so. No sampled map folds by the strict criterion of DisplacementFieldJacobianCalculator.
 *
 * MultiResolutionIterationEvent is sent at the beginning of every level, IterationEvent after every iteration, and
 * ProgressEvent; AbortGenerateDataOn() ends the registration with itk::ProcessAborted. Images are registered in single
 * precision. Results are the same bits for any number of threads (metrics of ITK's own apart).
 *
 * Reference: Feydy, Charlier, Vialard, Peyré, Optimal Transport for Diffeomorphic Registration, MICCAI 2017.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedImage, typename TMovingImage = TFixedImage>
class ITK_TEMPLATE_EXPORT SinkhornRegistrationMethod : public ProcessObject
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornRegistrationMethod);

  using Self = SinkhornRegistrationMethod;
  using Superclass = ProcessObject;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(SinkhornRegistrationMethod, ProcessObject);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  static_assert(ImageDimension == 2 || ImageDimension == 3, "images of two or three dimensions");
  static_assert(TMovingImage::ImageDimension == ImageDimension, "images of one dimension");
  using FixedImageType = TFixedImage;
  using MovingImageType = TMovingImage;
  using MaskImageType = Image<unsigned char, ImageDimension>;
  using TransformType = CompositeTransform<double, ImageDimension>;
  using InitialTransformType = Transform<double, ImageDimension, ImageDimension>;
  using DecoratedTransformType = DataObjectDecorator<TransformType>;
  using PlanType = SinkhornRegistration::Plan;
  using ReportType = SinkhornRegistration::RegistrationReport;

  /** The images; finite inside their masks, at least 4 voxels along each axis. */
  itkSetInputMacro(FixedImage, FixedImageType);
  itkGetInputMacro(FixedImage, FixedImageType);
  itkSetInputMacro(MovingImage, MovingImageType);
  itkGetInputMacro(MovingImage, MovingImageType);

  /** Voxels above 0 take part; on the grids of the images. Default: none, and all do. */
  itkSetInputMacro(FixedMask, MaskImageType);
  itkGetInputMacro(FixedMask, MaskImageType);
  itkSetInputMacro(MovingMask, MaskImageType);
  itkGetInputMacro(MovingMask, MaskImageType);

  /** Voxels above 0 have no counterpart in the other image, as a lesion has not: there nothing is compared, in either
   * image. On the grids of the images; default: none. */
  itkSetInputMacro(FixedExclusion, MaskImageType);
  itkGetInputMacro(FixedExclusion, MaskImageType);
  itkSetInputMacro(MovingExclusion, MaskImageType);
  itkGetInputMacro(MovingExclusion, MaskImageType);

  /** Where the registration begins, fixed to moving points; it is part of the result. With one there is no start from
   * springs unless Initialize asks for it. Default: none. */
  itkSetConstObjectMacro(InitialTransform, InitialTransformType);
  itkGetConstObjectMacro(InitialTransform, InitialTransformType);

  /** sinkhorn (default), kernel, meansquares, cc or mattes. */
  void
  SetMetric(const std::string & metric)
  {
    this->Change(m_Request.Metric, metric);
  }
  /** syn (default), bspline-syn, velocity, displacement, affine, similarity, rigid or translation. */
  void
  SetTransform(const std::string & transform)
  {
    this->Change(m_Request.Transform, transform);
  }
  /** Metric that refines what transport has brought near, or none. */
  void
  SetFinish(const std::string & finish)
  {
    this->Change(m_Request.Finish, finish);
  }
  /** Linear transform to start from: none, sinkhorn, sinkhorn-rigid, sinkhorn-similarity or automatic. */
  void
  SetInitialize(const std::string & initialize)
  {
    this->Change(m_Request.Initialize, initialize);
  }
  /** How intensities become mass: auto (default), as-is, shift, clamp, window:LOW:HIGH or
   * around:LEVEL:LIMIT; see SinkhornRegistration::ChooseDensities(). */
  void
  SetDensity(const std::string & density)
  {
    this->Change(m_Request.Density, density);
  }
  /** What is compared: labels (label maps, each label with its like), none (intensities),
   * intensity:BINS or intensity:BINS:MM (intensities, and the springs of the start move mass to mass as bright as
   * itself, see SinkhornTransformInitializer::SetNumberOfIntensityBins()) or auto (default: labels where both images
   * are label maps of more than one label); see SinkhornRegistration::ChooseFeatures(). */
  void
  SetFeatures(const std::string & features)
  {
    this->Change(m_Request.Features, features);
  }
  /** Distances w between labels, mm: the cost of going from one to the other is w²/2 mm². A file with a table of them,
   * or the table itself, if it has more than one line; see SinkhornRegistration::ParseLabelDistances(). Parts that are
   * labelled differently in the two images, or of which only one image has the label, are matched at that cost by the
   * start and by the stages that transport mass; labels at the distance 0 are one everywhere. Empty, the default:
   * infinite between all labels. \exception ExceptionObject by Update() that names row, column, value and remedy. */
  void
  SetLabelCosts(const std::string & fileOrTable)
  {
    this->Change(m_Request.LabelCosts, fileOrTable);
  }
  /** Start also from the rotations that align the principal axes. Default off. */
  void
  SetMultiStart(bool on)
  {
    this->Change(m_Request.MultiStart, on);
  }
  /** Compare also what one image alone shows, such as a tumour or a resection. Default off: the finish of ordinary
   * images finds such parts by itself, if they are large, and leaves them out; the report says how much that is. */
  void
  SetKeepUnmatched(bool on)
  {
    this->Change(m_Request.KeepUnmatched, on);
  }
  /** A setting of the stages: blur, reach, mass-model, iterations, shrink, update-sigma, learning-rate, radius or
   * standardize; or features or label-costs; an empty value leaves it to be chosen. */
  void
  SetSetting(const std::string & name, const std::string & value);
  /** One stage more, "syn,sinkhorn,blur=4": a transform, a metric, and settings. */
  void
  AddStage(const std::string & stage);
  void
  ClearStages();

  /** Computed by Update(): where a fixed point lies in the moving image, and the way back.
   * \exception ExceptionObject if there is nothing yet. */
  TransformType *
  GetModifiableTransform();
  const TransformType *
  GetTransform() const;
  typename TransformType::Pointer
  GetInverseTransform() const;

  /** The moving image on the grid of the fixed one, in single precision: linear interpolation, and outside of the
   * moving image what its border shows; where labels were compared the nearest voxel, and 0 outside. */
  typename SinkhornRegistration::ImageType<ImageDimension>::Pointer
  MakeWarpedImage() const;
  /** Displacement of every voxel of the fixed image, mm. */
  typename SinkhornRegistration::FieldType<ImageDimension>::Pointer
  MakeDisplacementField() const;

  /** Computed by Update(): how it went, also as a JSON object with the keys of the program's report.json; what was
   * done, with all that was left open filled in; and what there is to say about it. */
  const ReportType &
  GetReport() const
  {
    return m_Report;
  }
  std::string
  GetReportAsJson() const;
  const PlanType &
  GetPlan() const
  {
    return m_Plan;
  }
  const std::vector<std::string> &
  GetMessages() const
  {
    return m_Messages;
  }

  /** For observers: stage and level at work, from 1 and of how many; iteration in it, from 1; the metric's value; the
   * marginal error of its transport, below 0 if it has none; and what the level works on. */
  itkGetConstMacro(CurrentStage, unsigned int);
  itkGetConstMacro(NumberOfStages, unsigned int);
  itkGetConstMacro(CurrentLevel, unsigned int);
  itkGetConstMacro(NumberOfLevels, unsigned int);
  itkGetConstMacro(CurrentIteration, unsigned int);
  itkGetConstMacro(CurrentValue, double);
  itkGetConstMacro(CurrentMarginalError, double);
  itkGetConstMacro(CurrentDetail, std::string);

  using Superclass::MakeOutput;
  DataObject::Pointer
  MakeOutput(DataObjectPointerArraySizeType index) override;

protected:
  SinkhornRegistrationMethod();
  ~SinkhornRegistrationMethod() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;
  void
  GenerateData() override;

private:
  using LabelMapPointer = typename SinkhornRegistration::LabelImageType<ImageDimension>::Pointer;

  /** Passes on what the engine tells. */
  class EventListener;

  template <typename T>
  void
  Change(T & setting, const T & value);
  typename SinkhornRegistration::ImageType<ImageDimension>::Pointer
  MakeFixedGrid() const;
  template <typename TImage>
  typename SinkhornRegistration::ImageType<ImageDimension>::Pointer
  ReadImage(const TImage * image, const MaskImageType * mask, const std::string & name) const;
  typename MaskImageType::Pointer
  ReadMask(const MaskImageType * mask, const ImageBase<ImageDimension> * image, const std::string & name) const;
  template <typename TImage>
  LabelMapPointer
  ReadLabelMap(const TImage * image, const std::string & name) const;
  /** The images as label maps, where these may be compared: if asked for, or if both look like label maps. */
  void
  ReadLabelMaps(const PlanType & plan, SinkhornRegistration::ImagePair<ImageDimension> & images) const;
  template <typename TImage>
  void
  CheckImage(const TImage * image, const std::string & name) const;

  typename InitialTransformType::ConstPointer m_InitialTransform;
  /** Of the last Update() that came to its end: the pipeline empties its outputs before the next one. */
  typename TransformType::Pointer   m_Transform;
  SinkhornRegistration::PlanRequest m_Request;
  PlanType                          m_Plan;
  ReportType                        m_Report;
  std::vector<std::string>          m_Messages;
  unsigned int                      m_CurrentStage{ 0 };
  unsigned int                      m_NumberOfStages{ 0 };
  unsigned int                      m_CurrentLevel{ 0 };
  unsigned int                      m_NumberOfLevels{ 0 };
  unsigned int                      m_CurrentIteration{ 0 };
  double                            m_CurrentValue{ 0.0 };
  double                            m_CurrentMarginalError{ -1.0 };
  std::string                       m_CurrentDetail;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornRegistrationMethod.hxx"
#endif

#endif
