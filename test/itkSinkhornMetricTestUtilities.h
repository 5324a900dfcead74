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
#ifndef itkSinkhornMetricTestUtilities_h
#define itkSinkhornMetricTestUtilities_h

#include "itkImage.h"
#include "itkImageMaskSpatialObject.h"
#include "itkImageRegionIteratorWithIndex.h"
#include "itkKernelDistanceImageToImageMetricv4.h"
#include "itkSinkhornImageToImageMetricv4.h"

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace itk
{
namespace Sinkhorn
{
namespace Test
{

/** Geometry of a test image. */
template <unsigned int VDimension>
struct ImageGeometry
{
  Size<VDimension>                       size;
  Index<VDimension>                      start{};
  Vector<double, VDimension>             spacing{ 1.0 };
  Point<double, VDimension>              origin{};
  Matrix<double, VDimension, VDimension> direction{ Matrix<double, VDimension, VDimension>::GetIdentity() };
};

/** A cube of a geometry, n voxels of 1 mm. */
template <unsigned int VDimension>
ImageGeometry<VDimension>
MakeCube(SizeValueType n)
{
  ImageGeometry<VDimension> geometry;
  geometry.size.Fill(n);
  geometry.start.Fill(0);
  geometry.spacing.Fill(1.0);
  geometry.origin.Fill(0.0);
  return geometry;
}

/** Anisotropic spacing, rotated (and in 2-D mirrored) axes, non-zero start index, some origin. */
template <unsigned int VDimension>
ImageGeometry<VDimension>
MakeObliqueGeometry(SizeValueType n)
{
  auto geometry = MakeCube<VDimension>(n);
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    geometry.size[d] = n + 2 * d;
    geometry.start[d] = 3 - 5 * static_cast<IndexValueType>(d);
    geometry.spacing[d] = 1.0 - 0.15 * d;
    geometry.origin[d] = 7.0 - 4.0 * d;
  }
  const double angle = 0.4;
  geometry.direction(0, 0) = std::cos(angle);
  geometry.direction(1, 0) = std::sin(angle);
  geometry.direction(0, 1) = (VDimension == 2 ? 1 : -1) * std::sin(angle);
  geometry.direction(1, 1) = (VDimension == 2 ? -1 : 1) * std::cos(angle);
  return geometry;
}

template <typename TImage>
typename TImage::Pointer
MakeImage(const ImageGeometry<TImage::ImageDimension> &                     geometry,
          const std::function<double(const typename TImage::PointType &)> & density)
{
  const auto image = TImage::New();
  image->SetRegions(ImageRegion<TImage::ImageDimension>(geometry.start, geometry.size));
  image->SetSpacing(geometry.spacing);
  image->SetOrigin(geometry.origin);
  image->SetDirection(geometry.direction);
  image->Allocate();
  ImageRegionIteratorWithIndex<TImage> it(image, image->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    typename TImage::PointType point;
    image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    it.Set(static_cast<typename TImage::PixelType>(density(point)));
  }
  return image;
}

/** The physical centre of a geometry. */
template <unsigned int VDimension>
Point<double, VDimension>
GetCentre(const ImageGeometry<VDimension> & geometry)
{
  const auto grid = MakeImage<Image<float, VDimension>>(geometry, [](const auto &) { return 0.0; });
  ContinuousIndex<double, VDimension> middle;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    middle[d] = geometry.start[d] + 0.5 * (geometry.size[d] - 1.0);
  }
  Point<double, VDimension> centre;
  grid->TransformContinuousIndexToPhysicalPoint(middle, centre);
  return centre;
}

/** A smooth bump of a finite radius: (1 − r²)³. */
template <unsigned int VDimension>
double
Bump(const Point<double, VDimension> & point, const Point<double, VDimension> & centre, double radius)
{
  const double r2 = point.SquaredEuclideanDistanceTo(centre) / (radius * radius);
  return r2 < 1.0 ? std::pow(1.0 - r2, 3) : 0.0;
}

/** Two unequal bumps near the centre of the geometry, shifted by \a shift mm along every axis; no mass near the border,
 * where a moving image's mass would change by jumps. */
template <typename TImage>
typename TImage::Pointer
MakeBumps(const ImageGeometry<TImage::ImageDimension> & geometry, double shift, double scale)
{
  const auto centre = GetCentre(geometry);
  auto       first = centre;
  auto       second = centre;
  for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
  {
    first[d] += shift - 0.11 * scale;
    second[d] += shift + (d == 0 ? 0.13 : 0.05) * scale;
  }
  return MakeImage<TImage>(geometry, [=](const typename TImage::PointType & point) {
    return Bump(point, first, 0.2 * scale) + 0.6 * Bump(point, second, 0.16 * scale);
  });
}

/** A mask of the voxels whose distance from \a centre is below \a radius, in mm. */
template <unsigned int VDimension>
typename ImageMaskSpatialObject<VDimension>::Pointer
MakeBallMask(const ImageGeometry<VDimension> & geometry, const Point<double, VDimension> & centre, double radius)
{
  using MaskImageType = Image<unsigned char, VDimension>;
  const auto mask = ImageMaskSpatialObject<VDimension>::New();
  mask->SetImage(MakeImage<MaskImageType>(
    geometry, [=](const auto & point) { return point.EuclideanDistanceTo(centre) < radius ? 1.0 : 0.0; }));
  mask->Update();
  return mask;
}

/** A metric whose solver converges to rounding, for comparisons. */
template <typename TImage>
typename SinkhornImageToImageMetricv4<TImage, TImage>::Pointer
MakeExactMetric(TImage * fixed, TImage * moving, double blur)
{
  const auto metric = SinkhornImageToImageMetricv4<TImage, TImage>::New();
  metric->SetFixedImage(fixed);
  metric->SetMovingImage(moving);
  metric->SetBlur(blur);
  metric->SetTolerance(1e-10);
  metric->SetMaximumNumberOfIterations(20000);
  return metric;
}

/** Relative error between the derivative of a metric and central differences of its value, along a few directions in
 * parameter space scaled by \a steps: random ones and, if there are few parameters, every axis.
 *
 * The metric's derivative is minus the gradient. */
template <typename TMetric>
double
CompareWithFiniteDifferences(TMetric & metric, const std::vector<double> & steps)
{
  typename TMetric::MeasureType    value;
  typename TMetric::DerivativeType derivative;
  metric.Initialize();
  metric.GetValueAndDerivative(value, derivative);
  const auto                             n = static_cast<unsigned int>(metric.GetNumberOfParameters());
  const auto                             stepOf = [&](unsigned int p) { return steps[p % steps.size()]; };
  const auto                             start = metric.GetParameters();
  std::mt19937                           generator(3);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);

  double             error = 0.0;
  double             size = 0.0;
  const unsigned int axes = n <= 12 ? n : 0;
  for (unsigned int direction = 0; direction < axes + 4; ++direction)
  {
    std::vector<double> change(n, 0.0);
    for (unsigned int p = 0; p < n; ++p)
    {
      change[p] = (direction < axes) ? (p == direction ? stepOf(p) : 0.0) : uniform(generator) * stepOf(p);
    }
    double     predicted = 0.0;
    const auto valueAt = [&](double sign) {
      auto parameters = start;
      for (unsigned int p = 0; p < n; ++p)
      {
        parameters[p] += sign * change[p];
      }
      metric.SetParameters(parameters);
      return metric.GetValue();
    };
    for (unsigned int p = 0; p < n; ++p)
    {
      predicted -= 2.0 * derivative[p] * change[p];
    }
    const double measured = valueAt(1.0) - valueAt(-1.0);
    error = std::max(error, std::abs(measured - predicted));
    size = std::max(size, std::abs(measured));
  }
  auto parameters = start;
  metric.SetParameters(parameters);
  return error / size;
}

} // namespace Test
} // namespace Sinkhorn
} // namespace itk

#endif
