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
#include "itkSinkhornUnfinishedFiles.h"

#include "itkSinkhornFileTypes.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>

#ifdef _WIN32
#include <direct.h>
#else
#include <unistd.h>
#endif

namespace itk
{
namespace SinkhornIO
{
namespace
{

/** Paths that a handler may read at any time: entries never change once they are counted, and are never freed. */
class PathList
{
public:
  void
  Add(const std::string & path)
  {
    const std::size_t count = m_Count.load();
    if (count == m_Paths.size())
    {
      throw UsageError("output '" + path + "': lies too deep, or there are too many results");
    }
    char * copy = static_cast<char *>(std::malloc(path.size() + 1));
    if (copy == nullptr)
    {
      throw std::bad_alloc();
    }
    std::memcpy(copy, path.c_str(), path.size() + 1);
    m_Paths[count] = copy;
    m_Count.store(count + 1);
  }
  /** The last first; only calls that a handler may make. */
  void
  Remove(int (*remove)(const char *)) const
  {
    for (std::size_t i = m_Count.load(); i > 0; --i)
    {
      remove(m_Paths[i - 1]);
    }
  }
  void
  Clear()
  {
    m_Count.store(0);
  }

private:
  std::array<const char *, 256> m_Paths{};
  std::atomic<std::size_t>      m_Count{ 0 };
};

PathList         ownFiles;
PathList         ownFolders;
std::atomic<int> blockers{ 0 };
std::atomic<int> waiting{ 0 };

#ifdef _WIN32
constexpr std::initializer_list<int> endingSignals = { SIGINT, SIGTERM };

int
RemoveFolder(const char * path)
{
  return _rmdir(path);
}
int
RemoveFile(const char * path)
{
  return std::remove(path);
}
#else
constexpr std::initializer_list<int> endingSignals = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU };

int
RemoveFolder(const char * path)
{
  return rmdir(path);
}
int
RemoveFile(const char * path)
{
  return unlink(path);
}
#endif

void
End(int signal)
{
  // A thread that is just opening a file may put it back once; without the folder it can't.
  for (int attempt = 0; attempt < 3; ++attempt)
  {
    RemoveOwnFolders();
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void
HandleSignal(int signal)
{
  if (blockers.load() > 0)
  {
    waiting.store(signal);
    return;
  }
  End(signal);
}

} // namespace

void
CatchSignals()
{
  for (const int signal : endingSignals)
  {
    if (std::signal(signal, HandleSignal) == SIG_IGN)
    {
      std::signal(signal, SIG_IGN);
    }
  }
#ifndef _WIN32
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
#endif
}

void
OwnFolder(const std::string & path)
{
  ownFolders.Add(path);
}

void
OwnFile(const std::string & path)
{
  ownFiles.Add(path);
}

void
RemoveOwnFolders()
{
  ownFiles.Remove(RemoveFile);
  ownFolders.Remove(RemoveFolder);
}

void
ForgetOwnFolders()
{
  ownFiles.Clear();
  ownFolders.Clear();
}

SignalBlocker::SignalBlocker()
{
  ++blockers;
}

SignalBlocker::~SignalBlocker()
{
  if (--blockers == 0 && waiting.load() != 0)
  {
    std::raise(waiting.exchange(0));
  }
}

} // namespace SinkhornIO
} // namespace itk
