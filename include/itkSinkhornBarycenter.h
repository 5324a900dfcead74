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
#ifndef itkSinkhornBarycenter_h
#define itkSinkhornBarycenter_h

#include "itkSinkhornSolver.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** What is asked of a barycentre. Lengths in mm. */
struct BarycenterParameters
{
  /** σ; ε = σ². Must be > 0. */
  double Blur{ 1.0 };
  /** Minimise Sinkhorn divergences, which gives shapes as sharp as the inputs, instead of OT_ε, which blurs them. */
  bool Debias{ true };
  /** Stop when the marginals of all plans differ from the barycentre by at most this, in L1 and relative to the mass.
   */
  double Tolerance{ 1e-3 };
  /** Iterations (two softmins for each density, and one) allowed at the final blur. */
  unsigned int MaximumNumberOfIterations{ 500 };
  /** Ratio between successive blurs on the way from the diameter down to Blur, in (0, 1). */
  double AnnealingRatio{ 0.7 };
  /** Iterations at each blur before the last. */
  unsigned int AnnealingIterations{ 4 };
};

/** How a barycentre was found. */
struct BarycenterReport
{
  /** Iterations at the final blur. */
  unsigned int NumberOfIterations{ 0 };
  double       MarginalError{ 0.0 };
  bool         Converged{ false };
  bool         Aborted{ false };
};

/** \brief Wasserstein barycentre of densities on one support: the density \f$\alpha\f$ that minimises
 * \f$\sum_k w_k S_\varepsilon(\alpha_k,\alpha)\f$.
 *
 * H. Janati, M. Cuturi, A. Gramfort, *Debiased Sinkhorn barycenters*, ICML 2020, algorithm 1, in the logarithmic domain
 * and so for any blur, on the operator's pyramid with an annealed blur. Without Debias: Benamou et al. 2015.
 *
 * \param op the points, the same for all densities and for the barycentre (Side::Alpha is used).
 * \param logDensities logarithms of the masses, each of total mass 1; \f$-\infty\f$ marks an empty point.
 * \param weights one for each density, ≥ 0, of sum 1.
 * \param logBarycenter the result, of total mass 1 within rounding.
 * \param observer called after each iteration; returning false stops.
 * \exception itk::ExceptionObject on parameters out of range, no densities, arrays of wrong length or without mass, or
 * weights that are negative or do not sum to 1. */
template <typename TReal>
Sinkhorn_EXPORT BarycenterReport
ComputeBarycenter(const typename SoftminOperator<TReal>::Pointer & op,
                  const std::vector<std::vector<TReal>> &          logDensities,
                  const std::vector<double> &                      weights,
                  const BarycenterParameters &                     parameters,
                  std::vector<TReal> &                             logBarycenter,
                  const SolverObserver &                           observer = nullptr);

} // namespace Sinkhorn
} // namespace itk

#endif
