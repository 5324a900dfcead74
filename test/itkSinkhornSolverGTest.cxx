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
#include "itkSinkhornSolverTestUtilities.h"

#include <gtest/gtest.h>

namespace
{

using namespace itk::Sinkhorn;
using Testing::GridProblem;
using Testing::MakeParameters;
using Testing::MessageOf;

TEST(SinkhornSolver, GridEqualsDensePoints)
{
  for (const double reach : { 0.0, 4.0 })
  {
    for (const auto & size : { std::vector<itk::SizeValueType>{ 23 },
                               std::vector<itk::SizeValueType>{ 13, 17 },
                               std::vector<itk::SizeValueType>{ 7, 9, 5 } })
    {
      const std::vector<double> spacing = { 0.8, 1.3, 2.1 };
      GridProblem<double>       grid(size, { spacing.begin(), spacing.begin() + size.size() }, 1e-3);
      SolverParameters          parameters = MakeParameters(1.7);
      parameters.Reach = reach;
      const auto values = grid.Solve(parameters);

      const auto         points = Testing::MakeGridPoints(grid.Size, grid.Spacing);
      const auto         dense = std::make_shared<PointSoftminOperator<double>>(size.size(), points, points);
      Potentials<double> duals;
      const auto         report = Solver<double>::Solve(dense, grid.LogA, grid.LogB, parameters, duals);
      const auto         reference = ComputeTransportValues(grid.LogA, grid.LogB, parameters, duals);
      EXPECT_TRUE(grid.Report.Converged && report.Converged);
      EXPECT_NEAR(values.Transport, reference.Transport, 1e-8 * reference.Transport);
      EXPECT_NEAR(values.Divergence, reference.Divergence, 1e-8 * reference.Transport);
    }
  }
}

TEST(SinkhornSolver, ValueIsSymmetric)
{
  for (const double reach : { 0.0, 5.0 })
  {
    GridProblem<double> forward({ 21, 18 }, { 1.0, 1.4 });
    GridProblem<double> backward = forward;
    std::swap(backward.LogA, backward.LogB);
    SolverParameters parameters = MakeParameters(2.0);
    parameters.Reach = reach;
    const auto values = forward.Solve(parameters);
    const auto swapped = backward.Solve(parameters);
    EXPECT_NEAR(values.Transport, swapped.Transport, 1e-9 * values.Transport);
    EXPECT_NEAR(values.Divergence, swapped.Divergence, 1e-9 * values.Transport);
  }
}

TEST(SinkhornSolver, DivergenceVanishesForEqualMeasuresAndIsPositiveOtherwise)
{
  for (const double reach : { 0.0, 3.0 })
  {
    GridProblem<double> problem({ 24, 20 }, { 1.0, 0.7 });
    SolverParameters    parameters = MakeParameters(1.5);
    parameters.Reach = reach;
    EXPECT_GT(problem.Solve(parameters).Divergence, 1e-2);

    GridProblem<double> equal = problem;
    equal.LogB = equal.LogA;
    equal.Duals = Potentials<double>();
    const auto values = equal.Solve(parameters);
    EXPECT_NEAR(values.Divergence, 0.0, 1e-8);
    EXPECT_GT(values.Transport, 0.1);
    std::vector<double> variation;
    ComputeFirstVariation(Side::Alpha, parameters, equal.Duals, values.MassBeta, variation);
    // No force: the potential is flat wherever there is mass. (Between pieces too far apart to exchange mass at this
    // blur its constant is free.)
    for (size_t i = 0; i + 1 < variation.size(); ++i)
    {
      if ((i + 1) % equal.Size[0] != 0 && equal.A[i] > 0.0 && equal.A[i + 1] > 0.0)
      {
        EXPECT_NEAR(variation[i], variation[i + 1], 1e-5);
      }
    }
  }
}

TEST(SinkhornSolver, DivergenceOfATranslationIsHalfItsSquare)
{
  // A compact shape well inside the grid, moved by whole voxels: S = d²/2 exactly, at every blur.
  const std::vector<itk::SizeValueType> size = { 40, 36 };
  const std::vector<double>             spacing = { 1.0, 1.5 };
  std::vector<double>                   a(size[0] * size[1]);
  std::vector<double>                   b(size[0] * size[1]);
  for (unsigned int y = 8; y < 14; ++y)
  {
    for (unsigned int x = 6; x < 12; ++x)
    {
      const double weight = 1.0 + 0.1 * x + 0.05 * y;
      a[y * size[0] + x] = weight;
      b[(y + 9) * size[0] + x + 20] = weight;
    }
  }
  double mass = 0.0;
  for (const double w : a)
  {
    mass += w;
  }
  for (auto * weights : { &a, &b })
  {
    for (double & w : *weights)
    {
      w /= mass;
    }
  }
  const double squared = 20.0 * 20.0 + 9.0 * 1.5 * 9.0 * 1.5;
  for (const double blur : { 1.0, 3.0, 10.0 })
  {
    const auto         op = std::make_shared<GridSoftminOperator<double>>(size, spacing);
    const auto         logA = Testing::ToLog<double>(a);
    const auto         logB = Testing::ToLog<double>(b);
    const auto         parameters = MakeParameters(blur, 1e-8);
    Potentials<double> duals;
    const auto         report = Solver<double>::Solve(op, logA, logB, parameters, duals);
    EXPECT_TRUE(report.Converged) << report.Describe(parameters);
    EXPECT_NEAR(ComputeTransportValues(logA, logB, parameters, duals).Divergence, 0.5 * squared, 1e-6 * squared);
  }
}

TEST(SinkhornSolver, FirstVariationIsTheDerivativeWithRespectToTheDensity)
{
  for (const bool debias : { true, false })
  {
    for (const double reach : { 0.0, 4.0 })
    {
      GridProblem<double> problem({ 15, 13 }, { 1.0, 1.2 }, 1e-2);
      SolverParameters    parameters = MakeParameters(1.6, 1e-12);
      parameters.Reach = reach;
      parameters.Debias = debias;
      const auto          values = problem.Solve(parameters);
      std::vector<double> variation;
      ComputeFirstVariation(Side::Alpha, parameters, problem.Duals, values.MassBeta, variation);

      // A perturbation of zero mass, which keeps balanced problems balanced.
      std::vector<double> direction(problem.A.size());
      double              expected = 0.0;
      double              sum = 0.0;
      for (size_t i = 0; i < direction.size(); ++i)
      {
        direction[i] = problem.A[i] * std::sin(0.3 * i);
        sum += direction[i];
      }
      for (size_t i = 0; i < direction.size(); ++i)
      {
        direction[i] -= sum * problem.A[i];
        expected += direction[i] * variation[i];
      }
      const auto valueAt = [&](double t) {
        GridProblem<double> moved = problem;
        for (size_t i = 0; i < direction.size(); ++i)
        {
          moved.LogA[i] = std::log(problem.A[i] + t * direction[i]);
        }
        const auto movedValues = moved.Solve(parameters);
        return debias ? movedValues.Divergence : movedValues.Transport;
      };
      constexpr double step = 1e-3;
      const double     difference = (valueAt(step) - valueAt(-step)) / (2.0 * step);
      EXPECT_NEAR(difference, expected, 1e-5 * std::abs(expected)) << "debias " << debias << " reach " << reach;
    }
  }
}

TEST(SinkhornSolver, EveryAccelerationReachesTheSameFixedPoint)
{
  for (const double reach : { 0.0, 6.0 })
  {
    GridProblem<double> problem({ 30, 26 }, { 1.0, 1.0 }, 1e-3);
    SolverParameters    parameters = MakeParameters(2.5, 1e-8);
    parameters.Reach = reach;
    parameters.Accelerate = Acceleration::None;
    const double reference = problem.Solve(parameters).Divergence;
    const auto   plainIterations = problem.Report.NumberOfIterations;
    EXPECT_TRUE(problem.Report.Converged);
    for (const auto acceleration : { Acceleration::Averaged, Acceleration::OverRelaxation, Acceleration::Nesterov })
    {
      problem.Duals = Potentials<double>();
      parameters.Accelerate = acceleration;
      EXPECT_NEAR(problem.Solve(parameters).Divergence, reference, 1e-6 * reference) << acceleration;
      EXPECT_TRUE(problem.Report.Converged) << acceleration;
      if (acceleration == Acceleration::OverRelaxation)
      {
        EXPECT_LE(problem.Report.NumberOfIterations, plainIterations);
      }
    }
  }
}

TEST(SinkhornSolver, ScheduleChangesTheWorkNotTheResult)
{
  GridProblem<double> problem({ 33, 31 }, { 1.0, 0.9 }, 1e-3);
  SolverParameters    parameters = MakeParameters(2.0, 1e-8);
  const double        reference = problem.Solve(parameters).Divergence;
  for (const bool pyramid : { true, false })
  {
    for (const double ratio : { 0.5, 1.0 })
    {
      for (const bool invariant : { true, false })
      {
        problem.Duals = Potentials<double>();
        parameters.UsePyramid = pyramid;
        parameters.AnnealingRatio = ratio;
        parameters.TranslationInvariant = invariant;
        EXPECT_NEAR(problem.Solve(parameters).Divergence, reference, 1e-6 * reference);
        EXPECT_TRUE(problem.Report.Converged);
      }
    }
  }
}

TEST(SinkhornSolver, TranslationInvarianceSavesIterationsForALargeReach)
{
  GridProblem<double> problem({ 30, 26 }, { 1.0, 1.0 }, 1e-3);
  for (auto & w : problem.LogB)
  {
    w += std::log(1.5);
  }
  SolverParameters parameters = MakeParameters(2.0, 1e-6);
  parameters.Reach = 60.0;
  parameters.Accelerate = Acceleration::None;
  const double value = problem.Solve(parameters).Divergence;
  const auto   invariant = problem.Report.NumberOfIterations;
  problem.Duals = Potentials<double>();
  parameters.TranslationInvariant = false;
  EXPECT_NEAR(problem.Solve(parameters).Divergence, value, 1e-3 * value);
  EXPECT_LT(2 * invariant, problem.Report.NumberOfIterations);
}

TEST(SinkhornSolver, WarmStartNeedsFewIterations)
{
  GridProblem<double> problem({ 40, 36 }, { 1.0, 1.0 }, 1e-4);
  SolverParameters    parameters = MakeParameters(2.0, 1e-4);
  problem.Solve(parameters);
  const double cold = problem.Report.EquivalentSoftmins;
  EXPECT_FALSE(problem.Report.WarmStarted);
  problem.Solve(parameters);
  EXPECT_TRUE(problem.Report.WarmStarted);
  EXPECT_TRUE(problem.Report.Converged);
  EXPECT_LT(problem.Report.EquivalentSoftmins, 0.5 * cold);
}

TEST(SinkhornSolver, UselessWarmStartFallsBackToAnnealing)
{
  GridProblem<double> problem({ 40, 36 }, { 1.0, 1.0 });
  SolverParameters    parameters = MakeParameters(1.0, 1e-4);
  const double        reference = problem.Solve(parameters).Divergence;
  for (size_t i = 0; i < problem.Duals.F.size(); ++i)
  {
    problem.Duals.F[i] = 1e4 * std::sin(static_cast<double>(i));
    problem.Duals.G[i] = -problem.Duals.F[i];
  }
  EXPECT_NEAR(problem.Solve(parameters).Divergence, reference, 1e-3 * reference);
  EXPECT_FALSE(problem.Report.WarmStarted);
  EXPECT_TRUE(problem.Report.Converged);
}

TEST(SinkhornSolver, NotConvergedIsReported)
{
  GridProblem<double> problem({ 30, 30 }, { 1.0, 1.0 });
  SolverParameters    parameters = MakeParameters(0.7, 1e-12);
  parameters.MaximumNumberOfIterations = 2;
  problem.Solve(parameters);
  EXPECT_FALSE(problem.Report.Converged);
  EXPECT_GT(problem.Report.GetMarginalError(), 1e-12);
  EXPECT_NE(problem.Report.Describe(parameters).find("not converged"), std::string::npos);
}

TEST(SinkhornSolver, ObserverSeesProgressAndCanStop)
{
  GridProblem<double> problem({ 30, 30 }, { 1.0, 1.0 });
  const auto          parameters = MakeParameters(1.0, 1e-6);
  double              fraction = 0.0;
  unsigned int        calls = 0;
  const auto          watch = [&](const SolverProgress & progress) {
    EXPECT_GE(progress.Fraction, fraction);
    EXPECT_LE(progress.Fraction, 1.0);
    EXPECT_GT(progress.NumberOfPoints, 0u);
    fraction = progress.Fraction;
    ++calls;
    return true;
  };
  EXPECT_TRUE(
    Solver<double>::Solve(problem.Operator, problem.LogA, problem.LogB, parameters, problem.Duals, watch).Converged);
  EXPECT_GT(calls, 10u);
  EXPECT_GT(fraction, 0.8);

  Potentials<double> duals;
  calls = 0;
  const auto stop = [&](const SolverProgress &) { return ++calls < 3; };
  const auto report = Solver<double>::Solve(problem.Operator, problem.LogA, problem.LogB, parameters, duals, stop);
  EXPECT_TRUE(report.Aborted);
  EXPECT_FALSE(report.Converged);
  EXPECT_EQ(calls, 3u);
  EXPECT_TRUE(duals.F.empty());
}

} // namespace
