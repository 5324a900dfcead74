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
#ifndef itkSinkhornDisplacementFieldInitializerGrid_hxx
#define itkSinkhornDisplacementFieldInitializerGrid_hxx

// Where the steps are made.
#include "itkSinkhornDisplacementFieldInitializer.h"

#include "itkSinkhornFeatureSprings.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
template <typename TImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::FindExtent(const TImage &   image,
                                                                                        const MaskType * mask,
                                                                                        const char *     name) const
  -> Extent
{
  Sinkhorn::VerifyDensity(image, mask, name, false, 0);
  const Sinkhorn::IndexMap<ImageDimension> map(image, *m_FixedImage);
  Extent                                   extent;
  extent.Lower.Fill(std::numeric_limits<double>::max());
  extent.Upper.Fill(std::numeric_limits<double>::lowest());
  extent.Sum.Fill(0.0);
  Sinkhorn::ForEachMass(image, mask, [&](const typename TImage::IndexType & index, double mass) {
    const auto where = map(index);
    extent.Mass += mass;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      extent.Lower[d] = std::min(extent.Lower[d], where[d] - std::max(0.5, map.GetHalfVoxel(d)));
      extent.Upper[d] = std::max(extent.Upper[d], where[d] + std::max(0.5, map.GetHalfVoxel(d)));
      extent.Sum[d] += mass * where[d];
    }
  });
  if (!(extent.Mass > 0.0))
  {
    itkExceptionMacro("The " << name << " image has zero total mass: it is 0 everywhere"
                             << (mask != nullptr ? " inside its mask" : "")
                             << ". Transport needs some mass on both sides.");
  }
  return extent;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
SizeValueType
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::GetLargestNumberOfVoxels() const
{
  constexpr SizeValueType smallestGrid = SizeValueType{ 1 } << (3 * ImageDimension);
  return Sinkhorn::LimitVoxelsForBins(m_MaximumNumberOfVoxels, smallestGrid, m_Bins.NumberOfIntensityBins);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::MakeGrid(const VectorType & lower,
                                                                                      const VectorType & upper,
                                                                                      double margin) const ->
  typename GridType::Pointer
{
  const auto & spacing = m_FixedImage->GetSpacing();
  // grow the factor of the finest axis until there are few enough voxels
  typename GridType::SizeType size;
  VectorType                  factors(1.0);
  VectorType                  first;
  const auto                  count = [&] {
    double voxels = 1.0;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      const double border = std::ceil(margin / (factors[d] * spacing[d])) * factors[d] + factors[d];
      first[d] = std::floor(lower[d]) - border;
      size[d] = static_cast<SizeValueType>(std::ceil((upper[d] + border - first[d]) / factors[d])) + 1;
      voxels *= static_cast<double>(size[d]);
    }
    return voxels;
  };
  // a first guess, as one by one may take long for images far apart
  const double guess = std::pow(count() / static_cast<double>(this->GetLargestNumberOfVoxels()), 1.0 / ImageDimension);
  const double finest = *std::min_element(spacing.Begin(), spacing.End());
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    factors[d] = std::max(1.0, std::floor(0.5 * guess * finest / spacing[d]));
  }
  while (count() > static_cast<double>(this->GetLargestNumberOfVoxels()))
  {
    unsigned int axis = 0;
    for (unsigned int d = 1; d < ImageDimension; ++d)
    {
      axis = factors[d] * spacing[d] < factors[axis] * spacing[axis] ? d : axis;
    }
    factors[axis] += 1.0;
  }

  ContinuousIndex<double, ImageDimension> corner;
  typename GridType::SpacingType          coarse;
  typename GridType::PointType            origin;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    corner[d] = first[d];
    coarse[d] = factors[d] * spacing[d];
  }
  m_FixedImage->TransformContinuousIndexToPhysicalPoint(corner, origin);
  const auto grid = GridType::New();
  grid->SetRegions(size);
  grid->SetSpacing(coarse);
  grid->SetDirection(m_FixedImage->GetDirection());
  grid->SetOrigin(origin);
  return grid;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::ChooseWorkplace() const -> Workplace
{
  constexpr double smoothingFraction = 0.1;
  constexpr double marginFraction = 0.125;
  constexpr double marginOfDistance = 0.75; // what lies between a moving shape and the border is compressed
  const auto &     spacing = m_FixedImage->GetSpacing();
  const Extent     fixed = this->FindExtent(*m_FixedImage, m_FixedMask.GetPointer(), "fixed");
  const Extent     moving = this->FindExtent(*m_MovingImage, m_MovingMask.GetPointer(), "moving");
  VectorType       lower;
  VectorType       upper;
  VectorType       shift;
  double           single = 0.0;
  double           both = 0.0;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    lower[d] = std::min(fixed.Lower[d], moving.Lower[d]);
    upper[d] = std::max(fixed.Upper[d], moving.Upper[d]);
    shift[d] = (moving.Sum[d] / moving.Mass - fixed.Sum[d] / fixed.Mass) * spacing[d];
    single = std::max(
      { single, (fixed.Upper[d] - fixed.Lower[d]) * spacing[d], (moving.Upper[d] - moving.Lower[d]) * spacing[d] });
    both = std::max(both, (upper[d] - lower[d]) * spacing[d]);
  }

  Workplace place;
  place.Smoothing = (m_Smoothing > 0.0) ? m_Smoothing : smoothingFraction * single;
  place.Margin = std::max({ marginFraction * both, 2.0 * place.Smoothing, marginOfDistance * shift.GetNorm() });

  place.Grid = this->MakeGrid(lower, upper, place.Margin);
  const auto & coarse = place.Grid->GetSpacing();
  place.LargestSpacing = *std::max_element(coarse.Begin(), coarse.End());
  place.SmallestSpacing = *std::min_element(coarse.Begin(), coarse.End());
  if (m_Smoothing == 0.0)
  {
    place.Smoothing = std::max(place.Smoothing, 2.0 * place.LargestSpacing);
  }
  place.LargestSmoothing = std::max(0.5 * both, place.Smoothing);
  return place;
}

} // namespace itk

#endif
