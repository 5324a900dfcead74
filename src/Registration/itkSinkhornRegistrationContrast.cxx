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
#include "itkSinkhornRegistrationContrast.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationIntensities.h"
#include "itkSinkhornRegistrationSampling.h"

#include "itkIdentityTransform.h"
#include "itkLocalCorrelationRegistrationForce.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornWorkingGrid.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** A grid of half the resolution of an image, or less if that has more than a million voxels. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
MakeCoarseGrid(const ImageType<VDimension> * image)
{
  constexpr double                     most = 1e6;
  constexpr SizeValueType              fewest = 8;
  const auto                           size = image->GetBufferedRegion().GetSize();
  FixedArray<unsigned int, VDimension> factors;
  const double                         voxels = static_cast<double>(image->GetBufferedRegion().GetNumberOfPixels());
  const double                         wanted = std::max(2.0, std::pow(voxels / most, 1.0 / VDimension));
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    factors[d] = static_cast<unsigned int>(
      std::clamp(std::ceil(wanted), 1.0, std::max(1.0, static_cast<double>(size[d] / fewest))));
  }
  return Sinkhorn::ShrinkGeometry<VDimension>(image, factors);
}

/** Where a mask holds and a density, sampled, is more than a seventh of what its bright parts are. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
KeepMass(const MaskImageType<VDimension> *                 mask,
         const ImageType<VDimension> *                     density,
         const ImageType<VDimension> *                     grid,
         const Transform<double, VDimension, VDimension> * transform)
{
  constexpr double least = 0.15;
  const double     bright = FindBrightness<VDimension>(density);
  const auto       sampled = SampleSmoothed<VDimension>(density, grid, transform);
  const auto       kept = Sinkhorn::CopyImage(mask);
  for (SizeValueType i = 0; i < kept->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    if (!(sampled->GetBufferPointer()[i] > least * bright))
    {
      kept->GetBufferPointer()[i] = 0;
    }
  }
  return kept;
}

} // namespace

template <unsigned int VDimension>
ContrastAgreement
MeasureContrast(const Plan &                                      plan,
                const ImagePair<VDimension> &                     images,
                const Transform<double, VDimension, VDimension> * transform)
{
  const auto identity = IdentityTransform<double, VDimension>::New();
  const auto grid = MakeCoarseGrid<VDimension>(images.Fixed);
  const auto sampleMask =
    [&](const MaskImageType<VDimension> * mask, const ImageType<VDimension> * image, const auto * map) {
      const auto full = mask ? nullptr : MakeFullMask<VDimension>(image);
      return WarpMask<VDimension>(mask ? mask : full.GetPointer(), map, grid);
    };
  const auto densityOf = [&](bool isMoving, bool asMass) {
    return isMoving
             ? MakeDensity<VDimension>(images.Moving, images.MovingMask, plan.MovingMass, asMass, images.MovingName)
             : MakeDensity<VDimension>(images.Fixed, images.FixedMask, plan.FixedMass, asMass, images.FixedName);
  };
  const auto fixedMask = sampleMask(images.FixedMask, images.Fixed, identity.GetPointer());
  const auto movingMask = sampleMask(images.MovingMask, images.Moving, transform);
  const auto fixed = SampleSmoothed<VDimension>(densityOf(false, false), grid, identity);
  const auto moving = SampleSmoothed<VDimension>(densityOf(true, false), grid, transform);

  const auto        correlation = LocalCorrelationRegistrationForce<ImageType<VDimension>>::New(); // boxes of radius 2
  ContrastAgreement agreement;
  agreement.Everywhere = correlation->MeasureSignAgreement(fixed, moving, fixedMask, movingMask);
  agreement.Inside =
    correlation->MeasureSignAgreement(fixed,
                                      moving,
                                      KeepMass<VDimension>(fixedMask, densityOf(false, true), grid, identity),
                                      KeepMass<VDimension>(movingMask, densityOf(true, true), grid, transform));
  return agreement;
}

#define SINKHORN_INSTANTIATE(D) \
  template ContrastAgreement MeasureContrast<D>(const Plan &, const ImagePair<D> &, const Transform<double, D, D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
