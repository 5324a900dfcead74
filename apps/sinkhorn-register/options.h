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
#ifndef sinkhornRegisterOptions_h
#define sinkhornRegisterOptions_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornPointRegistrationEngine.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationPlan.h"

#include <string>
#include <utility>
#include <vector>

namespace itk
{
namespace SinkhornDrawing
{}
} // namespace itk

namespace SinkhornRegister
{

/** The program speaks of images, maps, settings, files and pictures as the libraries do. */
using namespace itk::SinkhornRegistration;
using namespace itk::SinkhornDrawing;
using namespace itk::SinkhornIO;

/** What the command line says: files, and the plan of the registration. */
struct Options : itk::SinkhornRegistration::Plan
{
  std::string Fixed;
  std::string Moving;
  std::string Output;
  /** Curves, surfaces or clouds instead of images, and what is done with them. */
  std::string                                      FixedPoints;
  std::string                                      MovingPoints;
  itk::SinkhornRegistration::PointRegistrationPlan Points;
  std::string                                      FixedLabels;
  std::string                                      MovingLabels;
  std::string                                      FixedExclusion;
  std::string                                      FixedMask;
  std::string                                      MovingExclusion;
  std::string                                      MovingMask;
  /** Files of corresponding points, fixed and moving; empty or both. */
  std::vector<std::string> Landmarks;
  bool                     LandmarksAreIndices{ false };
  /** Write report.html, too. */
  bool WritesPage{ false };
  /** How the program was called, for a shell; and the options that were given, by whatever way, as a JSON object. */
  std::string  Command;
  std::string  Configuration;
  unsigned int Threads{ 0 };
  bool         Quiet{ false };
};

/** Files that are read: what they are, for messages, and where. */
std::vector<std::pair<std::string, std::string>>
ListInputFiles(const Options & options);

/** Parses the command line.
 * \return -1 to go on, else the exit code of the program (help and version were printed, or the error).
 * \exception UsageError for values that the parser alone cannot judge. */
int
ParseCommandLine(int argc, char ** argv, Options & options);

/** Prints what a run would read, do and write. The headers of images are read; what is chosen from their voxels is
 * named as such. \exception UsageError for files that can't be read. */
void
PrintPlan(const Options & options);

} // namespace SinkhornRegister

#endif
