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
#include "itkSinkhornOverview.h"

#include "itkSinkhornCanvas.h"
#include "itkSinkhornColors.h"
#include "itkSinkhornImagePanel.h"
#include "itkSinkhornRegistrationImages.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace itk
{
namespace SinkhornDrawing
{
namespace
{

constexpr int    gap = 10;
constexpr int    textScale = 2;
constexpr int    titleHeight = 22;
constexpr double longestPanel = 270.0;
constexpr int    narrowestPanel = 200;
const Color      paper{ 1.0, 1.0, 1.0 };
const Color      ink{ 0.1, 0.1, 0.1 };
const Color      emptiness{ 0.93, 0.93, 0.93 };

/** \a paint gives the colour at a continuous index. */
template <unsigned int VDimension, typename TPaint>
void
Fill(Canvas & canvas, const Panel<VDimension> & panel, const TPaint & paint)
{
  for (int y = 0; y < panel.Height; ++y)
  {
    for (int x = 0; x < panel.Width; ++x)
    {
      canvas.SetPixel(panel.Left + x, panel.Top + y, paint(panel.At(x, y)));
    }
  }
}

/** The lines of a regular grid of moving space, pulled back to the fixed image, over det J. */
template <unsigned int VDimension>
void
FillWithGrid(Canvas & canvas, const Panel<VDimension> & panel, const OverviewData<VDimension> & data)
{
  using Interpolator = LinearInterpolateImageFunction<FieldType<VDimension>, double>;
  const auto field = Interpolator::New();
  field->SetInputImage(data.Displacement);
  const Sampler<VDimension> jacobian(data.Jacobian, false);
  const auto                size = data.Fixed->GetLargestPossibleRegion().GetSize();
  const double              pixel = Extent(data.Fixed, panel.Slice.Right) / panel.Width;
  const double              cell = 12.0 * pixel;
  // Number of the grid cell that a pixel is carried to, along the two axes of the plane.
  const auto cellAt = [&](double x, double y, double cells[2]) {
    auto index = panel.At(x, y);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      index[d] = std::min(std::max(index[d], 0.0), static_cast<double>(size[d]) - 1.0);
    }
    const auto displacement = data.Fixed->GetInverseDirection() * field->EvaluateAtContinuousIndex(index);
    cells[0] = std::floor(
      (index[panel.Slice.Right] * data.Fixed->GetSpacing()[panel.Slice.Right] + displacement[panel.Slice.Right]) /
      cell);
    cells[1] = std::floor(
      (index[panel.Slice.Down] * data.Fixed->GetSpacing()[panel.Slice.Down] + displacement[panel.Slice.Down]) / cell);
  };
  for (int y = 0; y < panel.Height; ++y)
  {
    for (int x = 0; x < panel.Width; ++x)
    {
      double here[2];
      double right[2];
      double below[2];
      cellAt(x, y, here);
      cellAt(x + 1, y, right);
      cellAt(x, y + 1, below);
      const bool line = here[0] != right[0] || here[1] != right[1] || here[0] != below[0] || here[1] != below[1];
      const auto background = JacobianColor(jacobian(panel.At(x, y)));
      canvas.SetPixel(panel.Left + x, panel.Top + y, line ? Mix(background, { 0.0, 0.0, 0.15 }, 0.75) : background);
    }
  }
}

/** Writes \a text in the middle of a column; the scale shrinks if it is too wide. */
void
Title(Canvas & canvas, int left, int width, int top, const std::string & text, const Color & color)
{
  const int scale = Canvas::TextWidth(text, textScale) <= width ? textScale : 1;
  canvas.DrawText(left + (width - Canvas::TextWidth(text, scale)) / 2, top, text, color, scale);
}

void
DrawLegend(Canvas & canvas, int left, int width, int top, int column)
{
  if (column == 3 || column == 4)
  {
    Title(canvas, left, width / 2, top, "fixed only", Mix(FixedOnlyColor(), ink, 0.3));
    Title(
      canvas, left + width / 2, width / 2, top, column == 3 ? "moving" : "warped", Mix(MovingOnlyColor(), ink, 0.3));
  }
  if (column == 5)
  {
    const int third = width / 3;
    Title(canvas, left, third, top, "shrinks", Mix(JacobianColor(0.1), ink, 0.3));
    Title(canvas, left + third, third, top, "grows", Mix(JacobianColor(8.0), ink, 0.3));
    Title(canvas, left + 2 * third, third, top, "folded", FoldedColor());
  }
}

constexpr int                                   numberOfColumns = 6;
const std::array<const char *, numberOfColumns> titles{
  { "fixed", "moving", "warped", "before", "after", "deformed grid" }
};

/** The panels of one overview: a row for each plane, a column for each thing to see. */
template <unsigned int VDimension>
class OverviewPainter
{
public:
  explicit OverviewPainter(const OverviewData<VDimension> & data)
    : m_Data(data)
    , m_FixedMap(MakeMap(data.Fixed))
    , m_MovingMap(MakeMap(data.Moving))
    , m_AreLabels(m_FixedMap.LooksLikeLabels() && m_MovingMap.LooksLikeLabels())
    , m_Warped(SinkhornRegistration::WarpImage<VDimension>(data.Moving, data.Transform, data.Fixed, 0.0F, m_AreLabels))
    , m_Fixed(data.Fixed, m_AreLabels)
    , m_Moving(data.Moving, m_AreLabels)
    , m_Moved(m_Warped, m_AreLabels)
    , m_Planes(FindPlanes(data.Fixed))
    , m_MovingPlanes(FindPlanes(data.Moving))
    , m_Center(FindCenter<VDimension>(data.Fixed))
    , m_MovingCenter(FindCenter<VDimension>(data.Moving))
  {
    m_FixedMap.SetDrawAsLabels(m_AreLabels);
    m_MovingMap.SetDrawAsLabels(m_AreLabels);
    // One scale for all planes, chosen so that the longest axis fills a panel.
    double longest = 0.0;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      longest = std::max(longest, Extent(data.Fixed, d));
    }
    m_Scale = longestPanel / longest;
    for (const Plane & plane : m_Planes)
    {
      m_Width = std::max(m_Width, static_cast<int>(std::ceil(m_Scale * Extent(data.Fixed, plane.Right))));
      m_Height += static_cast<int>(std::ceil(m_Scale * Extent(data.Fixed, plane.Down))) + gap;
    }
  }

  Canvas
  Draw() const
  {
    const int margin = VDimension == 3 ? titleHeight : 0;
    Canvas    canvas(margin + numberOfColumns * (m_Width + gap) + gap, m_Height + titleHeight, paper);
    const int captionScale = Canvas::TextWidth(m_Data.Caption, textScale) < numberOfColumns * m_Width ? textScale : 1;
    canvas.DrawText(gap, gap, m_Data.Caption, ink, captionScale);
    int top = gap + 2 * titleHeight;
    for (std::size_t row = 0; row < m_Planes.size(); ++row)
    {
      const int height = this->ToPixels(m_Planes[row].Down);
      for (int column = 0; column < numberOfColumns; ++column)
      {
        const int left = margin + gap + column * (m_Width + gap);
        if (row == 0)
        {
          Title(canvas, left, m_Width, top - titleHeight, titles[column], ink);
        }
        this->DrawPanel(canvas, left, top, row, column);
        if (row + 1 == m_Planes.size())
        {
          DrawLegend(canvas, left, m_Width, top + height + gap / 2, column);
        }
      }
      top += height + gap;
    }
    return canvas;
  }

private:
  static ColorMap
  MakeMap(const ImageType<VDimension> * image)
  {
    return ColorMap(image->GetBufferPointer(), image->GetBufferedRegion().GetNumberOfPixels());
  }

  int
  ToPixels(unsigned int axis) const
  {
    return std::max(1, static_cast<int>(std::lround(m_Scale * Extent(m_Data.Fixed, axis))));
  }

  void
  DrawPanel(Canvas & canvas, int left, int top, std::size_t row, int column) const
  {
    const Plane &           plane = m_Planes[row];
    const int               width = this->ToPixels(plane.Right);
    const int               height = this->ToPixels(plane.Down);
    const Panel<VDimension> panel{ m_Data.Fixed, plane, m_Center, left + (m_Width - width) / 2, top, width, height };
    switch (column)
    {
      case 0: Fill(canvas, panel, [&](const auto & index) { return m_FixedMap(m_Fixed(index)); }); break;
      case 1:
        Fill(canvas, this->PlaceMoving(left, top, row, height), [&](const auto & index) {
          return m_MovingMap(m_Moving(index));
        });
        break;
      case 2: Fill(canvas, panel, [&](const auto & index) { return m_MovingMap(m_Moved(index)); }); break;
      case 3:
        Fill(canvas, panel, [&](const auto & index) {
          typename ImageType<VDimension>::PointType point;
          m_Data.Fixed->TransformContinuousIndexToPhysicalPoint(index, point);
          const auto inMoving = m_Data.Moving->template TransformPhysicalPointToContinuousIndex<double>(point);
          return DifferenceColor(m_FixedMap, m_Fixed(index), m_MovingMap, m_Moving(inMoving), m_AreLabels);
        });
        break;
      case 4:
        Fill(canvas, panel, [&](const auto & index) {
          return DifferenceColor(m_FixedMap, m_Fixed(index), m_MovingMap, m_Moved(index), m_AreLabels);
        });
        break;
      default: FillWithGrid(canvas, panel, m_Data); break;
    }
  }

  /** The moving image on its own grid, as large as the room allows. */
  Panel<VDimension>
  PlaceMoving(int left, int top, std::size_t row, int height) const
  {
    const Plane & own = m_MovingPlanes[row];
    const double  right = Extent(m_Data.Moving, own.Right);
    const double  down = Extent(m_Data.Moving, own.Down);
    const double  fit = std::min(m_Width / right, height / down);
    const int     ownWidth = std::max(1, static_cast<int>(fit * right));
    const int     ownHeight = std::max(1, static_cast<int>(fit * down));
    return { m_Data.Moving, own,      m_MovingCenter, left + (m_Width - ownWidth) / 2, top + (height - ownHeight) / 2,
             ownWidth,      ownHeight };
  }

  using IndexType = ContinuousIndex<double, VDimension>;

  const OverviewData<VDimension> &        m_Data;
  ColorMap                                m_FixedMap;
  ColorMap                                m_MovingMap;
  bool                                    m_AreLabels;
  typename ImageType<VDimension>::Pointer m_Warped;
  Sampler<VDimension>                     m_Fixed;
  Sampler<VDimension>                     m_Moving;
  Sampler<VDimension>                     m_Moved;
  std::vector<Plane>                      m_Planes;
  std::vector<Plane>                      m_MovingPlanes;
  IndexType                               m_Center;
  IndexType                               m_MovingCenter;
  double                                  m_Scale{ 1.0 };
  /** Of a column, and of all rows with what stands above them; pixels. */
  int m_Width{ narrowestPanel };
  int m_Height{ 2 * gap + 2 * titleHeight };
};

} // namespace

template <unsigned int VDimension>
void
DrawOverview(const std::string & path, const OverviewData<VDimension> & data)
{
  OverviewPainter<VDimension>(data).Draw().Write(path);
}

template void
DrawOverview<2>(const std::string &, const OverviewData<2> &);
template void
DrawOverview<3>(const std::string &, const OverviewData<3> &);

} // namespace SinkhornDrawing
} // namespace itk
