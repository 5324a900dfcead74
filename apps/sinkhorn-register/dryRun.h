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
#ifndef sinkhornRegisterDryRun_h
#define sinkhornRegisterDryRun_h

#include "options.h"

namespace SinkhornRegister
{

/** Prints what a run would read, do and write. The headers of images are read; what is chosen from their voxels is
 * named as such. \exception UsageError for files that can't be read. */
void
PrintPlan(const Options & options);

} // namespace SinkhornRegister

#endif
