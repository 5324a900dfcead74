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

#include "itkSinkhornImageFile.h"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace SinkhornRegister
{
namespace
{

using itk::SinkhornRegistration::InitialKind;
using itk::SinkhornRegistration::Stage;

template <typename TNumber>
std::string
Join(const std::vector<TNumber> & numbers, const std::string & separator)
{
  std::ostringstream text;
  for (const TNumber number : numbers)
  {
    text << (text.tellp() > 0 ? separator : "") << number;
  }
  return text.str();
}

void
PrintImage(const std::string & path, const std::string & role)
{
  const FileFacts facts = InspectFile(path, role);
  std::cout << "reads " << facts.Describe() << ": " << Join(facts.Geometry.Size, " x ") << " voxels of "
            << Join(facts.Geometry.Spacing, " x ") << " mm\n";
}

void
PrintStage(const Stage & stage, std::size_t number, bool mayChange)
{
  std::cout << "stage " << number << ": " << ToString(stage.Transform) << " with " << ToString(stage.Metric)
            << ", iterations " << Join(stage.Iterations, "x") << ", shrink "
            << (stage.Shrink.empty() ? "from the size" : Join(stage.Shrink, "x"))
            << (mayChange ? " (may be left out or changed by what the images show)" : "") << "\n";
}

} // namespace

void
PrintPlan(const Options & options)
{
  if (!options.FixedPoints.empty())
  {
    for (const auto & file : ListInputFiles(options))
    {
      std::cout << "reads " << file.first << " '" << file.second << "'\n";
    }
    std::cout << "start: " << ToString(options.Points.Initialize) << "\n"
              << (options.Points.Deform ? "then a deformation\n" : "no deformation\n");
  }
  else
  {
    for (const auto & file : ListInputFiles(options))
    {
      if (file.first.find("landmarks") != std::string::npos || file.first == "label costs")
      {
        std::cout << "reads " << file.first << " '" << file.second << "'\n";
        continue;
      }
      PrintImage(file.second, file.first);
    }
    std::cout << "mass: " << options.Mass.ToString() << "; features: " << DescribeFeatures(options)
              << "; start: " << ToString(options.Initial) << (options.MultiStart ? ", several rotations" : "") << "\n";
    for (std::size_t i = 0; i < options.Stages.size(); ++i)
    {
      PrintStage(options.Stages[i], i + 1, options.IsRecipe);
    }
  }
  std::cout << "writes into '" << options.Output << "'" << (options.WritesPage ? ", report.html too" : "")
            << "; nothing was done" << std::endl;
}

} // namespace SinkhornRegister
