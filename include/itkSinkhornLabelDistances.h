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
#ifndef itkSinkhornLabelDistances_h
#define itkSinkhornLabelDistances_h

#include "SinkhornExport.h"

#include <cstdint>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** Distances between labels as a user gives them. */
struct LabelDistances
{
  /** Of the file, for messages. */
  std::string Name;
  /** In the order of the columns. */
  std::vector<std::uint32_t> Labels;
  /** w, mm, K rows of K: mass that changes from one label to the other pays w²/2 mm², beside its way. May be +∞. */
  std::vector<double> Values;

  bool
  IsEmpty() const
  {
    return Labels.empty();
  }
};

/** A table of distances: its first row and its first column are labels, whole numbers from 1 to 2³² − 1, rows in any
 * order; the cell in the corner may hold anything, or in white-space text be left out. Other cells are distances, mm,
 * or "inf". Cells are separated by commas, semicolons or white space; empty lines and those that begin with # are
 * skipped.
 * \param option the setting, and \param name where the table comes from, for messages.
 * \exception UsageError that names row, column, value and remedy if it is no square table of finite or infinite
 * distances, symmetric, not negative and 0 on the diagonal, or if a label is there twice. */
Sinkhorn_EXPORT LabelDistances
ParseLabelDistances(const std::string & option, const std::string & name, const std::string & table);

/** The table in a file, or, if it has more than one line, in \a fileOrTable itself. \exception UsageError as above, or
 * if the file cannot be read. */
Sinkhorn_EXPORT LabelDistances
ReadLabelDistances(const std::string & option, const std::string & fileOrTable);

} // namespace SinkhornRegistration
} // namespace itk

#endif
