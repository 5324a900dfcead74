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
#include "itkSinkhornSchedule.h"
#include "itkSinkhornSolver.h"

#include <algorithm>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Early scales only have to hand over a good start. */
constexpr double       AnnealingTolerance = 0.1;
constexpr unsigned int AnnealingIterations = 4;

/** A potential that comes from a coarser grid carries that grid's discretisation error, so solving there much beyond
 * the fine grid's own needs is wasted. */
constexpr double CoarseToleranceFactor = 5.0;

} // namespace

template <typename TReal>
std::vector<Stage>
MakeFinalSchedule(const Pyramid<TReal> & pyramid, const SolverParameters & parameters)
{
  std::vector<Stage> stages;
  for (size_t level = pyramid.GetCoarsestLevel(parameters.Blur) + 1; level-- > 0;)
  {
    Stage stage;
    stage.Blur = parameters.Blur;
    stage.Level = level;
    stage.Tolerance = level > 0 ? CoarseToleranceFactor * parameters.Tolerance : parameters.Tolerance;
    stage.MaximumNumberOfIterations = parameters.MaximumNumberOfIterations;
    stages.push_back(stage);
  }
  return stages;
}

template <typename TReal>
std::vector<Stage>
MakeAnnealingSchedule(const Pyramid<TReal> & pyramid, const SolverParameters & parameters)
{
  std::vector<Stage> stages;
  if (parameters.AnnealingRatio < 1.0)
  {
    for (double blur = pyramid[0].Operator->GetDiameter(); blur > parameters.Blur; blur *= parameters.AnnealingRatio)
    {
      Stage stage;
      stage.Blur = blur;
      stage.Level = pyramid.GetCoarsestLevel(blur);
      stage.Tolerance = std::max(AnnealingTolerance, parameters.Tolerance);
      stage.MaximumNumberOfIterations = AnnealingIterations;
      stages.push_back(stage);
    }
  }
  const std::vector<Stage> last = MakeFinalSchedule(pyramid, parameters);
  stages.insert(stages.end(), last.begin(), last.end());
  return stages;
}

template std::vector<Stage>
MakeAnnealingSchedule(const Pyramid<float> &, const SolverParameters &);
template std::vector<Stage>
MakeAnnealingSchedule(const Pyramid<double> &, const SolverParameters &);
template std::vector<Stage>
MakeFinalSchedule(const Pyramid<float> &, const SolverParameters &);
template std::vector<Stage>
MakeFinalSchedule(const Pyramid<double> &, const SolverParameters &);

} // namespace Sinkhorn
} // namespace itk
