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
#ifndef itkSinkhornPointSoftminSimd_h
#define itkSinkhornPointSoftminSimd_h

#include "itkIntTypes.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Columns of values whose means are taken in one pass. */
constexpr unsigned int PointValueColumns = 3;

/** Coordinates that a point may have: three and the six different products of a direction's, and some to spare. */
constexpr unsigned int MaximumPointDimension = 12;

/** \brief One softmin between two measures in blocks of points (PointBlocks), ready for the vectorised loop.
 *
 * Source j of block J, with centre c, has the offset v_j = y_j − c, and what is to be summed at the target x is the
 * exponential of
 * \f[ h_j + g_j/\varepsilon - \tfrac{|x-y_j|^2}{2\varepsilon}
 *     = \underbrace{m_J - \tfrac{|x-c|^2}{2\varepsilon}}_{\text{one number for each block}} + t_j + \langle v_j,
 *       p_J + \tfrac{x-c}{\varepsilon} \rangle, \qquad
 *   m_J + \langle p_J, v_j\rangle + t_j = h_j + g_j/\varepsilon - \tfrac{|v_j|^2}{2\varepsilon}, \f]
 * where m_J + ⟨p_J,v⟩ is a fit to the block's values, so that t is small. For the sources that matter at x the vector
 * p_J + (x−c)/ε is small as well: the transport displaces x by about ε p_J. So t, v and this vector, and with them all
 * that is done once for each pair, need only single precision, however large the domain is relative to the blur; what
 * is done once for each target and block is done in double precision. The same numbers bound a whole block: blocks that
 * cannot contribute are left out. */
template <typename T>
struct PointSoftminPass
{
  unsigned int Dimension{ 0 };
  double       InverseEpsilon{ 1.0 };
  /** A block is left out if all its exponents are so far below the largest one: log of the number of points / error. */
  double Threshold{ 0.0 };

  // sources
  SizeValueType  NumberOfSourceBlocks{ 0 };
  const double * SourceCenters{};
  const double * SourceHalfWidths{};
  const double * Constants{}; ///< m_J; −∞: the block is empty
  const double * Slopes{};    ///< p_J
  const double * Largest{};   ///< the largest t of the block
  const T *      Offsets{};   ///< t_j; −∞: the point is empty
  const T *      Coordinates{};
  const T *      Values{};     ///< null, or PointValueColumns arrays for each block, relative to ...
  const double * ValueMeans{}; ///< ... these, PointValueColumns for each block

  // targets
  const double * TargetCoordinates{};
  const double * TargetCenters{};
  const double * TargetHalfWidths{};
  double *       Out{};   ///< place by place
  double *       Means{}; ///< column c of place k of block b at (b·PointValueColumns + c)·Length + k
};

/** The softmin of one block of targets, with the best instruction set of the machine. It depends neither on the other
 * blocks nor on the thread. */
template <typename T>
void
ApplyPointSoftmin(const PointSoftminPass<T> & pass, SizeValueType targetBlock);
template <>
void
ApplyPointSoftmin(const PointSoftminPass<float> & pass, SizeValueType targetBlock);
template <>
void
ApplyPointSoftmin(const PointSoftminPass<double> & pass, SizeValueType targetBlock);

} // namespace Sinkhorn
} // namespace itk

#endif
