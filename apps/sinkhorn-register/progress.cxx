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
#include "progress.h"

#include <cstdio>

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace SinkhornRegister
{
namespace
{

bool
StandardOutputIsTerminal()
{
#ifdef _WIN32
  return _isatty(_fileno(stdout)) != 0;
#else
  return isatty(fileno(stdout)) != 0;
#endif
}

} // namespace

Progress::Progress(bool quiet)
  : m_Quiet(quiet)
  , m_Terminal(StandardOutputIsTerminal())
{}

void
Progress::Say(const std::string & text)
{
  m_Messages.push_back(text);
  this->Print(text);
}

void
Progress::Print(const std::string & text)
{
  if (!m_Quiet)
  {
    this->EndLevel();
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
  }
}

void
Progress::Complain(const std::string & text)
{
  m_Messages.push_back(text);
  this->EndLevel();
  std::fflush(stdout);
  std::fprintf(stderr, "sinkhorn-register: %s\n", text.c_str());
}

void
Progress::Warn(const std::string & text)
{
  m_Messages.push_back(text);
  if (!m_Quiet)
  {
    this->EndLevel();
    std::fflush(stdout);
    std::fprintf(stderr, "sinkhorn-register: note: %s\n", text.c_str());
  }
}

void
Progress::BeginLevel(std::size_t level, std::size_t numberOfLevels, unsigned int iterations, const std::string & detail)
{
  m_Level = level + 1;
  m_NumberOfLevels = numberOfLevels;
  m_Iterations = iterations;
  m_History.push_back({ m_Stage, m_Level, {} });
  this->Print("level " + std::to_string(m_Level) + "/" + std::to_string(numberOfLevels) + ": " + detail);
}

void
Progress::Iteration(unsigned int iteration, double value, double marginalError)
{
  if (!m_History.empty())
  {
    m_History.back().Values.push_back(value);
  }
  if (m_Quiet)
  {
    return;
  }
  std::printf("%s  level %zu/%zu  iteration %u/%u  value %.6g",
              m_Terminal ? "\r" : "",
              m_Level,
              m_NumberOfLevels,
              iteration,
              m_Iterations,
              value);
  if (marginalError >= 0.0)
  {
    std::printf("  marginal error %.2e", marginalError);
  }
  // The blanks wipe what a longer line may have left.
  std::printf(m_Terminal ? "      " : "\n");
  m_LineOpen = m_Terminal;
  std::fflush(stdout);
}

void
Progress::Advance(double itkNotUsed(part))
{
  ++m_Stage;
}

void
Progress::EndLevel()
{
  if (m_LineOpen)
  {
    std::printf("\n");
    m_LineOpen = false;
  }
}

} // namespace SinkhornRegister
