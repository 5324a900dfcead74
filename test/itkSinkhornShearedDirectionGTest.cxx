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
// Directions that are not orthonormal: what differentiates along the axes of a grid needs their inverse, not their
// transpose.
#include "itkSinkhornDiffeomorphicMap.h"

#include "itkImage.h"
#include "itkImageRegionIteratorWithIndex.h"

#include <gtest/gtest.h>

TEST(SinkhornShearedDirection, JacobianOfALinearMap)
{
  using FieldType = itk::Image<itk::Vector<double, 2>, 2>;
  const double              linear[2][2] = { { 0.1, -0.3 }, { 0.2, 0.05 } };
  const auto                field = FieldType::New();
  FieldType::DirectionType  direction;
  const FieldType::SizeType size{ { 9, 8 } };
  direction(0, 0) = 1.0;
  direction(1, 0) = 0.0;
  direction(0, 1) = -0.34;
  direction(1, 1) = 0.94;
  const double spacing[2] = { 1.5, 0.8 };
  field->SetSpacing(spacing);
  field->SetDirection(direction);
  field->SetRegions(size);
  field->Allocate();
  for (itk::ImageRegionIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    FieldType::PointType point;
    field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    itk::Vector<double, 2> displacement;
    for (unsigned int r = 0; r < 2; ++r)
    {
      displacement[r] = linear[r][0] * point[0] + linear[r][1] * point[1];
    }
    it.Set(displacement);
  }
  FieldType::PointType middle;
  field->TransformIndexToPhysicalPoint({ { 4, 4 } }, middle);
  const auto jacobian = itk::Sinkhorn::DisplacementSampler<FieldType>(field).ComputeJacobian(middle);
  for (unsigned int r = 0; r < 2; ++r)
  {
    for (unsigned int c = 0; c < 2; ++c)
    {
      EXPECT_NEAR(jacobian(r, c), linear[r][c] + (r == c ? 1.0 : 0.0), 1e-12);
    }
  }
}
