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
// What must not change a registration: a factor on either image, a constant faint background, the unit of length, the
// order in which voxels are stored, the type of the voxels, the number of threads.
#include "sinkhornRegisterTesting.h"

#include <cmath>

namespace
{

using namespace SinkhornRegisterTesting;

using Image = itk::Image<float, 2>;
using Field = itk::Image<itk::Vector<float, 2>, 2>;
using Point = Image::PointType;
using json = nlohmann::json;

/** A head: skin, brain with texture, two dark ventricles; at rest (0) or moved and bent (1). */
double
Head(const Point & given, double bent)
{
  Point p = given;
  p[0] += bent * (3.0 + 1.5 * std::sin(given[1] / 14.0));
  p[1] += bent * (-2.0 + 1.5 * std::cos(given[0] / 11.0));
  for (unsigned int d = 0; d < 2; ++d)
  {
    p[d] = 48.0 + (p[d] - 48.0) / 0.7; // more background than head
  }
  const auto ellipse = [&](double cx, double cy, double a, double b) {
    const double r = std::hypot((p[0] - cx) / a, (p[1] - cy) / b);
    return 1.0 / (1.0 + std::exp((r - 1.0) * 12.0));
  };
  const double texture = 1.0 + 0.15 * std::sin(p[0] / 3.0) * std::cos(p[1] / 3.7);
  const double value = 300.0 * ellipse(48, 48, 32, 38) * texture + 200.0 * ellipse(48, 44, 20, 26) -
                       250.0 * (ellipse(42, 46, 5, 11) + ellipse(55, 46, 5, 11));
  return value < 20.0 ? 0.0 : value;
}

class SinkhornRegisterInvariance : public ProgramTest
{
protected:
  struct Variant
  {
    double FixedFactor{ 1.0 };
    double MovingFactor{ 1.0 };
    double Background{ 0.0 };
    double Unit{ 1.0 };
    bool   StoredBackwards{ false };
    bool   Doubles{ false };
    int    Threads{ 1 };
  };

  template <typename TPixel>
  void
  WriteHead(const Variant & variant, double bent, double factor, const std::string & name) const
  {
    using ImageType = itk::Image<TPixel, 2>;
    const auto geometry = [&](itk::ImageBase<2> * image) {
      double spacing[2] = { variant.Unit, variant.Unit };
      image->SetSpacing(spacing);
      if (variant.StoredBackwards)
      {
        auto direction = image->GetDirection();
        direction(0, 0) = -1.0;
        image->SetDirection(direction);
        double origin[2] = { 95.0 * variant.Unit, 0.0 };
        image->SetOrigin(origin);
      }
    };
    const auto density = [&](const typename ImageType::PointType & point) {
      Point p;
      p[0] = point[0] / variant.Unit;
      p[1] = point[1] / variant.Unit;
      const double value = static_cast<float>(Head(p, bent));
      return (value > 0.0 ? value : variant.Background) * factor;
    };
    Write(MakeImage<TPixel, 2>({ { 96, 96 } }, density, geometry).GetPointer(), Path(name));
  }

  /** Displacement, in voxels, at the voxels that show the head, in an order that does not depend on how it is stored.
   */
  std::vector<double>
  Register(const Variant & variant, const std::string & options, json * report = nullptr)
  {
    if (variant.Doubles)
    {
      WriteHead<double>(variant, 0.0, variant.FixedFactor, "fixed.mha");
      WriteHead<double>(variant, 1.0, variant.MovingFactor, "moving.mha");
    }
    else
    {
      WriteHead<float>(variant, 0.0, variant.FixedFactor, "fixed.mha");
      WriteHead<float>(variant, 1.0, variant.MovingFactor, "moving.mha");
    }
    const Outcome outcome = Run("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " +
                                Path("out") + " --quiet --threads " + std::to_string(variant.Threads) + " " + options);
    EXPECT_EQ(outcome.ExitCode, 0) << outcome.Errors;
    if (report)
    {
      *report = ReadReport(Path("out"));
    }
    const auto          field = Read<Field>(Path("out/displacement.nii.gz"));
    std::vector<double> displacements;
    for (int y = 28; y < 68; y += 4)
    {
      for (int x = 32; x < 64; x += 4)
      {
        const auto value = field->GetPixel({ { variant.StoredBackwards ? 95 - x : x, y } });
        displacements.push_back(value[0] / variant.Unit);
        displacements.push_back(value[1] / variant.Unit);
      }
    }
    return displacements;
  }

  void
  ExpectSame(const Variant & variant, const std::string & options, double tolerance)
  {
    json       plain;
    json       varied;
    const auto expected = this->Register(Variant(), options, &plain);
    const auto seen = this->Register(variant, options, &varied);
    double     largest = 0.0;
    double     moved = 0.0;
    for (std::size_t i = 0; i < expected.size(); ++i)
    {
      largest = std::max(largest, std::abs(seen[i] - expected[i]));
      moved = std::max(moved, std::abs(expected[i]));
    }
    EXPECT_LE(largest, tolerance);
    EXPECT_GT(moved, 2.0); // there was something to find
    ASSERT_EQ(varied["stages"].size(), plain["stages"].size());
    EXPECT_EQ(varied["stages"].back()["standardize"], plain["stages"].back()["standardize"]);
    std::cout << "largest difference " << largest << " voxels" << std::endl;
  }
};

} // namespace

TEST_F(SinkhornRegisterInvariance, FactorOnFixed)
{
  Variant variant;
  variant.FixedFactor = 1e3;
  this->ExpectSame(variant, "", 0.05);
  variant.FixedFactor = 1e-3;
  this->ExpectSame(variant, "", 0.05);
}

TEST_F(SinkhornRegisterInvariance, FactorOnMoving)
{
  Variant variant;
  variant.MovingFactor = 1e3;
  this->ExpectSame(variant, "", 0.05);
  variant.MovingFactor = 1e-3;
  this->ExpectSame(variant, "--reach 20", 0.05);
}

TEST_F(SinkhornRegisterInvariance, FaintBackground)
{
  Variant variant;
  variant.Background = 1e-6;
  this->ExpectSame(variant, "", 0.05);
}

TEST_F(SinkhornRegisterInvariance, UnitOfLength)
{
  Variant variant;
  for (const double unit : { 1e-4, 1e4 })
  {
    variant.Unit = unit;
    this->ExpectSame(variant, "", 0.05);
  }
}

TEST_F(SinkhornRegisterInvariance, OrderOfStorage)
{
  Variant variant;
  variant.StoredBackwards = true;
  this->ExpectSame(variant, "", 0.05);
}

TEST_F(SinkhornRegisterInvariance, TypeAndThreads)
{
  Variant variant;
  variant.Doubles = true;
  variant.Threads = 3;
  this->ExpectSame(variant, "", 0.0);
}

/** Affine and rigid, with a factor on both. */
TEST_F(SinkhornRegisterInvariance, FactorsInLinearStages)
{
  Variant variant;
  variant.FixedFactor = 1e-3;
  variant.MovingFactor = 1e3;
  this->ExpectSame(variant, "--transform affine", 0.05);
  this->ExpectSame(variant, "--transform rigid --metric kernel", 0.05);
}
