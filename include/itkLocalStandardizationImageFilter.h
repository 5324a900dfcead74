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
#ifndef itkLocalStandardizationImageFilter_h
#define itkLocalStandardizationImageFilter_h

#include "itkImageToImageFilter.h"
#include "itkSinkhornCompatibility.h"

namespace itk
{

/** \class LocalStandardizationImageFilter
 * \brief Brings the intensities around every voxel to mean 0 and variance 1.
 *
 * Mean squares of such images compare structure, not brightness: up to a factor what local correlation measures, at the
 * price of a few convolutions. "Around" is a Gaussian of standard deviation Sigma; local mean and variance are
 * normalised convolutions within the mask (Knutsson and Westin, CVPR 1993). What varies less than the image does by
 * QuietPart (a part of its standard deviation) is taken for noise and stays small. Voxels outside the mask become 0.
 *
 * A factor on the intensities or a constant added to them changes nothing but for rounding.
 *
 * \ingroup Sinkhorn
 */
template <typename TInputImage,
          typename TOutputImage = TInputImage,
          typename TMaskImage = Image<unsigned char, TInputImage::ImageDimension>>
class ITK_TEMPLATE_EXPORT LocalStandardizationImageFilter : public ImageToImageFilter<TInputImage, TOutputImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(LocalStandardizationImageFilter);

  using Self = LocalStandardizationImageFilter;
  using Superclass = ImageToImageFilter<TInputImage, TOutputImage>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(LocalStandardizationImageFilter, ImageToImageFilter);

  static constexpr unsigned int ImageDimension = TInputImage::ImageDimension;
  using MaskImageType = TMaskImage;

  /** Voxels above 0 take part; on the grid of the input. Default: none, and all do. */
  itkSetInputMacro(MaskImage, MaskImageType);
  itkGetInputMacro(MaskImage, MaskImageType);

  /** Standard deviation of the Gaussian, mm. Default 16. */
  itkSetClampMacro(Sigma, double, 1e-6, NumericTraits<double>::max());
  itkGetConstMacro(Sigma, double);

  /** Default 0.1. */
  itkSetClampMacro(QuietPart, double, 1e-6, 1.0);
  itkGetConstMacro(QuietPart, double);

protected:
  LocalStandardizationImageFilter();
  ~LocalStandardizationImageFilter() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;
  void
  GenerateInputRequestedRegion() override;
  void
  EnlargeOutputRequestedRegion(DataObject * output) override;
  void
  GenerateData() override;

private:
  double m_Sigma{ 16.0 };
  double m_QuietPart{ 0.1 };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkLocalStandardizationImageFilter.hxx"
#endif

#endif
