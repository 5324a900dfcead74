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
#include "itkSinkhornPointTransport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace
{

using namespace itk::Sinkhorn;

/** A noisy piece of a helix or circle with unequal masses and its tangents. */
PointMeasure
MakeCurve(unsigned int dimension, unsigned int points, double phase, unsigned int seed)
{
  std::mt19937                           generator(seed);
  std::uniform_real_distribution<double> uniform(-0.5, 0.5);
  std::vector<double>                    vertices;
  std::vector<itk::SizeValueType>        segments;
  for (unsigned int k = 0; k < points + 1; ++k)
  {
    const double angle = phase + 4.0 * k / points;
    vertices.push_back(10.0 * std::cos(angle) + uniform(generator));
    vertices.push_back(8.0 * std::sin(angle) + uniform(generator));
    if (dimension == 3)
    {
      vertices.push_back(2.0 * angle + uniform(generator));
    }
    if (k > 0)
    {
      segments.insert(segments.end(), { k - 1, k });
    }
  }
  return MakeCurveMeasure(dimension, vertices, segments);
}

PointTransportParameters
MakeParameters(double blur, double reach, bool debias)
{
  PointTransportParameters parameters;
  parameters.Solver.Blur = blur;
  parameters.Solver.Reach = reach;
  parameters.Solver.Debias = debias;
  parameters.Solver.Tolerance = 1e-8;
  parameters.Solver.MaximumNumberOfIterations = 5000;
  return parameters;
}

double
GetValue(const PointMeasure & alpha, const PointMeasure & beta, const PointTransportParameters & parameters)
{
  PointTransport transport(alpha, beta, parameters);
  const auto     report = transport.Solve();
  EXPECT_TRUE(report.Converged) << report.Describe(parameters.Solver);
  return transport.GetValues().Divergence;
}

/** The springs are the derivative of the value with respect to the positions of both sides. */
void
ExpectSpringsDeriveValue(unsigned int dimension, const PointTransportParameters & parameters)
{
  PointMeasure   measures[2] = { MakeCurve(dimension, 17, 0.0, 1), MakeCurve(dimension, 23, 0.7, 2) };
  PointTransport transport(measures[0], measures[1], parameters);
  transport.Solve();
  constexpr double step = 1e-3;
  for (const Side side : { Side::Alpha, Side::Beta })
  {
    PointMeasure & measure = measures[static_cast<size_t>(side)];
    const auto     springs = transport.ComputeSprings(side);
    const auto     masses = transport.GetMasses(side);
    double         scale = 0.0;
    for (size_t k = 0; k < springs.size(); ++k)
    {
      scale = std::max(scale, std::abs(masses[k / dimension] * springs[k]));
    }
    for (const size_t k : { size_t{ 0 }, size_t{ 9 }, springs.size() - 1 })
    {
      const double kept = measure.Positions[k];
      double       values[2];
      for (const int sign : { 0, 1 })
      {
        measure.Positions[k] = kept + (2 * sign - 1) * step;
        values[sign] = GetValue(measures[0], measures[1], parameters);
      }
      measure.Positions[k] = kept;
      const double derivative = (values[1] - values[0]) / (2.0 * step);
      EXPECT_NEAR(derivative, -masses[k / dimension] * springs[k], 1e-4 * scale);
    }
  }
}

TEST(SinkhornPointTransport, SpringsDeriveValueBalanced)
{
  ExpectSpringsDeriveValue(2, MakeParameters(1.5, 0.0, false));
  ExpectSpringsDeriveValue(3, MakeParameters(1.5, 0.0, true));
}

TEST(SinkhornPointTransport, SpringsDeriveValueUnbalanced)
{
  ExpectSpringsDeriveValue(3, MakeParameters(1.5, 4.0, false));
  ExpectSpringsDeriveValue(2, MakeParameters(1.5, 4.0, true));
}

TEST(SinkhornPointTransport, SpringsDeriveValueWithDirections)
{
  auto parameters = MakeParameters(1.5, 0.0, true);
  parameters.DirectionWeight = 3.0;
  ExpectSpringsDeriveValue(3, parameters);
  parameters.OrientedDirections = true;
  ExpectSpringsDeriveValue(2, parameters);
}

TEST(SinkhornPointTransport, DirectionsCost)
{
  // one particle each: the cost itself
  PointMeasure alpha = MakePointMeasure(3, { 0, 0, 0 });
  PointMeasure beta = MakePointMeasure(3, { 3, 0, 0 });
  alpha.Directions = { 1, 0, 0 };
  beta.Directions = { -0.6, 0.8, 0 };
  auto parameters = MakeParameters(1.0, 0.0, false);
  parameters.DirectionWeight = 2.0;
  EXPECT_NEAR(GetValue(alpha, beta, parameters), 4.5 + 4.0 * (1.0 - 0.36), 1e-10);
  parameters.OrientedDirections = true;
  EXPECT_NEAR(GetValue(alpha, beta, parameters), 4.5 + 4.0 * (1.0 + 0.6), 1e-10);
  parameters.DirectionWeight = 0.0;
  EXPECT_NEAR(GetValue(alpha, beta, parameters), 4.5, 1e-10);
}

TEST(SinkhornPointTransport, MassesAndUnitsScale)
{
  const PointMeasure alpha = MakeCurve(2, 17, 0.0, 1);
  const PointMeasure beta = MakeCurve(2, 23, 0.7, 2);
  const double       value = GetValue(alpha, beta, MakeParameters(1.5, 4.0, true));
  PointMeasure       a = alpha;
  PointMeasure       b = beta;
  for (PointMeasure * measure : { &a, &b })
  {
    std::transform(
      measure->Masses.begin(), measure->Masses.end(), measure->Masses.begin(), [](double m) { return 1e6 * m; });
    std::transform(measure->Positions.begin(), measure->Positions.end(), measure->Positions.begin(), [](double x) {
      return 1000.0 * x;
    });
  }
  EXPECT_NEAR(GetValue(a, b, MakeParameters(1500.0, 4000.0, true)) / (1e6 * value), 1.0, 1e-6);
}

TEST(SinkhornPointTransport, AWarmStartIsShorter)
{
  const PointMeasure alpha = MakeCurve(3, 60, 0.0, 1);
  PointMeasure       beta = MakeCurve(3, 50, 0.7, 2);
  auto               parameters = MakeParameters(2.0, 0.0, true);
  parameters.Solver.Tolerance = 1e-4;
  PointTransport cold(alpha, beta, parameters);
  const auto     first = cold.Solve();
  for (double & x : beta.Positions)
  {
    x += 0.01;
  }
  PointTransport warm(alpha, beta, parameters);
  const auto     second = warm.Solve(cold.GetPotentials());
  EXPECT_TRUE(second.WarmStarted);
  EXPECT_TRUE(second.Converged);
  EXPECT_LT(second.EquivalentSoftmins, 0.7 * first.EquivalentSoftmins);
}

TEST(SinkhornPointTransport, PredictsThePotentialsOfMovedParticles)
{
  PointMeasure       alpha = MakeCurve(3, 200, 0.0, 1);
  const PointMeasure beta = MakeCurve(3, 150, 0.7, 2);
  auto               parameters = MakeParameters(2.0, 0.0, true);
  parameters.Solver.Tolerance = 1e-3;
  PointTransport before(alpha, beta, parameters);
  before.Solve();
  const auto springs = before.ComputeSprings(Side::Alpha);
  for (size_t k = 0; k < springs.size(); ++k)
  {
    alpha.Positions[k] += 0.3 * springs[k];
  }
  // how much of the mass the plan of potentials misplaces
  const auto getFirstError = [&](const Potentials<double> & start) {
    PointTransport transport(alpha, beta, parameters);
    double         error = 0.0;
    transport.Solve(start, [&error](const SolverProgress & progress) {
      error = progress.MarginalError;
      return false;
    });
    return error;
  };
  const double predicted = getFirstError(before.PredictPotentials(alpha.Positions));
  EXPECT_LT(predicted, 0.15);
  EXPECT_LT(predicted, 0.2 * getFirstError(before.GetPotentials()));
}

TEST(SinkhornPointTransport, InterpolatesAlongTheSprings)
{
  const PointMeasure alpha = MakeCurve(2, 40, 0.0, 1);
  PointMeasure       beta = alpha;
  for (size_t k = 0; k < beta.Positions.size(); k += 2)
  {
    beta.Positions[k] += 7.0;
  }
  PointTransport transport(alpha, beta, MakeParameters(1.0, 0.0, true));
  EXPECT_TRUE(transport.Solve().Converged);
  const PointMeasure half = transport.MakeInterpolation(0.5);
  for (size_t k = 0; k < beta.Positions.size(); ++k)
  {
    EXPECT_NEAR(half.Positions[k], alpha.Positions[k] + (k % 2 == 0 ? 3.5 : 0.0), 1e-4);
  }
  const auto marginal = transport.ComputeMarginal(Side::Alpha);
  const auto masses = transport.GetMasses(Side::Alpha);
  for (size_t i = 0; i < marginal.size(); ++i)
  {
    EXPECT_NEAR(marginal[i], masses[i], 1e-7);
  }
}

TEST(SinkhornPointTransport, RefusesByName)
{
  const PointMeasure curve = MakeCurve(2, 5, 0.0, 1);
  const auto         message = [&](const PointMeasure & other, double weight) {
    PointTransportParameters parameters;
    parameters.DirectionWeight = weight;
    try
    {
      PointTransport(curve, other, parameters);
    }
    catch (const itk::ExceptionObject & error)
    {
      return std::string(error.GetDescription());
    }
    return std::string("no exception");
  };
  EXPECT_NE(message(PointMeasure(), 0.0).find("the second measure has no particle"), std::string::npos);
  EXPECT_NE(message(MakeCurve(3, 5, 0.0, 1), 0.0).find("dimension"), std::string::npos);
  EXPECT_NE(message(MakePointMeasure(2, { 0, 0 }), 1.0).find("second measure has no directions"), std::string::npos);
  EXPECT_NE(message(curve, -1.0).find("DirectionWeight is -1"), std::string::npos);
}

} // namespace
