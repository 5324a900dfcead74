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
#include "shapes.h"

#include "itkImageFileReader.h"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace example
{

Density::Pointer
MakeShape(unsigned int size, double x, double y, double radius, const std::vector<double> & waves, double phase)
{
  const auto image = Density::New();
  image->SetRegions(Density::SizeType{ { size, size } });
  image->Allocate();
  for (unsigned int i = 0; i < size * size; ++i)
  {
    const double dx = i % size - x * size;
    const double dy = i / size - y * size;
    const double angle = std::atan2(dy, dx);
    double       edge = 1.0;
    for (size_t k = 0; k < waves.size(); ++k)
    {
      edge += waves[k] * std::cos((k + 2) * angle + phase);
    }
    image->GetBufferPointer()[i] =
      static_cast<float>(std::min(std::max(0.5 + edge * radius * size - std::hypot(dx, dy), 0.0), 1.0));
  }
  return image;
}

Density::Pointer
LoadDensity(const std::string & name)
{
  const Density::Pointer image = itk::ReadImage<Density>(name);
  const auto             pixels = image->GetBufferedRegion().GetNumberOfPixels();
  float *                buffer = image->GetBufferPointer();
  const float            largest = *std::max_element(buffer, buffer + pixels);
  if (buffer[0] > 0.5f * largest) // the corner is ground, not shape
  {
    std::transform(buffer, buffer + pixels, buffer, [=](float value) { return largest - value; });
  }
  return image;
}

std::pair<Density::Pointer, Density::Pointer>
LoadPair(const std::vector<std::string> & arguments)
{
  if (arguments.size() >= 3)
  {
    return { LoadDensity(arguments[1]), LoadDensity(arguments[2]) };
  }
  return { MakeShape(128, 0.30, 0.36, 0.17, { 0.05, 0.30, 0.10 }, 0.6),
           MakeShape(128, 0.66, 0.62, 0.18, { 0.30, 0.05, 0.22 }, 2.1) };
}

int
RunExample(int                                                           argc,
           char *                                                        argv[],
           const char *                                                  usage,
           const std::function<void(const std::vector<std::string> &)> & body)
{
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0].empty() || arguments[0][0] == '-')
  {
    std::cerr << "Usage: " << argv[0] << ' ' << usage << std::endl;
    return EXIT_FAILURE;
  }
  try
  {
    body(arguments);
  }
  catch (const std::exception & error)
  {
    std::cerr << error.what() << std::endl;
    return EXIT_FAILURE;
  }
  std::cout << "Picture: " << arguments[0] << std::endl;
  return EXIT_SUCCESS;
}

} // namespace example
