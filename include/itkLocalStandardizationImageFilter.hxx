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
#ifndef itkLocalStandardizationImageFilter_hxx
#define itkLocalStandardizationImageFilter_hxx

#include "itkLocalStandardizationImageFilter.h"

#include "itkSinkhornFieldAlgebra.h"

#include <algorithm>
#include <cmath>

namespace itk
{

template <typename TInputImage, typename TOutputImage, typename TMaskImage>
LocalStandardizationImageFilter<TInputImage, TOutputImage, TMaskImage>::LocalStandardizationImageFilter()
{
  this->AddOptionalInputName("MaskImage");
}

template <typename TInputImage, typename TOutputImage, typename TMaskImage>
void
LocalStandardizationImageFilter<TInputImage, TOutputImage, TMaskImage>::GenerateInputRequestedRegion()
{
  Superclass::GenerateInputRequestedRegion();
  const_cast<TInputImage *>(this->GetInput())->SetRequestedRegionToLargestPossibleRegion();
  if (this->GetMaskImage())
  {
    const_cast<TMaskImage *>(this->GetMaskImage())->SetRequestedRegionToLargestPossibleRegion();
  }
}

template <typename TInputImage, typename TOutputImage, typename TMaskImage>
void
LocalStandardizationImageFilter<TInputImage, TOutputImage, TMaskImage>::EnlargeOutputRequestedRegion(
  DataObject * output)
{
  output->SetRequestedRegionToLargestPossibleRegion();
}

template <typename TInputImage, typename TOutputImage, typename TMaskImage>
void
LocalStandardizationImageFilter<TInputImage, TOutputImage, TMaskImage>::GenerateData()
{
  using RealImageType = Image<double, ImageDimension>;
  this->AllocateOutputs();
  const TInputImage * const image = this->GetInput();
  const TMaskImage * const  mask = this->GetMaskImage();
  const auto                count = image->GetBufferedRegion().GetNumberOfPixels();
  const auto *              in = image->GetBufferPointer();
  const auto *              marks = mask ? mask->GetBufferPointer() : nullptr;
  auto * const              out = this->GetOutput()->GetBufferPointer();
  const auto                isInside = [marks](SizeValueType i) { return !marks || marks[i] > 0; };
  double                    sum = 0.0;
  double                    sumOfSquares = 0.0;
  SizeValueType             number = 0;
  for (SizeValueType i = 0; i < count; ++i)
  {
    if (isInside(i))
    {
      const auto value = static_cast<double>(in[i]);
      sum += value;
      sumOfSquares += value * value;
      ++number;
    }
  }
  std::fill_n(out, count, typename TOutputImage::PixelType{});
  if (number == 0)
  {
    return;
  }
  // Around the global mean, so that squares do not cancel.
  const double mean = sum / static_cast<double>(number);
  const double variance = std::max(0.0, sumOfSquares / static_cast<double>(number) - mean * mean);
  const double floor = m_QuietPart * m_QuietPart * variance;
  const auto   weight = Sinkhorn::MakeImageOn<RealImageType>(image);
  const auto   first = Sinkhorn::MakeImageOn<RealImageType>(image);
  const auto   second = Sinkhorn::MakeImageOn<RealImageType>(image);
  for (SizeValueType i = 0; i < count; ++i)
  {
    const double value = isInside(i) ? static_cast<double>(in[i]) - mean : 0.0;
    weight->GetBufferPointer()[i] = isInside(i) ? 1.0 : 0.0;
    first->GetBufferPointer()[i] = value;
    second->GetBufferPointer()[i] = value * value;
  }
  const auto     smoothWeight = Sinkhorn::SmoothByGaussian<RealImageType>(weight, m_Sigma);
  const auto     smoothFirst = Sinkhorn::SmoothByGaussian<RealImageType>(first, m_Sigma);
  const auto     smoothSecond = Sinkhorn::SmoothByGaussian<RealImageType>(second, m_Sigma);
  const double * w = smoothWeight->GetBufferPointer();
  const double * s = smoothFirst->GetBufferPointer();
  const double * q = smoothSecond->GetBufferPointer();
  for (SizeValueType i = 0; i < count; ++i)
  {
    if (isInside(i) && w[i] > 0.0 && floor > 0.0)
    {
      const double local = s[i] / w[i];
      const double spread = std::max(0.0, q[i] / w[i] - local * local) + floor;
      out[i] =
        static_cast<typename TOutputImage::PixelType>((static_cast<double>(in[i]) - mean - local) / std::sqrt(spread));
    }
  }
}

template <typename TInputImage, typename TOutputImage, typename TMaskImage>
void
LocalStandardizationImageFilter<TInputImage, TOutputImage, TMaskImage>::PrintSelf(std::ostream & os,
                                                                                  Indent         indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "Sigma: " << m_Sigma << std::endl;
  os << indent << "QuietPart: " << m_QuietPart << std::endl;
}

} // namespace itk

#endif
