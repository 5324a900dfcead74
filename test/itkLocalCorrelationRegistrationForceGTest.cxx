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
// Local correlation against a direct evaluation in double precision.
#include "itkLocalCorrelationRegistrationForce.h"
#include "itkMakeRegistrationForce.h"
#include "itkSinkhornBoxSum.h"
#include "itkSinkhornMetricTestUtilities.h"

#include <gtest/gtest.h>

#include <random>

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Test;

namespace
{

template <unsigned int D>
using TestImage = itk::Image<float, D>;

template <unsigned int D>
using TestForce = itk::LocalCorrelationRegistrationForce<TestImage<D>>;

template <unsigned int D>
itk::Size<D>
MakeRadius(itk::SizeValueType first)
{
  itk::Size<D> radius;
  for (unsigned int d = 0; d < D; ++d)
  {
    radius[d] = first + d % 2;
  }
  return radius;
}

/** Indices of the voxels in the box around a voxel, cut off at the border. */
template <unsigned int D>
std::vector<itk::SizeValueType>
ListBox(const TestImage<D> * image, itk::SizeValueType middle, const itk::Size<D> & radius)
{
  std::vector<itk::SizeValueType> box;
  const auto                      region = image->GetBufferedRegion();
  const auto                      at = PositionToIndex(region, middle);
  auto                            index = region.GetIndex();
  for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    bool isIn = true;
    for (unsigned int d = 0; d < D; ++d)
    {
      isIn = isIn && std::abs(index[d] - at[d]) <= static_cast<itk::IndexValueType>(radius[d]);
    }
    if (isIn)
    {
      box.push_back(i);
    }
  }
  return box;
}

/** A pair that fills its frame: structures, noise and a brightness that drifts, on a rotated anisotropic grid. */
template <unsigned int D>
struct LocalPair
{
  typename TestImage<D>::Pointer                Fixed;
  typename TestImage<D>::Pointer                Moving;
  typename TestForce<D>::MaskImageType::Pointer Mask;

  LocalPair()
  {
    const auto   geometry = MakeObliqueGeometry<D>(D == 2 ? 14 : 8);
    const auto   centre = GetCentre(geometry);
    std::mt19937 random(7);
    const auto   make = [&](double offset, double factor) {
      return MakeImage<TestImage<D>>(geometry, [&, offset, factor](const itk::Point<double, D> & point) {
        auto middle = centre;
        middle[0] += offset;
        return factor * Bump(point, middle, D == 2 ? 5.0 : 3.0) + 0.05 * point[1] +
               0.1 * std::uniform_real_distribution<double>()(random);
      });
    };
    Fixed = make(0.0, 3.0);
    Moving = make(1.5, 2.0);
    Mask = MakeImageOn<typename TestForce<D>::MaskImageType>(Fixed);
    Mask->FillBuffer(1);
    for (itk::SizeValueType i = 0; i < 5 * Fixed->GetBufferedRegion().GetSize(0) / 2; ++i)
    {
      Mask->GetBufferPointer()[i] = 0;
    }
  }
};

/** The sum of squared local correlations of standardized images, straight from its definition. */
template <unsigned int D>
class DirectCorrelation
{
public:
  DirectCorrelation(const LocalPair<D> & pair, const itk::Size<D> & radius, double floor, bool masked)
    : m_Floor(floor)
  {
    const auto count = pair.Fixed->GetBufferedRegion().GetNumberOfPixels();
    for (itk::SizeValueType i = 0; i < count; ++i)
    {
      m_TakesPart.push_back(!masked || pair.Mask->GetBufferPointer()[i] != 0);
    }
    m_Fixed = this->Standardize(pair.Fixed);
    m_Moving = this->Standardize(pair.Moving);
    for (itk::SizeValueType i = 0; i < count; ++i)
    {
      std::vector<itk::SizeValueType> box;
      if (m_TakesPart[i])
      {
        ++m_Number;
        for (const auto j : ListBox<D>(pair.Fixed, i, radius))
        {
          if (m_TakesPart[j])
          {
            box.push_back(j);
          }
        }
      }
      m_Boxes.push_back(box);
    }
  }

  double
  Sum(itk::SizeValueType changed, double change)
  {
    m_Moving[changed] += change;
    double sum = 0.0;
    for (const auto & box : m_Boxes)
    {
      double f = 0.0;
      double w = 0.0;
      for (const auto j : box)
      {
        f += m_Fixed[j] / static_cast<double>(box.size());
        w += m_Moving[j] / static_cast<double>(box.size());
      }
      double common = m_Floor * static_cast<double>(box.size());
      double ofFixed = common;
      double ofMoving = common;
      for (const auto j : box)
      {
        common += (m_Fixed[j] - f) * (m_Moving[j] - w);
        ofFixed += (m_Fixed[j] - f) * (m_Fixed[j] - f);
        ofMoving += (m_Moving[j] - w) * (m_Moving[j] - w);
      }
      sum += box.empty() ? 0.0 : common * common / (ofFixed * ofMoving);
    }
    m_Moving[changed] -= change;
    return sum;
  }

  double
  GetValue()
  {
    return -this->Sum(0, 0.0) / static_cast<double>(m_Number);
  }
  bool
  TakesPart(itk::SizeValueType i) const
  {
    return m_TakesPart[i];
  }
  double
  GetMoving(itk::SizeValueType i) const
  {
    return m_Moving[i];
  }

private:
  std::vector<double>
  Standardize(const TestImage<D> * image) const
  {
    const std::vector<double> voxels(image->GetBufferPointer(), image->GetBufferPointer() + m_TakesPart.size());
    double                    sum = 0.0;
    double                    number = 0.0;
    for (std::size_t i = 0; i < voxels.size(); ++i)
    {
      sum += m_TakesPart[i] ? voxels[i] : 0.0;
      number += m_TakesPart[i] ? 1.0 : 0.0;
    }
    double squares = 0.0;
    for (std::size_t i = 0; i < voxels.size(); ++i)
    {
      squares += m_TakesPart[i] ? itk::Math::sqr(voxels[i] - sum / number) : 0.0;
    }
    std::vector<double> standardized;
    for (const double voxel : voxels)
    {
      standardized.push_back((voxel - sum / number) / std::sqrt(squares / number));
    }
    return standardized;
  }

  double                                       m_Floor;
  double                                       m_Number{ 0.0 };
  std::vector<bool>                            m_TakesPart;
  std::vector<double>                          m_Fixed;
  std::vector<double>                          m_Moving;
  std::vector<std::vector<itk::SizeValueType>> m_Boxes;
};

template <unsigned int D>
void
ExpectExactDerivative(bool masked)
{
  const LocalPair<D> pair;
  const auto         radius = MakeRadius<D>(1);
  const auto         force = TestForce<D>::New();
  force->SetRadius(radius);
  force->SetVarianceFloor(0.02);
  const auto                           forces = MakeImageOn<typename TestForce<D>::ForceFieldType>(pair.Fixed);
  typename TestForce<D>::WeightPointer weight;
  double                               value = 0.0;
  const auto *                         mask = masked ? pair.Mask.GetPointer() : nullptr;
  ASSERT_TRUE(force->ComputeForces(pair.Fixed, pair.Moving, mask, nullptr, forces, weight, value));
  DirectCorrelation<D> direct(pair, radius, 0.02, masked);
  EXPECT_NEAR(value, direct.GetValue(), 1e-5);

  const auto region = pair.Fixed->GetBufferedRegion();
  auto       index = region.GetIndex();
  double     largest = 0.0;
  for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
  {
    itk::Vector<double, D> along(0.0);
    const double           rise = (direct.Sum(i, 1e-4) - direct.Sum(i, -1e-4)) / 2e-4;
    for (unsigned int axis = 0; axis < D && direct.TakesPart(i); ++axis)
    {
      const auto stride = static_cast<itk::SizeValueType>(pair.Fixed->GetOffsetTable()[axis]);
      if (index[axis] > region.GetIndex()[axis] && index[axis] < region.GetUpperIndex()[axis] &&
          direct.TakesPart(i - stride) && direct.TakesPart(i + stride))
      {
        along[axis] =
          rise * (direct.GetMoving(i + stride) - direct.GetMoving(i - stride)) / (2.0 * pair.Fixed->GetSpacing()[axis]);
      }
    }
    const itk::Vector<double, D> expected = pair.Fixed->GetDirection() * along;
    for (unsigned int d = 0; d < D; ++d)
    {
      ASSERT_NEAR(forces->GetBufferPointer()[i][d], expected[d], 2e-4) << index;
    }
    largest = std::max(largest, expected.GetNorm());
    ASSERT_GE(weight->GetBufferPointer()[i], 0.0);
  }
  EXPECT_GT(largest, 0.1);
}

TEST(LocalCorrelationRegistrationForce, DerivativeIsExact)
{
  for (const bool masked : { false, true })
  {
    ExpectExactDerivative<2>(masked);
    ExpectExactDerivative<3>(masked);
  }
}

template <unsigned int D>
typename TestImage<D>::Pointer
ChangeContrast(const TestImage<D> * image, double factor, double offset)
{
  const auto changed = CopyImage<TestImage<D>>(image);
  for (itk::SizeValueType i = 0; i < changed->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    changed->GetBufferPointer()[i] =
      static_cast<float>(factor * static_cast<double>(changed->GetBufferPointer()[i]) + offset);
  }
  return changed;
}

TEST(LocalCorrelationRegistrationForce, ContrastOfEitherImageChangesNothing)
{
  const LocalPair<2> pair;
  const auto         force = TestForce<2>::New();
  const auto         evaluate = [&](const TestImage<2> * fixed, const TestImage<2> * moving) {
    const auto                  forces = MakeImageOn<TestForce<2>::ForceFieldType>(fixed);
    TestForce<2>::WeightPointer weight;
    double                      value = 0.0;
    EXPECT_TRUE(force->ComputeForces(fixed, moving, nullptr, nullptr, forces, weight, value));
    return std::make_pair(value, forces);
  };
  const auto expected = evaluate(pair.Fixed, pair.Moving);
  for (const double factor : { 1e-3, 1e3, -1.0 })
  {
    const auto changed = ChangeContrast<2>(pair.Moving, factor, 10.0 * factor);
    for (const auto & seen :
         { evaluate(pair.Fixed, changed), evaluate(ChangeContrast<2>(pair.Fixed, factor, 0.0), pair.Moving) })
    {
      EXPECT_NEAR(seen.first, expected.first, 1e-4) << factor;
      for (itk::SizeValueType i = 0; i < pair.Fixed->GetBufferedRegion().GetNumberOfPixels(); ++i)
      {
        ASSERT_LT((seen.second->GetBufferPointer()[i] - expected.second->GetBufferPointer()[i]).GetNorm(), 2e-3)
          << factor;
      }
    }
  }
}

TEST(LocalCorrelationRegistrationForce, EqualImagesAreAtRest)
{
  const LocalPair<3>          pair;
  const auto                  force = TestForce<3>::New();
  const auto                  forces = MakeImageOn<TestForce<3>::ForceFieldType>(pair.Fixed);
  TestForce<3>::WeightPointer weight;
  double                      value = 0.0;
  const auto                  inverted = ChangeContrast<3>(pair.Fixed, -2.0, 3.0);
  ASSERT_TRUE(force->ComputeForces(pair.Fixed, inverted, nullptr, nullptr, forces, weight, value));
  EXPECT_NEAR(value, -1.0, 1e-5);
  for (itk::SizeValueType i = 0; i < pair.Fixed->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    ASSERT_LT(forces->GetBufferPointer()[i].GetNorm(), 1e-4);
  }
}

TEST(LocalCorrelationRegistrationForce, ConstantAndMaskedImagesAreHarmless)
{
  const LocalPair<2>          pair;
  const auto                  force = TestForce<2>::New();
  const auto                  forces = MakeImageOn<TestForce<2>::ForceFieldType>(pair.Fixed);
  const auto                  constant = ChangeContrast<2>(pair.Fixed, 0.0, 7.3);
  TestForce<2>::WeightPointer weight;
  double                      value = 0.0;
  ASSERT_TRUE(force->ComputeForces(pair.Fixed, constant, nullptr, nullptr, forces, weight, value));
  EXPECT_TRUE(std::isfinite(value));
  for (itk::SizeValueType i = 0; i < pair.Fixed->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    ASSERT_EQ(forces->GetBufferPointer()[i].GetNorm(), 0.0);
    ASSERT_EQ(weight->GetBufferPointer()[i], 0.0);
  }
  const auto nowhere = MakeImageOn<TestForce<2>::MaskImageType>(pair.Fixed);
  EXPECT_FALSE(force->ComputeForces(pair.Fixed, pair.Moving, nowhere, nullptr, forces, weight, value));
}

TEST(LocalCorrelationRegistrationForce, BoxSumsAreThoseOfTheDefinition)
{
  const auto                            geometry = MakeObliqueGeometry<3>(9);
  std::mt19937                          random(3);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  const auto image = MakeImage<TestImage<3>>(geometry, [&](const auto &) { return uniform(random); });
  const auto count = image->GetBufferedRegion().GetNumberOfPixels();
  for (const itk::SizeValueType first : { 0, 1, 3, 20 })
  {
    const auto         radius = MakeRadius<3>(first);
    std::vector<float> sums(image->GetBufferPointer(), image->GetBufferPointer() + count);
    SumOverBoxes<3>(image->GetBufferedRegion().GetSize(), radius, sums);
    for (itk::SizeValueType i = 0; i < count; i += 7)
    {
      double expected = 0.0;
      for (const auto j : ListBox<3>(image, i, radius))
      {
        expected += static_cast<double>(image->GetBufferPointer()[j]);
      }
      ASSERT_NEAR(sums[i], expected, 1e-4) << first;
    }
  }
}

} // namespace
