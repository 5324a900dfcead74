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
#ifndef sinkhornRegisterPresets_h
#define sinkhornRegisterPresets_h

#include <string>

namespace CLI
{
class App;
}

namespace SinkhornRegister
{

/** Names of the presets, with commas between them. */
std::string
ListPresets();

/** Gives the options of a file their values, unless the command line has: a JSON object of names without dashes, and
 * texts, numbers, true for flags, or lists. \exception UsageError for files that are no such object, and options that
 * there are not. */
void
ApplyConfiguration(CLI::App & app, const std::string & path);

/** Gives the options of a preset their values, unless something else has. \exception UsageError if there is none of
 * that name. */
void
ApplyPreset(CLI::App & app, const std::string & name);

/** All options that were given, by hand, by a file or by a preset, as ApplyConfiguration() reads them. */
std::string
DumpConfiguration(const CLI::App & app);

} // namespace SinkhornRegister

#endif
