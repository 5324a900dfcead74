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
// Both metrics in ImageRegistrationMethodv4: transforms of few parameters and B-splines, parameter scales, several
// metrics at once, float registrations. The grids of the images differ in everything.
#include "itkSinkhornClientTestUtilities.h"

#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkAffineTransform.h"
#include "itkBSplineTransform.h"
#include "itkCompositeTransform.h"
#include "itkEuler2DTransform.h"
#include "itkGradientDescentOptimizerv4.h"
#include "itkImageRegistrationMethodv4.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkObjectToObjectMultiMetricv4.h"
#include "itkRegistrationParameterScalesFromIndexShift.h"
#include "itkRegistrationParameterScalesFromJacobian.h"
#include "itkRegistrationParameterScalesFromPhysicalShift.h"
#include "itkRegularStepGradientDescentOptimizerv4.h"
#include "itkSimilarity2DTransform.h"
#include "itkTranslationTransform.h"
#include "itkVersorRigid3DTransform.h"

using namespace itk::Sinkhorn::Test;

namespace
{

using ImageType = itk::Image<float, 2>;
using PairType = ClientPair<ImageType>;
using PointType = PairType::PointType;
using TransformType = itk::Transform<double, 2, 2>;

template <typename... TValue>
itk::Vector<double, sizeof...(TValue)>
V(TValue... values)
{
  const double components[] = { values... };
  return itk::Vector<double, sizeof...(TValue)>(components);
}

template <unsigned int VDimension>
itk::Point<double, VDimension>
GetClientCentre()
{
  return GetCentre(MakeFixedGeometry<VDimension>(true));
}

template <typename TImage, typename TReal = double>
using RegistrationOf =
  itk::ImageRegistrationMethodv4<TImage, TImage, itk::Transform<TReal, TImage::ImageDimension, TImage::ImageDimension>>;

/** A registration in one or two levels. */
template <typename TImage, typename TReal = double>
typename RegistrationOf<TImage, TReal>::Pointer
MakeRegistration(const ClientPair<TImage> & pair, unsigned int levels)
{
  using RegistrationType = RegistrationOf<TImage, TReal>;
  const auto registration = RegistrationType::New();
  registration->SetFixedImage(pair.GetFixed());
  registration->SetMovingImage(pair.GetMoving());
  registration->InPlaceOn();
  registration->SetNumberOfLevels(levels);
  typename RegistrationType::ShrinkFactorsArrayType   shrink(levels);
  typename RegistrationType::SmoothingSigmasArrayType sigmas(levels);
  for (unsigned int level = 0; level < levels; ++level)
  {
    shrink[level] = levels - level;
    sigmas[level] = levels - level - 1.0;
  }
  registration->SetShrinkFactorsPerLevel(shrink);
  registration->SetSmoothingSigmasPerLevel(sigmas);
  return registration;
}

/** Steps of at most a millimetre, shorter when the direction turns. */
template <typename TReal, typename TMetric>
typename itk::RegularStepGradientDescentOptimizerv4<TReal>::Pointer
MakeRegularStep(TMetric * metric)
{
  const auto scales = itk::RegistrationParameterScalesFromPhysicalShift<TMetric>::New();
  scales->SetMetric(metric);
  const auto optimizer = itk::RegularStepGradientDescentOptimizerv4<TReal>::New();
  optimizer->SetScalesEstimator(scales);
  optimizer->SetDoEstimateLearningRateAtEachIteration(false);
  optimizer->SetDoEstimateLearningRateOnce(false);
  optimizer->SetLearningRate(1.0);
  optimizer->SetMinimumStepLength(1e-3);
  optimizer->SetRelaxationFactor(static_cast<TReal>(0.7)); // 0.6 stops short of it from half of all starts
  optimizer->SetGradientMagnitudeTolerance(static_cast<TReal>(1e-9));
  optimizer->SetNumberOfIterations(120);
  return optimizer;
}

template <typename TTransform, unsigned int VDimension = TTransform::OutputSpaceDimension>
std::function<itk::Point<double, VDimension>(const itk::Point<double, VDimension> &)>
MapOf(const TTransform * transform)
{
  return [transform](const itk::Point<double, VDimension> & p) {
    typename TTransform::InputPointType input;
    input.CastFrom(p);
    itk::Point<double, VDimension> output;
    output.CastFrom(transform->TransformPoint(input));
    return output;
  };
}

/** Finds \a truth from \a initial. */
template <typename TImage, typename TReal, typename TTransform>
void
ExpectToFind(const ClientKind &                                                             kind,
             const itk::Transform<double, TImage::ImageDimension, TImage::ImageDimension> & truth,
             TTransform &                                                                   initial,
             double                                                                         largestError)
{
  const ClientPair<TImage> pair(&truth, true);
  const auto               metric = MakeClientMetric<TImage, TReal>(kind);
  const auto               registration = MakeRegistration<TImage, TReal>(pair, 2);
  registration->SetMetric(metric);
  registration->SetOptimizer(MakeRegularStep<TReal>(metric.GetPointer()));
  registration->SetInitialTransform(&initial);
  registration->Update();
  const auto outcome = pair.Judge(kind, MapOf(&initial));
  EXPECT_GT(outcome.errorBefore, 2.5);
  EXPECT_LT(outcome.errorAfter, largestError) << initial.GetParameters();
  EXPECT_LT(outcome.valueAfter, 0.05 * outcome.valueBefore);
  EXPECT_GT(outcome.diceAfter, 0.9);
}

class SinkhornClient : public ::testing::TestWithParam<ClientKind>
{};

itk::Euler2DTransform<double>::Pointer
MakeRigidTruth()
{
  const auto truth = itk::Euler2DTransform<double>::New();
  truth->SetCenter(GetClientCentre<2>());
  truth->SetAngle(0.35);
  truth->SetTranslation(V(4.0, -3.0));
  return truth;
}

} // namespace

TEST_P(SinkhornClient, Translation)
{
  const auto truth = itk::TranslationTransform<double, 2>::New();
  truth->Translate(V(5.0, -4.0));
  const auto transform = itk::TranslationTransform<double, 2>::New();
  ExpectToFind<ImageType, double>(GetParam(), *truth, *transform, 0.1);
}

TEST_P(SinkhornClient, TranslationInFloat)
{
  const auto truth = itk::TranslationTransform<double, 2>::New();
  truth->Translate(V(5.0, -4.0));
  const auto transform = itk::TranslationTransform<float, 2>::New();
  ExpectToFind<ImageType, float>(GetParam(), *truth, *transform, 0.1);
}

TEST_P(SinkhornClient, TranslationOfDoubleImages)
{
  const auto truth = itk::TranslationTransform<double, 2>::New();
  truth->Translate(V(5.0, -4.0));
  const auto transform = itk::TranslationTransform<double, 2>::New();
  ExpectToFind<itk::Image<double, 2>, double>(GetParam(), *truth, *transform, 0.1);
}

TEST_P(SinkhornClient, Rigid2D)
{
  const auto transform = itk::Euler2DTransform<double>::New();
  transform->SetCenter(GetClientCentre<2>());
  ExpectToFind<ImageType, double>(GetParam(), *MakeRigidTruth(), *transform, 0.3);
}

TEST_P(SinkhornClient, VersorRigid3D)
{
  using RigidType = itk::VersorRigid3DTransform<double>;
  const auto truth = RigidType::New();
  const auto transform = RigidType::New();
  truth->SetCenter(GetClientCentre<3>());
  transform->SetCenter(GetClientCentre<3>());
  truth->SetRotation(V(0.3, -0.2, 1.0), 0.3);
  truth->SetTranslation(V(2.0, -1.5, 1.0));
  ExpectToFind<itk::Image<float, 3>, double>(GetParam(), *truth, *transform, 0.4);
}

TEST_P(SinkhornClient, Similarity2D)
{
  using SimilarityType = itk::Similarity2DTransform<double>;
  const auto truth = SimilarityType::New();
  const auto transform = SimilarityType::New();
  truth->SetCenter(GetClientCentre<2>());
  transform->SetCenter(GetClientCentre<2>());
  truth->SetScale(1.15);
  truth->SetAngle(-0.25);
  truth->SetTranslation(V(3.0, 2.5));
  ExpectToFind<ImageType, double>(GetParam(), *truth, *transform, 0.4);
}

TEST_P(SinkhornClient, Affine2D)
{
  using AffineType = itk::AffineTransform<double, 2>;
  const auto truth = AffineType::New();
  const auto transform = AffineType::New();
  truth->SetCenter(GetClientCentre<2>());
  transform->SetCenter(GetClientCentre<2>());
  truth->Scale(V(1.12, 0.92));
  truth->Shear(0, 1, 0.1);
  truth->Translate(V(4.0, -2.5));
  ExpectToFind<ImageType, double>(GetParam(), *truth, *transform, 0.5);
}

TEST_P(SinkhornClient, CompositeWithOnlyTheLastOptimised)
{
  // the moving initial transform is the first in the queue and stays; what is found comes before it
  using CompositeType = itk::CompositeTransform<double, 2>;
  const auto rotation = itk::Euler2DTransform<double>::New();
  rotation->SetCenter(GetClientCentre<2>());
  rotation->SetAngle(0.3);
  const auto translation = itk::TranslationTransform<double, 2>::New();
  translation->Translate(V(4.0, -3.0));
  const auto truth = CompositeType::New();
  truth->AddTransform(rotation);
  truth->AddTransform(translation);

  const PairType pair(truth, true);
  const auto     metric = MakeClientMetric<ImageType>(GetParam());
  const auto     registration = MakeRegistration(pair, 2);
  const auto     found = itk::TranslationTransform<double, 2>::New();
  registration->SetMetric(metric);
  registration->SetOptimizer(MakeRegularStep<double>(metric.GetPointer()));
  registration->SetMovingInitialTransform(rotation);
  registration->SetInitialTransform(found);
  registration->Update();
  EXPECT_DOUBLE_EQ(rotation->GetAngle(), 0.3);
  EXPECT_NEAR(found->GetParameters()[0], 4.0, 0.15);
  EXPECT_NEAR(found->GetParameters()[1], -3.0, 0.15);
  const auto whole = CompositeType::New();
  whole->AddTransform(rotation);
  whole->AddTransform(found);
  const auto outcome = pair.Judge(GetParam(), MapOf(whole.GetPointer()));
  EXPECT_LT(outcome.errorAfter, 0.2);
  EXPECT_LT(outcome.valueAfter, 0.05 * outcome.valueBefore);
}

TEST_P(SinkhornClient, BSpline2D)
{
  using BSplineType = itk::BSplineTransform<double, 2, 3>;
  const auto truth = itk::TranslationTransform<double, 2>::New();
  truth->Translate(V(3.0, -2.5));
  const PairType                      pair(truth, true);
  const auto                          transform = BSplineType::New();
  const auto &                        fixed = *pair.GetFixed();
  BSplineType::PhysicalDimensionsType extent;
  for (unsigned int d = 0; d < 2; ++d)
  {
    extent[d] = fixed.GetSpacing()[d] * (fixed.GetBufferedRegion().GetSize(d) - 1.0);
  }
  PointType corner;
  fixed.TransformIndexToPhysicalPoint(fixed.GetBufferedRegion().GetIndex(), corner);
  BSplineType::MeshSizeType mesh;
  mesh.Fill(3);
  transform->SetTransformDomainOrigin(corner);
  transform->SetTransformDomainPhysicalDimensions(extent);
  transform->SetTransformDomainDirection(fixed.GetDirection());
  transform->SetTransformDomainMeshSize(mesh);
  transform->SetIdentity();

  using MetricType = ClientMetric<ImageType>;
  const auto metric = MakeClientMetric<ImageType>(GetParam());
  const auto scales = itk::RegistrationParameterScalesFromPhysicalShift<MetricType>::New();
  scales->SetMetric(metric);
  const auto optimizer = itk::GradientDescentOptimizerv4::New();
  optimizer->SetScalesEstimator(scales);
  optimizer->SetMaximumStepSizeInPhysicalUnits(0.3);
  optimizer->SetNumberOfIterations(60);
  const auto registration = MakeRegistration(pair, 1);
  registration->SetMetric(metric);
  registration->SetOptimizer(optimizer);
  registration->SetInitialTransform(transform);
  registration->Update();
  const auto outcome = pair.Judge(GetParam(), MapOf(transform.GetPointer()));
  EXPECT_LT(outcome.valueAfter, 0.15 * outcome.valueBefore);
  EXPECT_LT(outcome.errorAfter, 0.5 * outcome.errorBefore);
  EXPECT_GT(outcome.diceAfter, 0.85);
}

namespace
{

/** Gradient descent that relies on an estimator for scales and step. */
template <template <typename> class TEstimator>
void
ExpectScales(const ClientKind & kind)
{
  using MetricType = ClientMetric<ImageType>;
  const auto     truth = MakeRigidTruth();
  const PairType pair(truth, true);
  const auto     metric = MakeClientMetric<ImageType>(kind);
  const auto     scales = TEstimator<MetricType>::New();
  scales->SetMetric(metric);
  const auto optimizer = itk::GradientDescentOptimizerv4::New();
  optimizer->SetScalesEstimator(scales);
  optimizer->SetDoEstimateLearningRateOnce(false);
  optimizer->SetDoEstimateLearningRateAtEachIteration(true);
  optimizer->SetMaximumStepSizeInPhysicalUnits(0.4);
  optimizer->SetNumberOfIterations(60);
  const auto transform = itk::Euler2DTransform<double>::New();
  transform->SetCenter(GetClientCentre<2>());
  const auto registration = MakeRegistration(pair, 1);
  registration->SetMetric(metric);
  registration->SetOptimizer(optimizer);
  registration->SetInitialTransform(transform);
  registration->Update();
  const auto outcome = pair.Judge(kind, MapOf(transform.GetPointer()));
  EXPECT_LT(outcome.errorAfter, 0.25 * outcome.errorBefore);
  EXPECT_LT(outcome.valueAfter, 0.1 * outcome.valueBefore);
}

template <typename TMetric>
using PhysicalShift = itk::RegistrationParameterScalesFromPhysicalShift<TMetric>;
template <typename TMetric>
using IndexShift = itk::RegistrationParameterScalesFromIndexShift<TMetric>;
template <typename TMetric>
using FromJacobian = itk::RegistrationParameterScalesFromJacobian<TMetric>;

/** A metric of this module first, another one second, in one registration. */
template <typename TSecond>
void
ExpectToWorkBeside(const ClientKind & kind, TSecond * second)
{
  using MultiMetricType = itk::ObjectToObjectMultiMetricv4<2, 2, ImageType>;
  const auto truth = itk::TranslationTransform<double, 2>::New();
  truth->Translate(V(4.0, -3.0));
  const PairType pair(truth, true);
  const auto     metric = MultiMetricType::New();
  metric->AddMetric(MakeClientMetric<ImageType>(kind));
  metric->AddMetric(second);
  const auto optimizer = itk::RegularStepGradientDescentOptimizerv4<double>::New();
  optimizer->SetLearningRate(1.0);
  optimizer->SetMinimumStepLength(1e-3);
  optimizer->SetNumberOfIterations(80);
  const auto transform = itk::TranslationTransform<double, 2>::New();
  const auto registration = MakeRegistration(pair, 1);
  registration->SetFixedImage(1, pair.GetFixed());
  registration->SetMovingImage(1, pair.GetMoving());
  registration->SetMetric(metric);
  registration->SetOptimizer(optimizer);
  registration->SetInitialTransform(transform);
  registration->Update();
  const auto outcome = pair.Judge(kind, MapOf(transform.GetPointer()));
  EXPECT_LT(outcome.errorAfter, 0.3) << transform->GetParameters();
  EXPECT_LT(outcome.valueAfter, 0.05 * outcome.valueBefore);
}

} // namespace

TEST_P(SinkhornClient, ScalesFromPhysicalShift)
{
  ExpectScales<PhysicalShift>(GetParam());
}

TEST_P(SinkhornClient, ScalesFromIndexShift)
{
  ExpectScales<IndexShift>(GetParam());
}

TEST_P(SinkhornClient, ScalesFromJacobian)
{
  ExpectScales<FromJacobian>(GetParam());
}

TEST_P(SinkhornClient, BesideMeanSquares)
{
  const auto second = itk::MeanSquaresImageToImageMetricv4<ImageType, ImageType>::New();
  ExpectToWorkBeside(GetParam(), second.GetPointer());
}

TEST_P(SinkhornClient, BesideCorrelation)
{
  using CorrelationType = itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<ImageType, ImageType>;
  const auto                  second = CorrelationType::New();
  CorrelationType::RadiusType radius;
  radius.Fill(3);
  second->SetRadius(radius);
  ExpectToWorkBeside(GetParam(), second.GetPointer());
}

INSTANTIATE_TEST_SUITE_P(Kinds, SinkhornClient, ::testing::ValuesIn(MakeClientKinds()), GetClientKindName);
