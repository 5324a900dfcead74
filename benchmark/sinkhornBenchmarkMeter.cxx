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
#include "sinkhornBenchmarkMeter.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace
{
/** A value in MB of Linux's /proc/self/status; 0 elsewhere. */
double
ReadMemoryStatus(const std::string & key)
{
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
  {
    if (line.compare(0, key.size(), key) == 0)
    {
      return std::stod(line.substr(key.size())) / 1024.0;
    }
  }
  return 0.0;
}
} // namespace

MemoryMeter::MemoryMeter(itk::ThreadIdType threads)
{
  // ITK's mini-pipelines follow the global default only.
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(threads);
#if defined(__GLIBC__)
  malloc_trim(0); // memory that is free has to go, or the benchmark's own would be taken from it unseen
#endif
  std::ofstream("/proc/self/clear_refs") << 5; // Linux: begins a new peak
  m_Before = ReadMemoryStatus("VmRSS:");
}

double
MemoryMeter::GetPeak() const
{
  return ReadMemoryStatus("VmHWM:");
}

double
MemoryMeter::GetGrowth() const
{
  return this->GetPeak() - m_Before;
}

Meter::Meter(benchmark::State & state, unsigned int size, itk::ThreadIdType threads)
  : m_State(state)
  , m_Voxels(std::pow(size, 3))
  , m_Memory(threads)
{}

itk::Image<float, 3>::Pointer
MakeDensityImage(const std::vector<float> & logWeights, unsigned int size)
{
  const auto                     image = itk::Image<float, 3>::New();
  itk::Image<float, 3>::SizeType cube;
  cube.Fill(size);
  image->SetRegions(cube);
  image->Allocate();
  const float highest = *std::max_element(logWeights.begin(), logWeights.end());
  std::transform(logWeights.begin(), logWeights.end(), image->GetBufferPointer(), [=](float w) {
    return 100.0f * std::exp(w - highest);
  });
  return image;
}

void
Meter::Report()
{
  m_State.counters["time/voxel"] =
    benchmark::Counter(m_Voxels, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  m_State.counters["peak_MB"] = m_Memory.GetPeak();
  m_State.counters["peak_images"] = m_Memory.GetGrowth() * 1024.0 * 1024.0 / (m_Voxels * sizeof(float));
}

std::string
SizeName(unsigned int size)
{
  return "N:" + std::to_string(size);
}

std::string
ThreadsName(itk::ThreadIdType threads)
{
  return "threads:" + std::to_string(threads);
}

const BenchmarkPair &
GetPair(unsigned int size, const std::string & name)
{
  // One size at a time, so that the pairs of the others do not stand in memory.
  static unsigned int                         sizeInMemory = 0;
  static std::map<std::string, BenchmarkPair> pairs;
  if (sizeInMemory != size)
  {
    pairs.clear();
    for (auto & pair : GetBenchmarkPairs(size))
    {
      pairs[pair.Name] = pair;
    }
    sizeInMemory = size;
  }
  const auto found = pairs.find(name);
  return found != pairs.end() ? found->second : pairs.at("bumps");
}
