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
#include "itkSinkhornTransformInitializer.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkAffineTransform.h"
#include "itkCenteredRigid2DTransform.h"
#include "itkEuler2DTransform.h"
#include "itkEuler3DTransform.h"
#include "itkSimilarity2DTransform.h"
#include "itkSimilarity3DTransform.h"

#include <gtest/gtest.h>

namespace
{

using namespace itk::Sinkhorn;

/** Three unequal bumps that no rotation maps to themselves. */
template <typename TPoint>
double
Shape(const TPoint & point)
{
  static const double bumps[][5] = { { -14.0, -4.0, 3.0, 8.0, 1.0 },
                                     { 12.0, -8.0, -5.0, 7.0, 0.6 },
                                     { 4.0, 15.0, 2.0, 6.0, 1.3 } };
  double              sum = 0.0;
  for (const auto & bump : bumps)
  {
    double squared = 0.0;
    for (unsigned int d = 0; d < TPoint::PointDimension; ++d)
    {
      squared += (point[d] - bump[d]) * (point[d] - bump[d]) / (bump[3] * bump[3]);
    }
    sum += squared < 1.0 ? bump[4] * std::pow(1.0 - squared, 2) : 0.0;
  }
  return sum;
}

/** Root mean square distance, mm over the fixed shape, between the initialised transform and the one that made the
 * moving image. */
template <typename TTransform, unsigned int VDimension>
double
RecoverTransform(const TTransform * truth, TTransform * found, bool multiStart = false)
{
  using ImageType = itk::Image<float, VDimension>;
  using PointType = typename ImageType::PointType;
  const std::vector<itk::SizeValueType> size(VDimension, VDimension == 2 ? 100 : 44);
  const std::vector<double>             spacing(VDimension, VDimension == 2 ? 0.7 : 1.6);
  const std::vector<double>             corner(VDimension, -0.5 * size[0] * spacing[0]);
  const auto fixed = Testing::MakeDensity<ImageType>(size, spacing, Shape<PointType>, 0.0, corner);
  // the moving image is somewhere else and on other axes
  std::vector<double> origin(corner);
  origin[0] += 31.0;
  origin[1] -= 12.0;
  const auto inverse = truth->GetInverseTransform();
  const auto moving = Testing::MakeDensity<ImageType>(
    size, spacing, [&](const PointType & point) { return Shape(inverse->TransformPoint(point)); }, 0.05, origin);

  const auto initializer = itk::SinkhornTransformInitializer<TTransform, ImageType>::New();
  initializer->SetTransform(found);
  initializer->SetFixedImage(fixed);
  initializer->SetMovingImage(moving);
  initializer->SetUseMultiStart(multiStart);
  initializer->InitializeTransform();
  EXPECT_LE(initializer->GetNumberOfSteps(), initializer->GetMaximumNumberOfSteps());

  double squared = 0.0;
  double mass = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<ImageType> it(fixed, fixed->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    PointType point;
    fixed->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    squared += it.Get() * truth->TransformPoint(point).SquaredEuclideanDistanceTo(found->TransformPoint(point));
    mass += it.Get();
  }
  return std::sqrt(squared / mass);
}

TEST(SinkhornTransformInitializer, Rigid2D)
{
  const auto truth = itk::Euler2DTransform<double>::New();
  truth->SetAngle(0.6);
  truth->SetTranslation(Testing::Make<itk::Vector<double, 2>>({ 33.0, -9.0 }));
  const auto found = itk::Euler2DTransform<double>::New();
  const auto error = RecoverTransform<itk::Euler2DTransform<double>, 2>(truth, found);
  EXPECT_LE(error, 0.2);
  EXPECT_NEAR(found->GetAngle(), 0.6, 0.02);
}

TEST(SinkhornTransformInitializer, Similarity2D)
{
  const auto truth = itk::Similarity2DTransform<double>::New();
  truth->SetAngle(-0.5);
  truth->SetScale(0.8);
  truth->SetTranslation(Testing::Make<itk::Vector<double, 2>>({ 30.0, -10.0 }));
  const auto found = itk::Similarity2DTransform<double>::New();
  const auto error = RecoverTransform<itk::Similarity2DTransform<double>, 2>(truth, found);
  EXPECT_LE(error, 0.3);
  EXPECT_NEAR(found->GetScale(), 0.8, 0.02);
}

TEST(SinkhornTransformInitializer, Affine2D)
{
  using TransformType = itk::AffineTransform<double, 2>;
  const auto                truth = TransformType::New();
  TransformType::MatrixType matrix;
  matrix(0, 0) = 1.15;
  matrix(0, 1) = 0.25;
  matrix(1, 0) = -0.15;
  matrix(1, 1) = 0.85;
  truth->SetMatrix(matrix);
  truth->SetTranslation(Testing::Make<itk::Vector<double, 2>>({ 28.0, -14.0 }));
  const auto found = TransformType::New();
  EXPECT_LE((RecoverTransform<TransformType, 2>(truth, found)), 0.4);
}

TEST(SinkhornTransformInitializer, Rigid3D)
{
  using TransformType = itk::Euler3DTransform<double>;
  const auto truth = TransformType::New();
  truth->SetRotation(0.3, -0.2, 0.4);
  truth->SetTranslation(Testing::Make<itk::Vector<double, 3>>({ 30.0, -12.0, 2.0 }));
  const auto found = TransformType::New();
  EXPECT_LE((RecoverTransform<TransformType, 3>(truth, found)), 0.5);
}

TEST(SinkhornTransformInitializer, Similarity3D)
{
  using TransformType = itk::Similarity3DTransform<double>;
  const auto truth = TransformType::New();
  truth->SetRotation(Testing::Make<itk::Vector<double, 3>>({ 0.0, 0.6, 0.8 }), 0.35);
  truth->SetScale(1.1);
  truth->SetTranslation(Testing::Make<itk::Vector<double, 3>>({ 30.0, -12.0, 2.0 }));
  const auto found = TransformType::New();
  EXPECT_LE((RecoverTransform<TransformType, 3>(truth, found)), 0.5);
  EXPECT_NEAR(found->GetScale(), 1.1, 0.02);
}

TEST(SinkhornTransformInitializer, MultiStartFindsLargeRotations)
{
  const auto truth2 = itk::Euler2DTransform<double>::New();
  truth2->SetAngle(2.6);
  truth2->SetTranslation(Testing::Make<itk::Vector<double, 2>>({ 33.0, -9.0 }));
  const auto found2 = itk::Euler2DTransform<double>::New();
  EXPECT_LE((RecoverTransform<itk::Euler2DTransform<double>, 2>(truth2, found2, true)), 0.2);
  EXPECT_GT((RecoverTransform<itk::Euler2DTransform<double>, 2>(truth2, found2, false)), 5.0);

  const auto truth3 = itk::Euler3DTransform<double>::New();
  truth3->SetRotation(1.2, -0.4, 2.4);
  truth3->SetTranslation(Testing::Make<itk::Vector<double, 3>>({ 30.0, -12.0, 2.0 }));
  const auto found3 = itk::Euler3DTransform<double>::New();
  EXPECT_LE((RecoverTransform<itk::Euler3DTransform<double>, 3>(truth3, found3, true)), 0.5);
}

TEST(SinkhornTransformInitializer, BadInputIsNamedAndLeavesTheTransformAlone)
{
  using ImageType = itk::Image<float, 2>;
  const auto image = Testing::MakeDensity<ImageType>({ 8, 8 }, { 1.0, 1.0 }, [](const auto &) { return 1.0; });
  const auto empty = Testing::MakeDensity<ImageType>({ 8, 8 }, { 1.0, 1.0 }, [](const auto &) { return 0.0; });
  const auto bad = Testing::MakeDensity<ImageType>({ 8, 8 }, { 1.0, 1.0 }, [](const auto &) { return -1.0; });
  const auto messageOf = [](const ImageType * fixed, const ImageType * moving) {
    const auto transform = itk::Euler2DTransform<double>::New();
    transform->SetAngle(0.5);
    const auto initializer = itk::SinkhornTransformInitializer<itk::Euler2DTransform<double>, ImageType>::New();
    initializer->SetTransform(transform);
    initializer->SetFixedImage(fixed);
    initializer->SetMovingImage(moving);
    const auto message = Testing::GetMessage([&] { initializer->InitializeTransform(); });
    EXPECT_EQ(transform->GetAngle(), 0.5);
    return message;
  };
  EXPECT_NE(messageOf(nullptr, image).find("FixedImage is not set"), std::string::npos);
  EXPECT_NE(messageOf(empty, image).find("fixed image has zero total mass"), std::string::npos);
  EXPECT_NE(messageOf(image, empty).find("moving image has zero total mass"), std::string::npos);
  EXPECT_NE(messageOf(image, bad).find("moving image has 64 negative voxels"), std::string::npos);

  using CenteredType = itk::CenteredRigid2DTransform<double>;
  const auto initializer = itk::SinkhornTransformInitializer<CenteredType, ImageType>::New();
  initializer->SetTransform(CenteredType::New());
  initializer->SetFixedImage(image);
  initializer->SetMovingImage(image);
  EXPECT_NE(Testing::GetMessage([&] { initializer->InitializeTransform(); }).find("CenteredRigid2DTransform"),
            std::string::npos);
}

/** Shapes with too little of something: layers, points, overlap of sizes. */
TEST(SinkhornTransformInitializer, NeverStretchesWithoutBoundsNorEndsWorse)
{
  using ImageType = itk::Image<float, 2>;
  using TransformType = itk::AffineTransform<double, 2>;
  using PointType = ImageType::PointType;
  const auto disc = [](double radius) {
    return [radius](const PointType & p) {
      return (p[0] - 32.0) * (p[0] - 32.0) + (p[1] - 32.0) * (p[1] - 32.0) <= radius * radius ? 1.0 : 0.0;
    };
  };
  const auto rows = [&](double half) {
    return [=](const PointType & p) { return std::abs(p[1] - 32.0) <= half ? disc(12.0)(p) : 0.0; };
  };
  const auto points = [](const PointType & p) {
    return (p[0] == 20.0 && p[1] == 20.0) || (p[0] == 44.0 && p[1] == 30.0) ? 1.0 : 0.0;
  };
  using Scene = std::function<double(const PointType &)>;
  const Scene threeRows = rows(1.0); // just an extent
  for (const Scene & fixedScene : { Scene(rows(0.0)), threeRows, Scene(points), Scene(disc(0.0)) })
  {
    for (const Scene & movingScene : { Scene(disc(20.0)), Scene(disc(3.0)), Scene(rows(0.0)) })
    {
      for (const double reach : { 0.0, 6.0, 1e4 })
      {
        const auto fixed = Testing::MakeDensity<ImageType>({ 64, 64 }, { 1.0, 1.0 }, fixedScene);
        const auto moving = Testing::MakeDensity<ImageType>({ 64, 64 }, { 1.0, 1.0 }, movingScene);
        const auto start = itk::SinkhornTransportImageFilter<ImageType>::New();
        start->SetFixedImage(fixed);
        start->SetMovingImage(moving);
        start->SetReach(reach);
        start->Update();
        const auto transform = TransformType::New();
        const auto initializer = itk::SinkhornTransformInitializer<TransformType, ImageType>::New();
        initializer->SetTransform(transform);
        initializer->SetFixedImage(fixed);
        initializer->SetMovingImage(moving);
        initializer->SetReach(reach);
        initializer->InitializeTransform();
        EXPECT_LE(initializer->GetDivergence(), start->GetDivergence() * (1.0 + 1e-3) + 1e-3);
        double squares = 0.0;
        for (unsigned int d = 0; d < 2; ++d)
        {
          for (unsigned int e = 0; e < 2; ++e)
          {
            squares += std::pow(transform->GetMatrix()(d, e), 2);
          }
        }
        EXPECT_LE(squares, 2.0 * 100.0 + 1e-6);
        const double determinant = vnl_determinant(transform->GetMatrix().GetVnlMatrix().as_matrix());
        EXPECT_GE(determinant, 0.01 - 1e-9);
        if (fixed->GetPixel({ { 32, 31 } }) == 0.0f) // a shape without extent has no shear
        {
          const auto & m = transform->GetMatrix();
          EXPECT_NEAR(m(0, 0), m(1, 1), 1e-6);
          EXPECT_NEAR(m(0, 1), -m(1, 0), 1e-6);
        }
      }
    }
  }
}

TEST(SinkhornTransformInitializer, ALargeFixedImageGetsNoHugeGrid)
{
  using ImageType = itk::Image<float, 3>;
  const auto ball = [](double radius) {
    return [radius](const ImageType::PointType & p) { return p.GetVectorFromOrigin().GetNorm() <= radius ? 1.0 : 0.0; };
  };
  const auto fixed =
    Testing::MakeDensity<ImageType>({ 40, 40, 40 }, { 5.0, 5.0, 5.0 }, ball(90.0), 0.0, { -97.5, -97.5, -97.5 });
  const auto moving =
    Testing::MakeDensity<ImageType>({ 24, 24, 24 }, { 0.5, 0.5, 0.5 }, ball(5.0), 0.0, { -5.75, -5.75, -5.75 });
  const auto transform = itk::Similarity3DTransform<double>::New();
  const auto initializer = itk::SinkhornTransformInitializer<itk::Similarity3DTransform<double>, ImageType>::New();
  initializer->SetTransform(transform);
  initializer->SetFixedImage(fixed);
  initializer->SetMovingImage(moving);
  initializer->SetMaximumNumberOfSteps(3);
  initializer->InitializeTransform();
  EXPECT_GE(transform->GetScale(), 0.1 - 1e-9);
  EXPECT_LE(transform->GetScale(), 1.0);
}

/** Two discs that have changed places: by place alone they lie as they should, by intensity they are turned; and
 * neither factor nor shift of one of the images matters. */
TEST(SinkhornTransformInitializer, BinsOfIntensityTellWhatPlacesLeaveOpen)
{
  using ImageType = itk::Image<float, 2>;
  using PointType = ImageType::PointType;
  using TransformType = itk::Euler2DTransform<double>;
  const auto discs = [](double left, double right) {
    return Testing::MakeDensity<ImageType>({ 60, 50 }, { 1.6, 2.0 }, [=](const PointType & p) {
      const bool isLeft = std::hypot(p[0] - 30.0, p[1] - 46.0) < 12.0;
      return isLeft ? left : (std::hypot(p[0] - 66.0, p[1] - 50.0) < 12.0 ? right : 0.0);
    });
  };
  const auto angleOf = [&](itk::SizeValueType bins, double factor, double shift) {
    const auto transform = TransformType::New();
    const auto initializer = itk::SinkhornTransformInitializer<TransformType, ImageType>::New();
    initializer->SetTransform(transform);
    initializer->SetFixedImage(discs(1.0, 1.0));
    initializer->SetMovingImage(discs(1.0, 1.0));
    initializer->SetFixedIntensities(discs(2.0, 3.0));
    initializer->SetMovingIntensities(discs(3.0 * factor + shift, 2.0 * factor + shift));
    initializer->SetNumberOfIntensityBins(bins);
    initializer->SetIntensityWeight(80.0); // farther than from the outer edge of one to that of the other
    initializer->InitializeTransform();
    return std::abs(transform->GetAngle());
  };
  EXPECT_LT(angleOf(0, 1.0, 0.0), 0.01);
  const double turned = angleOf(4, 1.0, 0.0);
  EXPECT_GT(turned, 3.1);
  EXPECT_NEAR(angleOf(4, 7.0, -300.0), turned, 1e-4);
}

/** Bins of intensity of equal images say what places say, on bad axes, too. */
TEST(SinkhornTransformInitializer, BinsOfIntensityRecoverATransform)
{
  using TransformType = itk::Similarity3DTransform<double>;
  using ImageType = itk::Image<float, 3>;
  using PointType = ImageType::PointType;
  const auto truth = TransformType::New();
  truth->SetRotation(Testing::Make<itk::Vector<double, 3>>({ 0.0, 0.6, 0.8 }), 0.35);
  truth->SetTranslation(Testing::Make<itk::Vector<double, 3>>({ 10.0, -12.0, 2.0 }));
  const auto inverse = truth->GetInverseTransform();
  const auto found = TransformType::New();
  const auto initializer = itk::SinkhornTransformInitializer<TransformType, ImageType>::New();
  initializer->SetTransform(found);
  initializer->SetFixedImage(
    Testing::MakeDensity<ImageType>({ 41, 36, 27 }, { 1.6, 1.9, 2.5 }, Shape<PointType>, 0.2, { -33.0, -34.0, -32.0 }));
  initializer->SetMovingImage(Testing::MakeDensity<ImageType>(
    { 43, 36, 28 },
    { 1.6, 1.9, 2.5 },
    [&](const PointType & point) { return 3.0 * Shape(inverse->TransformPoint(point)); },
    -0.1,
    { -23.0, -46.0, -30.0 }));
  initializer->SetNumberOfIntensityBins(6);
  initializer->InitializeTransform();
  double squared = 0.0;
  for (const double corner : { -15.0, 15.0 })
  {
    const auto point = Testing::Make<PointType>({ corner, 8.0, -corner });
    squared += truth->TransformPoint(point).SquaredEuclideanDistanceTo(found->TransformPoint(point));
  }
  EXPECT_LE(std::sqrt(squared / 2.0), 0.8);
}

TEST(SinkhornTransformInitializer, BadFeaturesAreNamed)
{
  using ImageType = itk::Image<float, 2>;
  using InitializerType = itk::SinkhornTransformInitializer<itk::Euler2DTransform<double>, ImageType>;
  const auto image = Testing::MakeDensity<ImageType>({ 8, 8 }, { 1.0, 1.0 }, [](const auto &) { return 1.0; });
  const auto other = Testing::MakeDensity<ImageType>({ 8, 7 }, { 1.0, 1.0 }, [](const auto &) { return 1.0; });
  const auto messageOf = [&](const auto & change) {
    const auto initializer = InitializerType::New();
    initializer->SetTransform(itk::Euler2DTransform<double>::New());
    initializer->SetFixedImage(image);
    initializer->SetMovingImage(image);
    initializer->SetNumberOfIntensityBins(4);
    change(*initializer);
    return Testing::GetMessage([&] { initializer->InitializeTransform(); });
  };
  const auto names = [&](const char * text, const auto & change) {
    const std::string message = messageOf(change);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  names("NumberOfIntensityBins is 1", [](InitializerType & i) { i.SetNumberOfIntensityBins(1); });
  names("IntensityWeight is -2", [](InitializerType & i) { i.SetIntensityWeight(-2.0); });
  names("PreserveMassRatio is on", [](InitializerType & i) { i.SetPreserveMassRatio(true); });
  names("MovingIntensities have the region", [&](InitializerType & i) { i.SetMovingIntensities(other); });
  names("label maps have no intensities", [](InitializerType & i) {
    const auto labels = InitializerType::LabelImageType::New();
    labels->SetRegions(itk::Size<2>{ { 3, 3 } });
    labels->Allocate(true);
    i.SetFixedLabels(labels);
    i.SetMovingLabels(labels);
  });
}

TEST(SinkhornLinearFit, KeepsToItsLimits)
{
  using MapType = LinearMap<2>;
  PairMoments<2> moments;
  moments.Weight = 1.0;
  moments.Source(0, 0) = 4.0;
  moments.Source(1, 1) = 4.0;
  moments.Cross(0, 0) = 400.0;
  moments.Cross(1, 1) = -40.0; // a reflection
  const MapType         step = FitLinearMap<2>(LinearModel::Affine, moments, 1.0);
  itk::Point<double, 2> centre;
  centre.Fill(3.0);
  for (const double share : { 1.0, 0.5, 0.25 })
  {
    const MapType map = ComposePart<2>(LinearModel::Affine, MapType(), step, share, centre, 5.0);
    EXPECT_GT(vnl_determinant(map.Linear.GetVnlMatrix().as_matrix()), 0.0);
    EXPECT_LE(std::abs(map.Linear(0, 0)), 5.0 + 1e-12);
    // the centre goes its share of the way
    const auto target = centre + (step(centre) - centre) * share;
    EXPECT_LE(map(centre).EuclideanDistanceTo(target), 1e-9);
  }
  moments.Cross(0, 0) = std::nan("");
  EXPECT_FALSE(moments.IsFinite());
  const MapType none = FitLinearMap<2>(LinearModel::Rigid, moments, 1.0);
  EXPECT_EQ(none.Linear(0, 0), 1.0);
  EXPECT_EQ(none.Offset[0], 0.0);
}

} // namespace
