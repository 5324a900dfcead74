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
// The kernel distance of images: values, options, and what it refuses.
#include "itkSinkhornMetricTestUtilities.h"

#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <string>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::DistanceKernel;
using itk::Sinkhorn::MassModel;

namespace
{

constexpr itk::SizeValueType N = 32;

using ImageType = itk::Image<double, 2>;
using MetricType = itk::KernelDistanceImageToImageMetricv4<ImageType, ImageType>;

template <typename TImage>
using MetricOf = itk::KernelDistanceImageToImageMetricv4<TImage, TImage>;

template <typename TImage>
typename MetricOf<TImage>::Pointer
MakeMetric(const TImage * fixed,
           const TImage * moving,
           DistanceKernel kernel = DistanceKernel::Gaussian,
           MassModel      model = MassModel::Intensity,
           double         blur = 4.0)
{
  const auto metric = MetricOf<TImage>::New();
  metric->SetFixedImage(fixed);
  metric->SetMovingImage(moving);
  metric->SetMovingTransform(itk::TranslationTransform<double, TImage::ImageDimension>::New());
  metric->SetKernel(kernel);
  metric->SetMassModel(model);
  metric->SetBlur(blur);
  return metric;
}

MetricType::Pointer
MakeMetric(DistanceKernel kernel = DistanceKernel::Gaussian, MassModel model = MassModel::Intensity)
{
  return MakeMetric<ImageType>(
    MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N), MakeBumps<ImageType>(MakeCube<2>(N), 3.0, 0.9 * N), kernel, model);
}

template <typename TMetric>
double
Evaluate(TMetric & metric, typename TMetric::DerivativeType & derivative)
{
  typename TMetric::MeasureType value;
  metric.Initialize();
  metric.GetValueAndDerivative(value, derivative);
  return value;
}

template <typename TMetric>
double
ValueOf(TMetric & metric)
{
  metric.Initialize();
  return metric.GetValue();
}

/** Every kernel with every mass model. */
template <typename TFunction>
void
ForEachKind(const TFunction & function)
{
  for (const auto kernel : { DistanceKernel::Gaussian, DistanceKernel::Energy })
  {
    for (const auto model : { MassModel::Intensity, MassModel::PushForward })
    {
      std::ostringstream name;
      name << kernel << ", " << model;
      SCOPED_TRACE(name.str());
      function(kernel, model);
    }
  }
}

/** The value by its definition, from images on the same grid. */
template <typename TImage>
double
ComputeDensely(const TImage & fixed, const TImage & moving, DistanceKernel kernel, double blur)
{
  struct Node
  {
    typename TImage::PointType point;
    double                     difference;
  };
  std::vector<Node> nodes;
  double            fixedSum = 0.0;
  double            movingSum = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<TImage> it(&fixed, fixed.GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    fixedSum += it.Get();
    movingSum += moving.GetPixel(it.GetIndex());
  }
  for (itk::ImageRegionConstIteratorWithIndex<TImage> it(&fixed, fixed.GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    Node node;
    fixed.TransformIndexToPhysicalPoint(it.GetIndex(), node.point);
    node.difference = moving.GetPixel(it.GetIndex()) / movingSum - it.Get() / fixedSum;
    nodes.push_back(node);
  }
  double value = 0.0;
  for (const auto & x : nodes)
  {
    for (const auto & y : nodes)
    {
      const double squared = x.point.SquaredEuclideanDistanceTo(y.point);
      const double k =
        kernel == DistanceKernel::Gaussian ? std::exp(-0.5 * squared / (blur * blur)) : -std::sqrt(squared);
      value += x.difference * k * y.difference;
    }
  }
  return value;
}

template <typename TImage>
void
ExpectDenseValue(double tolerance)
{
  constexpr itk::SizeValueType n = TImage::ImageDimension == 2 ? 18 : 8;
  const auto                   geometry = MakeObliqueGeometry<TImage::ImageDimension>(n);
  const auto                   fixed = MakeBumps<TImage>(geometry, 0.0, n);
  const auto                   moving = MakeBumps<TImage>(geometry, 1.5, 1.1 * n);
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    const auto   metric = MakeMetric<TImage>(fixed, moving, kernel, model, 3.0);
    const double expected = ComputeDensely(*fixed, *moving, kernel, 3.0);
    EXPECT_NEAR(ValueOf(*metric), expected, tolerance * expected);
  });
}

std::string
ErrorOf(MetricType & metric)
{
  try
  {
    MetricType::DerivativeType derivative;
    Evaluate(metric, derivative);
  }
  catch (const itk::ExceptionObject & error)
  {
    return error.GetDescription();
  }
  return "";
}

void
ExpectError(MetricType & metric, const std::vector<std::string> & words)
{
  const auto message = ErrorOf(metric);
  for (const auto & word : words)
  {
    EXPECT_NE(message.find(word), std::string::npos) << "no \"" << word << "\" in: " << message;
  }
}

} // namespace

TEST(KernelDistanceMetric, EqualsTheSumOverAllPairsOfVoxels)
{
  ExpectDenseValue<itk::Image<double, 2>>(1e-9);
  ExpectDenseValue<itk::Image<double, 3>>(1e-9);
  ExpectDenseValue<itk::Image<float, 2>>(1e-4);
  ExpectDenseValue<itk::Image<float, 3>>(1e-4);
}

TEST(KernelDistanceMetric, IsExactlyZeroForEqualImages)
{
  const auto image = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto copy = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    MetricType::DerivativeType derivative;
    EXPECT_EQ(Evaluate(*MakeMetric<ImageType>(image, copy, kernel, model), derivative), 0.0);
    EXPECT_EQ(derivative[0], 0.0);
    EXPECT_EQ(derivative[1], 0.0);
  });
}

TEST(KernelDistanceMetric, DoesNotDependOnTheResolution)
{
  auto fine = MakeCube<2>(2 * N);
  fine.spacing.Fill(0.5);
  fine.origin.Fill(-0.25);
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    const double expected = ValueOf(*MakeMetric(kernel, model));
    const auto   metric = MakeMetric<ImageType>(
      MakeBumps<ImageType>(fine, 0.0, N), MakeBumps<ImageType>(fine, 3.0, 0.9 * N), kernel, model);
    EXPECT_NEAR(ValueOf(*metric), expected, 5e-3 * expected);
  });
}

TEST(KernelDistanceMetric, FarPointsReachTheBoundsOfTheDefinition)
{
  // two single voxels at distance 20: k(0) + k(0) − 2k(20)
  const auto dot = [](double x) {
    return MakeImage<ImageType>(MakeCube<2>(N),
                                [x](const ImageType::PointType & p) { return p[0] == x && p[1] == 9.0 ? 3.0 : 0.0; });
  };
  const auto metric = MakeMetric<ImageType>(dot(4.0), dot(24.0));
  EXPECT_NEAR(ValueOf(*metric), 2.0 - 2.0 * std::exp(-0.5 * 25.0), 1e-12);
  metric->SetKernel(DistanceKernel::Energy);
  EXPECT_NEAR(ValueOf(*metric), 40.0, 1e-10);
}

TEST(KernelDistanceMetric, DerivativePointsToTheMovingShape)
{
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    const auto                 metric = MakeMetric(kernel, model);
    MetricType::DerivativeType derivative;
    const double               before = Evaluate(*metric, derivative);
    EXPECT_GT(derivative[0], 0.0);
    EXPECT_GT(derivative[1], 0.0);
    auto parameters = metric->GetParameters();
    parameters[0] = parameters[1] = 3.0;
    metric->SetParameters(parameters);
    EXPECT_LT(ValueOf(*metric), 0.3 * before);
  });
}

TEST(KernelDistanceMetric, OffNormalizationTheGaussianSeesADifferenceOfMass)
{
  const auto fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto twice = MakeImage<ImageType>(MakeCube<2>(N), [&](const ImageType::PointType & point) {
    ImageType::IndexType index;
    fixed->TransformPhysicalPointToIndex(point, index);
    return 2.0 * fixed->GetPixel(index);
  });
  const auto metric = MakeMetric<ImageType>(fixed, twice);
  EXPECT_NEAR(ValueOf(*metric), 0.0, 1e-15);
  metric->NormalizeMassesOff();
  const double value = ValueOf(*metric);
  EXPECT_NEAR(metric->GetMovingMass(), 2.0 * metric->GetFixedMass(), 1e-9);
  EXPECT_GT(value, 0.1 * metric->GetFixedMass() * metric->GetFixedMass());
  metric->SetKernel(DistanceKernel::Energy);
  ExpectError(*metric, { "masses have to be equal", "NormalizeMasses", "Gaussian" });
  metric->NormalizeMassesOn();
  EXPECT_NEAR(ValueOf(*metric), 0.0, 1e-12);
}

TEST(KernelDistanceMetric, FirstVariationIntegratesToTheValue)
{
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    const auto metric = MakeMetric(kernel, model);
    EXPECT_THROW(metric->GetFirstVariation(), itk::ExceptionObject);
    const double value = ValueOf(*metric);
    const auto   variation = metric->GetFirstVariation();
    ASSERT_EQ(variation->GetBufferedRegion(), metric->GetFixedImage()->GetBufferedRegion());
    // α is the moving image, or the fixed one that is pushed to it
    double sum = 0.0;
    for (itk::ImageRegionConstIteratorWithIndex<ImageType> it(variation, variation->GetBufferedRegion()); !it.IsAtEnd();
         ++it)
    {
      sum += 0.5 * it.Get() *
             (metric->GetMovingImage()->GetPixel(it.GetIndex()) / metric->GetMovingMass() -
              metric->GetFixedImage()->GetPixel(it.GetIndex()) / metric->GetFixedMass());
    }
    EXPECT_NEAR(model == MassModel::Intensity ? sum : -sum, value, 1e-10 * value);
  });
}

TEST(KernelDistanceMetric, SwappedImagesNeedNoSecondConvolution)
{
  const auto                 fixed = MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N);
  const auto                 moving = MakeBumps<ImageType>(MakeCube<2>(N), 3.0, 0.9 * N);
  const auto                 metric = MakeMetric<ImageType>(fixed, moving);
  MetricType::DerivativeType derivative;
  const double               value = Evaluate(*metric, derivative);
  metric->SetFixedImage(moving);
  metric->SetMovingImage(fixed);
  EXPECT_EQ(Evaluate(*metric, derivative), value);
  EXPECT_EQ(metric->GetNumberOfConvolutions(), 1u);
  MetricType::DerivativeType expected;
  Evaluate(*MakeMetric<ImageType>(moving, fixed), expected);
  EXPECT_EQ(derivative, expected);
}

TEST(KernelDistanceMetric, ResultsAreBitIdenticalForAnyNumberOfWorkUnits)
{
  const auto fixed = MakeBumps<ImageType>(MakeCube<2>(200), 0.0, 200);
  const auto moving = MakeBumps<ImageType>(MakeCube<2>(200), 20.0, 170);
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    double                     value = 0.0;
    MetricType::DerivativeType derivative;
    for (itk::ThreadIdType workUnits = 1; workUnits <= 4; ++workUnits)
    {
      const auto metric = MakeMetric<ImageType>(fixed, moving, kernel, model, 15.0);
      metric->SetMaximumNumberOfWorkUnits(workUnits);
      MetricType::DerivativeType current;
      const double               currentValue = Evaluate(*metric, current);
      if (workUnits == 1)
      {
        value = currentValue;
        derivative = current;
      }
      EXPECT_EQ(currentValue, value);
      EXPECT_EQ(current, derivative);
    }
  });
}

TEST(KernelDistanceMetric, ComputesParametersInFloat)
{
  using FloatImageType = itk::Image<float, 2>;
  using FloatMetricType =
    itk::KernelDistanceImageToImageMetricv4<FloatImageType, FloatImageType, FloatImageType, float>;
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    const auto metric = FloatMetricType::New();
    metric->SetFixedImage(MakeBumps<FloatImageType>(MakeCube<2>(N), 0.0, N));
    metric->SetMovingImage(MakeBumps<FloatImageType>(MakeCube<2>(N), 3.0, 0.9 * N));
    metric->SetMovingTransform(itk::TranslationTransform<float, 2>::New());
    metric->SetKernel(kernel);
    metric->SetMassModel(model);
    metric->SetBlur(4.0);
    FloatMetricType::DerivativeType derivative;
    MetricType::DerivativeType      expected;
    const double                    value = Evaluate(*metric, derivative);
    const double                    expectedValue = Evaluate(*MakeMetric(kernel, model), expected);
    EXPECT_NEAR(value, expectedValue, 1e-4 * expectedValue);
    EXPECT_NEAR(derivative[0], expected[0], 1e-3 * std::abs(expected[0]));
    EXPECT_NEAR(derivative[1], expected[1], 1e-3 * std::abs(expected[1]));
  });
}

TEST(KernelDistanceMetric, PrintsItself)
{
  const auto         metric = MakeMetric(DistanceKernel::Energy, MassModel::PushForward);
  std::ostringstream text;
  ValueOf(*metric);
  metric->Print(text);
  for (const auto * name : { "Blur: 4",
                             "NormalizeMasses: On",
                             "ClampNegative: Off",
                             "MassModel: PushForward",
                             "MaximumNumberOfWorkUnits: ",
                             "FixedMass: ",
                             "MovingMass: ",
                             "Kernel: Energy",
                             "NumberOfConvolutions: 1" })
  {
    EXPECT_NE(text.str().find(name), std::string::npos) << name;
  }
  EXPECT_STREQ(metric->GetNameOfClass(), "KernelDistanceImageToImageMetricv4");
}

TEST(KernelDistanceMetricError, DegenerateInput)
{
  const auto empty = MakeImage<ImageType>(MakeCube<2>(N), [](const auto &) { return 0.0; });
  ForEachKind([&](DistanceKernel kernel, MassModel model) {
    const auto                    metric = MakeMetric(kernel, model);
    const ImageType::ConstPointer fixed = metric->GetFixedImage();
    const ImageType::ConstPointer moving = metric->GetMovingImage();
    metric->SetFixedImage(empty);
    ExpectError(*metric, { "fixed image", "zero total mass" });
    metric->SetFixedImage(fixed);
    metric->SetMovingImage(empty);
    ExpectError(*metric, { "moving image", "zero total mass" });

    const auto           broken = MakeBumps<ImageType>(MakeCube<2>(N), 3.0, N);
    ImageType::IndexType index;
    index[0] = 8;
    index[1] = 1;
    broken->SetPixel(index, std::numeric_limits<double>::quiet_NaN());
    metric->SetMovingImage(broken);
    ExpectError(*metric, { "moving image", "not finite", "[8, 1]", "nan" });
    broken->SetPixel(index, -0.5);
    ExpectError(*metric, { "moving image", "negative", "[8, 1]", "ClampNegative" });
    metric->SetBlur(-1.0);
    ExpectError(*metric, { "Blur", "-1" });
    metric->SetBlur(4.0);
    metric->UseSampledPointSetOn();
    ExpectError(*metric, { "UseSampledPointSet" });
    metric->UseSampledPointSetOff();
    metric->SetMovingImage(moving);
    EXPECT_EQ(ErrorOf(*metric), "");
    EXPECT_TRUE(std::isfinite(metric->GetCurrentValue()));
  });
}
