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
#ifndef itkSinkhornTransformFile_h
#define itkSinkhornTransformFile_h

#include "itkSinkhornFileTypes.h"

#include "itkTransform.h"

#include <string>

namespace itk
{
namespace SinkhornIO
{

/** Writes a transform, composite or not, as HDF5TransformIO lays it out and reads it, but without the times of day
 * that HDF5 keeps of every object, so that equal runs leave equal files; and from memory, because HDF5 does not survive
 * a full disk. \exception UsageError if it can't be written. */
template <unsigned int VDimension>
void
WriteTransformFile(const Transform<double, VDimension, VDimension> * transform, const std::string & path);

} // namespace SinkhornIO
} // namespace itk

#endif
