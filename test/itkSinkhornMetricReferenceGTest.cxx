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
#include "itkSinkhornImageToImageMetricv4.h"
#include "itkSinkhornTestUtilities.h"

#include "itkAffineTransform.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

// Values and derivatives of the metric that wrapping/test checks as well: C++ and Python give the same.

namespace
{

using Json = nlohmann::json;

Json
ReadGolden(const std::string & name)
{
  const std::string path = std::string(SINKHORN_GOLDEN_DIR) + "/" + name + ".json";
  std::ifstream     file(path);
  if (!file)
  {
    throw std::runtime_error(path + " is missing");
  }
  return Json::parse(file);
}

/** An image of a golden case; the files list the slowest axis first. */
template <unsigned int VDimension>
typename itk::Image<double, VDimension>::Pointer
MakeImage(const std::string & name, const char * suffix)
{
  using ImageType = itk::Image<double, VDimension>;
  const Json                      json = ReadGolden(name);
  typename ImageType::SizeType    size;
  typename ImageType::SpacingType spacing;
  typename ImageType::PointType   origin;
  for (unsigned int axis = 0; axis < VDimension; ++axis)
  {
    size[axis] = json["shape"][VDimension - 1 - axis];
    spacing[axis] = json["spacing"][VDimension - 1 - axis];
    origin[axis] = json["origin"][VDimension - 1 - axis];
  }
  auto image = ImageType::New();
  image->SetRegions(size);
  image->SetSpacing(spacing);
  image->SetOrigin(origin);
  image->Allocate();
  const auto values =
    itk::Sinkhorn::Testing::ReadNpy(std::string(SINKHORN_GOLDEN_DIR) + "/" + name + "_" + suffix + ".npy");
  EXPECT_EQ(values.size(), image->GetLargestPossibleRegion().GetNumberOfPixels());
  std::copy(values.begin(), values.end(), image->GetBufferPointer());
  return image;
}

template <unsigned int VDimension>
void
CheckCase(const Json & reference)
{
  using ImageType = itk::Image<double, VDimension>;
  const std::string name = reference["images"];
  auto              transform = itk::AffineTransform<double, VDimension>::New();
  auto              parameters = transform->GetParameters();
  const auto        wanted = reference["parameters"].get<std::vector<double>>();
  ASSERT_EQ(parameters.size(), wanted.size());
  std::copy(wanted.begin(), wanted.end(), parameters.begin());
  transform->SetParameters(parameters);

  auto metric = itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::New();
  metric->SetFixedImage(MakeImage<VDimension>(name, "a"));
  metric->SetMovingImage(MakeImage<VDimension>(name, "b"));
  metric->SetMovingTransform(transform);
  metric->SetBlur(reference["blur"]);
  metric->SetReach(reference["reach"]);
  metric->PreserveMassRatioOn();
  metric->SetDebias(reference["debias"]);
  metric->SetMassModel(reference["mass_model"] == "push-forward" ? itk::Sinkhorn::MassModel::PushForward
                                                                 : itk::Sinkhorn::MassModel::Intensity);
  metric->SetTolerance(reference["tolerance"]);
  metric->SetMaximumNumberOfIterations(5000);
  metric->Initialize();

  typename itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::MeasureType    value;
  typename itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::DerivativeType derivative;
  metric->GetValueAndDerivative(value, derivative);
  EXPECT_TRUE(metric->GetConverged());
  const double expected = reference["value"];
  EXPECT_NEAR(value, expected, 1e-7 * std::abs(expected));
  const auto expectedDerivative = reference["derivative"].get<std::vector<double>>();
  ASSERT_EQ(derivative.size(), expectedDerivative.size());
  double largest = 0.0;
  for (const double component : expectedDerivative)
  {
    largest = std::max(largest, std::abs(component));
  }
  ASSERT_GT(largest, 0.0);
  for (size_t k = 0; k < expectedDerivative.size(); ++k)
  {
    EXPECT_NEAR(derivative[k], expectedDerivative[k], 1e-6 * largest) << "component " << k;
  }
}

TEST(SinkhornMetricReference, ValueAndDerivative)
{
  const Json references = ReadGolden("metric");
  ASSERT_GE(references.size(), 8u);
  for (const auto & reference : references)
  {
    SCOPED_TRACE(reference.dump());
    if (reference["parameters"].size() == 6)
    {
      CheckCase<2>(reference);
    }
    else
    {
      CheckCase<3>(reference);
    }
  }
}

} // namespace
