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
#ifndef itkSinkhornCommonGrid_hxx
#define itkSinkhornCommonGrid_hxx

#include "itkSinkhornCommonGrid.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace itk
{
namespace Sinkhorn
{

template <unsigned int VDimension>
typename ImageBase<VDimension>::Pointer
MakeCommonGrid(const ImageBase<VDimension> & reference, const std::vector<const ImageBase<VDimension> *> & others)
{
  constexpr double largestGrowth = 64.0;
  constexpr double affordable = 1 << 20; // voxels
  const auto &     region = reference.GetLargestPossibleRegion();
  double           lower[VDimension];
  double           upper[VDimension];
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    lower[d] = static_cast<double>(region.GetIndex(d));
    upper[d] = lower[d] + static_cast<double>(region.GetSize(d)) - 1.0;
  }
  double voxels = static_cast<double>(region.GetNumberOfPixels());
  for (const auto * other : others)
  {
    const VoxelSplatter<VDimension> splatter(IndexMap<VDimension>(*other, reference));
    const auto &                    box = other->GetLargestPossibleRegion();
    voxels += static_cast<double>(box.GetNumberOfPixels());
    for (unsigned int corner = 0; corner < (1u << VDimension); ++corner)
    {
      auto index = box.GetIndex();
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        index[d] += ((corner >> d) & 1u) ? static_cast<IndexValueType>(box.GetSize(d)) - 1 : 0;
      }
      const auto where = splatter.Locate(index);
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        lower[d] = std::min(lower[d], std::floor(where[d] - splatter.GetHalfExtent(d) + 1e-6));
        upper[d] = std::max(upper[d], std::ceil(where[d] + splatter.GetHalfExtent(d) - 1e-6));
      }
    }
  }

  double            size = 1.0;
  Index<VDimension> start;
  Size<VDimension>  extent;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    size *= upper[d] - lower[d] + 1.0;
  }
  if (!(size <= std::max(largestGrowth * voxels, affordable)))
  {
    itkGenericExceptionMacro(
      "A grid of the first image's spacing that covers all images would have "
      << size << " voxels, more than " << largestGrowth
      << " times as many as the images have. Bring the images closer together (for instance with "
         "CenteredTransformInitializer), crop or resample them.");
  }
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    start[d] = static_cast<IndexValueType>(lower[d]);
    extent[d] = static_cast<SizeValueType>(upper[d] - lower[d] + 1.0);
  }
  const auto grid = ImageBase<VDimension>::New();
  grid->CopyInformation(&reference);
  grid->SetRegions(ImageRegion<VDimension>(start, extent));
  return grid;
}

/** Calls function(index, mass) for every voxel inside the mask; returns how many there are. */
template <typename TImage, typename TFunction>
SizeValueType
ForEachMass(const TImage & image, const SpatialObject<TImage::ImageDimension> * mask, const TFunction & function)
{
  const auto &  region = image.GetBufferedRegion();
  const auto *  buffer = image.GetBufferPointer();
  const double  volume = ComputeVoxelVolume<TImage::ImageDimension>(image);
  auto          index = region.GetIndex();
  SizeValueType inside = 0;
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    if (mask != nullptr)
    {
      typename TImage::PointType point;
      image.TransformIndexToPhysicalPoint(index, point);
      if (!mask->IsInsideInWorldSpace(point))
      {
        continue;
      }
    }
    ++inside;
    if (buffer[i] > 0)
    {
      function(index, volume * static_cast<double>(buffer[i]));
    }
  }
  return inside;
}

/** Refuses a density that is no measure. */
template <typename TReal>
void
VerifyTotal(const Density<TReal> & density, const std::string & name, bool hasMask)
{
  constexpr double smallest = 1e-290; // below, the voxels themselves have lost their digits
  if (density.NumberOfSamples == 0)
  {
    itkGenericExceptionMacro("The " << name
                                    << " image's mask is empty: none of the image's voxels is inside. Correct or "
                                    << "remove the mask.");
  }
  if (!(density.Total > 0.0))
  {
    itkGenericExceptionMacro("The " << name << " image has zero total mass: it is 0 everywhere"
                                    << (hasMask ? " inside its mask" : "")
                                    << ". Transport needs some mass on both sides.");
  }
  if (!(density.Total >= smallest) || !std::isfinite(density.Total))
  {
    itkGenericExceptionMacro("The " << name << " image has a total mass (intensity times volume) of " << density.Total
                                    << ", beyond the range of floating-point numbers: scale its intensities.");
  }
}

template <typename TReal, typename TImage>
Density<TReal>
CarryDensity(const TImage &                                image,
             const SpatialObject<TImage::ImageDimension> * mask,
             const ImageBase<TImage::ImageDimension> &     grid,
             const std::string &                           name,
             ThreadIdType                                  numberOfWorkUnits)
{
  VoxelSplatter<TImage::ImageDimension> splatter(IndexMap<TImage::ImageDimension>(image, grid));
  splatter.Initialize(image.GetBufferedRegion(), grid.GetBufferedRegion());
  // in double precision: a million fine voxels may come together in one
  std::vector<double> masses(grid.GetBufferedRegion().GetNumberOfPixels(), 0.0);
  Density<TReal>      density;
  density.NumberOfSamples = ForEachMass(image, mask, [&](const typename TImage::IndexType & index, double mass) {
    density.Total += mass;
    splatter.Splat(index, mass, masses);
  });
  VerifyTotal(density, name, mask != nullptr);
  // a power of two rounds nothing, and keeps masses of any unit within the range of single precision
  density.Unit = std::ldexp(1.0, std::ilogb(density.Total));
  density.Mass.resize(masses.size());
  ForEachChunk(masses.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    std::transform(masses.begin() + begin, masses.begin() + end, density.Mass.begin() + begin, [&](double mass) {
      return static_cast<TReal>(mass / density.Unit);
    });
  });
  return density;
}

template <typename TImage>
std::string
VerifyDensity(const TImage &                                image,
              const SpatialObject<TImage::ImageDimension> * mask,
              const std::string &                           name,
              bool                                          clampNegative,
              ThreadIdType                                  numberOfWorkUnits)
{
  const auto defect = FindDensityDefects(image, mask, numberOfWorkUnits);
  const auto indexOf = [&image](SizeValueType position) {
    return PositionToIndex(image.GetBufferedRegion(), position);
  };
  if (defect.NumberOfNonFinite > 0)
  {
    itkGenericExceptionMacro("The " << name << " image has " << defect.NumberOfNonFinite
                                    << " voxels that are not finite, the first at index "
                                    << indexOf(defect.FirstNonFinite) << " with the value "
                                    << defect.FirstNonFiniteValue << ". Replace them, or exclude them by a mask.");
  }
  if (defect.NumberOfNegative == 0)
  {
    return std::string();
  }
  std::ostringstream what;
  what << "The " << name << " image has " << defect.NumberOfNegative << " negative voxels, the first at index "
       << indexOf(defect.FirstNegative) << " with the value " << defect.FirstNegativeValue << '.';
  if (!clampNegative)
  {
    itkGenericExceptionMacro(<< what.str()
                             << " A density must not be negative: shift or window the intensities, exclude the voxels "
                                "by a mask, or set ClampNegative on to count them as 0.");
  }
  return what.str() + " They count as 0 (ClampNegative).";
}

} // namespace Sinkhorn
} // namespace itk

#endif
