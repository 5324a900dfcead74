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
 * \brief Chooses the relaxation ω of alternating Sinkhorn updates f ← f + ω (T(g) − f).
 *
 * Near the fixed point the iteration is a linear Gauss-Seidel iteration whose slowest mode contracts by η per
 * iteration; successive over-relaxation with ω = 2/(1+√(1−η)) contracts by ω − 1 instead (Thibault et al. 2017; Lehmann
 * et al. 2020). η is not known: it is read from the decrease of the marginal error, and, while ω > 1, from Young's
 * relation (μ+ω−1)² = μ ω² η between η and the observed contraction μ (Hageman and Young 1981, section 9.3).
 *
 * Safeguard: when the error grows, ω falls back to 1 and its upper limit is lowered for the rest of the stage, so that
 * the worst case is the plain iteration. */
class Relaxation
{
public:
  explicit Relaxation(Acceleration acceleration);

  /** ω for the next iteration. */
  double
  GetOmega() const
  {
    return m_Omega;
  }

  /** Tells the error that the last iteration found. */
  void
  Observe(double error);

private:
  void
  Restart(double largestOmega);

  Acceleration m_Acceleration;
  double       m_Omega{ 1.0 };
  double       m_LargestOmega{ 0.0 };
  double       m_WindowStartError{ 0.0 };
  unsigned int m_WindowLength{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
