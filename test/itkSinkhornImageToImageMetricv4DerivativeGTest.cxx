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
// The derivative against central differences of the value, for every kind of transform, geometry and option.
#include "itkSinkhornMetricTestUtilities.h"

#include "itkAffineTransform.h"
#include "itkBSplineTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkEuler2DTransform.h"
#include "itkEuler3DTransform.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::DistanceKernel;
using itk::Sinkhorn::MassModel;

namespace
{

template <unsigned int VDimension>
using ImageOf = itk::Image<double, VDimension>;

/** A vector from its components. */
template <typename... TValue>
itk::Vector<double, sizeof...(TValue)>
V(TValue... values)
{
  const double components[] = { values... };
  return itk::Vector<double, sizeof...(TValue)>(components);
}

enum class Distance
{
  Sinkhorn,
  Gaussian,
  Energy
};

/** What a case varies. */
struct Options
{
  Distance  distance{ Distance::Sinkhorn };
  MassModel model{ MassModel::Intensity };
  bool      oblique{ false };
  bool      masks{ false };
  bool      fillsFrame{ false }; ///< both images have mass up to their borders
  bool      debias{ true };
  bool      normalize{ true };
  double    reach{ 0.0 };
};

/** Numbers that tell a failing case. */
std::ostream &
operator<<(std::ostream & os, const Options & o)
{
  const char * names[] = { "Sinkhorn, ", "Gaussian kernel, ", "energy kernel, " };
  return os << names[static_cast<int>(o.distance)] << o.model << (o.oblique ? ", oblique grids" : "")
            << (o.masks ? ", masks" : "") << (o.fillsFrame ? ", filling their frames" : "")
            << (o.debias ? "" : ", not debiased") << (o.normalize ? "" : ", masses as they are") << ", reach "
            << o.reach;
}

/** A metric of any kind. */
template <unsigned int VDimension>
typename itk::DensityImageToImageMetricv4<ImageOf<VDimension>, ImageOf<VDimension>>::Pointer
MakeMetric(const Options & options, ImageOf<VDimension> * fixed, ImageOf<VDimension> * moving)
{
  typename itk::DensityImageToImageMetricv4<ImageOf<VDimension>, ImageOf<VDimension>>::Pointer metric;
  if (options.distance == Distance::Sinkhorn)
  {
    const auto sinkhorn = MakeExactMetric<ImageOf<VDimension>>(fixed, moving, 1.5);
    sinkhorn->SetDebias(options.debias);
    sinkhorn->SetReach(options.reach);
    metric = sinkhorn;
  }
  else
  {
    const auto kernel = itk::KernelDistanceImageToImageMetricv4<ImageOf<VDimension>, ImageOf<VDimension>>::New();
    kernel->SetKernel(options.distance == Distance::Gaussian ? DistanceKernel::Gaussian : DistanceKernel::Energy);
    kernel->SetFixedImage(fixed);
    kernel->SetMovingImage(moving);
    kernel->SetBlur(3.0);
    metric = kernel;
  }
  metric->SetMassModel(options.model);
  metric->SetNormalizeMasses(options.normalize);
  return metric;
}

template <unsigned int VDimension>
double
RelativeError(const Options &                                  options,
              itk::Transform<double, VDimension, VDimension> & transform,
              const std::vector<double> &                      steps)
{
  constexpr itk::SizeValueType n = (VDimension == 2) ? 22 : 11;
  auto                         fixedGeometry = MakeCube<VDimension>(n);
  auto                         movingGeometry = MakeCube<VDimension>(n);
  double                       shift = 0.06 * n;
  if (options.oblique)
  {
    fixedGeometry = MakeObliqueGeometry<VDimension>(n);
    // the moving image has another grid, around the same centre
    movingGeometry.spacing.Fill(1.1);
    movingGeometry.size.Fill(n + 3);
    movingGeometry.start.Fill(-2);
    const auto offset = GetCentre(fixedGeometry) - GetCentre(movingGeometry);
    movingGeometry.origin += offset;
  }
  const auto fixed = MakeBumps<ImageOf<VDimension>>(fixedGeometry, 0.0, n);
  const auto moving = MakeBumps<ImageOf<VDimension>>(movingGeometry, shift, 0.94 * n);
  if (options.fillsFrame)
  {
    for (const auto & image : { fixed, moving })
    {
      for (itk::ImageRegionIteratorWithIndex<ImageOf<VDimension>> it(image, image->GetBufferedRegion()); !it.IsAtEnd();
           ++it)
      {
        it.Value() += 0.5 + 0.1 * std::sin(0.4 * it.GetIndex()[0] - 0.3 * it.GetIndex()[1]);
      }
    }
  }
  const auto metric = MakeMetric<VDimension>(options, fixed, moving);
  metric->SetMovingTransform(&transform);
  if (options.masks)
  {
    // both masks cut mass off
    metric->SetFixedImageMask(MakeBallMask(fixedGeometry, GetCentre(fixedGeometry), 0.24 * n));
    metric->SetMovingImageMask(MakeBallMask(movingGeometry, GetCentre(movingGeometry), 0.28 * n));
  }
  return CompareWithFiniteDifferences(*metric, steps);
}

std::vector<Options>
MakeOptions(MassModel model)
{
  std::vector<Options> all(8);
  all[6].fillsFrame = true;
  all[7].fillsFrame = true;
  all[7].oblique = true;
  all[7].reach = 5.0;
  all[1].oblique = true;
  all[2].oblique = true;
  all[2].masks = true;
  all[3].debias = false;
  all[4].reach = 5.0;
  all[4].oblique = true;
  all[5].reach = 4.0;
  all[5].normalize = false;
  all[5].debias = false;
  for (auto & one : all)
  {
    one.model = model;
  }
  return all;
}

std::vector<Options>
MakeKernelOptions(MassModel model)
{
  std::vector<Options> all(8);
  all[6].fillsFrame = true;
  all[7].fillsFrame = true;
  all[7].oblique = true;
  for (auto & one : all)
  {
    one.model = model;
    one.distance = Distance::Gaussian;
  }
  all[1].oblique = true;
  all[2].oblique = true;
  all[2].masks = true;
  all[3].oblique = true;
  all[3].normalize = false;
  all[4].distance = Distance::Energy;
  all[5].distance = Distance::Energy;
  all[5].oblique = true;
  all[5].masks = true;
  return all;
}

class SinkhornMetricDerivative : public ::testing::TestWithParam<Options>
{};

} // namespace

TEST_P(SinkhornMetricDerivative, Translation2D)
{
  const auto transform = itk::TranslationTransform<double, 2>::New();
  auto       parameters = transform->GetParameters();
  parameters[0] = 0.37;
  parameters[1] = -0.21;
  transform->SetParameters(parameters);
  EXPECT_LT(RelativeError<2>(GetParam(), *transform, { 1e-5 }), 1e-3);
}

TEST_P(SinkhornMetricDerivative, Euler2D)
{
  const auto transform = itk::Euler2DTransform<double>::New();
  transform->SetAngle(0.07);
  transform->SetTranslation(V(0.3, -0.4));
  EXPECT_LT(RelativeError<2>(GetParam(), *transform, { 1e-6, 1e-5, 1e-5 }), 1e-3);
}

TEST_P(SinkhornMetricDerivative, Affine2D)
{
  const auto transform = itk::AffineTransform<double, 2>::New();
  transform->Scale(V(1.03, 0.96));
  transform->Translate(V(0.33, -0.2));
  EXPECT_LT(RelativeError<2>(GetParam(), *transform, { 1e-6, 1e-6, 1e-6, 1e-6, 1e-5, 1e-5 }), 1e-3);
}

TEST_P(SinkhornMetricDerivative, Euler3D)
{
  const auto transform = itk::Euler3DTransform<double>::New();
  transform->SetRotation(0.05, -0.03, 0.04);
  transform->SetTranslation(V(0.3, -0.4, 0.15));
  EXPECT_LT(RelativeError<3>(GetParam(), *transform, { 1e-6, 1e-6, 1e-6, 1e-5, 1e-5, 1e-5 }), 1e-3);
}

TEST_P(SinkhornMetricDerivative, Affine3D)
{
  const auto transform = itk::AffineTransform<double, 3>::New();
  transform->Scale(V(1.03, 0.96, 0.99));
  transform->Translate(V(0.33, -0.2, 0.11));
  const double small = 1e-6;
  EXPECT_LT(RelativeError<3>(GetParam(),
                             *transform,
                             { small, small, small, small, small, small, small, small, small, 1e-5, 1e-5, 1e-5 }),
            1e-3);
}

TEST_P(SinkhornMetricDerivative, DisplacementField2D)
{
  using TransformType = itk::DisplacementFieldTransform<double, 2>;
  using FieldType = TransformType::DisplacementFieldType;
  const auto geometry = GetParam().oblique ? MakeObliqueGeometry<2>(22) : MakeCube<2>(22);
  const auto like = MakeImage<ImageOf<2>>(geometry, [](const auto &) { return 0.0; });
  const auto field = FieldType::New();
  field->CopyInformation(like);
  field->SetRegions(like->GetBufferedRegion());
  field->Allocate();
  itk::ImageRegionIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    const auto & index = it.GetIndex();
    it.Set(V(0.4 * std::sin(0.3 * index[0]) + 0.13, 0.3 * std::cos(0.2 * index[1] + 0.1 * index[0])));
  }
  const auto transform = TransformType::New();
  transform->SetDisplacementField(field);
  EXPECT_LT(RelativeError<2>(GetParam(), *transform, { 1e-5 }), 1e-3);
}

TEST_P(SinkhornMetricDerivative, BSpline2D)
{
  using TransformType = itk::BSplineTransform<double, 2, 3>;
  const auto                transform = TransformType::New();
  const auto                centre = GetCentre(GetParam().oblique ? MakeObliqueGeometry<2>(22) : MakeCube<2>(22));
  TransformType::OriginType origin;
  origin[0] = centre[0] - 25.0;
  origin[1] = centre[1] - 25.0;
  transform->SetTransformDomainOrigin(origin);
  transform->SetTransformDomainPhysicalDimensions(V(50.0, 50.0));
  TransformType::MeshSizeType mesh;
  mesh.Fill(3);
  transform->SetTransformDomainMeshSize(mesh);
  auto parameters = transform->GetParameters();
  for (unsigned int p = 0; p < parameters.Size(); ++p)
  {
    parameters[p] = 0.5 * std::sin(1.7 * p);
  }
  transform->SetParametersByValue(parameters);
  EXPECT_LT(RelativeError<2>(GetParam(), *transform, { 1e-5 }), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Intensity, SinkhornMetricDerivative, ::testing::ValuesIn(MakeOptions(MassModel::Intensity)));
INSTANTIATE_TEST_SUITE_P(PushForward,
                         SinkhornMetricDerivative,
                         ::testing::ValuesIn(MakeOptions(MassModel::PushForward)));
INSTANTIATE_TEST_SUITE_P(KernelIntensity,
                         SinkhornMetricDerivative,
                         ::testing::ValuesIn(MakeKernelOptions(MassModel::Intensity)));
INSTANTIATE_TEST_SUITE_P(KernelPushForward,
                         SinkhornMetricDerivative,
                         ::testing::ValuesIn(MakeKernelOptions(MassModel::PushForward)));

// A coarse level of a registration: the virtual domain shrinks, the images do not.
TEST(SinkhornMetricCoarseDomain, DerivativeAndGrid)
{
  const auto geometry = MakeCube<2>(41);
  auto       coarse = geometry;
  coarse.size.Fill(14);
  coarse.spacing.Fill(3.0);
  coarse.origin.Fill(1.0);
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto fixed = MakeBumps<ImageOf<2>>(geometry, 0.0, 41);
    const auto moving = MakeBumps<ImageOf<2>>(geometry, 4.0, 38);
    const auto metric = MakeExactMetric<ImageOf<2>>(fixed, moving, 4.0);
    const auto transform = itk::TranslationTransform<double, 2>::New();
    transform->Translate(V(0.37, -0.21));
    metric->SetMovingTransform(transform);
    metric->SetMassModel(model);
    metric->SetVirtualDomainFromImage(MakeImage<ImageOf<2>>(coarse, [](const auto &) { return 0.0; }));
    EXPECT_LT(CompareWithFiniteDifferences(*metric, { 1e-5 }), 1e-3) << model;
    EXPECT_DOUBLE_EQ(metric->GetFirstVariation()->GetSpacing()[0], 3.0) << model;
    // 4 mm along both axes, less what the translation has done
    EXPECT_NEAR(metric->GetValue(), 0.5 * (3.63 * 3.63 + 4.21 * 4.21), 1.5) << model;
    EXPECT_NEAR(metric->GetMovingMass() / metric->GetFixedMass(), 38.0 * 38.0 / (41.0 * 41.0), 0.03) << model;
  }
}
