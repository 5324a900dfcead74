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
// What sinkhorn-register writes, against figures computed anew from its files.
#include "sinkhornRegisterFigures.h"

#include "itkImageIOFactory.h"
#include "itkRGBPixel.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>

namespace
{

using namespace SinkhornRegisterTesting;
using nlohmann::json;

class SinkhornRegister : public ProgramTest
{
protected:
  /** A disc and an ellipse of 8 bits, 70 voxels apart, and their label maps. */
  void
  WriteFarShapes()
  {
    const auto write = [this](const std::string & name, double x, double rx, double ry) {
      for (const double value : { 255.0, 1.0 })
      {
        const auto shape = Ellipsoid<2>(PointAt(x, 64.0), VectorOf(rx, ry), value);
        Write(MakeImage<unsigned char, 2>({ { 128, 128 } }, shape).GetPointer(),
              Path(name + (value > 1.0 ? ".png" : "-labels.png")));
      }
    };
    write("fixed", 99, 12, 19);
    write("moving", 29, 15, 15);
  }

  std::string
  FarShapes(const std::string & output) const
  {
    return "--fixed " + Path("fixed.png") + " --moving " + Path("moving.png") + " --fixed-labels " +
           Path("fixed-labels.png") + " --moving-labels " + Path("moving-labels.png") + " --output " + Path(output) +
           " --threads 2 ";
  }

  /** Two balls of different size on grids that differ in size, spacing and direction. */
  void
  WriteBalls()
  {
    const auto coarse = [](itk::ImageBase<3> * image) {
      const double spacing[3] = { 1.5, 1.5, 1.5 };
      const double origin[3] = { -8.0, -12.0, -4.0 };
      image->SetSpacing(spacing);
      image->SetOrigin(origin);
    };
    const auto first = Ellipsoid<3>(PointAt(12.0, 2.0, 14.0), VectorOf(6.0, 6.0, 6.0), 1.0);
    const auto second = Ellipsoid<3>(PointAt(4.0, 6.0, 16.0), VectorOf(6.0, 6.0, 6.0), 1.0);
    Write(MakeImage<unsigned char, 3>({ { 30, 28, 20 } }, first, PlaceAskew).GetPointer(), Path("fixed.nii.gz"));
    Write(MakeImage<unsigned char, 3>({ { 24, 26, 24 } }, second, coarse).GetPointer(), Path("moving.nii.gz"));
  }

  std::string
  Balls(const std::string & output) const
  {
    return "--fixed " + Path("fixed.nii.gz") + " --moving " + Path("moving.nii.gz") + " --fixed-labels " +
           Path("fixed.nii.gz") + " --moving-labels " + Path("moving.nii.gz") + " --output " + Path(output) +
           " --threads 2 ";
  }
};

/** The main job: shapes without overlap, default settings. Local metrics under the same schedule do not move. */
TEST_F(SinkhornRegister, FarShapesComeHome)
{
  WriteFarShapes();
  const Outcome outcome = Run(FarShapes("sinkhorn"));
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_EQ(ListFolder(Path("sinkhorn")),
            (std::set<std::string>{ "warped.png",
                                    "warped_labels.png",
                                    "transform.h5",
                                    "displacement.nii.gz",
                                    "inverse_displacement.nii.gz",
                                    "overview.png",
                                    "report.json" }));
  const json report = ReadReport(Path("sinkhorn"));
  ExpectContract(report, "sinkhorn", "syn", true);
  ExpectFiguresOfFiles<2>(Path("sinkhorn"), Path("fixed-labels.png"), Path("moving-labels.png"));
  EXPECT_EQ(report["dice_before"]["1"], 0.0);
  EXPECT_GE(report["dice_after_mean"].get<double>(), 0.90);
  EXPECT_NEAR(report["value_before"].get<double>(), 2450.0, 25.0); // half of 70², and a little for the shape
  EXPECT_LT(report["value_after"].get<double>(), 1.0);
  EXPECT_LE(report["marginal_error"].get<double>(), 1e-3);
  EXPECT_EQ(report["kept"], "result");
  if (report["converged"].get<bool>())
  {
    EXPECT_TRUE(
      report["levels"].back()["converged"].get<bool>()); // by its own criterion, not by the number of iterations
  }
  EXPECT_EQ(report["folded_fraction"], 0.0);
  EXPECT_GT(report["min_jacobian"].get<double>(), 0.0);
  RecordProperty("folded_fraction", report["folded_fraction"].dump());
  std::cout << "sinkhorn: Dice " << report["dice_after_mean"] << ", folded fraction " << report["folded_fraction"]
            << ", least determinant " << report["min_jacobian"] << std::endl;
  // Progress, one plain line per iteration where there is no terminal.
  for (const char * word : { "level 1/3", "level 3/3", "iteration 1/100", "value ", "marginal error ", "Dice" })
  {
    EXPECT_NE(outcome.Output.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(outcome.Output.find('\r'), std::string::npos);

  for (const std::string metric : { "meansquares", "cc" })
  {
    const Outcome local = Run(FarShapes(metric) + "--quiet --metric " + metric);
    EXPECT_TRUE(local.Output.empty()) << local.Output;
    const json localReport = ReadReport(Path(metric));
    // What is less similar than its start is not handed over, and the exit status says so.
    ASSERT_EQ(local.ExitCode, localReport["kept"] == "result" ? 0 : 3) << local.Errors;
    EXPECT_GE(localReport["similarity_after"].get<double>(), localReport["similarity_before"].get<double>());
    ExpectContract(localReport, metric, "syn", true);
    EXPECT_LT(localReport["dice_after_mean"].get<double>(), 0.1) << metric;
    std::cout << metric << ": Dice " << localReport["dice_after_mean"] << ", folded fraction "
              << localReport["folded_fraction"] << std::endl;
  }
}

TEST_F(SinkhornRegister, StagesRunInTheirOrder)
{
  WriteFarShapes();
  const Outcome outcome = Run(FarShapes("out") + "--quiet --initialize sinkhorn-similarity --multi-start "
                                                 "--stage translation,sinkhorn,iterations=20,shrink=4 "
                                                 "--stage syn,sinkhorn,iterations=20,shrink=4,blur=9 "
                                                 "--stage syn,mattes,iterations=10x10,shrink=2x1,update=8+4x4+2");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  EXPECT_EQ(report["metric"], "mattes");
  EXPECT_EQ(report["transform"], "syn");
  EXPECT_EQ(report["initialize"], "sinkhorn-similarity");
  ASSERT_EQ(report["stages"].size(), 3U);
  EXPECT_EQ(report["stages"][0]["transform"], "translation");
  EXPECT_EQ(report["stages"][1]["mass_model"], "push-forward");
  EXPECT_EQ(report["stages"][2]["metric"], "mattes");
  EXPECT_EQ(report["stages"][2]["levels"], 2);
  EXPECT_EQ(report["levels"].size(), 4U);
  EXPECT_GE(report["dice_after_mean"].get<double>(), 0.90);
  EXPECT_EQ(report["folded_fraction"], 0.0);
  ExpectFiguresOfFiles<2>(Path("out"), Path("fixed-labels.png"), Path("moving-labels.png"));
}

TEST_F(SinkhornRegister, EightBitPictureStaysOne)
{
  WriteFarShapes();
  ASSERT_EQ(Run(FarShapes("out") + "--transform translation --iterations 40x20 --quiet").ExitCode, 0);
  const auto io =
    itk::ImageIOFactory::CreateImageIO(Path("out/warped.png").c_str(), itk::ImageIOFactory::IOFileModeEnum::ReadMode);
  ASSERT_TRUE(io);
  io->SetFileName(Path("out/warped.png"));
  io->ReadImageInformation();
  EXPECT_EQ(io->GetComponentType(), itk::IOComponentEnum::UCHAR);
  EXPECT_EQ(io->GetDimensions(0), 128U);
  using Picture = itk::Image<itk::RGBPixel<unsigned char>, 2>;
  const auto overview = Read<Picture>(Path("out/overview.png"));
  EXPECT_GT(overview->GetLargestPossibleRegion().GetSize()[0], 1000U);
  std::set<std::string> colors;
  for (itk::ImageRegionConstIterator<Picture> it(overview, overview->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    std::ostringstream text;
    text << it.Get();
    colors.insert(text.str());
  }
  EXPECT_GT(colors.size(), 5U);
  // A result under the other name would be taken for one of this run.
  std::ofstream(Path("out/warped.nii.gz")) << "old";
  ASSERT_EQ(Run(FarShapes("out") + "--transform translation --iterations 1 --quiet").ExitCode, 0);
  EXPECT_EQ(ListFolder(Path("out")).count("warped.nii.gz"), 0U);
}

/** Every kind of deformation brings them home without a fold. */
class SinkhornRegisterDeformations
  : public SinkhornRegister
  , public testing::WithParamInterface<const char *>
{};

TEST_P(SinkhornRegisterDeformations, FarShapesComeHome)
{
  WriteFarShapes();
  const std::string transform = GetParam();
  const Outcome     outcome = Run(FarShapes("out") + "--quiet --transform " + transform);
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  ExpectContract(report, "sinkhorn", transform, true);
  ExpectFiguresOfFiles<2>(Path("out"), Path("fixed-labels.png"), Path("moving-labels.png"));
  EXPECT_GE(report["dice_after_mean"].get<double>(), 0.95);
  EXPECT_EQ(report["folded_fraction"], 0.0);
}

INSTANTIATE_TEST_SUITE_P(All,
                         SinkhornRegisterDeformations,
                         testing::Values("displacement", "velocity", "syn", "bspline-syn"),
                         [](const auto & info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/** Volumes on different, turned grids: the linear transforms find the shift in mm; the figures of deformations hold in
 * physical space. */
TEST_F(SinkhornRegister, VolumesOnDifferentGrids)
{
  WriteBalls();
  for (const std::string transform :
       { "translation", "rigid", "similarity", "affine", "displacement", "velocity", "syn", "bspline-syn" })
  {
    SCOPED_TRACE(transform);
    const Outcome outcome = Run(Balls(transform) + "--iterations 30x15 --quiet --transform " + transform);
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const json report = ReadReport(Path(transform));
    ExpectContract(report, "sinkhorn", transform, true);
    ExpectFiguresOfFiles<3>(Path(transform), Path("fixed.nii.gz"), Path("moving.nii.gz"));
    EXPECT_LT(report["value_after"].get<double>(), 0.1 * report["value_before"].get<double>());
    EXPECT_EQ(report["folded_fraction"], 0.0);
    EXPECT_EQ(ListFolder(Path(transform)).count("warped.nii.gz"), 1U);
    const auto found = ReadTransform<3>(Path(transform) + "/transform.h5");
    const auto there = found->TransformPoint(PointAt(12.0, 2.0, 14.0));
    EXPECT_GE(report["dice_after_mean"].get<double>(), 0.85);
    // A deformation may turn the inside of a uniform ball without anything to be seen.
    const bool isLinear = std::set<std::string>{ "translation", "rigid", "similarity", "affine" }.count(transform) > 0;
    EXPECT_LT((there - PointAt(4.0, 6.0, 16.0)).GetNorm(), isLinear ? 0.5 : 1.5) << there;
    if (transform == "translation")
    {
      EXPECT_NEAR(report["min_jacobian"].get<double>(), 1.0, 1e-6);
    }
  }
}

/** Every metric under every transform, on shapes that overlap. */
class SinkhornRegisterMetrics
  : public SinkhornRegister
  , public testing::WithParamInterface<std::tuple<const char *, const char *>>
{};

TEST_P(SinkhornRegisterMetrics, ImproveOverlappingShapes)
{
  const auto write = [this](const std::string & name, double x, double y) {
    Write(MakeImage<float, 2>({ { 48, 48 } },
                              [=](const itk::Point<double, 2> & p) {
                                const double square = itk::Math::sqr(p[0] - x) + itk::Math::sqr(p[1] - y);
                                return 10.0 * std::exp(-square / 60.0) + 3.0 * std::exp(-square / 300.0);
                              })
            .GetPointer(),
          Path(name));
  };
  write("fixed.mha", 24, 24);
  write("moving.mha", 28, 22);
  const std::string metric = std::get<0>(GetParam());
  const std::string transform = std::get<1>(GetParam());
  const Outcome     outcome =
    Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path("out") +
        " --iterations 20x10 --threads 2 --quiet --metric " + metric + " --transform " + transform);
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  ExpectContract(report, metric, transform, false);
  EXPECT_LT(report["value_after"].get<double>(), report["value_before"].get<double>());
  EXPECT_EQ(report["folded_fraction"], 0.0);
  EXPECT_EQ(ListFolder(Path("out")).count("warped.nii.gz"), 1U);
  if (metric == "meansquares")
  {
    // The value at the identity, computed here.
    using Image = itk::Image<float, 2>;
    const auto fixed = Read<Image>(Path("fixed.mha"));
    const auto moving = Read<Image>(Path("moving.mha"));
    double     sum = 0.0;
    for (itk::ImageRegionConstIteratorWithIndex<Image> it(fixed, fixed->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      sum += itk::Math::sqr(it.Get() - moving->GetPixel(it.GetIndex()));
    }
    EXPECT_NEAR(report["value_before"].get<double>(), sum / (48.0 * 48.0), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(
  All,
  SinkhornRegisterMetrics,
  testing::Combine(
    testing::Values("sinkhorn", "kernel", "meansquares", "cc", "mattes"),
    testing::Values("translation", "rigid", "similarity", "affine", "displacement", "velocity", "syn", "bspline-syn")),
  [](const auto & info) {
    std::string name = std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
  });

/** Outside the masks there is no mass: only the chosen one of two shapes is registered. */
TEST_F(SinkhornRegister, MasksLeaveOutMass)
{
  const auto shapes = [](double x, double y) {
    const auto shape = Ellipsoid<2>(PointAt(x, y), VectorOf(6.0, 6.0), 1.0);
    const auto other = Ellipsoid<2>(PointAt(50.0, 50.0), VectorOf(8.0, 8.0), 3.0);
    return [=](const itk::Point<double, 2> & p) { return shape(p) + other(p); };
  };
  const auto mask = [](const itk::Point<double, 2> & p) { return p[0] + p[1] < 70.0 ? 1.0 : 0.0; };
  Write(MakeImage<float, 2>({ { 64, 64 } }, shapes(12, 14)).GetPointer(), Path("fixed.mha"));
  Write(MakeImage<float, 2>({ { 64, 64 } }, shapes(32, 18)).GetPointer(), Path("moving.mha"));
  Write(MakeImage<unsigned char, 2>({ { 64, 64 } }, mask).GetPointer(), Path("mask.mha"));
  const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                              Path("out") + " --fixed-mask " + Path("mask.mha") + " --moving-mask " + Path("mask.mha") +
                              " --transform translation --iterations 60x20 --quiet");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const auto found = ReadTransform<2>(Path("out/transform.h5"))->TransformPoint(PointAt(12.0, 14.0));
  EXPECT_LT((found - PointAt(32.0, 18.0)).GetNorm(), 0.3) << found;
  EXPECT_NEAR(ReadReport(Path("out"))["value_before"].get<double>(), 0.5 * (400.0 + 16.0), 3.0);
}

TEST_F(SinkhornRegister, ColourIsReadAsLuminance)
{
  using Picture = itk::Image<itk::RGBPixel<unsigned char>, 2>;
  const auto write = [this](const std::string & name, double x) {
    const auto shape = Ellipsoid<2>(PointAt(x, 12.0), VectorOf(5.0, 5.0), 200.0);
    const auto grey = MakeImage<unsigned char, 2>({ { 32, 24 } }, shape);
    const auto picture = Picture::New();
    picture->SetRegions(grey->GetBufferedRegion());
    picture->Allocate();
    for (itk::ImageRegionIteratorWithIndex<Picture> it(picture, picture->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      it.Value().Set(grey->GetPixel(it.GetIndex()), grey->GetPixel(it.GetIndex()) / 2, 0);
    }
    Write(picture.GetPointer(), Path(name));
  };
  write("fixed.png", 9);
  write("moving.png", 22);
  const Outcome outcome = Run("--fixed " + Path("fixed.png") + " --moving " + Path("moving.png") + " --output " +
                              Path("out") + " --transform translation --iterations 40x10");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_NE(outcome.Output.find("luminance"), std::string::npos);
  const auto found = ReadTransform<2>(Path("out/transform.h5"))->TransformPoint(PointAt(9.0, 12.0));
  EXPECT_NEAR(found[0], 22.0, 0.2);
}

TEST_F(SinkhornRegister, HelpAndVersion)
{
  const Outcome help = Run("--help");
  EXPECT_EQ(help.ExitCode, 0);
  for (const char * option : { "--fixed",
                               "--moving",
                               "--output",
                               "--fixed-labels",
                               "--moving-labels",
                               "--fixed-mask",
                               "--moving-mask",
                               "--metric",
                               "--transform",
                               "--blur",
                               "--reach",
                               "--density",
                               "--iterations",
                               "--threads",
                               "--quiet" })
  {
    EXPECT_NE(help.Output.find(option), std::string::npos) << option;
  }
  const Outcome version = Run("--version");
  EXPECT_EQ(version.ExitCode, 0);
  EXPECT_FALSE(version.Output.empty());
}

} // namespace
