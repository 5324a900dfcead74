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
#ifndef itkDensityImageToImageMetricv4_hxx
#define itkDensityImageToImageMetricv4_hxx

#include "itkDensityImageToImageMetricv4.h"

#include <algorithm>
#include <cmath>
#include <sstream>

// The classes of this file have five template parameters.
#define itkDensityMetricTemplate                    \
  template <typename TFixedImage,                   \
            typename TMovingImage,                  \
            typename TVirtualImage,                 \
            typename TInternalComputationValueType, \
            typename TMetricTraits>
#define itkDensityMetricClass \
  DensityImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>

namespace itk
{

itkDensityMetricTemplate
itkDensityMetricClass::DensityImageToImageMetricv4()
{
  this->m_UseFixedImageGradientFilter = false;
  this->m_UseMovingImageGradientFilter = false;
  this->m_MaximumNumberOfWorkUnits = MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
}

itkDensityMetricTemplate typename RegistrationForce<TFixedImage>::Pointer
itkDensityMetricClass::CreateForce() const
{
  const auto force = RegistrationForce<TFixedImage>::New();
  force->SetSitsOnMovedImage(m_MassModel == MassModelEnum::Intensity);
  return force;
}

itkDensityMetricTemplate void
itkDensityMetricClass::SetMaximumNumberOfWorkUnits(ThreadIdType number)
{
  if (m_MaximumNumberOfWorkUnits != number)
  {
    m_MaximumNumberOfWorkUnits = number;
    this->Modified();
  }
}

itkDensityMetricTemplate void
itkDensityMetricClass::VerifyParameters() const
{
  m_Blur.Verify(this->GetNameOfClass());
  m_Bins.Verify(this->GetNameOfClass());
  if (m_Bins.AreOn() && !this->ComparesIntensityBins())
  {
    itkExceptionMacro("NumberOfIntensityBins is " << m_Bins.NumberOfIntensityBins
                                                  << ", but this metric compares places alone. Set it to 0.");
  }
  if (m_MaximumNumberOfWorkUnits == 0)
  {
    itkExceptionMacro("MaximumNumberOfWorkUnits must be at least 1.");
  }
  if (this->m_UseSampledPointSet)
  {
    itkExceptionMacro("UseSampledPointSet is not supported: the metric needs all the mass of both images, and a sample "
                      "of points is another density. Switch it off (MetricSamplingStrategy NONE); for speed, use "
                      "shrink factors.");
  }
  if (this->m_GradientSource != Superclass::GradientSourceEnum::GRADIENT_SOURCE_MOVING)
  {
    itkExceptionMacro("GradientSource must be GRADIENT_SOURCE_MOVING, but is "
                      << this->m_GradientSource << ": only the moving transform is active.");
  }
}

itkDensityMetricTemplate template <typename TImage>
void
itkDensityMetricClass::VerifyImage(const TImage &                                image,
                                   const SpatialObject<TImage::ImageDimension> * mask,
                                   const char *                                  name)
{
  const auto defect = Sinkhorn::FindDensityDefects(image, mask, m_MaximumNumberOfWorkUnits);
  const auto indexOf = [&image](SizeValueType position) {
    return Sinkhorn::PositionToIndex(image.GetBufferedRegion(), position);
  };
  if (defect.NumberOfNonFinite > 0)
  {
    itkExceptionMacro("The " << name << " image has " << defect.NumberOfNonFinite
                             << " voxels that are not finite, the first at index " << indexOf(defect.FirstNonFinite)
                             << " with the value " << defect.FirstNonFiniteValue
                             << ". Replace them, or exclude them by a mask.");
  }
  if (defect.NumberOfNegative > 0)
  {
    std::ostringstream what;
    what << "The " << name << " image has " << defect.NumberOfNegative << " negative voxels, the first at index "
         << indexOf(defect.FirstNegative) << " with the value " << defect.FirstNegativeValue << '.';
    if (!m_ClampNegative)
    {
      itkExceptionMacro(<< what.str()
                        << " A density must not be negative: shift or window the intensities, exclude the voxels by a "
                           "mask, or set ClampNegative on to count them as 0.");
    }
    this->WarnOnce(m_NegativeWarning, what.str() + " They count as 0 (ClampNegative).");
  }
}

itkDensityMetricTemplate void
itkDensityMetricClass::VerifyOverlap() const
{
  const auto grid = Sinkhorn::CopyGrid<VirtualImageDimension>(*this->m_VirtualImage);
  if (!Sinkhorn::FindMass(
        *grid, [this](const VirtualPointType & point, double & value) { return this->SampleFixed(point, value); }))
  {
    this->ThrowNoMass(*this->m_FixedImage, this->m_FixedImageMask.GetPointer(), *this->m_FixedTransform, "fixed");
  }
  if (m_MassModel == MassModelEnum::Intensity &&
      !Sinkhorn::FindMass(
        *grid, [this](const VirtualPointType & point, double & value) { return this->SampleMoving(point, value); }))
  {
    this->ThrowNoMass(*this->m_MovingImage, this->m_MovingImageMask.GetPointer(), *this->m_MovingTransform, "moving");
  }
}

itkDensityMetricTemplate template <typename TImage, typename TTransform>
void
itkDensityMetricClass::ThrowNoMass(const TImage &                                image,
                                   const SpatialObject<TImage::ImageDimension> * mask,
                                   const TTransform &                            transform,
                                   const char *                                  name) const
{
  const auto &  region = this->GetVirtualRegion();
  auto          index = region.GetIndex();
  SizeValueType inBuffer = 0;
  SizeValueType inMask = 0;
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    VirtualPointType point;
    this->TransformVirtualIndexToPhysicalPoint(index, point);
    typename TTransform::InputPointType input;
    input.CastFrom(point);
    typename TImage::PointType mapped;
    mapped.CastFrom(transform.TransformPoint(input));
    ContinuousIndex<double, TImage::ImageDimension> where;
    static_cast<void>(image.TransformPhysicalPointToContinuousIndex(mapped, where));
    inBuffer += image.GetBufferedRegion().IsInside(where) ? 1 : 0;
    inMask += (mask == nullptr || mask->IsInsideInWorldSpace(mapped)) ? 1 : 0;
  }
  if (inBuffer == 0)
  {
    itkExceptionMacro("The " << name << " image does not overlap the virtual domain: no point of the domain is mapped "
                             << "into it. Start from a transform that brings the images together (for instance "
                                "CenteredTransformInitializer), or set a virtual domain that covers it.");
  }
  if (inMask == 0)
  {
    itkExceptionMacro("The " << name
                             << " image's mask is empty in the virtual domain: no point of the domain is mapped "
                             << "into it. Correct or remove the mask.");
  }
  itkExceptionMacro("The " << name << " image has zero total mass: it is 0 everywhere in the virtual domain"
                           << (mask == nullptr ? "" : " inside its mask") << ". Both images need some mass.");
}

itkDensityMetricTemplate std::string
                         itkDensityMetricClass::DescribeSettings() const
{
  std::ostringstream settings;
  settings << this->GetVirtualRegion().GetSize() << this->GetBlurInUse();
  m_Bins.Print(settings, Indent());
  return settings.str();
}

itkDensityMetricTemplate void
itkDensityMetricClass::WarnOnce(std::string & lastSettings, const std::string & message) const
{
  const auto settings = this->DescribeSettings();
  if (lastSettings != settings)
  {
    lastSettings = settings;
    itkWarningMacro(<< message);
  }
}

itkDensityMetricTemplate void
itkDensityMetricClass::Initialize()
{
  this->VerifyParameters();
  Superclass::Initialize();
  this->VerifyImage(*this->m_FixedImage, this->m_FixedImageMask.GetPointer(), "fixed");
  this->VerifyImage(*this->m_MovingImage, this->m_MovingImageMask.GetPointer(), "moving");
  this->VerifyOverlap();
  if (m_Bins.AreOn())
  {
    m_FixedRange = FindRange(*this->m_FixedImage, this->m_FixedImageMask.GetPointer());
    m_MovingRange = FindRange(*this->m_MovingImage, this->m_MovingImageMask.GetPointer());
  }
  m_IntensityCosts = m_Bins.MakeCosts(*this->m_MovingImage, this->m_MovingImageMask.GetPointer());
}

itkDensityMetricTemplate const std::vector<double> &
                               itkDensityMetricClass::GetIntensityCosts() const
{
  const SizeValueType bins = this->GetNumberOfIntensityBins();
  if (m_IntensityCosts.size() != bins * bins)
  {
    itkExceptionMacro("NumberOfIntensityBins has changed since Initialize(): call it again.");
  }
  return m_IntensityCosts;
}

itkDensityMetricTemplate void
itkDensityMetricClass::InitializeDefaultMovingImageGradientFilter()
{
  Superclass::InitializeDefaultMovingImageGradientFilter();
  this->m_DefaultMovingImageGradientFilter->SetNormalizeAcrossScale(false);
}

itkDensityMetricTemplate void
itkDensityMetricClass::ComputeMovingImageGradientAtPoint(const MovingImagePointType & mappedPoint,
                                                         MovingImageGradientType &    gradient) const
{
  if (this->m_UseMovingImageGradientFilter ||
      this->m_MovingImageGradientCalculator.GetPointer() != this->m_DefaultMovingImageGradientCalculator.GetPointer())
  {
    if (this->m_MovingInterpolator->IsInsideBuffer(mappedPoint))
    {
      Superclass::ComputeMovingImageGradientAtPoint(mappedPoint, gradient);
    }
    else
    {
      gradient.Fill(0.0);
    }
    return;
  }

  // The interpolant itself, with its ramp to 0 beyond the border, a tiny step to both sides: where two slopes meet,
  // their mean.
  using CoordinateType = typename Superclass::CoordinateRepresentationType;
  constexpr auto step =
    static_cast<CoordinateType>(std::is_same<CoordinateType, float>::value ? 1.0 / 64 : 1.0 / 1048576);
  typename Superclass::MovingInterpolatorType::ContinuousIndexType center;
  static_cast<void>(this->m_MovingImage->TransformPhysicalPointToContinuousIndex(mappedPoint, center));
  CovariantVector<double, MovingImageDimension> local;
  for (unsigned int d = 0; d < MovingImageDimension; ++d)
  {
    auto lower = center;
    auto upper = center;
    lower[d] -= step;
    upper[d] += step;
    const double width = static_cast<double>(upper[d]) - static_cast<double>(lower[d]);
    const double difference =
      EvaluateWithRamp(*this->m_MovingInterpolator, upper) - EvaluateWithRamp(*this->m_MovingInterpolator, lower);
    local[d] = difference / (width * this->m_MovingImage->GetSpacing()[d]);
  }
  CovariantVector<double, MovingImageDimension> physical;
  this->m_MovingImage->TransformLocalVectorToPhysicalVector(local, physical);
  gradient.CastFrom(physical);
}

itkDensityMetricTemplate template <typename TInterpolator>
double
itkDensityMetricClass::EvaluateWithRamp(const TInterpolator &                       interpolator,
                                        typename TInterpolator::ContinuousIndexType where)
{
  using CoordinateType = typename TInterpolator::ContinuousIndexType::ValueType;
  double ramp = 1.0;
  for (unsigned int d = 0; d < VirtualImageDimension; ++d)
  {
    const auto first = static_cast<CoordinateType>(interpolator.GetStartIndex()[d]);
    const auto last = static_cast<CoordinateType>(interpolator.GetEndIndex()[d]);
    const auto nearest = std::min(std::max(where[d], first), last);
    ramp *= 1.0 - std::abs(static_cast<double>(where[d]) - static_cast<double>(nearest));
    if (!(ramp > 0.0))
    {
      return 0.0;
    }
    where[d] = nearest;
  }
  return ramp * static_cast<double>(interpolator.EvaluateAtContinuousIndex(where));
}

itkDensityMetricTemplate template <typename TImage, typename TInterpolator>
bool
itkDensityMetricClass::Sample(const TImage &                                image,
                              const SpatialObject<TImage::ImageDimension> * mask,
                              const TInterpolator &                         interpolator,
                              const typename TImage::PointType &            point,
                              double &                                      value)
{
  value = 0.0;
  if (mask && !mask->IsInsideInWorldSpace(point))
  {
    return false;
  }
  typename TInterpolator::ContinuousIndexType where;
  static_cast<void>(image.TransformPhysicalPointToContinuousIndex(point, where));
  for (unsigned int d = 0; d < VirtualImageDimension; ++d)
  {
    // With the end of the ramp, where the derivative is the mean of two slopes. Not a number: outside.
    constexpr double reach = 1.0 + 1e-5;
    if (!(where[d] >= interpolator.GetStartIndex()[d] - reach && where[d] <= interpolator.GetEndIndex()[d] + reach))
    {
      return false;
    }
  }
  value = EvaluateWithRamp(interpolator, where);
  return true;
}

itkDensityMetricTemplate bool
itkDensityMetricClass::SampleFixed(const VirtualPointType & point, double & value) const
{
  typename Superclass::FixedTransformType::InputPointType input;
  input.CastFrom(point);
  FixedImagePointType mapped;
  mapped.CastFrom(this->m_FixedTransform->TransformPoint(input));
  return Sample(*this->m_FixedImage, this->m_FixedImageMask.GetPointer(), *this->m_FixedInterpolator, mapped, value);
}

itkDensityMetricTemplate bool
itkDensityMetricClass::SampleMoving(const VirtualPointType & point, double & value) const
{
  return Sample(*this->m_MovingImage,
                this->m_MovingImageMask.GetPointer(),
                *this->m_MovingInterpolator,
                this->MapToMoving(point),
                value);
}

itkDensityMetricTemplate auto
itkDensityMetricClass::MapToMoving(const VirtualPointType & point) const -> MovingImagePointType
{
  typename MovingTransformType::InputPointType input;
  input.CastFrom(point);
  MovingImagePointType mapped;
  mapped.CastFrom(this->m_MovingTransform->TransformPoint(input));
  return mapped;
}

itkDensityMetricTemplate auto
itkDensityMetricClass::RasterizeFixed(const GridType & grid) const -> DensityType
{
  auto density = Sinkhorn::RasterizeDensity<SolverRealType>(
    grid,
    [this](const VirtualPointType & point, double & value) { return this->SampleFixed(point, value); },
    "fixed image",
    m_MaximumNumberOfWorkUnits);
  if (!(density.Total > 0.0))
  {
    this->ThrowNoMass(*this->m_FixedImage, this->m_FixedImageMask.GetPointer(), *this->m_FixedTransform, "fixed");
  }
  return density;
}

itkDensityMetricTemplate auto
itkDensityMetricClass::RasterizeMoving(const GridType & grid) const -> DensityType
{
  auto density = Sinkhorn::RasterizeDensity<SolverRealType>(
    grid,
    [this](const VirtualPointType & point, double & value) { return this->SampleMoving(point, value); },
    "moving image",
    m_MaximumNumberOfWorkUnits);
  if (!(density.Total > 0.0))
  {
    this->ThrowNoMass(*this->m_MovingImage, this->m_MovingImageMask.GetPointer(), *this->m_MovingTransform, "moving");
  }
  return density;
}

itkDensityMetricTemplate auto
itkDensityMetricClass::ComputeMassScales(double alpha, double beta) const -> MassScales
{
  MassScales scales;
  switch (this->GetMassNormalization())
  {
    case MassNormalization::Each:
      scales.alpha = 1.0 / alpha;
      scales.beta = 1.0 / beta;
      break;
    case MassNormalization::Common: scales.alpha = scales.beta = 2.0 / (m_FixedMass + m_MovingMass); break;
    case MassNormalization::None:
      if (this->RequiresEqualMasses() && std::abs(alpha - beta) > 1e-3 * std::max(alpha, beta))
      {
        itkExceptionMacro("The masses have to be equal, but the fixed image's is "
                          << m_FixedMass << " and the moving image's " << m_MovingMass << " (intensity times volume). "
                          << this->GetUnequalMassesRemedy());
      }
      break;
  }
  return scales;
}

itkDensityMetricTemplate auto
itkDensityMetricClass::MakePotentialImage(const VectorType & values) const -> typename PotentialImageType::Pointer
{
  if (values.size() != m_Grid->GetBufferedRegion().GetNumberOfPixels())
  {
    itkExceptionMacro("With NumberOfIntensityBins there is a potential for each of the "
                      << this->GetNumberOfIntensityBins() << " bins, and no image of them. Set it to 0.");
  }
  const auto image = PotentialImageType::New();
  image->CopyInformation(m_Grid);
  image->SetRegions(m_Grid->GetBufferedRegion());
  image->Allocate();
  std::copy(values.begin(), values.end(), image->GetBufferPointer());
  return image;
}

itkDensityMetricTemplate void
itkDensityMetricClass::VerifyEvaluated() const
{
  if (!this->HasComparison() || m_Grid.IsNull())
  {
    itkExceptionMacro("There is nothing to read: call Initialize() and GetValue() or GetValueAndDerivative() first.");
  }
}

itkDensityMetricTemplate auto
itkDensityMetricClass::GetFirstVariation() const -> typename PotentialImageType::Pointer
{
  this->VerifyEvaluated();
  return this->MakePotentialImage(this->ComputeVariation(Sinkhorn::Side::Alpha).Values);
}

itkDensityMetricTemplate void
itkDensityMetricClass::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  m_Blur.Print(os, indent, this->GetBlurInUse());
  m_Bins.Print(os, indent);
  os << indent << "NormalizeMasses: " << Sinkhorn::OnOrOff(m_NormalizeMasses) << std::endl;
  os << indent << "ClampNegative: " << Sinkhorn::OnOrOff(m_ClampNegative) << std::endl;
  os << indent << "MassModel: " << m_MassModel << std::endl;
  os << indent << "MaximumNumberOfWorkUnits: " << m_MaximumNumberOfWorkUnits << std::endl;
  os << indent << "FixedMass: " << m_FixedMass << std::endl;
  os << indent << "MovingMass: " << m_MovingMass << std::endl;
}

} // namespace itk

#include "itkDensityImageToImageMetricv4Evaluation.hxx"

#undef itkDensityMetricTemplate
#undef itkDensityMetricClass

#endif
