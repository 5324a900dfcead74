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
#ifndef sinkhornRegisterPointOptions_h
#define sinkhornRegisterPointOptions_h

#include "options.h"

namespace CLI
{
class App;
}

namespace SinkhornRegister
{

/** The options that name curves, surfaces or clouds. */
void
AddPointOptions(CLI::App & app, Options & options);

/** \exception UsageError unless either two images or two shapes are given, and an output. */
void
CheckWhatIsRegistered(const CLI::App & app);

/** Settings of the registration of shapes. \exception UsageError for options that have no meaning with shapes, and for
 * values out of range. */
void
InterpretPoints(const CLI::App & app, const itk::SinkhornRegistration::PlanRequest & request, Options & options);

} // namespace SinkhornRegister

#endif
