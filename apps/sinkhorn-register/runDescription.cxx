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
#include "runDescription.h"

#include "itkMultiThreaderBase.h"
#include "itkVersion.h"

#include <nlohmann/json.hpp>

#include <filesystem>

namespace SinkhornRegister
{
namespace
{

using Json = nlohmann::ordered_json;

std::string
NameOf(const std::string & path)
{
  const std::filesystem::path whole(path);
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

} // namespace

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

} // namespace SinkhornRegister
