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
#include "shapeReport.h"

#include "report.h"

#include "itkVersion.h"

#include <nlohmann/json.hpp>

#include <sstream>

namespace SinkhornRegister
{
namespace
{

using Json = nlohmann::ordered_json;

void
AddDistances(const itk::Sinkhorn::ShapeDistances & distances, const std::string & when, Json & json)
{
  json["mean_distance_" + when] = distances.Mean;
  json["p95_distance_" + when] = distances.Percentile95;
  json["hausdorff_" + when] = distances.Hausdorff;
  json["coverage_" + when] = distances.Coverage;
}

} // namespace

nlohmann::ordered_json
MakeShapeReport(const Options & options, const ShapeReport & report)
{
  // What the library tells, and what only the program knows, in the order that readers of the file are used to.
  const Json library = Json::parse(ToJson(options.Points, report, report.Dimension, report.Folds));
  Json       json;
  for (const auto & entry : library.items())
  {
    if (entry.key() == "particle_distance_before")
    {
      // Those of the segments and triangles stand for those of the particles.
      AddDistances(report.Before, "before", json);
      AddDistances(report.After, "after", json);
    }
    else if (entry.key() != "particle_distance_after" && entry.key() != "moved_nothing")
    {
      json[entry.key()] = entry.value();
    }
  }
  if (report.NumberOfLandmarks > 0)
  {
    json["landmark_pairs"] = report.NumberOfLandmarks;
    json["tre_before"] = report.ErrorBefore;
    json["tre_after"] = report.ErrorAfter;
  }
  json["seconds"] = report.Seconds;
  json["peak_memory_mb"] = GetPeakMemory();
  json["version"] = SINKHORN_REGISTER_VERSION;
  json["itk_version"] = itk::Version::GetITKVersion();
  return json;
}

std::string
SummarizeShapes(const ShapeReport & report)
{
  std::ostringstream text;
  text.precision(4);
  text << "mean distance " << report.Before.Mean << " -> " << report.After.Mean << ", Hausdorff "
       << report.Before.Hausdorff << " -> " << report.After.Hausdorff << ", covered "
       << static_cast<int>(100.0 * report.After.Coverage + 0.5) << " %";
  if (report.NumberOfLandmarks > 0)
  {
    text << ", landmarks " << report.ErrorBefore << " -> " << report.ErrorAfter;
  }
  text.precision(3);
  text << ", min det J " << report.Folds.MinimumJacobian << ", folded " << 100.0 * report.Folds.Fraction << " %, "
       << report.Seconds << " s";
  return text.str();
}

} // namespace SinkhornRegister
