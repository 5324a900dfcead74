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
#ifndef itkSinkhornPropertyGrids_h
#define itkSinkhornPropertyGrids_h

#include "itkSinkhornPropertyUtilities.h"
#include "itkSinkhornSolver.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <sstream>

namespace itk
{
namespace Sinkhorn
{
namespace Testing
{

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

  /** Simpler cases of a kind that is made of this one. */
  template <typename TCase>
  static std::vector<TCase>
  ShrinkAs(const TCase & example)
  {
    std::vector<TCase> simpler;
    const auto         add = [&](const std::function<void(GridCase &)> & change) {
      simpler.push_back(example);
      change(simpler.back());
    };
    for (size_t d = 0; d < example.Size.size(); ++d)
    {
      if (example.Size[d] > 1)
      {
        add([d](GridCase & c) { c.Size[d] /= 2; });
        add([d](GridCase & c) { --c.Size[d]; });
      }
      if (example.Size.size() > 1 && example.Size[d] == 1)
      {
        add([d](GridCase & c) {
          c.Size.erase(c.Size.begin() + static_cast<std::ptrdiff_t>(d));
          c.Spacing.erase(c.Spacing.begin() + static_cast<std::ptrdiff_t>(d));
        });
      }
    }
    for (int side = 0; side < 2; ++side)
    {
      if (example.Patterns[side] != MassPattern::Constant)
      {
        add([side](GridCase & c) { c.Patterns[side] = MassPattern::Constant; });
      }
    }
    if (example.MassRatio != 1.0)
    {
      add([](GridCase & c) { c.MassRatio = 1.0; });
    }
    if (example.Debias)
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

} // namespace Testing
} // namespace Sinkhorn
} // namespace itk

#endif
