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
// Curves and surfaces through the program: files as people have them are read, or refused by name; what comes out can
// be read again and lies where it should.
#include "sinkhornRegisterShapeFiles.h"
#include "sinkhornRegisterTesting.h"

#include <array>
#include <cmath>

namespace
{

using namespace SinkhornRegisterTesting;

class SinkhornRegisterShapes : public ProgramTest
{
protected:
  void
  WriteFile(const std::string & name, const std::string & bytes) const
  {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }

  Outcome
  RunOn(const std::string & fixed,
        const std::string & moving,
        const std::string & more,
        const std::string & output = "out") const
  {
    return Run("--fixed-points '" + Path(fixed) + "' --moving-points '" + Path(moving) + "' --output '" + Path(output) +
               "' --threads 1 --quiet " + more);
  }

  /** A file is registered rigidly onto a VTK file of the same surface elsewhere; what comes out can be read again, and
   * lies there. */
  void
  ExpectRoundTrip(const std::string & name, const std::string & bytes, const std::string & warped)
  {
    WriteFile("fixed.vtk", ToVtk(MakeSurface(0.0F), false));
    WriteFile(name, bytes);
    const Outcome outcome = RunOn("fixed.vtk", name, "--transform rigid");
    ASSERT_EQ(outcome.ExitCode, 0) << name << ": " << outcome.Errors;
    EXPECT_EQ(
      ListFolder(Path("out")),
      (std::set<std::string>{
        warped, "transform.h5", "displacement.nii.gz", "inverse_displacement.nii.gz", "overview.png", "report.json" }));
    const auto report = ReadReport(Path("out"));
    EXPECT_GT(report["mean_distance_before"].get<double>(), 5.0) << name;
    EXPECT_LT(report["mean_distance_after"].get<double>(), 0.1) << name;
    const Outcome again = RunOn("fixed.vtk", "out/" + warped, "--transform rigid", "again");
    ASSERT_EQ(again.ExitCode, 0) << warped << ": " << again.Errors;
    EXPECT_LT(ReadReport(Path("again"))["mean_distance_before"].get<double>(), 0.1) << name;
  }

  void
  ExpectRefusal(const std::string & name, const std::string & bytes, const std::vector<std::string> & words)
  {
    WriteFile("fixed.vtk", ToVtk(MakeSurface(0.0F), false));
    WriteFile(name, bytes);
    const Outcome outcome = RunOn("fixed.vtk", name, "--transform rigid");
    EXPECT_EQ(outcome.ExitCode, 1) << name;
    for (const std::string & word : words)
    {
      EXPECT_NE(outcome.Errors.find(word), std::string::npos)
        << name << ": '" << word << "' is not in " << outcome.Errors;
    }
    EXPECT_FALSE(fs::exists(Path("out")));
  }

  /** Without its last third the file is refused by its name. */
  void
  ExpectRefusalOfCut(const std::string & name, const std::string & bytes)
  {
    ExpectRefusal(name, bytes.substr(0, bytes.size() * 2 / 3), { "moving points '" + Path(name) + "'" });
  }
};

TEST_F(SinkhornRegisterShapes, VtkFilesAreReadAndWritten)
{
  const Surface surface = MakeSurface(15.0F);
  ExpectRoundTrip("text.vtk", ToVtk(surface, false), "warped.vtk");
  ExpectRoundTrip("binary.vtk", ToVtk(surface, true), "warped.vtk");
  ExpectRoundTrip("new.vtk", ToNewVtk(surface), "warped.vtk");
}

TEST_F(SinkhornRegisterShapes, VtkFilesKeepWhatElseIsInThem)
{
  const std::string before = ToVtk(MakeSurface(15.0F), false);
  ExpectRoundTrip("text.vtk", before, "warped.vtk");
  const std::string after = ReadText(Path("out/warped.vtk"));
  EXPECT_EQ(after.substr(after.find("POLYGONS")), before.substr(before.find("POLYGONS")));
  EXPECT_EQ(after.substr(0, after.find("POINTS")), before.substr(0, before.find("POINTS")));
}

TEST_F(SinkhornRegisterShapes, OtherFormatsAreReadAndWritten)
{
  const Surface surface = MakeSurface(15.0F);
  ExpectRoundTrip("text.ply", ToPly(surface, false), "warped.ply");
  ExpectRoundTrip("binary.ply", ToPly(surface, true), "warped.ply");
  ExpectRoundTrip("text.stl", ToStl(surface, false), "warped.stl");
  ExpectRoundTrip("binary.stl", ToStl(surface, true), "warped.stl");
  ExpectRoundTrip("a.off", ToOff(surface), "warped.off");
  ExpectRoundTrip("a.obj", ToObj(surface), "warped.obj");
  ExpectRoundTrip("a.gii", ToGifti(surface), "warped.gii");
  ExpectRoundTrip("lh.white", ToFreeSurfer(surface), "warped.white");
}

TEST_F(SinkhornRegisterShapes, NothingIsLeftOfARunOfAnotherKind)
{
  const auto writeDisc = [this](double x, const std::string & name) {
    const auto disc = Ellipsoid<2>(PointAt(x, 17.0), VectorOf(9.0, 7.0), 200.0);
    Write(MakeImage<unsigned char, 2>({ { 40, 36 } }, disc).GetPointer(), Path(name));
  };
  writeDisc(18.0, "fixed.png");
  writeDisc(21.0, "moving.png");
  const auto registerImages = [this] {
    const Outcome outcome = Run("--fixed '" + Path("fixed.png") + "' --moving '" + Path("moving.png") + "' --output '" +
                                Path("out") + "' --transform translation --metric meansquares --threads 1 --quiet");
    EXPECT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    EXPECT_EQ(ListFolder(Path("out")),
              (std::set<std::string>{ "warped.png",
                                      "transform.h5",
                                      "displacement.nii.gz",
                                      "inverse_displacement.nii.gz",
                                      "overview.png",
                                      "report.json" }));
  };
  const Surface surface = MakeSurface(15.0F);
  registerImages();
  ExpectRoundTrip("a.ply", ToPly(surface, true), "warped.ply");
  registerImages();
  ExpectRoundTrip("lh.white", ToFreeSurfer(surface), "warped.white");
  registerImages();
}

TEST_F(SinkhornRegisterShapes, CellsWithoutAreaAreCounted)
{
  Surface surface = MakeSurface(0.0F);
  surface.Faces.push_back({ { 2, 2, 5 } });
  WriteFile("fixed.vtk", ToVtk(surface, false));
  WriteFile("moving.off", ToOff(MakeSurface(15.0F)));
  const Outcome outcome = RunOn("fixed.vtk", "moving.off", "--transform rigid");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_EQ(ReadReport(Path("out"))["fixed_dropped_cells"], 1);
  EXPECT_EQ(ReadReport(Path("out"))["moving_dropped_cells"], 0);
}

TEST_F(SinkhornRegisterShapes, CurvesAsPolygonsOfTwoPoints)
{
  const auto curve = [](double turn, double size) {
    std::ostringstream text;
    text << "# vtk DataFile Version 3.0\nvtk output\nASCII\nDATASET POLYDATA\nPOINTS 60 float\n";
    for (int k = 0; k < 60; ++k)
    {
      const double angle = 2.0 * itk::Math::pi * k / 60.0;
      text << size * std::cos(angle + turn) << " "
           << 0.5 * size * (1.0 + 0.3 * std::cos(3.0 * angle)) * std::sin(angle + turn) << " 0\n";
    }
    text << "POLYGONS 60 180\n";
    for (int k = 0; k < 60; ++k)
    {
      text << "2 " << k << " " << (k + 1) % 60 << "\n";
    }
    text << "\nCELL_DATA 60\nPOINT_DATA 60\n";
    return text.str();
  };
  WriteFile("fixed.vtk", curve(0.0, 50.0));
  WriteFile("moving.vtk", curve(0.3, 60.0));
  const Outcome outcome = RunOn("fixed.vtk", "moving.vtk", "");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const auto report = ReadReport(Path("out"));
  EXPECT_EQ(report["dimension"], 2);
  EXPECT_LT(report["mean_distance_after"].get<double>(), 0.3);
  EXPECT_GT(report["min_jacobian"].get<double>(), 0.0);
  EXPECT_EQ(report["folded_fraction"].get<double>(), 0.0);
  EXPECT_EQ(report["kept"], "result");
  EXPECT_GT(report["coverage_after"].get<double>(), 0.99);
}

TEST_F(SinkhornRegisterShapes, LandmarksAndTransformSayTheSame)
{
  WriteFile("fixed.vtk", ToVtk(MakeSurface(0.0F), false));
  WriteFile("moving.vtk", ToVtk(MakeSurface(15.0F), false));
  WriteFile("fixed.txt", "10 8 4\n-5 3 -6\n");
  WriteFile("moving.txt", "25 8 -11\n10 3 -21\n");
  const Outcome outcome =
    RunOn("fixed.vtk", "moving.vtk", "--landmarks '" + Path("fixed.txt") + "' '" + Path("moving.txt") + "'");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const auto report = ReadReport(Path("out"));
  EXPECT_EQ(report["landmark_pairs"], 2);
  EXPECT_NEAR(report["tre_before"].get<double>(), 15.0 * std::sqrt(2.0), 1e-3);
  EXPECT_LT(report["tre_after"].get<double>(), 0.5);
}

TEST_F(SinkhornRegisterShapes, DamagedFilesAreRefusedByName)
{
  const Surface surface = MakeSurface(15.0F);
  ExpectRefusalOfCut("text.vtk", ToVtk(surface, false));
  ExpectRefusalOfCut("binary.vtk", ToVtk(surface, true));
  ExpectRefusalOfCut("new.vtk", ToNewVtk(surface));
  ExpectRefusalOfCut("text.ply", ToPly(surface, false));
  ExpectRefusalOfCut("binary.ply", ToPly(surface, true));
  ExpectRefusalOfCut("binary.stl", ToStl(surface, true));
  ExpectRefusalOfCut("a.off", ToOff(surface));
  ExpectRefusalOfCut("a.gii", ToGifti(surface));
  ExpectRefusalOfCut("lh.white", ToFreeSurfer(surface));
  const std::string whole = ToFreeSurfer(surface);
  ExpectRefusal("lh.white", whole.substr(0, whole.size() - 1), { "lh.white", "triangles take" });
  ExpectRefusal("empty.ply", "", { "empty.ply", "empty" });
  Surface wrong = surface;
  wrong.Faces[3][1] = 5000;
  for (const auto & file : { std::make_pair("a.vtk", ToVtk(wrong, false)),
                             std::make_pair("a.off", ToOff(wrong)),
                             std::make_pair("a.obj", ToObj(wrong)),
                             std::make_pair("a.ply", ToPly(wrong, true)) })
  {
    ExpectRefusal(file.first, file.second, { file.first });
  }
  std::string text = ToVtk(surface, false);
  text.replace(text.find("FLOAT\n") + 6, 2, "na");
  ExpectRefusal("nan.vtk", text, { "nan.vtk" });
  ExpectRefusal("a.trk", "TRACK", { "a.trk", "convert" });
  ExpectRefusal("a.xyz", "1 2 3\n", { "a.xyz", "PLY" });
}

TEST_F(SinkhornRegisterShapes, OptionsWithoutMeaningAreRefused)
{
  WriteFile("a.vtk", ToVtk(MakeSurface(0.0F), false));
  for (const std::string option : { "--metric mattes",
                                    "--finish cc",
                                    "--density shift",
                                    "--fixed x.nii",
                                    "--stage syn,sinkhorn",
                                    "--landmark-indices",
                                    "--multi-start",
                                    "--iterations 3x3",
                                    "--fixed-labels l.nii" })
  {
    const Outcome outcome = RunOn("a.vtk", "a.vtk", option);
    EXPECT_EQ(outcome.ExitCode, 1) << option;
    EXPECT_NE(outcome.Errors.find(option.substr(0, option.find(' '))), std::string::npos) << outcome.Errors;
  }
  EXPECT_NE(RunOn("a.vtk", "a.vtk", "--transform syn").Errors.find("displacement"), std::string::npos);
  EXPECT_NE(RunOn("a.vtk", "a.vtk", "--blur -3").Errors.find("--blur"), std::string::npos);
  const Outcome half = Run("--fixed-points '" + Path("a.vtk") + "' --output '" + Path("out") + "'");
  EXPECT_NE(half.Errors.find("--moving-points"), std::string::npos) << half.Errors;
}

TEST_F(SinkhornRegisterShapes, RealSkullsMeet)
{
  const char * const data = std::getenv("SINKHORN_TEST_DATA");
  if (data == nullptr || *data == '\0')
  {
    GTEST_SKIP() << "SINKHORN_TEST_DATA is not set";
  }
  const std::string folder = std::string(data) + "/lddmm_ot/";
  const Outcome     outcome = Run("--fixed-points '" + folder + "skull_sapiens.vtk' --moving-points '" + folder +
                              "skull_australopithecus.vtk' --output '" + Path("out") + "' --threads 2 --quiet");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const auto report = ReadReport(Path("out"));
  EXPECT_NEAR(report["mean_distance_before"].get<double>(), 16.1, 0.1);
  EXPECT_LT(report["mean_distance_after"].get<double>(), 1.2);
  EXPECT_LT(report["hausdorff_after"].get<double>(), 12.0);
  EXPECT_GT(report["min_jacobian"].get<double>(), 0.0);
}

} // namespace
