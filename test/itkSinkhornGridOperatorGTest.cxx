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
// An operator of one's own in the metric and the filters: here, a sum over all pairs of voxels.
#include "itkSinkhornImageToImageMetricv4TestUtilities.h"

#include "itkSinkhornBarycenterImageFilter.h"
#include "itkSinkhornPointSoftminOperator.h"
#include "itkSinkhornTransportImageFilter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Test;

namespace
{

/** All pairs of voxels; knows neither coarser grids nor boxes. */
OperatorMaker<double>
MakeAllPairs(unsigned int & calls)
{
  return [&calls](const GridProblem & problem) {
    ++calls;
    std::vector<double> points;
    for (itk::SizeValueType y = 0; y < problem.Size[1]; ++y)
    {
      for (itk::SizeValueType x = 0; x < problem.Size[0]; ++x)
      {
        points.push_back(static_cast<double>(x) * problem.Spacing[0]);
        points.push_back(static_cast<double>(y) * problem.Spacing[1]);
      }
    }
    return std::make_shared<const PointSoftminOperator<double>>(2, points, points, problem.NumberOfWorkUnits);
  };
}

/** One voxel, whatever the grid. */
SoftminOperator<double>::Pointer
MakeTooSmall(const GridProblem &)
{
  return std::make_shared<const GridSoftminOperator<double>>(std::vector<itk::SizeValueType>{ 1, 1 },
                                                             std::vector<double>{ 1.0, 1.0 });
}

ImageType::Pointer
MakeImage(double shift)
{
  return MakeBumps<ImageType>(MakeCube<2>(N), shift, N);
}

template <typename TImage>
double
FindLargestDifference(const TImage * one, const TImage * other)
{
  double     largest = 0.0;
  const auto voxels = one->GetBufferedRegion().GetNumberOfPixels();
  for (itk::SizeValueType i = 0; i < voxels; ++i)
  {
    largest =
      std::max(largest, static_cast<double>(std::abs(one->GetBufferPointer()[i] - other->GetBufferPointer()[i])));
  }
  return largest;
}

TEST(SinkhornGridOperator, TheMetricTakesAnother)
{
  const auto metric = MakeMetric();
  metric->SetTolerance(1e-6);
  metric->Initialize();
  MetricType::MeasureType    value;
  MetricType::DerivativeType derivative;
  metric->GetValueAndDerivative(value, derivative);
  unsigned int calls = 0;
  metric->SetOperatorMaker(MakeAllPairs(calls));
  MetricType::MeasureType    otherValue;
  MetricType::DerivativeType otherDerivative;
  metric->GetValueAndDerivative(otherValue, otherDerivative);
  EXPECT_EQ(calls, 1u);
  EXPECT_NEAR(otherValue, value, 1e-4 * value);
  EXPECT_LT((otherDerivative - derivative).two_norm(), 1e-3 * derivative.two_norm());
  // What was remembered of the other operator is forgotten.
  metric->SetOperatorMaker(nullptr);
  EXPECT_EQ(metric->GetValue(), value);
  EXPECT_EQ(calls, 1u);
}

TEST(SinkhornGridOperator, TheTransportFilterTakesAnother)
{
  using FilterType = itk::SinkhornTransportImageFilter<ImageType>;
  const auto fixed = MakeImage(0.0);
  const auto moving = MakeImage(3.0);
  const auto transport = [&](const OperatorMaker<double> & maker) {
    const auto filter = FilterType::New();
    filter->SetFixedImage(fixed);
    filter->SetMovingImage(moving);
    filter->SetTolerance(1e-6);
    filter->SetMaximumNumberOfIterations(3000);
    filter->SetOperatorMaker(maker);
    filter->Update();
    return filter;
  };
  unsigned int calls = 0;
  const auto   own = transport(nullptr);
  const auto   other = transport(MakeAllPairs(calls));
  EXPECT_EQ(calls, 2u); // of the grid, and of the box with mass
  EXPECT_NEAR(other->GetDivergence(), own->GetDivergence(), 1e-4 * own->GetDivergence());
  EXPECT_LT(FindLargestDifference(own->GetTransportedMass(), other->GetTransportedMass()), 1e-6);
}

TEST(SinkhornGridOperator, TheBarycenterTakesAnother)
{
  using FilterType = itk::SinkhornBarycenterImageFilter<ImageType>;
  const auto one = MakeImage(0.0);
  const auto two = MakeImage(4.0);
  const auto average = [&](const OperatorMaker<double> & maker) {
    const auto filter = FilterType::New();
    filter->SetInput(0, one);
    filter->SetInput(1, two);
    filter->SetBlur(2.0);
    filter->DebiasOff(); // converges soon
    filter->SetOperatorMaker(maker);
    filter->Update();
    return filter;
  };
  unsigned int calls = 0;
  const auto   own = average(nullptr);
  const auto   other = average(MakeAllPairs(calls));
  EXPECT_EQ(calls, 1u);
  double total = 0.0;
  double difference = 0.0;
  for (itk::SizeValueType i = 0; i < N * N; ++i)
  {
    total += own->GetOutput()->GetBufferPointer()[i];
    difference += std::abs(own->GetOutput()->GetBufferPointer()[i] - other->GetOutput()->GetBufferPointer()[i]);
  }
  EXPECT_LT(difference, 0.02 * total); // both within the tolerance, by other ways
}

TEST(SinkhornGridOperator, OneThatDoesNotFitIsRefused)
{
  const auto metric = MakeMetric();
  metric->SetOperatorMaker(MakeTooSmall);
  EXPECT_NE(ErrorOf(*metric).find("OperatorMaker"), std::string::npos);
  metric->SetOperatorMaker([](const GridProblem &) { return SoftminOperator<double>::Pointer(); });
  EXPECT_NE(ErrorOf(*metric).find("is null"), std::string::npos);
  metric->SetOperatorMaker(nullptr);
  EXPECT_EQ(ErrorOf(*metric), "");
}

} // namespace
