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
// The room between images and solver: rasterising, checking, splatting, remembering.
#include "itkImage.h"
#include "itkSinkhornDensity.h"
#include "itkSinkhornDensityPushForward.h"
#include "itkSinkhornDensityTransport.h"
#include "itkSinkhornTestUtilities.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Testing;

namespace
{

using ImageType = itk::Image<float, 2>;
using GridType = itk::ImageBase<2>;
using PushForwardType = PushForwardGrid<double, 2>;
using PointType = GridType::PointType;

ImageType::Pointer
MakeImage(itk::SizeValueType nx, itk::SizeValueType ny, double spacing = 1.0)
{
  const auto           image = ImageType::New();
  ImageType::SizeType  size;
  ImageType::IndexType start;
  size[0] = nx;
  size[1] = ny;
  start[0] = -2;
  start[1] = 5;
  image->SetRegions(ImageType::RegionType(start, size));
  ImageType::SpacingType spacings;
  spacings[0] = spacing;
  spacings[1] = 1.5 * spacing;
  image->SetSpacing(spacings);
  ImageType::DirectionType direction;
  direction(0, 0) = 0.6;
  direction(1, 0) = 0.8;
  direction(0, 1) = -0.8;
  direction(1, 1) = 0.6;
  image->SetDirection(direction);
  image->Allocate(true);
  return image;
}

PointType
PointAt(const GridType & grid, double x, double y)
{
  itk::ContinuousIndex<double, 2> index;
  index[0] = x;
  index[1] = y;
  PointType point;
  grid.TransformContinuousIndexToPhysicalPoint(index, point);
  return point;
}

struct Particle
{
  PointType where;
  double    mass;
};

std::vector<double>
Splat(PushForwardType & grid, const std::vector<Particle> & particles)
{
  return grid.Splat(
    particles.size(),
    [&](itk::SizeValueType i, PointType & where, double & mass) {
      where = particles[i].where;
      mass = particles[i].mass;
      return true;
    },
    2);
}

/** Total mass and its centre. */
std::pair<double, PointType>
Moments(const PushForwardType & grid, const std::vector<double> & masses)
{
  const auto &           region = grid.GetGrid().GetBufferedRegion();
  double                 total = 0.0;
  itk::Vector<double, 2> sum(0.0);
  for (itk::SizeValueType i = 0; i < masses.size(); ++i)
  {
    PointType point;
    grid.GetGrid().TransformIndexToPhysicalPoint(PositionToIndex(region, i), point);
    total += masses[i];
    sum += point.GetVectorFromOrigin() * masses[i];
  }
  PointType centre;
  centre.Fill(0.0);
  return { total, centre + sum / total };
}

} // namespace

TEST(SinkhornDensity, PositionsAndIndicesAgree)
{
  const auto   image = MakeImage(5, 3);
  const auto & region = image->GetBufferedRegion();
  auto         index = region.GetIndex();
  for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    EXPECT_EQ(PositionToIndex(region, i), index);
    EXPECT_EQ(image->ComputeOffset(index), static_cast<itk::OffsetValueType>(i));
  }
}

TEST(SinkhornDensity, RasterisesMassNotIntensity)
{
  const auto   image = MakeImage(40, 30, 2.0);
  const auto   volume = 2.0 * 3.0;
  const double lower = PointAt(*image, 20, 20)[0];
  const auto   density = RasterizeDensity<float>(
    static_cast<const GridType &>(*image),
    [lower](const PointType & point, double & value) {
      value = (point[1] < 60.0) ? 0.5 : -1.0;
      return point[0] < lower;
    },
    "test image",
    3);
  ASSERT_EQ(density.Mass.size(), 1200u);
  itk::SizeValueType inside = 0;
  itk::SizeValueType negative = 0;
  for (itk::SizeValueType i = 0; i < density.Mass.size(); ++i)
  {
    PointType point;
    image->TransformIndexToPhysicalPoint(PositionToIndex(image->GetBufferedRegion(), i), point);
    const bool isInside = point[0] < lower;
    const bool isNegative = isInside && point[1] >= 60.0;
    inside += isInside;
    negative += isNegative;
    EXPECT_FLOAT_EQ(density.Mass[i], isInside && !isNegative ? 0.5 * volume : 0.0);
  }
  EXPECT_GT(negative, 0u);
  EXPECT_EQ(density.NumberOfSamples, inside);
  EXPECT_EQ(density.NumberOfNegativeSamples, negative);
  EXPECT_NEAR(density.Total, 0.5 * volume * (inside - negative), 1e-3);

  try
  {
    RasterizeDensity<float>(
      static_cast<const GridType &>(*image),
      [](const PointType &, double & value) {
        value = std::numeric_limits<double>::quiet_NaN();
        return true;
      },
      "spoiled image",
      1);
    ADD_FAILURE() << "no exception";
  }
  catch (const itk::ExceptionObject & error)
  {
    const std::string message = error.GetDescription();
    EXPECT_NE(message.find("spoiled image"), std::string::npos) << message;
    EXPECT_NE(message.find("[-2, 5]"), std::string::npos) << message;
  }
}

TEST(SinkhornDensity, FindsTheFirstDefects)
{
  const auto image = MakeImage(300, 200);
  image->FillBuffer(1.0f);
  EXPECT_EQ(FindDensityDefects(*image, nullptr, 2).NumberOfNegative, 0u);
  auto * buffer = image->GetBufferPointer();
  buffer[59999] = -3.0f;
  buffer[40000] = -2.0f;
  buffer[123] = -0.004f; // a lobe of smoothing
  buffer[50000] = std::numeric_limits<float>::infinity();
  buffer[20000] = std::numeric_limits<float>::quiet_NaN();
  const auto defect = FindDensityDefects(*image, nullptr, 2);
  EXPECT_EQ(defect.NumberOfNegative, 2u);
  EXPECT_EQ(defect.FirstNegative, 40000u);
  EXPECT_EQ(defect.FirstNegativeValue, -2.0);
  EXPECT_EQ(defect.NumberOfNonFinite, 2u);
  EXPECT_EQ(defect.FirstNonFinite, 20000u);
}

TEST(SinkhornDensity, LogWeightsAndIntegral)
{
  std::vector<double> masses{ 2.0, 0.0, 6.0 };
  ConvertToLogWeights(masses, 0.125, 1);
  EXPECT_DOUBLE_EQ(masses[0], std::log(0.25));
  EXPECT_EQ(masses[1], -std::numeric_limits<double>::infinity());
  // what stands on an empty voxel does not count
  EXPECT_DOUBLE_EQ(Integrate(masses, { 1.0, std::numeric_limits<double>::infinity(), 2.0 }, 1), 0.25 + 1.5);
}

TEST(SinkhornDensity, FindsASingleVoxelWithMass)
{
  const auto image = MakeImage(50, 50);
  const auto target = PointAt(*image, 33, 44);
  EXPECT_TRUE(FindMass(static_cast<const GridType &>(*image), [&](const PointType & point, double & value) {
    value = point.EuclideanDistanceTo(target) < 0.1 ? 1.0 : 0.0;
    return true;
  }));
  EXPECT_FALSE(FindMass(static_cast<const GridType &>(*image), [&](const PointType &, double & value) {
    value = 1.0;
    return false;
  }));
}

TEST(SinkhornPushForward, ConservesMassAndItsCentre)
{
  const auto                             image = MakeImage(12, 9);
  std::mt19937                           generator(1);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  std::vector<Particle>                  particles;
  double                                 mass = 0.0;
  itk::Vector<double, 2>                 sum(0.0);
  for (int i = 0; i < 200; ++i)
  {
    // some outside the image: the grid grows
    const auto where = PointAt(*image, -6.0 + 18.0 * uniform(generator), 3.0 + 20.0 * uniform(generator));
    particles.push_back({ where, uniform(generator) });
    mass += particles.back().mass;
    sum += where.GetVectorFromOrigin() * particles.back().mass;
  }
  PushForwardType grid(*image, *image);
  const auto      before = grid.GetGrid().GetBufferedRegion();
  EXPECT_EQ(before, image->GetBufferedRegion());
  const auto masses = Splat(grid, particles);
  EXPECT_TRUE(grid.GetGrid().GetBufferedRegion().IsInside(before));
  EXPECT_GT(grid.GetGrid().GetBufferedRegion().GetNumberOfPixels(), before.GetNumberOfPixels());
  const auto moments = Moments(grid, masses);
  EXPECT_NEAR(moments.first, mass, 1e-10);
  for (unsigned int d = 0; d < 2; ++d)
  {
    EXPECT_NEAR(moments.second[d], sum[d] / mass, 1e-10);
  }

  // the padding can be kept, so that potentials fit the next time
  PushForwardType next(*image, *image);
  next.KeepPaddingOf(grid.GetGrid());
  const bool isSmallEnough = grid.GetGrid().GetBufferedRegion().GetNumberOfPixels() <= 2 * before.GetNumberOfPixels();
  EXPECT_EQ(next.GetGrid().GetBufferedRegion(), isSmallEnough ? grid.GetGrid().GetBufferedRegion() : before);
}

TEST(SinkhornPushForward, LeavesMassOnNodesWhereItIs)
{
  const auto           image = MakeImage(7, 6);
  PushForwardType      grid(*image, *image);
  const auto           masses = Splat(grid, { { PointAt(*image, 1, 8), 2.5 } });
  ImageType::IndexType index;
  index[0] = 1;
  index[1] = 8;
  for (itk::SizeValueType i = 0; i < masses.size(); ++i)
  {
    EXPECT_EQ(masses[i], PositionToIndex(image->GetBufferedRegion(), i) == index ? 2.5 : 0.0);
  }
}

TEST(SinkhornPushForward, GradientIsThatOfTheInterpolant)
{
  const auto          image = MakeImage(12, 9);
  PushForwardType     grid(*image, *image);
  std::vector<double> values(image->GetBufferedRegion().GetNumberOfPixels());
  for (size_t i = 0; i < values.size(); ++i)
  {
    values[i] = std::sin(0.7 * i) + 0.01 * i * i;
  }
  // <splat of a unit mass, values> is the interpolant
  const auto interpolate = [&](const PointType & point) {
    const auto masses = Splat(grid, { { point, 1.0 } });
    return std::inner_product(masses.begin(), masses.end(), values.begin(), 0.0);
  };
  constexpr double step = 1e-5;
  for (const auto & where : { PointAt(*image, 2.3, 7.6), PointAt(*image, 4.0, 9.0), PointAt(*image, 5.0, 6.75) })
  {
    const auto gradient = grid.ComputeGradient(values.data(), where);
    for (unsigned int d = 0; d < 2; ++d)
    {
      auto before = where;
      auto after = where;
      before[d] -= step;
      after[d] += step;
      // on a node the one-sided slopes of a rotated step do not average: compare along the axes of the grid there
      if (std::abs(where[d] - PointAt(*image, 2.3, 7.6)[d]) < 1e-9)
      {
        EXPECT_NEAR(gradient[d], (interpolate(after) - interpolate(before)) / (2 * step), 1e-6);
      }
    }
    for (unsigned int axis = 0; axis < 2; ++axis)
    {
      itk::Vector<double, 2> along;
      along[0] = image->GetDirection()(0, axis);
      along[1] = image->GetDirection()(1, axis);
      const double slope = (interpolate(where + along * step) - interpolate(where - along * step)) / (2 * step);
      EXPECT_NEAR(gradient[0] * along[0] + gradient[1] * along[1], slope, 1e-6);
    }
  }
}

TEST(SinkhornPushForward, FollowsTheResolutionOfTheVirtualDomain)
{
  const auto      image = MakeImage(24, 24);
  const auto      coarse = MakeImage(8, 8, 3.0);
  PushForwardType grid(*image, *coarse);
  EXPECT_DOUBLE_EQ(grid.GetGrid().GetSpacing()[0], 3.0);
  EXPECT_DOUBLE_EQ(grid.GetGrid().GetSpacing()[1], 3.0); // 1.5 mm twice
  std::vector<Particle> voxels;
  for (itk::SizeValueType i = 0; i < 24 * 24; ++i)
  {
    PointType point;
    image->TransformIndexToPhysicalPoint(PositionToIndex(image->GetBufferedRegion(), i), point);
    voxels.push_back({ point, 1.0 });
  }
  const auto region = grid.GetGrid().GetBufferedRegion();
  EXPECT_NEAR(Moments(grid, Splat(grid, voxels)).first, 576.0, 1e-9);
  EXPECT_EQ(grid.GetGrid().GetBufferedRegion(), region) << "the moving image must fit from the start";
}

TEST(SinkhornPushForward, RefusesToGrowWithoutBounds)
{
  const auto      image = MakeImage(12, 9);
  PushForwardType grid(*image, *image);
  EXPECT_THROW(Splat(grid, { { PointAt(*image, 1e6, 1e6), 1.0 } }), itk::ExceptionObject);
  PointType nowhere;
  nowhere.Fill(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THROW(Splat(grid, { { nowhere, 1.0 } }), itk::ExceptionObject);
  EXPECT_EQ(grid.GetGrid().GetBufferedRegion(), image->GetBufferedRegion());
}

TEST(SinkhornDensityTransport, RemembersByContent)
{
  const std::vector<itk::SizeValueType> size{ 16, 12 };
  const std::vector<double>             spacing{ 1.0, 1.2 };
  const auto                            alpha = ToLog<double>(MakeBlobs(size, spacing, 1));
  const auto                            beta = ToLog<double>(MakeBlobs(size, spacing, 2));
  SolverParameters                      parameters;
  parameters.Blur = 2.0;
  parameters.Tolerance = 1e-9;
  parameters.MaximumNumberOfIterations = 5000;

  DensityTransport<double> transport;
  EXPECT_TRUE(transport.IsEmpty());
  transport.Update(size, spacing, alpha, beta, parameters, 1);
  const auto values = transport.GetValues();
  const auto potentials = transport.GetPotentials();
  EXPECT_TRUE(transport.GetReport().Converged);
  EXPECT_EQ(transport.GetNumberOfSolves(), 1u);

  transport.Update(size, spacing, alpha, beta, parameters, 1);
  EXPECT_EQ(transport.GetNumberOfSolves(), 1u);
  transport.Update(size, spacing, beta, alpha, parameters, 1);
  EXPECT_EQ(transport.GetNumberOfSolves(), 1u);
  EXPECT_EQ(transport.GetPotentials().F, potentials.G);
  EXPECT_EQ(transport.GetPotentials().G, potentials.F);
  EXPECT_EQ(transport.GetPotentials().FAlphaAlpha, potentials.GBetaBeta);
  EXPECT_EQ(transport.GetValues().Divergence, values.Divergence);
  EXPECT_EQ(transport.GetLogWeights(Side::Alpha), beta);

  // other densities, resembling the first or not; another spacing; another parameter
  auto nearby = ToLog<double>(MakeBlobs(size, spacing, 1, 0.001));
  transport.Update(size, spacing, nearby, beta, parameters, 1);
  EXPECT_EQ(transport.GetNumberOfSolves(), 2u);
  EXPECT_TRUE(transport.GetReport().Converged);
  DensityTransport<double> fresh;
  fresh.SetUseWarmStart(false);
  fresh.Update(size, spacing, nearby, beta, parameters, 1);
  EXPECT_NEAR(transport.GetValues().Divergence, fresh.GetValues().Divergence, 1e-7 * fresh.GetValues().Divergence);
  transport.Update(size, { 1.0, 1.3 }, nearby, beta, parameters, 1);
  EXPECT_EQ(transport.GetNumberOfSolves(), 3u);
  EXPECT_FALSE(transport.GetReport().WarmStarted);
  parameters.Blur = 2.1;
  transport.Update(size, { 1.0, 1.3 }, nearby, beta, parameters, 1);
  EXPECT_EQ(transport.GetNumberOfSolves(), 4u);

  // an error leaves nothing behind, and does no harm
  auto spoiled = nearby;
  spoiled[5] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(transport.Update(size, spacing, spoiled, beta, parameters, 1), itk::ExceptionObject);
  EXPECT_TRUE(transport.IsEmpty());
  transport.Update(size, spacing, nearby, beta, parameters, 1);
  EXPECT_TRUE(transport.GetReport().Converged);
}

TEST(SinkhornDensityTransport, WarmStartNeverCostsConvergence)
{
  // with so few iterations for a warm start as a cold one needs, the cold one has to step in where it fails
  const std::vector<itk::SizeValueType> size{ 32, 32 };
  const std::vector<double>             spacing{ 1.0, 1.0 };
  const auto                            beta = ToLog<double>(MakeBlobs(size, spacing, 2));
  SolverParameters                      parameters;
  parameters.Blur = 1.5;
  DensityTransport<double> transport;
  for (int i = 0; i < 8; ++i)
  {
    const auto alpha = ToLog<double>(MakeBlobs(size, spacing, 1, 0.002 * i));
    transport.Update(size, spacing, alpha, beta, parameters, 1);
    EXPECT_TRUE(transport.GetReport().Converged) << i;
  }
  EXPECT_EQ(transport.GetNumberOfSolves(), 8u);
}
