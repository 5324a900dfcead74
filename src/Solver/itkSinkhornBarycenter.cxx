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
#include "itkSinkhornBarycenter.h"
#include "itkSinkhornParallel.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** Iterations that refit the debiasing factor after a change of blur or grid; each halves its error. */
constexpr unsigned int RefitIterations = 10;

/** The densities on one grid of the pyramid. */
template <typename TReal>
struct BarycenterLevel
{
  typename SoftminOperator<TReal>::Pointer     Operator;
  std::vector<std::vector<TReal>>              LogDensities;
  std::shared_ptr<const CoarseTransfer<TReal>> Transfer; ///< from and to the next finer level; null on the finest
};

/** The iteration on one grid at one blur.
 *
 * With K the Gibbs kernel: a_k = α_k / K b_k; α = d Π (K a_k)^{w_k}; b_k = α / K a_k; d = √(d α / K d). */
template <typename TReal>
class BarycenterIteration
{
public:
  using ArrayType = std::vector<TReal>;

  BarycenterIteration(const std::vector<double> & weights, bool debias)
    : m_Weights(weights)
    , m_Debias(debias)
  {}

  /** Moves to another grid and blur. */
  void
  MoveTo(const BarycenterLevel<TReal> & level, double blur)
  {
    const SizeValueType points = level.Operator->GetNumberOfPoints(Side::Alpha);
    const auto          prolong = [&](ArrayType & values, double scale) {
      if (m_Level != &level && m_Level != nullptr)
      {
        ArrayType fine(points);
        m_Level->Transfer->ProlongPotential(Side::Alpha, values.data(), fine.data());
        values = std::move(fine);
      }
      std::transform(
        values.begin(), values.end(), values.begin(), [=](TReal value) { return static_cast<TReal>(scale * value); });
    };
    if (m_Level == nullptr)
    {
      m_LogMean.assign(points, TReal{});
      m_LogFactor.assign(points, TReal{});
      m_LogTransported.assign(m_Weights.size(), ArrayType(points, TReal{}));
    }
    else
    {
      // potentials, −ε log K a, carry over; logarithms of masses do too, up to a constant that the iteration corrects
      for (auto & transported : m_LogTransported)
      {
        prolong(transported, m_Blur * m_Blur / (blur * blur));
      }
      prolong(m_LogMean, 1.0);
      m_LogFactor.resize(points, TReal{});
    }
    const bool isFirst = m_Level == nullptr;
    m_Level = &level;
    m_Blur = blur;
    if (m_Debias && !isFirst)
    {
      std::transform(m_LogMean.begin(), m_LogMean.end(), m_LogFactor.begin(), [](TReal value) { return value / 2; });
      for (unsigned int i = 0; i < RefitIterations; ++i)
      {
        this->UpdateFactor();
      }
    }
  }

  /** \return the largest L1 error of a plan's marginal. */
  double
  Iterate()
  {
    const auto &           densities = m_Level->LogDensities;
    const SizeValueType    points = m_LogMean.size();
    const auto             workUnits = m_Level->Operator->GetNumberOfWorkUnits();
    ArrayType              mean = m_LogFactor;
    ArrayType              work(points);
    ArrayType              sums(points);
    std::vector<ArrayType> marginals;
    for (size_t k = 0; k < densities.size(); ++k)
    {
      ArrayType & transported = m_LogTransported[k];
      ArrayType   marginal(points);
      std::transform(
        m_LogMean.begin(), m_LogMean.end(), transported.begin(), marginal.begin(), std::minus<TReal>()); // b_k
      this->Softmin(marginal, sums);
      this->ForEach(points, [&](SizeValueType i) {
        work[i] =
          densities[k][i] > -std::numeric_limits<TReal>::infinity() ? densities[k][i] - sums[i] : densities[k][i];
      });
      this->Softmin(work, transported);
      const auto weight = static_cast<TReal>(m_Weights[k]);
      this->ForEach(points, [&](SizeValueType i) {
        mean[i] += weight * transported[i];
        marginal[i] += transported[i];
      });
      marginals.push_back(std::move(marginal));
    }
    double error = 0.0;
    for (const auto & marginal : marginals)
    {
      error = std::max(error, SumOverChunks<double>(points, workUnits, [&](SizeValueType begin, SizeValueType end) {
                         double sum = 0.0;
                         for (SizeValueType i = begin; i < end; ++i)
                         {
                           sum += std::abs(std::exp(static_cast<double>(marginal[i])) -
                                           std::exp(static_cast<double>(mean[i])));
                         }
                         return sum;
                       }));
    }
    m_LogMean = std::move(mean);
    if (m_Debias)
    {
      this->UpdateFactor();
    }
    return error;
  }

  const ArrayType &
  GetLogMean() const
  {
    return m_LogMean;
  }

private:
  void
  Softmin(const ArrayType & logWeights, ArrayType & out) const
  {
    m_Level->Operator->Apply(Side::Alpha, Side::Alpha, m_Blur, logWeights.data(), nullptr, out.data());
  }

  template <typename TFunction>
  void
  ForEach(SizeValueType points, const TFunction & function) const
  {
    ForEachChunk(points, m_Level->Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
      for (SizeValueType i = begin; i < end; ++i)
      {
        function(i);
      }
    });
  }

  void
  UpdateFactor()
  {
    ArrayType sums(m_LogFactor.size());
    this->Softmin(m_LogFactor, sums);
    this->ForEach(sums.size(),
                  [&](SizeValueType i) { m_LogFactor[i] = (m_LogFactor[i] + m_LogMean[i] - sums[i]) / 2; });
  }

  const std::vector<double> &    m_Weights;
  bool                           m_Debias;
  const BarycenterLevel<TReal> * m_Level{ nullptr };
  double                         m_Blur{ 0.0 };
  ArrayType                      m_LogMean;
  ArrayType                      m_LogFactor;
  std::vector<ArrayType>         m_LogTransported; // log K a_k
};

template <typename TReal>
void
CheckProblem(const SoftminOperator<TReal> &          op,
             const std::vector<std::vector<TReal>> & logDensities,
             const std::vector<double> &             weights,
             const BarycenterParameters &            parameters)
{
  if (!(parameters.Blur > 0.0) || !std::isfinite(parameters.Blur))
  {
    itkGenericExceptionMacro("Sinkhorn: Blur is " << parameters.Blur << " mm, but must be positive and finite.");
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
  if (!(parameters.AnnealingRatio > 0.0 && parameters.AnnealingRatio < 1.0))
  {
    itkGenericExceptionMacro("Sinkhorn: AnnealingRatio is " << parameters.AnnealingRatio
                                                            << ", but must lie between 0 and 1.");
  }
  if (logDensities.empty() || logDensities.size() != weights.size())
  {
    itkGenericExceptionMacro("Sinkhorn: a barycentre needs at least one density and a weight for each, but there are "
                             << logDensities.size() << " densities and " << weights.size() << " weights.");
  }
  const bool areValid = std::all_of(weights.begin(), weights.end(), [](double weight) { return weight >= 0.0; });
  if (!areValid || std::abs(std::accumulate(weights.begin(), weights.end(), 0.0) - 1.0) > 1e-6)
  {
    itkGenericExceptionMacro("Sinkhorn: the weights of a barycentre must not be negative and must sum to 1.");
  }
  for (size_t k = 0; k < logDensities.size(); ++k)
  {
    const auto & density = logDensities[k];
    if (density.size() != op.GetNumberOfPoints(Side::Alpha))
    {
      itkGenericExceptionMacro("Sinkhorn: density " << k << " has " << density.size()
                                                    << " weights, but the operator has "
                                                    << op.GetNumberOfPoints(Side::Alpha) << " points.");
    }
    if (!std::any_of(
          density.begin(), density.end(), [](TReal value) { return value > -std::numeric_limits<TReal>::infinity(); }))
    {
      itkGenericExceptionMacro("Sinkhorn: density " << k << " has no mass.");
    }
  }
}

/** The mass is 1 at the fixed point only; before, the debiasing factor leaves some part of the tolerance. */
template <typename TReal>
void
ScaleToUnitMass(std::vector<TReal> & logMasses, ThreadIdType workUnits)
{
  // Of a blur far below the voxel the logarithms are only as good as their rounding, and may be large.
  const double largest = static_cast<double>(*std::max_element(logMasses.begin(), logMasses.end()));
  const double sum = SumOverChunks<double>(logMasses.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
    double part = 0.0;
    for (SizeValueType i = begin; i < end; ++i)
    {
      part += std::exp(static_cast<double>(logMasses[i]) - largest);
    }
    return part;
  });
  const double logMass = largest + std::log(sum);
  for (TReal & value : logMasses)
  {
    value = static_cast<TReal>(static_cast<double>(value) - logMass);
  }
}

/** The densities on the given grid and on each coarser one. */
template <typename TReal>
std::vector<BarycenterLevel<TReal>>
MakeLevels(const typename SoftminOperator<TReal>::Pointer & op, const std::vector<std::vector<TReal>> & logDensities)
{
  std::vector<BarycenterLevel<TReal>> levels{ { op, logDensities, nullptr } };
  for (auto coarser = op->MakeCoarser(); coarser.Operator; coarser = levels.back().Operator->MakeCoarser())
  {
    BarycenterLevel<TReal> level;
    level.Operator = coarser.Operator;
    level.Transfer = coarser.Transfer;
    for (const auto & fine : levels.back().LogDensities)
    {
      level.LogDensities.emplace_back(coarser.Operator->GetNumberOfPoints(Side::Alpha));
      coarser.Transfer->RestrictLogWeights(Side::Alpha, fine.data(), level.LogDensities.back().data());
    }
    levels.push_back(std::move(level));
  }
  return levels;
}

/** From the final blur to one that spans half of the grid: the annealing goes from the last to the first. */
std::vector<double>
MakeBlurs(double diameter, const BarycenterParameters & parameters)
{
  std::vector<double> blurs{ parameters.Blur };
  while (blurs.back() < 0.5 * diameter)
  {
    blurs.push_back(blurs.back() / parameters.AnnealingRatio);
  }
  return blurs;
}

/** The annealing of one barycentre: a few iterations at each wider blur, on grids that suit it, and as many as the
 * tolerance takes at the final one. Keeps the report and tells the observer. */
template <typename TReal>
class BarycenterAnnealing
{
public:
  /** All arguments are kept by reference. */
  BarycenterAnnealing(const std::vector<BarycenterLevel<TReal>> & levels,
                      const std::vector<double> &                 weights,
                      const BarycenterParameters &                parameters,
                      const SolverObserver &                      observer)
    : m_Levels(levels)
    , m_Parameters(parameters)
    , m_Observer(observer)
    , m_Iteration(weights, parameters.Debias)
    , m_Current(levels.size() - 1)
  {}

  void
  Run(const std::vector<double> & blurs)
  {
    for (size_t stage = blurs.size(); stage-- > 0 && !m_Report.Aborted;)
    {
      const bool isLast = stage == 0;
      this->MoveTo(blurs[stage], isLast);
      if (isLast)
      {
        this->Converge();
      }
      else
      {
        this->Anneal(StartOfLast * static_cast<double>(blurs.size() - stage) / static_cast<double>(blurs.size()));
      }
    }
  }

  const BarycenterReport &
  GetReport() const
  {
    return m_Report;
  }

  const std::vector<TReal> &
  GetLogMean() const
  {
    return m_Iteration.GetLogMean();
  }

private:
  /** What the annealing takes of the progress. */
  static constexpr double StartOfLast = 0.3;

  /** Goes on at this blur, on the coarsest grid that resolves it or, for the last one, on the finest. */
  void
  MoveTo(double blur, bool isLast)
  {
    m_Progress.Blur = blur;
    size_t wanted = isLast ? 0 : m_Current;
    while (!isLast && wanted > 0 && m_Levels[wanted].Operator->GetResolution() > blur)
    {
      --wanted;
    }
    // level by level: potentials are prolonged from one grid to the next finer one
    m_Iteration.MoveTo(m_Levels[m_Current], blur);
    while (m_Current > wanted)
    {
      --m_Current;
      m_Iteration.MoveTo(m_Levels[m_Current], blur);
    }
  }

  /** The iterations at a blur before the last. */
  void
  Anneal(double fraction)
  {
    for (unsigned int i = 0; i < m_Parameters.AnnealingIterations && !m_Report.Aborted; ++i)
    {
      m_Report.MarginalError = m_Iteration.Iterate();
      m_Progress.Fraction = fraction;
      this->Tell(i);
    }
  }

  /** The iterations at the last blur. */
  void
  Converge()
  {
    double firstError = 0.0;
    for (unsigned int i = 0; i < m_Parameters.MaximumNumberOfIterations && !m_Report.Converged && !m_Report.Aborted;
         ++i)
    {
      m_Report.MarginalError = m_Iteration.Iterate();
      m_Report.NumberOfIterations = i + 1;
      // the first iteration compares with the other grid's marginals
      m_Report.Converged = i > 0 && m_Report.MarginalError <= m_Parameters.Tolerance;
      firstError = i == 0 ? m_Report.MarginalError : firstError;
      // errors fall about geometrically
      const double fallen = std::log(std::max(firstError / std::max(m_Report.MarginalError, 1e-300), 1.0));
      const double wantedFall = std::log(std::max(firstError / m_Parameters.Tolerance, 1.0 + 1e-6));
      m_Progress.Fraction =
        std::max(m_Progress.Fraction, StartOfLast + (1.0 - StartOfLast) * std::min(1.0, fallen / wantedFall));
      this->Tell(i);
    }
  }

  void
  Tell(unsigned int number)
  {
    m_Progress.NumberOfPoints = m_Levels[m_Current].Operator->GetNumberOfPoints(Side::Alpha);
    m_Progress.Iteration = number;
    m_Progress.MarginalError = m_Report.MarginalError;
    m_Report.Aborted = m_Observer && !m_Observer(m_Progress);
  }

  const std::vector<BarycenterLevel<TReal>> & m_Levels;
  const BarycenterParameters &                m_Parameters;
  const SolverObserver &                      m_Observer;
  BarycenterIteration<TReal>                  m_Iteration;
  BarycenterReport                            m_Report;
  SolverProgress                              m_Progress;
  size_t                                      m_Current; // level
};

} // namespace

template <typename TReal>
BarycenterReport
ComputeBarycenter(const typename SoftminOperator<TReal>::Pointer & op,
                  const std::vector<std::vector<TReal>> &          logDensities,
                  const std::vector<double> &                      weights,
                  const BarycenterParameters &                     parameters,
                  std::vector<TReal> &                             logBarycenter,
                  const SolverObserver &                           observer)
{
  CheckProblem(*op, logDensities, weights, parameters);
  const double               diameter = std::max(op->GetDiameter(), parameters.Blur);
  const auto                 levels = MakeLevels<TReal>(op, logDensities);
  BarycenterAnnealing<TReal> annealing(levels, weights, parameters, observer);
  annealing.Run(MakeBlurs(diameter, parameters));
  if (!annealing.GetReport().Aborted)
  {
    logBarycenter = annealing.GetLogMean();
    ScaleToUnitMass(logBarycenter, op->GetNumberOfWorkUnits());
  }
  return annealing.GetReport();
}

template Sinkhorn_EXPORT BarycenterReport
ComputeBarycenter<float>(const SoftminOperator<float>::Pointer &,
                         const std::vector<std::vector<float>> &,
                         const std::vector<double> &,
                         const BarycenterParameters &,
                         std::vector<float> &,
                         const SolverObserver &);
template Sinkhorn_EXPORT BarycenterReport
ComputeBarycenter<double>(const SoftminOperator<double>::Pointer &,
                          const std::vector<std::vector<double>> &,
                          const std::vector<double> &,
                          const BarycenterParameters &,
                          std::vector<double> &,
                          const SolverObserver &);

} // namespace Sinkhorn
} // namespace itk
