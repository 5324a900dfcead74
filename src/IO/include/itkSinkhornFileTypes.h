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
#ifndef itkSinkhornFileTypes_h
#define itkSinkhornFileTypes_h

#include "itkSinkhornRegistrationStage.h"
#include "itkSinkhornRegistrationTypes.h"

namespace itk
{
/** \namespace itk::SinkhornIO
 * \brief Files of images, landmarks, shapes and transforms: read with care, and written whole or not at all.
 *
 * Of the library SinkhornIO, which links ITK's readers and writers and assimp. Coordinates are mm, LPS, where a
 * function does not say otherwise. Whatever is wrong with a file is a UsageError that names the file, what was found,
 * and the remedy. */
namespace SinkhornIO
{

using SinkhornRegistration::FieldType;
using SinkhornRegistration::ImageType;
using SinkhornRegistration::LabelImageType;
using SinkhornRegistration::MaskImageType;
using SinkhornRegistration::UsageError;

} // namespace SinkhornIO
} // namespace itk

#endif
