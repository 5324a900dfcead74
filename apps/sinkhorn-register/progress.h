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
#ifndef sinkhornRegisterProgress_h
#define sinkhornRegisterProgress_h

#include "itkSinkhornRegistrationListener.h"

#include <string>
#include <vector>

namespace SinkhornRegister
{

/** Values of the metric, iteration by iteration. */
struct LevelHistory
{
  /** Both counted from 1. */
  std::size_t         Stage{ 1 };
  std::size_t         Level{ 1 };
  std::vector<double> Values;
};

/** Progress on standard output: one line per level that is rewritten on a terminal, one line per iteration elsewhere,
 * nothing when quiet. Keeps what was said, quiet or not, for the page. */
class Progress : public itk::SinkhornRegistration::Listener
{
public:
  explicit Progress(bool quiet);

  /** A line of its own. */
  void
  Say(const std::string & text) override;

  /** A line on standard error, quiet or not. */
  void
  Complain(const std::string & text) override;

  /** A line on standard error for what a user should look at. */
  void
  Warn(const std::string & text);

  /** \param detail what the level works on, for example its grid and blur. */
  void
  BeginLevel(std::size_t         level,
             std::size_t         numberOfLevels,
             unsigned int        iterations,
             const std::string & detail) override;

  /** \param marginalError below 0: the metric has none. */
  void
  Iteration(unsigned int iteration, double value, double marginalError) override;

  void
  EndLevel() override;

  void
  Advance(double part) override;

  const std::vector<LevelHistory> &
  GetHistory() const
  {
    return m_History;
  }

  /** What was said, but for the heads of levels. */
  const std::vector<std::string> &
  GetMessages() const
  {
    return m_Messages;
  }

private:
  void
  Print(const std::string & text);

  bool         m_Quiet;
  bool         m_Terminal;
  bool         m_LineOpen{ false };
  std::size_t  m_Stage{ 1 };
  std::size_t  m_Level{ 0 };
  std::size_t  m_NumberOfLevels{ 0 };
  unsigned int m_Iterations{ 0 };

  std::vector<LevelHistory> m_History;
  std::vector<std::string>  m_Messages;
};

} // namespace SinkhornRegister

#endif
