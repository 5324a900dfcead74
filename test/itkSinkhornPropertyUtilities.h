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
#ifndef itkSinkhornPropertyUtilities_h
#define itkSinkhornPropertyUtilities_h

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <initializer_list>
#include <iostream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace itk
{
namespace Sinkhorn
{
namespace Testing
{

/** What a case is made of. */
class Random
{
public:
  explicit Random(unsigned int seed)
    : m_Engine(seed)
  {}
  double
  Uniform(double low, double high)
  {
    return low + (high - low) * static_cast<double>(m_Engine()) / 4294967296.0;
  }
  double
  LogUniform(double low, double high)
  {
    return std::exp(this->Uniform(std::log(low), std::log(high)));
  }
  /** A whole number in [0, count). */
  unsigned int
  Index(unsigned int count)
  {
    return static_cast<unsigned int>(this->Uniform(0.0, static_cast<double>(count)));
  }
  bool
  Chance(double probability)
  {
    return this->Uniform(0.0, 1.0) < probability;
  }

private:
  std::mt19937 m_Engine; // its numbers are the same everywhere, those of the standard's distributions are not
};

/** A whole number from the environment. */
inline unsigned int
GetFromEnvironment(const char * name, unsigned int usual)
{
  const char * text = std::getenv(name);
  return text ? static_cast<unsigned int>(std::strtoul(text, nullptr, 10)) : usual;
}

/** What a case does wrong, empty if nothing. */
template <typename TCase>
std::string
FindFault(const TCase & example)
{
  constexpr double mostSeconds = 60.0; // of all processors, for a case of some thousand points
  const auto       start = std::clock();
  std::string      fault;
  try
  {
    fault = example.Check();
  }
  catch (const std::exception & error)
  {
    fault = std::string("throws: ") + error.what();
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return fault.empty() && seconds > mostSeconds ? "takes " + std::to_string(seconds) + " s" : fault;
}

/** \brief Checks many random cases; a failing one is made smaller as long as it still fails.
 *
 * A case has a static Make(Random &), Check(), which says what is wrong, Shrink(), which gives simpler cases, and
 * Describe(). The environment variable SINKHORN_PROPERTY_CASES sets the number of cases, SINKHORN_PROPERTY_SEED the
 * first one's seed; the others follow, so that a failing case comes again with its seed and one case.
 * \param usual number of cases unless the environment says otherwise. */
template <typename TCase>
void
CheckProperty(unsigned int usual)
{
  constexpr unsigned int mostShrinking = 100;
  const unsigned int     cases = GetFromEnvironment("SINKHORN_PROPERTY_CASES", usual);
  const unsigned int     seed = GetFromEnvironment("SINKHORN_PROPERTY_SEED", 1);
  unsigned int           failures = 0;
  for (unsigned int i = 0; i < cases && failures < 5; ++i)
  {
    Random            random(seed + i);
    TCase             example = TCase::Make(random);
    const std::string original = example.Describe();
    std::string       fault = FindFault(example);
    if (fault.empty())
    {
      continue;
    }
    ++failures;
    bool isSimpler = true;
    for (unsigned int tried = 0; isSimpler && tried < mostShrinking;)
    {
      isSimpler = false;
      for (const TCase & simpler : example.Shrink())
      {
        ++tried;
        const std::string simplerFault = FindFault(simpler);
        if (!simplerFault.empty())
        {
          example = simpler;
          fault = simplerFault;
          isSimpler = true;
          break;
        }
      }
    }
    ADD_FAILURE() << "seed " << seed + i << ": " << fault << "\n  least: " << example.Describe()
                  << "\n  found: " << original;
  }
  std::cout << cases << " cases from seed " << seed << ", " << failures << " failures" << std::endl;
}

/** Cases that once failed. */
template <typename TCase>
void
CheckSeeds(std::initializer_list<unsigned int> seeds)
{
  for (const unsigned int seed : seeds)
  {
    Random      random(seed);
    const TCase example = TCase::Make(random);
    EXPECT_EQ(FindFault(example), "") << "seed " << seed << ": " << example.Describe();
  }
}

template <typename TArray>
bool
IsFinite(const TArray & values)
{
  for (const auto value : values)
  {
    if (!std::isfinite(static_cast<double>(value)))
    {
      return false;
    }
  }
  return true;
}

template <typename TArray>
std::string
Join(const TArray & values)
{
  std::ostringstream text;
  text.precision(17);
  const char * separator = "";
  for (const auto & value : values)
  {
    text << separator << value;
    separator = "x";
  }
  return text.str();
}

/** How the mass of a random density lies on its grid. */
enum class MassPattern : unsigned int
{
  Constant,
  Voxel,     ///< one has it all
  Sparse,    ///< one voxel in twenty
  Noise,     ///< some decades of values
  Half,      ///< the lower part of the slowest axis, or the upper one
  Blob,      ///< round and smooth
  Chequered, ///< every second voxel
  Vanishing, ///< down to the smallest numbers
  Count
};

/** Masses on a grid, largest about 1. \param isUpper which half. */
inline std::vector<double>
MakeMasses(const std::vector<unsigned int> & size, MassPattern pattern, unsigned int seed, bool isUpper)
{
  Random              random(seed);
  std::vector<double> centre;
  size_t              points = 1;
  for (const auto length : size)
  {
    points *= length;
    centre.push_back(random.Uniform(0.2, 0.8) * length);
  }
  const double        decades = random.Uniform(0.0, 30.0);
  const size_t        only = random.Index(static_cast<unsigned int>(points));
  std::vector<double> masses(points, 0.0);
  for (size_t i = 0; i < points; ++i)
  {
    double squared = 0.0;
    size_t rest = i;
    size_t parity = 0;
    for (size_t d = 0; d < size.size(); ++d)
    {
      const size_t place = rest % size[d];
      squared += std::pow((static_cast<double>(place) - centre[d]) / (0.1 * size[d] + 1.0), 2);
      parity += place;
      rest /= size[d];
    }
    switch (pattern)
    {
      case MassPattern::Constant: masses[i] = 1.0; break;
      case MassPattern::Voxel: break;
      case MassPattern::Sparse: masses[i] = random.Chance(0.05) ? random.Uniform(0.1, 1.0) : 0.0; break;
      case MassPattern::Noise: masses[i] = std::pow(10.0, -decades * random.Uniform(0.0, 1.0)); break;
      case MassPattern::Half: masses[i] = (2 * i >= points) == isUpper ? 1.0 : 0.0; break;
      case MassPattern::Chequered: masses[i] = (parity % 2 == 0) == isUpper ? 1.0 : 0.0; break;
      case MassPattern::Vanishing: masses[i] = std::pow(10.0, -320.0 * random.Uniform(0.0, 1.0)); break;
      default: masses[i] = squared < 9.0 ? std::exp(-0.5 * squared) : 0.0; break;
    }
  }
  bool isEmpty = true;
  for (const double mass : masses)
  {
    isEmpty = isEmpty && mass < 1e-3;
  }
  masses[only] = isEmpty ? 1.0 : masses[only];
  return masses;
}

} // namespace Testing
} // namespace Sinkhorn
} // namespace itk

#endif
