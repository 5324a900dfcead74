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
#ifndef itkSinkhornLandmarkCells_h
#define itkSinkhornLandmarkCells_h

#include <optional>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornIO
{

// Cells of a line of text.

std::string
Trim(const std::string & text);

/** For messages; shortened if it is long. */
std::string
Quote(const std::string & text);

/** No value if \a text is no number; NaN for what stands for a missing one, infinity for what is no coordinate. */
std::optional<double>
ParseCell(const std::string & text);

/** Whether it is a number with a comma for the decimal point. */
bool
HasDecimalComma(const std::string & cell);

/** Semicolon, tab, comma or blank, from the first line of a table. */
char
FindSeparator(const std::string & line);

/** Cells between separators, trimmed; they may be quoted, and '"' within quotes is written twice. A blank as separator
 * stands for any number of blanks and tabs. */
std::vector<std::string>
SplitCells(const std::string & line, char separator);

} // namespace SinkhornIO
} // namespace itk

#endif
