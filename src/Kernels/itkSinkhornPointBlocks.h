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
#ifndef itkSinkhornPointBlocks_h
#define itkSinkhornPointBlocks_h

#include "itkIntTypes.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Refuses a list of coordinates that is empty, no multiple of the dimension or not finite.
 * \param name what to call it in the message. */
void
CheckPointList(unsigned int dimension, const std::vector<double> & points, const char * name);

/** Length of the diagonal of the box around the points of all lists, mm; 0 without points. */
double
ComputeBoxDiagonal(unsigned int dimension, const std::vector<const std::vector<double> *> & lists);

/** \brief The points of one measure in blocks of neighbours.
 *
 * The order is that of the leaves of a k-d tree: the widest axis of each range is halved, at a multiple of the length
 * of a block; ranges within a block are halved further, so that any aligned piece of a block is compact as well. Points
 * equal along an axis keep their order, so the result is unique. A block whose points lie on both sides of a gap of
 * more than half of its width is divided there. Blocks are filled up with copies of their last point. */
struct PointBlocks
{
  /** Places in a block. */
  static constexpr SizeValueType Length = 32;

  PointBlocks() = default;
  PointBlocks(unsigned int dimension, const std::vector<double> & points);

  SizeValueType
  GetNumberOfBlocks() const
  {
    return Counts.size();
  }

  unsigned int Dimension{ 0 };
  /** Number of the point at each place, Length places for each block. */
  std::vector<SizeValueType> Order;
  /** Points of each block, without the copies. */
  std::vector<SizeValueType> Counts;
  /** Coordinate d of place k of block b at (b·Dimension + d)·Length + k. */
  std::vector<double> Coordinates;
  /** Middle of the box around each block, and half of its widths; coordinate after coordinate. */
  std::vector<double> Centers;
  std::vector<double> HalfWidths;
};

/** The nearest points of every point, itself first: \a count numbers for each, or as many as there are points, nearer
 * ones first. \a blocks must have been made of \a points. */
std::vector<SizeValueType>
FindNeighbors(const PointBlocks &         blocks,
              const std::vector<double> & points,
              SizeValueType               count,
              ThreadIdType                workUnits);

/** \brief The affine function p·(y − c) + constant that fits values at points best (least squares).
 *
 * \param coordinates coordinate d of point k at d·stride + k. \param values those that are not finite are left out.
 * \param center, slope one entry for each coordinate. \return the
 * constant; −∞ if no value is finite. */
double
FitSlope(unsigned int   dimension,
         const double * coordinates,
         SizeValueType  stride,
         const double * values,
         SizeValueType  count,
         const double * center,
         double *       slope);

} // namespace Sinkhorn
} // namespace itk

#endif
