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
#ifndef itkMakeRegistrationForce_h
#define itkMakeRegistrationForce_h

#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkEuclideanDistancePointSetToPointSetMetricv4.h"
#include "itkLocalCorrelationRegistrationForce.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkPointRegistrationForce.h"
#include "itkRegistrationForce.h"

namespace itk
{

/** The force that a metric brings along (RegistrationForceSource), that of mean squares for
 * MeanSquaresImageToImageMetricv4, that of local correlation with the metric's radius for
 * ANTSNeighborhoodCorrelationImageToImageMetricv4, that of points for point set metrics, a direction for all others.
 * Mean squares and local correlation without gradient filters are computed by the force itself where images are warped:
 * mean squares as the metric does, but for differences along the axes of the grid instead of those of space, where
 * these are not parallel. Forces of points are ways where the metric says so (PointForceSource), and those of
 * EuclideanDistancePointSetToPointSetMetricv4, which lead to the closest point. */
template <typename TImage, typename TPointSet = PointSet<unsigned int, TImage::ImageDimension>>
typename RegistrationForce<TImage>::Pointer
MakeRegistrationForce(const Object * metric)
{
  if (const auto * source = dynamic_cast<const RegistrationForceSource<TImage> *>(metric))
  {
    return source->CreateForce();
  }
  if (const auto * meanSquares = dynamic_cast<const MeanSquaresImageToImageMetricv4<TImage, TImage> *>(metric))
  {
    const auto force = GaussNewtonRegistrationForce<TImage>::New();
    force->SetIsExact(!meanSquares->GetUseFixedImageGradientFilter() &&
                      !meanSquares->GetUseMovingImageGradientFilter() && !meanSquares->GetUseSampledPointSet());
    return force.GetPointer();
  }
  if (const auto * correlation =
        dynamic_cast<const ANTSNeighborhoodCorrelationImageToImageMetricv4<TImage, TImage> *>(metric))
  {
    if (!correlation->GetUseFixedImageGradientFilter() && !correlation->GetUseMovingImageGradientFilter() &&
        !correlation->GetUseSampledPointSet())
    {
      const auto force = LocalCorrelationRegistrationForce<TImage>::New();
      force->SetRadius(correlation->GetRadius());
      return force.GetPointer();
    }
  }
  using MetricType = ObjectToObjectMetricBaseTemplate<double>;
  const auto * const any = dynamic_cast<const MetricType *>(metric);
  if (any && any->GetMetricCategory() == ObjectToObjectMetricBaseTemplateEnums::MetricCategory::POINT_SET_METRIC)
  {
    using EuclideanType = EuclideanDistancePointSetToPointSetMetricv4<TPointSet>;
    const auto * const source = dynamic_cast<const PointForceSource<TImage::ImageDimension> *>(metric);
    const auto         force = PointRegistrationForce<TImage>::New();
    force->SetForcesAreWays(source ? source->GetForcesAreWays()
                                   : dynamic_cast<const EuclideanType *>(metric) != nullptr);
    return force.GetPointer();
  }
  return RegistrationForce<TImage>::New();
}

} // namespace itk

#endif
