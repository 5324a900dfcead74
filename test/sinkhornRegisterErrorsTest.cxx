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
// Every way to misuse sinkhorn-register: it must say what is wrong, where, and what to do, end with a non-zero exit
// code, and leave nothing behind.
#include "sinkhornRegisterTesting.h"

namespace
{

using namespace SinkhornRegisterTesting;
using Image2 = itk::Image<float, 2>;
using Image3 = itk::Image<float, 3>;
using Point2 = itk::Point<double, 2>;

/** A disc of value 1 over \a background in a 24 × 24 image. */
Image2::Pointer
MakeDisc(double x, double y, double background = 0.0)
{
  const auto disc = Ellipsoid<2>(PointAt(x, y), VectorOf(5.0, 5.0), 1.0);
  return MakeImage<float, 2>({ { 24, 24 } }, [&](const Point2 & p) { return background + disc(p); });
}

class SinkhornRegisterErrors : public ProgramTest
{
protected:
  void
  SetUp() override
  {
    ProgramTest::SetUp();
    Write(MakeDisc(9, 11).GetPointer(), Path("fixed.mha"));
    Write(MakeDisc(13, 12).GetPointer(), Path("moving.mha"));
  }

  /** Runs with good images plus \a extra and expects a refusal whose message holds each of \a words. */
  void
  ExpectRefusal(const std::string & extra, const std::vector<std::string> & words)
  {
    this->ExpectRefusalOf("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                            Path("out") + " " + extra,
                          words);
  }

  void
  ExpectRefusalOf(const std::string & arguments, const std::vector<std::string> & words)
  {
    const Outcome outcome = Run(arguments + " --threads 2 --quiet");
    EXPECT_NE(outcome.ExitCode, 0) << arguments;
    EXPECT_NE(outcome.ExitCode, -1) << "died of a signal: " << arguments;
    for (const std::string & word : words)
    {
      EXPECT_NE(outcome.Errors.find(word), std::string::npos) << arguments << "\nsays: " << outcome.Errors;
    }
    EXPECT_FALSE(fs::exists(Path("out"))) << arguments;
  }

  std::string
  Pair(const std::string & fixed, const std::string & moving) const
  {
    return "--fixed " + Path(fixed) + " --moving " + Path(moving) + " --output " + Path("out");
  }
};

TEST_F(SinkhornRegisterErrors, UnknownOptionsAndValues)
{
  ExpectRefusal("--colour red", { "--colour" });
  ExpectRefusal("--metric demons", { "--metric", "demons", "sinkhorn", "kernel", "meansquares", "cc", "mattes" });
  ExpectRefusal("--transform bspline", { "--transform", "bspline", "translation", "rigid", "affine", "syn" });
  ExpectRefusal("--density log", { "--density", "log", "as-is", "auto", "shift", "clamp", "window", "around" });
  ExpectRefusal("--density window:5", { "--density", "window:5" });
  ExpectRefusal("--density window:7:7", { "--density", "both limits" });
  ExpectRefusal("--density window:a:7", { "--density", "'a'", "not a number" });
  ExpectRefusal("--label-costs " + Path("none.csv"), { "--label-costs", "none.csv", "cannot be read" });
  ExpectRefusal("--features none --label-costs " + Path("none.csv"), { "--label-costs", "no meaning" });
  ExpectRefusal("--blur 0", { "--blur", "greater than 0" });
  ExpectRefusal("--blur -2", { "--blur", "greater than 0" });
  ExpectRefusal("--blur nan", { "--blur" });
  ExpectRefusal("--reach -1", { "--reach", "0 or more" });
  ExpectRefusal("--iterations 10x", { "--iterations", "10x" });
  ExpectRefusal("--iterations 10x-5", { "--iterations", "10x-5" });
  ExpectRefusal("--iterations 1.5", { "--iterations", "1.5" });
  ExpectRefusal("--iterations ten", { "--iterations", "ten" });
  ExpectRefusal("--iterations 5x5 --shrink 4x2x1", { "--shrink", "--iterations" });
  ExpectRefusal("--shrink 0 --iterations 5", { "--shrink" });
  ExpectRefusal("--update-sigma 3x2 --iterations 5", { "--update-sigma" });
  ExpectRefusal("--update-sigma -3 --iterations 5", { "--update-sigma" });
  ExpectRefusal("--learning-rate 0", { "--learning-rate" });
  ExpectRefusal("--total-sigma -1", { "--total-sigma", "0 or more" });
  ExpectRefusal("--radius 4x3 --iterations 5x5x5", { "--radius has 2 levels" });
  ExpectRefusal("--radius 0", { "--radius" });
  ExpectRefusal("--threads many", { "--threads" });
  ExpectRefusal("--landmarks " + Path("nowhere.txt") + " " + Path("nowhere.txt"), { "fixed landmarks", "nowhere.txt" });
  std::ofstream(Path("one.txt")) << "1 2\n";
  std::ofstream(Path("two.txt")) << "1, 2\n3, 4\n";
  std::ofstream(Path("none.txt")) << "# nothing\n";
  ExpectRefusal("--landmarks " + Path("one.txt") + " " + Path("two.txt"), { "1 point ", "2 points;", "correspond" });
  ExpectRefusal("--landmarks " + Path("one.txt") + " " + Path("none.txt"), { "moving landmarks", "no point" });
  ExpectRefusal("--landmark-indices", { "--landmark-indices", "--landmarks" });
  ExpectRefusal("--finish demons", { "--finish", "demons", "meansquares" });
  ExpectRefusal("--finish cc --transform affine", { "--finish", "--stage" });
  ExpectRefusal("--initialize moments", { "--initialize", "moments", "sinkhorn-rigid" });
  ExpectRefusal("--initialize none --multi-start", { "--multi-start", "--initialize" });
  ExpectRefusal("--stage syn", { "--stage", "syn", "metric" });
  ExpectRefusal("--stage syn,demons", { "--stage", "demons", "sinkhorn" });
  ExpectRefusal("--stage syn,cc,radius", { "--stage", "'radius'", "radius=" });
  ExpectRefusal("--stage syn,cc,colour=3", { "--stage", "colour=3", "update=" });
  ExpectRefusal("--stage syn,sinkhorn,blur=0", { "--stage", "blur", "greater than 0" });
  ExpectRefusal("--stage syn,sinkhorn,iterations=5x5,shrink=4x2x1", { "--stage", "shrink", "iterations" });
  ExpectRefusal("--stage syn,sinkhorn,update=4+0", { "--stage", "update", "greater than 0" });
  ExpectRefusal("--stage syn,sinkhorn --metric cc", { "--stage", "--metric" });
  ExpectRefusalOf("--fixed " + Path("fixed.mha"), { "--moving" });
}

TEST_F(SinkhornRegisterErrors, UnreadableFiles)
{
  ExpectRefusalOf(Pair("nowhere.mha", "moving.mha"), { "fixed image", "nowhere.mha", "no such file" });
  ExpectRefusalOf(Pair("fixed.mha", "nowhere.png"), { "moving image", "nowhere.png", "no such file" });
  std::ofstream(Path("text.txt")) << "no image";
  ExpectRefusalOf(Pair("text.txt", "moving.mha"), { "fixed image", "text.txt", "not an image" });
  std::ofstream(Path("broken.nii.gz")) << "no image";
  ExpectRefusalOf(Pair("broken.nii.gz", "moving.mha"), { "fixed image", "broken.nii.gz" });
  const std::string whole = ReadText(Path("fixed.mha"));
  std::ofstream(Path("half.mha"), std::ios::binary) << whole.substr(0, whole.size() / 2);
  ExpectRefusalOf(Pair("fixed.mha", "half.mha"), { "moving image", "half.mha", "damaged" });
  ExpectRefusal("--fixed-mask " + Path("nowhere.mha"), { "fixed mask", "nowhere.mha" });
  ExpectRefusal("--fixed-labels " + Path("nowhere.mha") + " --moving-labels " + Path("moving.mha"),
                { "fixed labels", "nowhere.mha" });
}

TEST_F(SinkhornRegisterErrors, DimensionsAndGrids)
{
  const auto ball = Ellipsoid<3>(PointAt(5.0, 5.0, 5.0), VectorOf(3.0, 3.0, 3.0), 1.0);
  Write(MakeImage<float, 3>({ { 10, 10, 10 } }, ball).GetPointer(), Path("volume.mha"));
  ExpectRefusalOf(Pair("fixed.mha", "volume.mha"), { "2-D", "3-D" });
  ExpectRefusal("--fixed-mask " + Path("volume.mha"), { "fixed mask", "3-D" });
  Write(MakeImage<float, 3>({ { 10, 10, 2 } }, ball).GetPointer(), Path("thin.mha"));
  ExpectRefusalOf(Pair("thin.mha", "thin.mha"), { "fixed image", "2 voxels" });
  using Image4 = itk::Image<float, 4>;
  Write(MakeImage<float, 4>({ { 4, 4, 4, 4 } }, [](const Image4::PointType &) { return 1.0; }).GetPointer(),
        Path("series.mha"));
  ExpectRefusalOf(Pair("series.mha", "series.mha"), { "series.mha", "4 dimensions" });

  const auto shifted = MakeDisc(9, 11);
  shifted->SetOrigin(PointAt(3.0, 0.0));
  Write(shifted.GetPointer(), Path("shifted.mha"));
  ExpectRefusal("--fixed-mask " + Path("shifted.mha"), { "fixed mask", "shifted.mha", "origin" });
  ExpectRefusal("--fixed-labels " + Path("fixed.mha") + " --moving-labels " + Path("shifted.mha"),
                { "moving labels", "shifted.mha", "origin" });
  ExpectRefusal("--fixed-labels " + Path("fixed.mha"), { "--fixed-labels", "--moving-labels" });
  const auto turned = MakeDisc(9, 11);
  auto       direction = turned->GetDirection();
  direction(0, 0) = -1.0;
  turned->SetDirection(direction);
  Write(turned.GetPointer(), Path("turned.mha"));
  ExpectRefusal("--fixed-mask " + Path("turned.mha"), { "fixed mask", "direction" });

  const auto far = MakeDisc(9, 11);
  far->SetOrigin(PointAt(1000.0, 0.0));
  Write(far.GetPointer(), Path("far.mha"));
  ExpectRefusalOf(Pair("fixed.mha", "far.mha"), { "do not overlap", "axis 0", "999.5", "--initialize centers" });
}

TEST_F(SinkhornRegisterErrors, VoxelsThatCannotBeMass)
{
  Write(MakeDisc(9, 11, -0.5).GetPointer(), Path("negative.mha"));
  const std::string asIs = " --density as-is";
  ExpectRefusalOf(Pair("fixed.mha", "negative.mha") + asIs,
                  { "moving image", "negative", "auto", "shift", "clamp", "window" });
  ExpectRefusalOf(Pair("negative.mha", "moving.mha") + asIs, { "fixed image", "[0, 0]", "-0.5" });
  Write(MakeImage<float, 2>({ { 24, 24 } }, [](const Point2 &) { return 0.0; }).GetPointer(), Path("zero.mha"));
  ExpectRefusalOf(Pair("zero.mha", "moving.mha"), { "fixed image", "mass is 0" });
  ExpectRefusal("--density window:5:9", { "fixed image", "mass is 0", "window:5:9" });
  ExpectRefusal("--moving-mask " + Path("zero.mha"), { "moving mask", "zero.mha", "empty" });
  ExpectRefusal("--fixed-labels " + Path("zero.mha") + " --moving-labels " + Path("moving.mha"),
                { "fixed labels", "no label" });
  Write(MakeDisc(9, 11, 0.5).GetPointer(), Path("halves.mha"));
  ExpectRefusal("--fixed-labels " + Path("halves.mha") + " --moving-labels " + Path("moving.mha"),
                { "fixed labels", "whole numbers" });
  // A mask that leaves out all the mass.
  const auto corner = MakeDisc(9, 11);
  corner->FillBuffer(0.0F);
  corner->SetPixel({ { 23, 23 } }, 1.0F);
  Write(corner.GetPointer(), Path("corner.mha"));
  ExpectRefusal("--fixed-mask " + Path("corner.mha"), { "fixed image", "mass is 0", "mask" });
}

TEST_F(SinkhornRegisterErrors, OutputFolder)
{
  const std::string images = "--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --iterations 1";
  std::ofstream(Path("file")) << "mine";
  Outcome outcome = Run(images + " --output " + Path("file"));
  EXPECT_NE(outcome.ExitCode, 0);
  EXPECT_NE(outcome.Errors.find("is a file"), std::string::npos) << outcome.Errors;
  EXPECT_EQ(ReadText(Path("file")), "mine");
  outcome = Run(images + " --output " + Path("file/below"));
  EXPECT_NE(outcome.ExitCode, 0);
  EXPECT_NE(outcome.Errors.find("can't be made"), std::string::npos) << outcome.Errors;

  // A folder in the way of a result: found at the end, and yet nothing of this run remains.
  fs::create_directories(Path("occupied/report.json"));
  outcome = Run(images + " --output " + Path("occupied"));
  EXPECT_NE(outcome.ExitCode, 0);
  EXPECT_NE(outcome.Errors.find("report.json"), std::string::npos) << outcome.Errors;
  EXPECT_EQ(ListFolder(Path("occupied")), std::set<std::string>{ "report.json" });
}

TEST_F(SinkhornRegisterErrors, UnwritableFolder)
{
  fs::create_directories(Path("locked"));
  fs::permissions(Path("locked"), fs::perms::owner_read | fs::perms::owner_exec);
  std::ofstream probe(Path("locked/probe"));
  if (probe.good())
  {
    probe.close();
    fs::remove(Path("locked/probe"));
    GTEST_SKIP() << "this user may write everywhere (root)";
  }
  const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                              Path("locked") + " --iterations 1");
  EXPECT_NE(outcome.ExitCode, 0);
  EXPECT_NE(outcome.Errors.find("can't be written"), std::string::npos) << outcome.Errors;
  EXPECT_TRUE(ListFolder(Path("locked")).empty());
}

/** A failed run leaves earlier results of the user as they were. */
TEST_F(SinkhornRegisterErrors, EarlierResultsSurvive)
{
  const std::string good = "--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                           Path("kept") + " --iterations 3 --density as-is --quiet --threads 2";
  ASSERT_EQ(Run(good).ExitCode, 0);
  const auto        names = ListFolder(Path("kept"));
  const std::string report = ReadText(Path("kept/report.json"));
  EXPECT_EQ(names.count("report.json"), 1U);
  Write(MakeDisc(9, 11, -0.5).GetPointer(), Path("moving.mha"));
  EXPECT_NE(Run(good).ExitCode, 0);
  EXPECT_EQ(ListFolder(Path("kept")), names);
  EXPECT_EQ(ReadText(Path("kept/report.json")), report);
}

} // namespace
