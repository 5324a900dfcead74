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
#include "itkSinkhornLabelDistances.h"

#include "itkSinkhornRegistrationParsing.h"
#include "itkSinkhornRegistrationStage.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

using Cells = std::vector<std::string>;

/** Without white space and quotation marks around it. */
std::string
Trim(const std::string & text)
{
  const char * const blank = " \t\r\"";
  const auto         first = text.find_first_not_of(blank);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

Cells
SplitLine(const std::string & line)
{
  Cells cells;
  for (const char separator : { ',', ';' })
  {
    if (line.find(separator) != std::string::npos)
    {
      cells = Split(line, separator);
      std::transform(cells.begin(), cells.end(), cells.begin(), Trim);
      return cells;
    }
  }
  std::istringstream stream(line);
  for (std::string cell; stream >> cell;)
  {
    cells.push_back(Trim(cell));
  }
  return cells;
}

std::vector<Cells>
SplitTable(const std::string & table)
{
  const std::string  mark = "\xEF\xBB\xBF"; // of UTF-8, as spreadsheets write it
  std::vector<Cells> lines;
  std::istringstream stream(table.compare(0, mark.size(), mark) == 0 ? table.substr(mark.size()) : table);
  for (std::string line; std::getline(stream, line);)
  {
    const std::string trimmed = Trim(line);
    if (!trimmed.empty() && trimmed[0] != '#')
    {
      lines.push_back(SplitLine(line));
    }
  }
  const bool lacksCorner = lines.size() > 1 && lines[0].size() + 1 == lines[1].size();
  if (lacksCorner)
  {
    lines[0].insert(lines[0].begin(), "");
  }
  return lines;
}

/** One table; all errors begin with the setting and where the table comes from. */
class Parser
{
public:
  Parser(const std::string & option, const std::string & name)
    : m_Prefix(option + " '" + name + "': ")
  {
    m_Distances.Name = name;
  }

  LabelDistances
  Parse(const std::string & table)
  {
    const std::vector<Cells> lines = SplitTable(table);
    if (lines.size() < 2)
    {
      this->Refuse("holds no table; its first row and first column are labels, the other cells distances in mm or inf");
    }
    this->ReadColumns(lines[0]);
    if (lines.size() != lines[0].size())
    {
      this->Refuse("has " + std::to_string(lines.size() - 1) + " rows for " + std::to_string(lines[0].size() - 1) +
                   " columns of distances; give each label one row and one column");
    }
    for (std::size_t i = 1; i < lines.size(); ++i)
    {
      this->ReadRow(lines[i], i);
    }
    this->CheckSymmetry();
    return m_Distances;
  }

private:
  [[noreturn]] void
  Refuse(const std::string & what) const
  {
    throw UsageError(m_Prefix + what);
  }

  std::uint32_t
  ReadLabel(const std::string & cell, const std::string & where) const
  {
    const bool isNumber =
      !cell.empty() && cell.size() <= 10 && cell.find_first_not_of("0123456789") == std::string::npos;
    const auto value = isNumber ? std::stoull(cell) : 0ULL;
    if (value == 0 || value > std::numeric_limits<std::uint32_t>::max())
    {
      this->Refuse(where + " is headed '" + cell +
                   "'; labels are whole numbers from 1 to 4294967295 (0 is the background, which is not transported; "
                   "leave it out)");
    }
    return static_cast<std::uint32_t>(value);
  }

  std::size_t
  FindPlace(std::uint32_t label) const
  {
    const auto & labels = m_Distances.Labels;
    return static_cast<std::size_t>(std::find(labels.begin(), labels.end(), label) - labels.begin());
  }

  void
  ReadColumns(const Cells & cells)
  {
    for (std::size_t i = 1; i < cells.size(); ++i)
    {
      const std::string   where = "column " + std::to_string(i);
      const std::uint32_t label = this->ReadLabel(cells[i], where);
      if (this->FindPlace(label) < m_Distances.Labels.size())
      {
        this->Refuse(where + " is the second one of label " + cells[i] + "; give each label one");
      }
      m_Distances.Labels.push_back(label);
    }
    m_Distances.Values.resize(m_Distances.Labels.size() * m_Distances.Labels.size());
    m_HasRow.resize(m_Distances.Labels.size(), false);
  }

  void
  ReadRow(const Cells & cells, std::size_t number)
  {
    const std::string   where = "row " + std::to_string(number);
    const std::uint32_t label = this->ReadLabel(cells[0], where);
    const std::size_t   row = this->FindPlace(label);
    const std::size_t   count = m_Distances.Labels.size();
    if (row == count)
    {
      this->Refuse(where + " is of label " + cells[0] +
                   ", which has no column; give each label one row and one column");
    }
    if (m_HasRow[row])
    {
      this->Refuse(where + " is the second one of label " + cells[0] + "; give each label one");
    }
    m_HasRow[row] = true;
    if (cells.size() != count + 1)
    {
      this->Refuse(where + ", label " + cells[0] + ", has " + std::to_string(cells.size() - 1) + " distances for " +
                   std::to_string(count) + " columns; write inf where labels must not mix");
    }
    for (std::size_t column = 0; column < count; ++column)
    {
      m_Distances.Values[row * count + column] = this->ReadDistance(cells[column + 1], row, column);
    }
  }

  std::string
  Locate(std::size_t row, std::size_t column) const
  {
    return "row of label " + std::to_string(m_Distances.Labels[row]) + ", column of label " +
           std::to_string(m_Distances.Labels[column]) + ": ";
  }

  double
  ReadDistance(const std::string & cell, std::size_t row, std::size_t column) const
  {
    std::size_t used = 0;
    double      value = 0.0;
    try
    {
      value = std::stod(cell, &used);
    }
    catch (const std::exception &)
    {
      used = 0;
    }
    if (used == 0 || used != cell.size() || std::isnan(value))
    {
      this->Refuse(this->Locate(row, column) + "'" + cell + "' is not a number; write a distance in mm, or inf");
    }
    if (value < 0.0)
    {
      this->Refuse(this->Locate(row, column) + "'" + cell + "' is negative; write a distance of 0 mm or more, or inf");
    }
    if (row == column && value != 0.0)
    {
      this->Refuse(this->Locate(row, column) + "'" + cell + "' on the diagonal; a label has the distance 0 to itself");
    }
    return value;
  }

  void
  CheckSymmetry() const
  {
    const std::size_t count = m_Distances.Labels.size();
    for (std::size_t row = 0; row < count; ++row)
    {
      for (std::size_t column = 0; column < row; ++column)
      {
        const double there = m_Distances.Values[row * count + column];
        const double back = m_Distances.Values[column * count + row];
        if (there != back)
        {
          std::ostringstream text;
          text << this->Locate(row, column) << there << ", but " << back
               << " the other way round; give the same distance both ways";
          this->Refuse(text.str());
        }
      }
    }
  }

  std::string       m_Prefix;
  LabelDistances    m_Distances;
  std::vector<bool> m_HasRow;
};

} // namespace

LabelDistances
ParseLabelDistances(const std::string & option, const std::string & name, const std::string & table)
{
  return Parser(option, name).Parse(table);
}

LabelDistances
ReadLabelDistances(const std::string & option, const std::string & fileOrTable)
{
  if (fileOrTable.find('\n') != std::string::npos)
  {
    return ParseLabelDistances(option, "(table)", fileOrTable);
  }
  std::ifstream      file(fileOrTable, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file || content.str().empty())
  {
    throw UsageError(option + " '" + fileOrTable +
                     "': cannot be read, or is empty; give a file of text with a table of distances between labels");
  }
  return ParseLabelDistances(option, fileOrTable, content.str());
}

} // namespace SinkhornRegistration
} // namespace itk
