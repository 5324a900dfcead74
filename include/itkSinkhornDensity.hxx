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
#ifndef itkSinkhornDensity_hxx
#define itkSinkhornDensity_hxx

#include "itkSinkhornDensity.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

inline DensityDefect &
DensityDefect::operator+=(const DensityDefect & later)
{
  if (NumberOfNegative == 0)
  {
    FirstNegative = later.FirstNegative;
    FirstNegativeValue = later.FirstNegativeValue;
  }
  if (NumberOfNonFinite == 0)
  {
    FirstNonFinite = later.FirstNonFinite;
    FirstNonFiniteValue = later.FirstNonFiniteValue;
  }
  NumberOfNegative += later.NumberOfNegative;
  NumberOfNonFinite += later.NumberOfNonFinite;
  return *this;
}

template <unsigned int VDimension>
Index<VDimension>
PositionToIndex(const ImageRegion<VDimension> & region, SizeValueType position)
{
  Index<VDimension> index;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    index[d] = region.GetIndex(d) + static_cast<IndexValueType>(position % region.GetSize(d));
    position /= region.GetSize(d);
  }
  return index;
}

template <unsigned int VDimension>
void
AdvanceIndex(const ImageRegion<VDimension> & region, Index<VDimension> & index)
{
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (++index[d] < region.GetIndex(d) + static_cast<IndexValueType>(region.GetSize(d)))
    {
      return;
    }
    index[d] = region.GetIndex(d);
  }
}

template <unsigned int VDimension>
void
IncludeIndex(ImageRegion<VDimension> & box, const Index<VDimension> & index)
{
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const auto lower = std::min(box.GetIndex(d), index[d]);
    const auto upper = std::max(box.GetUpperIndex()[d], index[d]);
    box.SetIndex(d, lower);
    box.SetSize(d, static_cast<SizeValueType>(upper - lower + 1));
  }
}

template <unsigned int VDimension>
void
IncludeBox(ImageRegion<VDimension> & box, const ImageRegion<VDimension> & other)
{
  IncludeIndex(box, other.GetIndex());
  IncludeIndex(box, other.GetUpperIndex());
}

template <unsigned int VDimension, typename TPredicate>
ImageRegion<VDimension>
FindBox(const ImageRegion<VDimension> & region, const TPredicate & isIn)
{
  ImageRegion<VDimension> box(region.GetIndex(), Size<VDimension>::Filled(0));
  auto                    index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    if (!isIn(i))
    {
      continue;
    }
    if (box.GetNumberOfPixels() == 0)
    {
      box = ImageRegion<VDimension>(index, Size<VDimension>::Filled(1));
    }
    IncludeIndex(box, index);
  }
  return box;
}

template <unsigned int VDimension>
double
ComputeVoxelVolume(const ImageBase<VDimension> & grid)
{
  double volume = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    volume *= grid.GetSpacing()[d];
  }
  return volume;
}

template <unsigned int VDimension>
std::vector<SizeValueType>
GetSizeOfGrid(const ImageBase<VDimension> & grid)
{
  const auto & size = grid.GetBufferedRegion().GetSize();
  return std::vector<SizeValueType>(size.begin(), size.end());
}

template <unsigned int VDimension>
std::vector<double>
GetSpacingOfGrid(const ImageBase<VDimension> & grid)
{
  const auto & spacing = grid.GetSpacing();
  return std::vector<double>(spacing.Begin(), spacing.End());
}

template <unsigned int VDimension>
typename ImageBase<VDimension>::Pointer
CopyGrid(const ImageBase<VDimension> & image)
{
  const auto grid = ImageBase<VDimension>::New();
  grid->CopyInformation(&image);
  grid->SetRegions(image.GetBufferedRegion());
  return grid;
}

/** Smallest and largest finite value of an image, and whether there are others. */
template <typename TImage>
auto
FindValueRange(const TImage & image, ThreadIdType numberOfWorkUnits)
{
  struct Range
  {
    double smallest{ 0.0 };
    double largest{ 0.0 };
    bool   isFinite{ true };
    Range &
    operator+=(const Range & other)
    {
      smallest = std::min(smallest, other.smallest);
      largest = std::max(largest, other.largest);
      isFinite = isFinite && other.isFinite;
      return *this;
    }
  };
  const auto * buffer = image.GetBufferPointer();
  return SumOverChunks<Range>(
    image.GetBufferedRegion().GetNumberOfPixels(), numberOfWorkUnits, [buffer](SizeValueType begin, SizeValueType end) {
      Range range;
      for (SizeValueType i = begin; i < end; ++i)
      {
        const auto value = static_cast<double>(buffer[i]);
        if (std::isfinite(value))
        {
          range.smallest = std::min(range.smallest, value);
          range.largest = std::max(range.largest, value);
        }
        else
        {
          range.isFinite = false;
        }
      }
      return range;
    });
}

template <typename TImage>
DensityDefect
FindDensityDefects(const TImage &                                image,
                   const SpatialObject<TImage::ImageDimension> * mask,
                   ThreadIdType                                  numberOfWorkUnits)
{
  const auto   range = FindValueRange(image, numberOfWorkUnits);
  const double lowest = -NegativeLobe * range.largest;
  if (range.isFinite && range.smallest >= lowest)
  {
    return {};
  }

  const auto & region = image.GetBufferedRegion();
  const auto * buffer = image.GetBufferPointer();
  const auto   isInside = [&](SizeValueType position) {
    if (mask == nullptr)
    {
      return true;
    }
    typename TImage::PointType point;
    image.TransformIndexToPhysicalPoint(PositionToIndex(region, position), point);
    return mask->IsInsideInWorldSpace(point);
  };
  return SumOverChunks<DensityDefect>(
    region.GetNumberOfPixels(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
      DensityDefect defect;
      for (SizeValueType i = begin; i < end; ++i)
      {
        const auto value = static_cast<double>(buffer[i]);
        if (std::isfinite(value) && value >= lowest)
        {
          continue;
        }
        if (!isInside(i))
        {
          continue;
        }
        DensityDefect one;
        if (std::isfinite(value))
        {
          one.NumberOfNegative = 1;
          one.FirstNegative = i;
          one.FirstNegativeValue = value;
        }
        else
        {
          one.NumberOfNonFinite = 1;
          one.FirstNonFinite = i;
          one.FirstNonFiniteValue = value;
        }
        defect += one;
      }
      return defect;
    });
}

/** What the samples of a part of a grid were, for sums in the order of the parts. */
struct SampleTally
{
  double        total{ 0.0 };
  SizeValueType samples{ 0 };
  SizeValueType negative{ 0 };
  SizeValueType nonFinite{ 0 };
  SizeValueType firstNonFinite{ 0 };
  SampleTally &
  operator+=(const SampleTally & later)
  {
    total += later.total;
    samples += later.samples;
    negative += later.negative;
    firstNonFinite = (nonFinite > 0) ? firstNonFinite : later.firstNonFinite;
    nonFinite += later.nonFinite;
    return *this;
  }
};

template <typename TReal, unsigned int VDimension, typename TSampler>
Density<TReal>
RasterizeDensity(const ImageBase<VDimension> & grid,
                 const TSampler &              sampler,
                 const std::string &           name,
                 ThreadIdType                  numberOfWorkUnits)
{
  const auto &   region = grid.GetBufferedRegion();
  const auto     voxels = region.GetNumberOfPixels();
  const double   volume = ComputeVoxelVolume(grid);
  Density<TReal> density;
  density.Mass.resize(voxels);
  const auto sum = SumOverChunks<SampleTally>(voxels, numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    SampleTally part;
    auto        index = PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, AdvanceIndex(region, index))
    {
      typename ImageBase<VDimension>::PointType point;
      grid.TransformIndexToPhysicalPoint(index, point);
      double value = 0.0;
      if (sampler(point, value))
      {
        ++part.samples;
        if (!std::isfinite(value))
        {
          part.firstNonFinite = (part.nonFinite++ == 0) ? i : part.firstNonFinite;
          value = 0.0;
        }
        else if (value < 0.0)
        {
          ++part.negative;
          value = 0.0;
        }
      }
      else
      {
        value = 0.0;
      }
      const auto mass = static_cast<TReal>(value * volume);
      density.Mass[i] = mass;
      part.total += static_cast<double>(mass);
    }
    return part;
  });
  if (sum.nonFinite > 0)
  {
    itkGenericExceptionMacro(
      "The " << name << " has " << sum.nonFinite << " samples that are not finite, the first at index "
             << PositionToIndex(region, sum.firstNonFinite)
             << " of the virtual domain. Its voxels outside the mask, next to the mask's border, or its"
                " interpolator must be the reason: replace NaN and infinite voxels by 0.");
  }
  density.Total = sum.total;
  density.NumberOfSamples = sum.samples;
  density.NumberOfNegativeSamples = sum.negative;
  return density;
}

template <unsigned int VDimension, typename TSampler>
bool
FindMass(const ImageBase<VDimension> & grid, const TSampler & sampler)
{
  const auto & region = grid.GetBufferedRegion();
  const auto   voxels = region.GetNumberOfPixels();
  const auto   hasMass = [&](SizeValueType position) {
    typename ImageBase<VDimension>::PointType point;
    grid.TransformIndexToPhysicalPoint(PositionToIndex(region, position), point);
    double value = 0.0;
    return sampler(point, value) && value > 0.0;
  };
  // a stride without small factors meets all axes of usual sizes
  for (const SizeValueType stride : { 997, 1 })
  {
    for (SizeValueType i = 0; i < voxels; i += stride)
    {
      if (hasMass(i))
      {
        return true;
      }
    }
  }
  return false;
}

template <typename TReal>
void
ScaleMasses(std::vector<TReal> & masses, double scale, ThreadIdType numberOfWorkUnits)
{
  ForEachChunk(masses.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      masses[i] = static_cast<TReal>(scale * static_cast<double>(masses[i]));
    }
  });
}

template <typename TReal>
void
ConvertToLogWeights(std::vector<TReal> & masses, double scale, ThreadIdType numberOfWorkUnits)
{
  const double logScale = std::log(scale);
  ForEachChunk(masses.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      masses[i] = (masses[i] > 0) ? static_cast<TReal>(std::log(static_cast<double>(masses[i])) + logScale)
                                  : -std::numeric_limits<TReal>::infinity();
    }
  });
}

template <typename TReal>
double
Integrate(const std::vector<TReal> & logWeights, const std::vector<TReal> & function, ThreadIdType numberOfWorkUnits)
{
  return SumOverChunks<double>(logWeights.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    double sum = 0.0;
    for (SizeValueType i = begin; i < end; ++i)
    {
      if (logWeights[i] > -std::numeric_limits<TReal>::infinity())
      {
        sum += std::exp(static_cast<double>(logWeights[i])) * static_cast<double>(function[i]);
      }
    }
    return sum;
  });
}

} // namespace Sinkhorn
} // namespace itk

#endif
