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
#include "outputs.h"

#include "options.h"

#include <random>

namespace SinkhornRegister
{

namespace fs = std::filesystem;

OutputFolder::OutputFolder(const std::string & path)
  : m_Folder(fs::absolute(path).lexically_normal())
{
  std::error_code error;
  if (fs::exists(m_Folder, error) && !fs::is_directory(m_Folder, error))
  {
    throw UsageError("output '" + path + "': is a file, not a folder; choose another --output");
  }
  // The topmost folder that this run makes, to be taken away again if it fails.
  for (fs::path parent = m_Folder; !parent.empty() && !fs::exists(parent, error); parent = parent.parent_path())
  {
    m_FirstCreated = parent;
    if (parent == parent.parent_path())
    {
      break;
    }
  }
  fs::create_directories(m_Folder, error);
  if (!fs::is_directory(m_Folder, error))
  {
    throw UsageError("output '" + path + "': the folder can't be made; check the path and its permissions");
  }
  std::random_device random;
  m_Staging = m_Folder / (".sinkhorn-register-" + std::to_string(random()));
  if (!fs::create_directory(m_Staging, error))
  {
    throw UsageError("output '" + path + "': the folder can't be written to (" + error.message() +
                     "); check its permissions or choose another --output");
  }
}

OutputFolder::~OutputFolder()
{
  std::error_code error;
  fs::remove_all(m_Staging, error);
  if (!m_Committed && !m_FirstCreated.empty())
  {
    fs::remove_all(m_FirstCreated, error);
  }
}

std::string
OutputFolder::Stage(const std::string & name)
{
  if (fs::is_directory(m_Folder / name))
  {
    throw UsageError("output '" + (m_Folder / name).string() +
                     "': a folder stands where a result has to go; remove it or choose another --output");
  }
  m_Names.push_back(name);
  return (m_Staging / name).string();
}

void
OutputFolder::Commit(const std::vector<std::string> & obsolete)
{
  for (const std::string & name : m_Names)
  {
    fs::rename(m_Staging / name, m_Folder / name);
  }
  m_Committed = true;
  std::error_code error;
  for (const std::string & name : obsolete)
  {
    fs::remove(m_Folder / name, error);
  }
}

} // namespace SinkhornRegister
