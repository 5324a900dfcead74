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

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
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

/** Two discs of different brightness, each with a brighter core of a size of its own, that have changed places: equal
 * masses lie as they should, and by intensity they are turned, whatever the scale of the intensities. */
TEST_F(SinkhornRegisterIntensities, FeaturesOfTheStart)
{
  constexpr double dark = 20.0;
  constexpr double bright = 120.0;
  const auto       discs = [](double left, double right, double factor, double shift) {
    return MakeImage<short, 2>({ { 96, 96 } }, [=](const itk::Point<double, 2> & p) {
      for (const auto & [x, y, level] : { std::make_tuple(30.0, 46.0, left), std::make_tuple(66.0, 50.0, right) })
      {
        const double radius = std::hypot(p[0] - x, p[1] - y);
        if (radius < 12.0)
        {
          return factor * (level + (radius < (level == dark ? 4.0 : 8.0) ? 10.0 : 0.0)) + shift;
        }
      }
      return 0.0;
    });
  };
  Write(discs(dark, bright, 1.0, 0.0).GetPointer(), Path("fixed.nii.gz"));
  Write(discs(bright, dark, 1.0, 0.0).GetPointer(), Path("moving.nii.gz"));
  Write(discs(bright, dark, 3.0, 50.0).GetPointer(), Path("scaled.nii.gz"));
  const std::string start = "--transform rigid --metric sinkhorn --initialize sinkhorn-rigid --density window:0:1 "
                            "--iterations 5 --threads 1 --fixed " +
                            Path("fixed.nii.gz") + " --fixed-labels " + Path("fixed.nii.gz") + " --moving-labels " +
                            Path("moving.nii.gz") + " --output " + Path("out") + " --moving ";
  const auto diceOf = [&](const std::string & moving, const std::string & features) {
    const Outcome outcome = Run(start + Path(moving) + " --features " + features);
    EXPECT_TRUE(outcome.ExitCode == 0 || outcome.ExitCode == 3) << outcome.Errors;
    const json report = ReadReport(Path("out"));
    EXPECT_EQ(report["features"], features);
    return report["dice_after"].begin().value().get<double>();
  };
  EXPECT_LT(diceOf("moving.nii.gz", "none"), 0.2);
  EXPECT_GT(diceOf("moving.nii.gz", "intensity:4:80"), 0.9);
  EXPECT_LT(diceOf("moving.nii.gz", "intensity:4:5"), 0.2); // nearer than the other disc
  EXPECT_GT(diceOf("scaled.nii.gz", "intensity:4:80"), 0.9);
  for (const auto & [options, text] : { std::make_pair("intensity:1", "2 to 256 bins"),
                                        std::make_pair("intensity:4.5", "2 to 256 bins"),
                                        std::make_pair("intensity:4:0", "must be greater than 0"),
                                        std::make_pair("labels:4", "only intensity:BINS:MM has any"),
                                        std::make_pair("intensity:4", "only a start from springs sees it") })
  {
    const Outcome outcome = Run("--transform rigid --fixed " + Path("fixed.nii.gz") + " --moving " +
                                Path("moving.nii.gz") + " --output " + Path("out") + " --features " + options);
    EXPECT_NE(outcome.Errors.find(text), std::string::npos) << options << ": " << outcome.Errors;
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

/** A linear transform whose metric is left open is refined where mass means something else in the other image; whoever
 * asks for transport alone gets it. */
TEST_F(SinkhornRegisterIntensities, LinearTransformsOfOtherContrasts)
{
  const auto head = [](double x, bool isInverted) {
    return MakeImage<float, 2>({ { 72, 72 } }, [=](const itk::Point<double, 2> & p) {
      const double radius = std::hypot((p[0] - x) / 24.0, (p[1] - 36.0) / 20.0);
      const double tissue = 0.5 + 0.35 * std::sin(0.55 * (p[0] - x)) * std::cos(0.45 * p[1]);
      return radius < 1.0 ? 100.0 * (isInverted ? 1.0 - tissue : tissue) : 0.0;
    });
  };
  Write(head(35.0, false).GetPointer(), Path("fixed.mha"));
  Write(head(38.0, true).GetPointer(), Path("moving.mha"));
  const std::string files =
    "--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path("out") + " --threads 1";
  for (const auto & [option, stages] : { std::pair(" --transform rigid", 2U),
                                         std::pair(" --transform affine", 2U),
                                         std::pair(" --transform affine --metric sinkhorn", 1U) })
  {
    SCOPED_TRACE(option);
    const Outcome outcome = Run(files + option);
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const json report = ReadReport(Path("out"));
    ASSERT_EQ(report["stages"].size(), stages);
    EXPECT_EQ(report["stages"].front()["metric"], "sinkhorn");
    EXPECT_EQ(report["stages"].back()["metric"], stages > 1 ? "mattes" : "sinkhorn");
    const auto transform = ReadTransform<2>(Path("out/transform.h5"));
    for (const double x : { 25.0, 35.0, 45.0 })
    {
      const double error = (transform->TransformPoint(PointAt(x, 36.0)) - PointAt(x + 3.0, 36.0)).GetNorm();
      EXPECT_LT(error, stages > 1 ? 0.5 : 1.0) << x;
    }
  }
  const Outcome outcome = Run(files + " --finish cc");
  EXPECT_NE(outcome.Output.find("--finish mattes"), std::string::npos) << outcome.Output;
}

/** An image that has lost its orientation: its mass is nearly the same either way, what it shows is not. */
TEST_F(SinkhornRegisterIntensities, OrientationThatWasLost)
{
  const double pi = itk::Math::pi;
  for (const double angle : { 0.0, 100.0 * pi / 180.0, pi })
  {
    SCOPED_TRACE(angle);
    const double c = std::cos(angle);
    const double s = std::sin(angle);
    const auto   toMoving = [=](const itk::Point<double, 2> & p) {
      return PointAt(33.0 + c * (p[0] - 31.0) - s * (p[1] - 32.0), 30.0 + s * (p[0] - 31.0) + c * (p[1] - 32.0));
    };
    const auto brain = [](double u, double v) {
      const double texture = 0.3 * std::sin(0.31 * u + 0.5) * std::cos(0.37 * v) + 0.2 * std::sin(0.23 * v - 0.2 * u);
      return std::hypot(u / 22.0, v / 20.0) < 1.0 ? 100.0 * (0.6 + texture) : 0.0;
    };
    const auto fixed = MakeImage<float, 2>(
      { { 64, 64 } }, [&](const itk::Point<double, 2> & p) { return brain(p[0] - 31.0, p[1] - 32.0); });
    const auto moving = MakeImage<float, 2>({ { 64, 64 } }, [&](const itk::Point<double, 2> & p) {
      const double x = p[0] - 33.0;
      const double y = p[1] - 30.0;
      return brain(c * x + s * y, c * y - s * x);
    });
    Write(fixed.GetPointer(), Path("fixed.mha"));
    Write(moving.GetPointer(), Path("moving.mha"));
    for (const std::string option : { "", " --transform rigid" })
    {
      SCOPED_TRACE(option);
      const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                                  Path("out") + " --threads 1" + option);
      ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
      const auto transform = ReadTransform<2>(Path("out/transform.h5"));
      for (const auto & point : { PointAt(31.0, 32.0), PointAt(20.0, 30.0), PointAt(40.0, 40.0) })
      {
        EXPECT_LT((transform->TransformPoint(point) - toMoving(point)).GetNorm(), 0.5) << point;
      }
    }
  }
}

/** Rigid maps alone rate a wrong orientation higher here, since the thing is stretched and bent: where the coarse
 * levels of the finish lead tells. */
TEST_F(SinkhornRegisterIntensities, OrientationThatADeformationTells)
{
  constexpr double middle = 63.5;
  const auto       scene = [](double x, double y, double phase) {
    const double body = std::clamp(8.0 * (1.0 - std::hypot(x / 50.0, y / 56.0)), 0.0, 1.0);
    double       value = 60.0 * body;
    for (int i = 0; i < 6; ++i)
    {
      const double angle = 2.4 * i + phase;
      const double distance = 8.0 + 28.0 * std::fmod((i + 1) * 0.618034, 1.0);
      const double width = 4.0 + 6.0 * std::fmod((i + 1) * 0.754877, 1.0);
      const double u = (x - distance * std::cos(angle)) / width;
      const double v = (y - distance * std::sin(angle)) / width;
      value += body * (i % 2 == 0 ? -30.0 : 25.0) * std::exp(-0.5 * (u * u + v * v));
    }
    return std::max(value, 0.0);
  };
  // From points of the moving image to points of the fixed one, both about the middle.
  const auto carry = [](double x, double y) {
    const double angle = itk::Math::pi / 9.0;
    const double u = 1.08 * (std::cos(angle) * x - std::sin(angle) * y) + 3.0;
    const double v = 0.93 * (std::sin(angle) * x + std::cos(angle) * y) - 2.0;
    return VectorOf(u + 3.0 * std::sin(v / 14.0), v + 3.0 * std::sin(u / 16.0));
  };
  for (const double phase : { 4.0, 5.0 })
  {
    Write(
      MakeImage<float, 2>({ { 128, 128 } },
                          [&](const itk::Point<double, 2> & p) { return scene(p[0] - middle, p[1] - middle, phase); })
        .GetPointer(),
      Path("fixed.mha"));
    Write(MakeImage<float, 2>({ { 128, 128 } },
                              [&](const itk::Point<double, 2> & p) {
                                const auto from = carry(p[0] - middle, p[1] - middle);
                                return scene(from[0], from[1], phase);
                              })
            .GetPointer(),
          Path("moving.mha"));
    const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                                Path("out") + " --threads 2");
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const auto transform = ReadTransform<2>(Path("out/transform.h5"));
    double     error = 0.0;
    int        count = 0;
    for (double x = -28.0; x < 29.0; x += 8.0)
    {
      for (double y = -28.0; y < 29.0; y += 8.0, ++count)
      {
        const auto from = carry(x, y);
        const auto found = transform->TransformPoint(PointAt(from[0] + middle, from[1] + middle));
        error += std::hypot(found[0] - middle - x, found[1] - middle - y);
      }
    }
    EXPECT_LT(error / count, 0.8) << phase;
  }
}

/** The same in space: turned upside down, as a header that lies does it. */
TEST_F(SinkhornRegisterIntensities, VolumeUpsideDown)
{
  const auto head = [](double u, double v, double w) {
    const double radius = std::sqrt(u * u / 144.0 + v * v / 169.0 + w * w / 121.0);
    const double texture = 0.3 * std::sin(0.4 * u + 0.5) * std::cos(0.35 * v) + 0.25 * std::sin(0.3 * w - 0.2 * u);
    return radius < 1.0 ? 100.0 * (0.6 + texture) : 0.0;
  };
  const auto make = [&](double sign, double shift) {
    return MakeImage<float, 3>({ { 36, 36, 36 } }, [=](const itk::Point<double, 3> & p) {
      return head(p[0] - 18.0, sign * (p[1] - 18.0 - shift), sign * (p[2] - 18.0));
    });
  };
  Write(make(1.0, 0.0).GetPointer(), Path("fixed.nii.gz"));
  Write(make(-1.0, 1.5).GetPointer(), Path("moving.nii.gz"));
  const Outcome outcome = Run("--fixed " + Path("fixed.nii.gz") + " --moving " + Path("moving.nii.gz") + " --output " +
                              Path("out") + " --threads 1");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_NE(outcome.Output.find("another orientation"), std::string::npos) << outcome.Output;
  const auto transform = ReadTransform<3>(Path("out/transform.h5"));
  for (const auto & point : { PointAt(18.0, 18.0, 18.0), PointAt(14.0, 24.0, 18.0), PointAt(20.0, 14.0, 22.0) })
  {
    const auto expected = PointAt(point[0], 37.5 - point[1], 36.0 - point[2]);
    EXPECT_LT((transform->TransformPoint(point) - expected).GetNorm(), 0.5) << point;
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

/** A smooth map of a noisy image is not followed into the noise, a map of narrow waves is followed. */
TEST_F(SinkhornRegisterIntensities, SmoothMapWhereDetailIsNoise)
{
  const auto tissue = [](const itk::Point<double, 2> & p) {
    const double radius = std::hypot((p[0] - 64.0) / 46.0, (p[1] - 62.0) / 50.0);
    const double texture = 0.55 + 0.2 * std::sin(0.31 * p[0] + 0.1 * p[1]) * std::cos(0.23 * p[1]) +
                           0.15 * std::sin(0.17 * p[0] - 0.29 * p[1] + 1.0);
    return radius < 1.0 ? 100.0 * texture : 0.0;
  };
  using Map = std::function<itk::Point<double, 2>(const itk::Point<double, 2> &)>;
  const auto waves = [](double amplitude, double wavelength) -> Map {
    return [=](const itk::Point<double, 2> & p) {
      const double k = itk::Math::twopi / wavelength;
      return PointAt(p[0] + amplitude * std::sin(k * p[1]), p[1] + amplitude * std::cos(0.9 * k * p[0]));
    };
  };
  const auto make = [&](const Map & map, unsigned int seed) {
    const auto random = std::make_shared<std::mt19937>(seed);
    return MakeImage<float, 2>({ { 128, 128 } }, [=](const itk::Point<double, 2> & p) {
      const double uniform = 2.0 * ((*random)() / 4294967295.0) - 1.0;
      return std::max(0.0, tissue(map(p)) + 3.0 * uniform);
    });
  };
  /** Mean error in the tissue, voxels. */
  const auto error = [&](const Map & map, const std::string & options, Outcome & outcome) {
    Write(make(map, 1).GetPointer(), Path("fixed.mha"));
    Write(make([](const itk::Point<double, 2> & p) { return p; }, 2).GetPointer(), Path("moving.mha"));
    outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path("out") +
                  " --threads 1" + options);
    EXPECT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const auto transform = ReadTransform<2>(Path("out/transform.h5"));
    double     sum = 0.0;
    double     count = 0.0;
    for (double y = 0.0; y < 128.0; y += 1.0)
    {
      for (double x = 0.0; x < 128.0; x += 1.0)
      {
        const auto goal = map(PointAt(x, y));
        if (tissue(goal) > 0.0)
        {
          sum += (transform->TransformPoint(PointAt(x, y)) - goal).GetNorm();
          count += 1.0;
        }
      }
    }
    return sum / count;
  };
  Outcome      outcome;
  const double detailed = error(waves(4.0, 96.0), " --total-sigma 1x0.7x0.4", outcome);
  EXPECT_EQ(outcome.Output.find("smooth map"), std::string::npos) << outcome.Output;
  const double smooth = error(waves(4.0, 96.0), "", outcome);
  EXPECT_NE(outcome.Output.find("the smooth map is kept"), std::string::npos) << outcome.Output;
  EXPECT_LT(smooth, 0.75 * detailed);
  EXPECT_LT(smooth, 0.4);
  error(waves(1.5, 16.0), "", outcome);
  EXPECT_EQ(outcome.Output.find("the smooth map is kept"), std::string::npos) << outcome.Output;
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

/** Rounding below 0, down to the smallest numbers there are, is no negative mass; a real negative value is. */
TEST_F(SinkhornRegisterIntensities, RoundingBelowZeroIsNoMass)
{
  const auto write = [this](double x, float value, const std::string & name) {
    const auto image = MakeImage<float, 2>({ { 40, 32 } }, Ellipsoid<2>(PointAt(x, 16.0), VectorOf(6.0, 6.0), 1000.0));
    image->SetPixel({ { 3, 4 } }, value);
    Write(image.GetPointer(), Path(name));
  };
  write(24.0, 0.0F, "moving.mha");
  for (const float value : { -2e-43F, -5e-4F, -2e-2F })
  {
    write(14.0, value, "fixed.mha");
    const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                                Path("out") + " --transform translation --iterations 40x20 --quiet --density as-is");
    EXPECT_EQ(outcome.ExitCode == 0, value > -1e-3F) << value << outcome.Errors;
    EXPECT_EQ(outcome.Errors.find("negative intensity") == std::string::npos, value > -1e-3F) << outcome.Errors;
  }
}

} // namespace
