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
#ifndef itkSinkhornCanvas_h
#define itkSinkhornCanvas_h

#include "itkImage.h"
#include "itkRGBPixel.h"

#include <array>
#include <string>
#include <vector>

namespace itk
{
/** \namespace itk::SinkhornDrawing
 * \brief Pictures of images, shapes, transports and registrations, and the page of a registration.
 *
 * Of the library SinkhornDrawing, which programs, examples and tests share. */
namespace SinkhornDrawing
{

/** Red, green and blue in [0, 1]. */
struct Color
{
  double Red{ 0.0 };
  double Green{ 0.0 };
  double Blue{ 0.0 };
};

/** (1−t)·a + t·b */
Color
Mix(const Color & a, const Color & b, double t);

/** \class Canvas
 * \brief A picture to draw on; pixels, the centre of the first one at (0, 0) in the top left corner. Drawing outside
 * has no effect. */
class Canvas
{
public:
  Canvas(int width, int height, const Color & background);

  void
  SetPixel(int x, int y, const Color & color);

  /** Lays a colour over that of a pixel; \a opacity from 0 to 1. */
  void
  Blend(int x, int y, const Color & color, double opacity);

  /** A line with smooth edges and round ends, \a width pixels wide; from a point to itself a disc. */
  void
  DrawLine(const std::array<double, 2> & from,
           const std::array<double, 2> & to,
           double                        width,
           const Color &                 color,
           double                        opacity = 1.0);

  /** ASCII text, letters of 5 × 7 pixels enlarged \a scale times, \a x, \a y its top left corner. */
  void
  DrawText(int x, int y, const std::string & text, const Color & color, int scale);

  /** Width of a text, pixels. */
  static int
  TextWidth(const std::string & text, int scale);

  static int
  TextHeight(int scale)
  {
    return 7 * scale;
  }

  /** Writes a PNG. \exception SinkhornIO::UsageError if the file can't be written. */
  void
  Write(const std::string & path) const;

  /** The picture as a file in memory. */
  std::string
  ToPng() const;

private:
  using PictureType = Image<RGBPixel<unsigned char>, 2>;
  PictureType::Pointer
  MakePicture() const;
  bool
  IsInside(int x, int y) const
  {
    return x >= 0 && y >= 0 && x < m_Width && y < m_Height;
  }

  int                m_Width;
  int                m_Height;
  std::vector<Color> m_Pixels;
};

} // namespace SinkhornDrawing
} // namespace itk

#endif
