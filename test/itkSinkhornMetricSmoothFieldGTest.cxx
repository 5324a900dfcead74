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
// Directional derivatives of both metrics along smooth random fields against central differences of the value: inside
// the images, where masks cut mass off, and where mass reaches the borders of the images.
#include "itkSinkhornMetricTestUtilities.h"

#include "itkDisplacementFieldTransform.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::DistanceKernel;
using itk::Sinkhorn::MassModel;

namespace
{

enum class Distance
{
  Balanced,
  Unbalanced,
  Gaussian,
  Energy
};

enum class Place
{
  Inside,
  MaskBorder,
  ImageBorder
};

struct FieldCase
{
  Distance  distance;
  MassModel model;
  Place     place;
};

std::ostream &
operator<<(std::ostream & os, const FieldCase & c)
{
  const char * distances[] = { "Balanced", "Unbalanced", "Gaussian", "Energy" };
  const char * places[] = { "Inside", "MaskBorder", "ImageBorder" };
  return os << distances[static_cast<int>(c.distance)] << c.model << places[static_cast<int>(c.place)];
}

std::string
GetFieldCaseName(const ::testing::TestParamInfo<FieldCase> & info)
{
  std::ostringstream name;
  name << info.param;
  return name.str();
}

std::vector<FieldCase>
MakeFieldCases()
{
  std::vector<FieldCase> cases;
  for (const auto distance : { Distance::Balanced, Distance::Unbalanced, Distance::Gaussian, Distance::Energy })
  {
    for (const auto model : { MassModel::Intensity, MassModel::PushForward })
    {
      for (const auto place : { Place::Inside, Place::MaskBorder, Place::ImageBorder })
      {
        cases.push_back({ distance, model, place });
      }
    }
  }
  return cases;
}

/** A smooth vector field: a few waves of random direction and phase, longer than ten voxels. */
template <unsigned int VDimension>
class SmoothField
{
public:
  using VectorType = itk::Vector<double, VDimension>;

  explicit SmoothField(unsigned int seed)
  {
    std::mt19937                     generator(seed);
    std::normal_distribution<double> normal(0.0, 1.0);
    for (auto & wave : m_Waves)
    {
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        wave.amplitude[d] = 0.4 * normal(generator);
        wave.frequency[d] = 0.25 * normal(generator);
      }
      wave.phase = 3.0 * normal(generator);
    }
  }

  VectorType
  operator()(const itk::Point<double, VDimension> & point) const
  {
    VectorType sum(0.0);
    for (const auto & wave : m_Waves)
    {
      double angle = wave.phase;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        angle += wave.frequency[d] * point[d];
      }
      sum += wave.amplitude * std::sin(angle);
    }
    return sum;
  }

private:
  struct Wave
  {
    VectorType amplitude;
    VectorType frequency;
    double     phase{ 0.0 };
  };
  Wave m_Waves[4];
};

template <typename TImage>
typename itk::DensityImageToImageMetricv4<TImage, TImage>::Pointer
MakeMetric(Distance distance, TImage * fixed, TImage * moving)
{
  if (distance == Distance::Balanced || distance == Distance::Unbalanced)
  {
    const auto metric = MakeExactMetric<TImage>(fixed, moving, 2.0);
    metric->SetReach(distance == Distance::Unbalanced ? 5.0 : 0.0);
    return metric.GetPointer();
  }
  const auto metric = itk::KernelDistanceImageToImageMetricv4<TImage, TImage>::New();
  metric->SetFixedImage(fixed);
  metric->SetMovingImage(moving);
  metric->SetBlur(3.0);
  metric->SetKernel(distance == Distance::Gaussian ? DistanceKernel::Gaussian : DistanceKernel::Energy);
  return metric.GetPointer();
}

/** Two images on different grids around the same centre; with \a background their mass reaches the borders. */
template <unsigned int VDimension>
struct Scene
{
  using ImageType = itk::Image<double, VDimension>;

  Scene(itk::SizeValueType n, double background)
    : fixedGeometry(MakeObliqueGeometry<VDimension>(n))
    , movingGeometry(MakeCube<VDimension>(n))
  {
    movingGeometry.spacing.Fill(0.9);
    movingGeometry.spacing[0] = 1.1;
    movingGeometry.start.Fill(4);
    const auto centre = GetCentre(fixedGeometry);
    movingGeometry.origin += centre - GetCentre(movingGeometry);
    const auto make = [&](const ImageGeometry<VDimension> & geometry, double shift) {
      auto where = centre;
      where[0] += shift;
      where[1] -= 0.5 * shift;
      return MakeImage<ImageType>(geometry, [=](const typename ImageType::PointType & point) {
        return Bump(point, where, 0.4 * n) + background * (1.2 + std::sin(0.3 * (point[0] - 2.0 * point[1])));
      });
    };
    fixed = make(fixedGeometry, 0.0);
    moving = make(movingGeometry, 0.06 * n);
  }

  ImageGeometry<VDimension>   fixedGeometry;
  ImageGeometry<VDimension>   movingGeometry;
  typename ImageType::Pointer fixed;
  typename ImageType::Pointer moving;
};

/** Largest error of the directional derivative, relative to the largest one. */
template <unsigned int VDimension>
double
CompareAlongFields(const FieldCase & c, itk::SizeValueType n)
{
  using TransformType = itk::DisplacementFieldTransform<double, VDimension>;
  using FieldType = typename TransformType::DisplacementFieldType;
  const Scene<VDimension> scene(n, c.place == Place::ImageBorder ? 0.4 : 0.0);
  const auto              metric = MakeMetric(c.distance, scene.fixed.GetPointer(), scene.moving.GetPointer());
  metric->SetMassModel(c.model);
  if (c.place == Place::MaskBorder)
  {
    metric->SetFixedImageMask(MakeBallMask(scene.fixedGeometry, GetCentre(scene.fixedGeometry), 0.24 * n));
    metric->SetMovingImageMask(MakeBallMask(scene.movingGeometry, GetCentre(scene.movingGeometry), 0.27 * n));
  }
  const auto field = FieldType::New();
  field->CopyInformation(scene.fixed);
  field->SetRegions(scene.fixed->GetBufferedRegion());
  field->Allocate();
  const SmoothField<VDimension> start(1);
  const auto                    transform = TransformType::New();
  const auto                    moveTo = [&](const SmoothField<VDimension> & direction, double step) {
    for (itk::ImageRegionIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      typename FieldType::PointType point;
      field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      it.Set(start(point) + direction(point) * step);
    }
    transform->SetDisplacementField(field);
  };
  moveTo(start, 0.0);
  metric->SetMovingTransform(transform);
  metric->Initialize();
  double             value = 0.0;
  itk::Array<double> derivative;
  metric->GetValueAndDerivative(value, derivative);

  constexpr double step = 1e-5; // mm: no sample of these scenes crosses a border
  double           error = 0.0;
  double           largest = 0.0;
  for (unsigned int seed = 2; seed < 7; ++seed)
  {
    const SmoothField<VDimension> direction(seed);
    double                        predicted = 0.0;
    itk::SizeValueType            p = 0;
    for (itk::ImageRegionIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      typename FieldType::PointType point;
      field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      const auto vector = direction(point);
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        predicted -= derivative[p++] * vector[d]; // the derivative is minus the gradient
      }
    }
    moveTo(direction, step);
    const double after = metric->GetValue();
    moveTo(direction, -step);
    const double measured = (after - metric->GetValue()) / (2.0 * step);
    error = std::max(error, std::abs(measured - predicted));
    largest = std::max(largest, std::abs(measured));
  }
  EXPECT_GT(largest, 1e-3 * value);
  return error / largest;
}

class MetricAlongSmoothFields : public ::testing::TestWithParam<FieldCase>
{};

} // namespace

TEST_P(MetricAlongSmoothFields, Plane)
{
  EXPECT_LT(CompareAlongFields<2>(GetParam(), 20), 1e-3);
}

TEST_P(MetricAlongSmoothFields, Volume)
{
  EXPECT_LT(CompareAlongFields<3>(GetParam(), 9), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Cases, MetricAlongSmoothFields, ::testing::ValuesIn(MakeFieldCases()), GetFieldCaseName);
