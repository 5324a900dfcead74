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
#include "foldGuard.h"

#include "smoothing.h"

#include "itkComposeDisplacementFieldsImageFilter.h"
#include "itkImageRegionConstIteratorWithIndex.h"
#include "itkImageRegionIteratorWithIndex.h"
#include "itkInvertDisplacementFieldImageFilter.h"

#include <algorithm>
#include <cmath>

namespace SinkhornRegister
{
namespace
{

template <unsigned int VDimension>
double
FindMaximum(const ImageType<VDimension> * image)
{
  const float * first = image->GetBufferPointer();
  return *std::max_element(first, first + image->GetBufferedRegion().GetNumberOfPixels());
}

/** 1 where the image is below \a limit, else 0. */
template <unsigned int VDimension>
void
MarkBelow(ImageType<VDimension> * image, double limit)
{
  float * first = image->GetBufferPointer();
  std::transform(first, first + image->GetBufferedRegion().GetNumberOfPixels(), first, [limit](float value) {
    return value < limit ? 1.0F : 0.0F;
  });
}

/** Gaussian of \a width voxels along each axis. */
template <typename TImage>
typename TImage::Pointer
SmoothByVoxels(const TImage * image, double width)
{
  using FilterType = itk::SmoothingRecursiveGaussianImageFilter<TImage, TImage>;
  typename FilterType::SigmaArrayType sigmas;
  for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
  {
    sigmas[d] = width * image->GetSpacing()[d];
  }
  return SmoothByGaussian(image, sigmas);
}

template <unsigned int VDimension>
typename FieldType<VDimension>::Pointer
Invert(const FieldType<VDimension> * field, const FieldType<VDimension> * estimate)
{
  const auto filter = itk::InvertDisplacementFieldImageFilter<FieldType<VDimension>>::New();
  filter->SetInput(field);
  filter->SetInverseFieldInitialEstimate(estimate);
  filter->SetMaximumNumberOfIterations(20);
  filter->SetMeanErrorToleranceThreshold(0.001);
  filter->SetMaxErrorToleranceThreshold(0.1);
  filter->Update();
  const typename FieldType<VDimension>::Pointer output = filter->GetOutput();
  output->DisconnectPipeline();
  return output;
}

template <unsigned int VDimension>
bool
IsOnBorder(const itk::Index<VDimension> & index, const itk::ImageRegion<VDimension> & region)
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

} // namespace

template <unsigned int VDimension>
typename FieldType<VDimension>::Pointer
ComposeFields(const FieldType<VDimension> * second, const FieldType<VDimension> * first)
{
  const auto filter = itk::ComposeDisplacementFieldsImageFilter<FieldType<VDimension>>::New();
  filter->SetDisplacementField(second);
  filter->SetWarpingField(first);
  filter->Update();
  const typename FieldType<VDimension>::Pointer output = filter->GetOutput();
  output->DisconnectPipeline();
  return output;
}

template <unsigned int VDimension>
double
FoldGuard<VDimension>::FindLeastDeterminant(const MapPair<VDimension> & pair)
{
  return std::min(MeasureFolding<VDimension>(pair.Forward).MinimumJacobianCentral,
                  MeasureFolding<VDimension>(pair.Inverse).MinimumJacobianCentral);
}

template <unsigned int VDimension>
bool
FoldGuard<VDimension>::Relax(MapPair<VDimension> & pair, double limit)
{
  MapPair<VDimension> relaxed = pair;
  for (unsigned int round = 0; round < mostRounds; ++round)
  {
    const auto marks = MarkLowJacobian(relaxed, limit);
    if (!marks)
    {
      pair = relaxed;
      return true;
    }
    RelaxOnce(relaxed, marks, GetWidth(round));
  }
  if (FindLeastDeterminant(relaxed) < limit)
  {
    return false;
  }
  pair = relaxed;
  return true;
}

template <unsigned int VDimension>
void
FoldGuard<VDimension>::RelaxOnce(MapPair<VDimension> & pair, const Image * marks, double width)
{
  pair.Forward = Blend(pair.Forward, marks, width);
  pair.Inverse = Invert<VDimension>(pair.Forward, pair.Inverse);
  pair.Forward = Invert<VDimension>(pair.Inverse, pair.Forward);
}

template <unsigned int VDimension>
bool
FoldGuard<VDimension>::RelaxComposition(MapPair<VDimension> & one, MapPair<VDimension> & other, double limit)
{
  MapPair<VDimension> first = one;
  MapPair<VDimension> second = other;
  for (unsigned int round = 0; round <= mostRounds; ++round)
  {
    const auto total = ComposeFields<VDimension>(second.Inverse, first.Forward);
    const auto marks = MarkLowCentralJacobian(total, limit);
    if (!HasMarks(marks))
    {
      one = first;
      other = second;
      return true;
    }
    RelaxOnce(first, marks, GetWidth(round));
    RelaxOnce(second, Carry(marks, total), GetWidth(round));
  }
  return false;
}

template <unsigned int VDimension>
bool
FoldGuard<VDimension>::RelaxForward(MapPair<VDimension> & pair, double limit)
{
  const typename Field::Pointer           original = pair.Forward;
  typename ImageType<VDimension>::Pointer places;
  double                                  width = 0.7;
  for (unsigned int round = 0; round < mostForwardRounds; ++round)
  {
    const auto marks = MarkLowJacobian(pair.Forward, limit);
    if (!HasMarks(marks))
    {
      break;
    }
    // As little as is needed: narrow at first, each time where it still folds. Folds that outlast that wander; then all
    // places where there were any are smoothed together, ever more widely, which ends with a map as smooth as it takes.
    const bool isStubborn = round >= narrowForwardRounds;
    width = isStubborn ? 1.15 * width : 0.7 + 0.1 * round;
    if (isStubborn)
    {
      std::transform(marks->GetBufferPointer(),
                     marks->GetBufferPointer() + marks->GetBufferedRegion().GetNumberOfPixels(),
                     places->GetBufferPointer(),
                     marks->GetBufferPointer(),
                     [](float one, float other) { return std::max(one, other); });
    }
    places = marks;
    pair.Forward = Blend(pair.Forward, marks, width);
  }
  if (pair.Forward == original)
  {
    return false;
  }
  pair.Inverse = Invert<VDimension>(pair.Forward, MakeImageOn<Field>(pair.Forward));
  return true;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
FoldGuard<VDimension>::Carry(const Image * marks, const Field * field)
{
  const auto region = marks->GetBufferedRegion();
  const auto carried = MakeImageOn<ImageType<VDimension>>(marks);
  for (itk::ImageRegionConstIteratorWithIndex<ImageType<VDimension>> it(marks, region); !it.IsAtEnd(); ++it)
  {
    if (it.Get() > 0.0F)
    {
      typename ImageType<VDimension>::PointType point;
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
bool
FoldGuard<VDimension>::HasMarks(const Image * marks)
{
  return FindMaximum<VDimension>(marks) > 0.0;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
FoldGuard<VDimension>::MarkLowJacobian(const Field * field, double limit)
{
  const auto marks = ComputeJacobian<VDimension>(field);
  MarkBelow<VDimension>(marks, limit);
  return marks;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
FoldGuard<VDimension>::MarkLowCentralJacobian(const Field * field, double limit)
{
  const auto marks = ComputeCentralJacobian<VDimension>(field);
  MarkBelow<VDimension>(marks, limit);
  return marks;
}

/** 1 where the map or its inverse has a low Jacobian, on the side of the forward map; nullptr if nowhere. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
FoldGuard<VDimension>::MarkLowJacobian(const MapPair<VDimension> & pair, double limit)
{
  const auto forward = MarkLowCentralJacobian(pair.Forward, limit);
  const auto inverse = MarkLowCentralJacobian(pair.Inverse, limit);
  if (!HasMarks(forward) && !HasMarks(inverse))
  {
    return nullptr;
  }
  const auto                           places = Carry(inverse, pair.Inverse);
  itk::ImageRegionConstIterator<Image> mark(forward, forward->GetBufferedRegion());
  for (itk::ImageRegionIterator<Image> it(places, places->GetBufferedRegion()); !it.IsAtEnd(); ++it, ++mark)
  {
    it.Set(std::max(it.Get(), mark.Get()));
  }
  return places;
}

template <unsigned int VDimension>
typename FieldType<VDimension>::Pointer
FoldGuard<VDimension>::Blend(const Field * field, const Image * marks, double width)
{
  const auto weights = SmoothByVoxels<Image>(marks, width);
  const auto smooth = SmoothByVoxels<Field>(field, width);
  // A single mark gets its full weight at its centre.
  const double peak = std::pow(width * std::sqrt(2.0 * itk::Math::pi), VDimension);

  const auto                           region = field->GetBufferedRegion();
  itk::ImageRegionConstIterator<Field> original(field, region);
  itk::ImageRegionConstIterator<Image> weight(weights, region);
  for (itk::ImageRegionIteratorWithIndex<Field> it(smooth, region); !it.IsAtEnd(); ++it, ++original, ++weight)
  {
    // The border stays where it is: beyond it the map is the identity.
    const double w = IsOnBorder<VDimension>(it.GetIndex(), region) ? 0.0 : std::clamp(peak * weight.Get(), 0.0, 1.0);
    it.Set(original.Get() + (it.Get() - original.Get()) * w);
  }
  return smooth;
}

template FieldType<2>::Pointer
ComposeFields<2>(const FieldType<2> *, const FieldType<2> *);
template FieldType<3>::Pointer
ComposeFields<3>(const FieldType<3> *, const FieldType<3> *);
template class FoldGuard<2>;
template class FoldGuard<3>;

} // namespace SinkhornRegister
