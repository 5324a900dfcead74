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
#ifndef itkSinkhornDisplacementSampler_h
#define itkSinkhornDisplacementSampler_h

#include "itkImage.h"
#include "itkSinkhornGridLocator.h"

namespace itk
{
namespace Sinkhorn
{

/** A displacement field, mm, that is read by multilinear interpolation: constant in the outer half of its border voxels
 * and 0 outside of its buffered region. The field must outlive it and keep its geometry. */
template <typename TField>
class DisplacementSampler
{
public:
  static constexpr unsigned int ImageDimension = TField::ImageDimension;
  using PointType = Point<double, ImageDimension>;
  using VectorType = Vector<double, ImageDimension>;
  using MatrixType = Matrix<double, ImageDimension, ImageDimension>;

  explicit DisplacementSampler(const TField * field);

  bool
  IsInside(const PointType & point) const;

  VectorType
  operator()(const PointType & point) const;

  /** Derivative of x ↦ x + u(x): that of the interpolant in the cell that the point lies in. */
  MatrixType
  ComputeJacobian(const PointType & point) const;

  /** Both in one go. */
  VectorType
  Evaluate(const PointType & point, MatrixType & jacobian) const;

private:
  using LocatorType = GridLocator<ImageDimension>;

  const typename TField::PixelType * m_Buffer;
  LocatorType                        m_Locator;
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornDisplacementSampler.hxx"
#endif

#endif
