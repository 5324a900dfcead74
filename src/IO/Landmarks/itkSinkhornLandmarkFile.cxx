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
#include "itkSinkhornLandmarkFile.h"

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornLandmarkCells.h"
#include "itkSinkhornLandmarkTable.h"

#include "itksys/SystemTools.hxx"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace itk
{
namespace SinkhornIO
{
namespace
{

std::string
ReadWhole(const std::string & path, const std::string & role)
{
  std::ifstream      file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
  {
    throw UsageError(role + " '" + path + "': no such file, or it can't be read, or it is empty");
  }
  std::string whole = text.str();
  if (whole.find('\0') != std::string::npos)
  {
    throw UsageError(role + " '" + path + "': is no text file in UTF-8; save it as plain text or CSV in UTF-8");
  }
  if (whole.compare(0, 3, "\xEF\xBB\xBF") == 0)
  {
    whole.erase(0, 3); // byte order mark
  }
  return whole;
}

/** The value of "key = value" in a comment; empty if it is another one. */
std::string
ValueOf(const std::string & comment, const std::string & key)
{
  const auto equals = comment.find('=');
  return equals != std::string::npos && itksys::SystemTools::LowerCase(Trim(comment.substr(1, equals - 1))) == key
           ? Trim(comment.substr(equals + 1))
           : "";
}

/** Cuts a comment off that follows a blank outside quotes. */
std::string
WithoutComment(const std::string & line)
{
  bool quoted = false;
  for (std::size_t i = 1; i < line.size(); ++i)
  {
    quoted = quoted != (line[i - 1] == '"');
    if (!quoted && line[i] == '#' && (line[i - 1] == ' ' || line[i - 1] == '\t'))
    {
      return line.substr(0, i - 1);
    }
  }
  return line;
}

bool
HoldsNothing(const std::string & line)
{
  return line.find_first_not_of(" \t\r,;") == std::string::npos;
}

LandmarkText
SplitLines(std::string text)
{
  // Line ends of Windows and of old Macs.
  for (auto at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n", at))
  {
    text.erase(at, 1);
  }
  std::replace(text.begin(), text.end(), '\r', '\n');
  LandmarkText       result;
  std::istringstream stream(text);
  LandmarkText::Line line;
  for (std::string content; std::getline(stream, content);)
  {
    ++line.Number;
    const std::string trimmed = Trim(content);
    if (!trimmed.empty() && trimmed[0] == '#')
    {
      const std::string columns = ValueOf(trimmed, "columns");
      const std::string system = ValueOf(trimmed, "coordinatesystem");
      result.CoordinateSystem = system.empty() ? result.CoordinateSystem : system;
      if (!columns.empty())
      {
        result.Columns.clear();
        std::istringstream names(columns);
        for (std::string name; std::getline(names, name, ',');)
        {
          result.Columns.push_back(Trim(name));
        }
      }
      else if (result.Lines.empty())
      {
        result.Comments.push_back({ line.Number, trimmed, false });
      }
      continue;
    }
    line.Text = WithoutComment(content);
    if (trimmed.empty())
    {
      line.AfterBlank = !result.Lines.empty();
      continue;
    }
    result.Lines.push_back(line);
    line.AfterBlank = false;
  }
  // Spreadsheets leave rows of nothing but separators behind the last one.
  while (!result.Lines.empty() && HoldsNothing(result.Lines.back().Text))
  {
    result.Lines.pop_back();
  }
  return result;
}

/** Slicer's markups in JSON. */
void
ReadMarkups(LandmarkFile & file, const std::string & text, unsigned int dimension)
{
  const std::string where = file.Role + " '" + file.Path + "': ";
  try
  {
    const auto json = nlohmann::json::parse(text);
    const auto markups = json.at("markups");
    if (markups.size() != 1)
    {
      throw UsageError(where + "holds " + std::to_string(markups.size()) + " lists of markups; one is wanted");
    }
    const auto &      list = markups.at(0);
    const std::string unit = list.value("coordinateUnits", "mm");
    if (unit != "mm")
    {
      throw UsageError(where + "the coordinates are in '" + unit + "'; mm are wanted");
    }
    const bool fromRAS = StateCoordinateSystem(file, list.at("coordinateSystem").get<std::string>());
    file.Names = { { "label", {}, true }, { "id", {}, true } };
    for (const auto & point : list.at("controlPoints"))
    {
      LandmarkRow row;
      const bool  placed = point.value("positionStatus", "defined") == "defined";
      row.IsGap = !placed || point.at("position").is_null();
      if (!row.IsGap)
      {
        row.Coordinates = point.at("position").get<std::vector<double>>();
        if (row.Coordinates.size() != 3)
        {
          throw UsageError(where + "a position of " + std::to_string(row.Coordinates.size()) + " numbers, not 3");
        }
      }
      AddRow(file, row, fromRAS, dimension);
      file.Names[0].Values.push_back(point.value("label", ""));
      file.Names[1].Values.push_back(point.value("id", ""));
    }
  }
  catch (const nlohmann::json::exception & error)
  {
    throw UsageError(where + "is not a markups file of Slicer: " + error.what());
  }
}

bool
IsUnique(const LandmarkNames & names)
{
  const std::set<std::string> values(names.Values.begin(), names.Values.end());
  return values.size() == names.Values.size() && values.count("") == 0;
}

bool
IsConstant(const LandmarkNames & names)
{
  return std::set<std::string>(names.Values.begin(), names.Values.end()).size() <= 1;
}

std::string
Number(std::size_t count)
{
  return std::to_string(count) + (count == 1 ? " point" : " points");
}

/** A name that only the first of two lists holds, and how many those are. */
std::pair<std::string, std::size_t>
FindLone(const LandmarkNames & names, const LandmarkNames & others)
{
  const std::set<std::string>         known(others.Values.begin(), others.Values.end());
  std::pair<std::string, std::size_t> lone{ "", 0 };
  for (const std::string & name : names.Values)
  {
    if (known.count(name) == 0)
    {
      lone.first = lone.second == 0 ? name : lone.first;
      ++lone.second;
    }
  }
  return lone;
}

bool
HoldTheSame(const LandmarkNames & names, const LandmarkNames & others)
{
  return FindLone(names, others).second == 0 && FindLone(others, names).second == 0;
}

/** Refuses names that have no counterpart. */
void
CheckLone(const LandmarkFile & file, const LandmarkNames & names, const LandmarkNames & others)
{
  const auto lone = FindLone(names, others);
  if (lone.second > 0)
  {
    const auto row = std::find(names.Values.begin(), names.Values.end(), lone.first) - names.Values.begin();
    throw UsageError(file.Place(static_cast<std::size_t>(row)) + ": the point '" + lone.first + "'" +
                     (lone.second > 1 ? " (and " + std::to_string(lone.second - 1) + " more)" : "") +
                     " is not in the other file; corresponding points need the same " + names.Kind +
                     ", or no such column at all to be paired in their order");
  }
}

/** Pairs by a kind of name that both files have. \return whether that decides it. */
bool
MatchByName(const LandmarkFile &  fixed,
            const LandmarkFile &  moving,
            const LandmarkNames & fixedNames,
            const LandmarkNames & movingNames,
            LandmarkMatches &     matches)
{
  const bool unique = IsUnique(fixedNames) && IsUnique(movingNames);
  if (!unique)
  {
    // Groups, such as the label of a structure, say nothing unless they contradict the order.
    const bool grouped = !(IsConstant(fixedNames) && IsConstant(movingNames)) || fixedNames.Values.size() < 2;
    if (grouped && fixedNames.Values != movingNames.Values)
    {
      throw UsageError(fixed.Role + " '" + fixed.Path + "' and " + moving.Role + " '" + moving.Path +
                       "': the column '" + fixedNames.Kind +
                       "' names some points twice or not at all and differs between the files; name each point once, "
                       "or leave the column out to pair them in their order");
    }
    return false;
  }
  CheckLone(fixed, fixedNames, movingNames);
  CheckLone(moving, movingNames, fixedNames);
  std::map<std::string, std::size_t> rows;
  for (std::size_t i = 0; i < movingNames.Values.size(); ++i)
  {
    rows[movingNames.Values[i]] = i;
  }
  for (std::size_t i = 0; i < fixedNames.Values.size(); ++i)
  {
    matches.emplace_back(i, rows[fixedNames.Values[i]]);
  }
  return true;
}

/** Pairs in the order of the files. */
LandmarkMatches
MatchByOrder(const LandmarkFile & fixed, const LandmarkFile & moving)
{
  if (fixed.Rows.size() != moving.Rows.size())
  {
    throw UsageError("--landmarks: '" + fixed.Path + "' holds " + Number(fixed.Rows.size()) + " and '" + moving.Path +
                     "' " + Number(moving.Rows.size()) + "; they must correspond line by line, or by name");
  }
  LandmarkMatches matches;
  for (std::size_t i = 0; i < fixed.Rows.size(); ++i)
  {
    if (fixed.Rows[i].AfterBlank != moving.Rows[i].AfterBlank)
    {
      const LandmarkFile & blank = fixed.Rows[i].AfterBlank ? fixed : moving;
      throw UsageError(blank.Place(i) + ": an empty line stands before it, but not in the other file; if a point is " +
                       "missing there, write nan for its coordinates, else remove the line");
    }
    matches.emplace_back(i, i);
  }
  return matches;
}

} // namespace

std::string
LandmarkFile::Place(std::size_t row) const
{
  const std::size_t line = Rows[row].Line;
  return Role + " '" + Path + "', " + (line > 0 ? "line " + std::to_string(line) : "point " + std::to_string(row + 1));
}

LandmarkFile
ReadLandmarkFile(const std::string & path, const std::string & role, unsigned int dimension)
{
  LandmarkFile file;
  file.Path = path;
  file.Role = role;
  const std::string text = ReadWhole(path, role);
  const auto        first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (text[first] == '{' || text[first] == '['))
  {
    ReadMarkups(file, text, dimension);
  }
  else
  {
    ReadTable(file, SplitLines(text), dimension);
  }
  if (std::all_of(file.Rows.begin(), file.Rows.end(), [](const LandmarkRow & row) { return row.IsGap; }))
  {
    throw UsageError(role + " '" + path + "': holds no point; a line for each is wanted, " + std::to_string(dimension) +
                     " numbers, or a table whose first line names its columns");
  }
  return file;
}

LandmarkMatches
MatchLandmarks(const LandmarkFile & fixed, const LandmarkFile & moving)
{
  LandmarkMatches matches;
  bool            named = false;
  bool            strange = false;
  for (const LandmarkNames & fixedNames : fixed.Names)
  {
    const auto other = std::find_if(moving.Names.begin(), moving.Names.end(), [&](const LandmarkNames & names) {
      return names.Kind == fixedNames.Kind;
    });
    if (named || other == moving.Names.end())
    {
      continue;
    }
    if (!fixedNames.IsTrusted && !(IsUnique(fixedNames) && IsUnique(*other) && HoldTheSame(fixedNames, *other)))
    {
      continue;
    }
    // No name in common: another column may have the names that count, but the order alone will not do.
    if (IsUnique(fixedNames) && IsUnique(*other) && FindLone(fixedNames, *other).second == fixedNames.Values.size())
    {
      strange = true;
      continue;
    }
    named = MatchByName(fixed, moving, fixedNames, *other, matches);
  }
  if (!named && strange)
  {
    throw UsageError(fixed.Role + " '" + fixed.Path + "' and " + moving.Role + " '" + moving.Path +
                     "': no point has the same name in both; give corresponding points the same names, or leave the "
                     "names out to pair them in their order");
  }
  if (!named)
  {
    matches = MatchByOrder(fixed, moving);
  }
  matches.erase(std::remove_if(
                  matches.begin(),
                  matches.end(),
                  [&](const auto & match) { return fixed.Rows[match.first].IsGap || moving.Rows[match.second].IsGap; }),
                matches.end());
  if (matches.empty())
  {
    throw UsageError("--landmarks: no point has its coordinates in both '" + fixed.Path + "' and '" + moving.Path +
                     "'");
  }
  return matches;
}

} // namespace SinkhornIO
} // namespace itk
