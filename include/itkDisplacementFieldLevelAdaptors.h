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
#ifndef itkDisplacementFieldLevelAdaptors_h
#define itkDisplacementFieldLevelAdaptors_h

#include "itkDisplacementFieldTransform.h"
#include "itkDisplacementFieldTransformParametersAdaptor.h"
#include "itkObjectFactory.h"
#include "itkSinkhornCompatibility.h"
#include "itkShrinkImageFilter.h"
#include "itkSyNImageRegistrationMethod.h"

namespace itk
{

/** \class DisplacementFieldLevelAdaptors
 * \brief Lets SyN run on several levels.
 *
 * SyNImageRegistrationMethod needs, for every level, an adaptor that resamples the field onto the
 * level's grid; without them a second level fails with "Inputs do not occupy the same physical space". In C++ this is a
 * loop over DisplacementFieldTransformParametersAdaptor; ITK's Python package has neither that class nor a way to pass
 * a list of them. Call Apply() after the registration's levels and shrink factors are set.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT DisplacementFieldLevelAdaptors : public Object
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(DisplacementFieldLevelAdaptors);

  /** Standard class type aliases. */
  using Self = DisplacementFieldLevelAdaptors;
  using Superclass = Object;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(DisplacementFieldLevelAdaptors, Object);

  using ImageType = TImage;
  using RegistrationType = SyNImageRegistrationMethod<TImage, TImage>;
  static constexpr unsigned int ImageDimension = ImageType::ImageDimension;

  /** \param registration gets one adaptor for each of its levels.
   * \param image image that defines the grid at a shrink factor of 1: the fixed one. */
  void
  Apply(RegistrationType * registration, const ImageType * image) const
  {
    using FieldTransformType = DisplacementFieldTransform<double, ImageDimension>;
    using AdaptorType = DisplacementFieldTransformParametersAdaptor<FieldTransformType>;
    typename RegistrationType::TransformParametersAdaptorsContainerType adaptors;
    for (SizeValueType level = 0; level < registration->GetNumberOfLevels(); ++level)
    {
      auto shrink = ShrinkImageFilter<ImageType, ImageType>::New();
      shrink->SetInput(image);
      shrink->SetShrinkFactors(registration->GetShrinkFactorsPerDimension(static_cast<unsigned int>(level)));
      shrink->UpdateOutputInformation();
      const ImageType * grid = shrink->GetOutput();
      auto              adaptor = AdaptorType::New();
      adaptor->SetRequiredSpacing(grid->GetSpacing());
      adaptor->SetRequiredSize(grid->GetLargestPossibleRegion().GetSize());
      adaptor->SetRequiredDirection(grid->GetDirection());
      adaptor->SetRequiredOrigin(grid->GetOrigin());
      adaptors.push_back(adaptor);
    }
    registration->SetTransformParametersAdaptorsPerLevel(adaptors);
  }

protected:
  DisplacementFieldLevelAdaptors() = default;
  ~DisplacementFieldLevelAdaptors() override = default;
};

} // namespace itk

#endif
