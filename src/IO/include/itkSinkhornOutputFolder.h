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
#ifndef itkSinkhornOutputFolder_h
#define itkSinkhornOutputFolder_h

#include "itkSinkhornFileTypes.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace itk
{
namespace SinkhornIO
{

/** Files that a run reads: what they are, for messages ("fixed image"), and where. */
using InputFiles = std::vector<std::pair<std::string, std::string>>;

/** The results appear all together or not at all: they are written into a hidden folder inside the output folder and
 * moved to their names by Commit(). Without a Commit(), after an error or a signal that ends the program, nothing is
 * left behind, earlier results stay as they were, and so does whatever others have put there. */
class OutputFolder
{
public:
  /** Begin of the hidden folder's name. */
  static constexpr char StagingPrefix[] = ".sinkhorn-register-";

  /** Makes the folder if needed. \exception UsageError if it can't be made or written to, or if one of \a inputs stands
   * where a result has to go, by whatever name or link. */
  OutputFolder(const std::string & path, const InputFiles & inputs);
  OutputFolder(const OutputFolder &) = delete;
  OutputFolder &
  operator=(const OutputFolder &) = delete;
  ~OutputFolder();

  /** Where to write the result \a name for now. */
  std::string
  Stage(const std::string & name);

  /** Gives all staged results their names and removes what an earlier run has warped into other formats, and its page.
   * Runs that end at the same time in the same folder do this one after the other, so that it never holds results of
   * both. \exception UsageError if a result is not whole, or can't be moved; then earlier results stand again. */
  void
  Commit();

private:
  void
  MakeFolders(const std::string & path);
  void
  RefuseInputs(const InputFiles & inputs) const;
  void
  MakeStaging(const std::string & path);
  void
  MoveResults();

  std::filesystem::path    m_Folder;
  std::filesystem::path    m_Staging;
  std::vector<std::string> m_Names;
  bool                     m_Committed{ false };
};

} // namespace SinkhornIO
} // namespace itk

#endif
