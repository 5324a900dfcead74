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
#include "itkSinkhornRelaxation.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** The authors' code of Feydy et al. 2017 extrapolates with τ = −0.8, which is ω = 1 − τ. */
constexpr double NesterovOmega = 1.8;

/** ω ≥ 2 never converges; above this the gain is small and the risk large. */
constexpr double LargestOmega = 1.95;

/** Iterations over which a contraction is measured: relaxed iterations are not monotone. */
constexpr unsigned int Window = 4;

/** Over-relaxation is a local method: far from the fixed point plain iterations are safer. */
constexpr double LargestErrorForRelaxation = 0.3;

} // namespace

Relaxation::Relaxation(Acceleration acceleration)
  : m_Acceleration(acceleration)
  , m_Omega(acceleration == Acceleration::Nesterov ? NesterovOmega : 1.0)
  , m_LargestOmega(LargestOmega)
{}

void
Relaxation::Restart(double largestOmega)
{
  m_Omega = 1.0;
  m_LargestOmega = largestOmega;
  m_WindowLength = 0;
}

void
Relaxation::Observe(double error)
{
  if (m_Acceleration != Acceleration::OverRelaxation)
  {
    return;
  }
  if (m_WindowLength == 0)
  {
    m_WindowStartError = error;
    m_WindowLength = 1;
    return;
  }
  if (m_Omega > 1.0 && error > 2.0 * m_WindowStartError)
  {
    this->Restart(1.0 + 0.7 * (m_Omega - 1.0));
    return;
  }
  if (m_WindowLength++ < Window)
  {
    return;
  }

  const double contraction =
    std::pow(error / std::max(m_WindowStartError, 1e-300), 1.0 / static_cast<double>(m_WindowLength - 1));
  if (contraction >= 1.0)
  {
    this->Restart(m_Omega > 1.0 ? 1.0 + 0.7 * (m_Omega - 1.0) : m_LargestOmega);
    return;
  }
  if (error < LargestErrorForRelaxation)
  {
    const double m = m_Omega - 1.0;
    // Below ω − 1 the modes are complex and the relation does not hold: ω is large enough already.
    const double squaredRate =
      contraction > m ? (contraction + m) * (contraction + m) / (contraction * m_Omega * m_Omega) : 0.0;
    const double omega = 2.0 / (1.0 + std::sqrt(std::max(0.0, 1.0 - squaredRate)));
    m_Omega = std::min(std::max(m_Omega, omega), m_LargestOmega);
  }
  m_WindowStartError = error;
  m_WindowLength = 1;
}

} // namespace Sinkhorn
} // namespace itk
