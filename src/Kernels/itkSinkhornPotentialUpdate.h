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
#ifndef itkSinkhornPotentialUpdate_h
#define itkSinkhornPotentialUpdate_h

#include "itkIntTypes.h"

namespace itk
{
namespace Sinkhorn
{

/** Temperature and marginal penalty of one stage, mm²; Rho 0 means balanced. */
struct Temperature
{
  double Epsilon{ 1.0 };
  double Rho{ 0.0 };

  /** λ = ρ/(ρ+ε), the damping of the unbalanced fixed point. */
  double
  GetDamping() const
  {
    return Rho > 0.0 ? Rho / (Rho + Epsilon) : 1.0;
  }
};

/** Sums over the points that have mass. */
struct UpdateSums
{
  /** Σ |marginal of the plan − its target| before the update; the target is α, or α e^{−f/ρ} when unbalanced. */
  double MarginalError{ 0.0 };
  /** Σ α e^{−f/ρ} after the update; 0 when balanced. */
  double DampedMass{ 0.0 };
  /** Σ α (e^{−f/ρ} − 1) after the update, which keeps its digits however long the reach; 0 when balanced. */
  double DampedExcess{ 0.0 };

  UpdateSums &
  operator+=(const UpdateSums & other)
  {
    MarginalError += other.MarginalError;
    DampedMass += other.DampedMass;
    DampedExcess += other.DampedExcess;
    return *this;
  }
};

/** Arrays and constants of an update f ← f + Relaxation · (Scale · softmin − f). */
template <typename TReal>
struct UpdateArguments
{
  const TReal * LogWeights{};
  const TReal * Softmin{};
  TReal *       Potential{};
  TReal *       Residual{}; ///< if not null: becomes target − marginal of every point; may be the softmin's array
  TReal         InverseEpsilon{ 0 };
  TReal         InverseRho{ 0 }; ///< 0: balanced
  TReal         Scale{ 0 };      ///< −λ ε
  TReal         Relaxation{ 1 };
};

/** Updates the points [begin, end) in plain C++, and returns their sums: what UpdateRange() is tested against. */
template <typename TReal>
UpdateSums
UpdateRangeReference(const UpdateArguments<TReal> & arguments, SizeValueType begin, SizeValueType end);

/** The same with the best instruction set of the machine. The sums have a relative error below 1e-5 in float. */
template <typename TReal>
UpdateSums
UpdateRange(const UpdateArguments<TReal> & arguments, SizeValueType begin, SizeValueType end);
template <>
UpdateSums
UpdateRange(const UpdateArguments<float> & arguments, SizeValueType begin, SizeValueType end);
template <>
UpdateSums
UpdateRange(const UpdateArguments<double> & arguments, SizeValueType begin, SizeValueType end);

/** f ← f + relaxation · (−λ ε softmin − f) on all points, with the sums. All arrays have \a length entries.
 * \a residual may be null, and may be the softmin's array: then it becomes target − marginal of every point.
 *
 * The marginal of the plan at x is α(x) e^{f(x)/ε + softmin(x)}: it costs nothing beyond the update. Exponents are
 * bounded so that no sum is ever infinite; a point where a bound is met, or whose potential is NaN, counts as an error
 * of e³⁰, so that it can never pass for converged. Masses are to be of the order of 1. */
template <typename TReal>
UpdateSums
UpdatePotential(SizeValueType       length,
                const TReal *       logWeights,
                const TReal *       softmin,
                TReal *             potential,
                const Temperature & temperature,
                double              relaxation,
                ThreadIdType        numberOfWorkUnits,
                TReal *             residual = nullptr);

/** potential ← potential + shift. */
template <typename TReal>
void
ShiftPotential(SizeValueType length, TReal * potential, double shift, ThreadIdType numberOfWorkUnits);

} // namespace Sinkhorn
} // namespace itk

#endif
