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
#ifndef sinkhornRegisterReport_h
#define sinkhornRegisterReport_h

#include "options.h"
#include "progress.h"

#include "itkSinkhornRegistrationDice.h"
#include "itkSinkhornRegistrationReport.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace SinkhornRegister
{

/** Everything that report.json holds. */
struct Report : RegistrationReport
{
  unsigned int Dimension{ 0 };
  double       Seconds{ 0.0 };
  bool         HasLandmarks{ false };
  /** Pairs whose points both have coordinates. */
  std::size_t NumberOfLandmarks{ 0 };
  /** Mean distance of corresponding landmarks, mm. */
  double     ErrorBefore{ 0.0 };
  double     ErrorAfter{ 0.0 };
  bool       HasDice{ false };
  DiceScores DiceBefore;
  DiceScores DiceAfter;
};

/** Largest resident memory of this process so far, MiB; 0 where the system does not tell. */
double
GetPeakMemory();

/** What report.json holds. */
nlohmann::ordered_json
MakeReport(const Options & options, const Report & report);

/** What a page tells about a run beside its pictures; the keys are those of the page's frame, which cohorts share.
 * \param report what report.json holds. */
nlohmann::ordered_json
DescribeRun(const Options & options, const nlohmann::ordered_json & report, const Progress & progress);

/** One line for people, also the caption of the overview. */
std::string
Summarize(const Options & options, const Report & report);

} // namespace SinkhornRegister

#endif
