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
// Legacy VTK polydata. ITK's reader refuses what real files hold: empty CELL_DATA, types in capitals, curves as
// polygons of two points.
#include "itkSinkhornShapeFormats.h"

#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornFileIntegrity.h"
#include "itkSinkhornFileTypes.h"
#include "itkSinkhornVtkValues.h"

#include "itksys/SystemTools.hxx"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>

namespace itk
{
namespace SinkhornIO
{
namespace
{

/** A part of the file that is written anew. */
struct Block
{
  std::size_t Begin{ 0 };
  std::size_t End{ 0 };
  bool        IsDouble{ false };
};

class VtkShape : public ShapeFile
{
public:
  VtkShape(const std::string & path, const std::string & what)
    : ShapeFile(path, what)
  {
    std::ifstream file(path, std::ios::binary);
    m_Bytes.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    this->ReadHeader();
    while (this->ReadSection())
    {}
    this->MakeCells();
    this->CheckPoints();
  }

  void
  Write(const std::string & path, const std::vector<double> & points) const override
  {
    std::string bytes = m_Bytes.substr(0, m_Points.Begin) + this->Format(points, m_Points);
    std::size_t at = m_Points.End;
    if (!m_Complex.Triangles.empty())
    {
      const auto normals = ComputeVertexNormals(points, m_Complex.Triangles);
      for (const Block & block : m_Normals)
      {
        bytes += m_Bytes.substr(at, block.Begin - at) + this->Format(normals, block);
        at = block.End;
      }
    }
    WriteBytes(path, bytes + m_Bytes.substr(at));
  }

private:
  [[noreturn]] void
  Damaged(const std::string & how) const
  {
    ThrowDamaged(m_What, how);
  }

  std::string
  ReadLine()
  {
    const std::size_t end = std::min(m_Bytes.find('\n', m_At), m_Bytes.size());
    std::string       line = m_Bytes.substr(m_At, end - m_At);
    m_At = std::min(end + 1, m_Bytes.size());
    if (!line.empty() && line.back() == '\r')
    {
      line.pop_back();
    }
    return line;
  }

  /** The next word; empty at the end. */
  std::string
  ReadWord()
  {
    const char * const blanks = " \t\r\n";
    const std::size_t  begin = std::min(m_Bytes.find_first_not_of(blanks, m_At), m_Bytes.size());
    const std::size_t  end = std::min(m_Bytes.find_first_of(blanks, begin), m_Bytes.size());
    m_At = end;
    return m_Bytes.substr(begin, end - begin);
  }

  SizeValueType
  ReadCount(const std::string & section)
  {
    const std::string word = this->ReadWord();
    char *            end = nullptr;
    const auto        count = std::strtoull(word.c_str(), &end, 10);
    if (word.empty() || *end != '\0' || word[0] == '-' || count > m_Bytes.size())
    {
      this->Damaged("its part " + section + " has no proper number of entries ('" + word + "')");
    }
    return count;
  }

  void
  ReadHeader()
  {
    const std::string first = this->ReadLine();
    this->ReadLine(); // title
    const std::string form = itksys::SystemTools::LowerCase(this->ReadWord());
    const std::string dataset = itksys::SystemTools::LowerCase(this->ReadWord());
    const std::string kind = itksys::SystemTools::LowerCase(this->ReadWord());
    if (itksys::SystemTools::LowerCase(first).compare(0, 5, "# vtk") != 0 || (form != "ascii" && form != "binary") ||
        dataset != "dataset")
    {
      this->Damaged("it does not begin as VTK's legacy files do");
    }
    if (kind != "polydata")
    {
      throw UsageError(m_What + ": holds a " + kind + "; curves and surfaces are read from POLYDATA");
    }
    m_IsBinary = form == "binary";
  }

  /** Steps over the rest of the line behind the words of a section: binary values begin there. */
  void
  BeginValues()
  {
    if (m_IsBinary)
    {
      this->ReadLine();
    }
  }

  /** Reads \a count numbers. \param where if not null, becomes the part of the file that they fill. */
  std::vector<double>
  ReadValues(SizeValueType count, const ValueType & type, const std::string & section, Block * where = nullptr)
  {
    std::vector<double> values;
    values.reserve(count);
    this->BeginValues();
    Block block;
    if (m_IsBinary)
    {
      block.Begin = m_At;
      if (count > (m_Bytes.size() - m_At) / type.Size)
      {
        this->Damaged("it ends within its part " + section);
      }
      for (SizeValueType i = 0; i < count; ++i, m_At += type.Size)
      {
        values.push_back(ReadBinary(m_Bytes.data() + m_At, type));
      }
    }
    else
    {
      block.Begin = std::min(m_Bytes.find_first_not_of(" \t\r\n", m_At), m_Bytes.size());
      for (SizeValueType i = 0; i < count; ++i)
      {
        const std::string word = this->ReadWord();
        char *            end = nullptr;
        values.push_back(std::strtod(word.c_str(), &end));
        if (word.empty() || *end != '\0')
        {
          this->Damaged(word.empty() ? "it ends within its part " + section
                                     : "its part " + section + " holds '" + word + "' where a number should be");
        }
      }
    }
    block.End = m_At;
    block.IsDouble = type.IsReal && type.Size == 8;
    if (where != nullptr)
    {
      *where = block;
    }
    return values;
  }

  std::vector<double>
  ReadTypedValues(SizeValueType count, const std::string & typeName, const std::string & section, Block * where)
  {
    ValueType type;
    if (!FindValueType(typeName, type))
    {
      this->Damaged("its part " + section + " is of the type '" + typeName + "', which is none of VTK's");
    }
    return this->ReadValues(count, type, section, where);
  }

  /** \return whether there may be another one. */
  bool
  ReadSection()
  {
    const std::string name = this->ReadWord();
    const std::string section = itksys::SystemTools::LowerCase(name);
    if (name.empty())
    {
      return false;
    }
    if (section == "points")
    {
      const auto        count = this->ReadCount(name);
      const std::string type = this->ReadWord();
      m_Complex.Points = this->ReadTypedValues(3 * count, type, name, &m_Points);
      ValueType valueType;
      if (FindValueType(type, valueType) && !valueType.IsReal)
      {
        throw UsageError(m_What + ": its points are whole numbers (" + type + "); save them as float");
      }
      return true;
    }
    if (section == "vertices" || section == "lines" || section == "polygons" || section == "triangle_strips")
    {
      this->ReadCells(section);
      return true;
    }
    if (section == "metadata")
    {
      this->ReadLine(); // its own; an empty one ends it
      while (m_At < m_Bytes.size() && !this->ReadLine().empty())
      {}
      return true;
    }
    if (section == "point_data" || section == "cell_data")
    {
      m_AttributeCount = this->ReadCount(name);
      m_IsPointData = section == "point_data";
      return true;
    }
    return this->ReadAttribute(section);
  }

  void
  ReadCells(const std::string & section)
  {
    const auto        count = this->ReadCount(section);
    const auto        size = this->ReadCount(section);
    const std::size_t here = m_At;
    if (itksys::SystemTools::LowerCase(this->ReadWord()) == "offsets")
    {
      // version 5: where each cell begins, one entry more than there are cells, and the vertices of all
      const auto        offsets = this->ReadTypedValues(count, this->ReadWord(), section, nullptr);
      const std::string connectivity = itksys::SystemTools::LowerCase(this->ReadWord());
      if (connectivity != "connectivity")
      {
        this->Damaged("its part " + section + " has no CONNECTIVITY");
      }
      const auto vertices = this->ReadTypedValues(size, this->ReadWord(), section, nullptr);
      for (std::size_t c = 1; c < offsets.size(); ++c)
      {
        if (offsets[c] < offsets[c - 1] || offsets[c] > static_cast<double>(vertices.size()))
        {
          this->Damaged("the offsets of its part " + section + " are out of order");
        }
        m_Cells[section].emplace_back(vertices.begin() + static_cast<std::ptrdiff_t>(offsets[c - 1]),
                                      vertices.begin() + static_cast<std::ptrdiff_t>(offsets[c]));
      }
      return;
    }
    m_At = here;
    const auto  entries = this->ReadValues(size, { 4, false }, section);
    std::size_t at = 0;
    for (SizeValueType c = 0; c < count; ++c)
    {
      const double length = at < entries.size() ? entries[at] : -1.0;
      if (!(length >= 0.0) || length > static_cast<double>(entries.size() - at - 1))
      {
        this->Damaged("the cells of its part " + section + " do not fill it");
      }
      const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(at) + 1;
      m_Cells[section].emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
      at += static_cast<std::size_t>(length) + 1;
    }
  }

  /** Steps over an attribute, to see that it is whole. \return false if it is unknown: then the rest stays unread. */
  bool
  ReadAttribute(const std::string & kind)
  {
    static const std::map<std::string, unsigned int> components{ { "vectors", 3 }, { "normals", 3 }, { "tensors", 9 } };
    const auto                                       fixed = components.find(kind);
    if (fixed != components.end())
    {
      const std::string name = this->ReadWord();
      Block             block;
      this->ReadTypedValues(fixed->second * m_AttributeCount, this->ReadWord(), name, &block);
      if (kind == "normals" && m_IsPointData && 3 * m_AttributeCount == m_Complex.Points.size())
      {
        m_Normals.push_back(block);
      }
      return true;
    }
    if (kind == "scalars")
    {
      const std::string name = this->ReadWord();
      const std::string type = this->ReadWord();
      std::size_t       before = m_At;
      std::string       word = this->ReadWord();
      unsigned long     perPoint = 1;
      if (!word.empty() && std::isdigit(static_cast<unsigned char>(word[0])) != 0 &&
          m_Bytes.substr(before, m_At - before).find('\n') == std::string::npos)
      {
        perPoint = std::strtoul(word.c_str(), nullptr, 10);
        before = m_At;
        word = this->ReadWord();
      }
      if (itksys::SystemTools::LowerCase(word) == "lookup_table")
      {
        this->ReadWord();
      }
      else
      {
        m_At = before;
      }
      this->ReadTypedValues(perPoint * m_AttributeCount, type, name, nullptr);
      return true;
    }
    if (kind == "field")
    {
      this->ReadWord();
      const auto arrays = this->ReadCount("FIELD");
      for (SizeValueType a = 0; a < arrays; ++a)
      {
        const std::string name = this->ReadWord();
        const auto        perPoint = this->ReadCount(name);
        const auto        count = this->ReadCount(name);
        const std::string type = this->ReadWord();
        if (itksys::SystemTools::LowerCase(type) == "string")
        {
          return false;
        }
        this->ReadTypedValues(perPoint * count, type, name, nullptr);
      }
      return true;
    }
    return false;
  }

  void
  MakeCells()
  {
    for (const auto & section : m_Cells)
    {
      for (const auto & cell : section.second)
      {
        std::vector<SizeValueType> vertices;
        for (const double vertex : cell)
        {
          vertices.push_back(vertex >= 0.0 ? static_cast<SizeValueType>(vertex) : m_Bytes.size());
        }
        if (section.first == "triangle_strips")
        {
          for (std::size_t k = 2; k < vertices.size(); ++k)
          {
            const std::size_t turn = k % 2;
            this->AddCell({ vertices[k - 2 + turn], vertices[k - 1 - turn], vertices[k] }, false);
          }
        }
        else if (section.first != "vertices")
        {
          this->AddCell(vertices, section.first == "lines");
        }
      }
    }
  }

  std::string
  Format(const std::vector<double> & values, const Block & block) const
  {
    std::string bytes;
    for (std::size_t i = 0; i < values.size(); ++i)
    {
      if (m_IsBinary && block.IsDouble)
      {
        AppendBinary<double, std::uint64_t>(bytes, values[i]);
      }
      else if (m_IsBinary)
      {
        AppendBinary<float, std::uint32_t>(bytes, values[i]);
      }
      else
      {
        char text[40];
        std::snprintf(text, sizeof(text), block.IsDouble ? "%.17g" : "%.9g", values[i]);
        bytes += text;
        bytes += i + 1 == values.size() ? "" : (i % 3 == 2 ? "\n" : " ");
      }
    }
    return bytes;
  }

  std::string                                             m_Bytes;
  std::size_t                                             m_At{ 0 };
  bool                                                    m_IsBinary{ false };
  Block                                                   m_Points;
  std::vector<Block>                                      m_Normals;
  std::map<std::string, std::vector<std::vector<double>>> m_Cells;
  SizeValueType                                           m_AttributeCount{ 0 };
  bool                                                    m_IsPointData{ false };
};

} // namespace

std::unique_ptr<ShapeFile>
ReadVtkShape(const std::string & path, const std::string & what)
{
  return std::make_unique<VtkShape>(path, what);
}

} // namespace SinkhornIO
} // namespace itk
