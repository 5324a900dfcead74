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
#ifndef itkSinkhornShapeFile_h
#define itkSinkhornShapeFile_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornPointMeasure.h"

#include <memory>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornIO
{

/** \class ShapeFile
 * \brief A curve, a surface or a cloud of points as it stands in its file, which can be written again with its vertices
 * elsewhere. Coordinates are those of the file, whatever their unit and orientation. */
class ShapeFile
{
public:
  using Complex = Sinkhorn::PointComplex;

  /** \param what "moving points 'a.vtk'", for messages. */
  ShapeFile(std::string path, std::string what)
    : m_Path(std::move(path))
    , m_What(std::move(what))
  {
    m_Complex.Dimension = 3;
  }
  ShapeFile(const ShapeFile &) = delete;
  ShapeFile &
  operator=(const ShapeFile &) = delete;
  virtual ~ShapeFile() = default;

  /** Vertices in the order of the file, three coordinates each, and what joins them; polygons are fans of triangles,
   * polygons of two vertices are segments. */
  const Complex &
  GetComplex() const
  {
    return m_Complex;
  }

  const std::string &
  GetWhat() const
  {
    return m_What;
  }

  /** What a user should know. */
  const std::vector<std::string> &
  GetNotices() const
  {
    return m_Notices;
  }

  /** Writes the same with other vertices, in the format of the file; the rest stays as it is, but for normals of
   * vertices, which are computed anew. \param points as in GetComplex(). */
  virtual void
  Write(const std::string & path, const std::vector<double> & points) const = 0;

protected:
  /** Adds a polygon or, as \a isChain or with two vertices, a polyline. \exception UsageError for vertices that there
   * are not. */
  void
  AddCell(const std::vector<SizeValueType> & vertices, bool isChain);

  /** \exception UsageError for coordinates that are not finite, and shapes without points. */
  void
  CheckPoints() const;

  std::string              m_Path;
  std::string              m_What;
  Complex                  m_Complex;
  std::vector<std::string> m_Notices;
};

/** Reads a file by its name and its first bytes: VTK (legacy polydata), PLY, STL, OBJ, OFF, GIFTI, FreeSurfer, BYU.
 * \param role "fixed points". \exception UsageError that names the file, if it can't be read or is damaged. */
std::unique_ptr<ShapeFile>
ReadShapeFile(const std::string & path, const std::string & role);

} // namespace SinkhornIO
} // namespace itk

#endif
