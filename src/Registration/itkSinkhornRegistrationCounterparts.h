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
#ifndef itkSinkhornRegistrationCounterparts_h
#define itkSinkhornRegistrationCounterparts_h

#include "itkSinkhornRegistrationEngine.h"

#include "itkTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** What one image of a pair shows and the other does not. */
template <unsigned int VDimension>
struct UnmatchedParts
{
  /** 1 where there is such a thing; nullptr if there is none. On the grids of the images. */
  typename MaskImageType<VDimension>::Pointer Fixed;
  typename MaskImageType<VDimension>::Pointer Moving;
  /** How much of what the images show, from 0 to 1. */
  double FixedPart{ 0.0 };
  double MovingPart{ 0.0 };
};

/** Finds what one image alone shows, as a tumour, a resection or an artefact, under a map that brings the images
 * roughly together.
 *
 * In each image by itself: where something is shown in either image and masks allow to compare, the median of the
 * intensities, given those that the map finds in the other image (32 bins), is what is expected; the residual is
 * standardised by 1.48 times the median of its absolute values, but no less than a twentieth of the range from the 10th
 * to the 90th percentile. Both images are smoothed by a voxel. Residuals of more than 4 are outliers (robust location
 * and scale: Rousseeuw and Croux, JASA 1993). Those along edges that the map has not brought together yet
 * are thin; what remains are boxes in which nine of ten voxels are outliers, with edges of 7 voxels or 6 % of the
 * longest side, whichever is more, and 2 voxels around.
 *
 * Where outliers are more than half of what is shown, the map is wrong and nothing is said of counterparts.
 * \param transform fixed to moving points; without an inverse, the moving image is not searched. */
template <unsigned int VDimension>
UnmatchedParts<VDimension>
FindUnmatchedParts(const Plan &                                      plan,
                   const ImagePair<VDimension> &                     images,
                   const Transform<double, VDimension, VDimension> * transform);

} // namespace SinkhornRegistration
} // namespace itk

#endif
