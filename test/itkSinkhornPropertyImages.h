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
#ifndef itkSinkhornPropertyImages_h
#define itkSinkhornPropertyImages_h

#include "itkImage.h"
#include "itkImageMaskSpatialObject.h"
#include "itkSinkhornPropertyUtilities.h"

#include <algorithm>
#include <functional>

namespace itk
{
namespace Sinkhorn
{
namespace Testing
{

/** Two images of any geometry and content, and a transport between them. */
template <unsigned int VDimension>
struct ImageCase
{
  using MaskType = ImageMaskSpatialObject<VDimension>;

  std::vector<unsigned int> Size;
  std::vector<double>       Spacing;
  double                    Angle{ 0.0 };
  double                    Origin{ 0.0 };
  int                       Start{ 0 };
  double                    Offset{ 0.0 }; ///< of the moving image, of its size
  MassPattern               Patterns[2];
  double                    Factors[2]{ 1.0, 1.0 };
  unsigned int              Masks{ 0 }; ///< bits: of the fixed, of the moving image
  double                    Blur{ 1.0 };
  double                    Reach{ 0.0 };
  bool                      Debias{ true };
  unsigned int              Seed{ 0 };

  /** \param mostPoints of an image. */
  static ImageCase
  MakeRandom(Random & random, unsigned int mostPoints)
  {
    ImageCase    made;
    const double unit = random.LogUniform(1e-4, 1e4);
    unsigned int points = 1;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      const auto longest = std::min(67U, std::max(1U, mostPoints / points));
      made.Size.push_back(static_cast<unsigned int>(random.LogUniform(1.0, longest + 0.99)));
      made.Spacing.push_back(unit * (random.Chance(0.1) ? random.LogUniform(0.01, 1.0) : random.LogUniform(0.3, 3.0)));
      points *= made.Size.back();
    }
    made.Angle = random.Chance(0.5) ? 0.0 : random.Uniform(-3.2, 3.2);
    made.Origin = random.Chance(0.3) ? random.Uniform(-1e6, 1e6) : 0.0;
    made.Start = random.Chance(0.5) ? 0 : static_cast<int>(random.Index(200)) - 100;
    made.Offset = random.Chance(0.6) ? 0.0 : random.Uniform(-1.5, 1.5);
    for (int k = 0; k < 2; ++k)
    {
      made.Patterns[k] = static_cast<MassPattern>(random.Index(static_cast<unsigned int>(MassPattern::Count)));
      made.Factors[k] = random.Chance(0.5) ? 1.0 : random.LogUniform(1e-30, 1e30);
    }
    made.Masks = random.Chance(0.6) ? 0 : random.Index(4);
    const double voxel = *std::min_element(made.Spacing.begin(), made.Spacing.end());
    made.Blur = random.LogUniform(0.05 * voxel, 10.0 * made.GetDiameter());
    made.Reach = random.Chance(0.4) ? 0.0 : random.LogUniform(0.05 * voxel, 100.0 * made.GetDiameter());
    made.Debias = random.Chance(0.8);
    made.Seed = random.Index(1U << 30);
    return made;
  }

  /** Simpler cases, as the base class of a kind of case makes them. */
  template <typename TCase>
  static std::vector<TCase>
  ShrinkAs(const TCase & example)
  {
    std::vector<TCase> simpler;
    const auto         add = [&](bool isPossible, const std::function<void(ImageCase &)> & change) {
      if (isPossible)
      {
        simpler.push_back(example);
        change(simpler.back());
      }
    };
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      add(example.Size[d] > 1, [d](ImageCase & c) { c.Size[d] /= 2; });
      add(example.Size[d] > 1, [d](ImageCase & c) { --c.Size[d]; });
    }
    add(example.Angle != 0.0, [](ImageCase & c) { c.Angle = 0.0; });
    add(example.Origin != 0.0, [](ImageCase & c) { c.Origin = 0.0; });
    add(example.Start != 0, [](ImageCase & c) { c.Start = 0; });
    add(example.Offset != 0.0, [](ImageCase & c) { c.Offset = 0.0; });
    add(example.Masks != 0, [](ImageCase & c) { c.Masks = 0; });
    for (int k = 0; k < 2; ++k)
    {
      add(example.Factors[k] != 1.0, [k](ImageCase & c) { c.Factors[k] = 1.0; });
      add(example.Patterns[k] != MassPattern::Constant, [k](ImageCase & c) { c.Patterns[k] = MassPattern::Constant; });
    }
    add(example.Reach != 0.0, [](ImageCase & c) { c.Reach = 0.0; });
    add(example.Debias, [](ImageCase & c) { c.Debias = false; });
    return simpler;
  }

  std::string
  Describe() const
  {
    std::ostringstream text;
    text.precision(17);
    text << Join(Size) << " spacing " << Join(Spacing) << " angle " << Angle << " origin " << Origin << " start "
         << Start << " offset " << Offset << " patterns " << static_cast<unsigned int>(Patterns[0]) << ' '
         << static_cast<unsigned int>(Patterns[1]) << " factors " << Factors[0] << ' ' << Factors[1] << " masks "
         << Masks << " blur " << Blur << " reach " << Reach << (Debias ? " debiased" : "") << " of " << Seed;
    return text.str();
  }

  double
  GetDiameter() const
  {
    double diameter = 0.0;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      diameter = std::hypot(diameter, Size[d] * Spacing[d]);
    }
    return diameter;
  }

  /** Half the squared distance that mass may have to go, and the blur's. */
  double
  GetCost() const
  {
    return 0.5 * std::pow((1.0 + std::abs(Offset)) * this->GetDiameter(), 2) + Blur * Blur;
  }

  /** \param k 0: fixed, 1: moving. */
  std::vector<double>
  MakeContent(unsigned int k) const
  {
    return MakeMasses(Size, Patterns[k], Seed + k, k == 1);
  }

  template <typename TImage>
  typename TImage::Pointer
  MakeGrid(unsigned int k) const
  {
    const auto                     image = TImage::New();
    typename TImage::RegionType    region;
    typename TImage::SpacingType   spacing;
    typename TImage::PointType     origin;
    typename TImage::DirectionType direction;
    direction.SetIdentity();
    direction(0, 0) = direction(1, 1) = std::cos(Angle);
    direction(1, 0) = std::sin(Angle);
    direction(0, 1) = -std::sin(Angle);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      region.SetSize(d, Size[d]);
      region.SetIndex(d, Start);
      spacing[d] = Spacing[d];
      origin[d] = Origin + (k == 1 ? Offset * Size[d] * Spacing[d] : 0.0);
    }
    image->SetRegions(region);
    image->SetSpacing(spacing);
    image->SetOrigin(origin);
    image->SetDirection(direction);
    image->Allocate();
    return image;
  }

  template <typename TImage>
  typename TImage::Pointer
  MakeImage(unsigned int k, double factor) const
  {
    const auto image = this->MakeGrid<TImage>(k);
    const auto content = this->MakeContent(k);
    std::transform(content.begin(), content.end(), image->GetBufferPointer(), [factor](double value) {
      return static_cast<typename TImage::PixelType>(value * factor);
    });
    return image;
  }

  /** A random mask that holds the largest voxel, or nullptr. */
  typename MaskType::Pointer
  MakeMask(unsigned int k) const
  {
    if ((Masks & (1U << k)) == 0)
    {
      return nullptr;
    }
    using MaskImageType = Image<unsigned char, VDimension>;
    const auto   image = this->MakeGrid<MaskImageType>(k);
    const auto   content = this->MakeContent(k);
    Random       random(Seed + 2 + k);
    const double part = random.Uniform(0.0, 1.0);
    for (size_t i = 0; i < content.size(); ++i)
    {
      image->GetBufferPointer()[i] = random.Chance(part) ? 1 : 0;
    }
    image->GetBufferPointer()[std::max_element(content.begin(), content.end()) - content.begin()] = 1;
    const auto mask = MaskType::New();
    mask->SetImage(image);
    mask->Update();
    return mask;
  }
};

/** Whether all components of all pixels of an image of numbers or vectors are finite. */
template <typename TImage>
bool
IsImageFinite(const TImage * image)
{
  using ValueType = typename NumericTraits<typename TImage::PixelType>::ValueType;
  const auto * values = reinterpret_cast<const ValueType *>(image->GetBufferPointer());
  const auto   count =
    image->GetBufferedRegion().GetNumberOfPixels() * sizeof(typename TImage::PixelType) / sizeof(ValueType);
  return std::all_of(values, values + count, [](ValueType value) { return std::isfinite(value); });
}

} // namespace Testing
} // namespace Sinkhorn
} // namespace itk

#endif
