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
// Bins of intensity in the metric: value against a dense reference, derivative against differences, and what they
// decide.
#include "itkSinkhornMetricTestUtilities.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkAffineTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

#include <string>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

namespace
{

template <unsigned int VDimension>
using ImageOf = itk::Image<double, VDimension>;
template <unsigned int VDimension>
using MetricOf = itk::SinkhornImageToImageMetricv4<ImageOf<VDimension>, ImageOf<VDimension>>;

/** Two images on grids of their own, oblique if asked for, that differ by a shift. */
template <unsigned int VDimension>
typename MetricOf<VDimension>::Pointer
MakeFeatureMetric(MassModel model, bool oblique, double reach)
{
  constexpr itk::SizeValueType n = VDimension == 2 ? 20 : 10;
  const auto                   fixedGeometry = oblique ? MakeObliqueGeometry<VDimension>(n) : MakeCube<VDimension>(n);
  auto                         movingGeometry = MakeCube<VDimension>(n);
  if (oblique)
  {
    movingGeometry.spacing.Fill(1.1);
    movingGeometry.size.Fill(n + 3);
    movingGeometry.start.Fill(-2);
    movingGeometry.origin += GetCentre(fixedGeometry) - GetCentre(movingGeometry);
  }
  const auto metric =
    MakeExactMetric<ImageOf<VDimension>>(MakeBumps<ImageOf<VDimension>>(fixedGeometry, 0.0, n),
                                         MakeBumps<ImageOf<VDimension>>(movingGeometry, 0.06 * n, 0.94 * n),
                                         1.5);
  metric->SetMassModel(model);
  metric->SetReach(reach);
  metric->SetNumberOfIntensityBins(4);
  return metric;
}

/** A way along the axes. */
template <unsigned int VDimension>
itk::Vector<double, VDimension>
MakeWay()
{
  itk::Vector<double, VDimension> way(-0.21);
  way[0] = 0.37;
  return way;
}

template <unsigned int VDimension>
typename itk::TranslationTransform<double, VDimension>::Pointer
MakeTranslation()
{
  const auto transform = itk::TranslationTransform<double, VDimension>::New();
  transform->Translate(MakeWay<VDimension>());
  return transform;
}

template <unsigned int VDimension>
typename itk::AffineTransform<double, VDimension>::Pointer
MakeAffine()
{
  const auto transform = itk::AffineTransform<double, VDimension>::New();
  transform->Shear(0, 1, 0.04);
  transform->Scale(0.97);
  transform->Translate(MakeWay<VDimension>());
  return transform;
}

template <unsigned int VDimension>
typename itk::DisplacementFieldTransform<double, VDimension>::Pointer
MakeField(const ImageOf<VDimension> * like)
{
  using TransformType = itk::DisplacementFieldTransform<double, VDimension>;
  using FieldType = typename TransformType::DisplacementFieldType;
  const auto field = FieldType::New();
  field->CopyInformation(like);
  field->SetRegions(like->GetBufferedRegion());
  field->Allocate();
  for (itk::ImageRegionIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    itk::Vector<double, VDimension> way;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      way[d] = 0.35 * std::sin(0.3 * static_cast<double>(it.GetIndex()[d]) + d) + 0.13;
    }
    it.Set(way);
  }
  const auto transform = TransformType::New();
  transform->SetDisplacementField(field);
  return transform;
}

template <unsigned int VDimension>
void
CheckDerivatives(MassModel model, bool oblique, double reach)
{
  SCOPED_TRACE(std::to_string(VDimension) + "-D, model " + std::to_string(static_cast<int>(model)) +
               (oblique ? ", oblique" : "") + ", reach " + std::to_string(reach));
  const auto metric = MakeFeatureMetric<VDimension>(model, oblique, reach);
  metric->SetMovingTransform(MakeTranslation<VDimension>());
  EXPECT_LT(CompareWithFiniteDifferences(*metric, { 1e-6 }), 1e-3);
  metric->SetMovingTransform(MakeAffine<VDimension>());
  EXPECT_LT(CompareWithFiniteDifferences(*metric, { 1e-6 }), 1e-3);
  metric->SetMovingTransform(MakeField<VDimension>(metric->GetFixedImage()));
  EXPECT_LT(CompareWithFiniteDifferences(*metric, { 1e-6 }), 1e-3);
}

/** A point of an image with a bin of its intensity. */
struct Atom
{
  itk::Point<double, 2> Place;
  double                Bin;
  double                Mass;
};

/** All atoms of an image whose intensities are shared by \a bins between \a low and \a high; masses add up to 1. */
std::vector<Atom>
MakeAtoms(const ImageOf<2> * image, double low, double high, int bins)
{
  std::vector<Atom> atoms;
  double            total = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<ImageOf<2>> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    const double place = std::clamp((it.Get() - low) / (high - low), 0.0, 1.0) * (bins - 1);
    for (int k = 0; k < bins; ++k)
    {
      const double part = std::max(0.0, 1.0 - std::abs(place - k));
      if (part * it.Get() > 0.0)
      {
        Atom atom{ {}, static_cast<double>(k), part * it.Get() };
        image->TransformIndexToPhysicalPoint(it.GetIndex(), atom.Place);
        atoms.push_back(atom);
        total += atom.Mass;
      }
    }
  }
  for (Atom & atom : atoms)
  {
    atom.Mass /= total;
  }
  return atoms;
}

/** OT_ε of two sets of atoms by Sinkhorn's iterations on the whole matrix. */
double
SolveDensely(const std::vector<Atom> & alpha, const std::vector<Atom> & beta, double epsilon, double weight, int bins)
{
  const auto cost = [&](const Atom & a, const Atom & b) {
    return 0.5 * a.Place.SquaredEuclideanDistanceTo(b.Place) + 0.5 * std::pow(weight * (a.Bin - b.Bin) / (bins - 1), 2);
  };
  std::vector<double> f(alpha.size(), 0.0);
  std::vector<double> g(beta.size(), 0.0);
  const auto          update = [&](auto & own, const auto & mine, const auto & other, const auto & theirs) {
    for (std::size_t i = 0; i < own.size(); ++i)
    {
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t j = 0; j < other.size(); ++j)
      {
        least = std::min(least, cost(mine[i], theirs[j]) - other[j]);
      }
      double sum = 0.0;
      for (std::size_t j = 0; j < other.size(); ++j)
      {
        sum += theirs[j].Mass * std::exp((least - cost(mine[i], theirs[j]) + other[j]) / epsilon);
      }
      own[i] = least - epsilon * std::log(sum);
    }
  };
  for (int iteration = 0; iteration < 400; ++iteration)
  {
    update(f, alpha, g, beta);
    update(g, beta, f, alpha);
  }
  double value = 0.0;
  for (std::size_t i = 0; i < f.size(); ++i)
  {
    value += alpha[i].Mass * f[i];
  }
  for (std::size_t j = 0; j < g.size(); ++j)
  {
    value += beta[j].Mass * g[j];
  }
  return value;
}

} // namespace

TEST(SinkhornMetricFeatures, DerivativesIn2D)
{
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    CheckDerivatives<2>(model, false, 0.0);
    CheckDerivatives<2>(model, true, 0.0);
    CheckDerivatives<2>(model, true, 5.0);
  }
}

TEST(SinkhornMetricFeatures, DerivativesIn3D)
{
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    CheckDerivatives<3>(model, true, 0.0);
  }
}

/** On one oblique grid both mass models, at the identity, are the transport of atoms at voxels and bins. */
TEST(SinkhornMetricFeatures, ValueIsThatOfTheWholeMatrix)
{
  constexpr int    bins = 3;
  constexpr double weight = 6.0;
  constexpr double blur = 1.6;
  auto             geometry = MakeObliqueGeometry<2>(8);
  const auto       centre = GetCentre(geometry);
  // Equal parts of the mass are cut off by both ranges: a hundredth are less than the extremes here.
  const auto shape = [&](double shift) {
    return MakeImage<ImageOf<2>>(geometry, [=](const itk::Point<double, 2> & p) {
      const double x = p[0] - centre[0] - shift;
      return x * x + std::pow(p[1] - centre[1], 2) < 7.0 ? 2.0 + std::sin(1.3 * x) : 0.0;
    });
  };
  const auto fixed = shape(-0.7);
  const auto moving = shape(0.8);
  const auto atomsOf = [&](const ImageOf<2> * image) {
    const auto range = itk::Sinkhorn::FindIntensityRange(
      itk::Sinkhorn::CollectIntensities(*image, *image, static_cast<const itk::SpatialObject<2> *>(nullptr)));
    EXPECT_GT(range.first, 0.9);
    EXPECT_LT(range.second, 3.1);
    return MakeAtoms(image, range.first, range.second, bins);
  };
  const auto   alpha = atomsOf(fixed);
  const auto   beta = atomsOf(moving);
  const auto   solve = [=](const auto & a, const auto & b) { return SolveDensely(a, b, blur * blur, weight, bins); };
  const double expected = solve(alpha, beta) - 0.5 * solve(alpha, alpha) - 0.5 * solve(beta, beta);
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto metric = MakeExactMetric<ImageOf<2>>(fixed, moving, blur);
    metric->SetMovingTransform(itk::TranslationTransform<double, 2>::New());
    metric->SetMassModel(model);
    metric->SetNumberOfIntensityBins(bins);
    metric->SetIntensityWeight(weight);
    metric->Initialize();
    EXPECT_NEAR(metric->GetValue(), expected, 1e-6 * expected) << static_cast<int>(model);
    // A factor of one image changes nothing.
    const auto brighter = MakeImage<ImageOf<2>>(geometry, [](const auto &) { return 0.0; });
    std::transform(moving->GetBufferPointer(),
                   moving->GetBufferPointer() + moving->GetBufferedRegion().GetNumberOfPixels(),
                   brighter->GetBufferPointer(),
                   [](double value) { return 37.0 * value; });
    metric->SetMovingImage(brighter);
    metric->Initialize();
    EXPECT_NEAR(metric->GetValue(), expected, 1e-6 * expected) << static_cast<int>(model);
  }
}

/** A small bright and a large dark square of equal mass that have changed places: mass has nowhere to go by place
 * alone, and goes all the way by intensity. */
TEST(SinkhornMetricFeatures, SquaresThatHaveChangedPlaces)
{
  const auto geometry = MakeCube<2>(40);
  const auto squares = [&](double bright, double dark) {
    const auto isIn = [](const itk::Point<double, 2> & p, double x, double half) {
      return std::abs(p[0] - x) <= half && std::abs(p[1] - 20.0) <= half;
    };
    return MakeImage<ImageOf<2>>(geometry, [=](const itk::Point<double, 2> & p) {
      return isIn(p, bright, 2.0) ? 81.0 / 25.0 : (isIn(p, dark, 4.0) ? 1.0 : 0.0);
    });
  };
  const auto wayOf = [&](itk::SizeValueType bins) {
    const auto metric = MakeExactMetric<ImageOf<2>>(squares(10.0, 30.0), squares(30.0, 10.0), 2.0);
    metric->SetTolerance(1e-4);
    const auto transform = MakeField<2>(metric->GetFixedImage());
    transform->GetModifiableDisplacementField()->FillBuffer(itk::Vector<double, 2>(0.0));
    metric->SetMovingTransform(transform);
    metric->SetMassModel(MassModel::PushForward);
    metric->SetNumberOfIntensityBins(bins);
    metric->SetIntensityWeight(bins > 0 ? 200.0 : 0.0);
    metric->Initialize();
    double                      value;
    MetricOf<2>::DerivativeType derivative;
    metric->GetValueAndDerivative(value, derivative);
    // Force over mass at the middle of the bright square, which has half the mass on 25 voxels.
    return 50.0 * derivative[2 * (20 * 40 + 10)];
  };
  EXPECT_LT(std::abs(wayOf(0)), 3.0);
  EXPECT_NEAR(wayOf(2), 20.0, 0.5);
}

TEST(SinkhornMetricFeatures, ThreadsChangeNothing)
{
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    double                      firstValue = 0.0;
    MetricOf<2>::DerivativeType first;
    for (const unsigned int threads : { 1U, 2U, 4U })
    {
      const auto metric = MakeFeatureMetric<2>(model, true, 0.0);
      metric->SetTolerance(1e-4);
      metric->SetMaximumNumberOfWorkUnits(threads);
      metric->SetMovingTransform(MakeAffine<2>());
      metric->Initialize();
      double                      value;
      MetricOf<2>::DerivativeType derivative;
      metric->GetValueAndDerivative(value, derivative);
      if (threads == 1)
      {
        firstValue = value;
        first = derivative;
      }
      EXPECT_EQ(value, firstValue) << threads;
      EXPECT_EQ(derivative, first) << threads;
    }
  }
}

TEST(SinkhornMetricFeatures, WhatIsNone)
{
  const auto messageOf = [](const auto & change) {
    const auto metric = MakeFeatureMetric<2>(MassModel::Intensity, false, 0.0);
    metric->SetMovingTransform(MakeTranslation<2>());
    return itk::Sinkhorn::Testing::GetMessage([&] {
      change(*metric);
      metric->Initialize();
      metric->GetValue();
      metric->GetFirstVariation();
    });
  };
  const auto names = [&](const char * text, const auto & change) {
    const std::string message = messageOf(change);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  names("NumberOfIntensityBins is 1,", [](MetricOf<2> & m) { m.SetNumberOfIntensityBins(1); });
  names("IntensityWeight is -1 mm", [](MetricOf<2> & m) { m.SetIntensityWeight(-1.0); });
  names("a potential for each of the 4 bins", [](MetricOf<2> &) {});
  EXPECT_EQ(messageOf([](MetricOf<2> & m) { m.SetNumberOfIntensityBins(0); }), "no exception");
  names("changed since Initialize", [](MetricOf<2> & m) {
    m.Initialize();
    m.SetNumberOfIntensityBins(0);
    m.GetValue();
  });
}
