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
#include "itkSinkhornBarycenterImageFilter.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkCommand.h"

#include <gtest/gtest.h>

#include <sstream>

namespace
{

using namespace itk::Sinkhorn;
using ImageType = itk::Image<double, 2>;
using PointType = ImageType::PointType;
using FilterType = itk::SinkhornBarycenterImageFilter<ImageType>;

/** A soft L at a place. */
double
Shape(const PointType & point, double x, double y)
{
  const auto box = [&](double left, double top, double width, double height) {
    const double dx = std::min(point[0] - x - left, x + left + width - point[0]);
    const double dy = std::min(point[1] - y - top, y + top + height - point[1]);
    return std::min(std::max(std::min(dx, dy) + 0.5, 0.0), 1.0);
  };
  return std::max(box(0.0, 0.0, 5.0, 14.0), box(0.0, 9.0, 12.0, 5.0));
}

ImageType::Pointer
MakeCopy(double x, double y)
{
  return Testing::MakeDensity<ImageType>({ 64, 56 }, { 1.0, 1.0 }, [=](const PointType & p) { return Shape(p, x, y); });
}

/** Σ |a − b| / Σ a */
double
Difference(const ImageType * a, const ImageType * b)
{
  double sum = 0.0;
  double difference = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<ImageType> it(a, a->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    sum += it.Get();
    difference += std::abs(it.Get() - b->GetPixel(it.GetIndex()));
  }
  return difference / sum;
}

TEST(SinkhornBarycenterImageFilter, TranslatedCopiesMeetAtTheirMeanPosition)
{
  const auto filter = FilterType::New();
  filter->SetInput(0, MakeCopy(6.0, 8.0));
  filter->SetInput(1, MakeCopy(44.0, 12.0));
  filter->SetInput(2, MakeCopy(22.0, 37.0));
  filter->SetBlur(0.7);
  filter->SetTolerance(1e-4);
  filter->SetMaximumNumberOfIterations(5000);
  filter->Update();
  EXPECT_TRUE(filter->GetConverged());
  const auto expected = MakeCopy(24.0, 19.0);
  EXPECT_LE(Difference(expected, filter->GetOutput()), 0.005);

  // unequal weights move it; without debiasing it is blurred
  filter->SetWeights({ 2.0, 1.0, 1.0 });
  filter->Update();
  EXPECT_LE(Difference(MakeCopy(19.5, 16.25), filter->GetOutput()), 0.12); // between the voxels
  filter->SetWeights({});
  filter->SetBlur(1.5);
  filter->DebiasOff();
  filter->Update();
  EXPECT_GT(Difference(expected, filter->GetOutput()), 0.2);
}

TEST(SinkhornBarycenterImageFilter, GaussiansAverageTheirStandardDeviations)
{
  // W2's barycentre of Gaussians in 1-D has the mean of the standard deviations; so along the axes of a product
  const auto make = [](double x, double y, double widthX, double widthY) {
    return Testing::MakeDensity<ImageType>({ 90, 80 }, { 1.0, 1.0 }, [=](const PointType & p) {
      return std::exp(-0.5 * (std::pow((p[0] - x) / widthX, 2) + std::pow((p[1] - y) / widthY, 2)));
    });
  };
  const auto filter = FilterType::New();
  filter->SetInput(0, make(30.0, 44.0, 4.0, 9.0));
  filter->SetInput(1, make(58.0, 36.0, 8.0, 5.0));
  filter->SetBlur(1.5);
  filter->SetTolerance(1e-4);
  filter->SetMaximumNumberOfIterations(5000);
  filter->Update();
  auto expected = make(44.0, 40.0, 6.0, 7.0);
  // the inputs' masses are 2π σ_x σ_y, and the output has their mean
  const double scale = 0.5 * (4.0 * 9.0 + 8.0 * 5.0) / (6.0 * 7.0);
  for (itk::SizeValueType i = 0; i < 90 * 80; ++i)
  {
    expected->GetBufferPointer()[i] *= scale;
  }
  EXPECT_LE(Difference(expected, filter->GetOutput()), 0.02);
}

TEST(SinkhornBarycenterImageFilter, OneInputOrEqualInputsAreReturned)
{
  const auto copy = MakeCopy(20.0, 20.0);
  for (const unsigned int inputs : { 1u, 3u })
  {
    const auto filter = FilterType::New();
    for (unsigned int k = 0; k < inputs; ++k)
    {
      filter->SetInput(k, copy);
    }
    filter->SetBlur(0.7);
    filter->SetTolerance(1e-4);
    filter->SetMaximumNumberOfIterations(5000);
    filter->Update();
    EXPECT_LE(Difference(copy, filter->GetOutput()), 5e-3);
  }
}

TEST(SinkhornBarycenterImageFilter, InputsOfDifferentGeometryAndThreads)
{
  using FloatImage = itk::Image<float, 3>;
  const auto make = [](itk::SizeValueType n, double spacing, double corner, double x) {
    return Testing::MakeDensity<FloatImage>({ n, n, n },
                                            { spacing, spacing, spacing },
                                            [=](const FloatImage::PointType & p) {
                                              const double r2 = (p[0] - x) * (p[0] - x) + p[1] * p[1] + p[2] * p[2];
                                              return r2 < 36.0 ? 1.0 : 0.0;
                                            },
                                            0.0,
                                            { corner, -10.0, -10.0 });
  };
  const auto run = [&](itk::ThreadIdType threads) {
    const auto filter = itk::SinkhornBarycenterImageFilter<FloatImage>::New();
    filter->SetInput(0, make(21, 1.0, -10.0, 0.0));
    filter->SetInput(1, make(40, 0.5, 6.0, 16.0));
    filter->SetNumberOfWorkUnits(threads);
    filter->SetTolerance(3e-3);
    filter->Update();
    return filter;
  };
  const auto   one = run(1);
  const auto   three = run(3);
  const auto * image = one->GetOutput();
  const auto   region = image->GetBufferedRegion();
  EXPECT_GE(region.GetSize(0), 36u);
  EXPECT_TRUE(std::equal(image->GetBufferPointer(),
                         image->GetBufferPointer() + region.GetNumberOfPixels(),
                         three->GetOutput()->GetBufferPointer()));
  double mass = 0.0;
  double centre = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<FloatImage> it(image, region); !it.IsAtEnd(); ++it)
  {
    FloatImage::PointType point;
    image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    mass += it.Get();
    centre += it.Get() * point[0];
  }
  EXPECT_NEAR(centre / mass, 8.0, 0.1);
  EXPECT_NEAR(mass, 4.0 / 3.0 * itk::Math::pi * 216.0, 0.03 * mass);
}

TEST(SinkhornBarycenterImageFilter, ProgressAbortAndErrors)
{
  const auto         filter = FilterType::New();
  std::vector<float> progress;
  bool               abort = false;
  const auto         command = itk::FunctionCommand::New();
  command->SetCallback([&](const itk::EventObject &) {
    progress.push_back(filter->GetProgress());
    if (abort && progress.back() > 0.1f)
    {
      filter->AbortGenerateDataOn();
    }
  });
  filter->AddObserver(itk::ProgressEvent(), command);
  filter->SetInput(0, MakeCopy(6.0, 8.0));
  filter->SetInput(1, MakeCopy(40.0, 30.0));
  filter->Update();
  EXPECT_TRUE(filter->GetConverged());
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(progress.back(), 1.0f);
  abort = true;
  filter->Modified();
  EXPECT_THROW(filter->Update(), itk::ProcessAborted);
  abort = false;

  const auto expectMessage = [&](const std::string & part) {
    const auto message = Testing::GetMessage([&] { filter->Update(); });
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  filter->SetWeights({ 1.0 });
  expectMessage("1 weights of sum 1 for 2 inputs");
  filter->SetWeights({ 1.0, -1.0 });
  expectMessage("none negative");
  filter->SetWeights({});
  filter->SetBlur(-1.0);
  expectMessage("Blur is -1");
  filter->SetBlurToAutomatic();
  filter->SetTolerance(0.0);
  expectMessage("Tolerance is 0");
  filter->SetTolerance(1e-3);
  filter->SetMaximumNumberOfIterations(0);
  expectMessage("MaximumNumberOfIterations is 0");
  filter->SetMaximumNumberOfIterations(10);
  const auto bad = MakeCopy(40.0, 30.0);
  bad->SetPixel({ { 2, 3 } }, -1.0);
  filter->SetInput(1, bad);
  expectMessage("The input 1 image has 1 negative voxels, the first at index [2, 3]");
  filter->SetInput(1, MakeCopy(400.0, 300.0)); // outside its image
  expectMessage("input 1 image has zero total mass");
  filter->SetInput(1, nullptr);
  filter->SetInput(2, MakeCopy(20.0, 20.0));
  expectMessage("Input 1 of 3 is not set");

  std::ostringstream text;
  filter->Print(text);
  EXPECT_NE(text.str().find("Blur: automatic"), std::string::npos);
}

} // namespace
