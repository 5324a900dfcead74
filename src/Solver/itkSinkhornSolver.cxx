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
#include "itkSinkhornPotentialUpdate.h"
#include "itkSinkhornPyramid.h"
#include "itkSinkhornSchedule.h"
#include "itkSinkhornStageRunner.h"
#include "itkSinkhornUnitMassProblem.h"

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

/** Measures that differ by less than this part of the tolerance are taken for equal. */
constexpr double LeastDifference = 1e-3;

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
         const CroppedOperator<TReal> & cropped,
         Side                           to,
         Side                           from,
         const std::vector<TReal> &     logWeights,
         const SolverParameters &       parameters,
         std::vector<TReal> &           potential)
{
  std::vector<TReal> spread(whole.GetNumberOfPoints(from), TReal{});
  cropped.Transfer->Scatter(from, potential.data(), spread.data());
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

/** Adds the two constants that maximise the dual of an unbalanced pair, one of which is the image of the other: with
 * A = ⟨α,e^{−f/ρ}⟩ and B = ⟨β,e^{−g/ρ}⟩ they are ±ρ/2 log(A/B), and for both potentials what makes the mass of the
 * plan, that of the side of the image, agree. The value at the result is the dual one, whose error is of second order.
 */
template <typename TReal>
void
MaximizeConstants(const UnitMassProblem<TReal> & problem,
                  const SolverParameters &       parameters,
                  Side                           image,
                  ThreadIdType                   workUnits,
                  Potentials<TReal> &            potentials)
{
  const double rho = parameters.Reach * parameters.Reach;
  const double epsilon = parameters.Blur * parameters.Blur;
  if (!(rho > 0.0) || !parameters.TranslationInvariant)
  {
    return;
  }
  const auto logDamped = [&](Side side, const std::vector<TReal> & potential) {
    const std::vector<TReal> & logWeights = problem.GetLogWeights(side);
    return std::log1p(SumOverChunks<double>(potential.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
      double sum = 0.0;
      for (SizeValueType i = begin; i < end; ++i)
      {
        if (logWeights[i] > -std::numeric_limits<TReal>::infinity())
        {
          sum += std::exp(static_cast<double>(logWeights[i])) * std::expm1(-static_cast<double>(potential[i]) / rho);
        }
      }
      return sum;
    }));
  };
  const double translation = 0.5 * rho * (logDamped(Side::Alpha, potentials.F) - logDamped(Side::Beta, potentials.G));
  if (std::isfinite(translation))
  {
    const double plan = image == Side::Beta ? translation : -translation;
    const double common = parameters.FinalUpdate ? plan * epsilon / (2.0 * rho + epsilon) : 0.0;
    ShiftPotential(potentials.F.size(), potentials.F.data(), common + translation, workUnits);
    ShiftPotential(potentials.G.size(), potentials.G.data(), common - translation, workUnits);
  }
}

/** Potentials on the points of a cropped operator, from those on the whole one. */
template <typename TReal>
std::vector<TReal>
Gather(const SoftminOperator<TReal> & whole,
       const CroppedOperator<TReal> & cropped,
       Side                           side,
       const std::vector<TReal> &     full)
{
  std::vector<TReal> part;
  if (full.size() == whole.GetNumberOfPoints(side))
  {
    part.resize(cropped.Operator->GetNumberOfPoints(side));
    cropped.Transfer->Gather(side, full.data(), part.data());
  }
  return part;
}

/** Solves for measures of mass 1 on the operator as it is, warm if the potentials fit. */
template <typename TReal>
class SolveOnOperator
{
public:
  SolveOnOperator(const typename SoftminOperator<TReal>::Pointer & op,
                  const std::vector<TReal> &                       logAlpha,
                  const std::vector<TReal> &                       logBeta,
                  const SolverParameters &                         parameters,
                  SizeValueType                                    referencePoints,
                  const SolverObserver &                           observer)
    : m_Operator(op)
    , m_Parameters(parameters)
    , m_Pyramid(op, logAlpha.data(), logBeta.data(), parameters.UsePyramid ? std::numeric_limits<double>::max() : 0.0)
    , m_Runner(m_Pyramid, parameters, m_Mass, referencePoints, observer, m_Report)
    , m_Cold(MakeAnnealingSchedule(m_Pyramid, parameters))
  {}

  /** \param areEqual the measures are: their transport is the self-transport of each. */
  SolverReport
  Run(bool areEqual, Potentials<TReal> & potentials)
  {
    Potentials<TReal> result = std::move(potentials);
    potentials = Potentials<TReal>();
    if (areEqual)
    {
      this->RunEqual(result);
    }
    else
    {
      this->RunCross(result);
      this->RunSelves(result);
    }
    if (!m_Report.Aborted)
    {
      m_Report.Converged = m_Report.GetMarginalError() <= m_Parameters.Tolerance; // false for NaN
      potentials = std::move(result);
    }
    return m_Report;
  }

private:
  void
  RunCross(Potentials<TReal> & result)
  {
    m_Runner.SetFractions(0.0, m_Parameters.Debias ? 0.6 : 1.0);
    m_Report.WarmStarted = result.F.size() == m_Operator->GetNumberOfPoints(Side::Alpha) &&
                           result.G.size() == m_Operator->GetNumberOfPoints(Side::Beta) &&
                           m_Runner.RunWarmCross(m_Cold.back(), result.F, result.G);
    if (!m_Report.WarmStarted && !m_Report.Aborted)
    {
      result.F.clear();
      result.G.clear();
      m_Runner.RunCross(m_Cold, result.F, result.G);
    }
  }

  void
  RunSelves(Potentials<TReal> & result)
  {
    if (!m_Parameters.Debias)
    {
      result.FAlphaAlpha.clear();
      result.GBetaBeta.clear();
      return;
    }
    if (m_Report.Aborted)
    {
      return;
    }
    m_Runner.SetFractions(0.6, 0.8);
    if (this->RunSelf(Side::Alpha, result.FAlphaAlpha, m_Report.MarginalErrorAlphaAlpha))
    {
      m_Runner.SetFractions(0.8, 1.0);
      this->RunSelf(Side::Beta, result.GBetaBeta, m_Report.MarginalErrorBetaBeta);
    }
  }

  bool
  RunSelf(Side side, std::vector<TReal> & potential, double & error)
  {
    const bool isWarm = potential.size() == m_Operator->GetNumberOfPoints(side);
    if (!isWarm)
    {
      potential.clear();
    }
    return m_Runner.RunSelf(side,
                            isWarm ? std::vector<Stage>{ m_Cold.back() } : MakeFinalSchedule(m_Pyramid, m_Parameters),
                            potential,
                            error);
  }

  void
  RunEqual(Potentials<TReal> & result)
  {
    m_Report.WarmStarted = result.FAlphaAlpha.size() == m_Operator->GetNumberOfPoints(Side::Alpha);
    m_Runner.SetFractions(0.0, 1.0);
    double error = 0.0;
    this->RunSelf(Side::Alpha, result.FAlphaAlpha, error);
    result.F = result.G = result.GBetaBeta = result.FAlphaAlpha;
    m_Report.MarginalErrorAlpha = m_Report.MarginalErrorBeta = error;
    m_Report.MarginalErrorAlphaAlpha = m_Report.MarginalErrorBetaBeta = error;
  }

  typename SoftminOperator<TReal>::Pointer m_Operator;
  const SolverParameters &                 m_Parameters;
  SolverReport                             m_Report;
  const double                             m_Mass[2]{ 1.0, 1.0 };
  const Pyramid<TReal>                     m_Pyramid;
  StageRunner<TReal>                       m_Runner;
  const std::vector<Stage>                 m_Cold;
};

/** Solves around the mass and continues the potentials to the whole domain: points far from all mass cost nothing but
 * one softmin for each potential. */
template <typename TReal>
SolverReport
SolveCropped(const typename SoftminOperator<TReal>::Pointer & op,
             const CroppedOperator<TReal> &                   cropped,
             const std::vector<TReal> &                       logAlpha,
             const std::vector<TReal> &                       logBeta,
             const SolverParameters &                         parameters,
             const SolverObserver &                           observer,
             bool                                             areEqual,
             Potentials<TReal> &                              potentials)
{
  Potentials<TReal> part;
  part.F = Gather(*op, cropped, Side::Alpha, potentials.F);
  part.G = Gather(*op, cropped, Side::Beta, potentials.G);
  part.FAlphaAlpha = Gather(*op, cropped, Side::Alpha, potentials.FAlphaAlpha);
  part.GBetaBeta = Gather(*op, cropped, Side::Beta, potentials.GBetaBeta);
  potentials = Potentials<TReal>();

  const auto             partAlpha = Gather(*op, cropped, Side::Alpha, logAlpha);
  const auto             partBeta = Gather(*op, cropped, Side::Beta, logBeta);
  SolveOnOperator<TReal> solve(
    cropped.Operator, partAlpha, partBeta, parameters, op->GetNumberOfPoints(Side::Alpha), observer);
  SolverReport report = solve.Run(areEqual, part);
  if (report.Aborted)
  {
    return report;
  }
  if (areEqual)
  {
    report.EquivalentSoftmins += 1.0;
    potentials.FAlphaAlpha =
      Continue<TReal>(*op, cropped, Side::Alpha, Side::Alpha, logAlpha, parameters, part.FAlphaAlpha);
    potentials.F = potentials.G = potentials.GBetaBeta = potentials.FAlphaAlpha;
    return report;
  }
  report.EquivalentSoftmins += parameters.Debias ? 4.0 : 2.0;
  potentials.G = Continue<TReal>(*op, cropped, Side::Beta, Side::Alpha, logAlpha, parameters, part.F);
  part.G = Gather(*op, cropped, Side::Beta, potentials.G);
  potentials.F = Continue<TReal>(*op, cropped, Side::Alpha, Side::Beta, logBeta, parameters, part.G);
  if (parameters.Debias)
  {
    potentials.FAlphaAlpha =
      Continue<TReal>(*op, cropped, Side::Alpha, Side::Alpha, logAlpha, parameters, part.FAlphaAlpha);
    potentials.GBetaBeta = Continue<TReal>(*op, cropped, Side::Beta, Side::Beta, logBeta, parameters, part.GBetaBeta);
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

  const UnitMassProblem<TReal> problem(logAlpha, logBeta, mass, parameters, workUnits);
  const auto &                 alpha = problem.GetLogWeights(Side::Alpha);
  const auto &                 beta = problem.GetLogWeights(Side::Beta);
  // Measures that differ by rounding, or by no part of what is tolerated, are equal.
  const double leastDifference =
    std::max(LeastDifference * parameters.Tolerance, 32.0 * std::numeric_limits<TReal>::epsilon());
  const bool areEqual =
    parameters.Debias && op->HasOneSupport() && problem.ComputeDifference(leastDifference) <= leastDifference;
  problem.Reduce(potentials);
  const auto   cropped = op->MakeCropped(alpha.data(), beta.data());
  SolverReport report;
  if (cropped.Operator)
  {
    report = SolveCropped<TReal>(op, cropped, alpha, beta, parameters, observer, areEqual, potentials);
  }
  else
  {
    SolveOnOperator<TReal> solve(op, alpha, beta, parameters, op->GetNumberOfPoints(Side::Alpha), observer);
    report = solve.Run(areEqual, potentials);
  }
  if (!report.Aborted)
  {
    if (!areEqual)
    {
      MaximizeConstants(problem, parameters, cropped.Operator ? Side::Alpha : Side::Beta, workUnits, potentials);
    }
    problem.Complete(potentials);
  }
  return report;
}

template class Solver<float>;
template class Solver<double>;

} // namespace Sinkhorn
} // namespace itk
