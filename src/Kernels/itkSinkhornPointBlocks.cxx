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
#include "itkSinkhornPointBlocks.h"
#include "itkSinkhornParallel.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Added to the diagonal of a fit's matrix, relative to its trace: points of a plane or a line have no slope across. */
constexpr double FitRidge = 1e-6;

/** A gap between the points of a block that is wider than this part of the block divides it. */
constexpr double LargestGap = 0.5;

using IndexIterator = std::vector<SizeValueType>::iterator;

/** The axis along which the points of a range extend farthest, and how far. */
unsigned int
FindWidestAxis(unsigned int                dimension,
               const std::vector<double> & points,
               IndexIterator               begin,
               IndexIterator               end,
               double &                    width)
{
  unsigned int widest = 0;
  width = -1.0;
  for (unsigned int d = 0; d < dimension; ++d)
  {
    double lowest = points[*begin * dimension + d];
    double highest = lowest;
    for (auto it = begin; it != end; ++it)
    {
      lowest = std::min(lowest, points[*it * dimension + d]);
      highest = std::max(highest, points[*it * dimension + d]);
    }
    if (highest - lowest > width)
    {
      width = highest - lowest;
      widest = d;
    }
  }
  return widest;
}

void
SortRange(unsigned int dimension, const std::vector<double> & points, IndexIterator begin, IndexIterator end)
{
  const auto length = static_cast<SizeValueType>(end - begin);
  if (length < 2)
  {
    return;
  }
  SizeValueType unit = PointBlocks::Length;
  while (unit >= length)
  {
    unit /= 2;
  }
  const auto         middle = begin + static_cast<std::ptrdiff_t>((length / 2 + unit - 1) / unit * unit);
  double             width = 0.0;
  const unsigned int axis = FindWidestAxis(dimension, points, begin, end, width);
  std::nth_element(begin, middle, end, [&](SizeValueType a, SizeValueType b) {
    const double left = points[a * dimension + axis];
    const double right = points[b * dimension + axis];
    return left < right || (left == right && a < b);
  });
  SortRange(dimension, points, begin, middle);
  SortRange(dimension, points, middle, end);
}

/** Appends the lengths of the blocks that a range of at most one block's length becomes. */
void
DivideAtGaps(unsigned int                 dimension,
             const std::vector<double> &  points,
             IndexIterator                begin,
             IndexIterator                end,
             std::vector<SizeValueType> & counts)
{
  double              width = 0.0;
  const unsigned int  axis = FindWidestAxis(dimension, points, begin, end, width);
  std::vector<double> along;
  std::transform(begin, end, std::back_inserter(along), [&](SizeValueType i) { return points[i * dimension + axis]; });
  std::sort(along.begin(), along.end());
  size_t widest = 0;
  for (size_t k = 1; k + 1 < along.size(); ++k)
  {
    widest = along[k + 1] - along[k] > along[widest + 1] - along[widest] ? k : widest;
  }
  // two points alone have nothing but a gap between them
  if (along.size() < 3 || !(along[widest + 1] - along[widest] > LargestGap * width))
  {
    counts.push_back(along.size());
    return;
  }
  const auto middle =
    std::stable_partition(begin, end, [&](SizeValueType i) { return points[i * dimension + axis] <= along[widest]; });
  DivideAtGaps(dimension, points, begin, middle, counts);
  DivideAtGaps(dimension, points, middle, end, counts);
}

/** Solves A x = b by Cholesky's method for a positive definite matrix of which the lower half is given. */
void
SolvePositive(unsigned int n, double * a, double * b)
{
  for (unsigned int i = 0; i < n; ++i)
  {
    for (unsigned int j = 0; j <= i; ++j)
    {
      double sum = a[i * n + j];
      for (unsigned int k = 0; k < j; ++k)
      {
        sum -= a[i * n + k] * a[j * n + k];
      }
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
    for (unsigned int k = 0; k < i; ++k)
    {
      b[i] -= a[i * n + k] * b[k];
    }
    b[i] /= a[i * n + i];
  }
  for (unsigned int i = n; i-- > 0;)
  {
    for (unsigned int k = i + 1; k < n; ++k)
    {
      b[i] -= a[k * n + i] * b[k];
    }
    b[i] /= a[i * n + i];
  }
}

/** The nearest points met so far of one point. */
class NearestPoints
{
public:
  NearestPoints(SizeValueType * points, SizeValueType count)
    : m_Points(points)
    , m_Squared(count, std::numeric_limits<double>::max())
  {}

  void
  Offer(SizeValueType point, double squaredDistance)
  {
    SizeValueType place = m_Squared.size();
    const auto    isNearer = [&](SizeValueType k) {
      return squaredDistance < m_Squared[k] || (squaredDistance == m_Squared[k] && point < m_Points[k]);
    };
    while (place > 0 && isNearer(place - 1))
    {
      --place;
    }
    if (place < m_Squared.size())
    {
      for (SizeValueType k = m_Squared.size() - 1; k > place; --k)
      {
        m_Squared[k] = m_Squared[k - 1];
        m_Points[k] = m_Points[k - 1];
      }
      m_Squared[place] = squaredDistance;
      m_Points[place] = point;
    }
  }

  double
  GetFarthest() const
  {
    return m_Squared.back();
  }

private:
  SizeValueType *     m_Points;
  std::vector<double> m_Squared;
};

/** Squared distance of the boxes around two blocks. */
double
GetSquaredDistance(const PointBlocks & blocks, SizeValueType a, SizeValueType b)
{
  double sum = 0.0;
  for (unsigned int d = 0; d < blocks.Dimension; ++d)
  {
    const SizeValueType i = a * blocks.Dimension + d;
    const SizeValueType j = b * blocks.Dimension + d;
    const double        gap =
      std::max(std::abs(blocks.Centers[i] - blocks.Centers[j]) - blocks.HalfWidths[i] - blocks.HalfWidths[j], 0.0);
    sum += gap * gap;
  }
  return sum;
}

/** FindNeighbors() for the points of one block. */
void
FindNeighborsOfBlock(const PointBlocks &         blocks,
                     const std::vector<double> & points,
                     SizeValueType               block,
                     SizeValueType               count,
                     SizeValueType *             neighbors)
{
  using Candidate = std::pair<double, SizeValueType>;
  const unsigned int     dimension = blocks.Dimension;
  std::vector<Candidate> candidates;
  for (SizeValueType other = 0; other < blocks.GetNumberOfBlocks(); ++other)
  {
    candidates.emplace_back(GetSquaredDistance(blocks, block, other), other);
  }
  std::sort(candidates.begin(), candidates.end());
  const SizeValueType *      order = &blocks.Order[block * PointBlocks::Length];
  std::vector<NearestPoints> nearest;
  for (SizeValueType k = 0; k < blocks.Counts[block]; ++k)
  {
    nearest.emplace_back(neighbors + order[k] * count, count);
  }
  double farthest = std::numeric_limits<double>::max();
  for (auto candidate = candidates.begin(); candidate != candidates.end() && candidate->first <= farthest; ++candidate)
  {
    const SizeValueType * others = &blocks.Order[candidate->second * PointBlocks::Length];
    farthest = 0.0;
    for (SizeValueType k = 0; k < blocks.Counts[block]; ++k)
    {
      for (SizeValueType l = 0; l < blocks.Counts[candidate->second]; ++l)
      {
        double squared = 0.0;
        for (unsigned int d = 0; d < dimension; ++d)
        {
          const double difference = points[order[k] * dimension + d] - points[others[l] * dimension + d];
          squared += difference * difference;
        }
        nearest[k].Offer(others[l], order[k] == others[l] ? -1.0 : squared);
      }
      farthest = std::max(farthest, nearest[k].GetFarthest());
    }
  }
}

} // namespace

std::vector<SizeValueType>
FindNeighbors(const PointBlocks &         blocks,
              const std::vector<double> & points,
              SizeValueType               count,
              ThreadIdType                workUnits)
{
  const SizeValueType numberOfPoints = points.size() / blocks.Dimension;
  count = std::min(count, numberOfPoints);
  std::vector<SizeValueType> neighbors(numberOfPoints * count);
  ForEachTask(blocks.GetNumberOfBlocks(), workUnits, false, [&](SizeValueType block) {
    FindNeighborsOfBlock(blocks, points, block, count, neighbors.data());
  });
  return neighbors;
}

void
CheckPointList(unsigned int dimension, const std::vector<double> & points, const char * name)
{
  if (dimension == 0 || points.empty() || points.size() % dimension != 0)
  {
    itkGenericExceptionMacro("Sinkhorn: the " << name << " point list holds " << points.size()
                                              << " coordinates, which is not a positive multiple of the dimension "
                                              << dimension << ". Give all coordinates of at least one point.");
  }
  for (size_t i = 0; i < points.size(); ++i)
  {
    if (!std::isfinite(points[i]))
    {
      itkGenericExceptionMacro("Sinkhorn: coordinate " << i % dimension << " of " << name << " point " << i / dimension
                                                       << " is " << points[i]
                                                       << ". Remove points that are not finite.");
    }
  }
}

double
ComputeBoxDiagonal(unsigned int dimension, const std::vector<const std::vector<double> *> & lists)
{
  double sum = 0.0;
  for (unsigned int d = 0; d < dimension; ++d)
  {
    double lowest = std::numeric_limits<double>::max();
    double highest = std::numeric_limits<double>::lowest();
    for (const auto * points : lists)
    {
      for (size_t i = d; i < points->size(); i += dimension)
      {
        lowest = std::min(lowest, (*points)[i]);
        highest = std::max(highest, (*points)[i]);
      }
    }
    const double length = std::max(highest - lowest, 0.0);
    sum += length * length;
  }
  return std::sqrt(sum);
}

PointBlocks::PointBlocks(unsigned int dimension, const std::vector<double> & points)
  : Dimension(dimension)
{
  std::vector<SizeValueType> order(points.size() / dimension);
  std::iota(order.begin(), order.end(), SizeValueType{ 0 });
  SortRange(dimension, points, order.begin(), order.end());
  for (SizeValueType begin = 0; begin < order.size(); begin += Length)
  {
    const SizeValueType end = std::min(begin + Length, order.size());
    DivideAtGaps(dimension,
                 points,
                 order.begin() + static_cast<std::ptrdiff_t>(begin),
                 order.begin() + static_cast<std::ptrdiff_t>(end),
                 Counts);
  }

  const SizeValueType blocks = Counts.size();
  Order.resize(blocks * Length);
  Coordinates.resize(blocks * dimension * Length);
  Centers.resize(blocks * dimension);
  HalfWidths.resize(blocks * dimension);
  SizeValueType next = 0;
  for (SizeValueType block = 0; block < blocks; ++block)
  {
    for (SizeValueType k = 0; k < Length; ++k)
    {
      Order[block * Length + k] = order[next + std::min(k, Counts[block] - 1)];
    }
    next += Counts[block];
    for (unsigned int d = 0; d < dimension; ++d)
    {
      double * coordinates = &Coordinates[(block * dimension + d) * Length];
      for (SizeValueType k = 0; k < Length; ++k)
      {
        coordinates[k] = points[Order[block * Length + k] * dimension + d];
      }
      const auto   bounds = std::minmax_element(coordinates, coordinates + Length);
      const double halfWidth = 0.5 * (*bounds.second - *bounds.first);
      Centers[block * dimension + d] = *bounds.first + halfWidth;
      // rounding must not leave a point outside
      HalfWidths[block * dimension + d] = halfWidth * (1.0 + 1e-12);
    }
  }
}

namespace
{

/** Points of one block and values at them; those of value −∞ do not count. */
struct ValuedPoints
{
  unsigned int   Dimension;
  const double * Coordinates;
  SizeValueType  Stride; ///< from one coordinate of a point to the next
  const double * Values;
  SizeValueType  Count;
  const double * Center; ///< near the points

  bool
  IsFinite(SizeValueType k) const
  {
    return Values[k] > -std::numeric_limits<double>::infinity();
  }

  double
  GetOffset(SizeValueType k, unsigned int d) const
  {
    return Coordinates[d * Stride + k] - Center[d];
  }
};

/** \return the mean value, −∞ if no point counts. \param centroid of the points that count, relative to the center:
 * zeros before. */
double
FindMeans(const ValuedPoints & points, std::vector<double> & centroid)
{
  double mean = 0.0;
  double finite = 0.0;
  for (SizeValueType k = 0; k < points.Count; ++k)
  {
    if (points.IsFinite(k))
    {
      mean += points.Values[k];
      finite += 1.0;
      for (unsigned int d = 0; d < points.Dimension; ++d)
      {
        centroid[d] += points.GetOffset(k, d);
      }
    }
  }
  if (finite == 0.0)
  {
    return -std::numeric_limits<double>::infinity();
  }
  std::transform(centroid.begin(), centroid.end(), centroid.begin(), [finite](double x) { return x / finite; });
  return mean / finite;
}

/** The normal equations of the slope: adds the lower half of the matrix of second moments, and the moments of the
 * values. \return the trace. */
double
AddMoments(const ValuedPoints &        points,
           double                      mean,
           const std::vector<double> & centroid,
           std::vector<double> &       matrix,
           double *                    moments)
{
  const unsigned int  dimension = points.Dimension;
  std::vector<double> offset(dimension);
  double              trace = 0.0;
  for (SizeValueType k = 0; k < points.Count; ++k)
  {
    if (!points.IsFinite(k))
    {
      continue;
    }
    for (unsigned int d = 0; d < dimension; ++d)
    {
      offset[d] = points.GetOffset(k, d) - centroid[d];
      moments[d] += offset[d] * (points.Values[k] - mean);
      trace += offset[d] * offset[d];
      for (unsigned int e = 0; e <= d; ++e)
      {
        matrix[d * dimension + e] += offset[d] * offset[e];
      }
    }
  }
  return trace;
}

} // namespace

double
FitSlope(unsigned int   dimension,
         const double * coordinates,
         SizeValueType  stride,
         const double * values,
         SizeValueType  count,
         const double * center,
         double *       slope)
{
  const ValuedPoints  points{ dimension, coordinates, stride, values, count, center };
  std::vector<double> centroid(dimension, 0.0);
  double              mean = FindMeans(points, centroid);
  std::fill(slope, slope + dimension, 0.0);
  if (mean == -std::numeric_limits<double>::infinity())
  {
    return mean;
  }
  std::vector<double> matrix(dimension * dimension, 0.0);
  const double        trace = AddMoments(points, mean, centroid, matrix, slope);
  if (!(trace > 0.0))
  {
    std::fill(slope, slope + dimension, 0.0);
    return mean;
  }
  for (unsigned int d = 0; d < dimension; ++d)
  {
    matrix[d * dimension + d] += FitRidge * trace;
  }
  SolvePositive(dimension, matrix.data(), slope);
  for (unsigned int d = 0; d < dimension; ++d)
  {
    mean -= slope[d] * centroid[d];
  }
  return mean;
}

} // namespace Sinkhorn
} // namespace itk
