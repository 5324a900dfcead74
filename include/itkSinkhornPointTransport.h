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
#ifndef itkSinkhornPointTransport_h
#define itkSinkhornPointTransport_h

#include "itkSinkhornDivergence.h"
#include "itkSinkhornLiftedMeasures.h"

#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** What is asked of the transport between two point measures. PreserveMassRatio needs a reach. */
struct PointTransportParameters : PointComparisonParameters
{
  /** Blur, reach, debiasing, tolerance and acceleration. */
  SolverParameters Solver;
};

/** \class PointTransport
 * \brief Entropic optimal transport between two curves, surfaces or clouds of weighted particles.
 *
 * Value, gradient and springs of OT or of the Sinkhorn divergence, balanced or with a reach, in the conventions of
 * Solver: cost |x−y|²/2, ε = blur². Memory is proportional to the number of particles: the plan is never stored. Pairs
 * of particles are computed in single precision (ClusteredSoftminOperator), with a tolerance below 1e-5 in double.
 *
 * \ingroup Sinkhorn
 */
class Sinkhorn_EXPORT PointTransport
{
public:
  using PotentialsType = Potentials<double>;
  using ArrayType = std::vector<double>;

  /** \exception itk::ExceptionObject see LiftedMeasures. */
  PointTransport(const PointMeasure & alpha, const PointMeasure & beta, const PointTransportParameters & parameters);

  /** Solves. \param start potentials of the transport between the same particles a little elsewhere: a warm start,
   * which the solver abandons if it is of no use; else empty. \exception itk::ExceptionObject see Solver::Solve(). */
  const SolverReport &
  Solve(PotentialsType start = {}, const SolverObserver & observer = nullptr);

  /** \name The result of Solve() */
  /**@{*/
  const SolverReport &
  GetReport() const
  {
    return m_Report;
  }
  const PotentialsType &
  GetPotentials() const
  {
    return m_Potentials;
  }
  /** OT and divergence, mm² times mass. */
  TransportValues
  GetValues() const;

  /** First variation φ of the value with respect to the mass of every particle, mm²; see ComputeFirstVariation(). */
  ArrayType
  ComputeVariation(Side side) const;

  /** Where the particles of a side are to go: the barycentric targets T(x_i) = Σ_j γ_ij y_j / Σ_j γ_ij, mm, coordinate
   * after coordinate. They shrink towards the mean of what the blur cannot tell apart. */
  ArrayType
  ComputeTargets(Side side) const;

  /** The springs −∇φ(x_i), mm: by what the particles of a side are pulled. The gradient of the value with respect to
   * the position of a particle is −m_i times its spring, m_i being its mass after normalisation (GetMasses()).
   *
   * T(x_i) − x_i when neither debiased nor unbalanced; debiased T(x_i) − T_αα(x_i), without the shrinking; with a reach
   * e^{−f/ρ}(T(x_i) − x_i), debiased minus e^{−f_αα/ρ}(T_αα(x_i) − x_i): where there is no mass within reach, nothing
   * pulls but that small bias. */
  ArrayType
  ComputeSprings(Side side) const;

  /** Derivative of the value with respect to the positions, and to the directions if these matter: minus the normalised
   * mass of each particle times its spring. */
  PointGradient
  ComputeGradient(Side side) const;

  /** \brief Potentials to start with when the particles of α have moved, for a warm start.
   *
   * A move by the part s of the springs leaves the part 1−s of the way (for s a least-squares fit to the move), and the
   * debiased potentials follow the geodesic of transport: g' = (1−s) g, and f' = (1−s) (f − s|spring|²/2) at the moved
   * particles (the Hopf-Lax formula; Villani, *Optimal Transport*, 2009, theorem 7.36). A registration that follows the
   * springs in steps of a third so saves up to half of the work of cold starts, most in balanced problems.
   * \param positions of the particles of α now. */
  PotentialsType
  PredictPotentials(const ArrayType & positions) const;

  /** Mass of the plan at every particle; at a balanced solution that of the particle, within the tolerance. */
  ArrayType
  ComputeMarginal(Side side) const;

  /** The measure on its way: the particles of α, moved by t times their springs, with their masses as given.
   * \param t 0 is α, 1 where the springs lead. Beyond [0, 1] it goes on along straight lines. */
  PointMeasure
  MakeInterpolation(double t) const;
  /**@}*/

  /** Masses after normalisation. */
  ArrayType
  GetMasses(Side side) const
  {
    return m_Measures.GetMasses(side);
  }

  const PointMeasure &
  GetMeasure(Side side) const
  {
    return m_Measures.GetMeasure(side);
  }

  const PointTransportParameters &
  GetParameters() const
  {
    return m_Parameters;
  }

private:
  void
  CheckSolved() const;

  /** Mean coordinates under the rows of the plan whose columns have this potential. */
  ArrayType
  ComputeMeans(Side to, Side from, const ArrayType & potential) const;

  /** Springs in the space of LiftedMeasures. */
  ArrayType
  ComputeLiftedSprings(Side side) const;

  LiftedMeasures                                  m_Measures;
  PointTransportParameters                        m_Parameters;
  std::shared_ptr<const ClusteredSoftminOperator> m_Operator;
  PotentialsType                                  m_Potentials;
  SolverReport                                    m_Report;
};

} // namespace Sinkhorn
} // namespace itk

#endif
