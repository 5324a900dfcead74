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
#include "presets.h"

#include "options.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

namespace SinkhornRegister
{
namespace
{

using Json = nlohmann::ordered_json;
using Values = std::vector<std::pair<std::string, std::string>>;

/** Options by the kind of images, each a word that could be said by hand; README has the reasons. */
const std::vector<std::pair<std::string, Values>> presets{
  { "fast", { { "iterations", "60x40" }, { "shrink", "4x2" } } },
  { "default", {} },
  { "accurate", { { "multi-start", "true" }, { "iterations", "120x80x60" } } },
  { "labels", { { "features", "labels" } } },
  { "lesion", { { "initialize", "sinkhorn-rigid" }, { "finish", "cc" } } },
  { "histology", { { "multi-start", "true" } } },
  { "ct-lung", { { "density", "window:-1000:400" } } }
};

/** They say how options are given and what is done with them; they are none of the registration's. */
const std::vector<std::string> ownOptions{ "config", "preset", "dump-config", "dry-run", "help", "version" };

bool
IsOwn(const std::string & name)
{
  return std::find(ownOptions.begin(), ownOptions.end(), name) != ownOptions.end();
}

/** As if it stood on the command line, unless it does. */
void
Give(CLI::App & app, const std::string & name, const std::vector<std::string> & values)
{
  CLI::Option * option = app.get_option("--" + name);
  if (option->count() == 0)
  {
    option->add_result(values);
    option->run_callback();
  }
}

std::string
ToText(const Json & value, const std::string & where)
{
  if (value.is_string())
  {
    return value.get<std::string>();
  }
  if (value.is_number() || value.is_boolean())
  {
    return value.dump();
  }
  throw UsageError(where + ": must be a text, a number, true, false or a list of texts and numbers");
}

std::vector<std::string>
ToTexts(const Json & value, const std::string & where)
{
  if (!value.is_array())
  {
    return { ToText(value, where) };
  }
  std::vector<std::string> texts;
  for (const Json & part : value)
  {
    texts.push_back(ToText(part, where));
  }
  return texts;
}

Json
ReadObject(const std::string & path)
{
  std::ifstream file(path, std::ios::binary);
  if (!file)
  {
    throw UsageError("--config '" + path + "': can't be read; check the path");
  }
  const std::string text{ std::istreambuf_iterator<char>(file), {} };
  Json              object = Json::parse(text, nullptr, false);
  if (!object.is_object())
  {
    throw UsageError("--config '" + path + "': is no JSON object, such as --dump-config writes");
  }
  return object;
}

} // namespace

std::string
ListPresets()
{
  std::string list;
  for (const auto & preset : presets)
  {
    list += (list.empty() ? "" : ", ") + preset.first;
  }
  return list;
}

void
ApplyConfiguration(CLI::App & app, const std::string & path)
{
  const Json object = ReadObject(path);
  for (const auto & entry : object.items())
  {
    const std::string where = "--config '" + path + "', " + entry.key();
    const bool        isKnown = app.get_option_no_throw("--" + entry.key()) != nullptr;
    if (!isKnown || (IsOwn(entry.key()) && entry.key() != "preset"))
    {
      throw UsageError(where + ": there is no such option of a registration (see sinkhorn-register --help)");
    }
    if (entry.value() != Json(false))
    {
      Give(app, entry.key(), ToTexts(entry.value(), where));
    }
  }
}

void
ApplyPreset(CLI::App & app, const std::string & name)
{
  const auto preset =
    std::find_if(presets.begin(), presets.end(), [&](const auto & candidate) { return candidate.first == name; });
  if (preset == presets.end())
  {
    throw UsageError("--preset '" + name + "': is unknown; there are " + ListPresets());
  }
  for (const auto & value : preset->second)
  {
    Give(app, value.first, { value.second });
  }
}

std::string
DumpConfiguration(const CLI::App & app)
{
  Json object = Json::object();
  for (const CLI::Option * option : app.get_options())
  {
    const std::string name = option->get_single_name();
    if (option->count() == 0 || IsOwn(name))
    {
      continue;
    }
    if (option->get_expected_max() == 0)
    {
      object[name] = true;
    }
    else if (option->get_expected_max() == 1)
    {
      object[name] = option->results().front();
    }
    else
    {
      object[name] = option->results();
    }
  }
  return object.dump(2) + "\n";
}

} // namespace SinkhornRegister
