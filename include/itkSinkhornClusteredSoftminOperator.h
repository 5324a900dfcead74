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
#ifndef itkSinkhornClusteredSoftminOperator_h
#define itkSinkhornClusteredSoftminOperator_h

#include "itkSinkhornSoftminOperator.h"

#include <memory>
#include <ostream>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

struct PointBlocks;
struct PointClusters;

/** In what what is done once for each pair of points is computed. Everything else is in double precision. */
enum class PairPrecision : uint8_t
{
  Single, ///< error of the softmin about 1e-6 where the potential leads from one cloud into the other, else up to 1e-4
  Double  ///< as exact as double precision is; takes three times as long
};

Sinkhorn_EXPORT std::ostream &
                operator<<(std::ostream & os, PairPrecision precision);

/** \class ClusteredSoftminOperator
 * \brief Softmin between two clouds of points, fast: vectorised, far blocks left out, and with coarser versions.
 *
 * Points are kept in blocks of neighbours. For each pair of blocks a bound tells whether it can contribute to the sum;
 * if not (less than 1e-7 of it altogether), it is left out: at a small blur most are. Coordinates relative to the block
 * and potentials relative to a fit for each block let the pairs be computed in single precision however large the
 * domain is relative to the blur. Memory is proportional to the number of points.
 *
 * Coarser versions bring the points together in cells of a lattice, each twice as wide as that of the next finer one
 * (Feydy, *Geometric data analysis, beyond convolutions*, 2020, section 3.3.3).
 *
 * Points may have up to twelve coordinates, of which some may stand for features; the cost is half the squared distance
 * of all.
 *
 * Results are bit-identical for any number of threads.
 *
 * \ingroup Sinkhorn
 */
class Sinkhorn_EXPORT ClusteredSoftminOperator : public SoftminOperator<double>
{
public:
  /** \param dimension coordinates per point, 1 to 12.
   * \param alpha, beta coordinates in mm, point after point.
   * \param alphaMasses, betaMasses what the points weigh in the coarser versions, ≥ 0; usually their masses.
   * \exception itk::ExceptionObject if a coordinate is not finite, a list is empty, no multiple of the dimension, or
   * has another number of masses, or the dimension is out of range. */
  ClusteredSoftminOperator(unsigned int        dimension,
                           std::vector<double> alpha,
                           std::vector<double> beta,
                           std::vector<double> alphaMasses,
                           std::vector<double> betaMasses,
                           PairPrecision       precision = PairPrecision::Single,
                           ThreadIdType        numberOfWorkUnits = 0);
  ~ClusteredSoftminOperator() override;

  SizeValueType
  GetNumberOfPoints(Side side) const override;

  void
  Apply(Side to, Side from, double blur, const double * logWeights, const double * potential, double * out)
    const override;

  /** \brief Means of values under the weights of the softmin, Σ_y v(y) exp(…) / Σ_y exp(…), for each point of \a to.
   *
   * \param values as many columns as \a numberOfColumns, point after point, on the points of \a from; finite.
   * \param means the same on the points of \a to; NaN where all weights are empty. Rounding is relative to the spread
   * of the values within a few blurs. */
  void
  ComputeMeans(Side           to,
               Side           from,
               double         blur,
               const double * logWeights,
               const double * potential,
               const double * values,
               unsigned int   numberOfColumns,
               double *       means) const;

  bool
  HasOneSupport() const override;

  double
  GetDiameter() const override;

  /** Size of the cells; of the points themselves half of that of the next coarser version, or 0 if there is none. */
  double
  GetResolution() const override;

  /** Potentials go to the clusters as the mean weighted by the masses given to the constructor, and come back by the
   * affine function that fits the potential of neighbouring clusters best. */
  CoarserOperator<double>
  MakeCoarser() const override;

  ThreadIdType
  GetNumberOfWorkUnits() const override
  {
    return m_NumberOfWorkUnits;
  }

private:
  /** The points of one side. */
  struct Cloud;

  /** A softmin, and means if there are values. */
  struct Task;

  /** Between the points and their clusters. */
  class Transfer;

  const Cloud &
  GetCloud(Side side) const
  {
    return *m_Clouds[static_cast<size_t>(side)];
  }

  template <typename T>
  void
  Run(const Task & task) const;

  /** Whether single precision is enough at this blur. */
  bool
  IsSingleEnough(double blur) const;

  /** Brings the points together in the smallest cells, of this size or twice that and so on, that make them few. */
  void
  MakeClusters(double smallestCell);

  /** The next coarser version of another one. */
  ClusteredSoftminOperator(const ClusteredSoftminOperator & finer, double resolution);

  unsigned int           m_Dimension;
  PairPrecision          m_Precision;
  ThreadIdType           m_NumberOfWorkUnits;
  std::shared_ptr<Cloud> m_Clouds[2]; ///< once made they stay as they are, and transfers hold them
  double                 m_Diameter{ 0.0 };
  double                 m_Resolution{ 0.0 };
  bool                   m_HasOneSupport{ false };
  /** Cells of the next coarser version; 0: there is none. */
  double m_CellSize{ 0.0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
