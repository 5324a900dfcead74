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
#ifndef itkSinkhornRegistrationTypes_h
#define itkSinkhornRegistrationTypes_h

#include "itkImage.h"
#include "itkImageMaskSpatialObject.h"

#include <cstdint>

namespace itk
{
namespace SinkhornRegistration
{

template <unsigned int VDimension>
using ImageType = Image<float, VDimension>;
/** Structure numbers of atlases need all 32 bits. */
template <unsigned int VDimension>
using LabelImageType = Image<std::uint32_t, VDimension>;
template <unsigned int VDimension>
using MaskImageType = Image<unsigned char, VDimension>;
template <unsigned int VDimension>
using MaskType = ImageMaskSpatialObject<VDimension>;
/** Displacements, mm. */
template <unsigned int VDimension>
using FieldType = Image<Vector<double, VDimension>, VDimension>;

} // namespace SinkhornRegistration
} // namespace itk

#endif
