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
#include "itkSinkhornTransportImageFilter.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkCommand.h"
#include "itkImageMaskSpatialObject.h"

#include <gtest/gtest.h>

#include <sstream>

namespace
{

using namespace itk::Sinkhorn;
using Testing::Centre;
using Testing::LargestSpringError;
using Testing::MakeFilter;
using Testing::Sum;
using Image2 = itk::Image<double, 2>;
using Image3 = itk::Image<double, 3>;
using Filter2 = itk::SinkhornTransportImageFilter<Image2>;
using Filter3 = itk::SinkhornTransportImageFilter<Image3>;
using Point2 = Image2::PointType;
using Vector2 = itk::Vector<double, 2>;
using Vector3 = itk::Vector<double, 3>;

/** An L of two boxes with its corner at a point, of unequal density. */
template <typename TPoint>
double
Corner(const TPoint & point, const TPoint & corner)
{
  bool inFirst = true;
  bool inSecond = true;
  for (unsigned int d = 0; d < TPoint::PointDimension; ++d)
  {
    const double x = point[d] - corner[d];
    inFirst = inFirst && x > -0.01 && x < (d == 0 ? 10.0 : 4.0);
    inSecond = inSecond && x > -0.01 && x < (d == 1 ? 12.0 : 5.0);
  }
  return (inFirst ? 1.0 : 0.0) + (inSecond ? 0.7 : 0.0);
}

TEST(SinkhornTransportImageFilter, SpringsOfATranslatedShapeAreTheTranslation2D)
{
  // a rotated grid with anisotropic voxels and a start index; the shift is a whole number of voxels
  const double  angle = 0.4;
  const Vector2 shift = Testing::Make<Vector2>({ 20 * 0.9 * std::cos(angle) - 11 * 1.2 * std::sin(angle),
                                                 20 * 0.9 * std::sin(angle) + 11 * 1.2 * std::cos(angle) });
  const auto    corner = Testing::Make<Point2>({ -4.0, 10.0 });
  const auto    make = [&](const Vector2 & by) {
    return Testing::MakeDensity<Image2>(
      { 60, 48 },
      { 0.9, 1.2 },
      [&](const Point2 & p) { return Corner<Point2>(p - by, corner); },
      angle,
      { -3.0, -20.0 },
      5);
  };
  const auto fixed = make(Vector2(0.0));
  const auto moving = make(shift);
  const auto filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 2.0, 1e-7);
  filter->Update();
  EXPECT_TRUE(filter->GetConverged());
  EXPECT_EQ(filter->GetSprings()->GetLargestPossibleRegion(), fixed->GetLargestPossibleRegion());
  EXPECT_LE(LargestSpringError(*filter, [&](const Point2 &) { return shift; }), 1e-3 * 0.9);
  EXPECT_NEAR(filter->GetDivergence(), 0.5 * shift.GetSquaredNorm(), 1e-4 * shift.GetSquaredNorm());

  // without debiasing the springs shrink the shape towards its centre
  filter->DebiasOff();
  filter->Update();
  EXPECT_GT(LargestSpringError(*filter, [&](const Point2 &) { return shift; }), 0.5);
}

TEST(SinkhornTransportImageFilter, SpringsOfATranslatedShapeAreTheTranslation3D)
{
  const auto    corner = Testing::Make<Image3::PointType>({ 4.0, 5.0, 3.0 });
  const Vector3 shift = Testing::Make<Vector3>({ 12.0, 7.0, 6.0 });
  const auto    make = [&](const Vector3 & by) {
    return Testing::MakeDensity<Image3>({ 30, 28, 12 }, { 1.0, 1.0, 2.0 }, [&](const Image3::PointType & p) {
      return Corner<Image3::PointType>(p - by, corner);
    });
  };
  const auto fixed = make(Vector3(0.0));
  const auto moving = make(shift);
  const auto filter = MakeFilter<Filter3>(fixed.GetPointer(), moving.GetPointer(), 2.0, 1e-6);
  filter->Update();
  EXPECT_LE(LargestSpringError(*filter, [&](const Image3::PointType &) { return shift; }), 1e-3);
}

TEST(SinkhornTransportImageFilter, GaussianToGaussianIsTheAffineMap)
{
  // W2's map between Gaussians of diagonal covariance: m_b + diag(σ_b/σ_a) (x − m_a)
  const auto   from = Testing::Make<Point2>({ 34.0, 40.0 });
  const auto   to = Testing::Make<Point2>({ 62.0, 52.0 });
  const double widthA[2] = { 6.0, 9.0 };
  const double widthB[2] = { 9.0, 6.0 };
  const auto   make = [](const Point2 & centre, const double * width) {
    return Testing::MakeDensity<Image2>({ 100, 96 }, { 1.0, 1.0 }, [&](const Point2 & p) {
      const double x = (p[0] - centre[0]) / width[0];
      const double y = (p[1] - centre[1]) / width[1];
      return std::exp(-0.5 * (x * x + y * y));
    });
  };
  const auto fixed = make(from, widthA);
  const auto moving = make(to, widthB);
  const auto filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 1.5, 1e-6);
  filter->Update();
  const auto * springs = filter->GetSprings();
  double       error = 0.0;
  double       size = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<Filter2::DisplacementFieldType> it(springs, springs->GetBufferedRegion());
       !it.IsAtEnd();
       ++it)
  {
    const auto index = it.GetIndex();
    double     radius = 0.0;
    double     expected[2];
    for (unsigned int d = 0; d < 2; ++d)
    {
      const double x = index[d] - from[d];
      radius += x * x / (widthA[d] * widthA[d]);
      expected[d] = to[d] - from[d] + (widthB[d] / widthA[d] - 1.0) * x;
    }
    if (radius < 4.0) // within two standard deviations the grid's border is out of sight
    {
      for (unsigned int d = 0; d < 2; ++d)
      {
        error = std::max(error, std::abs(it.Get()[d] - expected[d]));
        size = std::max(size, std::abs(expected[d]));
      }
    }
  }
  EXPECT_LE(error, 0.02 * size);
}

TEST(SinkhornTransportImageFilter, ImagesOfDifferentGeometryMeetOnTheFixedLattice)
{
  const auto blob = [](const Point2 & centre) {
    return [centre](const Point2 & p) {
      const double r2 = p.SquaredEuclideanDistanceTo(centre) / 49.0;
      return r2 < 1.0 ? (1.0 - r2) * (1.0 - r2) : 0.0;
    };
  };
  const auto here = Testing::Make<Point2>({ 14.0, 14.0 });
  const auto there = Testing::Make<Point2>({ 43.0, -5.0 });
  const auto fixed = Testing::MakeDensity<Image2>({ 30, 30 }, { 1.0, 1.0 }, blob(here));
  // finer and rotated (splatted), and coarser (interpolated)
  for (const double spacing : { 0.5, 2.5 })
  {
    const auto n = static_cast<itk::SizeValueType>(30.0 / spacing);
    const auto moving = Testing::MakeDensity<Image2>({ n, n }, { spacing, spacing }, blob(there), 0.3, { 33.0, -24.0 });
    const auto filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 2.0, 1e-5);
    filter->Update();
    const auto grid = filter->GetSprings()->GetLargestPossibleRegion();
    EXPECT_TRUE(grid.IsInside(fixed->GetLargestPossibleRegion()));
    EXPECT_LT(grid.GetIndex(1), 0);
    EXPECT_NEAR(filter->GetMovingMass(), Sum(moving.GetPointer()) * spacing * spacing, 1e-9);
    const auto expected = Centre(moving.GetPointer()) - here;
    // the splatted and the interpolated blob are a little wider than the fixed one
    EXPECT_LE(LargestSpringError(*filter, [&](const Point2 &) { return expected; }), spacing);
    const auto arrived = Centre(filter->Interpolate(1.0).GetPointer());
    EXPECT_LE(arrived.EuclideanDistanceTo(Centre(moving.GetPointer())), 0.02);
  }
}

TEST(SinkhornTransportImageFilter, ImagesAndLabelsTravelWithTheMass)
{
  const auto    corner = Testing::Make<Point2>({ 6.0, 5.0 });
  const Vector2 shift = Testing::Make<Vector2>({ 22.0, 13.0 });
  const auto    fixed =
    Testing::MakeDensity<Image2>({ 48, 40 }, { 1.0, 1.0 }, [&](const Point2 & p) { return Corner(p, corner); });
  const auto moving = Testing::MakeDensity<Image2>(
    { 48, 40 }, { 1.0, 1.0 }, [&](const Point2 & p) { return Corner<Point2>(p - shift, corner); });
  // the two arms of the L, where it has gone
  const auto labels = Testing::MakeDensity<Filter2::LabelImageType>(
    { 48, 40 }, { 1.0, 1.0 }, [&](const Point2 & p) { return p[1] < corner[1] + shift[1] + 4.0 ? 3.0 : 8.0; });
  const auto ramp =
    Testing::MakeDensity<Image2>({ 48, 40 }, { 1.0, 1.0 }, [](const Point2 & p) { return 100.0 - 2.0 * p[0]; });
  const auto filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 0.7, 1e-6);
  filter->DebiasOff();
  filter->Update();
  const auto carriedLabels = filter->TransportLabelsToFixed(labels);
  const auto probability = filter->TransportLabelProbabilityToFixed(labels, 8);
  const auto carriedRamp = filter->TransportToFixed(ramp);
  const auto back = filter->TransportToMoving(ramp);
  for (itk::ImageRegionConstIteratorWithIndex<Image2> it(fixed, fixed->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    const auto   index = it.GetIndex();
    const double y = index[1] - corner[1];
    if (!(it.Get() > 0.0))
    {
      EXPECT_EQ(carriedLabels->GetPixel(index), 0);
      EXPECT_EQ(probability->GetPixel(index), 0.0);
      EXPECT_EQ(carriedRamp->GetPixel(index), 0.0);
      continue;
    }
    EXPECT_EQ(carriedLabels->GetPixel(index), y < 4.0 ? 3 : 8);
    EXPECT_EQ(probability->GetPixel(index) > 0.5, y >= 4.0);
    // means of a ramp are the ramp at the undebiased target, at most a blur away from the debiased one
    EXPECT_NEAR(carriedRamp->GetPixel(index), 100.0 - 2.0 * (index[0] + shift[0]), 2.0 * 0.7);
    const Image2::IndexType arrival{ { index[0] + 22, index[1] + 13 } };
    EXPECT_NEAR(back->GetPixel(arrival), 100.0 - 2.0 * index[0], 2.0 * 0.7);
  }
}

TEST(SinkhornTransportImageFilter, InterpolationGoesFromOneDensityToTheOther)
{
  const auto blob = [](double x, double y, double radius) {
    return [=](const Point2 & p) {
      const double r2 = ((p[0] - x) * (p[0] - x) + (p[1] - y) * (p[1] - y)) / (radius * radius);
      return r2 < 1.0 ? 1.0 - r2 : 0.0;
    };
  };
  const auto fixed = Testing::MakeDensity<Image2>({ 56, 40 }, { 1.0, 1.0 }, blob(12.0, 20.0, 7.0));
  const auto moving = Testing::MakeDensity<Image2>({ 56, 40 }, { 1.0, 1.0 }, blob(40.0, 16.0, 9.0));
  for (const double reach : { 0.0, 25.0 })
  {
    const auto filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 1.5, 1e-7);
    filter->SetReach(reach);
    filter->PreserveMassRatioOn();
    filter->Update();
    const double common = 2.0 / (filter->GetFixedMass() + filter->GetMovingMass());
    const double scaleA = reach > 0.0 ? common : 1.0 / filter->GetFixedMass();
    const double scaleB = reach > 0.0 ? common : 1.0 / filter->GetMovingMass();
    for (const auto interpolation : { Filter2::InterpolationEnum::Entropic, Filter2::InterpolationEnum::Displacement })
    {
      const auto start = filter->Interpolate(0.0, interpolation);
      const auto middle = filter->Interpolate(0.5, interpolation);
      for (itk::ImageRegionConstIteratorWithIndex<Image2> it(start, start->GetBufferedRegion()); !it.IsAtEnd(); ++it)
      {
        EXPECT_NEAR(it.Get(), scaleA * fixed->GetPixel(it.GetIndex()), 1e-9);
      }
      // mass is created and destroyed on the way, never beyond the two ends
      const double massA = scaleA * filter->GetFixedMass();
      const double massB = scaleB * filter->GetMovingMass();
      EXPECT_GE(Sum(middle.GetPointer()), std::min(massA, massB) - 1e-6);
      EXPECT_LE(Sum(middle.GetPointer()), std::max(massA, massB) + 1e-6);
      if (reach == 0.0)
      {
        const auto centre = Centre(middle.GetPointer());
        EXPECT_NEAR(centre[0], 26.0, 0.05);
        EXPECT_NEAR(centre[1], 18.0, 0.05);
      }
    }
    const auto end = filter->Interpolate(1.0);
    for (itk::ImageRegionConstIteratorWithIndex<Image2> it(end, end->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      EXPECT_NEAR(it.Get(), scaleB * moving->GetPixel(it.GetIndex()), 1e-9);
    }
  }
}

TEST(SinkhornTransportImageFilter, ResidualsShowWhatReachDestroys)
{
  const auto box = [](double x, double y) {
    return [=](const Point2 & p) { return std::abs(p[0] - x) < 4.5 && std::abs(p[1] - y) < 4.5 ? 1.0 : 0.0; };
  };
  // two boxes here, one of them beyond any reach from the only box there
  const auto fixed = Testing::MakeDensity<Image2>(
    { 64, 24 }, { 1.0, 1.0 }, [&](const Point2 & p) { return box(8.0, 12.0)(p) + box(56.0, 12.0)(p); });
  const auto moving = Testing::MakeDensity<Image2>({ 64, 24 }, { 1.0, 1.0 }, box(11.0, 12.0));
  const auto filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 1.5, 1e-6);
  filter->SetReach(8.0);
  filter->PreserveMassRatioOn();
  filter->Update();
  const double            unit = 2.0 / (filter->GetFixedMass() + filter->GetMovingMass());
  const Image2::IndexType lost{ { 56, 12 } };
  const Image2::IndexType kept{ { 8, 12 } };
  EXPECT_LT(filter->GetFixedResidual()->GetPixel(lost), -0.99 * unit);
  EXPECT_GT(filter->GetFixedResidual()->GetPixel(kept), -0.2 * unit);
  EXPECT_NEAR(filter->GetTransportedMass()->GetPixel(lost), 0.0, 0.01 * unit);
  EXPECT_NEAR(
    Sum(filter->GetTransportedMass()), Sum(filter->GetMovingResidual()) + unit * filter->GetMovingMass(), 1e-4);
}

TEST(SinkhornTransportImageFilter, FloatFollowsDoubleAndThreadsDoNotMatter)
{
  using FloatImage = itk::Image<float, 2>;
  using FloatFilter = itk::SinkhornTransportImageFilter<FloatImage>;
  const auto wave = [](double phase) {
    return [=](const Point2 & p) { return 1.0 + std::sin(0.2 * p[0] + phase) * std::cos(0.13 * p[1] - phase); };
  };
  const auto run = [&](itk::ThreadIdType threads) {
    const auto fixed = Testing::MakeDensity<FloatImage>({ 260, 150 }, { 1.0, 1.0 }, wave(0.0));
    const auto moving = Testing::MakeDensity<FloatImage>({ 260, 150 }, { 1.0, 1.0 }, wave(1.0));
    const auto filter = MakeFilter<FloatFilter>(fixed.GetPointer(), moving.GetPointer(), 3.0, 1e-3);
    filter->SetNumberOfWorkUnits(threads);
    filter->Update();
    return filter;
  };
  const auto one = run(1);
  const auto three = run(3);
  EXPECT_EQ(one->GetDivergence(), three->GetDivergence());
  const auto   count = one->GetSprings()->GetBufferedRegion().GetNumberOfPixels();
  const auto * first = one->GetSprings()->GetBufferPointer();
  EXPECT_TRUE(std::equal(first, first + count, three->GetSprings()->GetBufferPointer()));

  const auto fixed = Testing::MakeDensity<Image2>({ 260, 150 }, { 1.0, 1.0 }, wave(0.0));
  const auto moving = Testing::MakeDensity<Image2>({ 260, 150 }, { 1.0, 1.0 }, wave(1.0));
  const auto reference = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 3.0, 1e-3);
  reference->Update();
  double difference = 0.0;
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    for (unsigned int d = 0; d < 2; ++d)
    {
      difference += std::abs(first[i][d] - reference->GetSprings()->GetBufferPointer()[i][d]) / (2.0 * count);
    }
  }
  EXPECT_LE(difference, 0.02);
}

TEST(SinkhornTransportImageFilter, ProgressGrowsAndAbortIsHonoured)
{
  const auto         fixed = Testing::MakeDensity<Image2>({ 64, 64 }, { 1.0, 1.0 }, [](const Point2 & p) {
    return Corner(p, Testing::Make<Point2>({ 4.0, 4.0 }));
  });
  const auto         moving = Testing::MakeDensity<Image2>({ 64, 64 }, { 1.0, 1.0 }, [](const Point2 & p) {
    return Corner(p, Testing::Make<Point2>({ 40.0, 30.0 }));
  });
  const auto         filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 2.0);
  std::vector<float> progress;
  bool               abort = false;
  const auto         command = itk::FunctionCommand::New();
  command->SetCallback([&](const itk::EventObject &) {
    progress.push_back(filter->GetProgress());
    if (abort && progress.back() > 0.2f)
    {
      filter->AbortGenerateDataOn();
    }
  });
  filter->AddObserver(itk::ProgressEvent(), command);
  filter->Update();
  EXPECT_GT(progress.size(), 10u);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(progress.back(), 1.0f);

  abort = true;
  progress.clear();
  filter->Modified();
  EXPECT_THROW(filter->Update(), itk::ProcessAborted);
  EXPECT_LT(progress.back(), 0.8f);
  EXPECT_NE(Testing::GetMessage([&] { filter->Interpolate(0.5); }).find("Update()"), std::string::npos);

  abort = false;
  filter->Update();
  EXPECT_TRUE(filter->GetConverged());
}

TEST(SinkhornTransportImageFilter, BadInputIsNamed)
{
  const auto zero = [](const Point2 &) { return 0.0; };
  const auto one = [](const Point2 &) { return 1.0; };
  const auto good = Testing::MakeDensity<Image2>({ 8, 8 }, { 1.0, 1.0 }, one);
  const auto messageOf = [](const Image2 * fixed, const Image2 * moving, const std::function<void(Filter2 &)> & set) {
    const auto filter = Filter2::New();
    filter->SetFixedImage(fixed);
    filter->SetMovingImage(moving);
    set(*filter);
    return Testing::GetMessage([&] { filter->Update(); });
  };
  const auto expectMessage = [&](
                               const Image2 *                         fixed,
                               const Image2 *                         moving,
                               const std::string &                    part,
                               const std::function<void(Filter2 &)> & set = [](Filter2 &) {}) {
    const auto message = messageOf(fixed, moving, set);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expectMessage(good, good, "Blur", [](Filter2 & f) { f.SetBlur(0.0); });
  expectMessage(good, good, "Blur", [](Filter2 & f) { f.SetBlur(std::nan("")); });
  expectMessage(good, good, "Reach", [](Filter2 & f) { f.SetReach(-1.0); });
  expectMessage(good, good, "Tolerance", [](Filter2 & f) { f.SetTolerance(0.0); });
  expectMessage(good, good, "MaximumNumberOfIterations", [](Filter2 & f) { f.SetMaximumNumberOfIterations(0); });
  expectMessage(good, nullptr, "MovingImage");
  const auto empty = Testing::MakeDensity<Image2>({ 8, 8 }, { 1.0, 1.0 }, zero);
  expectMessage(good, empty, "moving image has zero total mass");

  const auto              bad = Testing::MakeDensity<Image2>({ 8, 8 }, { 1.0, 1.0 }, one);
  const Image2::IndexType index{ { 3, 2 } };
  bad->SetPixel(index, std::nan(""));
  expectMessage(bad, good, "fixed image has 1 voxels that are not finite, the first at index [3, 2]");
  bad->SetPixel(index, -1.0);
  expectMessage(good, bad, "moving image has 1 negative voxels, the first at index [3, 2] with the value -1");
  expectMessage(good, bad, "no exception", [](Filter2 & f) { f.ClampNegativeOn(); });

  const auto heavy = Testing::MakeDensity<Image2>({ 8, 8 }, { 1.0, 1.0 }, [](const Point2 &) { return 3.0; });
  expectMessage(good, heavy, "equal masses", [](Filter2 & f) { f.NormalizeMassesOff(); });
  const auto far = Testing::MakeDensity<Image2>({ 8, 8 }, { 1.0, 1.0 }, one, 0.0, { 1e4, 1e5 });
  expectMessage(good, far, "closer together");

  using MaskImageType = itk::Image<unsigned char, 2>;
  const auto mask = itk::ImageMaskSpatialObject<2>::New();
  mask->SetImage(Testing::MakeDensity<MaskImageType>({ 8, 8 }, { 1.0, 1.0 }, zero));
  mask->Update();
  expectMessage(good, good, "fixed image's mask is empty", [&](Filter2 & f) { f.SetFixedMask(mask); });
}

TEST(SinkhornTransportImageFilter, MasksHideMassAndPrintSelfTellsAll)
{
  const auto fixed = Testing::MakeDensity<Image2>({ 20, 20 }, { 1.0, 1.0 }, [](const Point2 &) { return 1.0; });
  const auto moving =
    Testing::MakeDensity<Image2>({ 20, 20 }, { 1.0, 1.0 }, [](const Point2 & p) { return p[0] > 9.5 ? 1.0 : 0.0; });
  using MaskImageType = itk::Image<unsigned char, 2>;
  const auto mask = itk::ImageMaskSpatialObject<2>::New();
  mask->SetImage(Testing::MakeDensity<MaskImageType>(
    { 20, 20 }, { 1.0, 1.0 }, [](const Point2 & p) { return p[0] > 9.5 ? 1.0 : 0.0; }));
  mask->Update();
  const auto filter = MakeFilter<Filter2>(fixed.GetPointer(), moving.GetPointer(), 2.0);
  filter->SetFixedMask(mask);
  filter->Update();
  EXPECT_DOUBLE_EQ(filter->GetFixedMass(), 200.0);
  EXPECT_NEAR(filter->GetDivergence(), 0.0, 1e-6);
  EXPECT_LE(LargestSpringError(*filter, [](const Point2 &) { return Vector2(0.0); }), 1e-5);
  EXPECT_EQ(filter->GetTransportedMass()->GetPixel({ { 3, 3 } }), 0.0);
  std::ostringstream text;
  filter->Print(text);
  for (const char * name : { "Blur: 2", "Reach: 0", "Debias: On", "Divergence", "Converged: On", "FixedMask" })
  {
    EXPECT_NE(text.str().find(name), std::string::npos) << name;
  }
}

} // namespace
