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
// A shape on its way to another one, from left to right; above the entropic interpolation, below the mass displaced
// along the springs.
#include "shapes.h"

#include "itkSinkhornGridPicture.h"
#include "itkSinkhornTransportImageFilter.h"

#include <algorithm>

namespace
{

using namespace itk::SinkhornDrawing;

void
DrawStrip(const std::vector<std::string> & arguments)
{
  const auto shapes = example::LoadPair(arguments);

  using FilterType = itk::SinkhornTransportImageFilter<example::Density>;
  const auto transport = FilterType::New();
  transport->SetFixedImage(shapes.first);
  transport->SetMovingImage(shapes.second);
  transport->Update();

  // one scale for all panels: the larger of the two shapes' densities
  float largest = 0.0f;
  for (const double end : { 0.0, 1.0 })
  {
    const auto    density = transport->Interpolate(end);
    const float * buffer = density->GetBufferPointer();
    largest = std::max(largest, *std::max_element(buffer, buffer + density->GetBufferedRegion().GetNumberOfPixels()));
  }

  constexpr unsigned int panels = 7;
  const auto             size = transport->GetSprings()->GetLargestPossibleRegion().GetSize();
  GridPicture            picture(panels, 2, size, std::max<unsigned int>(1, static_cast<unsigned int>(256 / size[0])));
  for (unsigned int panel = 0; panel < panels; ++panel)
  {
    const double t = panel / (panels - 1.0);
    for (unsigned int row = 0; row < 2; ++row)
    {
      const auto density = transport->Interpolate(
        t, row == 0 ? FilterType::InterpolationEnum::Entropic : FilterType::InterpolationEnum::Displacement);
      const float *      buffer = density->GetBufferPointer();
      std::vector<Color> colours(density->GetBufferedRegion().GetNumberOfPixels());
      for (size_t i = 0; i < colours.size(); ++i)
      {
        colours[i] = InkColor(0.9 * buffer[i] / largest);
      }
      picture.Paint(panel, row, colours);
    }
  }
  picture.Write(arguments[0]);
}

} // namespace

int
main(int argc, char * argv[])
{
  return example::RunExample(argc, argv, "PICTURE.png [FIXED MOVING]", DrawStrip);
}
