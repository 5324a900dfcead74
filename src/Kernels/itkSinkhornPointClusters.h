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
#ifndef itkSinkhornPointClusters_h
#define itkSinkhornPointClusters_h

#include "itkIntTypes.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \brief Points in the order of the cells of a cubic lattice, those of one cell in their own order. */
class PointCells
{
public:
  /** \param positions coordinates of the points. \param origin of the lattice, mm. \param cellSize mm. */
  PointCells(unsigned int                dimension,
             const std::vector<double> & positions,
             const std::vector<double> & origin,
             double                      cellSize);

  SizeValueType
  GetNumberOfPoints() const
  {
    return m_Order.size();
  }
  SizeValueType
  GetNumberOfCells() const;

  /** The number of the point at a place of the order. */
  SizeValueType
  operator[](SizeValueType place) const
  {
    return m_Order[place];
  }
  /** Whether the point at a place of the order is the first one of its cell. */
  bool
  StartsCell(SizeValueType place) const;

private:
  unsigned int               m_Dimension;
  std::vector<double>        m_Cells; // whole numbers
  std::vector<SizeValueType> m_Order;
};

/** \brief The points of one measure, brought together in the cells of a cubic lattice. */
struct PointClusters
{
  /** \param positions coordinates of the points. \param masses of the points, ≥ 0. \param cellSize mm. */
  PointClusters(unsigned int                dimension,
                const std::vector<double> & positions,
                const std::vector<double> & masses,
                double                      cellSize);

  /** Cluster of each point. Clusters are numbered in the order of their first points. */
  std::vector<SizeValueType> Parents;
  /** Centre of mass of each cluster; without mass the mean of its points. */
  std::vector<double> Positions;
  std::vector<double> Masses;
};

} // namespace Sinkhorn
} // namespace itk

#endif
