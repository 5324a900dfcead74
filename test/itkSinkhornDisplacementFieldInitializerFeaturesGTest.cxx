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
// Bins of intensity in the start of deformations.
#include "itkSinkhornDisplacementFieldInitializer.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkDisplacementFieldTransform.h"

#include <gtest/gtest.h>

#include <cmath>

namespace
{

using ImageType = itk::Image<float, 2>;
using TransformType = itk::DisplacementFieldTransform<double, 2>;
using InitializerType = itk::SinkhornDisplacementFieldInitializer<TransformType, ImageType>;

/** A bright box in an upper lane and a dim one of the same mass in a lower lane, at one end or the other. */
ImageType::Pointer
MakeLanes(bool isBrightLeft)
{
  return itk::Sinkhorn::Testing::MakeDensity<ImageType>(
    { 64, 56 }, { 1.0, 1.0 }, [isBrightLeft](const ImageType::PointType & point) {
      const double bright = std::max(std::abs(point[0] - (isBrightLeft ? 18.0 : 46.0)), std::abs(point[1] - 18.0));
      const double dim = std::max(std::abs(point[0] - (isBrightLeft ? 46.0 : 18.0)), std::abs(point[1] - 38.0));
      return bright < 2.5 ? 121.0 / 25.0 : (dim < 5.5 ? 1.0 : 0.0);
    });
}

InitializerType::Pointer
Initialize(itk::SizeValueType bins, TransformType * transform)
{
  const auto initializer = InitializerType::New();
  initializer->SetTransform(transform);
  initializer->SetFixedImage(MakeLanes(true));
  initializer->SetMovingImage(MakeLanes(false));
  initializer->SetSmoothing(4.0);
  initializer->SetNumberOfIntensityBins(bins);
  initializer->SetIntensityWeight(100.0);
  initializer->InitializeTransform();
  return initializer;
}

/** By place alone each box goes to what is near, the other one's new place; with bins to its like. */
TEST(SinkhornDisplacementFieldInitializerFeatures, BrightMassFollowsBrightMass)
{
  itk::Point<double, 2> bright;
  bright[0] = 18.0;
  bright[1] = 18.0;
  itk::Point<double, 2> like;
  like[0] = 46.0;
  like[1] = 18.0;
  itk::Point<double, 2> other;
  other[0] = 18.0;
  other[1] = 38.0;
  const auto byPlace = TransformType::New();
  Initialize(0, byPlace);
  const auto wrong = byPlace->TransformPoint(bright);
  EXPECT_LT(wrong.EuclideanDistanceTo(other), 0.5 * wrong.EuclideanDistanceTo(like)) << wrong;

  const auto byBoth = TransformType::New();
  const auto initializer = Initialize(8, byBoth);
  const auto right = byBoth->TransformPoint(bright);
  EXPECT_LT(right.EuclideanDistanceTo(like), 3.0) << right;
  EXPECT_GT(initializer->GetMinimumJacobianDeterminant(), 0.0);
  EXPECT_LT(initializer->GetDivergence(), 0.2 * initializer->GetInitialDivergence());
}

TEST(SinkhornDisplacementFieldInitializerFeatures, BadSettingsAreNamed)
{
  const auto messageOf = [](const auto & spoil) {
    const auto initializer = InitializerType::New();
    initializer->SetTransform(TransformType::New());
    initializer->SetFixedImage(MakeLanes(true));
    initializer->SetMovingImage(MakeLanes(false));
    spoil(*initializer);
    return itk::Sinkhorn::Testing::GetMessage([&] { initializer->InitializeTransform(); });
  };
  const auto few = messageOf([](InitializerType & it) { it.SetNumberOfIntensityBins(1); });
  EXPECT_NE(few.find("NumberOfIntensityBins is 1"), std::string::npos) << few;
  const auto ratio = messageOf([](InitializerType & it) {
    it.SetNumberOfIntensityBins(4);
    it.PreserveMassRatioOn();
  });
  EXPECT_NE(ratio.find("PreserveMassRatio is on"), std::string::npos) << ratio;
}

} // namespace
