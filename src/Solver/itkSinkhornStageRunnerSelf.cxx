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
#include "itkSinkhornStageRunner.h"

#include <limits>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
bool
StageRunner<TReal>::RunSelf(Side                       side,
                            const std::vector<Stage> & stages,
                            std::vector<TReal> &       potential,
                            double &                   reportedError)
{
  const bool cold = potential.empty();
  size_t     previousLevel = stages.front().Level;
  for (size_t k = 0; k < stages.size(); ++k)
  {
    const Stage & stage = stages[k];
    m_Pyramid.Prolong(side, previousLevel, stage.Level, potential);
    previousLevel = stage.Level;

    FixedPoint<TReal> iteration(m_Pyramid[stage.Level], this->GetTemperature(stage), m_Mass, m_Scratch[stage.Level]);
    double            error = std::numeric_limits<double>::max();
    double            relaxation = 0.5;
    for (unsigned int count = 0; error > stage.Tolerance && count < stage.MaximumNumberOfIterations; ++count)
    {
      const bool first = cold && k == 0 && count == 0;
      relaxation = first ? 0.5 : 2.0 / 3.0;
      error = iteration.IterateSelf(side, potential, relaxation);
      const double begin = this->GetFractionBefore(stages, k);
      const double fraction = begin + (this->GetFractionBefore(stages, k + 1) - begin) * (count + 1) / (count + 11.0);
      if (!this->Notify(stage, count + 1, error, fraction))
      {
        return false;
      }
    }
    reportedError = error;
    if (k + 1 == stages.size())
    {
      iteration.AverageSelf(side, potential, relaxation);
    }
    this->CountSoftmins(iteration.GetNumberOfSoftmins(), stage.Level);
  }
  return true;
}

template bool
StageRunner<float>::RunSelf(Side, const std::vector<Stage> &, std::vector<float> &, double &);
template bool
StageRunner<double>::RunSelf(Side, const std::vector<Stage> &, std::vector<double> &, double &);

} // namespace Sinkhorn
} // namespace itk
