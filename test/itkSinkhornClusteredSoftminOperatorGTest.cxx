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
#include "itkSinkhornClusteredSoftminOperator.h"
#include "itkSinkhornDivergence.h"
#include "itkSinkhornLineSoftminSimd.h"
#include "itkSinkhornPointSoftminOperator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace
{

using namespace itk::Sinkhorn;
using Array = std::vector<double>;

constexpr double Infinity = std::numeric_limits<double>::infinity();

/** Two clouds on a curved surface, at a distance, with weights, some of them none, and a rough potential that leads
 * from one cloud to the other. */
struct Problem
{
  Problem(unsigned int dimension, size_t alphaPoints, size_t betaPoints, double distance = 0.0)
    : Dimension(dimension)
  {
    std::mt19937                           generator(dimension + 7);
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    const auto                             makePoints = [&](size_t count, double shift) {
      Array points;
      for (size_t i = 0; i < count; ++i)
      {
        const double u = uniform(generator);
        for (unsigned int d = 0; d < dimension; ++d)
        {
          const double x = d + 1 < dimension || dimension == 1 ? uniform(generator) : u * u + 0.02 * uniform(generator);
          points.push_back(30.0 * x + (d == 0 ? shift : 0.0));
        }
      }
      return points;
    };
    Points[0] = makePoints(alphaPoints, 0.0);
    Points[1] = makePoints(betaPoints, distance);
    for (const int side : { 0, 1 })
    {
      const size_t count = Points[side].size() / dimension;
      for (size_t i = 0; i < count; ++i)
      {
        const bool isEmpty = count > 4 && i % 5 == 3;
        LogWeights[side].push_back(isEmpty ? -Infinity : std::log((1.1 + uniform(generator)) / count));
        Potential[side].push_back((side == 0 ? -distance : distance) * Points[side][i * dimension] +
                                  20.0 * uniform(generator));
        Masses[side].push_back(std::exp(LogWeights[side].back()));
      }
    }
  }

  std::shared_ptr<ClusteredSoftminOperator>
  MakeClustered(PairPrecision precision, itk::ThreadIdType threads = 1) const
  {
    return std::make_shared<ClusteredSoftminOperator>(
      Dimension, Points[0], Points[1], Masses[0], Masses[1], precision, threads);
  }

  std::shared_ptr<PointSoftminOperator<double>>
  MakeDense() const
  {
    return std::make_shared<PointSoftminOperator<double>>(Dimension, Points[0], Points[1], 1);
  }

  bool
  IsFar() const
  {
    return std::abs(Points[0][0] - Points[1][0]) > 500.0;
  }

  Array
  Apply(const SoftminOperator<double> & op, Side to, Side from, double blur) const
  {
    const auto k = static_cast<size_t>(from);
    Array      out(op.GetNumberOfPoints(to));
    op.Apply(to, from, blur, LogWeights[k].data(), Potential[k].data(), out.data());
    return out;
  }

  unsigned int Dimension;
  Array        Points[2];
  Array        LogWeights[2];
  Array        Potential[2];
  Array        Masses[2];
};

double
LargestDifference(const Array & a, const Array & b)
{
  double largest = a.size() == b.size() ? 0.0 : Infinity;
  for (size_t i = 0; i < a.size(); ++i)
  {
    const double difference = std::abs(a[i] - b[i]);
    largest = difference <= largest ? largest : difference; // NaN stays
  }
  return largest;
}

void
ExpectEqualToDense(const Problem & problem)
{
  const auto dense = problem.MakeDense();
  const auto single = problem.MakeClustered(PairPrecision::Single);
  const auto twice = problem.MakeClustered(PairPrecision::Double);
  for (const double blur : { 0.05, 1.0, 5.0, 200.0 })
  {
    for (const Side to : { Side::Alpha, Side::Beta })
    {
      for (const Side from : { Side::Alpha, Side::Beta })
      {
        if (from == to && problem.IsFar())
        {
          continue; // the potential leads away from this cloud
        }
        const Array exact = problem.Apply(*dense, to, from, blur);
        // exponents are as large as distance²/blur², and double precision is relative to them
        double scale = 1.0;
        for (const double value : exact)
        {
          scale = std::max(scale, std::abs(value));
        }
        EXPECT_LT(LargestDifference(exact, problem.Apply(*twice, to, from, blur)), 1e-12 * scale + 1e-9);
        EXPECT_LT(LargestDifference(exact, problem.Apply(*single, to, from, blur)), 1e-12 * scale + 5e-5)
          << "dimension " << problem.Dimension << " blur " << blur;
      }
    }
  }
}

TEST(SinkhornClusteredSoftminOperator, EqualsTheDenseOracle)
{
  for (const unsigned int dimension : { 1u, 2u, 3u, 5u, 9u })
  {
    ExpectEqualToDense(Problem(dimension, 333, 211));
  }
}

TEST(SinkhornClusteredSoftminOperator, EqualsTheDenseOracleFarApart)
{
  ExpectEqualToDense(Problem(3, 150, 180, 1000.0));
}

TEST(SinkhornClusteredSoftminOperator, EqualsTheDenseOracleOnFewPoints)
{
  for (const size_t points : { 1u, 2u, 64u, 65u })
  {
    ExpectEqualToDense(Problem(3, points, 1));
    ExpectEqualToDense(Problem(2, 3, points));
  }
}

TEST(SinkhornClusteredSoftminOperator, BearsDuplicatesPlanesAndGaps)
{
  Problem duplicates(3, 100, 100);
  for (size_t k = 3; k < 300; ++k)
  {
    duplicates.Points[0][k] = duplicates.Points[0][k % 3];
    duplicates.Points[1][k] = duplicates.Points[1][k % 6];
  }
  ExpectEqualToDense(duplicates);
  Problem plane(3, 200, 100);
  Problem gaps(3, 200, 100);
  for (const int side : { 0, 1 })
  {
    for (size_t k = 0; k < plane.Points[side].size(); k += 3)
    {
      plane.Points[side][k + 1] = 4.0;
      gaps.Points[side][k] += k % 7 == 0 ? 5000.0 : 0.0;
    }
  }
  ExpectEqualToDense(plane);
  ExpectEqualToDense(gaps);
}

TEST(SinkhornClusteredSoftminOperator, EqualsTheDenseOracleOnAllInstructionSets)
{
  const Problem problem(3, 150, 130);
  for (const std::string & target : GetSimdTargets())
  {
    SCOPED_TRACE(target);
    SetSimdTargetForTest(target);
    ExpectEqualToDense(problem);
  }
  SetSimdTargetForTest("");
}

TEST(SinkhornClusteredSoftminOperator, IsEmptyWhereAllIsEmpty)
{
  Problem problem(2, 70, 70);
  std::fill(problem.LogWeights[1].begin(), problem.LogWeights[1].end(), -Infinity);
  const auto op = problem.MakeClustered(PairPrecision::Single);
  for (const double value : problem.Apply(*op, Side::Alpha, Side::Beta, 1.0))
  {
    EXPECT_EQ(value, -Infinity);
  }
}

TEST(SinkhornClusteredSoftminOperator, MeansEqualTheirDefinition)
{
  for (const unsigned int dimension : { 2u, 3u, 5u })
  {
    const Problem problem(dimension, 90, 210, 300.0);
    const double  blur = 3.0;
    const auto    op = problem.MakeClustered(PairPrecision::Single);
    Array         means(problem.Points[0].size());
    op->ComputeMeans(Side::Alpha,
                     Side::Beta,
                     blur,
                     problem.LogWeights[1].data(),
                     problem.Potential[1].data(),
                     problem.Points[1].data(),
                     dimension,
                     means.data());
    const Array sums = problem.Apply(*problem.MakeDense(), Side::Alpha, Side::Beta, blur);
    Array       exact(means.size(), 0.0);
    for (size_t i = 0; i < sums.size(); ++i)
    {
      for (size_t j = 0; j < problem.LogWeights[1].size(); ++j)
      {
        double squared = 0.0;
        for (unsigned int d = 0; d < dimension; ++d)
        {
          const double difference = problem.Points[0][i * dimension + d] - problem.Points[1][j * dimension + d];
          squared += difference * difference;
        }
        const double weight =
          std::exp(problem.LogWeights[1][j] + (problem.Potential[1][j] - 0.5 * squared) / (blur * blur) - sums[i]);
        for (unsigned int d = 0; d < dimension; ++d)
        {
          exact[i * dimension + d] += weight * problem.Points[1][j * dimension + d];
        }
      }
    }
    EXPECT_LT(LargestDifference(exact, means), 1e-4) << "dimension " << dimension;
  }
}

TEST(SinkhornClusteredSoftminOperator, NumberOfThreadsDoesNotMatter)
{
  const Problem problem(3, 3000, 2500);
  const Array   one = problem.Apply(*problem.MakeClustered(PairPrecision::Single, 1), Side::Alpha, Side::Beta, 2.0);
  for (const unsigned int threads : { 2u, 4u })
  {
    const auto op = problem.MakeClustered(PairPrecision::Single, threads);
    EXPECT_EQ(one, problem.Apply(*op, Side::Alpha, Side::Beta, 2.0));
  }
}

TEST(SinkhornClusteredSoftminOperator, CoarserVersionsKeepMassAndPotentials)
{
  const Problem problem(3, 1000, 800);
  const auto    fine = problem.MakeClustered(PairPrecision::Single);
  const auto    coarser = fine->MakeCoarser();
  const auto &  coarse = coarser.Operator;
  ASSERT_TRUE(coarse);
  EXPECT_GT(coarse->GetResolution(), fine->GetResolution());
  EXPECT_EQ(coarse->GetDiameter(), fine->GetDiameter());
  for (const Side side : { Side::Alpha, Side::Beta })
  {
    const auto   s = static_cast<size_t>(side);
    const size_t points = coarse->GetNumberOfPoints(side);
    EXPECT_LE(2 * points, 1.2 * fine->GetNumberOfPoints(side));
    Array logWeights(points);
    coarser.Transfer->RestrictLogWeights(side, problem.LogWeights[s].data(), logWeights.data());
    Array masses(points);
    coarser.Transfer->RestrictMass(side, problem.Masses[s].data(), masses.data());
    double total = 0.0;
    for (size_t i = 0; i < points; ++i)
    {
      EXPECT_NEAR(std::exp(logWeights[i]), masses[i], 1e-12);
      total += masses[i];
    }
    double expected = 0.0;
    for (const double mass : problem.Masses[s])
    {
      expected += mass;
    }
    EXPECT_NEAR(total, expected, 1e-9);

    // an affine potential comes back as it was: its mean is its value at the centre of mass
    Array affine(fine->GetNumberOfPoints(side));
    for (size_t i = 0; i < affine.size(); ++i)
    {
      affine[i] = 3.0 + 2.0 * problem.Points[s][3 * i] - problem.Points[s][3 * i + 1] + problem.Points[s][3 * i + 2];
    }
    Array restricted(points);
    Array prolonged(affine.size());
    coarser.Transfer->RestrictPotential(side, affine.data(), restricted.data());
    coarser.Transfer->ProlongPotential(side, restricted.data(), prolonged.data());
    EXPECT_LT(LargestDifference(affine, prolonged), 0.05);
  }
  unsigned int levels = 0;
  for (auto op = coarse; op; op = op->MakeCoarser().Operator)
  {
    ASSERT_LT(++levels, 20u);
  }
}

TEST(SinkhornClusteredSoftminOperator, SolvesAsTheDenseOneDoes)
{
  const Problem    problem(3, 700, 600, 50.0);
  SolverParameters parameters;
  parameters.Blur = 2.0;
  parameters.Reach = 40.0;
  parameters.Tolerance = 1e-7;
  parameters.MaximumNumberOfIterations = 3000;
  const auto solve = [&](const Solver<double>::OperatorType::Pointer & op) {
    Potentials<double> potentials;
    const auto report = Solver<double>::Solve(op, problem.LogWeights[0], problem.LogWeights[1], parameters, potentials);
    EXPECT_TRUE(report.Converged) << report.Describe(parameters);
    return ComputeTransportValues(problem.LogWeights[0], problem.LogWeights[1], parameters, potentials).Divergence;
  };
  const double exact = solve(problem.MakeDense());
  EXPECT_NEAR(solve(problem.MakeClustered(PairPrecision::Double)) / exact, 1.0, 1e-8);
  parameters.Tolerance = 1e-4;
  EXPECT_NEAR(solve(problem.MakeClustered(PairPrecision::Single)) / exact, 1.0, 1e-5);
}

TEST(SinkhornClusteredSoftminOperator, RefusesByName)
{
  const auto message = [](unsigned int dimension, const Array & points, const Array & masses) {
    try
    {
      ClusteredSoftminOperator(dimension, points, points, masses, masses);
    }
    catch (const itk::ExceptionObject & error)
    {
      return std::string(error.GetDescription());
    }
    return std::string("no exception");
  };
  EXPECT_NE(message(13, Array(13, 0.0), { 1.0 }).find("13 coordinates"), std::string::npos);
  EXPECT_NE(message(2, {}, {}).find("alpha point list"), std::string::npos);
  EXPECT_NE(message(2, { 0.0, Infinity }, { 1.0 }).find("inf"), std::string::npos);
  EXPECT_NE(message(2, { 0.0, 1.0 }, { 1.0, 2.0 }).find("2 masses"), std::string::npos);
}

} // namespace
