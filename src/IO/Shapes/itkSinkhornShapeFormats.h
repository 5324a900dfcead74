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
#ifndef itkSinkhornShapeFormats_h
#define itkSinkhornShapeFormats_h

#include "itkSinkhornShapeFile.h"

#include <istream>

namespace itk
{
namespace SinkhornIO
{

/** Words, as far as a stream goes, that begin like a number: to see whether a text was cut, over which readers go on.
 */
std::size_t
CountNumbers(std::istream & text);

/** Unit normals of all vertices, the mean over their triangles weighted by area; 0 where there is none. */
std::vector<double>
ComputeVertexNormals(const std::vector<double> & points, const std::vector<SizeValueType> & triangles);

// The readers behind ReadShapeFile().
std::unique_ptr<ShapeFile>
ReadVtkShape(const std::string & path, const std::string & what);
/** PLY and STL. */
std::unique_ptr<ShapeFile>
ReadAssimpShape(const std::string & path, const std::string & what);
/** What ITK's mesh IO reads. */
std::unique_ptr<ShapeFile>
ReadItkShape(const std::string & path, const std::string & what);

} // namespace SinkhornIO
} // namespace itk

#endif
