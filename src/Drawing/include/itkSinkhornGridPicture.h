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
#ifndef itkSinkhornGridPicture_h
#define itkSinkhornGridPicture_h

#include "itkSinkhornColors.h"

#include "itkSize.h"

#include <array>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornDrawing
{

/** \class GridPicture
 * \brief A picture of panels on white, each showing one 2-D grid with every voxel magnified.
 *
 * Places are in voxels of a panel, the centre of the first one at (0, 0). */
class GridPicture
{
public:
  /** \param columns, rows panels. \param voxels grid size of a panel. \param scale pixels per voxel. \param bar room
   * for a colour bar at the right of each panel. */
  GridPicture(unsigned int columns, unsigned int rows, const Size<2> & voxels, unsigned int scale, bool bar = false);

  /** Colors every voxel of a panel; interpolated linearly between voxels. */
  void
  Paint(unsigned int column, unsigned int row, const std::vector<Color> & voxels);

  /** A line between two points in voxels of a panel. \param width in pixels. */
  void
  DrawLine(unsigned int                  column,
           unsigned int                  row,
           const std::array<double, 2> & from,
           const std::array<double, 2> & to,
           double                        width,
           const Color &                 colour,
           double                        opacity = 1.0);

  /** The level set of a function on the grid. */
  void
  DrawContour(unsigned int               column,
              unsigned int               row,
              const std::vector<float> & values,
              double                     level,
              double                     width,
              const Color &              colour);

  /** The colours of values from 0 (bottom) to 1 (top). */
  void
  DrawBar(unsigned int column, unsigned int row, Color (*map)(double));

  /** Writes a PNG. \exception SinkhornIO::UsageError if the file can't be written. */
  void
  Write(const std::string & name) const
  {
    m_Canvas.Write(name);
  }

private:
  std::array<double, 2>
  ToPixel(unsigned int column, unsigned int row, const std::array<double, 2> & voxel) const;

  Size<2>      m_Voxels;
  unsigned int m_Scale;
  int          m_BarWidth;
  Canvas       m_Canvas;
};

} // namespace SinkhornDrawing
} // namespace itk

#endif
