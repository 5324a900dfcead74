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
#include "itkSinkhornLineSoftmin.h"
#include "itkSinkhornLineSoftminSimd.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>
#include <vector>

namespace
{
using itk::SizeValueType;
using namespace itk::Sinkhorn;

constexpr double Infinity = std::numeric_limits<double>::infinity();

/** Content of a line; every voxel is drawn or computed from its position. */
enum class Content
{
  Noise,
  FaintNoise, // log of uniform numbers and a steep slope
  WideNoise,  // a range of 10⁴ and more
  Sparse,     // nine voxels of ten are empty, their potential is NaN or infinite
  Impulse,
  Flat, // all terms of an output are about equal: h grows like the cost
  Kink, // two slopes: the displacement jumps
  Smooth
};

constexpr Content AllContents[] = { Content::Noise,   Content::FaintNoise, Content::WideNoise, Content::Sparse,
                                    Content::Impulse, Content::Flat,       Content::Kink,      Content::Smooth };

template <typename TReal>
struct Problem
{
  LinePass<TReal>    pass;
  std::vector<TReal> logWeights;
  std::vector<TReal> potential;

  Problem(Content       content,
          SizeValueType length,
          SizeValueType inner,
          SizeValueType outer,
          double        step,
          unsigned int  seed)
    : logWeights(length * inner * outer)
    , potential(length * inner * outer, TReal(0))
  {
    std::mt19937                     generator(seed);
    std::uniform_real_distribution<> uniform(0.0, 1.0);
    std::normal_distribution<>       normal;
    const double                     slope = (uniform(generator) - 0.5) * 2.0 * length;
    for (SizeValueType voxel = 0; voxel < logWeights.size(); ++voxel)
    {
      const auto y = static_cast<double>(voxel / inner % length);
      double     weight = 0.0;
      double     value = 0.0;
      switch (content)
      {
        case Content::Noise: weight = normal(generator); break;
        case Content::FaintNoise:
          weight = std::log(uniform(generator));
          value = slope * y;
          break;
        case Content::WideNoise: weight = 1e4 * normal(generator); break;
        case Content::Sparse:
        {
          const bool empty = uniform(generator) < 0.9;
          weight = empty ? -Infinity : 0.0;
          value = !empty ? 1.0 : uniform(generator) < 0.5 ? std::nan("") : Infinity;
          break;
        }
        case Content::Impulse:
          weight = y == std::floor(length / 3.0) ? 0.5 : -Infinity;
          value = y == std::floor(length / 3.0) ? 3.0 : Infinity;
          break;
        case Content::Flat: value = 0.5 * y * y; break;
        case Content::Kink:
          value = 0.4 * std::fabs(y - 0.45 * length) * length + normal(generator) / (step * step);
          break;
        case Content::Smooth:
          weight = -8.0 * (y / length - 0.4) * (y / length - 0.4);
          value = slope * y / 4.0 + 0.02 * y * y;
          break;
      }
      logWeights[voxel] = static_cast<TReal>(weight);
      potential[voxel] = static_cast<TReal>(value);
    }
    pass.length = length;
    pass.inner = inner;
    pass.outer = outer;
    pass.step = step;
    pass.logWeights = logWeights.data();
    pass.potential = potential.data();
    pass.inverseEpsilon = static_cast<TReal>(step * step);
  }

  std::vector<TReal>
  Run(LineKernel kernel, itk::ThreadIdType threads = 1) const
  {
    std::vector<TReal> out(logWeights.size());
    LinePass<TReal>    copy = pass;
    copy.out = out.data();
    ApplyLinePass(copy, threads, kernel);
    return out;
  }

  /** Largest |h| and |out| of the line that a voxel belongs to. */
  std::vector<double>
  Ranges(const std::vector<TReal> & out) const
  {
    std::vector<double> ranges(pass.inner * pass.outer, 0.0);
    for (SizeValueType voxel = 0; voxel < out.size(); ++voxel)
    {
      double &     range = ranges[Line(voxel)];
      const double h = static_cast<double>(logWeights[voxel]) +
                       static_cast<double>(potential[voxel]) * static_cast<double>(pass.inverseEpsilon);
      range = std::isfinite(h) ? std::max(range, std::fabs(h)) : range;
      range = std::isfinite(out[voxel]) ? std::max(range, std::fabs(static_cast<double>(out[voxel]))) : range;
    }
    return ranges;
  }

  SizeValueType
  Line(SizeValueType voxel) const
  {
    return voxel / (pass.inner * pass.length) * pass.inner + voxel % pass.inner;
  }
};

/** Largest error of a result in units of the bound, against the reference; infinite where one is empty and the other is
 * not. */
template <typename TReal>
double
WorstError(const Problem<TReal> & problem, const std::vector<TReal> & result)
{
  const auto reference = problem.Run(LineKernel::Reference);
  const auto ranges = problem.Ranges(reference);
  double     worst = 0.0;
  for (SizeValueType voxel = 0; voxel < result.size(); ++voxel)
  {
    if (result[voxel] == reference[voxel])
    {
      continue; // in particular −∞
    }
    const double error = std::fabs(static_cast<double>(result[voxel]) - static_cast<double>(reference[voxel]));
    const double bound = SoftminErrorBound<TReal>(static_cast<TReal>(ranges[problem.Line(voxel)]));
    worst = std::isfinite(error) ? std::max(worst, error / bound) : Infinity;
  }
  return worst;
}

std::vector<double>
Steps(SizeValueType length)
{
  return { 3.4, 2.0, 1.0, 0.5, 0.25, 0.1, 1.0 / static_cast<double>(length) };
}

template <typename TReal>
class SinkhornLineSoftmin : public testing::Test
{};

using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(SinkhornLineSoftmin, Reals);

} // namespace

TYPED_TEST(SinkhornLineSoftmin, AgreesWithReferenceAtAllShortLengths)
{
  for (SizeValueType length = 1; length <= 67; ++length)
  {
    for (const double step : Steps(length))
    {
      for (const auto content : AllContents)
      {
        const Problem<TypeParam> problem(content, length, 1, 3, step, 100 + length);
        EXPECT_LE(WorstError(problem, problem.Run(LineKernel::Automatic)), 1.0)
          << "length " << length << " step " << step << " content " << static_cast<int>(content);
      }
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, AgreesWithReferenceOnLongLines)
{
  for (const SizeValueType length : { 128, 129, 257, 1000 })
  {
    for (const double step : Steps(length))
    {
      for (const auto content : AllContents)
      {
        const Problem<TypeParam> problem(content, length, 1, 2, step, 7);
        EXPECT_LE(WorstError(problem, problem.Run(LineKernel::Automatic)), 1.0)
          << "length " << length << " step " << step << " content " << static_cast<int>(content);
      }
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, AgreesWithReferenceAlongStridedAxes)
{
  // Parts of a bundle, of a block, and several blocks.
  for (const SizeValueType inner : { 3, 16, 37, 150 })
  {
    for (const SizeValueType length : { 5, 16, 50, 131 })
    {
      for (const double step : { 2.0, 0.5, 0.1 })
      {
        for (const auto content : AllContents)
        {
          const Problem<TypeParam> problem(content, length, inner, 2, step, 11);
          EXPECT_LE(WorstError(problem, problem.Run(LineKernel::Automatic)), 1.0)
            << "inner " << inner << " length " << length << " step " << step << " content "
            << static_cast<int>(content);
        }
      }
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, EveryInstructionSetAgreesWithReference)
{
  const auto targets = GetSimdTargets();
  ASSERT_FALSE(targets.empty());
  for (const auto & target : targets)
  {
    SetSimdTargetForTest(target);
    for (const SizeValueType length : { 1, 7, 33, 150 })
    {
      for (const double step : { 3.4, 1.0, 0.25, 0.02 })
      {
        for (const auto content : AllContents)
        {
          const Problem<TypeParam> problem(content, length, 3, 2, step, 5);
          EXPECT_LE(WorstError(problem, problem.Run(LineKernel::Automatic)), 1.0)
            << target << " length " << length << " step " << step << " content " << static_cast<int>(content);
        }
      }
    }
  }
  SetSimdTargetForTest("");
}

TYPED_TEST(SinkhornLineSoftmin, ImpulseGivesTheGaussianItself)
{
  for (const SizeValueType length : { 1, 10, 15, 31, 32, 33, 200 })
  {
    for (const double step : Steps(length))
    {
      const Problem<TypeParam> problem(Content::Impulse, length, 1, 1, step, 1);
      const auto               out = problem.Run(LineKernel::Automatic);
      const double             top = 0.5 + 3.0 * static_cast<double>(problem.pass.inverseEpsilon);
      const auto               where = static_cast<double>(length / 3);
      const double             range = problem.Ranges(out)[0];
      for (SizeValueType x = 0; x < length; ++x)
      {
        const double distance = (static_cast<double>(x) - where) * step;
        EXPECT_NEAR(
          out[x], top - 0.5 * distance * distance, SoftminErrorBound<TypeParam>(static_cast<TypeParam>(range)));
      }
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, EmptyLinesStayEmptyAndNothingIsNaN)
{
  for (const SizeValueType length : { 1, 16, 67, 300 })
  {
    Problem<TypeParam> problem(Content::Noise, length, 3, 2, 0.5, 1);
    for (SizeValueType voxel = 0; voxel < problem.logWeights.size(); ++voxel)
    {
      // Line 1 is the only one with a weight, and there only the first voxel.
      const bool weighted = voxel == 1;
      problem.logWeights[voxel] = static_cast<TypeParam>(weighted ? 0.0 : -Infinity);
      problem.potential[voxel] = static_cast<TypeParam>(weighted ? 0.0 : voxel % 2 == 0 ? Infinity : std::nan(""));
    }
    for (const auto kernel : { LineKernel::Automatic, LineKernel::Reference })
    {
      const auto out = problem.Run(kernel);
      for (SizeValueType voxel = 0; voxel < out.size(); ++voxel)
      {
        if (problem.Line(voxel) == 1)
        {
          EXPECT_TRUE(std::isfinite(out[voxel]));
        }
        else
        {
          EXPECT_EQ(out[voxel], -std::numeric_limits<TypeParam>::infinity());
        }
      }
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, InPlaceGivesTheSame)
{
  for (const SizeValueType inner : { 1, 3, 16, 37 })
  {
    Problem<TypeParam> problem(Content::FaintNoise, 70, inner, 5, 0.5, 3);
    const auto         expected = problem.Run(LineKernel::Automatic);
    auto               pass = problem.pass;
    pass.out = problem.logWeights.data();
    ApplyLinePass(pass, 1);
    EXPECT_EQ(problem.logWeights, expected) << "inner " << inner;
  }
}

TYPED_TEST(SinkhornLineSoftmin, MultiThreadResultEqualsSingleThreadResult)
{
  for (const SizeValueType inner : { 1, 45 })
  {
    // Large enough for several tasks.
    const Problem<TypeParam> problem(Content::FaintNoise, 64, inner, inner == 1 ? 2000 : 45, 0.5, 9);
    const auto               expected = problem.Run(LineKernel::Automatic, 1);
    for (const itk::ThreadIdType threads : { 2, 4, 0 })
    {
      EXPECT_EQ(problem.Run(LineKernel::Automatic, threads), expected) << "inner " << inner << " threads " << threads;
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, PassesTogetherGiveWhatTheyGiveOneByOne)
{
  // Slabs of which a task has several, one of which is a task, and one too large to be worked on in two passes at once.
  for (const SizeValueType edge : { 1, 20, 100, 600 })
  {
    const SizeValueType              slabs = edge == 600 ? 17 : 40;
    const Problem<TypeParam>         problem(Content::FaintNoise, edge, 1, edge * slabs, 0.5, 13);
    std::vector<LinePass<TypeParam>> passes(3, problem.pass);
    passes[1].inner = edge;
    passes[1].outer = slabs;
    passes[2].inner = edge * edge;
    passes[2].length = slabs;
    passes[2].outer = 1;
    const auto run = [&](std::vector<TypeParam> & out, const auto & apply) {
      for (auto & pass : passes)
      {
        pass.out = out.data();
      }
      for (const size_t d : { 1, 2 })
      {
        passes[d].logWeights = out.data();
        passes[d].potential = nullptr;
      }
      apply();
    };
    std::vector<TypeParam> expected(problem.logWeights.size());
    run(expected, [&] {
      for (const auto & pass : passes)
      {
        ApplyLinePass(pass, 1);
      }
    });
    for (const itk::ThreadIdType threads : { 1, 2, 5 })
    {
      std::vector<TypeParam> out(expected.size());
      run(out, [&] { ApplyLinePasses(passes, threads); });
      EXPECT_EQ(out, expected) << "edge " << edge << " threads " << threads;
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, ManyPlansInTurnsGiveTheSame)
{
  // More than are kept, twice.
  std::vector<std::vector<TypeParam>> first;
  for (int turn = 0; turn < 2; ++turn)
  {
    for (SizeValueType k = 0; k < 20; ++k)
    {
      const Problem<TypeParam> problem(Content::Noise, 30 + k / 4, 1, 1, 0.4 + 0.1 * (k % 4), 5);
      const auto               out = problem.Run(LineKernel::Automatic);
      EXPECT_LE(WorstError(problem, out), 1.0);
      if (turn == 0)
      {
        first.push_back(out);
      }
      EXPECT_EQ(out, first[k]) << k;
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, LineDoesNotDependOnItsNeighbours)
{
  const SizeValueType      length = 90;
  const SizeValueType      inner = 37;
  const Problem<TypeParam> problem(Content::Noise, length, inner, 1, 0.6, 21);
  const auto               together = problem.Run(LineKernel::Automatic);
  for (SizeValueType line = 0; line < inner; ++line)
  {
    Problem<TypeParam> alone(Content::Noise, length, 1, 1, 0.6, 1);
    for (SizeValueType y = 0; y < length; ++y)
    {
      alone.logWeights[y] = problem.logWeights[y * inner + line];
      alone.potential[y] = problem.potential[y * inner + line];
    }
    const auto out = alone.Run(LineKernel::Automatic);
    for (SizeValueType y = 0; y < length; ++y)
    {
      ASSERT_EQ(out[y], together[y * inner + line]) << "line " << line << " voxel " << y;
    }
  }
}

TYPED_TEST(SinkhornLineSoftmin, MissingPotentialIsZero)
{
  Problem<TypeParam> problem(Content::Noise, 40, 3, 2, 0.5, 4);
  std::fill(problem.potential.begin(), problem.potential.end(), TypeParam(0));
  const auto expected = problem.Run(LineKernel::Automatic);
  problem.pass.potential = nullptr;
  EXPECT_EQ(problem.Run(LineKernel::Automatic), expected);
}

TEST(SinkhornLineSoftminPrecision, FloatIsWithinItsBoundOfDouble)
{
  for (const double step : { 2.0, 0.5, 0.125 })
  {
    for (const auto content : AllContents)
    {
      const Problem<float> problem(content, 150, 3, 2, step, 17);
      Problem<double>      precise(content, 150, 3, 2, step, 17);
      precise.logWeights.assign(problem.logWeights.begin(), problem.logWeights.end());
      precise.potential.assign(problem.potential.begin(), problem.potential.end());
      precise.pass.inverseEpsilon = problem.pass.inverseEpsilon;
      const auto out = problem.Run(LineKernel::Automatic);
      const auto expected = precise.Run(LineKernel::Automatic);
      const auto ranges = problem.Ranges(out);
      for (SizeValueType voxel = 0; voxel < out.size(); ++voxel)
      {
        EXPECT_NEAR(out[voxel], expected[voxel], SoftminErrorBound(static_cast<float>(ranges[problem.Line(voxel)])));
      }
    }
  }
}
