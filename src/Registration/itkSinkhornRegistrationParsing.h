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
#ifndef itkSinkhornRegistrationParsing_h
#define itkSinkhornRegistrationParsing_h

#include <string>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

// Text to values. All throw a UsageError that starts with the name of the option that the text came from.

/** Splits at a separator; empty parts are kept so that "3x" is seen as a mistake. */
std::vector<std::string>
Split(const std::string & text, char separator);

/** The whole of \a text as a finite number. */
double
ParseNumber(const std::string & option, const std::string & text);

/** Numbers separated by x. */
std::vector<double>
ParseList(const std::string & option, const std::string & text, const std::string & example);

/** Whole numbers from \a smallest on, one for each level of a pyramid, separated by x. */
std::vector<unsigned int>
ParseCounts(const std::string & option, const std::string & text, const std::string & example, unsigned int smallest);

/** Refuses what is not a length. \param unit in which it is, for the message. */
void
CheckLength(const std::string & option, double value, bool zeroAllowed, const std::string & unit = "mm");

} // namespace SinkhornRegistration
} // namespace itk

#endif
