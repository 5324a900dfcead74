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
#include "itkSinkhornLineSoftmin.h"
#include "itkSinkhornLineSoftminSimd.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{
namespace
{
/** Voxels that one task of the reference works on, and one of the vectorised kernel: large enough that the overhead of
 * a task vanishes, small enough to balance the load. */
constexpr SizeValueType TaskLength = 4096;
constexpr SizeValueType SimdTaskLength = 8192;

/** Up to here what two passes share stays in a core's own cache. */
constexpr SizeValueType LargestSharedSlab = 512 * 1024;

/** Fewer slabs may not occupy all threads evenly. */
constexpr SizeValueType LeastNumberOfSlabs = 16;

/** The vectorised kernel's float sums and indices hold up to here. */
constexpr SizeValueType LongestSimdLine = 65536;

/** Terms more than this below the largest one do not change a double: N·e^{−60} < 2⁻⁵³ for every N < 10¹⁰. */
constexpr double NegligibleExponent = 60.0;

/** One line in double precision: out_i = log Σ_j exp(h_j − (i−j)²·halfStepSquared), two passes over j. */
void
ReferenceLine(const std::vector<double> & h,
              double                      halfStepSquared,
              std::vector<double> &       terms,
              std::vector<double> &       out)
{
  const auto length = static_cast<OffsetValueType>(h.size());
  for (OffsetValueType i = 0; i < length; ++i)
  {
    double maximum = -std::numeric_limits<double>::infinity();
    for (OffsetValueType j = 0; j < length; ++j)
    {
      const auto distance = static_cast<double>(i - j);
      terms[j] = h[j] - distance * distance * halfStepSquared;
      maximum = std::max(maximum, terms[j]);
    }
    double sum = 0.0;
    for (OffsetValueType j = 0; j < length; ++j)
    {
      if (terms[j] > maximum - NegligibleExponent)
      {
        sum += std::exp(terms[j] - maximum);
      }
    }
    // Without any term the maximum is −∞ and so is the result.
    out[i] = sum > 0.0 ? maximum + std::log(sum) : maximum;
  }
}

/** Lines [begin, end) of the pass; line number = slab · inner + neighbour. */
template <typename TReal>
void
ReferenceLines(const LinePass<TReal> & pass, SizeValueType begin, SizeValueType end)
{
  const double        halfStepSquared = 0.5 * pass.step * pass.step;
  std::vector<double> h(pass.length);
  std::vector<double> terms(pass.length);
  std::vector<double> out(pass.length);
  for (SizeValueType line = begin; line < end; ++line)
  {
    const SizeValueType first = (line / pass.inner) * pass.length * pass.inner + line % pass.inner;
    for (SizeValueType j = 0; j < pass.length; ++j)
    {
      const SizeValueType voxel = first + j * pass.inner;
      const auto          logWeight = static_cast<double>(pass.logWeights[voxel]);
      // The potential of an empty voxel has no meaning: it is not even read, so that −∞ + ∞ cannot arise.
      h[j] = (pass.potential == nullptr || logWeight == -std::numeric_limits<double>::infinity())
               ? logWeight
               : logWeight + static_cast<double>(pass.potential[voxel]) * static_cast<double>(pass.inverseEpsilon);
    }
    ReferenceLine(h, halfStepSquared, terms, out);
    for (SizeValueType i = 0; i < pass.length; ++i)
    {
      pass.out[first + i * pass.inner] = static_cast<TReal>(out[i]);
    }
  }
}

/** The part of a pass that has the slabs of \a voxels voxels from number \a begin to number \a end. */
template <typename TReal>
LinePass<TReal>
GetSlabs(LinePass<TReal> pass, SizeValueType voxels, SizeValueType begin, SizeValueType end)
{
  pass.logWeights += begin * voxels;
  pass.potential = pass.potential == nullptr ? nullptr : pass.potential + begin * voxels;
  pass.out += begin * voxels;
  pass.outer = (end - begin) * voxels / (pass.length * pass.inner);
  return pass;
}

template <typename TReal>
std::shared_ptr<const LinePlan<TReal>>
GetPlan(const LinePass<TReal> & pass)
{
  return GetLinePlan<TReal>(pass.length, pass.step, GetSimdLanes<TReal>());
}

/** Whether the second pass can follow the first one slab by slab. */
template <typename TReal>
bool
AreTogether(const LinePass<TReal> & first, const LinePass<TReal> & second)
{
  return first.inner == 1 && second.inner == first.length && second.outer >= LeastNumberOfSlabs &&
         second.inner * second.length * sizeof(TReal) <= LargestSharedSlab &&
         std::max(first.length, second.length) <= LongestSimdLine;
}

template <typename TReal>
void
ApplyTogether(const LinePass<TReal> & first, const LinePass<TReal> & second, ThreadIdType numberOfWorkUnits)
{
  const auto          firstPlan = GetPlan(first);
  const auto          secondPlan = GetPlan(second);
  const SizeValueType voxels = second.inner * second.length;
  const SizeValueType slabsPerTask = std::max<SizeValueType>(1, SimdTaskLength / voxels);
  const SizeValueType tasks = (second.outer + slabsPerTask - 1) / slabsPerTask;
  ForEachTask(tasks, numberOfWorkUnits, second.outer * voxels <= SerialLength, [&](SizeValueType task) {
    const SizeValueType begin = task * slabsPerTask;
    const SizeValueType end = std::min(second.outer, begin + slabsPerTask);
    for (const bool isFirst : { true, false })
    {
      const LinePass<TReal> part = GetSlabs(isFirst ? first : second, voxels, begin, end);
      ApplySimdLinePass(isFirst ? *firstPlan : *secondPlan, part, 0, GetNumberOfBlocks(part));
    }
  });
}

} // namespace

template <typename TReal>
void
ApplyLinePass(const LinePass<TReal> & pass, ThreadIdType numberOfWorkUnits, LineKernel kernel)
{
  const SizeValueType lines = pass.outer * pass.inner;
  if (lines == 0 || pass.length == 0)
  {
    return;
  }
  const bool serial = lines * pass.length <= SerialLength;
  if (kernel == LineKernel::Reference || pass.length > LongestSimdLine)
  {
    const SizeValueType linesPerTask = std::max<SizeValueType>(1, TaskLength / pass.length);
    const SizeValueType tasks = (lines + linesPerTask - 1) / linesPerTask;
    ForEachTask(tasks, numberOfWorkUnits, serial, [&](SizeValueType task) {
      ReferenceLines(pass, task * linesPerTask, std::min(lines, (task + 1) * linesPerTask));
    });
    return;
  }
  const auto          plan = GetPlan(pass);
  const SizeValueType blocks = GetNumberOfBlocks(pass);
  const SizeValueType blocksPerTask = std::max<SizeValueType>(1, SimdTaskLength * blocks / (lines * pass.length));
  const SizeValueType tasks = (blocks + blocksPerTask - 1) / blocksPerTask;
  ForEachTask(tasks, numberOfWorkUnits, serial, [&](SizeValueType task) {
    ApplySimdLinePass(*plan, pass, task * blocksPerTask, std::min(blocks, (task + 1) * blocksPerTask));
  });
}

template <typename TReal>
void
ApplyLinePasses(const std::vector<LinePass<TReal>> & passes, ThreadIdType numberOfWorkUnits)
{
  size_t next = 0;
  if (passes.size() > 1 && AreTogether(passes[0], passes[1]))
  {
    ApplyTogether(passes[0], passes[1], numberOfWorkUnits);
    next = 2;
  }
  for (; next < passes.size(); ++next)
  {
    ApplyLinePass(passes[next], numberOfWorkUnits);
  }
}

template void
ApplyLinePass<float>(const LinePass<float> &, ThreadIdType, LineKernel);
template void
ApplyLinePass<double>(const LinePass<double> &, ThreadIdType, LineKernel);
template void
ApplyLinePasses<float>(const std::vector<LinePass<float>> &, ThreadIdType);
template void
ApplyLinePasses<double>(const std::vector<LinePass<double>> &, ThreadIdType);

} // namespace Sinkhorn
} // namespace itk
