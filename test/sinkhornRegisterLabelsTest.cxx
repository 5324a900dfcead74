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
// What sinkhorn-register makes of label maps: each label goes to its like, whatever its number.
#include "sinkhornRegisterFigures.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace
{

using namespace SinkhornRegisterTesting;

template <unsigned int D>
using Map = itk::Image<std::uint32_t, D>;

class SinkhornRegisterLabels : public ProgramTest
{
protected:
  /** Registers two maps and scores them. */
  json
  Register(const std::string & options,
           const std::string & fixed = "fixed.nii.gz",
           const std::string & moving = "moving.nii.gz")
  {
    m_Outcome = Run("--fixed " + Path(fixed) + " --moving " + Path(moving) + " --fixed-labels " + Path(fixed) +
                    " --moving-labels " + Path(moving) + " --threads 1 --output " + Path("out") + " " + options);
    // 3: without labels it may end no better than it began.
    EXPECT_TRUE(m_Outcome.ExitCode == 0 || m_Outcome.ExitCode == 3) << m_Outcome.Errors;
    const json report = ReadReport(Path("out"));
    EXPECT_EQ(report["folded_fraction"], 0.0);
    return report;
  }
  static double
  FindLeastDice(const json & report)
  {
    double least = 1.0;
    for (const auto & dice : report["dice_after"])
    {
      least = std::min(least, dice.get<double>());
    }
    return least;
  }

  Outcome m_Outcome;
};

/** A disc, 2-D, or ball. */
template <unsigned int D>
struct Ball
{
  itk::Point<double, D> Centre;
  double                Radius;
  std::uint32_t         Label;
};

/** Later balls lie upon earlier ones. */
template <typename TPixel, unsigned int D>
typename itk::Image<TPixel, D>::Pointer
MakeMap(const typename Map<D>::SizeType & size, const std::vector<Ball<D>> & balls)
{
  return MakeImage<TPixel, D>(size, [&balls](const itk::Point<double, D> & p) {
    std::uint32_t label = 0;
    for (const auto & ball : balls)
    {
      label = p.EuclideanDistanceTo(ball.Centre) < ball.Radius ? ball.Label : label;
    }
    return static_cast<double>(label);
  });
}

/** Two discs that have changed places: without labels they lie as they should, with labels they are turned. */
TEST_F(SinkhornRegisterLabels, DecideWhatPlacesAloneLeaveOpen)
{
  const auto left = PointAt(30.0, 46.0);
  const auto right = PointAt(66.0, 50.0);
  Write(MakeMap<unsigned char, 2>({ { 96, 96 } }, { { left, 12.0, 4 }, { right, 12.0, 5 } }).GetPointer(),
        Path("fixed.nii.gz"));
  Write(MakeMap<unsigned char, 2>({ { 96, 96 } }, { { left, 12.0, 5 }, { right, 12.0, 4 } }).GetPointer(),
        Path("moving.nii.gz"));
  const json with = this->Register("");
  EXPECT_EQ(with["features"], "labels");
  EXPECT_EQ(with["labels"], json::array({ 4, 5 }));
  EXPECT_NE(m_Outcome.Output.find("compared label by label: 2 labels"), std::string::npos) << m_Outcome.Output;
  EXPECT_GT(FindLeastDice(with), 0.95);
  const json without = this->Register("--features none");
  EXPECT_EQ(without["features"], "none");
  EXPECT_LT(FindLeastDice(without), 0.2);
}

/** Numbers of 32 bits are kept, neighbours among them too, and change nothing. */
TEST_F(SinkhornRegisterLabels, NumbersDoNotMatter)
{
  const auto names = std::vector<std::vector<std::uint32_t>>{ { 1, 2, 3 }, { 4294967295U, 4294967294U, 16777217U } };
  json       first;
  for (const auto & name : names)
  {
    const auto make = [&name](double shift) {
      return MakeMap<std::uint32_t, 2>({ { 64, 64 } },
                                       { { PointAt(30.0 + shift, 30.0), 20.0, name[0] },
                                         { PointAt(24.0 + shift, 30.0 - shift), 8.0, name[1] },
                                         { PointAt(40.0 + shift, 34.0 + shift), 5.0, name[2] } });
    };
    Write(make(0.0).GetPointer(), Path("fixed.nrrd"));
    Write(make(4.0).GetPointer(), Path("moving.nrrd"));
    const json report = this->Register("", "fixed.nrrd", "moving.nrrd");
    EXPECT_EQ(report["features"], "labels");
    EXPECT_GT(FindLeastDice(report), 0.9);
    EXPECT_EQ(report["dice_after"].size(), 3U);
    // Warped labels are labels.
    const auto warped = Read<Map<2>>(Path("out/warped.nii.gz"));
    for (itk::SizeValueType i = 0; i < 64 * 64; ++i)
    {
      const auto value = warped->GetBufferPointer()[i];
      ASSERT_TRUE(value == 0 || std::count(name.begin(), name.end(), value) == 1) << value;
    }
    first = first.is_null() ? report : first;
    EXPECT_EQ(report["value_after"], first["value_after"]);
    EXPECT_EQ(report["min_jacobian"], first["min_jacobian"]);
    EXPECT_EQ(report["similarity_after"], first["similarity_after"]);
  }
}

/** A label that only one map has takes part in nothing, and is named; any number of labels will do. */
TEST_F(SinkhornRegisterLabels, SetsOfAllKinds)
{
  for (const unsigned int count : { 2U, 60U })
  {
    SCOPED_TRACE(count);
    const auto make = [count](double shift, std::uint32_t own) {
      const unsigned int   columns = count > 2 ? 10 : 2;
      std::vector<Ball<2>> balls;
      for (unsigned int i = 0; i < count; ++i)
      {
        balls.push_back({ PointAt(14.0 + shift + 8.0 * (i % columns), 14.0 + 8.0 * (i / columns)), 4.0, 10 * i + 10 });
      }
      balls.push_back({ PointAt(14.0 + shift, 74.0), 4.0, own });
      return MakeMap<unsigned short, 2>({ { 108, 88 } }, balls);
    };
    Write(make(0.0, 3).GetPointer(), Path("fixed.nii.gz"));
    Write(make(2.0, 7).GetPointer(), Path("moving.nii.gz"));
    const json report = this->Register("");
    EXPECT_EQ(report["features"], "labels");
    EXPECT_EQ(report["labels"].size(), count);
    EXPECT_EQ(report["labels_fixed_only"], json::array({ 3 }));
    EXPECT_EQ(report["labels_moving_only"], json::array({ 7 }));
    EXPECT_NE(m_Outcome.Output.find("of the fixed image alone, which take part in nothing: 3"), std::string::npos);
    EXPECT_NE(m_Outcome.Output.find("of the moving image alone, which take part in nothing: 7"), std::string::npos);
    for (const auto & dice : report["dice_after"].items())
    {
      EXPECT_GT(dice.value().get<double>(), dice.key() == "3" || dice.key() == "7" ? -1.0 : 0.9) << dice.key();
    }
  }
}

/** Outlines of one label stay outlines, and so do pictures; labels have to be labels, and to have one in common. */
TEST_F(SinkhornRegisterLabels, WhatIsNoLabelMap)
{
  const auto outline = [](double x) {
    return MakeMap<unsigned char, 2>({ { 48, 48 } }, { { PointAt(x, 24.0), 12.0, 1 } });
  };
  Write(outline(20.0).GetPointer(), Path("fixed.nii.gz"));
  Write(outline(26.0).GetPointer(), Path("moving.nii.gz"));
  EXPECT_EQ(this->Register("--iterations 3x2")["features"], "none");
  EXPECT_EQ(this->Register("--iterations 3x2 --features labels")["features"], "labels");

  std::mt19937 random(3);
  const auto   picture = [&random](double x) {
    return MakeImage<unsigned char, 2>({ { 48, 48 } }, [&random, x](const itk::Point<double, 2> & p) {
      return std::min(
        255.0, 400.0 * std::exp(-(itk::Math::sqr(p[0] - x) + itk::Math::sqr(p[1] - 24.0)) / 200.0) + random() % 4);
    });
  };
  const auto ramp = [](double x) {
    return MakeImage<unsigned char, 2>({ { 48, 48 } }, [x](const itk::Point<double, 2> & p) {
      return std::floor(std::max(0.0, 40.0 - 1.6 * std::hypot(p[0] - x, p[1] - 24.0)));
    });
  };
  Write(picture(20.0).GetPointer(), Path("picture.nii.gz"));
  Write(picture(26.0).GetPointer(), Path("other.nii.gz"));
  EXPECT_EQ(this->Register("--iterations 3x2", "picture.nii.gz", "other.nii.gz")["features"], "none");
  Write(ramp(20.0).GetPointer(), Path("ramp.nii.gz"));
  Write(ramp(26.0).GetPointer(), Path("otherRamp.nii.gz"));
  EXPECT_EQ(this->Register("--iterations 3x2", "ramp.nii.gz", "otherRamp.nii.gz")["features"], "none");

  Write(MakeMap<unsigned char, 2>({ { 48, 48 } }, { { PointAt(26.0, 24.0), 12.0, 2 } }).GetPointer(),
        Path("two.nii.gz"));
  const std::string files =
    "--fixed " + Path("fixed.nii.gz") + " --moving " + Path("two.nii.gz") + " --output " + Path("no");
  const Outcome strangers = Run(files + " --features labels");
  EXPECT_EQ(strangers.ExitCode, 1);
  EXPECT_NE(strangers.Errors.find("no label in common"), std::string::npos) << strangers.Errors;
  const Outcome metric = Run(files + " --features labels --metric mattes");
  EXPECT_EQ(metric.ExitCode, 1);
  EXPECT_NE(metric.Errors.find("--features labels: no stage can compare labels"), std::string::npos) << metric.Errors;
  EXPECT_EQ(Run(files + " --features colours").ExitCode, 1);
}

/** A small label far from a huge one is found, and is not destroyed. */
TEST_F(SinkhornRegisterLabels, SmallBesideHuge)
{
  const auto make = [](double shift) {
    return MakeMap<unsigned char, 3>(
      { { 80, 56, 56 } },
      { { PointAt(28.0 + shift, 28.0, 28.0), 20.0 - shift, 1 },
        { PointAt(20.0 + shift, 28.0, 24.0), 7.0, 2 },
        { PointAt(34.0 + shift, 30.0 + shift, 30.0), 5.0, 3 },
        { PointAt(70.0 + 0.5 * shift, 40.0 - 2.0 * shift, 12.0 + 2.0 * shift), 4.0, 4 } });
  };
  Write(make(0.0).GetPointer(), Path("fixed.nii.gz"));
  Write(make(3.0).GetPointer(), Path("moving.nii.gz"));
  const json report = this->Register("");
  EXPECT_EQ(report["dice_after"].size(), 4U);
  EXPECT_GT(FindLeastDice(report), 0.9) << report["dice_after"].dump();
}

} // namespace
