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
#include "itkSinkhornRegistrationImages.h"

#include "itkDisplacementFieldJacobianCalculator.h"
#include "itkImageRegionConstIterator.h"
#include "itkImageRegionIteratorWithIndex.h"
#include "itkLinearInterpolateImageFunction.h"
#include "itkNearestNeighborInterpolateImageFunction.h"
#include "itkResampleImageFilter.h"
#include "itkTransformToDisplacementFieldFilter.h"

#include <algorithm>

namespace itk
{
namespace SinkhornRegistration
{

template <unsigned int VDimension>
typename FieldType<VDimension>::Pointer
SampleDisplacement(const Transform<double, VDimension, VDimension> * transform, const ImageType<VDimension> * reference)
{
  using FilterType = TransformToDisplacementFieldFilter<FieldType<VDimension>, double>;
  const auto filter = FilterType::New();
  filter->SetTransform(transform);
  filter->UseReferenceImageOn();
  filter->SetReferenceImage(reference);
  filter->Update();
  return filter->GetOutput();
}

template <unsigned int VDimension>
Folding
MeasureFolding(const FieldType<VDimension> * field)
{
  const auto calculator = DisplacementFieldJacobianCalculator<FieldType<VDimension>>::New();
  calculator->SetDisplacementField(field);
  calculator->Compute();
  return { calculator->GetMinimum(),
           calculator->GetFoldedFraction(),
           calculator->GetMinimumCentral(),
           calculator->GetNonDiffeomorphicVolume() };
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ComputeJacobian(const FieldType<VDimension> * field)
{
  const auto calculator = DisplacementFieldJacobianCalculator<FieldType<VDimension>>::New();
  calculator->SetDisplacementField(field);
  return calculator->ComputeImage();
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ComputeCentralJacobian(const FieldType<VDimension> * field)
{
  const auto calculator = DisplacementFieldJacobianCalculator<FieldType<VDimension>>::New();
  calculator->SetDisplacementField(field);
  return calculator->ComputeCentralImage();
}

template <typename TImage, typename TInterpolator, typename TTransform, typename TReference>
typename TImage::Pointer
Warp(const TImage *             moving,
     const TTransform *         transform,
     const TReference *         reference,
     typename TImage::PixelType outside)
{
  const auto filter = ResampleImageFilter<TImage, TImage, double>::New();
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
WarpImage(const ImageType<VDimension> *                     moving,
          const Transform<double, VDimension, VDimension> * transform,
          const ImageType<VDimension> *                     reference,
          float                                             outside,
          bool                                              nearest)
{
  using MovingType = ImageType<VDimension>;
  return nearest ? Warp<MovingType, NearestNeighborInterpolateImageFunction<MovingType, double>>(
                     moving, transform, reference, outside)
                 : Warp<MovingType, LinearInterpolateImageFunction<MovingType, double>>(
                     moving, transform, reference, outside);
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
WarpDensity(const ImageType<VDimension> *                     moving,
            const Transform<double, VDimension, VDimension> * transform,
            const ImageType<VDimension> *                     grid)
{
  const auto warped = WarpImage<VDimension>(moving, transform, grid, 0.0F, false);
  const auto jacobian = ComputeCentralJacobian<VDimension>(SampleDisplacement<VDimension>(transform, grid));
  float *    values = warped->GetBufferPointer();
  const auto count = warped->GetBufferedRegion().GetNumberOfPixels();
  std::transform(values, values + count, jacobian->GetBufferPointer(), values, [](float value, float determinant) {
    return value * std::max(determinant, 0.0F);
  });
  return warped;
}

template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
WarpLabels(const LabelImageType<VDimension> *                moving,
           const Transform<double, VDimension, VDimension> * transform,
           const ImageType<VDimension> *                     reference)
{
  using Labels = LabelImageType<VDimension>;
  return Warp<Labels, NearestNeighborInterpolateImageFunction<Labels, double>>(moving, transform, reference, 0);
}

template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
WarpMask(const MaskImageType<VDimension> *                 moving,
         const Transform<double, VDimension, VDimension> * transform,
         const ImageType<VDimension> *                     reference)
{
  using Mask = MaskImageType<VDimension>;
  return Warp<Mask, NearestNeighborInterpolateImageFunction<Mask, double>>(moving, transform, reference, 0);
}

#define SINKHORN_INSTANTIATE(D)                                                                                \
  template FieldType<D>::Pointer SampleDisplacement<D>(const Transform<double, D, D> *, const ImageType<D> *); \
  template ImageType<D>::Pointer ComputeJacobian<D>(const FieldType<D> *);                                     \
  template ImageType<D>::Pointer ComputeCentralJacobian<D>(const FieldType<D> *);                              \
  template Folding               MeasureFolding<D>(const FieldType<D> *);                                      \
  template ImageType<D>::Pointer WarpImage<D>(                                                                 \
    const ImageType<D> *, const Transform<double, D, D> *, const ImageType<D> *, float, bool);                 \
  template ImageType<D>::Pointer WarpDensity<D>(                                                               \
    const ImageType<D> *, const Transform<double, D, D> *, const ImageType<D> *);                              \
  template MaskImageType<D>::Pointer WarpMask<D>(                                                              \
    const MaskImageType<D> *, const Transform<double, D, D> *, const ImageType<D> *);                          \
  template LabelImageType<D>::Pointer WarpLabels<D>(                                                           \
    const LabelImageType<D> *, const Transform<double, D, D> *, const ImageType<D> *);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
