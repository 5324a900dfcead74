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
#ifndef itkSinkhornLineSoftminPlan_h
#define itkSinkhornLineSoftminPlan_h

#include "itkSinkhornLineSoftmin.h"

#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Logarithm of a group's largest weight over the smallest sum that is accepted; beyond it the rounding of exponents
 * and logarithms would show. */
constexpr int LargestRange = 60;

/** Ranges and tolerances of a floating-point type in the vectorised softmin. */
template <typename TReal>
struct SoftminTraits;

template <>
struct SoftminTraits<float>
{
  static constexpr int    ScaleExponent = 55;        ///< weights and kernel are stored times 2^ScaleExponent
  static constexpr double SmallestExponent = -126.0; ///< binary exponent below which numbers are flushed
  static constexpr double Tolerance = 3e-7; ///< relative error that truncation and underflow may cause in a sum
};

template <>
struct SoftminTraits<double>
{
  static constexpr int    ScaleExponent = 470;
  static constexpr double SmallestExponent = -1020.0;
  static constexpr double Tolerance = 5e-16;
};

/** Vectors of outputs in one group, also the voxels between two samples of the displacement. */
constexpr int SoftminTilesPerGroup = 8;

/** \brief What all lines of one pass share: the tables of the Gaussian and the bounds that certify a result.
 *
 * See itkSinkhornLineSoftminLine-inl.h for the method. Everything depends on length, step and the number of SIMD lanes
 * only. */
template <typename TReal>
struct LinePlan
{
  LinePlan(SizeValueType length, double step, int lanes);

  /** Smallest level whose band reaches at least \a voxels further than the narrowest one, or else the widest. */
  int
  GetLevel(TReal voxels) const
  {
    const int level = static_cast<int>(voxels * inverseIncrement + TReal(0.999));
    return level < static_cast<int>(radius.size()) ? level : static_cast<int>(radius.size()) - 1;
  }

  /** Kernel value of distance k, times 2^ScaleExponent, is Gauss()[k] for |k| ≤ radius.back() + 2·lanes + 4. */
  const TReal *
  Gauss() const
  {
    return gauss.data() + gaussOrigin;
  }

  /** Bound, times 2^ScaleExponent / Tolerance, of what the band of the level leaves out of the kernel's sum between a
   * vector of outputs and a quad of inputs with weights at most 1. The quad is the phase-th of a vector of inputs; at
   * [δ], |δ| ≤ tailReach, that vector lies δ vectors before the outputs. */
  const TReal *
  Tail(int level, int phase) const
  {
    return tail.data() + (static_cast<SizeValueType>(level) * (lanes / quad) + phase) * tailStride + tailReach;
  }

  int    length;
  int    lanes;
  int    quad; ///< inputs that share a bound: the lanes of 16 bytes
  double step; ///< voxels in units of the blur
  double stepSquared;
  double sigma;         ///< blur in voxels
  TReal  maximumSpread; ///< half-range of the displacements that one group of outputs may have, voxels
  TReal  maximumChange; ///< sum over the samples of a group of the displacement less the group's own, voxels
  int    maximumGroup;  ///< outputs in one group, a multiple of lanes
  int    thinning;      ///< voxels between which the displacement is searched
  bool   refine;        ///< whether the voxel itself is searched then
  TReal  uncertainty;   ///< of the displacement, voxels
  double cut;           ///< −log(Tolerance)
  double farRoom;       ///< cut + log(length), and two units for rounding
  TReal  scale;         ///< 2^ScaleExponent
  TReal  smallestSum;   ///< sums, times 2^(2·ScaleExponent), that underflow and rounding leave accurate

  TReal inverseIncrement; ///< 1/(difference of the radius of two levels)

  std::vector<int>   radius; ///< half-width of the band of each level, voxels, increasing
  int                tailReach{ 0 };
  SizeValueType      tailStride{ 0 };
  std::vector<TReal> tail;
  int                gaussOrigin{ 0 };
  std::vector<TReal> gauss;

private:
  void
  ChooseRadii();
  void
  TabulateGauss();
  void
  TabulateTails();
};

/** The plan of these arguments, one of those that were used last if it is among them. Any thread may call it. */
template <typename TReal>
std::shared_ptr<const LinePlan<TReal>>
GetLinePlan(SizeValueType length, double step, int lanes);

} // namespace Sinkhorn
} // namespace itk

#endif
