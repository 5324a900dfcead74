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
#include "itkSinkhornRegistrationImages.h"

#include "itkImageRegionExclusionConstIteratorWithIndex.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

template <unsigned int VDimension>
std::vector<float>
CollectBorder(const ImageType<VDimension> * image)
{
  std::vector<float>                                                border;
  ImageRegionExclusionConstIteratorWithIndex<ImageType<VDimension>> it(image, image->GetBufferedRegion());
  it.SetExclusionRegionToInsetRegion();
  for (it.GoToBegin(); !it.IsAtEnd(); ++it)
  {
    border.push_back(it.Get());
  }
  return border;
}

float
FindMedian(std::vector<float> & values)
{
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

} // namespace

template <unsigned int VDimension>
float
FindBorder(const ImageType<VDimension> * image)
{
  std::vector<float> border = CollectBorder<VDimension>(image);
  return FindMedian(border);
}

template <unsigned int VDimension>
float
FindOutside(const ImageType<VDimension> * image)
{
  const float *      voxels = image->GetBufferPointer();
  const auto         range = std::minmax_element(voxels, voxels + image->GetBufferedRegion().GetNumberOfPixels());
  std::vector<float> border = CollectBorder<VDimension>(image);
  const float        median = FindMedian(border);
  const float        even = 0.1F * (*range.second - *range.first);
  const auto         alike =
    std::count_if(border.begin(), border.end(), [=](float value) { return std::abs(value - median) <= even; });
  const bool isBright = median > 0.5F * (*range.first + *range.second);
  return isBright && 2 * static_cast<std::size_t>(alike) > border.size() ? median : *range.first;
}

namespace
{

/** Intensity → density, for one voxel; \a minimum is that of the image. */
float
MapIntensity(float value, const DensityRule & density, float minimum)
{
  switch (density.How)
  {
    case DensityRule::Mode::Shift: return value - minimum;
    case DensityRule::Mode::Clamp: return std::max(value, 0.0F);
    case DensityRule::Mode::Window:
    {
      const double part = (static_cast<double>(value) - density.Low) / (density.High - density.Low);
      return static_cast<float>(std::clamp(part, 0.0, 1.0));
    }
    case DensityRule::Mode::Around:
      return static_cast<float>(
        std::min(std::abs(static_cast<double>(value) - density.Low), std::abs(density.High - density.Low)));
    default: return value;
  }
}

} // namespace

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
MakeDensity(const ImageType<VDimension> *     image,
            const MaskImageType<VDimension> * mask,
            const DensityRule &               density,
            bool                              asMass,
            const std::string &               role)
{
  const auto result = ImageType<VDimension>::New();
  result->CopyInformation(image);
  result->SetRegions(image->GetBufferedRegion());
  result->Allocate();
  const SizeValueType   count = image->GetBufferedRegion().GetNumberOfPixels();
  const float *         in = image->GetBufferPointer();
  const unsigned char * inside = mask ? mask->GetBufferPointer() : nullptr;
  float *               out = result->GetBufferPointer();
  const float           minimum = *std::min_element(in, in + count);
  const float           largest = *std::max_element(in, in + count);
  const bool            mapped = asMass || density.How == DensityRule::Mode::Window;
  double                total = 0.0;
  for (SizeValueType i = 0; i < count; ++i)
  {
    out[i] = mapped ? MapIntensity(in[i], density, minimum) : in[i];
    if (!asMass)
    {
      continue;
    }
    if (inside && !inside[i])
    {
      out[i] = 0.0F;
    }
    // Interpolation and arithmetic leave such values where there is nothing.
    constexpr float rounding = 1e-6F;
    if (out[i] < 0.0F && out[i] >= -rounding * largest)
    {
      out[i] = 0.0F;
    }
    if (out[i] < 0.0F)
    {
      std::ostringstream message;
      message << role << ": voxel " << image->ComputeIndex(static_cast<OffsetValueType>(i))
              << " has the negative intensity " << in[i]
              << ", which cannot be mass; choose --density auto, shift, clamp or window:LOW:HIGH";
      throw UsageError(message.str());
    }
    total += out[i];
  }
  if (asMass && !(total > 0.0))
  {
    throw UsageError(role + ": its total mass is 0 under --density " + density.ToString() +
                     (mask ? " inside its mask" : "") + "; there is nothing to transport, choose another density");
  }
  if (asMass && !mask && *std::min_element(out, out + count) == *std::max_element(out, out + count))
  {
    throw UsageError(role + ": is constant under --density " + density.ToString() +
                     ", which shows nothing to register; choose another density");
  }
  return result;
}

#define SINKHORN_INSTANTIATE(D)                                        \
  template float                 FindOutside<D>(const ImageType<D> *); \
  template float                 FindBorder<D>(const ImageType<D> *);  \
  template ImageType<D>::Pointer MakeDensity<D>(                       \
    const ImageType<D> *, const MaskImageType<D> *, const DensityRule &, bool, const std::string &);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
