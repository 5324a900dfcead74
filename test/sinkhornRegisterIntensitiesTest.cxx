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
// What sinkhorn-register makes of the intensities of images that are no shapes: mass, contrast, start and finish.
#include "sinkhornRegisterFigures.h"

#include "itkImageIOFactory.h"

#include <cmath>
#include <functional>
#include <string>
#include <tuple>
#include <utility>

namespace
{

using namespace SinkhornRegisterTesting;
using nlohmann::json;

class SinkhornRegisterIntensities : public ProgramTest
{};

/** What the recipe chooses for images that are not shapes, and what it leaves to the caller. */
TEST_F(SinkhornRegisterIntensities, FinishOfIntensities)
{
  const auto bump = [](double x) {
    return [x](const itk::Point<double, 2> & p) {
      return std::exp(-(itk::Math::sqr(p[0] - x) + itk::Math::sqr(p[1] - 16.0)) / 100.0) *
             (2.0 + std::sin(0.9 * (p[0] - x)) + std::cos(0.7 * p[1]));
    };
  };
  Write(MakeImage<float, 2>({ { 32, 32 } }, bump(14.0)).GetPointer(), Path("fixed.mha"));
  Write(MakeImage<float, 2>({ { 32, 32 } }, bump(18.0)).GetPointer(), Path("moving.mha"));
  const std::string files = "--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                            Path("out") + " --iterations 2x2 --quiet";
  using Choice = std::tuple<std::string, std::string, std::string, double>;
  for (const auto & [option, transform, metric, standardize] :
       { Choice("", "greedy", "cc", 0.0),
         Choice(" --standardize 5", "greedy", "cc", 5.0),
         Choice(" --finish lncc --radius 2 --total-sigma 0.7", "greedy", "cc", 0.0),
         Choice(" --finish meansquares", "greedy", "meansquares", 16.0),
         Choice(" --finish meansquares --standardize 0", "greedy", "meansquares", 0.0),
         Choice(" --transform velocity", "velocity", "meansquares", 16.0),
         Choice(" --finish mattes", "syn", "mattes", 0.0) })
  {
    SCOPED_TRACE(option);
    ASSERT_EQ(Run(files + option).ExitCode, 0);
    const json finish = ReadReport(Path("out"))["stages"].back();
    EXPECT_EQ(finish["transform"], transform);
    EXPECT_EQ(finish["metric"], metric);
    EXPECT_EQ(finish["standardize"].get<double>(), standardize);
  }
}

/** Dark tissue on white, as slides show it, and its negative: by default the tissue is the mass, and local correlation
 * refines whatever the contrast. */
TEST_F(SinkhornRegisterIntensities, SlidesAndOtherContrasts)
{
  const auto tissue = [](double x, double base, double factor) {
    return MakeImage<unsigned char, 2>({ { 64, 64 } }, [=](const itk::Point<double, 2> & p) {
      const double radius = std::hypot((p[0] - x) / 17.0, (p[1] - 32.0) / 13.0);
      const double texture = 1.0 + 0.4 * std::sin(0.6 * (p[0] - x)) * std::cos(0.5 * p[1]);
      return base + factor * (radius < 1.0 ? 120.0 * texture : 0.0);
    });
  };
  Write(tissue(25.0, 243.0, -1.0).GetPointer(), Path("white.png"));
  Write(tissue(37.0, 243.0, -1.0).GetPointer(), Path("whiteMoved.png"));
  Write(tissue(37.0, 0.0, 1.0).GetPointer(), Path("blackMoved.png"));
  for (const std::string moving : { "whiteMoved.png", "blackMoved.png" })
  {
    SCOPED_TRACE(moving);
    const Outcome outcome =
      Run("--fixed " + Path("white.png") + " --moving " + Path(moving) + " --output " + Path("out") + " --threads 1");
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const json report = ReadReport(Path("out"));
    EXPECT_EQ(report["density"], "auto");
    EXPECT_EQ(report["density_fixed"].get<std::string>().rfind("window:243:", 0), 0U) << report["density_fixed"];
    EXPECT_NE(outcome.Output.find("white.png': window:243:75 (dark on bright)"), std::string::npos) << outcome.Output;
    EXPECT_EQ(report["folded_fraction"], 0.0);
    const auto transform = ReadTransform<2>(Path("out/transform.h5"));
    for (const double x : { 16.0, 25.0, 33.0 })
    {
      EXPECT_LT((transform->TransformPoint(PointAt(x, 30.0)) - PointAt(x + 12.0, 30.0)).GetNorm(), 0.5) << x;
    }
  }
}

/** What is bright in one image is now bright, now dark in the other, as in T1 and T2: mass and local correlation would
 * mislead, and mutual information takes over. A clean negative is not of that kind. */
TEST_F(SinkhornRegisterIntensities, MixedContrasts)
{
  const auto head = [](double x, const std::function<double(double)> & contrast) {
    return MakeImage<float, 2>({ { 72, 72 } }, [=](const itk::Point<double, 2> & p) {
      const double radius = std::hypot((p[0] - x) / 24.0, (p[1] - 36.0) / 20.0);
      const double tissue = 0.5 + 0.35 * std::sin(0.55 * (p[0] - x)) * std::cos(0.45 * p[1]);
      return radius < 1.0 ? contrast(tissue) : 0.0;
    });
  };
  const auto plain = [](double tissue) { return 100.0 * tissue; };
  Write(head(35.0, plain).GetPointer(), Path("fixed.mha"));
  Write(head(38.0, plain).GetPointer(), Path("same.mha"));
  Write(head(38.0, [](double tissue) { return 100.0 * (1.0 - tissue); }).GetPointer(), Path("other.mha"));
  for (const auto & [moving, metric] : { std::pair("same.mha", "cc"), std::pair("other.mha", "mattes") })
  {
    SCOPED_TRACE(moving);
    const Outcome outcome =
      Run("--fixed " + Path("fixed.mha") + " --moving " + Path(moving) + " --output " + Path("out") + " --threads 1");
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const json report = ReadReport(Path("out"));
    EXPECT_EQ(report["stages"].back()["metric"], metric);
    EXPECT_EQ(outcome.Output.find("contrasts of both images differ") != std::string::npos,
              metric == std::string("mattes"));
    const auto transform = ReadTransform<2>(Path("out/transform.h5"));
    for (const double x : { 25.0, 35.0, 45.0 })
    {
      EXPECT_LT((transform->TransformPoint(PointAt(x, 36.0)) - PointAt(x + 3.0, 36.0)).GetNorm(), 1.0) << x;
    }
  }
}

/** Brightness that drifts over one image moves its centre of mass, not what it shows. */
TEST_F(SinkhornRegisterIntensities, StartsFromWhatIsMoreSimilar)
{
  const auto slice = [](double drift, double x) {
    return MakeImage<float, 2>({ { 72, 72 } }, [drift, x](const itk::Point<double, 2> & p) {
      const double radius = std::hypot((p[0] - x) / 24.0, (p[1] - 36.0) / 20.0);
      const double tissue = 0.5 + 0.35 * std::sin(0.3 * (p[0] - x)) * std::cos(0.25 * p[1]);
      return radius < 1.0 ? 100.0 * tissue * std::exp(drift * (p[0] - x)) : 0.0;
    });
  };
  Write(slice(0.015, 36.0).GetPointer(), Path("fixed.mha"));
  Write(slice(-0.015, 38.0).GetPointer(), Path("moving.mha"));
  const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                              Path("out") + " --threads 1");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_NE(outcome.Output.find("the start from springs is less similar"), std::string::npos) << outcome.Output;
  const auto transform = ReadTransform<2>(Path("out/transform.h5"));
  for (const double x : { 24.0, 36.0, 48.0 })
  {
    EXPECT_LT((transform->TransformPoint(PointAt(x, 36.0)) - PointAt(x + 2.0, 36.0)).GetNorm(), 0.7) << x;
  }
}

/** The ways from intensity to mass: all but as-is take an image with negative values; a window cuts. */
TEST_F(SinkhornRegisterIntensities, Densities)
{
  const auto image = [](double x) {
    const auto shape = Ellipsoid<2>(PointAt(x, 16.0), VectorOf(6.0, 6.0), 1000.0);
    return MakeImage<short, 2>({ { 40, 32 } }, [=](const itk::Point<double, 2> & p) { return shape(p) - 1000.0; });
  };
  Write(image(12).GetPointer(), Path("fixed.mha"));
  Write(image(26).GetPointer(), Path("moving.mha"));
  for (const std::string density : { "auto", "shift", "window:-1000:-200" })
  {
    SCOPED_TRACE(density);
    const Outcome outcome =
      Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path("out") +
          " --transform translation --iterations 40x20 --quiet --density " + density);
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const json report = ReadReport(Path("out"));
    EXPECT_EQ(report["density"], density);
    EXPECT_NEAR(report["value_before"].get<double>(), 0.5 * 14.0 * 14.0, 1.0);
    const auto found = ReadTransform<2>(Path("out/transform.h5"))->TransformPoint(PointAt(12.0, 16.0));
    EXPECT_NEAR(found[0], 26.0, 0.2);
    // 16 bits in, 16 bits out; what comes from outside the moving image is as dark as its darkest voxel.
    const auto io = itk::ImageIOFactory::CreateImageIO(Path("out/warped.nii.gz").c_str(),
                                                       itk::ImageIOFactory::IOFileModeEnum::ReadMode);
    io->SetFileName(Path("out/warped.nii.gz"));
    io->ReadImageInformation();
    EXPECT_EQ(io->GetComponentType(), itk::IOComponentEnum::SHORT);
    EXPECT_EQ((Read<itk::Image<short, 2>>(Path("out/warped.nii.gz"))->GetPixel({ { 39, 0 } })), -1000);
  }
  EXPECT_EQ(ReadReport(Path("out"))["density_moving"], "window:-1000:-200");
  // Clamped, this image has no mass at all, and the message says so.
  const Outcome empty = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                            Path("none") + " --density clamp --quiet");
  EXPECT_NE(empty.ExitCode, 0);
  EXPECT_NE(empty.Errors.find("mass is 0 under --density clamp"), std::string::npos) << empty.Errors;
  EXPECT_FALSE(fs::exists(Path("none")));
}

} // namespace
