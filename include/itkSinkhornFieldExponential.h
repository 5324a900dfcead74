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
#ifndef itkSinkhornFieldExponential_h
#define itkSinkhornFieldExponential_h

#include "itkSinkhornDiffeomorphicMap.h"

namespace itk
{
namespace Sinkhorn
{

/** The flow of a velocity that stays the same, for the time 1, by scaling and squaring (Arsigny, Commowick, Pennec and
 * Ayache, "A log-Euclidean framework for statistics on diffeomorphisms", MICCAI 2006): the velocity is halved until no
 * derivative is larger than 0.3, so that it can be followed as it is, and the map is then composed with itself as often
 * as that was needed. Of first order: a way is wrong by less than half of 0.3 of its length. Nothing moves outside of
 * the grid.
 * \param velocity mm. \return displacement, mm, on the same grid. */
template <typename TField>
typename TField::Pointer
ExponentiateField(const TField * velocity);

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornFieldExponential.hxx"
#endif

#endif
