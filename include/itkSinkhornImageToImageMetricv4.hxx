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
#ifndef itkSinkhornImageToImageMetricv4_hxx
#define itkSinkhornImageToImageMetricv4_hxx

#include "itkSinkhornImageToImageMetricv4.h"

#include <algorithm>
#include <cmath>
#include <sstream>

// The classes of this file have five template parameters.
#define itkSinkhornMetricTemplate                   \
  template <typename TFixedImage,                   \
            typename TMovingImage,                  \
            typename TVirtualImage,                 \
            typename TInternalComputationValueType, \
            typename TMetricTraits>
#define itkSinkhornMetricClass \
  SinkhornImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>

namespace itk
{

itkSinkhornMetricTemplate
itkSinkhornMetricClass::SinkhornImageToImageMetricv4()
{
  this->m_UseFixedImageGradientFilter = false;
  this->m_UseMovingImageGradientFilter = false;
  this->m_MaximumNumberOfWorkUnits = MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::SetBlur(double blur)
{
  if (m_BlurIsAutomatic || m_Blur != blur)
  {
    m_Blur = blur;
    m_BlurIsAutomatic = false;
    this->Modified();
  }
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::SetBlurToAutomatic()
{
  if (!m_BlurIsAutomatic)
  {
    m_Blur = 0.0;
    m_BlurIsAutomatic = true;
    this->Modified();
  }
}

itkSinkhornMetricTemplate double
itkSinkhornMetricClass::GetBlurInUse() const
{
  if (!m_BlurIsAutomatic)
  {
    return m_Blur;
  }
  const auto spacing = this->GetVirtualSpacing();
  return 2.0 * *std::max_element(spacing.Begin(), spacing.End());
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::SetMaximumNumberOfWorkUnits(ThreadIdType number)
{
  if (m_MaximumNumberOfWorkUnits != number)
  {
    m_MaximumNumberOfWorkUnits = number;
    this->Modified();
  }
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::VerifyParameters() const
{
  const auto isPositive = [](double value) { return value > 0.0 && std::isfinite(value); };
  if (!m_BlurIsAutomatic && !isPositive(m_Blur))
  {
    itkExceptionMacro("Blur must be positive and finite (mm), but is "
                      << m_Blur << ". Set about two voxels, or let it be automatic.");
  }
  if (!(m_Reach >= 0.0) || !std::isfinite(m_Reach))
  {
    itkExceptionMacro("Reach must be 0 (balanced) or positive and finite (mm), but is " << m_Reach << '.');
  }
  if (!isPositive(m_Tolerance))
  {
    itkExceptionMacro("Tolerance must be positive and finite, but is " << m_Tolerance << ". The default is 1e-3.");
  }
  if (m_MaximumNumberOfIterations == 0)
  {
    itkExceptionMacro("MaximumNumberOfIterations must be at least 1. The default is 200.");
  }
  if (m_MaximumNumberOfWorkUnits == 0)
  {
    itkExceptionMacro("MaximumNumberOfWorkUnits must be at least 1.");
  }
  if (this->m_UseSampledPointSet)
  {
    itkExceptionMacro(
      "UseSampledPointSet is not supported: the transport needs all the mass of both images, and a sample "
      "of points is another density. Switch it off (MetricSamplingStrategy NONE); for speed, use "
      "shrink factors.");
  }
  if (this->m_GradientSource != Superclass::GradientSourceEnum::GRADIENT_SOURCE_MOVING)
  {
    itkExceptionMacro("GradientSource must be GRADIENT_SOURCE_MOVING, but is "
                      << this->m_GradientSource << ": only the moving transform is active.");
  }
}

itkSinkhornMetricTemplate template <typename TImage>
void
itkSinkhornMetricClass::VerifyImage(const TImage &                                image,
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

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::VerifyOverlap() const
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

itkSinkhornMetricTemplate template <typename TImage, typename TTransform>
void
itkSinkhornMetricClass::ThrowNoMass(const TImage &                                image,
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
                           << (mask == nullptr ? "" : " inside its mask")
                           << ". Transport needs some mass on both sides.");
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::WarnOnce(std::string & last, const std::string & message) const
{
  std::ostringstream key;
  key << this->GetVirtualRegion().GetSize() << this->GetBlurInUse() << ' ' << m_Reach << ' ' << m_Tolerance << ' '
      << m_MaximumNumberOfIterations << ' ' << m_Debias;
  if (last != key.str())
  {
    last = key.str();
    itkWarningMacro(<< message);
  }
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::Initialize()
{
  this->VerifyParameters();
  Superclass::Initialize();
  this->VerifyImage(*this->m_FixedImage, this->m_FixedImageMask.GetPointer(), "fixed");
  this->VerifyImage(*this->m_MovingImage, this->m_MovingImageMask.GetPointer(), "moving");
  this->VerifyOverlap();
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::InitializeDefaultMovingImageGradientFilter()
{
  Superclass::InitializeDefaultMovingImageGradientFilter();
  this->m_DefaultMovingImageGradientFilter->SetNormalizeAcrossScale(false);
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::ComputeMovingImageGradientAtPoint(const MovingImagePointType & mappedPoint,
                                                          MovingImageGradientType &    gradient) const
{
  if (this->m_UseMovingImageGradientFilter ||
      this->m_MovingImageGradientCalculator.GetPointer() != this->m_DefaultMovingImageGradientCalculator.GetPointer())
  {
    Superclass::ComputeMovingImageGradientAtPoint(mappedPoint, gradient);
    return;
  }

  // The interpolant itself, a tiny step to both sides: at a voxel's centre the mean of its two slopes.
  using CoordinateType = typename Superclass::CoordinateRepresentationType;
  constexpr auto step =
    static_cast<CoordinateType>(std::is_same<CoordinateType, float>::value ? 1.0 / 64 : 1.0 / 16384);
  const auto & interpolator = *this->m_MovingInterpolator;
  const auto & begin = interpolator.GetStartContinuousIndex();
  const auto & end = interpolator.GetEndContinuousIndex();

  typename Superclass::MovingInterpolatorType::ContinuousIndexType center;
  static_cast<void>(this->m_MovingImage->TransformPhysicalPointToContinuousIndex(mappedPoint, center));
  CovariantVector<double, MovingImageDimension> local;
  for (unsigned int d = 0; d < MovingImageDimension; ++d)
  {
    auto lower = center;
    auto upper = center;
    lower[d] = std::max(center[d] - step, begin[d]);
    upper[d] = std::min(center[d] + step, end[d]);
    const double width = static_cast<double>(upper[d]) - static_cast<double>(lower[d]);
    const double difference = static_cast<double>(interpolator.EvaluateAtContinuousIndex(upper)) -
                              static_cast<double>(interpolator.EvaluateAtContinuousIndex(lower));
    local[d] = (width > 0.0) ? difference / (width * this->m_MovingImage->GetSpacing()[d]) : 0.0;
  }
  CovariantVector<double, MovingImageDimension> physical;
  this->m_MovingImage->TransformLocalVectorToPhysicalVector(local, physical);
  gradient.CastFrom(physical);
}

itkSinkhornMetricTemplate Sinkhorn::SolverParameters
                          itkSinkhornMetricClass::MakeSolverParameters() const
{
  Sinkhorn::SolverParameters parameters;
  parameters.Blur = this->GetBlurInUse();
  parameters.Reach = m_Reach;
  parameters.Debias = m_Debias;
  parameters.Tolerance = m_Tolerance;
  parameters.MaximumNumberOfIterations = m_MaximumNumberOfIterations;
  parameters.Accelerate = m_Acceleration;
  return parameters;
}

itkSinkhornMetricTemplate bool
itkSinkhornMetricClass::SampleFixed(const VirtualPointType & point, double & value) const
{
  FixedImagePointType mapped;
  FixedImagePixelType pixel;
  const bool          isValid = this->TransformAndEvaluateFixedPoint(point, mapped, pixel);
  value = static_cast<double>(pixel);
  return isValid;
}

itkSinkhornMetricTemplate bool
itkSinkhornMetricClass::SampleMoving(const VirtualPointType & point, double & value) const
{
  MovingImagePointType mapped;
  MovingImagePixelType pixel;
  const bool           isValid = this->TransformAndEvaluateMovingPoint(point, mapped, pixel);
  value = static_cast<double>(pixel);
  return isValid;
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::RasterizeFixed(const GridType & grid) const -> DensityType
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

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::RasterizeMoving(const GridType & grid) const -> DensityType
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

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::ComputeMassScales(double alpha, double beta) const -> MassScales
{
  MassScales scales;
  if (m_NormalizeMasses)
  {
    const double common = 2.0 / (m_FixedMass + m_MovingMass);
    scales.alpha = (m_Reach > 0.0) ? common : 1.0 / alpha;
    scales.beta = (m_Reach > 0.0) ? common : 1.0 / beta;
  }
  else if (m_Reach == 0.0 && std::abs(alpha - beta) > 1e-3 * std::max(alpha, beta))
  {
    itkExceptionMacro("Balanced transport needs equal masses, but the fixed image's is "
                      << m_FixedMass << " and the moving image's " << m_MovingMass
                      << " (intensity times volume). Set NormalizeMasses on, or Reach for unbalanced transport.");
  }
  return scales;
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::SolveTransport(const GridType & grid, LogWeightsType logAlpha, LogWeightsType logBeta) const
{
  m_Transport.SetUseWarmStart(m_UseWarmStart);
  m_Transport.Update(Sinkhorn::GetSizeOfGrid<VirtualImageDimension>(grid),
                     Sinkhorn::GetSpacingOfGrid<VirtualImageDimension>(grid),
                     std::move(logAlpha),
                     std::move(logBeta),
                     this->MakeSolverParameters(),
                     m_MaximumNumberOfWorkUnits);
  const auto & report = m_Transport.GetReport();
  if (!report.Converged)
  {
    this->WarnOnce(m_NotConvergedWarning,
                   "The transport has " + report.Describe(m_Transport.GetParameters()) +
                     ". Raise MaximumNumberOfIterations, Blur or Tolerance. Shown once for each level and setting; "
                     "GetConverged() tells it for each evaluation.");
  }
  this->m_Value = static_cast<MeasureType>(m_Transport.GetValues().Divergence);
  if (!std::isfinite(this->m_Value))
  {
    m_Transport.Clear();
    itkExceptionMacro("The value is not finite (" << this->m_Value << "). Raise Blur, or use images of type double.");
  }
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::MakePotentialImage(const LogWeightsType & values) const -> typename PotentialImageType::Pointer
{
  const auto image = PotentialImageType::New();
  image->CopyInformation(m_Grid);
  image->SetRegions(m_Grid->GetBufferedRegion());
  image->Allocate();
  std::copy(values.begin(), values.end(), image->GetBufferPointer());
  return image;
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::VerifyEvaluated() const
{
  if (m_Transport.IsEmpty() || m_Grid.IsNull())
  {
    itkExceptionMacro(
      "There is no transport to read: call Initialize() and GetValue() or GetValueAndDerivative() first.");
  }
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::GetFixedPotential() const -> typename PotentialImageType::Pointer
{
  this->VerifyEvaluated();
  const auto & potentials = m_Transport.GetPotentials();
  return this->MakePotentialImage(m_MassModelOfGrid == MassModelEnum::PushForward ? potentials.F : potentials.G);
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::GetMovingPotential() const -> typename PotentialImageType::Pointer
{
  this->VerifyEvaluated();
  const auto & potentials = m_Transport.GetPotentials();
  return this->MakePotentialImage(m_MassModelOfGrid == MassModelEnum::PushForward ? potentials.G : potentials.F);
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::GetFirstVariation() const -> typename PotentialImageType::Pointer
{
  this->VerifyEvaluated();
  LogWeightsType variation;
  Sinkhorn::ComputeFirstVariation(Sinkhorn::Side::Alpha,
                                  m_Transport.GetParameters(),
                                  m_Transport.GetPotentials(),
                                  m_Transport.GetValues().MassBeta,
                                  variation,
                                  m_MaximumNumberOfWorkUnits);
  return this->MakePotentialImage(variation);
}

itkSinkhornMetricTemplate double
itkSinkhornMetricClass::GetPaperFidelity() const
{
  this->VerifyEvaluated();
  return Sinkhorn::ComputePaperFidelity(m_Transport.GetLogWeights(Sinkhorn::Side::Alpha),
                                        m_Transport.GetLogWeights(Sinkhorn::Side::Beta),
                                        m_Transport.GetParameters(),
                                        m_Transport.GetPotentials());
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  const auto onOff = [](bool value) { return value ? "On" : "Off"; };
  os << indent << "Blur: ";
  if (m_BlurIsAutomatic)
  {
    os << "automatic, " << this->GetBlurInUse() << std::endl;
  }
  else
  {
    os << m_Blur << std::endl;
  }
  os << indent << "Reach: " << m_Reach << std::endl;
  os << indent << "Debias: " << onOff(m_Debias) << std::endl;
  os << indent << "Tolerance: " << m_Tolerance << std::endl;
  os << indent << "MaximumNumberOfIterations: " << m_MaximumNumberOfIterations << std::endl;
  os << indent << "Acceleration: " << m_Acceleration << std::endl;
  os << indent << "NormalizeMasses: " << onOff(m_NormalizeMasses) << std::endl;
  os << indent << "ClampNegative: " << onOff(m_ClampNegative) << std::endl;
  os << indent << "MassModel: " << m_MassModel << std::endl;
  os << indent << "UseWarmStart: " << onOff(m_UseWarmStart) << std::endl;
  os << indent << "MaximumNumberOfWorkUnits: " << m_MaximumNumberOfWorkUnits << std::endl;
  os << indent << "FixedMass: " << m_FixedMass << std::endl;
  os << indent << "MovingMass: " << m_MovingMass << std::endl;
  os << indent << "NumberOfIterations: " << this->GetNumberOfIterations() << std::endl;
  os << indent << "MarginalError: " << this->GetMarginalError() << std::endl;
  os << indent << "Converged: " << (this->GetConverged() ? "Yes" : "No") << std::endl;
  os << indent << "TransportValue: " << this->GetTransportValue() << std::endl;
  os << indent << "NumberOfSolves: " << this->GetNumberOfSolves() << std::endl;
}

} // namespace itk

#include "itkSinkhornImageToImageMetricv4Evaluation.hxx"

#undef itkSinkhornMetricTemplate
#undef itkSinkhornMetricClass

#endif
