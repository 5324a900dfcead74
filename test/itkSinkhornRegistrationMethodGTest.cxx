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
// The whole pipeline as a filter: other types of pixels, masks, initial transforms, stages, events, errors.
#include "itkSinkhornClientTestUtilities.h"
#include "itkSinkhornFoldOracle.h"

#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationMethod.h"
#include "itkTranslationTransform.h"

#include <nlohmann/json.hpp>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

namespace
{

template <unsigned int D>
typename itk::TranslationTransform<double, D>::Pointer
MakeShift(double length)
{
  const auto             shift = itk::TranslationTransform<double, D>::New();
  itk::Vector<double, D> offset(0.0);
  offset[0] = length;
  offset[D - 1] = -0.6 * length;
  shift->Translate(offset);
  return shift;
}

template <typename TImage>
typename itk::SinkhornRegistrationMethod<TImage>::Pointer
MakeMethod(const ClientPair<TImage> & pair)
{
  const auto method = itk::SinkhornRegistrationMethod<TImage>::New();
  method->SetFixedImage(pair.GetFixed());
  method->SetMovingImage(pair.GetMoving());
  return method;
}

template <typename TImage>
ClientOutcome
Judge(const ClientPair<TImage> & pair, const itk::SinkhornRegistrationMethod<TImage> * method)
{
  return pair.Judge({ true, MassModel::Intensity },
                    [&](const auto & point) { return method->GetTransform()->TransformPoint(point); });
}

template <typename TImage>
void
ExpectRegisters()
{
  constexpr unsigned int   D = TImage::ImageDimension;
  const ClientPair<TImage> pair(MakeShift<D>(D == 2 ? 12.0 : 6.0), true);
  const auto               method = MakeMethod(pair);
  method->Update();
  const auto outcome = Judge<TImage>(pair, method);
  EXPECT_GT(outcome.diceAfter, 0.93);
  EXPECT_LT(outcome.errorAfter, 0.2 * outcome.errorBefore);
  const auto & report = method->GetReport();
  EXPECT_EQ(report.Kept, "result");
  EXPECT_GT(report.Folds.MinimumJacobian, 0.0);
  EXPECT_LT(report.ValueAfter, 0.1 * report.ValueBefore);
  // An oracle of its own, on the grid of the fixed image.
  using FloatImage = itk::SinkhornRegistration::ImageType<D>;
  const auto grid = FloatImage::New();
  grid->CopyInformation(pair.GetFixed());
  grid->SetRegions(pair.GetFixed()->GetBufferedRegion());
  grid->Allocate();
  const auto field = itk::SinkhornRegistration::SampleDisplacement<D>(method->GetTransform(), grid);
  EXPECT_GT(SinkhornFoldOracle::Measure(field.GetPointer()).Least, 0.0);
  // There and back again, inside the shape.
  const auto inverse = method->GetInverseTransform();
  for (itk::ImageRegionConstIteratorWithIndex<TImage> it(pair.GetFixed(), pair.GetFixed()->GetBufferedRegion());
       !it.IsAtEnd();
       ++it)
  {
    if (it.Get() > 0.3)
    {
      itk::Point<double, D> point;
      pair.GetFixed()->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      EXPECT_LT(inverse->TransformPoint(method->GetTransform()->TransformPoint(point)).EuclideanDistanceTo(point),
                0.15);
    }
  }
}

TEST(SinkhornRegistrationMethod, Float2D)
{
  ExpectRegisters<itk::Image<float, 2>>();
}
TEST(SinkhornRegistrationMethod, Double2D)
{
  ExpectRegisters<itk::Image<double, 2>>();
}
TEST(SinkhornRegistrationMethod, Float3D)
{
  ExpectRegisters<itk::Image<float, 3>>();
}

using Image2 = itk::Image<float, 2>;

TEST(SinkhornRegistrationMethod, ReportIsJsonAndNamesWhatWasChosen)
{
  const ClientPair<Image2> pair(MakeShift<2>(9.0), true);
  const auto               method = MakeMethod(pair);
  method->SetSetting("iterations", "40x20");
  method->Update();
  const auto json = nlohmann::json::parse(method->GetReportAsJson());
  EXPECT_EQ(json["metric"], "sinkhorn");
  EXPECT_EQ(json["transform"], "syn");
  EXPECT_EQ(json["kept"], "result");
  EXPECT_EQ(json["stages"].size(), method->GetPlan().Stages.size());
  EXPECT_EQ(json["stages"].back()["levels"], 2);
  EXPECT_EQ(json["initialize"], "automatic");
  EXPECT_DOUBLE_EQ(json["value_after"].get<double>(), method->GetReport().ValueAfter);
  EXPECT_FALSE(method->GetMessages().empty());
}

TEST(SinkhornRegistrationMethod, RunsTheStagesThatAreGiven)
{
  const ClientPair<Image2> pair(MakeShift<2>(6.0), true);
  const auto               method = MakeMethod(pair);
  method->AddStage("translation,sinkhorn,blur=3,iterations=40");
  method->AddStage("syn,meansquares,iterations=20x10");
  method->Update();
  ASSERT_EQ(method->GetReport().Stages.size(), 2u);
  EXPECT_TRUE(method->GetReport().Stages[0].Kept);
  EXPECT_EQ(method->GetReport().Levels.size(), 3u);
  EXPECT_GT(Judge<Image2>(pair, method).diceAfter, 0.95);
  const auto first = method->GetTransform()->GetNthTransform(0);
  EXPECT_STREQ(first->GetNameOfClass(), "TranslationTransform");
}

TEST(SinkhornRegistrationMethod, BeginsAtAnInitialTransform)
{
  const ClientPair<Image2> pair(MakeShift<2>(12.0), true);
  const auto               method = MakeMethod(pair);
  const auto               start = MakeShift<2>(11.0);
  method->SetInitialTransform(start);
  method->AddStage("syn,meansquares,iterations=20x10");
  method->Update();
  EXPECT_GT(Judge<Image2>(pair, method).diceAfter, 0.95);
  // A start that is right stays, and is not changed.
  const auto again = MakeMethod(pair);
  again->SetInitialTransform(MakeShift<2>(12.0));
  again->Update();
  EXPECT_GT(Judge<Image2>(pair, again).diceAfter, 0.95);
  EXPECT_DOUBLE_EQ(start->GetOffset()[0], 11.0);
}

TEST(SinkhornRegistrationMethod, SendsEventsAndHonoursAbort)
{
  const ClientPair<Image2> pair(MakeShift<2>(9.0), true);
  const auto               method = MakeMethod(pair);
  unsigned int             levels = 0;
  unsigned int             iterations = 0;
  float                    progress = 0.0F;
  method->AddObserver(itk::MultiResolutionIterationEvent(), [&](const itk::EventObject &) {
    ++levels;
    EXPECT_FALSE(method->GetCurrentDetail().empty());
  });
  method->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) {
    ++iterations;
    EXPECT_LE(method->GetCurrentLevel(), method->GetNumberOfLevels());
    EXPECT_LE(method->GetCurrentStage(), method->GetNumberOfStages());
  });
  method->AddObserver(itk::ProgressEvent(), [&](const itk::EventObject &) {
    EXPECT_GE(method->GetProgress(), progress);
    progress = method->GetProgress();
  });
  method->Update();
  // Levels of trials, of which the best was kept, are seen, too.
  EXPECT_GE(levels, method->GetReport().Levels.size());
  EXPECT_GE(iterations, levels);
  EXPECT_FLOAT_EQ(progress, 1.0F);

  const auto kept = method->GetTransform();
  progress = 0.0F;
  const auto stop =
    method->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) { method->AbortGenerateDataOn(); });
  method->SetSetting("iterations", "30x20x10");
  EXPECT_THROW(method->Update(), itk::ProcessAborted);
  EXPECT_EQ(method->GetTransform(), kept);
  method->RemoveObserver(stop);
  method->AbortGenerateDataOff();
  progress = 0.0F;
  method->Update();
  EXPECT_GT(Judge<Image2>(pair, method).diceAfter, 0.95);
}

TEST(SinkhornRegistrationMethod, SameBitsAgainAndForAnyNumberOfThreads)
{
  const ClientPair<Image2> pair(MakeShift<2>(9.0), true);
  const auto               threads = itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  std::vector<double>      values;
  for (const unsigned int number : { 1u, 3u, 1u })
  {
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(number);
    const auto method = MakeMethod(pair);
    method->SetSetting("iterations", "20x10");
    method->Update();
    itk::Point<double, 2> point;
    pair.GetFixed()->TransformIndexToPhysicalPoint(pair.GetFixed()->GetBufferedRegion().GetIndex(), point);
    for (unsigned int i = 0; i < 20; ++i)
    {
      point[0] += 1.7;
      point[1] += 1.1;
      const auto there = method->GetTransform()->TransformPoint(point);
      values.push_back(there[0]);
      values.push_back(there[1]);
    }
  }
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(threads);
  const std::size_t count = values.size() / 3;
  for (std::size_t i = 0; i < count; ++i)
  {
    EXPECT_EQ(values[i], values[i + count]);
    EXPECT_EQ(values[i], values[i + 2 * count]);
  }
}

TEST(SinkhornRegistrationMethod, NamesWhatIsWrong)
{
  const ClientPair<Image2> pair(MakeShift<2>(9.0), true);
  using MethodType = itk::SinkhornRegistrationMethod<Image2>;
  const auto expect = [&](const std::string & part, const std::function<void(MethodType *)> & change) {
    const auto method = MakeMethod(pair);
    change(method);
    std::string text = "nothing was thrown";
    try
    {
      method->Update();
    }
    catch (const itk::ExceptionObject & error)
    {
      text = error.GetDescription();
    }
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect("metric: 'ssd' is unknown", [](auto * m) { m->SetMetric("ssd"); });
  expect("blur: 'wide' is not a number", [](auto * m) { m->SetSetting("blur", "wide"); });
  expect("blur 1e+06", [](auto * m) { m->SetSetting("blur", "1e6"); });
  expect("there is no setting 'blurr'", [](auto * m) { m->SetSetting("blurr", "3"); });
  expect("stage 'syn'", [](auto * m) { m->AddStage("syn"); });
  expect("radius: has no meaning here", [](auto * m) {
    m->SetMetric("meansquares");
    m->SetSetting("radius", "3");
  });
  expect("fixed mask: not on the grid", [](auto * m) {
    const auto mask = MethodType::MaskImageType::New();
    mask->SetRegions(itk::Size<2>{ { 5, 5 } });
    mask->Allocate(true);
    m->SetFixedMask(mask);
  });
  expect("moving mask: is empty",
         [&](auto * m) { m->SetMovingMask(itk::Sinkhorn::MakeImageOn<MethodType::MaskImageType>(pair.GetMoving())); });
  expect("moving exclusion: is empty", [&](auto * m) {
    m->SetMovingExclusion(itk::Sinkhorn::MakeImageOn<MethodType::MaskImageType>(pair.GetMoving()));
  });
  expect("fixed image: what is excluded leaves nothing", [&](auto * m) {
    const auto all = itk::Sinkhorn::MakeImageOn<MethodType::MaskImageType>(pair.GetFixed());
    all->FillBuffer(1);
    m->SetFixedExclusion(all);
  });
  expect("moving image: voxel [", [&](auto * m) {
    const auto image = itk::Sinkhorn::CopyImage<Image2>(pair.GetMoving());
    image->GetBufferPointer()[7] = std::numeric_limits<float>::quiet_NaN();
    m->SetMovingImage(image);
  });
  expect("negative intensity", [&](auto * m) {
    const auto image = itk::Sinkhorn::CopyImage<Image2>(pair.GetMoving());
    image->GetBufferPointer()[7] = -1.0F;
    m->SetMovingImage(image);
    m->SetDensity("as-is");
  });
}

} // namespace
