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
#ifndef itkSinkhornRegistrationSimilarity_h
#define itkSinkhornRegistrationSimilarity_h

#include "itkSinkhornParallel.h"
#include "itkSinkhornRegistrationEngine.h"

#include "itkMultiThreaderBase.h"
#include "itkTransform.h"

#include <algorithm>
#include <atomic>

namespace itk
{
namespace SinkhornRegistration
{

/** How well a map brings two images together, independently of the metric that found it: the mutual information, nats,
 * of the fixed image's intensities (32 bins, voxels inside its mask) and of what T(x) finds in the moving image, where
 * "nothing", outside of the moving image or its mask, is one more bin. It knows no contrast, no scale and no shift of
 * intensities, and leaving the moving image does not pay. */
template <unsigned int VDimension>
double
MeasureSimilarity(const ImageType<VDimension> *                     fixed,
                  const ImageType<VDimension> *                     moving,
                  const MaskImageType<VDimension> *                 fixedMask,
                  const MaskImageType<VDimension> *                 movingMask,
                  const Transform<double, VDimension, VDimension> * transform);

/** The same for densities whose mass is conserved: the part of the mass, from 0 to 1, that M(T(x)) det J(x) and the
 * fixed density have in common, both normalised. */
template <unsigned int VDimension>
double
MeasureMassOverlap(const ImageType<VDimension> *                     fixed,
                   const ImageType<VDimension> *                     moving,
                   const Transform<double, VDimension, VDimension> * transform);

/** The same for label maps: the mean over all labels but 0 and UnknownLabel of the Dice overlap (2 A∩B / (A + B)) of
 * the fixed map and of what T(x) finds in the moving one, the nearest voxel. */
template <unsigned int VDimension>
double
MeasureOverlap(const LabelImageType<VDimension> *                fixed,
               const LabelImageType<VDimension> *                moving,
               const Transform<double, VDimension, VDimension> * transform);

/** A map of other names, by label from 0 on; labels beyond keep theirs. Without names it is the map itself. */
template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
RenameLabels(LabelImageType<VDimension> * map, const std::vector<std::uint32_t> & names);

/** How well a map brings a pair together, whatever the metric: mutual information, of label maps the mean overlap of
 * the labels; those between which mass can go are one. */
template <unsigned int VDimension>
double
MeasureSimilarityOf(const ImagePair<VDimension> & images, const Transform<double, VDimension, VDimension> * map)
{
  return images.FixedLabelMap
           ? MeasureOverlap<VDimension>(RenameLabels<VDimension>(images.FixedLabelMap, images.Links.Groups),
                                        RenameLabels<VDimension>(images.MovingLabelMap, images.Links.Groups),
                                        map)
           : MeasureSimilarity<VDimension>(images.Fixed, images.Moving, images.FixedMask, images.MovingMask, map);
}

/** Whether two maps differ by less than a part of a voxel everywhere on \a grid: by less than a quarter, interpolation
 * alone decides which one is more similar. */
template <unsigned int VDimension>
bool
AreClose(const Transform<double, VDimension, VDimension> * one,
         const Transform<double, VDimension, VDimension> * other,
         const ImageType<VDimension> *                     grid,
         double                                            negligible = 0.25)
{
  const double      voxel = *std::min_element(grid->GetSpacing().Begin(), grid->GetSpacing().End());
  std::atomic<bool> areClose{ true };
  Sinkhorn::ForEachChunk(grid->GetBufferedRegion().GetNumberOfPixels(),
                         MultiThreaderBase::GetGlobalDefaultNumberOfThreads(),
                         [&](SizeValueType begin, SizeValueType end) {
                           for (SizeValueType i = begin; i < end && areClose; ++i)
                           {
                             typename ImageType<VDimension>::PointType point;
                             grid->TransformIndexToPhysicalPoint(grid->ComputeIndex(static_cast<OffsetValueType>(i)),
                                                                 point);
                             const auto way = one->TransformPoint(point) - other->TransformPoint(point);
                             if (!(way.GetNorm() < negligible * voxel))
                             {
                               areClose = false;
                             }
                           }
                         });
  return areClose;
}

/** Whether both images show the same, up to a factor and rounding: their voxels lie upon each other, and those that
 * both have, at least half of the smaller image (two windows of one scan), are equal. */
template <unsigned int VDimension>
bool
AreEqual(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving);

/** The same for labels, whose numbers have to be equal. */
template <unsigned int VDimension>
bool
AreEqualLabels(const LabelImageType<VDimension> * fixed, const LabelImageType<VDimension> * moving);

} // namespace SinkhornRegistration
} // namespace itk

#endif
