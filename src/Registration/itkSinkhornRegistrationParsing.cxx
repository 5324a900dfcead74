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
#include "itkSinkhornRegistrationParsing.h"

#include "itkSinkhornRegistrationStage.h"

#include <cmath>
#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{

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

/** A registration that has not ended by then never will. */
constexpr unsigned int largestCount = 100000;

std::vector<unsigned int>
ParseCounts(const std::string & option, const std::string & text, const std::string & example, unsigned int smallest)
{
  std::vector<unsigned int> counts;
  for (const double value : ParseList(option, text, example))
  {
    if (value < smallest || value != std::floor(value) || value > largestCount)
    {
      throw UsageError(option + ": '" + text + "' must be whole numbers from " + std::to_string(smallest) + " to " +
                       std::to_string(largestCount) + ", one for each level, coarsest first; for example " + example);
    }
    counts.push_back(static_cast<unsigned int>(value));
  }
  if (counts.size() > 10)
  {
    throw UsageError(option + ": " + std::to_string(counts.size()) + " levels given, at most 10 make sense");
  }
  return counts;
}

void
CheckLength(const std::string & option, double value, bool zeroAllowed, const std::string & unit)
{
  if (!std::isfinite(value) || value < 0.0 || (value == 0.0 && !zeroAllowed))
  {
    std::ostringstream message;
    message << option << ": " << value << " must be " << (zeroAllowed ? "0 or more" : "greater than 0") << " (" << unit
            << ")";
    throw UsageError(message.str());
  }
}

} // namespace SinkhornRegistration
} // namespace itk
