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
#ifndef itkSinkhornBoxSum_h
#define itkSinkhornBoxSum_h

#include "itkSinkhornParallel.h"
#include "itkSize.h"

#include <algorithm>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Sums over the windows around each number of a line. */
inline void
SumAlongLine(OffsetValueType length, OffsetValueType reach, const float * numbers, float * sums)
{
  double sum = 0.0;
  for (OffsetValueType k = 0; k < std::min(reach, length); ++k)
  {
    sum += static_cast<double>(numbers[k]);
  }
  for (OffsetValueType k = 0; k < length; ++k)
  {
    sum += k + reach < length ? static_cast<double>(numbers[k + reach]) : 0.0;
    sum -= k > reach ? static_cast<double>(numbers[k - reach - 1]) : 0.0;
    sums[k] = static_cast<float>(sum);
  }
}

/** Sums over boxes of an array of the given size, the first axis fastest, by running sums: as fast for any radius. What
 * lies beyond the border counts as 0. \param radius of the box along each axis, voxels. \param map is replaced. The
 * result is the same for any number of threads. */
template <unsigned int VDimension>
void
SumOverBoxes(const Size<VDimension> & size, const Size<VDimension> & radius, std::vector<float> & map)
{
  SizeValueType stride = 1;
  for (unsigned int axis = 0; axis < VDimension; ++axis)
  {
    const SizeValueType length = size[axis];
    const auto          reach = static_cast<OffsetValueType>(radius[axis]);
    const SizeValueType lines = map.size() / length;
    const SizeValueType outer = stride * length;
    if (axis == 0)
    {
      ForEachChunk(lines, 0, [&](SizeValueType begin, SizeValueType end) {
        std::vector<float> copy(length);
        for (SizeValueType line = begin; line < end; ++line)
        {
          float * const first = map.data() + line * length;
          std::copy_n(first, length, copy.data());
          SumAlongLine(static_cast<OffsetValueType>(length), reach, copy.data(), first);
        }
      });
      stride = outer;
      continue;
    }
    // Lines side by side, so that memory is read in the order in which it lies.
    const SizeValueType side = std::min<SizeValueType>(stride, 64);
    const SizeValueType bundlesPerSlab = (stride + side - 1) / side;
    const SizeValueType bundles = lines / stride * bundlesPerSlab;
    ForEachTask(bundles, 0, map.size() <= SerialLength, [&](SizeValueType bundle) {
      const SizeValueType offset = bundle % bundlesPerSlab * side;
      const SizeValueType width = std::min(side, stride - offset);
      float * const       first = map.data() + bundle / bundlesPerSlab * outer + offset;
      // A copy of what the running sums still need: the last 2 reach + 1 entries, in a ring.
      const auto               window = static_cast<SizeValueType>(2 * reach + 1);
      std::vector<float>       ring(window * width, 0.0F);
      std::vector<double>      sum(width, 0.0);
      const std::vector<float> beyond(width, 0.0F);
      for (OffsetValueType k = 0; k < static_cast<OffsetValueType>(length) + reach; ++k)
      {
        float * const kept = ring.data() + static_cast<SizeValueType>(k) % window * width;
        const bool    isThere = k < static_cast<OffsetValueType>(length);
        const float * in = isThere ? first + static_cast<SizeValueType>(k) * stride : beyond.data();
        for (SizeValueType j = 0; j < width; ++j)
        {
          sum[j] += static_cast<double>(in[j]) - static_cast<double>(kept[j]);
          kept[j] = in[j];
        }
        if (k >= reach)
        {
          float * const out = first + static_cast<SizeValueType>(k - reach) * stride;
          for (SizeValueType j = 0; j < width; ++j)
          {
            out[j] = static_cast<float>(sum[j]);
          }
        }
      }
    });
    stride = outer;
  }
}

} // namespace Sinkhorn
} // namespace itk

#endif
