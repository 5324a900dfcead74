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
#ifndef itkSinkhornImageReading_h
#define itkSinkhornImageReading_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornImageFile.h"
#include "itkSinkhornSlicePlane.h"

#include <string>

namespace itk
{
namespace SinkhornIO
{

/** Reads an image; colour becomes luminance, transparent pixels black. Voxels that are not finite get the smallest
 * value, and 0 in \a finite, which is null if there is none. \exception UsageError if it can't be read, or shows
 * nothing: constant but for rounding, or without a finite voxel. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReadImage(const FileFacts & facts, const SlicePlane & plane, typename MaskImageType<VDimension>::Pointer & finite);

/** Red, green or blue of an image, for \a channel 0, 1 or 2. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReadChannel(const FileFacts & facts, const ImageType<VDimension> * grid, unsigned int channel);

/** Reads a label map: whole numbers from 0 to 2³² − 1 on the grid of \a owner, exactly. */
template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
ReadLabels(const FileFacts & facts, const SlicePlane & plane, const FileFacts & owner);

/** Reads a mask: 1 where the file has a value above 0; not empty; on the grid of \a owner. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
ReadMask(const FileFacts & facts, const SlicePlane & plane, const FileFacts & owner);

/** Warns if voxels differ fourfold in size. \param mayScale a transform that scales was asked for.
 * \exception UsageError if, without one, the extents differ as much: a spacing is wrong or unknown. */
template <unsigned int VDimension>
void
CheckSpacing(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving, bool mayScale);

/** \exception UsageError if the boxes that the two images fill in physical space do not meet. */
template <unsigned int VDimension>
void
CheckOverlap(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving);

} // namespace SinkhornIO
} // namespace itk

#endif
