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
// What has no counterpart in the other image: lesions, and holes of masks.
#include "itkSinkhornMetricTestUtilities.h"
#include "itkSinkhornRegistrationMethod.h"

#include <gtest/gtest.h>

#include <array>

using namespace itk::Sinkhorn::Test;

namespace
{

using ImageType = itk::SinkhornRegistration::ImageType<2>;
using MethodType = itk::SinkhornRegistrationMethod<ImageType>;
using MaskType = MethodType::MaskImageType;

constexpr itk::SizeValueType side = 72;
const itk::Vector<double, 2> shift(std::array<double, 2>{ { 3.0, -2.0 } }.data());
const itk::Point<double, 2>  lesion(std::array<double, 2>{ { 46.0, 30.0 } }); // in the moving image

double
Tissue(const itk::Point<double, 2> & point)
{
  const double radius =
    std::hypot((point[0] - 36.0) / 1.2, (point[1] - 35.0) / 0.7); // round would leave rotations open
  const double texture = 200.0 + 60.0 * std::sin(0.45 * point[0]) * std::cos(0.38 * point[1] + 0.2 * point[0]);
  return texture / (1.0 + std::exp(1.5 * (radius - 22.0)));
}

double
DistanceToLesion(const itk::Point<double, 2> & point)
{
  return point.EuclideanDistanceTo(lesion);
}

/** The same tissue, shifted, with a bright growth in the moving image. */
MethodType::Pointer
MakeMethod()
{
  const auto geometry = MakeCube<2>(side);
  const auto method = MethodType::New();
  method->SetFixedImage(MakeImage<ImageType>(geometry, [](const auto & point) { return Tissue(point); }));
  method->SetMovingImage(MakeImage<ImageType>(
    geometry, [](const auto & point) { return DistanceToLesion(point) < 8.0 ? 900.0 : Tissue(point - shift); }));
  method->SetInitialize("sinkhorn-rigid"); // what is excluded is shared after the start
  method->SetSetting("reach", "8");
  method->SetFinish("none");
  method->SetSetting("iterations", "40x20x10");
  return method;
}

MaskType::Pointer
MakeMask(bool isLesion)
{
  return MakeImage<MaskType>(
    MakeCube<2>(side), [isLesion](const auto & point) { return (DistanceToLesion(point) < 8.5) == isLesion ? 1 : 0; });
}

/** Mean error of a map, mm, within the tissue and outside the lesion. \param way from fixed to moving tissue. */
double
MeasureError(const MethodType * method, const itk::Vector<double, 2> & way)
{
  double       total = 0.0;
  unsigned int count = 0;
  for (double x = 20.0; x < 54.0; x += 2.0)
  {
    for (double y = 20.0; y < 52.0; y += 2.0)
    {
      // As it lies in the image with the lesion.
      const itk::Point<double, 2> point(std::array<double, 2>{ { x, y } });
      if (DistanceToLesion(point) > 9.0 && Tissue(point - shift) > 100.0)
      {
        const auto fixed = way[0] > 0.0 ? point - way : point;
        total += (method->GetTransform()->TransformPoint(fixed) - fixed - way).GetNorm();
        ++count;
      }
    }
  }
  return total / count;
}

TEST(SinkhornRegistrationExclusions, MassDoesNotFollowWhatTheOtherImageLacks)
{
  const auto plain = MakeMethod();
  plain->Update();
  const auto excluded = MakeMethod();
  excluded->SetMovingExclusion(MakeMask(true));
  excluded->Update();
  EXPECT_LT(MeasureError(excluded, shift), 1.5);
  EXPECT_LT(MeasureError(excluded, shift), 0.3 * MeasureError(plain, shift));
}

TEST(SinkhornRegistrationExclusions, HolesOfMasksMeanTheSame)
{
  const auto excluded = MakeMethod();
  excluded->SetMovingExclusion(MakeMask(true));
  excluded->Update();
  const auto masked = MakeMethod();
  masked->SetMovingMask(MakeMask(false));
  masked->Update();
  const itk::Point<double, 2> point(std::array<double, 2>{ { 30.0, 40.0 } });
  EXPECT_EQ(excluded->GetTransform()->TransformPoint(point), masked->GetTransform()->TransformPoint(point));
}

/** The other way round, so that the map's inverse has to be used. */
TEST(SinkhornRegistrationExclusions, OfTheFixedImage)
{
  const auto plain = MakeMethod();
  const auto method = MakeMethod();
  for (auto * turned : { plain.GetPointer(), method.GetPointer() })
  {
    const ImageType::ConstPointer fixed = turned->GetFixedImage();
    turned->SetFixedImage(turned->GetMovingImage());
    turned->SetMovingImage(fixed);
  }
  method->SetFixedExclusion(MakeMask(true));
  plain->Update();
  method->Update();
  EXPECT_LT(MeasureError(method, -shift), 1.5);
  EXPECT_LT(MeasureError(method, -shift), 0.3 * MeasureError(plain, -shift));
}

/** A pair as users have it: nothing is marked, and everything is left at its default. */
MethodType::Pointer
MakePlainMethod(float brightness, bool isInFixed)
{
  const auto method = MethodType::New();
  const auto geometry = MakeCube<2>(side);
  const auto grown = MakeImage<ImageType>(geometry, [brightness](const auto & point) {
    return DistanceToLesion(point) < 8.0 ? brightness : static_cast<float>(Tissue(point - shift));
  });
  const auto sound = MakeImage<ImageType>(geometry, [](const auto & point) { return Tissue(point); });
  method->SetFixedImage(isInFixed ? grown : sound);
  method->SetMovingImage(isInFixed ? sound : grown);
  return method;
}

/** Mean error of a map, mm, in the lesion and up to a radius of it around it. */
double
MeasureErrorAtLesion(const MethodType * method, bool isInFixed)
{
  const auto   way = isInFixed ? -shift : shift;
  double       total = 0.0;
  unsigned int count = 0;
  for (double x = -14.0; x <= 14.0; x += 2.0)
  {
    for (double y = -14.0; y <= 14.0; y += 2.0)
    {
      auto point = lesion;
      point[0] += x;
      point[1] += y;
      if (DistanceToLesion(point) < 14.0)
      {
        const auto fixed = isInFixed ? point : point - way;
        total += (method->GetTransform()->TransformPoint(fixed) - fixed - way).GetNorm();
        ++count;
      }
    }
  }
  return total / count;
}

TEST(SinkhornRegistrationExclusions, WhatOneImageAloneShowsIsFound)
{
  for (const bool isInFixed : { false, true })
  {
    for (const float brightness : { 900.0F, 5.0F })
    {
      const auto method = MakePlainMethod(brightness, isInFixed);
      method->Update();
      EXPECT_LT(MeasureErrorAtLesion(method, isInFixed), 0.2) << brightness << (isInFixed ? " fixed" : " moving");
      // The disc of radius 8 mm with a margin of up to 4 mm, of an ellipse with half axes of 22 * 1.2 and 22 * 0.7 mm.
      const auto &     report = method->GetReport();
      const double     part = isInFixed ? report.UnmatchedFixed : report.UnmatchedMoving;
      constexpr double whole = 22.0 * 22.0 * 1.2 * 0.7;
      EXPECT_GT(part, 8.0 * 8.0 / whole);
      EXPECT_LT(part, 12.0 * 12.0 / whole);
    }
  }
}

TEST(SinkhornRegistrationExclusions, WhatOneImageAloneShowsIsComparedIfAskedFor)
{
  const auto found = MakePlainMethod(900.0F, false);
  found->Update();
  const auto kept = MakePlainMethod(900.0F, false);
  kept->SetKeepUnmatched(true);
  kept->Update();
  EXPECT_EQ(kept->GetReport().UnmatchedMoving, 0.0);
  EXPECT_EQ(kept->GetReport().UnmatchedFixed, 0.0);
  EXPECT_GT(MeasureErrorAtLesion(kept, false), 2.0 * MeasureErrorAtLesion(found, false));
}

} // namespace
