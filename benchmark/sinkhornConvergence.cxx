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
// Prints, as a Markdown table, the iterations on the finest grid, the equivalent softmins and the seconds that each
// variant of the solver's schedule needs to marginal errors of 1e-2, 1e-3 and 1e-4.

#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornSolver.h"
#include "sinkhornBenchmarkPair.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <memory>

namespace
{

using namespace itk::Sinkhorn;

struct Variant
{
  const char *                            Name;
  std::function<void(SolverParameters &)> Change;
};

const std::vector<Variant> Variants = {
  { "default: pyramid, annealing 0.7, Chebyshev over-relaxation", [](SolverParameters &) {} },
  { "plain updates", [](SolverParameters & p) { p.Accelerate = Acceleration::None; } },
  { "symmetrised, averaged updates", [](SolverParameters & p) { p.Accelerate = Acceleration::Averaged; } },
  { "Nesterov-like extrapolation of the paper (1.8)",
    [](SolverParameters & p) { p.Accelerate = Acceleration::Nesterov; } },
  { "no pyramid", [](SolverParameters & p) { p.UsePyramid = false; } },
  { "no annealing", [](SolverParameters & p) { p.AnnealingRatio = 1.0; } },
  { "annealing 0.5", [](SolverParameters & p) { p.AnnealingRatio = 0.5; } },
  { "annealing 0.9", [](SolverParameters & p) { p.AnnealingRatio = 0.9; } },
  { "no pyramid, no annealing, plain updates",
    [](SolverParameters & p) {
      p.UsePyramid = false;
      p.AnnealingRatio = 1.0;
      p.Accelerate = Acceleration::None;
    } },
  { "no final update", [](SolverParameters & p) { p.FinalUpdate = false; } },
  { "unbalanced, reach 10", [](SolverParameters & p) { p.Reach = 10.0; } },
  { "unbalanced, reach 10, not translation-invariant",
    [](SolverParameters & p) {
      p.Reach = 10.0;
      p.TranslationInvariant = false;
    } },
};

void
PrintRow(const BenchmarkPair &                   pair,
         const SoftminOperator<float>::Pointer & op,
         const Variant &                         variant,
         SolverParameters                        parameters)
{
  variant.Change(parameters);
  std::printf("| %s |", variant.Name);
  for (const double tolerance : { 1e-2, 1e-3, 1e-4 })
  {
    parameters.Tolerance = tolerance;
    Potentials<float> duals;
    const auto        start = std::chrono::steady_clock::now();
    const auto        report = Solver<float>::Solve(op, pair.LogAlpha, pair.LogBeta, parameters, duals);
    const double      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf(" %s%u / %.0f / %.2f |",
                report.Converged ? "" : "not: ",
                report.NumberOfIterations,
                report.EquivalentSoftmins,
                seconds);
    std::fflush(stdout);
  }
  std::printf("\n");
}

} // namespace

int
main(int argc, char * argv[])
{
  CLI::App     app{ "Iterations on the finest grid / equivalent softmins / seconds to three marginal errors" };
  unsigned int size = 64;
  double       blur = 1.0;
  unsigned int threads = 1;
  unsigned int limit = 1000;
  app.add_option("--size", size, "voxels per axis")->check(CLI::Range(8, 512))->capture_default_str();
  app.add_option("--blur", blur, "blur, voxels")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", threads, "work units")->capture_default_str();
  app.add_option("--limit", limit, "maximum number of iterations")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto op = std::make_shared<GridSoftminOperator<float>>(
    std::vector<itk::SizeValueType>(3, size), std::vector<double>(3, 1.0), threads);
  SolverParameters parameters;
  parameters.Blur = blur;
  parameters.MaximumNumberOfIterations = limit;
  for (const BenchmarkPair & pair : GetBenchmarkPairs(size))
  {
    std::printf(
      "\n%s, %u³ float, blur %g voxels, %u thread(s)\n\n| schedule | 1e-2 | 1e-3 | 1e-4 |\n| --- | --- | --- | --- |\n",
      pair.Name.c_str(),
      size,
      blur,
      threads);
    for (const Variant & variant : Variants)
    {
      PrintRow(pair, op, variant, parameters);
    }
  }
  return 0;
}
