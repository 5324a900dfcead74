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
#ifndef itkSinkhornTransformInitializerPairs_hxx
#define itkSinkhornTransformInitializerPairs_hxx

// The pairs of densities whose springs are fitted, and how a map carries them.
#include "itkSinkhornTransformInitializer.h"

#include <algorithm>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakeLattice(
  const ImageBase<ImageDimension> & image,
  SizeValueType                     maximumNumberOfVoxels) -> Lattice
{
  // grow the factors of the axes of smallest spacing, all of them at once, until there are few enough voxels
  const auto &                   region = image.GetBufferedRegion();
  Lattice                        lattice;
  typename DensityType::SizeType size = region.GetSize();
  std::fill_n(lattice.Factors, ImageDimension, SizeValueType(1));
  while (ImageRegion<ImageDimension>(size).GetNumberOfPixels() > maximumNumberOfVoxels)
  {
    double finest = std::numeric_limits<double>::max();
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      finest = size[d] > 1 ? std::min(finest, lattice.Factors[d] * image.GetSpacing()[d]) : finest;
    }
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      SizeValueType & factor = lattice.Factors[d];
      factor += (size[d] > 1 && factor * image.GetSpacing()[d] <= (1.0 + 1e-6) * finest) ? 1u : 0u;
      size[d] = (region.GetSize(d) + factor - 1) / factor;
    }
  }

  // The bins lie around the middle, so that it does not matter in which order an axis is stored.
  typename DensityType::SpacingType       spacing;
  ContinuousIndex<double, ImageDimension> first;
  typename DensityType::PointType         origin;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    const SizeValueType factor = lattice.Factors[d];
    lattice.Padding[d] = static_cast<IndexValueType>(size[d] * factor - region.GetSize(d));
    spacing[d] = factor * image.GetSpacing()[d];
    first[d] = region.GetIndex(d) + 0.5 * (factor - 1.0 - static_cast<double>(lattice.Padding[d]));
  }
  image.TransformContinuousIndexToPhysicalPoint(first, origin);
  lattice.Density = DensityType::New();
  lattice.Density->SetRegions(size);
  lattice.Density->SetSpacing(spacing);
  lattice.Density->SetDirection(image.GetDirection());
  lattice.Density->SetOrigin(origin);
  lattice.Density->Allocate();
  return lattice;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::AddToLattice(
  const Lattice &                     lattice,
  const ImageRegion<ImageDimension> & region,
  const Index<ImageDimension> &       index,
  double                              mass,
  std::vector<double> &               masses)
{
  constexpr unsigned int corners = 1u << ImageDimension;
  for (unsigned int corner = 0; corner < corners; ++corner)
  {
    auto bin = index;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      const IndexValueType half = 2 * (index[d] - region.GetIndex(d)) + lattice.Padding[d] + ((corner >> d) & 1u);
      bin[d] = half / (2 * static_cast<IndexValueType>(lattice.Factors[d]));
    }
    masses[static_cast<size_t>(lattice.Density->ComputeOffset(bin))] += mass / corners;
  }
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
template <typename TImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Bin(const TImage &   image,
                                                                         const MaskType * mask,
                                                                         const char *     name,
                                                                         SizeValueType    maximumNumberOfVoxels,
                                                                         double &         mass) const -> DensityPointer
{
  const Lattice             lattice = MakeLattice(image, maximumNumberOfVoxels);
  std::vector<double>       masses(lattice.Density->GetBufferedRegion().GetNumberOfPixels(), 0.0);
  Sinkhorn::Density<double> sum;
  sum.NumberOfSamples = Sinkhorn::ForEachMass(image, mask, [&](const typename TImage::IndexType & index, double value) {
    sum.Total += value;
    AddToLattice(lattice, image.GetBufferedRegion(), index, value, masses);
  });
  Sinkhorn::VerifyTotal(sum, name, mask != nullptr);
  mass = sum.Total;
  std::transform(masses.begin(), masses.end(), lattice.Density->GetBufferPointer(), [mass](double value) {
    return static_cast<float>(value / mass);
  });
  return lattice.Density;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::FindCarriedRegion(const DensityType & fixed,
                                                                                       const MapType &     map,
                                                                                       const DensityType & moving)
  -> ImageRegion<ImageDimension>
{
  const auto &                                  region = fixed.GetBufferedRegion();
  const Sinkhorn::IndexMap<ImageDimension>      indices(fixed, moving, map);
  const Sinkhorn::VoxelSplatter<ImageDimension> splatter(indices);
  double                                        lower[ImageDimension];
  double                                        upper[ImageDimension];
  std::fill_n(lower, ImageDimension, std::numeric_limits<double>::max());
  std::fill_n(upper, ImageDimension, std::numeric_limits<double>::lowest());
  auto index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (fixed.GetBufferPointer()[i] > 0.0f)
    {
      const auto where = splatter.Locate(index);
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        lower[d] = std::min(lower[d], where[d] - splatter.GetHalfExtent(d));
        upper[d] = std::max(upper[d], where[d] + splatter.GetHalfExtent(d));
      }
    }
  }
  ImageRegion<ImageDimension> box;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    box.SetIndex(d, static_cast<IndexValueType>(std::floor(lower[d])));
    box.SetSize(d, static_cast<SizeValueType>(std::floor(upper[d]) - std::floor(lower[d])) + 2);
  }
  return box;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Carry(const DensityType &                 fixed,
                                                                           const MapType &                     map,
                                                                           const DensityType &                 moving,
                                                                           const ImageRegion<ImageDimension> & box)
  -> DensityPointer
{
  const auto &                            region = fixed.GetBufferedRegion();
  Sinkhorn::VoxelSplatter<ImageDimension> splatter(Sinkhorn::IndexMap<ImageDimension>(fixed, moving, map));
  splatter.Initialize(region, box);
  std::vector<float> carried(box.GetNumberOfPixels(), 0.0f);
  auto               index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (fixed.GetBufferPointer()[i] > 0.0f)
    {
      splatter.Splat(index, fixed.GetBufferPointer()[i], carried);
    }
  }
  const auto image = DensityType::New();
  image->CopyInformation(&moving);
  image->SetRegions(box);
  image->Allocate();
  std::copy(carried.begin(), carried.end(), image->GetBufferPointer());
  return image;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
bool
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::IsAffordable(const DensityType & fixed,
                                                                                  const MapType &     map,
                                                                                  const DensityType & moving,
                                                                                  SizeValueType maximumNumberOfVoxels)
{
  constexpr double largestGrowth = 32.0;
  auto             box = FindCarriedRegion(fixed, map, moving);
  const auto &     other = moving.GetBufferedRegion();
  double           voxels = 1.0;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    const auto lower = std::min(box.GetIndex(d), other.GetIndex(d));
    const auto upper = std::max(box.GetUpperIndex()[d], other.GetUpperIndex()[d]);
    voxels *= static_cast<double>(upper - lower) + 1.0;
  }
  return voxels <= largestGrowth * std::max(static_cast<double>(maximumNumberOfVoxels), 1000.0);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
template <typename TFixed, typename TMoving>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakePair(const TFixed &   fixed,
                                                                              const MaskType * fixedMask,
                                                                              const TMoving &  moving,
                                                                              const MaskType * movingMask,
                                                                              SizeValueType maximumNumberOfVoxels) const
  -> Pair
{
  Pair   pair;
  double mass[2];
  pair.MaximumNumberOfVoxels = maximumNumberOfVoxels;
  pair.Fixed = this->Bin(fixed, fixedMask, "fixed", maximumNumberOfVoxels, mass[0]);
  // a small moving image would make a fine lattice for a large fixed one
  for (SizeValueType voxels = maximumNumberOfVoxels;
       !pair.Moving || !IsAffordable(*pair.Fixed, MapType(), *pair.Moving, maximumNumberOfVoxels);
       voxels = (voxels + 1) / 2)
  {
    pair.Moving = this->Bin(moving, movingMask, "moving", voxels, mass[1]);
    if (voxels == 1)
    {
      break;
    }
  }
  if (m_Settings.PreserveMassRatio)
  {
    const auto ratio = static_cast<float>(mass[0] / mass[1]);
    auto *     buffer = pair.Fixed->GetBufferPointer();
    std::for_each(
      buffer, buffer + pair.Fixed->GetBufferedRegion().GetNumberOfPixels(), [ratio](float & value) { value *= ratio; });
  }
  return pair;
}

} // namespace itk

#endif
