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
#ifndef itkSinkhornRegistrationExclusions_h
#define itkSinkhornRegistrationExclusions_h

#include "itkSinkhornRegistrationEngine.h"

namespace itk
{
namespace SinkhornRegistration
{

/** What is not to be compared, taken out of the masks; holes of masks, which say the same, are added to it. */
template <unsigned int VDimension>
ImagePair<VDimension>
ApplyExclusions(const ImagePair<VDimension> & images);

/** What is not to be compared in one image, taken out of the mask of the other one, too, under a map between them: mass
 * that has no counterpart there would be carried away to fill the hole. \param map fixed to moving points; without an
 * inverse, what the fixed image excludes stays in the moving one. Call after ApplyExclusions(). */
template <unsigned int VDimension>
ImagePair<VDimension>
ShareExclusions(const ImagePair<VDimension> & images, const Transform<double, VDimension, VDimension> * map);

/** Takes more out of the masks, and adds it to what is not to be compared. \param fixed, moving 1 there; nullptr:
 * nothing. Call after ApplyExclusions(). */
template <unsigned int VDimension>
ImagePair<VDimension>
ExcludeMore(const ImagePair<VDimension> &     images,
            const MaskImageType<VDimension> * fixed,
            const MaskImageType<VDimension> * moving);

} // namespace SinkhornRegistration
} // namespace itk

#endif
