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
#ifndef sinkhornRegisterLimits_h
#define sinkhornRegisterLimits_h

#include "images.h"

namespace SinkhornRegister
{

/** Refuses settings that no registration of these images can mean: lengths below what a voxel can show or beyond what
 * the images span, steps and neighbourhoods larger than an image, levels with hardly a voxel.
 * \exception UsageError that names the setting, its value, what is allowed and why. */
template <unsigned int VDimension>
void
CheckLimits(const Options & options, const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving);

} // namespace SinkhornRegister

#endif
