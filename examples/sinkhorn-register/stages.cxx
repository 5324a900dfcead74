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

bool
CanBeContinued(TransformKind kind)
{
  return IsDeformation(kind) && kind != TransformKind::Velocity; // a velocity is more than the map at its end
}

ForceKind
ChooseForce(const Stage & stage)
{
  if (stage.Metric == MetricKind::MeanSquares)
  {
    return ForceKind::DifferenceTimesGradient;
  }
  return stage.Metric == MetricKind::Sinkhorn && ChooseMassModel(stage) == MassModelKind::PushForward
           ? ForceKind::MassTimesWay
           : ForceKind::Direction;
}

bool
ComparesMass(const Stage & stage)
{
  return stage.Metric == MetricKind::Sinkhorn || stage.Metric == MetricKind::Kernel;
}

double
ChooseBlur(const Stage & stage, double levelSpacing)
{
  if (stage.Metric == MetricKind::Kernel && stage.Blur <= 0.0)
  {
    return 8.0 * levelSpacing; // beyond a few times its blur a kernel feels nothing
  }
  return stage.Blur > 0.0 ? std::max(stage.Blur, levelSpacing) : 2.0 * levelSpacing;
}

double
ChooseLearningRate(const Stage & stage)
{
  if (stage.LearningRate > 0.0)
  {
    return stage.LearningRate;
  }
  if (!IsDeformation(stage.Transform))
  {
    return 1.0;
  }
  // A step of mass is as long as the way that is left; any other force has no scale of its own.
  if (ChooseForce(stage) == ForceKind::MassTimesWay)
  {
    return 2.0;
  }
  return stage.Metric == MetricKind::MeanSquares ? 1.0 : 0.5;
}

std::vector<double>
ChooseUpdateSigmas(const Stage & stage, double fieldOfView, double spacing, std::size_t level)
{
  if (!stage.UpdateSigmas.empty())
  {
    return stage.UpdateSigmas[level];
  }
  const std::size_t levels = stage.NumberOfLevels > 0 ? stage.NumberOfLevels : stage.Iterations.size();
  const double      progress = levels > 1 ? static_cast<double>(level) / static_cast<double>(levels - 1) : 0.5;
  if (stage.IsRefining && stage.ShowsShapes)
  {
    // Two scales at a time: the wide one keeps the narrow one from stirring up noise that bounds the step. Down to one
    // voxel and half of it: what edges say is exact.
    const double wide = std::max(fieldOfView / 16.0 * std::pow(0.25, progress), spacing);
    return { wide, 0.5 * wide };
  }
  if (stage.IsRefining)
  {
    return { 3.0 * spacing };
  }
  // Wide first, so that distant mass is carried as a whole, then finer: from 1/8 of the field of view to 1/40.
  return { fieldOfView / 8.0 * std::pow(0.2, progress) };
}

MassModelKind
ChooseMassModel(const Stage & stage)
{
  if (stage.MassModel != MassModelKind::Automatic)
  {
    return stage.MassModel;
  }
  return stage.Metric == MetricKind::Sinkhorn && IsDeformation(stage.Transform) && !stage.IsRefining
           ? MassModelKind::PushForward
           : MassModelKind::Intensity;
}

} // namespace SinkhornRegister
