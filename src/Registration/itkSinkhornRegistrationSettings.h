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
#ifndef itkSinkhornRegistrationSettings_h
#define itkSinkhornRegistrationSettings_h

#include "itkSinkhornRegistrationPlan.h"

#include <functional>
#include <utility>

namespace itk
{
namespace SinkhornRegistration
{

// All throw a UsageError that starts with the name of the option that the text came from.

MetricKind
ParseMetric(const std::string & option, const std::string & text);

TransformKind
ParseTransform(const std::string & option, const std::string & text);

InitialKind
ParseInitial(const std::string & option, const std::string & text);

/** "labels", "intensity:16" or, with a weight in mm, "intensity:16:30". */
void
ParseFeatures(const std::string & option, const std::string & text, Plan & plan);

DensityRule
ParseDensity(const std::string & option, const std::string & text);

/** Settings of stages: the key in the text of a stage, and the name of the setting for all of them. */
const std::vector<std::pair<std::string, std::string>> &
ListSettings();

/** Changes one setting of a stage, by its key.
 * \return false if there is no such setting. */
bool
ApplySetting(Stage & stage, const std::string & key, const std::string & option, const std::string & text);

/** Whether a setting changes anything in a stage of this transform and metric. */
bool
HasUse(const std::string & key, const Stage & stage);

/** What a setting belongs to, for messages. */
std::string
GetUse(const std::string & key);

/** Gives every level its values and refuses lists of the wrong length. To be called after the last setting.
 * \param nameOf the option that the setting of a key came from. */
void
CompleteStage(Stage & stage, const std::function<std::string(const std::string & key)> & nameOf);

/** The last stage of a recipe, in which \a metric refines what transport has brought near. */
Stage
MakeFinish(const Stage & main, MetricKind metric);

/** The stage of the recipe that refines the linear start of images that are no shapes: springs follow mass, which may
 * mean something else in the other image; mutual information does not mind. On the two coarsest of three
 * levels. */
Stage
MakeLinearRefinement(TransformKind transform);

/** "syn,sinkhorn,blur=4,update=20+10x10+5": a transform, a metric, and settings that replace those of \a defaults. */
Stage
ParseStage(const std::string & option, const std::string & text, const Stage & defaults);

} // namespace SinkhornRegistration
} // namespace itk

#endif
