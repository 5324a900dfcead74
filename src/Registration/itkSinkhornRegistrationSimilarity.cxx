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
#include "itkSinkhornRegistrationSimilarity.h"

#include "itkSinkhornDensity.h"
#include "itkSinkhornRegistrationDice.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationIntensities.h"

#include "itkImageRegionConstIteratorWithIndex.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornLabelMixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

constexpr unsigned int bins = 32;

/** Equal bins from the smallest value to the one below which 99.5 % of the voxels above the smallest lie. */
class Binning
{
public:
  Binning(const float * first, SizeValueType count)
    : m_Low(*std::min_element(first, first + count))
  {
    std::vector<float> above;
    std::copy_if(first, first + count, std::back_inserter(above), [this](float value) { return value > m_Low; });
    if (!above.empty())
    {
      const auto nth = above.begin() + static_cast<std::ptrdiff_t>(0.995 * static_cast<double>(above.size() - 1));
      std::nth_element(above.begin(), nth, above.end());
      m_Width = (static_cast<double>(*nth) - m_Low) / bins;
    }
  }
  unsigned int
  operator()(float value) const
  {
    const double bin = m_Width > 0.0 ? (static_cast<double>(value) - m_Low) / m_Width : 0.0;
    return static_cast<unsigned int>(std::clamp(bin, 0.0, bins - 1.0));
  }
  float
  GetLow() const
  {
    return m_Low;
  }

private:
  float  m_Low;
  double m_Width{ 0.0 };
};

using Histogram = std::array<std::array<double, bins + 1>, bins>;

double
ComputeMutualInformation(const Histogram & joint)
{
  std::array<double, bins>     rows{};
  std::array<double, bins + 1> columns{};
  double                       total = 0.0;
  for (unsigned int r = 0; r < bins; ++r)
  {
    for (unsigned int c = 0; c <= bins; ++c)
    {
      rows[r] += joint[r][c];
      columns[c] += joint[r][c];
      total += joint[r][c];
    }
  }
  double information = 0.0;
  for (unsigned int r = 0; r < bins; ++r)
  {
    for (unsigned int c = 0; c <= bins; ++c)
    {
      if (joint[r][c] > 0.0)
      {
        information += joint[r][c] / total * std::log(joint[r][c] * total / (rows[r] * columns[c]));
      }
    }
  }
  return information;
}

} // namespace

template <unsigned int VDimension>
double
MeasureSimilarity(const ImageType<VDimension> *                     fixed,
                  const ImageType<VDimension> *                     moving,
                  const MaskImageType<VDimension> *                 fixedMask,
                  const MaskImageType<VDimension> *                 movingMask,
                  const Transform<double, VDimension, VDimension> * transform)
{
  const auto    count = fixed->GetBufferedRegion().GetNumberOfPixels();
  const Binning fixedBins(fixed->GetBufferPointer(), count);
  const Binning movingBins(moving->GetBufferPointer(), moving->GetBufferedRegion().GetNumberOfPixels());
  const auto    warped = WarpImage<VDimension>(moving, transform, fixed, movingBins.GetLow(), false);
  const typename MaskImageType<VDimension>::Pointer full = movingMask ? nullptr : MakeFullMask<VDimension>(moving);
  const auto inside = WarpMask<VDimension>(movingMask ? movingMask : full.GetPointer(), transform, fixed);
  Histogram  joint{};
  for (SizeValueType i = 0; i < count; ++i)
  {
    if (!fixedMask || fixedMask->GetBufferPointer()[i] > 0)
    {
      const unsigned int column = inside->GetBufferPointer()[i] > 0 ? movingBins(warped->GetBufferPointer()[i]) : bins;
      joint[fixedBins(fixed->GetBufferPointer()[i])][column] += 1.0;
    }
  }
  return ComputeMutualInformation(joint);
}

template <unsigned int VDimension>
double
MeasureMassOverlap(const ImageType<VDimension> *                     fixed,
                   const ImageType<VDimension> *                     moving,
                   const Transform<double, VDimension, VDimension> * transform)
{
  const auto sumOf = [](const ImageType<VDimension> * density) {
    const float * first = density->GetBufferPointer();
    return std::accumulate(first, first + density->GetBufferedRegion().GetNumberOfPixels(), 0.0);
  };
  const auto   warped = WarpDensity<VDimension>(moving, transform, fixed);
  const double all = sumOf(fixed);
  // one sum of both masses, in voxels of the fixed density
  const double ratio =
    all / sumOf(moving) * (Sinkhorn::ComputeVoxelVolume(*fixed) / Sinkhorn::ComputeVoxelVolume(*moving));
  double common = 0.0;
  for (SizeValueType i = 0; i < fixed->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    common += std::min<double>(fixed->GetBufferPointer()[i], ratio * warped->GetBufferPointer()[i]);
  }
  return common / all;
}

template <unsigned int VDimension>
double
MeasureOverlap(const LabelImageType<VDimension> *                fixed,
               const LabelImageType<VDimension> *                moving,
               const Transform<double, VDimension, VDimension> * transform)
{
  const auto grid = ImageType<VDimension>::New();
  grid->CopyInformation(fixed);
  grid->SetRegions(fixed->GetBufferedRegion());
  return ComputeDice<VDimension>(fixed, WarpLabels<VDimension>(moving, transform, grid), Sinkhorn::UnknownLabel).Mean;
}

template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
RenameLabels(LabelImageType<VDimension> * map, const std::vector<std::uint32_t> & names)
{
  if (names.empty())
  {
    return map;
  }
  const auto renamed = Sinkhorn::CopyImage(map);
  std::transform(map->GetBufferPointer(),
                 map->GetBufferPointer() + map->GetBufferedRegion().GetNumberOfPixels(),
                 renamed->GetBufferPointer(),
                 [&names](std::uint32_t label) { return label < names.size() ? names[label] : label; });
  return renamed;
}

namespace
{

/** The voxels that two images have in common: an empty region if they don't lie upon each other or are less than half
 * of the smaller image. \param way from an index of \a fixed to that of \a moving. */
template <typename TImage>
typename TImage::RegionType
FindCommonVoxels(const TImage * fixed, const TImage * moving, typename TImage::OffsetType & way)
{
  constexpr double rounding = 1e-6;
  constexpr double mostOff = 1e-3;
  constexpr double leastPart = 0.5;
  const double     spacing = fixed->GetSpacing()[0];
  const auto       whole = fixed->GetBufferedRegion();
  auto             common = whole;
  for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
  {
    common.SetSize(d, 0);
  }
  if ((fixed->GetSpacing() - moving->GetSpacing()).GetNorm() > rounding * spacing ||
      (fixed->GetDirection().GetVnlMatrix() - moving->GetDirection().GetVnlMatrix()).absolute_value_max() > rounding)
  {
    return common;
  }
  typename TImage::PointType origin;
  fixed->TransformIndexToPhysicalPoint(whole.GetIndex(), origin);
  ContinuousIndex<double, TImage::ImageDimension> place;
  // Whether the point lies in the moving image does not matter.
  static_cast<void>(moving->TransformPhysicalPointToContinuousIndex(origin, place));
  for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
  {
    if (!(std::abs(place[d] - std::round(place[d])) <= mostOff))
    {
      return common;
    }
    way[d] = static_cast<OffsetValueType>(std::round(place[d])) - whole.GetIndex(d);
  }
  auto       shifted = moving->GetBufferedRegion();
  const auto fewest = std::min(whole.GetNumberOfPixels(), shifted.GetNumberOfPixels());
  shifted.SetIndex(shifted.GetIndex() - way);
  const bool isEnough =
    shifted.Crop(whole) && static_cast<double>(shifted.GetNumberOfPixels()) >= leastPart * static_cast<double>(fewest);
  return isEnough ? shifted : common;
}

} // namespace

template <unsigned int VDimension>
bool
AreEqual(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving)
{
  constexpr double                                         rounding = 1e-6;
  typename ImageType<VDimension>::OffsetType               way;
  const auto                                               common = FindCommonVoxels(fixed, moving, way);
  std::vector<float>                                       a;
  std::vector<float>                                       b;
  ImageRegionConstIteratorWithIndex<ImageType<VDimension>> voxel(fixed, common);
  for (; !voxel.IsAtEnd(); ++voxel)
  {
    a.push_back(voxel.Get());
    b.push_back(moving->GetPixel(voxel.GetIndex() + way));
  }
  if (a.empty())
  {
    return false;
  }
  const auto   smaller = [](float x, float y) { return std::abs(x) < std::abs(y); };
  const double largestA = std::abs(*std::max_element(a.begin(), a.end(), smaller));
  const double largestB = std::abs(*std::max_element(b.begin(), b.end(), smaller));
  return std::equal(
    a.begin(), a.end(), b.begin(), [&](float x, float y) { return std::abs(x / largestA - y / largestB) <= rounding; });
}

template <unsigned int VDimension>
bool
AreEqualLabels(const LabelImageType<VDimension> * fixed, const LabelImageType<VDimension> * moving)
{
  typename LabelImageType<VDimension>::OffsetType               way;
  const auto                                                    common = FindCommonVoxels(fixed, moving, way);
  ImageRegionConstIteratorWithIndex<LabelImageType<VDimension>> voxel(fixed, common);
  for (; !voxel.IsAtEnd(); ++voxel)
  {
    if (voxel.Get() != moving->GetPixel(voxel.GetIndex() + way))
    {
      return false;
    }
  }
  return common.GetNumberOfPixels() > 0;
}

#define SINKHORN_INSTANTIATE(D)                                                                                       \
  template double MeasureSimilarity<D>(const ImageType<D> *,                                                          \
                                       const ImageType<D> *,                                                          \
                                       const MaskImageType<D> *,                                                      \
                                       const MaskImageType<D> *,                                                      \
                                       const Transform<double, D, D> *);                                              \
  template double MeasureMassOverlap<D>(const ImageType<D> *, const ImageType<D> *, const Transform<double, D, D> *); \
  template double MeasureOverlap<D>(                                                                                  \
    const LabelImageType<D> *, const LabelImageType<D> *, const Transform<double, D, D> *);                           \
  template LabelImageType<D>::Pointer RenameLabels<D>(LabelImageType<D> *, const std::vector<std::uint32_t> &);       \
  template bool                       AreEqualLabels<D>(const LabelImageType<D> *, const LabelImageType<D> *);        \
  template bool                       AreEqual<D>(const ImageType<D> *, const ImageType<D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
