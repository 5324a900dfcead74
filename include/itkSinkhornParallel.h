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

#include "SinkhornExport.h"
#include "itkIntTypes.h"

#include <algorithm>
#include <functional>
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

/** Calls function(task) for task = 0 … numberOfTasks − 1, on this thread and up to numberOfWorkUnits − 1 (0: ITK's
 * default) threads of ITK's pool. Each thread takes the next task when it has finished one, so tasks need not take the
 * same time. Helpers stay awake for a moment after the last task: a solve is a long sequence of short runs, and waking
 * a thread takes as long as a small one. Any thread may call it, also from within a task.
 * \exception the first one that a task threw; tasks that had not begun then are left out. */
Sinkhorn_EXPORT void
RunTasks(SizeValueType                              numberOfTasks,
         ThreadIdType                               numberOfWorkUnits,
         const std::function<void(SizeValueType)> & function);

/** The same unless \a serial: then on this thread alone. */
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
  RunTasks(numberOfTasks, numberOfWorkUnits, std::cref(function));
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
