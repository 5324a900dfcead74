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
// Times of the softmin, of the solver and of the metric beside those of ITK's own filters and metrics. Sizes, blurs and
// displacements are in voxels; README.md explains the names.

#include "itkDiscreteGaussianImageFilter.h"
#include "itkImage.h"
#include "itkSinkhornFeatureSoftminOperator.h"
#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornImageFeatures.h"
#include "itkSinkhornSolver.h"
#include "itkSmoothingRecursiveGaussianImageFilter.h"
#include "sinkhornBenchmarkMeter.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <sstream>

namespace
{
using namespace itk::Sinkhorn;
using ImageType = itk::Image<float, 3>;

std::shared_ptr<GridSoftminOperator<float>>
MakeGrid(unsigned int size, itk::ThreadIdType threads)
{
  return std::make_shared<GridSoftminOperator<float>>(
    std::vector<itk::SizeValueType>(3, size), std::vector<double>(3, 1.0), threads);
}

/** Softmin of a density and the potential of a displacement by as many voxels along each axis. */
void
BenchmarkSoftmin(benchmark::State & state,
                 unsigned int       size,
                 double             sigma,
                 double             displacement,
                 itk::ThreadIdType  threads)
{
  const auto &       pair = GetPair(size, "bumps");
  Meter              meter(state, size, threads);
  const auto         grid = MakeGrid(size, threads);
  std::vector<float> potential(pair.LogBeta.size());
  std::vector<float> out(pair.LogBeta.size());
  for (size_t voxel = 0; voxel < potential.size(); ++voxel)
  {
    const size_t coordinates = voxel % size + voxel / size % size + voxel / size / size;
    potential[voxel] = static_cast<float>(displacement * static_cast<double>(coordinates));
  }
  for (auto _ : state)
  {
    grid->Apply(Side::Alpha, Side::Beta, sigma, pair.LogBeta.data(), potential.data(), out.data());
    benchmark::DoNotOptimize(out.data());
  }
  meter.Report();
}

/** Softmin of a density that is spread over bins of intensity, from the darkest to the brightest as far as \a weight,
 * mm; 0: the bins one by one, without a feature. */
void
BenchmarkFeatureSoftmin(benchmark::State & state,
                        unsigned int       size,
                        unsigned int       bins,
                        double             weight,
                        itk::ThreadIdType  threads)
{
  constexpr double   sigma = 2.0;
  const auto &       pair = GetPair(size, "bumps");
  Meter              meter(state, size, threads);
  const auto         grid = MakeGrid(size, threads);
  const size_t       voxels = pair.LogBeta.size();
  std::vector<float> weights;
  std::vector<float> out(bins * voxels);
  for (unsigned int bin = 0; bin < bins; ++bin)
  {
    weights.insert(weights.end(), pair.LogBeta.begin(), pair.LogBeta.end());
  }
  const FeatureSoftminOperator<float> lifted(grid, MakeIntensityCosts(bins, weight));
  for (auto _ : state)
  {
    if (weight > 0.0)
    {
      lifted.Apply(Side::Alpha, Side::Beta, sigma, weights.data(), nullptr, out.data());
    }
    for (unsigned int bin = 0; bin < bins && weight == 0.0; ++bin)
    {
      grid->Apply(Side::Alpha, Side::Beta, sigma, weights.data() + bin * voxels, nullptr, out.data() + bin * voxels);
    }
    benchmark::DoNotOptimize(out.data());
  }
  meter.Report();
}

ImageType::Pointer
MakeImage(unsigned int size)
{
  const auto          image = ImageType::New();
  ImageType::SizeType cube;
  cube.Fill(size);
  image->SetRegions(cube);
  image->Allocate();
  const auto & pair = GetPair(size, "bumps");
  std::transform(
    pair.LogBeta.begin(), pair.LogBeta.end(), image->GetBufferPointer(), [](float w) { return std::exp(w); });
  return image;
}

template <typename TFilter>
void
RunFilter(benchmark::State & state, TFilter & filter, unsigned int size, itk::ThreadIdType threads)
{
  const auto image = MakeImage(size);
  Meter      meter(state, size, threads);
  filter.SetInput(image);
  filter.SetNumberOfWorkUnits(threads);
  for (auto _ : state)
  {
    filter.Modified();
    filter.UpdateLargestPossibleRegion();
    benchmark::DoNotOptimize(filter.GetOutput()->GetBufferPointer());
  }
  meter.Report();
}

void
BenchmarkRecursiveGaussian(benchmark::State & state, unsigned int size, double sigma, itk::ThreadIdType threads)
{
  const auto filter = itk::SmoothingRecursiveGaussianImageFilter<ImageType, ImageType>::New();
  filter->SetSigma(sigma);
  RunFilter(state, *filter, size, threads);
}

void
BenchmarkDiscreteGaussian(benchmark::State & state, unsigned int size, double sigma, itk::ThreadIdType threads)
{
  const auto filter = itk::DiscreteGaussianImageFilter<ImageType, ImageType>::New();
  filter->SetVariance(sigma * sigma);
  filter->SetMaximumKernelWidth(128);
  RunFilter(state, *filter, size, threads);
}

struct DivergenceCase
{
  double      Blur;
  std::string Tolerance;
  bool        Warm;
  std::string Pair;
};

/** The whole divergence; warm: from the potentials of the pair moved by half a voxel. */
void
BenchmarkDivergence(benchmark::State & state, unsigned int size, const DivergenceCase & what, itk::ThreadIdType threads)
{
  const auto &     pair = GetPair(size, what.Pair);
  Meter            meter(state, size, threads);
  const auto       grid = MakeGrid(size, threads);
  SolverParameters parameters;
  parameters.Blur = what.Blur;
  parameters.Tolerance = std::stod(what.Tolerance);
  parameters.MaximumNumberOfIterations = 1000;
  Potentials<float> start;
  if (what.Warm)
  {
    const BenchmarkPair moved = MoveByHalfAVoxel(pair, size);
    Solver<float>::Solve(grid, moved.LogAlpha, moved.LogBeta, parameters, start);
  }
  SolverReport report;
  for (auto _ : state)
  {
    state.PauseTiming();
    Potentials<float> potentials = start;
    state.ResumeTiming();
    report = Solver<float>::Solve(grid, pair.LogAlpha, pair.LogBeta, parameters, potentials);
  }
  meter.Report();
  state.counters["iterations"] = report.NumberOfIterations;
  state.counters["softmins"] = report.EquivalentSoftmins;
  state.counters["marginal_error"] = report.GetMarginalError();
  state.SetLabel(pair.Name + (report.Converged ? "" : ", not converged"));
}

void
RegisterFilters(unsigned int size, itk::ThreadIdType threads)
{
  const std::string end = "/" + ThreadsName(threads);
  const std::string quarter = "/displacement:" + std::to_string(size / 4);
  for (const unsigned int sigma : { 1, 2, 4, 8, 16, 32 })
  {
    const std::string middle = "/" + SizeName(size) + "/sigma:" + std::to_string(sigma);
#ifdef SINKHORN_BENCHMARK_FFTW
    RegisterFFTW(size, sigma, threads);
#endif
    benchmark::RegisterBenchmark(("Softmin" + middle + "/float" + end).c_str(),
                                 [=](benchmark::State & s) { BenchmarkSoftmin(s, size, sigma, 0.0, threads); });
    benchmark::RegisterBenchmark(("Softmin" + middle + quarter + "/float" + end).c_str(),
                                 [=](benchmark::State & s) { BenchmarkSoftmin(s, size, sigma, size / 4, threads); });
    benchmark::RegisterBenchmark(("SmoothingRecursiveGaussian" + middle + end).c_str(),
                                 [=](benchmark::State & s) { BenchmarkRecursiveGaussian(s, size, sigma, threads); });
    benchmark::RegisterBenchmark(("DiscreteGaussian" + middle + end).c_str(),
                                 [=](benchmark::State & s) { BenchmarkDiscreteGaussian(s, size, sigma, threads); });
  }
}

void
RegisterFeatures(unsigned int size, itk::ThreadIdType threads)
{
  constexpr unsigned int bins = 16;
  for (const int weight : { 0, 2, 8, 30 })
  {
    const std::string name = "FeatureSoftmin/" + SizeName(size) + "/bins:" + std::to_string(bins) +
                             "/weight:" + std::to_string(weight) + "/" + ThreadsName(threads);
    benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State & s) { BenchmarkFeatureSoftmin(s, size, bins, weight, threads); });
  }
}

void
RegisterDivergence(unsigned int size, const DivergenceCase & what, const std::string & end)
{
  std::ostringstream name;
  name << "Divergence/" << SizeName(size) << "/blur:" << what.Blur << "/tol:" << what.Tolerance
       << (what.Warm ? "/warm" : "/cold") << end;
  const auto threads = static_cast<itk::ThreadIdType>(std::stoul(end.substr(end.rfind(':') + 1)));
  benchmark::RegisterBenchmark(name.str().c_str(), [=](benchmark::State & s) {
    BenchmarkDivergence(s, size, what, threads);
  })->Unit(benchmark::kMillisecond);
}

void
RegisterDivergences(unsigned int size, itk::ThreadIdType threads)
{
  const std::string end = "/" + ThreadsName(threads);
  for (const double blur : { 1.0, 2.0, 4.0 })
  {
    for (const std::string tolerance : { "1e-2", "1e-3" })
    {
      for (const bool warm : { false, true })
      {
        RegisterDivergence(size, { blur, tolerance, warm, "hippocampus" }, end);
        RegisterDivergence(size, { blur, tolerance, warm, "bumps" }, "/pair:bumps" + end);
        RegisterDivergence(size, { blur, tolerance, warm, "knee" }, "/pair:knee" + end);
      }
    }
  }
}

} // namespace

int
main(int argc, char * argv[])
{
  for (const unsigned int size : { 64, 128, 256 })
  {
    for (const itk::ThreadIdType threads : { 1, 2 })
    {
      RegisterFilters(size, threads);
      RegisterFeatures(size, threads);
      RegisterDivergences(size, threads);
      RegisterMetricBenchmarks(size, threads);
      RegisterRegistrationBenchmarks(size, threads);
    }
  }
  for (const itk::ThreadIdType threads : { 1, 2 })
  {
    RegisterPointBenchmarks(threads);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
  {
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
