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
#include "itkSinkhornWorkingGrid.h"

#include "itkImageRegionConstIteratorWithIndex.h"
#include "itkShrinkImageFilter.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{
namespace
{

template <unsigned int VDimension>
using ImageType = Image<float, VDimension>;

/** Part of the longest extent that is added on each side, for things that go round each other; but no more than half of
 * an axis' own extent. */
constexpr double marginFraction = 0.125;
constexpr double largestMarginFraction = 0.5;
/** No level has fewer voxels along an axis than this, unless the image itself has; in 3-D a thousand voxels are enough
 * to begin with. */
template <unsigned int VDimension>
constexpr double smallestAxis = VDimension == 2 ? 16.0 : 10.0;
/** The automatic pyramid keeps its finest level below this number of voxels: a deformation that carries mass is smooth,
 * and one that follows detail has to fit into memory. */
double
GetLargestLevel(WorkingGridExtent extent)
{
  return extent == WorkingGridExtent::Content ? 1.0e6 : 4.0e7;
}

template <unsigned int VDimension>
using Corner = Vector<double, VDimension>;

/** Voxels that differ from the smallest value of the image: the box around them. */
template <unsigned int VDimension>
typename ImageType<VDimension>::RegionType
FindSupport(const ImageType<VDimension> * image)
{
  using Region = typename ImageType<VDimension>::RegionType;
  const Region  whole = image->GetBufferedRegion();
  const float * buffer = image->GetBufferPointer();
  const float   minimum = *std::min_element(buffer, buffer + whole.GetNumberOfPixels());
  auto          lower = whole.GetUpperIndex();
  auto          upper = whole.GetIndex();
  bool          any = false;
  for (ImageRegionConstIteratorWithIndex<ImageType<VDimension>> it(image, whole); !it.IsAtEnd(); ++it)
  {
    if (it.Get() > minimum)
    {
      any = true;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        lower[d] = std::min(lower[d], it.GetIndex()[d]);
        upper[d] = std::max(upper[d], it.GetIndex()[d]);
      }
    }
  }
  if (!any)
  {
    return whole;
  }
  Region support;
  support.SetIndex(lower);
  support.SetUpperIndex(upper);
  return support;
}

/** Grows the box [lower, upper], continuous indices of \a grid, to hold \a region of \a image and \a rim voxels of it
 * on each side. */
template <unsigned int VDimension>
void
Include(const ImageBase<VDimension> *                      grid,
        const ImageBase<VDimension> *                      image,
        const typename ImageBase<VDimension>::RegionType & region,
        double                                             rim,
        Corner<VDimension> &                               lower,
        Corner<VDimension> &                               upper)
{
  for (unsigned int corner = 0; corner < (1U << VDimension); ++corner)
  {
    ContinuousIndex<double, VDimension> index;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      index[d] = (corner >> d) & 1U ? static_cast<double>(region.GetUpperIndex()[d]) + rim
                                    : static_cast<double>(region.GetIndex()[d]) - rim;
    }
    typename ImageType<VDimension>::PointType point;
    image->TransformContinuousIndexToPhysicalPoint(index, point);
    const auto where = grid->template TransformPhysicalPointToContinuousIndex<double>(point);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      lower[d] = std::min(lower[d], where[d]);
      upper[d] = std::max(upper[d], where[d]);
    }
  }
}

/** Factor along each axis that makes voxels of about \a factor times the smallest spacing. */
template <unsigned int VDimension>
FixedArray<unsigned int, VDimension>
IsotropicFactors(const Corner<VDimension> & spacing, const Corner<VDimension> & size, double factor)
{
  const double                         smallest = *std::min_element(spacing.Begin(), spacing.End());
  FixedArray<unsigned int, VDimension> factors;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const double wanted = std::round(factor * smallest / spacing[d]);
    const double allowed = std::floor(size[d] / smallestAxis<VDimension>);
    factors[d] = static_cast<unsigned int>(std::max(1.0, std::min(wanted, allowed)));
  }
  return factors;
}

/** Margin along an axis, voxels, from the extents of that axis and of the longest one, voxels of this axis. */
double
ChooseMargin(double content, double longest)
{
  return std::ceil(std::min(marginFraction * longest, largestMarginFraction * content));
}

template <unsigned int VDimension>
std::vector<FixedArray<unsigned int, VDimension>>
ChooseFactors(const Corner<VDimension> &        spacing,
              const Corner<VDimension> &        size,
              double                            fieldOfView,
              std::size_t                       numberOfLevels,
              const std::vector<unsigned int> & shrink,
              WorkingGridExtent                 extent)
{
  const double largestLevel = GetLargestLevel(extent);
  using FactorsType = FixedArray<unsigned int, VDimension>;
  std::vector<FactorsType> levels;
  for (const unsigned int factor : shrink)
  {
    FactorsType factors;
    factors.Fill(factor);
    levels.push_back(factors);
  }
  if (!shrink.empty())
  {
    return levels;
  }
  double finest = 1.0;
  double voxels = 0.0;
  do
  {
    voxels = 1.0;
    const FactorsType factors = IsotropicFactors<VDimension>(spacing, size, finest);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      voxels *= (size[d] + 2.0 * ChooseMargin(size[d], fieldOfView / spacing[d])) / factors[d];
    }
    finest *= voxels > largestLevel ? 1.25 : 1.0;
  } while (voxels > largestLevel);
  for (std::size_t level = 0; level < numberOfLevels; ++level)
  {
    const double factor = finest * std::pow(2.0, static_cast<double>(numberOfLevels - 1 - level));
    levels.push_back(IsotropicFactors<VDimension>(spacing, size, factor));
  }
  return levels;
}

} // namespace

template <unsigned int VDimension>
double
WorkingGrid<VDimension>::GetSpacing(std::size_t level) const
{
  double largest = 0.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    largest = std::max(largest, Image->GetSpacing()[d] * Factors[level][d]);
  }
  return largest;
}

template <unsigned int VDimension>
Size<VDimension>
WorkingGrid<VDimension>::GetSize(std::size_t level) const
{
  auto size = Image->GetLargestPossibleRegion().GetSize();
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    size[d] /= Factors[level][d];
  }
  return size;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ShrinkGeometry(const ImageType<VDimension> * grid, const FixedArray<unsigned int, VDimension> & factors)
{
  // ITK's own filter, so that the grid is exactly the one that the registration methods will make of it.
  using FilterType = ShrinkImageFilter<ImageType<VDimension>, ImageType<VDimension>>;
  const auto filter = FilterType::New();
  filter->SetInput(grid);
  filter->SetShrinkFactors(factors);
  filter->UpdateOutputInformation();
  const auto image = ImageType<VDimension>::New();
  image->CopyInformation(filter->GetOutput());
  image->SetRegions(filter->GetOutput()->GetLargestPossibleRegion());
  return image;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ExtendGrid(const ImageType<VDimension> * grid, const std::vector<const ImageBase<VDimension> *> & others)
{
  constexpr double   rounding = 1e-3; // voxels
  Corner<VDimension> lower;
  Corner<VDimension> upper;
  lower.Fill(NumericTraits<double>::max());
  upper.Fill(NumericTraits<double>::NonpositiveMin());
  Include<VDimension>(grid, grid, grid->GetLargestPossibleRegion(), 0.0, lower, upper);
  for (const auto * other : others)
  {
    Include<VDimension>(grid, other, other->GetLargestPossibleRegion(), 0.0, lower, upper);
  }
  ContinuousIndex<double, VDimension>      first;
  typename ImageType<VDimension>::SizeType size;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    first[d] = std::floor(lower[d] + rounding);
    size[d] = static_cast<SizeValueType>(std::ceil(upper[d] - rounding) - first[d] + 1.0);
  }
  typename ImageType<VDimension>::PointType origin;
  grid->TransformContinuousIndexToPhysicalPoint(first, origin);
  const auto extended = ImageType<VDimension>::New();
  extended->CopyInformation(grid);
  extended->SetOrigin(origin);
  extended->SetRegions(size);
  return extended;
}

template <unsigned int VDimension>
WorkingGrid<VDimension>
MakeWorkingGrid(const ImageType<VDimension> *     fixed,
                const ImageType<VDimension> *     moving,
                std::size_t                       numberOfLevels,
                const std::vector<unsigned int> & shrink,
                WorkingGridExtent                 extent)
{
  const bool         isFrame = extent == WorkingGridExtent::Frame;
  Corner<VDimension> lower;
  Corner<VDimension> upper;
  lower.Fill(NumericTraits<double>::max());
  upper.Fill(NumericTraits<double>::NonpositiveMin());
  if (isFrame)
  {
    Include<VDimension>(fixed, fixed, fixed->GetBufferedRegion(), 0.5, lower, upper);
  }
  else
  {
    Include<VDimension>(fixed, fixed, FindSupport<VDimension>(fixed), 0.5, lower, upper);
    Include<VDimension>(fixed, moving, FindSupport<VDimension>(moving), 0.5, lower, upper);
  }

  WorkingGrid<VDimension> grid;
  Corner<VDimension>      spacing;
  Corner<VDimension>      content;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    spacing[d] = fixed->GetSpacing()[d];
    content[d] = upper[d] - lower[d];
    grid.FieldOfView = std::max(grid.FieldOfView, content[d] * spacing[d]);
  }
  grid.Factors = ChooseFactors<VDimension>(spacing, content, grid.FieldOfView, numberOfLevels, shrink, extent);

  ContinuousIndex<double, VDimension>      first;
  typename ImageType<VDimension>::SizeType size;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    // At least two voxels of the coarsest level, one around a frame, and a size that this level divides.
    const double coarsest = grid.Factors.front()[d];
    const double wide = isFrame ? 0.0 : ChooseMargin(content[d], grid.FieldOfView / spacing[d]);
    const double margin = std::max(wide, isFrame ? coarsest : 2.0 * coarsest);
    const double wanted = std::ceil(content[d]) + 2.0 * margin;
    size[d] = static_cast<SizeValueType>(std::ceil(wanted / coarsest) * coarsest);
    first[d] = std::floor(lower[d] + 0.5 - 0.5 * (static_cast<double>(size[d]) - std::round(content[d])));
    grid.Margin[d] = margin * spacing[d];
  }
  grid.Image = ImageType<VDimension>::New();
  grid.Image->SetSpacing(fixed->GetSpacing());
  grid.Image->SetDirection(fixed->GetDirection());
  typename ImageType<VDimension>::PointType origin;
  fixed->TransformContinuousIndexToPhysicalPoint(first, origin);
  grid.Image->SetOrigin(origin);
  grid.Image->SetRegions(size);
  return grid;
}

#define SINKHORN_INSTANTIATE(D)                                                                                  \
  template struct WorkingGrid<D>;                                                                                \
  template ImageType<D>::Pointer ExtendGrid<D>(const ImageType<D> *, const std::vector<const ImageBase<D> *> &); \
  template ImageType<D>::Pointer ShrinkGeometry<D>(const ImageType<D> *, const FixedArray<unsigned int, D> &);   \
  template WorkingGrid<D>        MakeWorkingGrid<D>(                                                             \
    const ImageType<D> *, const ImageType<D> *, std::size_t, const std::vector<unsigned int> &, WorkingGridExtent);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace Sinkhorn
} // namespace itk
