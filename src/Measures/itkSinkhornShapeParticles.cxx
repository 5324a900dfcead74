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
#include "itkSinkhornShapeParticles.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Coordinates are known to about this part of the largest one: what is shorter is rounding. */
constexpr double CoordinateRounding = 8.0 * std::numeric_limits<double>::epsilon();

/** a × b, half. */
void
HalfCross(const double * a, const double * b, double * out)
{
  for (unsigned int d = 0; d < 3; ++d)
  {
    const unsigned int e = (d + 1) % 3;
    const unsigned int f = (d + 2) % 3;
    out[d] = 0.5 * (a[e] * b[f] - a[f] * b[e]);
  }
}

double
Norm(const double * vector, unsigned int dimension)
{
  return std::sqrt(std::inner_product(vector, vector + dimension, vector, 0.0));
}

/** The derivative with respect to w of a function of w/|w|, from the one with respect to w/|w|. */
void
PullBackDirection(const double * w, double length, const double * direction, unsigned int dimension, double * out)
{
  const double along = std::inner_product(w, w + dimension, direction, 0.0) / (length * length);
  for (unsigned int d = 0; d < dimension; ++d)
  {
    out[d] = (direction[d] - along * w[d]) / length;
  }
}

} // namespace

ShapeParticles::ShapeParticles(const PointComplex & complex, const ArrayType & masses)
  : m_Dimension(complex.Dimension)
{
  const bool hasCells = masses.empty() && !(complex.Segments.empty() && complex.Triangles.empty());
  if (hasCells && !complex.Triangles.empty())
  {
    m_VerticesPerCell = 3;
    m_Cells = complex.Triangles;
    if (m_Dimension != 2 && m_Dimension != 3)
    {
      itkGenericExceptionMacro("Sinkhorn: triangles have areas in dimension 2 and 3 only, not in dimension "
                               << m_Dimension << ". Give points instead.");
    }
    this->CheckCells(complex, "triangles");
    this->DropDegenerateCells(complex.Points, "triangles", "an area");
  }
  else if (hasCells)
  {
    m_VerticesPerCell = 2;
    m_Cells = complex.Segments;
    this->CheckCells(complex, "segments");
    this->DropDegenerateCells(complex.Points, "segments", "a length");
  }
  else
  {
    m_Masses = masses;
    if (masses.empty() && m_Dimension > 0)
    {
      m_Masses.assign(complex.Points.size() / m_Dimension, 1.0);
    }
    m_Cells.resize(m_Masses.size());
    std::iota(m_Cells.begin(), m_Cells.end(), SizeValueType{ 0 });
    this->MakeMeasure(complex.Points).Check("the point");
  }
}

void
ShapeParticles::CheckCells(const PointComplex & complex, const char * what) const
{
  const ArrayType & points = complex.Points;
  if (m_Dimension == 0 || points.size() % m_Dimension != 0 || m_Cells.size() % m_VerticesPerCell != 0)
  {
    itkGenericExceptionMacro("Sinkhorn: " << points.size() << " coordinates and " << m_Cells.size()
                                          << " vertex numbers do not make " << what << " of " << m_VerticesPerCell
                                          << " vertices in dimension " << m_Dimension << ". Give whole points and "
                                          << what << '.');
  }
  for (size_t k = 0; k < m_Cells.size(); ++k)
  {
    if (m_Cells[k] >= points.size() / m_Dimension)
    {
      itkGenericExceptionMacro("Sinkhorn: number " << k / m_VerticesPerCell << " of the " << what << " has the vertex "
                                                   << m_Cells[k] << ", but there are " << points.size() / m_Dimension
                                                   << " points. Vertices count from 0.");
    }
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      const double coordinate = points[m_Cells[k] * m_Dimension + d];
      if (!std::isfinite(coordinate))
      {
        itkGenericExceptionMacro("Sinkhorn: coordinate " << d << " of point " << m_Cells[k] << " is " << coordinate
                                                         << ". Remove points that are not finite.");
      }
    }
  }
}

void
ShapeParticles::DropDegenerateCells(const ArrayType & vertices, const char * what, const char * extent)
{
  const SizeValueType        cells = m_Cells.size() / m_VerticesPerCell;
  std::vector<SizeValueType> kept;
  for (SizeValueType cell = 0; cell < cells; ++cell)
  {
    const double mass = this->ComputeExtent(vertices, cell);
    if (mass > 0.0)
    {
      kept.insert(kept.end(), this->GetCell(cell), this->GetCell(cell) + m_VerticesPerCell);
      m_Masses.push_back(mass);
    }
  }
  m_NumberOfDroppedCells = cells - m_Masses.size();
  m_Cells = std::move(kept);
  if (m_Masses.empty())
  {
    itkGenericExceptionMacro("Sinkhorn: none of the " << cells << ' ' << what << " has " << extent
                                                      << ". A shape needs at least one that has.");
  }
}

auto
ShapeParticles::ComputeTriangle(const ArrayType & vertices, SizeValueType cell) const -> CellVector
{
  const SizeValueType * corners = this->GetCell(cell);
  CellVector            triangle;
  for (unsigned int edge = 0; edge < 2; ++edge)
  {
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      triangle.Edges[edge][d] = vertices[corners[edge + 1] * m_Dimension + d] - vertices[corners[0] * m_Dimension + d];
    }
  }
  HalfCross(triangle.Edges[0], triangle.Edges[1], triangle.Value);
  triangle.Length = Norm(triangle.Value, 3);
  return triangle;
}

auto
ShapeParticles::ComputeEdge(const ArrayType & vertices, SizeValueType cell) const -> ArrayType
{
  const SizeValueType * ends = this->GetCell(cell);
  ArrayType             edge(m_Dimension);
  for (unsigned int d = 0; d < m_Dimension; ++d)
  {
    edge[d] = vertices[ends[1] * m_Dimension + d] - vertices[ends[0] * m_Dimension + d];
  }
  return edge;
}

double
ShapeParticles::ComputeExtent(const ArrayType & vertices, SizeValueType cell) const
{
  double rounding = 0.0;
  for (unsigned int k = 0; k < m_VerticesPerCell; ++k)
  {
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      const double coordinate = vertices[this->GetCell(cell)[k] * m_Dimension + d];
      rounding = std::max(rounding, CoordinateRounding * std::abs(coordinate));
    }
  }
  double extent = 0.0;
  if (m_VerticesPerCell == 2)
  {
    extent = Norm(this->ComputeEdge(vertices, cell).data(), m_Dimension);
  }
  else
  {
    const CellVector triangle = this->ComputeTriangle(vertices, cell);
    extent = triangle.Length;
    rounding *= std::max(Norm(triangle.Edges[0], 3), Norm(triangle.Edges[1], 3));
  }
  return extent > rounding ? extent : 0.0;
}

PointMeasure
ShapeParticles::MakeMeasure(const ArrayType & vertices) const
{
  PointMeasure measure;
  measure.Dimension = m_Dimension;
  measure.Masses = m_Masses;
  measure.NumberOfDroppedCells = m_NumberOfDroppedCells;
  if (m_VerticesPerCell == 1)
  {
    measure.Positions = vertices;
    return measure;
  }
  measure.Positions.assign(m_Masses.size() * m_Dimension, 0.0);
  measure.Directions.assign(this->HasDirections() ? measure.Positions.size() : 0, 0.0);
  for (SizeValueType cell = 0; cell < m_Masses.size(); ++cell)
  {
    double * position = &measure.Positions[cell * m_Dimension];
    for (unsigned int k = 0; k < m_VerticesPerCell; ++k)
    {
      const double * vertex = &vertices[this->GetCell(cell)[k] * m_Dimension];
      for (unsigned int d = 0; d < m_Dimension; ++d)
      {
        position[d] += vertex[d];
      }
    }
    std::transform(position, position + m_Dimension, position, [this](double x) { return x / m_VerticesPerCell; });
    if (this->HasDirections())
    {
      const ArrayType  edge = m_VerticesPerCell == 2 ? this->ComputeEdge(vertices, cell) : ArrayType();
      const CellVector triangle = m_VerticesPerCell == 3 ? this->ComputeTriangle(vertices, cell) : CellVector();
      const double *   vector = m_VerticesPerCell == 2 ? edge.data() : triangle.Value;
      const double     length = Norm(vector, m_Dimension);
      for (unsigned int d = 0; d < m_Dimension && length > 0.0; ++d)
      {
        measure.Directions[cell * m_Dimension + d] = vector[d] / length;
      }
    }
  }
  return measure;
}

void
ShapeParticles::PullBackSegment(const ArrayType & vertices,
                                SizeValueType     cell,
                                const double *    direction,
                                ArrayType &       derivative) const
{
  const ArrayType edge = this->ComputeEdge(vertices, cell);
  const double    length = Norm(edge.data(), m_Dimension);
  if (length > 0.0)
  {
    ArrayType ofEdge(m_Dimension);
    PullBackDirection(edge.data(), length, direction, m_Dimension, ofEdge.data());
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      derivative[this->GetCell(cell)[0] * m_Dimension + d] -= ofEdge[d];
      derivative[this->GetCell(cell)[1] * m_Dimension + d] += ofEdge[d];
    }
  }
}

void
ShapeParticles::PullBackTriangle(const ArrayType & vertices,
                                 SizeValueType     cell,
                                 const double *    direction,
                                 ArrayType &       derivative) const
{
  const CellVector triangle = this->ComputeTriangle(vertices, cell);
  if (triangle.Length > 0.0)
  {
    double ofNormal[3];
    double ofEdges[2][3];
    PullBackDirection(triangle.Value, triangle.Length, direction, 3, ofNormal);
    HalfCross(triangle.Edges[1], ofNormal, ofEdges[0]);
    HalfCross(ofNormal, triangle.Edges[0], ofEdges[1]);
    for (unsigned int d = 0; d < 3; ++d)
    {
      derivative[this->GetCell(cell)[0] * 3 + d] -= ofEdges[0][d] + ofEdges[1][d];
      derivative[this->GetCell(cell)[1] * 3 + d] += ofEdges[0][d];
      derivative[this->GetCell(cell)[2] * 3 + d] += ofEdges[1][d];
    }
  }
}

auto
ShapeParticles::PullBack(const ArrayType & vertices, const PointGradient & gradient) const -> ArrayType
{
  if (m_VerticesPerCell == 1)
  {
    return gradient.Positions;
  }
  ArrayType derivative(vertices.size(), 0.0);
  for (SizeValueType cell = 0; cell < m_Masses.size(); ++cell)
  {
    for (unsigned int k = 0; k < m_VerticesPerCell; ++k)
    {
      for (unsigned int d = 0; d < m_Dimension; ++d)
      {
        derivative[this->GetCell(cell)[k] * m_Dimension + d] +=
          gradient.Positions[cell * m_Dimension + d] / m_VerticesPerCell;
      }
    }
    if (gradient.Directions.empty())
    {
      continue;
    }
    const double * direction = &gradient.Directions[cell * m_Dimension];
    m_VerticesPerCell == 2 ? this->PullBackSegment(vertices, cell, direction, derivative)
                           : this->PullBackTriangle(vertices, cell, direction, derivative);
  }
  return derivative;
}

} // namespace Sinkhorn
} // namespace itk
