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
// PLY and STL, by assimp.
#include "itkSinkhornShapeFormats.h"

#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornFileIntegrity.h"
#include "itkSinkhornFileTypes.h"

#include <assimp/Exporter.hpp>
#include <assimp/Importer.hpp>
#include <assimp/scene.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace itk
{
namespace SinkhornIO
{
namespace
{

/** What the header of a PLY file promises. */
struct PlyHeader
{
  bool                  IsAscii{ false };
  unsigned long long    NumberOfVertices{ 0 };
  unsigned long long    NumberOfFaces{ 0 };
  std::set<std::string> VertexProperties;
  /** Where it ends. */
  std::streamoff Length{ 0 };
};

PlyHeader
ReadPlyHeader(const std::string & path, const std::string & what)
{
  std::ifstream file(path, std::ios::binary);
  PlyHeader     header;
  std::string   line;
  std::string   element;
  bool          ends = false;
  std::getline(file, line);
  if (line.compare(0, 3, "ply") != 0)
  {
    ThrowDamaged(what, "it does not begin as PLY files do");
  }
  while (!ends && std::getline(file, line))
  {
    std::istringstream words(line);
    std::string        word;
    std::string        name;
    words >> word;
    ends = word == "end_header";
    if (word == "format")
    {
      words >> name;
      header.IsAscii = name == "ascii";
    }
    else if (word == "element")
    {
      unsigned long long count = 0;
      words >> element >> count;
      (element == "vertex" ? header.NumberOfVertices : header.NumberOfFaces) +=
        element == "vertex" || element == "face" ? count : 0;
    }
    else if (word == "property" && element == "vertex")
    {
      while (words >> word)
      {
        name = word;
      }
      header.VertexProperties.insert(name);
    }
  }
  if (!ends)
  {
    ThrowDamaged(what, "its header has no end");
  }
  header.Length = file.tellg();
  return header;
}

bool
StartsWithSolid(const std::string & path)
{
  std::ifstream file(path, std::ios::binary);
  std::string   start(5, ' ');
  file.read(&start[0], 5);
  return start == "solid";
}

class AssimpShape : public ShapeFile
{
public:
  AssimpShape(const std::string & path, const std::string & what)
    : ShapeFile(path, what)
    , m_IsPly(LowerExtension(path) == ".ply")
  {
    PlyHeader header;
    if (m_IsPly)
    {
      header = ReadPlyHeader(path, what);
      m_Format = header.IsAscii ? "ply" : "plyb";
    }
    m_Importer.ReadFile(path, 0);
    m_Scene.reset(m_Importer.GetOrphanedScene());
    if (!m_Scene || m_Scene->mNumMeshes == 0)
    {
      const std::string reason = m_Importer.GetErrorString();
      ThrowDamaged(what, reason.empty() ? "there is no surface in it" : reason);
    }
    if (!m_IsPly)
    {
      m_Format = IsBinaryStl(path, m_Scene.get()) ? "stlb" : "stl";
    }
    this->TakeMeshes();
    if (m_IsPly)
    {
      this->CheckAgainst(header);
    }
    else if (m_Complex.Triangles.empty())
    {
      ThrowDamaged(what, "there is no triangle in it");
    }
    this->CheckPoints();
  }

  void
  Write(const std::string & path, const std::vector<double> & points) const override
  {
    const auto  normals = ComputeVertexNormals(points, m_Complex.Triangles);
    std::size_t at = 0;
    for (unsigned int m = 0; m < m_Scene->mNumMeshes; ++m)
    {
      aiMesh * const mesh = m_Scene->mMeshes[m];
      for (unsigned int v = 0; v < mesh->mNumVertices; ++v, at += 3)
      {
        mesh->mVertices[v] = ToVector(points, at);
        if (mesh->HasNormals())
        {
          mesh->mNormals[v] = ToVector(normals, at);
        }
      }
    }
    Assimp::Exporter               exporter;
    const aiExportDataBlob * const blob = exporter.ExportToBlob(m_Scene.get(), m_Format);
    if (blob == nullptr)
    {
      throw UsageError("output '" + path + "': can't be made (" + exporter.GetErrorString() + ")");
    }
    WriteBytes(path, std::string(static_cast<const char *>(blob->data), blob->size));
  }

private:
  static aiVector3D
  ToVector(const std::vector<double> & numbers, std::size_t at)
  {
    return { static_cast<ai_real>(numbers[at]),
             static_cast<ai_real>(numbers[at + 1]),
             static_cast<ai_real>(numbers[at + 2]) };
  }

  /** Binary files hold 50 bytes for each triangle behind 84 of header; some begin with "solid" like those of text. */
  static bool
  IsBinaryStl(const std::string & path, const aiScene * scene)
  {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::uint64_t triangles = 0;
    for (unsigned int m = 0; m < scene->mNumMeshes; ++m)
    {
      triangles += scene->mMeshes[m]->mNumFaces;
    }
    return !StartsWithSolid(path) || static_cast<std::uint64_t>(file.tellg()) == 84 + 50 * triangles;
  }

  void
  TakeMeshes()
  {
    for (unsigned int m = 0; m < m_Scene->mNumMeshes; ++m)
    {
      const aiMesh & mesh = *m_Scene->mMeshes[m];
      const auto     first = m_Complex.Points.size() / 3;
      for (unsigned int v = 0; v < mesh.mNumVertices; ++v)
      {
        const aiVector3D & vertex = mesh.mVertices[v];
        m_Complex.Points.insert(m_Complex.Points.end(), { vertex.x, vertex.y, vertex.z });
      }
      for (unsigned int f = 0; f < mesh.mNumFaces; ++f)
      {
        const aiFace &             face = mesh.mFaces[f];
        std::vector<SizeValueType> vertices;
        for (unsigned int i = 0; i < face.mNumIndices; ++i)
        {
          vertices.push_back(first + face.mIndices[i]);
        }
        if (vertices.size() > 1)
        {
          this->AddCell(vertices, false);
        }
      }
    }
  }

  void
  CheckAgainst(const PlyHeader & header)
  {
    unsigned long long faces = 0;
    std::size_t        numbers = header.NumberOfVertices * header.VertexProperties.size();
    for (unsigned int m = 0; m < m_Scene->mNumMeshes && header.NumberOfFaces > 0; ++m)
    {
      const aiMesh & mesh = *m_Scene->mMeshes[m];
      faces += mesh.mNumFaces;
      for (unsigned int f = 0; f < mesh.mNumFaces; ++f)
      {
        numbers += 1 + mesh.mFaces[f].mNumIndices;
      }
    }
    if (header.IsAscii)
    {
      std::ifstream file(m_Path, std::ios::binary);
      file.seekg(header.Length);
      if (CountNumbers(file) < numbers)
      {
        ThrowDamaged(m_What, "it ends too early");
      }
    }
    if (m_Complex.Points.size() / 3 != header.NumberOfVertices || faces != header.NumberOfFaces)
    {
      ThrowDamaged(m_What,
                   "its header promises " + std::to_string(header.NumberOfVertices) + " vertices and " +
                     std::to_string(header.NumberOfFaces) + " faces, but " +
                     std::to_string(m_Complex.Points.size() / 3) + " and " + std::to_string(faces) + " can be read");
    }
    static const std::set<std::string> known{ "x",     "y",    "z",     "nx", "ny", "nz", "red",
                                              "green", "blue", "alpha", "s",  "t",  "u",  "v" };
    for (const std::string & property : header.VertexProperties)
    {
      if (known.count(property) == 0)
      {
        m_Notices.push_back(m_What + ": the vertices' property '" + property +
                            "' is not carried over to the result; VTK files keep everything");
      }
    }
  }

  bool                     m_IsPly;
  std::string              m_Format;
  Assimp::Importer         m_Importer;
  std::unique_ptr<aiScene> m_Scene;
};

} // namespace

std::unique_ptr<ShapeFile>
ReadAssimpShape(const std::string & path, const std::string & what)
{
  return std::make_unique<AssimpShape>(path, what);
}

} // namespace SinkhornIO
} // namespace itk
