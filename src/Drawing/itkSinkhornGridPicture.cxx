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
#include "itkSinkhornGridPicture.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace SinkhornDrawing
{
namespace
{

constexpr int Gap = 10; // pixels between panels

} // namespace

GridPicture::GridPicture(unsigned int columns, unsigned int rows, const Size<2> & voxels, unsigned int scale, bool bar)
  : m_Voxels(voxels)
  , m_Scale(scale)
  , m_BarWidth(bar ? 18 : 0)
  , m_Canvas(static_cast<int>(columns * (voxels[0] * scale + m_BarWidth + Gap) + Gap),
             static_cast<int>(rows * (voxels[1] * scale + Gap) + Gap),
             { 1.0, 1.0, 1.0 })
{}

std::array<double, 2>
GridPicture::ToPixel(unsigned int column, unsigned int row, const std::array<double, 2> & voxel) const
{
  return { { Gap + column * (static_cast<double>(m_Voxels[0]) * m_Scale + m_BarWidth + Gap) +
               (voxel[0] + 0.5) * m_Scale - 0.5,
             Gap + row * (static_cast<double>(m_Voxels[1]) * m_Scale + Gap) + (voxel[1] + 0.5) * m_Scale - 0.5 } };
}

void
GridPicture::Paint(unsigned int column, unsigned int row, const std::vector<Color> & voxels)
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
      const auto   at = [&](std::size_t right, std::size_t down) {
        return voxels[(y0 + down) * m_Voxels[0] + x0 + right];
      };
      const Color above = Mix(at(0, 0), at(1, 0), vx - static_cast<double>(x0));
      const Color below = Mix(at(0, 1), at(1, 1), vx - static_cast<double>(x0));
      m_Canvas.SetPixel(static_cast<int>(std::lround(corner[0] + 0.5)) + x,
                        static_cast<int>(std::lround(corner[1] + 0.5)) + y,
                        Mix(above, below, vy - static_cast<double>(y0)));
    }
  }
}

void
GridPicture::DrawLine(unsigned int                  column,
                      unsigned int                  row,
                      const std::array<double, 2> & from,
                      const std::array<double, 2> & to,
                      double                        width,
                      const Color &                 color,
                      double                        opacity)
{
  m_Canvas.DrawLine(this->ToPixel(column, row, from), this->ToPixel(column, row, to), width, color, opacity);
}

void
GridPicture::DrawContour(unsigned int               column,
                         unsigned int               row,
                         const std::vector<float> & values,
                         double                     level,
                         double                     width,
                         const Color &              color)
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
        this->DrawLine(column, row, crossings[i], crossings[i + 1], width, color);
      }
    }
  }
}

void
GridPicture::DrawBar(unsigned int column, unsigned int row, Color (*map)(double))
{
  const auto corner = this->ToPixel(column, row, { { m_Voxels[0] - 0.5, -0.5 } });
  const int  height = static_cast<int>(m_Voxels[1] * m_Scale);
  for (int y = 0; y < height; ++y)
  {
    for (int x = 6; x < m_BarWidth; ++x)
    {
      m_Canvas.SetPixel(
        static_cast<int>(corner[0] + 0.5) + x, static_cast<int>(corner[1] + 0.5) + y, map(1.0 - (y + 0.5) / height));
    }
  }
}

} // namespace SinkhornDrawing
} // namespace itk
