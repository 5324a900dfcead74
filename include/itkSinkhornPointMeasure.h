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
#ifndef itkSinkhornPointMeasure_h
#define itkSinkhornPointMeasure_h

#include "SinkhornExport.h"
#include "itkIntTypes.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \brief A curve, a surface or a cloud as weighted particles, \f$\sum_i m_i\delta_{x_i}\f$.
 *
 * Particles of a curve are the centres of its segments, each with the segment's length as mass and its unit tangent as
 * direction; those of a surface are the centroids of its triangles, with area and unit normal (Feydy et al. 2017,
 * section 2; Kaltenmark, Charlier and Charon, *A general framework for curve and surface comparison and registration
 * with oriented varifolds*, 2017, for the directions). So the measure is that of the shape: a finer sampling of the
 * same shape is nearly the same measure. */
struct PointMeasure
{
  /** Coordinates per particle. */
  unsigned int Dimension{ 0 };
  /** Coordinates in mm, particle after particle. */
  std::vector<double> Positions;
  /** Mass of every particle, ≥ 0: number, length (mm), area (mm²) or volume (mm³). */
  std::vector<double> Masses;
  /** Unit tangent or normal of every particle, coordinate after coordinate; empty if there is none. A particle without
   * one has zeros. */
  std::vector<double> Directions;
  /** Cells that were left out because they have neither length nor area. */
  SizeValueType NumberOfDroppedCells{ 0 };

  SizeValueType
  GetNumberOfParticles() const
  {
    return Masses.size();
  }

  bool
  HasDirections() const
  {
    return !Directions.empty();
  }

  /** Sum of the masses. */
  Sinkhorn_EXPORT double
  GetTotalMass() const;

  /** Length of the diagonal of the box around all particles, mm. */
  Sinkhorn_EXPORT double
  GetDiagonal() const;

  /** Mean position, weighted by mass. \exception itk::ExceptionObject without mass. */
  Sinkhorn_EXPORT std::vector<double>
                  GetCentroid() const;

  /** Refuses what is no measure.
   * \param name what to call the measure in messages, as in "the fixed".
   * \exception itk::ExceptionObject that names the array, the first offending particle and the remedy: no particle,
   * arrays of different lengths, coordinates, masses or directions that are not finite, negative masses, no mass. */
  Sinkhorn_EXPORT void
  Check(const char * name) const;
};

/** The particles as they are. \param positions coordinates in mm, point after point. \param masses one for each point;
 * empty: 1 each. \exception itk::ExceptionObject see PointMeasure::Check(). */
Sinkhorn_EXPORT PointMeasure
MakePointMeasure(unsigned int dimension, std::vector<double> positions, const std::vector<double> & masses = {});

/** \brief One particle for every segment: its centre, length (mm) and unit tangent.
 *
 * Segments of no length are dropped and counted.
 * \param points coordinates of the vertices in mm. \param segments two vertices for each segment.
 * \exception itk::ExceptionObject if a vertex number is out of range, a coordinate of a used vertex is not finite, or
 * no segment has a length. */
Sinkhorn_EXPORT PointMeasure
MakeCurveMeasure(unsigned int                       dimension,
                 const std::vector<double> &        points,
                 const std::vector<SizeValueType> & segments);

/** \brief One particle for every triangle: its centroid, area (mm²) and, in space, unit normal, by the order of its
 * vertices (counter-clockwise seen from outside: outwards).
 *
 * Triangles without area are dropped and counted.
 * \param dimension 3 for a surface in space, 2 for a filled region of the plane, which has no normals.
 * \param points coordinates of the vertices in mm. \param triangles three vertices for each triangle.
 * \exception itk::ExceptionObject if a vertex number is out of range, a coordinate of a used vertex is not finite, or
 * no triangle has an area. */
Sinkhorn_EXPORT PointMeasure
MakeSurfaceMeasure(unsigned int                       dimension,
                   const std::vector<double> &        points,
                   const std::vector<SizeValueType> & triangles);

/** Vertices and what they are joined to: the content of a mesh file. */
struct PointComplex
{
  unsigned int Dimension{ 0 };
  /** Coordinates of the vertices in mm. */
  std::vector<double> Points;
  /** Two vertices for each segment of a curve. */
  std::vector<SizeValueType> Segments;
  /** Three vertices for each triangle of a surface. */
  std::vector<SizeValueType> Triangles;
};

/** The measure of what has most dimensions: of the triangles, else of the segments, else of the points, 1 each. (Areas
 * and lengths do not add up.) \exception itk::ExceptionObject see MakeSurfaceMeasure() and its neighbours. */
Sinkhorn_EXPORT PointMeasure
MakePointMeasure(const PointComplex & complex);

/** Appends the particles of \a other, for shapes in several pieces. Directions are kept if both have them.
 * \exception itk::ExceptionObject if the dimensions differ. */
Sinkhorn_EXPORT void
AppendPointMeasure(PointMeasure & measure, const PointMeasure & other);

} // namespace Sinkhorn
} // namespace itk

#endif
