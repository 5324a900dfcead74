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
#ifndef sinkhornRegisterPipeline_h
#define sinkhornRegisterPipeline_h

#include "options.h"

#include "itkSinkhornImageFile.h"

namespace SinkhornRegister
{

/** The whole job for images of one dimension: read, register, evaluate, write. A result that is less similar to the
 * fixed image than its start is not handed over: the start is, and the report and standard error say so.
 * \param fixed, moving headers of the two files, of this dimension.
 * \return whether the result itself was handed over. \exception UsageError, itk::ExceptionObject */
template <unsigned int VDimension>
bool
RunPipeline(const Options & options, const FileFacts & fixed, const FileFacts & moving);

/** The whole job for curves, surfaces and clouds: read, register, evaluate, write. Shapes that lie in one plane of
 * constant z are registered in 2-D.
 * \return whether the result itself was handed over. \exception UsageError, itk::ExceptionObject */
bool
RunShapePipeline(const Options & options);

} // namespace SinkhornRegister

#endif
