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
// Optimal transport as springs: each voxel of the blue shape is tied to its target in the orange one.
#include "shapes.h"

#include "itkSinkhornGridPicture.h"
#include "itkSinkhornTransportImageFilter.h"

#include <cmath>
#include <algorithm>
#include <iostream>

namespace
{

using namespace itk::SinkhornDrawing;

using Place = std::array<double, 2>; // in voxels of the picture

float
FindLargest(const example::Density * image)
{
  const float * buffer = image->GetBufferPointer();
  return *std::max_element(buffer, buffer + image->GetBufferedRegion().GetNumberOfPixels());
}

/** The one density in blue, the other in orange. */
std::vector<Color>
MixDensities(const example::Density * start, const example::Density * end)
{
  const float        largestStart = FindLargest(start);
  const float        largestEnd = FindLargest(end);
  std::vector<Color> colours(start->GetBufferedRegion().GetNumberOfPixels());
  for (size_t i = 0; i < colours.size(); ++i)
  {
    const double blue = start->GetBufferPointer()[i] / largestStart;
    const double orange = end->GetBufferPointer()[i] / largestEnd;
    colours[i] = { 1.0 - 0.45 * blue - 0.04 * orange,
                   1.0 - 0.25 * blue - 0.28 * orange,
                   1.0 - 0.04 * blue - 0.60 * orange };
  }
  return colours;
}

/** A coil between two dots: straight ends, zigzag in between, narrow turns. */
void
DrawCoil(GridPicture & picture, const Place & from, const Place & to, double coil)
{
  const double length = std::hypot(to[0] - from[0], to[1] - from[1]);
  const int    turns = std::max(4, static_cast<int>(length / (0.8 * coil)));
  Place        last = from;
  for (int i = 1; i <= turns; ++i)
  {
    const double t = static_cast<double>(i) / turns;
    const double side = (i <= 2 || i >= turns - 2) ? 0.0 : ((i % 2) ? 0.45 * coil : -0.45 * coil);
    const Place  next{ { from[0] + t * (to[0] - from[0]) - side * (to[1] - from[1]) / length,
                         from[1] + t * (to[1] - from[1]) + side * (to[0] - from[0]) / length } };
    picture.DrawLine(0, 0, last, next, 1.3, { 0.20, 0.20, 0.26 }, 0.9);
    last = next;
  }
  picture.DrawLine(0, 0, from, from, 7.0, { 0.05, 0.25, 0.55 });
  picture.DrawLine(0, 0, to, to, 7.0, { 0.80, 0.30, 0.00 });
}

void
DrawSprings(const std::vector<std::string> & arguments)
{
  const auto shapes = example::LoadPair(arguments);

  using FilterType = itk::SinkhornTransportImageFilter<example::Density>;
  const auto transport = FilterType::New();
  transport->SetFixedImage(shapes.first);
  transport->SetMovingImage(shapes.second);
  transport->Update();
  std::cout << "Divergence " << transport->GetDivergence() << " mm^2, "
            << (transport->GetConverged() ? "converged" : "not converged") << " after "
            << transport->GetNumberOfIterations() << " iterations, marginal error " << transport->GetMarginalError()
            << std::endl;

  const auto * springs = transport->GetSprings();
  const auto * mass = transport->GetTransportedMass();
  const auto   region = springs->GetLargestPossibleRegion();
  const auto   start = transport->Interpolate(0.0);
  const float  largest = FindLargest(start);
  const auto   longest = std::max(region.GetSize(0), region.GetSize(1));
  const auto   scale = static_cast<unsigned int>(std::max<itk::SizeValueType>(1, 900 / longest));
  // about eighty springs, and coils that can be seen
  const auto   support = std::count_if(start->GetBufferPointer(),
                                     start->GetBufferPointer() + region.GetNumberOfPixels(),
                                     [=](float m) { return m > 0.5f * largest; });
  const auto   step = std::max<itk::IndexValueType>(1, std::lround(std::sqrt(support / 80.0)));
  const double coil = static_cast<double>(longest) / 128.0;

  GridPicture picture(1, 1, region.GetSize(), scale);
  picture.Paint(0, 0, MixDensities(start, transport->Interpolate(1.0)));
  for (auto y = region.GetIndex(1) + step / 2; y <= region.GetUpperIndex()[1]; y += step)
  {
    for (auto x = region.GetIndex(0) + step / 2; x <= region.GetUpperIndex()[0]; x += step)
    {
      const FilterType::DisplacementFieldType::IndexType index{ { x, y } };
      if (mass->GetPixel(index) < 0.5f * largest)
      {
        continue;
      }
      FilterType::DisplacementFieldType::PointType point;
      springs->TransformIndexToPhysicalPoint(index, point);
      point += springs->GetPixel(index);
      itk::ContinuousIndex<double, 2> target;
      static_cast<void>(springs->TransformPhysicalPointToContinuousIndex(point, target));
      DrawCoil(picture,
               { { static_cast<double>(x - region.GetIndex(0)), static_cast<double>(y - region.GetIndex(1)) } },
               { { target[0] - region.GetIndex(0), target[1] - region.GetIndex(1) } },
               coil);
    }
  }
  picture.Write(arguments[0]);
}

} // namespace

int
main(int argc, char * argv[])
{
  return example::RunExample(argc, argv, "PICTURE.png [FIXED MOVING]", DrawSprings);
}
