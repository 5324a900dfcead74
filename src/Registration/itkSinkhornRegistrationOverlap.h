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
#ifndef itkSinkhornRegistrationOverlap_h
#define itkSinkhornRegistrationOverlap_h

#include "itkSinkhornRegistrationTypes.h"
#include "itkSinkhornWorkingGrid.h"

#include "itkTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** Takes the grid back to the middle of the box in which both images have voxels, without a margin, for images that
 * show more than their frames hold: what one frame cuts off the other must not be compared with nothing.
 *
 * \param toMoving where a point of the fixed image lies in the moving one.
 *
 * \return whether there is a common box of at least an eighth of the smaller frame; else the grid stays as it is. */
template <unsigned int VDimension>
bool
CropToOverlap(Sinkhorn::WorkingGrid<VDimension> &               grid,
              const ImageType<VDimension> *                     fixed,
              const ImageType<VDimension> *                     moving,
              const Transform<double, VDimension, VDimension> * toMoving);

} // namespace SinkhornRegistration
} // namespace itk

#endif
