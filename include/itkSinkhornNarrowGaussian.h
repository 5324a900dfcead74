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
#ifndef itkSinkhornNarrowGaussian_h
#define itkSinkhornNarrowGaussian_h

#include "itkSinkhornFieldAlgebra.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Up to this standard deviation, voxels, a sampled kernel is faster than the recursive filter, and for less than one
 * voxel the recursive filter is no Gaussian any more. */
constexpr double WidestNarrowSigma = 2.5;

/** One half of a sampled Gaussian of unit sum, cut off at three standard deviations, from the middle on. */
inline std::vector<double>
MakeNarrowKernel(double sigma)
{
  std::vector<double> half{ 1.0 };
  double              sum = 1.0;
  if (sigma > 0.0)
  {
    const auto radius = static_cast<unsigned int>(std::ceil(3.0 * sigma + 0.5));
    for (unsigned int k = 1; k <= radius; ++k)
    {
      half.push_back(std::exp(-0.5 * k * k / (sigma * sigma)));
      sum += 2.0 * half.back();
    }
  }
  std::for_each(half.begin(), half.end(), [sum](double & value) { value /= sum; });
  return half;
}

/** Convolution along one axis of an array of numbers, the border replicated. \param length of the axis. \param stride
 * between neighbours along it, numbers: what lies between them is convolved side by side. */
inline void
ConvolveAxis(const std::vector<double> & half,
             SizeValueType               count,
             SizeValueType               length,
             SizeValueType               stride,
             double *                    numbers)
{
  constexpr SizeValueType inCache = 4096;
  const SizeValueType     radius = half.size() - 1;
  const SizeValueType     width = std::min(stride, std::max<SizeValueType>(1, inCache / length));
  const SizeValueType     strips = (stride + width - 1) / width;
  const SizeValueType     tasks = count / (length * stride) * strips;
  ForEachTask(tasks, 0, count <= SerialLength, [&](SizeValueType task) {
    const SizeValueType offset = task % strips * width;
    const SizeValueType side = std::min(width, stride - offset);
    double * const      first = numbers + task / strips * length * stride + offset;
    std::vector<double> padded((length + 2 * radius) * side);
    const bool          isWhole = side == stride; // then rows lie side by side in memory, too
    for (SizeValueType row = 0; row < (isWhole ? 1 : length); ++row)
    {
      std::copy_n(first + row * stride, isWhole ? length * side : side, padded.data() + (radius + row) * side);
    }
    for (SizeValueType row = 0; row < radius; ++row)
    {
      std::copy_n(first, side, padded.data() + row * side);
      std::copy_n(first + (length - 1) * stride, side, padded.data() + (radius + length + row) * side);
    }
    // Rows lie one behind the other: neighbours along the axis are `side` apart, whatever the axis.
    const SizeValueType  all = length * side;
    std::vector<double>  sum(all);
    const double * const middle = padded.data() + radius * side;
    for (SizeValueType i = 0; i < all; ++i)
    {
      sum[i] = half[0] * middle[i];
    }
    for (SizeValueType k = 1; k <= radius; ++k)
    {
      const double         factor = half[k];
      const double * const before = middle - k * side;
      const double * const after = middle + k * side;
      for (SizeValueType i = 0; i < all; ++i)
      {
        sum[i] += factor * (before[i] + after[i]);
      }
    }
    for (SizeValueType row = 0; row < (isWhole ? 1 : length); ++row)
    {
      std::copy_n(sum.data() + row * side, isWhole ? length * side : side, first + row * stride);
    }
  });
}

/** Convolution of an image or a field of doubles with a Gaussian, the border replicated: by sampled kernels where it is
 * narrow along all axes, else by SmoothByGaussian(). Never negative where the image is not, and narrow. \param sigmas
 * standard deviation along each axis, mm. */
template <typename TImage>
typename TImage::Pointer
SmoothNarrowly(const TImage * image, const FixedArray<double, TImage::ImageDimension> & sigmas)
{
  constexpr unsigned int dimension = TImage::ImageDimension;
  for (unsigned int d = 0; d < dimension; ++d)
  {
    if (sigmas[d] > WidestNarrowSigma * image->GetSpacing()[d])
    {
      return SmoothByGaussian<TImage>(image, sigmas);
    }
  }
  constexpr SizeValueType        components = sizeof(typename TImage::PixelType) / sizeof(double);
  const typename TImage::Pointer smooth = CopyImage(image);
  const auto                     region = smooth->GetBufferedRegion();
  SizeValueType                  stride = components;
  for (unsigned int d = 0; d < dimension; ++d)
  {
    if (sigmas[d] > 0.0)
    {
      ConvolveAxis(MakeNarrowKernel(sigmas[d] / image->GetSpacing()[d]),
                   region.GetNumberOfPixels() * components,
                   region.GetSize(d),
                   stride,
                   reinterpret_cast<double *>(smooth->GetBufferPointer()));
    }
    stride *= region.GetSize(d);
  }
  return smooth;
}

} // namespace Sinkhorn
} // namespace itk

#endif
