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

#include "itkLinearInterpolateImageFunction.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace itk
{
namespace Sinkhorn
{

/** Position of a point in the index space of a grid. */
template <unsigned int VDimension>
ContinuousIndex<double, VDimension>
LocateInGrid(const ImageBase<VDimension> & grid, const Point<double, VDimension> & point)
{
  ContinuousIndex<double, VDimension> where;
  static_cast<void>(grid.TransformPhysicalPointToContinuousIndex(point, where));
  return where;
}

/** The affine map from the indices of an image to those of a grid. */
template <unsigned int VDimension>
struct IndexMap
{
  IndexMap(const ImageBase<VDimension> & image, const ImageBase<VDimension> & grid)
  {
    const auto locate = [&](const Index<VDimension> & index) {
      Point<double, VDimension> point;
      image.TransformIndexToPhysicalPoint(index, point);
      return LocateInGrid<VDimension>(grid, point);
    };
    Index<VDimension> zero;
    zero.Fill(0);
    Offset = locate(zero);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      auto unit = zero;
      unit[d] = 1;
      Steps[d] = locate(unit) - Offset;
    }
  }

  ContinuousIndex<double, VDimension>
  operator()(const Index<VDimension> & index) const
  {
    auto where = Offset;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      where += Steps[d] * static_cast<double>(index[d]);
    }
    return where;
  }

  /** Both lattices are the same, up to whole numbers. */
  bool
  IsShift() const
  {
    constexpr double tolerance = 1e-4;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      if (std::abs(Offset[d] - std::round(Offset[d])) > tolerance)
      {
        return false;
      }
      for (unsigned int e = 0; e < VDimension; ++e)
      {
        // a voxel's step is compared over a hundred voxels
        if (std::abs(Steps[d][e] - (d == e ? 1.0 : 0.0)) > 1e-2 * tolerance)
        {
          return false;
        }
      }
    }
    return true;
  }

  /** No step of the image is longer than one of the grid: mass spread with linear weights leaves no gaps. */
  bool
  IsFine() const
  {
    constexpr double longest = 1.0 + 1e-4;
    return std::all_of(Steps, Steps + VDimension, [](const Vector<double, VDimension> & step) {
      return std::all_of(step.Begin(), step.End(), [](double component) { return std::abs(component) <= longest; });
    });
  }

  ContinuousIndex<double, VDimension> Offset;
  Vector<double, VDimension>          Steps[VDimension];
};

template <unsigned int VDimension>
typename ImageBase<VDimension>::Pointer
MakeCommonGrid(const ImageBase<VDimension> & reference, const std::vector<const ImageBase<VDimension> *> & others)
{
  constexpr double largestGrowth = 64.0;
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
    const IndexMap<VDimension> map(*other, reference);
    const auto &               box = other->GetLargestPossibleRegion();
    const bool                 isShift = map.IsShift();
    voxels += static_cast<double>(box.GetNumberOfPixels());
    for (unsigned int corner = 0; corner < (1u << VDimension); ++corner)
    {
      auto index = box.GetIndex();
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        index[d] += ((corner >> d) & 1u) ? static_cast<IndexValueType>(box.GetSize(d)) - 1 : 0;
      }
      const auto where = map(index);
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        lower[d] = std::min(lower[d], isShift ? std::round(where[d]) : std::floor(where[d] + 1e-6));
        upper[d] = std::max(upper[d], isShift ? std::round(where[d]) : std::ceil(where[d] - 1e-6));
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
  if (!(size <= largestGrowth * voxels))
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

template <typename TReal, unsigned int VDimension>
void
SplatLinearly(const ImageRegion<VDimension> &             region,
              const ContinuousIndex<double, VDimension> & where,
              double                                      mass,
              std::vector<TReal> &                        masses)
{
  SizeValueType base = 0;
  SizeValueType strides[VDimension];
  double        fractions[VDimension];
  SizeValueType stride = 1;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const auto   last = static_cast<double>(region.GetSize(d) - 1);
    const double position = std::min(std::max(where[d] - static_cast<double>(region.GetIndex(d)), 0.0), last);
    const double lower = std::floor(position);
    fractions[d] = position - lower;
    base += static_cast<SizeValueType>(lower) * stride;
    strides[d] = stride;
    stride *= region.GetSize(d);
  }
  for (unsigned int corner = 0; corner < (1u << VDimension); ++corner)
  {
    double        weight = mass;
    SizeValueType node = base;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      const bool isUpper = (corner >> d) & 1u;
      weight *= isUpper ? fractions[d] : 1.0 - fractions[d];
      node += isUpper ? strides[d] : 0;
    }
    if (weight != 0.0) // a node without weight may lie outside
    {
      masses[node] += static_cast<TReal>(weight);
    }
  }
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

template <typename TReal, typename TImage>
Density<TReal>
CarryDensity(const TImage &                                image,
             const SpatialObject<TImage::ImageDimension> * mask,
             const ImageBase<TImage::ImageDimension> &     grid,
             const std::string &                           name,
             ThreadIdType                                  numberOfWorkUnits)
{
  constexpr unsigned int    dimension = TImage::ImageDimension;
  const IndexMap<dimension> map(image, grid);
  const auto &              region = grid.GetBufferedRegion();
  Density<TReal>            density;
  const bool                isSplatted = map.IsShift() || map.IsFine();
  if (isSplatted)
  {
    density.Mass.assign(region.GetNumberOfPixels(), TReal{});
  }
  const bool isShift = map.IsShift();
  density.NumberOfSamples = ForEachMass(image, mask, [&](const typename TImage::IndexType & index, double mass) {
    density.Total += mass;
    if (isSplatted)
    {
      auto where = map(index);
      for (unsigned int d = 0; d < dimension; ++d)
      {
        where[d] = isShift ? std::round(where[d]) : where[d];
      }
      SplatLinearly(region, where, mass, density.Mass);
    }
  });
  if (density.NumberOfSamples == 0)
  {
    itkGenericExceptionMacro("The " << name
                                    << " image's mask is empty: none of the image's voxels is inside. Correct or "
                                    << "remove the mask.");
  }
  if (!(density.Total > 0.0))
  {
    itkGenericExceptionMacro("The " << name << " image has zero total mass: it is 0 everywhere"
                                    << (mask == nullptr ? "" : " inside its mask")
                                    << ". Transport needs some mass on both sides.");
  }
  if (!isSplatted)
  {
    const auto interpolator = LinearInterpolateImageFunction<TImage, double>::New();
    interpolator->SetInputImage(&image);
    auto sampled = RasterizeDensity<TReal>(
      grid,
      [&](const typename TImage::PointType & point, double & value) {
        const bool isInside = interpolator->IsInsideBuffer(point) && (!mask || mask->IsInsideInWorldSpace(point));
        value = isInside ? interpolator->Evaluate(point) : 0.0;
        return isInside;
      },
      name + " image",
      numberOfWorkUnits);
    if (!(sampled.Total > 0.0))
    {
      itkGenericExceptionMacro("The " << name << " image has mass, but none at the voxels of the common grid, whose "
                                      << "spacing is much finer than the image's mask.");
    }
    const auto scale = static_cast<TReal>(density.Total / sampled.Total);
    for (auto & mass : sampled.Mass)
    {
      mass *= scale;
    }
    density.Mass = std::move(sampled.Mass);
  }
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
