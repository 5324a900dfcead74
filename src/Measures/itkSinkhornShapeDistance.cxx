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
#include "itkSinkhornShapeDistance.h"

#include "itkSinkhornParallel.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{
namespace
{

using Complex = PointComplex;

void
CheckSpatial(const Complex & shape)
{
  if (shape.Dimension != 3)
  {
    itkGenericExceptionMacro("the shape has " << shape.Dimension
                                              << " coordinates a vertex; give it in space, with a constant third one");
  }
}

ShapePoint
GetVertex(const Complex & shape, std::size_t vertex)
{
  return { shape.Points[3 * vertex], shape.Points[3 * vertex + 1], shape.Points[3 * vertex + 2] };
}

ShapePoint
Subtract(const ShapePoint & a, const ShapePoint & b)
{
  return { a[0] - b[0], a[1] - b[1], a[2] - b[2] };
}

double
Dot(const ShapePoint & a, const ShapePoint & b)
{
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** a + s·b + t·c */
ShapePoint
Combine(const ShapePoint & a, double s, const ShapePoint & b, double t, const ShapePoint & c)
{
  return { a[0] + s * b[0] + t * c[0], a[1] + s * b[1] + t * c[1], a[2] + s * b[2] + t * c[2] };
}

double
SquaredDistanceToSegment(const ShapePoint & p, const ShapePoint & a, const ShapePoint & b)
{
  const ShapePoint along = Subtract(b, a);
  const ShapePoint way = Subtract(p, a);
  const double     length = Dot(along, along);
  const double     t = length > 0.0 ? std::min(1.0, std::max(0.0, Dot(way, along) / length)) : 0.0;
  const ShapePoint rest = Combine(way, -t, along, 0.0, along);
  return Dot(rest, rest);
}

/** The plane's distance where the foot lies inside, by barycentric coordinates (Ericson, Real-Time Collision Detection,
 * 2005, 3.4), else that of the nearest edge. */
double
SquaredDistanceToTriangle(const ShapePoint & p, const ShapePoint & a, const ShapePoint & b, const ShapePoint & c)
{
  const ShapePoint u = Subtract(b, a);
  const ShapePoint v = Subtract(c, a);
  const ShapePoint w = Subtract(p, a);
  const double     uu = Dot(u, u);
  const double     uv = Dot(u, v);
  const double     vv = Dot(v, v);
  const double     area = uu * vv - uv * uv;
  if (area > 0.0)
  {
    const double s = (vv * Dot(w, u) - uv * Dot(w, v)) / area;
    const double t = (uu * Dot(w, v) - uv * Dot(w, u)) / area;
    if (s >= 0.0 && t >= 0.0 && s + t <= 1.0)
    {
      const ShapePoint rest = Combine(w, -s, u, -t, v);
      return Dot(rest, rest);
    }
  }
  return std::min(
    { SquaredDistanceToSegment(p, a, b), SquaredDistanceToSegment(p, b, c), SquaredDistanceToSegment(p, c, a) });
}

/** Ends of the cells along the sum of their sizes. */
std::vector<double>
SumUp(const std::vector<double> & sizes)
{
  std::vector<double> ends;
  double              sum = 0.0;
  for (const double size : sizes)
  {
    ends.push_back(sum += size);
  }
  return ends;
}

/** The cell that the middle of step k of \a count equal ones along the sum of sizes lies in, and where in it, from 0
 * to 1. */
std::size_t
FindCell(const std::vector<double> & ends, std::size_t k, std::size_t count, double & part)
{
  const double place = (static_cast<double>(k) + 0.5) / static_cast<double>(count) * ends.back();
  const auto   found = std::upper_bound(ends.begin(), ends.end(), place);
  const auto   cell = std::min<std::size_t>(static_cast<std::size_t>(found - ends.begin()), ends.size() - 1);
  const double begin = cell > 0 ? ends[cell - 1] : 0.0;
  part = ends[cell] > begin ? std::min(1.0, (place - begin) / (ends[cell] - begin)) : 0.0;
  return cell;
}

std::vector<ShapePoint>
SampleSegments(const Complex & shape, std::size_t count)
{
  std::vector<double> sizes;
  for (std::size_t s = 0; s + 1 < shape.Segments.size(); s += 2)
  {
    const auto along = Subtract(GetVertex(shape, shape.Segments[s + 1]), GetVertex(shape, shape.Segments[s]));
    sizes.push_back(std::sqrt(Dot(along, along)));
  }
  const auto              ends = SumUp(sizes);
  std::vector<ShapePoint> points;
  for (std::size_t k = 0; k < count; ++k)
  {
    double           part = 0.0;
    const auto       cell = FindCell(ends, k, count, part);
    const ShapePoint a = GetVertex(shape, shape.Segments[2 * cell]);
    const ShapePoint along = Subtract(GetVertex(shape, shape.Segments[2 * cell + 1]), a);
    points.push_back(Combine(a, part, along, 0.0, along));
  }
  return points;
}

std::vector<ShapePoint>
SampleTriangles(const Complex & shape, std::size_t count)
{
  std::vector<double> sizes;
  for (std::size_t t = 0; t + 2 < shape.Triangles.size(); t += 3)
  {
    const ShapePoint a = GetVertex(shape, shape.Triangles[t]);
    const ShapePoint u = Subtract(GetVertex(shape, shape.Triangles[t + 1]), a);
    const ShapePoint v = Subtract(GetVertex(shape, shape.Triangles[t + 2]), a);
    sizes.push_back(std::sqrt(std::max(0.0, Dot(u, u) * Dot(v, v) - Dot(u, v) * Dot(u, v))));
  }
  // Along the areas by equal steps; inside the triangles by the fractional parts of multiples of two irrational numbers
  // (the plastic constant's: Roberts, The unreasonable effectiveness of quasirandom sequences, 2018).
  constexpr double        first = 0.7548776662466927;
  constexpr double        second = 0.5698402909980532;
  const auto              ends = SumUp(sizes);
  std::vector<ShapePoint> points;
  for (std::size_t k = 0; k < count; ++k)
  {
    double           part = 0.0;
    const auto       cell = FindCell(ends, k, count, part);
    const ShapePoint a = GetVertex(shape, shape.Triangles[3 * cell]);
    const ShapePoint u = Subtract(GetVertex(shape, shape.Triangles[3 * cell + 1]), a);
    const ShapePoint v = Subtract(GetVertex(shape, shape.Triangles[3 * cell + 2]), a);
    double           s = std::fmod(first * static_cast<double>(k + 1), 1.0);
    double           t = std::fmod(second * static_cast<double>(k + 1), 1.0);
    if (s + t > 1.0)
    {
      s = 1.0 - s;
      t = 1.0 - t;
    }
    points.push_back(Combine(a, s, u, t, v));
  }
  return points;
}

std::vector<double>
FindDistances(const std::vector<ShapePoint> & points, const ShapeTree & tree)
{
  std::vector<double> distances(points.size());
  ForEachChunk(points.size(), 0, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      distances[i] = tree.FindDistance(points[i]);
    }
  });
  std::sort(distances.begin(), distances.end());
  return distances;
}

double
ComputeMean(const std::vector<double> & values)
{
  double sum = 0.0;
  for (const double value : values)
  {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

} // namespace

std::vector<ShapePoint>
SampleShape(const Complex & shape, std::size_t count)
{
  CheckSpatial(shape);
  if (!shape.Triangles.empty())
  {
    return SampleTriangles(shape, count);
  }
  if (!shape.Segments.empty())
  {
    return SampleSegments(shape, count);
  }
  std::vector<ShapePoint> points;
  for (std::size_t vertex = 0; vertex < shape.Points.size() / 3; ++vertex)
  {
    points.push_back(GetVertex(shape, vertex));
  }
  return points;
}

ShapeTree::ShapeTree(const Complex & shape)
{
  CheckSpatial(shape);
  if (!shape.Triangles.empty())
  {
    for (std::size_t t = 0; t + 2 < shape.Triangles.size(); t += 3)
    {
      m_Simplices.push_back({ GetVertex(shape, shape.Triangles[t]),
                              GetVertex(shape, shape.Triangles[t + 1]),
                              GetVertex(shape, shape.Triangles[t + 2]) });
    }
  }
  else if (!shape.Segments.empty())
  {
    for (std::size_t s = 0; s + 1 < shape.Segments.size(); s += 2)
    {
      const ShapePoint end = GetVertex(shape, shape.Segments[s + 1]);
      m_Simplices.push_back({ GetVertex(shape, shape.Segments[s]), end, end });
    }
  }
  else
  {
    for (std::size_t vertex = 0; vertex < shape.Points.size() / 3; ++vertex)
    {
      const ShapePoint point = GetVertex(shape, vertex);
      m_Simplices.push_back({ point, point, point });
    }
  }
  this->Build(0, m_Simplices.size());
}

void
ShapeTree::Build(std::size_t begin, std::size_t end)
{
  constexpr std::size_t leaf = 4;
  const std::size_t     number = m_Nodes.size();
  const double          most = std::numeric_limits<double>::max();
  Node                  node{ { most, most, most }, { -most, -most, -most }, begin, end, 0 };
  for (std::size_t i = begin; i < end; ++i)
  {
    for (const ShapePoint & corner : m_Simplices[i])
    {
      for (unsigned int d = 0; d < 3; ++d)
      {
        node.Lowest[d] = std::min(node.Lowest[d], corner[d]);
        node.Highest[d] = std::max(node.Highest[d], corner[d]);
      }
    }
  }
  m_Nodes.push_back(node);
  if (end - begin <= leaf)
  {
    return;
  }
  const ShapePoint extent = Subtract(node.Highest, node.Lowest);
  const auto       axis = static_cast<std::size_t>(std::max_element(extent.begin(), extent.end()) - extent.begin());
  const auto       centre = [axis](const Simplex & simplex) {
    return simplex[0][axis] + simplex[1][axis] + simplex[2][axis];
  };
  const auto middle = begin + (end - begin) / 2;
  std::nth_element(m_Simplices.begin() + static_cast<std::ptrdiff_t>(begin),
                   m_Simplices.begin() + static_cast<std::ptrdiff_t>(middle),
                   m_Simplices.begin() + static_cast<std::ptrdiff_t>(end),
                   [&centre](const Simplex & a, const Simplex & b) { return centre(a) < centre(b); });
  this->Build(begin, middle);
  m_Nodes[number].Right = m_Nodes.size();
  this->Build(middle, end);
}

void
ShapeTree::Search(std::size_t number, const ShapePoint & point, double & nearest) const
{
  const auto squaredDistanceToBox = [&point](const Node & node) {
    double sum = 0.0;
    for (unsigned int d = 0; d < 3; ++d)
    {
      const double outside = std::max({ 0.0, node.Lowest[d] - point[d], point[d] - node.Highest[d] });
      sum += outside * outside;
    }
    return sum;
  };
  const Node & node = m_Nodes[number];
  if (node.Right == 0)
  {
    for (std::size_t i = node.Begin; i < node.End; ++i)
    {
      const Simplex & simplex = m_Simplices[i];
      nearest = std::min(nearest, SquaredDistanceToTriangle(point, simplex[0], simplex[1], simplex[2]));
    }
    return;
  }
  const std::size_t children[2] = { number + 1, node.Right };
  const double boxes[2] = { squaredDistanceToBox(m_Nodes[children[0]]), squaredDistanceToBox(m_Nodes[children[1]]) };
  const std::size_t first = boxes[0] <= boxes[1] ? 0 : 1;
  for (const std::size_t child : { first, 1 - first })
  {
    if (boxes[child] < nearest)
    {
      this->Search(children[child], point, nearest);
    }
  }
}

double
ShapeTree::FindDistance(const ShapePoint & point) const
{
  double nearest = std::numeric_limits<double>::max();
  this->Search(0, point, nearest);
  return std::sqrt(nearest);
}

ShapeDistances
MeasureShapes(const Complex & fixed, const Complex & moved, double near)
{
  constexpr std::size_t samples = 20000;
  constexpr double      high = 0.95;
  const auto            fromFixed = FindDistances(SampleShape(fixed, samples), ShapeTree(moved));
  const auto            fromMoved = FindDistances(SampleShape(moved, samples), ShapeTree(fixed));
  const auto            percentile = [](const std::vector<double> & sorted, double part) {
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
  };
  ShapeDistances distances;
  distances.Mean = 0.5 * (ComputeMean(fromFixed) + ComputeMean(fromMoved));
  distances.Percentile95 = std::max(percentile(fromFixed, high), percentile(fromMoved, high));
  distances.Hausdorff = std::max(fromFixed.back(), fromMoved.back());
  distances.Coverage =
    static_cast<double>(std::upper_bound(fromFixed.begin(), fromFixed.end(), near) - fromFixed.begin()) /
    static_cast<double>(fromFixed.size());
  return distances;
}

} // namespace Sinkhorn
} // namespace itk
