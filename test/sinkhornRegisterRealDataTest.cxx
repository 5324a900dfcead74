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
#include "sinkhornRegisterFigures.h"

#include <cstdlib>
#include <utility>

namespace
{

using namespace SinkhornRegisterTesting;

/** Real pairs, only where the data are. */
class SinkhornRegisterRealData : public ProgramTest
{
protected:
  void
  SetUp() override
  {
    ProgramTest::SetUp();
    const char * folder = std::getenv("SINKHORN_TEST_DATA");
    if (folder == nullptr || !fs::is_directory(folder))
    {
      GTEST_SKIP() << "SINKHORN_TEST_DATA does not name a folder of real registration pairs";
    }
    m_Data = folder;
  }
  std::string m_Data;
};

/** They are turned by more than a start from the springs as they lie can find. */
TEST_F(SinkhornRegisterRealData, MoonsWithoutOverlap)
{
  const std::string pair = m_Data + "/geomloss_densities/moon_";
  const Outcome     outcome =
    Run("--fixed " + pair + "b.png --moving " + pair + "a.png --output " + Path("out") + " --quiet --threads 2");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  EXPECT_LT(report["value_after"].get<double>(), 0.001 * report["value_before"].get<double>());
  EXPECT_EQ(report["folded_fraction"], 0.0);
}

TEST_F(SinkhornRegisterRealData, LungsInMasksByAffineTransform)
{
  const std::string pair = m_Data + "/elastix_lung3d/3DCT_lung_";
  const std::string files = "--fixed " + pair + "baseline.mha --moving " + pair + "followup.mha --fixed-mask " + pair +
                            "baseline_mask.mha --moving-mask " + pair + "followup_mask.mha --density window:-1000:400";
  const Outcome outcome =
    Run(files + " --landmarks " + pair + "baseline.txt " + pair +
        "followup.txt --landmark-indices --transform affine --iterations 30x20 --quiet --threads 2 --output " +
        Path("out"));
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  EXPECT_LT(report["value_after"].get<double>(), 0.02 * report["value_before"].get<double>());
  EXPECT_NEAR(report["min_jacobian"].get<double>(), 1.25, 0.1); // breathing in
  EXPECT_NEAR(report["tre_before"].get<double>(), 34.856, 0.01);
  EXPECT_LT(report["tre_after"].get<double>(), 6.5);
}

/** Breathing in by a third, 35 mm away: no start by hand, default settings. */
TEST_F(SinkhornRegisterRealData, LungsByDefault)
{
  const std::string pair = m_Data + "/elastix_lung3d/3DCT_lung_";
  const Outcome     outcome =
    Run("--fixed " + pair + "baseline.mha --moving " + pair + "followup.mha --fixed-mask " + pair +
        "baseline_mask.mha --moving-mask " + pair + "followup_mask.mha --density window:-1000:400 --landmarks " + pair +
        "baseline.txt " + pair + "followup.txt --landmark-indices --quiet --threads 2 --output " + Path("out"));
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  EXPECT_LT(report["tre_after"].get<double>(), 2.2);
  EXPECT_EQ(report["folded_fraction"], 0.0);
  EXPECT_GT(report["min_jacobian"].get<double>(), 0.0);
}

/** The borders of both images cut through the head: mass must not be carried, and brightness differs eightfold. */
TEST_F(SinkhornRegisterRealData, HippocampusImages)
{
  const std::string folder = m_Data + "/msd_hippocampus/";
  const Outcome     outcome =
    Run("--fixed " + folder + "images/hippocampus_015.nii.gz --moving " + folder +
        "images/hippocampus_017.nii.gz --fixed-labels " + folder + "labels/hippocampus_015.nii.gz --moving-labels " +
        folder + "labels/hippocampus_017.nii.gz --quiet --threads 2 --output " + Path("out"));
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  EXPECT_LT(report["dice_before_mean"].get<double>(), 0.5);
  EXPECT_GE(report["dice_after_mean"].get<double>(), 0.75);
  EXPECT_EQ(report["folded_fraction"], 0.0);
}

/** MR crops that fill their frame, by linear stages of every metric: labels meet, and no map runs off. */
TEST_F(SinkhornRegisterRealData, HippocampusImagesByLinearStages)
{
  const std::string folder = m_Data + "/msd_hippocampus/";
  for (const std::string transform : { "rigid", "affine" })
  {
    for (const std::string metric : { "sinkhorn", "kernel", "meansquares", "mattes" })
    {
      SCOPED_TRACE(transform + " with " + metric);
      const Outcome outcome =
        Run("--fixed " + folder + "images/hippocampus_004.nii.gz --moving " + folder +
            "images/hippocampus_006.nii.gz --fixed-labels " + folder +
            "labels/hippocampus_004.nii.gz --moving-labels " + folder + "labels/hippocampus_006.nii.gz --transform " +
            transform + " --metric " + metric + " --quiet --threads 2 --output " + Path("out"));
      const json report = ReadReport(Path("out"));
      EXPECT_LT(report["dice_before_mean"].get<double>(), 0.63);
      if (metric == "meansquares")
      {
        // One image is twice as bright: what it finds is right, or refused.
        EXPECT_EQ(outcome.ExitCode, report["kept"] == "result" ? 0 : 3) << outcome.Errors;
        EXPECT_GE(report["dice_after_mean"], report["dice_before_mean"]);
        EXPECT_GE(report["similarity_after"], report["similarity_before"]);
        continue;
      }
      EXPECT_EQ(outcome.ExitCode, 0) << outcome.Errors;
      EXPECT_GE(report["dice_after_mean"].get<double>(), 0.72);
      EXPECT_GT(report["similarity_after"].get<double>(), report["similarity_before"].get<double>());
    }
  }
}

TEST_F(SinkhornRegisterRealData, HippocampusLabelMaps)
{
  const std::string fixed = m_Data + "/msd_hippocampus/labels/hippocampus_011.nii.gz";
  const std::string moving = m_Data + "/msd_hippocampus/labels/hippocampus_014.nii.gz";
  const Outcome     outcome = Run("--fixed " + fixed + " --moving " + moving + " --fixed-labels " + fixed +
                              " --moving-labels " + moving + " --output " + Path("out") + " --quiet --threads 2");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  ExpectFiguresOfFiles<3>(Path("out"), fixed, moving);
  EXPECT_GE(report["dice_after_mean"].get<double>(), 0.95);
  EXPECT_EQ(report["folded_fraction"], 0.0);
}

/** The stages of a velocity work on grids of different extents; where folds are mended, none of them may be cut off. */
TEST_F(SinkhornRegisterRealData, FoldsOfVelocitiesAreMended)
{
  const std::string pair = m_Data + "/geomloss_densities/slope_";
  const Outcome outcome = Run("--fixed " + pair + "b.png --moving " + pair + "a.png --transform velocity --output " +
                              Path("out") + " --quiet --threads 2");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  EXPECT_EQ(report["folded_fraction"], 0.0);
  EXPECT_GT(report["min_jacobian"].get<double>(), 0.0);
}

/** Slices of knees of different people: bones and cartilages share one mass, of which each has another part. Without a
 * reach one is carried to the other (Dice 0.60 and 0.70). */
TEST_F(SinkhornRegisterRealData, KneeLabelMaps)
{
  for (const auto & [fixed, moving] : { std::pair("9068453", "9085290"), std::pair("9200458", "9279291") })
  {
    SCOPED_TRACE(fixed);
    const std::string first = m_Data + "/knee2d_labels/" + fixed + ".png";
    const std::string second = m_Data + "/knee2d_labels/" + moving + ".png";
    const Outcome     outcome = Run("--fixed " + first + " --moving " + second + " --fixed-labels " + first +
                                " --moving-labels " + second + " --output " + Path("out") + " --quiet --threads 2");
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    const json report = ReadReport(Path("out"));
    EXPECT_GE(report["dice_after_mean"].get<double>(), 0.85);
    EXPECT_EQ(report["folded_fraction"], 0.0);
    EXPECT_GT(report["stages"][0]["reach"].get<double>(), 0.0);
    EXPECT_EQ(report["reach"], 0.0); // of the value that is reported
  }
}

} // namespace
