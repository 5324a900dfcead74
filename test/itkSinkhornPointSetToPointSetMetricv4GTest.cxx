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
#include "itkKernelDistancePointSetToPointSetMetricv4.h"
#include "itkSinkhornPointSetToPointSetMetricv4.h"
#include "itkSinkhornTestShapes.h"

#include "itkAffineTransform.h"
#include "itkBSplineTransform.h"
#include "itkCompositeTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkEuler2DTransform.h"
#include "itkEuler3DTransform.h"
#include "itkMultiThreaderBase.h"
#include "itkPointSet.h"
#include "itkSimilarity2DTransform.h"
#include "itkSimilarity3DTransform.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace
{

using namespace itk::Sinkhorn;
template <unsigned int VDimension>
using MeshType = itk::Mesh<float, VDimension>;
template <unsigned int VDimension>
using TransportMetric = itk::SinkhornPointSetToPointSetMetricv4<MeshType<VDimension>>;
template <unsigned int VDimension>
using KernelMetric = itk::KernelDistancePointSetToPointSetMetricv4<MeshType<VDimension>>;

template <unsigned int VDimension>
typename TransportMetric<VDimension>::Pointer
MakeTransportMetric(double reach = 0.0, bool debias = true)
{
  auto metric = TransportMetric<VDimension>::New();
  metric->SetBlur(3.0);
  metric->SetReach(reach);
  metric->SetDebias(debias);
  metric->SetTolerance(1e-8);
  metric->SetMaximumNumberOfIterations(5000);
  return metric;
}

template <unsigned int VDimension>
typename KernelMetric<VDimension>::Pointer
MakeKernelMetric()
{
  auto metric = KernelMetric<VDimension>::New();
  metric->SetBlur(8.0);
  return metric;
}

template <unsigned int VDimension>
void
SetShapes(itk::ParticlePointSetToPointSetMetricv4<MeshType<VDimension>> & metric, bool surface = false)
{
  if constexpr (VDimension == 3)
  {
    if (surface)
    {
      metric.SetFixedPointSet(Testing::MakeSurfaceMesh(5));
      metric.SetMovingPointSet(Testing::MakeSurfaceMesh(6, 1.0, 22.0));
      return;
    }
  }
  metric.SetFixedPointSet(Testing::MakeCurveMesh<VDimension>(25));
  metric.SetMovingPointSet(Testing::MakeCurveMesh<VDimension>(31, 0.4, 22.0));
}

/** The derivative agrees with central differences of the value, for some of the parameters. */
template <unsigned int VDimension, typename TTransform>
void
ExpectDerivative(itk::ParticlePointSetToPointSetMetricv4<MeshType<VDimension>> & metric,
                 TTransform *                                                    transform,
                 const std::vector<double> &                                     steps)
{
  metric.SetMovingTransform(transform);
  metric.Initialize();
  typename TTransform::DerivativeType derivative;
  double                              value = 0.0;
  metric.GetValueAndDerivative(value, derivative);
  EXPECT_EQ(value, metric.GetValue());
  const auto parameters = transform->GetParameters();
  ASSERT_EQ(derivative.Size(), parameters.Size());
  double largest = 0.0;
  for (unsigned int p = 0; p < parameters.Size(); ++p)
  {
    largest = std::max(largest, std::abs(derivative[p]) * steps[p % steps.size()]);
  }
  ASSERT_GT(largest, 0.0);
  const unsigned int stride = std::max(1u, static_cast<unsigned int>(parameters.Size()) / 12);
  for (unsigned int p = 0; p < parameters.Size(); p += stride)
  {
    const double step = steps[p % steps.size()];
    double       values[2];
    for (const int side : { 0, 1 })
    {
      auto changed = parameters;
      changed[p] += (2 * side - 1) * step;
      transform->SetParameters(changed);
      values[side] = metric.GetValue();
    }
    EXPECT_NEAR(0.5 * (values[0] - values[1]), derivative[p] * step, 1e-3 * largest)
      << transform->GetNameOfClass() << " parameter " << p;
  }
  transform->SetParameters(parameters);
}

/** All kinds of transforms of two dimensions. */
void
ExpectDerivatives2D(itk::ParticlePointSetToPointSetMetricv4<MeshType<2>> & metric)
{
  auto translation = itk::TranslationTransform<double, 2>::New();
  ExpectDerivative<2>(metric, translation.GetPointer(), { 1e-2 });
  auto rigid = itk::Euler2DTransform<double>::New();
  rigid->SetAngle(0.2);
  ExpectDerivative<2>(metric, rigid.GetPointer(), { 1e-3, 1e-2, 1e-2 });
  auto similarity = itk::Similarity2DTransform<double>::New();
  similarity->SetScale(1.1);
  ExpectDerivative<2>(metric, similarity.GetPointer(), { 1e-3, 1e-3, 1e-2, 1e-2 });
  auto affine = itk::AffineTransform<double, 2>::New();
  affine->Shear(0, 1, 0.1);
  ExpectDerivative<2>(metric, affine.GetPointer(), { 1e-3, 1e-3, 1e-3, 1e-3, 1e-2, 1e-2 });
}

/** The same of three. */
void
ExpectDerivatives3D(itk::ParticlePointSetToPointSetMetricv4<MeshType<3>> & metric)
{
  auto rigid = itk::Euler3DTransform<double>::New();
  rigid->SetRotation(0.1, -0.2, 0.3);
  ExpectDerivative<3>(metric, rigid.GetPointer(), { 1e-3, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2 });
  auto similarity = itk::Similarity3DTransform<double>::New();
  similarity->SetScale(0.9);
  ExpectDerivative<3>(metric, similarity.GetPointer(), { 1e-3, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2, 1e-3 });
  auto affine = itk::AffineTransform<double, 3>::New();
  affine->Shear(0, 2, 0.1);
  ExpectDerivative<3>(
    metric, affine.GetPointer(), { 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2 });
}

itk::DisplacementFieldTransform<double, 2>::Pointer
MakeField()
{
  using TransformType = itk::DisplacementFieldTransform<double, 2>;
  auto                                              field = TransformType::DisplacementFieldType::New();
  TransformType::DisplacementFieldType::RegionType  region({ { -3, 2 } }, { { 13, 11 } });
  TransformType::DisplacementFieldType::SpacingType spacing;
  spacing[0] = 5.0;
  spacing[1] = 4.0;
  TransformType::DisplacementFieldType::PointType origin;
  origin[0] = -16.0;
  origin[1] = -25.0;
  TransformType::DisplacementFieldType::DirectionType direction;
  direction(0, 0) = direction(1, 1) = std::cos(0.3);
  direction(1, 0) = std::sin(0.3);
  direction(0, 1) = -direction(1, 0);
  field->SetRegions(region);
  field->SetSpacing(spacing);
  field->SetOrigin(origin);
  field->SetDirection(direction);
  field->Allocate();
  std::mt19937                           generator(3);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  for (itk::SizeValueType k = 0; k < region.GetNumberOfPixels(); ++k)
  {
    field->GetBufferPointer()[k][0] = uniform(generator);
    field->GetBufferPointer()[k][1] = uniform(generator);
  }
  auto transform = TransformType::New();
  transform->SetDisplacementField(field);
  return transform;
}

TEST(SinkhornPointSetMetric, DerivativesIn2D)
{
  for (const double reach : { 0.0, 10.0 })
  {
    const auto metric = MakeTransportMetric<2>(reach, reach > 0.0);
    SetShapes<2>(*metric);
    ExpectDerivatives2D(*metric);
  }
}

TEST(SinkhornPointSetMetric, DerivativesIn3D)
{
  for (const bool surface : { false, true })
  {
    const auto metric = MakeTransportMetric<3>();
    SetShapes<3>(*metric, surface);
    ExpectDerivatives3D(*metric);
  }
}

TEST(SinkhornPointSetMetric, DerivativesWithDirections)
{
  const auto curves = MakeTransportMetric<2>(15.0);
  SetShapes<2>(*curves);
  curves->SetDirectionWeight(4.0);
  curves->OrientedDirectionsOn();
  ExpectDerivatives2D(*curves);
  const auto surfaces = MakeTransportMetric<3>();
  SetShapes<3>(*surfaces, true);
  surfaces->SetDirectionWeight(4.0);
  ExpectDerivatives3D(*surfaces);
}

TEST(SinkhornPointSetMetric, DerivativesOfDeformableTransforms)
{
  using BSplineType = itk::BSplineTransform<double, 2, 3>;
  auto                                spline = BSplineType::New();
  BSplineType::OriginType             origin;
  BSplineType::PhysicalDimensionsType extent;
  origin.Fill(-40.0);
  extent.Fill(80.0);
  spline->SetTransformDomainOrigin(origin);
  spline->SetTransformDomainPhysicalDimensions(extent);
  spline->SetTransformDomainMeshSize({ { 4, 3 } });
  const auto transport = MakeTransportMetric<2>();
  const auto kernel = MakeKernelMetric<2>();
  for (itk::ParticlePointSetToPointSetMetricv4<MeshType<2>> * metric :
       { static_cast<itk::ParticlePointSetToPointSetMetricv4<MeshType<2>> *>(transport.GetPointer()),
         static_cast<itk::ParticlePointSetToPointSetMetricv4<MeshType<2>> *>(kernel.GetPointer()) })
  {
    SetShapes<2>(*metric);
    ExpectDerivative<2>(*metric, spline.GetPointer(), { 1e-1 });
    ExpectDerivative<2>(*metric, MakeField().GetPointer(), { 1e-1 });
    auto affine = itk::AffineTransform<double, 2>::New();
    affine->Rotate2D(0.4);
    auto composite = itk::CompositeTransform<double, 2>::New();
    composite->AddTransform(affine);
    composite->AddTransform(MakeField());
    composite->SetOnlyMostRecentTransformToOptimizeOn();
    ExpectDerivative<2>(*metric, composite.GetPointer(), { 1e-1 });
  }
}

TEST(SinkhornPointSetMetric, DerivativesOfTheKernelDistance)
{
  const auto plane = MakeKernelMetric<2>();
  SetShapes<2>(*plane);
  ExpectDerivatives2D(*plane);
  for (const bool oriented : { false, true })
  {
    const auto space = MakeKernelMetric<3>();
    SetShapes<3>(*space, true);
    space->SetDirectionWeight(6.0);
    space->SetOrientedDirections(oriented);
    ExpectDerivatives3D(*space);
  }
}

TEST(SinkhornPointSetMetric, IsZeroForEqualShapes)
{
  const auto shape = Testing::MakeSurfaceMesh(6);
  const auto transport = TransportMetric<3>::New();
  const auto kernel = KernelMetric<3>::New();
  for (itk::ParticlePointSetToPointSetMetricv4<MeshType<3>> * metric :
       { static_cast<itk::ParticlePointSetToPointSetMetricv4<MeshType<3>> *>(transport.GetPointer()),
         static_cast<itk::ParticlePointSetToPointSetMetricv4<MeshType<3>> *>(kernel.GetPointer()) })
  {
    metric->SetFixedPointSet(shape);
    metric->SetMovingPointSet(shape);
    metric->SetMovingTransform(itk::TranslationTransform<double, 3>::New());
    metric->Initialize();
    double                                               value = 1.0;
    itk::TranslationTransform<double, 3>::DerivativeType derivative;
    metric->GetValueAndDerivative(value, derivative);
    EXPECT_EQ(value, 0.0);
    EXPECT_LT(derivative.magnitude(), 1e-6);
    EXPECT_GT(metric->GetBlurInUse(), 0.0);
  }
}

TEST(SinkhornPointSetMetric, IsInvariantToRigidMotionsOfBoth)
{
  auto motion = itk::Euler3DTransform<double>::New();
  motion->SetRotation(0.7, -0.3, 1.1);
  motion->Translate(itk::Vector<double, 3>(1000.0));
  const auto carry = [&](itk::Point<float, 3> & point) {
    itk::Point<double, 3> exact;
    exact.CastFrom(point);
    point.CastFrom(motion->TransformPoint(exact));
  };
  const auto fixed = Testing::MakeSurfaceMesh(8);
  const auto moving = Testing::MakeSurfaceMesh(9, 1.0, 22.0);
  double     values[2];
  for (const int moved : { 0, 1 })
  {
    const auto metric = TransportMetric<3>::New();
    metric->SetBlur(2.0);
    metric->SetTolerance(1e-5);
    metric->SetFixedPointSet(moved ? Testing::MoveMesh(fixed.GetPointer(), carry) : fixed);
    metric->SetMovingPointSet(moved ? Testing::MoveMesh(moving.GetPointer(), carry) : moving);
    metric->Initialize();
    values[moved] = metric->GetValue();
  }
  EXPECT_NEAR(values[1] / values[0], 1.0, 1e-3);
}

TEST(SinkhornPointSetMetric, IsNearlyTheSameForAFinerSampling)
{
  double values[2];
  for (const int fine : { 0, 1 })
  {
    const auto metric = TransportMetric<2>::New();
    metric->SetBlur(1.0);
    metric->SetFixedPointSet(Testing::MakeCurveMesh<2>(fine ? 401 : 201));
    metric->SetMovingPointSet(Testing::MakeCurveMesh<2>(251, 0.4, 22.0));
    metric->Initialize();
    values[fine] = metric->GetValue();
  }
  EXPECT_NEAR(values[1] / values[0], 1.0, 0.01);
}

TEST(SinkhornPointSetMetric, NumberOfThreadsDoesNotMatter)
{
  using DerivativeType = itk::AffineTransform<double, 3>::DerivativeType;
  const auto     usual = itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  double         values[3];
  DerivativeType derivatives[3];
  for (const int k : { 0, 1, 2 })
  {
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1 << k);
    const auto metric = TransportMetric<3>::New();
    metric->SetFixedPointSet(Testing::MakeSurfaceMesh(40));
    metric->SetMovingPointSet(Testing::MakeSurfaceMesh(41, 1.0, 22.0));
    metric->SetMovingTransform(itk::AffineTransform<double, 3>::New());
    metric->Initialize();
    metric->GetValueAndDerivative(values[k], derivatives[k]);
  }
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(usual);
  for (const int k : { 1, 2 })
  {
    EXPECT_EQ(values[0], values[k]);
    EXPECT_TRUE(derivatives[0] == derivatives[k]);
  }
}

TEST(SinkhornPointSetMetric, BearsPlanarFarSingleAndDuplicatedPoints)
{
  using CloudType = itk::PointSet<double, 3>;
  const auto makeCloud = [](unsigned int points, double distance, unsigned int different) {
    auto cloud = CloudType::New();
    for (unsigned int k = 0; k < points; ++k)
    {
      CloudType::PointType point;
      point[0] = distance + k % different;
      point[1] = 0.5 * (k % different) * (k % 3);
      point[2] = 7.0; // a plane
      cloud->SetPoint(k, point);
    }
    return cloud;
  };
  const auto metric = itk::SinkhornPointSetToPointSetMetricv4<CloudType>::New();
  metric->SetBlur(0.5);
  metric->SetMovingTransform(itk::TranslationTransform<double, 3>::New());
  itk::TranslationTransform<double, 3>::DerivativeType derivative;
  double                                               value = 0.0;
  const auto evaluate = [&](const CloudType * fixed, const CloudType * moving) {
    metric->SetFixedPointSet(fixed);
    metric->SetMovingPointSet(moving);
    metric->Initialize();
    metric->GetValueAndDerivative(value, derivative);
    EXPECT_TRUE(metric->GetConverged());
  };
  evaluate(makeCloud(50, 0.0, 50), makeCloud(50, 1000.0, 50));
  EXPECT_NEAR(value, 0.5e6, 1.0);
  EXPECT_NEAR(derivative[0], 1000.0, 1e-2);
  EXPECT_NEAR(derivative[2], 0.0, 1e-3);
  evaluate(makeCloud(1, 0.0, 1), makeCloud(1, 3.0, 1));
  EXPECT_NEAR(value, 4.5, 1e-9);
  EXPECT_NEAR(derivative[0], 3.0, 1e-9);
  evaluate(makeCloud(60, 0.0, 3), makeCloud(30, 0.0, 3));
  EXPECT_NEAR(value, 0.0, 1e-3);
}

TEST(SinkhornPointSetMetric, TakesMassesOfPoints)
{
  using CloudType = itk::PointSet<float, 2>;
  auto fixed = CloudType::New();
  auto moving = CloudType::New();
  for (const unsigned int k : { 0u, 1u })
  {
    CloudType::PointType point;
    point.Fill(0.0f);
    point[0] = 100.0f * static_cast<float>(k);
    fixed->SetPoint(k, point);
    moving->SetPoint(k, point);
  }
  const auto metric = itk::SinkhornPointSetToPointSetMetricv4<CloudType>::New();
  metric->SetBlur(1.0);
  metric->SetFixedPointSet(fixed);
  metric->SetMovingPointSet(moving);
  itk::Array<double> masses(2);
  masses[0] = 3.0;
  masses[1] = 1.0;
  metric->SetFixedMasses(masses);
  metric->Initialize();
  // a quarter of the mass has to go 100 mm
  EXPECT_NEAR(metric->GetValue(), 0.25 * 0.5 * 1e4, 5.0);
}

TEST(SinkhornPointSetMetric, RefusesByName)
{
  using CloudType = itk::PointSet<float, 2>;
  const auto message = [](const std::function<void(itk::SinkhornPointSetToPointSetMetricv4<CloudType> &)> & spoil) {
    auto                 cloud = CloudType::New();
    CloudType::PointType point;
    point.Fill(1.0f);
    cloud->SetPoint(0, point);
    point.Fill(2.0f);
    cloud->SetPoint(1, point);
    const auto metric = itk::SinkhornPointSetToPointSetMetricv4<CloudType>::New();
    metric->SetFixedPointSet(cloud);
    metric->SetMovingPointSet(cloud);
    spoil(*metric);
    try
    {
      metric->Initialize();
    }
    catch (const itk::ExceptionObject & error)
    {
      return std::string(error.GetDescription());
    }
    return std::string("no exception");
  };
  const auto expect = [&](const char * text, const auto & spoil) {
    const std::string description = message(spoil);
    EXPECT_NE(description.find(text), std::string::npos) << description;
  };
  using MetricType = itk::SinkhornPointSetToPointSetMetricv4<CloudType>;
  expect("no exception", [](MetricType &) {});
  expect("fixed point set has no points", [](MetricType & m) { m.SetFixedPointSet(CloudType::New()); });
  expect("moving point set is missing", [](MetricType & m) { m.SetMovingPointSet(nullptr); });
  expect("Blur", [](MetricType & m) { m.SetBlur(-1.0); });
  expect("Reach", [](MetricType & m) { m.SetReach(-1.0); });
  expect("Tolerance", [](MetricType & m) { m.SetTolerance(0.0); });
  expect("MaximumNumberOfIterations", [](MetricType & m) { m.SetMaximumNumberOfIterations(0); });
  expect("fixed point set has no cells", [](MetricType & m) { m.SetDirectionWeight(1.0); });
  expect("3 fixed masses for 2 points", [](MetricType & m) { m.SetFixedMasses(itk::Array<double>(3, 1.0)); });
  expect("mass of particle", [](MetricType & m) { m.SetMovingMasses(itk::Array<double>(2, -1.0)); });
}

} // namespace
