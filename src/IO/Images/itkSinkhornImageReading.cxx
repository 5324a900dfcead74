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
#include "itkSinkhornImageReading.h"

#include "itkImageRegionConstIteratorWithIndex.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <type_traits>

namespace itk
{
namespace SinkhornIO
{
namespace
{

/** Largest value of a component: full brightness, full opacity. */
template <typename TComponent>
double
GetFull()
{
  return std::is_integral<TComponent>::value ? static_cast<double>(std::numeric_limits<TComponent>::max()) : 1.0;
}

/** How opaque a voxel is, 0 to 1. */
template <typename TComponent>
double
GetOpacity(const TComponent * voxel, const FileFacts & facts)
{
  return facts.HasAlpha ? voxel[facts.Components - 1] / GetFull<TComponent>() : 1.0;
}

/** Luminance with ITK's weights. */
template <typename TComponent>
double
GetLightness(const TComponent * voxel, const FileFacts & facts)
{
  const double light = facts.IsColor ? (2125.0 * voxel[0] + 7154.0 * voxel[1] + 721.0 * voxel[2]) / 10000.0
                                     : static_cast<double>(voxel[0]);
  return light * GetOpacity(voxel, facts);
}

/** Fills an image on \a grid with value(voxel) of the file's voxels. */
template <typename TImage, typename TGrid, typename TValue>
typename TImage::Pointer
Fill(const FileFacts & facts, const TGrid * grid, const TValue & value)
{
  const auto image = TImage::New();
  image->CopyInformation(grid);
  image->SetRegions(grid->GetLargestPossibleRegion());
  image->Allocate();
  const Voxels                 voxels = LoadVoxels(facts);
  typename TImage::PixelType * out = image->GetBufferPointer();
  const SizeValueType          count = image->GetBufferedRegion().GetNumberOfPixels();
  const bool                   known = WithComponents(voxels, [&](const auto * in) {
    for (SizeValueType i = 0; i < count; ++i)
    {
      out[i] = static_cast<typename TImage::PixelType>(value(in + i * voxels.Components, i));
    }
  });
  if (!known)
  {
    throw UsageError(facts.Describe() + ": its voxels are of a type that can't be read; convert them to float");
  }
  return image;
}

/** "voxel [3, 5]" */
template <typename TImage>
std::string
NameVoxel(const TImage * image, SizeValueType i)
{
  std::ostringstream text;
  text << "voxel " << image->ComputeIndex(static_cast<OffsetValueType>(i));
  return text.str();
}

/** \exception UsageError if the finite voxels of an image all have the same value within rounding. */
void
CheckContrast(const std::string & what, float lowest, float highest)
{
  constexpr float rounding = 8.0F * std::numeric_limits<float>::epsilon();
  if (lowest == 0.0F && highest == 0.0F)
  {
    throw UsageError(what +
                     ": every voxel is 0, so its total mass is 0 and there is nothing to register; is it the right "
                     "file?");
  }
  if (highest - lowest <= rounding * std::max(std::abs(lowest), std::abs(highest)))
  {
    std::ostringstream text;
    text << what << ": is constant, every voxel is " << lowest << (highest > lowest ? " but for rounding" : "")
         << ", which shows nothing to register; is it the right file?";
    throw UsageError(text.str());
  }
}

template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
MarkFinite(const FileFacts & facts, ImageType<VDimension> * image)
{
  const auto mask = MaskImageType<VDimension>::New();
  mask->CopyInformation(image);
  mask->SetRegions(image->GetBufferedRegion());
  mask->Allocate();
  mask->FillBuffer(1);
  float *             in = image->GetBufferPointer();
  const SizeValueType count = image->GetBufferedRegion().GetNumberOfPixels();
  // ITK's NIfTI reader gives 0 for them.
  for (const std::uint64_t i : facts.NotFinite)
  {
    in[std::min<std::uint64_t>(i, count - 1)] = std::numeric_limits<float>::quiet_NaN();
  }
  float         lowest = std::numeric_limits<float>::max();
  float         highest = std::numeric_limits<float>::lowest();
  SizeValueType others = 0;
  for (SizeValueType i = 0; i < count; ++i)
  {
    const bool isFinite = std::isfinite(in[i]);
    mask->GetBufferPointer()[i] = isFinite ? 1 : 0;
    others += isFinite ? 0 : 1;
    lowest = isFinite ? std::min(lowest, in[i]) : lowest;
    highest = isFinite ? std::max(highest, in[i]) : highest;
  }
  if (others == count)
  {
    throw UsageError(facts.Describe() + ": no voxel is finite, all are NaN or infinite; is it the right file?");
  }
  CheckContrast(facts.Describe(), lowest, highest);
  if (others == 0)
  {
    return nullptr;
  }
  Warn(facts.Describe() + ": " + std::to_string(others) + " of " + std::to_string(count) +
       " voxels are NaN or infinite; they count as no mass and as outside the mask");
  for (SizeValueType i = 0; i < count; ++i)
  {
    in[i] = mask->GetBufferPointer()[i] ? in[i] : lowest;
  }
  return mask;
}

/** \exception UsageError unless both files have the same grid within 1e-3 of a voxel. */
void
CheckSameGrid(const FileFacts & facts, const FileFacts & owner)
{
  const FileGeometry own = MakeSpatial(facts.Geometry);
  const FileGeometry expected = MakeSpatial(owner.Geometry);
  std::string        difference;
  for (unsigned int d = 0; d < 3 && difference.empty(); ++d)
  {
    const double tolerance = 1e-3 * expected.Spacing[d];
    if (own.Size[d] != expected.Size[d])
    {
      difference = "size " + std::to_string(own.Size[d]) + " instead of " + std::to_string(expected.Size[d]) +
                   " along axis " + std::to_string(d);
    }
    else if (std::abs(own.Spacing[d] - expected.Spacing[d]) > tolerance)
    {
      difference = "another spacing";
    }
    else if (std::abs(own.Origin[d] - expected.Origin[d]) > 10.0 * tolerance)
    {
      difference = "another origin";
    }
  }
  if (difference.empty() && (own.Direction - expected.Direction).absolute_value_max() > 1e-3)
  {
    difference = "another direction matrix";
  }
  if (!difference.empty())
  {
    throw UsageError(facts.Describe() + ": not on the grid of the " + owner.Role + " (" + difference +
                     "); resample it onto that grid");
  }
}

void
CheckCompanion(const FileFacts & facts, const FileFacts & owner)
{
  if (facts.Dimension != owner.Dimension)
  {
    throw UsageError(facts.Describe() + ": is " + std::to_string(facts.Dimension) + "-D, its image " +
                     std::to_string(owner.Dimension) + "-D");
  }
  if (facts.Components != 1)
  {
    throw UsageError(facts.Describe() + ": is a colour image, or has an alpha channel; one number per voxel is needed");
  }
  CheckSameGrid(facts, owner);
  if (!facts.NotFinite.empty())
  {
    throw UsageError(facts.Describe() + ": " + std::to_string(facts.NotFinite.size()) +
                     " voxels are NaN or infinite; replace them, for example by 0");
  }
}

} // namespace

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReadImage(const FileFacts & facts, const SlicePlane & plane, typename MaskImageType<VDimension>::Pointer & finite)
{
  const auto grid = plane.MakeGrid<VDimension>(facts);
  const auto image = Fill<ImageType<VDimension>>(
    facts, grid.GetPointer(), [&facts](const auto * voxel, SizeValueType) { return GetLightness(voxel, facts); });
  finite = MarkFinite<VDimension>(facts, image);
  return image;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReadChannel(const FileFacts & facts, const ImageType<VDimension> * grid, unsigned int channel)
{
  return Fill<ImageType<VDimension>>(facts, grid, [&facts, channel](const auto * voxel, SizeValueType) {
    return voxel[channel] * GetOpacity(voxel, facts);
  });
}

template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
ReadLabels(const FileFacts & facts, const SlicePlane & plane, const FileFacts & owner)
{
  CheckCompanion(facts, owner);
  // Beyond 2²⁴ single precision has no room for every whole number: two labels may have become one.
  const bool   isSingle = facts.ComponentType == IOComponentEnum::FLOAT;
  const double most = isSingle ? 16777216.0 : 4294967295.0;
  const auto   grid = plane.MakeGrid<VDimension>(facts);
  bool         anyLabel = false;
  const auto   value = [&](const auto * voxel, SizeValueType i) {
    using Component = std::decay_t<decltype(*voxel)>;
    const double label = static_cast<double>(*voxel);
    const double nearest = std::is_integral<Component>::value ? label : std::round(label);
    if (!(std::abs(label - nearest) <= 1e-3) || nearest < 0.0 || nearest > most)
    {
      std::ostringstream message;
      message.precision(17);
      message << facts.Describe() << ": " << NameVoxel(grid.GetPointer(), i) << " is " << label
              << "; labels are whole numbers from 0 to " << most
              << (isSingle ? ", as single precision has no larger ones exactly; store them as integers" : "");
      throw UsageError(message.str());
    }
    anyLabel = anyLabel || nearest > 0.0;
    return static_cast<std::uint32_t>(nearest);
  };
  const auto labels = Fill<LabelImageType<VDimension>>(facts, grid.GetPointer(), value);
  if (!anyLabel)
  {
    throw UsageError(facts.Describe() + ": has no label, every voxel is 0");
  }
  return labels;
}

template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
ReadMask(const FileFacts & facts, const SlicePlane & plane, const FileFacts & owner)
{
  CheckCompanion(facts, owner);
  const auto grid = plane.MakeGrid<VDimension>(facts);
  bool       any = false;
  const auto value = [&](const auto * voxel, SizeValueType i) {
    const double number = static_cast<double>(*voxel);
    if (!std::isfinite(number))
    {
      throw UsageError(facts.Describe() + ": " + NameVoxel(grid.GetPointer(), i) +
                       " is not finite; replace it, for example by 0");
    }
    any = any || number > 0.0;
    return number > 0.0 ? 1 : 0;
  };
  const auto mask = Fill<MaskImageType<VDimension>>(facts, grid.GetPointer(), value);
  if (!any)
  {
    throw UsageError(facts.Describe() + ": is empty, no voxel is above 0; leave it out, or mark what it is for");
  }
  return mask;
}

/** Lower and upper corner of the box around an image in physical space, voxel borders included. */
template <unsigned int VDimension>
void
PhysicalBox(const ImageType<VDimension> * image, double lower[VDimension], double upper[VDimension])
{
  const auto size = image->GetLargestPossibleRegion().GetSize();
  std::fill_n(lower, VDimension, NumericTraits<double>::max());
  std::fill_n(upper, VDimension, NumericTraits<double>::NonpositiveMin());
  for (unsigned int corner = 0; corner < (1U << VDimension); ++corner)
  {
    ContinuousIndex<double, VDimension> index;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      index[d] = (corner >> d) & 1U ? static_cast<double>(size[d]) - 0.5 : -0.5;
    }
    typename ImageType<VDimension>::PointType point;
    image->TransformContinuousIndexToPhysicalPoint(index, point);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      lower[d] = std::min(lower[d], point[d]);
      upper[d] = std::max(upper[d], point[d]);
    }
  }
}

template <unsigned int VDimension>
void
CheckOverlap(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving)
{
  double fixedLower[VDimension];
  double fixedUpper[VDimension];
  double movingLower[VDimension];
  double movingUpper[VDimension];
  PhysicalBox<VDimension>(fixed, fixedLower, fixedUpper);
  PhysicalBox<VDimension>(moving, movingLower, movingUpper);
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (fixedUpper[d] <= movingLower[d] || movingUpper[d] <= fixedLower[d])
    {
      std::ostringstream message;
      message << "the images do not overlap: along physical axis " << d << " the fixed image spans [" << fixedLower[d]
              << ", " << fixedUpper[d] << "] mm, the moving image [" << movingLower[d] << ", " << movingUpper[d]
              << "] mm; correct origin or direction in the header of one of them, or choose --initialize centers, "
                 "which brings "
                 "their centres together first";
      throw UsageError(message.str());
    }
  }
}

template <unsigned int VDimension>
void
CheckSpacing(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving, bool mayScale)
{
  constexpr double much = 4.0;
  const auto       nearest = [](const ImageType<VDimension> * image, unsigned int physical) {
    unsigned int axis = 0;
    for (unsigned int d = 1; d < VDimension; ++d)
    {
      const auto & direction = image->GetDirection();
      axis = std::abs(direction(physical, d)) > std::abs(direction(physical, axis)) ? d : axis;
    }
    return axis;
  };
  bool        differs = false;
  bool        scaled = true;
  double      fixedLower[VDimension];
  double      fixedUpper[VDimension];
  double      movingLower[VDimension];
  double      movingUpper[VDimension];
  std::string list;
  PhysicalBox<VDimension>(fixed, fixedLower, fixedUpper);
  PhysicalBox<VDimension>(moving, movingLower, movingUpper);
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    std::ostringstream text;
    const double       own = fixed->GetSpacing()[nearest(fixed, d)];
    const double       other = moving->GetSpacing()[nearest(moving, d)];
    const double       extents = (fixedUpper[d] - fixedLower[d]) / (movingUpper[d] - movingLower[d]);
    const bool         here = std::max(own / other, other / own) >= much;
    differs = differs || here;
    scaled = scaled && here && std::max(extents, 1.0 / extents) >= much;
    text << (d > 0 ? ", " : "") << own << " and " << other;
    list += text.str();
  }
  if (!differs)
  {
    return;
  }
  const std::string text =
    "the spacings of fixed and moving image differ fourfold or more (along the physical axes: " + list + " mm)";
  if (scaled && !mayScale)
  {
    throw UsageError(text +
                     ", and so do their extents: a spacing is wrong, or missing as in most pictures; correct it, or "
                     "choose a transform that scales (--initialize sinkhorn-similarity, --transform affine)");
  }
  Warn(text + "; if that is not so, correct the header of one of them");
}

#define SINKHORN_IO_INSTANTIATE(D)                                                                                      \
  template ImageType<D>::Pointer      ReadImage<D>(const FileFacts &, const SlicePlane &, MaskImageType<D>::Pointer &); \
  template ImageType<D>::Pointer      ReadChannel<D>(const FileFacts &, const ImageType<D> *, unsigned int);            \
  template LabelImageType<D>::Pointer ReadLabels<D>(const FileFacts &, const SlicePlane &, const FileFacts &);          \
  template MaskImageType<D>::Pointer  ReadMask<D>(const FileFacts &, const SlicePlane &, const FileFacts &);            \
  template void                       CheckOverlap<D>(const ImageType<D> *, const ImageType<D> *);                      \
  template void                       CheckSpacing<D>(const ImageType<D> *, const ImageType<D> *, bool);
SINKHORN_IO_INSTANTIATE(2)
SINKHORN_IO_INSTANTIATE(3)
#undef SINKHORN_IO_INSTANTIATE

} // namespace SinkhornIO
} // namespace itk
