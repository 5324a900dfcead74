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
#ifndef itkSinkhornLineSoftmin_h
#define itkSinkhornLineSoftmin_h

#include "itkIntTypes.h"

#include <limits>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** One pass of the separable softmin along one axis of a dense array, seen as [outer][length][inner].
 *
 * Each of the outer·inner lines is replaced by out_i = log Σ_j exp(h_j − (i−j)²·step²/2), h = logWeights +
 * potential·inverseEpsilon. */
template <typename TReal>
struct LinePass
{
  SizeValueType length{ 1 };         ///< voxels of a line
  SizeValueType inner{ 1 };          ///< stride between the voxels of a line, and number of neighbouring lines
  SizeValueType outer{ 1 };          ///< number of slabs of length·inner voxels
  double        step{ 1.0 };         ///< spacing / blur
  const TReal * logWeights{};        ///< −∞: empty
  const TReal * potential{};         ///< nullptr: zero
  TReal         inverseEpsilon{ 0 }; ///< 1/blur²
  TReal *       out{};               ///< may be logWeights itself (in place)
};

/** Automatic is the vectorised kernel in the machine's best instruction set (itkSinkhornLineSoftminLine-inl.h),
 * Reference the plain C++ loop in double precision that it is tested against. */
enum class LineKernel : uint8_t
{
  Automatic,
  Reference
};

/** Bound of the error of ApplyLinePass(). \param range the largest of |h| and |out| in the line.
 *
 * Rounding of exponents and logarithms of up to 60 (LargestRange in itkSinkhornLineSoftminPlan.h) gives the first term,
 * that of h and of the result the second; truncation, the polynomials of exp and log and the summation give less than a
 * tenth of the first. */
template <typename TReal>
constexpr TReal
SoftminErrorBound(TReal range)
{
  return std::numeric_limits<TReal>::epsilon() * (80 + 4 * range);
}

/** Runs the pass over all lines with ITK's thread pool. The result does not depend on numberOfWorkUnits (0: ITK's
 * default), and that of a line not on its place among the lines.
 *
 * A line that is empty (−∞) throughout gives −∞ throughout; NaN in logWeights or potential makes a voxel empty; the
 * result is never NaN. The result differs from the exact one by at most SoftminErrorBound(). */
template <typename TReal>
void
ApplyLinePass(const LinePass<TReal> & pass, ThreadIdType numberOfWorkUnits, LineKernel kernel = LineKernel::Automatic);

/** Runs the passes of one array after each other, with the results of ApplyLinePass(). The first two, if they are along
 * the first two axes and the second works in place, are run slab by slab where that keeps a slab in the cache between
 * them. */
template <typename TReal>
void
ApplyLinePasses(const std::vector<LinePass<TReal>> & passes, ThreadIdType numberOfWorkUnits);

} // namespace Sinkhorn
} // namespace itk

#endif
