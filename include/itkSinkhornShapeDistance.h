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
#ifndef itkSinkhornShapeDistance_h
#define itkSinkhornShapeDistance_h

#include "SinkhornExport.h"

#include "itkSinkhornPointMeasure.h"

#include <array>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Coordinates of a point, mm; 0 beyond the dimension of its shape. */
using ShapePoint = std::array<double, 3>;

/** \a count points that lie evenly on a shape in space: by length on a curve, by area on a surface; of a cloud all its
 * points. Always the same ones. \exception ExceptionObject unless vertices have three coordinates, as of all here. */
Sinkhorn_EXPORT std::vector<ShapePoint>
                SampleShape(const PointComplex & shape, std::size_t count);

/** \class ShapeTree
 * \brief Finds how far points are from a shape in space, exactly: from its triangles, else from its segments, else from
 * its points. */
class Sinkhorn_EXPORT ShapeTree
{
public:
  explicit ShapeTree(const PointComplex & shape);

  double
  FindDistance(const ShapePoint & point) const;

private:
  /** A triangle, a segment or a point: the corners that are left over are the last one again. */
  using Simplex = std::array<ShapePoint, 3>;
  struct Node
  {
    ShapePoint  Lowest;
    ShapePoint  Highest;
    std::size_t Begin;
    std::size_t End;
    std::size_t Right; ///< the left one is the next; 0: a leaf
  };

  void
  Build(std::size_t begin, std::size_t end);
  void
  Search(std::size_t node, const ShapePoint & point, double & nearest) const;

  std::vector<Simplex> m_Simplices;
  std::vector<Node>    m_Nodes;
};

/** How far two shapes are from each other, in both directions. */
struct ShapeDistances
{
  /** Mean of the two mean distances, mm. */
  double Mean{ 0.0 };
  /** The larger of the two 95th percentiles. */
  double Percentile95{ 0.0 };
  /** The largest distance of all. */
  double Hausdorff{ 0.0 };
  /** Part of the fixed shape within \a near of the moving one. */
  double Coverage{ 0.0 };
};

/** Both ways, from points that lie evenly on the one to the exact place of the other. \param near mm, for the coverage.
 */
Sinkhorn_EXPORT ShapeDistances
MeasureShapes(const PointComplex & fixed, const PointComplex & moved, double near);

} // namespace Sinkhorn
} // namespace itk

#endif
