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
#ifndef itkSinkhornFoldRegularizer_hxx
#define itkSinkhornFoldRegularizer_hxx

#include "itkSinkhornFoldRegularizer.h"

#include "itkDisplacementFieldJacobianCalculator.h"
#include "itkImageRegionConstIteratorWithIndex.h"
#include "itkImageRegionIteratorWithIndex.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{
namespace FoldRegularizerDetail
{

/** Gaussian of \a width voxels along each axis. */
template <typename TImage>
typename TImage::Pointer
SmoothByVoxels(const TImage * image, double width)
{
  FixedArray<double, TImage::ImageDimension> sigmas;
  for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
  {
    sigmas[d] = width * image->GetSpacing()[d];
  }
  return SmoothByGaussian(image, sigmas);
}

template <typename TImage>
typename TImage::Pointer
Crop(const TImage * image, const typename TImage::RegionType & region)
{
  const auto part = TImage::New();
  part->CopyInformation(image);
  part->SetRegions(region);
  part->Allocate();
  ImageRegionConstIterator<TImage> from(image, region);
  for (ImageRegionIterator<TImage> to(part, region); !to.IsAtEnd(); ++to, ++from)
  {
    to.Set(from.Get());
  }
  return part;
}

/** The box around all marks and \a rim voxels more, as far as there are any. */
template <typename TImage>
typename TImage::RegionType
FindNeighbourhood(const TImage * marks, IndexValueType rim)
{
  const auto region = marks->GetBufferedRegion();
  auto       lower = region.GetUpperIndex();
  auto       upper = region.GetIndex();
  for (ImageRegionConstIteratorWithIndex<TImage> it(marks, region); !it.IsAtEnd(); ++it)
  {
    for (unsigned int d = 0; it.Get() > 0.0F && d < TImage::ImageDimension; ++d)
    {
      lower[d] = std::min(lower[d], it.GetIndex()[d]);
      upper[d] = std::max(upper[d], it.GetIndex()[d]);
    }
  }
  typename TImage::RegionType box;
  for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
  {
    lower[d] = std::max(region.GetIndex()[d], lower[d] - rim);
    upper[d] = std::min(region.GetUpperIndex()[d], upper[d] + rim);
    // The recursive filter needs four voxels along an axis.
    lower[d] = std::max(region.GetIndex()[d], std::min(lower[d], upper[d] - 3));
    upper[d] = std::min(region.GetUpperIndex()[d], std::max(upper[d], lower[d] + 3));
  }
  box.SetIndex(lower);
  box.SetUpperIndex(upper);
  return box;
}

template <unsigned int VDimension>
bool
IsOnBorder(const Index<VDimension> & index, const ImageRegion<VDimension> & region)
{
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (index[d] == region.GetIndex()[d] || index[d] == region.GetUpperIndex()[d])
    {
      return true;
    }
  }
  return false;
}

} // namespace FoldRegularizerDetail

template <unsigned int VDimension>
double
FoldRegularizer<VDimension>::FindLeastDeterminant(const PairType & pair)
{
  const auto calculator = DisplacementFieldJacobianCalculator<FieldType>::New();
  calculator->SetDisplacementField(pair.Forward);
  const double forward = calculator->ComputeMinimumCentral();
  calculator->SetDisplacementField(pair.Inverse);
  return std::min(forward, calculator->ComputeMinimumCentral());
}

template <unsigned int VDimension>
bool
FoldRegularizer<VDimension>::Relax(PairType & pair, double limit)
{
  PairType relaxed = pair;
  for (unsigned int round = 0; round <= MaximumNumberOfRounds; ++round)
  {
    const auto marks = MarkLowCentralJacobian(relaxed, limit);
    if (!marks)
    {
      pair = relaxed;
      return true;
    }
    if (round < MaximumNumberOfRounds)
    {
      RelaxOnce(relaxed, marks, GetWidth(round));
    }
  }
  return false;
}

template <unsigned int VDimension>
void
FoldRegularizer<VDimension>::RelaxOnce(PairType & pair, const MarksType * marks, double width)
{
  pair.Forward = Blend(pair.Forward, marks, width);
  pair.Inverse = InvertField<FieldType>(pair.Forward, pair.Inverse, InverseTolerance);
  pair.Forward = InvertField<FieldType>(pair.Inverse, pair.Forward, InverseTolerance);
}

template <unsigned int VDimension>
bool
FoldRegularizer<VDimension>::RelaxComposition(PairType & one, PairType & other, double limit)
{
  PairType first = one;
  PairType second = other;
  for (unsigned int round = 0; round <= MaximumNumberOfRounds; ++round)
  {
    const auto total = ComposeFields<FieldType>(second.Inverse, first.Forward);
    const auto marks = MarkLowCentralJacobian(total, limit);
    if (!marks)
    {
      one = first;
      other = second;
      return true;
    }
    if (round < MaximumNumberOfRounds)
    {
      RelaxOnce(first, marks, GetWidth(round));
      RelaxOnce(second, Carry(marks, total), GetWidth(round));
    }
  }
  return false;
}

template <unsigned int VDimension>
bool
FoldRegularizer<VDimension>::RelaxForward(FieldPointer & field, double limit)
{
  const FieldPointer original = field;
  const auto         calculator = DisplacementFieldJacobianCalculator<FieldType>::New();
  calculator->SetDisplacementField(field);
  const MarksPointer             determinants = calculator->ComputeImage();
  MarksPointer                   places;
  typename FieldType::RegionType changed;
  double                         width = 0.7;
  for (unsigned int round = 0; round < MaximumNumberOfForwardRounds; ++round)
  {
    MarksPointer marks = MarkBelow(determinants, limit);
    if (!marks)
    {
      break;
    }
    // As little as is needed: narrow at first, each time where it still folds. Folds that outlast that wander; then all
    // places where there were any are smoothed together, ever more widely, which ends with a map as smooth as it takes.
    const bool isStubborn = round >= NarrowForwardRounds;
    width = isStubborn ? 1.15 * width : 0.7 + 0.1 * round;
    marks = isStubborn ? Unite(marks, places) : marks;
    places = marks;
    field = Blend(field, marks, width, &changed);
    calculator->SetDisplacementField(field);
    calculator->UpdateImage(determinants, changed);
  }
  return field != original;
}

template <unsigned int VDimension>
auto
FoldRegularizer<VDimension>::Carry(const MarksType * marks, const FieldType * field) -> MarksPointer
{
  const auto region = marks->GetBufferedRegion();
  const auto carried = MakeImageOn<MarksType>(marks);
  for (ImageRegionConstIteratorWithIndex<MarksType> it(marks, region); !it.IsAtEnd(); ++it)
  {
    if (it.Get() > 0.0F)
    {
      typename MarksType::PointType point;
      marks->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      const auto index = marks->TransformPhysicalPointToIndex(point + field->GetPixel(it.GetIndex()));
      if (region.IsInside(index))
      {
        carried->SetPixel(index, 1.0F);
      }
    }
  }
  return carried;
}

template <unsigned int VDimension>
auto
FoldRegularizer<VDimension>::Unite(const MarksType * one, const MarksType * other) -> MarksPointer
{
  if (!one || !other)
  {
    return one ? CopyImage(one) : (other ? CopyImage(other) : MarksPointer());
  }
  const MarksPointer both = CopyImage(one);
  const float *      marks = other->GetBufferPointer();
  float *            voxels = both->GetBufferPointer();
  const auto         count = both->GetBufferedRegion().GetNumberOfPixels();
  std::transform(voxels, voxels + count, marks, voxels, [](float a, float b) { return std::max(a, b); });
  return both;
}

template <unsigned int VDimension>
auto
FoldRegularizer<VDimension>::MarkBelow(const MarksType * image, double limit) -> MarksPointer
{
  const float * const first = image->GetBufferPointer();
  const float * const last = first + image->GetBufferedRegion().GetNumberOfPixels();
  const auto          isLow = [limit](float value) { return value < limit; };
  if (std::none_of(first, last, isLow))
  {
    return nullptr;
  }
  const auto marks = MakeImageOn<MarksType>(image);
  std::transform(first, last, marks->GetBufferPointer(), [&](float value) { return isLow(value) ? 1.0F : 0.0F; });
  return marks;
}

template <unsigned int VDimension>
auto
FoldRegularizer<VDimension>::MarkLowCentralJacobian(const FieldType * field, double limit) -> MarksPointer
{
  const auto calculator = DisplacementFieldJacobianCalculator<FieldType>::New();
  calculator->SetDisplacementField(field);
  // Mostly there is nothing to mark.
  return calculator->ComputeMinimumCentral() < limit ? MarkBelow(calculator->ComputeCentralImage(), limit) : nullptr;
}

template <unsigned int VDimension>
auto
FoldRegularizer<VDimension>::MarkLowCentralJacobian(const PairType & pair, double limit) -> MarksPointer
{
  const auto forward = MarkLowCentralJacobian(pair.Forward, limit);
  const auto inverse = MarkLowCentralJacobian(pair.Inverse, limit);
  return Unite(forward, inverse ? Carry(inverse, pair.Inverse) : inverse);
}

template <unsigned int VDimension>
auto
FoldRegularizer<VDimension>::Blend(const FieldType *                field,
                                   const MarksType *                marks,
                                   double                           width,
                                   typename FieldType::RegionType * changed) -> FieldPointer
{
  namespace Detail = FoldRegularizerDetail;
  const auto whole = field->GetBufferedRegion();
  // Beyond six standard deviations nothing changes.
  const auto box = Detail::FindNeighbourhood(marks, static_cast<IndexValueType>(std::ceil(6.0 * width)));
  if (changed)
  {
    *changed = box;
  }
  const auto weights = Detail::SmoothByVoxels<MarksType>(Detail::Crop(marks, box), width);
  const auto smooth = Detail::SmoothByVoxels<FieldType>(Detail::Crop(field, box), width);
  // A single mark gets its full weight at its centre.
  const double       peak = std::pow(width * std::sqrt(2.0 * Math::pi), VDimension);
  const FieldPointer blended = CopyImage(field);

  ImageRegionConstIterator<FieldType> smoothed(smooth, box);
  ImageRegionConstIterator<MarksType> weight(weights, box);
  for (ImageRegionIteratorWithIndex<FieldType> it(blended, box); !it.IsAtEnd(); ++it, ++smoothed, ++weight)
  {
    // The border stays where it is: beyond it the map is the identity.
    if (!Detail::IsOnBorder<VDimension>(it.GetIndex(), whole))
    {
      const double w = std::min(std::max(peak * weight.Get(), 0.0), 1.0);
      it.Set(it.Get() + (smoothed.Get() - it.Get()) * w);
    }
  }
  return blended;
}

} // namespace Sinkhorn
} // namespace itk

#endif
