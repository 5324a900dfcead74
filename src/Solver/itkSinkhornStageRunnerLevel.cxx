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
#include <optional>

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

/** Watches whether the error still halves from time to time. */
class Stagnation
{
public:
  /** \return whether it has not for long. */
  bool
  Observe(double error, unsigned int count)
  {
    if (error < 0.5 * m_BestError)
    {
      m_BestError = error;
      m_BestCount = count;
    }
    return count - m_BestCount >= StagnantIterations;
  }

  void
  Restart(unsigned int count)
  {
    m_BestError = std::numeric_limits<double>::max();
    m_BestCount = count;
  }

private:
  double       m_BestError{ std::numeric_limits<double>::max() };
  unsigned int m_BestCount{ 0 };
};

} // namespace

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
class StageRunner<TReal>::CorrectedLevel
{
public:
  /** All arguments are kept by reference. */
  CorrectedLevel(StageRunner &        runner,
                 const Stage &        stage,
                 const Task &         task,
                 FixedPoint<TReal> &  iteration,
                 unsigned int &       count,
                 std::vector<TReal> & f,
                 std::vector<TReal> & g)
    : m_Runner(runner)
    , m_Stage(stage)
    , m_Task(task)
    , m_Iteration(iteration)
    , m_Count(count)
    , m_F(f)
    , m_G(g)
    , m_Correction(runner.KeepCorrection(stage))
    , m_IsCautious(runner.GetCorrection(stage.Level) == Correction::Cautious)
  {}

  Outcome
  Run()
  {
    std::optional<Outcome> outcome;
    while (!outcome)
    {
      outcome = this->Iterate();
    }
    return *outcome;
  }

private:
  /** One iteration and, unless another one has to come before, the correction of what it leaves. \return how the level
   * ends, if it does. */
  std::optional<Outcome>
  Iterate()
  {
    const Errors errors = m_Correction.Iterate(m_Iteration, m_F, m_G);
    const double error = std::max(errors.Alpha, errors.Beta);
    if (!m_Runner.Observe(m_Stage, m_Task, ++m_Count, errors))
    {
      return Outcome::Stopped;
    }
    // These iterations are unrelaxed: no other final update is needed.
    if (error <= m_Stage.Tolerance || m_Count >= m_Stage.MaximumNumberOfIterations)
    {
      return Outcome::Finished;
    }
    // The coarser level may have turned out to be difficult during the last correction.
    const bool wasCautious = m_IsCautious;
    m_IsCautious = m_Runner.GetCorrection(m_Stage.Level) == Correction::Cautious;
    const bool isFar = error > std::max(ColdStartError, LargestWarmStartRest * m_Stage.Tolerance);
    if (m_Task.IsTrial && ((m_Count == 1 && error > LargestWarmStartError) || (m_IsCautious && isFar)))
    {
      return Outcome::Stopped;
    }
    m_IsFirst = m_IsCautious && !m_IsFirst;
    if (m_IsFirst)
    {
      return std::nullopt;
    }
    if (error > (wasCautious ? LargestCautiousRest : LargestCorrectionRest) * m_Before)
    {
      return this->Retreat(error, wasCautious, isFar);
    }
    m_Before = error;
    if (!m_Runner.CorrectCoarsely(m_Stage, error, m_Correction, m_F, m_G))
    {
      return Outcome::Stopped;
    }
    return std::nullopt;
  }

  /** After a correction that has not paid: goes on with cautious ones, or leaves the level to relaxation. */
  std::optional<Outcome>
  Retreat(double error, bool wasCautious, bool isFar)
  {
    m_Runner.Demote(m_Stage.Level, wasCautious, isFar);
    if (error > m_Before)
    {
      m_Correction.Undo(m_G);
    }
    if (wasCautious || !isFar || m_Task.IsTrial)
    {
      return m_Task.IsTrial && isFar ? Outcome::Stopped : Outcome::Unfinished;
    }
    m_Before = std::numeric_limits<double>::max();
    m_IsFirst = false;
    return std::nullopt;
  }

  StageRunner &             m_Runner;
  const Stage &             m_Stage;
  const Task &              m_Task;
  FixedPoint<TReal> &       m_Iteration;
  unsigned int &            m_Count;
  std::vector<TReal> &      m_F;
  std::vector<TReal> &      m_G;
  CoarseCorrection<TReal> & m_Correction;
  double                    m_Before{ std::numeric_limits<double>::max() }; // error before the last correction
  bool                      m_IsCautious;
  bool                      m_IsFirst{ false }; // of the two iterations before a cautious correction
};

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
    outcome = CorrectedLevel(*this, stage, task, iteration, count, f, g).Run();
  }
  if (outcome == Outcome::Unfinished)
  {
    outcome = this->RunRelaxed(stage, task, iteration, count, f, g);
  }
  this->CountSoftmins(iteration.GetNumberOfSoftmins(), stage.Level);
  return outcome == Outcome::Finished;
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
  Stagnation   stagnation;
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
    if (stagnation.Observe(error, count) && !polish && !averaged)
    {
      heat *= 2.0;
      this->Reheat(stage, heat, f, g);
      relaxation = Relaxation(m_Parameters.Accelerate, damping * damping, this->GetFirstEta(stage, task));
      stagnation.Restart(count);
    }
  }
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

template bool
StageRunner<float>::RunLevel(const Stage &, const Task &, std::vector<float> &, std::vector<float> &);
template bool
StageRunner<double>::RunLevel(const Stage &, const Task &, std::vector<double> &, std::vector<double> &);

} // namespace Sinkhorn
} // namespace itk
