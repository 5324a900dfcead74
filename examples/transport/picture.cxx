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
#include "picture.h"

#include "itkImageFileReader.h"
#include "itkImageFileWriter.h"
#include "itkRGBPixel.h"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace example
{

namespace
{

constexpr int Gap = 10; // pixels between panels

double
Clamp(double value)
{
  return std::min(std::max(value, 0.0), 1.0);
}

/** Piecewise linear map through equally spaced colours. */
template <size_t N>
Colour
Interpolate(const Colour (&stops)[N], double value)
{
  const double position = Clamp(value) * (N - 1);
  const size_t lower = std::min(static_cast<size_t>(position), N - 2);
  const auto   share = static_cast<float>(position - lower);
  Colour       colour;
  for (size_t c = 0; c < 3; ++c)
  {
    colour[c] = (1.0f - share) * stops[lower][c] + share * stops[lower + 1][c];
  }
  return colour;
}

} // namespace

Colour
Sequential(double value)
{
  static const Colour stops[] = { { 0.27f, 0.00f, 0.33f },
                                  { 0.23f, 0.32f, 0.55f },
                                  { 0.13f, 0.57f, 0.55f },
                                  { 0.37f, 0.79f, 0.38f },
                                  { 0.99f, 0.91f, 0.14f } };
  return Interpolate(stops, value);
}

Colour
Diverging(double value)
{
  static const Colour stops[] = { { 0.02f, 0.19f, 0.38f },
                                  { 0.26f, 0.58f, 0.76f },
                                  { 0.97f, 0.97f, 0.97f },
                                  { 0.84f, 0.38f, 0.30f },
                                  { 0.40f, 0.00f, 0.12f } };
  return Interpolate(stops, value);
}

Colour
Ink(double value)
{
  static const Colour stops[] = { { 1.00f, 1.00f, 1.00f },
                                  { 0.99f, 0.75f, 0.44f },
                                  { 0.88f, 0.35f, 0.33f },
                                  { 0.45f, 0.12f, 0.50f },
                                  { 0.05f, 0.03f, 0.15f } };
  return Interpolate(stops, value);
}

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
    image->GetBufferPointer()[i] = static_cast<float>(Clamp(0.5 + edge * radius * size - std::hypot(dx, dy)));
  }
  return image;
}

Density::Pointer
LoadDensity(const std::string & name)
{
  const auto reader = itk::ImageFileReader<Density>::New();
  reader->SetFileName(name);
  reader->Update();
  const Density::Pointer image = reader->GetOutput();
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

Picture::Picture(unsigned int columns, unsigned int rows, const itk::Size<2> & voxels, unsigned int scale, bool bar)
  : m_Voxels(voxels)
  , m_Scale(scale)
  , m_BarWidth(bar ? 18 : 0)
  , m_Width(static_cast<int>(columns * (voxels[0] * scale + m_BarWidth + Gap) + Gap))
  , m_Height(static_cast<int>(rows * (voxels[1] * scale + Gap) + Gap))
  , m_Pixels(static_cast<size_t>(m_Width) * m_Height, Colour{ { 1.0f, 1.0f, 1.0f } })
{}

std::array<double, 2>
Picture::ToPixel(unsigned int column, unsigned int row, const std::array<double, 2> & voxel) const
{
  return { { Gap + column * (static_cast<double>(m_Voxels[0]) * m_Scale + m_BarWidth + Gap) +
               (voxel[0] + 0.5) * m_Scale - 0.5,
             Gap + row * (static_cast<double>(m_Voxels[1]) * m_Scale + Gap) + (voxel[1] + 0.5) * m_Scale - 0.5 } };
}

void
Picture::Blend(int x, int y, const Colour & colour, double opacity)
{
  if (x >= 0 && y >= 0 && x < m_Width && y < m_Height && opacity > 0.0)
  {
    Colour &   pixel = m_Pixels[static_cast<size_t>(y) * m_Width + x];
    const auto share = static_cast<float>(Clamp(opacity));
    for (size_t c = 0; c < 3; ++c)
    {
      pixel[c] = (1.0f - share) * pixel[c] + share * colour[c];
    }
  }
}

void
Picture::Paint(unsigned int column, unsigned int row, const std::vector<Colour> & voxels)
{
  const auto corner = this->ToPixel(column, row, { { -0.5, -0.5 } });
  const int  width = static_cast<int>(m_Voxels[0] * m_Scale);
  const int  height = static_cast<int>(m_Voxels[1] * m_Scale);
  for (int y = 0; y < height; ++y)
  {
    for (int x = 0; x < width; ++x)
    {
      const double vx = std::min(std::max((x + 0.5) / m_Scale - 0.5, 0.0), m_Voxels[0] - 1.0);
      const double vy = std::min(std::max((y + 0.5) / m_Scale - 0.5, 0.0), m_Voxels[1] - 1.0);
      const auto   x0 = std::min(static_cast<size_t>(vx), m_Voxels[0] - 2);
      const auto   y0 = std::min(static_cast<size_t>(vy), m_Voxels[1] - 2);
      Colour       colour{};
      for (size_t c = 0; c < 4; ++c)
      {
        const double weight = ((c & 1) ? vx - x0 : 1.0 - vx + x0) * ((c & 2) ? vy - y0 : 1.0 - vy + y0);
        for (size_t k = 0; k < 3; ++k)
        {
          colour[k] += static_cast<float>(weight * voxels[(y0 + c / 2) * m_Voxels[0] + x0 + c % 2][k]);
        }
      }
      this->Blend(static_cast<int>(std::lround(corner[0] + 0.5)) + x,
                  static_cast<int>(std::lround(corner[1] + 0.5)) + y,
                  colour,
                  1.0);
    }
  }
}

void
Picture::Line(unsigned int                  column,
              unsigned int                  row,
              const std::array<double, 2> & from,
              const std::array<double, 2> & to,
              double                        width,
              const Colour &                colour,
              double                        opacity)
{
  const auto   a = this->ToPixel(column, row, from);
  const auto   b = this->ToPixel(column, row, to);
  const double dx = b[0] - a[0];
  const double dy = b[1] - a[1];
  const double squared = std::max(dx * dx + dy * dy, 1e-12);
  const double reach = 0.5 * width + 1.0;
  for (int y = static_cast<int>(std::min(a[1], b[1]) - reach); y <= std::max(a[1], b[1]) + reach; ++y)
  {
    for (int x = static_cast<int>(std::min(a[0], b[0]) - reach); x <= std::max(a[0], b[0]) + reach; ++x)
    {
      const double t = Clamp(((x - a[0]) * dx + (y - a[1]) * dy) / squared);
      const double distance = std::hypot(x - a[0] - t * dx, y - a[1] - t * dy);
      this->Blend(x, y, colour, opacity * Clamp(0.5 * width + 0.5 - distance));
    }
  }
}

void
Picture::Contour(unsigned int               column,
                 unsigned int               row,
                 const std::vector<float> & values,
                 double                     level,
                 double                     width,
                 const Colour &             colour)
{
  using PointType = std::array<double, 2>;
  for (size_t y = 0; y + 1 < m_Voxels[1]; ++y)
  {
    for (size_t x = 0; x + 1 < m_Voxels[0]; ++x)
    {
      // marching squares: the level crosses an even number of a cell's edges
      const PointType        corners[4] = { { { 0, 0 } }, { { 1, 0 } }, { { 1, 1 } }, { { 0, 1 } } };
      std::vector<PointType> crossings;
      for (size_t edge = 0; edge < 4; ++edge)
      {
        const PointType & a = corners[edge];
        const PointType & b = corners[(edge + 1) % 4];
        const auto        at = [&](const PointType & corner) {
          return values[(y + static_cast<size_t>(corner[1])) * m_Voxels[0] + x + static_cast<size_t>(corner[0])] -
                 level;
        };
        if ((at(a) < 0.0) != (at(b) < 0.0))
        {
          const double t = at(a) / (at(a) - at(b));
          crossings.push_back({ { x + a[0] + t * (b[0] - a[0]), y + a[1] + t * (b[1] - a[1]) } });
        }
      }
      for (size_t i = 0; i + 1 < crossings.size(); i += 2)
      {
        this->Line(column, row, crossings[i], crossings[i + 1], width, colour);
      }
    }
  }
}

void
Picture::Bar(unsigned int column, unsigned int row, Colour (*map)(double))
{
  const auto corner = this->ToPixel(column, row, { { m_Voxels[0] - 0.5, -0.5 } });
  const int  height = static_cast<int>(m_Voxels[1] * m_Scale);
  for (int y = 0; y < height; ++y)
  {
    for (int x = 6; x < m_BarWidth; ++x)
    {
      this->Blend(static_cast<int>(corner[0] + 0.5) + x,
                  static_cast<int>(corner[1] + 0.5) + y,
                  map(1.0 - (y + 0.5) / height),
                  1.0);
    }
  }
}

void
Picture::Write(const std::string & name) const
{
  using ImageType = itk::Image<itk::RGBPixel<unsigned char>, 2>;
  const auto image = ImageType::New();
  image->SetRegions(
    ImageType::SizeType{ { static_cast<itk::SizeValueType>(m_Width), static_cast<itk::SizeValueType>(m_Height) } });
  image->Allocate();
  for (size_t i = 0; i < m_Pixels.size(); ++i)
  {
    for (unsigned int c = 0; c < 3; ++c)
    {
      image->GetBufferPointer()[i][c] = static_cast<unsigned char>(std::lround(255.0 * Clamp(m_Pixels[i][c])));
    }
  }
  const auto writer = itk::ImageFileWriter<ImageType>::New();
  writer->SetFileName(name);
  writer->SetInput(image);
  writer->Update();
}

} // namespace example
