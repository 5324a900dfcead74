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
#ifndef itkSinkhornLiftedMeasures_h
#define itkSinkhornLiftedMeasures_h

#include "itkSinkhornClusteredSoftminOperator.h"
#include "itkSinkhornPointMeasure.h"

#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** How two point measures are made comparable. */
struct PointComparisonParameters
{
  /** Scale both masses to 1. Off: as they are. */
  bool NormalizeMasses{ true };
  /** With NormalizeMasses, for shapes whose difference of mass means something and a distance that bears it: scale both
   * masses by the factor that makes their sum 2, so that the difference stays visible. */
  bool PreserveMassRatio{ false };
  /** s, mm: what a direction weighs against a distance. The cost becomes |x−y|²/2 + s²(1−⟨n,m⟩²), or
   * |x−y|²/2 + s²(1−⟨n,m⟩) if directions are oriented. 0: directions do not matter. */
  double DirectionWeight{ 0.0 };
  /** Whether n and −n are different directions. */
  bool OrientedDirections{ false };
  /** Threads; 0 lets ITK choose. Never changes a result. */
  ThreadIdType NumberOfWorkUnits{ 0 };
};

/** Derivative of a value with respect to the position of every particle and, if directions matter, to its direction;
 * coordinate after coordinate. */
struct PointGradient
{
  std::vector<double> Positions;
  std::vector<double> Directions;
};

/** \class LiftedMeasures
 * \brief Two point measures in a space in which half the squared distance is the whole cost.
 *
 * Positions are followed by s·n if directions are oriented, else by the distinct entries of s·n nᵀ, those off the
 * diagonal times √2, since |nnᵀ − mmᵀ|² = 2 − 2⟨n,m⟩²; or by nothing if directions do not matter.
 *
 * \ingroup Sinkhorn
 */
class Sinkhorn_EXPORT LiftedMeasures
{
public:
  using ArrayType = std::vector<double>;

  /** \exception itk::ExceptionObject if a measure is none (PointMeasure::Check()), the dimensions differ, or directions
   * are to be compared that one of them has not. */
  LiftedMeasures(const PointMeasure & alpha, const PointMeasure & beta, const PointComparisonParameters & parameters);

  const PointMeasure &
  GetMeasure(Side side) const
  {
    return m_Measures[static_cast<size_t>(side)];
  }

  /** Coordinates of every particle. */
  unsigned int
  GetDimension() const
  {
    return m_Dimension;
  }
  const ArrayType &
  GetCoordinates(Side side) const
  {
    return m_Coordinates[static_cast<size_t>(side)];
  }

  /** Logarithms of the masses after normalisation. */
  const ArrayType &
  GetLogWeights(Side side) const
  {
    return m_LogWeights[static_cast<size_t>(side)];
  }

  /** Masses after normalisation. */
  ArrayType
  GetMasses(Side side) const;

  std::shared_ptr<const ClusteredSoftminOperator>
  MakeOperator(PairPrecision precision) const;

  /** The positions out of coordinates or vectors of the space, particle after particle. */
  ArrayType
  GetPositions(Side side, const ArrayType & lifted) const;

  /** The derivative with respect to positions and directions, from the one with respect to the coordinates. */
  PointGradient
  PullBack(Side side, const ArrayType & lifted) const;

private:
  ArrayType
  Lift(const PointMeasure & measure) const;

  PointMeasure              m_Measures[2];
  PointComparisonParameters m_Parameters;
  unsigned int              m_Dimension{ 0 };
  ArrayType                 m_Coordinates[2];
  ArrayType                 m_LogWeights[2];
};

} // namespace Sinkhorn
} // namespace itk

#endif
