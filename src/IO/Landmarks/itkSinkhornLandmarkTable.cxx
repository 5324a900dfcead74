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
#include "itkSinkhornLandmarkTable.h"

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornLandmarkCells.h"

#include "itksys/SystemTools.hxx"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace itk
{
namespace SinkhornIO
{
namespace
{

/** Columns by what they hold; npos: there is none. */
struct Columns
{
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  std::array<std::size_t, 3>   Coordinates{ { npos, npos, npos } };
  std::size_t                  PositionStatus{ npos };
  struct NameColumn
  {
    std::string Kind;
    std::size_t Index;
    bool        IsTrusted;
  };
  std::vector<NameColumn> Names;
  std::size_t             Count{ 0 };
  bool                    FromRAS{ false };
  /** More cells than columns are usual. */
  bool MayBeLonger{ false };
};

[[noreturn]] void
Refuse(const LandmarkFile & file, std::size_t line, const std::string & what)
{
  throw UsageError(file.Role + " '" + file.Path + "'" + (line > 0 ? ", line " + std::to_string(line) : "") + ": " +
                   what);
}

/** Name and unit of a heading such as "x", "X (mm)", "y_px", "z[mm]". */
std::pair<std::string, std::string>
SplitHeading(const std::string & heading)
{
  std::string text = itksys::SystemTools::LowerCase(heading);
  std::replace_if(
    text.begin(), text.end(), [](char letter) { return letter == '(' || letter == '[' || letter == '_'; }, ' ');
  text.erase(std::remove_if(text.begin(), text.end(), [](char letter) { return letter == ')' || letter == ']'; }),
             text.end());
  text = Trim(text);
  const auto blank = text.find(' ');
  return blank == std::string::npos ? std::make_pair(text, std::string())
                                    : std::make_pair(text.substr(0, blank), Trim(text.substr(blank)));
}

/** \return whether \a unit is one of coordinates; it is then noted. */
bool
StateUnit(LandmarkFile & file, std::size_t line, const std::string & heading, const std::string & unit)
{
  static const std::vector<std::string> voxels{ "px", "pixel", "pixels", "vox", "voxel", "voxels", "index" };
  static const std::vector<std::string> others{ "um", "µm", "cm", "m", "nm", "in", "inch", "micron", "microns" };
  if (std::find(others.begin(), others.end(), unit) != others.end())
  {
    Refuse(file, line, "the column " + Quote(heading) + " is in " + unit + "; coordinates in mm are wanted");
  }
  const bool index = std::find(voxels.begin(), voxels.end(), unit) != voxels.end();
  if (!unit.empty() && unit != "mm" && !index)
  {
    return false;
  }
  if (!unit.empty())
  {
    const LandmarkSpace space = index ? LandmarkSpace::Index : LandmarkSpace::Physical;
    if (file.Space != LandmarkSpace::Unstated && file.Space != space)
    {
      Refuse(file, line, "some columns are in mm and others are voxel indices");
    }
    file.Space = space;
  }
  return true;
}

/** Finds the columns of the coordinates among \a headings. \param axes their names in small letters. */
bool
FindCoordinates(LandmarkFile &                   file,
                std::size_t                      line,
                const std::vector<std::string> & headings,
                const std::string &              axes,
                Columns &                        columns)
{
  columns.Coordinates.fill(Columns::npos);
  for (std::size_t i = 0; i < headings.size(); ++i)
  {
    const auto [name, unit] = SplitHeading(headings[i]);
    const auto axis = name.size() == 1 ? axes.find(name) : std::string::npos;
    if (axis == std::string::npos || !StateUnit(file, line, headings[i], unit))
    {
      continue;
    }
    if (columns.Coordinates[axis] != Columns::npos)
    {
      Refuse(file, line, "two columns are called " + Quote(headings[i]) + "; keep those of one image in a file");
    }
    columns.Coordinates[axis] = i;
  }
  return columns.Coordinates[0] != Columns::npos && columns.Coordinates[1] != Columns::npos;
}

/** Columns that a heading names; none if it doesn't name coordinates. */
std::optional<Columns>
ReadHeading(LandmarkFile & file, std::size_t line, std::vector<std::string> headings, unsigned int dimension)
{
  static const std::vector<std::string> kinds{ "name", "landmark", "label", "id", "point", "number", "index", "" };
  Columns                               columns;
  const LandmarkSpace                   before = file.Space;
  bool                                  found = FindCoordinates(file, line, headings, "xyz", columns);
  if (!found && FindCoordinates(file, line, headings, "ijk", columns))
  {
    file.Space = LandmarkSpace::Index;
    found = true;
  }
  if (!found &&
      (FindCoordinates(file, line, headings, "lps", columns) || FindCoordinates(file, line, headings, "ras", columns)))
  {
    columns.FromRAS = itksys::SystemTools::LowerCase(headings[columns.Coordinates[0]])[0] == 'r';
    file.Space = LandmarkSpace::Physical;
    found = true;
  }
  if (!found)
  {
    file.Space = before;
    return std::nullopt;
  }
  if (dimension == 3 && columns.Coordinates[2] == Columns::npos)
  {
    Refuse(file, line, "the heading names x and y but no z; the images are 3-D");
  }
  for (const std::string & kind : kinds)
  {
    for (std::size_t i = 0; i < headings.size(); ++i)
    {
      // A heading without a name is that of a table's own numbering, as pandas writes it, if it comes first.
      if (itksys::SystemTools::LowerCase(headings[i]) == kind && (!kind.empty() || i == 0))
      {
        columns.Names.push_back({ kind.empty() ? "number" : kind, i, true });
        break;
      }
    }
  }
  // Any other column may name the points, too: if both files hold the same values in it, those count.
  for (std::size_t i = 0; i < headings.size(); ++i)
  {
    const bool coordinate =
      std::find(columns.Coordinates.begin(), columns.Coordinates.end(), i) != columns.Coordinates.end();
    if (!coordinate && !headings[i].empty() &&
        std::none_of(columns.Names.begin(), columns.Names.end(), [i](const auto & names) { return names.Index == i; }))
    {
      columns.Names.push_back({ itksys::SystemTools::LowerCase(headings[i]), i, false });
    }
  }
  columns.Count = headings.size();
  return columns;
}

/** The coordinates in \a cells, or a gap if one is missing. */
LandmarkRow
ReadCells(const LandmarkFile & file, const LandmarkText::Line & line, const std::vector<std::string> & cells)
{
  LandmarkRow row;
  row.Line = line.Number;
  row.AfterBlank = line.AfterBlank;
  for (const std::string & cell : cells)
  {
    const std::optional<double> value = ParseCell(cell);
    if (!value)
    {
      Refuse(file,
             line.Number,
             Quote(cell) + " is not a number" +
               (HasDecimalComma(cell) ? "; write decimal points, not commas" : " where a coordinate has to be"));
    }
    if (std::isinf(*value))
    {
      Refuse(file, line.Number, Quote(cell) + " is not a coordinate");
    }
    row.IsGap = row.IsGap || std::isnan(*value);
    row.Coordinates.push_back(*value);
  }
  if (row.IsGap)
  {
    row.Coordinates.clear();
  }
  return row;
}

/** Rows of a table whose columns are known. */
void
ReadNamedRows(LandmarkFile &                          file,
              const std::vector<LandmarkText::Line> & lines,
              std::size_t                             first,
              char                                    separator,
              const Columns &                         columns,
              unsigned int                            dimension)
{
  for (const auto & names : columns.Names)
  {
    file.Names.push_back({ names.Kind, {}, names.IsTrusted });
  }
  for (std::size_t i = first; i < lines.size(); ++i)
  {
    std::vector<std::string> cells = SplitCells(lines[i].Text, separator);
    if (cells.size() == columns.Count + 1 && cells.back().empty())
    {
      cells.pop_back(); // a separator at the end
    }
    if (columns.MayBeLonger ? cells.size() < columns.Count : cells.size() != columns.Count)
    {
      Refuse(file,
             lines[i].Number,
             "holds " + std::to_string(cells.size()) + " cells, the heading names " + std::to_string(columns.Count) +
               ": " + Quote(lines[i].Text));
    }
    std::vector<std::string> coordinates;
    for (const std::size_t column : columns.Coordinates)
    {
      if (column != Columns::npos)
      {
        coordinates.push_back(cells[column]);
      }
    }
    LandmarkRow row = ReadCells(file, lines[i], coordinates);
    if (columns.PositionStatus < cells.size() && cells[columns.PositionStatus] != "2")
    {
      row.IsGap = true; // placed nowhere yet, whatever its coordinates
    }
    AddRow(file, row, columns.FromRAS, dimension);
    for (std::size_t n = 0; n < columns.Names.size(); ++n)
    {
      file.Names[n].Values.push_back(cells[columns.Names[n].Index]);
    }
  }
}

/** Rows of a table without a heading: as many numbers as there are coordinates, and at most one name at either end. */
void
ReadBareRows(LandmarkFile & file, const std::vector<LandmarkText::Line> & lines, char separator, unsigned int dimension)
{
  const std::string wanted = dimension == 2 ? "x,y" : "x,y,z";
  LandmarkNames     names{ "name", {}, true };
  for (const LandmarkText::Line & line : lines)
  {
    std::vector<std::string> cells = SplitCells(line.Text, separator);
    if (cells.size() > dimension && cells.back().empty() && separator != ' ')
    {
      cells.pop_back();
    }
    const bool nameFirst = cells.size() == dimension + 1 && !ParseCell(cells.front());
    const bool nameLast = cells.size() == dimension + 1 && !nameFirst && !ParseCell(cells.back());
    if (cells.size() != dimension && !nameFirst && !nameLast)
    {
      Refuse(file,
             line.Number,
             Quote(line.Text) + " holds " + std::to_string(cells.size()) + (cells.size() == 1 ? " cell" : " cells") +
               "; a point has " + std::to_string(dimension) +
               " coordinates, and other columns need a first line that names all of them, for example id," + wanted);
    }
    if (nameFirst || nameLast)
    {
      names.Values.push_back(nameFirst ? cells.front() : cells.back());
      cells.erase(nameFirst ? cells.begin() : cells.end() - 1);
    }
    AddRow(file, ReadCells(file, line, cells), false, dimension);
    if (!names.Values.empty() && names.Values.size() != file.Rows.size())
    {
      Refuse(file, line.Number, "some points have a name and others have none: " + Quote(line.Text));
    }
  }
  if (!names.Values.empty())
  {
    file.Names.push_back(names);
  }
}

/** Slicer's .fcsv: comments name the columns. */
void
ReadFiducials(LandmarkFile & file, const LandmarkText & text, unsigned int dimension)
{
  const std::size_t first = text.Lines.empty() ? 1 : text.Lines.front().Number;
  if (text.CoordinateSystem.empty())
  {
    Refuse(file,
           first,
           "no line before it says whether the points are LPS or RAS; add '# CoordinateSystem = LPS' or '# "
           "CoordinateSystem = RAS' at the top");
  }
  std::optional<Columns> columns = ReadHeading(file, first, text.Columns, dimension);
  if (!columns)
  {
    Refuse(file, first, "the line '# columns = …' before it names no x and y");
  }
  columns->FromRAS = StateCoordinateSystem(file, text.CoordinateSystem);
  columns->MayBeLonger = true;
  // Newer versions write two more cells than the columns that they name; the first says whether the point was placed.
  columns->PositionStatus = columns->Count == 14 ? 14 : Columns::npos;
  ReadNamedRows(file, text.Lines, 0, ',', *columns, dimension);
}

/** elastix: "point" or "index", the number of points, and a line for each. */
void
ReadElastix(LandmarkFile & file, const LandmarkText & text, unsigned int dimension)
{
  file.Space = itksys::SystemTools::LowerCase(Trim(text.Lines[0].Text)) == "index" ? LandmarkSpace::Index
                                                                                   : LandmarkSpace::Physical;
  const std::string count = text.Lines.size() > 1 ? Trim(text.Lines[1].Text) : "";
  if (count.empty() || count.find_first_not_of("0123456789") != std::string::npos)
  {
    Refuse(file,
           text.Lines[text.Lines.size() > 1 ? 1 : 0].Number,
           Quote(count) + " is not the number of points, which has to follow '" + Trim(text.Lines[0].Text) + "'");
  }
  const std::vector<LandmarkText::Line> rows(text.Lines.begin() + 2, text.Lines.end());
  if (count != std::to_string(rows.size()))
  {
    Refuse(file,
           text.Lines[1].Number,
           count + " points are announced, but " + std::to_string(rows.size()) + " lines follow");
  }
  ReadBareRows(file, rows, FindSeparator(rows.empty() ? "" : rows.front().Text), dimension);
}

} // namespace

bool
StateCoordinateSystem(LandmarkFile & file, const std::string & system)
{
  const std::string name = itksys::SystemTools::LowerCase(Trim(system));
  file.Space = name == "ijk" || name == "2" ? LandmarkSpace::Index : LandmarkSpace::Physical;
  if (name == "ras" || name == "0")
  {
    return true;
  }
  if (name != "lps" && name != "1" && file.Space != LandmarkSpace::Index)
  {
    throw UsageError(file.Role + " '" + file.Path + "': the coordinate system " + Quote(system) +
                     " is unknown; LPS, RAS and IJK are known");
  }
  return false;
}

void
AddRow(LandmarkFile & file, const LandmarkRow & given, bool fromRAS, unsigned int dimension)
{
  LandmarkRow row = given;
  if (!row.IsGap)
  {
    if (row.Coordinates.size() > dimension && row.Coordinates.back() != 0.0)
    {
      Refuse(file, row.Line, "the third coordinate is not 0, but the images are 2-D");
    }
    row.Coordinates.resize(dimension);
    if (fromRAS)
    {
      row.Coordinates[0] = -row.Coordinates[0];
      row.Coordinates[1] = -row.Coordinates[1];
    }
  }
  file.Rows.push_back(row);
}

void
ReadTable(LandmarkFile & file, const LandmarkText & text, unsigned int dimension)
{
  if (!text.Columns.empty())
  {
    ReadFiducials(file, text, dimension);
    return;
  }
  if (text.Lines.empty())
  {
    return;
  }
  const LandmarkText::Line & first = text.Lines.front();
  const std::string          word = itksys::SystemTools::LowerCase(Trim(first.Text));
  if (word == "point" || word == "index")
  {
    ReadElastix(file, text, dimension);
    return;
  }
  const char                     separator = FindSeparator(first.Text);
  const std::vector<std::string> cells = SplitCells(first.Text, separator);
  std::optional<Columns>         columns = ReadHeading(file, first.Number, cells, dimension);
  std::size_t                    firstRow = 1;
  for (auto comment = text.Comments.rbegin(); !columns && comment != text.Comments.rend(); ++comment)
  {
    // numpy, for one, writes its heading as a comment.
    const std::string heading = Trim(comment->Text.substr(1));
    columns = ReadHeading(file, comment->Number, SplitCells(heading, FindSeparator(heading)), dimension);
    firstRow = 0;
  }
  if (!text.CoordinateSystem.empty())
  {
    const bool fromRAS = StateCoordinateSystem(file, text.CoordinateSystem);
    if (!columns)
    {
      Refuse(file, first.Number, "a coordinate system is stated, but no heading names x and y: " + Quote(first.Text));
    }
    columns->FromRAS = fromRAS;
  }
  if (columns)
  {
    ReadNamedRows(file, text.Lines, firstRow, separator, *columns, dimension);
    return;
  }
  if (cells.size() == 1 && ParseCell(cells[0]))
  {
    Refuse(file,
           first.Number,
           Quote(cells[0]) + " is a number alone; if it counts the points, write 'point' (mm) or 'index' (voxel "
                             "indices) on a line before it");
  }
  if (std::any_of(cells.begin(), cells.end(), HasDecimalComma))
  {
    Refuse(file, first.Number, Quote(first.Text) + " has commas within numbers; write decimal points, not commas");
  }
  if (std::none_of(cells.begin(), cells.end(), [](const auto & cell) { return ParseCell(cell).has_value(); }))
  {
    Refuse(file, first.Number, Quote(first.Text) + " is neither a point nor a heading that names x and y");
  }
  ReadBareRows(file, text.Lines, separator, dimension);
}

} // namespace SinkhornIO
} // namespace itk
