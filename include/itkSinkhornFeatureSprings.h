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
#ifndef itkSinkhornFeatureSprings_h
#define itkSinkhornFeatureSprings_h

#include "itkSinkhornDensity.h"
#include "itkSinkhornFeatureTransport.h"

#include "itkImageBase.h"
#include "itkVector.h"

#include <algorithm>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** How many voxels a transport may have whose mass has \a numberOfBins bins where one of places alone may have \a most:
 * four times as many together, but no fewer than \a fewest each. */
inline SizeValueType
LimitVoxelsForBins(SizeValueType most, SizeValueType fewest, SizeValueType numberOfBins)
{
  constexpr SizeValueType times = 4;
  return numberOfBins > 1 ? std::min(most, std::max(fewest, times * most / numberOfBins)) : most;
}

/** \class FeatureSprings
 * \brief Where mass that has a feature beside its place is to go, voxel by voxel of an image's grid.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
struct FeatureSprings
{
  /** In physical space, mm, means over the bins of a voxel; 0 without mass. */
  std::vector<Vector<double, VDimension>> Ways;
  /** The mass that is moved, of 1 in all. */
  std::vector<double> Weights;
  /** mm². */
  double Divergence{ 0.0 };
};

/** Solves a FeatureTransport and reads its springs.
 * \param grid has the spacing and the direction of the voxels. \param size of the part of it that the masses are on.
 * \param costs, alpha, beta, parameters see FeatureTransport, also for the exception. */
template <unsigned int VDimension>
FeatureSprings<VDimension>
ComputeFeatureSprings(const ImageBase<VDimension> & grid,
                      const Size<VDimension> &      size,
                      const std::vector<double> &   costs,
                      const std::vector<float> &    alpha,
                      const std::vector<float> &    beta,
                      const SolverParameters &      parameters)
{
  FeatureTransport<float> transport(
    std::vector<SizeValueType>(size.begin(), size.end()), GetSpacingOfGrid(grid), costs, alpha, beta, parameters);
  transport.Solve();
  const auto          along = transport.ComputeSprings(Side::Alpha);
  const auto          moved = transport.ComputeTransportedMass(Side::Alpha);
  const SizeValueType voxels = transport.GetNumberOfVoxels();

  FeatureSprings<VDimension> springs;
  springs.Divergence = transport.GetValues().Divergence;
  springs.Weights.assign(moved.begin(), moved.end());
  for (SizeValueType i = 0; i < voxels; ++i)
  {
    Vector<double, VDimension> way;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      way[d] = static_cast<double>(along[d * voxels + i]);
    }
    springs.Ways.push_back(grid.GetDirection() * way);
  }
  return springs;
}

} // namespace Sinkhorn
} // namespace itk

#endif
