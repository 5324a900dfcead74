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
#ifndef itkSinkhornRegistrationDice_h
#define itkSinkhornRegistrationDice_h

#include "itkSinkhornRegistrationTypes.h"

#include "SinkhornExport.h"

#include <cstdint>
#include <map>

namespace itk
{
namespace SinkhornRegistration
{

/** Dice = 2|A∩B| / (|A|+|B|) of each label above 0 that is in either image. */
struct DiceScores
{
  std::map<std::uint32_t, double> Label;
  /** 0 if there are none. */
  double Mean{ 0.0 };
};

/** Of two images on one grid. \param unknown a label that, as 0, is none. */
template <unsigned int VDimension>
Sinkhorn_EXPORT DiceScores
ComputeDice(const LabelImageType<VDimension> * fixed,
            const LabelImageType<VDimension> * warped,
            std::uint32_t                      unknown = 0);

} // namespace SinkhornRegistration
} // namespace itk

#endif
