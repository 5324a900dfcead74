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

#include "pointOptions.h"
#include "presets.h"

#include "itkThreadSupport.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <utility>

namespace SinkhornRegister
{
namespace
{

using itk::SinkhornRegistration::MakePlan;
using itk::SinkhornRegistration::Plan;
using itk::SinkhornRegistration::PlanRequest;

void
CheckPairs(const Options & options)
{
  if (!options.FixedLabels.empty() && options.MovingLabels.empty())
  {
    throw UsageError("--fixed-labels needs --moving-labels to be compared with: give both");
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

/** Options that are settings of stages, and what they mean. */
const std::vector<std::pair<std::string, std::string>> settingOptions{
  { "blur", "sinkhorn, kernel: scale below which mass is not resolved, mm [from the spacing]" },
  { "reach",
    "sinkhorn: distance beyond which mass is created or destroyed rather than moved, mm; 0: never [deformations: the "
    "way that the linear start leaves, in the mean square; else 0]" },
  { "mass-model",
    "sinkhorn: intensity (the moving image is interpolated) | push-forward (fixed voxels carry their mass) | "
    "conserved (densities: displacement, balanced, down to the finest level; warped keeps its mass) "
    "[push-forward for deformations, else intensity]" },
  { "iterations", "of each level, coarsest first [100x50x25]" },
  { "shrink", "shrink factor of each level [powers of two down to 1, more for very large images]" },
  { "update-sigma",
    "deformations: smoothing of the update field, mm: a sum of Gaussians 20+10+5 for all levels, or one each "
    "20+10x10+5x5 [from the field of view]" },
  { "total-sigma",
    "deformations but velocity: smoothing of the whole field after each step, voxels of the level, of all or one each "
    "1x0.7x0.4 [0.5 where a greedy "
    "stage follows intensities, for cc 0.4 or 1x0.7x0.4, as it is better, else 0]" },
  { "learning-rate", "largest displacement of one iteration, voxels of the level's grid [1]" },
  { "radius", "cc: radius of the neighbourhood, voxels, of all levels or one each 4x3x2 [4; 4x3x3 in a greedy stage]" },
  { "standardize",
    "metrics other than sinkhorn: bring intensities to mean 0 and variance 1 within a Gaussian of this standard "
    "deviation, voxels of the fixed image; 0: no [0]" }
};

void
AddFileOptions(CLI::App & app, Options & options)
{
  app.add_option(
    "--fixed", options.Fixed, "fixed image (NIfTI, MHA, NRRD, PNG, JPEG, TIFF, BMP, a DICOM file or folder)");
  app.add_option("--moving", options.Moving, "moving image, brought onto the fixed one");
  app.add_option("--output", options.Output, "folder for the results, made if it does not exist");
  app.add_option("--fixed-labels", options.FixedLabels, "label map on the grid of the fixed image, for Dice");
  app.add_option(
    "--moving-labels", options.MovingLabels, "label map on the grid of the moving image; warped_labels is made of it");
  app.add_option("--fixed-mask", options.FixedMask, "voxels > 0 take part; on the grid of the fixed image");
  app.add_option("--moving-mask", options.MovingMask, "voxels > 0 take part; on the grid of the moving image");
  app.add_option(
    "--fixed-exclude",
    options.FixedExclusion,
    "voxels > 0 have no counterpart in the moving image (a lesion, an implant): there nothing is compared, "
    "in either image; on the grid of the fixed image");
  app.add_option("--moving-exclude", options.MovingExclusion, "the same of the moving image, on its grid");
  app
    .add_option("--landmarks",
                options.Landmarks,
                "FIXED MOVING: files of corresponding points, mm (LPS), for the target registration error: tables, "
                "elastix, ANTs, Slicer")
    ->expected(2);
  app.add_flag("--landmark-indices",
               options.LandmarksAreIndices,
               "the landmarks are voxel indices of their images (files may say so themselves)");
  app.add_flag("--report",
               options.WritesPage,
               "write report.html, too: a page in one file, for any browser, of pictures before and after, det J, "
               "displacement, convergence, scores and how they were made");
}

void
AddPlanOptions(CLI::App & app, PlanRequest & request)
{
  app.add_option("--density",
                 request.Density,
                 "how intensities become mass: auto (background, dark or bright, from what the border shows) | as-is | "
                 "shift (minus the minimum) | clamp (negatives to 0) | window:LO:HI (0 at LO, 1 at HI; LO above HI for "
                 "dark things on a bright ground; heeded by metrics other than sinkhorn, too) | around:LEVEL:LIMIT "
                 "(distance from LEVEL) [auto]");
  app.add_option(
    "--features",
    request.Features,
    "what is compared: labels (of label maps each with its like, whatever its number) | none (intensities) | "
    "intensity:BINS[:MM] (these, and the springs of the start move mass to mass as bright as itself; MM: what lies "
    "between the darkest and the brightest, by default the extent of the mass) | "
    "auto (labels where both images are label maps of more than one label) [auto]");
  app.add_option(
    "--label-costs",
    request.LabelCosts,
    "label maps: file of distances between labels, mm, a table whose first row and first column are labels (CSV or "
    "white "
    "space; inf: never), so that the start and the first stage match a part that is labelled differently in the two "
    "images, or in one image alone; 0: the labels are one [inf between all labels]");
  app.add_option("--metric",
                 request.Metric,
                 "sinkhorn | kernel (distance by a Gaussian kernel) | meansquares | cc | mattes (32 bins) [sinkhorn]");
  app.add_option("--transform",
                 request.Transform,
                 "translation | rigid | similarity | affine | syn | bspline-syn (its updates smoothed by B-splines) | "
                 "velocity (the flow of one that changes with time) | displacement (of the fixed image only) | greedy "
                 "(the same, grown by composition with narrow updates) [syn]");
  app.add_option(
    "--initialize",
    request.Initialize,
    "linear transform to start from, fitted to the springs of transport between both densities: none | centers (the "
    "centres are brought together first, of mass for sinkhorn, else of the grids; then the default) | "
    "sinkhorn (affine) | sinkhorn-rigid | sinkhorn-similarity | automatic (affine in volumes where that stretches by "
    "half at most, else rigid) [automatic for deformations with sinkhorn, else none]");
  app.add_flag("--multi-start",
               request.MultiStart,
               "with --initialize: try the rotations that align the principal axes too, for turns beyond 45 degrees");
  app.add_flag("--keep-unmatched",
               request.KeepUnmatched,
               "compare also what one image alone shows (a tumour, a resection): by default the finish of ordinary "
               "images finds and leaves out such parts, if they are large");
  app.add_option(
    "--finish",
    request.Finish,
    "deformations with sinkhorn: metric that refines what transport has brought near: meansquares | cc (or lncc) | "
    "mattes | sinkhorn, or none [cc; meansquares where both images show shapes]");
  app.add_option("--stage",
                 request.Stages,
                 "TRANSFORM,METRIC[,SETTING...], repeatable, in this order; settings: blur= reach= model= iterations= "
                 "shrink= update= total= rate= radius= standardize=; the options below are their defaults");
  for (const auto & setting : settingOptions)
  {
    app.add_option("--" + setting.first, request.Settings[setting.first], setting.second);
  }
}

/** What the help says around the options, and how wide. */
void
DescribeProgram(CLI::App & app)
{
  app.name("sinkhorn-register");
  app.description("Registers a moving image to a fixed one, in 2-D or 3-D, with entropic optimal transport (or one of "
                  "ITK's metrics) driving an ITK v4 registration. Lengths are in mm, in physical space.");
  app.footer(
    "Writes warped.nii.gz (or warped.png), warped_labels.nii.gz, transform.h5, displacement.nii.gz, "
    "inverse_displacement.nii.gz, "
    "overview.png, report.json and, with --report, report.html "
    "into the output folder. The transform maps points of the fixed image to points of the moving image.\n\n"
    "Curves and surfaces: --fixed-points F --moving-points M --output DIR in place of images, with --transform "
    "(rigid, similarity, affine or displacement), --initialize, --blur, --reach, --landmarks, --report and --threads. "
    "The "
    "moving shape is carried onto the fixed one and written as warped with the ending of its file.");
  app.get_formatter()->column_width(36);
}

/** How options are given, and what is done with them. */
struct Conduct
{
  std::string Config;
  std::string Preset;
  bool        DumpsConfiguration{ false };
  bool        IsDry{ false };
};

void
AddConduct(CLI::App & app, Options & options, Conduct & conduct)
{
  app.add_option(
    "--preset", conduct.Preset, "options for a kind of images, which others override: " + ListPresets() + " [default]");
  app.add_option("--config",
                 conduct.Config,
                 "options from a JSON file, such as --dump-config writes; those of the command line come first");
  app.add_flag("--dump-config",
               conduct.DumpsConfiguration,
               "print the options that were given, by whatever way, as JSON, and do nothing else");
  app.add_flag("--dry-run", conduct.IsDry, "print what would be read, run and written, and do nothing else");
  app.add_option("--threads", options.Threads, "threads, 0: all [0]");
  app.add_flag("--quiet", options.Quiet, "nothing on standard output, no notes, only errors");
}

/** Headings of the help. */
void
GroupOptions(CLI::App & app)
{
  const std::vector<std::pair<std::string, std::string>> groups{
    { "Files",
      "fixed moving output fixed-labels moving-labels fixed-mask moving-mask fixed-exclude moving-exclude landmarks "
      "landmark-indices fixed-points moving-points report" },
    { "What is compared", "density features label-costs keep-unmatched metric mass-model" },
    { "How it is registered", "transform initialize multi-start finish stage" },
    { "Scales", "blur reach iterations shrink update-sigma total-sigma learning-rate radius standardize" },
    { "The program", "preset config dump-config dry-run threads quiet version help" }
  };
  for (const auto & group : groups)
  {
    std::istringstream names(group.second);
    for (std::string name; names >> name;)
    {
      app.get_option("--" + name)->group(group.first);
    }
  }
}

/** The command line as a POSIX shell reads it. */
std::string
QuoteCommand(int argc, char ** argv)
{
  std::string command;
  for (int i = 0; i < argc; ++i)
  {
    const std::string word = argv[i];
    const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
    {
      command += (i > 0 ? " " : "") + word;
      continue;
    }
    command += i > 0 ? " '" : "'";
    for (const char letter : word)
    {
      command += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    }
    command += "'";
  }
  return command;
}

/** The plan that a request leads to; the settings given are those that CLI11 has seen. */
void
Interpret(const CLI::App & app, PlanRequest & request, Options & options)
{
  for (const auto & setting : settingOptions)
  {
    if (app.count("--" + setting.first) == 0)
    {
      request.Settings.erase(setting.first);
    }
  }
  CheckPairs(options);
  if (options.LandmarksAreIndices && options.Landmarks.empty())
  {
    throw UsageError("--landmark-indices belongs to --landmarks FIXED MOVING");
  }
  static_cast<Plan &>(options) = MakePlan(request);
}

} // namespace

std::vector<std::pair<std::string, std::string>>
ListInputFiles(const Options & options)
{
  std::vector<std::pair<std::string, std::string>> files{ { "fixed image", options.Fixed },
                                                          { "moving image", options.Moving },
                                                          { "fixed mask", options.FixedMask },
                                                          { "moving mask", options.MovingMask },
                                                          { "fixed exclusion", options.FixedExclusion },
                                                          { "moving exclusion", options.MovingExclusion },
                                                          { "fixed labels", options.FixedLabels },
                                                          { "moving labels", options.MovingLabels },
                                                          { "fixed points", options.FixedPoints },
                                                          { "moving points", options.MovingPoints },
                                                          { "label costs", options.Distances.Name } };
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
  CLI::App app;
  DescribeProgram(app);
  PlanRequest request;
  request.Prefix = "--";
  AddFileOptions(app, options);
  AddPlanOptions(app, request);
  AddPointOptions(app, options);
  Conduct conduct;
  AddConduct(app, options, conduct);
  app.set_version_flag("--version", SINKHORN_REGISTER_VERSION);
  app.set_help_flag("--help,-h", "print this help and exit"); // anew, so that its group comes last
  GroupOptions(app);
  try
  {
    app.parse(argc, argv);
    if (app.count("--config") > 0)
    {
      ApplyConfiguration(app, conduct.Config);
    }
    if (app.count("--preset") > 0)
    {
      ApplyPreset(app, conduct.Preset);
    }
  }
  catch (const CLI::Success & success)
  {
    return app.exit(success);
  }
  catch (const CLI::ParseError & error)
  {
    throw UsageError(std::string(error.what()) + " (see sinkhorn-register --help)");
  }
  if (conduct.DumpsConfiguration)
  {
    std::cout << DumpConfiguration(app);
    return EXIT_SUCCESS;
  }
  options.Command = QuoteCommand(argc, argv);
  options.Configuration = DumpConfiguration(app);
  CheckThreads(options.Threads);
  CheckWhatIsRegistered(app);
  if (options.FixedPoints.empty())
  {
    Interpret(app, request, options);
  }
  else
  {
    InterpretPoints(app, request, options);
  }
  if (conduct.IsDry)
  {
    PrintPlan(options);
    return EXIT_SUCCESS;
  }
  return -1;
}

} // namespace SinkhornRegister
