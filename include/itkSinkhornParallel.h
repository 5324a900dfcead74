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
#ifndef itkSinkhornParallel_h
#define itkSinkhornParallel_h

#include "itkMultiThreaderBase.h"

#include <algorithm>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Elements that one task works on: the partition, and with it the order of every sum, depends on the size of the array
 * alone, so results are bit-identical for any number of threads. */
constexpr SizeValueType ChunkLength = 8192;

/** Below this many elements a thread pool costs more than it gains. */
constexpr SizeValueType SerialLength = 2 * ChunkLength;

/** Calls function(task) for task = 0 … numberOfTasks − 1, on ITK's thread pool unless \a serial. */
template <typename TFunction>
void
ForEachTask(SizeValueType numberOfTasks, ThreadIdType numberOfWorkUnits, bool serial, const TFunction & function)
{
  if (serial || numberOfTasks < 2 || numberOfWorkUnits == 1)
  {
    for (SizeValueType task = 0; task < numberOfTasks; ++task)
    {
      function(task);
    }
    return;
  }
  const auto threader = MultiThreaderBase::New();
  if (numberOfWorkUnits > 0)
  {
    threader->SetNumberOfWorkUnits(numberOfWorkUnits);
  }
  threader->ParallelizeArray(0, numberOfTasks, function, nullptr);
}

/** Calls function(begin, end) for consecutive ranges that cover [0, length). */
template <typename TFunction>
void
ForEachChunk(SizeValueType length, ThreadIdType numberOfWorkUnits, const TFunction & function)
{
  const SizeValueType chunks = (length + ChunkLength - 1) / ChunkLength;
  ForEachTask(chunks, numberOfWorkUnits, length <= SerialLength, [&](SizeValueType chunk) {
    function(chunk * ChunkLength, std::min(length, (chunk + 1) * ChunkLength));
  });
}

/** Sum of function(begin, end) over the chunks, added in the order of the chunks. TSum needs operator+=. */
template <typename TSum, typename TFunction>
TSum
SumOverChunks(SizeValueType length, ThreadIdType numberOfWorkUnits, const TFunction & function)
{
  std::vector<TSum> partial((length + ChunkLength - 1) / ChunkLength);
  ForEachChunk(length, numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    partial[begin / ChunkLength] = function(begin, end);
  });
  TSum sum{};
  for (const auto & value : partial)
  {
    sum += value;
  }
  return sum;
}

} // namespace Sinkhorn
} // namespace itk

#endif
