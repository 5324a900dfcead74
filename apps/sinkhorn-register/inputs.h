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
#ifndef sinkhornRegisterInputs_h
#define sinkhornRegisterInputs_h

#include "options.h"

#include "itkCompositeTransform.h"
#include "itkSinkhornImageReading.h"
#include "itkSinkhornLandmarkPairs.h"
#include "itkSinkhornRegistrationEngine.h"
#include "itkTranslationTransform.h"

namespace SinkhornRegister
{

/** What was read, as it is registered: slices in their plane, the moving image where --initialize centers put it. */
template <unsigned int VDimension>
struct Inputs : ImagePair<VDimension>
{
  using TransformType = itk::CompositeTransform<double, VDimension>;

  typename LabelImageType<VDimension>::Pointer FixedLabels;
  typename LabelImageType<VDimension>::Pointer MovingLabels;
  FileFacts                                    MovingLabelFacts;
  /** As they lie in their files, but for the plane. */
  Landmarks<VDimension> FixedLandmarks;
  Landmarks<VDimension> MovingLandmarks;
  /** What a user should know about the landmarks. */
  std::vector<std::string> Notices;
  SlicePlane               Plane;
  /** From the moving image as it is registered to where it lies in its file, mm. */
  itk::Vector<double, VDimension> Shift;

  /** The identity between the files, as it is between the images as they are registered. */
  typename itk::TranslationTransform<double, VDimension>::Pointer
  MapFromFile() const;

  /** \a transform, and then on to where the moving image lies in its file. */
  typename TransformType::Pointer
  MapToFile(const TransformType * transform) const;
};

/** Reads everything that the options name. \exception UsageError for what can't be registered. */
template <unsigned int VDimension>
Inputs<VDimension>
ReadInputs(const Options & options, const FileFacts & fixed, const FileFacts & moving);

} // namespace SinkhornRegister

#endif
