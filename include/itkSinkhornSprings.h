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
#ifndef itkSinkhornSprings_h
#define itkSinkhornSprings_h

#include "itkSinkhornPlan.h"

#include <cmath>
#include <functional>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \name What is read off a plan on a grid whose voxels have K bins of a feature, K = 1 without one. Lifted arrays go
 * bin after bin, K times as many values as voxels. */
/**@{*/

/** An array over the voxels, the same in every bin. */
template <typename TValue>
std::vector<TValue>
RepeatForBins(const std::vector<TValue> & values, SizeValueType numberOfBins)
{
  std::vector<TValue> repeated;
  repeated.reserve(numberOfBins * values.size());
  for (SizeValueType k = 0; k < numberOfBins; ++k)
  {
    repeated.insert(repeated.end(), values.begin(), values.end());
  }
  return repeated;
}

/** Sum over the bins of each voxel. */
template <typename TReal>
std::vector<TReal>
SumBins(const std::vector<TReal> & lifted, SizeValueType numberOfVoxels)
{
  std::vector<double> sums(numberOfVoxels, 0.0);
  for (SizeValueType i = 0; i < lifted.size(); ++i)
  {
    sums[i % numberOfVoxels] += static_cast<double>(lifted[i]);
  }
  return std::vector<TReal>(sums.begin(), sums.end());
}

/** Mean over the bins of each voxel by their masses; 0 where a voxel has none.
 * \param logWeights logarithms of the masses, lifted. */
template <typename TReal>
std::vector<TReal>
AverageBins(const std::vector<TReal> & logWeights, const std::vector<TReal> & lifted, SizeValueType numberOfVoxels)
{
  std::vector<double> sums(numberOfVoxels, 0.0);
  std::vector<double> masses(numberOfVoxels, 0.0);
  for (SizeValueType i = 0; i < lifted.size(); ++i)
  {
    const double mass = std::exp(static_cast<double>(logWeights[i]));
    if (mass > 0.0)
    {
      sums[i % numberOfVoxels] += mass * static_cast<double>(lifted[i]);
      masses[i % numberOfVoxels] += mass;
    }
  }
  std::vector<TReal> means(numberOfVoxels, TReal(0));
  for (SizeValueType i = 0; i < numberOfVoxels; ++i)
  {
    means[i] = masses[i] > 0.0 ? static_cast<TReal>(sums[i] / masses[i]) : TReal(0);
  }
  return means;
}

/** Coordinate of each voxel along an axis of its grid, mm from the first one. */
template <typename TReal>
std::vector<TReal>
MakeCoordinates(const std::vector<SizeValueType> & size, const std::vector<double> & spacing, std::size_t axis)
{
  SizeValueType stride = 1;
  SizeValueType voxels = 1;
  for (std::size_t d = 0; d < size.size(); ++d)
  {
    stride *= d < axis ? size[d] : 1;
    voxels *= size[d];
  }
  std::vector<TReal> coordinates;
  coordinates.reserve(voxels);
  while (coordinates.size() < voxels)
  {
    for (SizeValueType i = 0; i < size[axis]; ++i)
    {
      coordinates.insert(coordinates.end(), stride, static_cast<TReal>(static_cast<double>(i) * spacing[axis]));
    }
  }
  return coordinates;
}

/** Where the mass of one side goes, T(x) − x, or debiased T(x) − T_self(x), mm along each axis of the grid: one lifted
 * array for each axis.
 * \param logSum of the cross plan and that side, see Plan::ComputeLogSum(). \param self the plan of that side with
 * itself, null: no debiasing. \param observer called before each axis. */
template <typename TReal>
std::vector<std::vector<TReal>>
ComputeSprings(const Plan<TReal> &                      cross,
               const std::vector<TReal> &               logSum,
               const Plan<TReal> *                      self,
               Side                                     side,
               const std::vector<SizeValueType> &       size,
               const std::vector<double> &              spacing,
               SizeValueType                            numberOfBins,
               const std::function<void(std::size_t)> & observer = nullptr)
{
  std::vector<std::vector<TReal>> springs;
  const auto                      selfLogSum = self ? self->ComputeLogSum(side) : std::vector<TReal>();
  for (std::size_t axis = 0; axis < size.size(); ++axis)
  {
    if (observer)
    {
      observer(axis);
    }
    const auto from = RepeatForBins(MakeCoordinates<TReal>(size, spacing, axis), numberOfBins);
    springs.push_back(cross.ComputeMean(side, logSum, from));
    const auto begin = self ? self->ComputeMean(side, selfLogSum, from) : from;
    for (SizeValueType i = 0; i < begin.size(); ++i)
    {
      springs.back()[i] -= begin[i];
    }
  }
  return springs;
}
/**@}*/

} // namespace Sinkhorn
} // namespace itk

#endif
