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
#ifndef itkSinkhornDensityTransport_h
#define itkSinkhornDensityTransport_h

#include "itkSinkhornDivergence.h"
#include "itkSinkhornGridOperator.h"

#include <utility>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class DensityTransport
 * \brief The transport between two densities on one grid, remembered from one evaluation to the next.
 *
 * A registration asks for nearly the same transport again and again, and SyN asks for each one twice with the two
 * images swapped. So the last densities and potentials are kept:
 * - equal densities (bit for bit, on a grid of equal size and spacing, with equal parameters) cost no solve, nor do the
 *   same two swapped, whose potentials are exchanged;
 * - other densities on the same grid start warm from the last potentials, exchanged if the densities resemble the last
 *   ones more when swapped; the solver finds out whether these are of use (see Solver::Solve());
 * - anything else starts cold.
 *
 * The key is the content, never an address. After an exception nothing is remembered.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class DensityTransport
{
public:
  /** Solves, or remembers, the transport from α to β.
   *
   * \param size, spacing of the grid (mm), fastest axis first.
   * \param logAlpha, logBeta logarithmic weights of every voxel, or, with costs between K bins of a feature, of every
   * voxel bin after bin.
   * \param costs K rows of K, mm², see FeatureSoftminOperator; empty: no feature.
   * \exception itk::ExceptionObject see Solver::Solve(). */
  void
  Update(const std::vector<SizeValueType> & size,
         const std::vector<double> &        spacing,
         std::vector<TReal>                 logAlpha,
         std::vector<TReal>                 logBeta,
         const SolverParameters &           parameters,
         ThreadIdType                       numberOfWorkUnits,
         const std::vector<double> &        costs = {});

  /** Forgets everything but the number of solves. */
  void
  Clear();

  /** Whether there is a result. */
  bool
  IsEmpty() const
  {
    return m_LogAlpha.empty();
  }

  /** Start from the last potentials when the densities resemble the last ones (default), or always from nothing. */
  void
  SetUseWarmStart(bool use)
  {
    m_UseWarmStart = use;
  }

  /** Makes the operators from now on; forgets everything but the number of solves. */
  void
  SetOperatorMaker(OperatorMaker<TReal> maker)
  {
    m_OperatorMaker = std::move(maker);
    this->Clear();
  }

  /** \name The last result, in the order in which the densities were last given. */
  /**@{*/
  const std::vector<TReal> &
  GetLogWeights(Side side) const
  {
    return side == Side::Alpha ? m_LogAlpha : m_LogBeta;
  }
  const Potentials<TReal> &
  GetPotentials() const
  {
    return m_Potentials;
  }
  const SolverReport &
  GetReport() const
  {
    return m_Report;
  }
  const TransportValues &
  GetValues() const
  {
    return m_Values;
  }
  const SolverParameters &
  GetParameters() const
  {
    return m_Parameters;
  }
  /**@}*/

  /** Number of transport problems that were really solved. */
  SizeValueType
  GetNumberOfSolves() const
  {
    return m_NumberOfSolves;
  }

private:
  void
  Swap();

  bool
  IsSameProblem(const std::vector<SizeValueType> & size,
                const std::vector<double> &        spacing,
                const SolverParameters &           parameters,
                const std::vector<double> &        costs) const;

  /** Prepares m_Potentials for a solve: exchanged, or emptied, or as they are. */
  void
  ChooseStart(bool sameProblem, const std::vector<TReal> & logAlpha, const std::vector<TReal> & logBeta);

  OperatorMaker<TReal>       m_OperatorMaker;
  std::vector<SizeValueType> m_Size;
  std::vector<double>        m_Spacing;
  std::vector<double>        m_Costs;
  std::vector<TReal>         m_LogAlpha;
  std::vector<TReal>         m_LogBeta;
  SolverParameters           m_Parameters;
  Potentials<TReal>          m_Potentials;
  SolverReport               m_Report;
  TransportValues            m_Values;
  SizeValueType              m_NumberOfSolves{ 0 };
  bool                       m_UseWarmStart{ true };
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornDensityTransport.hxx"
#endif

#endif
