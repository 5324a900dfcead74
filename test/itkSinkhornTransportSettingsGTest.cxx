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
#include "itkEuler2DTransform.h"
#include "itkSinkhornBarycenterImageFilter.h"
#include "itkSinkhornImageToImageMetricv4.h"
#include "itkSinkhornTransformInitializer.h"
#include "itkSinkhornTransportSettings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>
#include <string>

namespace
{

using ImageType = itk::Image<float, 2>;

std::string
MessageOf(const std::function<void()> & function)
{
  try
  {
    function();
  }
  catch (const itk::ExceptionObject & error)
  {
    return error.GetDescription();
  }
  return "no exception";
}

TEST(SinkhornTransportSettings, BlurIsAutomaticUntilItIsSet)
{
  itk::Sinkhorn::BlurSetting blur;
  const std::vector<double>  spacing{ 0.5, 3.0, 1.0 };
  EXPECT_TRUE(blur.IsAutomatic());
  EXPECT_EQ(blur.GetInUse(spacing), 6.0);
  EXPECT_EQ(blur.GetInUse(spacing, 1.0), 3.0);
  EXPECT_EQ(blur.GetInUse(0.25), 0.25);
  EXPECT_TRUE(blur.Set(2.0));
  EXPECT_FALSE(blur.Set(2.0));
  EXPECT_EQ(blur.GetInUse(spacing), 2.0);
  EXPECT_EQ(blur.GetInUse(0.25), 2.0);
  EXPECT_TRUE(blur.SetToAutomatic());
  EXPECT_FALSE(blur.SetToAutomatic());
  EXPECT_EQ(blur.Get(), 0.0);
  std::ostringstream text;
  blur.Print(text, itk::Indent(), 4.0);
  EXPECT_EQ(text.str(), "Blur: automatic, 4\n");
}

TEST(SinkhornTransportSettings, RefusesWithOwnerSettingValueAndRemedy)
{
  for (const double bad : { 0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity() })
  {
    itk::Sinkhorn::BlurSetting blur;
    blur.Set(bad);
    const auto message = MessageOf([&] { blur.Verify("Owner"); });
    EXPECT_NE(message.find("Owner: Blur is "), std::string::npos) << message;
    EXPECT_NE(message.find("SetBlurToAutomatic"), std::string::npos) << message;

    itk::Sinkhorn::TransportSettings settings;
    settings.Tolerance = bad;
    EXPECT_NE(MessageOf([&] { settings.Verify("Owner"); }).find("Owner: Tolerance is "), std::string::npos);
    settings = itk::Sinkhorn::TransportSettings();
    settings.Reach = bad;
    const bool isRefused = MessageOf([&] { settings.Verify("Owner"); }).find("Owner: Reach is ") != std::string::npos;
    EXPECT_EQ(isRefused, bad != 0.0);
  }
  itk::Sinkhorn::TransportSettings settings;
  EXPECT_EQ(MessageOf([&] { settings.Verify("Owner"); }), "no exception");
  settings.MaximumNumberOfIterations = 0;
  EXPECT_NE(MessageOf([&] { settings.Verify("Owner"); }).find("MaximumNumberOfIterations is 0"), std::string::npos);
}

TEST(SinkhornTransportSettings, AreTheDefaultsOfTheSolverAndOfAllClasses)
{
  const itk::Sinkhorn::SolverParameters expected;
  const auto parameters = itk::Sinkhorn::TransportSettings().MakeSolverParameters(expected.Blur);
  EXPECT_EQ(parameters.Blur, expected.Blur);
  EXPECT_EQ(parameters.Reach, expected.Reach);
  EXPECT_EQ(parameters.Debias, expected.Debias);
  EXPECT_EQ(parameters.Tolerance, expected.Tolerance);
  EXPECT_EQ(parameters.MaximumNumberOfIterations, expected.MaximumNumberOfIterations);

  const auto check = [](const auto & object) {
    EXPECT_TRUE(object->GetBlurIsAutomatic());
    EXPECT_TRUE(object->GetDebias());
    EXPECT_EQ(object->GetTolerance(), 1e-3);
  };
  check(itk::SinkhornTransportImageFilter<ImageType>::New());
  check(itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::New());
  check(itk::SinkhornBarycenterImageFilter<ImageType>::New());
  EXPECT_EQ(itk::SinkhornBarycenterImageFilter<ImageType>::New()->GetMaximumNumberOfIterations(), 500u);
  EXPECT_TRUE(
    (itk::SinkhornTransformInitializer<itk::Euler2DTransform<double>, ImageType>::New()->GetBlurIsAutomatic()));
}

TEST(SinkhornTransportSettings, SettersMarkTheObjectAsModifiedWhenSomethingChanges)
{
  const auto filter = itk::SinkhornTransportImageFilter<ImageType>::New();
  const auto changes = [&](const std::function<void()> & set) {
    const auto before = filter->GetMTime();
    set();
    return filter->GetMTime() != before;
  };
  EXPECT_FALSE(changes([&] { filter->SetBlurToAutomatic(); }));
  EXPECT_TRUE(changes([&] { filter->SetBlur(3.0); }));
  EXPECT_FALSE(changes([&] { filter->SetBlur(3.0); }));
  EXPECT_TRUE(changes([&] { filter->SetBlurToAutomatic(); }));
  EXPECT_FALSE(changes([&] { filter->DebiasOn(); }));
  EXPECT_TRUE(changes([&] { filter->DebiasOff(); }));
  EXPECT_FALSE(filter->GetDebias());
  EXPECT_TRUE(changes([&] { filter->SetReach(5.0); }));
  EXPECT_FALSE(changes([&] { filter->SetReach(5.0); }));
  EXPECT_EQ(filter->GetReach(), 5.0);
}

} // namespace
