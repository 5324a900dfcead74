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
// Transport of place and feature: the operator against its definition, bins of images, and what features decide.
#include "itkSinkhornFeatureTransport.h"
#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornImageFeatures.h"

#include "itkImageRegionIteratorWithIndex.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace
{

using namespace itk::Sinkhorn;
using ImageType = itk::Image<float, 2>;

constexpr double infinity = std::numeric_limits<double>::infinity();

/** Costs between four bins: near, far, and one that goes nowhere else. */
std::vector<double>
MakeCosts()
{
  return { 0.0,      2.0,      700.0,    infinity, //
           2.0,      0.0,      5.0,      infinity, //
           700.0,    5.0,      0.0,      infinity, //
           infinity, infinity, infinity, 0.0 };
}

template <typename TReal>
std::vector<TReal>
MakeLogWeights(std::size_t count, unsigned int seed)
{
  std::mt19937                           random(seed);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  std::vector<TReal>                     weights(count);
  for (TReal & weight : weights)
  {
    const double mass = uniform(random);
    weight = mass < 0.3 ? -std::numeric_limits<TReal>::infinity() : static_cast<TReal>(std::log(mass));
  }
  return weights;
}

template <typename TFunction>
ImageType::Pointer
MakeImage(unsigned int size, const TFunction & function)
{
  const auto image = ImageType::New();
  image->SetRegions(ImageType::SizeType{ { size, size } });
  image->Allocate();
  for (itk::ImageRegionIteratorWithIndex<ImageType> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    it.Set(static_cast<float>(function(static_cast<double>(it.GetIndex()[0]), static_cast<double>(it.GetIndex()[1]))));
  }
  return image;
}

/** A bar of a given slope about (x, y), 1 inside. */
double
Bar(double px, double py, double x, double y, double slope)
{
  const double length = std::sqrt(1.0 + slope * slope);
  const double along = ((px - x) + slope * (py - y)) / length;
  const double across = ((py - y) - slope * (px - x)) / length;
  return std::abs(along) < 20.0 && std::abs(across) < 2.0 ? 1.0 : 0.0;
}

} // namespace

template <typename TReal>
class SinkhornFeatureOperator : public ::testing::Test
{};
using RealTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SinkhornFeatureOperator, RealTypes);

/** Against the sum over all pairs, with empty bins, an infinite cost, and costs that leave the range of the type. */
TYPED_TEST(SinkhornFeatureOperator, IsTheSumOverPlacesAndBins)
{
  using Real = TypeParam;
  const std::vector<itk::SizeValueType> size{ 7, 5 };
  const std::vector<double>             spacing{ 1.0, 1.5 };
  const std::vector<double>             costs = MakeCosts();
  const itk::SizeValueType              voxels = 35;
  std::vector<Real>                     weights = MakeLogWeights<Real>(4 * voxels, 3);
  std::vector<Real>                     potential = MakeLogWeights<Real>(4 * voxels, 4);
  for (Real & value : potential)
  {
    value = value < Real(-100) ? Real(0) : Real(5) * value;
  }
  for (const bool isFirstEmpty : { false, true })
  {
    if (isFirstEmpty)
    {
      std::fill_n(weights.begin(), voxels, -std::numeric_limits<Real>::infinity());
    }
    const FeatureSoftminOperator<Real> op(std::make_shared<const GridSoftminOperator<Real>>(size, spacing), costs);
    for (const double blur : { 0.7, 3.0 })
    {
      std::vector<Real> out(4 * voxels);
      op.Apply(Side::Alpha, Side::Beta, blur, weights.data(), potential.data(), out.data());
      for (itk::SizeValueType to = 0; to < out.size(); ++to)
      {
        double largest = -infinity;
        double sum = 0.0;
        for (int pass = 0; pass < 2; ++pass)
        {
          for (itk::SizeValueType from = 0; from < out.size(); ++from)
          {
            const double dx = static_cast<double>(to % voxels % 7) - static_cast<double>(from % voxels % 7);
            const double dy = 1.5 * (static_cast<double>(to % voxels / 7) - static_cast<double>(from % voxels / 7));
            const double cost = 0.5 * (dx * dx + dy * dy) + costs[to / voxels * 4 + from / voxels];
            const double term = weights[from] + (potential[from] - cost) / (blur * blur);
            if (pass == 0)
            {
              largest = std::max(largest, term);
            }
            else if (term > -infinity)
            {
              sum += std::exp(term - largest);
            }
          }
        }
        const double expected = largest + std::log(sum);
        if (sum == 0.0)
        {
          EXPECT_EQ(out[to], -std::numeric_limits<Real>::infinity()) << to;
        }
        else
        {
          const double rounding = std::is_same_v<Real, float> ? 2e-5 : 1e-11;
          EXPECT_NEAR(out[to], expected, rounding * std::max(1.0, std::abs(expected))) << to << " blur " << blur;
        }
      }
    }
  }
}

TEST(SinkhornFeatureTransport, RefusesWhatIsNone)
{
  const auto space = std::make_shared<const GridSoftminOperator<float>>(std::vector<itk::SizeValueType>{ 4 },
                                                                        std::vector<double>{ 1.0 });
  using Operator = FeatureSoftminOperator<float>;
  EXPECT_THROW(Operator(space, {}), itk::ExceptionObject);
  EXPECT_THROW(Operator(space, { 0.0, 1.0, 1.0 }), itk::ExceptionObject);
  EXPECT_THROW(Operator(space, { 0.0, 1.0, 2.0, 0.0 }), itk::ExceptionObject);
  EXPECT_THROW(Operator(space, { 0.0, -1.0, -1.0, 0.0 }), itk::ExceptionObject);
  EXPECT_THROW(Operator(space, { 1.0 }), itk::ExceptionObject);
  using Transport = FeatureTransport<float>;
  const SolverParameters parameters;
  EXPECT_THROW(Transport({ 2 }, { 1.0 }, { 0.0 }, { 1.0F, 0.0F, 1.0F }, { 1.0F, 1.0F }, parameters),
               itk::ExceptionObject);
  EXPECT_THROW(Transport({ 2 }, { 1.0 }, { 0.0 }, { 0.0F, 0.0F }, { 1.0F, 1.0F }, parameters), itk::ExceptionObject);
  EXPECT_THROW(Transport({ 2 }, { 1.0 }, { 0.0 }, { 1.0F, -1.0F }, { 1.0F, 1.0F }, parameters), itk::ExceptionObject);
  Transport unsolved({ 2 }, { 1.0 }, { 0.0 }, { 1.0F, 1.0F }, { 1.0F, 1.0F }, parameters);
  EXPECT_THROW(unsolved.GetValues(), itk::ExceptionObject);
  EXPECT_THROW(unsolved.ComputeSprings(Side::Alpha), itk::ExceptionObject);
}

/** A bin is shared by its neighbours so that the mean of the centres is the intensity. */
TEST(SinkhornFeatureTransport, BinsOfIntensity)
{
  const auto image = MakeImage(5, [](double x, double y) { return 10.0 * x + y; });
  const auto parts = SplatIntensities<2>(image, 5.0, 35.0, 4);
  for (itk::SizeValueType i = 0; i < 25; ++i)
  {
    double sum = 0.0;
    double mean = 0.0;
    for (unsigned int k = 0; k < 4; ++k)
    {
      sum += parts[k * 25 + i];
      mean += parts[k * 25 + i] * (5.0 + 10.0 * k);
    }
    EXPECT_NEAR(sum, 1.0, 1e-6);
    EXPECT_NEAR(mean, std::clamp(10.0 * static_cast<double>(i % 5) + static_cast<double>(i / 5), 5.0, 35.0), 1e-4);
  }
  EXPECT_EQ(MakeIntensityCosts(4, 6.0)[1 * 4 + 3], 8.0);
  EXPECT_THROW(SplatIntensities<2>(image, 1.0, 1.0, 4), itk::ExceptionObject);
  EXPECT_THROW(SplatIntensities<2>(image, 0.0, 1.0, 1), itk::ExceptionObject);
}

/** Orientations do not know a sign, nor how steep an edge is. */
TEST(SinkhornFeatureTransport, BinsOfOrientation)
{
  for (const double factor : { 1.0, -50.0 })
  {
    const auto image =
      MakeImage(33, [factor](double x, double y) { return factor * std::sin(0.4 * (x + y)); }); // along 45 degrees
    const auto parts = SplatOrientations<2>(image, 2.0, 8);
    EXPECT_NEAR(parts[2 * 33 * 33 + 16 * 33 + 16], 1.0, 0.05) << factor;
  }
  const auto flat = MakeImage(9, [](double, double) { return 3.0; });
  EXPECT_NEAR(SplatOrientations<2>(flat, 2.0, 4)[40], 0.25, 1e-6);
  const auto costs = MakeOrientationCosts<2>(8, 3.0);
  EXPECT_NEAR(costs[0 * 8 + 4], 9.0, 1e-12); // perpendicular
  EXPECT_NEAR(costs[0 * 8 + 2], 4.5, 1e-12);
  EXPECT_NEAR(costs[1 * 8 + 7], 4.5, 1e-12); // 45 degrees around the end
  EXPECT_THROW(FindOrientationAxes<2>(1), itk::ExceptionObject);
  EXPECT_THROW(FindOrientationAxes<3>(8), itk::ExceptionObject);
  // In space no direction is farther than 23 degrees from an axis, and no two axes are nearer than 37 to each other.
  const auto                       axes = FindOrientationAxes<3>(16);
  std::mt19937                     random(1);
  std::normal_distribution<double> normal;
  for (unsigned int n = 0; n < 2000; ++n)
  {
    itk::Vector<double, 3> direction;
    for (unsigned int d = 0; d < 3; ++d)
    {
      direction[d] = normal(random);
    }
    direction.Normalize();
    double nearest = 0.0;
    for (const auto & axis : axes)
    {
      nearest = std::max(nearest, std::abs(axis * direction));
    }
    EXPECT_GT(nearest, std::cos(23.0 * itk::Math::pi / 180.0));
  }
  for (std::size_t k = 0; k < axes.size(); ++k)
  {
    for (std::size_t l = 0; l < k; ++l)
    {
      EXPECT_LT(std::abs(axes[k] * axes[l]), std::cos(37.0 * itk::Math::pi / 180.0)) << k << ' ' << l;
    }
  }
}

/** Two bars that cross, and the same two one above the other: by place alone both arms that lie higher go to the upper
 * bar; with their orientation bars stay whole. */
TEST(SinkhornFeatureTransport, CrossingBarsGoToTheirLike)
{
  constexpr unsigned int size = 64;
  const auto             rising = [](double x, double y) { return Bar(x, y, 32.0, 32.0, 0.5); };
  const auto             falling = [](double x, double y) { return Bar(x, y, 32.0, 32.0, -0.5); };
  const auto crossing = MakeImage(size, [&](double x, double y) { return std::max(rising(x, y), falling(x, y)); });
  const auto upper = MakeImage(size, [](double x, double y) { return Bar(x, y, 32.0, 46.0, 0.5); });
  const auto apart = MakeImage(
    size, [](double x, double y) { return std::max(Bar(x, y, 32.0, 46.0, 0.5), Bar(x, y, 32.0, 18.0, -0.5)); });
  SolverParameters parameters;
  parameters.Blur = 2.0;
  parameters.Tolerance = 1e-3;
  const auto partThatGoesUp = [&](double weight, bool isRising) {
    const auto              alpha = LiftMass<2>(crossing, SplatOrientations<2>(crossing, 1.5, 8));
    const auto              beta = LiftMass<2>(apart, SplatOrientations<2>(apart, 1.5, 8));
    FeatureTransport<float> transport(
      { size, size }, { 1.0, 1.0 }, MakeOrientationCosts<2>(8, weight), alpha, beta, parameters);
    EXPECT_TRUE(transport.Solve().Converged);
    const std::vector<float> isUpper(upper->GetBufferPointer(), upper->GetBufferPointer() + size * size);
    const auto               probability = transport.ComputeMean(Side::Alpha, isUpper);
    double                   sum = 0.0;
    double                   count = 0.0;
    for (unsigned int i = 0; i < size * size; ++i)
    {
      const double x = i % size;
      const double y = i / size;
      // away from where they cross, where both are one
      if ((isRising ? rising(x, y) : falling(x, y)) > 0.0 && std::abs(x - 32.0) > 6.0)
      {
        sum += probability[i];
        count += 1.0;
      }
    }
    return sum / count;
  };
  EXPECT_NEAR(partThatGoesUp(0.0, true), 0.5, 0.1);
  EXPECT_NEAR(partThatGoesUp(0.0, false), 0.5, 0.1);
  // Their ends, a tenth of the bars, have no clear orientation.
  EXPECT_GT(partThatGoesUp(30.0, true), 0.9);
  EXPECT_LT(partThatGoesUp(30.0, false), 0.1);
}

/** A bright and a dark square change places: by place alone nothing has to move; with intensity each goes all the way.
 * Equal images have no divergence and no springs. */
TEST(SinkhornFeatureTransport, IntensitiesThatChangePlaces)
{
  constexpr unsigned int size = 40;
  const auto             squares = [](double left, double right) {
    return MakeImage(size, [=](double x, double y) {
      const bool inRows = std::abs(y - 20.0) < 5.0;
      return inRows && std::abs(x - 10.0) < 5.0 ? left : (inRows && std::abs(x - 29.0) < 5.0 ? right : 0.0);
    });
  };
  const auto       fixed = squares(1.0, 3.0);
  const auto       moving = squares(3.0, 1.0);
  const auto       place = squares(1.0, 1.0);
  SolverParameters parameters;
  parameters.Blur = 1.5;
  const auto solve = [&](const ImageType * other, double weight) {
    FeatureTransport<double> transport(
      { size, size },
      { 1.0, 1.0 },
      MakeIntensityCosts(3, weight),
      [&] {
        const auto masses = LiftMass<2>(place, SplatIntensities<2>(fixed, 1.0, 3.0, 3));
        return std::vector<double>(masses.begin(), masses.end());
      }(),
      [&] {
        const auto masses = LiftMass<2>(place, SplatIntensities<2>(other, 1.0, 3.0, 3));
        return std::vector<double>(masses.begin(), masses.end());
      }(),
      parameters);
    EXPECT_TRUE(transport.Solve().Converged);
    return std::pair(transport.GetValues().Divergence, transport.ComputeSprings(Side::Alpha));
  };
  const auto [placeValue, placeSprings] = solve(moving, 0.0);
  const auto [featureValue, featureSprings] = solve(moving, 200.0);
  const auto [equalValue, equalSprings] = solve(fixed, 200.0);
  const unsigned int left = 20 * size + 10;
  EXPECT_NEAR(placeValue, 0.0, 1e-3);
  EXPECT_NEAR(placeSprings[left], 0.0, 1e-2);
  EXPECT_NEAR(featureValue, 0.5 * 19.0 * 19.0, 2.0);
  EXPECT_NEAR(featureSprings[left], 19.0, 0.2);
  EXPECT_NEAR(featureSprings[size * size + left], 0.0, 0.05); // along y
  EXPECT_NEAR(equalValue, 0.0, 1e-3);
  EXPECT_NEAR(equalSprings[left], 0.0, 1e-3);
  EXPECT_EQ(featureSprings[0], 0.0); // no mass
}

/** What has no partner of its kind within reach is not transported. */
TEST(SinkhornFeatureTransport, TransportedMass)
{
  SolverParameters parameters;
  parameters.Blur = 0.5;
  const std::vector<double> costs{ 0.0, 200.0, 200.0, 0.0 };
  const std::vector<float>  alpha{ 0.5F, 0.0F, 0.0F, 0.0F, 0.0F, 0.5F };
  const std::vector<float>  beta{ 0.0F, 1.0F, 0.0F, 0.0F, 0.0F, 0.0F };
  for (const double reach : { 0.0, 4.0 })
  {
    parameters.Reach = reach;
    FeatureTransport<float> transport({ 3 }, { 1.0 }, costs, alpha, beta, parameters);
    transport.Solve();
    const auto masses = transport.ComputeTransportedMass(Side::Alpha);
    ASSERT_EQ(masses.size(), 3U);
    EXPECT_EQ(masses[1], 0.0F);
    if (reach == 0.0)
    {
      EXPECT_NEAR(masses[0], 0.5, 1e-3);
      EXPECT_NEAR(masses[2], 0.5, 1e-3);
    }
    else
    {
      EXPECT_GT(masses[0], 0.6); // more than it has, to meet the other half
      EXPECT_LT(masses[2], 0.01);
    }
  }
}

/** Bit for bit the same for any number of threads. */
TEST(SinkhornFeatureTransport, ThreadsChangeNothing)
{
  const std::vector<itk::SizeValueType> size{ 130, 131 };
  const auto                            count = 4 * size[0] * size[1];
  const auto                            weights = MakeLogWeights<float>(count, 8);
  std::vector<std::vector<float>>       results;
  for (const unsigned int threads : { 1U, 2U, 4U })
  {
    const FeatureSoftminOperator<float> op(
      std::make_shared<const GridSoftminOperator<float>>(size, std::vector<double>{ 1.0, 1.0 }, threads), MakeCosts());
    results.emplace_back(count);
    op.Apply(Side::Alpha, Side::Alpha, 2.0, weights.data(), nullptr, results.back().data());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}
