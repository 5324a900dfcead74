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
// The linear-domain softmin by FFTW, single precision: log(k ⋆ exp(h)), the grid padded by zeros so that nothing wraps
// around. What the solver would gain from it where the dynamic range allows; README.md says what came out.

#include "sinkhornBenchmarkMeter.h"

#include <fftw3.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace
{

struct FFTWFree
{
  void
  operator()(void * memory) const
  {
    fftwf_free(memory);
  }
};

/** Smallest even length ≥ \a length without prime factors above 5, for which FFTW is fast. */
int
FastLength(int length)
{
  for (;; ++length)
  {
    int rest = length;
    for (const int factor : { 2, 3, 5 })
    {
      while (rest % factor == 0)
      {
        rest /= factor;
      }
    }
    if (rest == 1 && length % 2 == 0)
    {
      return length;
    }
  }
}

/** Plans are made once and reused; only the transforms, the product, exp and log are timed. */
class GaussianByFFTW
{
public:
  GaussianByFFTW(int size, double sigma, int threads)
    : m_Size(size)
    // Beyond 4.5σ the kernel is below the rounding of the transform.
    , m_Padded(FastLength(size + static_cast<int>(std::ceil(4.5 * sigma))))
    , m_Row(m_Padded / 2 + 1)
    , m_Data(static_cast<float *>(fftwf_malloc(sizeof(fftwf_complex) * m_Padded * m_Padded * m_Row)))
  {
    fftwf_plan_with_nthreads(threads);
    auto * spectrum = reinterpret_cast<fftwf_complex *>(m_Data.get());
    m_Forward = fftwf_plan_dft_r2c_3d(m_Padded, m_Padded, m_Padded, m_Data.get(), spectrum, FFTW_MEASURE);
    m_Backward = fftwf_plan_dft_c2r_3d(m_Padded, m_Padded, m_Padded, spectrum, m_Data.get(), FFTW_MEASURE);
    for (int k = 0; k < m_Padded; ++k)
    {
      const double pi = std::acos(-1.0);
      const double frequency = 2.0 * pi * std::min(k, m_Padded - k) / m_Padded;
      const double scale = std::sqrt(2.0 * pi) * sigma / m_Padded;
      m_Kernel.push_back(static_cast<float>(scale * std::exp(-0.5 * frequency * frequency * sigma * sigma)));
    }
  }

  ~GaussianByFFTW()
  {
    fftwf_destroy_plan(m_Forward);
    fftwf_destroy_plan(m_Backward);
  }

  GaussianByFFTW(const GaussianByFFTW &) = delete;
  GaussianByFFTW &
  operator=(const GaussianByFFTW &) = delete;

  void
  Run(const std::vector<float> & h, std::vector<float> & out)
  {
    const size_t stride = 2 * m_Row; // in place, rows hold two more numbers
    std::fill_n(m_Data.get(), stride * m_Padded * m_Padded, 0.0f);
    this->ForEachRow([&](size_t inImage, size_t row) {
      std::transform(h.begin() + inImage, h.begin() + inImage + m_Size, m_Data.get() + row * stride, [](float v) {
        return std::exp(v);
      });
    });
    fftwf_execute(m_Forward);
    for (int z = 0; z < m_Padded; ++z)
    {
      for (int y = 0; y < m_Padded; ++y)
      {
        const float factor = m_Kernel[z] * m_Kernel[y];
        float *     row = m_Data.get() + (static_cast<size_t>(z) * m_Padded + y) * stride;
        for (int x = 0; x < m_Row; ++x)
        {
          row[2 * x] *= factor * m_Kernel[x];
          row[2 * x + 1] *= factor * m_Kernel[x];
        }
      }
    }
    fftwf_execute(m_Backward);
    this->ForEachRow([&](size_t inImage, size_t row) {
      const float * sums = m_Data.get() + row * stride;
      std::transform(sums, sums + m_Size, out.begin() + inImage, [](float v) { return std::log(std::max(v, 1e-30f)); });
    });
  }

private:
  template <typename TFunction>
  void
  ForEachRow(const TFunction & function) const
  {
    for (int z = 0; z < m_Size; ++z)
    {
      for (int y = 0; y < m_Size; ++y)
      {
        function((static_cast<size_t>(z) * m_Size + y) * m_Size, static_cast<size_t>(z) * m_Padded + y);
      }
    }
  }

  int                              m_Size;
  int                              m_Padded;
  int                              m_Row;
  std::unique_ptr<float, FFTWFree> m_Data;
  fftwf_plan                       m_Forward;
  fftwf_plan                       m_Backward;
  std::vector<float>               m_Kernel; // of one axis; only the first half along the axis of the rows
};

void
BenchmarkFFTW(benchmark::State & state, unsigned int size, double sigma, itk::ThreadIdType threads)
{
  const auto &       pair = GetPair(size, "bumps");
  Meter              meter(state, size, threads);
  GaussianByFFTW     convolution(static_cast<int>(size), sigma, static_cast<int>(threads));
  std::vector<float> out(pair.LogBeta.size());
  for (auto _ : state)
  {
    convolution.Run(pair.LogBeta, out);
    benchmark::DoNotOptimize(out.data());
  }
  meter.Report();
}

} // namespace

void
RegisterFFTW(unsigned int size, unsigned int sigma, itk::ThreadIdType threads)
{
  static const bool initialized = fftwf_init_threads() != 0;
  if (initialized)
  {
    const std::string name =
      "GaussianByFFTW/" + SizeName(size) + "/sigma:" + std::to_string(sigma) + "/float/" + ThreadsName(threads);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State & s) { BenchmarkFFTW(s, size, sigma, threads); });
  }
}
