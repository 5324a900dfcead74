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
// ImageRegistrationMethodv4 driven by the metric: linear transforms, displacement fields, several metrics at once.
#include "itkSinkhornMetricTestUtilities.h"

#include "itkAffineTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkEuler2DTransform.h"
#include "itkGradientDescentOptimizerv4.h"
#include "itkImageRegistrationMethodv4.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkObjectToObjectMultiMetricv4.h"
#include "itkRegistrationParameterScalesFromPhysicalShift.h"
#include "itkRegularStepGradientDescentOptimizerv4.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

namespace
{

constexpr unsigned int Dimension = 2;
constexpr double       N = 48;
using ImageType = itk::Image<float, Dimension>;
using PointType = ImageType::PointType;
using TransformType = itk::Transform<double, Dimension, Dimension>;
using MetricType = itk::SinkhornImageToImageMetricv4<ImageType, ImageType>;
using RegistrationType = itk::ImageRegistrationMethodv4<ImageType, ImageType, TransformType>;
using OptimizerType = itk::RegularStepGradientDescentOptimizerv4<double>;
using ScalesType = itk::RegistrationParameterScalesFromPhysicalShift<MetricType>;

/** An unsymmetric shape around the centre: an L of two bumps and a small one. */
double
Shape(const PointType & p)
{
  const auto at = [](double x, double y) {
    PointType point;
    point[0] = 0.5 * (N - 1) + x;
    point[1] = 0.5 * (N - 1) + y;
    return point;
  };
  return Bump(p, at(-4, -3), 6.0) + 0.8 * Bump(p, at(4, -3), 5.0) + 0.7 * Bump(p, at(-4, 6), 4.0);
}

/** The image in which \a transform finds the shape: moving(T(x)) = Shape(x). */
ImageType::Pointer
MakeMoving(const TransformType & transform)
{
  const auto inverse = transform.GetInverseTransform();
  return MakeImage<ImageType>(MakeCube<Dimension>(N),
                              [&](const PointType & p) { return Shape(inverse->TransformPoint(p)); });
}

ImageType::Pointer
MakeFixed()
{
  return MakeImage<ImageType>(MakeCube<Dimension>(N), Shape);
}

RegistrationType::Pointer
MakeRegistration(ImageType * fixed, ImageType * moving, MetricType * metric, TransformType * initial, double step)
{
  const auto scales = ScalesType::New();
  scales->SetMetric(metric);
  const auto optimizer = OptimizerType::New();
  optimizer->SetScalesEstimator(scales);
  optimizer->SetDoEstimateLearningRateAtEachIteration(false);
  optimizer->SetDoEstimateLearningRateOnce(false);
  optimizer->SetLearningRate(step);
  optimizer->SetMinimumStepLength(1e-3 * step);
  optimizer->SetRelaxationFactor(0.6);
  optimizer->SetGradientMagnitudeTolerance(1e-8);
  optimizer->SetNumberOfIterations(150);

  const auto registration = RegistrationType::New();
  registration->SetFixedImage(fixed);
  registration->SetMovingImage(moving);
  registration->SetMetric(metric);
  registration->SetOptimizer(optimizer);
  registration->SetInitialTransform(initial);
  registration->InPlaceOn();
  registration->SetNumberOfLevels(2);
  RegistrationType::ShrinkFactorsArrayType shrink(2);
  shrink[0] = 2;
  shrink[1] = 1;
  registration->SetShrinkFactorsPerLevel(shrink);
  RegistrationType::SmoothingSigmasArrayType sigmas(2);
  sigmas[0] = 1.0;
  sigmas[1] = 0.0;
  registration->SetSmoothingSigmasPerLevel(sigmas);
  return registration;
}

/** Root mean square distance between where two transforms take the points of the shape, mm. */
double
Error(const TransformType & transform, const TransformType & truth)
{
  double                                       sum = 0.0;
  double                                       weight = 0.0;
  const auto                                   fixed = MakeFixed();
  itk::ImageRegionIteratorWithIndex<ImageType> it(fixed, fixed->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    PointType point;
    fixed->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    sum += it.Get() * transform.TransformPoint(point).SquaredEuclideanDistanceTo(truth.TransformPoint(point));
    weight += it.Get();
  }
  return std::sqrt(sum / weight);
}

/** Registers the shape to the image made by \a truth, from \a initial, with both mass models. */
template <typename TTransform>
void
ExpectToFind(const TTransform & truth, double tolerance)
{
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto metric = MetricType::New();
    metric->SetMassModel(model);
    const auto transform = TTransform::New();
    transform->SetFixedParameters(truth.GetFixedParameters());
    const auto   registration = MakeRegistration(MakeFixed(), MakeMoving(truth), metric, transform, 1.0);
    const double before = Error(*transform, truth);
    registration->Update();
    EXPECT_GT(before, 3.0);
    EXPECT_LT(Error(*transform, truth), tolerance) << model << ' ' << transform->GetParameters();
    EXPECT_TRUE(metric->GetConverged());
  }
}

itk::Vector<double, Dimension>
V(double x, double y)
{
  itk::Vector<double, Dimension> vector;
  vector[0] = x;
  vector[1] = y;
  return vector;
}

} // namespace

TEST(SinkhornRegistration, FindsATranslation)
{
  const auto truth = itk::TranslationTransform<double, Dimension>::New();
  truth->Translate(V(9.0, -6.0));
  ExpectToFind(*truth, 0.1);
}

TEST(SinkhornRegistration, FindsARigidTransform)
{
  const auto truth = itk::Euler2DTransform<double>::New();
  PointType  centre;
  centre.Fill(0.5 * (N - 1));
  truth->SetCenter(centre);
  truth->SetAngle(0.4);
  truth->SetTranslation(V(5.0, 4.0));
  ExpectToFind(*truth, 0.2);
}

TEST(SinkhornRegistration, FindsAnAffineTransform)
{
  const auto truth = itk::AffineTransform<double, Dimension>::New();
  PointType  centre;
  centre.Fill(0.5 * (N - 1));
  truth->SetCenter(centre);
  truth->Scale(V(1.15, 0.9));
  truth->Shear(0, 1, 0.1);
  truth->Translate(V(5.0, 3.0));
  ExpectToFind(*truth, 0.4);
}

TEST(SinkhornRegistration, MovesADisplacementField)
{
  using FieldTransformType = itk::DisplacementFieldTransform<double, Dimension>;
  const auto truth = itk::TranslationTransform<double, Dimension>::New();
  truth->Translate(V(3.0, -2.0));
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto fixed = MakeFixed();
    const auto moving = MakeMoving(*truth);
    const auto metric = MetricType::New();
    metric->SetMassModel(model);
    const auto transform = FieldTransformType::New();
    const auto field = FieldTransformType::DisplacementFieldType::New();
    field->CopyInformation(fixed);
    field->SetRegions(fixed->GetBufferedRegion());
    field->Allocate();
    field->FillBuffer(V(0.0, 0.0));
    transform->SetDisplacementField(field);
    const auto registration = MakeRegistration(fixed, moving, metric, transform, 2.0);
    registration->SetNumberOfLevels(1);
    // local transforms need the optimiser that knows local scales
    const auto scales = ScalesType::New();
    scales->SetMetric(metric);
    const auto optimizer = itk::GradientDescentOptimizerv4::New();
    optimizer->SetScalesEstimator(scales);
    optimizer->SetMaximumStepSizeInPhysicalUnits(0.5);
    optimizer->SetNumberOfIterations(30);
    registration->SetOptimizer(optimizer);
    const auto evaluate = [&] {
      metric->SetVirtualDomainFromImage(fixed);
      metric->SetFixedImage(fixed);
      metric->SetMovingImage(moving);
      metric->SetMovingTransform(transform);
      metric->SetFixedTransform(itk::TranslationTransform<double, Dimension>::New());
      metric->Initialize();
      return metric->GetValue();
    };
    const double before = evaluate();
    registration->Update();
    const double after = evaluate();
    EXPECT_LT(after, 0.3 * before) << model;
  }
}

TEST(SinkhornRegistration, WorksBesideAnotherMetric)
{
  using MultiMetricType = itk::ObjectToObjectMultiMetricv4<Dimension, Dimension, ImageType>;
  const auto truth = itk::TranslationTransform<double, Dimension>::New();
  truth->Translate(V(6.0, -4.0));
  const auto sinkhorn = MetricType::New();
  const auto meanSquares = itk::MeanSquaresImageToImageMetricv4<ImageType, ImageType>::New();
  const auto metric = MultiMetricType::New();
  metric->AddMetric(sinkhorn);
  metric->AddMetric(meanSquares);

  const auto fixed = MakeFixed();
  const auto moving = MakeMoving(*truth);
  const auto optimizer = OptimizerType::New();
  optimizer->SetLearningRate(1.0);
  optimizer->SetMinimumStepLength(1e-3);
  optimizer->SetNumberOfIterations(100);
  const auto transform = itk::TranslationTransform<double, Dimension>::New();
  const auto registration = RegistrationType::New();
  registration->SetFixedImage(0, fixed);
  registration->SetMovingImage(0, moving);
  registration->SetFixedImage(1, fixed);
  registration->SetMovingImage(1, moving);
  registration->SetMetric(metric);
  registration->SetOptimizer(optimizer);
  registration->SetInitialTransform(transform);
  registration->InPlaceOn();
  registration->SetNumberOfLevels(1);
  registration->Update();
  EXPECT_LT(Error(*transform, *truth), 0.1) << transform->GetParameters();
  EXPECT_GT(sinkhorn->GetNumberOfSolves(), 1u);
}

TEST(SinkhornRegistration, RefusesRandomSampling)
{
  const auto metric = MetricType::New();
  const auto transform = itk::TranslationTransform<double, Dimension>::New();
  const auto registration = MakeRegistration(MakeFixed(), MakeFixed(), metric, transform, 1.0);
  registration->SetMetricSamplingStrategy(RegistrationType::MetricSamplingStrategyEnum::RANDOM);
  try
  {
    registration->Update();
    ADD_FAILURE() << "no exception";
  }
  catch (const itk::ExceptionObject & error)
  {
    EXPECT_NE(std::string(error.GetDescription()).find("UseSampledPointSet"), std::string::npos);
  }
}
