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
// Times of the softmin and of the divergence between two surfaces as points, beside the dense oracle on the same
// points.

#include "itkSinkhornPointSoftminOperator.h"
#include "itkSinkhornPointTransport.h"
#include "sinkhornBenchmarkMeter.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

namespace
{
using namespace itk::Sinkhorn;
using Array = std::vector<double>;

/** Blur, as a part of the diagonal. */
constexpr double BlurPart = 0.015;

/** So many points, scattered evenly over the directions, of a bumpy ellipsoid; mm. */
PointMeasure
MakeSurface(unsigned int points, unsigned int seed)
{
  std::mt19937                     generator(seed);
  std::normal_distribution<double> normal;
  const double                     axes[2][3] = { { 50.0, 40.0, 60.0 }, { 60.0, 45.0, 50.0 } };
  Array                            positions;
  for (unsigned int i = 0; i < points; ++i)
  {
    double       v[3] = { normal(generator), normal(generator), normal(generator) };
    const double length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    std::transform(v, v + 3, v, [length](double x) { return x / length; });
    const double bump = 1.0 + 0.15 * std::sin(5.0 * v[0] + seed) * std::cos(4.0 * v[1]) + 0.1 * std::sin(6.0 * v[2]);
    for (unsigned int d = 0; d < 3; ++d)
    {
      positions.push_back(axes[seed % 2][d] * bump * v[d]);
    }
  }
  return MakePointMeasure(3, positions);
}

PointTransportParameters
MakeParameters(const PointMeasure & alpha, const PointMeasure & beta, itk::ThreadIdType threads)
{
  PointMeasure both = alpha;
  AppendPointMeasure(both, beta);
  PointTransportParameters parameters;
  parameters.Solver.Blur = BlurPart * both.GetDiagonal();
  parameters.NumberOfWorkUnits = threads;
  return parameters;
}

/** One softmin with the potential of the solved problem at \a widths times its blur; by the dense operator if \a dense.
 */
void
BenchmarkPointSoftmin(benchmark::State & state,
                      unsigned int       points,
                      double             widths,
                      bool               dense,
                      itk::ThreadIdType  threads)
{
  const PointMeasure alpha = MakeSurface(points, 1);
  const PointMeasure beta = MakeSurface(points, 2);
  const auto         parameters = MakeParameters(alpha, beta, threads);
  PointTransport     transport(alpha, beta, parameters);
  transport.Solve();
  const LiftedMeasures lifted(alpha, beta, parameters);
  const auto           fast = lifted.MakeOperator(PairPrecision::Single);
  const auto oracle = std::make_shared<PointSoftminOperator<double>>(3, alpha.Positions, beta.Positions, threads);
  const SoftminOperator<double> & op = dense ? static_cast<const SoftminOperator<double> &>(*oracle) : *fast;
  const auto                      apply = [&](const SoftminOperator<double> & which, Array & out) {
    which.Apply(Side::Alpha,
                Side::Beta,
                widths * parameters.Solver.Blur,
                lifted.GetLogWeights(Side::Beta).data(),
                transport.GetPotentials().G.data(),
                out.data());
  };
  Array       out(points);
  Array       exact(points);
  MemoryMeter memory(threads);
  for (auto _ : state)
  {
    apply(op, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["peak_MB"] = memory.GetPeak();
  state.counters["time/pair"] = benchmark::Counter(
    static_cast<double>(points) * points, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  if (!dense)
  {
    apply(*oracle, exact);
    double error = 0.0;
    for (unsigned int i = 0; i < points; ++i)
    {
      error = std::max(error, std::abs(out[i] - exact[i]));
    }
    state.counters["error"] = error;
  }
}

/** Divergence to the default tolerance, and springs of one side. */
void
BenchmarkPointDivergence(benchmark::State & state, unsigned int points, double reachPart, itk::ThreadIdType threads)
{
  const PointMeasure alpha = MakeSurface(points, 1);
  const PointMeasure beta = MakeSurface(points, 2);
  auto               parameters = MakeParameters(alpha, beta, threads);
  parameters.Solver.Reach = reachPart / BlurPart * parameters.Solver.Blur;
  SolverReport report;
  MemoryMeter  memory(threads);
  for (auto _ : state)
  {
    PointTransport transport(alpha, beta, parameters);
    report = transport.Solve();
    const Array springs = transport.ComputeSprings(Side::Alpha);
    benchmark::DoNotOptimize(springs.data());
  }
  state.counters["peak_MB"] = memory.GetPeak();
  state.counters["iterations"] = report.NumberOfIterations;
  state.counters["softmins"] = report.EquivalentSoftmins;
  state.counters["marginal_error"] = report.GetMarginalError();
  state.SetLabel(report.Converged ? "" : "not converged");
}

} // namespace

void
RegisterPointBenchmarks(itk::ThreadIdType threads)
{
  const std::string end = "/" + ThreadsName(threads);
  for (const unsigned int points : { 1000, 10000 })
  {
    for (const double widths : { 1.0, 8.0, 64.0 })
    {
      for (const bool dense : { false, true })
      {
        const std::string name = "PointSoftmin/" + SizeName(points) +
                                 "/blurs:" + std::to_string(static_cast<int>(widths)) + (dense ? "/dense" : "") + end;
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State & s) {
          BenchmarkPointSoftmin(s, points, widths, dense, threads);
        })->Unit(benchmark::kMillisecond);
      }
    }
  }
  for (const unsigned int points : { 5000, 10000, 100000 })
  {
    for (const double reachPart : { 0.0, 0.1 })
    {
      const std::string name = "PointDivergence/" + SizeName(points) + (reachPart > 0.0 ? "/reach" : "/balanced") + end;
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State & s) {
        BenchmarkPointDivergence(s, points, reachPart, threads);
      })->Unit(benchmark::kMillisecond);
    }
  }
}
