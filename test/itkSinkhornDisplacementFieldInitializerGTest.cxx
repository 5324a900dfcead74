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
#include "itkSinkhornDisplacementFieldInitializer.h"
#include "itkSinkhornFoldOracle.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkDisplacementFieldTransform.h"
#include "itkImageFileReader.h"
#include "itkImageMaskSpatialObject.h"
#include "itkMultiThreaderBase.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace
{

using namespace itk::Sinkhorn;

template <unsigned int VDimension>
using ImageType = itk::Image<float, VDimension>;
template <unsigned int VDimension>
using TransformType = itk::DisplacementFieldTransform<double, VDimension>;
template <unsigned int VDimension>
using InitializerType = itk::SinkhornDisplacementFieldInitializer<TransformType<VDimension>, ImageType<VDimension>>;

template <unsigned int VDimension>
typename InitializerType<VDimension>::Pointer
MakeInitializer(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving)
{
  const auto initializer = InitializerType<VDimension>::New();
  initializer->SetTransform(TransformType<VDimension>::New());
  initializer->SetFixedImage(fixed);
  initializer->SetMovingImage(moving);
  return initializer;
}

/** 1 inside an ellipse about a centre, its first axis turned by an angle. */
double
Ellipse(const itk::Point<double, 2> & point, double x, double y, double a, double b, double angle = 0.0)
{
  const double u = std::cos(angle) * (point[0] - x) + std::sin(angle) * (point[1] - y);
  const double v = -std::sin(angle) * (point[0] - x) + std::cos(angle) * (point[1] - y);
  return u * u / (a * a) + v * v / (b * b) <= 1.0 ? 1.0 : 0.0;
}

double
Disc(const itk::Point<double, 2> & point)
{
  return Ellipse(point, 35.0, 40.0, 14.0, 14.0);
}

double
FarEllipse(const itk::Point<double, 2> & point)
{
  return Ellipse(point, 90.0, 55.0, 11.0, 20.0, 0.5);
}

/** Dice of a fixed shape and a moving shape that is read through the map, both functions of a point. */
template <typename TTransform, typename TFixed, typename TMoving>
double
ComputeDice(const TTransform & transform, const TFixed & fixedShape, const TMoving & movingShape)
{
  const auto & field = *transform.GetDisplacementField();
  const auto & region = field.GetBufferedRegion();
  double       both = 0.0;
  double       sum = 0.0;
  auto         index = region.GetIndex();
  for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    typename TTransform::InputPointType point;
    field.TransformIndexToPhysicalPoint(index, point);
    const bool isFixed = fixedShape(point) > 0.0;
    const bool isMoving = movingShape(transform.TransformPoint(point)) > 0.0;
    both += (isFixed && isMoving) ? 2.0 : 0.0;
    sum += (isFixed ? 1.0 : 0.0) + (isMoving ? 1.0 : 0.0);
  }
  return both / sum;
}

/** Largest distances, mm, of T(T⁻¹(x)) and T⁻¹(T(x)) from x over the grid of the fields. */
template <typename TTransform>
std::pair<double, double>
ComputeInverseErrors(const TTransform & transform)
{
  const auto inverse = TTransform::New();
  EXPECT_TRUE(transform.GetInverse(inverse));
  const auto & field = *transform.GetDisplacementField();
  const auto & region = field.GetBufferedRegion();
  double       inverseFirst = 0.0;
  double       inverseLast = 0.0;
  auto         index = region.GetIndex();
  for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    typename TTransform::InputPointType point;
    field.TransformIndexToPhysicalPoint(index, point);
    const auto there = transform.TransformPoint(inverse->TransformPoint(point));
    const auto back = inverse->TransformPoint(transform.TransformPoint(point));
    inverseFirst = std::max(inverseFirst, there.EuclideanDistanceTo(point));
    inverseLast = std::max(inverseLast, back.EuclideanDistanceTo(point));
  }
  return { inverseFirst, inverseLast };
}

TEST(SinkhornDisplacementFieldInitializer, JacobianKnowsTheDirectionOfTheGrid)
{
  using FieldType = itk::Image<itk::Vector<double, 2>, 2>;
  const auto field = FieldType::New();
  field->SetRegions(FieldType::SizeType{ { 6, 5 } });
  const double             spacing[2] = { 0.5, 2.0 };
  FieldType::DirectionType direction;
  direction(0, 0) = 0.0;
  direction(0, 1) = 1.0;
  direction(1, 0) = 1.0; // a reflection
  direction(1, 1) = 0.0;
  field->SetSpacing(spacing);
  field->SetDirection(direction);
  field->Allocate();
  for (itk::ImageRegionIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    FieldType::PointType point;
    field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    it.Set(Testing::Make<itk::Vector<double, 2>>({ 0.5 * point[0] + 0.3 * point[1], -0.2 * point[1] }));
  }
  EXPECT_NEAR(SinkhornFoldOracle::Measure(field.GetPointer()).Least, 1.5 * 0.8, 1e-12);
  EXPECT_NEAR(ComputeLargestDerivative(*field), 0.5, 1e-12);
}

TEST(SinkhornDisplacementFieldInitializer, FarShapesMeetWithoutFolds)
{
  using PointType = itk::Point<double, 2>;
  const auto fixed = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, Disc);
  const auto moving = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, FarEllipse);
  const auto initializer = MakeInitializer<2>(fixed, moving);
  initializer->InitializeTransform();
  const auto & transform = *initializer->GetTransform();
  EXPECT_EQ(transform.GetDisplacementField()->GetBufferedRegion(), fixed->GetBufferedRegion());
  EXPECT_GE(ComputeDice(transform, Disc, FarEllipse), 0.97);
  EXPECT_GT(SinkhornFoldOracle::Measure(transform.GetDisplacementField()).Least, 0.0);
  EXPECT_GE(initializer->GetMinimumJacobianDeterminant(), 0.05);
  EXPECT_LE(initializer->GetNumberOfSteps(), initializer->GetMaximumNumberOfSteps());
  EXPECT_LE(initializer->GetDivergence(), 0.01 * initializer->GetInitialDivergence());
  const auto identity = TransformType<2>::New();
  identity->SetDisplacementField(itk::Sinkhorn::MakeImageOn<DiffeomorphicMap<2>::FieldType>(fixed));
  EXPECT_EQ(ComputeDice(*identity, Disc, FarEllipse), 0.0);
}

TEST(SinkhornDisplacementFieldInitializer, InverseUndoesTheMap)
{
  const auto fixed = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, Disc);
  const auto moving = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, FarEllipse);
  // a grid that holds the working grid, where the map ends
  const auto grid =
    Testing::MakeDensity<ImageType<2>>({ 240, 220 }, { 1.0, 1.0 }, [](const auto &) { return 0.0; }, 0.0, { -60, -60 });
  const auto initializer = MakeInitializer<2>(fixed, moving);
  initializer->SetGrid(grid);
  initializer->InitializeTransform();
  const auto & transform = *initializer->GetTransform();
  EXPECT_EQ(transform.GetDisplacementField()->GetBufferedRegion(), grid->GetBufferedRegion());
  EXPECT_GE(ComputeDice(transform, Disc, FarEllipse), 0.97);
  // the inverse is exact at its voxels, and interpolated between them where the map is compressed up to tenfold
  const auto errors = ComputeInverseErrors(transform);
  EXPECT_LE(errors.first, 2e-3);
  EXPECT_LE(errors.second, 0.5);
}

TEST(SinkhornDisplacementFieldInitializer, IdenticalImagesGiveTheIdentity)
{
  const auto image = Testing::MakeDensity<ImageType<2>>({ 60, 70 }, { 1.0, 1.2 }, Disc, 0.1);
  const auto initializer = MakeInitializer<2>(image, image);
  initializer->InitializeTransform();
  const auto & field = *initializer->GetTransform()->GetDisplacementField();
  double       largest = 0.0;
  for (itk::SizeValueType i = 0; i < field.GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    largest = std::max(largest, field.GetBufferPointer()[i].GetNorm());
  }
  EXPECT_LE(largest, 0.01);
}

/** Largest distance, mm, from a translation inside a ball, which is drawn on turned grids of unequal spacing. */
template <unsigned int VDimension>
double
RecoverTranslation(const itk::Vector<double, VDimension> & translation)
{
  using PointType = itk::Point<double, VDimension>;
  constexpr double radius = 13.0;
  // smooth edge, so that voxels do not matter
  const auto ball = [](const PointType & point) {
    const double distance = point.EuclideanDistanceTo(PointType(0.0));
    return std::min(1.0, std::max(0.0, 0.5 * (radius + 2.0 - distance)));
  };
  std::vector<itk::SizeValueType> size(VDimension, 40);
  std::vector<double>             spacing(VDimension, 1.0);
  std::vector<double>             corner(VDimension, -20.0);
  size[0] = 60;
  spacing[0] = 0.7;
  spacing[1] = 1.3;
  corner[1] = -26.0;
  const auto fixed = Testing::MakeDensity<ImageType<VDimension>>(size, spacing, ball, 0.2, corner);
  auto       there = corner;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    there[d] += translation[d];
  }
  const auto moving = Testing::MakeDensity<ImageType<VDimension>>(
    size, spacing, [&](const PointType & point) { return ball(point - translation); }, -0.15, there);
  const auto initializer = MakeInitializer<VDimension>(fixed, moving);
  initializer->InitializeTransform();
  const auto & transform = *initializer->GetTransform();
  EXPECT_GT(SinkhornFoldOracle::Measure(transform.GetDisplacementField()).Least, 0.0);

  double       largest = 0.0;
  const auto & region = fixed->GetBufferedRegion();
  auto         index = region.GetIndex();
  for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    PointType point;
    fixed->TransformIndexToPhysicalPoint(index, point);
    if (ball(point) == 1.0)
    {
      largest = std::max(largest, (transform.TransformPoint(point) - (point + translation)).GetNorm());
    }
  }
  return largest;
}

TEST(SinkhornDisplacementFieldInitializer, TranslationOnTurnedAnisotropicGrids)
{
  EXPECT_LE(RecoverTranslation<2>(Testing::Make<itk::Vector<double, 2>>({ 17.0, -8.0 })), 0.15);
  EXPECT_LE(RecoverTranslation<3>(Testing::Make<itk::Vector<double, 3>>({ 9.0, -6.0, 5.0 })), 0.3);
}

TEST(SinkhornDisplacementFieldInitializer, SinglePrecisionTransform)
{
  using SingleType = itk::DisplacementFieldTransform<float, 2>;
  const auto fixed = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, Disc);
  const auto moving = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, FarEllipse);
  const auto initializer = itk::SinkhornDisplacementFieldInitializer<SingleType, ImageType<2>>::New();
  const auto transform = SingleType::New();
  initializer->SetTransform(transform);
  initializer->SetFixedImage(fixed);
  initializer->SetMovingImage(moving);
  initializer->InitializeTransform();
  const auto movingShape = [](const itk::Point<float, 2> & point) {
    return FarEllipse(Testing::Make<itk::Point<double, 2>>({ point[0], point[1] }));
  };
  const auto fixedShape = [](const itk::Point<float, 2> & point) {
    return Disc(Testing::Make<itk::Point<double, 2>>({ point[0], point[1] }));
  };
  EXPECT_GE(ComputeDice(*transform, fixedShape, movingShape), 0.97);
}

TEST(SinkhornDisplacementFieldInitializer, UnlikeShapesInBothDirections)
{
  const auto cross = [](const itk::Point<double, 2> & point) {
    return std::max(Ellipse(point, 80.0, 40.0, 22.0, 7.0, 0.3), Ellipse(point, 80.0, 40.0, 7.0, 22.0, 0.3));
  };
  const auto big = [](const itk::Point<double, 2> & point) { return Ellipse(point, 35.0, 40.0, 28.0, 28.0); };
  const auto expectMeeting = [](const auto & fixedShape, const auto & movingShape) {
    const auto fixed = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, fixedShape);
    const auto moving = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, movingShape);
    const auto initializer = MakeInitializer<2>(fixed, moving);
    initializer->InitializeTransform();
    const auto & transform = *initializer->GetTransform();
    EXPECT_GE(ComputeDice(transform, fixedShape, movingShape), 0.94);
    EXPECT_GE(SinkhornFoldOracle::Measure(transform.GetDisplacementField()).Least, 0.05);
  };
  expectMeeting(Disc, cross);
  expectMeeting(cross, Disc);
  expectMeeting(Disc, big);
  expectMeeting(big, Disc);
}

TEST(SinkhornDisplacementFieldInitializer, ReachIgnoresWhatIsFarAway)
{
  const auto near = [](const itk::Point<double, 2> & point) { return Ellipse(point, 41.0, 42.0, 14.0, 14.0); };
  const auto nearAndFar = [&](const itk::Point<double, 2> & point) {
    return std::max(near(point), Ellipse(point, 110.0, 80.0, 10.0, 10.0));
  };
  const auto fixed = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, Disc);
  const auto moving = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, nearAndFar);
  const auto initializer = MakeInitializer<2>(fixed, moving);
  initializer->InitializeTransform();
  EXPECT_LE(ComputeDice(*initializer->GetTransform(), Disc, near), 0.9); // a third of the disc goes far away
  initializer->SetReach(15.0);
  initializer->InitializeTransform();
  EXPECT_GE(ComputeDice(*initializer->GetTransform(), Disc, near), 0.95);
}

TEST(SinkhornDisplacementFieldInitializer, ThreadsDoNotMatter)
{
  const auto fixed = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, Disc);
  const auto moving = Testing::MakeDensity<ImageType<2>>({ 130, 100 }, { 1.0, 1.0 }, FarEllipse);
  const auto threads = itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  const auto run = [&](itk::ThreadIdType number) {
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(number);
    const auto initializer = MakeInitializer<2>(fixed, moving);
    initializer->SetMaximumNumberOfSteps(6);
    initializer->InitializeTransform();
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(threads);
    return typename TransformType<2>::Pointer(initializer->GetModifiableTransform());
  };
  const auto one = run(1);
  const auto two = run(2);
  const auto countDifferences = [](const auto & left, const auto & right) {
    itk::SizeValueType differences = 0;
    for (itk::SizeValueType i = 0; i < left.GetBufferedRegion().GetNumberOfPixels(); ++i)
    {
      differences += left.GetBufferPointer()[i] != right.GetBufferPointer()[i] ? 1 : 0;
    }
    return differences;
  };
  EXPECT_EQ(countDifferences(*one->GetDisplacementField(), *two->GetDisplacementField()), 0u);
  EXPECT_EQ(countDifferences(*one->GetInverseDisplacementField(), *two->GetInverseDisplacementField()), 0u);
}

TEST(SinkhornDisplacementFieldInitializer, BadInputIsNamedAndLeavesTheTransformAlone)
{
  const auto image = Testing::MakeDensity<ImageType<2>>({ 8, 8 }, { 1.0, 1.0 }, [](const auto &) { return 1.0; });
  const auto empty = Testing::MakeDensity<ImageType<2>>({ 8, 8 }, { 1.0, 1.0 }, [](const auto &) { return 0.0; });
  const auto bad = Testing::MakeDensity<ImageType<2>>({ 8, 8 }, { 1.0, 1.0 }, [](const auto &) { return -1.0; });
  const auto expectMessage = [&](const ImageType<2> *                              fixed,
                                 const ImageType<2> *                              moving,
                                 const std::string &                               expected,
                                 const std::function<void(InitializerType<2> &)> & change = {}) {
    const auto initializer = MakeInitializer<2>(fixed, moving);
    const auto before = itk::Sinkhorn::MakeField<DiffeomorphicMap<2>::FieldType>(
      *image, [](const itk::Point<double, 2> &) { return itk::Vector<double, 2>(0.25); });
    initializer->GetModifiableTransform()->SetDisplacementField(before);
    if (change)
    {
      change(*initializer);
    }
    const auto message = Testing::GetMessage([&] { initializer->InitializeTransform(); });
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_EQ(initializer->GetTransform() == nullptr || initializer->GetTransform()->GetDisplacementField() == before,
              true);
    EXPECT_EQ(before->GetBufferPointer()[0][0], 0.25);
  };
  using Initializer = InitializerType<2>;
  expectMessage(nullptr, image, "FixedImage is not set");
  expectMessage(image, nullptr, "MovingImage is not set");
  expectMessage(image, image, "Transform is not set", [](Initializer & it) { it.SetTransform(nullptr); });
  expectMessage(empty, image, "fixed image has zero total mass");
  expectMessage(image, empty, "moving image has zero total mass");
  expectMessage(image, bad, "moving image has 64 negative voxels");
  expectMessage(image, image, "Grid has no voxels", [](Initializer & it) { it.SetGrid(ImageType<2>::New()); });
  expectMessage(image, image, "Smoothing is -1", [](Initializer & it) { it.SetSmoothing(-1.0); });
  expectMessage(image, image, "Blur is -2", [](Initializer & it) { it.SetBlur(-2.0); });
  expectMessage(image, image, "Reach is -3", [](Initializer & it) { it.SetReach(-3.0); });
  expectMessage(image, image, "MaximumNumberOfSteps", [](Initializer & it) { it.SetMaximumNumberOfSteps(0); });
  expectMessage(image, image, "MaximumNumberOfVoxels is 5", [](Initializer & it) { it.SetMaximumNumberOfVoxels(5); });
}

/** 1 where the voxel next to a point is positive. */
auto
ShapeOf(const ImageType<3> * image)
{
  return [image](const itk::Point<double, 3> & point) {
    const auto index = image->TransformPhysicalPointToIndex(point);
    return image->GetBufferedRegion().IsInside(index) && image->GetPixel(index) > 0.0F ? 1.0 : 0.0;
  };
}

TEST(SinkhornDisplacementFieldInitializer, RealHippocampiAndOneLabelOfThemByMasks)
{
  const char * data = std::getenv("SINKHORN_TEST_DATA");
  if (!data)
  {
    GTEST_SKIP() << "SINKHORN_TEST_DATA is not set: hippocampi are not compared";
  }
  const std::string folder = std::string(data) + "/msd_hippocampus/labels/hippocampus_";
  const auto        fixed = itk::ReadImage<ImageType<3>>(folder + "004.nii.gz");
  const auto        moving = itk::ReadImage<ImageType<3>>(folder + "006.nii.gz");

  const auto whole = MakeInitializer<3>(fixed, moving);
  whole->InitializeTransform();
  EXPECT_GE(ComputeDice(*whole->GetTransform(), ShapeOf(fixed), ShapeOf(moving)), 0.85);
  EXPECT_GT(SinkhornFoldOracle::Measure(whole->GetTransform()->GetDisplacementField()).Least, 0.0);

  // The head alone, label 1: masks must do the same as images that hold nothing else.
  using MaskImageType = itk::Image<unsigned char, 3>;
  using MaskType = itk::ImageMaskSpatialObject<3>;
  const auto maskOf = [](const ImageType<3> * image) {
    const auto voxels = MaskImageType::New();
    voxels->CopyInformation(image);
    voxels->SetRegions(image->GetBufferedRegion());
    voxels->Allocate();
    std::transform(image->GetBufferPointer(),
                   image->GetBufferPointer() + image->GetBufferedRegion().GetNumberOfPixels(),
                   voxels->GetBufferPointer(),
                   [](float label) { return label == 1.0F ? 1 : 0; });
    const auto mask = MaskType::New();
    mask->SetImage(voxels);
    mask->Update();
    return mask;
  };
  const auto headOf = [](const ImageType<3> * image) {
    const auto head = ImageType<3>::New();
    head->CopyInformation(image);
    head->SetRegions(image->GetBufferedRegion());
    head->Allocate();
    std::transform(image->GetBufferPointer(),
                   image->GetBufferPointer() + image->GetBufferedRegion().GetNumberOfPixels(),
                   head->GetBufferPointer(),
                   [](float label) { return label == 1.0F ? 1.0F : 0.0F; });
    return head;
  };
  const auto masked = MakeInitializer<3>(fixed, moving);
  masked->SetFixedMask(maskOf(fixed));
  masked->SetMovingMask(maskOf(moving));
  masked->InitializeTransform();
  const auto fixedHead = headOf(fixed);
  const auto movingHead = headOf(moving);
  EXPECT_GE(ComputeDice(*masked->GetTransform(), ShapeOf(fixedHead), ShapeOf(movingHead)), 0.90);
  const auto bare = MakeInitializer<3>(fixedHead, movingHead);
  bare->InitializeTransform();
  EXPECT_EQ(bare->GetNumberOfSteps(), masked->GetNumberOfSteps());
}

} // namespace
