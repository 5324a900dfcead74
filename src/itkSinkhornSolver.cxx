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
#include "itkSinkhornFixedPoint.h"
#include "itkSinkhornParallel.h"
#include "itkSinkhornPyramid.h"
#include "itkSinkhornRelaxation.h"
#include "itkSinkhornSchedule.h"

#include "itkMacro.h"

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

/** A warm start whose plan misplaces more than this part of the mass is worse than annealing from scratch. */
constexpr double LargestWarmStartError = 0.9;

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

/** Runs stages, keeps the report and tells the observer. */
template <typename TReal>
class StageRunner
{
public:
  StageRunner(const Pyramid<TReal> &   pyramid,
              const SolverParameters & parameters,
              const double (&mass)[2],
              const SolverObserver & observer,
              SolverReport &         report)
    : m_Pyramid(pyramid)
    , m_Parameters(parameters)
    , m_Mass{ mass[0], mass[1] }
    , m_Observer(observer)
    , m_Report(report)
  {}

  /** The part [begin, end] of the whole solve that the next problem stands for. */
  void
  SetFractions(double begin, double end)
  {
    m_FractionBegin = begin;
    m_FractionEnd = end;
  }

  /** Cross problem; potentials must fit the first stage's level or be empty. Returns false if stopped by the observer,
   * or if the first error exceeds \a largestFirstError. */
  bool
  RunCross(const std::vector<Stage> & stages,
           std::vector<TReal> &       f,
           std::vector<TReal> &       g,
           double                     largestFirstError = std::numeric_limits<double>::max())
  {
    size_t previousLevel = stages.front().Level;
    for (size_t k = 0; k < stages.size(); ++k)
    {
      const Stage & stage = stages[k];
      m_Pyramid.Prolong(Side::Alpha, previousLevel, stage.Level, f);
      m_Pyramid.Prolong(Side::Beta, previousLevel, stage.Level, g);
      previousLevel = stage.Level;

      const bool        last = k + 1 == stages.size();
      FixedPoint<TReal> iteration(m_Pyramid[stage.Level], this->GetTemperature(stage), m_Mass);
      Relaxation        relaxation(m_Parameters.Accelerate);
      Relaxation        plain(Acceleration::None);
      // Annealing keeps the two potentials in step, so that equal measures get equal potentials: where pieces of mass
      // are too far apart to exchange any at the final blur, nothing would correct a drift between them.
      const bool averaged = m_Parameters.Accelerate == Acceleration::Averaged || stage.Blur > m_Parameters.Blur;
      // The very last update is unrelaxed and alternating: it makes both potentials soft c-transforms, defined and
      // smooth on every point. Its error counts like any other, so it is repeated if rounding or relaxation had
      // flattered the one before.
      bool         polish = false;
      bool         goOn = true;
      unsigned int count = 0;
      while (goOn)
      {
        const auto errors = averaged && !polish ? iteration.IterateAveraged(f, g)
                                                : this->Alternate(iteration, polish ? plain : relaxation, f, g);
        ++count;
        m_Report.MarginalErrorAlpha = errors.Alpha;
        m_Report.MarginalErrorBeta = errors.Beta;
        const double error = std::max(errors.Alpha, errors.Beta);
        if (count == 1 && error > largestFirstError)
        {
          return false;
        }
        if (!polish)
        {
          relaxation.Observe(errors.Alpha + errors.Beta);
        }
        if (!this->Notify(stage, count, error, this->GetFraction(stages, k, count)))
        {
          return false;
        }
        const bool enough = error <= stage.Tolerance || count >= stage.MaximumNumberOfIterations;
        goOn = last ? !(polish && enough) : !enough;
        polish = last && enough;
      }
      if (last)
      {
        m_Report.NumberOfIterations = count;
      }
      this->CountSoftmins(iteration, stage);
    }
    return true;
  }

  /** Problem of one side with itself. */
  bool
  RunSelf(Side side, const std::vector<Stage> & stages, std::vector<TReal> & potential, double & reportedError)
  {
    const bool cold = potential.empty();
    size_t     previousLevel = stages.front().Level;
    for (size_t k = 0; k < stages.size(); ++k)
    {
      const Stage & stage = stages[k];
      m_Pyramid.Prolong(side, previousLevel, stage.Level, potential);
      previousLevel = stage.Level;

      FixedPoint<TReal> iteration(m_Pyramid[stage.Level], this->GetTemperature(stage), m_Mass);
      double            error = std::numeric_limits<double>::max();
      for (unsigned int count = 0; error > stage.Tolerance && count < stage.MaximumNumberOfIterations; ++count)
      {
        const bool   first = cold && k == 0 && count == 0;
        const double relaxation = first ? 0.5 : 2.0 / 3.0;
        error = iteration.IterateSelf(side, potential, relaxation);
        if (!this->Notify(stage, count + 1, error, this->GetFraction(stages, k, count + 1)))
        {
          return false;
        }
      }
      reportedError = error;
      this->CountSoftmins(iteration, stage);
    }
    return true;
  }

private:
  Temperature
  GetTemperature(const Stage & stage) const
  {
    Temperature temperature;
    temperature.Epsilon = stage.Blur * stage.Blur;
    temperature.Rho = m_Parameters.Reach * m_Parameters.Reach;
    return temperature;
  }

  typename FixedPoint<TReal>::Errors
  Alternate(FixedPoint<TReal> &  iteration,
            Relaxation &         relaxation,
            std::vector<TReal> & f,
            std::vector<TReal> & g) const
  {
    const double omegaF = relaxation.NextOmega();
    const double omegaG = relaxation.NextOmega();
    return iteration.IterateAlternating(f, g, omegaF, omegaG, m_Parameters.TranslationInvariant);
  }

  void
  CountSoftmins(const FixedPoint<TReal> & iteration, const Stage & stage)
  {
    const auto points = [this](size_t level) {
      return static_cast<double>(m_Pyramid[level].Operator->GetNumberOfPoints(Side::Alpha));
    };
    m_Report.EquivalentSoftmins += iteration.GetNumberOfSoftmins() * points(stage.Level) / points(0);
  }

  /** Stages count by their points; inside a stage, of unknown length, the fraction approaches its end. */
  double
  GetFraction(const std::vector<Stage> & stages, size_t current, unsigned int count) const
  {
    double done = 0.0;
    double total = 0.0;
    for (size_t k = 0; k < stages.size(); ++k)
    {
      const double work = static_cast<double>(m_Pyramid[stages[k].Level].Operator->GetNumberOfPoints(Side::Alpha));
      total += work;
      done += k < current ? work : (k == current ? work * count / (count + 10.0) : 0.0);
    }
    return m_FractionBegin + (m_FractionEnd - m_FractionBegin) * done / total;
  }

  bool
  Notify(const Stage & stage, unsigned int iteration, double error, double fraction)
  {
    if (!m_Observer)
    {
      return true;
    }
    SolverProgress progress;
    progress.Blur = stage.Blur;
    progress.NumberOfPoints = m_Pyramid[stage.Level].Operator->GetNumberOfPoints(Side::Alpha);
    progress.Iteration = iteration;
    progress.MarginalError = error;
    progress.Fraction = fraction;
    m_Report.Aborted = !m_Observer(progress);
    return !m_Report.Aborted;
  }

  const Pyramid<TReal> &   m_Pyramid;
  const SolverParameters & m_Parameters;
  double                   m_Mass[2];
  const SolverObserver &   m_Observer;
  SolverReport &           m_Report;
  double                   m_FractionBegin{ 0.0 };
  double                   m_FractionEnd{ 1.0 };
};

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

  SolverReport         report;
  const double         coarsestResolution = parameters.UsePyramid ? std::numeric_limits<double>::max() : 0.0;
  const Pyramid<TReal> pyramid(op, logAlpha.data(), logBeta.data(), coarsestResolution);
  StageRunner<TReal>   runner(pyramid, parameters, mass, observer, report);

  const std::vector<Stage> cold = MakeAnnealingSchedule(pyramid, parameters);
  const std::vector<Stage> coldSelf = MakeFinalSchedule(pyramid, parameters);
  const std::vector<Stage> warm{ cold.back() };

  PotentialsType result = std::move(potentials);
  potentials = PotentialsType();

  runner.SetFractions(0.0, parameters.Debias ? 0.6 : 1.0);
  report.WarmStarted = result.F.size() == logAlpha.size() && result.G.size() == logBeta.size() &&
                       runner.RunCross(warm, result.F, result.G, LargestWarmStartError);
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

template class Solver<float>;
template class Solver<double>;

} // namespace Sinkhorn
} // namespace itk
