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
#include "itkSinkhornShapeParticles.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace itk
{
namespace Sinkhorn
{

namespace
{

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
MakePointMeasure(unsigned int dimension, std::vector<double> positions, const std::vector<double> & masses)
{
  PointComplex complex;
  complex.Dimension = dimension;
  complex.Points = std::move(positions);
  return ShapeParticles(complex, masses).MakeMeasure(complex.Points);
}

PointMeasure
MakeCurveMeasure(unsigned int                       dimension,
                 const std::vector<double> &        points,
                 const std::vector<SizeValueType> & segments)
{
  PointComplex complex;
  complex.Dimension = dimension;
  complex.Points = points;
  complex.Segments = segments;
  if (segments.empty())
  {
    itkGenericExceptionMacro("Sinkhorn: a curve of " << points.size() << " coordinates has no segments.");
  }
  return MakePointMeasure(complex);
}

PointMeasure
MakeSurfaceMeasure(unsigned int                       dimension,
                   const std::vector<double> &        points,
                   const std::vector<SizeValueType> & triangles)
{
  PointComplex complex;
  complex.Dimension = dimension;
  complex.Points = points;
  complex.Triangles = triangles;
  if (triangles.empty())
  {
    itkGenericExceptionMacro("Sinkhorn: a surface of " << points.size() << " coordinates has no triangles.");
  }
  return MakePointMeasure(complex);
}

PointMeasure
MakePointMeasure(const PointComplex & complex)
{
  return ShapeParticles(complex).MakeMeasure(complex.Points);
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
