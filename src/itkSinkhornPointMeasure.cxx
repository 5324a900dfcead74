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
#include "itkSinkhornPointMeasure.h"
#include "itkSinkhornPointBlocks.h"

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

/** The vertices of one cell after another, checked. */
class Cells
{
public:
  Cells(unsigned int                       dimension,
        const std::vector<double> &        points,
        const std::vector<SizeValueType> & vertices,
        unsigned int                       verticesPerCell,
        const char *                       what)
    : m_Dimension(dimension)
    , m_Points(points)
    , m_Vertices(vertices)
    , m_VerticesPerCell(verticesPerCell)
    , m_What(what)
  {
    if (dimension == 0 || points.size() % dimension != 0 || vertices.size() % verticesPerCell != 0)
    {
      itkGenericExceptionMacro("Sinkhorn: " << points.size() << " coordinates and " << vertices.size()
                                            << " vertex numbers do not make " << what << " of " << verticesPerCell
                                            << " vertices in dimension " << dimension << ". Give whole points and "
                                            << what << '.');
    }
  }

  SizeValueType
  GetNumberOfCells() const
  {
    return m_Vertices.size() / m_VerticesPerCell;
  }

  /** Coordinates of a vertex of a cell. */
  const double *
  GetVertex(SizeValueType cell, unsigned int k) const
  {
    const SizeValueType vertex = m_Vertices[cell * m_VerticesPerCell + k];
    if (vertex >= m_Points.size() / m_Dimension)
    {
      itkGenericExceptionMacro("Sinkhorn: number " << cell << " of the " << m_What << " has the vertex " << vertex
                                                   << ", but there are " << m_Points.size() / m_Dimension
                                                   << " points. Vertices count from 0.");
    }
    const double * point = &m_Points[vertex * m_Dimension];
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      if (!std::isfinite(point[d]))
      {
        itkGenericExceptionMacro("Sinkhorn: coordinate " << d << " of point " << vertex << " is " << point[d]
                                                         << ". Remove points that are not finite.");
      }
    }
    return point;
  }

private:
  unsigned int                       m_Dimension;
  const std::vector<double> &        m_Points;
  const std::vector<SizeValueType> & m_Vertices;
  unsigned int                       m_VerticesPerCell;
  const char *                       m_What;
};

void
CheckNotEmpty(const PointMeasure & measure, const char * what, const char * extent)
{
  if (measure.Masses.empty())
  {
    itkGenericExceptionMacro("Sinkhorn: none of the " << measure.NumberOfDroppedCells << ' ' << what << " has "
                                                      << extent << ". A shape needs at least one that has.");
  }
}

double
LargestMagnitude(const double * point, unsigned int dimension, double largest)
{
  for (unsigned int d = 0; d < dimension; ++d)
  {
    largest = std::max(largest, std::abs(point[d]));
  }
  return largest;
}

void
CheckFinite(const std::vector<double> & values, SizeValueType perParticle, const char * what, const char * name)
{
  const auto bad = std::find_if(values.begin(), values.end(), [](double value) { return !std::isfinite(value); });
  if (bad != values.end())
  {
    itkGenericExceptionMacro("Sinkhorn: " << what << " of particle " << (bad - values.begin()) / perParticle << " of "
                                          << name << " measure is " << *bad
                                          << ". Remove particles that are not finite.");
  }
}

} // namespace

double
PointMeasure::GetTotalMass() const
{
  return std::accumulate(Masses.begin(), Masses.end(), 0.0);
}

double
PointMeasure::GetDiagonal() const
{
  return ComputeBoxDiagonal(Dimension, { &Positions });
}

std::vector<double>
PointMeasure::GetCentroid() const
{
  const double mass = this->GetTotalMass();
  if (!(mass > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: a measure of mass " << mass << " has no centroid.");
  }
  std::vector<double> centroid(Dimension, 0.0);
  for (size_t i = 0; i < Masses.size(); ++i)
  {
    for (unsigned int d = 0; d < Dimension; ++d)
    {
      centroid[d] += Masses[i] / mass * Positions[i * Dimension + d];
    }
  }
  return centroid;
}

void
PointMeasure::Check(const char * name) const
{
  if (Dimension == 0 || Masses.empty())
  {
    itkGenericExceptionMacro("Sinkhorn: " << name << " measure has no particle. Give at least one point, or one cell "
                                          << "with a length or an area.");
  }
  if (Positions.size() != Masses.size() * Dimension || (!Directions.empty() && Directions.size() != Positions.size()))
  {
    itkGenericExceptionMacro("Sinkhorn: " << name << " measure of dimension " << Dimension << " has " << Masses.size()
                                          << " masses, but " << Positions.size() << " coordinates and "
                                          << Directions.size() << " components of directions.");
  }
  CheckFinite(Positions, Dimension, "a coordinate", name);
  CheckFinite(Masses, 1, "the mass", name);
  CheckFinite(Directions, Dimension, "a component of the direction", name);
  const auto negative = std::find_if(Masses.begin(), Masses.end(), [](double mass) { return mass < 0.0; });
  if (negative != Masses.end())
  {
    itkGenericExceptionMacro("Sinkhorn: the mass of particle " << negative - Masses.begin() << " of " << name
                                                               << " measure is " << *negative
                                                               << ". Masses must not be negative.");
  }
  if (!(this->GetTotalMass() > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: " << name << " measure has no mass; at least one particle needs some.");
  }
}

PointMeasure
MakePointMeasure(unsigned int dimension, std::vector<double> positions, std::vector<double> masses)
{
  PointMeasure measure;
  measure.Dimension = dimension;
  measure.Masses = std::move(masses);
  if (measure.Masses.empty() && dimension > 0)
  {
    measure.Masses.assign(positions.size() / dimension, 1.0);
  }
  measure.Positions = std::move(positions);
  measure.Check("the point");
  return measure;
}

PointMeasure
MakeCurveMeasure(unsigned int                       dimension,
                 const std::vector<double> &        points,
                 const std::vector<SizeValueType> & segments)
{
  const Cells  cells(dimension, points, segments, 2, "segments");
  PointMeasure measure;
  measure.Dimension = dimension;
  for (SizeValueType cell = 0; cell < cells.GetNumberOfCells(); ++cell)
  {
    const double * a = cells.GetVertex(cell, 0);
    const double * b = cells.GetVertex(cell, 1);
    double         squared = 0.0;
    for (unsigned int d = 0; d < dimension; ++d)
    {
      squared += (b[d] - a[d]) * (b[d] - a[d]);
    }
    const double length = std::sqrt(squared);
    if (!(length > CoordinateRounding * LargestMagnitude(b, dimension, LargestMagnitude(a, dimension, 0.0))))
    {
      ++measure.NumberOfDroppedCells;
      continue;
    }
    for (unsigned int d = 0; d < dimension; ++d)
    {
      measure.Positions.push_back(0.5 * (a[d] + b[d]));
      measure.Directions.push_back((b[d] - a[d]) / length);
    }
    measure.Masses.push_back(length);
  }
  CheckNotEmpty(measure, "segments", "a length");
  return measure;
}

PointMeasure
MakeSurfaceMeasure(unsigned int                       dimension,
                   const std::vector<double> &        points,
                   const std::vector<SizeValueType> & triangles)
{
  if (dimension != 2 && dimension != 3)
  {
    itkGenericExceptionMacro("Sinkhorn: triangles have areas in dimension 2 and 3 only, not in dimension "
                             << dimension << ". Give points instead.");
  }
  const Cells  cells(dimension, points, triangles, 3, "triangles");
  PointMeasure measure;
  measure.Dimension = dimension;
  for (SizeValueType cell = 0; cell < cells.GetNumberOfCells(); ++cell)
  {
    const double * vertices[3] = { cells.GetVertex(cell, 0), cells.GetVertex(cell, 1), cells.GetVertex(cell, 2) };
    double         edges[2][3]{};
    double         largest = 0.0;
    double         longest = 0.0;
    for (const double * vertex : vertices)
    {
      largest = LargestMagnitude(vertex, dimension, largest);
    }
    for (unsigned int d = 0; d < dimension; ++d)
    {
      edges[0][d] = vertices[1][d] - vertices[0][d];
      edges[1][d] = vertices[2][d] - vertices[0][d];
      longest = std::max(longest, std::abs(edges[0][d]) + std::abs(edges[1][d]));
    }
    double normal[3];
    for (unsigned int d = 0; d < 3; ++d)
    {
      const unsigned int e = (d + 1) % 3;
      const unsigned int f = (d + 2) % 3;
      normal[d] = 0.5 * (edges[0][e] * edges[1][f] - edges[0][f] * edges[1][e]);
    }
    const double area = std::sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
    if (!(area > CoordinateRounding * largest * longest))
    {
      ++measure.NumberOfDroppedCells;
      continue;
    }
    for (unsigned int d = 0; d < dimension; ++d)
    {
      measure.Positions.push_back((vertices[0][d] + vertices[1][d] + vertices[2][d]) / 3.0);
      if (dimension == 3)
      {
        measure.Directions.push_back(normal[d] / area);
      }
    }
    measure.Masses.push_back(area);
  }
  CheckNotEmpty(measure, "triangles", "an area");
  return measure;
}

PointMeasure
MakePointMeasure(const PointComplex & complex)
{
  if (!complex.Triangles.empty())
  {
    return MakeSurfaceMeasure(complex.Dimension, complex.Points, complex.Triangles);
  }
  if (!complex.Segments.empty())
  {
    return MakeCurveMeasure(complex.Dimension, complex.Points, complex.Segments);
  }
  return MakePointMeasure(complex.Dimension, complex.Points);
}

void
AppendPointMeasure(PointMeasure & measure, const PointMeasure & other)
{
  if (measure.Dimension != other.Dimension)
  {
    itkGenericExceptionMacro("Sinkhorn: a measure of dimension "
                             << other.Dimension << " cannot be appended to one of dimension " << measure.Dimension
                             << '.');
  }
  if (measure.HasDirections() && other.HasDirections())
  {
    measure.Directions.insert(measure.Directions.end(), other.Directions.begin(), other.Directions.end());
  }
  else
  {
    measure.Directions.clear();
  }
  measure.Positions.insert(measure.Positions.end(), other.Positions.begin(), other.Positions.end());
  measure.Masses.insert(measure.Masses.end(), other.Masses.begin(), other.Masses.end());
  measure.NumberOfDroppedCells += other.NumberOfDroppedCells;
}

} // namespace Sinkhorn
} // namespace itk
