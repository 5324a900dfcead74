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
#ifndef itkSinkhornLineSoftminSimd_h
#define itkSinkhornLineSoftminSimd_h

#include "itkSinkhornLineSoftminPlan.h"

#include <string>

namespace itk
{
namespace Sinkhorn
{

/** Neighbouring lines that are transposed together. */
constexpr SizeValueType LinesPerBundle = 16;

/** Neighbouring lines that are loaded and stored together: reading and writing a few cache lines at a time keeps pace
 * with the arithmetic where the stride is a whole plane, one at a time does not. */
constexpr SizeValueType LinesPerBlock = 4 * LinesPerBundle;

/** Blocks in a pass, see ApplySimdLinePass(). */
template <typename TReal>
SizeValueType
GetNumberOfBlocks(const LinePass<TReal> & pass)
{
  const auto blocksOf = [](SizeValueType lines) { return (lines + LinesPerBlock - 1) / LinesPerBlock; };
  return pass.inner == 1 ? blocksOf(pass.outer) : pass.outer * blocksOf(pass.inner);
}

/** Number of lanes of the instruction set that is in use. */
template <typename TReal>
int
GetSimdLanes();

/** Names of the compiled instruction sets that this machine has, best first. */
std::vector<std::string>
GetSimdTargets();

/** For tests: from now on all threads use the named instruction set, or with an empty name again the best. Not to be
 * called while a pass runs. */
void
SetSimdTargetForTest(const std::string & name);

/** Blocks [begin, end) of the pass, on this thread. If inner is 1 a block is LinesPerBlock consecutive lines; otherwise
 * it is up to LinesPerBlock neighbouring lines of one slab. The result of a line does not depend on its block. */
template <typename TReal>
void
ApplySimdLinePass(const LinePlan<TReal> & plan, const LinePass<TReal> & pass, SizeValueType begin, SizeValueType end);

} // namespace Sinkhorn
} // namespace itk

#endif
