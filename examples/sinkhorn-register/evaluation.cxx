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
#include "evaluation.h"

#include "itkImageRegionConstIterator.h"
#include "itkImageRegionIteratorWithIndex.h"
#include "itkLinearInterpolateImageFunction.h"
#include "itkNearestNeighborInterpolateImageFunction.h"
#include "itkResampleImageFilter.h"
#include "itkTransformToDisplacementFieldFilter.h"

#include "vnl/vnl_det.h"

#include <algorithm>
#include <limits>

namespace SinkhornRegister
{

template <unsigned int VDimension>
typename FieldType<VDimension>::Pointer
SampleDisplacement(const itk::Transform<double, VDimension, VDimension> * transform,
                   const ImageType<VDimension> *                          reference)
{
  using FilterType = itk::TransformToDisplacementFieldFilter<FieldType<VDimension>, double>;
  const auto filter = FilterType::New();
  filter->SetTransform(transform);
  filter->UseReferenceImageOn();
  filter->SetReferenceImage(reference);
  filter->Update();
  return filter->GetOutput();
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ComputeJacobian(const FieldType<VDimension> * field)
{
  using Image = ImageType<VDimension>;
  const auto region = field->GetBufferedRegion();
  const auto jacobian = Image::New();
  jacobian->CopyInformation(field);
  jacobian->SetRegions(region);
  jacobian->Allocate();
  vnl_matrix_fixed<double, VDimension, VDimension> toIndex;
  for (unsigned int r = 0; r < VDimension; ++r)
  {
    for (unsigned int c = 0; c < VDimension; ++c)
    {
      // (direction · spacing)⁻¹ = spacing⁻¹ · direction⁻¹; the transpose would do for orthonormal directions alone
      toIndex(r, c) = field->GetInverseDirection()(r, c) / field->GetSpacing()[r];
    }
  }
  for (itk::ImageRegionIteratorWithIndex<Image> it(jacobian, region); !it.IsAtEnd(); ++it)
  {
    vnl_matrix_fixed<double, VDimension, VDimension> byIndex;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      auto lower = it.GetIndex();
      auto upper = it.GetIndex();
      lower[d] = std::max(lower[d] - 1, region.GetIndex()[d]);
      upper[d] = std::min(upper[d] + 1, region.GetUpperIndex()[d]);
      const double distance = std::max<double>(1.0, static_cast<double>(upper[d] - lower[d]));
      const auto   difference = (field->GetPixel(upper) - field->GetPixel(lower)) / distance;
      for (unsigned int component = 0; component < VDimension; ++component)
      {
        byIndex(component, d) = difference[component];
      }
    }
    vnl_matrix_fixed<double, VDimension, VDimension> total = byIndex * toIndex;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      total(d, d) += 1.0;
    }
    it.Set(static_cast<float>(vnl_det(total)));
  }
  return jacobian;
}

template <unsigned int VDimension>
Folding
MeasureFolding(const ImageType<VDimension> * jacobian)
{
  auto region = jacobian->GetBufferedRegion();
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (region.GetSize()[d] > 4)
    {
      region.SetIndex(d, region.GetIndex()[d] + 2);
      region.SetSize(d, region.GetSize()[d] - 4);
    }
  }
  Folding            folding;
  itk::SizeValueType folded = 0;
  folding.MinimumJacobian = std::numeric_limits<double>::max();
  for (itk::ImageRegionConstIterator<ImageType<VDimension>> it(jacobian, region); !it.IsAtEnd(); ++it)
  {
    folding.MinimumJacobian = std::min<double>(folding.MinimumJacobian, it.Get());
    folded += it.Get() <= 0.0F ? 1 : 0;
  }
  folding.Fraction = static_cast<double>(folded) / static_cast<double>(region.GetNumberOfPixels());
  return folding;
}

template <unsigned int VDimension>
DiceScores
ComputeDice(const LabelImageType<VDimension> * fixed, const LabelImageType<VDimension> * warped)
{
  struct Counts
  {
    double Either{ 0.0 };
    double Both{ 0.0 };
  };
  std::map<std::uint32_t, Counts> counts;
  const itk::SizeValueType        count = fixed->GetBufferedRegion().GetNumberOfPixels();
  const std::uint32_t *           a = fixed->GetBufferPointer();
  const std::uint32_t *           b = warped->GetBufferPointer();
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    if (a[i] > 0)
    {
      counts[a[i]].Either += 1.0;
      counts[a[i]].Both += a[i] == b[i] ? 1.0 : 0.0;
    }
    if (b[i] > 0)
    {
      counts[b[i]].Either += 1.0;
    }
  }
  DiceScores scores;
  for (const auto & entry : counts)
  {
    const double dice = 2.0 * entry.second.Both / entry.second.Either;
    scores.Label[entry.first] = dice;
    scores.Mean += dice / static_cast<double>(counts.size());
  }
  return scores;
}

template <typename TImage, typename TInterpolator, typename TTransform, typename TReference>
typename TImage::Pointer
Warp(const TImage *             moving,
     const TTransform *         transform,
     const TReference *         reference,
     typename TImage::PixelType outside)
{
  const auto filter = itk::ResampleImageFilter<TImage, TImage, double>::New();
  filter->SetInput(moving);
  filter->SetTransform(transform);
  filter->SetInterpolator(TInterpolator::New());
  filter->SetOutputParametersFromImage(reference);
  filter->SetDefaultPixelValue(outside);
  filter->Update();
  return filter->GetOutput();
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
WarpImage(const ImageType<VDimension> *                          moving,
          const itk::Transform<double, VDimension, VDimension> * transform,
          const ImageType<VDimension> *                          reference,
          float                                                  outside,
          bool                                                   nearest)
{
  using Image = ImageType<VDimension>;
  return nearest
           ? Warp<Image, itk::NearestNeighborInterpolateImageFunction<Image, double>>(
               moving, transform, reference, outside)
           : Warp<Image, itk::LinearInterpolateImageFunction<Image, double>>(moving, transform, reference, outside);
}

template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
WarpLabels(const LabelImageType<VDimension> *                     moving,
           const itk::Transform<double, VDimension, VDimension> * transform,
           const ImageType<VDimension> *                          reference)
{
  using Labels = LabelImageType<VDimension>;
  return Warp<Labels, itk::NearestNeighborInterpolateImageFunction<Labels, double>>(moving, transform, reference, 0);
}

template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
WarpMask(const MaskImageType<VDimension> *                      moving,
         const itk::Transform<double, VDimension, VDimension> * transform,
         const ImageType<VDimension> *                          reference)
{
  using Mask = MaskImageType<VDimension>;
  return Warp<Mask, itk::NearestNeighborInterpolateImageFunction<Mask, double>>(moving, transform, reference, 0);
}

#define SINKHORN_REGISTER_INSTANTIATE(D)                                                                            \
  template FieldType<D>::Pointer SampleDisplacement<D>(const itk::Transform<double, D, D> *, const ImageType<D> *); \
  template ImageType<D>::Pointer ComputeJacobian<D>(const FieldType<D> *);                                          \
  template Folding               MeasureFolding<D>(const ImageType<D> *);                                           \
  template DiceScores            ComputeDice<D>(const LabelImageType<D> *, const LabelImageType<D> *);              \
  template ImageType<D>::Pointer WarpImage<D>(                                                                      \
    const ImageType<D> *, const itk::Transform<double, D, D> *, const ImageType<D> *, float, bool);                 \
  template MaskImageType<D>::Pointer WarpMask<D>(                                                                   \
    const MaskImageType<D> *, const itk::Transform<double, D, D> *, const ImageType<D> *);                          \
  template LabelImageType<D>::Pointer WarpLabels<D>(                                                                \
    const LabelImageType<D> *, const itk::Transform<double, D, D> *, const ImageType<D> *);
SINKHORN_REGISTER_INSTANTIATE(2)
SINKHORN_REGISTER_INSTANTIATE(3)
#undef SINKHORN_REGISTER_INSTANTIATE

} // namespace SinkhornRegister
