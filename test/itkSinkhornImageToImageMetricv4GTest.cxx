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
// Properties of the value and the derivative, and the cache.
#include "itkSinkhornImageToImageMetricv4TestUtilities.h"

#include "itkDisplacementFieldTransform.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <string>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

TEST(SinkhornMetric, IsZeroWithoutGradientForEqualImages)
{
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    for (const double reach : { 0.0, 5.0 })
    {
      const auto metric = MakeMetric(0.0);
      metric->SetMassModel(model);
      metric->SetReach(reach);
      metric->Initialize();
      MetricType::MeasureType    value;
      MetricType::DerivativeType derivative;
      metric->GetValueAndDerivative(value, derivative);
      EXPECT_NEAR(value, 0.0, 1e-8);
      EXPECT_NEAR(derivative[0], 0.0, 1e-8);
      EXPECT_NEAR(derivative[1], 0.0, 1e-8);
    }
  }
}

TEST(SinkhornMetric, IsPositiveForDifferentImages)
{
  std::mt19937                           generator(1);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  const auto noise = [&](const ImageType::PointType &) { return std::max(0.0, uniform(generator) - 0.4); };
  for (int i = 0; i < 4; ++i)
  {
    const auto metric =
      MakeMetric(MakeImage<ImageType>(MakeCube<2>(12), noise), MakeImage<ImageType>(MakeCube<2>(12), noise));
    EXPECT_GT(ValueOf(*metric), 1e-4);
  }
}

TEST(SinkhornMetric, TranslationByDCostsHalfDSquared)
{
  for (const double shift : { 2.0, 5.0 })
  {
    const double expected = 0.5 * 2 * shift * shift;
    for (const auto model : { MassModel::Intensity, MassModel::PushForward })
    {
      const auto metric = MakeMetric(shift);
      metric->SetMassModel(model);
      metric->Initialize();
      MetricType::MeasureType    value;
      MetricType::DerivativeType derivative;
      metric->GetValueAndDerivative(value, derivative);
      EXPECT_NEAR(value, expected, 1e-6 * expected);
      // adding the derivative moves T(x) by the shift, towards the moving shape
      EXPECT_NEAR(derivative[0], shift, 2e-3 * shift);
      EXPECT_NEAR(derivative[1], shift, 2e-3 * shift);
    }
  }
}

TEST(SinkhornMetric, DoesNotDependOnTheUnitOfIntensity)
{
  const auto                                   fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto                                   moving = MakeBumps<ImageType>(MakeCube<2>(N), 2.0, N);
  const double                                 value = ValueOf(*MakeMetric(fixed, moving));
  itk::ImageRegionIteratorWithIndex<ImageType> it(moving, moving->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    it.Set(1000.0 * it.Get());
  }
  EXPECT_NEAR(ValueOf(*MakeMetric(fixed, moving)), value, 1e-9 * value);
}

TEST(SinkhornMetric, ReachShowsADifferenceOfMass)
{
  const auto                                   fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto                                   moving = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  itk::ImageRegionIteratorWithIndex<ImageType> it(moving, moving->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    it.Set(2.0 * it.Get());
  }
  const auto metric = MakeMetric(fixed, moving);
  EXPECT_NEAR(ValueOf(*metric), 0.0, 1e-8);
  metric->SetReach(5.0);
  EXPECT_NEAR(ValueOf(*metric), 0.0, 1e-8);
  metric->PreserveMassRatioOn();
  EXPECT_GT(ValueOf(*metric), 0.1);
  EXPECT_NEAR(metric->GetMovingMass(), 2.0 * metric->GetFixedMass(), 1e-9);
}

TEST(SinkhornMetric, IsSymmetric)
{
  const auto fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto moving = MakeBumps<ImageType>(MakeCube<2>(N), 3.0, 0.8 * N);
  for (const double reach : { 0.0, 6.0 })
  {
    const auto forward = MakeMetric(fixed, moving);
    const auto backward = MakeMetric(moving, fixed);
    forward->SetReach(reach);
    backward->SetReach(reach);
    const double value = ValueOf(*forward);
    EXPECT_NEAR(ValueOf(*backward), value, 1e-8 * value);
  }
}

TEST(SinkhornMetric, SwappedImagesNeedNoSecondSolve)
{
  const auto fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto moving = MakeBumps<ImageType>(MakeCube<2>(N), 3.0, 0.8 * N);
  for (const double reach : { 0.0, 6.0 })
  {
    const auto metric = MakeMetric(fixed, moving);
    metric->SetReach(reach);
    const double value = ValueOf(*metric);
    EXPECT_EQ(metric->GetNumberOfSolves(), 1u);
    EXPECT_EQ(ValueOf(*metric), value);
    EXPECT_EQ(metric->GetNumberOfSolves(), 1u);

    // copies: the content counts, not the address
    metric->SetFixedImage(MakeBumps<ImageType>(MakeCube<2>(N), 3.0, 0.8 * N));
    metric->SetMovingImage(MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N));
    MetricType::MeasureType    swapped;
    MetricType::DerivativeType derivative;
    metric->Initialize();
    metric->GetValueAndDerivative(swapped, derivative);
    EXPECT_EQ(metric->GetNumberOfSolves(), 1u);
    EXPECT_EQ(swapped, value);

    // and the derivative is that of the swapped problem
    const auto fresh = MakeMetric(moving, fixed);
    fresh->SetReach(reach);
    MetricType::DerivativeType expected;
    fresh->Initialize();
    fresh->GetValueAndDerivative(swapped, expected);
    EXPECT_NEAR(derivative[0], expected[0], 1e-7 * std::abs(expected[0]));
    EXPECT_NEAR(derivative[1], expected[1], 1e-7 * std::abs(expected[1]));

    // another content at the same address is another problem
    moving->SetPixel(At(3, 3), 1.0);
    metric->SetFixedImage(fixed);
    metric->SetMovingImage(moving);
    EXPECT_NE(ValueOf(*metric), value);
    EXPECT_EQ(metric->GetNumberOfSolves(), 2u);
    metric->SetBlur(2.5);
    ValueOf(*metric);
    EXPECT_EQ(metric->GetNumberOfSolves(), 3u);
    moving->SetPixel(At(3, 3), 0.0);
  }
}

TEST(SinkhornMetric, WarmStartChangesNothingBeyondTheTolerance)
{
  const auto fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto metric = MakeMetric(fixed, MakeBumps<ImageType>(MakeCube<2>(N), 3.0, N));
  ValueOf(*metric);
  metric->SetMovingImage(MakeBumps<ImageType>(MakeCube<2>(N), 3.3, N));
  const double warm = ValueOf(*metric);
  const auto   other = MakeMetric(fixed, MakeBumps<ImageType>(MakeCube<2>(N), 3.3, N));
  other->UseWarmStartOff();
  EXPECT_NEAR(warm, ValueOf(*other), 1e-8 * warm);
}

TEST(SinkhornMetric, ResultsAreBitIdenticalForAnyNumberOfWorkUnits)
{
  // more voxels than one chunk
  const auto geometry = MakeCube<2>(200);
  const auto fixed = MakeBumps<ImageType>(geometry, 0.0, 200);
  const auto moving = MakeBumps<ImageType>(geometry, 20.0, 170);
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    MetricType::MeasureType    firstValue = 0.0;
    MetricType::DerivativeType firstDerivative;
    for (const itk::ThreadIdType workUnits : { 1, 2, 4 })
    {
      const auto metric = MakeMetric(fixed, moving);
      metric->SetBlur(8.0);
      metric->SetTolerance(1e-3);
      metric->SetMassModel(model);
      metric->SetMaximumNumberOfWorkUnits(workUnits);
      EXPECT_EQ(metric->GetMaximumNumberOfWorkUnits(), workUnits);
      metric->Initialize();
      MetricType::MeasureType    value;
      MetricType::DerivativeType derivative;
      metric->GetValueAndDerivative(value, derivative);
      if (workUnits == 1)
      {
        firstValue = value;
        firstDerivative = derivative;
      }
      EXPECT_EQ(value, firstValue);
      EXPECT_EQ(derivative[0], firstDerivative[0]);
      EXPECT_EQ(derivative[1], firstDerivative[1]);
    }
  }
}

TEST(SinkhornMetric, NothingCountsOutsideTheMask)
{
  const auto geometry = MakeCube<2>(N);
  const auto centre = GetCentre(geometry);
  const auto makeFixed = [&] { return MakeBumps<ImageType>(geometry, 0.0, 0.6 * N); };
  const auto makeMoving = [&] { return MakeBumps<ImageType>(geometry, 1.0, 0.6 * N); };
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto clean = MakeMetric(makeFixed(), makeMoving());
    clean->SetMassModel(model);
    const double expected = ValueOf(*clean);

    // rubbish outside the masks, even negative and NaN, at a distance that interpolation does not bridge
    const auto fixed = makeFixed();
    const auto moving = makeMoving();
    fixed->SetPixel(At(1, 1), 50.0);
    fixed->SetPixel(At(1, 2), -50.0);
    moving->SetPixel(At(30, 2), 70.0);
    moving->SetPixel(At(29, 2), std::numeric_limits<double>::quiet_NaN());
    const auto metric = MakeMetric(fixed, moving);
    metric->SetMassModel(model);
    metric->SetFixedImageMask(MakeBallMask(geometry, centre, 14.0));
    metric->SetMovingImageMask(MakeBallMask(geometry, centre, 14.0));
    EXPECT_EQ(ErrorOf(*metric), "");
    EXPECT_NEAR(metric->GetCurrentValue(), expected, 1e-8 * expected);
    if (model == MassModel::Intensity)
    {
      EXPECT_LT(metric->GetNumberOfValidPoints(), N * N);
    }
  }
}

TEST(SinkhornMetric, OutsideTheMaskThereIsNoDerivative)
{
  using TransformType = itk::DisplacementFieldTransform<double, 2>;
  const auto geometry = MakeCube<2>(N);
  const auto metric = MakeMetric();
  const auto mask = MakeBallMask(geometry, GetCentre(geometry), 6.0);
  const auto field = TransformType::DisplacementFieldType::New();
  field->CopyInformation(metric->GetFixedImage());
  field->SetRegions(metric->GetFixedImage()->GetBufferedRegion());
  field->Allocate();
  field->FillBuffer(itk::Vector<double, 2>(0.0));
  const auto transform = TransformType::New();
  transform->SetDisplacementField(field);
  metric->SetMovingTransform(transform);
  metric->SetMovingImageMask(mask);
  metric->SetFixedImageMask(mask);
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    metric->SetMassModel(model);
    metric->Initialize();
    MetricType::MeasureType    value;
    MetricType::DerivativeType derivative;
    metric->GetValueAndDerivative(value, derivative);
    double                                                                  inside = 0.0;
    double                                                                  outside = 0.0;
    itk::ImageRegionIteratorWithIndex<TransformType::DisplacementFieldType> it(field, field->GetBufferedRegion());
    for (itk::SizeValueType i = 0; !it.IsAtEnd(); ++it, ++i)
    {
      itk::Point<double, 2> point;
      field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      const double size = std::abs(derivative[2 * i]) + std::abs(derivative[2 * i + 1]);
      (mask->IsInsideInWorldSpace(point) ? inside : outside) += size;
    }
    EXPECT_GT(inside, 0.0);
    EXPECT_EQ(outside, 0.0);
  }
}

TEST(SinkhornMetric, AutomaticBlurFollowsTheVirtualDomain)
{
  const auto metric = MakeMetric();
  metric->SetBlurToAutomatic();
  EXPECT_TRUE(metric->GetBlurIsAutomatic());
  metric->Initialize();
  EXPECT_DOUBLE_EQ(metric->GetBlurInUse(), 2.0);
  auto coarse = MakeCube<2>(N / 2);
  coarse.spacing[0] = 2.0;
  coarse.spacing[1] = 2.5;
  metric->SetVirtualDomainFromImage(MakeImage<ImageType>(coarse, [](const auto &) { return 0.0; }));
  EXPECT_EQ(ErrorOf(*metric), "");
  EXPECT_DOUBLE_EQ(metric->GetBlurInUse(), 5.0);
  metric->SetBlur(3.0);
  EXPECT_DOUBLE_EQ(metric->GetBlurInUse(), 3.0);
  EXPECT_FALSE(metric->GetBlurIsAutomatic());
}

TEST(SinkhornMetric, FilteredGradientIsPhysical)
{
  // d(x)/dx at spacing 2 is 1/mm however the gradient is computed (ITK's default filter yields 2)
  auto geometry = MakeCube<2>(24);
  geometry.spacing.Fill(2.0);
  const auto fixed = MakeBumps<ImageType>(geometry, 0.0, 48.0);
  const auto moving = MakeBumps<ImageType>(geometry, 2.0, 48.0);
  const auto metric = MakeMetric(fixed, moving);
  metric->SetBlur(4.0);
  MetricType::MeasureType    value;
  MetricType::DerivativeType exact;
  MetricType::DerivativeType filtered;
  metric->Initialize();
  metric->GetValueAndDerivative(value, exact);
  metric->UseMovingImageGradientFilterOn();
  metric->Initialize();
  metric->GetValueAndDerivative(value, filtered);
  EXPECT_NEAR(filtered[0], exact[0], 0.1 * std::abs(exact[0]));
}

TEST(SinkhornMetric, FloatAgreesWithDouble)
{
  const auto metric = FloatMetricType::New();
  metric->SetFixedImage(MakeBumps<FloatImageType>(MakeCube<2>(N), 0.0, N));
  metric->SetMovingImage(MakeBumps<FloatImageType>(MakeCube<2>(N), 3.0, 0.8 * N));
  metric->SetMovingTransform(TranslationType::New());
  metric->SetBlur(2.0);
  metric->SetTolerance(1e-5);
  metric->SetMaximumNumberOfIterations(2000);
  metric->Initialize();
  FloatMetricType::MeasureType    value;
  FloatMetricType::DerivativeType derivative;
  metric->GetValueAndDerivative(value, derivative);
  EXPECT_TRUE(metric->GetConverged());

  const auto reference =
    MakeMetric(MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N), MakeBumps<ImageType>(MakeCube<2>(N), 3.0, 0.8 * N));
  reference->Initialize();
  MetricType::MeasureType    expected;
  MetricType::DerivativeType expectedDerivative;
  reference->GetValueAndDerivative(expected, expectedDerivative);
  EXPECT_NEAR(value, expected, 1e-4 * expected);
  EXPECT_NEAR(derivative[0], expectedDerivative[0], 1e-3 * std::abs(expectedDerivative[0]));
}

TEST(SinkhornMetric, ComputesParametersInFloat)
{
  using SingleMetricType = itk::SinkhornImageToImageMetricv4<FloatImageType, FloatImageType, FloatImageType, float>;
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto metric = SingleMetricType::New();
    metric->SetFixedImage(MakeBumps<FloatImageType>(MakeCube<2>(N), 0.0, N));
    metric->SetMovingImage(MakeBumps<FloatImageType>(MakeCube<2>(N), 3.0, N));
    metric->SetMovingTransform(itk::TranslationTransform<float, 2>::New());
    metric->SetMassModel(model);
    metric->SetTolerance(1e-5);
    metric->SetMaximumNumberOfIterations(2000);
    SingleMetricType::MeasureType    value;
    SingleMetricType::DerivativeType derivative;
    metric->Initialize();
    metric->GetValueAndDerivative(value, derivative);
    EXPECT_NEAR(value, 9.0f, 0.01f) << model;
    EXPECT_NEAR(derivative[0], 3.0f, 0.02f) << model;
    EXPECT_NEAR(derivative[1], 3.0f, 0.02f) << model;
  }
}

TEST(SinkhornMetric, ReadsOutPotentialsAndReport)
{
  const auto metric = MakeMetric();
  EXPECT_FALSE(metric->GetConverged());
  EXPECT_THROW(metric->GetFixedPotential(), itk::ExceptionObject);
  EXPECT_THROW(metric->GetPaperFidelity(), itk::ExceptionObject);
  metric->DebiasOff();
  const double value = ValueOf(*metric);
  EXPECT_TRUE(metric->GetConverged());
  EXPECT_GT(metric->GetNumberOfIterations(), 0u);
  EXPECT_LE(metric->GetMarginalError(), 1e-10);
  EXPECT_DOUBLE_EQ(metric->GetTransportValue(), value);

  // <alpha, f> + <beta, g> is the value
  const auto f = metric->GetMovingPotential();
  const auto g = metric->GetFixedPotential();
  ASSERT_EQ(f->GetBufferedRegion(), metric->GetFixedImage()->GetBufferedRegion());
  double                                       sum = 0.0;
  itk::ImageRegionIteratorWithIndex<ImageType> it(f, f->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    const auto & index = it.GetIndex();
    sum += metric->GetMovingImage()->GetPixel(index) / metric->GetMovingMass() * it.Get() +
           metric->GetFixedImage()->GetPixel(index) / metric->GetFixedMass() * g->GetPixel(index);
  }
  EXPECT_NEAR(sum, value, 1e-8 * value);
  EXPECT_TRUE(std::isfinite(metric->GetPaperFidelity()));
  EXPECT_EQ(metric->GetFirstVariation()->GetPixel(At(5, 6)), f->GetPixel(At(5, 6)));

  metric->SetMassModel(MassModel::PushForward);
  EXPECT_NEAR(ValueOf(*metric), value, 1e-8 * value);
  EXPECT_NEAR(metric->GetMovingPotential()->GetPixel(At(15, 15)), f->GetPixel(At(15, 15)), 1e-4);
}

TEST(SinkhornMetric, PrintsItself)
{
  const auto         metric = MakeMetric();
  std::ostringstream before;
  metric->Print(before);
  ValueOf(*metric);
  std::ostringstream after;
  metric->SetBlurToAutomatic();
  metric->Print(after);
  for (const auto * name : { "Blur: 2",
                             "Reach: 0",
                             "Debias: On",
                             "Tolerance: 1e-10",
                             "MaximumNumberOfIterations: 20000",
                             "Acceleration: ",
                             "NormalizeMasses: On",
                             "ClampNegative: Off",
                             "MassModel: Intensity",
                             "UseWarmStart: On",
                             "MaximumNumberOfWorkUnits: ",
                             "Converged: No",
                             "NumberOfSolves: 0" })
  {
    EXPECT_NE(before.str().find(name), std::string::npos) << name;
  }
  for (const auto * name : { "Blur: automatic, 2", "Converged: Yes", "NumberOfSolves: 1" })
  {
    EXPECT_NE(after.str().find(name), std::string::npos) << name;
  }
  EXPECT_STREQ(metric->GetNameOfClass(), "SinkhornImageToImageMetricv4");
}

TEST(SinkhornMetric, TellsThatItHasNotConverged)
{
  const auto metric = MakeMetric();
  metric->SetMaximumNumberOfIterations(1);
  metric->SetBlur(0.5);
  metric->Initialize();
  testing::internal::CaptureStderr();
  metric->GetValue();
  metric->SetMovingImage(MakeBumps<ImageType>(MakeCube<2>(N), 3.1, N));
  metric->Initialize();
  metric->GetValue();
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_FALSE(metric->GetConverged());
  EXPECT_GT(metric->GetMarginalError(), 1e-10);
  const auto first = warning.find("MaximumNumberOfIterations");
  ASSERT_NE(first, std::string::npos) << warning;
  EXPECT_EQ(warning.find("MaximumNumberOfIterations", first + 1), std::string::npos) << "more than one warning";
}
