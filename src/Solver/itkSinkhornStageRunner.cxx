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

namespace itk
{
namespace Sinkhorn
{

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
