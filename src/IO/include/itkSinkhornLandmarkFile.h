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
#ifndef itkSinkhornLandmarkFile_h
#define itkSinkhornLandmarkFile_h

#include "itkSinkhornFileTypes.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace itk
{
namespace SinkhornIO
{

/** What the coordinates of a file are, if it says so itself. */
enum class LandmarkSpace
{
  Unstated,
  Physical, ///< mm
  Index     ///< (continuous) voxel indices
};

struct LandmarkRow
{
  /** Of the file, from 1 on; 0: the format has no lines. */
  std::size_t         Line{ 0 };
  std::vector<double> Coordinates;
  /** A place without a point: cells that are empty, "nan", "undefined", …; it has no coordinates. */
  bool IsGap{ false };
  /** An empty line stands before it. */
  bool AfterBlank{ false };
};

/** A column that names the points. */
struct LandmarkNames
{
  /** "name", "label", "id", …, in the order in which they are trusted. */
  std::string              Kind;
  std::vector<std::string> Values;
  /** By its heading; else its values count only if both files have the same. */
  bool IsTrusted{ true };
};

struct LandmarkFile
{
  std::string                Path;
  std::string                Role;
  LandmarkSpace              Space{ LandmarkSpace::Unstated };
  std::vector<LandmarkRow>   Rows;
  std::vector<LandmarkNames> Names;

  /** "fixed landmarks 'a.csv', line 3" */
  std::string
  Place(std::size_t row) const;
};

/** Points as people keep them, of \a dimension coordinates; physical ones in mm, LPS:
 * - elastix and transformix: "point" or "index", the number of points, a line for each;
 * - Slicer: .fcsv with its statements of columns and coordinate system, and markups in JSON; RAS becomes LPS;
 * - tables with a heading that names x and y (and z), such as ANTs' and pandas', separated by commas, semicolons, tabs
 * or blanks;
 * - tables without a heading: the coordinates alone, or with a name that is no number before or behind them.
 *
 * Nothing is guessed: \exception UsageError, with file and line, for whatever can't be read in one way only. */
LandmarkFile
ReadLandmarkFile(const std::string & path, const std::string & role, unsigned int dimension);

using LandmarkMatches = std::vector<std::pair<std::size_t, std::size_t>>;

/** Which row of \a fixed belongs to which of \a moving: those of the same name where both files name their points, else
 * in their order. Gaps are left out.
 * \exception UsageError if the numbers differ, or if names have no counterpart or contradict the order. */
LandmarkMatches
MatchLandmarks(const LandmarkFile & fixed, const LandmarkFile & moving);

} // namespace SinkhornIO
} // namespace itk

#endif
