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

#include "itkIdentityTransform.h"
#include "itkSinkhornBoxSum.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornWorkingGrid.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

using Map = std::vector<float>;

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

/** What an image, smoothed to a grid, shows there under a map. */
template <unsigned int VDimension>
Map
Sample(const ImageType<VDimension> *                     image,
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
  const auto warped = WarpImage<VDimension>(smooth, transform, grid, 0.0F, false);
  return Map(warped->GetBufferPointer(), warped->GetBufferPointer() + warped->GetBufferedRegion().GetNumberOfPixels());
}

/** To mean 0 and variance 1 over the voxels that take part, 0 elsewhere. */
void
Standardize(const std::vector<bool> & takesPart, Map & map)
{
  double sum = 0.0;
  double squares = 0.0;
  double count = 0.0;
  for (std::size_t i = 0; i < map.size(); ++i)
  {
    sum += takesPart[i] ? static_cast<double>(map[i]) : 0.0;
    squares += takesPart[i] ? Math::sqr(static_cast<double>(map[i])) : 0.0;
    count += takesPart[i] ? 1.0 : 0.0;
  }
  const double mean = count > 0.0 ? sum / count : 0.0;
  const double variance = count > 0.0 ? squares / count - mean * mean : 0.0;
  const double scale = variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0;
  for (std::size_t i = 0; i < map.size(); ++i)
  {
    map[i] = takesPart[i] ? static_cast<float>((static_cast<double>(map[i]) - mean) * scale) : 0.0F;
  }
}

template <unsigned int VDimension>
double
FindAgreement(const Size<VDimension> & size, const std::vector<bool> & takesPart, Map f, Map w)
{
  constexpr double floor = 0.05; // of the variance of the whole image
  Standardize(takesPart, f);
  Standardize(takesPart, w);
  Map count(f.size());
  Map ff(f.size());
  Map ww(f.size());
  Map fw(f.size());
  for (std::size_t i = 0; i < f.size(); ++i)
  {
    count[i] = takesPart[i] ? 1.0F : 0.0F;
    ff[i] = f[i] * f[i];
    ww[i] = w[i] * w[i];
    fw[i] = f[i] * w[i];
  }
  Size<VDimension> radius;
  radius.Fill(2);
  for (Map * map : { &count, &f, &w, &ff, &ww, &fw })
  {
    Sinkhorn::SumOverBoxes<VDimension>(size, radius, *map);
  }
  double withSign = 0.0;
  double without = 0.0;
  for (std::size_t i = 0; i < f.size(); ++i)
  {
    if (takesPart[i])
    {
      const double n = count[i];
      const double common = fw[i] / n - f[i] / n * (w[i] / n);
      const double ofFixed = std::max(0.0, ff[i] / n - Math::sqr(f[i] / n)) + floor;
      const double ofMoving = std::max(0.0, ww[i] / n - Math::sqr(w[i] / n)) + floor;
      const double squared = common * common / (ofFixed * ofMoving);
      withSign += common < 0.0 ? -squared : squared;
      without += squared;
    }
  }
  return without > 0.0 ? withSign / without : 1.0;
}

/** Where a density, sampled, is more than a seventh of what its bright parts are. */
void
KeepMass(const Map & density, double bright, std::vector<bool> & takesPart)
{
  constexpr double least = 0.15;
  for (std::size_t i = 0; i < density.size(); ++i)
  {
    takesPart[i] = takesPart[i] && density[i] > least * bright;
  }
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
  const auto full = Sinkhorn::MakeImageOn<ImageType<VDimension>>(grid);
  const auto size = full->GetBufferedRegion().GetSize();
  const auto maskOf = [](const MaskImageType<VDimension> * mask, const ImageType<VDimension> * image) {
    return mask ? typename MaskImageType<VDimension>::ConstPointer(mask)
                : typename MaskImageType<VDimension>::ConstPointer(MakeFullMask<VDimension>(image));
  };
  const auto fixedMask = WarpMask<VDimension>(maskOf(images.FixedMask, images.Fixed), identity, full);
  const auto movingMask = WarpMask<VDimension>(maskOf(images.MovingMask, images.Moving), transform, full);

  std::vector<bool> takesPart(full->GetBufferedRegion().GetNumberOfPixels());
  for (std::size_t i = 0; i < takesPart.size(); ++i)
  {
    takesPart[i] = fixedMask->GetBufferPointer()[i] > 0 && movingMask->GetBufferPointer()[i] > 0;
  }
  const auto look = [&](bool asMass) {
    const auto f = MakeDensity<VDimension>(images.Fixed, images.FixedMask, plan.FixedMass, asMass, images.FixedName);
    const auto m =
      MakeDensity<VDimension>(images.Moving, images.MovingMask, plan.MovingMass, asMass, images.MovingName);
    return std::make_pair(f, m);
  };
  const auto        intensities = look(false);
  const Map         f = Sample<VDimension>(intensities.first, full, identity);
  const Map         w = Sample<VDimension>(intensities.second, full, transform);
  ContrastAgreement agreement;
  agreement.Everywhere = FindAgreement<VDimension>(size, takesPart, f, w);
  const auto masses = look(true);
  KeepMass(Sample<VDimension>(masses.first, full, identity), FindBrightness<VDimension>(masses.first), takesPart);
  KeepMass(Sample<VDimension>(masses.second, full, transform), FindBrightness<VDimension>(masses.second), takesPart);
  agreement.Inside = FindAgreement<VDimension>(size, takesPart, f, w);
  return agreement;
}

#define SINKHORN_INSTANTIATE(D) \
  template ContrastAgreement MeasureContrast<D>(const Plan &, const ImagePair<D> &, const Transform<double, D, D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
