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
#include "itkSinkhornRegistrationDice.h"

namespace itk
{
namespace SinkhornRegistration
{

template <unsigned int VDimension>
DiceScores
ComputeDice(const LabelImageType<VDimension> * fixed, const LabelImageType<VDimension> * warped, std::uint32_t unknown)
{
  struct Counts
  {
    double Either{ 0.0 };
    double Both{ 0.0 };
  };
  std::map<std::uint32_t, Counts> counts;
  const SizeValueType             count = fixed->GetBufferedRegion().GetNumberOfPixels();
  const std::uint32_t *           a = fixed->GetBufferPointer();
  const std::uint32_t *           b = warped->GetBufferPointer();
  for (SizeValueType i = 0; i < count; ++i)
  {
    if (a[i] > 0)
    {
      counts[a[i]].Either += 1.0;
      counts[a[i]].Both += a[i] == b[i] ? 1.0 : 0.0;
    }
    if (b[i] > 0)
    {
      counts[b[i]].Either += 1.0;
    }
  }
  counts.erase(unknown);
  DiceScores scores;
  for (const auto & entry : counts)
  {
    const double dice = 2.0 * entry.second.Both / entry.second.Either;
    scores.Label[entry.first] = dice;
    scores.Mean += dice / static_cast<double>(counts.size());
  }
  return scores;
}

template DiceScores
ComputeDice<2>(const LabelImageType<2> *, const LabelImageType<2> *, std::uint32_t);
template DiceScores
ComputeDice<3>(const LabelImageType<3> *, const LabelImageType<3> *, std::uint32_t);

} // namespace SinkhornRegistration
} // namespace itk
