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
#ifndef sinkhornRegisterSmoothing_h
#define sinkhornRegisterSmoothing_h

#include "images.h"

#include "itkImageDuplicator.h"
#include "itkImageRegionConstIterator.h"
#include "itkImageRegionIterator.h"
#include "itkSmoothingRecursiveGaussianImageFilter.h"

namespace SinkhornRegister
{

/** An image that holds 0 on the grid of another. */
template <typename TImage>
typename TImage::Pointer
MakeImageOn(const itk::ImageBase<TImage::ImageDimension> * grid)
{
  const auto image = TImage::New();
  image->CopyInformation(grid);
  image->SetRegions(grid->GetBufferedRegion());
  image->Allocate(true);
  return image;
}

/** A mask that is 1 on the whole of \a image. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
MakeFullMask(const ImageType<VDimension> * image)
{
  const auto mask = MakeImageOn<MaskImageType<VDimension>>(image);
  mask->FillBuffer(1);
  return mask;
}

/** one + factor · other, voxel by voxel. */
template <typename TImage>
typename TImage::Pointer
AddScaled(const TImage * one, const TImage * other, double factor)
{
  const auto                            sum = MakeImageOn<TImage>(one);
  itk::ImageRegionConstIterator<TImage> first(one, one->GetBufferedRegion());
  itk::ImageRegionConstIterator<TImage> second(other, other->GetBufferedRegion());
  for (itk::ImageRegionIterator<TImage> it(sum, sum->GetBufferedRegion()); !it.IsAtEnd(); ++it, ++first, ++second)
  {
    it.Set(first.Get() + second.Get() * factor);
  }
  return sum;
}

/** Convolution of an image or a field with a Gaussian. \param sigmas standard deviation along each axis, mm. */
template <typename TImage>
typename TImage::Pointer
SmoothByGaussian(const TImage *                                                                              image,
                 const typename itk::SmoothingRecursiveGaussianImageFilter<TImage, TImage>::SigmaArrayType & sigmas)
{
  const auto filter = itk::SmoothingRecursiveGaussianImageFilter<TImage, TImage>::New();
  filter->SetInput(image);
  filter->SetSigmaArray(sigmas);
  filter->Update();
  const typename TImage::Pointer output = filter->GetOutput();
  output->DisconnectPipeline();
  return output;
}

/** The same along all axes. \param sigma mm; 0: a copy. */
template <typename TImage>
typename TImage::Pointer
SmoothByGaussian(const TImage * image, double sigma)
{
  if (sigma <= 0.0)
  {
    const auto duplicator = itk::ImageDuplicator<TImage>::New();
    duplicator->SetInputImage(image);
    duplicator->Update();
    return duplicator->GetOutput();
  }
  typename itk::SmoothingRecursiveGaussianImageFilter<TImage, TImage>::SigmaArrayType sigmas;
  sigmas.Fill(sigma);
  return SmoothByGaussian(image, sigmas);
}

} // namespace SinkhornRegister

#endif
