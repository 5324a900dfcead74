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

#include <CLI/CLI.hpp>

#include <cmath>
#include <limits>
#include <map>
#include <sstream>

namespace SinkhornRegister
{
namespace
{

const std::map<std::string, MetricKind> &
MetricNames()
{
  static const std::map<std::string, MetricKind> names{ { "sinkhorn", MetricKind::Sinkhorn },
                                                        { "meansquares", MetricKind::MeanSquares },
                                                        { "cc", MetricKind::Correlation },
                                                        { "mattes", MetricKind::Mattes } };
  return names;
}

const std::map<std::string, TransformKind> &
TransformNames()
{
  static const std::map<std::string, TransformKind> names{ { "translation", TransformKind::Translation },
                                                           { "rigid", TransformKind::Rigid },
                                                           { "affine", TransformKind::Affine },
                                                           { "syn", TransformKind::SyN } };
  return names;
}

const std::map<std::string, MassModelKind> &
MassModelNames()
{
  static const std::map<std::string, MassModelKind> names{ { "intensity", MassModelKind::Intensity },
                                                           { "push-forward", MassModelKind::PushForward } };
  return names;
}

template <typename TKind>
std::string
NameOf(const std::map<std::string, TKind> & names, TKind kind)
{
  for (const auto & entry : names)
  {
    if (entry.second == kind)
    {
      return entry.first;
    }
  }
  return "unknown";
}

template <typename TKind>
TKind
Find(const std::string & option, const std::map<std::string, TKind> & names, const std::string & name)
{
  const auto found = names.find(name);
  if (found != names.end())
  {
    return found->second;
  }
  std::string choices;
  for (const auto & entry : names)
  {
    choices += (choices.empty() ? "" : ", ") + entry.first;
  }
  throw UsageError(option + ": '" + name + "' is unknown; choose one of " + choices);
}

/** Splits at a separator; empty parts are kept so that "3x" is seen as a mistake. */
std::vector<std::string>
Split(const std::string & text, char separator)
{
  std::vector<std::string> parts;
  std::string              part;
  std::istringstream       stream(text + separator);
  while (std::getline(stream, part, separator))
  {
    parts.push_back(part);
  }
  return parts;
}

/** The whole of \a text as a finite number, else a UsageError that names the option. */
double
ParseNumber(const std::string & option, const std::string & text)
{
  std::size_t used = 0;
  double      value = 0.0;
  try
  {
    value = std::stod(text, &used);
  }
  catch (const std::exception &)
  {
    used = 0;
  }
  if (used == 0 || used != text.size() || !std::isfinite(value))
  {
    throw UsageError(option + ": '" + text + "' is not a number");
  }
  return value;
}

std::vector<double>
ParseList(const std::string & option, const std::string & text, const std::string & example)
{
  std::vector<double> values;
  for (const std::string & part : Split(text, 'x'))
  {
    if (part.empty())
    {
      throw UsageError(option + ": '" + text + "' is not a list of numbers; write for example " + example);
    }
    values.push_back(ParseNumber(option, part));
  }
  return values;
}

std::vector<unsigned int>
ParseCounts(const std::string & option, const std::string & text, const std::string & example, unsigned int smallest)
{
  std::vector<unsigned int> counts;
  for (const double value : ParseList(option, text, example))
  {
    if (value < smallest || value != std::floor(value) || value > 1e6)
    {
      throw UsageError(option + ": '" + text + "' must be whole numbers from " + std::to_string(smallest) +
                       " to 1000000, one for each level, coarsest first; for example " + example);
    }
    counts.push_back(static_cast<unsigned int>(value));
  }
  if (counts.size() > 10)
  {
    throw UsageError(option + ": " + std::to_string(counts.size()) + " levels given, at most 10 make sense");
  }
  return counts;
}

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

/** A length in mm, ≥ 0 and finite; 0 only if \a zeroMeans says what it stands for. */
void
CheckLength(const std::string & option, double value, bool zeroAllowed)
{
  if (!std::isfinite(value) || value < 0.0 || (value == 0.0 && !zeroAllowed))
  {
    std::ostringstream message;
    message << option << ": " << value << " must be " << (zeroAllowed ? "0 or more" : "greater than 0") << " (mm)";
    throw UsageError(message.str());
  }
}

void
CheckPairs(const Options & options)
{
  if (options.FixedLabels.empty() != options.MovingLabels.empty())
  {
    throw UsageError("--fixed-labels and --moving-labels belong together: give both or none");
  }
}

/** Strings of the command line that need more than CLI11 to become values. */
struct RawValues
{
  std::string Metric{ "sinkhorn" };
  std::string Transform{ "syn" };
  std::string MassModel{ "intensity" };
  std::string Density{ "as-is" };
  std::string Iterations{ "100x50x25" };
  std::string Shrink;
  std::string UpdateSigma;
  double      Blur{ -1.0 };
};

void
Interpret(const RawValues & raw, const CLI::App & app, Stage & stage, Options & options)
{
  stage.Metric = Find("--metric", MetricNames(), raw.Metric);
  stage.Transform = Find("--transform", TransformNames(), raw.Transform);
  stage.MassModel = Find("--mass-model", MassModelNames(), raw.MassModel);
  options.Mass = ParseDensity(raw.Density);
  stage.Iterations = ParseCounts("--iterations", raw.Iterations, "100x50x25", 0);
  if (!raw.Shrink.empty())
  {
    stage.Shrink = ParseCounts("--shrink", raw.Shrink, "4x2x1", 1);
    if (stage.Shrink.size() != stage.Iterations.size())
    {
      throw UsageError("--shrink has " + std::to_string(stage.Shrink.size()) + " levels and --iterations " +
                       std::to_string(stage.Iterations.size()) + "; give one factor for each level");
    }
  }
  if (!raw.UpdateSigma.empty())
  {
    stage.UpdateSigma = ParseList("--update-sigma", raw.UpdateSigma, "20x10x5");
    for (const double sigma : stage.UpdateSigma)
    {
      CheckLength("--update-sigma", sigma, true);
    }
    if (stage.UpdateSigma.size() == 1)
    {
      stage.UpdateSigma.resize(stage.Iterations.size(), stage.UpdateSigma[0]);
    }
    if (stage.UpdateSigma.size() != stage.Iterations.size())
    {
      throw UsageError("--update-sigma has " + std::to_string(stage.UpdateSigma.size()) + " values and --iterations " +
                       std::to_string(stage.Iterations.size()) +
                       " levels; give one value for all levels or one for each");
    }
  }
  if (app.count("--blur") > 0)
  {
    CheckLength("--blur", raw.Blur, false);
    stage.Blur = raw.Blur;
  }
  CheckLength("--reach", stage.Reach, true);
  if (app.count("--learning-rate") > 0 && !(stage.LearningRate > 0.0 && std::isfinite(stage.LearningRate)))
  {
    throw UsageError("--learning-rate must be greater than 0 (voxels of the level's grid)");
  }
  CheckPairs(options);
  options.Stages = { stage };
}

} // namespace

std::string
ToString(MetricKind kind)
{
  return NameOf(MetricNames(), kind);
}

std::string
ToString(TransformKind kind)
{
  return NameOf(TransformNames(), kind);
}

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

std::string
ToString(MassModelKind kind)
{
  return NameOf(MassModelNames(), kind);
}

int
ParseCommandLine(int argc, char ** argv, Options & options)
{
  CLI::App app{ "Registers a moving image to a fixed one, in 2-D or 3-D, with entropic optimal transport (or one of "
                "ITK's metrics) driving an ITK v4 registration. Lengths are in mm, in physical space." };
  app.name("sinkhorn-register");
  app.footer("Writes warped.nii.gz (or warped.png), transform.h5, displacement.nii.gz, overview.png and report.json "
             "into the output folder. The transform maps points of the fixed image to points of the moving image.");
  app.get_formatter()->column_width(36);

  Stage     stage;
  RawValues raw;
  app.add_option("--fixed", options.Fixed, "fixed image (NIfTI, MHA, PNG, JPEG, TIFF, NRRD)")->required();
  app.add_option("--moving", options.Moving, "moving image, brought onto the fixed one")->required();
  app.add_option("--output", options.Output, "folder for the results, made if it does not exist")->required();
  app.add_option("--fixed-labels", options.FixedLabels, "label map on the grid of the fixed image, for Dice");
  app.add_option("--moving-labels", options.MovingLabels, "label map on the grid of the moving image");
  app.add_option("--fixed-mask", options.FixedMask, "voxels > 0 take part; on the grid of the fixed image");
  app.add_option("--moving-mask", options.MovingMask, "voxels > 0 take part; on the grid of the moving image");
  app.add_option("--metric", raw.Metric, "sinkhorn | meansquares | cc (radius 4) | mattes (32 bins) [sinkhorn]");
  app.add_option("--transform", raw.Transform, "translation | rigid | affine | syn [syn]");
  app.add_option("--blur", raw.Blur, "sinkhorn: scale below which mass is not resolved, mm [from the spacing]");
  app.add_option("--reach",
                 stage.Reach,
                 "sinkhorn: distance beyond which mass is created or destroyed rather than moved, mm; 0: never [0]");
  app.add_option("--density",
                 raw.Density,
                 "how intensities become mass: as-is | shift (minus the minimum) | clamp (negatives to 0) | "
                 "window:LO:HI (clamped and scaled to [0,1]; the only one that metrics other than sinkhorn heed) "
                 "[as-is]");
  app.add_option(
    "--mass-model",
    raw.MassModel,
    "sinkhorn: intensity (the moving image is interpolated) | push-forward (fixed voxels carry their mass) "
    "[intensity]");
  app.add_option("--iterations", raw.Iterations, "of each level, coarsest first [100x50x25]");
  app.add_option(
    "--shrink", raw.Shrink, "shrink factor of each level [powers of two down to 1, more for very large images]");
  app.add_option("--update-sigma",
                 raw.UpdateSigma,
                 "syn: smoothing of the update field, mm, one for all levels or one each [from the field of view]");
  app.add_option("--learning-rate",
                 stage.LearningRate,
                 "largest displacement of one iteration, voxels of the level's grid [1; syn 0.5]");
  app.add_option("--threads", options.Threads, "threads, 0: all [0]");
  app.add_flag("--quiet", options.Quiet, "no progress on standard output");
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
  Interpret(raw, app, stage, options);
  return -1;
}

} // namespace SinkhornRegister
