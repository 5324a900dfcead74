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
#ifndef itkSinkhornDivergence_h
#define itkSinkhornDivergence_h

#include "itkSinkhornSolver.h"

namespace itk
{
namespace Sinkhorn
{

/** Values of a solved transport problem, all in mm² (times mass), as sums over the points.
 *
 * Balanced: OT = ⟨α,f⟩ + ⟨β,g⟩; divergence = ⟨α, f−f_αα⟩ + ⟨β, g−g_ββ⟩.
 * Unbalanced, at the best translation (f+c, g−c): OT = ρm_α + ρm_β + ε m_α m_β − (ρ+ε/2)[⟨α,e^{−f/ρ}⟩ + ⟨β,e^{−g/ρ}⟩]
 * and the divergence (ρ+ε/2)[⟨α, e^{−f_αα/ρ} − e^{−f/ρ}⟩ + ⟨β, e^{−g_ββ/ρ} − e^{−g/ρ}⟩] (Séjourné et al. 2019, for the
 * cost |x−y|²/2). */
struct TransportValues
{
  double MassAlpha{ 0.0 };
  double MassBeta{ 0.0 };
  /** OT_ε(α, β) */
  double Transport{ 0.0 };
  /** Sinkhorn divergence S_ε(α, β); equals Transport without the self terms when these were not computed. */
  double Divergence{ 0.0 };
};

/** Value of the problem from its potentials. The self terms are used if present in \a potentials. */
template <typename TReal>
Sinkhorn_EXPORT TransportValues
ComputeTransportValues(const std::vector<TReal> & logAlpha,
                       const std::vector<TReal> & logBeta,
                       const SolverParameters &   parameters,
                       const Potentials<TReal> &  potentials,
                       ThreadIdType               numberOfWorkUnits = 0);

/** First variation of the value (divergence if the self potentials are present, else OT) with respect to the density of
 * one side, mm², on every point of that side, by the envelope theorem: f or f − f_αα; unbalanced ρ + ε m_β −
 * (ρ+ε)e^{−f/ρ} or (ρ+ε)(e^{−f_αα/ρ} − e^{−f/ρ}). The gradient with respect to the position of a particle of mass α_i
 * is α_i ∇φ(x_i).
 *
 * \param oppositeMass mass of the other side (used when unbalanced and not debiased). */
template <typename TReal>
Sinkhorn_EXPORT void
ComputeFirstVariation(Side                      side,
                      const SolverParameters &  parameters,
                      const Potentials<TReal> & potentials,
                      double                    oppositeMass,
                      std::vector<TReal> &      variation,
                      ThreadIdType              numberOfWorkUnits = 0);

/** The fidelity as the paper reports it (Feydy et al. 2017, eq. 10), with its own conventions: C = |x−y|² and
 * ε_paper = 2σ², a = α e^{f/ε}, b = β e^{g/ε},
 * W = ε_paper (⟨p, log a + ½⟩ + ⟨q, log b + ½⟩). Balanced problems only. */
template <typename TReal>
Sinkhorn_EXPORT double
ComputePaperFidelity(const std::vector<TReal> & logAlpha,
                     const std::vector<TReal> & logBeta,
                     const SolverParameters &   parameters,
                     const Potentials<TReal> &  potentials);

} // namespace Sinkhorn
} // namespace itk

#endif
