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
// The fold-free registration methods with point set metrics: this module's and ITK's, alone and beside images.
#include "itkFoldFreePointSetTestUtilities.h"

#include "itkSinkhornClientTestUtilities.h"
#include "itkSinkhornFoldOracle.h"

#include "itkIdentityTransform.h"
#include "itkJensenHavrdaCharvatTsallisPointSetToPointSetMetricv4.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkObjectToObjectMultiMetricv4.h"
#include "itkTranslationTransform.h"

#include <functional>

using namespace itk::Sinkhorn::Test;
namespace Shapes = itk::Sinkhorn::Testing;

namespace
{

using FieldType = itk::Sinkhorn::DisplacementField<2>;

itk::TranslationTransform<double, 2>::Pointer
MakeTranslation(double x, double y)
{
  const auto             translation = itk::TranslationTransform<double, 2>::New();
  itk::Vector<double, 2> way;
  way[0] = x;
  way[1] = y;
  translation->Translate(way);
  return translation;
}

template <unsigned int D>
void
ExpectRegisters(const std::string & methodName, const std::string & metricName)
{
  const auto pair = MakePair<D>();
  const auto fine = MakePair<D>(D == 2 ? 6 : 4);
  const auto domain = MakeDomain<D>();
  const auto metric = MakeMetric<D>(metricName);
  SetVirtualDomain<D>(metric, domain);
  const auto method = MakeMethod<D>(methodName);
  Configure<D>(method, pair, metric);
  method->Update();
  const auto   transform = method->GetModifiableTransform();
  const auto   inverse = transform->GetInverseTransform();
  const auto   identity = itk::IdentityTransform<double, D>::New();
  const double before = MeasureDistance<D>(pair.Fixed, fine.Moving, identity);
  EXPECT_LT(MeasureDistance<D>(pair.Fixed, fine.Moving, transform), 0.3 * before);
  EXPECT_LT(MeasureDistance<D>(pair.Moving, fine.Fixed, inverse), 0.3 * before);
  EXPECT_GT(SinkhornFoldOracle::Measure(transform->GetDisplacementField()).Least, 0.0);
  EXPECT_LT(MeasureInconsistency<D>(pair.Fixed, domain, transform), 0.1);
  // the metric is given back as it was
  EXPECT_EQ(metric->GetFixedPointSet(), pair.Fixed.GetPointer());
  EXPECT_FALSE(metric->GetCalculateValueAndDerivativeInTangentSpace());
  EXPECT_EQ(metric->GetVirtualRegion(), domain->GetLargestPossibleRegion());
}

class FoldFreePointMethods : public ::testing::TestWithParam<std::tuple<std::string, std::string>>
{};

TEST_P(FoldFreePointMethods, Register2D)
{
  ExpectRegisters<2>(std::get<0>(GetParam()), std::get<1>(GetParam()));
}

TEST_P(FoldFreePointMethods, Register3D)
{
  ExpectRegisters<3>(std::get<0>(GetParam()), std::get<1>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(All,
                         FoldFreePointMethods,
                         ::testing::Combine(::testing::ValuesIn(methodNames), ::testing::ValuesIn(metricNames)),
                         [](const auto & info) { return std::get<0>(info.param) + std::get<1>(info.param); });

class FoldFreePointMethod : public ::testing::TestWithParam<std::string>
{};

TEST_P(FoldFreePointMethod, SameBitsForAnyNumberOfThreads)
{
  const auto pair = MakePair<2>(2);
  const auto domain = MakeDomain<2>();
  const auto given = itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  for (const std::string & name : metricNames)
  {
    FieldType::Pointer fields[3];
    for (const unsigned int k : { 0u, 1u, 2u })
    {
      itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1u << k);
      const auto metric = MakeMetric<2>(name);
      SetVirtualDomain<2>(metric, domain);
      const auto method = MakeMethod<2>(GetParam());
      Configure<2>(method, pair, metric);
      method->Update();
      fields[k] = method->GetModifiableTransform()->GetModifiableDisplacementField();
    }
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(given);
    const auto count = fields[0]->GetBufferedRegion().GetNumberOfPixels();
    for (const unsigned int k : { 1u, 2u })
    {
      EXPECT_TRUE(
        std::equal(fields[0]->GetBufferPointer(), fields[0]->GetBufferPointer() + count, fields[k]->GetBufferPointer()))
        << name << " with " << (1u << k) << " threads";
    }
  }
}

/** A circle around the place where the images of a ClientPair show something. */
MeshType<2>::Pointer
MakeRing(unsigned int points, const itk::Transform<double, 2, 2> * motion)
{
  const auto centre = GetCentre(MakeFixedGeometry<2>(true));
  const auto ring = MeshType<2>::New();
  for (unsigned int k = 0; k < points; ++k)
  {
    const double           angle = 2.0 * itk::Math::pi * k / points;
    itk::Point<double, 2>  point = centre;
    MeshType<2>::PointType moved;
    point[0] += 14.5 * std::cos(angle);
    point[1] += 14.5 * std::sin(angle);
    moved.CastFrom(motion->TransformPoint(point));
    ring->SetPoint(k, moved);
  }
  return ring;
}

TEST_P(FoldFreePointMethod, TakesPointsBesideImages)
{
  const auto                     truth = MakeTranslation(3.0, -2.1);
  const auto                     none = MakeTranslation(0.0, 0.0);
  const ClientPair<ImageType<2>> images(truth, true);
  const Pair<2>                  rings{ MakeRing(90, none), MakeRing(90, truth) };
  const auto                     fine = MakeRing(2000, truth);
  const double                   before = MeasureDistance<2>(rings.Fixed, fine, none);
  double                         withoutPoints = 0.0;
  // of the points; 2: there are none
  for (const unsigned int place : { 2u, 1u, 0u })
  {
    const auto both = itk::ObjectToObjectMultiMetricv4<2, 2, ImageType<2>, double>::New();
    const auto ofImages = itk::MeanSquaresImageToImageMetricv4<ImageType<2>, ImageType<2>>::New();
    const auto ofPoints = MakeMetric<2>("Sinkhorn");
    const auto method = MakeMethod<2>(GetParam());
    Configure<2>(method, {}, both);
    for (unsigned int n = 0; n < (place == 2 ? 1u : 2u); ++n)
    {
      if (n == place)
      {
        both->AddMetric(ofPoints);
        method->SetFixedPointSet(n, rings.Fixed);
        method->SetMovingPointSet(n, rings.Moving);
        continue;
      }
      both->AddMetric(ofImages);
      method->SetFixedImage(n, images.GetFixed());
      method->SetMovingImage(n, images.GetMoving());
    }
    method->SetNumberOfIterationsPerLevel(MethodType<2>::NumberOfIterationsArrayType(2, 50));
    method->Update();
    const auto   transform = method->GetModifiableTransform();
    const auto   outcome = images.Judge({ true, itk::Sinkhorn::MassModel::Intensity },
                                      [&](const auto & p) { return transform->TransformPoint(p); });
    const double distance = MeasureDistance<2>(rings.Fixed, fine, transform);
    EXPECT_LT(outcome.errorAfter, 0.5 * outcome.errorBefore);
    EXPECT_GT(SinkhornFoldOracle::Measure(transform->GetDisplacementField()).Least, 0.0);
    withoutPoints = place == 2 ? distance : withoutPoints;
    if (place != 2)
    {
      EXPECT_LT(distance, 0.5 * withoutPoints);
      EXPECT_LT(distance, 0.2 * before);
    }
  }
}

TEST_P(FoldFreePointMethod, GoesThroughInitialTransforms)
{
  const auto pair = MakePair<2>();
  const auto fine = MakePair<2>(6);
  const auto away = MakeTranslation(300.0, -200.0);
  const auto shift = [&away](MeshType<2>::PointType & point) { point.CastFrom(away->TransformPoint(point)); };
  const auto metric = MakeMetric<2>("Sinkhorn");
  SetVirtualDomain<2>(metric, MakeDomain<2>());
  const auto   method = MakeMethod<2>(GetParam());
  unsigned int iterations = 0;
  unsigned int levels = 0;
  method->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) { ++iterations; });
  method->AddObserver(itk::MultiResolutionIterationEvent(), [&](const itk::EventObject &) { ++levels; });
  for (const bool isFixed : { false, true })
  {
    const auto there = Shapes::MoveMesh<MeshType<2>>(isFixed ? pair.Fixed : pair.Moving, shift);
    Configure<2>(method, isFixed ? Pair<2>{ there, pair.Moving } : Pair<2>{ pair.Fixed, there }, metric);
    method->SetFixedInitialTransform(isFixed ? away.GetPointer() : nullptr);
    method->SetMovingInitialTransform(isFixed ? nullptr : away.GetPointer());
    method->Update();
    // in the virtual domain, where both are as in the other tests
    EXPECT_LT(MeasureDistance<2>(pair.Fixed, fine.Moving, method->GetModifiableTransform()), 0.5);
    EXPECT_EQ(levels, isFixed ? 4u : 2u);
  }
  EXPECT_GT(iterations, 4u);
}

TEST_P(FoldFreePointMethod, MassesOfEitherSideGoAlong)
{
  // Only masses tell that the second half of the points is not there.
  const auto         pair = MakePair<2>();
  const auto         other = MakePair<2>(2);
  const auto         metric = itk::SinkhornPointSetToPointSetMetricv4<MeshType<2>>::New();
  itk::Array<double> masses(pair.Fixed->GetNumberOfPoints(), 1.0);
  metric->SetFixedMasses(masses);
  SetVirtualDomain<2>(metric, MakeDomain<2>());
  const auto method = MakeMethod<2>(GetParam());
  Configure<2>(method, { pair.Fixed, other.Moving }, metric);
  method->Update();
  EXPECT_EQ(metric->GetFixedMasses(), masses);
  EXPECT_EQ(metric->GetMovingMasses().Size(), 0u);
  EXPECT_LT(MeasureDistance<2>(pair.Fixed, MakePair<2>(6).Moving, method->GetModifiableTransform()), 0.5);
}

TEST_P(FoldFreePointMethod, NamesWhatIsWrong)
{
  const auto pair = MakePair<2>();
  const auto expect = [&](const std::string &                          part,
                          MethodType<2>::MetricType *                  metric,
                          const std::function<void(MethodType<2> &)> & change) {
    const auto method = MakeMethod<2>(GetParam());
    Configure<2>(method, pair, metric);
    change(*method);
    std::string text;
    try
    {
      method->Update();
    }
    catch (const itk::ExceptionObject & error)
    {
      text = error.GetDescription();
    }
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
  };
  const auto nothing = [](MethodType<2> &) {};
  for (const std::string & name : metricNames)
  {
    expect("SetVirtualDomainFromImage()", MakeMetric<2>(name), nothing);
    const auto metric = MakeMetric<2>(name);
    SetVirtualDomain<2>(metric, MakeDomain<2>());
    expect("has no points", metric, [](MethodType<2> & m) { m.SetMovingPointSet(MeshType<2>::New()); });
    expect("lies in the virtual domain", metric, [&](MethodType<2> & m) {
      const auto far = [](MeshType<2>::PointType & point) { point[0] += 500.0F; };
      m.SetFixedPointSet(Shapes::MoveMesh<MeshType<2>>(pair.Fixed, far));
      m.SetMovingPointSet(Shapes::MoveMesh<MeshType<2>>(pair.Moving, far));
    });
    // what went wrong is forgotten
    EXPECT_FALSE(metric->GetCalculateValueAndDerivativeInTangentSpace());
    expect("FixedImage is not set", itk::MeanSquaresImageToImageMetricv4<ImageType<2>, ImageType<2>>::New(), nothing);
  }
  using OtherMesh = itk::Mesh<double, 2>;
  expect("PointSetToPointSetMetricv4 for point sets of the type",
         itk::SinkhornPointSetToPointSetMetricv4<OtherMesh>::New(),
         nothing);
}

INSTANTIATE_TEST_SUITE_P(All, FoldFreePointMethod, ::testing::ValuesIn(methodNames), [](const auto & info) {
  return info.param;
});

TEST(FoldFreePointSets, JensenHavrdaCharvatTsallisIsFollowed)
{
  // The type of point set that the methods have if none is given.
  using PointSetType = itk::PointSet<unsigned int, 2>;
  const auto pair = MakePair<2>();
  const auto copy = [](const MeshType<2> * mesh) {
    const auto points = PointSetType::New();
    for (auto it = mesh->GetPoints()->Begin(); it != mesh->GetPoints()->End(); ++it)
    {
      points->SetPoint(it.Index(), it.Value());
    }
    return points;
  };
  const auto metric = itk::JensenHavrdaCharvatTsallisPointSetToPointSetMetricv4<PointSetType>::New();
  metric->SetPointSetSigma(3.0);
  metric->SetEvaluationKNeighborhood(10);
  metric->SetUseAnisotropicCovariances(false);
  metric->SetAlpha(1.1);
  const auto domain = MakeDomain<2>();
  metric->SetVirtualDomain(
    domain->GetSpacing(), domain->GetOrigin(), domain->GetDirection(), domain->GetLargestPossibleRegion());
  const auto method = itk::FoldFreeSyNImageRegistrationMethod<ImageType<2>>::New();
  method->SetFixedPointSet(copy(pair.Fixed));
  method->SetMovingPointSet(copy(pair.Moving));
  method->SetMetric(metric);
  method->Update();
  const auto   transform = method->GetModifiableTransform();
  const auto   fine = MakePair<2>(6);
  const double before = MeasureDistance<2>(pair.Fixed, fine.Moving, itk::IdentityTransform<double, 2>::New());
  EXPECT_LT(MeasureDistance<2>(pair.Fixed, fine.Moving, transform), 0.3 * before);
  EXPECT_GT(SinkhornFoldOracle::Measure(transform->GetDisplacementField()).Least, 0.0);
}

} // namespace
