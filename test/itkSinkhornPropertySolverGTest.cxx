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
// Properties of the solver, the kernel distance and the barycentre on grids of all kinds, with generated cases.
#include "itkSinkhornBarycenter.h"
#include "itkSinkhornDivergence.h"
#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornKernelDistance.h"
#include "itkSinkhornPropertyUtilities.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>

namespace
{

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Testing;

using Array = std::vector<double>;

/** Two measures on a grid and a transport between them. */
struct GridCase
{
  std::vector<unsigned int> Size;
  Array                     Spacing;
  MassPattern               Patterns[2];
  unsigned int              Seed{ 0 };
  double                    MassRatio{ 1.0 };
  double                    Blur{ 1.0 };
  double                    Reach{ 0.0 };
  bool                      Debias{ true };
  bool                      IsSingle{ false };
  Acceleration              Accelerate{ Acceleration::OverRelaxation };

  static GridCase
  Make(Random & random)
  {
    constexpr unsigned int mostPoints = 3000;
    GridCase               made;
    const unsigned int     dimension = 1 + random.Index(3);
    const double           unit = random.LogUniform(1e-4, 1e4);
    const bool             isWild = random.Chance(0.1);
    unsigned int           points = 1;
    double                 diameter = 0.0;
    for (unsigned int d = 0; d < dimension; ++d)
    {
      const auto longest = std::min(67U, mostPoints / points);
      const auto length = static_cast<unsigned int>(random.LogUniform(1.0, longest + 0.99));
      points *= length;
      made.Size.push_back(length);
      made.Spacing.push_back(isWild ? random.LogUniform(1e-4, 1e4) : unit * random.LogUniform(0.3, 3.0));
      diameter = std::hypot(diameter, length * made.Spacing.back());
    }
    for (MassPattern & pattern : made.Patterns)
    {
      pattern = static_cast<MassPattern>(random.Index(static_cast<unsigned int>(MassPattern::Count)));
    }
    const double voxel = *std::min_element(made.Spacing.begin(), made.Spacing.end());
    made.Seed = random.Index(1U << 30);
    made.Blur = random.LogUniform(0.05 * voxel, 10.0 * diameter);
    made.Reach = random.Chance(0.4) ? 0.0 : random.LogUniform(0.05 * voxel, 100.0 * diameter);
    made.MassRatio = made.Reach > 0.0 && random.Chance(0.5) ? random.LogUniform(1e-3, 1e3) : 1.0;
    made.Debias = random.Chance(0.8);
    made.IsSingle = random.Chance(0.5);
    made.Accelerate = random.Chance(0.7) ? Acceleration::OverRelaxation : static_cast<Acceleration>(random.Index(4));
    return made;
  }

  std::vector<GridCase>
  Shrink() const
  {
    std::vector<GridCase> simpler;
    const auto            add = [&](const std::function<void(GridCase &)> & change) {
      simpler.push_back(*this);
      change(simpler.back());
    };
    for (size_t d = 0; d < Size.size(); ++d)
    {
      if (Size[d] > 1)
      {
        add([d](GridCase & c) { c.Size[d] /= 2; });
        add([d](GridCase & c) { --c.Size[d]; });
      }
      if (Size.size() > 1 && Size[d] == 1)
      {
        add([d](GridCase & c) {
          c.Size.erase(c.Size.begin() + static_cast<std::ptrdiff_t>(d));
          c.Spacing.erase(c.Spacing.begin() + static_cast<std::ptrdiff_t>(d));
        });
      }
    }
    for (int side = 0; side < 2; ++side)
    {
      if (Patterns[side] != MassPattern::Constant)
      {
        add([side](GridCase & c) { c.Patterns[side] = MassPattern::Constant; });
      }
    }
    if (MassRatio != 1.0)
    {
      add([](GridCase & c) { c.MassRatio = 1.0; });
    }
    if (Debias)
    {
      add([](GridCase & c) { c.Debias = false; });
    }
    return simpler;
  }

  std::string
  Describe() const
  {
    std::ostringstream text;
    text.precision(17);
    text << Join(Size) << " spacing " << Join(Spacing) << " patterns " << static_cast<unsigned int>(Patterns[0]) << ' '
         << static_cast<unsigned int>(Patterns[1]) << " of " << Seed << " ratio " << MassRatio << " blur " << Blur
         << " reach " << Reach << (Debias ? " debiased " : " ") << Accelerate << (IsSingle ? " single" : " double");
    return text.str();
  }

  /** Masses of sum 1, and of MassRatio for the second. */
  Array
  MakeSide(Side side) const
  {
    const bool   isBeta = side == Side::Beta;
    Array        masses = MakeMasses(Size, Patterns[isBeta], Seed + isBeta, isBeta);
    const double scale = (isBeta ? MassRatio : 1.0) / std::accumulate(masses.begin(), masses.end(), 0.0);
    std::for_each(masses.begin(), masses.end(), [scale](double & mass) { mass *= scale; });
    return masses;
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
std::vector<TReal>
TakeLog(const Array & masses)
{
  std::vector<TReal> logs;
  for (const double mass : masses)
  {
    logs.push_back(mass > 0.0 ? static_cast<TReal>(std::log(mass)) : -std::numeric_limits<TReal>::infinity());
  }
  return logs;
}

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

template <typename TReal>
std::string
GridCase::CheckAs() const
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
  CheckProperty<GridCase>(400);
}

/** The same measures by the kernel distance. */
struct KernelCase : GridCase
{
  static KernelCase
  Make(Random & random)
  {
    KernelCase made;
    static_cast<GridCase &>(made) = GridCase::Make(random);
    made.Size.resize(std::max<size_t>(made.Size.size(), 2), 1);
    made.Spacing.resize(made.Size.size(), made.Spacing[0]);
    return made;
  }

  std::vector<KernelCase>
  Shrink() const
  {
    std::vector<KernelCase> simpler;
    for (const GridCase & part : GridCase::Shrink())
    {
      if (part.Size.size() >= 2)
      {
        simpler.emplace_back();
        static_cast<GridCase &>(simpler.back()) = part;
      }
    }
    return simpler;
  }

  std::string
  Check() const
  {
    return IsSingle ? this->CheckKernel<float>() : this->CheckKernel<double>();
  }

  template <typename TReal>
  std::string
  CheckKernel() const
  {
    const std::vector<itk::SizeValueType> size(Size.begin(), Size.end());
    const auto                            convert = [](const Array & masses) {
      std::vector<TReal> converted;
      for (const double mass : masses)
      {
        converted.push_back(static_cast<TReal>(mass));
      }
      return converted;
    };
    const auto            alpha = convert(this->MakeSide(Side::Alpha));
    const auto            beta = convert(this->MakeSide(Side::Beta));
    const DistanceKernel  kernel = Seed % 2 == 0 ? DistanceKernel::Gaussian : DistanceKernel::Energy;
    KernelDistance<TReal> forth;
    KernelDistance<TReal> back;
    KernelDistance<TReal> threads;
    KernelDistance<TReal> equal;
    forth.Update(size, Spacing, alpha, beta, kernel, Blur, 1);
    back.Update(size, Spacing, beta, alpha, kernel, Blur, 1);
    threads.Update(size, Spacing, alpha, beta, kernel, Blur, 3);
    equal.Update(size, Spacing, alpha, alpha, kernel, Blur, 1);
    const double scale = std::pow(std::max(1.0, MassRatio), 2);
    if (!std::isfinite(forth.GetValue()) || !IsFinite(forth.GetPotential()))
    {
      return "not finite";
    }
    const double unit = kernel == DistanceKernel::Gaussian ? 1.0 : std::abs(forth.GetValue());
    if (!(forth.GetValue() >= 0.0) ||
        !(std::abs(forth.GetValue() - back.GetValue()) <= 1e-6 * scale * std::max(unit, 1e-12)))
    {
      return "not symmetric: " + std::to_string(forth.GetValue()) + " and " + std::to_string(back.GetValue());
    }
    if (equal.GetValue() != 0.0)
    {
      return "equal measures have the distance " + std::to_string(equal.GetValue());
    }
    return forth.GetValue() == threads.GetValue() && forth.GetPotential() == threads.GetPotential()
             ? ""
             : "three threads give another result";
  }
};

TEST(SinkhornProperties, KernelDistance)
{
  CheckProperty<KernelCase>(400);
}

/** The mean of the same measures. */
struct BarycenterCase : GridCase
{
  static BarycenterCase
  Make(Random & random)
  {
    BarycenterCase made;
    static_cast<GridCase &>(made) = GridCase::Make(random);
    made.MassRatio = 1.0;
    return made;
  }

  std::vector<BarycenterCase>
  Shrink() const
  {
    std::vector<BarycenterCase> simpler;
    for (const GridCase & part : GridCase::Shrink())
    {
      simpler.emplace_back();
      static_cast<GridCase &>(simpler.back()) = part;
    }
    return simpler;
  }

  std::string
  Check() const
  {
    return IsSingle ? this->CheckBarycenter<float>() : this->CheckBarycenter<double>();
  }

  template <typename TReal>
  std::string
  CheckBarycenter() const
  {
    const std::vector<itk::SizeValueType> size(Size.begin(), Size.end());
    BarycenterParameters                  parameters;
    parameters.Blur = Blur;
    parameters.Debias = Debias;
    parameters.MaximumNumberOfIterations = 20;
    const std::vector<std::vector<TReal>> inputs{ TakeLog<TReal>(this->MakeSide(Side::Alpha)),
                                                  TakeLog<TReal>(this->MakeSide(Side::Beta)) };
    const double                          weight = Random(Seed).Uniform(0.0, 1.0);
    std::vector<TReal>                    results[2];
    for (const itk::ThreadIdType workUnits : { 1U, 3U })
    {
      const auto op = std::make_shared<const GridSoftminOperator<TReal>>(size, Spacing, workUnits);
      ComputeBarycenter<TReal>(op, inputs, { weight, 1.0 - weight }, parameters, results[workUnits == 3]);
    }
    double mass = 0.0;
    for (const TReal logarithm : results[0])
    {
      if (std::isnan(logarithm) || logarithm > TReal(1e-2))
      {
        return "a mass has the logarithm " + std::to_string(logarithm);
      }
      mass += std::exp(static_cast<double>(logarithm));
    }
    if (!(std::abs(mass - 1.0) < 1e-5))
    {
      return "the mass is " + std::to_string(mass);
    }
    return results[0] == results[1] ? "" : "three threads give another result";
  }
};

TEST(SinkhornProperties, Barycenter)
{
  CheckProperty<BarycenterCase>(150);
}

} // namespace
