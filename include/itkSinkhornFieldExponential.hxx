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
#ifndef itkSinkhornFieldExponential_hxx
#define itkSinkhornFieldExponential_hxx

#include "itkSinkhornFieldExponential.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

template <typename TField>
typename TField::Pointer
ExponentiateField(const TField * velocity)
{
  constexpr double largestDerivative = 0.3;
  constexpr int    mostSquarings = 30; // also where a velocity is not finite
  int              squarings = 0;
  for (double steepest = ComputeLargestDerivative(*velocity); steepest > largestDerivative && squarings < mostSquarings;
       steepest *= 0.5)
  {
    ++squarings;
  }
  auto         flow = CopyImage(velocity);
  const double part = std::ldexp(1.0, -squarings);
  auto * const voxels = flow->GetBufferPointer();
  std::for_each(voxels, voxels + flow->GetBufferedRegion().GetNumberOfPixels(), [part](auto & way) { way *= part; });
  for (; squarings > 0; --squarings)
  {
    flow = ComposeFields<TField>(flow, flow);
  }
  return flow;
}

} // namespace Sinkhorn
} // namespace itk

#endif
