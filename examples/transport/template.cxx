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
// The mean of volumes, such as label maps of one organ in several people: their sums along the second axis, and in the
// last panel that of their barycentre, which is also written as an image. Voxels above 0 are the shape. The volumes are
// first moved so that their centres meet.
#include "shapes.h"

#include "itkSinkhornGridPicture.h"
#include "itkSinkhornBarycenterImageFilter.h"

#include "itkImageFileReader.h"
#include "itkImageFileWriter.h"
#include "itkImageMomentsCalculator.h"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace
{

using namespace itk::SinkhornDrawing;

using Volume = itk::Image<float, 3>;

/** Makes a volume binary and moves its origin so that the centre of the shape is at 0. */
void
Normalise(Volume & volume)
{
  float * const buffer = volume.GetBufferPointer();
  std::transform(buffer, buffer + volume.GetBufferedRegion().GetNumberOfPixels(), buffer, [](float value) {
    return value > 0.0f ? 1.0f : 0.0f;
  });
  const auto moments = itk::ImageMomentsCalculator<Volume>::New();
  moments->SetImage(&volume);
  moments->Compute();
  volume.SetOrigin(volume.GetOrigin() - moments->GetCenterOfGravity());
}

Volume::Pointer
MakeEllipsoid(double a, double b, double c, double bend)
{
  const auto volume = Volume::New();
  volume->SetRegions(Volume::SizeType{ { 40, 32, 28 } });
  volume->Allocate();
  for (itk::SizeValueType i = 0; i < volume->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    const auto   index = volume->ComputeIndex(i);
    const double x = (index[0] - 19.5) / a;
    const double y = (index[1] - 15.5) / b;
    const double z = (index[2] - 13.5 - bend * (x * x - 0.5)) / c;
    volume->GetBufferPointer()[i] = x * x + y * y + z * z < 1.0 ? 1.0f : 0.0f;
  }
  return volume;
}

std::vector<Color>
Project(const Volume & volume, const itk::Size<2> & panel)
{
  const auto         region = volume.GetBufferedRegion();
  std::vector<float> sums(panel[0] * panel[1], 0.0f);
  for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i)
  {
    const auto index = volume.ComputeIndex(i) - region.GetIndex();
    const auto x = static_cast<itk::SizeValueType>(index[0]);
    const auto y = static_cast<itk::SizeValueType>(index[2]);
    if (x < panel[0] && y < panel[1])
    {
      sums[y * panel[0] + x] += volume.GetBufferPointer()[i];
    }
  }
  const float        largest = *std::max_element(sums.begin(), sums.end());
  std::vector<Color> colours;
  std::transform(
    sums.begin(), sums.end(), std::back_inserter(colours), [=](float sum) { return InkColor(0.9 * sum / largest); });
  return colours;
}

void
DrawVolumes(const std::vector<std::string> & arguments)
{
  std::vector<Volume::Pointer> volumes;
  for (size_t i = 2; i < arguments.size(); ++i)
  {
    volumes.push_back(itk::ReadImage<Volume>(arguments[i]));
  }
  if (volumes.empty())
  {
    volumes = { MakeEllipsoid(15, 6, 5, 6), MakeEllipsoid(12, 8, 6, -4), MakeEllipsoid(17, 5, 6, 3) };
  }
  const auto filter = itk::SinkhornBarycenterImageFilter<Volume>::New();
  for (unsigned int k = 0; k < volumes.size(); ++k)
  {
    Normalise(*volumes[k]);
    filter->SetInput(k, volumes[k]);
  }
  filter->SetTolerance(5e-3);
  filter->Update();
  std::cout << (filter->GetConverged() ? "converged" : "not converged") << " after " << filter->GetNumberOfIterations()
            << " iterations, marginal error " << filter->GetMarginalError() << std::endl;
  const auto * barycenter = filter->GetOutput();
  if (arguments.size() > 1)
  {
    itk::WriteImage(barycenter, arguments[1]);
  }

  const auto         size = barycenter->GetBufferedRegion().GetSize();
  const itk::Size<2> panel{ { size[0], size[2] } };
  const auto         panels = static_cast<unsigned int>(volumes.size()) + 1;
  const auto         columns = static_cast<unsigned int>(std::ceil(std::sqrt(panels)));
  GridPicture        picture(columns, (panels + columns - 1) / columns, panel, 5);
  for (unsigned int k = 0; k < panels; ++k)
  {
    picture.Paint(k % columns, k / columns, Project(k + 1 < panels ? *volumes[k] : *barycenter, panel));
  }
  picture.Write(arguments[0]);
}

} // namespace

int
main(int argc, char * argv[])
{
  return example::RunExample(argc, argv, "PICTURE.png [BARYCENTRE.nii.gz VOLUME...]", DrawVolumes);
}
