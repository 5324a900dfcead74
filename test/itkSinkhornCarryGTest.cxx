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
#include "itkSinkhornCommonGrid.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkImageMaskSpatialObject.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace
{

using namespace itk::Sinkhorn;

/** Mass and its first moment. */
template <unsigned int VDimension>
struct Balance
{
  double                          Mass{ 0.0 };
  itk::Vector<double, VDimension> Centre{ 0.0 };

  void
  Add(const itk::ImageBase<VDimension> & grid, const itk::Index<VDimension> & index, double mass)
  {
    itk::Point<double, VDimension> point;
    grid.TransformIndexToPhysicalPoint(index, point);
    Mass += mass;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      Centre[d] += mass * point[d];
    }
  }
};

/** Draws grids of any spacing, direction and start index, and contents from sparse to even. */
template <unsigned int VDimension>
class Sampler
{
public:
  using ImageType = itk::Image<float, VDimension>;

  explicit Sampler(unsigned int seed)
    : m_Generator(seed)
  {}

  double
  Draw(double lower, double upper)
  {
    return std::uniform_real_distribution<double>(lower, upper)(m_Generator);
  }

  typename ImageType::Pointer
  MakeImage(double decades, double longestSide, itk::SizeValueType mostVoxels)
  {
    const auto                        image = ImageType::New();
    typename ImageType::RegionType    region;
    typename ImageType::SpacingType   spacing;
    typename ImageType::PointType     origin;
    typename ImageType::DirectionType direction;
    direction.SetIdentity();
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      spacing[d] = std::pow(10.0, this->Draw(-decades, decades));
      const double size = this->Draw(0.4, 1.0) * longestSide / spacing[d];
      region.SetSize(d, std::min(mostVoxels, std::max<itk::SizeValueType>(1, static_cast<itk::SizeValueType>(size))));
      region.SetIndex(d, static_cast<itk::IndexValueType>(this->Draw(-20.0, 20.0)));
      origin[d] = this->Draw(-3.0, 3.0);
    }
    const double kind = this->Draw(0.0, 3.0); // aligned, a quarter turn, any angle
    const double angle = kind < 1.0 ? 0.0 : (kind < 2.0 ? 0.5 * itk::Math::pi : this->Draw(-3.0, 3.0));
    direction(0, 0) = direction(1, 1) = kind >= 1.0 && kind < 2.0 ? 0.0 : std::cos(angle);
    direction(1, 0) = std::sin(angle);
    direction(0, 1) = -std::sin(angle);
    image->SetRegions(region);
    image->SetSpacing(spacing);
    image->SetOrigin(origin);
    image->SetDirection(direction);
    image->Allocate(true);
    return image;
  }

private:
  std::mt19937 m_Generator;
};

template <unsigned int VDimension>
void
CheckConservation(unsigned int seed)
{
  Sampler<VDimension> sampler(seed);
  const auto          fixed = sampler.MakeImage(0.5, 12.0, 40);
  const auto          moving = sampler.MakeImage(1.0, 12.0, VDimension == 2 ? 300 : 50);
  const bool          isSparse = sampler.Draw(0.0, 1.0) < 0.5;
  const auto          voxels = moving->GetBufferedRegion().GetNumberOfPixels();
  using MaskType = itk::ImageMaskSpatialObject<VDimension>;
  const auto maskImage = MaskType::ImageType::New();
  maskImage->CopyInformation(moving);
  maskImage->SetRegions(moving->GetBufferedRegion());
  maskImage->Allocate(true);
  for (itk::SizeValueType i = 0; i < voxels; ++i)
  {
    moving->GetBufferPointer()[i] = static_cast<float>(
      isSparse ? (sampler.Draw(0.0, 1.0) < 0.02 ? sampler.Draw(0.0, 1.0) : 0.0) : sampler.Draw(0.0, 1.0));
    maskImage->GetBufferPointer()[i] = sampler.Draw(0.0, 1.0) < 0.8 ? 1 : 0;
  }
  const auto corner = static_cast<itk::SizeValueType>(sampler.Draw(0.0, 0.999) * voxels);
  moving->GetBufferPointer()[corner] = 1.0f;
  maskImage->GetBufferPointer()[corner] = 1;
  const auto spatial = MaskType::New();
  spatial->SetImage(maskImage);
  spatial->Update();
  const auto * chosen = sampler.Draw(0.0, 1.0) < 0.5 ? spatial.GetPointer() : nullptr;

  Balance<VDimension> expected;
  ForEachMass<typename Sampler<VDimension>::ImageType>(
    *moving, chosen, [&](const itk::Index<VDimension> & index, double mass) { expected.Add(*moving, index, mass); });
  const auto grid = MakeCommonGrid<VDimension>(*fixed, { moving.GetPointer() });
  const auto density =
    CarryDensity<float, typename Sampler<VDimension>::ImageType>(*moving, chosen, *grid, "moving", 1);
  Balance<VDimension> carried;
  auto                index = grid->GetBufferedRegion().GetIndex();
  for (const float mass : density.Mass)
  {
    ASSERT_GE(mass, 0.0f);
    carried.Add(*grid, index, mass * density.Unit);
    AdvanceIndex(grid->GetBufferedRegion(), index);
  }
  EXPECT_NEAR(carried.Mass, expected.Mass, 1e-5 * expected.Mass) << "seed " << seed;
  EXPECT_NEAR(density.Total, expected.Mass, 1e-9 * expected.Mass);
  const auto distance = (carried.Centre / carried.Mass - expected.Centre / expected.Mass).GetNorm();
  EXPECT_LE(distance, 1e-4) << "seed " << seed;
}

TEST(SinkhornCarry, ConservesMassAndCentreOfAnyGeometry)
{
  for (unsigned int seed = 0; seed < 400; ++seed)
  {
    CheckConservation<2>(seed);
  }
  for (unsigned int seed = 0; seed < 60; ++seed)
  {
    CheckConservation<3>(seed);
  }
}

/** Two plates across one axis that is finer than the grid's, while another is coarser. */
TEST(SinkhornCarry, EqualPlatesStayEqual)
{
  using ImageType = itk::Image<float, 3>;
  const auto fixed =
    Testing::MakeDensity<ImageType>({ 16, 8, 16 }, { 1.0, 1.0, 1.0 }, [](const auto &) { return 1.0; });
  for (const double fine : { 0.17, 0.3, 0.45, 0.8 })
  {
    for (const double coarse : { 1.0, 1.7, 3.0, 5.0 })
    {
      const auto size = static_cast<itk::SizeValueType>(16.0 / fine);
      for (itk::IndexValueType first = 2; first < 6; ++first)
      {
        const itk::IndexValueType second = first + static_cast<itk::IndexValueType>(7.37 / fine);
        const auto                moving =
          Testing::MakeDensity<ImageType>({ size, 8, 6 }, { fine, 1.0, coarse }, [=](const ImageType::PointType & p) {
            const auto column = std::lround(p[0] / fine);
            return column == first || column == second ? 1.0 : 0.0;
          });
        const auto grid = MakeCommonGrid<3>(*fixed, { moving.GetPointer() });
        const auto density = CarryDensity<float, ImageType>(*moving, nullptr, *grid, "moving", 1);
        double     masses[2] = { 0.0, 0.0 };
        for (itk::SizeValueType i = 0; i < density.Mass.size(); ++i)
        {
          const auto index = PositionToIndex(grid->GetBufferedRegion(), i);
          masses[static_cast<double>(index[0]) > 0.5 * fine * (first + second) ? 1 : 0] += density.Mass[i];
        }
        EXPECT_NEAR(masses[0], masses[1], 1e-5 * masses[1]) << fine << ' ' << coarse << ' ' << first;
      }
    }
  }
}

TEST(SinkhornCarry, EvenVoxelsGiveAnEvenDensity)
{
  using ImageType = itk::Image<double, 2>;
  const auto fixed = Testing::MakeDensity<ImageType>({ 20, 20 }, { 1.0, 1.0 }, [](const auto &) { return 1.0; });
  for (const double spacing : { 0.1, 0.37, 0.7, 0.95, 1.0, 1.3, 2.9, 7.0 })
  {
    const auto n = static_cast<itk::SizeValueType>(40.0 / spacing);
    const auto moving = Testing::MakeDensity<ImageType>(
      { n, 40 }, { spacing, 1.0 }, [](const auto &) { return 1.0; }, 0.0, { -10.0 + 0.3 * spacing, -10.4 });
    const auto grid = MakeCommonGrid<2>(*fixed, { moving.GetPointer() });
    const auto density = CarryDensity<double, ImageType>(*moving, nullptr, *grid, "moving", 1);
    for (itk::SizeValueType i = 0; i < density.Mass.size(); ++i)
    {
      const auto index = PositionToIndex(grid->GetBufferedRegion(), i);
      if (index[0] >= 0 && index[0] < 20 && index[1] >= 0 && index[1] < 20)
      {
        ASSERT_NEAR(density.Mass[i] * density.Unit, 1.0, 1e-9) << spacing << ' ' << index;
      }
    }
  }
}

TEST(SinkhornCarry, MassOutsideTheGridGoesToItsBorder)
{
  using ImageType = itk::Image<float, 2>;
  const auto grid = Testing::MakeDensity<ImageType>({ 5, 5 }, { 1.0, 1.0 }, [](const auto &) { return 0.0; });
  for (const double spacing : { 0.4, 1.0, 3.0 })
  {
    for (const double angle : { 0.0, 0.4 })
    {
      const auto image = Testing::MakeDensity<ImageType>(
        { 9, 9 }, { spacing, 1.2 }, [](const auto &) { return 1.0; }, angle, { -2.0, 3.0 });
      const auto density = CarryDensity<float, ImageType>(*image, nullptr, *grid, "moving", 1);
      double     sum = 0.0;
      for (const float mass : density.Mass)
      {
        sum += mass * density.Unit;
      }
      EXPECT_NEAR(sum, 81.0 * 1.2 * spacing, 1e-3);
    }
  }
}

TEST(SinkhornCarry, DenormalIntensitiesKeepTheirShape)
{
  using ImageType = itk::Image<float, 2>;
  const auto ramp = [](double unit) {
    return [unit](const ImageType::PointType & p) { return unit * (1.0 + std::floor(p[0])); };
  };
  const auto   small = Testing::MakeDensity<ImageType>({ 12, 3 }, { 1e-3, 1e-3 }, [](const auto &) { return 1e-41; });
  const auto   usual = Testing::MakeDensity<ImageType>({ 12, 3 }, { 1.0, 1.0 }, ramp(1.0));
  const auto   density = CarryDensity<float, ImageType>(*small, nullptr, *small, "moving", 1);
  const double expected = small->GetBufferPointer()[0] * 1e-6;
  for (const float mass : density.Mass)
  {
    EXPECT_NEAR(mass * density.Unit / expected, 1.0, 1e-6);
  }
  const auto tiny =
    Testing::MakeDensity<itk::Image<double, 2>>({ 3, 3 }, { 1.0, 1.0 }, [](const auto &) { return 1e-310; });
  EXPECT_NE(Testing::GetMessage([&] {
              CarryDensity<double, itk::Image<double, 2>>(*tiny, nullptr, *tiny, "moving", 1);
            }).find("scale its intensities"),
            std::string::npos);
  EXPECT_GT(CarryDensity<float>(*usual, static_cast<itk::SpatialObject<2> *>(nullptr), *usual, "fixed", 1).Total, 0.0);
}

} // namespace
