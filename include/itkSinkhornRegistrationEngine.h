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
#ifndef itkSinkhornRegistrationEngine_h
#define itkSinkhornRegistrationEngine_h

#include "itkSinkhornRegistrationListener.h"
#include "itkSinkhornRegistrationPlan.h"
#include "itkSinkhornRegistrationReport.h"
#include "itkSinkhornRegistrationTypes.h"

#include "itkCompositeTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** What finite distances between labels come to, for the numbers that label maps have for a registration. */
struct LabelLinks
{
  /** See Sinkhorn::LabelCosts; empty: infinite, and then there is nothing else. */
  std::vector<double> Costs;
  /** By number, from 0 on: the number in a stage that compares label by label, where a label that only one map has is
   * the one of the other map that it is closest to. */
  std::vector<std::uint32_t> Names;
  /** By number, from 0 on: the same for all between which mass can go. */
  std::vector<std::uint32_t> Groups;
};

/** What is registered. */
template <unsigned int VDimension>
struct ImagePair
{
  typename ImageType<VDimension>::Pointer Fixed;
  typename ImageType<VDimension>::Pointer Moving;
  /** 1 where voxels take part; nullptr: everywhere. */
  typename MaskImageType<VDimension>::Pointer FixedMask;
  typename MaskImageType<VDimension>::Pointer MovingMask;
  /** 1 where voxels have no counterpart in the other image, as of a lesion; nullptr: nowhere. */
  typename MaskImageType<VDimension>::Pointer FixedExclusion;
  typename MaskImageType<VDimension>::Pointer MovingExclusion;
  /** The images as label maps, on the same grids, if they may be compared label by label; both or none. */
  typename LabelImageType<VDimension>::Pointer FixedLabelMap;
  typename LabelImageType<VDimension>::Pointer MovingLabelMap;
  LabelLinks                                   Links;
  /** For messages. */
  std::string FixedName{ "fixed image" };
  std::string MovingName{ "moving image" };
};

/** \exception UsageError for settings of \a plan that no registration of these images can mean: lengths below what a
 * voxel can show or beyond what the images span, steps and neighbourhoods larger than an image, levels with hardly a
 * voxel; it names the setting, its value, what is allowed and why. */
template <unsigned int VDimension>
Sinkhorn_EXPORT void
CheckLimits(const Plan & plan, const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving);

/** Whether an image is a label map: whole numbers not below 0, each in patches of its own and not as the steps of a
 * brightness that changes. */
template <unsigned int VDimension>
Sinkhorn_EXPORT bool
IsLabelMap(const ImageType<VDimension> * image);

/** What is excluded is taken out of the masks; holes of masks are added to it. Then: what the images are compared by,
 * if that is left open, and with labels the pair that is registered: the images become outlines of the labels that both
 * have, and the label maps hold these as 1, 2, 3 ... in the order in which the fixed image has them, so that their
 * numbers do not matter, 0, and Sinkhorn::UnknownLabel where a label or a mask says that nothing is to be compared.
 * With finite distances between labels those take part, too, from which mass can go to a label of the other map; labels
 * at the distance 0 have one number.
 * Without, the pair has no label maps. \exception UsageError if labels were asked for and there are no maps, or none
 * that both have, or if distances between labels were given and have no meaning or are beyond what images span. */
template <unsigned int VDimension>
Sinkhorn_EXPORT ImagePair<VDimension>
                ChooseFeatures(Plan & plan, const ImagePair<VDimension> & images);

/** How the intensities of each image become mass, if that is left open (DensityRule::Mode::Automatic). A constant far
 * below everything, as scanners fill with what they did not measure, is replaced by the smallest intensity that was
 * measured, whatever the density: in copies of the images, for all metrics.
 *
 * Where most of the border is alike it shows the background, dark or bright: mass is what lies above it, or below it
 * where things are dark on a bright ground, beyond its noise; the distance from it where a good part lies on both sides
 * (signed data). Single voxels far brighter than all others count as no more than these. Where a border shows no
 * background, negative intensities count from the lowest on. Images that are 0 or nearly so at their border and hold no
 * negative values are taken as they are. Call before AdaptRecipe() and Register(). */
template <unsigned int VDimension>
Sinkhorn_EXPORT void
ChooseDensities(Plan & plan, ImagePair<VDimension> & images);

/** Chooses what a recipe leaves open from what the images show. */
template <unsigned int VDimension>
Sinkhorn_EXPORT void
AdaptRecipe(Plan & plan, const ImagePair<VDimension> & images);

/** Registers two images by a plan. A result that is less similar to the fixed image than its start is not handed over:
 * the start is, and the report and the listener say so. No sampled map folds.
 * \param plan receives what the images led to.
 * \param transform receives fixed to moving points; what it holds is where the registration begins: linear transforms
 * or displacement fields. It stays as it was if something is thrown. \exception UsageError, ExceptionObject, and
 * whatever \a listener throws. */
template <unsigned int VDimension>
Sinkhorn_EXPORT RegistrationReport
Register(Plan &                                   plan,
         const ImagePair<VDimension> &            images,
         CompositeTransform<double, VDimension> * transform,
         Listener &                               listener);

} // namespace SinkhornRegistration
} // namespace itk

#endif
