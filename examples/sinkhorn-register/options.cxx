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
#include "options.h"

#include "parsing.h"
#include "stageOptions.h"

#include "itkThreadSupport.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

namespace SinkhornRegister
{
namespace
{

Density
ParseDensity(const std::string & text)
{
  Density density;
  if (text == "as-is")
  {
    return density;
  }
  if (text == "shift")
  {
    density.How = Density::Mode::Shift;
    return density;
  }
  if (text == "clamp")
  {
    density.How = Density::Mode::Clamp;
    return density;
  }
  const std::vector<std::string> parts = Split(text, ':');
  if (parts.size() == 3 && parts[0] == "window")
  {
    density.How = Density::Mode::Window;
    density.Low = ParseNumber("--density", parts[1]);
    density.High = ParseNumber("--density", parts[2]);
    if (density.Low < density.High)
    {
      return density;
    }
    throw UsageError("--density: in '" + text + "' the lower limit must be below the upper one");
  }
  throw UsageError("--density: '" + text +
                   "' is unknown; choose as-is, shift, clamp or window:LOW:HIGH, for example "
                   "window:-1000:400 for a CT of the lung");
}

void
CheckPairs(const Options & options)
{
  if (!options.FixedLabels.empty() && options.MovingLabels.empty())
  {
    throw UsageError("--fixed-labels needs --moving-labels to be compared with: give both");
  }
}

/** Text of the options that settings of stages come from; CLI11 leaves those that are not given empty. */
struct RawValues
{
  std::string                        Metric{ "sinkhorn" };
  std::string                        Transform{ "syn" };
  std::string                        Finish;
  std::string                        Density{ "as-is" };
  std::string                        Initial;
  std::map<std::string, std::string> Settings;
  std::vector<std::string>           Stages;
};

/** Options that are settings of stages: key and option. */
const std::vector<std::pair<std::string, std::string>> settingOptions{ { "blur", "--blur" },
                                                                       { "reach", "--reach" },
                                                                       { "model", "--mass-model" },
                                                                       { "iterations", "--iterations" },
                                                                       { "shrink", "--shrink" },
                                                                       { "update", "--update-sigma" },
                                                                       { "rate", "--learning-rate" },
                                                                       { "radius", "--radius" },
                                                                       { "standardize", "--standardize" } };

void
InterpretStart(const RawValues & raw, bool transports, Options & options)
{
  // Shapes far apart have turned, too, and a deformation is a poor way to turn.
  const std::string automatic = transports ? "automatic" : "none";
  options.Initial = ParseInitial("--initialize", raw.Initial.empty() ? automatic : raw.Initial);
  if (options.Initial == InitialKind::Centers)
  {
    options.Centers = true;
    options.Initial = ParseInitial("--initialize", automatic);
  }
  if (options.MultiStart && options.Initial == InitialKind::None)
  {
    throw UsageError(
      "--multi-start belongs to --initialize automatic, sinkhorn, sinkhorn-rigid or sinkhorn-similarity");
  }
}

/** Refuses options that change nothing: who gives them believes that they do. */
void
CheckUse(const CLI::App & app, const Options & options)
{
  for (const auto & setting : settingOptions)
  {
    if (app.count(setting.second) > 0 && std::none_of(options.Stages.begin(),
                                                      options.Stages.end(),
                                                      [&](const auto & stage) { return HasUse(setting.first, stage); }))
    {
      throw UsageError(setting.second + ": has no meaning here, it belongs to " + GetUse(setting.first) +
                       "; leave it out, or choose another --metric or --transform");
    }
  }
  const bool comparesMass =
    std::any_of(options.Stages.begin(), options.Stages.end(), [](const auto & stage) { return HasUse("blur", stage); });
  const bool shapesMass = options.Mass.How == Density::Mode::Shift || options.Mass.How == Density::Mode::Clamp;
  if (shapesMass && !comparesMass && options.Initial == InitialKind::None)
  {
    throw UsageError("--density " + options.Mass.ToString() +
                     ": has no meaning here, only the metrics sinkhorn and kernel and --initialize see mass");
  }
}

void
CheckThreads(unsigned int threads)
{
  if (threads > itk::ITK_MAX_THREADS)
  {
    throw UsageError("--threads " + std::to_string(threads) + ": must be from 0 (all) to " +
                     std::to_string(itk::ITK_MAX_THREADS) + ", the most that ITK can run");
  }
}

void
Interpret(RawValues & raw, const CLI::App & app, Options & options)
{
  options.Mass = ParseDensity(raw.Density);
  Stage defaults;
  for (const auto & setting : settingOptions)
  {
    if (app.count(setting.second) > 0)
    {
      ApplySetting(defaults, setting.first, setting.second, raw.Settings[setting.first]);
    }
  }
  CheckPairs(options);
  if (options.LandmarksAreIndices && options.Landmarks.empty())
  {
    throw UsageError("--landmark-indices belongs to --landmarks FIXED MOVING");
  }
  if (!raw.Stages.empty())
  {
    for (const char * option : { "--metric", "--transform", "--finish" })
    {
      if (app.count(option) > 0)
      {
        throw UsageError(std::string(option) +
                         " and --stage exclude each other: a stage names its transform and metric");
      }
    }
    for (const std::string & text : raw.Stages)
    {
      options.Stages.push_back(ParseStage(text, defaults));
    }
    options.Main = options.Stages.back();
    InterpretStart(raw, false, options);
    return;
  }
  Stage main = defaults;
  main.Metric = ParseMetric("--metric", raw.Metric);
  main.Transform = ParseTransform("--transform", raw.Transform);
  CompleteStage(main, "--shrink", "--update-sigma");
  options.Main = main;
  options.Stages = { main };
  const bool transports = main.Metric == MetricKind::Sinkhorn && IsDeformation(main.Transform);
  InterpretStart(raw, transports && raw.Finish != "none", options);
  if (!transports && app.count("--finish") > 0)
  {
    throw UsageError(
      "--finish: only a deformation with sinkhorn has a finish; give --stage once for each stage instead");
  }
  if (transports && raw.Finish != "none")
  {
    options.IsRecipe = true;
    options.ChoosesFinish = raw.Finish.empty();
    options.ChoosesStandardize = options.ChoosesFinish && app.count("--standardize") == 0;
    options.ChoosesIterations = app.count("--iterations") == 0;
    options.ChoosesReach = app.count("--reach") == 0 && options.Initial != InitialKind::None;
    options.Stages = MakeTransportRecipe(main, raw.Finish.empty() ? "meansquares" : raw.Finish);
  }
}

} // namespace

std::string
Density::ToString() const
{
  switch (How)
  {
    case Mode::Shift: return "shift";
    case Mode::Clamp: return "clamp";
    case Mode::Window:
    {
      std::ostringstream text;
      text << "window:" << Low << ":" << High;
      return text.str();
    }
    default: return "as-is";
  }
}

std::vector<std::pair<std::string, std::string>>
ListInputFiles(const Options & options)
{
  std::vector<std::pair<std::string, std::string>> files{
    { "fixed image", options.Fixed },        { "moving image", options.Moving },
    { "fixed mask", options.FixedMask },     { "moving mask", options.MovingMask },
    { "fixed labels", options.FixedLabels }, { "moving labels", options.MovingLabels }
  };
  for (std::size_t i = 0; i < options.Landmarks.size(); ++i)
  {
    files.emplace_back(i == 0 ? "fixed landmarks" : "moving landmarks", options.Landmarks[i]);
  }
  files.erase(std::remove_if(files.begin(), files.end(), [](const auto & file) { return file.second.empty(); }),
              files.end());
  return files;
}

int
ParseCommandLine(int argc, char ** argv, Options & options)
{
  CLI::App app{ "Registers a moving image to a fixed one, in 2-D or 3-D, with entropic optimal transport (or one of "
                "ITK's metrics) driving an ITK v4 registration. Lengths are in mm, in physical space." };
  app.name("sinkhorn-register");
  app.footer("Writes warped.nii.gz (or warped.png), warped_labels.nii.gz, transform.h5, displacement.nii.gz, "
             "overview.png and report.json "
             "into the output folder. The transform maps points of the fixed image to points of the moving image.");
  app.get_formatter()->column_width(36);

  RawValues raw;
  app
    .add_option(
      "--fixed", options.Fixed, "fixed image (NIfTI, MHA, NRRD, PNG, JPEG, TIFF, BMP, a DICOM file or folder)")
    ->required();
  app.add_option("--moving", options.Moving, "moving image, brought onto the fixed one")->required();
  app.add_option("--output", options.Output, "folder for the results, made if it does not exist")->required();
  app.add_option("--fixed-labels", options.FixedLabels, "label map on the grid of the fixed image, for Dice");
  app.add_option(
    "--moving-labels", options.MovingLabels, "label map on the grid of the moving image; warped_labels is made of it");
  app.add_option("--fixed-mask", options.FixedMask, "voxels > 0 take part; on the grid of the fixed image");
  app.add_option("--moving-mask", options.MovingMask, "voxels > 0 take part; on the grid of the moving image");
  app
    .add_option("--landmarks",
                options.Landmarks,
                "FIXED MOVING: files of corresponding points, mm (LPS), for the target registration error: tables, "
                "elastix, ANTs, Slicer")
    ->expected(2);
  app.add_flag("--landmark-indices",
               options.LandmarksAreIndices,
               "the landmarks are voxel indices of their images (files may say so themselves)");
  app.add_option("--density",
                 raw.Density,
                 "how intensities become mass: as-is | shift (minus the minimum) | clamp (negatives to 0) | "
                 "window:LO:HI (clamped and scaled to [0,1]; the only one that metrics other than sinkhorn heed) "
                 "[as-is]");
  app.add_option("--metric",
                 raw.Metric,
                 "sinkhorn | kernel (distance by a Gaussian kernel) | meansquares | cc | mattes (32 bins) [sinkhorn]");
  app.add_option("--transform",
                 raw.Transform,
                 "translation | rigid | similarity | affine | syn | bspline-syn (its updates smoothed by B-splines) | "
                 "velocity (the flow of one that changes with time) | displacement (of the fixed image only) [syn]");
  app.add_option(
    "--initialize",
    raw.Initial,
    "linear transform to start from, fitted to the springs of transport between both densities: none | centers (the "
    "centres are brought together first, of mass for sinkhorn, else of the grids; then the default) | "
    "sinkhorn (affine) | sinkhorn-rigid | sinkhorn-similarity | automatic (affine in volumes where that stretches by "
    "half at most, else rigid) [automatic for deformations with sinkhorn, else none]");
  app.add_flag("--multi-start",
               options.MultiStart,
               "with --initialize: try the rotations that align the principal axes too, for turns beyond 45 degrees");
  app.add_option(
    "--finish",
    raw.Finish,
    "deformations with sinkhorn: metric that refines what transport has brought near: meansquares | cc | mattes | "
    "sinkhorn, or none [meansquares, of locally standardized intensities unless both images show shapes]");
  app.add_option("--stage",
                 raw.Stages,
                 "TRANSFORM,METRIC[,SETTING...], repeatable, in this order; settings: blur= reach= model= iterations= "
                 "shrink= update= rate= radius= standardize=; the options below are their defaults");
  const auto addSetting = [&](const std::string & key, const std::string & help) {
    const auto found = std::find_if(
      settingOptions.begin(), settingOptions.end(), [&key](const auto & entry) { return entry.first == key; });
    app.add_option(found->second, raw.Settings[key], help);
  };
  addSetting("blur", "sinkhorn, kernel: scale below which mass is not resolved, mm [from the spacing]");
  addSetting(
    "reach",
    "sinkhorn: distance beyond which mass is created or destroyed rather than moved, mm; 0: never [deformations: the "
    "way that the linear start leaves, in the mean square; else 0]");
  addSetting("model",
             "sinkhorn: intensity (the moving image is interpolated) | push-forward (fixed voxels carry their mass) "
             "[push-forward for deformations, else intensity]");
  addSetting("iterations", "of each level, coarsest first [100x50x25]");
  addSetting("shrink", "shrink factor of each level [powers of two down to 1, more for very large images]");
  addSetting("update",
             "deformations: smoothing of the update field, mm: a sum of Gaussians 20+10+5 for all levels, or one each "
             "20+10x10+5x5 [from the field of view]");
  addSetting("rate", "largest displacement of one iteration, voxels of the level's grid [1]");
  addSetting("radius", "cc: radius of the neighbourhood, voxels [4]");
  addSetting(
    "standardize",
    "metrics other than sinkhorn: bring intensities to mean 0 and variance 1 within a Gaussian of this standard "
    "deviation, voxels of the fixed image; 0: no [0]");
  app.add_option("--threads", options.Threads, "threads, 0: all [0]");
  app.add_flag("--quiet", options.Quiet, "nothing on standard output, no notes, only errors");
  app.set_version_flag("--version", SINKHORN_REGISTER_VERSION);
  try
  {
    app.parse(argc, argv);
  }
  catch (const CLI::Success & success)
  {
    return app.exit(success);
  }
  catch (const CLI::ParseError & error)
  {
    throw UsageError(std::string(error.what()) + " (see sinkhorn-register --help)");
  }
  CheckThreads(options.Threads);
  Interpret(raw, app, options);
  CheckUse(app, options);
  return -1;
}

} // namespace SinkhornRegister
