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
// Small pictures for the examples: panels of pixels, colour maps, smooth lines; written as PNG.
#ifndef sinkhorn_examples_picture_h
#define sinkhorn_examples_picture_h

#include "itkImage.h"

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace example
{

using Density = itk::Image<float, 2>;
using Colour = std::array<float, 3>; // red, green, blue in [0, 1]

/** The two shapes of an example: files if their names are given (dark shapes on a bright ground are inverted), else a
 * made-up pair. \exception itk::ExceptionObject on unreadable files. */
std::pair<Density::Pointer, Density::Pointer>
LoadPair(const std::vector<std::string> & arguments);

/** Reads one density from a file. */
Density::Pointer
LoadDensity(const std::string & name);

/** A filled shape with a soft edge, r(angle) = radius (1 + Σ_k waves[k] cos((k+2) angle + phase)). */
Density::Pointer
MakeShape(unsigned int size, double x, double y, double radius, const std::vector<double> & waves, double phase);

/** Calls body, prints exceptions; the exit status of a program. */
int
RunExample(int                                                           argc,
           char *                                                        argv[],
           const char *                                                  usage,
           const std::function<void(const std::vector<std::string> &)> & body);

/** From dark blue over green to yellow, and from blue over white to red, for values in [0, 1]. */
Colour
Sequential(double value);
Colour
Diverging(double value);
/** White to black through orange: how much mass there is. */
Colour
Ink(double value);

/** A picture of panels, each showing one grid with every voxel magnified. */
class Picture
{
public:
  /** \param columns, rows panels. \param voxels grid size of a panel. \param scale pixels per voxel. \param bar room
   * for a colour bar at the right of each panel. */
  Picture(unsigned int columns, unsigned int rows, const itk::Size<2> & voxels, unsigned int scale, bool bar = false);

  /** Colours every voxel of a panel; interpolated linearly between voxels. */
  void
  Paint(unsigned int column, unsigned int row, const std::vector<Colour> & voxels);

  /** A line between two points in voxels of a panel. \param width in pixels. */
  void
  Line(unsigned int                  column,
       unsigned int                  row,
       const std::array<double, 2> & from,
       const std::array<double, 2> & to,
       double                        width,
       const Colour &                colour,
       double                        opacity = 1.0);

  /** The level set of a function on the grid. */
  void
  Contour(unsigned int               column,
          unsigned int               row,
          const std::vector<float> & values,
          double                     level,
          double                     width,
          const Colour &             colour);

  /** The colours of values from 0 (bottom) to 1 (top). */
  void
  Bar(unsigned int column, unsigned int row, Colour (*map)(double));

  /** \exception itk::ExceptionObject if the file cannot be written. */
  void
  Write(const std::string & name) const;

private:
  std::array<double, 2>
  ToPixel(unsigned int column, unsigned int row, const std::array<double, 2> & voxel) const;
  void
  Blend(int x, int y, const Colour & colour, double opacity);

  itk::Size<2>        m_Voxels;
  unsigned int        m_Scale;
  int                 m_BarWidth;
  int                 m_Width;
  int                 m_Height;
  std::vector<Colour> m_Pixels;
};

} // namespace example

#endif
