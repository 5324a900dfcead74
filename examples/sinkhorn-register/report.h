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

#include "evaluation.h"
#include "options.h"
#include "stages.h"

#include <string>
#include <vector>

namespace SinkhornRegister
{

/** How a stage ended. */
struct StageReport
{
  /** Values of its metric on its finest grid (where frames cut through masses: negative similarity). */
  double ValueBefore{ 0.0 };
  double ValueAfter{ 0.0 };
  /** Its result was not worse than its start. */
  bool Kept{ true };
  /** What was dropped lay within a quarter of a voxel of the start. */
  bool MovedNothing{ false };
};

/** Everything that report.json holds. */
struct Report
{
  unsigned int             Dimension{ 0 };
  double                   ValueBefore{ 0.0 };
  double                   ValueAfter{ 0.0 };
  bool                     HasMarginalError{ false };
  double                   MarginalError{ 0.0 };
  bool                     Converged{ false };
  double                   Blur{ 0.0 };
  std::vector<LevelReport> Levels;
  std::vector<StageReport> Stages;
  double                   Seconds{ 0.0 };
  Folding                  Folds;
  /** What was handed over: "result", "linear start" or "start", with the similarity of each that there was. */
  std::string Kept{ "result" };
  /** What was not handed over lay within a quarter of a voxel of what was. */
  bool   MovedNothing{ false };
  double SimilarityBefore{ 0.0 };
  double SimilarityAfter{ 0.0 };
  bool   HasLandmarks{ false };
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

/** \exception UsageError if the file can't be written. */
void
WriteReport(const std::string & path, const Options & options, const Report & report);

/** One line for people, also the caption of the overview. */
std::string
Summarize(const Options & options, const Report & report);

} // namespace SinkhornRegister

#endif
