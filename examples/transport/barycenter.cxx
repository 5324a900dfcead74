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
// The mean of shapes: four shapes in the corners of a square and in between their barycentres, with
// weights that change from corner to corner; for more or fewer than four files, the files and their barycentre.
#include "shapes.h"

#include "itkSinkhornGridPicture.h"
#include "itkSinkhornBarycenterImageFilter.h"

#include <algorithm>
#include <iostream>

namespace
{

using namespace itk::SinkhornDrawing;

using FilterType = itk::SinkhornBarycenterImageFilter<example::Density>;

std::vector<Color>
ToColours(const example::Density * image, const itk::Size<2> & size)
{
  const float *      buffer = image->GetBufferPointer();
  std::vector<Color> colours(size[0] * size[1], InkColor(0.0));
  const auto         region = image->GetBufferedRegion();
  const float        largest = *std::max_element(buffer, buffer + region.GetNumberOfPixels());
  for (size_t y = 0; y < std::min(size[1], region.GetSize(1)); ++y)
  {
    for (size_t x = 0; x < std::min(size[0], region.GetSize(0)); ++x)
    {
      colours[y * size[0] + x] = InkColor(0.9 * buffer[y * region.GetSize(0) + x] / largest);
    }
  }
  return colours;
}

example::Density::Pointer
FindBarycenter(const std::vector<example::Density::Pointer> & shapes, const std::vector<double> & weights)
{
  const auto filter = FilterType::New();
  for (unsigned int k = 0; k < shapes.size(); ++k)
  {
    filter->SetInput(k, shapes[k]);
  }
  filter->SetWeights(weights);
  filter->SetTolerance(3e-3);
  filter->Update();
  std::cout << (filter->GetConverged() ? "converged" : "not converged") << " after " << filter->GetNumberOfIterations()
            << " iterations, marginal error " << filter->GetMarginalError() << std::endl;
  const example::Density::Pointer barycenter = filter->GetOutput();
  barycenter->DisconnectPipeline();
  return barycenter;
}

void
DrawBarycenters(const std::vector<std::string> & arguments)
{
  std::vector<example::Density::Pointer> shapes;
  for (size_t i = 1; i < arguments.size(); ++i)
  {
    shapes.push_back(example::LoadDensity(arguments[i]));
  }
  if (shapes.empty())
  {
    shapes = { example::MakeShape(80, 0.5, 0.5, 0.30, {}, 0.0),
               example::MakeShape(80, 0.5, 0.5, 0.28, { 0.0, 0.0, 0.0, 0.42 }, 0.0),
               example::MakeShape(80, 0.5, 0.5, 0.26, { 0.50 }, 0.8),
               example::MakeShape(80, 0.5, 0.5, 0.26, { 0.0, 0.40, 0.0 }, 1.6) };
  }
  const unsigned int scale = shapes.size() == 4 ? 2 : 1;
  if (shapes.size() == 4)
  {
    constexpr unsigned int panels = 5;
    const auto             size = FindBarycenter(shapes, { 1, 1, 1, 1 })->GetBufferedRegion().GetSize();
    GridPicture            picture(panels, panels, size, scale);
    for (unsigned int row = 0; row < panels; ++row)
    {
      for (unsigned int column = 0; column < panels; ++column)
      {
        const double              x = column / (panels - 1.0);
        const double              y = row / (panels - 1.0);
        const std::vector<double> weights{ (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y };
        const auto                corner = std::find(weights.begin(), weights.end(), 1.0);
        const auto image = corner != weights.end() ? shapes[corner - weights.begin()] : FindBarycenter(shapes, weights);
        picture.Paint(column, row, ToColours(image, size));
      }
    }
    picture.Write(arguments[0]);
    return;
  }
  const auto  barycenter = FindBarycenter(shapes, {});
  const auto  size = barycenter->GetBufferedRegion().GetSize();
  GridPicture picture(static_cast<unsigned int>(shapes.size()) + 1, 1, size, scale);
  for (unsigned int k = 0; k < shapes.size(); ++k)
  {
    picture.Paint(k, 0, ToColours(shapes[k], size));
  }
  picture.Paint(static_cast<unsigned int>(shapes.size()), 0, ToColours(barycenter, size));
  picture.Write(arguments[0]);
}

} // namespace

int
main(int argc, char * argv[])
{
  return example::RunExample(argc, argv, "PICTURE.png [SHAPE]...", DrawBarycenters);
}
