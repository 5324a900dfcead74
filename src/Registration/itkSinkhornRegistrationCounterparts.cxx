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
#include "itkSinkhornRegistrationCounterparts.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationIntensities.h"
#include "itkSinkhornRegistrationSampling.h"

#include "itkIdentityTransform.h"
#include "itkSinkhornBoxSum.h"
#include "itkSinkhornFieldAlgebra.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** An image of a pair, as the finish of a registration sees it and as mass. */
template <unsigned int VDimension>
struct View
{
  typename ImageType<VDimension>::Pointer     Intensities;
  typename ImageType<VDimension>::Pointer     Mass;
  typename MaskImageType<VDimension>::Pointer Mask;
};

template <unsigned int VDimension>
View<VDimension>
MakeView(const ImageType<VDimension> *     image,
         const MaskImageType<VDimension> * mask,
         const DensityRule &               density,
         const std::string &               name)
{
  return { MakeDensity<VDimension>(image, mask, density, false, name),
           MakeDensity<VDimension>(image, mask, density, true, name),
           mask ? Sinkhorn::CopyImage(mask) : MakeFullMask<VDimension>(image) };
}

/** The same on another grid, under a map, the intensities smoothed by a voxel. */
template <unsigned int VDimension>
View<VDimension>
SampleView(const View<VDimension> &                          view,
           const ImageType<VDimension> *                     grid,
           const Transform<double, VDimension, VDimension> * transform)
{
  const auto sampled = SampleSmoothed<VDimension>(view.Intensities, grid, transform);
  return { Sinkhorn::SmoothByGaussian<ImageType<VDimension>>(
             sampled, FixedArray<double, VDimension>(grid->GetSpacing().GetDataPointer())),
           SampleSmoothed<VDimension>(view.Mass, grid, transform),
           WarpMask<VDimension>(view.Mask, transform, grid) };
}

/** Medians of some values, given others, by bins of these; between the middles of bins linear. */
class ConditionalMedian
{
public:
  ConditionalMedian(const std::vector<double> & given, const std::vector<double> & values)
  {
    constexpr double      rare = 0.005;
    constexpr std::size_t fewest = 20;
    auto                  sorted = given;
    m_Low = FindQuantile(sorted, rare);
    m_Width = (FindQuantile(sorted, 1.0 - rare) - m_Low) / numberOfBins;
    std::vector<std::vector<double>> bins(static_cast<std::size_t>(numberOfBins));
    for (std::size_t i = 0; i < given.size(); ++i)
    {
      const double bin = std::clamp(std::floor(this->FindPosition(given[i]) + 0.5), 0.0, numberOfBins - 1.0);
      bins[static_cast<std::size_t>(bin)].push_back(values[i]);
    }
    for (std::size_t bin = 0; bin < bins.size(); ++bin)
    {
      if (bins[bin].size() >= fewest)
      {
        m_Positions.push_back(static_cast<double>(bin));
        m_Medians.push_back(FindQuantile(bins[bin], 0.5));
      }
    }
  }

  bool
  IsEmpty() const
  {
    return m_Medians.empty();
  }

  double
  Predict(double given) const
  {
    const double position = this->FindPosition(given);
    const auto   after = static_cast<std::size_t>(
      std::distance(m_Positions.begin(), std::upper_bound(m_Positions.begin(), m_Positions.end(), position)));
    if (after == 0 || after == m_Positions.size())
    {
      return after == 0 ? m_Medians.front() : m_Medians.back();
    }
    const double part = (position - m_Positions[after - 1]) / (m_Positions[after] - m_Positions[after - 1]);
    return m_Medians[after - 1] + part * (m_Medians[after] - m_Medians[after - 1]);
  }

private:
  static constexpr double numberOfBins = 32;

  /** Whole numbers are the middles of bins. */
  double
  FindPosition(double given) const
  {
    return m_Width > 0.0 ? (given - m_Low) / m_Width - 0.5 : 0.0;
  }

  double              m_Low{ 0.0 };
  double              m_Width{ 0.0 };
  std::vector<double> m_Positions;
  std::vector<double> m_Medians;
};

/** Voxels whose intensity is far from what is expected, given that of the other image. */
struct Outliers
{
  /** 1 or 0, voxel by voxel. */
  std::vector<float> Map;
  SizeValueType      NumberOfShown{ 0 };
};

template <unsigned int VDimension>
Outliers
FindOutliers(const View<VDimension> & own, const View<VDimension> & other, double ownBright, double otherBright)
{
  constexpr double           least = 0.15; // of what is bright: the rest is background
  constexpr double           far = 4.0;
  constexpr double           normal = 1.4826; // standard deviation / median of the absolute values
  constexpr double           smallestScale = 0.05;
  const SizeValueType        count = own.Mass->GetBufferedRegion().GetNumberOfPixels();
  std::vector<SizeValueType> shown;
  std::vector<double>        values;
  std::vector<double>        given;
  for (SizeValueType i = 0; i < count; ++i)
  {
    const bool isIn = own.Mask->GetBufferPointer()[i] != 0 && other.Mask->GetBufferPointer()[i] != 0;
    if (isIn && (own.Mass->GetBufferPointer()[i] > least * ownBright ||
                 other.Mass->GetBufferPointer()[i] > least * otherBright))
    {
      shown.push_back(i);
      values.push_back(own.Intensities->GetBufferPointer()[i]);
      given.push_back(other.Intensities->GetBufferPointer()[i]);
    }
  }
  Outliers outliers{ std::vector<float>(count), shown.size() };
  if (shown.empty())
  {
    return outliers;
  }
  const ConditionalMedian expected(given, values);
  if (expected.IsEmpty())
  {
    return outliers;
  }
  std::vector<double> residuals(values.size());
  std::transform(given.begin(), given.end(), values.begin(), residuals.begin(), [&](double one, double value) {
    return std::abs(value - expected.Predict(one));
  });
  auto         sorted = values;
  const double range = FindQuantile(sorted, 0.9) - FindQuantile(sorted, 0.1);
  sorted = residuals;
  const double scale = std::max(normal * FindQuantile(sorted, 0.5), smallestScale * range);
  for (std::size_t n = 0; n < shown.size(); ++n)
  {
    outliers.Map[shown[n]] = residuals[n] > far * scale ? 1.0F : 0.0F;
  }
  return outliers;
}

/** Half of the edges, voxels, of a box of \a length mm. */
template <unsigned int VDimension>
Size<VDimension>
MakeBoxRadius(const ImageType<VDimension> * grid, double length)
{
  Size<VDimension> radius;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    radius[d] = static_cast<SizeValueType>(std::max(1.0, std::round(length / grid->GetSpacing()[d])));
  }
  return radius;
}

/** Leaves of outliers what is as thick as a box, and a margin. \return the number of voxels. */
template <unsigned int VDimension>
SizeValueType
KeepThick(const ImageType<VDimension> * grid, double voxel, std::vector<float> & map)
{
  constexpr double fewestVoxels = 3.0;
  constexpr double leastPart = 0.03;
  constexpr double margin = 2.0;
  constexpr double mostOfIt = 0.9;
  const auto       size = grid->GetBufferedRegion().GetSize();
  double           longest = 0.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    longest = std::max(longest, static_cast<double>(size[d]) * grid->GetSpacing()[d]);
  }
  const double     length = std::max(fewestVoxels * voxel, leastPart * longest);
  Size<VDimension> radius = MakeBoxRadius<VDimension>(grid, length);
  double           full = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    full *= 2.0 * static_cast<double>(radius[d]) + 1.0;
  }
  Sinkhorn::SumOverBoxes<VDimension>(size, radius, map);
  std::transform(
    map.begin(), map.end(), map.begin(), [full](float sum) { return sum >= mostOfIt * full ? 1.0F : 0.0F; });
  radius = MakeBoxRadius<VDimension>(grid, length + margin * voxel);
  Sinkhorn::SumOverBoxes<VDimension>(size, radius, map);
  return static_cast<SizeValueType>(std::count_if(map.begin(), map.end(), [](float sum) { return sum > 0.5F; }));
}

/** Of \a own, on its grid; nullptr if there is nothing. \param toOther points of \a own to those of \a other.
 * \param part receives how much it is of what both show. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
FindUnmatched(const View<VDimension> &                          own,
              const View<VDimension> &                          other,
              const Transform<double, VDimension, VDimension> * toOther,
              double &                                          part)
{
  constexpr double mostVoxels = 1e6;
  constexpr double mostOfIt = 0.5;
  const auto       identity = IdentityTransform<double, VDimension>::New();
  const auto       grid = MakeSmallGrid<VDimension>(own.Intensities, mostVoxels);
  Outliers         outliers = FindOutliers<VDimension>(SampleView<VDimension>(own, grid, identity),
                                               SampleView<VDimension>(other, grid, toOther),
                                               FindBrightness<VDimension>(own.Mass),
                                               FindBrightness<VDimension>(other.Mass));
  double           volume = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    volume *= grid->GetSpacing()[d];
  }
  const double found =
    static_cast<double>(KeepThick<VDimension>(grid, std::pow(volume, 1.0 / VDimension), outliers.Map));
  part = found > 0.0 ? found / static_cast<double>(std::max<SizeValueType>(outliers.NumberOfShown, 1)) : 0.0;
  if (!(part > 0.0) || part > mostOfIt)
  {
    part = 0.0;
    return nullptr;
  }
  const auto mask = Sinkhorn::MakeImageOn<MaskImageType<VDimension>>(grid.GetPointer());
  std::transform(outliers.Map.begin(), outliers.Map.end(), mask->GetBufferPointer(), [](float sum) {
    return static_cast<unsigned char>(sum > 0.5F);
  });
  return WarpMask<VDimension>(mask, identity, own.Intensities);
}

} // namespace

template <unsigned int VDimension>
UnmatchedParts<VDimension>
FindUnmatchedParts(const Plan &                                      plan,
                   const ImagePair<VDimension> &                     images,
                   const Transform<double, VDimension, VDimension> * transform)
{
  const auto fixed = MakeView<VDimension>(images.Fixed, images.FixedMask, plan.FixedMass, images.FixedName);
  const auto moving = MakeView<VDimension>(images.Moving, images.MovingMask, plan.MovingMass, images.MovingName);
  UnmatchedParts<VDimension> parts;
  parts.Fixed = FindUnmatched<VDimension>(fixed, moving, transform, parts.FixedPart);
  if (const auto inverse = transform->GetInverseTransform())
  {
    parts.Moving = FindUnmatched<VDimension>(moving, fixed, inverse, parts.MovingPart);
  }
  return parts;
}

#define SINKHORN_INSTANTIATE(D) \
  template UnmatchedParts<D> FindUnmatchedParts<D>(const Plan &, const ImagePair<D> &, const Transform<double, D, D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
