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

// What ITK's own tests of registration need besides themselves: two images, and whether a warped one is closer.

#include "itkImageFileReader.h"
#include "itkImageFileWriter.h"
#include "itkImageRegionConstIterator.h"
#include "itkImageRegionIteratorWithIndex.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>

namespace
{

using ImageType = itk::Image<float, 2>;

/** A textured ellipse with two ventricles, as bright as the slices of ITK's tests. */
double
Shade(double x, double y)
{
  const auto inside = [x, y](double cx, double cy, double rx, double ry) {
    const double r = std::hypot((x - cx) / rx, (y - cy) / ry);
    return std::clamp(8.0 * (1.0 - r), 0.0, 1.0);
  };
  const double tissue = 180.0 + 40.0 * std::cos(0.35 * x) * std::cos(0.28 * y);
  return inside(0.0, 0.0, 34.0, 42.0) * tissue - 120.0 * inside(-8.0, -4.0, 5.0, 12.0) -
         120.0 * inside(8.0, -4.0, 5.0, 12.0);
}

/** \a strength 0: the fixed image; 1: rotated, shifted and bent. */
void
Draw(const std::string & path, double strength)
{
  ImageType::RegionType region;
  region.SetSize({ { 96, 112 } });
  const auto image = ImageType::New();
  image->SetRegions(region);
  image->Allocate();
  const double angle = 0.12 * strength;
  for (itk::ImageRegionIteratorWithIndex<ImageType> it(image, region); !it.IsAtEnd(); ++it)
  {
    const double x = static_cast<double>(it.GetIndex()[0]) - 47.0 - 3.0 * strength;
    const double y = static_cast<double>(it.GetIndex()[1]) - 55.0 + 2.0 * strength;
    const double bend = 2.0 * strength * std::sin(0.06 * x);
    it.Set(static_cast<float>(
      Shade(std::cos(angle) * x - std::sin(angle) * y, std::sin(angle) * x + std::cos(angle) * y + bend)));
  }
  itk::WriteImage(image.GetPointer(), path);
}

double
MeanSquares(const ImageType * a, const ImageType * b)
{
  double                                   sum = 0.0;
  itk::ImageRegionConstIterator<ImageType> left(a, a->GetLargestPossibleRegion());
  itk::ImageRegionConstIterator<ImageType> right(b, b->GetLargestPossibleRegion());
  for (; !left.IsAtEnd(); ++left, ++right)
  {
    const double difference = static_cast<double>(left.Get()) - static_cast<double>(right.Get());
    sum += difference * difference;
  }
  return sum / static_cast<double>(a->GetLargestPossibleRegion().GetNumberOfPixels());
}

int
Compare(const std::string & fixedPath, const std::string & movingPath, const std::string & warpedPath)
{
  const auto   fixed = itk::ReadImage<ImageType>(fixedPath);
  const auto   warped = itk::ReadImage<ImageType>(warpedPath);
  const double before = MeanSquares(fixed, itk::ReadImage<ImageType>(movingPath));
  if (warped->GetLargestPossibleRegion() != fixed->GetLargestPossibleRegion())
  {
    std::cerr << warpedPath << ": not on the grid of the fixed image" << std::endl;
    return EXIT_FAILURE;
  }
  const double after = MeanSquares(fixed, warped);
  std::cout << "mean squared difference from the fixed image: " << before << " -> " << after << std::endl;
  return after < before ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

int
main(int argc, char * argv[])
{
  try
  {
    if (argc == 4 && std::string(argv[1]) == "draw")
    {
      Draw(argv[2], 0.0);
      Draw(argv[3], 1.0);
      return EXIT_SUCCESS;
    }
    if (argc == 5 && std::string(argv[1]) == "compare")
    {
      return Compare(argv[2], argv[3], argv[4]);
    }
    std::cerr << "usage: draw FIXED MOVING | compare FIXED MOVING WARPED" << std::endl;
  }
  catch (const std::exception & error)
  {
    std::cerr << error.what() << std::endl;
  }
  return EXIT_FAILURE;
}
