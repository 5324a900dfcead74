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
#include "itkSinkhornStageRunner.h"

#include <algorithm>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** A level corrects the next finer one down to this many blurs per voxel: at two voxels for a blur the kernel of that
 * level still has the right width to within a fifth. */
constexpr double LargestCorrectionResolution = 2.0;

/** What a correction leaves of the error is at least this; solving the coarse problem further would be wasted. */
constexpr double       CorrectionTolerance = 0.1;
constexpr double       LeastCorrectionTolerance = 0.3;
constexpr unsigned int CorrectionIterations = 100;

/** A correction that leaves more than this of the error does not pay. */
constexpr double LargestCorrectionRest = 0.8;

/** Where the plan is narrower than a coarse voxel, as in a faint background that contracts into dense pieces, coarse
 * voxels hardly exchange mass that the fine ones do: the coarse problem has slow modes of its own, and its exact
 * solution would move far along them. These modes need many iterations to grow, so a cautious correction is the
 * beginning of a mildly relaxed iteration (η = 0.95 is ω = 1.63); a second iteration on the fine level then removes
 * what is left of them. */
constexpr double       CautiousTolerance = 0.35;
constexpr unsigned int CautiousIterations = 20;
constexpr double       CautiousEta = 0.95;
constexpr double       LargestCautiousRest = 0.5;

/** Where a translation contracts faster than this, other modes are the slow ones and have to be measured. */
constexpr double LeastKnownEta = 0.98;

/** Pieces of mass that hardly exchange any at the final blur, and whose potentials have got out of step, come back by a
 * constant small amount in each iteration only. When the error has not halved in so many iterations, a short annealing
 * from a wider blur puts them into step. */
constexpr unsigned int StagnantIterations = 200;
constexpr unsigned int ReheatIterations = 4;

/** A warm start whose plan misplaces more than this part of the mass is worse than annealing from scratch. */
constexpr double LargestWarmStartError = 0.9;

/** The error that coarse grids hand over to the finest one in a cold start is about this. */
constexpr double ColdStartError = 0.02;

/** A warm start without coarse grids that is still this many tolerances away after so many iterations has to move mass
 * over distances that only annealing covers. */
constexpr unsigned int WarmStartIterations = 20;
constexpr double       LargestWarmStartRest = 5.0;

} // namespace

template <typename TReal>
StageRunner<TReal>::StageRunner(const Pyramid<TReal> &   pyramid,
                                const SolverParameters & parameters,
                                const double (&mass)[2],
                                SizeValueType          referencePoints,
                                const SolverObserver & observer,
                                SolverReport &         report)
  : m_Pyramid(pyramid)
  , m_Parameters(parameters)
  , m_Mass{ mass[0], mass[1] }
  , m_ReferencePoints(static_cast<double>(referencePoints))
  , m_Observer(observer)
  , m_Report(report)
  , m_CorrectionOf(pyramid.GetNumberOfLevels(), Correction::Full)
  , m_IsDifficult(pyramid.GetNumberOfLevels(), false)
  , m_Corrections(pyramid.GetNumberOfLevels())
  , m_Scratch(pyramid.GetNumberOfLevels())
{}

template <typename TReal>
void
StageRunner<TReal>::SetFractions(double begin, double end)
{
  m_FractionBegin = begin;
  m_FractionEnd = end;
}

template <typename TReal>
bool
StageRunner<TReal>::RunCross(const std::vector<Stage> & stages, std::vector<TReal> & f, std::vector<TReal> & g)
{
  size_t previousLevel = stages.front().Level;
  for (size_t k = 0; k < stages.size(); ++k)
  {
    m_Pyramid.Prolong(Side::Alpha, previousLevel, stages[k].Level, f);
    m_Pyramid.Prolong(Side::Beta, previousLevel, stages[k].Level, g);
    previousLevel = stages[k].Level;
    Task task;
    task.IsFinest = k + 1 == stages.size();
    task.Begin = this->GetFractionBefore(stages, k);
    task.End = this->GetFractionBefore(stages, k + 1);
    if (!this->RunLevel(stages[k], task, f, g))
    {
      return false;
    }
  }
  return true;
}

template <typename TReal>
bool
StageRunner<TReal>::RunWarmCross(const Stage & stage, std::vector<TReal> & f, std::vector<TReal> & g)
{
  Task task;
  task.IsFinest = true;
  task.IsTrial = true;
  return this->RunLevel(stage, task, f, g);
}

template <typename TReal>
bool
StageRunner<TReal>::IsCorrected(const Stage & stage) const
{
  const size_t coarser = stage.Level + 1;
  return m_Parameters.UseCoarseCorrection && stage.Blur == m_Parameters.Blur &&
         coarser < m_Pyramid.GetNumberOfLevels() && m_CorrectionOf[stage.Level] != Correction::None &&
         m_Pyramid[coarser].Operator->GetResolution() <= LargestCorrectionResolution * stage.Blur;
}

template <typename TReal>
auto
StageRunner<TReal>::GetCorrection(size_t level) const -> Correction
{
  const bool isDifficult = level + 1 < m_IsDifficult.size() && m_IsDifficult[level + 1];
  return isDifficult ? std::max(m_CorrectionOf[level], Correction::Cautious) : m_CorrectionOf[level];
}

template <typename TReal>
bool
StageRunner<TReal>::RunLevel(const Stage & stage, const Task & task, std::vector<TReal> & f, std::vector<TReal> & g)
{
  FixedPoint<TReal> iteration(
    m_Pyramid[stage.Level], this->GetTemperature(stage), m_Mass, m_Scratch[stage.Level], task.Offsets);
  unsigned int count = 0;
  Outcome      outcome = Outcome::Unfinished;
  if (this->IsCorrected(stage))
  {
    outcome = this->RunCorrected(stage, task, iteration, count, f, g);
  }
  if (outcome == Outcome::Unfinished)
  {
    outcome = this->RunRelaxed(stage, task, iteration, count, f, g);
  }
  this->CountSoftmins(iteration.GetNumberOfSoftmins(), stage.Level);
  return outcome == Outcome::Finished;
}

template <typename TReal>
void
StageRunner<TReal>::Demote(size_t level, bool wasCautious, bool isFar)
{
  // Near the solution relaxation alone is cheaper than caution.
  m_IsDifficult[level] = m_IsDifficult[level] || isFar;
  m_CorrectionOf[level] = isFar && !wasCautious ? Correction::Cautious : Correction::None;
}

template <typename TReal>
CoarseCorrection<TReal> &
StageRunner<TReal>::KeepCorrection(const Stage & stage)
{
  // Kept for the next time: new memory is expensive.
  auto & keeper = m_Corrections[stage.Level];
  if (!keeper)
  {
    keeper.reset(new CoarseCorrection<TReal>(
      m_Pyramid, stage.Level, this->GetTemperature(stage), m_Mass, m_Scratch[stage.Level], m_Scratch[stage.Level + 1]));
  }
  return *keeper;
}

template <typename TReal>
auto
StageRunner<TReal>::RunCorrected(const Stage &        stage,
                                 const Task &         task,
                                 FixedPoint<TReal> &  iteration,
                                 unsigned int &       count,
                                 std::vector<TReal> & f,
                                 std::vector<TReal> & g) -> Outcome
{
  CoarseCorrection<TReal> & correction = this->KeepCorrection(stage);
  double                    before = std::numeric_limits<double>::max();
  bool                      isCautious = this->GetCorrection(stage.Level) == Correction::Cautious;
  bool                      isFirst = false; // of the two iterations before a cautious correction
  for (;;)
  {
    const Errors errors = correction.Iterate(iteration, f, g);
    const double error = std::max(errors.Alpha, errors.Beta);
    if (!this->Observe(stage, task, ++count, errors))
    {
      return Outcome::Stopped;
    }
    // These iterations are unrelaxed: no other final update is needed.
    if (error <= stage.Tolerance || count >= stage.MaximumNumberOfIterations)
    {
      return Outcome::Finished;
    }
    if (task.IsTrial && count == 1 && error > LargestWarmStartError)
    {
      return Outcome::Stopped;
    }
    // The coarser level may have turned out to be difficult during the last correction.
    const bool wasCautious = isCautious;
    isCautious = this->GetCorrection(stage.Level) == Correction::Cautious;
    const bool isFar = error > std::max(ColdStartError, LargestWarmStartRest * stage.Tolerance);
    if (task.IsTrial && isCautious && isFar)
    {
      return Outcome::Stopped;
    }
    isFirst = isCautious && !isFirst;
    if (isFirst)
    {
      continue;
    }
    if (error > (wasCautious ? LargestCautiousRest : LargestCorrectionRest) * before)
    {
      this->Demote(stage.Level, wasCautious, isFar);
      if (error > before)
      {
        correction.Undo(g);
      }
      if (wasCautious || !isFar || task.IsTrial)
      {
        return task.IsTrial && isFar ? Outcome::Stopped : Outcome::Unfinished;
      }
      before = std::numeric_limits<double>::max();
      isFirst = false;
      continue;
    }
    before = error;
    if (!this->CorrectCoarsely(stage, error, correction, f, g))
    {
      return Outcome::Stopped;
    }
  }
}

template <typename TReal>
auto
StageRunner<TReal>::RunRelaxed(const Stage &        stage,
                               const Task &         task,
                               FixedPoint<TReal> &  iteration,
                               unsigned int &       count,
                               std::vector<TReal> & f,
                               std::vector<TReal> & g) -> Outcome
{
  const double damping = this->GetTemperature(stage).GetDamping();
  Relaxation   relaxation(m_Parameters.Accelerate, damping * damping, this->GetFirstEta(stage, task));
  Relaxation   plain(Acceleration::None);
  // Annealing keeps the two potentials in step, so that equal measures get equal potentials: where pieces of mass are
  // too far apart to exchange any at the final blur, nothing would correct a drift between them.
  const bool averaged = m_Parameters.Accelerate == Acceleration::Averaged || stage.Blur > m_Parameters.Blur;
  // The final update is unrelaxed and alternating: it makes both potentials soft c-transforms, defined and smooth
  // on every point. Its error counts like any other, so it is repeated if rounding or relaxation had flattered the one
  // before.
  const bool   finalUpdate = (m_Parameters.FinalUpdate && task.IsFinest) || task.IsCautious;
  bool         polish = false;
  unsigned int relaxed = 0;
  double       heat = 1.0;
  double       bestError = std::numeric_limits<double>::max();
  unsigned int bestCount = 0;
  for (;;)
  {
    const Errors errors = averaged && !polish ? iteration.IterateAveraged(f, g)
                                              : this->Alternate(iteration, polish ? plain : relaxation, task, f, g);
    const double error = std::max(errors.Alpha, errors.Beta);
    if (!polish)
    {
      relaxation.Observe(errors.Alpha + errors.Beta);
      ++relaxed;
    }
    if (!this->Observe(stage, task, ++count, errors))
    {
      return Outcome::Stopped;
    }
    const bool enough = error <= stage.Tolerance || count >= stage.MaximumNumberOfIterations;
    if (enough && (polish || !finalUpdate))
    {
      return Outcome::Finished;
    }
    polish = finalUpdate && enough;
    const bool isFar = (count == 1 && error > LargestWarmStartError) ||
                       (relaxed == WarmStartIterations && error > LargestWarmStartRest * stage.Tolerance);
    if (task.IsTrial && !polish && isFar)
    {
      return Outcome::Stopped;
    }
    if (error < 0.5 * bestError)
    {
      bestError = error;
      bestCount = count;
    }
    else if (count - bestCount >= StagnantIterations && !polish && !averaged)
    {
      heat *= 2.0;
      this->Reheat(stage, heat, f, g);
      relaxation = Relaxation(m_Parameters.Accelerate, damping * damping, this->GetFirstEta(stage, task));
      bestError = std::numeric_limits<double>::max();
      bestCount = count;
    }
  }
}

template <typename TReal>
void
StageRunner<TReal>::Reheat(const Stage & stage, double heat, std::vector<TReal> & f, std::vector<TReal> & g)
{
  Stage hot = stage;
  for (; heat > 1.0; heat *= m_Parameters.AnnealingRatio < 1.0 ? m_Parameters.AnnealingRatio : 0.5)
  {
    hot.Blur = heat * stage.Blur;
    FixedPoint<TReal> iteration(m_Pyramid[stage.Level], this->GetTemperature(hot), m_Mass, m_Scratch[stage.Level]);
    for (unsigned int i = 0; i < ReheatIterations; ++i)
    {
      iteration.IterateAveraged(f, g);
    }
    this->CountSoftmins(iteration.GetNumberOfSoftmins(), stage.Level);
  }
}

template <typename TReal>
double
StageRunner<TReal>::GetFirstEta(const Stage & stage, const Task & task) const
{
  if (task.IsCautious)
  {
    return CautiousEta;
  }
  // A coarse level that cannot be corrected only hands over a start: slower modes than a translation are left to the
  // finest one.
  const bool isDifficult =
    stage.Level > 0 && m_IsDifficult[stage.Level] && m_CorrectionOf[stage.Level] == Correction::None;
  if (task.Offsets == nullptr && !isDifficult)
  {
    return 0.0;
  }
  // The slowest mode, a translation of everything, contracts by (1 − ε/S)² for a measure of variance S along the
  // longest direction; a grid that is filled evenly has a twelfth of its squared length, and three such directions.
  const double diameter = m_Pyramid[0].Operator->GetDiameter();
  const double eta = 1.0 - 36.0 * stage.Blur * stage.Blur / (diameter * diameter);
  if (task.Offsets == nullptr)
  {
    return eta > LeastKnownEta ? eta : 0.0;
  }
  return std::max(0.9, eta);
}

template <typename TReal>
bool
StageRunner<TReal>::CorrectCoarsely(const Stage &             stage,
                                    double                    error,
                                    CoarseCorrection<TReal> & correction,
                                    std::vector<TReal> &      f,
                                    std::vector<TReal> &      g)
{
  Stage coarse = stage;
  ++coarse.Level;
  Task task;
  task.IsCautious = this->GetCorrection(stage.Level) == Correction::Cautious;
  coarse.MaximumNumberOfIterations =
    std::min(stage.MaximumNumberOfIterations, task.IsCautious ? CautiousIterations : CorrectionIterations);
  coarse.Tolerance = std::max((task.IsCautious ? CautiousTolerance : CorrectionTolerance) * error,
                              LeastCorrectionTolerance * stage.Tolerance);
  task.Begin = 0.0;
  task.End = 0.0;
  this->CountSoftmins(correction.MakeProblem(), coarse.Level);
  task.Offsets = &correction.GetOffsets();
  if (!this->RunLevel(coarse, task, correction.GetF(), correction.GetG()))
  {
    return false;
  }
  correction.Correct(f, g);
  return true;
}

template <typename TReal>
bool
StageRunner<TReal>::Observe(const Stage & stage, const Task & task, unsigned int count, const Errors & errors)
{
  if (task.IsFinest)
  {
    m_Report.MarginalErrorAlpha = errors.Alpha;
    m_Report.MarginalErrorBeta = errors.Beta;
    m_Report.NumberOfIterations = count;
  }
  // Inside a stage, of unknown length, the fraction approaches its end.
  const double fraction = task.Begin + (task.End - task.Begin) * count / (count + 10.0);
  return this->Notify(stage, count, std::max(errors.Alpha, errors.Beta), fraction);
}

template <typename TReal>
Temperature
StageRunner<TReal>::GetTemperature(const Stage & stage) const
{
  Temperature temperature;
  temperature.Epsilon = stage.Blur * stage.Blur;
  temperature.Rho = m_Parameters.Reach * m_Parameters.Reach;
  return temperature;
}

template <typename TReal>
auto
StageRunner<TReal>::Alternate(FixedPoint<TReal> &  iteration,
                              Relaxation &         relaxation,
                              const Task &         task,
                              std::vector<TReal> & f,
                              std::vector<TReal> & g) const -> Errors
{
  const double omegaF = relaxation.NextOmega();
  const double omegaG = relaxation.NextOmega();
  // The shift's fixed point is not that of a problem with offsets.
  const bool shift = m_Parameters.TranslationInvariant && task.Offsets == nullptr;
  return iteration.IterateAlternating(f, g, omegaF, omegaG, shift);
}

template <typename TReal>
SizeValueType
StageRunner<TReal>::GetNumberOfPoints(const Stage & stage) const
{
  return m_Pyramid[stage.Level].Operator->GetNumberOfPoints(Side::Alpha);
}

template <typename TReal>
void
StageRunner<TReal>::CountSoftmins(unsigned int softmins, size_t level)
{
  m_Report.EquivalentSoftmins +=
    softmins * static_cast<double>(m_Pyramid[level].Operator->GetNumberOfPoints(Side::Alpha)) / m_ReferencePoints;
}

template <typename TReal>
double
StageRunner<TReal>::GetFractionBefore(const std::vector<Stage> & stages, size_t current) const
{
  double done = 0.0;
  double total = 0.0;
  for (size_t k = 0; k < stages.size(); ++k)
  {
    const auto work = static_cast<double>(this->GetNumberOfPoints(stages[k]));
    total += work;
    done += k < current ? work : 0.0;
  }
  return done / total;
}

template <typename TReal>
bool
StageRunner<TReal>::Notify(const Stage & stage, unsigned int iteration, double error, double fraction)
{
  if (!m_Observer)
  {
    return true;
  }
  // A warm start that proves hopeless is followed by a cold one, which starts counting again.
  m_LastFraction = std::max(m_LastFraction, m_FractionBegin + (m_FractionEnd - m_FractionBegin) * fraction);
  SolverProgress progress;
  progress.Blur = stage.Blur;
  progress.NumberOfPoints = this->GetNumberOfPoints(stage);
  progress.Iteration = iteration;
  progress.MarginalError = error;
  progress.Fraction = m_LastFraction;
  m_Report.Aborted = !m_Observer(progress);
  return !m_Report.Aborted;
}

template class StageRunner<float>;
template class StageRunner<double>;

} // namespace Sinkhorn
} // namespace itk
