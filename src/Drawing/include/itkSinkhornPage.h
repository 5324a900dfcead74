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
#ifndef itkSinkhornPage_h
#define itkSinkhornPage_h


#include "itkCompositeTransform.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace itk
{
namespace SinkhornDrawing
{

/** A file in memory as text that a page can hold. */
std::string
ToBase64(const std::string & bytes);

/** The linear parts of a transform as one matrix for columns (x, y, …, 1), mm, LPS: a list of rows. */
template <unsigned int VDimension>
nlohmann::ordered_json
MakeMatrix(const CompositeTransform<double, VDimension> * transform);

/** Writes a page of one file, which needs neither network nor others. \param data what it shows, by the keys of the
 * page's frame, which cohorts share. \exception SinkhornIO::UsageError if it can't be written. */
void
WritePage(const std::string & path, const nlohmann::ordered_json & data);

} // namespace SinkhornDrawing
} // namespace itk

#endif
