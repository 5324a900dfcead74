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
StageRunner<TReal>::RunCross(const std::vector<Stage> & stages,
                             std::vector<TReal> &       f,
                             std::vector<TReal> &       g,
                             double                     largestFirstError)
{
  size_t previousLevel = stages.front().Level;
  for (size_t k = 0; k < stages.size(); ++k)
  {
    m_Pyramid.Prolong(Side::Alpha, previousLevel, stages[k].Level, f);
    m_Pyramid.Prolong(Side::Beta, previousLevel, stages[k].Level, g);
    previousLevel = stages[k].Level;
    if (!this->RunCrossStage(stages, k, f, g, largestFirstError))
    {
      return false;
    }
  }
  return true;
}

template <typename TReal>
bool
StageRunner<TReal>::RunCrossStage(const std::vector<Stage> & stages,
                                  size_t                     current,
                                  std::vector<TReal> &       f,
                                  std::vector<TReal> &       g,
                                  double                     largestFirstError)
{
  const Stage &     stage = stages[current];
  const bool        finalUpdate = m_Parameters.FinalUpdate && current + 1 == stages.size();
  FixedPoint<TReal> iteration(m_Pyramid[stage.Level], this->GetTemperature(stage), m_Mass);
  const double      damping = this->GetTemperature(stage).GetDamping();
  Relaxation        relaxation(m_Parameters.Accelerate, damping * damping);
  Relaxation        plain(Acceleration::None);
  // Annealing keeps the two potentials in step, so that equal measures get equal potentials: where pieces of mass are
  // too far apart to exchange any at the final blur, nothing would correct a drift between them.
  const bool averaged = m_Parameters.Accelerate == Acceleration::Averaged || stage.Blur > m_Parameters.Blur;
  // The final update is unrelaxed and alternating: it makes both potentials soft c-transforms, defined and smooth
  // on every point. Its error counts like any other, so it is repeated if rounding or relaxation had flattered the one
  // before.
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
    if (!polish)
    {
      relaxation.Observe(errors.Alpha + errors.Beta);
    }
    const bool hopeless = count == 1 && error > largestFirstError;
    if (hopeless || !this->Notify(stage, count, error, this->GetFraction(stages, current, count)))
    {
      this->CountSoftmins(iteration, stage);
      return false;
    }
    const bool enough = error <= stage.Tolerance || count >= stage.MaximumNumberOfIterations;
    goOn = finalUpdate ? !(polish && enough) : !enough;
    polish = finalUpdate && enough;
  }
  m_Report.NumberOfIterations = count;
  this->CountSoftmins(iteration, stage);
  return true;
}

template <typename TReal>
bool
StageRunner<TReal>::RunSelf(Side                       side,
                            const std::vector<Stage> & stages,
                            std::vector<TReal> &       potential,
                            double &                   reportedError)
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
                              std::vector<TReal> & f,
                              std::vector<TReal> & g) const -> Errors
{
  const double omegaF = relaxation.NextOmega();
  const double omegaG = relaxation.NextOmega();
  return iteration.IterateAlternating(f, g, omegaF, omegaG, m_Parameters.TranslationInvariant);
}

template <typename TReal>
SizeValueType
StageRunner<TReal>::GetNumberOfPoints(const Stage & stage) const
{
  return m_Pyramid[stage.Level].Operator->GetNumberOfPoints(Side::Alpha);
}

template <typename TReal>
void
StageRunner<TReal>::CountSoftmins(const FixedPoint<TReal> & iteration, const Stage & stage)
{
  m_Report.EquivalentSoftmins +=
    iteration.GetNumberOfSoftmins() * static_cast<double>(this->GetNumberOfPoints(stage)) / m_ReferencePoints;
}

template <typename TReal>
double
StageRunner<TReal>::GetFraction(const std::vector<Stage> & stages, size_t current, unsigned int count)
{
  double done = 0.0;
  double total = 0.0;
  for (size_t k = 0; k < stages.size(); ++k)
  {
    const auto work = static_cast<double>(this->GetNumberOfPoints(stages[k]));
    total += work;
    done += k < current ? work : (k == current ? work * count / (count + 10.0) : 0.0);
  }
  // A warm start that proves hopeless is followed by a cold one, which starts counting again.
  m_LastFraction = std::max(m_LastFraction, m_FractionBegin + (m_FractionEnd - m_FractionBegin) * done / total);
  return m_LastFraction;
}

template <typename TReal>
bool
StageRunner<TReal>::Notify(const Stage & stage, unsigned int iteration, double error, double fraction)
{
  if (!m_Observer)
  {
    return true;
  }
  SolverProgress progress;
  progress.Blur = stage.Blur;
  progress.NumberOfPoints = this->GetNumberOfPoints(stage);
  progress.Iteration = iteration;
  progress.MarginalError = error;
  progress.Fraction = fraction;
  m_Report.Aborted = !m_Observer(progress);
  return !m_Report.Aborted;
}

template class StageRunner<float>;
template class StageRunner<double>;

} // namespace Sinkhorn
} // namespace itk
