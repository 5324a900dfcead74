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
#include "itkSinkhornPotentialUpdate.h"
#include "itkSinkhornTestUtilities.h"
#include "itkSinkhornTransportImageFilter.h"
#include "itkSinkhornTransportTestUtilities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace
{

using namespace itk::Sinkhorn;

template <typename TPixel>
typename itk::Image<TPixel, 2>::Pointer
MakeDisc(double centre, double value)
{
  using ImageType = itk::Image<TPixel, 2>;
  return Testing::MakeDensity<ImageType>({ 56, 48 }, { 1.0, 1.0 }, [=](const typename ImageType::PointType & p) {
    const double squared = (p[0] - centre) * (p[0] - centre) + (p[1] - 24.0) * (p[1] - 24.0);
    return squared < 49.0 ? value : 0.0;
  });
}

template <typename TPixel>
typename itk::SinkhornTransportImageFilter<itk::Image<TPixel, 2>>::Pointer
Transport(double reach, double blur, double ratio, double distance = 20.0)
{
  const auto filter = itk::SinkhornTransportImageFilter<itk::Image<TPixel, 2>>::New();
  filter->SetFixedImage(MakeDisc<TPixel>(16.0, 1.0));
  filter->SetMovingImage(MakeDisc<TPixel>(16.0 + distance, ratio));
  filter->SetBlur(blur);
  filter->SetReach(reach);
  filter->PreserveMassRatioOn();
  filter->Update();
  return filter;
}

TEST(SinkhornLongReach, SinglePrecisionFollowsDouble)
{
  for (const double ratio : { 1.0, 1.3, 0.2 })
  {
    for (const double blur : { 1.0, 4.0 })
    {
      for (const double reach : { 10.0, 300.0, 1e4, 1e6 })
      {
        SCOPED_TRACE(testing::Message() << "ratio " << ratio << " blur " << blur << " reach " << reach);
        const auto single = Transport<float>(reach, blur, ratio);
        const auto exact = Transport<double>(reach, blur, ratio);
        EXPECT_TRUE(single->GetConverged());
        EXPECT_TRUE(exact->GetConverged());
        EXPECT_NEAR(single->GetDivergence(), exact->GetDivergence(), 1e-3 * exact->GetDivergence());
        double farthest = 0.0;
        for (itk::SizeValueType i = 0; i < 56 * 48; ++i)
        {
          if (exact->GetFixedImage()->GetBufferPointer()[i] > 0.0)
          {
            farthest = std::max<double>(farthest,
                                        (exact->GetSprings()->GetBufferPointer()[i] -
                                         itk::Vector<double, 2>(single->GetSprings()->GetBufferPointer()[i]))
                                          .GetNorm());
          }
          EXPECT_TRUE(std::isfinite(single->GetTransportedMass()->GetBufferPointer()[i]));
        }
        EXPECT_LE(farthest, 0.02);
      }
    }
  }
}

TEST(SinkhornLongReach, UnequalMassesCostWhatTheyDiffer)
{
  // far beyond the domain all that is left of the divergence is ρ(√m_α − √m_β)² and the balanced value times √(m_α m_β)
  const double blur = 2.0;
  const double ratio = 1.3;
  const double balanced = Transport<double>(0.0, blur, 1.0)->GetDivergence();
  const double alpha = 2.0 / (1.0 + ratio);
  const double beta = ratio * alpha;
  for (const double reach : { 1e4, 1e5 })
  {
    const double roots = std::sqrt(alpha) - std::sqrt(beta);
    const double created = (reach * reach + 0.5 * blur * blur) * roots * roots;
    EXPECT_NEAR(Transport<double>(reach, blur, ratio)->GetDivergence() - created,
                std::sqrt(alpha * beta) * balanced,
                0.01 * balanced);
  }
}

/** Potentials are those of the unbalanced fixed point, the constant that grows with the reach included. */
TEST(SinkhornLongReach, ShiftCompletesThePotentials)
{
  const std::vector<itk::SizeValueType> size{ 17, 13 };
  const std::vector<double>             spacing{ 1.0, 1.2 };
  const auto                            op = std::make_shared<GridSoftminOperator<double>>(size, spacing);
  auto                                  alpha = Testing::MakeBlobs(size, spacing, 1, 1e-3);
  auto                                  beta = Testing::MakeBlobs(size, spacing, 2, 1e-3);
  for (const double mass : { 0.01, 1.7, 3e15 })
  {
    for (const double reach : { 3.0, 40.0, 400.0 })
    {
      auto scaled = beta;
      for (auto & value : scaled)
      {
        value *= mass;
      }
      const auto       logAlpha = Testing::ToLog<double>(alpha);
      const auto       logBeta = Testing::ToLog<double>(scaled);
      SolverParameters parameters;
      parameters.Blur = 1.5;
      parameters.Reach = reach;
      parameters.Tolerance = 1e-10;
      parameters.MaximumNumberOfIterations = 3000;
      Potentials<double> duals;
      const auto         report = Solver<double>::Solve(op, logAlpha, logBeta, parameters, duals);
      EXPECT_TRUE(report.Converged) << report.Describe(parameters);
      const double        epsilon = 2.25;
      const double        damping = reach * reach / (reach * reach + epsilon);
      std::vector<double> softmin(logAlpha.size());
      auto                g = duals.G;
      for (auto & value : g)
      {
        value -= duals.Shift;
      }
      op->Apply(Side::Alpha, Side::Beta, parameters.Blur, logBeta.data(), g.data(), softmin.data());
      for (size_t i = 0; i < softmin.size(); ++i)
      {
        const double f = duals.F[i] + duals.Shift;
        EXPECT_NEAR(f, -damping * epsilon * softmin[i], 1e-6 + 1e-9 * std::abs(f)) << mass << ' ' << reach;
      }
      op->Apply(Side::Alpha, Side::Alpha, parameters.Blur, logAlpha.data(), duals.FAlphaAlpha.data(), softmin.data());
      for (size_t i = 0; i < softmin.size(); ++i)
      {
        EXPECT_NEAR(duals.FAlphaAlpha[i], -damping * epsilon * softmin[i], 1e-6);
      }
      // a warm start from them needs next to nothing
      const auto again = Solver<double>::Solve(op, logAlpha, logBeta, parameters, duals);
      EXPECT_TRUE(again.WarmStarted && again.Converged);
      EXPECT_LE(again.NumberOfIterations, 3u);
    }
  }
}

template <typename TReal>
void
ExpectNoSilence(std::vector<TReal> softmin, std::vector<TReal> potential, std::vector<TReal> logWeights)
{
  Temperature temperature;
  temperature.Epsilon = 1.0;
  temperature.Rho = 4.0;
  const auto sums =
    UpdatePotential<TReal>(softmin.size(), logWeights.data(), softmin.data(), potential.data(), temperature, 1.0, 1);
  EXPECT_GE(sums.MarginalError, std::exp(29.0));
}

TEST(SinkhornLongReach, BoundedExponentsAndNanAreErrors)
{
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const size_t length : { 1, 4, 33 })
  {
    // both marginal and target beyond all bounds, and neither a number
    ExpectNoSilence<float>(
      std::vector<float>(length, 1000.0f), std::vector<float>(length, -400.0f), std::vector<float>(length, 0.0f));
    ExpectNoSilence<double>(
      std::vector<double>(length, 1000.0), std::vector<double>(length, -400.0), std::vector<double>(length, 0.0));
    ExpectNoSilence<float>(std::vector<float>(length, static_cast<float>(nan)),
                           std::vector<float>(length, 0.0f),
                           std::vector<float>(length, 0.0f));
    ExpectNoSilence<double>(
      std::vector<double>(length, 0.0), std::vector<double>(length, nan), std::vector<double>(length, 0.0));
  }
}

TEST(SinkhornLongReach, EqualImagesHaveNoDivergenceAndOthersNoNegativeOne)
{
  std::mt19937                           generator(5);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  using FloatImage = itk::Image<float, 2>;
  using DoubleImage = itk::Image<double, 2>;
  for (const double noise : { 0.0, 1e-5, 1e-3, 0.05 })
  {
    for (const double reach : { 0.0, 4.0, 60.0, 1e5 })
    {
      SCOPED_TRACE(testing::Message() << "noise " << noise << " reach " << reach);
      const auto fixed = MakeDisc<float>(20.0, 1.0);
      const auto moving = MakeDisc<double>(20.0, 1.0);
      const auto same = MakeDisc<float>(20.0, 1.0);
      for (itk::SizeValueType i = 0; i < 56 * 48; ++i)
      {
        const double value = fixed->GetBufferPointer()[i] * (0.3 + uniform(generator));
        fixed->GetBufferPointer()[i] = static_cast<float>(value);
        const double other = value * (1.0 + noise * (uniform(generator) - 0.5));
        moving->GetBufferPointer()[i] = 2.5 * other; // of another precision and exposure
        same->GetBufferPointer()[i] = static_cast<float>(2.5 * other);
      }
      const auto mixed = itk::SinkhornTransportImageFilter<FloatImage, DoubleImage>::New();
      mixed->SetFixedImage(fixed);
      mixed->SetMovingImage(moving);
      mixed->SetBlur(2.0);
      mixed->SetReach(reach);
      mixed->Update();
      const auto single = itk::SinkhornTransportImageFilter<FloatImage>::New();
      single->SetFixedImage(fixed);
      single->SetMovingImage(same);
      single->SetBlur(2.0);
      single->SetReach(reach);
      single->Update();
      EXPECT_TRUE(mixed->GetConverged());
      EXPECT_TRUE(single->GetConverged());
      const double unseen = 1e-5 * 4.0; // a hundredth of the tolerance, times ε
      EXPECT_GE(mixed->GetDivergence(), noise == 0.0 ? -1e-9 : -unseen);
      EXPECT_GE(single->GetDivergence(), noise == 0.0 ? -1e-6 : -unseen);
      if (noise == 0.0)
      {
        EXPECT_NEAR(mixed->GetDivergence(), 0.0, 1e-9);
        EXPECT_NEAR(single->GetDivergence(), 0.0, 1e-6);
      }
    }
  }
}

} // namespace
