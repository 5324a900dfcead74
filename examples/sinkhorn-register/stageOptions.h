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
#ifndef sinkhornRegisterStageOptions_h
#define sinkhornRegisterStageOptions_h

#include "options.h"

namespace SinkhornRegister
{

// All throw a UsageError that starts with the name of the option that the text came from.

MetricKind
ParseMetric(const std::string & option, const std::string & text);

TransformKind
ParseTransform(const std::string & option, const std::string & text);

InitialKind
ParseInitial(const std::string & option, const std::string & text);

/** Changes one setting of a stage: blur, reach, model, iterations, shrink, update, rate, radius or
 * standardize.
 * \return false if there is no such setting. */
bool
ApplySetting(Stage & stage, const std::string & key, const std::string & option, const std::string & text);

/** Whether a setting changes anything in a stage of this transform and metric. */
bool
HasUse(const std::string & key, const Stage & stage);

/** What a setting belongs to, for messages. */
std::string
GetUse(const std::string & key);

/** Gives every level its values and refuses lists of the wrong length. To be called after the last setting. */
void
CompleteStage(Stage & stage, const std::string & shrinkOption, const std::string & updateOption);

/** SyN with transport, as good as it gets without further advice: mass is carried on the coarsest level until nothing
 * is gained any more; then the moving image's intensities are adapted there; then a local metric refines on all levels.
 */
std::vector<Stage>
MakeTransportRecipe(const Stage & main, const std::string & finish);

/** "syn,sinkhorn,blur=4,update=20+10x10+5": a transform, a metric, and settings that replace those of \a defaults. */
Stage
ParseStage(const std::string & text, const Stage & defaults);

} // namespace SinkhornRegister

#endif
