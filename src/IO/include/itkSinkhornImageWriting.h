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
#ifndef itkSinkhornImageWriting_h
#define itkSinkhornImageWriting_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornImageReading.h"

#include "itkCompositeTransform.h"

#include <array>
#include <string>

namespace itk
{
namespace SinkhornIO
{

/** Writes an image in the voxel type of another file, rounded and held within its range, on the grid \a geometry of a
 * file of any dimension. \exception ExceptionObject if that can't be done, as all here. */
template <unsigned int VDimension>
void
WriteWarped(const ImageType<VDimension> * image,
            IOComponentEnum               componentType,
            const FileGeometry &          geometry,
            const std::string &           path);

/** The same of three channels, as one image of red, green and blue; 8 or 16 bits, by the type. */
template <unsigned int VDimension>
void
WriteColor(const std::array<typename ImageType<VDimension>::Pointer, 3> & channels,
           IOComponentEnum                                                componentType,
           const FileGeometry &                                           geometry,
           const std::string &                                            path);

/** Writes labels in an integer type, in which they fit. */
template <unsigned int VDimension>
void
WriteLabels(const LabelImageType<VDimension> * labels,
            IOComponentEnum                    componentType,
            const FileGeometry &               geometry,
            const std::string &                path);

/** Displacements in single precision. */
template <unsigned int VDimension>
void
WriteDisplacement(const FieldType<VDimension> * field, const std::string & path);

template <unsigned int VDimension>
void
WriteTransform(const CompositeTransform<double, VDimension> * transform, const std::string & path);

} // namespace SinkhornIO
} // namespace itk

#endif
