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

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace
{

using namespace itk::Sinkhorn;

template <typename TReal>
void
CompareWithReference(itk::SizeValueType length, double rho, double sumBound, double potentialBound)
{
  std::mt19937                           generator(static_cast<unsigned int>(length));
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  constexpr double                       epsilon = 2.5;
  std::vector<TReal>                     logWeights(length);
  std::vector<TReal>                     softmin(length);
  std::vector<TReal>                     potential(length);
  for (itk::SizeValueType i = 0; i < length; ++i)
  {
    potential[i] = static_cast<TReal>(40.0 * uniform(generator));
    softmin[i] = static_cast<TReal>(-potential[i] / epsilon + uniform(generator));
    logWeights[i] = static_cast<TReal>(i % 3 == 1 ? -std::numeric_limits<TReal>::infinity() : 5.0 * uniform(generator));
  }
  Temperature temperature;
  temperature.Epsilon = epsilon;
  temperature.Rho = rho;

  std::vector<TReal>     expected = potential;
  UpdateArguments<TReal> arguments;
  arguments.LogWeights = logWeights.data();
  arguments.Softmin = softmin.data();
  arguments.Potential = expected.data();
  arguments.InverseEpsilon = static_cast<TReal>(1.0 / epsilon);
  arguments.InverseRho = static_cast<TReal>(rho > 0.0 ? 1.0 / rho : 0.0);
  arguments.Scale = static_cast<TReal>(-temperature.GetDamping() * epsilon);
  arguments.Relaxation = static_cast<TReal>(1.6);
  const UpdateSums reference = UpdateRangeReference(arguments, 0, length);

  for (const itk::ThreadIdType threads : { 1, 3 })
  {
    std::vector<TReal> updated = potential;
    const UpdateSums   sums =
      UpdatePotential(length, logWeights.data(), softmin.data(), updated.data(), temperature, 1.6, threads);
    EXPECT_NEAR(sums.MarginalError, reference.MarginalError, sumBound * reference.MarginalError) << length;
    EXPECT_NEAR(sums.DampedMass, reference.DampedMass, sumBound * reference.DampedMass) << length;
    for (itk::SizeValueType i = 0; i < length; ++i)
    {
      EXPECT_NEAR(updated[i], expected[i], potentialBound) << i;
    }
  }
}

TEST(SinkhornPotentialUpdate, VectorsEqualReference)
{
  for (const itk::SizeValueType length : { 2, 7, 16, 33, 1024, 1031, 40000 })
  {
    for (const double rho : { 0.0, 30.0 })
    {
      CompareWithReference<float>(length, rho, 1e-5, 2e-5);
      CompareWithReference<double>(length, rho, 1e-13, 1e-13);
    }
  }
}

TEST(SinkhornPotentialUpdate, HugeExponentsStayFinite)
{
  std::vector<float> logWeights{ 0.0f, 80.0f, -std::numeric_limits<float>::infinity() };
  std::vector<float> softmin{ 1e4f, 1e30f, 3e37f };
  std::vector<float> potential{ -1e6f, 1e6f, 1e30f };
  Temperature        temperature;
  temperature.Epsilon = 1e-2;
  temperature.Rho = 1e-2;
  const UpdateSums sums = UpdatePotential(itk::SizeValueType{ 3 },
                                          logWeights.data(),
                                          softmin.data(),
                                          potential.data(),
                                          temperature,
                                          1.0,
                                          itk::ThreadIdType{ 1 });
  EXPECT_TRUE(std::isfinite(sums.MarginalError));
  EXPECT_TRUE(std::isfinite(sums.DampedMass));
  for (const float value : potential)
  {
    EXPECT_TRUE(std::isfinite(value));
  }
}

} // namespace
