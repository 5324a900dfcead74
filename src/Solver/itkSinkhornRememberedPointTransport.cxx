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
#include "itkSinkhornRememberedPointTransport.h"

#include <tuple>

namespace itk
{
namespace Sinkhorn
{

namespace
{

bool
AreEqual(const PointMeasure & a, const PointMeasure & b)
{
  return a.Dimension == b.Dimension && a.Positions == b.Positions && a.Masses == b.Masses &&
         a.Directions == b.Directions;
}

/** Everything that a result depends on. */
auto
GetKey(const PointTransportParameters & p)
{
  return std::make_tuple(p.NormalizeMasses,
                         p.PreserveMassRatio,
                         p.DirectionWeight,
                         p.OrientedDirections,
                         p.Solver.Blur,
                         p.Solver.Reach,
                         p.Solver.Debias,
                         p.Solver.Tolerance,
                         p.Solver.MaximumNumberOfIterations,
                         p.Solver.Accelerate);
}

/** Potentials to start with: those of the last transport if the masses are the same, in either order. */
Potentials<double>
FindStart(const PointTransport & last, const PointMeasure & alpha, const PointMeasure & beta)
{
  const PointMeasure & lastAlpha = last.GetMeasure(Side::Alpha);
  const PointMeasure & lastBeta = last.GetMeasure(Side::Beta);
  if (last.GetPotentials().F.empty())
  {
    return {};
  }
  if (alpha.Masses == lastAlpha.Masses && beta.Masses == lastBeta.Masses)
  {
    return beta.Positions == lastBeta.Positions ? last.PredictPotentials(alpha.Positions) : last.GetPotentials();
  }
  Potentials<double> start;
  if (alpha.Masses == lastBeta.Masses && beta.Masses == lastAlpha.Masses)
  {
    start = last.GetPotentials();
    start.F.swap(start.G);
    start.FAlphaAlpha.swap(start.GBetaBeta);
    start.Shift = -start.Shift;
  }
  return start;
}

} // namespace

const PointTransport &
RememberedPointTransport::Update(const PointMeasure &             alpha,
                                 const PointMeasure &             beta,
                                 const PointTransportParameters & parameters,
                                 bool                             useWarmStart)
{
  std::unique_ptr<PointTransport> last = std::move(m_Transport);
  if (last && GetKey(last->GetParameters()) == GetKey(parameters) && AreEqual(last->GetMeasure(Side::Alpha), alpha) &&
      AreEqual(last->GetMeasure(Side::Beta), beta))
  {
    m_Transport = std::move(last);
    return *m_Transport;
  }
  std::unique_ptr<PointTransport> next(new PointTransport(alpha, beta, parameters));
  next->Solve(last && useWarmStart ? FindStart(*last, alpha, beta) : Potentials<double>());
  ++m_NumberOfSolves;
  m_Transport = std::move(next);
  return *m_Transport;
}

} // namespace Sinkhorn
} // namespace itk
