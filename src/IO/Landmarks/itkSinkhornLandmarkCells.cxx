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
#include "itkSinkhornLandmarkCells.h"

#include "itksys/SystemTools.hxx"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <limits>

namespace itk
{
namespace SinkhornIO
{

std::string
Trim(const std::string & text)
{
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::optional<double>
ParseCell(const std::string & text)
{
  static const std::vector<std::string> missing{ "",     "nan",       "na",      "n/a", "none",
                                                 "null", "undefined", "missing", "-",   "?" };
  const std::string                     cell = itksys::SystemTools::LowerCase(Trim(text));
  if (std::find(missing.begin(), missing.end(), cell) != missing.end())
  {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (cell == "inf" || cell == "-inf" || cell == "infinity")
  {
    return std::numeric_limits<double>::infinity();
  }
  // No hexadecimal numbers, no trailing text.
  if (cell.find_first_not_of("0123456789+-.e") != std::string::npos)
  {
    return std::nullopt;
  }
  char *       end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  return end == cell.c_str() + cell.size() ? std::optional<double>(value) : std::nullopt;
}

std::string
Quote(const std::string & text)
{
  constexpr std::size_t longest = 60;
  return "'" + (text.size() > longest ? text.substr(0, longest) + "…" : text) + "'";
}

std::vector<std::string>
SplitCells(const std::string & line, char separator)
{
  std::vector<std::string> cells(1);
  bool                     quoted = false;
  bool                     wasQuoted = false;
  for (std::size_t i = 0; i < line.size(); ++i)
  {
    const char letter = line[i];
    const bool blank = letter == ' ' || letter == '\t';
    if (quoted)
    {
      const bool twice = letter == '"' && i + 1 < line.size() && line[i + 1] == '"';
      i += twice ? 1 : 0;
      quoted = letter != '"' || twice;
      if (quoted)
      {
        cells.back() += letter;
      }
    }
    else if (letter == '"' && Trim(cells.back()).empty())
    {
      quoted = wasQuoted = true;
    }
    else if (separator == ' ' ? blank : letter == separator)
    {
      if (separator != ' ' || wasQuoted || !cells.back().empty())
      {
        cells.emplace_back();
        wasQuoted = false;
      }
    }
    else
    {
      cells.back() += letter;
    }
  }
  if (separator == ' ' && cells.size() > 1 && cells.back().empty() && !wasQuoted)
  {
    cells.pop_back();
  }
  std::transform(cells.begin(), cells.end(), cells.begin(), Trim);
  return cells;
}

char
FindSeparator(const std::string & line)
{
  if (line.find(';') != std::string::npos)
  {
    return ';';
  }
  const bool comma = line.find(',') != std::string::npos;
  if (line.find('\t') != std::string::npos)
  {
    const auto cells = SplitCells(line, '\t');
    const bool commaEnds =
      std::any_of(cells.begin(), cells.end(), [](const auto & cell) { return !cell.empty() && cell.back() == ','; });
    return commaEnds ? ',' : '\t';
  }
  return comma ? ',' : ' ';
}

bool
HasDecimalComma(const std::string & cell)
{
  const auto comma = cell.find(',');
  if (comma == std::string::npos)
  {
    return false;
  }
  std::string withPoint = cell;
  withPoint[comma] = '.';
  return ParseCell(withPoint).has_value();
}

} // namespace SinkhornIO
} // namespace itk
