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
#include "report.h"

#include "itkMultiThreaderBase.h"
#include "itkVersion.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <filesystem>

#ifndef _WIN32
#include <sys/resource.h>
#endif

namespace SinkhornRegister
{
namespace
{

using Json = nlohmann::ordered_json;

/** JSON has no infinities and no NaN: null says that there is no such number. */
Json
Number(double value)
{
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json
PerLabel(const DiceScores & scores)
{
  Json object = Json::object();
  for (const auto & entry : scores.Label)
  {
    object[std::to_string(entry.first)] = Number(entry.second);
  }
  return object;
}

void
AddAgreement(const Report & report, Json & json)
{
  if (report.HasDice)
  {
    json["dice_before"] = PerLabel(report.DiceBefore);
    json["dice_after"] = PerLabel(report.DiceAfter);
    json["dice_before_mean"] = Number(report.DiceBefore.Mean);
    json["dice_after_mean"] = Number(report.DiceAfter.Mean);
  }
  if (report.HasLandmarks)
  {
    json["landmark_pairs"] = report.NumberOfLandmarks;
    json["tre_before"] = Number(report.ErrorBefore);
    json["tre_after"] = Number(report.ErrorAfter);
  }
}

std::string
Format(const char * format, double value)
{
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string
NameOf(const std::string & path)
{
  const std::filesystem::path whole(path);
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

} // namespace

double
GetPeakMemory()
{
#ifdef _WIN32
  return 0.0;
#else
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0)
  {
    return 0.0;
  }
#ifdef __APPLE__
  return static_cast<double>(usage.ru_maxrss) / 1048576.0;
#else
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
#endif
#endif
}

nlohmann::ordered_json
MakeReport(const Options & options, const Report & report)
{
  // What the library tells, and what only the program knows, in the order that readers of the file are used to.
  const Json library = Json::parse(ToJson(options, report));
  Json       json;
  for (const auto & entry : library.items())
  {
    if (entry.key() == "min_jacobian")
    {
      json["seconds"] = Number(report.Seconds);
      json["peak_memory_mb"] = GetPeakMemory();
    }
    if (entry.key() == "levels")
    {
      AddAgreement(report, json);
    }
    if (entry.key() == "initialize")
    {
      json["dimension"] = report.Dimension;
    }
    json[entry.key()] = entry.value();
  }
  json["version"] = SINKHORN_REGISTER_VERSION;
  json["itk_version"] = itk::Version::GetITKVersion();
  return json;
}

Json
DescribeRun(const Options & options, const Json & report, const Progress & progress)
{
  const bool areShapes = !options.FixedPoints.empty();
  Json       data;
  data["kind"] = "pair";
  data["id"] = NameOf(areShapes ? options.MovingPoints : options.Moving) + " \xe2\x86\x92 " + // an arrow
               NameOf(areShapes ? options.FixedPoints : options.Fixed);
  data["report"] = report;
  data["report"]["history"] = Json::array();
  for (const LevelHistory & level : progress.GetHistory())
  {
    data["report"]["history"].push_back(
      { { "stage", level.Stage }, { "level", level.Level }, { "values", level.Values } });
  }
  data["report"]["messages"] = progress.GetMessages();
  data["inputs"] = Json::object();
  for (const auto & file : ListInputFiles(options))
  {
    data["inputs"][file.first] = file.second;
  }
  data["geometry"] = Json::object();
  data["options"] = Json::parse(options.Configuration);
  data["command"] = options.Command;
  data["seconds"] = report.at("seconds");
  data["peak_memory_mb"] = report.at("peak_memory_mb");
  data["threads"] = itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  data["versions"] = { { "sinkhorn-register", SINKHORN_REGISTER_VERSION },
                       { "ITK", itk::Version::GetITKVersion() },
                       { "FFTW", "not used" } }; // by design, see benchmark/README.md
  return data;
}

std::string
Summarize(const Options & options, const Report & report)
{
  const Stage & stage = options.Main;
  std::string   text = ToString(stage.Transform) + ", " + ToString(stage.Metric) + ": value " +
                     Format("%.4g", report.ValueBefore) + " -> " + Format("%.4g", report.ValueAfter);
  if (report.HasDice)
  {
    text += ", mean Dice " + Format("%.3f", report.DiceBefore.Mean) + " -> " + Format("%.3f", report.DiceAfter.Mean);
  }
  if (report.HasLandmarks)
  {
    text += ", landmarks " + Format("%.2f", report.ErrorBefore) + " -> " + Format("%.2f", report.ErrorAfter) + " mm";
  }
  text += ", min det J " + Format("%.3g", report.Folds.MinimumJacobian) + ", folded " +
          Format("%.3g", 100.0 * report.Folds.Fraction) + " %, " + Format("%.1f", report.Seconds) + " s";
  return text;
}

} // namespace SinkhornRegister
