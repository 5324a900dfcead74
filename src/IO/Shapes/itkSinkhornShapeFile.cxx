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
#include "itkSinkhornShapeFile.h"

#include "itkSinkhornFileIntegrity.h"
#include "itkSinkhornFileTypes.h"
#include "itkSinkhornShapeFormats.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

namespace itk
{
namespace SinkhornIO
{

void
ShapeFile::AddCell(const std::vector<SizeValueType> & vertices, bool isChain)
{
  const SizeValueType count = m_Complex.Points.size() / 3;
  for (const SizeValueType vertex : vertices)
  {
    if (vertex >= count)
    {
      ThrowDamaged(m_What,
                   "a cell has the point number " + std::to_string(vertex) + ", but there are " +
                     std::to_string(count) + " points");
    }
  }
  if (isChain || vertices.size() == 2)
  {
    for (std::size_t k = 1; k < vertices.size(); ++k)
    {
      m_Complex.Segments.insert(m_Complex.Segments.end(), { vertices[k - 1], vertices[k] });
    }
    return;
  }
  for (std::size_t k = 2; k < vertices.size(); ++k)
  {
    m_Complex.Triangles.insert(m_Complex.Triangles.end(), { vertices[0], vertices[k - 1], vertices[k] });
  }
}

void
ShapeFile::CheckPoints() const
{
  if (m_Complex.Points.empty())
  {
    throw UsageError(m_What + ": there is no point in it");
  }
  for (std::size_t i = 0; i < m_Complex.Points.size(); ++i)
  {
    if (!std::isfinite(m_Complex.Points[i]))
    {
      throw UsageError(m_What + ": point " + std::to_string(i / 3) +
                       " (counted from 0) has a coordinate that is not finite; remove it");
    }
  }
}

std::size_t
CountNumbers(std::istream & text)
{
  std::string word;
  std::size_t count = 0;
  while (text >> word)
  {
    const char first = word[0] == '-' || word[0] == '+' || word[0] == '.' ? '0' : word[0];
    count += std::isdigit(static_cast<unsigned char>(first)) != 0 ? 1 : 0;
  }
  return count;
}

std::vector<double>
ComputeVertexNormals(const std::vector<double> & points, const std::vector<SizeValueType> & triangles)
{
  std::vector<double> normals(points.size(), 0.0);
  for (std::size_t t = 0; t + 2 < triangles.size(); t += 3)
  {
    double edges[2][3];
    for (unsigned int d = 0; d < 3; ++d)
    {
      edges[0][d] = points[3 * triangles[t + 1] + d] - points[3 * triangles[t] + d];
      edges[1][d] = points[3 * triangles[t + 2] + d] - points[3 * triangles[t] + d];
    }
    for (unsigned int d = 0; d < 3; ++d)
    {
      const unsigned int e = (d + 1) % 3;
      const unsigned int f = (d + 2) % 3;
      const double       component = edges[0][e] * edges[1][f] - edges[0][f] * edges[1][e];
      for (unsigned int corner = 0; corner < 3; ++corner)
      {
        normals[3 * triangles[t + corner] + d] += component;
      }
    }
  }
  for (std::size_t i = 0; i < normals.size(); i += 3)
  {
    const double length = std::hypot(normals[i], normals[i + 1], normals[i + 2]);
    for (unsigned int d = 0; d < 3 && length > 0.0; ++d)
    {
      normals[i + d] /= length;
    }
  }
  return normals;
}

std::unique_ptr<ShapeFile>
ReadShapeFile(const std::string & path, const std::string & role)
{
  const std::string what = role + " '" + path + "'";
  std::error_code   error;
  if (std::filesystem::is_directory(path, error))
  {
    throw UsageError(what + ": is a folder; give a file of a curve, a surface or points");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file)
  {
    throw UsageError(what + ": can't be opened; check the path and its permissions");
  }
  std::string start(64, '\0');
  file.read(&start[0], static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  if (start.empty())
  {
    ThrowDamaged(what, "it is empty");
  }
  const std::string extension = LowerExtension(path);
  if (extension == ".vtk" || start.compare(0, 5, "# vtk") == 0)
  {
    return ReadVtkShape(path, what);
  }
  if (extension == ".ply" || extension == ".stl")
  {
    return ReadAssimpShape(path, what);
  }
  static const std::set<std::string> others{ ".vtp", ".trk", ".tck", ".trx", ".nii", ".gz", ".xml" };
  if (others.count(extension) > 0)
  {
    throw UsageError(what + ": " + extension +
                     " is not read here; convert it to VTK (legacy polydata), PLY, STL, OBJ, OFF or GIFTI");
  }
  return ReadItkShape(path, what);
}

} // namespace SinkhornIO
} // namespace itk
