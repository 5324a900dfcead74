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
#ifndef sinkhornRegisterCanvas_h
#define sinkhornRegisterCanvas_h

#include "itkImage.h"
#include "itkRGBPixel.h"

#include <string>

namespace SinkhornRegister
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

/** A picture to draw on; the origin is the top left corner. Drawing outside has no effect. */
class Canvas
{
public:
  Canvas(int width, int height, const Color & background);

  void
  SetPixel(int x, int y, const Color & color);

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

  /** \exception itk::ExceptionObject if the file can't be written. */
  void
  Write(const std::string & path) const;

  /** The picture as a file in memory. */
  std::string
  ToPng() const;

private:
  using PictureType = itk::Image<itk::RGBPixel<unsigned char>, 2>;
  PictureType::Pointer m_Picture;
};

} // namespace SinkhornRegister

#endif
