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
#ifndef itkSinkhornTestUtilities_h
#define itkSinkhornTestUtilities_h

#include "itkSinkhornDivergence.h"
#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornPointSoftminOperator.h"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace itk
{
namespace Sinkhorn
{
namespace Testing
{

/** Doubles of a version 1 .npy file in C order. */
inline std::vector<double>
ReadNpy(const std::string & path)
{
  std::ifstream file(path, std::ios::binary);
  char          preamble[10] = {};
  file.read(preamble, sizeof(preamble));
  const auto  headerLength = static_cast<uint8_t>(preamble[8]) + 256u * static_cast<uint8_t>(preamble[9]);
  std::string header(headerLength, ' ');
  file.read(&header[0], headerLength);
  if (!file || std::string(preamble + 1, 5) != "NUMPY" || header.find("'<f8'") == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos)
  {
    throw std::runtime_error(path + " is not a C-ordered little-endian float64 .npy file");
  }
  std::vector<double> values;
  double              value = 0.0;
  while (file.read(reinterpret_cast<char *>(&value), sizeof(value)))
  {
    values.push_back(value);
  }
  return values;
}

template <typename TReal>
std::vector<TReal>
ToLog(const std::vector<double> & weights)
{
  std::vector<TReal> logWeights(weights.size());
  for (size_t i = 0; i < weights.size(); ++i)
  {
    logWeights[i] =
      weights[i] > 0.0 ? static_cast<TReal>(std::log(weights[i])) : -std::numeric_limits<TReal>::infinity();
  }
  return logWeights;
}

/** A few Gaussian bumps over an empty or faint background, mass 1. */
inline std::vector<double>
MakeBlobs(const std::vector<SizeValueType> & size,
          const std::vector<double> &        spacing,
          unsigned int                       seed,
          double                             background = 0.0)
{
  std::mt19937                           generator(seed);
  std::uniform_real_distribution<double> uniform(0.2, 0.8);
  constexpr unsigned int                 blobs = 3;
  std::vector<std::vector<double>>       centres(blobs, std::vector<double>(size.size()));
  double                                 shortest = std::numeric_limits<double>::max();
  for (size_t d = 0; d < size.size(); ++d)
  {
    shortest = size[d] > 1 ? std::min(shortest, size[d] * spacing[d]) : shortest;
    for (auto & centre : centres)
    {
      centre[d] = uniform(generator) * size[d] * spacing[d];
    }
  }
  const double  width = 0.08 * shortest;
  SizeValueType points = 1;
  for (const auto n : size)
  {
    points *= n;
  }
  std::vector<double> weights(points);
  double              mass = 0.0;
  for (SizeValueType i = 0; i < points; ++i)
  {
    double value = background;
    for (const auto & centre : centres)
    {
      double        squared = 0.0;
      SizeValueType rest = i;
      for (size_t d = 0; d < size.size(); ++d)
      {
        const double difference = (rest % size[d]) * spacing[d] - centre[d];
        squared += difference * difference;
        rest /= size[d];
      }
      value += squared < 9.0 * width * width ? std::exp(-0.5 * squared / (width * width)) : 0.0;
    }
    weights[i] = value;
    mass += value;
  }
  for (auto & weight : weights)
  {
    weight /= mass;
  }
  return weights;
}

/** Coordinates of the voxel centres of a grid, fastest axis first. */
inline std::vector<double>
MakeGridPoints(const std::vector<SizeValueType> & size, const std::vector<double> & spacing)
{
  SizeValueType points = 1;
  for (const auto n : size)
  {
    points *= n;
  }
  std::vector<double> coordinates;
  for (SizeValueType i = 0; i < points; ++i)
  {
    SizeValueType rest = i;
    for (size_t d = 0; d < size.size(); ++d)
    {
      coordinates.push_back((rest % size[d]) * spacing[d]);
      rest /= size[d];
    }
  }
  return coordinates;
}

} // namespace Testing
} // namespace Sinkhorn
} // namespace itk

#endif
