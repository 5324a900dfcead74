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
#include "itkSinkhornTestUtilities.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace
{

using namespace itk::Sinkhorn;
using SizeType = std::vector<itk::SizeValueType>;

SizeType
CoarseSizeOf(const GridSoftminOperator<double> & fine)
{
  return dynamic_cast<const GridSoftminOperator<double> &>(*fine.MakeCoarser().Operator).GetSize();
}

/** The fine voxels that each coarse voxel stands for. */
std::vector<std::vector<itk::SizeValueType>>
GetBlocks(const SizeType & fine, const SizeType & coarse)
{
  itk::SizeValueType fineVoxels = 1;
  itk::SizeValueType coarseVoxels = 1;
  for (size_t d = 0; d < fine.size(); ++d)
  {
    fineVoxels *= fine[d];
    coarseVoxels *= coarse[d];
  }
  std::vector<std::vector<itk::SizeValueType>> blocks(coarseVoxels);
  for (itk::SizeValueType voxel = 0; voxel < fineVoxels; ++voxel)
  {
    itk::SizeValueType rest = voxel;
    itk::SizeValueType block = 0;
    itk::SizeValueType stride = 1;
    for (size_t d = 0; d < fine.size(); ++d)
    {
      const itk::SizeValueType index = rest % fine[d];
      block += (coarse[d] == fine[d] ? index : index / 2) * stride;
      stride *= coarse[d];
      rest /= fine[d];
    }
    blocks[block].push_back(voxel);
  }
  return blocks;
}

const std::vector<SizeType> Sizes = { { 9 }, { 16, 7 }, { 13, 12 }, { 10, 3, 9 }, { 5, 6, 7 }, { 1, 12, 11 } };

TEST(SinkhornGridTransfer, RestrictionsAreSumsAndMeansOfTheBlocks)
{
  for (const auto & size : Sizes)
  {
    const GridSoftminOperator<double> fine(size, std::vector<double>(size.size(), 1.0));
    const auto                        coarse = fine.MakeCoarser();
    const auto                        blocks = GetBlocks(size, CoarseSizeOf(fine));
    std::mt19937                      generator(7);
    std::uniform_real_distribution<>  uniform(-300.0, 10.0);
    std::vector<double>               values(fine.GetNumberOfPoints(Side::Alpha));
    for (double & value : values)
    {
      value = uniform(generator);
    }
    std::vector<double> logWeights = values;
    for (size_t i = 0; i < values.size(); i += 3)
    {
      logWeights[i] = -std::numeric_limits<double>::infinity();
    }
    std::fill_n(logWeights.begin(), blocks[0].size() < 2 ? 1 : 2, -std::numeric_limits<double>::infinity());
    std::vector<double> restricted(blocks.size());
    std::vector<double> means(blocks.size());
    std::vector<double> sums(blocks.size());
    coarse.Transfer->RestrictLogWeights(Side::Alpha, logWeights.data(), restricted.data());
    coarse.Transfer->RestrictPotential(Side::Alpha, values.data(), means.data());
    coarse.Transfer->RestrictMass(Side::Alpha, values.data(), sums.data());
    for (size_t block = 0; block < blocks.size(); ++block)
    {
      double mass = 0.0;
      double sum = 0.0;
      for (const auto voxel : blocks[block])
      {
        mass += std::exp(logWeights[voxel]);
        sum += values[voxel];
      }
      if (mass > 0.0)
      {
        EXPECT_NEAR(restricted[block], std::log(mass), 1e-12 * std::abs(std::log(mass)) + 1e-13);
      }
      else
      {
        EXPECT_EQ(restricted[block], -std::numeric_limits<double>::infinity());
      }
      EXPECT_NEAR(sums[block], sum, 1e-12 * 3000.0);
      EXPECT_NEAR(means[block], sum / blocks[block].size(), 1e-12 * 3000.0);
    }
  }
}

TEST(SinkhornGridTransfer, ProlongationIsExactForLinearPotentials)
{
  for (const auto & size : Sizes)
  {
    const GridSoftminOperator<double> fine(size, std::vector<double>(size.size(), 1.0));
    const auto                        coarse = fine.MakeCoarser();
    const SizeType                    coarseSize = CoarseSizeOf(fine);
    // The potential as a function of the fine coordinate; coarse voxel k of a halved axis lies at 2k + 1/2.
    const auto fill = [](const SizeType & grid, const auto & coordinate) {
      itk::SizeValueType voxels = 1;
      for (const auto n : grid)
      {
        voxels *= n;
      }
      std::vector<double> values(voxels, 3.0);
      for (itk::SizeValueType voxel = 0; voxel < voxels; ++voxel)
      {
        itk::SizeValueType rest = voxel;
        for (size_t d = 0; d < grid.size(); ++d)
        {
          values[voxel] += (1.5 - 2.0 * d) * coordinate(d, static_cast<double>(rest % grid[d]));
          rest /= grid[d];
        }
      }
      return values;
    };
    const auto expected = fill(size, [](size_t, double k) { return k; });
    const auto coarseValues =
      fill(coarseSize, [&](size_t d, double k) { return coarseSize[d] == size[d] ? k : 2.0 * k + 0.5; });
    std::vector<double> prolonged(expected.size());
    coarse.Transfer->ProlongPotential(Side::Beta, coarseValues.data(), prolonged.data());
    for (size_t i = 0; i < expected.size(); ++i)
    {
      EXPECT_NEAR(prolonged[i], expected[i], 1e-12);
    }
  }
}

struct CorrectionCase
{
  SizeType            Size;
  std::vector<double> Spacing;
  double              Blur;
  double              Reach;
  double              Background;
};

const std::vector<CorrectionCase> Cases = {
  { { 48, 44 }, { 1.0, 1.0 }, 2.0, 0.0, 1e-3 }, // dense
  { { 45, 39 }, { 1.0, 1.0 }, 2.0, 0.0, 0.0 },  // pieces with nothing between, odd sizes
  { { 48, 44 }, { 1.0, 1.3 }, 1.4, 0.0, 1e-3 }, // a blur of about one voxel
  { { 48, 44 }, { 1.0, 1.0 }, 2.0, 12.0, 1e-3 },         { { 45, 39 }, { 1.0, 1.0 }, 2.0, 12.0, 0.0 },
  { { 22, 19, 17 }, { 1.0, 1.1, 0.9 }, 1.6, 0.0, 1e-3 },
};

template <typename TReal>
struct CorrectionProblem
{
  explicit CorrectionProblem(const CorrectionCase & what, itk::ThreadIdType threads = 0)
    : Operator(std::make_shared<GridSoftminOperator<TReal>>(what.Size, what.Spacing, threads))
    , LogA(Testing::ToLog<TReal>(Testing::MakeBlobs(what.Size, what.Spacing, 1, what.Background)))
    , LogB(Testing::ToLog<TReal>(Testing::MakeBlobs(what.Size, what.Spacing, 2, what.Background)))
  {
    Parameters.Blur = what.Blur;
    Parameters.Reach = what.Reach;
    Parameters.MaximumNumberOfIterations = 20000;
  }

  TransportValues
  Solve()
  {
    Report = Solver<TReal>::Solve(Operator, LogA, LogB, Parameters, Duals);
    EXPECT_TRUE(Report.Converged) << Report.Describe(Parameters);
    return ComputeTransportValues(LogA, LogB, Parameters, Duals);
  }

  /** Moves the mass of α by half a voxel along the first axis. */
  void
  MoveByHalfAVoxel()
  {
    const std::vector<TReal> before = LogA;
    double                   mass = 0.0;
    for (size_t i = 0; i < before.size(); ++i)
    {
      const TReal left = i > 0 ? before[i - 1] : before[i];
      LogA[i] = std::log(TReal(0.5) * (std::exp(before[i]) + std::exp(left)));
      mass += std::exp(static_cast<double>(LogA[i]));
    }
    for (TReal & w : LogA)
    {
      w -= static_cast<TReal>(std::log(mass));
    }
  }

  typename SoftminOperator<TReal>::Pointer Operator;
  std::vector<TReal>                       LogA, LogB;
  SolverParameters                         Parameters;
  Potentials<TReal>                        Duals;
  SolverReport                             Report;
};

TEST(SinkhornCoarseCorrection, ChangesTheWorkNotTheResult)
{
  for (const auto & what : Cases)
  {
    CorrectionProblem<double> problem(what);
    problem.Parameters.Tolerance = 1e-6;
    problem.Parameters.UseCoarseCorrection = false;
    const auto reference = problem.Solve();
    for (const auto acceleration : { Acceleration::Averaged, Acceleration::OverRelaxation, Acceleration::Nesterov })
    {
      CorrectionProblem<double> corrected(what);
      corrected.Parameters.Tolerance = 1e-6;
      corrected.Parameters.Accelerate = acceleration;
      const auto values = corrected.Solve();
      EXPECT_NEAR(values.Transport, reference.Transport, 1e-5 * reference.Transport) << acceleration;
      EXPECT_NEAR(values.Divergence, reference.Divergence, 1e-5 * reference.Transport) << acceleration;
    }
  }
}

TEST(SinkhornCoarseCorrection, FloatIsWithinItsBoundOfDouble)
{
  for (const auto & what : Cases)
  {
    CorrectionProblem<double> reference(what);
    CorrectionProblem<float>  problem(what);
    reference.Parameters.Tolerance = 1e-7;
    problem.Parameters.Tolerance = 1e-4;
    const auto expected = reference.Solve();
    const auto values = problem.Solve();
    // A marginal error of 1e-4 misplaces at most that part of the mass by the diameter; at second order, since the dual
    // is stationary.
    EXPECT_NEAR(values.Transport, expected.Transport, 2e-4 * expected.Transport);
    EXPECT_NEAR(values.Divergence, expected.Divergence, 2e-4 * expected.Transport);
  }
}

TEST(SinkhornCoarseCorrection, SavesIterationsOfTheFinestGrid)
{
  CorrectionProblem<double> problem(Cases[0]);
  problem.Parameters.Tolerance = 1e-5;
  problem.Solve();
  const auto corrected = problem.Report;
  problem.Duals = Potentials<double>();
  problem.Parameters.UseCoarseCorrection = false;
  problem.Solve();
  EXPECT_LE(2 * corrected.NumberOfIterations, problem.Report.NumberOfIterations);
  EXPECT_LT(corrected.EquivalentSoftmins, problem.Report.EquivalentSoftmins);
}

/** Three bumps that move far over a background so faint that it contracts by ten along each axis into them. */
TEST(SinkhornCoarseCorrection, PaysForFarMovesOverAFaintBackground)
{
  constexpr unsigned int size = 64;
  const auto             density = [](const std::vector<std::vector<double>> & bumps) {
    std::vector<double> weights;
    for (unsigned int i = 0; i < size * size * size; ++i)
    {
      double value = 1e-3;
      for (const auto & b : bumps)
      {
        const double dx = (i % size + 0.5) / size - b[0];
        const double dy = (i / size % size + 0.5) / size - b[1];
        const double dz = (i / size / size + 0.5) / size - b[2];
        value += b[4] * std::exp(-(dx * dx + dy * dy + dz * dz) / (2.0 * b[3] * b[3]));
      }
      weights.push_back(value);
    }
    const double mass = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double & w : weights)
    {
      w /= mass;
    }
    return Testing::ToLog<float>(weights);
  };
  const auto alpha =
    density({ { 0.25, 0.25, 0.4, 0.05, 1.0 }, { 0.7, 0.3, 0.5, 0.08, 0.7 }, { 0.5, 0.8, 0.6, 0.06, 1.0 } });
  const auto beta =
    density({ { 0.3, 0.7, 0.5, 0.06, 1.0 }, { 0.8, 0.8, 0.4, 0.05, 1.0 }, { 0.6, 0.2, 0.6, 0.08, 0.5 } });
  const auto       op = std::make_shared<GridSoftminOperator<float>>(SizeType(3, size), std::vector<double>(3, 1.0));
  SolverParameters parameters;
  parameters.Blur = 2.0;
  parameters.Tolerance = 1e-3;
  Potentials<float>  duals;
  const SolverReport report = Solver<float>::Solve(op, alpha, beta, parameters, duals);
  EXPECT_TRUE(report.Converged) << report.Describe(parameters);
  // 19 iterations and 71 softmins where failed corrections are given up.
  EXPECT_LE(report.NumberOfIterations, 13u);
  EXPECT_LE(report.EquivalentSoftmins, 62.0);
}

TEST(SinkhornCoarseCorrection, WarmStartIsCheaperAndReachesTheSame)
{
  for (const auto & what : Cases)
  {
    CorrectionProblem<double> problem(what);
    problem.Parameters.Tolerance = 1e-4;
    problem.Solve();
    problem.MoveByHalfAVoxel();
    CorrectionProblem<double> cold = problem;
    cold.Duals = Potentials<double>();
    const auto expected = cold.Solve();
    const auto values = problem.Solve();
    EXPECT_FALSE(cold.Report.WarmStarted);
    EXPECT_NEAR(values.Divergence, expected.Divergence, 2e-4 * expected.Transport);
    // Where the blur is hardly wider than a voxel and the density steep, a correction may not pay, and neither does an
    // old solution.
    if (what.Background > 0.0 && what.Blur > 1.5)
    {
      EXPECT_TRUE(problem.Report.WarmStarted) << what.Size[0] << " blur " << what.Blur << " reach " << what.Reach;
      EXPECT_LT(problem.Report.EquivalentSoftmins, cold.Report.EquivalentSoftmins);
    }
  }
}

TEST(SinkhornCoarseCorrection, ThreadsDoNotChangeABitOfAWarmStart)
{
  const CorrectionCase what{ { 47, 41, 29 }, { 1.0, 1.1, 1.6 }, 2.5, 0.0, 1e-4 };
  Potentials<float>    reference;
  for (const itk::ThreadIdType threads : { 1, 2, 4 })
  {
    CorrectionProblem<float> problem(what, threads);
    problem.Solve();
    problem.MoveByHalfAVoxel();
    problem.Solve();
    if (threads == 1)
    {
      reference = problem.Duals;
      continue;
    }
    const size_t bytes = reference.F.size() * sizeof(float);
    EXPECT_EQ(std::memcmp(problem.Duals.F.data(), reference.F.data(), bytes), 0);
    EXPECT_EQ(std::memcmp(problem.Duals.G.data(), reference.G.data(), bytes), 0);
    EXPECT_EQ(std::memcmp(problem.Duals.FAlphaAlpha.data(), reference.FAlphaAlpha.data(), bytes), 0);
  }
}

TEST(SinkhornCoarseCorrection, NotConvergedIsReported)
{
  for (const unsigned int limit : { 1u, 2u })
  {
    CorrectionProblem<double> problem(Cases[0]);
    problem.Parameters.Tolerance = 1e-12;
    problem.Parameters.MaximumNumberOfIterations = limit;
    const auto report =
      Solver<double>::Solve(problem.Operator, problem.LogA, problem.LogB, problem.Parameters, problem.Duals);
    EXPECT_FALSE(report.Converged);
    EXPECT_EQ(report.NumberOfIterations, limit);
    EXPECT_GT(report.GetMarginalError(), 1e-12);
  }
}

} // namespace
