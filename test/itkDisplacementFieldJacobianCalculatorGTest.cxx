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
#include "itkDisplacementFieldJacobianCalculator.h"
#include "itkSinkhornFoldOracle.h"

#include "itkImageRegionIteratorWithIndex.h"
#include "itkVector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace
{

template <unsigned int D>
using Field = itk::Image<itk::Vector<double, D>, D>;
template <typename TField>
using Calculator = itk::DisplacementFieldJacobianCalculator<TField>;

/** A field on an anisotropic grid, turned and sheared, with a start index. */
template <unsigned int D>
typename Field<D>::Pointer
MakeField(unsigned int length, bool plain = false)
{
  const auto                   field = Field<D>::New();
  typename Field<D>::SizeType  size;
  typename Field<D>::IndexType start;
  auto                         spacing = field->GetSpacing();
  auto                         direction = field->GetDirection();
  for (unsigned int d = 0; d < D; ++d)
  {
    size[d] = length + d;
    start[d] = plain ? 0 : 3 - 5 * static_cast<int>(d);
    spacing[d] = plain ? 1.0 : 0.4 + 0.7 * d;
  }
  if (!plain)
  {
    direction(0, 0) = 0.8;
    direction(1, 0) = 0.6;
    direction(0, 1) = 0.6; // reflected
    direction(1, 1) = -0.8;
    if (D == 3)
    {
      direction(1, 2) = 0.3; // sheared
    }
  }
  field->SetRegions(typename Field<D>::RegionType(start, size));
  field->SetSpacing(spacing);
  field->SetDirection(direction);
  field->Allocate(true);
  return field;
}

template <typename TField>
typename Calculator<TField>::Pointer
Measure(const TField * field, itk::ThreadIdType workUnits = 0)
{
  const auto calculator = Calculator<TField>::New();
  calculator->SetDisplacementField(field);
  calculator->SetNumberOfWorkUnits(workUnits);
  calculator->Compute();
  return calculator;
}

/** u(x) = (A − 1) x has det A everywhere. */
template <unsigned int D>
void
CheckLinearMap()
{
  const auto field = MakeField<D>(5);
  for (itk::ImageRegionIteratorWithIndex<Field<D>> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    itk::Point<double, D> p;
    field->TransformIndexToPhysicalPoint(it.GetIndex(), p);
    it.Value()[0] = 0.5 * p[0] + 0.2 * p[1];
    it.Value()[1] = -0.3 * p[1];
  }
  const auto calculator = Measure(field.GetPointer());
  EXPECT_NEAR(calculator->GetMinimum(), 1.5 * 0.7, 1e-12);
  EXPECT_NEAR(calculator->GetMinimumCentral(), 1.5 * 0.7, 1e-12);
  EXPECT_EQ(calculator->GetNumberOfFoldedVoxels(), 0u);
  EXPECT_EQ(calculator->GetNonDiffeomorphicVolume(), 0.0);
  const auto image = calculator->ComputeImage();
  EXPECT_EQ(image->GetBufferedRegion(), field->GetBufferedRegion());
  EXPECT_NEAR(image->GetPixel(image->GetBufferedRegion().GetUpperIndex()), 1.05, 1e-6);
}

template <unsigned int D>
void
CheckAgainstOracle(double roughness)
{
  std::mt19937                           random(7);
  std::uniform_real_distribution<double> uniform(-roughness, roughness);
  const auto                             field = MakeField<D>(9);
  for (itk::ImageRegionIteratorWithIndex<Field<D>> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    for (unsigned int d = 0; d < D; ++d)
    {
      it.Value()[d] = uniform(random);
    }
  }
  const auto oracle = SinkhornFoldOracle::Measure(field.GetPointer());
  const auto calculator = Measure(field.GetPointer());
  EXPECT_NEAR(calculator->GetMinimum(), oracle.Least, 1e-9 * (1.0 + std::abs(oracle.Least)));
  EXPECT_NEAR(calculator->GetNonDiffeomorphicVolume(), oracle.InsideOut, 1e-9 * (1.0 + oracle.InsideOut));
  EXPECT_EQ(calculator->GetNumberOfFoldedVoxels() > 0, oracle.FlippedSimplices > 0);
  EXPECT_EQ(calculator->GetMinimum() <= 0.0, calculator->GetFoldedFraction() > 0.0);
}

/** After a change within a box, at a corner of the grid or inside, an image brought up to date is that of a new field.
 */
template <unsigned int D>
void
CheckUpdate(const typename Field<D>::SizeType & size, itk::IndexValueType offset, itk::ThreadIdType workUnits)
{
  std::mt19937                           random(11);
  std::uniform_real_distribution<double> uniform(-0.3, 0.3);
  const auto                             field = MakeField<D>(8);
  const auto                             shake = [&](const typename Field<D>::RegionType & region) {
    for (itk::ImageRegionIteratorWithIndex<Field<D>> it(field, region); !it.IsAtEnd(); ++it)
    {
      it.Value()[D - 1] = uniform(random);
    }
  };
  shake(field->GetBufferedRegion());
  const auto calculator = Calculator<Field<D>>::New();
  calculator->SetDisplacementField(field);
  calculator->SetNumberOfWorkUnits(workUnits);
  const auto                    image = calculator->ComputeImage();
  const auto                    before = calculator->GetMinimum();
  typename Field<D>::RegionType changed(field->GetBufferedRegion().GetIndex(), size);
  for (unsigned int d = 0; d < D; ++d)
  {
    changed.SetIndex(d, changed.GetIndex(d) + offset);
  }
  shake(changed);
  calculator->UpdateImage(image, changed);
  EXPECT_EQ(calculator->GetMinimum(), before);
  const auto   wanted = calculator->ComputeImage();
  const auto   count = wanted->GetBufferedRegion().GetNumberOfPixels();
  const auto * found = image->GetBufferPointer();
  EXPECT_TRUE(std::equal(found, found + count, wanted->GetBufferPointer()));
}

} // namespace

TEST(DisplacementFieldJacobianCalculator, ImageIsBroughtUpToDate)
{
  for (const itk::ThreadIdType workUnits : { 1, 3 })
  {
    CheckUpdate<2>({ { 3, 1 } }, 0, workUnits);
    CheckUpdate<2>({ { 2, 3 } }, 4, workUnits);
    CheckUpdate<3>({ { 1, 2, 3 } }, 0, workUnits);
    CheckUpdate<3>({ { 3, 2, 1 } }, 5, workUnits);
  }
  const auto calculator = Calculator<Field<2>>::New();
  const auto field = MakeField<2>(4);
  calculator->SetDisplacementField(field);
  const auto other = Calculator<Field<2>>::RealImageType::New();
  EXPECT_THROW(calculator->UpdateImage(other, field->GetBufferedRegion()), itk::ExceptionObject);
  EXPECT_THROW(calculator->UpdateImage(nullptr, field->GetBufferedRegion()), itk::ExceptionObject);
}

TEST(DisplacementFieldJacobianCalculator, LinearMapHasItsDeterminant)
{
  CheckLinearMap<2>();
  CheckLinearMap<3>();
}

TEST(DisplacementFieldJacobianCalculator, AgreesWithOrientationsOfSimplices)
{
  for (const double roughness : { 0.05, 0.2, 1.0 })
  {
    CheckAgainstOracle<2>(roughness);
    CheckAgainstOracle<3>(roughness);
  }
}

/** Every second voxel moves by more than a voxel: no central difference sees it. */
TEST(DisplacementFieldJacobianCalculator, FindsCheckerboardThatCentralDifferencesOverlook)
{
  const auto field = MakeField<3>(8, true);
  for (itk::ImageRegionIteratorWithIndex<Field<3>> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    const auto i = it.GetIndex();
    it.Value()[0] = (i[0] + i[1] + i[2]) % 2 == 0 ? 0.6 : -0.6;
  }
  const auto calculator = Measure(field.GetPointer());
  EXPECT_LT(calculator->GetMinimum(), 0.0);
  // all but every second voxel of the two border planes across the axis, from which both neighbours move away
  EXPECT_DOUBLE_EQ(calculator->GetFoldedFraction(), 1.0 - 2.0 * 0.5 / 8.0);
  EXPECT_GT(calculator->GetNonDiffeomorphicVolume(), 0.0);
  EXPECT_LT(calculator->GetNonDiffeomorphicVolume(), 8.0 * 9.0 * 10.0);
  EXPECT_EQ(Measure(MakeField<3>(8, true).GetPointer())->GetMinimum(), 1.0);
}

/** One voxel inside, then one on the border, moves across its neighbour. */
TEST(DisplacementFieldJacobianCalculator, FindsSingleFoldedCell)
{
  for (const int where : { 4, 0 })
  {
    const auto    field = MakeField<2>(9, true);
    itk::Index<2> index;
    index.Fill(where);
    field->GetPixel(index)[0] = 1.5;
    const auto calculator = Measure(field.GetPointer());
    EXPECT_DOUBLE_EQ(calculator->GetMinimum(), -0.5) << where;
    if (where == 4)
    {
      EXPECT_GT(calculator->GetMinimumCentral(), 0.0);
    }
    EXPECT_GE(calculator->GetNumberOfFoldedVoxels(), 2u);
    EXPECT_LE(calculator->GetNumberOfFoldedVoxels(), 5u);
  }
}

TEST(DisplacementFieldJacobianCalculator, ValuesThatAreNotFiniteCountAsFolded)
{
  for (const double value : { std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity() })
  {
    const auto field = MakeField<3>(5);
    const auto index = field->GetBufferedRegion().GetIndex();
    field->GetPixel(index)[1] = value;
    const auto calculator = Measure(field.GetPointer());
    EXPECT_LT(calculator->GetMinimum(), 0.0);
    EXPECT_GT(calculator->GetNumberOfFoldedVoxels(), 0u);
    EXPECT_FALSE(std::isnan(calculator->GetNonDiffeomorphicVolume()));
  }
}

TEST(DisplacementFieldJacobianCalculator, SameBitsForAnyNumberOfWorkUnits)
{
  std::mt19937                           random(3);
  std::uniform_real_distribution<double> uniform(-0.4, 0.4);
  const auto                             field = MakeField<3>(37);
  for (itk::ImageRegionIteratorWithIndex<Field<3>> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    it.Value()[2] = uniform(random);
  }
  const auto one = Measure(field.GetPointer(), 1);
  const auto four = Measure(field.GetPointer(), 4);
  EXPECT_EQ(one->GetMinimum(), four->GetMinimum());
  EXPECT_EQ(one->GetNonDiffeomorphicVolume(), four->GetNonDiffeomorphicVolume());
  EXPECT_EQ(one->GetNumberOfFoldedVoxels(), four->GetNumberOfFoldedVoxels());
}

TEST(DisplacementFieldJacobianCalculator, AxesOfOneVoxelAreUndeformed)
{
  const auto   field = Field<3>::New();
  itk::Size<3> size = { { 6, 5, 1 } };
  field->SetRegions(size);
  field->Allocate(true);
  EXPECT_EQ(Measure(field.GetPointer())->GetMinimum(), 1.0);
  field->GetPixel({ { 2, 2, 0 } })[0] = -1.25;
  EXPECT_DOUBLE_EQ(Measure(field.GetPointer())->GetMinimum(), -0.25);
}

TEST(DisplacementFieldJacobianCalculator, RefusesToWorkWithoutField)
{
  const auto calculator = Calculator<Field<2>>::New();
  EXPECT_THROW(calculator->Compute(), itk::ExceptionObject);
  const auto empty = Field<2>::New();
  calculator->SetDisplacementField(empty);
  EXPECT_THROW(calculator->ComputeImage(), itk::ExceptionObject);
}
