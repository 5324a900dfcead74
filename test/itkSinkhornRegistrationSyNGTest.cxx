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
// SyN driven by the metric: shapes far apart, both ways in which SyN hands over its images, masks, errors.
#include "itkSinkhornMetricTestUtilities.h"

#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkCommand.h"
#include "itkDisplacementFieldTransformParametersAdaptor.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkResampleImageFilter.h"
#include "itkSyNImageRegistrationMethod.h"

#include <gtest/gtest.h>

#include <limits>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

namespace
{

constexpr unsigned int Dimension = 2;
using ImageType = itk::Image<float, Dimension>;
using TransformType = itk::DisplacementFieldTransform<double, Dimension>;
using FieldType = TransformType::DisplacementFieldType;
using RegistrationType = itk::SyNImageRegistrationMethod<ImageType, ImageType, TransformType>;
using ImageMetricType = itk::ImageToImageMetricv4<ImageType, ImageType, ImageType, double>;
using SinkhornMetricType = itk::SinkhornImageToImageMetricv4<ImageType, ImageType>;
using MeanSquaresType = itk::MeanSquaresImageToImageMetricv4<ImageType, ImageType>;
using CorrelationType = itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<ImageType, ImageType>;

/** An ellipse with a rim of about a voxel. */
ImageType::Pointer
MakeEllipse(itk::SizeValueType n, double x, double y, double a, double b)
{
  return MakeImage<ImageType>(MakeCube<Dimension>(n), [=](const ImageType::PointType & point) {
    const double radius = std::hypot((point[0] - x) / a, (point[1] - y) / b);
    return 1.0 / (1.0 + std::exp((radius - 1.0) * std::sqrt(a * b) / 0.4));
  });
}

FieldType::Pointer
MakeZeroField(const ImageType & like)
{
  const auto field = FieldType::New();
  field->CopyInformation(&like);
  field->SetRegions(like.GetBufferedRegion());
  field->Allocate();
  field->FillBuffer(itk::Vector<double, Dimension>(0.0));
  return field;
}

struct Schedule
{
  std::vector<unsigned int> iterations{ 60, 30, 10 };
  double                    learningRate{ 0.5 };    // voxels of the level
  double                    updateVariance{ 25.0 }; // voxels² of the level
  double                    totalVariance{ 0.0 };
  bool                      downsample{ true };
};

/** SyN with coarse grids first, each half as fine as the next one. */
RegistrationType::Pointer
MakeSyN(ImageType * fixed, ImageType * moving, ImageMetricType * metric, const Schedule & schedule)
{
  const auto registration = RegistrationType::New();
  registration->SetFixedImage(fixed);
  registration->SetMovingImage(moving);
  registration->SetMetric(metric);

  const auto transform = TransformType::New();
  transform->SetDisplacementField(MakeZeroField(*fixed));
  transform->SetInverseDisplacementField(MakeZeroField(*fixed));
  registration->SetInitialTransform(transform);
  registration->InPlaceOn();

  const auto                                    levels = static_cast<unsigned int>(schedule.iterations.size());
  RegistrationType::ShrinkFactorsArrayType      shrink(levels);
  RegistrationType::SmoothingSigmasArrayType    sigmas(levels);
  RegistrationType::NumberOfIterationsArrayType iterations(levels);
  RegistrationType::TransformParametersAdaptorsContainerType adaptors;
  for (unsigned int level = 0; level < levels; ++level)
  {
    shrink[level] = 1u << (levels - 1 - level);
    sigmas[level] = (shrink[level] > 1) ? 0.5 * shrink[level] : 0.0;
    iterations[level] = schedule.iterations[level];
    const auto adaptor = itk::DisplacementFieldTransformParametersAdaptor<TransformType>::New();
    auto       size = fixed->GetBufferedRegion().GetSize();
    auto       spacing = fixed->GetSpacing();
    auto       origin = fixed->GetOrigin();
    for (unsigned int d = 0; d < Dimension; ++d)
    {
      size[d] /= shrink[level];
      origin[d] += 0.5 * (shrink[level] - 1.0) * spacing[d];
      spacing[d] *= shrink[level];
    }
    adaptor->SetRequiredSize(size);
    adaptor->SetRequiredSpacing(spacing);
    adaptor->SetRequiredOrigin(origin);
    adaptor->SetRequiredDirection(fixed->GetDirection());
    adaptors.push_back(adaptor.GetPointer());
  }
  registration->SetNumberOfLevels(levels);
  registration->SetShrinkFactorsPerLevel(shrink);
  registration->SetSmoothingSigmasPerLevel(sigmas);
  registration->SmoothingSigmasAreSpecifiedInPhysicalUnitsOff();
  registration->SetNumberOfIterationsPerLevel(iterations);
  registration->SetTransformParametersAdaptorsPerLevel(adaptors);
  registration->SetLearningRate(schedule.learningRate);
  registration->SetGaussianSmoothingVarianceForTheUpdateField(schedule.updateVariance);
  registration->SetGaussianSmoothingVarianceForTheTotalField(schedule.totalVariance);
  registration->SetConvergenceThreshold(std::numeric_limits<double>::lowest());
  registration->SetDownsampleImagesForMetricDerivatives(schedule.downsample);
  return registration;
}

/** The metric's value in every iteration. */
class ValueRecorder : public itk::Command
{
public:
  using Self = ValueRecorder;
  using Pointer = itk::SmartPointer<Self>;
  itkNewMacro(Self);

  void
  Execute(itk::Object * caller, const itk::EventObject & event) override
  {
    if (itk::IterationEvent().CheckEvent(&event) && !itk::MultiResolutionIterationEvent().CheckEvent(&event))
    {
      m_Values.push_back(dynamic_cast<RegistrationType &>(*caller).GetCurrentMetricValue());
    }
  }
  void
  Execute(const itk::Object *, const itk::EventObject &) override
  {}

  std::vector<double> m_Values;
};

/** What a registration has achieved. */
struct Outcome
{
  double dice{ 0.0 };
  double foldedFraction{ 0.0 };
  double smallestJacobian{ std::numeric_limits<double>::max() };
};

Outcome
Judge(const ImageType & fixed, const ImageType & moving, const TransformType & transform)
{
  const auto resampler = itk::ResampleImageFilter<ImageType, ImageType>::New();
  resampler->SetInput(&moving);
  resampler->SetReferenceImage(&fixed);
  resampler->UseReferenceImageOn();
  resampler->SetTransform(&transform);
  resampler->Update();
  const auto * warped = resampler->GetOutput();

  Outcome                                           outcome;
  itk::SizeValueType                                common = 0;
  itk::SizeValueType                                both = 0;
  itk::SizeValueType                                folded = 0;
  itk::SizeValueType                                judged = 0;
  const auto &                                      field = *transform.GetDisplacementField();
  const auto                                        region = fixed.GetBufferedRegion();
  itk::ImageRegionConstIteratorWithIndex<ImageType> it(&fixed, region);
  for (; !it.IsAtEnd(); ++it)
  {
    const auto & index = it.GetIndex();
    const bool   inFixed = it.Get() > 0.5;
    const bool   inWarped = warped->GetPixel(index) > 0.5;
    common += (inFixed && inWarped) ? 1 : 0;
    both += (inFixed ? 1 : 0) + (inWarped ? 1 : 0);

    // the determinant of the map's derivative, by central differences; these images have unit geometry
    itk::Vector<double, Dimension> column[Dimension];
    bool                           isInner = true;
    for (unsigned int d = 0; d < Dimension; ++d)
    {
      auto before = index;
      auto after = index;
      --before[d];
      ++after[d];
      isInner = isInner && region.IsInside(before) && region.IsInside(after);
      if (isInner)
      {
        column[d] = (field.GetPixel(after) - field.GetPixel(before)) * 0.5;
        column[d][d] += 1.0;
      }
    }
    if (isInner)
    {
      const double determinant = column[0][0] * column[1][1] - column[0][1] * column[1][0];
      outcome.smallestJacobian = std::min(outcome.smallestJacobian, determinant);
      folded += determinant <= 0.0 ? 1 : 0;
      ++judged;
    }
  }
  outcome.dice = 2.0 * common / both;
  outcome.foldedFraction = static_cast<double>(folded) / judged;
  return outcome;
}

Outcome
Register(ImageType * fixed, ImageType * moving, ImageMetricType * metric, const Schedule & schedule)
{
  const auto registration = MakeSyN(fixed, moving, metric, schedule);
  registration->Update();
  return Judge(*fixed, *moving, *registration->GetModifiableTransform());
}

/** The figures go into the test's report and its output. */
void
Report(const char * name, const Outcome & outcome)
{
  std::cout << name << ": Dice " << outcome.dice << ", folded fraction " << outcome.foldedFraction
            << ", smallest Jacobian " << outcome.smallestJacobian << std::endl;
  ::testing::Test::RecordProperty(std::string(name) + "_dice", std::to_string(outcome.dice));
  ::testing::Test::RecordProperty(std::string(name) + "_folded_fraction", std::to_string(outcome.foldedFraction));
  ::testing::Test::RecordProperty(std::string(name) + "_min_jacobian", std::to_string(outcome.smallestJacobian));
}

} // namespace

// The headline: a disc and an ellipse 70 voxels apart, no overlap.
TEST(SinkhornRegistrationSyN, BringsADiscToAFarEllipseWhereLocalMetricsFail)
{
  const auto     fixed = MakeEllipse(128, 99.0, 64.0, 20.0, 12.0);
  const auto     moving = MakeEllipse(128, 29.0, 64.0, 16.0, 16.0);
  const Schedule schedule;

  const auto sinkhorn = SinkhornMetricType::New();
  sinkhorn->SetMassModel(MassModel::PushForward);
  const auto pushed = Register(fixed, moving, sinkhorn, schedule);
  Report("Sinkhorn_push_forward", pushed);
  EXPECT_GE(pushed.dice, 0.90);
  EXPECT_EQ(pushed.foldedFraction, 0.0);
  EXPECT_GT(pushed.smallestJacobian, 0.0);

  const auto meanSquares = Register(fixed, moving, MeanSquaresType::New(), schedule);
  Report("MeanSquares", meanSquares);
  EXPECT_LT(meanSquares.dice, 0.1);

  const auto                  correlation = CorrelationType::New();
  CorrelationType::RadiusType radius;
  radius.Fill(4);
  correlation->SetRadius(radius);
  const auto correlated = Register(fixed, moving, correlation, schedule);
  Report("ANTSNeighborhoodCorrelation", correlated);
  EXPECT_LT(correlated.dice, 0.1);
}

TEST(SinkhornRegistrationSyN, IntensityModelReachesAFarEllipse)
{
  const auto fixed = MakeEllipse(128, 99.0, 64.0, 20.0, 12.0);
  const auto moving = MakeEllipse(128, 29.0, 64.0, 16.0, 16.0);
  Schedule   schedule;
  schedule.iterations = { 200, 20, 5 };
  schedule.learningRate = 0.25;
  schedule.updateVariance = 36.0;
  schedule.totalVariance = 1.0;
  const auto outcome = Register(fixed, moving, SinkhornMetricType::New(), schedule);
  Report("Sinkhorn_intensity", outcome);
  EXPECT_GE(outcome.dice, 0.90);
  EXPECT_EQ(outcome.foldedFraction, 0.0);
}

TEST(SinkhornRegistrationSyN, ValueDecreasesAndSwappedCallsAreFree)
{
  const auto fixed = MakeEllipse(32, 18.0, 15.0, 7.0, 4.0);
  const auto moving = MakeEllipse(32, 12.0, 16.0, 5.0, 5.0);
  for (const auto model : { MassModel::Intensity, MassModel::PushForward })
  {
    for (const bool downsample : { true, false })
    {
      Schedule schedule;
      schedule.iterations = { 8 };
      schedule.downsample = downsample;
      const auto metric = SinkhornMetricType::New();
      metric->SetMassModel(model);
      const auto registration = MakeSyN(fixed, moving, metric, schedule);
      const auto recorder = ValueRecorder::New();
      registration->AddObserver(itk::IterationEvent(), recorder);
      registration->Update();

      const auto & values = recorder->m_Values;
      ASSERT_EQ(values.size(), 8u);
      for (size_t i = 1; i < values.size(); ++i)
      {
        EXPECT_LT(values[i], values[i - 1]) << "iteration " << i << ", " << model << ", downsample " << downsample;
      }
      // Two calls in each iteration. Mass pushed from one image to the other is another problem backwards, unless the
      // images come warped or the transforms are still the identity.
      const bool twoProblems = (model == MassModel::PushForward) && !downsample;
      EXPECT_EQ(metric->GetNumberOfSolves(), twoProblems ? 15u : 8u) << model << ", downsample " << downsample;
    }
  }
}

TEST(SinkhornRegistrationSyN, WorksWithMasks)
{
  const auto geometry = MakeCube<Dimension>(32);
  const auto fixed = MakeEllipse(32, 19.0, 15.0, 6.0, 4.0);
  const auto moving = MakeEllipse(32, 13.0, 16.0, 5.0, 5.0);
  // rubbish in a corner, outside the masks
  for (itk::IndexValueType x = 0; x < 4; ++x)
  {
    ImageType::IndexType index;
    index[0] = x;
    index[1] = 1;
    moving->SetPixel(index, 30.0f);
  }
  for (const bool downsample : { true, false })
  {
    Schedule schedule;
    schedule.iterations = { 25 };
    schedule.downsample = downsample;
    const auto metric = SinkhornMetricType::New();
    metric->SetMassModel(MassModel::PushForward);
    metric->SetFixedImageMask(MakeBallMask(geometry, GetCentre(geometry), 13.0));
    metric->SetMovingImageMask(MakeBallMask(geometry, GetCentre(geometry), 13.0));
    const auto registration = MakeSyN(fixed, moving, metric, schedule);
    registration->Update();
    const auto outcome = Judge(*fixed, *moving, *registration->GetModifiableTransform());
    EXPECT_GT(outcome.dice, 0.85) << "downsample " << downsample;
  }
}

TEST(SinkhornRegistrationSyN, ErrorsReachTheCaller)
{
  const auto           fixed = MakeEllipse(32, 19.0, 15.0, 6.0, 4.0);
  const auto           moving = MakeEllipse(32, 13.0, 16.0, 5.0, 5.0);
  ImageType::IndexType index;
  index.Fill(3);
  moving->SetPixel(index, -1.0f);
  Schedule schedule;
  schedule.iterations = { 2 };
  const auto metric = SinkhornMetricType::New();
  const auto registration = MakeSyN(fixed, moving, metric, schedule);
  try
  {
    registration->Update();
    ADD_FAILURE() << "no exception";
  }
  catch (const itk::ExceptionObject & error)
  {
    EXPECT_NE(std::string(error.GetDescription()).find("moving image"), std::string::npos) << error.GetDescription();
  }
}
