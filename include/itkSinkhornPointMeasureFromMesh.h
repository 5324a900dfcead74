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
#ifndef itkSinkhornPointMeasureFromMesh_h
#define itkSinkhornPointMeasureFromMesh_h

#include "itkSinkhornPointMeasure.h"

#include "itkCellInterface.h"
#include "itkMacro.h"

#include <map>
#include <type_traits>

namespace itk
{
namespace Sinkhorn
{

/** Coordinates of all points of an itk::PointSet or itk::Mesh, in the order of their identifiers. */
template <typename TPointSet>
std::vector<double>
ExtractPoints(const TPointSet * pointSet)
{
  std::vector<double> coordinates;
  if (const auto * points = pointSet->GetPoints())
  {
    coordinates.reserve(points->Size() * TPointSet::PointDimension);
    for (auto it = points->Begin(); it != points->End(); ++it)
    {
      const auto & point = it.Value();
      coordinates.insert(coordinates.end(), point.Begin(), point.End());
    }
  }
  return coordinates;
}

/** \class CellCollector
 * \brief Takes cells apart into segments and triangles, whose vertices it counts as ExtractPoints() does.
 *
 * Polygons of more than two vertices are fans of triangles in space and closed outlines in the plane; polygons of two
 * vertices, which some writers make of polylines, are segments. */
template <typename TMesh>
class CellCollector
{
public:
  using CellType = typename TMesh::CellType;

  CellCollector(const TMesh * mesh, PointComplex & complex)
    : m_Complex(complex)
  {
    SizeValueType count = 0;
    for (auto it = mesh->GetPoints()->Begin(); it != mesh->GetPoints()->End(); ++it)
    {
      m_Vertices[it.Index()] = count++;
    }
  }

  /** \exception itk::ExceptionObject if the cell has a point that the mesh has not. */
  void
  Add(const CellType & cell)
  {
    std::vector<SizeValueType> vertices;
    for (auto id = cell.PointIdsBegin(); id != cell.PointIdsEnd(); ++id)
    {
      const auto vertex = m_Vertices.find(*id);
      if (vertex == m_Vertices.end())
      {
        itkGenericExceptionMacro("Sinkhorn: a cell of the mesh has the point "
                                 << *id << ", which the mesh of " << m_Vertices.size() << " points has not.");
      }
      vertices.push_back(vertex->second);
    }
    if (vertices.size() < 2 || cell.GetDimension() > 2)
    {
      return;
    }
    if (cell.GetDimension() == 1 || vertices.size() == 2)
    {
      this->AddChain(vertices);
      return;
    }
    const bool isOutline = TMesh::PointDimension == 2 && cell.GetType() == CellGeometryEnum::POLYGON_CELL;
    if (isOutline)
    {
      vertices.push_back(vertices.front());
      this->AddChain(vertices);
      return;
    }
    for (size_t k = 2; k < vertices.size(); ++k)
    {
      m_Complex.Triangles.insert(m_Complex.Triangles.end(), { vertices[0], vertices[k - 1], vertices[k] });
    }
  }

private:
  void
  AddChain(const std::vector<SizeValueType> & vertices)
  {
    for (size_t k = 1; k < vertices.size(); ++k)
    {
      m_Complex.Segments.insert(m_Complex.Segments.end(), { vertices[k - 1], vertices[k] });
    }
  }

  PointComplex &                                           m_Complex;
  std::map<typename TMesh::PointIdentifier, SizeValueType> m_Vertices;
};

template <typename TPointSet, typename = void>
struct HasCells : std::false_type
{};
template <typename TPointSet>
struct HasCells<TPointSet, std::void_t<typename TPointSet::CellsContainer>> : std::true_type
{};

/** Points, segments and triangles of an itk::Mesh; of an itk::PointSet the points. Cells of three dimensions
 * (tetrahedra) and vertex cells are left out. \exception itk::ExceptionObject if a cell has a point that the mesh has
 * not. */
template <typename TPointSet>
PointComplex
ExtractComplex(const TPointSet * pointSet)
{
  PointComplex complex;
  complex.Dimension = TPointSet::PointDimension;
  complex.Points = ExtractPoints(pointSet);
  if constexpr (HasCells<TPointSet>::value)
  {
    if (pointSet->GetCells() != nullptr && !complex.Points.empty())
    {
      CellCollector<TPointSet> collector(pointSet, complex);
      for (auto it = pointSet->GetCells()->Begin(); it != pointSet->GetCells()->End(); ++it)
      {
        collector.Add(*it.Value());
      }
    }
  }
  return complex;
}

/** The measure of an itk::Mesh or itk::PointSet: of its triangles (quadrilaterals and polygons are taken apart), else
 * of its segments and polylines, else of its points, 1 each. See MakePointMeasure(). */
template <typename TPointSet>
PointMeasure
MakePointMeasureFromMesh(const TPointSet * pointSet)
{
  return MakePointMeasure(ExtractComplex(pointSet));
}

} // namespace Sinkhorn
} // namespace itk

#endif
