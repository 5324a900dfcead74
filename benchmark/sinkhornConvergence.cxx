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
  bool                                    Warm{ false };
};

void
OnFineGridOnly(SolverParameters & p, Acceleration acceleration)
{
  p.UseCoarseCorrection = false;
  p.Accelerate = acceleration;
}

const std::vector<Variant> Variants = {
  { "default: annealing 0.7, pyramid, coarse correction, adaptive over-relaxation", [](SolverParameters &) {} },
  { "warm: from the solution of the pair moved by half a voxel", [](SolverParameters &) {}, true },
  { "no final update", [](SolverParameters & p) { p.FinalUpdate = false; } },
  { "annealing 0.5", [](SolverParameters & p) { p.AnnealingRatio = 0.5; } },
  { "annealing 0.9", [](SolverParameters & p) { p.AnnealingRatio = 0.9; } },
  { "no annealing", [](SolverParameters & p) { p.AnnealingRatio = 1.0; } },
  { "no coarse correction: adaptive over-relaxation",
    [](SolverParameters & p) { OnFineGridOnly(p, Acceleration::OverRelaxation); } },
  { "no coarse correction, warm", [](SolverParameters & p) { p.UseCoarseCorrection = false; }, true },
  { "no coarse correction: extrapolation 1.8 (the paper's Nesterov scheme, a fixed over-relaxation)",
    [](SolverParameters & p) { OnFineGridOnly(p, Acceleration::Nesterov); } },
  { "no coarse correction: plain alternating updates",
    [](SolverParameters & p) { OnFineGridOnly(p, Acceleration::None); } },
  { "no coarse correction: symmetrised, averaged updates",
    [](SolverParameters & p) { OnFineGridOnly(p, Acceleration::Averaged); } },
  { "no pyramid: adaptive over-relaxation", [](SolverParameters & p) { p.UsePyramid = false; } },
  { "no pyramid, no annealing, plain updates",
    [](SolverParameters & p) {
      p.UsePyramid = false;
      p.AnnealingRatio = 1.0;
      p.Accelerate = Acceleration::None;
    } },
  { "unbalanced, reach 40", [](SolverParameters & p) { p.Reach = 40.0; } },
  { "unbalanced, reach 40, no coarse correction, plain updates",
    [](SolverParameters & p) {
      p.Reach = 40.0;
      OnFineGridOnly(p, Acceleration::None);
    } },
  { "the same without translation invariance",
    [](SolverParameters & p) {
      p.Reach = 40.0;
      p.TranslationInvariant = false;
      OnFineGridOnly(p, Acceleration::None);
    } },
};

void
PrintRow(const BenchmarkPair &                   pair,
         const BenchmarkPair &                   moved,
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
    if (variant.Warm)
    {
      Solver<float>::Solve(op, moved.LogAlpha, moved.LogBeta, parameters, duals);
    }
    const auto   start = std::chrono::steady_clock::now();
    const auto   report = Solver<float>::Solve(op, pair.LogAlpha, pair.LogBeta, parameters, duals);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  std::string only;
  app.add_option("--pair", only, "bumps, hippocampus or knee; all if not given");
  CLI11_PARSE(app, argc, argv);

  const auto op = std::make_shared<GridSoftminOperator<float>>(
    std::vector<itk::SizeValueType>(3, size), std::vector<double>(3, 1.0), threads);
  SolverParameters parameters;
  parameters.Blur = blur;
  parameters.MaximumNumberOfIterations = limit;
  for (const BenchmarkPair & pair : GetBenchmarkPairs(size))
  {
    if (!only.empty() && pair.Name != only)
    {
      continue;
    }
    std::printf(
      "\n%s, %u³ float, blur %g voxels, %u thread(s)\n\n| schedule | 1e-2 | 1e-3 | 1e-4 |\n| --- | --- | --- | --- |\n",
      pair.Name.c_str(),
      size,
      blur,
      threads);
    const BenchmarkPair moved = MoveByHalfAVoxel(pair, size);
    for (const Variant & variant : Variants)
    {
      PrintRow(pair, moved, op, variant, parameters);
    }
  }
  return 0;
}
