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
#ifndef itkSinkhornDiffeomorphicMap_hxx
#define itkSinkhornDiffeomorphicMap_hxx

#include "itkSinkhornDiffeomorphicMap.h"

#include "itkDisplacementFieldJacobianCalculator.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

/** Calls function(differences) for all voxels: differences[axis][side] is the derivative of the displacement along an
 * axis of the grid, per mm, to the neighbour behind (side 0) or ahead (side 1); at the border both are the one there
 * is. */
template <typename TField, typename TFunction>
void
ForEachDifference(const TField & field, const TFunction & function)
{
  constexpr unsigned int dimension = TField::ImageDimension;
  using VectorType = Vector<double, dimension>;
  const auto & region = field.GetBufferedRegion();
  const auto * buffer = field.GetBufferPointer();
  const auto * strides = field.GetOffsetTable();
  auto         index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    VectorType differences[dimension][2];
    for (unsigned int axis = 0; axis < dimension; ++axis)
    {
      const bool isFirst = index[axis] == region.GetIndex(axis);
      const bool isLast = index[axis] == region.GetUpperIndex()[axis];
      for (unsigned int side = 0; side < 2; ++side)
      {
        auto lower = static_cast<OffsetValueType>(i) - (side == 0 ? strides[axis] : 0);
        lower += (side == 0 && isFirst) ? strides[axis] : 0;
        lower -= (side == 1 && isLast) ? strides[axis] : 0;
        differences[axis][side].Fill(0.0);
        if (!(isFirst && isLast))
        {
          for (unsigned int d = 0; d < dimension; ++d)
          {
            differences[axis][side][d] =
              (static_cast<double>(buffer[lower + strides[axis]][d]) - static_cast<double>(buffer[lower][d])) /
              field.GetSpacing()[axis];
          }
        }
      }
    }
    function(differences);
  }
}

template <typename TField>
double
ComputeLargestDerivative(const TField & field)
{
  constexpr unsigned int dimension = TField::ImageDimension;
  double                 largest = 0.0;
  ForEachDifference(field, [&](const Vector<double, dimension>(&differences)[dimension][2]) {
    for (const auto & axis : differences)
    {
      for (unsigned int d = 0; d < dimension; ++d)
      {
        largest = std::max({ largest, std::abs(axis[0][d]), std::abs(axis[1][d]) });
      }
    }
  });
  return largest;
}

template <unsigned int VDimension>
DiffeomorphicMap<VDimension>::DiffeomorphicMap(const GridType & grid)
  : m_Forward(MakeImageOn<FieldType>(&grid))
  , m_Inverse(m_Forward)
{}

template <unsigned int VDimension>
bool
DiffeomorphicMap<VDimension>::Append(const FieldType & step, double smallestDeterminant)
{
  constexpr double tolerance = 1e-6; // voxels
  const auto       composed = ComposeFields<FieldType>(&step, m_Forward);
  const auto       jacobian = DisplacementFieldJacobianCalculator<FieldType>::New();
  jacobian->SetDisplacementField(composed);
  jacobian->Compute();
  const double determinant = jacobian->GetMinimum();
  if (!(determinant >= smallestDeterminant))
  {
    return false;
  }
  const auto back = InvertField<FieldType>(&step, MakeImageOn<FieldType>(m_Forward), tolerance);
  m_Inverse = ComposeFields<FieldType>(m_Inverse, back);
  m_Forward = composed;
  m_MinimumJacobianDeterminant = determinant;
  return true;
}

} // namespace Sinkhorn
} // namespace itk

#endif
