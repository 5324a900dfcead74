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
#ifndef itkSinkhornUnfinishedFiles_h
#define itkSinkhornUnfinishedFiles_h

#include "itkSinkhornFileTypes.h"

#include <string>

namespace itk
{
namespace SinkhornIO
{

/** From now on signals that ask the program to end (Ctrl-C, kill, a closed terminal) first remove what OwnFolder() and
 * OwnFile() have named, then end it as they always do, so that the caller sees the usual exit status. Signals that the
 * caller ignores stay ignored. A closed pipe and a file that grows beyond its limit become errors of writing. */
void
CatchSignals();

/** Names a folder that this run makes; it goes when it is empty. \exception UsageError for very many. */
void
OwnFolder(const std::string & path);

/** Names a file that this run is about to write. */
void
OwnFile(const std::string & path);

/** Removes all own files, and the own folders that are empty, the last first. Those that others use stay. */
void
RemoveOwnFolders();

/** They are results now. */
void
ForgetOwnFolders();

/** Signals wait as long as it lives. */
class SignalBlocker
{
public:
  SignalBlocker();
  SignalBlocker(const SignalBlocker &) = delete;
  SignalBlocker &
  operator=(const SignalBlocker &) = delete;
  ~SignalBlocker();
};

} // namespace SinkhornIO
} // namespace itk

#endif
