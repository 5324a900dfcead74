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
// Bins of intensity of the transport filter: against a dense oracle, and what they decide.
#include "itkSinkhornTransportImageFilter.h"
#include "itkSinkhornTransportTestUtilities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace
{

using ImageType = itk::Image<double, 2>;
using FilterType = itk::SinkhornTransportImageFilter<ImageType>;
using itk::Sinkhorn::Testing::MakeDensity;
using itk::Sinkhorn::Testing::MakeFilter;

/** A particle of the oracle: a voxel with a bin. */
struct Particle
{
  std::size_t Voxel;
  double      Place[2];
  double      Bin;
  double      Mass;
};
using Particles = std::vector<Particle>;

/** The masses of an image, shared between bins from its darkest to its brightest voxel; no voxel weighs so little that
 * the hundredth at either end matters. */
Particles
Lift(const ImageType * image, unsigned int bins)
{
  double                   total = 0.0;
  double                   low = 1e9;
  double                   high = 0.0;
  const auto               region = image->GetBufferedRegion();
  const itk::SizeValueType count = region.GetNumberOfPixels();
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    const double value = image->GetBufferPointer()[i];
    total += value;
    low = value > 0.0 ? std::min(low, value) : low;
    high = std::max(high, value);
  }
  Particles particles;
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    const double value = image->GetBufferPointer()[i];
    const double place = (value - low) / (high - low) * (bins - 1);
    for (unsigned int k = 0; k < bins && value > 0.0; ++k)
    {
      const double part = std::max(0.0, 1.0 - std::abs(place - k));
      if (part > 0.0)
      {
        const auto x = static_cast<double>(i % region.GetSize(0)) * image->GetSpacing()[0];
        const auto y = static_cast<double>(i / region.GetSize(0)) * image->GetSpacing()[1];
        particles.push_back({ i, { x, y }, static_cast<double>(k), part * value / total });
      }
    }
  }
  return particles;
}

/** Balanced potentials by plain iterations in double precision. */
struct Oracle
{
  Oracle(const Particles & a, const Particles & b, double blur, double weight, unsigned int bins)
    : A(a)
    , B(b)
    , Epsilon(blur * blur)
    , Scale(weight / (bins - 1))
    , F(a.size(), 0.0)
    , G(b.size(), 0.0)
  {
    for (int iteration = 0; iteration < 4000; ++iteration)
    {
      Update(A, B, G, F);
      Update(B, A, F, G);
    }
  }

  double
  Cost(const Particle & p, const Particle & q) const
  {
    const double x = p.Place[0] - q.Place[0];
    const double y = p.Place[1] - q.Place[1];
    const double z = Scale * (p.Bin - q.Bin);
    return 0.5 * (x * x + y * y + z * z);
  }

  void
  Update(const Particles & to, const Particles & from, const std::vector<double> & g, std::vector<double> & f) const
  {
    for (std::size_t i = 0; i < to.size(); ++i)
    {
      double sum = 0.0;
      for (std::size_t j = 0; j < from.size(); ++j)
      {
        sum += from[j].Mass * std::exp((g[j] - Cost(to[i], from[j])) / Epsilon);
      }
      f[i] = -Epsilon * std::log(sum);
    }
  }

  double
  Value() const
  {
    double value = 0.0;
    for (std::size_t i = 0; i < A.size(); ++i)
    {
      value += A[i].Mass * F[i];
    }
    for (std::size_t j = 0; j < B.size(); ++j)
    {
      value += B[j].Mass * G[j];
    }
    return value;
  }

  /** Where the mass of every voxel goes, times its mass. */
  std::vector<double>
  Targets(std::size_t voxels, int axis) const
  {
    std::vector<double> targets(voxels, 0.0);
    for (std::size_t i = 0; i < A.size(); ++i)
    {
      for (std::size_t j = 0; j < B.size(); ++j)
      {
        const double mass = A[i].Mass * B[j].Mass * std::exp((F[i] + G[j] - Cost(A[i], B[j])) / Epsilon);
        targets[A[i].Voxel] += mass * (axis < 0 ? 1.0 : B[j].Place[axis]);
      }
    }
    return targets;
  }

  Particles           A, B;
  double              Epsilon;
  double              Scale;
  std::vector<double> F, G;
};

ImageType::Pointer
MakeRough(double phase)
{
  return MakeDensity<ImageType>({ 6, 5 }, { 1.0, 1.5 }, [phase](const ImageType::PointType & point) {
    const double value = 2.0 + std::sin(1.3 * point[0] + phase) + std::cos(0.9 * point[1] * phase);
    return value > 1.1 ? value : 0.0;
  });
}

TEST(SinkhornTransportImageFilterFeatures, AgreesWithADenseOracle)
{
  constexpr unsigned int bins = 3;
  constexpr double       blur = 1.5;
  constexpr double       weight = 4.0;
  const auto             fixed = MakeRough(0.4);
  const auto             moving = MakeRough(2.1);
  const auto             filter = MakeFilter<FilterType>(fixed.GetPointer(), moving.GetPointer(), blur, 1e-10);
  filter->SetNumberOfIntensityBins(bins);
  filter->SetIntensityWeight(weight);
  filter->Update();

  const Particles     a = Lift(fixed, bins);
  const Particles     b = Lift(moving, bins);
  const Oracle        cross(a, b, blur, weight, bins);
  const Oracle        selfA(a, a, blur, weight, bins);
  const Oracle        selfB(b, b, blur, weight, bins);
  const std::size_t   voxels = 30;
  std::vector<double> masses = cross.Targets(voxels, -1);
  EXPECT_NEAR(filter->GetTransportValue(), cross.Value(), 1e-7);
  EXPECT_NEAR(filter->GetDivergence(), cross.Value() - 0.5 * (selfA.Value() + selfB.Value()), 1e-7);
  double integral = 0.0;
  for (std::size_t i = 0; i < voxels; ++i)
  {
    EXPECT_NEAR(filter->GetTransportedMass()->GetBufferPointer()[i], masses[i], 1e-8);
    integral += masses[i] * filter->GetFixedPotential()->GetBufferPointer()[i];
  }
  for (const Particle & particle : b)
  {
    integral += particle.Mass * filter->GetMovingPotential()->GetBufferPointer()[particle.Voxel];
  }
  EXPECT_NEAR(integral, cross.Value(), 1e-7);
  for (int axis = 0; axis < 2; ++axis)
  {
    const auto to = cross.Targets(voxels, axis);
    const auto from = selfA.Targets(voxels, axis);
    for (std::size_t i = 0; i < voxels; ++i)
    {
      const double expected = masses[i] > 0.0 ? (to[i] - from[i]) / masses[i] : 0.0;
      EXPECT_NEAR(filter->GetSprings()->GetBufferPointer()[i][axis], expected, 1e-6) << axis << ' ' << i;
    }
  }
}

/** A bright box and a dim one of the same mass, which change places. */
ImageType::Pointer
MakeBoxes(bool isBrightLeft)
{
  return MakeDensity<ImageType>({ 56, 24 }, { 1.0, 1.0 }, [isBrightLeft](const ImageType::PointType & point) {
    const double y = std::abs(point[1] - 12.0);
    const double bright = std::abs(point[0] - (isBrightLeft ? 12.0 : 42.0));
    const double dim = std::abs(point[0] - (isBrightLeft ? 42.0 : 12.0));
    return bright < 2.5 && y < 2.5 ? 121.0 / 25.0 : (dim < 5.5 && y < 5.5 ? 1.0 : 0.0);
  });
}

TEST(SinkhornTransportImageFilterFeatures, BrightMassFollowsBrightMass)
{
  using LabelType = FilterType::LabelImageType;
  const auto fixed = MakeBoxes(true);
  const auto moving = MakeBoxes(false);
  const auto labels = MakeDensity<LabelType>(
    { 56, 24 }, { 1.0, 1.0 }, [](const LabelType::PointType & point) { return point[0] < 27.0 ? 1.0 : 2.0; });
  const ImageType::IndexType inBright{ { 12, 12 } };
  const ImageType::IndexType inDim{ { 42, 12 } };
  const ImageType::IndexType empty{ { 27, 12 } };
  for (const unsigned int bins : { 0u, 8u })
  {
    const auto filter = MakeFilter<FilterType>(fixed.GetPointer(), moving.GetPointer(), 2.0);
    filter->SetNumberOfIntensityBins(bins);
    filter->SetIntensityWeight(200.0);
    filter->Update();
    EXPECT_TRUE(filter->GetConverged());
    const double way = bins > 0 ? 30.0 : 0.0;
    EXPECT_NEAR(filter->GetSprings()->GetPixel(inBright)[0], way, 0.2);
    EXPECT_NEAR(filter->GetSprings()->GetPixel(inDim)[0], -way, 0.2);
    EXPECT_NEAR(filter->GetDivergence(), 0.5 * way * way, bins > 0 ? 0.1 : 10.0);
    const auto carried = filter->TransportToFixed(moving);
    EXPECT_NEAR(carried->GetPixel(inBright), bins > 0 ? 121.0 / 25.0 : 1.0, 1e-3);
    EXPECT_EQ(filter->TransportLabelsToFixed(labels)->GetPixel(inBright), bins > 0 ? 2 : 1);
    EXPECT_EQ(filter->TransportLabelsToMoving(labels)->GetPixel(inDim), bins > 0 ? 1 : 2);
    EXPECT_EQ(filter->TransportLabelsToFixed(labels)->GetPixel(empty), 0);
    EXPECT_NEAR(filter->TransportLabelProbabilityToFixed(labels, 2)->GetPixel(inBright), bins > 0 ? 1.0 : 0.0, 1e-3);
    EXPECT_EQ(filter->TransportLabelProbabilityToFixed(labels, 2)->GetPixel(empty), 0.0);
    if (bins > 0)
    {
      EXPECT_EQ(filter->GetSprings()->GetPixel(empty)[0], 0.0);
      EXPECT_THROW(filter->Interpolate(0.5), itk::ExceptionObject);
    }
  }
}

TEST(SinkhornTransportImageFilterFeatures, ScaleOfOneImageAndThreadsChangeNothing)
{
  const auto fixed = MakeRough(0.4);
  const auto moving = MakeRough(2.1);
  const auto run = [&](const ImageType * other, unsigned int threads) {
    const auto filter = MakeFilter<FilterType>(fixed.GetPointer(), other, 1.5);
    filter->SetNumberOfIntensityBins(4);
    filter->SetNumberOfWorkUnits(threads);
    filter->Update();
    return filter;
  };
  const auto one = run(moving, 1);
  const auto many = run(moving, 7);
  auto       scaled = MakeRough(2.1);
  for (itk::SizeValueType i = 0; i < 30; ++i)
  {
    scaled->GetBufferPointer()[i] *= 8.0; // exact
    EXPECT_EQ(one->GetSprings()->GetBufferPointer()[i], many->GetSprings()->GetBufferPointer()[i]);
  }
  EXPECT_EQ(one->GetDivergence(), many->GetDivergence());
  EXPECT_NEAR(one->GetDivergence(), run(scaled, 1)->GetDivergence(), 1e-9);
}

TEST(SinkhornTransportImageFilterFeatures, BadSettingsAreNamed)
{
  const auto image = MakeRough(0.4);
  const auto filter = MakeFilter<FilterType>(image.GetPointer(), image.GetPointer(), 1.5);
  filter->SetNumberOfIntensityBins(1);
  const auto update = [&] { filter->Update(); };
  EXPECT_NE(itk::Sinkhorn::Testing::GetMessage(update).find("NumberOfIntensityBins is 1"), std::string::npos);
  filter->SetNumberOfIntensityBins(2);
  filter->SetIntensityWeight(-1.0);
  EXPECT_NE(itk::Sinkhorn::Testing::GetMessage(update).find("IntensityWeight is -1"), std::string::npos);
}

} // namespace
