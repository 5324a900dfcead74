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
#include "itkSinkhornRegistrationIntensities.h"

#include "itkImageRegionConstIteratorWithIndex.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** Range of the intensities of what an image shows. */
struct Levels
{
  double Low{ 0.0 };
  double High{ 0.0 };

  /** What one grey level of 8 bits would be. */
  double
  GetStep() const
  {
    return (High - Low) / 255.0;
  }
};

/** From the smallest value to the one below which 99 % of what lies above the smallest is, weighted by how far it lies
 * above: a background that is faint, however large, does not move it. */
template <unsigned int VDimension>
Levels
FindLevels(const ImageType<VDimension> * image)
{
  constexpr double   bright = 0.99;
  const float *      first = image->GetBufferPointer();
  const auto         count = image->GetBufferedRegion().GetNumberOfPixels();
  const double       low = *std::min_element(first, first + count);
  std::vector<float> above;
  std::copy_if(first, first + count, std::back_inserter(above), [low](float value) { return value > low; });
  if (above.empty())
  {
    return { low, low };
  }
  std::sort(above.begin(), above.end());
  return { low, FindWeightedQuantile(above, bright, [low](float value) { return static_cast<double>(value) - low; }) };
}

} // namespace

template <unsigned int VDimension>
void
MatchBrightness(const ImageType<VDimension> * fixed, ImageType<VDimension> * moving)
{
  const Levels target = FindLevels<VDimension>(fixed);
  const Levels present = FindLevels<VDimension>(moving);
  if (target.High > target.Low && present.High > present.Low)
  {
    const double factor = (target.High - target.Low) / (present.High - present.Low);
    float *      first = moving->GetBufferPointer();
    std::for_each(first, first + moving->GetBufferedRegion().GetNumberOfPixels(), [&](float & value) {
      value = static_cast<float>(target.Low + (value - present.Low) * factor);
    });
  }
}

template <unsigned int VDimension>
double
FindBrightness(const ImageType<VDimension> * density)
{
  return FindLevels<VDimension>(density).High;
}

template <unsigned int VDimension>
bool
IsPiecewiseConstant(const ImageType<VDimension> * density)
{
  const Levels  levels = FindLevels<VDimension>(density);
  const double  tolerance = levels.GetStep();
  const float * voxels = density->GetBufferPointer();
  SizeValueType flat = 0;
  SizeValueType all = 0;
  const auto    region = density->GetBufferedRegion();
  for (ImageRegionConstIteratorWithIndex<ImageType<VDimension>> it(density, region); !it.IsAtEnd(); ++it)
  {
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      if (it.Get() > levels.Low + tolerance && it.GetIndex()[d] < region.GetUpperIndex()[d])
      {
        const float next = voxels[density->ComputeOffset(it.GetIndex()) + density->GetOffsetTable()[d]];
        flat += std::abs(next - it.Get()) <= tolerance;
        ++all;
      }
    }
  }
  return 2 * flat > all;
}

template <unsigned int VDimension>
bool
IsCutByBorder(const ImageType<VDimension> * density)
{
  double        border = 0.0;
  double        total = 0.0;
  SizeValueType borderVoxels = 0;
  const auto    region = density->GetBufferedRegion();
  for (ImageRegionConstIteratorWithIndex<ImageType<VDimension>> it(density, region); !it.IsAtEnd(); ++it)
  {
    total += it.Get();
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      if (it.GetIndex()[d] == region.GetIndex()[d] || it.GetIndex()[d] == region.GetUpperIndex()[d])
      {
        border += it.Get();
        ++borderVoxels;
        break;
      }
    }
  }
  return border / static_cast<double>(borderVoxels) > 0.5 * total / static_cast<double>(region.GetNumberOfPixels());
}

#define SINKHORN_INSTANTIATE(D)                                             \
  template void   MatchBrightness<D>(const ImageType<D> *, ImageType<D> *); \
  template double FindBrightness<D>(const ImageType<D> *);                  \
  template bool   IsPiecewiseConstant<D>(const ImageType<D> *);             \
  template bool   IsCutByBorder<D>(const ImageType<D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
