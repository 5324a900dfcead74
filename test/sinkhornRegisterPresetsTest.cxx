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
// sinkhorn-register: presets, options from a file, dry runs, and the groups of the help.
#include "sinkhornRegisterTesting.h"

#include "gtest/gtest.h"

namespace
{

using namespace SinkhornRegisterTesting;
using Point2 = itk::Point<double, 2>;

class SinkhornRegisterPresets : public ProgramTest
{
protected:
  void
  SetUp() override
  {
    ProgramTest::SetUp();
    WriteDisc("fixed.mha", 18.0, 20.0);
    WriteDisc("moving.mha", 28.0, 24.0);
  }

  /** A disc of two halves, labels 1 and 2, in a 48 × 48 image. */
  void
  WriteDisc(const std::string & name, double x, double y)
  {
    const auto disc = Ellipsoid<2>(PointAt(x, y), VectorOf(9.0, 8.0), 1.0);
    Write(MakeImage<float, 2>({ { 48, 48 } }, [&](const Point2 & p) { return disc(p) * (p[0] < x ? 1.0 : 2.0); })
            .GetPointer(),
          Path(name));
  }

  std::string
  Files(const std::string & output) const
  {
    return " --fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path(output) +
           " --threads 2";
  }

  nlohmann::json
  Dump(const std::string & arguments) const
  {
    const Outcome outcome = Run(arguments + " --dump-config");
    EXPECT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    return nlohmann::json::parse(outcome.Output);
  }
};

TEST_F(SinkhornRegisterPresets, EachRuns)
{
  for (const std::string preset : { "fast", "default", "accurate", "labels", "lesion", "histology" })
  {
    const Outcome outcome = Run(Files(preset) + " --preset " + preset);
    ASSERT_EQ(outcome.ExitCode, 0) << preset << ": " << outcome.Errors;
    EXPECT_EQ(ReadReport(Path(preset))["kept"], "result") << preset;
    EXPECT_EQ(ReadReport(Path(preset))["folded_fraction"], 0) << preset;
  }
  EXPECT_EQ(ReadReport(Path("labels"))["features"], "labels");
  EXPECT_LT(ReadReport(Path("fast"))["stages"].back()["levels"],
            ReadReport(Path("default"))["stages"].back()["levels"]);
}

TEST_F(SinkhornRegisterPresets, TheLungsHaveAWindow)
{
  const auto lung = Ellipsoid<2>(PointAt(24.0, 24.0), VectorOf(12.0, 16.0), -800.0);
  const auto other = Ellipsoid<2>(PointAt(22.0, 25.0), VectorOf(11.0, 15.0), -750.0);
  Write(MakeImage<float, 2>({ { 48, 48 } }, lung).GetPointer(), Path("fixed.mha"));
  Write(MakeImage<float, 2>({ { 48, 48 } }, other).GetPointer(), Path("moving.mha"));
  const Outcome outcome = Run(Files("out") + " --preset ct-lung");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_EQ(ReadReport(Path("out"))["density_fixed"], "window:-1000:400");
}

TEST_F(SinkhornRegisterPresets, WhatIsSaidByHandComesFirst)
{
  EXPECT_EQ(Dump("--preset fast"), (nlohmann::json{ { "iterations", "60x40" }, { "shrink", "4x2" } }));
  EXPECT_EQ(Dump("--preset fast --iterations 5x4")["iterations"], "5x4");
  std::ofstream(Path("c.json"))
    << R"({"preset": "fast", "iterations": "9x8", "blur": 2.5, "multi-start": true, "quiet": false})";
  const nlohmann::json dump = Dump("--config " + Path("c.json") + " --blur 4");
  EXPECT_EQ(dump,
            (nlohmann::json{ { "iterations", "9x8" }, { "shrink", "4x2" }, { "blur", "4" }, { "multi-start", true } }));
}

TEST_F(SinkhornRegisterPresets, AFileSaysTheSameAsTheCommandLine)
{
  const std::string options = " --stage affine,sinkhorn,iterations=20 --stage syn,meansquares,iterations=10x5";
  ASSERT_EQ(Run(Files("spoken") + options).ExitCode, 0);
  const nlohmann::json dump = Dump(Files("written") + options);
  EXPECT_EQ(dump["stage"].size(), 2U);
  std::ofstream(Path("c.json")) << dump;
  const Outcome outcome = Run("--config " + Path("c.json"));
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_EQ(ReadText(Path("spoken") + "/warped.nii.gz"), ReadText(Path("written") + "/warped.nii.gz"));
  EXPECT_EQ(ReadText(Path("spoken") + "/transform.h5"), ReadText(Path("written") + "/transform.h5"));
}

TEST_F(SinkhornRegisterPresets, BadFilesAreRefused)
{
  const auto refuses = [this](const std::string & content, const std::string & words) {
    std::ofstream(Path("c.json")) << content;
    const std::string files = Files("out");
    // without the threads, which the command line would say before the file
    const Outcome outcome = Run(files.substr(0, files.find(" --threads")) + " --config " + Path("c.json"));
    EXPECT_EQ(outcome.ExitCode, 1) << content;
    EXPECT_NE(outcome.Errors.find(words), std::string::npos) << content << "\nsays: " << outcome.Errors;
    EXPECT_FALSE(fs::exists(Path("out")));
  };
  refuses("[]", "no JSON object");
  refuses("{\"blur\": ", "no JSON object");
  refuses(R"({"blurr": 2})", "blurr: there is no such option");
  refuses(R"({"config": "x"})", "config: there is no such option");
  refuses(R"({"blur": null})", "blur: must be a text");
  refuses(R"({"threads": "many"})", "--threads");
  refuses(R"({"preset": "best"})", "--preset 'best': is unknown; there are fast, default");
}

TEST_F(SinkhornRegisterPresets, ADryRunDoesNothing)
{
  const Outcome outcome = Run(Files("out") + " --dry-run");
  EXPECT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  EXPECT_FALSE(fs::exists(Path("out")));
  for (const std::string word :
       { "fixed image", "48 x 48 voxels of 1 x 1 mm", "stage 1: syn with sinkhorn", "nothing was done" })
  {
    EXPECT_NE(outcome.Output.find(word), std::string::npos) << word << " in\n" << outcome.Output;
  }
  EXPECT_EQ(Run(Files("out") + " --dry-run --metric best").ExitCode, 1);
}

TEST_F(SinkhornRegisterPresets, TheHelpHasGroups)
{
  const std::string help = Run("--help").Output;
  std::size_t       last = 0;
  for (const std::string heading :
       { "Files:", "What is compared:", "How it is registered:", "Scales:", "The program:" })
  {
    const std::size_t place = help.find(heading);
    ASSERT_NE(place, std::string::npos) << heading;
    EXPECT_GT(place, last) << heading;
    last = place;
  }
  EXPECT_EQ(help.find("\nOptions:"), std::string::npos) << "an option is in no group";
}

} // namespace
