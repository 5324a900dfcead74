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
#ifndef sinkhornRegisterOutputs_h
#define sinkhornRegisterOutputs_h

#include <filesystem>
#include <string>
#include <vector>

namespace SinkhornRegister
{

/** The results appear all together or not at all: they are written into a hidden folder inside the output folder and
 * moved to their names by Commit(). Without a Commit() nothing is left behind, and earlier results stay as they were.
 */
class OutputFolder
{
public:
  /** Makes the folder if needed. \exception UsageError if it can't be made or written to. */
  explicit OutputFolder(const std::string & path);
  OutputFolder(const OutputFolder &) = delete;
  OutputFolder &
  operator=(const OutputFolder &) = delete;
  ~OutputFolder();

  /** Where to write the result \a name for now. */
  std::string
  Stage(const std::string & name);

  /** Gives all staged results their names and removes \a obsolete ones of an earlier run. */
  void
  Commit(const std::vector<std::string> & obsolete);

private:
  std::filesystem::path    m_Folder;
  std::filesystem::path    m_Staging;
  std::filesystem::path    m_FirstCreated;
  std::vector<std::string> m_Names;
  bool                     m_Committed{ false };
};

} // namespace SinkhornRegister

#endif
