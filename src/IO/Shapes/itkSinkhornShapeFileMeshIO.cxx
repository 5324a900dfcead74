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
// OBJ, OFF, GIFTI, FreeSurfer and BYU, by ITK's mesh IO.
#include "itkSinkhornShapeFormats.h"

#include "itkSinkhornFileIntegrity.h"
#include "itkSinkhornFileTypes.h"

#include "itkBYUMeshIO.h"
#include "itkFreeSurferAsciiMeshIO.h"
#include "itkFreeSurferBinaryMeshIO.h"
#include "itkGiftiMeshIO.h"
#include "itkOBJMeshIO.h"
#include "itkOFFMeshIO.h"

#include <cstdint>
#include <filesystem>
#include <fstream>

namespace itk
{
namespace SinkhornIO
{
namespace
{

using Component = IOComponentEnum;

/** The IO of a format by the ending of the file, or for FreeSurfer's files, which have none, by its first bytes. */
MeshIOBase::Pointer
MakeMeshIO(const std::string & path)
{
  const std::string extension = LowerExtension(path);
  if (extension == ".obj")
  {
    return OBJMeshIO::New().GetPointer();
  }
  if (extension == ".off")
  {
    return OFFMeshIO::New().GetPointer();
  }
  if (extension == ".gii")
  {
    return GiftiMeshIO::New().GetPointer();
  }
  if (extension == ".byu")
  {
    return BYUMeshIO::New().GetPointer();
  }
  if (extension == ".fsa" || extension == ".asc")
  {
    return FreeSurferAsciiMeshIO::New().GetPointer();
  }
  std::ifstream file(path, std::ios::binary);
  std::string   magic(3, '\0');
  file.read(&magic[0], 3);
  return magic == "\xFF\xFF\xFE" ? MeshIOBase::Pointer(FreeSurferBinaryMeshIO::New().GetPointer()) : nullptr;
}

/** Refuses a binary FreeSurfer surface that ends early: ITK would take what is missing from memory as it happens to be.
 * A line of comment, perhaps an empty one, two numbers, three coordinates a point and three vertices a triangle. */
void
CheckFreeSurferSize(const std::string & path, const std::string & what, const MeshIOBase & io)
{
  std::ifstream file(path, std::ios::binary);
  std::string   comment;
  std::getline(file, comment);
  std::uintmax_t needed = comment.size() + 1 + (file.peek() == '\n' ? 1 : 0) + 2 * sizeof(std::uint32_t);
  needed += 3 * sizeof(float) * io.GetNumberOfPoints() + 3 * sizeof(std::uint32_t) * io.GetNumberOfCells();
  const std::uintmax_t size = std::filesystem::file_size(path);
  if (size < needed)
  {
    ThrowDamaged(what,
                 "it has " + std::to_string(size) + " bytes, and " + std::to_string(io.GetNumberOfPoints()) +
                   " points and " + std::to_string(io.GetNumberOfCells()) + " triangles take " +
                   std::to_string(needed));
  }
}

std::size_t
GetSize(Component component)
{
  switch (component)
  {
    case Component::UCHAR:
    case Component::CHAR: return 1;
    case Component::USHORT:
    case Component::SHORT: return 2;
    case Component::UINT:
    case Component::INT:
    case Component::FLOAT: return 4;
    default: return 16; // wide enough for all others
  }
}

template <typename T>
std::vector<double>
ToDoubles(const std::vector<char> & bytes, std::size_t count)
{
  const T * numbers = reinterpret_cast<const T *>(bytes.data());
  return std::vector<double>(numbers, numbers + count);
}

std::vector<double>
ToDoubles(const std::vector<char> & bytes, std::size_t count, Component component, const std::string & what)
{
  switch (component)
  {
    case Component::FLOAT: return ToDoubles<float>(bytes, count);
    case Component::DOUBLE: return ToDoubles<double>(bytes, count);
    case Component::INT: return ToDoubles<int>(bytes, count);
    case Component::UINT: return ToDoubles<unsigned int>(bytes, count);
    case Component::LONG: return ToDoubles<long>(bytes, count);
    case Component::ULONG: return ToDoubles<unsigned long>(bytes, count);
    case Component::LONGLONG: return ToDoubles<long long>(bytes, count);
    case Component::ULONGLONG: return ToDoubles<unsigned long long>(bytes, count);
    default: throw UsageError(what + ": its numbers are of a type that is not read here");
  }
}

class ItkShape : public ShapeFile
{
public:
  ItkShape(const std::string & path, const std::string & what, MeshIOBase * io)
    : ShapeFile(path, what)
    , m_IO(io)
  {
    try
    {
      m_IO->SetFileName(path);
      m_IO->ReadMeshInformation();
      if (dynamic_cast<const FreeSurferBinaryMeshIO *>(m_IO.GetPointer()) != nullptr)
      {
        CheckFreeSurferSize(path, what, *m_IO);
      }
      this->Read();
    }
    catch (const UsageError &)
    {
      throw;
    }
    catch (const ExceptionObject & error)
    {
      ThrowDamaged(what, std::string("ITK says: ") + error.GetDescription());
    }
    this->CheckPoints();
  }

  void
  Write(const std::string & path, const std::vector<double> & points) const override
  {
    std::vector<char> bytes(m_PointBytes.size());
    void * const      first = bytes.data();
    for (std::size_t i = 0; i < points.size(); ++i)
    {
      if (m_IO->GetPointComponentType() == Component::DOUBLE)
      {
        static_cast<double *>(first)[i] = points[i];
      }
      else
      {
        static_cast<float *>(first)[i] = static_cast<float>(points[i]);
      }
    }
    m_IO->SetFileName(path);
    m_IO->SetUpdatePoints(true);
    m_IO->SetUpdateCells(!m_CellBytes.empty());
    m_IO->SetUpdatePointData(!m_PointDataBytes.empty());
    m_IO->SetUpdateCellData(!m_CellDataBytes.empty());
    m_IO->WriteMeshInformation();
    m_IO->WritePoints(bytes.data());
    if (!m_CellBytes.empty())
    {
      m_IO->WriteCells(const_cast<char *>(m_CellBytes.data())); // is only read
    }
    if (!m_PointDataBytes.empty())
    {
      m_IO->WritePointData(const_cast<char *>(m_PointDataBytes.data()));
    }
    if (!m_CellDataBytes.empty())
    {
      m_IO->WriteCellData(const_cast<char *>(m_CellDataBytes.data()));
    }
    m_IO->Write();
  }

private:
  void
  Read()
  {
    const auto count = m_IO->GetNumberOfPoints();
    if (m_IO->GetPointDimension() != 3)
    {
      throw UsageError(m_What + ": its points have " + std::to_string(m_IO->GetPointDimension()) +
                       " coordinates; three are needed");
    }
    if (count == 0)
    {
      ThrowDamaged(m_What, "there is no point in it");
    }
    const auto component = m_IO->GetPointComponentType();
    m_PointBytes.resize(3 * count * GetSize(component));
    m_IO->ReadPoints(m_PointBytes.data());
    m_Complex.Points = ToDoubles(m_PointBytes, 3 * count, component, m_What);
    if (m_IO->GetNumberOfCells() > 0)
    {
      m_CellBytes.resize(m_IO->GetCellBufferSize() * GetSize(m_IO->GetCellComponentType()));
      m_IO->ReadCells(m_CellBytes.data());
      this->TakeCells(ToDoubles(m_CellBytes, m_IO->GetCellBufferSize(), m_IO->GetCellComponentType(), m_What));
    }
    this->CheckText();
    this->ReadData();
  }

  /** Type, number of vertices, vertices, of each cell. */
  void
  TakeCells(const std::vector<double> & entries)
  {
    std::size_t at = 0;
    for (SizeValueType c = 0; c < m_IO->GetNumberOfCells(); ++c)
    {
      const double length = at + 1 < entries.size() ? entries[at + 1] : -1.0;
      if (!(length >= 0.0) || length > static_cast<double>(entries.size() - at - 2))
      {
        ThrowDamaged(m_What, "its cells do not fill what is said to be there");
      }
      std::vector<SizeValueType> vertices;
      for (std::size_t k = 0; k < static_cast<std::size_t>(length); ++k)
      {
        const double vertex = entries[at + 2 + k];
        vertices.push_back(vertex >= 0.0 ? static_cast<SizeValueType>(vertex) : m_Complex.Points.size());
      }
      if (vertices.size() > 1)
      {
        this->AddCell(vertices, false);
      }
      at += vertices.size() + 2;
    }
  }

  /** ITK's readers of text take for 0 what is missing. */
  void
  CheckText() const
  {
    const std::string extension = LowerExtension(m_Path);
    std::ifstream     file(m_Path, std::ios::binary);
    std::string       first;
    std::getline(file, first);
    const bool isText = extension == ".byu" || extension == ".fsa" || extension == ".asc" ||
                        (extension == ".off" && first.find("BINARY") == std::string::npos);
    file.seekg(0);
    const std::size_t least = m_Complex.Points.size() + 3 * m_IO->GetNumberOfCells();
    if (isText && CountNumbers(file) < least)
    {
      ThrowDamaged(m_What, "it ends too early");
    }
  }

  void
  ReadData()
  {
    const auto points = m_IO->GetNumberOfPointPixels() * m_IO->GetNumberOfPointPixelComponents();
    if (points > 0 && m_IO->GetPointPixelComponentType() != Component::UNKNOWNCOMPONENTTYPE)
    {
      m_PointDataBytes.resize(points * GetSize(m_IO->GetPointPixelComponentType()));
      m_IO->ReadPointData(m_PointDataBytes.data());
    }
    const auto cells = m_IO->GetNumberOfCellPixels() * m_IO->GetNumberOfCellPixelComponents();
    if (cells > 0 && m_IO->GetCellPixelComponentType() != Component::UNKNOWNCOMPONENTTYPE)
    {
      m_CellDataBytes.resize(cells * GetSize(m_IO->GetCellPixelComponentType()));
      m_IO->ReadCellData(m_CellDataBytes.data());
    }
  }

  MeshIOBase::Pointer m_IO;
  std::vector<char>   m_PointBytes;
  std::vector<char>   m_CellBytes;
  std::vector<char>   m_PointDataBytes;
  std::vector<char>   m_CellDataBytes;
};

} // namespace

std::unique_ptr<ShapeFile>
ReadItkShape(const std::string & path, const std::string & what)
{
  const auto io = MakeMeshIO(path);
  if (!io)
  {
    throw UsageError(what +
                     ": is of no format that is read here; curves, surfaces and points are read from VTK (legacy "
                     "polydata), PLY, STL, OBJ, OFF, GIFTI (.gii), FreeSurfer and BYU");
  }
  return std::make_unique<ItkShape>(path, what, io.GetPointer());
}

} // namespace SinkhornIO
} // namespace itk
