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
// Properties of transport and kernel distance between clouds of all kinds, with generated cases.
#include "itkSinkhornPointKernelDistance.h"
#include "itkSinkhornPointTransport.h"
#include "itkSinkhornPropertyUtilities.h"

#include <algorithm>
#include <functional>

namespace
{

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Testing;

/** Two clouds and what is asked of them; coordinates in units of the extent. */
struct CloudCase
{
  unsigned int Dimension{ 2 };
  unsigned int Particles[2]{ 1, 1 };
  double       Extent{ 1.0 };
  double       Origin{ 0.0 };
  double       Separation{ 0.0 };
  double       MassDecades{ 0.0 };
  double       MassUnit{ 1.0 };
  bool         HasEmptyParticles{ false };
  bool         IsCoincident{ false };
  bool         HasDirections{ false };
  bool         IsOriented{ false };
  double       DirectionWeight{ 0.0 };
  double       Blur{ 0.1 };
  double       Reach{ 0.0 };
  bool         Debias{ true };
  double       Tolerance{ 1e-3 };
  unsigned int Seed{ 0 };

  static CloudCase
  Make(Random & random)
  {
    CloudCase made;
    made.Dimension = 1 + random.Index(3);
    for (unsigned int & particles : made.Particles)
    {
      particles = static_cast<unsigned int>(random.LogUniform(1.0, 300.0));
    }
    made.Extent = random.LogUniform(1e-4, 1e4);
    made.Origin = random.Chance(0.3) ? random.Uniform(-1e6, 1e6) : 0.0;
    made.Separation = random.Chance(0.5) ? 0.0 : random.LogUniform(0.01, 100.0);
    made.MassDecades = random.Chance(0.5) ? 0.0 : random.Uniform(0.0, 30.0);
    made.MassUnit = random.LogUniform(1e-30, 1e30);
    made.HasEmptyParticles = random.Chance(0.2);
    made.IsCoincident = random.Chance(0.1);
    made.HasDirections = random.Chance(0.3) && made.Dimension > 1;
    made.IsOriented = random.Chance(0.5);
    made.DirectionWeight = made.HasDirections ? random.LogUniform(1e-3, 1.0) : 0.0;
    made.Blur = random.LogUniform(1e-3, 10.0);
    made.Reach = random.Chance(0.4) ? 0.0 : random.LogUniform(1e-3, 100.0);
    made.Debias = random.Chance(0.8);
    made.Tolerance = random.Chance(0.2) ? 1e-6 : 1e-3;
    made.Seed = random.Index(1U << 30);
    return made;
  }

  std::vector<CloudCase>
  Shrink() const
  {
    std::vector<CloudCase> simpler;
    const auto             add = [&](bool isPossible, const std::function<void(CloudCase &)> & change) {
      if (isPossible)
      {
        simpler.push_back(*this);
        change(simpler.back());
      }
    };
    for (int side = 0; side < 2; ++side)
    {
      add(Particles[side] > 1, [side](CloudCase & c) { c.Particles[side] /= 2; });
      add(Particles[side] > 1, [side](CloudCase & c) { --c.Particles[side]; });
    }
    add(Dimension > 1, [](CloudCase & c) {
      --c.Dimension;
      c.HasDirections = c.HasDirections && c.Dimension > 1;
      c.DirectionWeight = c.HasDirections ? c.DirectionWeight : 0.0;
    });
    add(Origin != 0.0, [](CloudCase & c) { c.Origin = 0.0; });
    add(Separation != 0.0, [](CloudCase & c) { c.Separation = 0.0; });
    add(MassDecades != 0.0, [](CloudCase & c) { c.MassDecades = 0.0; });
    add(MassUnit != 1.0, [](CloudCase & c) { c.MassUnit = 1.0; });
    add(Extent != 1.0, [](CloudCase & c) { c.Extent = 1.0; });
    add(HasEmptyParticles, [](CloudCase & c) { c.HasEmptyParticles = false; });
    add(IsCoincident, [](CloudCase & c) { c.IsCoincident = false; });
    add(HasDirections, [](CloudCase & c) { c.HasDirections = false, c.DirectionWeight = 0.0; });
    add(Reach != 0.0, [](CloudCase & c) { c.Reach = 0.0; });
    add(Debias, [](CloudCase & c) { c.Debias = false; });
    return simpler;
  }

  std::string
  Describe() const
  {
    std::ostringstream text;
    text.precision(17);
    text << Particles[0] << " and " << Particles[1] << " particles in " << Dimension << "-D, extent " << Extent
         << " origin " << Origin << " separation " << Separation << " mass decades " << MassDecades << " unit "
         << MassUnit << (HasEmptyParticles ? " with empty ones" : "") << (IsCoincident ? " coincident" : "")
         << " direction weight " << DirectionWeight << (IsOriented ? " oriented" : "") << " blur " << Blur << " reach "
         << Reach << (Debias ? " debiased" : "") << " tolerance " << Tolerance << " of " << Seed;
    return text.str();
  }

  PointMeasure
  MakeCloud(Side side) const
  {
    const bool   isBeta = side == Side::Beta;
    Random       random(Seed + isBeta);
    PointMeasure cloud;
    cloud.Dimension = Dimension;
    for (unsigned int i = 0; i < Particles[isBeta]; ++i)
    {
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        const double place = IsCoincident ? 0.5 : random.Uniform(0.0, 1.0);
        cloud.Positions.push_back(Origin + Extent * (place + (isBeta && d == 0 ? Separation : 0.0)));
      }
      const double mass = std::pow(10.0, -MassDecades * random.Uniform(0.0, 1.0));
      cloud.Masses.push_back(i > 0 && HasEmptyParticles && random.Chance(0.5) ? 0.0 : MassUnit * mass);
    }
    if (HasDirections)
    {
      cloud.Directions.resize(cloud.Positions.size());
      for (unsigned int i = 0; i < Particles[isBeta]; ++i)
      {
        const double angle = random.Uniform(0.0, 6.28);
        cloud.Directions[i] = std::cos(angle);
        cloud.Directions[Particles[isBeta] + i] = std::sin(angle);
      }
    }
    return cloud;
  }

  template <typename TParameters>
  void
  SetComparison(TParameters & parameters, itk::ThreadIdType workUnits) const
  {
    parameters.DirectionWeight = DirectionWeight * Extent;
    parameters.OrientedDirections = IsOriented;
    parameters.NumberOfWorkUnits = workUnits;
  }

  PointTransport
  Solve(const PointMeasure & alpha, const PointMeasure & beta, itk::ThreadIdType workUnits = 1) const
  {
    PointTransportParameters parameters;
    this->SetComparison(parameters, workUnits);
    parameters.Solver.Blur = Blur * Extent;
    parameters.Solver.Reach = Reach * Extent;
    parameters.Solver.Debias = Debias;
    parameters.Solver.Tolerance = Tolerance;
    parameters.Solver.MaximumNumberOfIterations = 60;
    PointTransport transport(alpha, beta, parameters);
    transport.Solve();
    return transport;
  }

  std::string
  CheckResult(const PointTransport & transport) const
  {
    const auto values = transport.GetValues();
    if (!std::isfinite(values.Divergence) || !std::isfinite(values.Transport))
    {
      return "a value is not finite";
    }
    for (const Side side : { Side::Alpha, Side::Beta })
    {
      const auto gradient = transport.ComputeGradient(side);
      if (!IsFinite(transport.ComputeVariation(side)) || !IsFinite(transport.ComputeSprings(side)) ||
          !IsFinite(transport.ComputeTargets(side)) || !IsFinite(transport.ComputeMarginal(side)) ||
          !IsFinite(gradient.Positions) || !IsFinite(gradient.Directions))
      {
        return "a gradient, spring, target or marginal is not finite";
      }
    }
    if (transport.GetReport().Converged && Reach == 0.0)
    {
      const auto marginal = transport.ComputeMarginal(Side::Alpha);
      const auto masses = transport.GetMasses(Side::Alpha);
      double     error = 0.0;
      for (size_t i = 0; i < masses.size(); ++i)
      {
        error += std::abs(marginal[i] - masses[i]);
      }
      const double allowed = 1.2 * Tolerance + this->GetRounding();
      if (!(error <= allowed))
      {
        return "said to be converged, but the marginals are wrong by " + std::to_string(error) + ", allowed " +
               std::to_string(allowed);
      }
    }
    return "";
  }

  /** Pairs are computed in single precision, and coordinates far from the origin are rounded. */
  double
  GetRounding() const
  {
    const double reachOfCosts = std::pow((2.0 + Separation) / Blur, 2);
    return (Tolerance < 1e-5 ? 1e-13 : 1e-5) * (30.0 + reachOfCosts) +
           1e-14 * std::abs(Origin) / Extent * (2.0 + Separation) / (Blur * Blur);
  }

  std::string
  Check() const
  {
    const PointMeasure alpha = this->MakeCloud(Side::Alpha);
    const PointMeasure beta = this->MakeCloud(Side::Beta);
    const auto         forth = this->Solve(alpha, beta);
    auto               fault = this->CheckResult(forth);
    if (!fault.empty())
    {
      return fault;
    }
    const auto threaded = this->Solve(alpha, beta, 3);
    if (threaded.GetPotentials().F != forth.GetPotentials().F ||
        threaded.GetPotentials().G != forth.GetPotentials().G ||
        threaded.ComputeSprings(Side::Alpha) != forth.ComputeSprings(Side::Alpha))
    {
      return "three threads give another result";
    }
    const auto         back = this->Solve(beta, alpha);
    const double       cost = Extent * Extent * (0.5 * std::pow(2.0 + Separation, 2) + Blur * Blur);
    const double       bound = (4.0 * Tolerance + this->GetRounding()) * cost;
    const double       value = forth.GetValues().Divergence;
    std::ostringstream said;
    if (forth.GetReport().Converged && back.GetReport().Converged)
    {
      if (!(std::abs(value - back.GetValues().Divergence) <= bound))
      {
        said << "not symmetric: " << value << " and " << back.GetValues().Divergence << ", allowed " << bound;
      }
      else if (Debias && !(value >= -bound))
      {
        said << "negative: " << value << ", allowed " << -bound;
      }
    }
    if (Debias)
    {
      const auto equal = this->Solve(alpha, alpha);
      if (!(std::abs(equal.GetValues().Divergence) <= 1e-9 * cost))
      {
        said << "equal clouds have the divergence " << equal.GetValues().Divergence;
      }
    }
    return said.str() + this->CheckKernel(alpha, beta);
  }

  std::string
  CheckKernel(const PointMeasure & alpha, const PointMeasure & beta) const
  {
    PointKernelParameters parameters;
    this->SetComparison(parameters, 1);
    parameters.Blur = Blur * Extent;
    const PointKernelDistance forth(alpha, beta, parameters);
    const PointKernelDistance back(beta, alpha, parameters);
    const PointKernelDistance equal(alpha, alpha, parameters);
    const auto                gradient = forth.ComputeGradient(Side::Alpha);
    if (!(forth.GetValue() >= 0.0) || !std::isfinite(forth.GetValue()) || !IsFinite(gradient.Positions) ||
        !IsFinite(gradient.Directions))
    {
      return "the kernel distance or its gradient is not finite";
    }
    if (!(std::abs(forth.GetValue() - back.GetValue()) <= 1e-5))
    {
      return "the kernel distance is not symmetric";
    }
    return equal.GetValue() == 0.0 ? "" : "the kernel distance of equal clouds is not 0";
  }
};

TEST(SinkhornProperties, Clouds)
{
  CheckProperty<CloudCase>(500);
}

} // namespace
