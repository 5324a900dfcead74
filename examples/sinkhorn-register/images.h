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
#ifndef sinkhornRegisterImages_h
#define sinkhornRegisterImages_h

#include "options.h"

#include "itkImage.h"
#include "itkImageMaskSpatialObject.h"

#include <cstdint>
#include <string>

namespace SinkhornRegister
{

template <unsigned int VDimension>
using ImageType = itk::Image<float, VDimension>;
template <unsigned int VDimension>
using LabelImageType = itk::Image<std::int32_t, VDimension>;
template <unsigned int VDimension>
using MaskImageType = itk::Image<unsigned char, VDimension>;
template <unsigned int VDimension>
using MaskType = itk::ImageMaskSpatialObject<VDimension>;

/** What the header of a file says. */
struct FileFacts
{
  unsigned int Dimension{ 0 };
  unsigned int Components{ 1 };
  /** "unsigned_char", "short", "float", … */
  std::string ComponentType;
};

/** Reads the header. \param role "fixed image", "moving mask", …, used in messages.
 * \exception UsageError if the file is missing, unreadable, no scalar or colour image, or not 2-D or 3-D. A third axis
 * of one voxel does not count. */
FileFacts
InspectFile(const std::string & path, const std::string & role);

/** Reads an image; colour becomes luminance. \exception UsageError if it can't be read or has a voxel that is not
 * finite. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReadImage(const std::string & path, const std::string & role);

/** Reads a label map: whole numbers ≥ 0 on the grid of \a reference. */
template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
ReadLabels(const std::string & path, const std::string & role, const ImageType<VDimension> * reference);

/** Reads a mask: 1 where the file has a value above 0; not empty; on the grid of \a reference. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
ReadMask(const std::string & path, const std::string & role, const ImageType<VDimension> * reference);

/** \exception UsageError if the boxes that the two images fill in physical space do not meet. */
template <unsigned int VDimension>
void
CheckOverlap(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving);

/** The images that the metric compares, from the images as they were read.
 *
 * For sinkhorn: mass densities as \a density says, 0 outside the mask, with a total above 0. For the other metrics:
 * the window if one was chosen; otherwise the intensities, to which the caller adds what it likes.
 * \exception UsageError for negative densities under "as-is" and for a total of 0. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
MakeDensity(const ImageType<VDimension> *     image,
            const MaskImageType<VDimension> * mask,
            const Density &                   density,
            bool                              asMass,
            const std::string &               role);

} // namespace SinkhornRegister

#endif
