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
// The point set metrics in the hands of ITK's own optimizers and registration methods.

#include "itkKernelDistancePointSetToPointSetMetricv4.h"
#include "itkSinkhornPointSetToPointSetMetricv4.h"
#include "itkSinkhornTestShapes.h"

#include "itkAffineTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkGradientDescentOptimizerv4.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkObjectToObjectMultiMetricv4.h"
#include "itkRegistrationParameterScalesFromPhysicalShift.h"
#include "itkSyNImageRegistrationMethod.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace
{

using namespace itk::Sinkhorn;
using PlaneMesh = itk::Mesh<float, 2>;
using SpaceMesh = itk::Mesh<float, 3>;
using PlaneImage = itk::Image<double, 2>;
using FieldTransform = itk::DisplacementFieldTransform<double, 2>;

/** Mean distance between points of the same number, the first ones moved. */
template <typename TMesh, typename TTransform>
double
GetMeanDistance(const TMesh & fixed, const TMesh & moving, const TTransform & transform)
{
  double sum = 0.0;
  for (itk::SizeValueType k = 0; k < fixed.GetNumberOfPoints(); ++k)
  {
    itk::Point<double, TMesh::PointDimension> point;
    itk::Point<double, TMesh::PointDimension> goal;
    point.CastFrom(fixed.GetPoint(k));
    goal.CastFrom(moving.GetPoint(k));
    sum += transform.TransformPoint(point).EuclideanDistanceTo(goal);
  }
  return sum / static_cast<double>(fixed.GetNumberOfPoints());
}

PlaneImage::Pointer
MakeDomain()
{
  auto                    image = PlaneImage::New();
  PlaneImage::PointType   origin;
  PlaneImage::SpacingType spacing;
  origin.Fill(-40.0);
  spacing.Fill(2.0);
  image->SetRegions(PlaneImage::SizeType{ { 41, 41 } });
  image->SetOrigin(origin);
  image->SetSpacing(spacing);
  image->Allocate(true);
  return image;
}

FieldTransform::Pointer
MakeIdentityField(const PlaneImage & domain)
{
  auto transform = FieldTransform::New();
  for (const bool inverse : { false, true })
  {
    auto field = FieldTransform::DisplacementFieldType::New();
    field->CopyInformation(&domain);
    field->SetRegions(domain.GetLargestPossibleRegion());
    field->Allocate(true);
    inverse ? transform->SetInverseDisplacementField(field) : transform->SetDisplacementField(field);
  }
  return transform;
}

TEST(SinkhornPointSetMetricClients, GradientDescentFindsAnAffineTransform)
{
  using MetricType = itk::SinkhornPointSetToPointSetMetricv4<SpaceMesh>;
  const auto moving = Testing::MakeSurfaceMesh(9);
  const auto fixed = Testing::MoveMesh<SpaceMesh>(moving.GetPointer(), [](SpaceMesh::PointType & point) {
    point[0] = 1.15f * point[0] + 0.1f * point[1] + 12.0f;
    point[1] = 0.9f * point[1] - 0.1f * point[2] - 7.0f;
  });
  const auto transform = itk::AffineTransform<double, 3>::New();
  const auto metric = MetricType::New();
  metric->SetFixedPointSet(fixed);
  metric->SetMovingPointSet(moving);
  // areas do not stretch alike: with them as masses, the best affine transform would not be the true one
  metric->SetFixedMasses(itk::Array<double>(fixed->GetNumberOfPoints(), 1.0));
  metric->SetMovingMasses(itk::Array<double>(moving->GetNumberOfPoints(), 1.0));
  metric->SetMovingTransform(transform);
  metric->SetBlur(3.0); // half of the distance of the points
  metric->Initialize();

  const auto scales = itk::RegistrationParameterScalesFromPhysicalShift<MetricType>::New();
  scales->SetMetric(metric);
  scales->SetVirtualDomainPointSet(metric->GetVirtualTransformedPointSet());
  const auto optimizer = itk::GradientDescentOptimizerv4::New();
  optimizer->SetMetric(metric);
  optimizer->SetScalesEstimator(scales);
  optimizer->SetNumberOfIterations(300);
  optimizer->SetMaximumStepSizeInPhysicalUnits(2.0);
  optimizer->StartOptimization();
  // more than 12 mm before
  EXPECT_LT(GetMeanDistance(*fixed, *moving, *transform), 0.6);
}

TEST(SinkhornPointSetMetricClients, SyNBendsACurve)
{
  const auto moving = Testing::MakeCurveMesh<2>(60);
  const auto fixed = Testing::MakeCurveMesh<2>(60, 0.5, 22.0);
  const auto domain = MakeDomain();
  const auto metric = itk::SinkhornPointSetToPointSetMetricv4<PlaneMesh>::New();
  metric->SetVirtualDomainFromImage(domain);

  using MethodType = itk::SyNImageRegistrationMethod<PlaneImage, PlaneImage, FieldTransform, PlaneImage, PlaneMesh>;
  const auto method = MethodType::New();
  const auto transform = MakeIdentityField(*domain);
  method->SetFixedPointSet(fixed);
  method->SetMovingPointSet(moving);
  method->SetMetric(metric);
  method->SetInitialTransform(transform);
  method->InPlaceOn();
  method->SetNumberOfLevels(1);
  method->SetShrinkFactorsPerLevel(MethodType::ShrinkFactorsArrayType(1, 1.0));
  method->SetSmoothingSigmasPerLevel(MethodType::SmoothingSigmasArrayType(1, 0.0));
  method->SetNumberOfIterationsPerLevel(itk::Array<itk::SizeValueType>(1, 40));
  method->SetLearningRate(0.5);
  method->SetGaussianSmoothingVarianceForTheUpdateField(30.0);
  const double before = GetMeanDistance(*fixed, *moving, *transform);
  method->Update();
  EXPECT_LT(GetMeanDistance(*fixed, *moving, *transform), 0.25 * before);
}

TEST(SinkhornPointSetMetricClients, AMultiMetricTakesItBesideAnImageMetric)
{
  const auto domain = MakeDomain();
  const auto field = MakeIdentityField(*domain);
  const auto points = itk::SinkhornPointSetToPointSetMetricv4<PlaneMesh>::New();
  points->SetFixedPointSet(Testing::MakeCurveMesh<2>(40));
  points->SetMovingPointSet(Testing::MakeCurveMesh<2>(50, 0.5, 22.0));
  const auto images = itk::MeanSquaresImageToImageMetricv4<PlaneImage, PlaneImage>::New();
  images->SetFixedImage(domain);
  images->SetMovingImage(domain);
  const auto both = itk::ObjectToObjectMultiMetricv4<2, 2, PlaneImage>::New();
  both->AddMetric(points);
  both->AddMetric(images);
  both->SetMovingTransform(field);
  both->SetVirtualDomainFromImage(domain);
  both->Initialize();
  double                         value = 0.0;
  FieldTransform::DerivativeType derivative(both->GetNumberOfParameters());
  both->GetValueAndDerivative(value, derivative);
  EXPECT_GT(value, 0.0);
  // a step along it, scaled to 1 mm, brings the curves together
  double longest = 0.0;
  for (unsigned int k = 0; k < derivative.Size(); ++k)
  {
    longest = std::max(longest, std::abs(derivative[k]));
  }
  field->UpdateTransformParameters(derivative, 1.0 / longest);
  EXPECT_LT(points->GetValue(), value);
}

TEST(SinkhornPointSetMetricClients, TheDerivativeOfAFieldIsSharedOutOrListed)
{
  const auto domain = MakeDomain();
  const auto metric = itk::KernelDistancePointSetToPointSetMetricv4<PlaneMesh>::New();
  metric->SetFixedPointSet(Testing::MakeCurveMesh<2>(40));
  metric->SetMovingPointSet(Testing::MakeCurveMesh<2>(50, 0.5, 22.0));
  metric->SetMovingTransform(MakeIdentityField(*domain));
  metric->SetVirtualDomainFromImage(domain);
  double sums[2][2];
  for (const bool listed : { false, true })
  {
    metric->SetStoreDerivativeAsSparseFieldForLocalSupportTransforms(!listed);
    metric->Initialize();
    double                         value = 0.0;
    FieldTransform::DerivativeType derivative;
    metric->GetValueAndDerivative(value, derivative);
    EXPECT_EQ(derivative.Size(), listed ? 2u * 40u : 2u * 41u * 41u);
    for (const unsigned int d : { 0u, 1u })
    {
      sums[listed][d] = 0.0;
      for (unsigned int k = d; k < derivative.Size(); k += 2)
      {
        sums[listed][d] += derivative[k];
      }
    }
  }
  EXPECT_NEAR(sums[0][0], sums[1][0], 1e-12);
  EXPECT_NEAR(sums[0][1], sums[1][1], 1e-12);
  EXPECT_NE(sums[0][0], 0.0);
}

} // namespace
