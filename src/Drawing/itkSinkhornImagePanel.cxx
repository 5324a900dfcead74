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
#include "itkSinkhornImagePanel.h"

#include "itkImageRegionConstIteratorWithIndex.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace itk
{
namespace SinkhornDrawing
{
namespace
{

/** Image axis closest to each physical axis, every axis used once. */
template <typename TImage>
std::array<unsigned int, 3>
FindAxes(const TImage * image)
{
  const auto &                direction = image->GetDirection();
  std::array<unsigned int, 3> axes{ { 0, 1, 2 } };
  std::array<unsigned int, 3> best = axes;
  double                      bestFit = -1.0;
  do
  {
    const double fit =
      std::abs(direction(0, axes[0])) + std::abs(direction(1, axes[1])) + std::abs(direction(2, axes[2]));
    if (fit > bestFit)
    {
      bestFit = fit;
      best = axes;
    }
  } while (std::next_permutation(axes.begin(), axes.end()));
  return best;
}

} // namespace

std::vector<Plane>
FindPlanes(const ImageType<3> * image)
{
  const auto axes = FindAxes(image);
  const auto mirrored = [&](unsigned int physical, bool upwards) {
    const bool negative = image->GetDirection()(physical, axes[physical]) < 0.0;
    return negative != upwards;
  };
  return { { "axial", axes[0], axes[1], mirrored(0, false), mirrored(1, false) },
           { "coronal", axes[0], axes[2], mirrored(0, false), mirrored(2, true) },
           { "sagittal", axes[1], axes[2], mirrored(1, false), mirrored(2, true) } };
}

std::vector<Plane>
FindPlanes(const ImageType<2> *)
{
  return { Plane() };
}

template <unsigned int VDimension>
ContinuousIndex<double, VDimension>
FindCenter(const ImageType<VDimension> * image)
{
  const auto                          region = image->GetBufferedRegion();
  const float *                       buffer = image->GetBufferPointer();
  const double                        minimum = *std::min_element(buffer, buffer + region.GetNumberOfPixels());
  double                              total = 0.0;
  ContinuousIndex<double, VDimension> center;
  center.Fill(0.0);
  for (ImageRegionConstIteratorWithIndex<ImageType<VDimension>> it(image, region); !it.IsAtEnd(); ++it)
  {
    const double weight = it.Get() - minimum;
    total += weight;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      center[d] += weight * static_cast<double>(it.GetIndex()[d]);
    }
  }
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    center[d] = total > 0.0 ? center[d] / total : 0.5 * static_cast<double>(region.GetSize()[d] - 1);
  }
  return center;
}

template ContinuousIndex<double, 2>
FindCenter<2>(const ImageType<2> *);
template ContinuousIndex<double, 3>
FindCenter<3>(const ImageType<3> *);

} // namespace SinkhornDrawing
} // namespace itk
