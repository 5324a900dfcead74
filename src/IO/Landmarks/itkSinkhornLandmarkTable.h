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
#ifndef itkSinkhornLandmarkTable_h
#define itkSinkhornLandmarkTable_h

#include "itkSinkhornLandmarkFile.h"

namespace itk
{
namespace SinkhornIO
{

/** Lines of a text file that mean something, and the statements that its comments make. */
struct LandmarkText
{
  struct Line
  {
    std::size_t Number{ 0 };
    std::string Text;
    bool        AfterBlank{ false };
  };
  std::vector<Line> Lines;
  /** Before the first of them; each begins with '#'. */
  std::vector<Line> Comments;
  /** Columns that a comment "# columns = …" names, as in Slicer's .fcsv; empty if there is none. */
  std::vector<std::string> Columns;
  /** Of a comment "# CoordinateSystem = …"; empty if there is none. */
  std::string CoordinateSystem;
};

/** "LPS", "RAS", "IJK" or their numbers in Slicer's files.
 * \return whether x and y have to change their signs. \exception UsageError if it is unknown. */
bool
StateCoordinateSystem(LandmarkFile & file, const std::string & system);

/** Adds a row. In 2-D a third coordinate must be 0. */
void
AddRow(LandmarkFile & file, const LandmarkRow & row, bool fromRAS, unsigned int dimension);

/** Reads the lines of a table into \a file, of which Path and Role are known. */
void
ReadTable(LandmarkFile & file, const LandmarkText & text, unsigned int dimension);

} // namespace SinkhornIO
} // namespace itk

#endif
