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
#include "itkSinkhornBarycenterImageFilter.h"
#include "itkSinkhornImageToImageMetricv4.h"
#include "itkSinkhornTransformInitializer.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkAffineTransform.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <vector>

namespace
{

using namespace itk::Sinkhorn;

/** One physical scene, stored in many ways. */
struct Storage
{
  double              Unit{ 1.0 };  // length
  double              Fixed{ 1.0 }; // intensities
  double              Moving{ 1.0 };
  double              Background{ 0.0 };
  itk::IndexValueType Start{ 0 };
  bool                IsFlipped{ false };
  bool                IsPermuted{ false };
  itk::ThreadIdType   WorkUnits{ 1 };
  double              Reach{ 0.0 };
};

double
Bump(double x, double y, double radius)
{
  const double squared = (x * x + 0.5 * y * y) / (radius * radius);
  return squared < 1.0 ? (1.0 - squared) * (1.0 - squared) : 0.0;
}

template <typename TPixel>
typename itk::Image<TPixel, 2>::Pointer
MakeScene(const Storage & storage, bool isMoving)
{
  using ImageType = itk::Image<TPixel, 2>;
  const itk::SizeValueType          sizes[2] = { 45, 38 };
  const double                      spacings[2] = { 1.1, 0.9 };
  typename ImageType::SizeType      size;
  typename ImageType::IndexType     start;
  typename ImageType::SpacingType   spacing;
  typename ImageType::DirectionType direction;
  typename ImageType::PointType     origin;
  itk::ContinuousIndex<double, 2>   zero;
  direction.Fill(0.0);
  origin.Fill(0.0);
  for (unsigned int d = 0; d < 2; ++d)
  {
    const unsigned int axis = storage.IsPermuted ? 1 - d : d; // in space
    const double       sign = storage.IsFlipped && d == 0 ? -1.0 : 1.0;
    size[d] = sizes[axis];
    start[d] = storage.Start;
    spacing[d] = storage.Unit * spacings[axis];
    direction(axis, d) = sign;
    const double first = sign > 0.0 ? 0.0 : static_cast<double>(size[d]) - 1.0; // in voxels from the scene's corner
    origin[axis] = spacing[d] * (first - sign * static_cast<double>(storage.Start));
  }
  const auto image = ImageType::New();
  image->SetRegions(typename ImageType::RegionType(start, size));
  image->SetSpacing(spacing);
  image->SetDirection(direction);
  image->SetOrigin(origin);
  image->Allocate();
  for (itk::ImageRegionIteratorWithIndex<ImageType> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    typename ImageType::PointType point;
    image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    const double x = point[0] / storage.Unit;
    const double y = point[1] / storage.Unit;
    // whole numbers, so that all pixel types hold them
    const double value = isMoving ? Bump(x - 30.0, y - 19.0, 9.0) + 0.4 * Bump(x - 22.0, y - 9.0, 5.0)
                                  : Bump(x - 17.0, y - 15.0, 8.0) + 0.5 * Bump(x - 10.0, y - 23.0, 5.0);
    const double scale = isMoving ? storage.Moving : storage.Fixed;
    it.Set(static_cast<TPixel>(scale * (std::round(20000.0 * value) + 20000.0 * storage.Background)));
  }
  return image;
}

std::vector<Storage>
MakeStorages(bool ofBothReaches)
{
  std::vector<Storage> all(9);
  all[1].Fixed = 1e3;
  all[2].Moving = 1e-3;
  all[3].Unit = 1e4;
  all[4].Unit = 1e-4;
  all[5].Start = -17;
  all[6].IsFlipped = true;
  all[7].IsPermuted = true;
  all[8].WorkUnits = 3;
  if (ofBothReaches)
  {
    const auto balanced = all;
    all.insert(all.end(), balanced.begin(), balanced.end());
    std::for_each(all.begin() + static_cast<std::ptrdiff_t>(balanced.size()), all.end(), [](Storage & storage) {
      storage.Reach = 12.0;
    });
  }
  return all;
}

std::string
Name(const Storage & s)
{
  std::ostringstream name;
  name << "unit " << s.Unit << " intensities " << s.Fixed << ' ' << s.Moving << " start " << s.Start << " flipped "
       << s.IsFlipped << " permuted " << s.IsPermuted << " work units " << s.WorkUnits << " reach " << s.Reach;
  return name.str();
}

/** Divergence and the springs at some points of the fixed shape, in the scene's units. */
template <typename TPixel>
std::vector<double>
TransportScene(const Storage & storage, double tolerance)
{
  using ImageType = itk::Image<TPixel, 2>;
  const auto filter = itk::SinkhornTransportImageFilter<ImageType>::New();
  filter->SetFixedImage(MakeScene<TPixel>(storage, false));
  filter->SetMovingImage(MakeScene<TPixel>(storage, true));
  filter->SetBlur(2.0 * storage.Unit);
  filter->SetReach(storage.Reach * storage.Unit);
  filter->SetTolerance(tolerance);
  filter->SetMaximumNumberOfIterations(5000);
  filter->SetNumberOfWorkUnits(storage.WorkUnits);
  filter->Update();
  EXPECT_TRUE(filter->GetConverged());
  std::vector<double> result{ filter->GetDivergence() / (storage.Unit * storage.Unit) };
  for (const auto & place : { std::array<double, 2>{ 15.0, 14.0 }, { 15.0, 18.0 }, { 10.0, 17.0 }, { 8.0, 25.0 } })
  {
    typename ImageType::PointType point;
    point[0] = storage.Unit * 1.1 * place[0];
    point[1] = storage.Unit * 0.9 * place[1];
    typename ImageType::IndexType index;
    EXPECT_TRUE(filter->GetSprings()->TransformPhysicalPointToIndex(point, index));
    const auto spring = filter->GetSprings()->GetPixel(index);
    result.push_back(spring[0] / storage.Unit);
    result.push_back(spring[1] / storage.Unit);
  }
  return result;
}

template <typename TPixel>
void
CheckTransport(double tolerance, double bound)
{
  for (const auto & storage : MakeStorages(true))
  {
    Storage usual;
    usual.Reach = storage.Reach;
    const auto expected = TransportScene<double>(usual, tolerance);
    const auto found = TransportScene<TPixel>(storage, tolerance);
    ASSERT_GT(expected[0], 1.0);
    for (size_t i = 0; i < expected.size(); ++i)
    {
      EXPECT_NEAR(found[i], expected[i], bound * (1.0 + std::abs(expected[i]))) << Name(storage) << " component " << i;
    }
  }
}

TEST(SinkhornInvariance, TransportDependsOnTheSceneAlone)
{
  CheckTransport<double>(1e-7, 1e-5);
  CheckTransport<float>(1e-4, 1e-3);
}

TEST(SinkhornInvariance, PixelTypeDoesNotMatter)
{
  const auto expected = TransportScene<double>(Storage(), 1e-7);
  EXPECT_EQ(TransportScene<unsigned short>(Storage(), 1e-7), expected);
  EXPECT_EQ(TransportScene<int>(Storage(), 1e-7), expected);
}

TEST(SinkhornInvariance, ATinyBackgroundChangesLittle)
{
  for (const double reach : { 0.0, 12.0 })
  {
    Storage clean;
    clean.Reach = reach;
    Storage faint = clean;
    faint.Background = 1e-6;
    const auto expected = TransportScene<double>(clean, 1e-6);
    const auto found = TransportScene<double>(faint, 1e-6);
    for (size_t i = 0; i < expected.size(); ++i)
    {
      EXPECT_NEAR(found[i], expected[i], 2e-3 * (1.0 + std::abs(expected[i]))) << i;
    }
  }
}

TEST(SinkhornInvariance, MetricAndDerivative)
{
  using ImageType = itk::Image<double, 2>;
  const auto evaluate = [](const Storage & storage, MassModel model) {
    const auto metric = itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::New();
    const auto transform = itk::TranslationTransform<double, 2>::New();
    metric->SetFixedImage(MakeScene<double>(storage, false));
    metric->SetMovingImage(MakeScene<double>(storage, true));
    metric->SetMovingTransform(transform);
    metric->SetMassModel(model);
    metric->SetBlur(2.0 * storage.Unit);
    metric->SetReach(storage.Reach * storage.Unit);
    metric->SetTolerance(1e-8);
    metric->SetMaximumNumberOfIterations(5000);
    metric->SetMaximumNumberOfWorkUnits(storage.WorkUnits);
    metric->Initialize();
    double                                                                  value = 0.0;
    itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::DerivativeType derivative;
    metric->GetValueAndDerivative(value, derivative);
    EXPECT_TRUE(metric->GetConverged());
    return std::vector<double>{ value / (storage.Unit * storage.Unit),
                                derivative[0] / storage.Unit,
                                derivative[1] / storage.Unit };
  };
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    for (const auto & storage : MakeStorages(true))
    {
      Storage usual;
      usual.Reach = storage.Reach;
      const auto expected = evaluate(usual, model);
      const auto found = evaluate(storage, model);
      for (size_t i = 0; i < 3; ++i)
      {
        EXPECT_NEAR(found[i], expected[i], 1e-4 * (1.0 + std::abs(expected[i]))) << Name(storage) << ' ' << i;
      }
    }
  }
}

TEST(SinkhornInvariance, TransformInitializer)
{
  using ImageType = itk::Image<double, 2>;
  using TransformType = itk::AffineTransform<double, 2>;
  const auto initialize = [](const Storage & storage) {
    const auto transform = TransformType::New();
    const auto initializer = itk::SinkhornTransformInitializer<TransformType, ImageType>::New();
    initializer->SetTransform(transform);
    initializer->SetFixedImage(MakeScene<double>(storage, false));
    initializer->SetMovingImage(MakeScene<double>(storage, true));
    initializer->SetReach(storage.Reach * storage.Unit);
    initializer->SetMaximumNumberOfVoxels(500); // not a divisor of anything
    initializer->InitializeTransform();
    std::vector<double> result;
    for (const auto & place : { std::array<double, 2>{ 17.0, 15.0 }, { 10.0, 23.0 }, { 20.0, 10.0 } })
    {
      TransformType::InputPointType point;
      point[0] = place[0] * storage.Unit;
      point[1] = place[1] * storage.Unit;
      const auto image = transform->TransformPoint(point);
      result.push_back(image[0] / storage.Unit);
      result.push_back(image[1] / storage.Unit);
    }
    return result;
  };
  for (const auto & storage : MakeStorages(true))
  {
    Storage usual;
    usual.Reach = storage.Reach;
    const auto expected = initialize(usual);
    const auto found = initialize(storage);
    for (size_t i = 0; i < expected.size(); ++i)
    {
      EXPECT_NEAR(found[i], expected[i], 0.02) << Name(storage) << ' ' << i;
    }
  }
}

TEST(SinkhornInvariance, BarycentreOfDenormalImages)
{
  using ImageType = itk::Image<float, 2>;
  const auto make = [](double x, double unit) {
    return Testing::MakeDensity<ImageType>({ 40, 20 }, { 1.0, 1.0 }, [=](const ImageType::PointType & p) {
      return unit * std::round(1000.0 * Bump(p[0] - x, p[1] - 10.0, 6.0));
    });
  };
  const auto compute = [&](double unit) {
    const auto filter = itk::SinkhornBarycenterImageFilter<ImageType>::New();
    filter->SetInput(0, make(10.0, unit));
    filter->SetInput(1, make(28.0, unit));
    filter->SetBlur(3.0);
    filter->Update();
    return ImageType::Pointer(filter->GetOutput());
  };
  const double unit = std::ldexp(1.0, -135); // the largest voxel is below the smallest normal number
  const auto   usual = compute(1.0);
  const auto   small = compute(unit);
  double       largest = 0.0;
  for (itk::SizeValueType i = 0; i < 800; ++i)
  {
    const double expected = usual->GetBufferPointer()[i];
    EXPECT_NEAR(small->GetBufferPointer()[i] / unit, expected, 0.05 + 1e-3 * expected) << i;
    largest = std::max(largest, expected);
  }
  EXPECT_GT(largest, 300.0);
}

} // namespace
