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
// The fold-free registration methods with ITK's metrics and the module's own, on grids that differ in everything.
#include "itkSinkhornClientTestUtilities.h"

#include "itkSinkhornFoldOracle.h"

#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkCommand.h"
#include "itkFoldFreeDisplacementFieldRegistrationMethod.h"
#include "itkFoldFreeSyNImageRegistrationMethod.h"
#include "itkFoldFreeVelocityFlowRegistrationMethod.h"
#include "itkImageMaskSpatialObject.h"
#include "itkMattesMutualInformationImageToImageMetricv4.h"
#include "itkObjectToObjectMultiMetricv4.h"
#include "itkTranslationTransform.h"

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

namespace
{

template <unsigned int D>
using ImageType = itk::Image<float, D>;
template <unsigned int D>
using MethodType = itk::FoldFreeRegistrationMethod<ImageType<D>>;
template <unsigned int D>
using MetricType = itk::ImageToImageMetricv4<ImageType<D>, ImageType<D>>;

const std::vector<std::string> methodNames{ "SyN", "Displacement", "Velocity" };
const std::vector<std::string> metricNames{ "MeanSquares", "CC", "Mattes", "Sinkhorn", "SinkhornMass", "Kernel" };

template <unsigned int D>
typename MethodType<D>::Pointer
MakeMethod(const std::string & name)
{
  if (name == "Displacement")
  {
    return itk::FoldFreeDisplacementFieldRegistrationMethod<ImageType<D>>::New().GetPointer();
  }
  if (name == "Velocity")
  {
    return itk::FoldFreeVelocityFlowRegistrationMethod<ImageType<D>>::New().GetPointer();
  }
  return itk::FoldFreeSyNImageRegistrationMethod<ImageType<D>>::New().GetPointer();
}

template <unsigned int D>
typename MetricType<D>::Pointer
MakeMetric(const std::string & name)
{
  using Image = ImageType<D>;
  typename MetricType<D>::Pointer metric;
  if (name == "MeanSquares")
  {
    metric = itk::MeanSquaresImageToImageMetricv4<Image, Image>::New();
  }
  else if (name == "CC")
  {
    const auto   correlation = itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<Image, Image>::New();
    itk::Size<D> radius;
    radius.Fill(3);
    correlation->SetRadius(radius);
    metric = correlation;
  }
  else if (name == "Mattes")
  {
    const auto mattes = itk::MattesMutualInformationImageToImageMetricv4<Image, Image>::New();
    mattes->SetNumberOfHistogramBins(20);
    metric = mattes;
  }
  else
  {
    const auto model = name == "SinkhornMass" ? MassModel::PushForward : MassModel::Intensity;
    metric = MakeClientMetric<Image>({ name != "Kernel", model }).GetPointer();
  }
  metric->SetUseFixedImageGradientFilter(false);
  metric->SetUseMovingImageGradientFilter(false);
  return metric;
}

template <unsigned int D>
typename itk::TranslationTransform<double, D>::Pointer
MakeTruth(double length)
{
  const auto             truth = itk::TranslationTransform<double, D>::New();
  itk::Vector<double, D> shift(0.0);
  shift[0] = length;
  shift[1] = -0.7 * length;
  truth->Translate(shift);
  return truth;
}

template <unsigned int D>
void
Configure(MethodType<D> * method, const ClientPair<ImageType<D>> & pair, typename MethodType<D>::MetricType * metric)
{
  method->SetFixedImage(pair.GetFixed());
  method->SetMovingImage(pair.GetMoving());
  method->SetMetric(metric);
  method->SetNumberOfLevels(2);
  typename MethodType<D>::ShrinkFactorsArrayType factors(2);
  factors[0] = 2;
  factors[1] = 1;
  method->SetShrinkFactorsPerLevel(factors);
  typename MethodType<D>::SmoothingSigmasArrayType sigmas(2);
  sigmas[0] = 1.0;
  sigmas[1] = 0.0;
  method->SetSmoothingSigmasPerLevel(sigmas);
  method->SetSmoothingSigmasAreSpecifiedInPhysicalUnits(true);
  typename MethodType<D>::NumberOfIterationsArrayType iterations(2);
  iterations[0] = 25;
  iterations[1] = 12;
  method->SetNumberOfIterationsPerLevel(iterations);
}

/** Largest distance from x to inverse(map(x)) where the shape is, voxels. */
template <unsigned int D>
double
MeasureInconsistency(const ClientPair<ImageType<D>> & pair, const typename MethodType<D>::OutputTransformType * map)
{
  const auto * const fixed = pair.GetFixed();
  const auto         inverse = map->GetInverseTransform();
  double             largest = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<ImageType<D>> it(fixed, fixed->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    if (it.Get() > 0.05F)
    {
      itk::Point<double, D> point;
      fixed->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      const auto back = fixed->template TransformPhysicalPointToContinuousIndex<double>(
        inverse->TransformPoint(map->TransformPoint(point)));
      double squared = 0.0;
      for (unsigned int d = 0; d < D; ++d)
      {
        squared += itk::Math::sqr(back[d] - static_cast<double>(it.GetIndex()[d]));
      }
      largest = std::max(largest, std::sqrt(squared));
    }
  }
  return largest;
}

template <unsigned int D>
void
ExpectRegisters(const std::string & methodName, const std::string & metricName)
{
  const ClientPair<ImageType<D>> pair(MakeTruth<D>(D == 2 ? 3.0 : 1.8), true);
  const auto                     metric = MakeMetric<D>(metricName);
  const auto                     method = MakeMethod<D>(methodName);
  Configure<D>(method, pair, metric);
  method->Update();
  const auto transform = method->GetModifiableTransform();
  const auto outcome =
    pair.Judge({ true, MassModel::Intensity }, [&](const auto & p) { return transform->TransformPoint(p); });
  EXPECT_LT(outcome.errorAfter, 0.5 * outcome.errorBefore);
  EXPECT_GT(outcome.diceAfter, 0.8);
  const auto * const forward = transform->GetDisplacementField();
  EXPECT_GT(SinkhornFoldOracle::Measure(forward).Least, 0.0);
  EXPECT_LT(MeasureInconsistency<D>(pair, transform), 0.1);
}

class FoldFreeMethods : public ::testing::TestWithParam<std::tuple<std::string, std::string>>
{};

TEST_P(FoldFreeMethods, Register2D)
{
  ExpectRegisters<2>(std::get<0>(GetParam()), std::get<1>(GetParam()));
}

TEST_P(FoldFreeMethods, Register3D)
{
  ExpectRegisters<3>(std::get<0>(GetParam()), std::get<1>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(All,
                         FoldFreeMethods,
                         ::testing::Combine(::testing::ValuesIn(methodNames), ::testing::ValuesIn(metricNames)),
                         [](const auto & info) { return std::get<0>(info.param) + std::get<1>(info.param); });

class FoldFreeMethod : public ::testing::TestWithParam<std::string>
{};

/** Every value of two fields is the same number. */
template <typename TField>
bool
AreIdentical(const TField * one, const TField * other)
{
  const auto count = one->GetBufferedRegion().GetNumberOfPixels();
  return count == other->GetBufferedRegion().GetNumberOfPixels() &&
         std::equal(one->GetBufferPointer(), one->GetBufferPointer() + count, other->GetBufferPointer());
}

TEST_P(FoldFreeMethod, RunsAgainAsBefore)
{
  const ClientPair<ImageType<2>> pair(MakeTruth<2>(3.0), true);
  const auto                     metric = MakeMetric<2>("MeanSquares");
  const auto                     mask = itk::ImageMaskSpatialObject<2>::New();
  mask->SetImage(MakeImage<itk::Image<unsigned char, 2>>(MakeFixedGeometry<2>(true), [](const auto &) { return 1.0; }));
  mask->Update();
  metric->SetFixedImageMask(mask);
  const auto method = MakeMethod<2>(GetParam());
  Configure<2>(method, pair, metric);
  method->Update();
  const MethodType<2>::OutputTransformType::Pointer first = method->GetModifiableTransform();
  const auto                                        field = first->GetDisplacementField();
  EXPECT_EQ(metric->GetFixedImageMask(), mask.GetPointer());
  method->Modified();
  method->Update();
  EXPECT_NE(first.GetPointer(), method->GetModifiableTransform());
  EXPECT_EQ(first->GetDisplacementField(), field);
  EXPECT_TRUE(
    AreIdentical<itk::Sinkhorn::DisplacementField<2>>(field, method->GetModifiableTransform()->GetDisplacementField()));
}

TEST_P(FoldFreeMethod, EqualImagesStayWhereTheyAre)
{
  const ClientPair<ImageType<2>> pair(MakeTruth<2>(0.0), true);
  for (const std::string name : { "MeanSquares", "CC", "SinkhornMass" })
  {
    const auto metric = MakeMetric<2>(name);
    const auto method = MakeMethod<2>(GetParam());
    Configure<2>(method, pair, metric);
    method->SetMovingImage(pair.GetFixed());
    method->Update();
    double longest = 0.0;
    for (itk::ImageRegionConstIterator<itk::Sinkhorn::DisplacementField<2>> it(
           method->GetModifiableTransform()->GetDisplacementField(),
           method->GetModifiableTransform()->GetDisplacementField()->GetBufferedRegion());
         !it.IsAtEnd();
         ++it)
    {
      longest = std::max(longest, it.Get().GetNorm());
    }
    EXPECT_LT(longest, 0.05) << name;
  }
}

TEST_P(FoldFreeMethod, HonoursAbortAndSurvivesObserversThatThrow)
{
  const ClientPair<ImageType<2>> pair(MakeTruth<2>(3.0), true);
  const auto                     metric = MakeMetric<2>("MeanSquares");
  const auto                     method = MakeMethod<2>(GetParam());
  Configure<2>(method, pair, metric);
  unsigned int iterations = 0;
  const auto   abort = method->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) {
    ++iterations;
    method->SetAbortGenerateData(iterations == 3);
  });
  EXPECT_THROW(method->Update(), itk::ProcessAborted);
  EXPECT_EQ(iterations, 3u);
  method->RemoveObserver(abort);
  method->AbortGenerateDataOff();

  const auto thrower = method->AddObserver(
    itk::IterationEvent(), [](const itk::EventObject &) { throw std::runtime_error("of the observer"); });
  EXPECT_THROW(method->Update(), std::runtime_error);
  method->RemoveObserver(thrower);

  method->Update();
  const auto other = MakeMethod<2>(GetParam());
  Configure<2>(other, pair, MakeMetric<2>("MeanSquares"));
  other->Update();
  EXPECT_TRUE(AreIdentical<itk::Sinkhorn::DisplacementField<2>>(
    method->GetModifiableTransform()->GetDisplacementField(), other->GetModifiableTransform()->GetDisplacementField()));
}

TEST_P(FoldFreeMethod, GoesThroughAnInitialTransform)
{
  const ClientPair<ImageType<2>> pair(MakeTruth<2>(9.0), true);
  const auto                     metric = MakeMetric<2>("MeanSquares");
  const auto                     method = MakeMethod<2>(GetParam());
  Configure<2>(method, pair, metric);
  method->SetMovingInitialTransform(MakeTruth<2>(7.0));
  method->Update();
  const auto field = method->GetModifiableTransform();
  const auto start = MakeTruth<2>(7.0);
  const auto outcome = pair.Judge({ true, MassModel::Intensity },
                                  [&](const auto & p) { return start->TransformPoint(field->TransformPoint(p)); });
  EXPECT_GT(outcome.diceAfter, 0.9);
  EXPECT_LT(outcome.errorAfter, 1.0);
}

TEST_P(FoldFreeMethod, TakesSeveralMetrics)
{
  const ClientPair<ImageType<2>> pair(MakeTruth<2>(3.0), true);
  const auto                     both = itk::ObjectToObjectMultiMetricv4<2, 2, ImageType<2>, double>::New();
  both->AddMetric(MakeMetric<2>("MeanSquares"));
  both->AddMetric(MakeMetric<2>("SinkhornMass"));
  const auto method = MakeMethod<2>(GetParam());
  Configure<2>(method, pair, nullptr);
  method->SetMetric(both);
  method->SetFixedImage(1, pair.GetFixed());
  method->SetMovingImage(1, pair.GetMoving());
  method->Update();
  const auto transform = method->GetModifiableTransform();
  const auto outcome =
    pair.Judge({ true, MassModel::Intensity }, [&](const auto & p) { return transform->TransformPoint(p); });
  EXPECT_LT(outcome.errorAfter, 0.6 * outcome.errorBefore);
  EXPECT_GT(SinkhornFoldOracle::Measure(transform->GetDisplacementField()).Least, 0.0);
}

TEST_P(FoldFreeMethod, NamesWhatIsWrong)
{
  const ClientPair<ImageType<2>> pair(MakeTruth<2>(3.0), true);
  const auto                     metric = MakeMetric<2>("MeanSquares");
  const auto                     message = [&](const std::function<void(MethodType<2> &)> & change) {
    const auto method = MakeMethod<2>(GetParam());
    Configure<2>(method, pair, metric);
    change(*method);
    try
    {
      method->Update();
    }
    catch (const itk::ExceptionObject & error)
    {
      return std::string(error.GetDescription());
    }
    return std::string();
  };
  const auto expect = [&](const std::string & part, const std::function<void(MethodType<2> &)> & change) {
    const std::string text = message(change);
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect("NumberOfIterationsPerLevel has 3", [](auto & m) {
    MethodType<2>::NumberOfIterationsArrayType iterations(3);
    iterations.Fill(1);
    m.SetNumberOfIterationsPerLevel(iterations);
  });
  expect("UpdateSigmasPerLevel has 1", [](auto & m) { m.SetUpdateSigmasPerLevel({ { 2.0 } }); });
  expect("Sigmas holds -1", [](auto & m) { m.SetUpdateSigmasPerLevel({ { 2.0 }, { -1.0 } }); });
  expect("LearningRate is -2", [](auto & m) { m.SetLearningRate(-2.0); });
  expect("Metric is not set", [](auto & m) { m.SetMetric(nullptr); });
}

INSTANTIATE_TEST_SUITE_P(All, FoldFreeMethod, ::testing::ValuesIn(methodNames), [](const auto & info) {
  return info.param;
});

} // namespace
