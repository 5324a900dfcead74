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
#include "itkPhysicalStepGradientDescentOptimizerv4.h"

#include "itkCommand.h"
#include "itkEuler2DTransform.h"
#include "itkGaussianImageSource.h"
#include "itkImage.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkRegistrationParameterScalesFromPhysicalShift.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace
{

using Image = itk::Image<double, 2>;
using MetricType = itk::MeanSquaresImageToImageMetricv4<Image, Image>;
using ScalesType = itk::RegistrationParameterScalesFromPhysicalShift<MetricType>;
using OptimizerType = itk::PhysicalStepGradientDescentOptimizerv4;

/** An elongated blob, mm, in a frame of 40 x 40 voxels of 2 mm. */
Image::Pointer
MakeBlob(double x, double y)
{
  const auto                 source = itk::GaussianImageSource<Image>::New();
  Image::SizeType            size{ { 40, 40 } };
  Image::SpacingType         spacing(2.0);
  itk::FixedArray<double, 2> mean;
  itk::FixedArray<double, 2> sigma;
  mean[0] = x;
  mean[1] = y;
  sigma[0] = 14.0;
  sigma[1] = 8.0;
  source->SetSize(size);
  source->SetSpacing(spacing);
  source->SetMean(mean);
  source->SetSigma(sigma);
  source->SetScale(1.0);
  source->Update();
  return source->GetOutput();
}

/** A metric whose values can be replaced, as by a fault of its own. */
class FaultyMetric : public MetricType
{
public:
  using Self = FaultyMetric;
  using Pointer = itk::SmartPointer<Self>;
  itkNewMacro(Self);

  std::function<double(unsigned int call, double value)> Replace;

  void
  GetValueAndDerivative(MeasureType & value, DerivativeType & derivative) const override
  {
    MetricType::GetValueAndDerivative(value, derivative);
    if (Replace)
    {
      value = Replace(m_Calls++, value);
    }
  }

private:
  mutable unsigned int m_Calls{ 0 };
};

template <typename TTransform>
class PhysicalStepOptimizerTest : public testing::Test
{
protected:
  void
  SetUp() override
  {
    m_Transform->SetIdentity();
    m_Metric->SetFixedImage(MakeBlob(38.0, 40.0));
    m_Metric->SetMovingImage(MakeBlob(45.0, 37.0));
    m_Metric->SetMovingTransform(m_Transform);
    m_Metric->SetVirtualDomainFromImage(m_Metric->GetFixedImage());
    m_Metric->Initialize();
    m_Scales->SetMetric(m_Metric);
    m_Optimizer->SetMetric(m_Metric);
    m_Optimizer->SetScalesEstimator(m_Scales);
    m_Optimizer->SetNumberOfIterations(200);
    m_Optimizer->SetLongestStep(2.0);
    m_Optimizer->SetShortestStep(0.002);
  }
  typename TTransform::Pointer    m_Transform{ TTransform::New() };
  typename FaultyMetric::Pointer  m_Metric{ FaultyMetric::New() };
  typename ScalesType::Pointer    m_Scales{ ScalesType::New() };
  typename OptimizerType::Pointer m_Optimizer{ OptimizerType::New() };
};

using TranslationOptimizer = PhysicalStepOptimizerTest<itk::TranslationTransform<double, 2>>;
using RigidOptimizer = PhysicalStepOptimizerTest<itk::Euler2DTransform<double>>;

TEST_F(TranslationOptimizer, FindsTheShiftAndSaysThatItConverged)
{
  m_Optimizer->StartOptimization();
  EXPECT_NEAR(m_Transform->GetOffset()[0], 7.0, 0.01);
  EXPECT_NEAR(m_Transform->GetOffset()[1], -3.0, 0.01);
  EXPECT_TRUE(m_Optimizer->GetConverged());
  EXPECT_LT(m_Optimizer->GetCurrentIteration(), 200U);
  EXPECT_EQ(m_Optimizer->GetValue(), m_Optimizer->GetBestValue());
  EXPECT_NEAR(m_Metric->GetValue(), m_Optimizer->GetBestValue(), 1e-15);
}

/** No step is longer than allowed, and the best value never rises. */
TEST_F(TranslationOptimizer, StepsAreBoundedAndMonotone)
{
  std::vector<double> values;
  auto                last = m_Transform->GetOffset();
  double              longest = 0.0;
  m_Optimizer->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) {
    values.push_back(m_Optimizer->GetBestValue());
    longest = std::max(longest, (m_Transform->GetOffset() - last).GetNorm());
    last = m_Transform->GetOffset();
  });
  m_Optimizer->StartOptimization();
  EXPECT_GT(longest, 1.0);
  // A step that is taken back is followed by another from the same place.
  EXPECT_LE(longest, 1.5 * 2.0 + 1e-9);
  ASSERT_GT(values.size(), 5U);
  for (std::size_t i = 1; i < values.size(); ++i)
  {
    EXPECT_LE(values[i], values[i - 1]);
  }
}

TEST_F(RigidOptimizer, LengthsMeanTheSameForRotations)
{
  const double center[] = { 40.0, 40.0 };
  m_Transform->SetCenter(center);
  m_Transform->SetAngle(0.3);
  double largest = 0.0;
  auto   last = m_Transform->GetParameters();
  m_Optimizer->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) {
    const auto now = m_Transform->GetParameters();
    largest = std::max(largest, std::abs(now[0] - last[0]) * std::hypot(40.0, 40.0));
    last = now;
  });
  m_Optimizer->StartOptimization();
  EXPECT_NEAR(m_Transform->GetAngle(), 0.0, 0.01);
  EXPECT_LE(largest, 3.0 + 0.1); // mm at the corners, one step back and half a step forth at most
}

/** Few iterations end in the middle of the way, at the best parameters and not at the next ones. */
TEST_F(TranslationOptimizer, EndsWithTheBestAlsoByIterations)
{
  m_Optimizer->SetNumberOfIterations(3);
  m_Optimizer->StartOptimization();
  EXPECT_FALSE(m_Optimizer->GetConverged());
  EXPECT_NEAR(m_Metric->GetValue(), m_Optimizer->GetBestValue(), 1e-15);
}

TEST_F(TranslationOptimizer, NeverTakesNaNOrAWorseValue)
{
  m_Metric->Replace = [](unsigned int call, double value) {
    return call % 2 == 1 ? std::numeric_limits<double>::quiet_NaN() : value;
  };
  m_Optimizer->StartOptimization();
  EXPECT_FALSE(std::isnan(m_Optimizer->GetBestValue()));
  EXPECT_TRUE(std::isfinite(m_Transform->GetOffset().GetNorm()));

  m_Transform->SetIdentity();
  m_Optimizer->ForgetStart();
  m_Metric->Replace = [](unsigned int call, double) { return static_cast<double>(call); };
  m_Optimizer->StartOptimization();
  EXPECT_EQ(m_Transform->GetOffset().GetNorm(), 0.0);
  EXPECT_TRUE(m_Optimizer->GetConverged());
}

/** A first value that is no number does not keep the run from finding better ones. */
TEST_F(TranslationOptimizer, LeavesAStartWithoutValue)
{
  m_Metric->Replace = [](unsigned int call, double value) {
    return call == 0 ? std::numeric_limits<double>::quiet_NaN() : value;
  };
  m_Optimizer->StartOptimization();
  EXPECT_NEAR(m_Transform->GetOffset()[0], 7.0, 0.01);
}

/** A metric that pays for leaving the image is held at half of the overlap. */
TEST_F(TranslationOptimizer, KeepsTheOverlap)
{
  const auto overlap = [this]() { return std::max(0.0, 1.0 - std::abs(m_Transform->GetOffset()[0]) / 10.0); };
  m_Optimizer->SetOverlap(overlap);
  m_Optimizer->StartOptimization();
  EXPECT_LE(std::abs(m_Transform->GetOffset()[0]), 5.0 + 1e-9);
  EXPECT_GT(m_Transform->GetOffset()[0], 3.0);

  m_Transform->SetIdentity();
  m_Optimizer->ForgetStart();
  m_Optimizer->SetMinimumOverlap(0.0);
  m_Optimizer->StartOptimization();
  EXPECT_NEAR(m_Transform->GetOffset()[0], 7.0, 0.01);
}

/** As with the levels of a registration: the second run sees the start of the first one. */
TEST_F(TranslationOptimizer, ReturnsToABetterStart)
{
  m_Optimizer->SetNumberOfIterations(1);
  m_Optimizer->StartOptimization();
  itk::TranslationTransform<double, 2>::ParametersType far(2);
  far[0] = -25.0;
  far[1] = 20.0;
  m_Transform->SetParameters(far);
  m_Optimizer->SetNumberOfIterations(200);
  m_Optimizer->StartOptimization();
  EXPECT_NEAR(m_Transform->GetOffset()[0], 7.0, 0.01);
}

TEST_F(TranslationOptimizer, RefusesWhatCannotWork)
{
  m_Optimizer->SetShortestStep(3.0);
  EXPECT_THROW(m_Optimizer->StartOptimization(), itk::ExceptionObject);
  m_Optimizer->SetShortestStep(0.0);
  EXPECT_THROW(m_Optimizer->StartOptimization(), itk::ExceptionObject);
  m_Optimizer->SetShortestStep(0.01);
  m_Optimizer->SetScalesEstimator(nullptr);
  try
  {
    m_Optimizer->StartOptimization();
    FAIL() << "must throw";
  }
  catch (const itk::ExceptionObject & error)
  {
    EXPECT_NE(std::string(error.GetDescription()).find("SetScalesEstimator"), std::string::npos);
  }
}

TEST_F(TranslationOptimizer, PrintsItself)
{
  std::ostringstream text;
  m_Optimizer->Print(text);
  for (const char * name : { "LongestStep: 2", "ShortestStep: 0.002", "MinimumOverlap: 0.5", "Converged: Off" })
  {
    EXPECT_NE(text.str().find(name), std::string::npos) << name;
  }
}

} // namespace
