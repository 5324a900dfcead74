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
// What is background and what is mass in an image, from what its border shows.
#include "itkSinkhornRegistrationEngine.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationIntensities.h"

#include "itkSinkhornDensity.h"
#include "itkSinkhornFieldAlgebra.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** Deviation from the background, as a part of the range, that is none. */
constexpr double evenPart = 0.05;
/** Part of the border that has to be even for it to show a background. */
constexpr double evenShare = 0.5;

/** The voxels that count, and those of them at the border of the image or of what is missing. */
struct Voxels
{
  std::vector<float> Values;
  std::vector<float> Edge;
};

template <unsigned int VDimension, typename TPredicate>
Voxels
Collect(const ImageType<VDimension> * image, const TPredicate & isMissing)
{
  Voxels        voxels;
  const float * first = image->GetBufferPointer();
  const auto    region = image->GetBufferedRegion();
  const auto *  strides = image->GetOffsetTable();
  auto          index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (isMissing(first[i]))
    {
      continue;
    }
    bool isEdge = false;
    for (unsigned int d = 0; d < VDimension && !isEdge; ++d)
    {
      const auto stride = static_cast<SizeValueType>(strides[d]);
      isEdge = index[d] == region.GetIndex()[d] || index[d] == region.GetUpperIndex()[d] ||
               isMissing(first[i - stride]) || isMissing(first[i + stride]);
    }
    voxels.Values.push_back(first[i]);
    if (isEdge)
    {
      voxels.Edge.push_back(first[i]);
    }
  }
  return voxels;
}

/** What a border shows. */
struct Background
{
  double Level{ 0.0 };
  double Noise{ 0.0 };    ///< three standard deviations around it
  double Range{ 0.0 };    ///< deviation from the level below which 99 % of all deviations, summed, are
  bool   IsEven{ false }; ///< most of the border is alike
};

Background
FindBackground(Voxels & voxels)
{
  constexpr double   most = 0.99;
  constexpr double   hottestPart = 0.002;
  Background         background;
  std::vector<float> deviations(voxels.Values.size());
  background.Level = FindQuantile(voxels.Edge, 0.5);
  const auto deviate = [&](float value) { return static_cast<float>(std::abs(value - background.Level)); };
  std::transform(voxels.Values.begin(), voxels.Values.end(), deviations.begin(), deviate);
  std::sort(deviations.begin(), deviations.end());
  // Without the largest ones: a single hot voxel can outweigh all others.
  const auto nonzero = std::distance(std::upper_bound(deviations.begin(), deviations.end(), 0.0F), deviations.end());
  if (nonzero > 1)
  {
    deviations.resize(deviations.size() - 1 - static_cast<std::size_t>(hottestPart * static_cast<double>(nonzero)));
  }
  background.Range = FindWeightedQuantile(deviations, most, [](float value) { return static_cast<double>(value); });
  std::vector<float> ofEdge(voxels.Edge.size());
  std::transform(voxels.Edge.begin(), voxels.Edge.end(), ofEdge.begin(), deviate);
  const double even = evenPart * background.Range;
  const auto   alike = std::count_if(ofEdge.begin(), ofEdge.end(), [even](float d) { return d <= even; });
  background.IsEven = static_cast<double>(alike) > evenShare * static_cast<double>(ofEdge.size());
  constexpr double ofMedian = 1.4826; // standard deviation of a normal distribution by its median deviation
  background.Noise = std::min(3.0 * ofMedian * FindQuantile(ofEdge, 0.5), even);
  return background;
}

/** Scanners fill with a constant far below everything what they did not measure. \return its value, or the smallest
 * float if there is none. Never for images without negative values: there the constant is the background itself. */
template <unsigned int VDimension>
float
FindPadding(const ImageType<VDimension> * image)
{
  constexpr double leastShare = 0.01;
  constexpr double leastGap = 0.25;
  const float      none = NumericTraits<float>::NonpositiveMin();
  const float *    first = image->GetBufferPointer();
  const auto       count = image->GetBufferedRegion().GetNumberOfPixels();
  const float      lowest = *std::min_element(first, first + count);
  if (lowest >= 0.0F ||
      static_cast<double>(std::count(first, first + count, lowest)) < leastShare * static_cast<double>(count))
  {
    return none;
  }
  Voxels rest = Collect<VDimension>(image, [lowest](float value) { return value == lowest; });
  if (rest.Edge.empty())
  {
    return none;
  }
  const Background background = FindBackground(rest);
  const double     next = *std::min_element(rest.Values.begin(), rest.Values.end());
  const double     range = FindQuantile(rest.Values, 0.99) - lowest;
  return background.IsEven && background.Level < 0.0 && next - lowest > leastGap * range ? lowest : none;
}

/** The limit of a window on one side of a level: the largest deviation, unless single voxels are far brighter than all
 * others. */
double
FindLimit(double largest, double range)
{
  constexpr double hot = 3.0;
  return largest > hot * range && range > 0.0 ? range : largest;
}

DensityRule
MakeWindow(double low, double high)
{
  DensityRule rule;
  rule.How = DensityRule::Mode::Window;
  rule.Low = low;
  rule.High = high;
  return rule;
}

/** Where the border shows no background intensities are taken as they are, whatever the lowest ones: two windows onto
 * one scene do not have these in common. Negative ones count from the lowest on. */
DensityRule
ChooseWithoutBackground(Voxels & voxels)
{
  const auto   ends = std::minmax_element(voxels.Values.begin(), voxels.Values.end());
  const double smallest = *ends.first;
  const double largest = *ends.second;
  const double low = FindQuantile(voxels.Values, 0.001);
  const double range = FindQuantile(voxels.Values, 0.999) - low;
  const double limit = FindLimit(largest - low, range);
  if (!(range > 0.0) || (smallest >= 0.0 && limit == largest - low))
  {
    return DensityRule();
  }
  return MakeWindow(smallest >= 0.0 ? 0.0 : low, low + limit);
}

DensityRule
ChooseByBackground(const Voxels & voxels, const Background & background)
{
  constexpr double bothSides = 0.25;
  constexpr double negligible = 0.01;
  double           above = 0.0;
  double           below = 0.0;
  double           highest = 0.0;
  double           lowest = 0.0;
  for (const float value : voxels.Values)
  {
    const double deviation = static_cast<double>(value) - background.Level;
    above += std::max(0.0, deviation - background.Noise);
    below += std::max(0.0, -deviation - background.Noise);
    highest = std::max(highest, deviation);
    lowest = std::max(lowest, -deviation);
  }
  const double smallest = background.Level - lowest;
  if (std::min(above, below) > bothSides * std::max(above, below))
  {
    DensityRule rule;
    rule.How = DensityRule::Mode::Around;
    rule.Low = background.Level;
    rule.High = FindLimit(std::max(highest, lowest), background.Range);
    return rule;
  }
  if (below > above)
  {
    return MakeWindow(background.Level - background.Noise, background.Level - FindLimit(lowest, background.Range));
  }
  const double limit = FindLimit(highest, background.Range);
  const bool   isPlain =
    smallest >= 0.0 && background.Level + background.Noise <= negligible * background.Range && limit == highest;
  return isPlain ? DensityRule() : MakeWindow(background.Level + background.Noise, background.Level + limit);
}

template <unsigned int VDimension>
DensityRule
ChooseDensity(const ImageType<VDimension> * image, float padding)
{
  Voxels           voxels = Collect<VDimension>(image, [padding](float value) { return value == padding; });
  const Background background = FindBackground(voxels);
  if (!(background.Range > 0.0))
  {
    return DensityRule();
  }
  return background.IsEven ? ChooseByBackground(voxels, background) : ChooseWithoutBackground(voxels);
}

/** What a scanner has filled in becomes the smallest intensity that was measured. \return a copy of \a image, or itself
 * if there is nothing to replace. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReplacePadding(ImageType<VDimension> * image, float padding)
{
  if (padding == NumericTraits<float>::NonpositiveMin())
  {
    return image;
  }
  const auto    result = Sinkhorn::CopyImage(image);
  float * const first = result->GetBufferPointer();
  float * const last = first + result->GetBufferedRegion().GetNumberOfPixels();
  float         smallest = NumericTraits<float>::max();
  std::for_each(first, last, [&smallest, padding](float value) {
    smallest = value == padding ? smallest : std::min(smallest, value);
  });
  std::replace(first, last, padding, smallest);
  return result;
}

} // namespace

template <unsigned int VDimension>
void
ChooseDensities(Plan & plan, ImagePair<VDimension> & images)
{
  const bool seesMass = plan.Initial != InitialKind::None || ComparesMass(plan.Main) ||
                        std::any_of(plan.Stages.begin(), plan.Stages.end(), ComparesMass);
  const bool isOpen = plan.Mass.How == DensityRule::Mode::Automatic;
  const auto choose = [&](typename ImageType<VDimension>::Pointer & image) {
    const float       padding = FindPadding<VDimension>(image);
    const DensityRule rule = !isOpen ? plan.Mass : seesMass ? ChooseDensity<VDimension>(image, padding) : DensityRule();
    // Not for mass alone: the other metrics would match the outlines of what two scanners have measured.
    image = ReplacePadding<VDimension>(image, padding);
    return rule;
  };
  plan.FixedMass = choose(images.Fixed);
  plan.MovingMass = choose(images.Moving);
}

template void
ChooseDensities<2>(Plan &, ImagePair<2> &);
template void
ChooseDensities<3>(Plan &, ImagePair<3> &);

} // namespace SinkhornRegistration
} // namespace itk
