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
// Heat maps of what an unbalanced transport finds: both dual potentials (mm^2, with level lines), and below them where
// mass was created (red) or destroyed (blue) in either image.
#include "shapes.h"

#include "itkSinkhornGridPicture.h"
#include "itkSinkhornTransportImageFilter.h"

#include <algorithm>
#include <iostream>

namespace
{

using namespace itk::SinkhornDrawing;

std::vector<float>
ToVector(const example::Density * image)
{
  const float * buffer = image->GetBufferPointer();
  return std::vector<float>(buffer, buffer + image->GetBufferedRegion().GetNumberOfPixels());
}

/** The files of the arguments, else two shapes of which one has a piece without a counterpart. */
std::pair<example::Density::Pointer, example::Density::Pointer>
LoadUnequalPair(const std::vector<std::string> & arguments)
{
  auto shapes = example::LoadPair(arguments);
  if (arguments.size() < 3)
  {
    const auto piece = example::MakeShape(128, 0.18, 0.80, 0.08, {}, 0.0);
    for (itk::SizeValueType i = 0; i < 128 * 128; ++i)
    {
      shapes.first->GetBufferPointer()[i] += piece->GetBufferPointer()[i];
    }
    shapes.second = example::MakeShape(128, 0.46, 0.47, 0.20, { 0.30, 0.05, 0.22 }, 2.1);
  }
  return shapes;
}

/** One image's column: potential with level lines above, residual below, half the largest mass as the outline. */
void
DrawImage(GridPicture &              picture,
          unsigned int               column,
          const std::vector<float> & outline,
          const std::vector<float> & potential,
          const std::vector<float> & residual)
{
  const float largestMass = *std::max_element(outline.begin(), outline.end());
  const auto  range = std::minmax_element(potential.begin(), potential.end());
  const float lowest = *range.first;
  const float highest = *range.second;
  std::cout << (column == 0 ? "fixed" : "moving") << " potential from " << lowest << " to " << highest
            << " mm^2; residual per voxel up to " << largestMass
            << " (colour bar from -1 to 1 of the largest mass of a voxel)" << std::endl;

  std::vector<Color> top(potential.size());
  std::vector<Color> bottom(potential.size());
  for (size_t i = 0; i < potential.size(); ++i)
  {
    top[i] = SequentialColor((potential[i] - lowest) / (highest - lowest));
    bottom[i] = DivergingColor(0.5 + 0.5 * residual[i] / largestMass);
  }
  picture.Paint(column, 0, top);
  for (int line = 1; line < 16; ++line)
  {
    picture.DrawContour(column, 0, potential, lowest + line * (highest - lowest) / 16, 1.0, { 1.0, 1.0, 1.0 });
  }
  picture.Paint(column, 1, bottom);
  for (unsigned int row = 0; row < 2; ++row)
  {
    picture.DrawContour(column, row, outline, 0.5 * largestMass, 2.0, { 0.0, 0.0, 0.0 });
  }
  picture.DrawBar(column, 0, SequentialColor);
  picture.DrawBar(column, 1, DivergingColor);
}

void
DrawHeatMaps(const std::vector<std::string> & arguments)
{
  const auto   shapes = LoadUnequalPair(arguments);
  const double extent =
    shapes.first->GetSpacing()[0] * static_cast<double>(shapes.first->GetLargestPossibleRegion().GetSize(0));

  using FilterType = itk::SinkhornTransportImageFilter<example::Density>;
  const auto transport = FilterType::New();
  transport->SetFixedImage(shapes.first);
  transport->SetMovingImage(shapes.second);
  transport->SetReach(0.15 * extent);
  transport->Update();

  const auto  region = transport->GetSprings()->GetLargestPossibleRegion();
  const auto  scale = static_cast<unsigned int>(std::max<itk::SizeValueType>(1, 420 / region.GetSize(0)));
  GridPicture picture(2, 2, region.GetSize(), scale, true);
  const auto  ofFixed = ToVector(transport->GetFixedPotential());
  DrawImage(picture, 0, ToVector(transport->Interpolate(0.0)), ofFixed, ToVector(transport->GetFixedResidual()));
  const auto ofMoving = ToVector(transport->GetMovingPotential());
  DrawImage(picture, 1, ToVector(transport->Interpolate(1.0)), ofMoving, ToVector(transport->GetMovingResidual()));
  picture.Write(arguments[0]);
}

} // namespace

int
main(int argc, char * argv[])
{
  return example::RunExample(argc, argv, "PICTURE.png [FIXED MOVING]", DrawHeatMaps);
}
