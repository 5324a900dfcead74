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
#include "itkSinkhornPlan.h"
#include "itkSinkhornTestUtilities.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>

namespace
{

using namespace itk::Sinkhorn;
using Json = nlohmann::json;
using SizeType = std::vector<itk::SizeValueType>;

/** A solved problem on a grid. */
template <typename TReal>
struct SolvedProblem
{
  void
  Solve(const std::vector<double> & a, const std::vector<double> & b)
  {
    LogA = Testing::ToLog<TReal>(a);
    LogB = Testing::ToLog<TReal>(b);
    Operator = std::make_shared<GridSoftminOperator<TReal>>(Size, Spacing);
    const auto report = Solver<TReal>::Solve(Operator, LogA, LogB, Parameters, Duals);
    EXPECT_TRUE(report.Converged) << report.Describe(Parameters);
    Points = Testing::MakeGridPoints(Size, Spacing);
  }

  Plan<TReal>
  MakePlan() const
  {
    return Plan<TReal>::MakeCross(Operator, LogA, LogB, Parameters.Blur, Duals);
  }

  std::vector<TReal>
  GetCoordinate(size_t axis) const
  {
    std::vector<TReal> coordinate(LogA.size());
    for (size_t i = 0; i < coordinate.size(); ++i)
    {
      coordinate[i] = static_cast<TReal>(Points[i * Size.size() + axis]);
    }
    return coordinate;
  }

  SizeType                                 Size;
  std::vector<double>                      Spacing;
  SolverParameters                         Parameters;
  std::vector<TReal>                       LogA, LogB;
  typename SoftminOperator<TReal>::Pointer Operator;
  Potentials<TReal>                        Duals;
  std::vector<double>                      Points;
};

/** The plan as a matrix, row by row. */
std::vector<double>
MakeDensePlan(const SolvedProblem<double> & problem)
{
  const size_t        n = problem.LogA.size();
  const size_t        dimension = problem.Size.size();
  const double        epsilon = problem.Parameters.Blur * problem.Parameters.Blur;
  std::vector<double> plan(n * n);
  for (size_t i = 0; i < n; ++i)
  {
    for (size_t j = 0; j < n; ++j)
    {
      double cost = 0.0;
      for (size_t d = 0; d < dimension; ++d)
      {
        const double difference = problem.Points[i * dimension + d] - problem.Points[j * dimension + d];
        cost += 0.5 * difference * difference;
      }
      plan[i * n + j] =
        std::exp(problem.LogA[i] + problem.LogB[j] + (problem.Duals.F[i] + problem.Duals.G[j] - cost) / epsilon);
    }
  }
  return plan;
}

SolvedProblem<double>
MakeSmallProblem(double reach)
{
  SolvedProblem<double> problem;
  problem.Size = { 11, 14 };
  problem.Spacing = { 0.8, 1.3 };
  problem.Parameters.Blur = 1.2;
  problem.Parameters.Reach = reach;
  problem.Parameters.Tolerance = 1e-10;
  problem.Parameters.MaximumNumberOfIterations = 10000;
  auto b = Testing::MakeBlobs(problem.Size, problem.Spacing, 2);
  if (reach > 0.0)
  {
    std::transform(b.begin(), b.end(), b.begin(), [](double mass) { return 1.4 * mass; });
  }
  problem.Solve(Testing::MakeBlobs(problem.Size, problem.Spacing, 1), b);
  return problem;
}

class SinkhornPlanDense : public ::testing::TestWithParam<double>
{};

TEST_P(SinkhornPlanDense, MarginalsAndResiduals)
{
  const auto          problem = MakeSmallProblem(GetParam());
  const auto          plan = problem.MakePlan();
  const auto          dense = MakeDensePlan(problem);
  const size_t        n = problem.LogA.size();
  std::vector<double> rows(n, 0.0);
  std::vector<double> columns(n, 0.0);
  for (size_t i = 0; i < n; ++i)
  {
    for (size_t j = 0; j < n; ++j)
    {
      rows[i] += dense[i * n + j];
      columns[j] += dense[i * n + j];
    }
  }
  const auto alpha = plan.ComputeMarginal(Side::Alpha, plan.ComputeLogSum(Side::Alpha));
  const auto beta = plan.ComputeMarginal(Side::Beta, plan.ComputeLogSum(Side::Beta));
  const auto residualAlpha = plan.ComputeResidual(Side::Alpha, alpha);
  const auto residualBeta = plan.ComputeResidual(Side::Beta, beta);
  double     moved = 0.0;
  for (size_t i = 0; i < n; ++i)
  {
    EXPECT_NEAR(alpha[i], rows[i], 1e-12);
    EXPECT_NEAR(beta[i], columns[i], 1e-12);
    EXPECT_NEAR(residualAlpha[i], rows[i] - std::exp(problem.LogA[i]), 1e-12);
    EXPECT_NEAR(residualBeta[i], columns[i] - std::exp(problem.LogB[i]), 1e-12);
    moved += std::abs(residualAlpha[i]);
  }
  // Balanced plans neither create nor destroy mass; with reach some of it has to be, the masses being unequal.
  EXPECT_EQ(moved > 1e-3, GetParam() > 0.0);
}

TEST_P(SinkhornPlanDense, MeansAndLabels)
{
  using LabelType = Plan<double>::LabelType;
  const auto                             problem = MakeSmallProblem(GetParam());
  const auto                             plan = problem.MakePlan();
  const auto                             dense = MakeDensePlan(problem);
  const size_t                           n = problem.LogA.size();
  std::mt19937                           generator(5);
  std::uniform_real_distribution<double> uniform(-30.0, 50.0);
  std::vector<double>                    values(n);
  std::vector<LabelType>                 labels(n);
  for (size_t j = 0; j < n; ++j)
  {
    values[j] = uniform(generator);
    labels[j] = static_cast<LabelType>(7 * (generator() % 3));
  }
  for (const Side side : { Side::Alpha, Side::Beta })
  {
    const auto          logSum = plan.ComputeLogSum(side);
    const auto          mean = plan.ComputeMean(side, logSum, values);
    const auto          share = plan.ComputeLabelProbability(side, logSum, labels, 7);
    std::vector<double> confidence;
    const auto          best = plan.ComputeLabels(side, logSum, labels, &confidence);
    const auto &        own = side == Side::Alpha ? problem.LogA : problem.LogB;
    for (size_t i = 0; i < n; ++i)
    {
      if (!(own[i] > -std::numeric_limits<double>::infinity()))
      {
        continue;
      }
      double sum = 0.0;
      double weighted = 0.0;
      double byLabel[15] = {};
      for (size_t j = 0; j < n; ++j)
      {
        const double mass = side == Side::Alpha ? dense[i * n + j] : dense[j * n + i];
        sum += mass;
        weighted += mass * values[j];
        byLabel[labels[j]] += mass;
      }
      const auto expected = static_cast<LabelType>(std::max_element(byLabel, byLabel + 15) - byLabel);
      EXPECT_NEAR(mean[i], weighted / sum, 1e-8 * 80.0);
      EXPECT_NEAR(share[i], byLabel[7] / sum, 1e-8);
      EXPECT_EQ(best[i], expected);
      EXPECT_NEAR(confidence[i], byLabel[expected] / sum, 1e-8);
    }
  }
}

TEST_P(SinkhornPlanDense, Interpolation)
{
  const auto   problem = MakeSmallProblem(GetParam());
  const auto   plan = problem.MakePlan();
  const auto   dense = MakeDensePlan(problem);
  const size_t n = problem.LogA.size();
  const double epsilon = problem.Parameters.Blur * problem.Parameters.Blur;
  for (const double t : { 0.3, 0.5, 0.85 })
  {
    // every pair's Brownian bridge, summed over the grid's points
    std::vector<double> expected(n, 0.0);
    double              mass = 0.0;
    double              expectedMass = 0.0;
    for (size_t i = 0; i < n; ++i)
    {
      for (size_t j = 0; j < n; ++j)
      {
        mass += dense[i * n + j];
        for (size_t k = 0; dense[i * n + j] > 1e-15 && k < n; ++k)
        {
          double squared = 0.0;
          for (size_t d = 0; d < 2; ++d)
          {
            const double middle = (1.0 - t) * problem.Points[2 * i + d] + t * problem.Points[2 * j + d];
            squared += std::pow(problem.Points[2 * k + d] - middle, 2);
          }
          expected[k] += dense[i * n + j] * std::exp(-0.5 * squared / (t * (1.0 - t) * epsilon));
        }
      }
    }
    for (const double value : expected)
    {
      expectedMass += value;
    }
    const auto density = plan.ComputeInterpolation(Side::Alpha, t);
    for (size_t k = 0; k < n; ++k)
    {
      EXPECT_NEAR(density[k], expected[k] * mass / expectedMass, 1e-9);
    }
  }
}

TEST_P(SinkhornPlanDense, InterpolationStartsAndEndsAtTheMarginals)
{
  const auto problem = MakeSmallProblem(GetParam());
  const auto plan = problem.MakePlan();
  const auto alpha = plan.ComputeMarginal(Side::Alpha, plan.ComputeLogSum(Side::Alpha));
  const auto beta = plan.ComputeMarginal(Side::Beta, plan.ComputeLogSum(Side::Beta));
  // Brownian bridges far thinner than a voxel, their standard deviation down to 1e-3 of it; continuous in t.
  for (const double t : { 0.0, 1e-6, 1e-4 })
  {
    const auto start = plan.ComputeInterpolation(Side::Alpha, t);
    const auto end = plan.ComputeInterpolation(Side::Alpha, 1.0 - t);
    for (size_t i = 0; i < start.size(); ++i)
    {
      EXPECT_NEAR(start[i], alpha[i], t + 1e-9);
      EXPECT_NEAR(end[i], beta[i], t + 1e-9);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reach, SinkhornPlanDense, ::testing::Values(0.0, 5.0));

template <typename TReal>
void
CheckGoldenMap(const std::string & name, double tolerance, double bound)
{
  std::string folder = SINKHORN_GOLDEN_DIR;
  if (!std::ifstream(folder + "/" + name + ".json"))
  {
    const char * data = std::getenv("SINKHORN_TEST_DATA");
    folder = data ? std::string(data) + "/../golden" : std::string();
  }
  std::ifstream file(folder + "/" + name + ".json");
  if (!file)
  {
    GTEST_SKIP() << "SINKHORN_TEST_DATA is not set: " << name
                 << " is made from a picture that is not in the repository";
  }
  const Json           json = Json::parse(file);
  SolvedProblem<TReal> problem;
  problem.Size = json["shape"].get<SizeType>();
  problem.Spacing = json["spacing"].get<std::vector<double>>();
  std::reverse(problem.Size.begin(), problem.Size.end());
  std::reverse(problem.Spacing.begin(), problem.Spacing.end());
  auto origin = json["origin"].get<std::vector<double>>();
  std::reverse(origin.begin(), origin.end());
  problem.Parameters.Blur = json["sigma"].get<double>();
  problem.Parameters.Reach = json["rho_half"].is_null() ? 0.0 : std::sqrt(json["rho_half"].get<double>());
  problem.Parameters.Tolerance = tolerance;
  problem.Parameters.MaximumNumberOfIterations = 20000;
  problem.Parameters.Debias = false;
  const auto weights = Testing::ReadNpy(folder + "/" + name + "_a.npy");
  const auto map = Testing::ReadNpy(folder + "/" + name + "_barymap.npy");
  problem.Solve(weights, Testing::ReadNpy(folder + "/" + name + "_b.npy"));

  const auto   plan = problem.MakePlan();
  const auto   logSum = plan.ComputeLogSum(Side::Alpha);
  const size_t n = problem.LogA.size();
  const size_t dimension = problem.Size.size();
  for (size_t d = 0; d < dimension; ++d)
  {
    const auto   target = plan.ComputeMean(Side::Alpha, logSum, problem.GetCoordinate(d));
    const double extent = problem.Size[d] * problem.Spacing[d];
    double       error = 0.0;
    double       mass = 0.0;
    for (size_t i = 0; i < n; ++i)
    {
      // the axes of the array are the slowest first
      const double golden = map[(dimension - 1 - d) * n + i];
      error += weights[i] > 0.0 ? weights[i] * std::abs(target[i] + origin[d] - golden) : 0.0;
      mass += weights[i];
    }
    EXPECT_LE(error / mass, bound * extent) << "axis " << d;
  }
}

class SinkhornPlanGolden : public ::testing::TestWithParam<const char *>
{};

TEST_P(SinkhornPlanGolden, BarycentricMapDouble)
{
  CheckGoldenMap<double>(GetParam(), 1e-9, 1e-7);
}

TEST_P(SinkhornPlanGolden, BarycentricMapFloat)
{
  CheckGoldenMap<float>(GetParam(), 1e-4, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Cases,
                         SinkhornPlanGolden,
                         ::testing::Values("aniso_2d_20x32",
                                           "aniso_3d_8x10x12",
                                           "blobs_2d_16_sig1_16",
                                           "blobs_2d_32_sig1_32",
                                           "blobs_2d_32_sig1_64",
                                           "blobs_3d_12_sig1_12",
                                           "unbal_2d_24_rho0.05",
                                           "unbal_2d_24_rho0.5",
                                           "crescent_2d_32_sig1_64",
                                           "knee_2d_64_sig1_64",
                                           "knee_3d_16_sig1_32",
                                           "unbal_crescent_32_rho0.02"),
                         [](const ::testing::TestParamInfo<const char *> & info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(SinkhornPlan, EveryErrorIsNamed)
{
  const auto problem = MakeSmallProblem(0.0);
  const auto plan = problem.MakePlan();
  const auto logSum = plan.ComputeLogSum(Side::Alpha);
  const auto messageOf = [](const std::function<void()> & function) -> std::string {
    try
    {
      function();
    }
    catch (const itk::ExceptionObject & error)
    {
      return error.GetDescription();
    }
    return "no exception";
  };
  const auto contains = [](const std::string & text, const std::string & part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(contains(messageOf([&] { plan.ComputeInterpolation(Side::Alpha, -0.1); }), "[0, 1]"));
  EXPECT_TRUE(contains(messageOf([&] { plan.ComputeInterpolation(Side::Alpha, std::nan("")); }), "[0, 1]"));
  EXPECT_TRUE(contains(messageOf([&] { plan.ComputeMean(Side::Alpha, logSum, { 1.0 }); }), "1 values for 154"));
  std::vector<double> values(logSum.size(), 1.0);
  EXPECT_EQ(plan.ComputeMean(Side::Alpha, logSum, values), values);
  const auto full =
    std::max_element(problem.LogB.begin(), problem.LogB.end()) - problem.LogB.begin(); // some point with mass
  values[full] = std::nan("");
  EXPECT_TRUE(
    contains(messageOf([&] { plan.ComputeMean(Side::Alpha, logSum, values); }), "from point " + std::to_string(full)));
  Potentials<double> none;
  EXPECT_TRUE(contains(
    messageOf([&] { Plan<double>::MakeSelf(problem.Operator, Side::Alpha, problem.LogA, 1.2, none); }), "Debias"));
}

} // namespace
