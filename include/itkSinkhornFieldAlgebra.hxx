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
#ifndef itkSinkhornFieldAlgebra_hxx
#define itkSinkhornFieldAlgebra_hxx

#include "itkSinkhornFieldAlgebra.h"

#include "itkSmoothingRecursiveGaussianImageFilter.h"
#include "vnl/algo/vnl_determinant.h"
#include "vnl/vnl_inverse.h"

#include <algorithm>

namespace itk
{
namespace Sinkhorn
{

template <typename TImage>
typename TImage::Pointer
MakeImageOn(const ImageBase<TImage::ImageDimension> * grid)
{
  const auto image = TImage::New();
  image->CopyInformation(grid);
  image->SetRegions(grid->GetBufferedRegion());
  image->Allocate(true);
  return image;
}

template <typename TImage>
typename TImage::Pointer
CopyImage(const TImage * image)
{
  const auto copy = TImage::New();
  copy->CopyInformation(image);
  copy->SetRegions(image->GetBufferedRegion());
  copy->Allocate();
  std::copy_n(image->GetBufferPointer(), image->GetBufferedRegion().GetNumberOfPixels(), copy->GetBufferPointer());
  return copy;
}

template <typename TImage>
typename TImage::Pointer
AddScaled(const TImage * one, const TImage * other, double factor)
{
  const auto   sum = CopyImage(one);
  auto * const to = sum->GetBufferPointer();
  const auto * from = other->GetBufferPointer();
  ForEachChunk(one->GetBufferedRegion().GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      to[i] += from[i] * factor;
    }
  });
  return sum;
}

template <typename TField, typename TFunction>
typename TField::Pointer
MakeField(const ImageBase<TField::ImageDimension> & grid, const TFunction & function)
{
  constexpr unsigned int dimension = TField::ImageDimension;
  const auto             field = TField::New();
  const auto &           region = grid.GetBufferedRegion();
  field->CopyInformation(&grid);
  field->SetRegions(region);
  field->Allocate();
  auto * const voxels = field->GetBufferPointer();
  ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, AdvanceIndex(region, index))
    {
      Point<double, dimension> point;
      field->TransformIndexToPhysicalPoint(index, point);
      const Vector<double, dimension> value = function(point);
      for (unsigned int d = 0; d < dimension; ++d)
      {
        voxels[i][d] = static_cast<typename TField::PixelType::ValueType>(value[d]);
      }
    }
  });
  return field;
}

template <typename TField>
typename TField::Pointer
ComposeFields(const TField * second, const TField * first)
{
  const DisplacementSampler<TField> change(second);
  const auto *                      way = first->GetBufferPointer();
  const auto                        composed = CopyImage(first);
  auto * const                      voxels = composed->GetBufferPointer();
  const auto &                      region = first->GetBufferedRegion();
  ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, AdvanceIndex(region, index))
    {
      Point<double, TField::ImageDimension> point;
      first->TransformIndexToPhysicalPoint(index, point);
      for (unsigned int d = 0; d < TField::ImageDimension; ++d)
      {
        point[d] += way[i][d];
      }
      const auto further = change(point);
      for (unsigned int d = 0; d < TField::ImageDimension; ++d)
      {
        voxels[i][d] = static_cast<typename TField::PixelType::ValueType>(way[i][d] + further[d]);
      }
    }
  });
  return composed;
}

template <typename TField>
Vector<double, TField::ImageDimension>
RefineInverse(const DisplacementSampler<TField> &            forward,
              const Point<double, TField::ImageDimension> &  y,
              const Vector<double, TField::ImageDimension> & w,
              double                                         tolerance)
{
  using MatrixType = typename DisplacementSampler<TField>::MatrixType;
  constexpr unsigned int maximumNumberOfIterations = 10;
  constexpr unsigned int maximumNumberOfHalvings = 3;
  MatrixType             jacobian;
  auto                   best = w;
  auto                   residual = best + forward.Evaluate(y + best, jacobian);
  for (unsigned int i = 0;
       i < maximumNumberOfIterations && residual.GetNorm() > tolerance && forward.IsInside(y + best);
       ++i)
  {
    // Where the map folds its derivative leads nowhere; half the residual is a step of the damped fixed-point
    // iteration.
    const bool isSound = vnl_determinant(jacobian.GetVnlMatrix().as_matrix()) > 0.0;
    auto       step = isSound ? MatrixType(vnl_inverse(jacobian.GetVnlMatrix())) * residual : residual * 0.5;
    bool       closer = false;
    for (unsigned int halving = 0; halving <= maximumNumberOfHalvings && !closer; ++halving, step *= 0.5)
    {
      MatrixType there;
      const auto next = best - step;
      const auto left = next + forward.Evaluate(y + next, there);
      closer = left.GetNorm() < residual.GetNorm();
      if (closer)
      {
        best = next;
        residual = left;
        jacobian = there;
      }
    }
    if (!closer)
    {
      break;
    }
  }
  return best;
}

template <typename TField>
typename TField::Pointer
InvertField(const TField * field, const TField * estimate, double tolerance)
{
  const DisplacementSampler<TField> forward(field);
  const DisplacementSampler<TField> begin(estimate);
  const auto &                      spacing = estimate->GetSpacing();
  const double                      close = tolerance * *std::min_element(spacing.Begin(), spacing.End());
  return MakeField<TField>(*estimate, [&](const Point<double, TField::ImageDimension> & y) {
    return RefineInverse(forward, y, begin(y), close);
  });
}

template <typename TImage>
void
KeepAboveMinimum(const TImage * original, TImage * smoothed)
{
  const auto * first = original->GetBufferPointer();
  const auto   minimum = *std::min_element(first, first + original->GetBufferedRegion().GetNumberOfPixels());
  auto * const voxels = smoothed->GetBufferPointer();
  const auto   count = smoothed->GetBufferedRegion().GetNumberOfPixels();
  std::for_each(voxels, voxels + count, [minimum](auto & voxel) { voxel = std::max(voxel, minimum); });
}

template <typename TImage>
typename TImage::Pointer
SmoothByGaussian(const TImage * image, const FixedArray<double, TImage::ImageDimension> & sigmas)
{
  if (std::all_of(sigmas.Begin(), sigmas.End(), [](double sigma) { return !(sigma > 0.0); }))
  {
    return CopyImage(image);
  }
  using FilterType = SmoothingRecursiveGaussianImageFilter<TImage, TImage>;
  typename FilterType::SigmaArrayType array;
  std::copy(sigmas.Begin(), sigmas.End(), array.Begin());
  const auto filter = FilterType::New();
  filter->SetInput(image);
  filter->SetSigmaArray(array);
  filter->Update();
  const typename TImage::Pointer output = filter->GetOutput();
  output->DisconnectPipeline();
  return output;
}

template <typename TImage>
typename TImage::Pointer
SmoothByGaussian(const TImage * image, double sigma)
{
  FixedArray<double, TImage::ImageDimension> sigmas;
  sigmas.Fill(sigma);
  return SmoothByGaussian(image, sigmas);
}

} // namespace Sinkhorn
} // namespace itk

#endif
