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
// Settings that no registration of the images can mean are refused by name, with what is allowed, before any work; and
// so are those that would change nothing.
#include "sinkhornRegisterTesting.h"


namespace
{

using namespace SinkhornRegisterTesting;

class SinkhornRegisterLimits : public ProgramTest
{
protected:
  void
  SetUp() override
  {
    ProgramTest::SetUp();
    const auto spacing = [](itk::ImageBase<2> * image) { image->SetSpacing(VectorOf(0.5, 0.5)); };
    const auto disc = [](double x) { return Ellipsoid<2>(PointAt(x, 11.0), VectorOf(5.0, 5.0), 1.0); };
    Write(MakeImage<float, 2>({ { 48, 40 } }, disc(9.0), spacing).GetPointer(), Path("fixed.mha"));
    Write(MakeImage<float, 2>({ { 48, 40 } }, disc(12.0), spacing).GetPointer(), Path("moving.mha"));
  }

  Outcome
  RunWith(const std::string & extra) const
  {
    return Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path("out") +
               " --quiet " + (extra.find("--threads") == std::string::npos ? "--threads 1 " : "") + extra);
  }

  void
  ExpectRefusal(const std::string & extra, const std::vector<std::string> & words) const
  {
    const Outcome outcome = RunWith(extra);
    EXPECT_EQ(outcome.ExitCode, 1) << extra;
    for (const std::string & word : words)
    {
      EXPECT_NE(outcome.Errors.find(word), std::string::npos) << extra << "\nsays: " << outcome.Errors;
    }
    EXPECT_FALSE(fs::exists(Path("out"))) << extra;
  }
};

/** The image is 24 mm × 20 mm with voxels of 0.5 mm. */
TEST_F(SinkhornRegisterLimits, Unbelievable)
{
  for (const std::string value : { "1e-9", "1e-300", "0.02", "40", "1e6", "1e300" })
  {
    ExpectRefusal("--blur " + value, { "--blur", value.substr(0, 2), "0.025 to 31.24 mm" });
    ExpectRefusal("--update-sigma " + value, { "--update-sigma", "0.025 to 31.24 mm" });
    ExpectRefusal("--stage affine,sinkhorn --stage syn,sinkhorn,blur=" + value,
                  { "--blur", "stage 2, syn with sinkhorn" });
  }
  for (const std::string value : { "1e-300", "0.01", "4000", "1e6", "1e300" })
  {
    ExpectRefusal("--reach " + value, { "--reach", "0.025 to 3124 mm", "write 0" });
  }
  ExpectRefusal("--update-sigma 4+1e-300x2", { "--update-sigma" });
  ExpectRefusal("--learning-rate 25", { "--learning-rate 25", "24 voxels" });
  ExpectRefusal("--learning-rate 1e-300", { "--learning-rate", "0.0001" });
  ExpectRefusal("--finish cc --radius 24", { "--radius 24", "23 voxels" });
  ExpectRefusal("--finish cc --radius 4x3", { "--radius has 2 levels", "--iterations" });
  ExpectRefusal("--standardize 49", { "--standardize 49", "48 voxels" });
  ExpectRefusal("--standardize -1", { "--standardize", "voxels" });
  ExpectRefusal("--iterations 5 --shrink 13", { "--shrink 13", "12 times", "4 voxels" });
  ExpectRefusal("--iterations 1000000000", { "--iterations", "100000" });
  ExpectRefusal("--iterations 5x100001", { "--iterations", "100000" });
  ExpectRefusal("--threads 1000000", { "--threads 1000000", "128" });
  ExpectRefusal("--threads -1", { "--threads" });
}

TEST_F(SinkhornRegisterLimits, WithoutUse)
{
  ExpectRefusal("--metric meansquares --blur 2", { "--blur", "sinkhorn and kernel" });
  ExpectRefusal("--metric kernel --reach 5", { "--reach", "sinkhorn" });
  ExpectRefusal("--metric cc --mass-model intensity", { "--mass-model", "sinkhorn" });
  ExpectRefusal("--transform affine --update-sigma 3", { "--update-sigma", "deformations" });
  ExpectRefusal("--transform velocity --total-sigma 1", { "--total-sigma", "greedy" });
  ExpectRefusal("--metric meansquares --radius 3", { "--radius", "cc" });
  ExpectRefusal("--transform affine --standardize 3", { "--standardize", "meansquares" });
  ExpectRefusal("--metric cc --density shift", { "--density shift", "mass" });
  ExpectRefusal("--stage affine,cc,update=3", { "--stage", "update", "deformations" });
  ExpectRefusal("--stage syn,meansquares,reach=3", { "--stage", "reach", "sinkhorn" });
  ExpectRefusal("--stage syn,sinkhorn,blur=2,blur=3", { "--stage", "blur", "twice" });
}

/** At the limits it runs, and no level reports more iterations than it was given. */
TEST_F(SinkhornRegisterLimits, Iterations)
{
  for (const std::string transform :
       { "translation", "rigid", "similarity", "affine", "displacement", "velocity", "syn", "bspline-syn" })
  {
    for (const std::string metric : { "sinkhorn", "meansquares" })
    {
      const Outcome outcome = RunWith("--stage " + transform + "," + metric + ",iterations=4x3");
      ASSERT_TRUE(outcome.ExitCode == 0 || outcome.ExitCode == 3) << transform << ": " << outcome.Errors;
      const auto levels = ReadReport(Path("out"))["levels"];
      ASSERT_EQ(levels.size(), 2U) << transform;
      EXPECT_LE(levels[0]["iterations"], 4) << transform << ", " << metric;
      EXPECT_LE(levels[1]["iterations"], 3) << transform << ", " << metric;
      fs::remove_all(Path("out"));
    }
  }
  EXPECT_EQ(
    RunWith("--iterations 2x1 --shrink 12x10 --blur 31 --reach 3100 --learning-rate 24 --update-sigma 31").ExitCode % 3,
    0);
}

} // namespace
