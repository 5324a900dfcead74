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
#ifndef itkSinkhornRegistrationContrast_h
#define itkSinkhornRegistrationContrast_h

#include "itkSinkhornRegistrationEngine.h"

#include "itkTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** How the contrasts of two images agree where they overlap: the sum of the squared local correlations with their
 * signs, as a part of that without. 1: what is brighter in the one is brighter in the other; -1: darker; near 0: now
 * this, now that, as in T1 and T2. */
struct ContrastAgreement
{
  double Everywhere{ 1.0 };
  /** Where both images have mass: without the edge between things and their background. */
  double Inside{ 1.0 };

  /** Whether local correlation would mislead: its square cannot tell which of both signs is the right one. */
  bool
  IsMixed() const
  {
    constexpr double clear = 0.5;
    return Everywhere * Inside < 0.0 || Everywhere * Everywhere < clear * clear || Inside * Inside < clear * clear;
  }
};

/** \param transform fixed to moving points. On a grid of at most half the resolution, in boxes of radius 2. */
template <unsigned int VDimension>
ContrastAgreement
MeasureContrast(const Plan &                                      plan,
                const ImagePair<VDimension> &                     images,
                const Transform<double, VDimension, VDimension> * transform);

} // namespace SinkhornRegistration
} // namespace itk

#endif
