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
// What counts as mass by default: background from what the border shows.
#include "itkSinkhornMetricTestUtilities.h"
#include "itkSinkhornRegistrationEngine.h"

#include <gtest/gtest.h>

#include <random>

using namespace itk::Sinkhorn::Test;
namespace Registration = itk::SinkhornRegistration;
using Registration::DensityRule;

namespace
{

using Mode = DensityRule::Mode;
using ImageType = Registration::ImageType<2>;

constexpr itk::SizeValueType side = 80;

/** An image of a function of the distance from the middle, voxels, and of a standard normal variate. */
template <typename TFunction>
ImageType::Pointer
MakeScene(const TFunction & function)
{
  const auto                       geometry = MakeCube<2>(side);
  std::mt19937                     random(11);
  std::normal_distribution<double> normal;
  return MakeImage<ImageType>(geometry, [&](const itk::Point<double, 2> & point) {
    return function(std::hypot(point[0] - 39.0, point[1] - 41.0), normal(random));
  });
}

/** Tissue of some texture within 20 voxels. */
double
Tissue(double radius)
{
  return radius < 20.0 ? 300.0 + 100.0 * std::cos(0.7 * radius) : 0.0;
}

Registration::Plan
ChooseFor(Registration::ImagePair<2> & images, const std::string & density)
{
  Registration::PlanRequest request;
  request.Density = density;
  Registration::Plan plan = Registration::MakePlan(request);
  Registration::ChooseDensities<2>(plan, images);
  EXPECT_EQ(plan.Mass.ToString(), density);
  return plan;
}

DensityRule
Choose(ImageType * image, const std::string & density = "auto")
{
  Registration::ImagePair<2> images;
  images.Fixed = image;
  images.Moving = image;
  const auto plan = ChooseFor(images, density);
  EXPECT_EQ(plan.FixedMass.ToString(), plan.MovingMass.ToString());
  return plan.FixedMass;
}

TEST(SinkhornRegistrationBackground, CleanImagesAreTakenAsTheyAre)
{
  EXPECT_EQ(Choose(MakeScene([](double r, double) { return Tissue(r); })).How, Mode::AsIs);
  EXPECT_EQ(Choose(MakeScene([](double r, double) { return r < 20.0 ? 1.0 : 0.0; })).How, Mode::AsIs);
  EXPECT_EQ(Choose(MakeScene([](double r, double) { return r < 9.0 ? 2.0 : r < 20.0 ? 1.0 : 0.0; })).How, Mode::AsIs);
  EXPECT_EQ(Choose(MakeScene([](double r, double) { return std::max(1e-6, Tissue(r)); })).How, Mode::AsIs);
  // A small thing in a large frame.
  EXPECT_EQ(Choose(MakeScene([](double r, double) { return r < 3.0 ? 7.0 : 0.0; })).How, Mode::AsIs);
}

TEST(SinkhornRegistrationBackground, NoiseAndPedestalsAreNoMass)
{
  for (const double unit : { 1e-3, 1.0, 1e3 })
  {
    const auto noisy =
      Choose(MakeScene([unit](double r, double noise) { return unit * (50.0 + Tissue(r) + 3.0 * noise); }));
    ASSERT_EQ(noisy.How, Mode::Window) << unit;
    EXPECT_GT(noisy.Low, 53.0 * unit);
    EXPECT_LT(noisy.Low, 65.0 * unit);
    EXPECT_GT(noisy.High, 400.0 * unit);
  }
}

TEST(SinkhornRegistrationBackground, DarkThingsOnABrightGround)
{
  const auto slide = Choose(MakeScene([](double r, double noise) { return 240.0 - 0.4 * Tissue(r) + 2.0 * noise; }));
  ASSERT_EQ(slide.How, Mode::Window);
  EXPECT_LT(slide.Low, 238.0);
  EXPECT_GT(slide.Low, 225.0);
  EXPECT_LT(slide.High, 100.0);
  const auto shape = Choose(MakeScene([](double r, double) { return r < 20.0 ? 0.0 : 1.0; }));
  ASSERT_EQ(shape.How, Mode::Window);
  EXPECT_EQ(shape.Low, 1.0);
  EXPECT_EQ(shape.High, 0.0);
}

TEST(SinkhornRegistrationBackground, AirOfCtWithAndWithoutPadding)
{
  for (const double padding : { -1000.0, -2000.0, -3024.0 })
  {
    const auto rule = Choose(MakeScene([padding](double r, double noise) {
      return r > 36.0 ? padding : r > 20.0 ? std::round(-1000.0 + 4.0 * noise) : -600.0 + 2.0 * Tissue(r);
    }));
    ASSERT_EQ(rule.How, Mode::Window) << padding;
    EXPECT_GE(rule.Low, -1000.0);
    EXPECT_LT(rule.Low, -900.0);
    EXPECT_NEAR(rule.High, 200.0, 10.0);
  }
}

/** Where the rest would be a disc of air for "shift" and an outline to match for metrics of intensities. */
TEST(SinkhornRegistrationBackground, PaddingCountsAsTheLowestIntensityThatWasMeasured)
{
  for (const char * density : { "auto", "shift", "clamp", "window:-200:200" })
  {
    const auto make = [](double padding) {
      return MakeScene([padding](double r, double) {
        return r > 36.0 ? padding : r > 20.0 ? -1000.0 : -600.0 + 2.0 * Tissue(r);
      });
    };
    const auto                 air = make(-1000.0);
    const auto                 padded = make(-3024.0);
    const auto                 untouched = make(-3024.0);
    Registration::ImagePair<2> images;
    images.Fixed = padded;
    images.Moving = air;
    const auto               plan = ChooseFor(images, density);
    const itk::SizeValueType count = side * side;
    EXPECT_TRUE(std::equal(air->GetBufferPointer(), air->GetBufferPointer() + count, images.Fixed->GetBufferPointer()))
      << density;
    EXPECT_EQ(images.Moving, air) << density;
    EXPECT_TRUE(
      std::equal(padded->GetBufferPointer(), padded->GetBufferPointer() + count, untouched->GetBufferPointer()))
      << density;
    if (std::string(density) != "auto")
    {
      EXPECT_EQ(plan.FixedMass.ToString(), density);
    }
  }
}

TEST(SinkhornRegistrationBackground, SingleBrightVoxelsCountAsTheOthers)
{
  const auto image = MakeScene([](double r, double) { return Tissue(r); });
  image->SetPixel({ { 30, 31 } }, 1e5F);
  const auto rule = Choose(image);
  ASSERT_EQ(rule.How, Mode::Window);
  EXPECT_LT(rule.High, 420.0);
  EXPECT_GT(rule.High, 350.0);
}

TEST(SinkhornRegistrationBackground, SignedDataCountOnBothSides)
{
  const auto rule =
    Choose(MakeScene([](double r, double noise) { return 1e-3 * noise + (r < 20.0 ? 0.1 * std::cos(0.7 * r) : 0.0); }));
  ASSERT_EQ(rule.How, Mode::Around);
  EXPECT_NEAR(rule.Low, 0.0, 1e-3);
  EXPECT_NEAR(rule.High, 0.1, 0.01);
}

TEST(SinkhornRegistrationBackground, CropsAreTakenAsTheyAreUnlessNegative)
{
  const auto crop = [](double pedestal) {
    return [pedestal](double r, double noise) { return pedestal + 150.0 + 100.0 * std::cos(0.3 * r) + 8.0 * noise; };
  };
  const auto plain = MakeScene([&](double r, double noise) { return std::max(0.0, crop(-40.0)(r, noise)); });
  EXPECT_EQ(Choose(plain).How, Mode::AsIs);
  EXPECT_EQ(Choose(MakeScene(crop(1000.0))).How, Mode::AsIs);
  const auto lowered = Choose(MakeScene(crop(-200.0)));
  ASSERT_EQ(lowered.How, Mode::Window);
  EXPECT_NEAR(lowered.Low, -160.0, 20.0);
}

TEST(SinkhornRegistrationBackground, OnlyWhereMassIsSeen)
{
  Registration::PlanRequest request;
  request.Metric = "meansquares";
  Registration::ImagePair<2> images;
  images.Fixed = MakeScene([](double r, double) { return 240.0 - 0.4 * Tissue(r); });
  images.Moving = images.Fixed;
  Registration::Plan plan = Registration::MakePlan(request);
  Registration::ChooseDensities<2>(plan, images);
  EXPECT_EQ(plan.FixedMass.How, Mode::AsIs);
}

} // namespace
