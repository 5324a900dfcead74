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
#include "stages.h"

#include <algorithm>
#include <cmath>

namespace SinkhornRegister
{

double
ChooseBlur(const Stage & stage, double levelSpacing)
{
  return stage.Blur > 0.0 ? std::max(stage.Blur, levelSpacing) : 2.0 * levelSpacing;
}

double
ChooseLearningRate(const Stage & stage)
{
  if (stage.LearningRate > 0.0)
  {
    return stage.LearningRate;
  }
  return stage.Transform == TransformKind::SyN ? 0.5 : 1.0;
}

double
ChooseUpdateSigma(const Stage & stage, double fieldOfView, std::size_t level)
{
  if (!stage.UpdateSigma.empty())
  {
    return stage.UpdateSigma[level];
  }
  // Wide first, so that distant mass is carried as a whole, then finer: from 1/8 of the field of view to 1/40.
  const std::size_t last = stage.Iterations.size() - 1;
  const double      progress = last > 0 ? static_cast<double>(level) / static_cast<double>(last) : 0.5;
  return fieldOfView / 8.0 * std::pow(0.2, progress);
}

} // namespace SinkhornRegister
