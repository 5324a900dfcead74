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
#include "itkSinkhornRegistrationSampling.h"

#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornWorkingGrid.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace SinkhornRegistration
{

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
MakeSmallGrid(const ImageType<VDimension> * image, double mostVoxels)
{
  constexpr SizeValueType fewest = 8;
  const auto              size = image->GetBufferedRegion().GetSize();
  double                  volume = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    volume *= static_cast<double>(size[d]) * image->GetSpacing()[d];
  }
  const double                         edge = std::pow(volume / mostVoxels, 1.0 / VDimension);
  FixedArray<unsigned int, VDimension> factors;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const double most = std::max(1.0, static_cast<double>(size[d] / fewest));
    factors[d] = static_cast<unsigned int>(std::clamp(std::round(edge / image->GetSpacing()[d]), 1.0, most));
  }
  return Sinkhorn::ShrinkGeometry<VDimension>(image, factors);
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
SampleSmoothed(const ImageType<VDimension> *                     image,
               const ImageType<VDimension> *                     grid,
               const Transform<double, VDimension, VDimension> * transform)
{
  FixedArray<double, VDimension> sigmas;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    // Where the image is no finer than the grid there is nothing to smooth; but the filter takes no 0.
    const double spacing = image->GetSpacing()[d];
    sigmas[d] = grid->GetSpacing()[d] > 1.5 * spacing ? 0.5 * grid->GetSpacing()[d] : 0.2 * spacing;
  }
  const auto smooth = Sinkhorn::SmoothByGaussian<ImageType<VDimension>>(image, sigmas);
  Sinkhorn::KeepAboveMinimum(image, smooth.GetPointer());
  return WarpImage<VDimension>(smooth, transform, grid, 0.0F, false);
}

#define SINKHORN_INSTANTIATE(D)                                                  \
  template ImageType<D>::Pointer MakeSmallGrid<D>(const ImageType<D> *, double); \
  template ImageType<D>::Pointer SampleSmoothed<D>(                              \
    const ImageType<D> *, const ImageType<D> *, const Transform<double, D, D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
