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
#ifndef sinkhornRegisterLandmarks_h
#define sinkhornRegisterLandmarks_h

#include "images.h"

#include "itkTransform.h"

#include <string>
#include <vector>

namespace SinkhornRegister
{

template <unsigned int VDimension>
using Landmarks = std::vector<itk::Point<double, VDimension>>;

/** Points of a text file, one a line, coordinates separated by blanks or commas; further columns, and lines that do not
 * begin with as many numbers, such as headings, are passed over. \param image if not nullptr, the file holds
 * (continuous) voxel indices of this image, else physical points, mm, LPS. \param role names the file in messages.
 * \exception UsageError if the file can't be read or holds no point. */
template <unsigned int VDimension>
Landmarks<VDimension>
ReadLandmarks(const std::string & path, const ImageType<VDimension> * image, const std::string & role);

/** Mean distance between T(fixed point) and its moving point, mm. */
template <unsigned int VDimension>
double
ComputeTargetError(const Landmarks<VDimension> &                          fixed,
                   const Landmarks<VDimension> &                          moving,
                   const itk::Transform<double, VDimension, VDimension> * transform);

} // namespace SinkhornRegister

#endif
