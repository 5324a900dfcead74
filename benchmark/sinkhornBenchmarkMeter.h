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
#ifndef sinkhornBenchmarkMeter_h
#define sinkhornBenchmarkMeter_h

#include "itkImage.h"
#include "itkMultiThreaderBase.h"
#include "sinkhornBenchmarkPair.h"

#include <benchmark/benchmark.h>

#include <string>

/** Measures the peak of resident memory from its construction on. */
class MemoryMeter
{
public:
  /** \param threads of all that follows. */
  explicit MemoryMeter(itk::ThreadIdType threads);

  /** MB; 0 where there is no Linux. */
  double
  GetPeak() const;

  /** By what memory has grown at its peak, MB. */
  double
  GetGrowth() const;

private:
  double m_Before;
};

/** Measures a benchmark's peak of resident memory and reports it with the time per voxel. Construct it before the
 * benchmark's arrays exist. */
class Meter
{
public:
  /** \param size voxels per axis of the 3-D problem. */
  Meter(benchmark::State & state, unsigned int size, itk::ThreadIdType threads);

  /** Sets the counters: time/voxel (s), peak_MB, and peak_images, the growth of memory over that before the arrays in
   * units of one float image. */
  void
  Report();

private:
  benchmark::State & m_State;
  double             m_Voxels;
  MemoryMeter        m_Memory;
};

/** N:128, the first part of all names. */
std::string
SizeName(unsigned int size);

/** threads:1, the last part of all names. */
std::string
ThreadsName(itk::ThreadIdType threads);

/** A pair by its name; bumps, which needs no files, where SINKHORN_TEST_DATA is not set. */
const BenchmarkPair &
GetPair(unsigned int size, const std::string & name = "hippocampus");

/** A density as an image of size³ voxels, 100 where it is highest. */
itk::Image<float, 3>::Pointer
MakeDensityImage(const std::vector<float> & logWeights, unsigned int size);

/** Registers Registration/…. */
void
RegisterRegistrationBenchmarks(unsigned int size, itk::ThreadIdType threads);

/** Registers MetricIteration/…. */
void
RegisterMetricBenchmarks(unsigned int size, itk::ThreadIdType threads);

/** Registers PointSoftmin/… and PointDivergence/…. */
void
RegisterPointBenchmarks(itk::ThreadIdType threads);

/** Registers GaussianByFFTW/…; defined where FFTW is installed (SINKHORN_BENCHMARK_FFTW). */
void
RegisterFFTW(unsigned int size, unsigned int sigma, itk::ThreadIdType threads);

#endif
