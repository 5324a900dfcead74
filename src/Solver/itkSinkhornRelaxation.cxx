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
#include <limits>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** The authors' code of Feydy et al. 2017 extrapolates with τ = −0.8, which is ω = 1 − τ. */
constexpr double NesterovOmega = 1.8;

/** First guess of η, the contraction of plain iterations on typical images at a blur of a few voxels: ω tends to 1.75.
 * Too large a guess costs little, too small a one is corrected. */
constexpr double FirstEta = 0.98;

/** ω stays below 1.94: beyond, the gain is small and rounding is amplified. */
constexpr double LargestEta = 0.999;

/** Plain iterations at the start of a stage: they remove the short wavelengths at once, which relaxed ones would keep.
 */
constexpr unsigned int PlainIterations = 2;

/** Iterations over which a contraction is measured. Relaxed iterations are not monotone, so the largest errors of two
 * successive windows are compared. */
constexpr unsigned int Window = 5;

/** Growth over the best error that counts as divergence. Far from the solution a relaxed iteration overshoots a lot and
 * comes back, so this is generous, and errors below SmallError count as that. */
constexpr double LargestGrowth = 100.0;
constexpr double SmallError = 0.05;

/** After so many resets η is not raised any more. */
constexpr unsigned int LargestNumberOfResets = 3;

} // namespace

Relaxation::Relaxation(Acceleration acceleration, double largestEta, double knownEta)
  : m_Acceleration(acceleration)
  , m_Eta(std::min(knownEta > 0.0 ? knownEta : FirstEta, largestEta))
  , m_LargestEta(std::min(knownEta > 0.0 ? knownEta : LargestEta, largestEta))
  , m_BestError(std::numeric_limits<double>::max())
{}

double
Relaxation::NextOmega()
{
  if (m_Acceleration == Acceleration::Nesterov)
  {
    return NesterovOmega;
  }
  if (m_Acceleration == Acceleration::OverRelaxation && m_Iteration >= PlainIterations)
  {
    m_Omega = m_Omega == 1.0 ? 1.0 / (1.0 - 0.5 * m_Eta) : 1.0 / (1.0 - 0.25 * m_Eta * m_Omega);
  }
  return m_Omega;
}

void
Relaxation::Reset(double error)
{
  // Doubles the distance to 1: 0.98 becomes 0.96.
  m_Eta = std::max(0.0, 1.0 - 2.0 * (1.0 - m_Eta));
  m_LargestEta = ++m_NumberOfResets < LargestNumberOfResets ? m_LargestEta : m_Eta;
  m_Omega = 1.0;
  m_Iteration = 0;
  m_WindowError = 0.0;
  m_BestError = error;
}

void
Relaxation::Observe(double error)
{
  ++m_Iteration;
  if (m_Acceleration != Acceleration::OverRelaxation)
  {
    return;
  }
  if (error > LargestGrowth * std::max(m_BestError, SmallError))
  {
    this->Reset(error);
    return;
  }
  m_BestError = std::min(m_BestError, error);

  m_WindowError = std::max(m_WindowError, error);
  if (m_Iteration % Window != 0)
  {
    return;
  }
  // The first window holds the plain iterations and the ramp of ω, which say nothing about η.
  if (m_Iteration > 2 * Window)
  {
    const double mu = std::pow(m_WindowError / std::max(m_PreviousWindowError, 1e-300), 1.0 / Window);
    // Below ω − 1 all modes that remain are complex, and the relation does not hold: η is large enough.
    if (mu > m_Omega - 1.0 && mu < 1.0)
    {
      const double eta = (mu + m_Omega - 1.0) * (mu + m_Omega - 1.0) / (mu * m_Omega * m_Omega);
      m_Eta = std::min(std::max(m_Eta, eta), m_LargestEta);
    }
  }
  m_PreviousWindowError = m_WindowError;
  m_WindowError = 0.0;
}

} // namespace Sinkhorn
} // namespace itk
