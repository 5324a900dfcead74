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
// Every error path.
#include "itkSinkhornImageToImageMetricv4TestUtilities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

namespace
{

/** Expects an error with all these words, and that the metric works again once \a repair has been done. */
template <typename TRepair>
void
ExpectError(MetricType & metric, const std::vector<std::string> & words, const TRepair & repair)
{
  const auto message = ErrorOf(metric);
  EXPECT_NE(message, "");
  for (const auto & word : words)
  {
    EXPECT_NE(message.find(word), std::string::npos) << "no \"" << word << "\" in: " << message;
  }
  repair();
  EXPECT_EQ(ErrorOf(metric), "");
  EXPECT_TRUE(std::isfinite(metric.GetCurrentValue()));
}

} // namespace

TEST(SinkhornMetricError, Parameters)
{
  const auto metric = MakeMetric();
  metric->SetBlur(0.0);
  ExpectError(*metric, { "Blur", "0" }, [&] { metric->SetBlur(2.0); });
  metric->SetBlur(-1.5);
  ExpectError(*metric, { "Blur", "-1.5" }, [&] { metric->SetBlurToAutomatic(); });
  metric->SetReach(-2.0);
  ExpectError(*metric, { "Reach", "-2" }, [&] { metric->SetReach(0.0); });
  metric->SetReach(std::numeric_limits<double>::quiet_NaN());
  ExpectError(*metric, { "Reach", "nan" }, [&] { metric->SetReach(0.0); });
  metric->SetTolerance(0.0);
  ExpectError(*metric, { "Tolerance", "1e-3" }, [&] { metric->SetTolerance(1e-3); });
  metric->SetMaximumNumberOfIterations(0);
  ExpectError(*metric, { "MaximumNumberOfIterations" }, [&] { metric->SetMaximumNumberOfIterations(100); });
  metric->SetMaximumNumberOfWorkUnits(0);
  ExpectError(*metric, { "MaximumNumberOfWorkUnits" }, [&] { metric->SetMaximumNumberOfWorkUnits(1); });
  metric->SetGradientSource(MetricType::GradientSourceEnum::GRADIENT_SOURCE_FIXED);
  ExpectError(*metric, { "GradientSource", "MOVING" }, [&] {
    metric->SetGradientSource(MetricType::GradientSourceEnum::GRADIENT_SOURCE_MOVING);
  });
  metric->UseSampledPointSetOn();
  ExpectError(*metric, { "UseSampledPointSet", "Switch it off" }, [&] { metric->UseSampledPointSetOff(); });
}

/** As a distance of one's own may be. */
class PlacesAlone : public MetricType
{
public:
  using Self = PlacesAlone;
  using Pointer = itk::SmartPointer<Self>;
  itkSimpleNewMacro(Self);

protected:
  bool
  ComparesIntensityBins() const override
  {
    return false;
  }
};

TEST(SinkhornMetricError, BinsThatTheMetricDoesNotCompare)
{
  const auto whole = MakeMetric();
  const auto metric = PlacesAlone::New();
  metric->SetFixedImage(whole->GetFixedImage());
  metric->SetMovingImage(whole->GetMovingImage());
  metric->SetFixedTransform(whole->GetModifiableFixedTransform());
  metric->SetMovingTransform(whole->GetModifiableMovingTransform());
  metric->SetNumberOfIntensityBins(3);
  EXPECT_NE(ErrorOf(*metric).find("places alone"), std::string::npos);
  metric->SetNumberOfIntensityBins(0);
  EXPECT_EQ(ErrorOf(*metric), "");
}

TEST(SinkhornMetricError, NegativeVoxels)
{
  const auto metric = MakeMetric();
  auto *     fixed = const_cast<ImageType *>(metric->GetFixedImage());
  auto *     moving = const_cast<ImageType *>(metric->GetMovingImage());
  fixed->SetPixel(At(4, 7), -0.5);
  fixed->SetPixel(At(5, 7), -0.75);
  ExpectError(*metric, { "fixed image", "2 negative", "[4, 7]", "-0.5", "ClampNegative" }, [&] {
    fixed->SetPixel(At(4, 7), 0.0);
    fixed->SetPixel(At(5, 7), 0.0);
  });
  const double expected = metric->GetCurrentValue();
  moving->SetPixel(At(9, 3), -0.25);
  ExpectError(*metric, { "moving image", "1 negative", "[9, 3]", "-0.25" }, [&] {
    testing::internal::CaptureStderr();
    metric->ClampNegativeOn();
  });
  EXPECT_NE(testing::internal::GetCapturedStderr().find("negative"), std::string::npos) << "clamping must be loud";
  EXPECT_NEAR(metric->GetCurrentValue(), expected, 1e-8 * expected);
}

TEST(SinkhornMetricError, LobesOfSmoothingAreNoError)
{
  const auto metric = MakeMetric();
  auto *     fixed = const_cast<ImageType *>(metric->GetFixedImage());
  fixed->SetPixel(At(2, 2), -0.002);
  EXPECT_EQ(ErrorOf(*metric), "");
  fixed->SetPixel(At(2, 2), -0.02);
  EXPECT_NE(ErrorOf(*metric), "");
}

TEST(SinkhornMetricError, VoxelsThatAreNotFinite)
{
  const auto metric = MakeMetric();
  auto *     fixed = const_cast<ImageType *>(metric->GetFixedImage());
  auto *     moving = const_cast<ImageType *>(metric->GetMovingImage());
  fixed->SetPixel(At(8, 1), std::numeric_limits<double>::quiet_NaN());
  ExpectError(*metric, { "fixed image", "not finite", "[8, 1]", "nan" }, [&] { fixed->SetPixel(At(8, 1), 0.0); });
  moving->SetPixel(At(0, 31), std::numeric_limits<double>::infinity());
  ExpectError(*metric, { "moving image", "not finite", "[0, 31]", "inf" }, [&] { moving->SetPixel(At(0, 31), 0.0); });
}

TEST(SinkhornMetricError, NoMass)
{
  const auto empty = MakeImage<ImageType>(MakeCube<2>(N), [](const auto &) { return 0.0; });
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto metric = MakeMetric();
    metric->SetMassModel(model);
    const ImageType::ConstPointer fixed = metric->GetFixedImage();
    const ImageType::ConstPointer moving = metric->GetMovingImage();
    metric->SetFixedImage(empty);
    ExpectError(*metric, { "fixed image", "zero total mass" }, [&] { metric->SetFixedImage(fixed); });
    metric->SetMovingImage(empty);
    ExpectError(*metric, { "moving image", "zero total mass" }, [&] { metric->SetMovingImage(moving); });
  }
}

TEST(SinkhornMetricError, Masks)
{
  const auto geometry = MakeCube<2>(N);
  const auto metric = MakeMetric();
  auto       corner = GetCentre(geometry);
  corner[0] = 1.0;
  corner[1] = 1.0;
  metric->SetFixedImageMask(MakeBallMask(geometry, corner, -1.0));
  ExpectError(*metric, { "fixed image", "mask is empty" }, [&] {
    metric->SetFixedImageMask(static_cast<MetricType::FixedImageMaskType *>(nullptr));
  });
  metric->SetMovingImageMask(MakeBallMask(geometry, corner, 1.5));
  ExpectError(*metric, { "moving image", "zero total mass", "inside its mask" }, [&] {
    metric->SetMovingImageMask(static_cast<MetricType::MovingImageMaskType *>(nullptr));
  });
}

TEST(SinkhornMetricError, NoOverlap)
{
  const auto metric = MakeMetric();
  const auto transform = TranslationType::New();
  auto       parameters = transform->GetParameters();
  parameters[0] = 500.0;
  transform->SetParameters(parameters);
  metric->SetMovingTransform(transform);
  ExpectError(*metric, { "moving image", "overlap" }, [&] { metric->SetMovingTransform(TranslationType::New()); });

  // the same in the middle of an optimisation
  metric->SetMovingTransform(transform);
  parameters[0] = 0.0;
  metric->SetParameters(parameters);
  metric->Initialize();
  EXPECT_TRUE(std::isfinite(metric->GetValue()));
  parameters[0] = 500.0;
  metric->SetParameters(parameters);
  EXPECT_THROW(metric->GetValue(), itk::ExceptionObject);
  parameters[0] = 1.0;
  metric->SetParameters(parameters);
  EXPECT_TRUE(std::isfinite(metric->GetValue()));

  // pushed-forward mass may leave the moving image, but not by any distance
  metric->SetMassModel(MassModel::PushForward);
  parameters[0] = -20.0;
  metric->SetParameters(parameters);
  EXPECT_EQ(ErrorOf(*metric), "");
  EXPECT_GT(metric->GetFirstVariation()->GetBufferedRegion().GetSize(0), N);
  parameters[0] = 1e6;
  metric->SetParameters(parameters);
  ExpectError(*metric, { "carries mass", "learning rate" }, [&] {
    parameters[0] = 0.0;
    metric->SetParameters(parameters);
  });
}

TEST(SinkhornMetricError, UnequalMassesInABalancedProblem)
{
  const auto fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto moving = MakeBumps<ImageType>(MakeCube<2>(N), 2.0, 0.7 * N);
  const auto metric = MakeMetric(fixed, moving);
  metric->NormalizeMassesOff();
  std::ostringstream mass;
  ExpectError(*metric, { "fixed image", "moving image", "NormalizeMasses", "Reach" }, [&] { metric->SetReach(5.0); });
  metric->SetReach(0.0);
  ErrorOf(*metric);
  mass << metric->GetMovingMass();
  ExpectError(*metric, { mass.str() }, [&] { metric->NormalizeMassesOn(); });
}

TEST(SinkhornMetricError, MissingImages)
{
  const auto metric = MetricType::New();
  EXPECT_NE(ErrorOf(*metric).find("FixedImage"), std::string::npos);
}
