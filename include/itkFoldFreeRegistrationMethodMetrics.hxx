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
#ifndef itkFoldFreeRegistrationMethodMetrics_hxx
#define itkFoldFreeRegistrationMethodMetrics_hxx

// The metrics that drive a registration: which ones and which inputs are accepted, where they live, and how they are
// given back.
#include "itkFoldFreeRegistrationMethod.h"

#include "itkImageMaskSpatialObject.h"
#include "itkMakeRegistrationForce.h"

#include <algorithm>
#include <string>

namespace itk
{

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetMetrics() const -> std::vector<MetricType *>
{
  auto * const multiMetric = dynamic_cast<MultiMetricType *>(this->m_Metric.GetPointer());
  if (!multiMetric)
  {
    return { this->m_Metric.GetPointer() };
  }
  std::vector<MetricType *> metrics;
  for (const auto & metric : multiMetric->GetMetricQueue())
  {
    metrics.push_back(metric.GetPointer());
  }
  return metrics;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::VerifySettings() const
{
  if (!this->m_Metric)
  {
    itkExceptionMacro("Metric is not set; call SetMetric() with an image or point set metric first");
  }
  const auto metrics = this->GetMetrics();
  bool       comparesImages = false;
  for (SizeValueType n = 0; n < metrics.size(); ++n)
  {
    this->VerifyInputs(metrics[n], n);
    comparesImages = comparesImages || dynamic_cast<const ImageMetricType *>(metrics[n]);
  }
  if (metrics.empty() || (this->ComparesLabels() && !comparesImages))
  {
    itkExceptionMacro("Metric is a multi-metric without "
                      << (metrics.empty() ? "any metric; call AddMetric() first"
                                          : "an image metric, in whose place labels are compared; add one, or take "
                                            "FixedLabels and MovingLabels away"));
  }
  this->VerifyLevels();
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::VerifyLevels() const
{
  const SizeValueType levels = this->m_NumberOfLevels;
  if (this->m_NumberOfIterationsPerLevel.Size() != levels)
  {
    itkExceptionMacro("NumberOfIterationsPerLevel has " << this->m_NumberOfIterationsPerLevel.Size() << " numbers for "
                                                        << levels << " levels; give one for each level");
  }
  if (!m_UpdateSigmasPerLevel.empty() && m_UpdateSigmasPerLevel.size() != levels)
  {
    itkExceptionMacro("UpdateSigmasPerLevel has " << m_UpdateSigmasPerLevel.size() << " entries for " << levels
                                                  << " levels; give one for each level, or none");
  }
  if (!(this->m_LearningRate >= 0.0))
  {
    itkExceptionMacro("LearningRate is " << this->m_LearningRate
                                         << "; it must be the length of a step in voxels, or 0 for the default");
  }
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::VerifyInputs(const MetricType * metric,
                                                                               SizeValueType      n) const
{
  const bool isOfImages = dynamic_cast<const ImageMetricType *>(metric) != nullptr;
  if (!isOfImages && !dynamic_cast<const PointSetMetricType *>(metric))
  {
    itkExceptionMacro("Metric is of class "
                      << (metric ? metric->GetNameOfClass() : "nullptr")
                      << ", or holds one; every metric must be an ImageToImageMetricv4 for images of the type of this "
                         "method, or a PointSetToPointSetMetricv4 for point sets of the type of this method");
  }
  for (const bool isMoving : { false, true })
  {
    const char * const side = isMoving ? "Moving" : "Fixed";
    const char * const kind = isOfImages ? "Image" : "PointSet";
    const auto * const input = this->ProcessObject::GetInput(2 * n + (isMoving ? 1 : 0));
    const auto * const points = dynamic_cast<const TPointSet *>(input);
    if (isOfImages ? !dynamic_cast<const ImageType *>(input) : !points)
    {
      itkExceptionMacro(<< side << kind << " is not set for metric " << n << ", a " << metric->GetNameOfClass()
                        << "; call Set" << side << kind << "(" << n << ", ...) first");
    }
    if (points && points->GetNumberOfPoints() == 0)
    {
      itkExceptionMacro(<< side << kind << " of metric " << n << " has no points; give at least one");
    }
  }
}

/** That of the metric or its first part that has one, or the grid of the first fixed image, which metrics would take
 * themselves. */
template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FindVirtualDomain() -> typename GridType::ConstPointer
{
  const auto       metrics = this->GetMetrics();
  const GridType * domain = this->GetCurrentLevelVirtualDomainImage();
  for (SizeValueType n = 0; !domain && n < metrics.size(); ++n)
  {
    domain = dynamic_cast<const ImageMetricType *>(metrics[n]) ? this->GetFixedImage(n) : nullptr;
  }
  for (SizeValueType n = 0; !domain && n < metrics.size(); ++n)
  {
    domain = static_cast<const PointSetMetricType *>(metrics[n])->GetVirtualImage();
  }
  if (!domain)
  {
    itkExceptionMacro("The virtual domain, in which the map lives, is not known, for there is no fixed image; call "
                      "SetVirtualDomainFromImage() or SetVirtualDomain() of the metric with a grid that holds both "
                      "point sets");
  }
  const auto copy = GridType::New();
  copy->CopyInformation(domain);
  copy->SetRegions(domain->GetLargestPossibleRegion());
  if (auto * const first = dynamic_cast<PointSetMetricType *>(metrics.front()))
  {
    // Here the base class looks for it.
    SetVirtualDomain(first, copy.GetPointer());
  }
  return copy.GetPointer();
}

/** ITK's multi-metric does for images alone: it makes point sets write into one array from several threads, and to the
 * nearest voxels alone. */
template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::MakeParts()
{
  const auto isOfPoints = [](const MetricType * metric) {
    return dynamic_cast<const PointSetMetricType *>(metric) != nullptr;
  };
  const auto makePart = [this, &isOfPoints](MetricType * metric, SizeValueType n, double share) {
    Part part{};
    part.Metric = metric;
    part.Number = n;
    // A force of the user's own is that of the whole metric, or of its images.
    const bool isMeant = m_Force && (metric == this->m_Metric || !isOfPoints(metric));
    part.Force = isMeant ? m_Force : MakeRegistrationForce<ImageType, TPointSet>(metric);
    part.Share = share;
    m_Parts.push_back(part);
  };
  const auto metrics = this->GetMetrics();
  m_Parts.clear();
  m_ComparesPoints = std::any_of(metrics.begin(), metrics.end(), isOfPoints);
  auto * const multiMetric = dynamic_cast<MultiMetricType *>(this->m_Metric.GetPointer());
  if (!m_ComparesPoints || !multiMetric)
  {
    makePart(this->m_Metric, 0, 1.0);
    return;
  }
  bool       hasLabels = false;
  double     total = 0.0;
  const auto weights = multiMetric->GetMetricWeights();
  if (weights.Size() != 0 && weights.Size() != metrics.size())
  {
    itkExceptionMacro("The multi-metric has " << weights.Size() << " weights for " << metrics.size()
                                              << " metrics; give one for each, or none");
  }
  for (SizeValueType n = 0; n < metrics.size(); ++n)
  {
    // Labels are compared once, in place of all images.
    if (isOfPoints(metrics[n]) || !hasLabels)
    {
      makePart(metrics[n], n, weights.Size() != 0 ? weights[n] : 1.0);
      total += m_Parts.back().Share;
      hasLabels = hasLabels || (this->ComparesLabels() && !isOfPoints(metrics[n]));
    }
  }
  if (!(total > 0.0))
  {
    itkExceptionMacro("The weights of the multi-metric are " << weights << "; their sum must be positive");
  }
  std::for_each(m_Parts.begin(), m_Parts.end(), [total](Part & part) { part.Share /= total; });
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrepareMasks()
{
  m_GivenFixedMasks = this->m_FixedImageMasks;
  m_GivenMovingMasks = this->m_MovingImageMasks;
  using MaskType = typename Superclass::ImageMaskSpatialObjectType;
  const auto check = [this](const auto & masks, const char * name) {
    for (const auto & mask : masks)
    {
      if (mask && !dynamic_cast<const MaskType *>(mask.GetPointer()))
      {
        itkExceptionMacro(<< name << " is a " << mask->GetNameOfClass()
                          << "; masks must be ImageMaskSpatialObjects, which can be warped");
      }
    }
  };
  check(m_GivenFixedMasks, "FixedImageMask");
  check(m_GivenMovingMasks, "MovingImageMask");
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::RestoreMetric()
{
  const auto metrics = this->GetMetrics();
  for (SizeValueType n = 0; n < metrics.size(); ++n)
  {
    if (auto * const ofPoints = dynamic_cast<PointSetMetricType *>(metrics[n]))
    {
      ofPoints->SetFixedPointSet(this->GetFixedPointSet(n));
      ofPoints->SetMovingPointSet(this->GetMovingPointSet(n));
      ofPoints->SetCalculateValueAndDerivativeInTangentSpace(m_GivenTangentSpaces[n]);
      SetVirtualDomain(ofPoints, m_GivenDomain.GetPointer());
      continue;
    }
    auto * const ofImages = dynamic_cast<ImageMetricType *>(metrics[n]);
    if (n < m_GivenFixedMasks.size())
    {
      ofImages->SetFixedImageMask(m_GivenFixedMasks[n]);
      ofImages->SetMovingImageMask(m_GivenMovingMasks[n]);
    }
    SetVirtualDomain(ofImages, m_GivenDomain.GetPointer());
  }
  if (auto * const multiMetric = dynamic_cast<MultiMetricType *>(this->m_Metric.GetPointer()))
  {
    SetVirtualDomain(multiMetric, m_GivenDomain.GetPointer());
  }
  m_GivenDomain = nullptr;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
template <typename TMetric>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::SetVirtualDomain(TMetric *        metric,
                                                                                   const GridType * domain)
{
  metric->SetVirtualDomain(
    domain->GetSpacing(), domain->GetOrigin(), domain->GetDirection(), domain->GetLargestPossibleRegion());
}

} // namespace itk

#endif
