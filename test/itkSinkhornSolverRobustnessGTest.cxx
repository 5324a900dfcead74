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
// Threads, extremes, bad input, empty margins, coarser grids.
#include "itkSinkhornSolverTestUtilities.h"

#include <gtest/gtest.h>

#include <cstring>

namespace
{

using namespace itk::Sinkhorn;
using Testing::GridProblem;
using Testing::MakeParameters;
using Testing::MessageOf;

TEST(SinkhornSolver, ThreadsDoNotChangeABit)
{
  GridProblem<float> problem({ 43, 41, 29 }, { 1.0, 1.1, 1.6 }, 1e-4);
  const auto         parameters = MakeParameters(2.5, 1e-3);
  Potentials<float>  reference;
  TransportValues    values;
  for (const itk::ThreadIdType threads : { 1, 2, 4 })
  {
    const auto        op = std::make_shared<GridSoftminOperator<float>>(problem.Size, problem.Spacing, threads);
    Potentials<float> duals;
    Solver<float>::Solve(op, problem.LogA, problem.LogB, parameters, duals);
    const auto current = ComputeTransportValues(problem.LogA, problem.LogB, parameters, duals, threads);
    if (threads == 1)
    {
      reference = duals;
      values = current;
      continue;
    }
    EXPECT_EQ(std::memcmp(duals.F.data(), reference.F.data(), duals.F.size() * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(duals.GBetaBeta.data(), reference.GBetaBeta.data(), duals.F.size() * sizeof(float)), 0);
    EXPECT_EQ(current.Divergence, values.Divergence);
  }
}

TEST(SinkhornSolver, ExtremesAreFinite)
{
  // Two single voxels in opposite corners, a blur far below the spacing, and weights over 30 orders of magnitude.
  const std::vector<itk::SizeValueType> size = { 50, 40 };
  std::vector<double>                   a(2000);
  std::vector<double>                   b(2000);
  a.front() = 1.0;
  b.back() = 1.0;
  b[1000] = 1e-30;
  for (const double blur : { 0.05, 1.0, 1e3 })
  {
    for (const double reach : { 0.0, 0.5, 1e3 })
    {
      SolverParameters parameters = MakeParameters(blur, 1e-6);
      parameters.Reach = reach;
      parameters.MaximumNumberOfIterations = 50;
      const auto         op = std::make_shared<GridSoftminOperator<float>>(size, std::vector<double>{ 1.0, 1.0 });
      const auto         logA = Testing::ToLog<float>(a);
      const auto         logB = Testing::ToLog<float>(b);
      Potentials<float>  duals;
      const SolverReport report = Solver<float>::Solve(op, logA, logB, parameters, duals);
      const auto         values = ComputeTransportValues(logA, logB, parameters, duals);
      EXPECT_TRUE(std::isfinite(values.Divergence)) << blur << " " << reach;
      EXPECT_TRUE(std::isfinite(report.GetMarginalError()));
      std::vector<float> variation;
      for (const Side side : { Side::Alpha, Side::Beta })
      {
        ComputeFirstVariation(side, parameters, duals, 1.0, variation);
        for (const float value : variation)
        {
          ASSERT_TRUE(std::isfinite(value)) << blur << " " << reach;
        }
      }
      if (reach == 0.0)
      {
        EXPECT_NEAR(values.Divergence, 0.5 * (49.0 * 49.0 + 39.0 * 39.0), 1.0);
      }
    }
  }
}

TEST(SinkhornSolver, BadInputIsNamed)
{
  GridProblem<double> problem({ 8, 8 }, { 1.0, 1.0 });
  const auto          solve = [&](const SolverParameters & parameters) {
    return MessageOf(
      [&] { Solver<double>::Solve(problem.Operator, problem.LogA, problem.LogB, parameters, problem.Duals); });
  };
  const auto expectMessage = [](const std::string & message, const std::vector<std::string> & parts) {
    for (const auto & part : parts)
    {
      EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
    }
  };
  SolverParameters parameters;
  parameters.Blur = 0.0;
  expectMessage(solve(parameters), { "Blur is 0", "positive" });
  parameters.Blur = std::numeric_limits<double>::quiet_NaN();
  expectMessage(solve(parameters), { "Blur is nan" });
  parameters = SolverParameters();
  parameters.Reach = -2.0;
  expectMessage(solve(parameters), { "Reach is -2", "0 for balanced" });
  parameters = SolverParameters();
  parameters.Tolerance = 0.0;
  expectMessage(solve(parameters), { "Tolerance is 0" });
  parameters = SolverParameters();
  parameters.MaximumNumberOfIterations = 0;
  expectMessage(solve(parameters), { "MaximumNumberOfIterations is 0" });
  parameters = SolverParameters();
  parameters.AnnealingRatio = 1.5;
  expectMessage(solve(parameters), { "AnnealingRatio is 1.5" });

  parameters = SolverParameters();
  const auto good = problem.LogB;
  problem.LogB[5] = std::numeric_limits<double>::quiet_NaN();
  expectMessage(solve(parameters), { "beta", "point 5", "nan" });
  problem.LogB[5] = std::numeric_limits<double>::infinity();
  expectMessage(solve(parameters), { "beta", "point 5", "inf" });
  std::fill(problem.LogB.begin(), problem.LogB.end(), -std::numeric_limits<double>::infinity());
  expectMessage(solve(parameters), { "beta has no mass" });
  problem.LogB = good;
  problem.LogB.pop_back();
  expectMessage(solve(parameters), { "beta has 63 weights", "64 points" });
  problem.LogB = good;
  for (auto & w : problem.LogB)
  {
    w += 0.5;
  }
  expectMessage(solve(parameters), { "equal masses", "Reach" });
  parameters.Reach = 3.0;
  EXPECT_EQ(solve(parameters), "no exception");

  expectMessage(MessageOf([] { GridSoftminOperator<float>({ 4, 0 }, { 1.0, 1.0 }); }), { "axis 1", "size 0" });
  expectMessage(MessageOf([] { GridSoftminOperator<float>({ 4, 4 }, { 1.0, -1.0 }); }), { "axis 1", "spacing -1" });
  expectMessage(MessageOf([] { GridSoftminOperator<float>({ 4, 4 }, { 1.0 }); }), { "2 sizes", "1 spacings" });
  expectMessage(MessageOf([] {
                  PointSoftminOperator<float>(2, { 1.0, 2.0, 3.0 }, { 1.0, 2.0 });
                }),
                { "alpha", "3 coordinates" });
  expectMessage(MessageOf([] { PointSoftminOperator<float>(1, { 1.0 }, { std::numeric_limits<double>::infinity() }); }),
                { "beta point 0", "inf" });

  parameters = SolverParameters();
  parameters.Reach = 1.0;
  EXPECT_NE(
    MessageOf([&] { ComputePaperFidelity(problem.LogA, problem.LogB, parameters, problem.Duals); }).find("balanced"),
    std::string::npos);
}

TEST(SinkhornSolver, EmptyMarginsCostNothingAndChangeNothing)
{
  // The same masses in a tight grid and in the corner of one with seven times as many voxels.
  for (const double reach : { 0.0, 5.0 })
  {
    GridProblem<double> tight({ 12, 14, 10 }, { 1.0, 1.3, 0.8 }, 1e-3);
    SolverParameters    parameters = MakeParameters(1.5);
    parameters.Reach = reach;
    const auto expected = tight.Solve(parameters);

    const std::vector<itk::SizeValueType> size = { 23, 25, 20 };
    const std::vector<itk::SizeValueType> start = { 7, 2, 10 };
    GridProblem<double>                   wide(size, tight.Spacing);
    std::fill(wide.LogA.begin(), wide.LogA.end(), -std::numeric_limits<double>::infinity());
    wide.LogB = wide.LogA;
    std::vector<size_t> positions;
    for (size_t i = 0; i < tight.LogA.size(); ++i)
    {
      const size_t x = i % 12 + start[0];
      const size_t y = i / 12 % 14 + start[1];
      const size_t z = i / 168 + start[2];
      positions.push_back(x + size[0] * (y + size[1] * z));
      wide.LogA[positions[i]] = tight.LogA[i];
      wide.LogB[positions[i]] = tight.LogB[i];
    }
    const auto values = wide.Solve(parameters);
    EXPECT_TRUE(wide.Report.Converged);
    EXPECT_NEAR(values.Divergence, expected.Divergence, 1e-8 * expected.Divergence);
    EXPECT_LT(wide.Report.EquivalentSoftmins, 0.3 * tight.Report.EquivalentSoftmins);
    for (size_t i = 0; i < positions.size(); ++i)
    {
      EXPECT_NEAR(wide.Duals.FAlphaAlpha[positions[i]], tight.Duals.FAlphaAlpha[i], 1e-6);
    }

    // Far from the mass the potentials are the soft c-transforms of those on it.
    std::vector<double> softmin(wide.LogA.size());
    wide.Operator->Apply(
      Side::Alpha, Side::Beta, parameters.Blur, wide.LogB.data(), wide.Duals.G.data(), softmin.data());
    const double epsilon = parameters.Blur * parameters.Blur;
    const double lambda = reach > 0.0 ? reach * reach / (reach * reach + epsilon) : 1.0;
    for (size_t i = 0; i < softmin.size(); ++i)
    {
      EXPECT_NEAR(wide.Duals.F[i], -lambda * epsilon * softmin[i], 1e-5);
    }

    wide.Solve(parameters);
    EXPECT_TRUE(wide.Report.WarmStarted);
    EXPECT_LE(wide.Report.NumberOfIterations, 3u);
  }
}

TEST(SinkhornGrid, CoarseGridsKeepTheMassAndInterpolateLinearly)
{
  const GridSoftminOperator<double> fine({ 11, 6, 1 }, { 1.0, 1.2, 3.0 });
  const auto                        coarse = fine.MakeCoarser();
  ASSERT_TRUE(coarse.Operator);
  const auto & grid = dynamic_cast<const GridSoftminOperator<double> &>(*coarse.Operator);
  EXPECT_EQ(grid.GetSize(), (std::vector<itk::SizeValueType>{ 6, 3, 1 }));
  EXPECT_EQ(grid.GetSpacing(), (std::vector<double>{ 2.0, 2.4, 3.0 }));

  const auto          weights = Testing::MakeBlobs({ 11, 6, 1 }, { 1.0, 1.2, 3.0 }, 3);
  std::vector<double> coarseLog(18);
  coarse.Transfer->RestrictLogWeights(Side::Alpha, Testing::ToLog<double>(weights).data(), coarseLog.data());
  double mass = 0.0;
  for (const double w : coarseLog)
  {
    mass += std::exp(w);
  }
  EXPECT_NEAR(mass, 1.0, 1e-12);
  EXPECT_NEAR(std::exp(coarseLog[0]), weights[0] + weights[1] + weights[11] + weights[12], 1e-12);
  EXPECT_NEAR(std::exp(coarseLog[5]), weights[10] + weights[21], 1e-12);

  std::vector<double> potential;
  for (unsigned int y = 0; y < 3; ++y)
  {
    for (unsigned int x = 0; x < 6; ++x)
    {
      potential.push_back(2.0 * (2.0 * x + 0.5) - 3.0 * (2.0 * y + 0.5));
    }
  }
  std::vector<double> prolonged(66);
  coarse.Transfer->ProlongPotential(Side::Alpha, potential.data(), prolonged.data());
  for (unsigned int i = 0; i < 66; ++i)
  {
    EXPECT_NEAR(prolonged[i], 2.0 * (i % 11) - 3.0 * (i / 11), 1e-12);
  }
  EXPECT_FALSE(GridSoftminOperator<double>({ 4, 3 }, { 1.0, 1.0 }).MakeCoarser().Operator);
}

} // namespace
