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
#ifndef itkSinkhornDiffeomorphicMap_h
#define itkSinkhornDiffeomorphicMap_h

#include "itkSinkhornFieldAlgebra.h"

namespace itk
{
namespace Sinkhorn
{

/** Largest absolute derivative of any component of a field along any axis of its grid, per mm. */
template <typename TField>
double
ComputeLargestDerivative(const TField & field);

/** \class DiffeomorphicMap
 * \brief An invertible map x ↦ x + u(x) of a box to itself, and its inverse, grown by small steps.
 *
 * The fields live on one grid and vanish at its border and outside. Each step x ↦ x + v(x) must have derivatives of
 * less than 1/dimension, so that it is a contraction away from the identity and has an inverse; that of the map is the
 * composition of those of the steps.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class DiffeomorphicMap
{
public:
  using GridType = ImageBase<VDimension>;
  using FieldType = DisplacementField<VDimension>;
  using FieldPointer = typename FieldType::Pointer;

  /** The identity on the buffered region of a grid. */
  explicit DiffeomorphicMap(const GridType & grid);

  /** Follows the map by x ↦ x + step(x), unless the determinant of the result would drop below \a smallestDeterminant
   * somewhere by the strict criterion of DisplacementFieldJacobianCalculator: then the map stays as it is. \return
   * whether it changed. */
  bool
  Append(const FieldType & step, double smallestDeterminant);

  /** Displacement of the map and of its inverse. */
  const FieldType *
  GetForward() const
  {
    return m_Forward;
  }
  const FieldType *
  GetInverse() const
  {
    return m_Inverse;
  }
  double
  GetMinimumJacobianDeterminant() const
  {
    return m_MinimumJacobianDeterminant;
  }

private:
  FieldPointer m_Forward;
  FieldPointer m_Inverse;
  double       m_MinimumJacobianDeterminant{ 1.0 };
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornDiffeomorphicMap.hxx"
#endif

#endif
