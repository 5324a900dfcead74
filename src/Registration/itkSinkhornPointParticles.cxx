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
#include "itkSinkhornPointParticles.h"

#include "itkSinkhornPointClusters.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

using Sinkhorn::PointComplex;
using Sinkhorn::PointMeasure;
using Corner = std::array<double, 3>;

Corner
GetCorner(const PointComplex & complex, SizeValueType vertex)
{
  Corner corner{};
  std::copy_n(complex.Points.data() + vertex * complex.Dimension, complex.Dimension, corner.begin());
  return corner;
}

Corner
Mix(const Corner & a, const Corner & b, double t)
{
  return { a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2]) };
}

double
SquaredDistance(const Corner & a, const Corner & b)
{
  return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]);
}

void
AddParticle(PointMeasure & measure, const Corner & where, double mass)
{
  measure.Positions.insert(measure.Positions.end(), where.begin(), where.begin() + measure.Dimension);
  measure.Masses.push_back(mass);
}

/** Cuts the segments of a curve into pieces of \a length at most. */
PointMeasure
CutSegments(const PointComplex & complex, double length)
{
  PointMeasure measure;
  measure.Dimension = complex.Dimension;
  for (SizeValueType s = 0; s + 1 < complex.Segments.size(); s += 2)
  {
    const Corner a = GetCorner(complex, complex.Segments[s]);
    const Corner b = GetCorner(complex, complex.Segments[s + 1]);
    const double whole = std::sqrt(SquaredDistance(a, b));
    const auto   pieces = static_cast<unsigned int>(std::max(1.0, std::ceil(whole / length)));
    for (unsigned int k = 0; k < pieces && whole > 0.0; ++k)
    {
      AddParticle(measure, Mix(a, b, (k + 0.5) / pieces), whole / pieces);
    }
  }
  return measure;
}

/** Halves triangles across their longest edge until that is at most \a length. */
PointMeasure
CutTriangles(const PointComplex & complex, double length)
{
  PointMeasure                       measure;
  std::vector<std::array<Corner, 3>> pieces;
  measure.Dimension = complex.Dimension;
  const double limit = length * length;
  for (SizeValueType t = 0; t + 2 < complex.Triangles.size(); t += 3)
  {
    pieces.push_back({ GetCorner(complex, complex.Triangles[t]),
                       GetCorner(complex, complex.Triangles[t + 1]),
                       GetCorner(complex, complex.Triangles[t + 2]) });
    while (!pieces.empty())
    {
      const auto piece = pieces.back();
      pieces.pop_back();
      std::array<double, 3> edges{};
      for (unsigned int e = 0; e < 3; ++e)
      {
        edges[e] = SquaredDistance(piece[e], piece[(e + 1) % 3]);
      }
      const auto   longest = static_cast<std::size_t>(std::max_element(edges.begin(), edges.end()) - edges.begin());
      const Corner a = piece[longest];
      const Corner b = piece[(longest + 1) % 3];
      const Corner c = piece[(longest + 2) % 3];
      if (edges[longest] > limit)
      {
        const Corner middle = Mix(a, b, 0.5);
        pieces.push_back({ a, middle, c });
        pieces.push_back({ middle, b, c });
        continue;
      }
      // height over the longest edge
      double along = 0.0;
      for (unsigned int d = 0; d < 3; ++d)
      {
        along += (c[d] - a[d]) * (b[d] - a[d]);
      }
      const double base = edges[longest];
      const double height = base > 0.0 ? std::max(0.0, SquaredDistance(a, c) - along * along / base) : 0.0;
      const double area = 0.5 * std::sqrt(base * height);
      if (area > 0.0)
      {
        AddParticle(measure, Mix(Mix(a, b, 0.5), c, 1.0 / 3.0), area);
      }
    }
  }
  return measure;
}

/** The smallest coordinate along each axis. */
std::vector<double>
FindLowest(const PointMeasure & measure)
{
  std::vector<double> lowest(measure.Dimension, std::numeric_limits<double>::max());
  for (SizeValueType i = 0; i < measure.Positions.size(); ++i)
  {
    lowest[i % measure.Dimension] = std::min(lowest[i % measure.Dimension], measure.Positions[i]);
  }
  return lowest;
}

/** Sum over the particles of \a from of mass times distance to the nearest of \a to. */
double
SumDistances(const PointMeasure & from, const PointMeasure & to)
{
  const unsigned int dimension = from.Dimension;
  return Sinkhorn::SumOverChunks<double>(from.GetNumberOfParticles(), 0, [&](SizeValueType begin, SizeValueType end) {
    double sum = 0.0;
    for (SizeValueType i = begin; i < end; ++i)
    {
      double nearest = std::numeric_limits<double>::max();
      for (SizeValueType j = 0; j < to.GetNumberOfParticles(); ++j)
      {
        double squared = 0.0;
        for (unsigned int d = 0; d < dimension; ++d)
        {
          const double way = from.Positions[i * dimension + d] - to.Positions[j * dimension + d];
          squared += way * way;
        }
        nearest = std::min(nearest, squared);
      }
      sum += from.Masses[i] * std::sqrt(nearest);
    }
    return sum;
  });
}

} // namespace

PointMeasure
ClusterParticles(const PointMeasure & measure, SizeValueType maximum)
{
  constexpr unsigned int bisections = 6;
  constexpr double       finest = 1e-6; // of the diagonal
  const double           diagonal = 1.001 * measure.GetDiagonal();
  if (measure.GetNumberOfParticles() <= maximum || !(diagonal > 0.0))
  {
    return measure;
  }
  const auto origin = FindLowest(measure);
  const auto sort = [&measure, &origin](double width) {
    return Sinkhorn::PointCells(measure.Dimension, measure.Positions, origin, width);
  };
  double high = diagonal;
  double low = 0.5 * diagonal;
  while (low > finest * diagonal && sort(low).GetNumberOfCells() <= maximum)
  {
    high = low;
    low *= 0.5;
  }
  for (unsigned int k = 0; k < bisections; ++k)
  {
    const double middle = std::sqrt(low * high);
    (sort(middle).GetNumberOfCells() > maximum ? low : high) = middle;
  }
  const auto         order = sort(high);
  PointMeasure       clusters;
  const unsigned int dimension = measure.Dimension;
  clusters.Dimension = dimension;
  clusters.NumberOfDroppedCells = measure.NumberOfDroppedCells;
  for (SizeValueType k = 0; k < measure.GetNumberOfParticles(); ++k)
  {
    if (order.StartsCell(k))
    {
      clusters.Masses.push_back(0.0);
      clusters.Positions.insert(clusters.Positions.end(), dimension, 0.0);
    }
    const SizeValueType i = order[k];
    const double        mass = measure.Masses[i];
    clusters.Masses.back() += mass;
    double * const centroid = clusters.Positions.data() + clusters.Positions.size() - dimension;
    for (unsigned int d = 0; d < dimension && clusters.Masses.back() > 0.0; ++d)
    {
      centroid[d] += mass / clusters.Masses.back() * (measure.Positions[i * dimension + d] - centroid[d]);
    }
  }
  return clusters;
}

PointMeasure
MakeParticles(const PointComplex & complex, SizeValueType maximum)
{
  constexpr double piecesPerParticle = 4.0;
  PointMeasure     measure = MakePointMeasure(complex); // refuses what is no shape
  const double     total = measure.GetTotalMass();
  const double     share = total / (piecesPerParticle * static_cast<double>(maximum));
  if (!complex.Triangles.empty())
  {
    const auto dropped = measure.NumberOfDroppedCells;
    // A right-angled piece whose longest edge is l has an area of l²/4.
    measure = CutTriangles(complex, 2.0 * std::sqrt(share));
    measure.NumberOfDroppedCells = dropped;
  }
  else if (!complex.Segments.empty())
  {
    const auto dropped = measure.NumberOfDroppedCells;
    measure = CutSegments(complex, share);
    measure.NumberOfDroppedCells = dropped;
  }
  measure.Directions.clear();
  measure = ClusterParticles(measure, maximum);
  for (double & mass : measure.Masses)
  {
    mass /= total;
  }
  return measure;
}

double
ComputeMeanDistance(const PointMeasure & one, const PointMeasure & other)
{
  return 0.5 * (SumDistances(one, other) / one.GetTotalMass() + SumDistances(other, one) / other.GetTotalMass());
}

} // namespace SinkhornRegistration
} // namespace itk
