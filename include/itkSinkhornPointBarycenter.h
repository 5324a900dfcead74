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
#ifndef itkSinkhornPointBarycenter_h
#define itkSinkhornPointBarycenter_h

#include "itkSinkhornPointTransport.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

struct PointBarycenterParameters
{
  /** The transport to each of the measures. */
  PointTransportParameters Transport;
  unsigned int             MaximumNumberOfIterations{ 100 };
  /** Stop when no particle moves by more than this part of the blur. */
  double Tolerance{ 0.05 };
};

struct PointBarycenterReport
{
  unsigned int NumberOfIterations{ 0 };
  /** Weighted mean of the values of the transports, mm² times mass, before the last move. */
  double Energy{ 0.0 };
  /** Longest move of a particle in the last iteration, mm. */
  double LargestMove{ 0.0 };
  bool   Converged{ false };
};

/** \brief The mean of several curves, surfaces or clouds: particles whose weighted mean divergence from all of them is
 * least.
 *
 * The particles of \a start keep their masses and follow the mean of their springs, x ← x + s Σ_k w_k spring_k(x), the
 * gradient flow of Σ_k w_k S_ε(·, β_k) (free-support barycentre, Cuturi and Doucet, *Fast computation of Wasserstein
 * barycenters*, 2014; Feydy et al., *Interpolating between optimal transport and MMD using Sinkhorn divergences*, 2019,
 * section 4). s is 1 and is halved whenever the energy has risen, which takes the move back.
 *
 * \param measures at least one. \param weights one for each, ≥ 0, not all 0; they are scaled to a sum of 1.
 * \param start particles to begin with; also their number and masses. \param report if not null, what happened.
 * \return the particles, without directions.
 * \exception itk::ExceptionObject if numbers do not match, a weight is negative or not finite, directions are asked
 * for, a parameter is out of range, and see PointTransport. */
Sinkhorn_EXPORT PointMeasure
ComputePointBarycenter(const std::vector<PointMeasure> & measures,
                       const std::vector<double> &       weights,
                       const PointMeasure &              start,
                       const PointBarycenterParameters & parameters,
                       PointBarycenterReport *           report = nullptr);

} // namespace Sinkhorn
} // namespace itk

#endif
