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
#include "pointOptions.h"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace SinkhornRegister
{
namespace
{

using itk::SinkhornRegistration::InitialKind;
using itk::SinkhornRegistration::PlanRequest;

/** A length in mm; \a fallback if the option was not given. */
double
ReadLength(const CLI::App &    app,
           const PlanRequest & request,
           const std::string & setting,
           bool                mayBeZero,
           double              fallback)
{
  const std::string option = "--" + setting;
  if (app.count(option) == 0)
  {
    return fallback;
  }
  const std::string text = request.Settings.at(setting);
  char *            end = nullptr;
  const double      value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value) || value < 0.0 || (value == 0.0 && !mayBeZero))
  {
    throw UsageError(option + " '" + text + "': must be a length in mm, " + (mayBeZero ? "0 or more" : "more than 0"));
  }
  return value;
}

template <typename T>
T
Choose(const std::string & option, const std::string & word, const std::map<std::string, T> & choices)
{
  const auto found = choices.find(word);
  if (found != choices.end())
  {
    return found->second;
  }
  std::string known;
  for (const auto & choice : choices)
  {
    known += (known.empty() ? "" : ", ") + choice.first;
  }
  throw UsageError(option + " '" + word + "': with curves and surfaces it is one of " + known);
}

} // namespace

void
AddPointOptions(CLI::App & app, Options & options)
{
  app.add_option(
    "--fixed-points",
    options.FixedPoints,
    "fixed curve, surface or points instead of an image (VTK, PLY, STL, OBJ, OFF, GIFTI, FreeSurfer, BYU)");
  app.add_option(
    "--moving-points", options.MovingPoints, "moving curve, surface or points, carried onto the fixed one");
}

void
CheckWhatIsRegistered(const CLI::App & app)
{
  const bool isFixedShape = app.count("--fixed-points") > 0;
  const bool isMovingShape = app.count("--moving-points") > 0;
  if (isFixedShape != isMovingShape)
  {
    throw UsageError(
      std::string(isFixedShape ? "--fixed-points needs --moving-points" : "--moving-points needs --fixed-points") +
      ": give both");
  }
  const std::vector<std::string> images{ "--fixed", "--moving", "--output" };
  const std::vector<std::string> shapes{ "--output" };
  for (const std::string & option : isFixedShape ? shapes : images)
  {
    if (app.count(option) == 0)
    {
      throw UsageError(option + " is required (see sinkhorn-register --help)");
    }
  }
}

void
InterpretPoints(const CLI::App & app, const PlanRequest & request, Options & options)
{
  static const std::set<std::string> known{ "--fixed-points", "--moving-points", "--output", "--landmarks",
                                            "--transform",    "--initialize",    "--blur",   "--reach",
                                            "--threads",      "--quiet",         "--config", "--dry-run",
                                            "--report" };
  for (const CLI::Option * option : app.get_options())
  {
    const std::string name = "--" + option->get_single_name();
    if (option->count() > 0 && known.count(name) == 0)
    {
      throw UsageError(name + " has no meaning with --fixed-points and --moving-points; leave it out");
    }
  }
  auto & points = options.Points;
  points.Blur = ReadLength(app, request, "blur", false, 0.0);
  points.Reach = ReadLength(app, request, "reach", true, -1.0);
  if (app.count("--initialize") > 0)
  {
    points.Initialize = Choose<InitialKind>("--initialize",
                                            request.Initialize,
                                            { { "none", InitialKind::None },
                                              { "centers", InitialKind::Centers },
                                              { "automatic", InitialKind::Automatic },
                                              { "sinkhorn", InitialKind::Affine },
                                              { "sinkhorn-similarity", InitialKind::Similarity },
                                              { "sinkhorn-rigid", InitialKind::Rigid } });
  }
  const auto linear = Choose<InitialKind>("--transform",
                                          app.count("--transform") > 0 ? request.Transform : "displacement",
                                          { { "displacement", InitialKind::None },
                                            { "rigid", InitialKind::Rigid },
                                            { "similarity", InitialKind::Similarity },
                                            { "affine", InitialKind::Affine } });
  points.Deform = linear == InitialKind::None;
  if (!points.Deform)
  {
    if (app.count("--initialize") > 0)
    {
      throw UsageError("--initialize has no meaning with --transform " + request.Transform +
                       ", which is that transform itself; leave one of them out");
    }
    points.Initialize = linear;
  }
}

} // namespace SinkhornRegister
