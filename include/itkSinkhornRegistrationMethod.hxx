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
#ifndef itkSinkhornRegistrationMethod_hxx
#define itkSinkhornRegistrationMethod_hxx

#include "itkSinkhornRegistrationMethod.h"

#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornRegistrationImages.h"

#include <algorithm>
#include <cmath>

namespace itk
{

template <typename TFixedImage, typename TMovingImage>
class SinkhornRegistrationMethod<TFixedImage, TMovingImage>::EventListener : public SinkhornRegistration::Listener
{
public:
  explicit EventListener(Self * method)
    : m_Method(method)
  {}

  void
  Say(const std::string & text) override
  {
    m_Method->m_Messages.push_back(text);
  }
  void
  Complain(const std::string & text) override
  {
    m_Method->m_Messages.push_back(text);
  }
  void
  BeginLevel(std::size_t         level,
             std::size_t         numberOfLevels,
             unsigned int        itkNotUsed(iterations),
             const std::string & detail) override
  {
    m_Method->m_CurrentLevel = static_cast<unsigned int>(level) + 1;
    m_Method->m_NumberOfLevels = static_cast<unsigned int>(numberOfLevels);
    m_Method->m_CurrentIteration = 0;
    m_Method->m_CurrentDetail = detail;
    m_Method->InvokeEvent(MultiResolutionIterationEvent());
  }
  void
  Iteration(unsigned int iteration, double value, double marginalError) override
  {
    m_Method->m_CurrentIteration = iteration;
    m_Method->m_CurrentValue = value;
    m_Method->m_CurrentMarginalError = marginalError;
    m_Method->InvokeEvent(IterationEvent());
    if (m_Method->GetAbortGenerateData())
    {
      ProcessAborted aborted(__FILE__, __LINE__);
      aborted.SetDescription("The registration was aborted by AbortGenerateData.");
      throw aborted;
    }
  }
  void
  Advance(double part) override
  {
    ++m_Method->m_CurrentStage;
    m_Method->UpdateProgress(static_cast<float>(part));
  }

private:
  Self * m_Method;
};

template <typename TFixedImage, typename TMovingImage>
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::SinkhornRegistrationMethod()
{
  this->AddRequiredInputName("FixedImage");
  this->AddRequiredInputName("MovingImage");
  this->AddOptionalInputName("FixedMask");
  this->AddOptionalInputName("MovingMask");
  this->AddOptionalInputName("FixedExclusion");
  this->AddOptionalInputName("MovingExclusion");
  this->SetNumberOfRequiredOutputs(1);
  this->SetNthOutput(0, this->MakeOutput(0));
}

template <typename TFixedImage, typename TMovingImage>
DataObject::Pointer
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::MakeOutput(DataObjectPointerArraySizeType)
{
  return DecoratedTransformType::New().GetPointer();
}

template <typename TFixedImage, typename TMovingImage>
template <typename T>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::Change(T & setting, const T & value)
{
  if (setting != value)
  {
    setting = value;
    this->Modified();
  }
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::SetSetting(const std::string & name, const std::string & value)
{
  if (name == "features")
  {
    this->SetFeatures(value);
    return;
  }
  if (name == "label-costs")
  {
    this->SetLabelCosts(value);
    return;
  }
  if (value.empty())
  {
    m_Request.Settings.erase(name);
    this->Modified();
    return;
  }
  this->Change(m_Request.Settings[name], value);
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::AddStage(const std::string & stage)
{
  m_Request.Stages.push_back(stage);
  this->Modified();
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::ClearStages()
{
  this->Change(m_Request.Stages, std::vector<std::string>());
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::GetModifiableTransform() -> TransformType *
{
  if (!m_Transform)
  {
    itkExceptionMacro("There is no transform yet; call Update() first");
  }
  return m_Transform;
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::GetTransform() const -> const TransformType *
{
  return const_cast<Self *>(this)->GetModifiableTransform();
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::GetInverseTransform() const -> typename TransformType::Pointer
{
  const auto inverse = TransformType::New();
  if (!this->GetTransform()->GetInverse(inverse))
  {
    itkExceptionMacro("The transform has no inverse: the initial transform has none");
  }
  return inverse;
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::MakeFixedGrid() const ->
  typename SinkhornRegistration::ImageType<ImageDimension>::Pointer
{
  const auto grid = SinkhornRegistration::ImageType<ImageDimension>::New();
  grid->CopyInformation(this->GetFixedImage());
  grid->SetRegions(this->GetFixedImage()->GetBufferedRegion());
  return grid;
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::MakeWarpedImage() const ->
  typename SinkhornRegistration::ImageType<ImageDimension>::Pointer
{
  const auto moving = this->ReadImage(this->GetMovingImage(),
                                      this->ReadMask(this->GetMovingMask(), this->GetMovingImage(), "moving mask"),
                                      "moving image");
  if (m_Plan.Main.MassModel == SinkhornRegistration::MassModelKind::Conserved)
  {
    return SinkhornRegistration::WarpDensity<ImageDimension>(moving, this->GetTransform(), this->MakeFixedGrid());
  }
  const bool  isMap = m_Plan.Features == SinkhornRegistration::FeatureKind::Labels;
  const float outside = isMap ? 0.0F : SinkhornRegistration::FindOutside<ImageDimension>(moving);
  return SinkhornRegistration::WarpImage<ImageDimension>(
    moving, this->GetTransform(), this->MakeFixedGrid(), outside, isMap);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::MakeDisplacementField() const ->
  typename SinkhornRegistration::FieldType<ImageDimension>::Pointer
{
  return SinkhornRegistration::SampleDisplacement<ImageDimension>(this->GetTransform(), this->MakeFixedGrid());
}

template <typename TFixedImage, typename TMovingImage>
std::string
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::GetReportAsJson() const
{
  return SinkhornRegistration::ToJson(m_Plan, m_Report);
}

template <typename TFixedImage, typename TMovingImage>
template <typename TImage>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::CheckImage(const TImage * image, const std::string & name) const
{
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    if (image->GetBufferedRegion().GetSize(d) < 4)
    {
      itkExceptionMacro(<< name << ": only " << image->GetBufferedRegion().GetSize(d) << " voxels along axis " << d
                        << "; at least 4 are needed");
    }
  }
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::ReadMask(const MaskImageType *             mask,
                                                                const ImageBase<ImageDimension> * image,
                                                                const std::string &               name) const ->
  typename MaskImageType::Pointer
{
  if (!mask)
  {
    return nullptr;
  }
  constexpr double rounding = 1e-3;
  const double     spacing = image->GetSpacing()[0];
  if (mask->GetBufferedRegion() != image->GetBufferedRegion() ||
      (mask->GetSpacing() - image->GetSpacing()).GetNorm() > rounding * spacing ||
      (mask->GetOrigin() - image->GetOrigin()).GetNorm() > 10.0 * rounding * spacing ||
      (mask->GetDirection().GetVnlMatrix() - image->GetDirection().GetVnlMatrix()).absolute_value_max() > rounding)
  {
    itkExceptionMacro(<< name << ": not on the grid of its image (region " << mask->GetBufferedRegion() << ", spacing "
                      << mask->GetSpacing() << "); resample it onto that grid");
  }
  const typename MaskImageType::Pointer ones = Sinkhorn::CopyImage(mask);
  unsigned char * const                 first = ones->GetBufferPointer();
  unsigned char * const                 last = first + ones->GetBufferedRegion().GetNumberOfPixels();
  std::transform(first, last, first, [](unsigned char value) { return value > 0 ? 1 : 0; });
  if (std::count(first, last, 1) == 0)
  {
    itkExceptionMacro(<< name << ": is empty, no voxel is above 0; leave it out, or mark what it is for");
  }
  return ones;
}

template <typename TFixedImage, typename TMovingImage>
template <typename TImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::ReadImage(const TImage *        image,
                                                                 const MaskImageType * mask,
                                                                 const std::string &   name) const ->
  typename SinkhornRegistration::ImageType<ImageDimension>::Pointer
{
  this->CheckImage(image, name);
  const auto single = Sinkhorn::MakeImageOn<SinkhornRegistration::ImageType<ImageDimension>>(image);
  const auto count = image->GetBufferedRegion().GetNumberOfPixels();
  for (SizeValueType i = 0; i < count; ++i)
  {
    const auto value = static_cast<float>(image->GetBufferPointer()[i]);
    const bool isOutside = mask && mask->GetBufferPointer()[i] == 0;
    if (!std::isfinite(value) && !isOutside)
    {
      itkExceptionMacro(<< name << ": voxel " << image->ComputeIndex(static_cast<OffsetValueType>(i)) << " is "
                        << image->GetBufferPointer()[i]
                        << ", not a finite number in single precision; replace it, or exclude it by a mask");
    }
    single->GetBufferPointer()[i] = std::isfinite(value) ? value : 0.0F;
  }
  return single;
}

template <typename TFixedImage, typename TMovingImage>
template <typename TImage>
auto
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::ReadLabelMap(const TImage *      image,
                                                                    const std::string & name) const -> LabelMapPointer
{
  using PixelType = typename TImage::PixelType;
  const bool   isSingle = std::is_same<PixelType, float>::value;
  const double most = isSingle ? 16777216.0 : static_cast<double>(NumericTraits<std::uint32_t>::max());
  const auto   labels = Sinkhorn::MakeImageOn<SinkhornRegistration::LabelImageType<ImageDimension>>(image);
  for (SizeValueType i = 0; i < image->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    const auto value = static_cast<double>(image->GetBufferPointer()[i]);
    if (!(value >= 0.0) || value > most || value != std::floor(value))
    {
      itkExceptionMacro(<< name << ": voxel " << image->ComputeIndex(static_cast<OffsetValueType>(i)) << " is " << value
                        << "; labels are whole numbers from 0 to " << most << "; Features none compares intensities");
    }
    labels->GetBufferPointer()[i] = static_cast<std::uint32_t>(value);
  }
  return labels;
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::ReadLabelMaps(
  const PlanType &                                  plan,
  SinkhornRegistration::ImagePair<ImageDimension> & images) const
{
  using SinkhornRegistration::FeatureKind;
  const bool areMaps =
    plan.Features != FeatureKind::Automatic || (SinkhornRegistration::IsLabelMap<ImageDimension>(images.Fixed) &&
                                                SinkhornRegistration::IsLabelMap<ImageDimension>(images.Moving));
  if (SinkhornRegistration::MayCompareLabels(plan) && areMaps)
  {
    images.FixedLabelMap = this->ReadLabelMap(this->GetFixedImage(), images.FixedName);
    images.MovingLabelMap = this->ReadLabelMap(this->GetMovingImage(), images.MovingName);
  }
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::GenerateData()
{
  SinkhornRegistration::PlanRequest request = m_Request;
  if (m_InitialTransform && request.Initialize.empty())
  {
    request.Initialize = "none";
  }
  if (request.Initialize == "centers")
  {
    itkExceptionMacro("Initialize: centers is for files; give an InitialTransform that brings the centres together");
  }
  PlanType                                        plan = SinkhornRegistration::MakePlan(request);
  SinkhornRegistration::ImagePair<ImageDimension> images;
  images.FixedMask = this->ReadMask(this->GetFixedMask(), this->GetFixedImage(), "fixed mask");
  images.MovingMask = this->ReadMask(this->GetMovingMask(), this->GetMovingImage(), "moving mask");
  images.FixedExclusion = this->ReadMask(this->GetFixedExclusion(), this->GetFixedImage(), "fixed exclusion");
  images.MovingExclusion = this->ReadMask(this->GetMovingExclusion(), this->GetMovingImage(), "moving exclusion");
  images.Fixed = this->ReadImage(this->GetFixedImage(), images.FixedMask, images.FixedName);
  images.Moving = this->ReadImage(this->GetMovingImage(), images.MovingMask, images.MovingName);
  SinkhornRegistration::CheckLimits<ImageDimension>(plan, images.Fixed, images.Moving);
  m_Messages.clear();
  this->ReadLabelMaps(plan, images);
  images = SinkhornRegistration::ChooseFeatures<ImageDimension>(plan, images);
  SinkhornRegistration::ChooseDensities<ImageDimension>(plan, images);
  if (plan.IsRecipe)
  {
    SinkhornRegistration::AdaptRecipe<ImageDimension>(plan, images);
  }
  m_CurrentStage = 1;
  m_NumberOfStages = static_cast<unsigned int>(plan.Stages.size());
  const auto transform = TransformType::New();
  if (m_InitialTransform)
  {
    transform->AddTransform(m_InitialTransform->Clone());
    transform->FlattenTransformQueue();
  }
  EventListener listener(this);
  ReportType    report = SinkhornRegistration::Register<ImageDimension>(plan, images, transform, listener);
  report.Folds = SinkhornRegistration::MeasureFolding<ImageDimension>(
    SinkhornRegistration::SampleDisplacement<ImageDimension>(transform, images.Fixed));
  m_Plan = plan;
  m_Report = report;
  m_Transform = transform;
  static_cast<DecoratedTransformType *>(this->ProcessObject::GetOutput(0))->Set(transform);
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornRegistrationMethod<TFixedImage, TMovingImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  itkPrintSelfObjectMacro(InitialTransform);
  itkPrintSelfObjectMacro(Transform);
  os << indent << "Metric: " << m_Request.Metric << std::endl;
  os << indent << "Transform: " << m_Request.Transform << std::endl;
  os << indent << "Finish: " << m_Request.Finish << std::endl;
  os << indent << "Initialize: " << m_Request.Initialize << std::endl;
  os << indent << "Density: " << m_Request.Density << std::endl;
  os << indent << "Features: " << m_Request.Features << std::endl;
  os << indent << "LabelCosts: " << m_Request.LabelCosts << std::endl;
  os << indent << "MultiStart: " << (m_Request.MultiStart ? "On" : "Off") << std::endl;
  os << indent << "KeepUnmatched: " << (m_Request.KeepUnmatched ? "On" : "Off") << std::endl;
  for (const auto & setting : m_Request.Settings)
  {
    os << indent << "Setting " << setting.first << ": " << setting.second << std::endl;
  }
  for (const auto & stage : m_Request.Stages)
  {
    os << indent << "Stage: " << stage << std::endl;
  }
  os << indent << "Kept: " << m_Report.Kept << std::endl;
  os << indent << "CurrentStage: " << m_CurrentStage << " of " << m_NumberOfStages << std::endl;
  os << indent << "CurrentLevel: " << m_CurrentLevel << " of " << m_NumberOfLevels << std::endl;
  os << indent << "CurrentIteration: " << m_CurrentIteration << std::endl;
  os << indent << "CurrentValue: " << m_CurrentValue << std::endl;
  os << indent << "CurrentMarginalError: " << m_CurrentMarginalError << std::endl;
  os << indent << "CurrentDetail: " << m_CurrentDetail << std::endl;
}

} // namespace itk

#endif
