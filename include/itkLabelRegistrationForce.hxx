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
#ifndef itkLabelRegistrationForce_hxx
#define itkLabelRegistrationForce_hxx

#include "itkLabelRegistrationForce.h"

namespace itk
{

template <typename TImage>
double
LabelRegistrationForce<TImage>::Differentiate(const LabelsType *                     fixed,
                                              const LabelsType *                     moving,
                                              const typename LabelsType::IndexType & index,
                                              SizeValueType                          i,
                                              Vector<double, ImageDimension> &       force)
{
  const auto &                   region = moving->GetBufferedRegion();
  const Sinkhorn::LabelMixture * here = moving->GetBufferPointer() + i;
  const Sinkhorn::LabelMixture & target = fixed->GetBufferPointer()[i];
  const bool                     differs = !here->IsSamePure(target);
  double                         squares = 0.0;
  for (unsigned int axis = 0; axis < ImageDimension; ++axis)
  {
    const auto stride = moving->GetOffsetTable()[axis];
    if (index[axis] == region.GetIndex()[axis] || index[axis] == region.GetUpperIndex()[axis])
    {
      continue;
    }
    const Sinkhorn::LabelMixture & after = here[stride];
    const Sinkhorn::LabelMixture & before = *(here - stride);
    if (after.IsSamePure(before) || !after.IsKnown() || !before.IsKnown())
    {
      continue;
    }
    const double perLength = 0.5 / moving->GetSpacing()[axis];
    squares +=
      (Multiply(after, after) + Multiply(before, before) - 2.0 * Multiply(after, before)) * perLength * perLength;
    if (differs)
    {
      const double along =
        2.0 * perLength *
        (Multiply(target, after) - Multiply(target, before) - Multiply(*here, after) + Multiply(*here, before));
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        force[d] += moving->GetDirection()(d, axis) * along;
      }
    }
  }
  return squares;
}

template <typename TImage>
bool
LabelRegistrationForce<TImage>::ComputeLabelForces(const LabelsType *    fixed,
                                                   const LabelsType *    moving,
                                                   const MaskImageType * fixedMask,
                                                   const MaskImageType * movingMask,
                                                   ForceFieldType *      forces,
                                                   WeightPointer &       weight,
                                                   double &              value) const
{
  using Squares = RegistrationForceDetail::Squares;
  const auto & region = fixed->GetBufferedRegion();
  const auto   isIn = [](const auto * mask, SizeValueType i) { return !mask || mask->GetBufferPointer()[i] != 0; };
  weight = forces ? Sinkhorn::MakeImageOn<WeightType>(forces) : nullptr;
  const Squares total =
    Sinkhorn::SumOverChunks<Squares>(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
      Squares part;
      auto    index = Sinkhorn::PositionToIndex(region, begin);
      for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
      {
        const Sinkhorn::LabelMixture & f = fixed->GetBufferPointer()[i];
        const Sinkhorn::LabelMixture & m = moving->GetBufferPointer()[i];
        if (!isIn(fixedMask, i) || !isIn(movingMask, i) || !f.IsKnown() || !m.IsKnown())
        {
          continue;
        }
        const double difference = f.IsSamePure(m) ? 0.0 : Multiply(f, f) + Multiply(m, m) - 2.0 * Multiply(f, m);
        part += Squares{ std::max(0.0, difference), 1 };
        if (forces)
        {
          weight->GetBufferPointer()[i] = Differentiate(fixed, moving, index, i, forces->GetBufferPointer()[i]);
        }
      }
      return part;
    });
  value = total.Count > 0 ? total.Sum / static_cast<double>(total.Count) : 0.0;
  return total.Count > 0;
}

} // namespace itk

#endif
