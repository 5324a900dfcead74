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
#include "itkSinkhornSolver.h"
#include "itkSinkhornParallel.h"
#include "itkSinkhornPyramid.h"
#include "itkSinkhornSchedule.h"
#include "itkSinkhornStageRunner.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Balanced problems whose masses differ by more than this relative amount have no solution worth the name. */
constexpr double LargestMassMismatch = 1e-3;

void
CheckParameters(const SolverParameters & parameters)
{
  if (!(parameters.Blur > 0.0) || !std::isfinite(parameters.Blur))
  {
    itkGenericExceptionMacro("Sinkhorn: Blur is " << parameters.Blur
                                                  << " mm, but must be positive and finite. A good start is "
                                                  << "one or two voxel spacings.");
  }
  if (!(parameters.Reach >= 0.0) || !std::isfinite(parameters.Reach))
  {
    itkGenericExceptionMacro("Sinkhorn: Reach is " << parameters.Reach
                                                   << " mm, but must be positive, or 0 for balanced transport.");
  }
  if (!(parameters.Tolerance > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: Tolerance is " << parameters.Tolerance
                                                       << ", but must be positive; 1e-3 is usual.");
  }
  if (parameters.MaximumNumberOfIterations == 0)
  {
    itkGenericExceptionMacro("Sinkhorn: MaximumNumberOfIterations is 0; allow at least one iteration.");
  }
  if (!(parameters.AnnealingRatio > 0.0) || parameters.AnnealingRatio > 1.0)
  {
    itkGenericExceptionMacro("Sinkhorn: AnnealingRatio is " << parameters.AnnealingRatio
                                                            << ", but must lie in (0, 1]; 1 switches annealing off.");
  }
}

/** Mass of one side, after checking every weight. */
template <typename TReal>
double
CheckedMass(const std::vector<TReal> & logWeights,
            SizeValueType              expectedLength,
            const char *               name,
            ThreadIdType               workUnits)
{
  if (logWeights.size() != expectedLength)
  {
    itkGenericExceptionMacro("Sinkhorn: " << name << " has " << logWeights.size() << " weights, but the operator has "
                                          << expectedLength << " points.");
  }
  const double mass = SumOverChunks<double>(expectedLength, workUnits, [&](SizeValueType begin, SizeValueType end) {
    double sum = 0.0;
    for (SizeValueType i = begin; i < end; ++i)
    {
      // exp(-inf) is 0; NaN and +inf survive the sum and are looked for below.
      sum += std::exp(static_cast<double>(logWeights[i]));
    }
    return sum;
  });
  if (!std::isfinite(mass))
  {
    SizeValueType i = 0;
    while (i + 1 < expectedLength && logWeights[i] < std::numeric_limits<TReal>::max())
    {
      ++i;
    }
    itkGenericExceptionMacro("Sinkhorn: the logarithmic weight of "
                             << name << " at point " << i << " is " << logWeights[i]
                             << "; weights must be finite, or -inf for an empty point.");
  }
  if (!(mass > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: " << name << " has no mass; at least one point needs a positive weight.");
  }
  return mass;
}

/** The soft c-transform −λ ε softmin of \a potential, which lives on the cropped operator, on all points of the whole
 * one. Empties \a potential. */
template <typename TReal>
std::vector<TReal>
Continue(const SoftminOperator<TReal> & whole,
         const SoftminOperator<TReal> & cropped,
         Side                           to,
         Side                           from,
         const std::vector<TReal> &     logWeights,
         const SolverParameters &       parameters,
         std::vector<TReal> &           potential)
{
  std::vector<TReal> spread(whole.GetNumberOfPoints(from), TReal{});
  whole.ScatterTo(cropped, from, potential.data(), spread.data());
  std::vector<TReal>().swap(potential);

  std::vector<TReal> continued(whole.GetNumberOfPoints(to));
  whole.Apply(to, from, parameters.Blur, logWeights.data(), spread.data(), continued.data());
  Temperature temperature;
  temperature.Epsilon = parameters.Blur * parameters.Blur;
  temperature.Rho = parameters.Reach * parameters.Reach;
  const auto scale = static_cast<TReal>(-temperature.GetDamping() * temperature.Epsilon);
  ForEachChunk(continued.size(), whole.GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
    std::transform(continued.begin() + begin, continued.begin() + end, continued.begin() + begin, [=](TReal s) {
      return scale * s;
    });
  });
  return continued;
}

/** Solves on the operator as it is, warm if the potentials fit. */
template <typename TReal>
SolverReport
SolveOnOperator(const typename SoftminOperator<TReal>::Pointer & op,
                const std::vector<TReal> &                       logAlpha,
                const std::vector<TReal> &                       logBeta,
                const SolverParameters &                         parameters,
                const double (&mass)[2],
                SizeValueType          referencePoints,
                Potentials<TReal> &    potentials,
                const SolverObserver & observer)
{
  SolverReport         report;
  const double         coarsestResolution = parameters.UsePyramid ? std::numeric_limits<double>::max() : 0.0;
  const Pyramid<TReal> pyramid(op, logAlpha.data(), logBeta.data(), coarsestResolution);
  StageRunner<TReal>   runner(pyramid, parameters, mass, referencePoints, observer, report);

  const std::vector<Stage> cold = MakeAnnealingSchedule(pyramid, parameters);
  const std::vector<Stage> coldSelf = MakeFinalSchedule(pyramid, parameters);
  const std::vector<Stage> warm{ cold.back() };

  Potentials<TReal> result = std::move(potentials);
  potentials = Potentials<TReal>();

  runner.SetFractions(0.0, parameters.Debias ? 0.6 : 1.0);
  report.WarmStarted = result.F.size() == logAlpha.size() && result.G.size() == logBeta.size() &&
                       runner.RunWarmCross(cold.back(), result.F, result.G);
  if (!report.WarmStarted && !report.Aborted)
  {
    result.F.clear();
    result.G.clear();
    runner.RunCross(cold, result.F, result.G);
  }

  if (!parameters.Debias)
  {
    result.FAlphaAlpha.clear();
    result.GBetaBeta.clear();
  }
  else if (!report.Aborted)
  {
    const auto runSelf = [&](Side side, std::vector<TReal> & potential, double & error) {
      const bool isWarm = potential.size() == op->GetNumberOfPoints(side);
      if (!isWarm)
      {
        potential.clear();
      }
      return runner.RunSelf(side, isWarm ? warm : coldSelf, potential, error);
    };
    runner.SetFractions(0.6, 0.8);
    if (runSelf(Side::Alpha, result.FAlphaAlpha, report.MarginalErrorAlphaAlpha))
    {
      runner.SetFractions(0.8, 1.0);
      runSelf(Side::Beta, result.GBetaBeta, report.MarginalErrorBetaBeta);
    }
  }
  if (!report.Aborted)
  {
    report.Converged = report.GetMarginalError() <= parameters.Tolerance;
    potentials = std::move(result);
  }
  return report;
}

} // namespace

std::ostream &
operator<<(std::ostream & os, Acceleration acceleration)
{
  switch (acceleration)
  {
    case Acceleration::None: return os << "None";
    case Acceleration::Averaged: return os << "Averaged";
    case Acceleration::OverRelaxation: return os << "OverRelaxation";
    case Acceleration::Nesterov: return os << "Nesterov";
  }
  return os << "invalid";
}

double
SolverReport::GetMarginalError() const
{
  return std::max(std::max(MarginalErrorAlpha, MarginalErrorBeta),
                  std::max(MarginalErrorAlphaAlpha, MarginalErrorBetaBeta));
}

std::string
SolverReport::Describe(const SolverParameters & parameters) const
{
  std::ostringstream text;
  text << (Converged ? "converged" : (Aborted ? "aborted" : "not converged")) << " after " << NumberOfIterations
       << " iterations, marginal error " << this->GetMarginalError() << " (tolerance " << parameters.Tolerance << ")";
  return text.str();
}

template <typename TReal>
SolverReport
Solver<TReal>::Solve(const typename OperatorType::Pointer & op,
                     const std::vector<TReal> &             logAlpha,
                     const std::vector<TReal> &             logBeta,
                     const SolverParameters &               parameters,
                     PotentialsType &                       potentials,
                     const SolverObserver &                 observer)
{
  CheckParameters(parameters);
  const ThreadIdType workUnits = op->GetNumberOfWorkUnits();
  const double       mass[2] = { CheckedMass(logAlpha, op->GetNumberOfPoints(Side::Alpha), "alpha", workUnits),
                                 CheckedMass(logBeta, op->GetNumberOfPoints(Side::Beta), "beta", workUnits) };
  if (parameters.Reach == 0.0 && std::abs(mass[0] - mass[1]) > LargestMassMismatch * std::max(mass[0], mass[1]))
  {
    itkGenericExceptionMacro("Sinkhorn: balanced transport needs equal masses, but alpha has "
                             << mass[0] << " and beta " << mass[1]
                             << ". Normalise them, or set Reach for unbalanced transport.");
  }

  const auto cropped = op->MakeCropped(logAlpha.data(), logBeta.data());
  if (!cropped)
  {
    return SolveOnOperator(
      op, logAlpha, logBeta, parameters, mass, op->GetNumberOfPoints(Side::Alpha), potentials, observer);
  }

  // Points far from all mass cost nothing: the problem is solved around the mass and its potentials are continued to
  // the whole domain by one softmin each.
  const auto gather = [&](Side side, const std::vector<TReal> & full) {
    std::vector<TReal> part;
    if (full.size() == op->GetNumberOfPoints(side))
    {
      part.resize(cropped->GetNumberOfPoints(side));
      op->GatherFrom(*cropped, side, full.data(), part.data());
    }
    return part;
  };
  PotentialsType part;
  part.F = gather(Side::Alpha, potentials.F);
  part.G = gather(Side::Beta, potentials.G);
  part.FAlphaAlpha = gather(Side::Alpha, potentials.FAlphaAlpha);
  part.GBetaBeta = gather(Side::Beta, potentials.GBetaBeta);
  potentials = PotentialsType();

  SolverReport report = SolveOnOperator(cropped,
                                        gather(Side::Alpha, logAlpha),
                                        gather(Side::Beta, logBeta),
                                        parameters,
                                        mass,
                                        op->GetNumberOfPoints(Side::Alpha),
                                        part,
                                        observer);
  if (!report.Aborted)
  {
    report.EquivalentSoftmins += parameters.Debias ? 4.0 : 2.0;
    potentials.G = Continue<TReal>(*op, *cropped, Side::Beta, Side::Alpha, logAlpha, parameters, part.F);
    potentials.F = Continue<TReal>(*op, *cropped, Side::Alpha, Side::Beta, logBeta, parameters, part.G);
    if (parameters.Debias)
    {
      potentials.FAlphaAlpha =
        Continue<TReal>(*op, *cropped, Side::Alpha, Side::Alpha, logAlpha, parameters, part.FAlphaAlpha);
      potentials.GBetaBeta =
        Continue<TReal>(*op, *cropped, Side::Beta, Side::Beta, logBeta, parameters, part.GBetaBeta);
    }
  }
  return report;
}

template class Solver<float>;
template class Solver<double>;

} // namespace Sinkhorn
} // namespace itk
