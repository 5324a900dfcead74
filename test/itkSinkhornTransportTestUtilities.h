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
#ifndef itkSinkhornTransportTestUtilities_h
#define itkSinkhornTransportTestUtilities_h

#include "itkImage.h"
#include "itkImageRegionIteratorWithIndex.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace itk
{
namespace Sinkhorn
{
namespace Testing
{

/** An image whose axes are rotated by an angle in the first plane. */
template <typename TImage>
typename TImage::Pointer
MakeDensity(const std::vector<SizeValueType> &                                size,
            const std::vector<double> &                                       spacing,
            const std::function<double(const typename TImage::PointType &)> & density,
            double                                                            angle = 0.0,
            const std::vector<double> &                                       origin = {},
            IndexValueType                                                    start = 0)
{
  constexpr unsigned int         dimension = TImage::ImageDimension;
  typename TImage::RegionType    region;
  typename TImage::PointType     corner;
  typename TImage::SpacingType   steps;
  typename TImage::DirectionType direction;
  direction.SetIdentity();
  direction(0, 0) = direction(1, 1) = std::cos(angle);
  direction(1, 0) = std::sin(angle);
  direction(0, 1) = -std::sin(angle);
  for (unsigned int d = 0; d < dimension; ++d)
  {
    region.SetSize(d, size[d]);
    region.SetIndex(d, start);
    steps[d] = spacing[d];
    corner[d] = origin.empty() ? 0.0 : origin[d];
  }
  const auto image = TImage::New();
  image->SetRegions(region);
  image->SetSpacing(steps);
  image->SetOrigin(corner);
  image->SetDirection(direction);
  image->Allocate();
  for (ImageRegionIteratorWithIndex<TImage> it(image, region); !it.IsAtEnd(); ++it)
  {
    typename TImage::PointType point;
    image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    it.Set(static_cast<typename TImage::PixelType>(density(point)));
  }
  return image;
}

/** A point or a vector from its components. */
template <typename TVector>
TVector
Make(std::initializer_list<double> components)
{
  TVector result;
  std::copy(components.begin(), components.end(), result.Begin());
  return result;
}

/** What a function complains about. */
inline std::string
GetMessage(const std::function<void()> & function)
{
  try
  {
    function();
  }
  catch (const ExceptionObject & error)
  {
    return error.GetDescription();
  }
  return "no exception";
}

template <typename TFilter, typename TImage>
typename TFilter::Pointer
MakeFilter(const TImage * fixed, const TImage * moving, double blur, double tolerance = 1e-6)
{
  const auto filter = TFilter::New();
  filter->SetFixedImage(fixed);
  filter->SetMovingImage(moving);
  filter->SetBlur(blur);
  filter->SetTolerance(tolerance);
  filter->SetMaximumNumberOfIterations(20000);
  return filter;
}

template <typename TImage>
double
Sum(const TImage * image)
{
  double       sum = 0.0;
  const auto * buffer = image->GetBufferPointer();
  for (itk::SizeValueType i = 0; i < image->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    sum += buffer[i];
  }
  return sum;
}

/** Centre of mass of an image. */
template <typename TImage>
typename TImage::PointType
Centre(const TImage * image)
{
  typename TImage::PointType centre;
  centre.Fill(0.0);
  const double mass = Sum(image);
  for (ImageRegionConstIteratorWithIndex<TImage> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    typename TImage::PointType point;
    image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
    {
      centre[d] += it.Get() / mass * point[d];
    }
  }
  return centre;
}

/** Largest difference of the springs from what they should be, over the voxels with mass, mm. */
template <typename TFilter, typename TExpected>
double
LargestSpringError(TFilter & filter, const TExpected & expected)
{
  const auto * springs = filter.GetSprings();
  const auto * mass = filter.GetTransportedMass();
  double       error = 0.0;
  using FieldType = typename TFilter::DisplacementFieldType;
  for (ImageRegionConstIteratorWithIndex<FieldType> it(springs, springs->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    if (mass->GetPixel(it.GetIndex()) > 0.0)
    {
      typename FieldType::PointType point;
      springs->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      error = std::max(error, (it.Get() - expected(point)).GetNorm());
    }
  }
  return error;
}

} // namespace Testing
} // namespace Sinkhorn
} // namespace itk

#endif
