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
#include "itkSinkhornRegistrationStages.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace itk
{
namespace SinkhornRegistration
{

const MetricTraits &
GetTraits(MetricKind kind)
{
  static const MetricTraits traits[] = {
    { true, true, 2.0 },   { true, false, 8.0 }, // beyond a few times its blur a kernel feels nothing
    { false, false, 0.0 }, { false, false, 0.0 }, { false, false, 0.0 },
  };
  return traits[static_cast<unsigned int>(kind)];
}

bool
ComparesMass(const Stage & stage)
{
  return GetTraits(stage.Metric).ComparesMass;
}

bool
CanCompareLabels(const Stage & stage)
{
  return IsDeformation(stage.Transform) &&
         (stage.Metric == MetricKind::MeanSquares || stage.Metric == MetricKind::Sinkhorn);
}

bool
IsNarrow(const Stage & stage)
{
  return stage.Transform == TransformKind::Greedy && !ComparesMass(stage);
}

bool
CanBeContinued(TransformKind kind)
{
  return IsDeformation(kind) && kind != TransformKind::Velocity; // a velocity is more than the map at its end
}

bool
LeavesSmoothnessOpen(const Stage & stage)
{
  return IsNarrow(stage) && stage.Metric == MetricKind::Correlation && stage.TotalSigmas.empty();
}

bool
AllowsSmoothMap(const Stage & stage)
{
  return LeavesSmoothnessOpen(stage) && stage.UpdateSigmas.empty() && stage.Radii.empty();
}

/** What the smoothness of a stage is where nothing else is said. */
static bool
IsSmooth(const Stage & stage)
{
  return stage.Smoothness == SmoothnessKind::Smooth && AllowsSmoothMap(stage);
}

std::size_t
CountLevels(const Stage & stage)
{
  return stage.NumberOfLevels > 0 ? stage.NumberOfLevels : stage.Iterations.size();
}

double
ChooseBlur(const Stage & stage, double levelSpacing)
{
  return stage.Blur > 0.0 ? std::max(stage.Blur, levelSpacing) : GetTraits(stage.Metric).BlurInSpacings * levelSpacing;
}

std::vector<double>
ChooseUpdateSigmas(const Stage & stage, double fieldOfView, double spacing, std::size_t level)
{
  if (!stage.UpdateSigmas.empty())
  {
    return stage.UpdateSigmas[level];
  }
  if (IsNarrow(stage))
  {
    // Edges between labels are exact, there is no noise to smooth away.
    return { stage.ComparesLabels ? 1.0 : IsSmooth(stage) ? 3.0 : 1.5 };
  }
  const std::size_t levels = CountLevels(stage);
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

unsigned int
ChooseRadius(const Stage & stage, std::size_t level)
{
  constexpr unsigned int widest = 4;
  if (!stage.Radii.empty())
  {
    return stage.Radii[level];
  }
  if (IsSmooth(stage))
  {
    return 2;
  }
  const std::size_t finer = CountLevels(stage) - 1 - level;
  return IsNarrow(stage) && finer < 2 ? widest - 1 : widest;
}

double
ChooseTotalSigma(const Stage & stage, std::size_t level, SizeValueType longest)
{
  if (!stage.TotalSigmas.empty())
  {
    return stage.TotalSigmas[level];
  }
  if (!IsNarrow(stage))
  {
    return 0.0;
  }
  if (stage.ComparesLabels)
  {
    return 0.3;
  }
  if (stage.Metric != MetricKind::Correlation)
  {
    return 0.5;
  }
  // Less detail on coarse levels, but still as much as a thirtieth of the image (twice the width of the Gaussian) can
  // hold.
  constexpr std::array<double, 3> fromFinest{ 0.4, 0.7, 1.0 };
  constexpr double                largestPart = 0.016;
  if (IsSmooth(stage))
  {
    return 0.7;
  }
  if (stage.Smoothness == SmoothnessKind::Detailed)
  {
    return fromFinest.front();
  }
  const double most = fromFinest[std::min(CountLevels(stage) - 1 - level, fromFinest.size() - 1)];
  return std::min(most, std::max(fromFinest.front(), largestPart * static_cast<double>(longest)));
}

MassModelKind
ChooseMassModel(const Stage & stage)
{
  if (stage.MassModel == MassModelKind::Conserved)
  {
    return MassModelKind::PushForward;
  }
  if (stage.MassModel != MassModelKind::Automatic)
  {
    return stage.MassModel;
  }
  return GetTraits(stage.Metric).Transports && IsDeformation(stage.Transform) && !stage.IsRefining
           ? MassModelKind::PushForward
           : MassModelKind::Intensity;
}

} // namespace SinkhornRegistration
} // namespace itk
