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
#include "itkSinkhornPointBarycenter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace
{

using namespace itk::Sinkhorn;

PointMeasure
MakeEllipse(double width, double height, double x, unsigned int points)
{
  std::vector<double> positions;
  for (unsigned int k = 0; k < points; ++k)
  {
    const double angle = 2.0 * 3.14159265358979 * k / points;
    positions.push_back(x + width * std::cos(angle));
    positions.push_back(height * std::sin(angle));
  }
  return MakePointMeasure(2, positions);
}

PointBarycenterParameters
MakeParameters(double blur)
{
  PointBarycenterParameters parameters;
  parameters.Transport.Solver.Blur = blur;
  return parameters;
}

/** Root mean square of one coordinate, times √2: half an axis of an ellipse. */
double
GetHalfAxis(const PointMeasure & measure, unsigned int axis)
{
  const auto centroid = measure.GetCentroid();
  double     sum = 0.0;
  for (size_t i = axis; i < measure.Positions.size(); i += 2)
  {
    sum += (measure.Positions[i] - centroid[axis]) * (measure.Positions[i] - centroid[axis]);
  }
  return std::sqrt(2.0 * sum / measure.GetNumberOfParticles());
}

TEST(SinkhornPointBarycenter, OfEllipsesIsTheEllipseBetween)
{
  const PointMeasure    wide = MakeEllipse(30.0, 10.0, 0.0, 90);
  const PointMeasure    high = MakeEllipse(10.0, 20.0, 100.0, 70);
  PointBarycenterReport report;
  const PointMeasure    mean = ComputePointBarycenter(
    { wide, high }, { 3.0, 1.0 }, MakeEllipse(5.0, 5.0, -50.0, 80), MakeParameters(2.0), &report);
  EXPECT_TRUE(report.Converged);
  EXPECT_NEAR(mean.GetCentroid()[0], 25.0, 0.1);
  EXPECT_NEAR(mean.GetCentroid()[1], 0.0, 0.1);
  // of ellipses with the same axes the transport is linear, and so half axes are averaged
  EXPECT_NEAR(GetHalfAxis(mean, 0), 25.0, 0.3);
  EXPECT_NEAR(GetHalfAxis(mean, 1), 12.5, 0.3);
  EXPECT_GT(report.Energy, 0.0);
}

TEST(SinkhornPointBarycenter, OfOneIsThatOne)
{
  const PointMeasure    one = MakeEllipse(30.0, 10.0, 0.0, 60);
  PointBarycenterReport report;
  const PointMeasure    mean =
    ComputePointBarycenter({ one }, { 1.0 }, MakeEllipse(5.0, 25.0, 20.0, 60), MakeParameters(2.0), &report);
  PointTransport transport(mean, one, MakeParameters(2.0).Transport);
  transport.Solve();
  EXPECT_LT(transport.GetValues().Divergence, 0.05 * 2.0 * 2.0);
}

TEST(SinkhornPointBarycenter, RefusesByName)
{
  const PointMeasure one = MakeEllipse(30.0, 10.0, 0.0, 6);
  const auto         message =
    [&](const std::vector<PointMeasure> & measures, const std::vector<double> & weights, double directionWeight) {
      auto parameters = MakeParameters(1.0);
      parameters.Transport.DirectionWeight = directionWeight;
      try
      {
        ComputePointBarycenter(measures, weights, one, parameters);
      }
      catch (const itk::ExceptionObject & error)
      {
        return std::string(error.GetDescription());
      }
      return std::string("no exception");
    };
  EXPECT_NE(message({}, {}, 0.0).find("0 measures"), std::string::npos);
  EXPECT_NE(message({ one }, { 1.0, 2.0 }, 0.0).find("2 weights"), std::string::npos);
  EXPECT_NE(message({ one }, { -1.0 }, 0.0).find("weight 0"), std::string::npos);
  EXPECT_NE(message({ one }, { 0.0 }, 0.0).find("all weights"), std::string::npos);
  EXPECT_NE(message({ one }, { 1.0 }, 2.0).find("DirectionWeight"), std::string::npos);
}

} // namespace
