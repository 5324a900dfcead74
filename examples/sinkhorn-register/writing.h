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
#ifndef sinkhornRegisterWriting_h
#define sinkhornRegisterWriting_h

#include "evaluation.h"

#include "itkCompositeTransform.h"

#include <string>

namespace SinkhornRegister
{

/** In the voxel type of the file that was warped if it has 8 or 16 bits, else float. Linear interpolation does not
 * leave the range of that type. */
template <unsigned int VDimension>
void
WriteWarped(const ImageType<VDimension> * image, const std::string & componentType, const std::string & path);

/** Displacements in single precision. */
template <unsigned int VDimension>
void
WriteDisplacement(const FieldType<VDimension> * field, const std::string & path);

template <unsigned int VDimension>
void
WriteTransform(const itk::CompositeTransform<double, VDimension> * transform, const std::string & path);

} // namespace SinkhornRegister

#endif
