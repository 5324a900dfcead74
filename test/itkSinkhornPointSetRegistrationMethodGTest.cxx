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
#include "itkSinkhornPointSetRegistrationMethod.h"

#include "itkSinkhornFoldOracle.h"

#include "itkCommand.h"
#include "itkDisplacementFieldTransform.h"
#include "itkMultiThreaderBase.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace
{

using Complex = itk::Sinkhorn::PointComplex;
template <unsigned int D>
using Method = itk::SinkhornPointSetRegistrationMethod<D>;

/** A closed curve around the origin, r(angle) = 10 + bump · cos(3 · angle), y squeezed. */
Complex
MakeCurve(unsigned int vertices, double bump, double turn, double x, double y)
{
  Complex curve;
  curve.Dimension = 2;
  for (unsigned int k = 0; k < vertices; ++k)
  {
    const double angle = 2.0 * itk::Math::pi * k / vertices;
    const double radius = 10.0 + bump * std::cos(3.0 * angle);
    const double along = radius * std::cos(angle);
    const double across = 0.6 * radius * std::sin(angle);
    curve.Points.push_back(x + std::cos(turn) * along - std::sin(turn) * across);
    curve.Points.push_back(y + std::sin(turn) * along + std::cos(turn) * across);
    curve.Segments.insert(curve.Segments.end(), { k, (k + 1) % vertices });
  }
  return curve;
}

/** An ellipsoid of half axes 20, 12 and 7 with a bump, turned about z. */
Complex
MakeSurface(unsigned int rings, double bump, double turn, double shift)
{
  Complex            surface;
  const unsigned int around = 2 * rings;
  surface.Dimension = 3;
  for (unsigned int i = 0; i <= rings; ++i)
  {
    for (unsigned int k = 0; k < around; ++k)
    {
      const double polar = itk::Math::pi * i / rings;
      const double angle = 2.0 * itk::Math::pi * k / around;
      const double factor = 1.0 + bump * std::exp(-4.0 * (polar * polar));
      const double x = 20.0 * factor * std::cos(polar);
      const double y = 12.0 * factor * std::sin(polar) * std::cos(angle);
      const double z = 7.0 * factor * std::sin(polar) * std::sin(angle);
      surface.Points.insert(
        surface.Points.end(),
        { shift + std::cos(turn) * x - std::sin(turn) * y, std::sin(turn) * x + std::cos(turn) * y, z - shift });
      if (i < rings)
      {
        const unsigned int next = (k + 1) % around;
        surface.Triangles.insert(surface.Triangles.end(),
                                 { i * around + k,
                                   (i + 1) * around + k,
                                   i * around + next,
                                   i * around + next,
                                   (i + 1) * around + k,
                                   (i + 1) * around + next });
      }
    }
  }
  return surface;
}

template <unsigned int D>
typename Method<D>::Pointer
MakeMethod(const Complex & fixed, const Complex & moving)
{
  const auto method = Method<D>::New();
  method->SetFixedShape(fixed);
  method->SetMovingShape(moving);
  method->SetMaximumNumberOfParticles(400);
  method->SetNumberOfIterations(24);
  return method;
}

template <unsigned int D>
std::vector<double>
MovePoints(const Method<D> * method, const Complex & shape)
{
  const auto          inverse = method->GetInverseTransform();
  std::vector<double> moved;
  for (size_t i = 0; i < shape.Points.size(); i += D)
  {
    itk::Point<double, D> point;
    std::copy_n(shape.Points.data() + i, D, point.Begin());
    point = inverse->TransformPoint(point);
    moved.insert(moved.end(), point.Begin(), point.End());
  }
  return moved;
}

double
FindLargestDifference(const std::vector<double> & one, const std::vector<double> & other)
{
  double largest = 0.0;
  EXPECT_EQ(one.size(), other.size());
  for (size_t i = 0; i < std::min(one.size(), other.size()); ++i)
  {
    largest = std::max(largest, std::abs(one[i] - other[i]));
  }
  return largest;
}

/** Neither the deformation nor its inverse folds, by code of the tests' own, and each undoes the other. */
template <unsigned int D>
void
ExpectDiffeomorphism(const Method<D> * method, const Complex & moving)
{
  using FieldTransform = itk::DisplacementFieldTransform<double, D>;
  const auto * transform = method->GetTransform();
  ASSERT_EQ(transform->GetNumberOfTransforms(), 2u);
  const auto * deformation = dynamic_cast<const FieldTransform *>(transform->GetNthTransformConstPointer(1));
  ASSERT_NE(deformation, nullptr);
  const auto forward = SinkhornFoldOracle::Measure(deformation->GetDisplacementField());
  const auto inverse = SinkhornFoldOracle::Measure(deformation->GetInverseDisplacementField());
  EXPECT_GT(forward.Least, 0.0);
  EXPECT_GT(inverse.Least, 0.0);
  const auto moved = MovePoints<D>(method, moving);
  for (size_t i = 0; i < moved.size(); i += 7 * D)
  {
    itk::Point<double, D> point;
    itk::Point<double, D> start;
    std::copy_n(moved.data() + i, D, point.Begin());
    std::copy_n(moving.Points.data() + i, D, start.Begin());
    EXPECT_LT(transform->TransformPoint(point).EuclideanDistanceTo(start), 0.2);
  }
}

TEST(SinkhornPointSetRegistrationMethod, CurvesInThePlane)
{
  const Complex fixed = MakeCurve(90, 3.0, 0.0, 0.0, 0.0);
  const Complex moving = MakeCurve(70, 0.0, 0.4, 300.0, -50.0);
  const auto    method = MakeMethod<2>(fixed, moving);
  method->Update();
  const auto & report = method->GetReport();
  EXPECT_EQ(report.Kept, "result");
  EXPECT_EQ(report.Initialize, "similarity");
  EXPECT_GT(report.DistanceBefore, 200.0);
  EXPECT_LT(report.DistanceAfter, 0.25);
  EXPECT_LT(report.DivergenceAfter, 1e-2 * report.DivergenceBefore);
  EXPECT_TRUE(method->GetMessages().empty());
  ExpectDiffeomorphism<2>(method, moving);
}

TEST(SinkhornPointSetRegistrationMethod, SurfacesFarApartAndTurnedOver)
{
  const Complex fixed = MakeSurface(14, 0.3, 0.0, 0.0);
  const Complex moving = MakeSurface(12, 0.0, 2.2, 1000.0);
  const auto    method = MakeMethod<3>(fixed, moving);
  method->Update();
  const auto & report = method->GetReport();
  EXPECT_EQ(report.Kept, "result");
  EXPECT_LT(report.DistanceAfter, 1.6); // of particles 2.3 mm apart
  EXPECT_LT(report.DivergenceAfter, 1.0);
  ExpectDiffeomorphism<3>(method, moving);
}

TEST(SinkhornPointSetRegistrationMethod, LinearTransformsAlone)
{
  const Complex fixed = MakeSurface(14, 0.3, 0.0, 0.0);
  const Complex moving = MakeSurface(14, 0.3, 0.7, 40.0);
  const auto    method = MakeMethod<3>(fixed, moving);
  method->SetDeform(false);
  method->SetInitialize(itk::SinkhornRegistration::InitialKind::Rigid);
  method->Update();
  EXPECT_EQ(method->GetTransform()->GetNumberOfTransforms(), 1u);
  EXPECT_EQ(method->GetReport().Kept, "result");
  EXPECT_LT(FindLargestDifference(MovePoints<3>(method, moving), fixed.Points), 0.5);
}

TEST(SinkhornPointSetRegistrationMethod, UnitsAndOrderDoNotMatter)
{
  const Complex fixed = MakeCurve(90, 3.0, 0.0, 0.0, 0.0);
  const Complex moving = MakeCurve(70, 0.0, 0.4, 3.0, -5.0);
  const auto    method = MakeMethod<2>(fixed, moving);
  method->Update();
  const auto moved = MovePoints<2>(method, moving);

  constexpr double unit = 1e3;
  const auto       scale = [](Complex shape) {
    for (double & coordinate : shape.Points)
    {
      coordinate *= unit;
    }
    return shape;
  };
  const auto inUnits = MakeMethod<2>(scale(fixed), scale(moving));
  inUnits->Update();
  auto scaled = MovePoints<2>(inUnits, scale(moving));
  for (double & coordinate : scaled)
  {
    coordinate /= unit;
  }
  EXPECT_LT(FindLargestDifference(moved, scaled), 0.02);

  Complex                         shuffled = moving;
  std::mt19937                    generator(1);
  std::vector<itk::SizeValueType> order(70);
  for (size_t k = 0; k < order.size(); ++k)
  {
    order[k] = k;
  }
  std::shuffle(order.begin(), order.end(), generator);
  for (size_t k = 0; k < order.size(); ++k)
  {
    std::copy_n(
      moving.Points.begin() + 2 * static_cast<long>(k), 2, shuffled.Points.begin() + 2 * static_cast<long>(order[k]));
    shuffled.Segments[2 * k] = order[moving.Segments[2 * k]];
    shuffled.Segments[2 * k + 1] = order[moving.Segments[2 * k + 1]];
  }
  const auto inOrder = MakeMethod<2>(fixed, shuffled);
  inOrder->Update();
  EXPECT_LT(FindLargestDifference(moved, MovePoints<2>(inOrder, moving)), 0.02);
}

TEST(SinkhornPointSetRegistrationMethod, SameBitsForAnyNumberOfThreads)
{
  const Complex       fixed = MakeSurface(12, 0.3, 0.0, 0.0);
  const Complex       moving = MakeSurface(12, 0.0, 0.3, 5.0);
  const auto          threads = itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  std::vector<double> moved[2];
  for (const unsigned int k : { 0u, 1u })
  {
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(k + 1);
    const auto method = MakeMethod<3>(fixed, moving);
    method->SetNumberOfIterations(12);
    method->Update();
    moved[k] = MovePoints<3>(method, moving);
  }
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(threads);
  EXPECT_EQ(moved[0], moved[1]);
}

TEST(SinkhornPointSetRegistrationMethod, ShapeOntoItselfStays)
{
  const Complex shape = MakeCurve(90, 3.0, 0.0, 0.0, 0.0);
  const auto    method = MakeMethod<2>(shape, shape);
  method->Update();
  EXPECT_LT(FindLargestDifference(MovePoints<2>(method, shape), shape.Points), 0.02);
  EXPECT_TRUE(method->GetReport().Kept == "result" || method->GetReport().MovedNothing);
  EXPECT_TRUE(method->GetMessages().empty());
}

TEST(SinkhornPointSetRegistrationMethod, TellsObserversAndCanBeEnded)
{
  const Complex fixed = MakeCurve(90, 3.0, 0.0, 0.0, 0.0);
  const auto    method = MakeMethod<2>(fixed, MakeCurve(70, 0.0, 0.4, 3.0, -5.0));
  unsigned int  iterations = 0;
  unsigned int  levels = 0;
  method->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) { ++iterations; });
  method->AddObserver(itk::MultiResolutionIterationEvent(), [&](const itk::EventObject &) { ++levels; });
  method->Update();
  EXPECT_EQ(iterations, 24u + levels); // a level's event is an iteration's
  EXPECT_EQ(levels, method->GetNumberOfLevels());
  EXPECT_EQ(method->GetCurrentIteration(), 24u);
  EXPECT_FLOAT_EQ(method->GetProgress(), 1.0F);

  method->Modified();
  method->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) { method->AbortGenerateDataOn(); });
  EXPECT_THROW(method->Update(), itk::ProcessAborted);
  EXPECT_THROW(method->GetTransform(), itk::ExceptionObject);
}

TEST(SinkhornPointSetRegistrationMethod, RefusesWhatCannotBeRegistered)
{
  const Complex curve = MakeCurve(20, 3.0, 0.0, 0.0, 0.0);
  EXPECT_THROW(MakeMethod<2>(curve, Complex())->Update(), itk::ExceptionObject);
  EXPECT_THROW(MakeMethod<2>(curve, MakeSurface(4, 0.0, 0.0, 0.0))->Update(), itk::ExceptionObject);
  auto method = MakeMethod<2>(curve, curve);
  method->SetBlur(-1.0);
  EXPECT_THROW(method->Update(), itk::ExceptionObject);
  Complex point;
  point.Dimension = 2;
  point.Points = { 1.0, 2.0 };
  EXPECT_THROW(MakeMethod<2>(point, point)->Update(), itk::ExceptionObject);
}

} // namespace
