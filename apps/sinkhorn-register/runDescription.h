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
#ifndef sinkhornRegisterRunDescription_h
#define sinkhornRegisterRunDescription_h

#include "options.h"
#include "progress.h"

#include <nlohmann/json_fwd.hpp>

namespace SinkhornRegister
{

/** What a page tells about a run beside its pictures; the keys are those of the page's frame, which cohorts share.
 * \param report what report.json holds. */
nlohmann::ordered_json
DescribeRun(const Options & options, const nlohmann::ordered_json & report, const Progress & progress);

} // namespace SinkhornRegister

#endif
