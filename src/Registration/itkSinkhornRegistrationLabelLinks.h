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
#ifndef itkSinkhornRegistrationLabelLinks_h
#define itkSinkhornRegistrationLabelLinks_h

#include "itkSinkhornRegistrationEngine.h"

#include <set>
#include <unordered_map>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

using LabelNumbers = std::unordered_map<std::uint32_t, std::uint32_t>;

/** The labels of both maps by what they take part in. */
LabelSets
LinkLabels(const std::set<std::uint32_t> & fixed,
           const std::set<std::uint32_t> & moving,
           const LabelDistances &          distances);

/** The smallest of the labels that a label cannot be told from, those at the distance 0; by label, where that is
 * another one. \param sets from LinkLabels(). */
LabelNumbers
FindSame(const LabelSets & sets, const LabelDistances & distances);

/** What the distances come to for the numbers that labels have been given, from 1 on and those of linked labels first;
 * empty if only what has one number is linked. */
LabelLinks
MakeLinks(const LabelSets &               sets,
          const std::set<std::uint32_t> & fixed,
          const std::set<std::uint32_t> & moving,
          const LabelDistances &          distances,
          const LabelNumbers &            numbers);

} // namespace SinkhornRegistration
} // namespace itk

#endif
