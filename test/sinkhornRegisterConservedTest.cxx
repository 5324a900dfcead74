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
// Densities whose mass sinkhorn-register has to conserve.
#include "sinkhornRegisterFigures.h"

#include "itkImageRegionConstIteratorWithIndex.h"
#include "itkLinearInterpolateImageFunction.h"

#include <cmath>
#include <string>

namespace
{

using namespace SinkhornRegisterTesting;
using nlohmann::json;

class SinkhornRegisterConserved : public ProgramTest
{
protected:
  /** Two densities with the same total, to the last voxel's rounding, but with the mass elsewhere. */
  void
  WriteDensities() const
  {
    const auto bump = [](const itk::Point<double, 2> & p, double x, double y, double sigma) {
      return std::exp(-(itk::Math::sqr(p[0] - x) + itk::Math::sqr(p[1] - y)) / (2.0 * sigma * sigma)) / (sigma * sigma);
    };
    const auto fixed = MakeImage<float, 2>({ { 80, 72 } }, [&](const itk::Point<double, 2> & p) {
      return 1e5 * (bump(p, 30.0, 34.0, 7.0) + bump(p, 48.0, 40.0, 8.0));
    });
    const auto moving = MakeImage<float, 2>({ { 80, 72 } }, [&](const itk::Point<double, 2> & p) {
      return 1e5 * (0.8 * bump(p, 33.0, 30.0, 8.0) + 1.2 * bump(p, 46.0, 44.0, 7.0));
    });
    Write(fixed.GetPointer(), Path("fixed.nii.gz"));
    Write(moving.GetPointer(), Path("moving.nii.gz"));
  }

  std::string
  Files() const
  {
    return "--fixed " + Path("fixed.nii.gz") + " --moving " + Path("moving.nii.gz") + " --output " + Path("out") +
           " --threads 1 --mass-model conserved";
  }
};

/** M(T(x)) det J(x), with determinants of the test's own, covers the fixed density, and it is what is written. */
TEST_F(SinkhornRegisterConserved, MassArrivesWhole)
{
  using ImageType = itk::Image<float, 2>;
  WriteDensities();
  const Outcome outcome = Run(Files());
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json report = ReadReport(Path("out"));
  EXPECT_EQ(report["transform"], "displacement");
  EXPECT_EQ(report["folded_fraction"], 0.0);
  EXPECT_GT(report["similarity_after"].get<double>(), 0.99);

  const auto fixed = Read<ImageType>(Path("fixed.nii.gz"));
  const auto moving = Read<ImageType>(Path("moving.nii.gz"));
  const auto warped = Read<ImageType>(Path("out/warped.nii.gz"));
  const auto transform = ReadTransform<2>(Path("out/transform.h5"));
  const auto interpolator = itk::LinearInterpolateImageFunction<ImageType>::New();
  interpolator->SetInputImage(moving);
  double common = 0.0;
  double total = 0.0;
  double written = 0.0;
  double off = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<ImageType> it(fixed, fixed->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    ImageType::PointType x;
    fixed->TransformIndexToPhysicalPoint(it.GetIndex(), x);
    const auto   there = [&](double dx, double dy) { return transform->TransformPoint(PointAt(x[0] + dx, x[1] + dy)); };
    const auto   along = 0.5 * (there(1.0, 0.0) - there(-1.0, 0.0));
    const auto   across = 0.5 * (there(0.0, 1.0) - there(0.0, -1.0));
    const auto   target = transform->TransformPoint(x);
    const double value = interpolator->IsInsideBuffer(target) ? interpolator->Evaluate(target) : 0.0;
    const double density = value * (along[0] * across[1] - along[1] * across[0]);
    common += std::min<double>(it.Get(), density);
    total += it.Get();
    written += warped->GetPixel(it.GetIndex());
    off += std::abs(warped->GetPixel(it.GetIndex()) - density);
  }
  EXPECT_GT(common / total, 0.99);
  EXPECT_NEAR(written / total, 1.0, 0.01);
  EXPECT_LT(off / total, 0.005); // borders, where the program's differences are one-sided
}

/** What would create or destroy mass, or compare densities as if they were intensities, is refused by name. */
TEST_F(SinkhornRegisterConserved, RefusesWhatDoesNotConserve)
{
  WriteDensities();
  for (const std::string option :
       { "--reach 10", "--transform syn", "--transform affine", "--finish cc", "--metric meansquares" })
  {
    SCOPED_TRACE(option);
    const Outcome outcome = Run(Files() + " " + option);
    EXPECT_EQ(outcome.ExitCode, 1);
    EXPECT_NE(outcome.Errors.find("--mass-model"), std::string::npos) << outcome.Errors;
    EXPECT_FALSE(fs::exists(Path("out/report.json")));
  }
}

} // namespace
