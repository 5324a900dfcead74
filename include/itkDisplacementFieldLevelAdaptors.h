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
#include "itkTimeVaryingVelocityFieldImageRegistrationMethodv4.h"
#include "itkTimeVaryingVelocityFieldTransform.h"
#include "itkTimeVaryingVelocityFieldTransformParametersAdaptor.h"

namespace itk
{

/** \class DisplacementFieldLevelAdaptors
 * \brief Lets SyN and the time-varying velocity field method run on several levels.
 *
 * Both need, for every level, an adaptor that resamples their field onto the level's grid; without them a second level
 * of SyN fails with "Inputs do not occupy the same physical space". In C++ this is a loop over
 * DisplacementFieldTransformParametersAdaptor or its sibling; ITK's Python package has neither these classes nor a way
 * to pass a list of them. Call Apply() after the registration's levels, shrink factors and initial transform are set.
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
  using VelocityFieldRegistrationType = TimeVaryingVelocityFieldImageRegistrationMethodv4<TImage, TImage>;
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
      const auto grid = ShrinkGrid(image, registration->GetShrinkFactorsPerDimension(static_cast<unsigned int>(level)));
      auto       adaptor = AdaptorType::New();
      adaptor->SetRequiredSpacing(grid->GetSpacing());
      adaptor->SetRequiredSize(grid->GetLargestPossibleRegion().GetSize());
      adaptor->SetRequiredDirection(grid->GetDirection());
      adaptor->SetRequiredOrigin(grid->GetOrigin());
      adaptors.push_back(adaptor);
    }
    registration->SetTransformParametersAdaptorsPerLevel(adaptors);
  }

  /** The same for a time-varying velocity field; the points in time stay those of the initial transform's field.
   * \exception itk::ExceptionObject if the initial transform is no TimeVaryingVelocityFieldTransform<double, dimension>
   * with a field. */
  void
  Apply(VelocityFieldRegistrationType * registration, const ImageType * image) const
  {
    using FieldTransformType = TimeVaryingVelocityFieldTransform<double, ImageDimension>;
    using AdaptorType = TimeVaryingVelocityFieldTransformParametersAdaptor<FieldTransformType>;
    const auto * transform = dynamic_cast<const FieldTransformType *>(registration->GetInitialTransform());
    const auto * field = transform ? transform->GetVelocityField() : nullptr;
    if (!field)
    {
      itkExceptionMacro(
        "The registration's initial transform must be a TimeVaryingVelocityFieldTransform with a field.");
    }
    typename VelocityFieldRegistrationType::TransformParametersAdaptorsContainerType adaptors;
    for (SizeValueType level = 0; level < registration->GetNumberOfLevels(); ++level)
    {
      const auto grid = ShrinkGrid(image, registration->GetShrinkFactorsPerDimension(static_cast<unsigned int>(level)));
      auto       spacing = field->GetSpacing();
      auto       size = field->GetLargestPossibleRegion().GetSize();
      auto       direction = field->GetDirection();
      auto       origin = field->GetOrigin();
      for (unsigned int axis = 0; axis < ImageDimension; ++axis)
      {
        spacing[axis] = grid->GetSpacing()[axis];
        size[axis] = grid->GetLargestPossibleRegion().GetSize(axis);
        origin[axis] = grid->GetOrigin()[axis];
        for (unsigned int column = 0; column < ImageDimension; ++column)
        {
          direction(axis, column) = grid->GetDirection()(axis, column);
        }
      }
      auto adaptor = AdaptorType::New();
      adaptor->SetRequiredSpacing(spacing);
      adaptor->SetRequiredSize(size);
      adaptor->SetRequiredDirection(direction);
      adaptor->SetRequiredOrigin(origin);
      adaptors.push_back(adaptor);
    }
    registration->SetTransformParametersAdaptorsPerLevel(adaptors);
  }

protected:
  DisplacementFieldLevelAdaptors() = default;
  ~DisplacementFieldLevelAdaptors() override = default;

private:
  /** The image's grid on a level; it has no voxels. */
  template <typename TFactors>
  static typename ImageType::Pointer
  ShrinkGrid(const ImageType * image, const TFactors & factors)
  {
    auto shrink = ShrinkImageFilter<ImageType, ImageType>::New();
    shrink->SetInput(image);
    shrink->SetShrinkFactors(factors);
    shrink->UpdateOutputInformation();
    typename ImageType::Pointer grid = shrink->GetOutput();
    grid->DisconnectPipeline();
    return grid;
  }
};

} // namespace itk

#endif
