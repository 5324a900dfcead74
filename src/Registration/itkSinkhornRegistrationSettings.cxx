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
#include "itkSinkhornRegistrationSettings.h"

#include "itkSinkhornRegistrationParsing.h"

#include <cmath>
#include <map>
#include <set>
#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

const std::map<std::string, MetricKind> &
MetricNames()
{
  static const std::map<std::string, MetricKind> names{ { "sinkhorn", MetricKind::Sinkhorn },
                                                        { "kernel", MetricKind::Kernel },
                                                        { "meansquares", MetricKind::MeanSquares },
                                                        { "cc", MetricKind::Correlation },
                                                        { "lncc", MetricKind::Correlation }, // the same
                                                        { "mattes", MetricKind::Mattes } };
  return names;
}

const std::map<std::string, TransformKind> &
TransformNames()
{
  static const std::map<std::string, TransformKind> names{
    { "translation", TransformKind::Translation },   { "rigid", TransformKind::Rigid },
    { "similarity", TransformKind::Similarity },     { "affine", TransformKind::Affine },
    { "displacement", TransformKind::Displacement }, { "greedy", TransformKind::Greedy },
    { "velocity", TransformKind::Velocity },         { "syn", TransformKind::SyN },
    { "bspline-syn", TransformKind::BSplineSyN }
  };
  return names;
}

const std::map<std::string, MassModelKind> &
MassModelNames()
{
  static const std::map<std::string, MassModelKind> names{ { "intensity", MassModelKind::Intensity },
                                                           { "push-forward", MassModelKind::PushForward },
                                                           { "conserved", MassModelKind::Conserved } };
  return names;
}

const std::map<std::string, InitialKind> &
InitialNames()
{
  static const std::map<std::string, InitialKind> names{ { "none", InitialKind::None },
                                                         { "centers", InitialKind::Centers },
                                                         { "automatic", InitialKind::Automatic },
                                                         { "sinkhorn-rigid", InitialKind::Rigid },
                                                         { "sinkhorn-similarity", InitialKind::Similarity },
                                                         { "sinkhorn", InitialKind::Affine } };
  return names;
}

const std::map<std::string, FeatureKind> &
FeatureNames()
{
  static const std::map<std::string, FeatureKind> names{ { "auto", FeatureKind::Automatic },
                                                         { "none", FeatureKind::None },
                                                         { "labels", FeatureKind::Labels },
                                                         { "intensity", FeatureKind::Intensity } };
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

void
CheckLevels(const std::string & option, std::size_t given, const Stage & stage)
{
  if (given != stage.Iterations.size())
  {
    throw UsageError(option + " has " + std::to_string(given) + " levels and the iterations (--iterations) " +
                     std::to_string(stage.Iterations.size()) + "; give one for each level");
  }
}

/** "20+10x10+5": sums of lengths, one for all levels or one each. */
std::vector<std::vector<double>>
ParseSigmas(const std::string & option, const std::string & text)
{
  std::vector<std::vector<double>> levels;
  for (const std::string & level : Split(text, 'x'))
  {
    levels.emplace_back();
    for (const std::string & part : Split(level, '+'))
    {
      levels.back().push_back(ParseNumber(option, part));
      CheckLength(option, levels.back().back(), level.find('+') == std::string::npos);
    }
  }
  return levels;
}

double
ParsePositive(const std::string & option, const std::string & text, const std::string & unit)
{
  const double value = ParseNumber(option, text);
  if (!(value > 0.0))
  {
    throw UsageError(option + ": '" + text + "' must be greater than 0 (" + unit + ")");
  }
  return value;
}

} // namespace

bool
IsDeformation(TransformKind kind)
{
  return kind == TransformKind::Displacement || kind == TransformKind::Greedy || kind == TransformKind::Velocity ||
         kind == TransformKind::SyN || kind == TransformKind::BSplineSyN;
}

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
ToString(MassModelKind kind)
{
  return NameOf(MassModelNames(), kind);
}

std::string
ToString(InitialKind kind)
{
  return NameOf(InitialNames(), kind);
}

std::string
ToString(FeatureKind kind)
{
  return NameOf(FeatureNames(), kind);
}

void
ParseFeatures(const std::string & option, const std::string & text, Plan & plan)
{
  constexpr double               usual = 16.0;
  constexpr double               most = 256.0;
  const std::vector<std::string> parts = Split(text, ':');
  plan.Features = Find(option, FeatureNames(), parts[0]);
  if (plan.Features != FeatureKind::Intensity)
  {
    if (parts.size() > 1)
    {
      throw UsageError(option + ": '" + text + "' has numbers, but only intensity:BINS:MM has any");
    }
    return;
  }
  const double bins = parts.size() > 1 ? ParseNumber(option, parts[1]) : usual;
  if (parts.size() > 3 || !(bins >= 2.0) || bins > most || bins != std::floor(bins))
  {
    throw UsageError(option + ": '" + text +
                     "' is not understood; give intensity:BINS with 2 to 256 bins, or intensity:BINS:MM");
  }
  plan.NumberOfIntensityBins = static_cast<unsigned int>(bins);
  plan.IntensityWeight = parts.size() > 2 ? ParsePositive(option, parts[2], "mm") : 0.0;
}

InitialKind
ParseInitial(const std::string & option, const std::string & text)
{
  return Find(option, InitialNames(), text);
}

MetricKind
ParseMetric(const std::string & option, const std::string & text)
{
  return Find(option, MetricNames(), text);
}

TransformKind
ParseTransform(const std::string & option, const std::string & text)
{
  return Find(option, TransformNames(), text);
}

const std::vector<std::pair<std::string, std::string>> &
ListSettings()
{
  static const std::vector<std::pair<std::string, std::string>> settings{
    { "blur", "blur" },         { "reach", "reach" },
    { "model", "mass-model" },  { "iterations", "iterations" },
    { "shrink", "shrink" },     { "update", "update-sigma" },
    { "total", "total-sigma" }, { "rate", "learning-rate" },
    { "radius", "radius" },     { "standardize", "standardize" }
  };
  return settings;
}

DensityRule
ParseDensity(const std::string & option, const std::string & text)
{
  DensityRule density;
  if (text == "as-is")
  {
    return density;
  }
  if (text == "shift")
  {
    density.How = DensityRule::Mode::Shift;
    return density;
  }
  if (text == "clamp")
  {
    density.How = DensityRule::Mode::Clamp;
    return density;
  }
  if (text == "auto")
  {
    density.How = DensityRule::Mode::Automatic;
    return density;
  }
  const std::vector<std::string> parts = Split(text, ':');
  if (parts.size() == 3 && (parts[0] == "window" || parts[0] == "around"))
  {
    density.How = parts[0] == "window" ? DensityRule::Mode::Window : DensityRule::Mode::Around;
    density.Low = ParseNumber(option, parts[1]);
    density.High = ParseNumber(option, parts[2]);
    if (density.Low != density.High)
    {
      return density;
    }
    throw UsageError(option + ": in '" + text + "' both limits are the same; nothing would be left");
  }
  throw UsageError(option + ": '" + text +
                   "' is unknown; choose auto, as-is, shift, clamp, window:LOW:HIGH (window:-1000:400 for a CT of the "
                   "lung, window:255:0 for dark on white) or around:LEVEL:LIMIT");
}

std::string
DensityRule::ToString() const
{
  switch (How)
  {
    case Mode::Automatic: return "auto";
    case Mode::Shift: return "shift";
    case Mode::Clamp: return "clamp";
    case Mode::Window:
    case Mode::Around:
    {
      std::ostringstream text;
      text << (How == Mode::Window ? "window:" : "around:") << Low << ":" << High;
      return text.str();
    }
    default: return "as-is";
  }
}

bool
ApplySetting(Stage & stage, const std::string & key, const std::string & option, const std::string & text)
{
  if (key == "blur")
  {
    stage.Blur = ParsePositive(option, text, "mm");
  }
  else if (key == "reach")
  {
    stage.Reach = ParseNumber(option, text);
    CheckLength(option, stage.Reach, true);
  }
  else if (key == "model")
  {
    stage.MassModel = Find(option, MassModelNames(), text);
  }
  else if (key == "iterations")
  {
    stage.Iterations = ParseCounts(option, text, "100x50x25", 0);
  }
  else if (key == "shrink")
  {
    stage.Shrink = ParseCounts(option, text, "4x2x1", 1);
  }
  else if (key == "update")
  {
    stage.UpdateSigmas = ParseSigmas(option, text);
  }
  else if (key == "total")
  {
    stage.TotalSigmas.clear();
    for (const std::string & level : Split(text, 'x'))
    {
      stage.TotalSigmas.push_back(ParseNumber(option, level));
      CheckLength(option, stage.TotalSigmas.back(), true, "voxels of the level's grid");
    }
  }
  else if (key == "rate")
  {
    stage.LearningRate = ParsePositive(option, text, "voxels of the level's grid");
  }
  else if (key == "radius")
  {
    stage.Radii = ParseCounts(option, text, "4x3x2", 1);
  }
  else if (key == "standardize")
  {
    stage.Standardize = ParseNumber(option, text);
    CheckLength(option, stage.Standardize, true, "voxels of the fixed image");
  }
  else
  {
    return false;
  }
  return true;
}

bool
HasUse(const std::string & key, const Stage & stage)
{
  const bool ofMass = ComparesMass(stage);
  if (key == "blur")
  {
    return ofMass;
  }
  if (key == "reach" || key == "model")
  {
    return stage.Metric == MetricKind::Sinkhorn;
  }
  if (key == "update")
  {
    return IsDeformation(stage.Transform);
  }
  if (key == "total")
  {
    return IsDeformation(stage.Transform) && stage.Transform != TransformKind::Velocity;
  }
  if (key == "radius")
  {
    return stage.Metric == MetricKind::Correlation;
  }
  return key != "standardize" || !ofMass;
}

std::string
GetUse(const std::string & key)
{
  static const std::map<std::string, std::string> uses{ { "blur", "the metrics sinkhorn and kernel" },
                                                        { "reach", "the metric sinkhorn" },
                                                        { "model", "the metric sinkhorn" },
                                                        { "update", "deformations" },
                                                        { "total",
                                                          "the transforms displacement, greedy, syn and bspline-syn" },
                                                        { "radius", "the metric cc" },
                                                        { "standardize", "the metrics meansquares, cc and mattes" } };
  const auto                                      found = uses.find(key);
  return found == uses.end() ? "all stages" : found->second;
}

void
CompleteStage(Stage & stage, const std::function<std::string(const std::string & key)> & nameOf)
{
  if (!stage.Shrink.empty())
  {
    CheckLevels(nameOf("shrink"), stage.Shrink.size(), stage);
  }
  if (stage.Radii.size() == 1)
  {
    stage.Radii.resize(stage.Iterations.size(), stage.Radii[0]);
  }
  if (!stage.Radii.empty())
  {
    CheckLevels(nameOf("radius"), stage.Radii.size(), stage);
  }
  if (stage.TotalSigmas.size() == 1)
  {
    stage.TotalSigmas.resize(stage.Iterations.size(), stage.TotalSigmas[0]);
  }
  if (!stage.TotalSigmas.empty())
  {
    CheckLevels(nameOf("total"), stage.TotalSigmas.size(), stage);
  }
  if (stage.UpdateSigmas.size() == 1)
  {
    stage.UpdateSigmas.resize(stage.Iterations.size(), stage.UpdateSigmas[0]);
  }
  if (!stage.UpdateSigmas.empty())
  {
    CheckLevels(nameOf("update"), stage.UpdateSigmas.size(), stage);
  }
}

Stage
ParseStage(const std::string & option, const std::string & text, const Stage & defaults)
{
  const std::vector<std::string> parts = Split(text, ',');
  if (parts.size() < 2)
  {
    throw UsageError(option + ": a transform and a metric are needed, for example syn,sinkhorn,blur=4");
  }
  Stage stage = defaults;
  stage.Transform = ParseTransform(option, parts[0]);
  stage.Metric = ParseMetric(option, parts[1]);
  std::set<std::string> keys;
  for (std::size_t i = 2; i < parts.size(); ++i)
  {
    const auto        equals = parts[i].find('=');
    const std::string key = parts[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : parts[i].substr(equals + 1);
    if (value.empty() || !ApplySetting(stage, key, option + ", " + key, value))
    {
      throw UsageError(option + ": '" + parts[i] +
                       "' is not understood; settings are blur=MM, reach=MM, model=intensity|push-forward, "
                       "iterations=100x50x25, shrink=4x2x1, update=20+10x10+5, total=VOXELS, rate=VOXELS, "
                       "radius=4x3x2, standardize=VOXELS");
    }
    if (!HasUse(key, stage))
    {
      throw UsageError(option + ", " + key + ": has no meaning here, it belongs to " + GetUse(key));
    }
    if (!keys.insert(key).second)
    {
      throw UsageError(option + ", " + key + ": is given twice");
    }
  }
  CompleteStage(stage, [&option](const std::string & key) { return option + ", " + key; });
  return stage;
}

} // namespace SinkhornRegistration
} // namespace itk
