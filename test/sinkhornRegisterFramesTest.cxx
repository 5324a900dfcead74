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
// Linear stages on images that fill their frame: what one frame cuts off, the other may show. Windows of one picture
// under two frames are brought together to where they were cut from, by every metric.
#include "sinkhornRegisterTesting.h"

#include <cmath>
#include <tuple>

namespace
{

using namespace SinkhornRegisterTesting;

using Image = itk::Image<float, 2>;
using Field = itk::Image<itk::Vector<float, 2>, 2>;
using json = nlohmann::json;

/** Tissue without an edge of its own: a bright ground, blobs of all sizes at places that do not repeat. */
double
Tissue(double x, double y)
{
  double value = 60.0;
  for (int i = 0; i < 60; ++i)
  {
    const double u = std::fmod(i * 0.754877666, 1.0) * 160.0 - 20.0;
    const double v = std::fmod(i * 0.569840296, 1.0) * 160.0 - 20.0;
    const double radius = 4.0 + std::fmod(i * 3.71, 9.0);
    value += (i % 3 == 0 ? -25.0 : 30.0) * std::exp(-0.5 * ((x - u) * (x - u) + (y - v) * (y - v)) / (radius * radius));
  }
  return std::max(value, 5.0);
}

/** A window of it whose header says that it lies elsewhere. */
Image::Pointer
Window(const itk::Vector<double, 2> & corner,
       const itk::Size<2> &           size,
       const itk::Vector<double, 2> & moved,
       double                         factor)
{
  const auto value = [&](const Image::PointType & p) { return factor * Tissue(p[0] - moved[0], p[1] - moved[1]); };
  return MakeImage<float, 2>(size, value, [&](itk::ImageBase<2> * image) {
    const double origin[] = { corner[0] + moved[0], corner[1] + moved[1] };
    image->SetOrigin(origin);
  });
}

using Parameters = std::tuple<const char *, const char *>;

class SinkhornRegisterFrames
  : public ProgramTest
  , public testing::WithParamInterface<Parameters>
{
protected:
  /** Of the moving image's intensities; only mean squares compare them as they are. */
  double
  GetFactor() const
  {
    return std::string(std::get<1>(this->GetParam())) == "meansquares" ? 1.0 : 0.2;
  }
  /** Largest distance, voxels, between the displacement that the program finds and \a moved. */
  double
  FindError(const Image * fixed, const Image * moving, const itk::Vector<double, 2> & moved, json & report)
  {
    Write(fixed, Path("fixed.mha"));
    Write(moving, Path("moving.mha"));
    const auto [transform, metric] = this->GetParam();
    const Outcome outcome =
      Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path("out") +
          " --transform " + transform + " --metric " + metric + " --quiet --threads 2");
    EXPECT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    report = ReadReport(Path("out"));
    const auto field = Read<Field>(Path("out/displacement.nii.gz"));
    double     largest = 0.0;
    for (itk::ImageRegionConstIteratorWithIndex<Field> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      largest = std::max(largest, std::hypot(it.Get()[0] - moved[0], it.Get()[1] - moved[1]));
    }
    return largest;
  }
};

} // namespace

TEST_P(SinkhornRegisterFrames, OneWindowFromAnOffset)
{
  json       report;
  const auto moved = VectorOf(6.0, -4.0);
  const auto fixed = Window(VectorOf(0.0, 0.0), { { 96, 90 } }, VectorOf(0.0, 0.0), 1.0);
  const auto moving = Window(VectorOf(0.0, 0.0), { { 96, 90 } }, moved, this->GetFactor());
  EXPECT_LT(this->FindError(fixed, moving, moved, report), 0.4);
  EXPECT_EQ(report["kept"], "result");
}

TEST_P(SinkhornRegisterFrames, WindowsThatOverlap)
{
  json       report;
  const auto moved = VectorOf(5.0, 4.0);
  const auto fixed = Window(VectorOf(0.0, 0.0), { { 96, 90 } }, VectorOf(0.0, 0.0), 1.0);
  const auto moving = Window(VectorOf(12.0, 8.0), { { 92, 96 } }, moved, this->GetFactor());
  EXPECT_LT(this->FindError(fixed, moving, moved, report), 0.4);
  EXPECT_EQ(report["kept"], "result");
  EXPECT_GT(report["similarity_after"].get<double>(), report["similarity_before"].get<double>());
}

/** They lie right from the beginning; their masses and centres differ, and a ripple keeps them from being equal. */
TEST_P(SinkhornRegisterFrames, WindowsInPlace)
{
  json       report;
  const auto none = VectorOf(0.0, 0.0);
  const auto fixed = Window(none, { { 96, 90 } }, none, 1.0);
  const auto moving = Window(VectorOf(12.0, 8.0), { { 92, 96 } }, none, 1.0);
  for (itk::ImageRegionIteratorWithIndex<Image> it(moving, moving->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    it.Set(it.Get() + ((it.GetIndex()[0] + it.GetIndex()[1]) % 2 == 0 ? 0.1F : -0.1F));
  }
  EXPECT_LT(this->FindError(fixed, moving, none, report), 0.1);
}

/** The default recipe: nothing but the place of the frames differs, so nothing is to be bent. */
class SinkhornRegisterDeformedFrames : public SinkhornRegisterFrames
{};

TEST_P(SinkhornRegisterDeformedFrames, WindowsThatOverlap)
{
  json         report;
  const auto   moved = VectorOf(5.0, 4.0);
  const auto   fixed = Window(VectorOf(0.0, 0.0), { { 96, 90 } }, VectorOf(0.0, 0.0), 1.0);
  const auto   moving = Window(VectorOf(12.0, 8.0), { { 92, 96 } }, moved, this->GetFactor());
  const double error = this->FindError(fixed, moving, moved, report);
  EXPECT_LT(error, 0.4);
  EXPECT_EQ(report["kept"], "result");
}

/** Two crops of one scan that lie right: there is nothing to do, and that is no failure. */
TEST_P(SinkhornRegisterDeformedFrames, EqualWindows)
{
  json       report;
  const auto none = VectorOf(0.0, 0.0);
  const auto fixed = Window(none, { { 96, 90 } }, none, 1.0);
  const auto moving = Window(VectorOf(12.0, 8.0), { { 92, 96 } }, none, this->GetFactor());
  EXPECT_EQ(this->FindError(fixed, moving, none, report), 0.0);
  EXPECT_EQ(report["kept"], "result");
  EXPECT_TRUE(report["converged"].get<bool>());
}

/** Less than half of either is what both show: too little to call them equal, and they lie right all the same. */
TEST_P(SinkhornRegisterDeformedFrames, WindowsThatShareLittleInPlace)
{
  json       report;
  const auto none = VectorOf(0.0, 0.0);
  const auto fixed = Window(none, { { 96, 90 } }, none, 1.0);
  const auto moving = Window(VectorOf(36.0, 30.0), { { 92, 96 } }, none, 1.0);
  EXPECT_LT(this->FindError(fixed, moving, none, report), 0.4);
}

INSTANTIATE_TEST_SUITE_P(Default, SinkhornRegisterDeformedFrames, testing::Values(Parameters("syn", "sinkhorn")));

INSTANTIATE_TEST_SUITE_P(Linear,
                         SinkhornRegisterFrames,
                         testing::Combine(testing::Values("rigid", "affine"),
                                          testing::Values("sinkhorn", "kernel", "meansquares", "cc", "mattes")),
                         [](const testing::TestParamInfo<Parameters> & info) {
                           return std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
                         });

/** Whole masses of different windows are not the same: that stage makes it worse, the others do not build on it. */
TEST_F(ProgramTest, StageThatGotWorseIsDropped)
{
  const auto none = VectorOf(0.0, 0.0);
  const auto moved = VectorOf(5.0, 4.0);
  Write(Window(none, { { 96, 90 } }, none, 1.0).GetPointer(), Path("fixed.mha"));
  Write(Window(VectorOf(12.0, 8.0), { { 92, 96 } }, moved, 1.0).GetPointer(), Path("moving.mha"));
  const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                              Path("out") + " --stage rigid,sinkhorn --stage syn,sinkhorn,reach=0 --quiet --threads 2");
  const json    report = ReadReport(Path("out"));
  ASSERT_EQ(report["stages"].size(), 2U);
  for (const auto & stage : report["stages"])
  {
    const bool isWorse = stage["value_after"].get<double>() > stage["value_before"].get<double>();
    EXPECT_EQ(stage["kept"].get<bool>(), !isWorse);
    std::cout << stage << std::endl;
  }
  EXPECT_TRUE(report["stages"][0]["kept"].get<bool>());
  EXPECT_GE(report["similarity_after"].get<double>(), report["similarity_before"].get<double>());
}
