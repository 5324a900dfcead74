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
#ifndef itkSinkhornSchedule_h
#define itkSinkhornSchedule_h

#include "itkSinkhornPyramid.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

struct SolverParameters;

/** One stage of a solve: a blur on a level of the pyramid. */
struct Stage
{
  double       Blur{ 0.0 };
  size_t       Level{ 0 };
  double       Tolerance{ 0.0 };
  unsigned int MaximumNumberOfIterations{ 0 };
};

/** Annealing: blurs fall geometrically from the diameter to the requested one, each on the coarsest grid that resolves
 * it; then the final blur is solved to the tolerance from that grid up to the finest (Kosowsky and Yuille 1994; Feydy
 * 2020, section 3.3.3). */
template <typename TReal>
std::vector<Stage>
MakeAnnealingSchedule(const Pyramid<TReal> & pyramid, const SolverParameters & parameters);

/** The final blur only, from the coarsest grid that resolves it up to the finest. */
template <typename TReal>
std::vector<Stage>
MakeFinalSchedule(const Pyramid<TReal> & pyramid, const SolverParameters & parameters);

} // namespace Sinkhorn
} // namespace itk

#endif
