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
#include "pipeline.h"

#include "inputs.h"
#include "progress.h"
#include "report.h"

#include "itkIdentityTransform.h"
#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornImageReading.h"
#include "itkSinkhornOutputFolder.h"
#include "itkSinkhornOverview.h"
#include "itkSinkhornPage.h"
#include "itkSinkhornPageViews.h"
#include "itkSinkhornResultFiles.h"

#include <nlohmann/json.hpp>

#include <chrono>

namespace SinkhornRegister
{
namespace
{

/** Errors of landmarks and Dice of labels, as the files lie and as they were registered.
 * \param toFile \a transform on to where the moving image lies in its file. */
template <unsigned int VDimension>
void
MeasureAgreement(const Inputs<VDimension> &                          inputs,
                 const itk::CompositeTransform<double, VDimension> * transform,
                 const itk::CompositeTransform<double, VDimension> * toFile,
                 Report &                                            report)
{
  const auto identity = itk::IdentityTransform<double, VDimension>::New();
  if (!inputs.FixedLandmarks.empty())
  {
    report.HasLandmarks = true;
    report.NumberOfLandmarks = inputs.FixedLandmarks.size();
    report.ErrorBefore =
      ComputeTargetError<VDimension>(inputs.FixedLandmarks, inputs.MovingLandmarks, identity.GetPointer());
    report.ErrorAfter = ComputeTargetError<VDimension>(inputs.FixedLandmarks, inputs.MovingLandmarks, toFile);
  }
  if (inputs.FixedLabels)
  {
    report.HasDice = true;
    report.DiceBefore = ComputeDice<VDimension>(
      inputs.FixedLabels, WarpLabels<VDimension>(inputs.MovingLabels, inputs.MapFromFile(), inputs.Fixed));
    report.DiceAfter =
      ComputeDice<VDimension>(inputs.FixedLabels, WarpLabels<VDimension>(inputs.MovingLabels, transform, inputs.Fixed));
  }
}

/** The images as they are compared; with what they show, a recipe is made definite. */
template <unsigned int VDimension>
ImagePair<VDimension>
ChooseImages(Options & options, const Inputs<VDimension> & inputs)
{
  CheckLimits<VDimension>(options, inputs.Fixed, inputs.Moving);
  ImagePair<VDimension> pair = ChooseFeatures<VDimension>(options, inputs);
  ChooseDensities<VDimension>(options, pair);
  if (options.IsRecipe)
  {
    AdaptRecipe<VDimension>(options, pair);
  }
  return pair;
}

/** What is warped, but for the maps. \param areLabelMaps whether the images were compared as such. */
template <unsigned int VDimension>
ResultSource<VDimension>
MakeSource(const Inputs<VDimension> & inputs, const FileFacts & fixed, const FileFacts & moving, bool areLabelMaps)
{
  ResultSource<VDimension> source;
  source.FixedFacts = &fixed;
  source.MovingFacts = &moving;
  source.LabelFacts = &inputs.MovingLabelFacts;
  source.Plane = &inputs.Plane;
  source.Fixed = inputs.Fixed;
  source.Moving = inputs.Moving;
  source.MovingLabelMap = areLabelMaps ? inputs.MovingLabelMap : nullptr;
  source.MovingLabels = inputs.MovingLabels;
  return source;
}

} // namespace

template <unsigned int VDimension>
bool
RunPipeline(const Options & given, const FileFacts & fixed, const FileFacts & moving)
{
  const auto               start = std::chrono::steady_clock::now();
  Options                  options = given;
  Progress                 progress(options.Quiet);
  const Inputs<VDimension> inputs = ReadInputs<VDimension>(options, fixed, moving);
  for (const std::string & notice : inputs.Notices)
  {
    progress.Warn(notice);
  }
  const ImagePair<VDimension> pair = ChooseImages<VDimension>(options, inputs);
  OutputFolder                folder(options.Output, ListInputFiles(options));
  Report                      report;

  const auto transform = itk::CompositeTransform<double, VDimension>::New();
  static_cast<RegistrationReport &>(report) = Register<VDimension>(options, pair, transform, progress);
  report.Dimension = VDimension;

  const auto field = SampleDisplacement<VDimension>(transform, inputs.Fixed);
  const auto jacobian = ComputeJacobian<VDimension>(field);
  report.Folds = MeasureFolding<VDimension>(field);
  const auto toFile = inputs.MapToFile(transform);
  MeasureAgreement<VDimension>(inputs, transform, toFile, report);
  report.Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  ResultSource<VDimension> source = MakeSource<VDimension>(inputs, fixed, moving, pair.MovingLabelMap != nullptr);
  source.ToRegistered = transform;
  source.ConservesMass = options.Main.MassModel == MassModelKind::Conserved;
  source.ToFile = toFile;
  WriteResults<VDimension>(folder, source);
  OverviewData<VDimension> overview;
  overview.Fixed = inputs.Fixed;
  overview.Moving = inputs.Moving;
  overview.Transform = transform;
  overview.Displacement = field;
  overview.Jacobian = jacobian;
  overview.Caption = Summarize(options, report);
  DrawOverview<VDimension>(folder.Stage("overview.png"), overview);
  const auto json = MakeReport(options, report);
  WriteBytes(folder.Stage("report.json"), json.dump(2) + "\n");
  if (options.WritesPage)
  {
    const auto                   fromFile = inputs.MapFromFile();
    const PageImages<VDimension> images{ &source, fromFile.GetPointer(), field.GetPointer(), jacobian.GetPointer() };
    auto                         page = DescribeRun(options, json, progress);
    AddViews<VDimension>(images, page);
    WritePage(folder.Stage("report.html"), page);
  }
  folder.Commit();

  progress.Say(overview.Caption);
  progress.Say("results in " + options.Output);
  return report.Kept == "result" || report.MovedNothing;
}

template bool
RunPipeline<2>(const Options &, const FileFacts &, const FileFacts &);
template bool
RunPipeline<3>(const Options &, const FileFacts &, const FileFacts &);

} // namespace SinkhornRegister
