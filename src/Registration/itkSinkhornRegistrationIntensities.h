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
#ifndef itkSinkhornRegistrationIntensities_h
#define itkSinkhornRegistrationIntensities_h

#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornRegistrationTypes.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** A mask that is 1 on the whole of \a image. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
MakeFullMask(const ImageType<VDimension> * image)
{
  const auto mask = Sinkhorn::MakeImageOn<MaskImageType<VDimension>>(image);
  mask->FillBuffer(1);
  return mask;
}

/** The value below which \a part of all others lies. \param values at least one; they are put into another order. */
template <typename TValue>
double
FindQuantile(std::vector<TValue> & values, double part)
{
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return static_cast<double>(*nth);
}

/** Of sorted values the one below which \a part of the sum of all \a weightOf(value) lies; weights are not negative. */
template <typename TWeight>
float
FindWeightedQuantile(const std::vector<float> & sorted, double part, const TWeight & weightOf)
{
  const auto   add = [&weightOf](double sum, float value) { return sum + weightOf(value); };
  const double target = part * std::accumulate(sorted.begin(), sorted.end(), 0.0, add);
  double       sum = 0.0;
  for (const float value : sorted)
  {
    sum = add(sum, value);
    if (sum >= target)
    {
      return value;
    }
  }
  return sorted.back();
}

/** Scales \a moving so that its bright voxels are as bright as those of \a fixed. */
template <unsigned int VDimension>
void
MatchBrightness(const ImageType<VDimension> * fixed, ImageType<VDimension> * moving);

/** The intensity below which 99 % of all mass of a density lies. */
template <unsigned int VDimension>
double
FindBrightness(const ImageType<VDimension> * density);

/** Whether the inside of a density is mostly flat, as that of silhouettes and label maps is: then its edges are exact,
 * and there is no noise to smooth away. */
template <unsigned int VDimension>
bool
IsPiecewiseConstant(const ImageType<VDimension> * density);

/** Whether the border of the image cuts through what it shows: the mean of the border voxels is more than half the mean
 * of all. Then both images show different parts, and mass that left through the border must not be matched. */
template <unsigned int VDimension>
bool
IsCutByBorder(const ImageType<VDimension> * density);

} // namespace SinkhornRegistration
} // namespace itk

#endif
