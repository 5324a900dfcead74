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
#include "itkSinkhornOutputFolder.h"

#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornFileTypes.h"
#include "itkSinkhornUnfinishedFiles.h"

#include <algorithm>
#include <random>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#endif

namespace itk
{
namespace SinkhornIO
{

namespace fs = std::filesystem;

namespace
{

/** Results have these names, with the endings of their formats. */
bool
IsNameOfResult(const std::string & name)
{
  static const std::vector<std::string> stems{ "warped",       "warped_labels",        "transform", "overview",
                                               "displacement", "inverse_displacement", "report" };
  return std::find(stems.begin(), stems.end(), name.substr(0, name.find('.'))) != stems.end();
}

/** Results that not every run has, for a run that leaves none to find that of an earlier one. */
std::vector<std::string>
ListOptional()
{
  std::vector<std::string> names{ "inverse_displacement.nii.gz", "report.html" };
  for (const std::string ending : { ".png", ".nii.gz", ".nrrd" })
  {
    names.push_back("warped" + ending);
    names.push_back("warped_labels" + ending);
  }
  for (const std::string ending : { ".vtk", ".ply", ".stl", ".obj", ".off", ".gii", ".byu", ".fsa", ".asc" })
  {
    names.push_back("warped" + ending);
  }
  // FreeSurfer's binary surfaces
  for (const std::string ending : { ".pial", ".white", ".inflated", ".sphere", ".orig", ".smoothwm" })
  {
    names.push_back("warped" + ending);
  }
  return names;
}

/** Keeps other runs from moving their results into a folder at the same time, where the system can. */
class FolderLock
{
public:
  explicit FolderLock(const fs::path & folder)
  {
#ifndef _WIN32
    m_Descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m_Descriptor >= 0)
    {
      flock(m_Descriptor, LOCK_EX);
    }
#else
    (void)folder;
#endif
  }
  FolderLock(const FolderLock &) = delete;
  FolderLock &
  operator=(const FolderLock &) = delete;
  ~FolderLock()
  {
#ifndef _WIN32
    if (m_Descriptor >= 0)
    {
      close(m_Descriptor);
    }
#endif
  }

private:
  int m_Descriptor{ -1 };
};

} // namespace

OutputFolder::OutputFolder(const std::string & path, const InputFiles & inputs)
  : m_Folder(fs::absolute(path).lexically_normal())
{
  if (!m_Folder.has_filename())
  {
    m_Folder = m_Folder.parent_path(); // a separator at the end
  }
  std::error_code error;
  if (fs::exists(m_Folder, error) && !fs::is_directory(m_Folder, error))
  {
    throw UsageError("output '" + path + "': is a file, not a folder; choose another --output");
  }
  this->RefuseInputs(inputs);
  try
  {
    this->MakeFolders(path);
    this->MakeStaging(path);
  }
  catch (...)
  {
    RemoveOwnFolders(); // there is no destructor yet
    throw;
  }
}

OutputFolder::~OutputFolder()
{
  std::error_code error;
  fs::remove_all(m_Staging, error);
  if (m_Committed)
  {
    ForgetOwnFolders();
  }
  else
  {
    RemoveOwnFolders();
  }
}

void
OutputFolder::MakeFolders(const std::string & path)
{
  std::vector<fs::path> missing;
  std::error_code       error;
  for (fs::path folder = m_Folder; !folder.empty() && !fs::exists(folder, error); folder = folder.parent_path())
  {
    missing.push_back(folder);
    if (folder == folder.parent_path())
    {
      break;
    }
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder)
  {
    // Another run may have made it in the meantime: then it is not ours to take away.
    if (fs::create_directory(*folder, error))
    {
      OwnFolder(folder->string());
    }
  }
  if (!fs::is_directory(m_Folder, error))
  {
    throw UsageError("output '" + path + "': the folder can't be made; check the path and its permissions");
  }
}

void
OutputFolder::MakeStaging(const std::string & path)
{
  std::random_device random;
  std::error_code    error;
  m_Staging = m_Folder / (StagingPrefix + std::to_string(random()));
  OwnFolder(m_Staging.string());
  if (!fs::create_directory(m_Staging, error))
  {
    throw UsageError("output '" + path + "': the folder can't be written to (" + error.message() +
                     "); check its permissions or choose another --output");
  }
}

void
OutputFolder::RefuseInputs(const InputFiles & inputs) const
{
  std::error_code error;
  for (const auto & input : inputs)
  {
    if (fs::equivalent(input.second, m_Folder, error))
    {
      throw UsageError("output '" + m_Folder.string() + "': is the folder that the " + input.first + " '" +
                       input.second + "' is read from; choose another --output");
    }
    for (fs::directory_iterator entry(m_Folder, error), end; !error && entry != end; entry.increment(error))
    {
      std::error_code missing;
      if (IsNameOfResult(entry->path().filename().string()) && fs::equivalent(entry->path(), input.second, missing))
      {
        throw UsageError("output '" + entry->path().string() + "': is the " + input.first + " '" + input.second +
                         "', which a result would replace; choose another --output, or move the input away");
      }
    }
    error.clear();
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
  const std::string path = (m_Staging / name).string();
  OwnFile(path);
  return path;
}

void
OutputFolder::MoveResults()
{
  // Earlier results step aside first and come back if one of the new ones can't take its place.
  const fs::path        aside = m_Staging / "earlier";
  std::vector<fs::path> replaced;
  std::vector<fs::path> moved;
  try
  {
    fs::create_directory(aside);
    for (const std::string & name : m_Names)
    {
      if (fs::exists(fs::symlink_status(m_Folder / name)))
      {
        fs::rename(m_Folder / name, aside / name);
        replaced.emplace_back(name);
      }
      fs::rename(m_Staging / name, m_Folder / name);
      moved.emplace_back(name);
    }
  }
  catch (const fs::filesystem_error & failure)
  {
    std::error_code error;
    for (const fs::path & name : moved)
    {
      fs::remove(m_Folder / name, error);
    }
    for (const fs::path & name : replaced)
    {
      fs::rename(aside / name, m_Folder / name, error);
    }
    throw UsageError("output '" + m_Folder.string() + "': the results can't be moved there (" +
                     failure.code().message() + ")");
  }
}

void
OutputFolder::Commit()
{
  for (const std::string & name : m_Names)
  {
    CheckWritten((m_Staging / name).string());
  }
  const FolderLock    lock(m_Folder);
  const SignalBlocker blocker; // all results or none
  this->MoveResults();
  m_Committed = true;
  std::error_code error;
  for (const std::string & name : ListOptional())
  {
    if (std::find(m_Names.begin(), m_Names.end(), name) == m_Names.end())
    {
      fs::remove(m_Folder / name, error);
    }
  }
  fs::remove_all(m_Staging, error);
}

} // namespace SinkhornIO
} // namespace itk
