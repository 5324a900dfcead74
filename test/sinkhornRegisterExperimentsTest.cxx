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
#include "sinkhornRegisterTesting.h"

#include <cmath>
#include <functional>

/** What the module exists for, with the program's default settings: shapes that start far apart. */
namespace
{

using namespace SinkhornRegisterTesting;
using nlohmann::json;
using PointType = itk::Point<double, 2>;
/** Label at a point. */
using Shape = std::function<double(const PointType &)>;

constexpr double fieldOfView = 128.0;

Shape
TurnedBy(const Shape & shape, const PointType & center, double degrees)
{
  const double c = std::cos(degrees * itk::Math::pi / 180.0);
  const double s = std::sin(degrees * itk::Math::pi / 180.0);
  return [=](const PointType & p) {
    const double x = p[0] - center[0];
    const double y = p[1] - center[1];
    return shape(PointAt(center[0] + c * x + s * y, center[1] - s * x + c * y));
  };
}

Shape
Square(double x, double y, double halfWidth, double label)
{
  return [=](const PointType & p) {
    return std::abs(p[0] - x) <= halfWidth && std::abs(p[1] - y) <= halfWidth ? label : 0.0;
  };
}

/** A body with three thin limbs. */
Shape
Amoeba(double x, double y)
{
  return [=](const PointType & p) {
    const double angle = std::atan2(p[1] - y, p[0] - x);
    const double limb = std::pow(std::max(0.0, std::cos(3.0 * (angle - 0.3))), 4.0);
    return std::hypot(p[0] - x, p[1] - y) <= 9.0 + 14.0 * limb ? 1.0 : 0.0;
  };
}

Shape
Both(const Shape & one, const Shape & other)
{
  return [=](const PointType & p) { return std::max(one(p), other(p)); };
}

class SinkhornRegisterExperiments : public ProgramTest
{
protected:
  /** Registers shapes, each of the same mass per voxel whatever its label. */
  json
  Register(const Shape & fixed, const Shape & moving, const std::string & options = "") const
  {
    const auto write = [this](const Shape & shape, const std::string & name) {
      const auto mass = [shape](const PointType & p) { return shape(p) > 0.0 ? 255.0 : 0.0; };
      Write(MakeImage<unsigned char, 2>({ { 128, 128 } }, mass).GetPointer(), Path(name + ".png"));
      Write(MakeImage<unsigned char, 2>({ { 128, 128 } }, shape).GetPointer(), Path(name + "-labels.png"));
    };
    write(fixed, "fixed");
    write(moving, "moving");
    const Outcome outcome = Run("--fixed " + Path("fixed.png") + " --moving " + Path("moving.png") +
                                " --fixed-labels " + Path("fixed-labels.png") + " --moving-labels " +
                                Path("moving-labels.png") + " --quiet --output " + Path("out") + " " + options);
    const auto    report = ReadReport(Path("out"));
    EXPECT_EQ(outcome.ExitCode, report["kept"] == "result" ? 0 : 3) << outcome.Errors;
    return report;
  }

  static void
  ExpectHome(const json & report, double dice)
  {
    for (const auto & label : report["dice_after"].items())
    {
      EXPECT_GE(label.value().get<double>(), dice) << "label " << label.key();
    }
    EXPECT_EQ(report["folded_fraction"], 0.0);
    EXPECT_GT(report["min_jacobian"].get<double>(), 0.0);
  }
};

/** Two shapes 40 % of the field of view apart change sides by 20 and 30 %: no affine transform helps, and mean squares
 * has nothing to go by. */
TEST_F(SinkhornRegisterExperiments, ShapesThatMoveInOppositeDirections)
{
  for (const double part : { 0.2, 0.3 })
  {
    const double way = 0.5 * part * fieldOfView;
    const auto   ellipse = [](double y) {
      return TurnedBy(Ellipsoid<2>(PointAt(38.0, y), VectorOf(9.0, 14.0), 1.0), PointAt(38.0, y), 23.0);
    };
    const Shape fixed = Both(ellipse(64.0 - way), Square(90.0, 64.0 + way, 11.0, 2.0));
    const Shape moving = Both(ellipse(64.0 + way), Square(90.0, 64.0 - way, 11.0, 2.0));
    const json  report = Register(fixed, moving);
    EXPECT_EQ(report["dice_before_mean"], 0.0);
    ExpectHome(report, 0.95);
  }
  const Shape fixed = Both(Square(38.0, 45.0, 10.0, 1.0), Square(90.0, 83.0, 10.0, 2.0));
  const Shape moving = Both(Square(38.0, 83.0, 10.0, 1.0), Square(90.0, 45.0, 10.0, 2.0));
  EXPECT_LT(Register(fixed, moving, "--metric meansquares")["dice_after_mean"].get<double>(), 0.5);
  // The paper's baseline feels the distance, too, and comes close.
  const json kernel = Register(fixed, moving, "--metric kernel");
  EXPECT_GE(kernel["dice_after_mean"].get<double>(), 0.9);
  EXPECT_EQ(kernel["folded_fraction"], 0.0);
}

TEST_F(SinkhornRegisterExperiments, ThinAmoebaFarAway)
{
  const json report = Register(Amoeba(32.0, 64.0), Amoeba(32.0 + 0.4 * fieldOfView, 64.0));
  ExpectHome(report, 0.95);
}

/** Three shapes at offsets up to 55 % of the field of view. */
TEST_F(SinkhornRegisterExperiments, CaptureRangeOfOffsets)
{
  for (const double part : { 0.05, 0.2, 0.4, 0.55 })
  {
    const double way = part * fieldOfView;
    SCOPED_TRACE(part);
    ExpectHome(Register(Amoeba(26.0, 64.0), Amoeba(26.0 + way, 64.0)), 0.9);
    ExpectHome(
      Register(Square(26.0, 50.0, 14.0, 1.0), Ellipsoid<2>(PointAt(26.0 + way, 60.0), VectorOf(12.0, 18.0), 1.0)), 0.9);
    const Shape fixed = Both(Square(20.0, 40.0, 9.0, 1.0), Square(24.0, 90.0, 12.0, 2.0));
    const Shape moving = Both(Square(20.0 + way, 44.0, 9.0, 1.0), Square(24.0 + way, 86.0, 12.0, 2.0));
    ExpectHome(Register(fixed, moving), 0.9);
  }
}

/** Turns: springs alone bring up to 45 degrees home; for more there are the starts along the principal axes. */
TEST_F(SinkhornRegisterExperiments, CaptureRangeOfTurns)
{
  const auto  center = PointAt(64.0, 64.0);
  const Shape fixed = Both(Square(64.0, 40.0, 9.0, 1.0), Square(64.0, 84.0, 13.0, 2.0));
  for (const double degrees : { 15.0, 30.0, 45.0, 90.0 })
  {
    SCOPED_TRACE(degrees);
    ExpectHome(Register(fixed, TurnedBy(fixed, center, degrees), degrees > 45.0 ? "--multi-start" : ""), 0.9);
  }
}

/** The moving image has a disc that the fixed one lacks. Balanced transport has to spread the amoeba over both of them;
 * with a reach between the way to go and the way to the disc, the amoeba comes home and the disc is ignored. */
TEST_F(SinkhornRegisterExperiments, ReachLeavesOutWhatOneImageLacks)
{
  const Shape fixed = Amoeba(40.0, 40.0);
  const Shape moving = Both(Amoeba(46.0, 44.0), Ellipsoid<2>(PointAt(104.0, 104.0), VectorOf(11.0, 11.0), 2.0));
  const auto  dice = [](const json & report) { return report["dice_after"]["1"].get<double>(); };
  const json  unbalanced = Register(fixed, moving, "--reach 10");
  EXPECT_GE(dice(unbalanced), 0.95);
  EXPECT_EQ(unbalanced["folded_fraction"], 0.0);
  EXPECT_LT(dice(Register(fixed, moving)), 0.7);
}

} // namespace
