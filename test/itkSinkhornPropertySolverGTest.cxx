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
// Properties of the solver on grids of all kinds, with generated cases.
#include "itkSinkhornDivergence.h"
#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornPropertyGrids.h"

#include <algorithm>
#include <memory>

namespace
{

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Testing;

/** A transport and what is known of its errors. */
template <typename TReal>
struct Solved
{
  std::vector<TReal> LogAlpha;
  std::vector<TReal> LogBeta;
  SolverParameters   Parameters;
  Potentials<TReal>  Result;
  SolverReport       Report;
  TransportValues    Values;
};

template <typename TReal>
Solved<TReal>
SolveCase(const GridCase & example, const Array & alpha, const Array & beta, itk::ThreadIdType workUnits = 1)
{
  const std::vector<itk::SizeValueType> size(example.Size.begin(), example.Size.end());
  const auto    op = std::make_shared<const GridSoftminOperator<TReal>>(size, example.Spacing, workUnits);
  Solved<TReal> solved;
  solved.LogAlpha = TakeLog<TReal>(alpha);
  solved.LogBeta = TakeLog<TReal>(beta);
  solved.Parameters.Blur = example.Blur;
  solved.Parameters.Reach = example.Reach;
  solved.Parameters.Debias = example.Debias;
  solved.Parameters.Accelerate = example.Accelerate;
  solved.Parameters.MaximumNumberOfIterations = 60;
  solved.Report = Solver<TReal>::Solve(op, solved.LogAlpha, solved.LogBeta, solved.Parameters, solved.Result);
  solved.Values = ComputeTransportValues(solved.LogAlpha, solved.LogBeta, solved.Parameters, solved.Result, workUnits);
  return solved;
}

/** Relative rounding of the masses of a plan: that of its exponents. */
template <typename TReal>
double
GetRounding(const GridCase & example, const Solved<TReal> & solved)
{
  double largest = 0.0;
  for (const auto * potential : { &solved.Result.F, &solved.Result.G })
  {
    for (const TReal value : *potential)
    {
      largest = std::max(largest, std::abs(static_cast<double>(value)));
    }
  }
  return 64.0 * static_cast<double>(std::numeric_limits<TReal>::epsilon()) *
         (30.0 + largest / (example.Blur * example.Blur));
}

/** Largest of the L1 errors of both marginals of the plan, by the operator alone, relative to the mass that
 * SolverReport names. */
template <typename TReal>
double
MeasureMarginalError(const GridCase & example, const Solved<TReal> & solved)
{
  const std::vector<itk::SizeValueType> size(example.Size.begin(), example.Size.end());
  const GridSoftminOperator<TReal>      op(size, example.Spacing, 1);
  const double                          epsilon = example.Blur * example.Blur;
  const double                          exponent =
    example.Reach > 0.0 ? 0.5 + epsilon / (4.0 * example.Reach * example.Reach + 2.0 * epsilon) : 0.5;
  const double mass = std::pow(solved.Values.MassAlpha * solved.Values.MassBeta, exponent);
  double       largest = 0.0;
  for (const Side to : { Side::Alpha, Side::Beta })
  {
    const bool         isAlpha = to == Side::Alpha;
    const auto &       own = isAlpha ? solved.Result.F : solved.Result.G;
    const auto &       weights = isAlpha ? solved.LogAlpha : solved.LogBeta;
    std::vector<TReal> softmin(own.size());
    op.Apply(to,
             isAlpha ? Side::Beta : Side::Alpha,
             example.Blur,
             (isAlpha ? solved.LogBeta : solved.LogAlpha).data(),
             (isAlpha ? solved.Result.G : solved.Result.F).data(),
             softmin.data());
    double error = 0.0;
    for (size_t i = 0; i < own.size(); ++i)
    {
      const double potential = static_cast<double>(own[i]);
      const double weight = std::exp(static_cast<double>(weights[i]));
      if (weight > 0.0)
      {
        const double given = example.Reach > 0.0
                               ? std::exp(-(potential + solved.Result.GetShift(to)) / (example.Reach * example.Reach))
                               : 1.0;
        error += weight * std::abs(std::exp(potential / epsilon + static_cast<double>(softmin[i])) - given);
      }
    }
    largest = std::max(largest, error / mass);
  }
  return largest;
}

template <typename TReal>
std::string
CheckFinite(const GridCase & example, const Solved<TReal> & solved)
{
  if (!IsFinite(solved.Result.F) || !IsFinite(solved.Result.G) || !IsFinite(solved.Result.FAlphaAlpha) ||
      !IsFinite(solved.Result.GBetaBeta))
  {
    return "a potential is not finite";
  }
  if (!std::isfinite(solved.Values.Transport) || !std::isfinite(solved.Values.Divergence) ||
      !std::isfinite(solved.Report.GetMarginalError()))
  {
    return "a value is not finite";
  }
  for (const Side side : { Side::Alpha, Side::Beta })
  {
    std::vector<TReal> variation;
    ComputeFirstVariation(side,
                          solved.Parameters,
                          solved.Result,
                          side == Side::Alpha ? solved.Values.MassBeta : solved.Values.MassAlpha,
                          variation,
                          1);
    if (!IsFinite(variation))
    {
      return "a first variation is not finite";
    }
  }
  const double found = MeasureMarginalError(example, solved);
  const double allowed = 1.2 * solved.Parameters.Tolerance + GetRounding(example, solved);
  if (solved.Report.Converged && !(found <= allowed))
  {
    return "said to be converged, but the marginals are wrong by " + std::to_string(found) + ", allowed " +
           std::to_string(allowed);
  }
  return "";
}

template <typename TReal>
bool
AreSame(const Potentials<TReal> & one, const Potentials<TReal> & other)
{
  return one.F == other.F && one.G == other.G && one.FAlphaAlpha == other.FAlphaAlpha &&
         one.GBetaBeta == other.GBetaBeta && one.Shift == other.Shift;
}

/** A transport between both measures. */
struct SolverCase : GridCase
{
  static SolverCase
  Make(Random & random)
  {
    SolverCase made;
    static_cast<GridCase &>(made) = GridCase::Make(random);
    return made;
  }

  std::vector<SolverCase>
  Shrink() const
  {
    return ShrinkAs(*this);
  }

  std::string
  Check() const
  {
    return IsSingle ? this->CheckAs<float>() : this->CheckAs<double>();
  }

  template <typename TReal>
  std::string
  CheckAs() const;
};

template <typename TReal>
std::string
SolverCase::CheckAs() const
{
  const Array alpha = this->MakeSide(Side::Alpha);
  const Array beta = this->MakeSide(Side::Beta);
  const auto  forth = SolveCase<TReal>(*this, alpha, beta);
  const auto  fault = CheckFinite(*this, forth);
  if (!fault.empty())
  {
    return fault;
  }
  if (Seed % 4 == 0 && !AreSame(forth.Result, SolveCase<TReal>(*this, alpha, beta, 3).Result))
  {
    return "three threads give another result";
  }
  const auto back = SolveCase<TReal>(*this, beta, alpha);
  double     diameter = 0.0;
  for (size_t d = 0; d < Size.size(); ++d)
  {
    diameter = std::hypot(diameter, Size[d] * Spacing[d]);
  }
  const double cost = 0.5 * diameter * diameter + Blur * Blur;
  const double bound = (4.0 * forth.Parameters.Tolerance + GetRounding(*this, forth)) * cost * std::max(1.0, MassRatio);
  std::ostringstream said;
  said.precision(12);
  if (forth.Report.Converged && back.Report.Converged)
  {
    if (!(std::abs(forth.Values.Divergence - back.Values.Divergence) <= bound))
    {
      said << "not symmetric: " << forth.Values.Divergence << " and " << back.Values.Divergence << ", allowed "
           << bound;
    }
    else if (Debias && !(forth.Values.Divergence >= -bound))
    {
      said << "negative: " << forth.Values.Divergence << ", allowed " << -bound;
    }
  }
  if (Debias && Seed % 4 == 1)
  {
    const auto equal = SolveCase<TReal>(*this, alpha, alpha);
    if (!(std::abs(equal.Values.Divergence) <= 1e-9 * cost))
    {
      said << "equal measures have the divergence " << equal.Values.Divergence;
    }
  }
  return said.str();
}

TEST(SinkhornProperties, Solver)
{
  CheckProperty<SolverCase>(400);
}

} // namespace
