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
#ifndef itkSinkhornRegistrationSampling_h
#define itkSinkhornRegistrationSampling_h

#include "itkSinkhornRegistrationTypes.h"

#include "itkTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** The frame of an image with at most about \a mostVoxels voxels, as long as they are wide where the image's are not
 * longer already; no axis gets fewer than 8, unless the image has fewer. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
MakeSmallGrid(const ImageType<VDimension> * image, double mostVoxels);

/** What an image, smoothed to the spacing of a grid, shows there under a map; 0 outside. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
SampleSmoothed(const ImageType<VDimension> *                     image,
               const ImageType<VDimension> *                     grid,
               const Transform<double, VDimension, VDimension> * transform);

} // namespace SinkhornRegistration
} // namespace itk

#endif
