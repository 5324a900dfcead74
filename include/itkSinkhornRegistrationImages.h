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
#ifndef itkSinkhornRegistrationImages_h
#define itkSinkhornRegistrationImages_h

#include "itkSinkhornRegistrationReport.h"
#include "itkSinkhornRegistrationStage.h"
#include "itkSinkhornRegistrationTypes.h"

#include "itkTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** Displacement T(x) − x, mm, at every voxel of the grid of \a reference. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename FieldType<VDimension>::Pointer
SampleDisplacement(const Transform<double, VDimension, VDimension> * transform,
                   const ImageType<VDimension> *                     reference);

template <unsigned int VDimension>
Sinkhorn_EXPORT Folding
MeasureFolding(const FieldType<VDimension> * field);

/** Least determinant of the Jacobian of x ↦ x + field(x) at every voxel, by the strict criterion. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename ImageType<VDimension>::Pointer
ComputeJacobian(const FieldType<VDimension> * field);

/** The same by central differences. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename ImageType<VDimension>::Pointer
ComputeCentralJacobian(const FieldType<VDimension> * field);

/** Image on the grid of \a reference whose value at x is that of \a moving at T(x): linear interpolation, \a outside
 * where T(x) leaves the moving image. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename ImageType<VDimension>::Pointer
WarpImage(const ImageType<VDimension> *                     moving,
          const Transform<double, VDimension, VDimension> * transform,
          const ImageType<VDimension> *                     reference,
          float                                             outside,
          bool                                              nearest);

/** A density where a map takes it: \f$M(T(x))\,\det J(x)\f$, whose mass is that of \a moving (of what the grid shows);
 * determinants by central differences, 0 where they are negative and outside of \a moving. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename ImageType<VDimension>::Pointer
WarpDensity(const ImageType<VDimension> *                     moving,
            const Transform<double, VDimension, VDimension> * transform,
            const ImageType<VDimension> *                     grid);

/** The same for labels and masks: nearest neighbour, 0 outside. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename LabelImageType<VDimension>::Pointer
WarpLabels(const LabelImageType<VDimension> *                moving,
           const Transform<double, VDimension, VDimension> * transform,
           const ImageType<VDimension> *                     reference);

template <unsigned int VDimension>
Sinkhorn_EXPORT typename MaskImageType<VDimension>::Pointer
WarpMask(const MaskImageType<VDimension> *                 moving,
         const Transform<double, VDimension, VDimension> * transform,
         const ImageType<VDimension> *                     reference);

/** What lies outside an image: the value of its border where that is even and bright, as around a slide; else the
 * smallest. */
template <unsigned int VDimension>
Sinkhorn_EXPORT float
FindOutside(const ImageType<VDimension> * image);

/** Median over the outermost voxels. */
template <unsigned int VDimension>
Sinkhorn_EXPORT float
FindBorder(const ImageType<VDimension> * image);

/** The images that the metric compares, from the images as they were read.
 *
 * For sinkhorn: mass densities as \a density says, 0 outside the mask, with a total above 0. For the other metrics:
 * the window if one was chosen; otherwise the intensities, to which the caller adds what it likes.
 * \exception UsageError for negative densities under "as-is" (below 0 by a millionth of the largest at most counts as
 * 0) and for a total of 0. */
template <unsigned int VDimension>
Sinkhorn_EXPORT typename ImageType<VDimension>::Pointer
MakeDensity(const ImageType<VDimension> *     image,
            const MaskImageType<VDimension> * mask,
            const DensityRule &               density,
            bool                              asMass,
            const std::string &               role);

} // namespace SinkhornRegistration
} // namespace itk

#endif
