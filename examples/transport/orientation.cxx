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
// Position + orientation: two crossing bars meet the same two bars apart. By place alone (left) each arm goes to the
// bar that is nearest, and bars are torn; with orientation as a feature (right) each goes to its like.
#include "shapes.h"

#include "itkSinkhornGridPicture.h"
#include "itkSinkhornFeatureTransport.h"
#include "itkSinkhornImageFeatures.h"

#include <cmath>
#include <iostream>

namespace
{

using namespace itk::SinkhornDrawing;

using itk::Sinkhorn::FeatureTransport;
using itk::Sinkhorn::Side;

constexpr unsigned int Size = 96; // voxels of 1 mm
constexpr unsigned int Bins = 8;
constexpr Color        Blue{ 0.05, 0.25, 0.55 };
constexpr Color        Orange{ 0.80, 0.30, 0.00 };

/** 1 inside of a bar of a slope about the middle of the picture, shifted upwards. */
bool
IsInBar(double x, double y, double slope, double shift)
{
  const double length = std::sqrt(1.0 + slope * slope);
  const double right = x - 48.0;
  const double up = y - 48.0 - shift;
  return std::abs(right + slope * up) < 30.0 * length && std::abs(up - slope * right) < 2.5 * length;
}

/** Two bars, one rising and one falling. */
example::Density::Pointer
MakeBars(double apart)
{
  const auto image = example::Density::New();
  image->SetRegions(itk::Size<2>{ { Size, Size } });
  image->Allocate();
  for (unsigned int i = 0; i < Size * Size; ++i)
  {
    const double x = i % Size;
    const double y = i / Size;
    image->GetBufferPointer()[i] = IsInBar(x, y, 0.5, apart) || IsInBar(x, y, -0.5, -apart) ? 1.0f : 0.0f;
  }
  return image;
}

/** Springs of the crossing bars, blue from the rising and orange from the falling one.
 * \param weight of the orientation, mm. */
void
DrawSprings(GridPicture &            picture,
            unsigned int             column,
            const example::Density * crossing,
            const example::Density * apart,
            double                   weight)
{
  const auto lift = [](const example::Density * image) {
    return itk::Sinkhorn::LiftMass<2>(image, itk::Sinkhorn::SplatOrientations<2>(image, 1.5, Bins));
  };
  itk::Sinkhorn::SolverParameters parameters;
  parameters.Blur = 2.0; // mm
  FeatureTransport<float> transport({ Size, Size },
                                    { 1.0, 1.0 },
                                    itk::Sinkhorn::MakeOrientationCosts<2>(Bins, weight),
                                    lift(crossing),
                                    lift(apart),
                                    parameters);
  const auto &            report = transport.Solve();
  std::cout << "Orientation weighs " << weight << " mm: divergence " << transport.GetValues().Divergence << " mm^2, "
            << report.Describe(parameters) << std::endl;

  std::vector<Color> colours(Size * Size);
  for (unsigned int i = 0; i < Size * Size; ++i)
  {
    const double shade = 0.45 * apart->GetBufferPointer()[i];
    colours[i] = { 1.0 - shade, 1.0 - shade, 1.0 - shade };
  }
  picture.Paint(column, 0, colours);
  const std::vector<float> springs = transport.ComputeSprings(Side::Alpha);
  for (unsigned int i = 0; i < Size * Size; ++i)
  {
    const double x = i % Size;
    const double y = i / Size;
    const bool   isRising = IsInBar(x, y, 0.5, 0.0);
    if (i % 3 == 0 && crossing->GetBufferPointer()[i] > 0.0f && isRising != IsInBar(x, y, -0.5, 0.0))
    {
      const Color & colour = isRising ? Blue : Orange;
      picture.DrawLine(column, 0, { { x, y } }, { { x + springs[i], y + springs[Size * Size + i] } }, 1.0, colour, 0.5);
      picture.DrawLine(column, 0, { { x, y } }, { { x, y } }, 4.0, colour);
    }
  }
}

void
DrawOrientations(const std::vector<std::string> & arguments)
{
  const auto  crossing = MakeBars(0.0);
  const auto  apart = MakeBars(20.0);
  GridPicture picture(2, 1, { { Size, Size } }, 6);
  DrawSprings(picture, 0, crossing, apart, 0.0);
  DrawSprings(picture, 1, crossing, apart, 40.0);
  picture.Write(arguments[0]);
}

} // namespace

int
main(int argc, char * argv[])
{
  return example::RunExample(argc, argv, "PICTURE.png", DrawOrientations);
}
