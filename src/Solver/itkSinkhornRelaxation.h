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
#ifndef itkSinkhornRelaxation_h
#define itkSinkhornRelaxation_h

#include "itkSinkhornSolver.h"

namespace itk
{
namespace Sinkhorn
{

/** \class Relaxation
 * \brief Chooses the relaxation ω of every half-step f ← f + ω (T(g) − f) of the alternating updates.
 *
 * Near the fixed point the plain iteration is a linear Gauss-Seidel iteration with a real spectrum in [0, η]. The
 * cyclic Chebyshev semi-iteration (Golub and Varga 1961) takes ω₁ = 1, ω₂ = 1/(1−η/2), ω_{k+1} = 1/(1−ηω_k/4), one ω
 * per half-step: optimal among all such schemes, without the transient growth of successive over-relaxation with the
 * limit ω = 2/(1+√(1−η)) from the start (Thibault et al. 2017; Lehmann et al. 2020), and with its asymptotic
 * contraction ω − 1.
 *
 * η is not known. It is read from the observed contraction μ of the marginal error by Young's relation
 * (μ+ω−1)² = μ ω² η (Hageman and Young 1981, section 9.3), and raised only. Safeguard: an error far above the best one
 * seen resets ω to 1 and lowers η, for good if it happens again, so that the worst case is the plain
 * iteration. */
class Relaxation
{
public:
  /** \param largestEta bound of η that is known beforehand: λ² when unbalanced, 1 when balanced.
   * \param knownEta η to begin with and not to exceed; 0 if it is to be found. */
  explicit Relaxation(Acceleration acceleration, double largestEta = 1.0, double knownEta = 0.0);

  /** ω for the next half-step. */
  double
  NextOmega();

  /** Tells the error that the last iteration (two half-steps) found. */
  void
  Observe(double error);

private:
  void
  Reset(double error);

  Acceleration m_Acceleration;
  double       m_Omega{ 1.0 };
  double       m_Eta{ 0.0 };
  double       m_LargestEta{ 0.0 };
  double       m_BestError{ 0.0 };
  double       m_WindowError{ 0.0 };
  double       m_PreviousWindowError{ 0.0 };
  unsigned int m_Iteration{ 0 };
  unsigned int m_NumberOfResets{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
