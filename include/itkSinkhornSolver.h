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
#ifndef itkSinkhornSolver_h
#define itkSinkhornSolver_h

#include "itkSinkhornSoftminOperator.h"

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** How the fixed-point iteration at one scale is sped up. All reach the same fixed point. */
enum class Acceleration : uint8_t
{
  None,           ///< plain alternating Sinkhorn updates
  Averaged,       ///< symmetrised, averaged updates f ← (f + T(g))/2, g ← (g + T(f))/2 from the same pair
  OverRelaxation, ///< alternating updates, relaxation chosen from the observed contraction and safeguarded (Thibault et
                  ///< al. 2017, Lehmann et al. 2020)
  Nesterov        ///< the extrapolated iteration of Feydy et al. 2017, section 3
};

Sinkhorn_EXPORT std::ostream &
                operator<<(std::ostream & os, Acceleration acceleration);

/** What is asked of the solver. Lengths in mm. */
struct SolverParameters
{
  /** σ; ε = σ². Must be > 0. */
  double Blur{ 1.0 };
  /** √ρ, the distance beyond which mass is created or destroyed rather than moved; 0 means balanced (ρ = ∞). */
  double Reach{ 0.0 };
  /** Also solve the two self-transport problems that the Sinkhorn divergence needs. */
  bool Debias{ true };
  /** Stop when the L1 marginal errors, relative to the mass, are at most this. */
  double Tolerance{ 1e-3 };
  /** Iterations (two softmins each) allowed on the finest grid at the final blur, and on every coarser grid. */
  unsigned int MaximumNumberOfIterations{ 200 };
  Acceleration Accelerate{ Acceleration::OverRelaxation };
  /** Ratio between successive blurs of the annealing from the diameter down to Blur, in (0, 1); 1 switches annealing
   * off. */
  double AnnealingRatio{ 0.7 };
  /** Solve on coarse grids first. */
  bool UsePyramid{ true };
  /** Correct the slow part of a fine grid's error on the next coarser ones between its iterations (multigrid), as long
   * as that pays. Accelerate then acts on the coarsest of these grids, and on the others once it does not pay. Needs
   * UsePyramid and a blur of at least one spacing. */
  bool UseCoarseCorrection{ true };
  /** End with one unrelaxed update of both potentials, so that they are soft c-transforms, defined and smooth on every
   * point, and their marginal error is not that of a relaxed iterate. */
  bool FinalUpdate{ true };
  /** When unbalanced, shift (f, g) by the constant that maximises the dual after each iteration (Séjourné et al. 2022).
   */
  bool TranslationInvariant{ true };
};

/** What the solver did. */
struct SolverReport
{
  /** Iterations on the finest grid at the final blur (cross problem). */
  unsigned int NumberOfIterations{ 0 };
  /** Softmins of all scales and grids, each weighted by its number of points relative to the finest grid. */
  double EquivalentSoftmins{ 0.0 };
  /** L1 errors of the two marginals of the cross plan and of the two self plans, relative to the mass: that of both
   * measures when balanced; with a reach √(m_α m_β) · (m_α m_β)^{ε/(4ρ+2ε)}, what one point of each mass would send to
   * the other at no distance, which unequal masses make unlike either of them. */
  double MarginalErrorAlpha{ 0.0 };
  double MarginalErrorBeta{ 0.0 };
  double MarginalErrorAlphaAlpha{ 0.0 };
  double MarginalErrorBetaBeta{ 0.0 };
  /** All of the above are within the tolerance. */
  bool Converged{ false };
  /** The observer asked to stop. */
  bool Aborted{ false };
  /** The potentials came from the caller's (warm start), not from annealing. */
  bool WarmStarted{ false };

  /** Largest of the marginal errors. */
  Sinkhorn_EXPORT double
  GetMarginalError() const;

  /** One sentence for people: "converged after 12 iterations, marginal error 3e-4 (tolerance 1e-3)". */
  Sinkhorn_EXPORT std::string
                  Describe(const SolverParameters & parameters) const;
};

/** Dual potentials, mm²; empty vectors where not computed. On input of a solve: the warm start.
 *
 * The potentials of the cross problem are F + Shift and G − Shift. Shift is what unequal masses add when the reach is
 * long, ρ/2 log(m_α/m_β): it has no bearing on the plan, but grows with the square of the reach, and would cost F and G
 * their digits. Where it would not (up to a hundred times ε) it is in F and G, and Shift is 0. */
template <typename TReal>
struct Potentials
{
  std::vector<TReal> F;           ///< on the points of α
  std::vector<TReal> G;           ///< on the points of β
  std::vector<TReal> FAlphaAlpha; ///< self-transport of α
  std::vector<TReal> GBetaBeta;   ///< self-transport of β
  double             Shift{ 0.0 };

  /** What has to be added to F or G. */
  double
  GetShift(Side side) const
  {
    return side == Side::Alpha ? Shift : -Shift;
  }
};

/** One step of the solver, for observers. */
struct SolverProgress
{
  double        Blur{ 0.0 };
  SizeValueType NumberOfPoints{ 0 };
  unsigned int  Iteration{ 0 };
  double        MarginalError{ 0.0 };
  /** Estimate of the part of the whole work that is done, in [0, 1], never decreasing. */
  double Fraction{ 0.0 };
};

/** Called after each iteration; returning false stops the solve. */
using SolverObserver = std::function<bool(const SolverProgress &)>;

/** \class Solver
 * \brief Entropic optimal transport between two weighted supports, in the logarithmic domain.
 *
 * Finds the dual potentials of
 * \f[ \min_\gamma \langle\gamma,C\rangle + \varepsilon\,\mathrm{KL}(\gamma|\alpha\otimes\beta)
 *     + \rho\,\mathrm{KL}(\gamma 1|\alpha) + \rho\,\mathrm{KL}(\gamma^T 1|\beta), \f]
 * \f$C(x,y)=|x-y|^2/2\f$, \f$\varepsilon=\mathrm{blur}^2\f$, \f$\rho=\mathrm{reach}^2\f$ (\f$\rho=\infty\f$, balanced,
 * for reach 0) by the fixed point (Feydy et al. 2017, section 3; Chizat et al. 2018) \f[ f(x) =
 * -\lambda\varepsilon\log\sum_y\exp\left(\log\beta(y)+\frac{g(y)-C(x,y)}{\varepsilon}\right),\quad
 *     \lambda=\frac{\rho}{\rho+\varepsilon}, \f]
 * and its mirror for \f$g\f$: annealing of the blur on a pyramid of operators, accelerated updates at each scale, an
 * early stop on the marginal error, and one last update of all potentials together, so that they are defined on every
 * point. At the final blur the coarser grids go on working: they correct the slow part of the error of the finer ones
 * (a multigrid method, the full approximation scheme), cold as well as warm.
 *
 * The solver knows the operator's interface only: no grid, no image.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT Solver
{
public:
  using OperatorType = SoftminOperator<TReal>;
  using PotentialsType = Potentials<TReal>;

  /** \param op geometry.
   * \param logAlpha, logBeta logarithms of the masses of the points; \f$-\infty\f$ marks an empty point.
   * \param potentials warm start if F and G have the right sizes, else empty; the result on return. A warm start skips
   * the annealing. It is abandoned for a cold one if its plan misplaces most of the mass, or if neither the corrections
   * of the coarser grids nor 20 iterations bring the error near the tolerance. \exception itk::ExceptionObject on
   * parameters out of range, NaN or +∞ weights, no mass, or unequal masses (relative difference above 1e-3) in a
   * balanced problem. */
  static SolverReport
  Solve(const typename OperatorType::Pointer & op,
        const std::vector<TReal> &             logAlpha,
        const std::vector<TReal> &             logBeta,
        const SolverParameters &               parameters,
        PotentialsType &                       potentials,
        const SolverObserver &                 observer = nullptr);
};

} // namespace Sinkhorn
} // namespace itk

#endif
