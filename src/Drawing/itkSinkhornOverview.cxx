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

} // namespace

template <unsigned int VDimension>
void
DrawOverview(const std::string & path, const OverviewData<VDimension> & data)
{
  const auto countOf = [](const ImageType<VDimension> * image) {
    return image->GetBufferedRegion().GetNumberOfPixels();
  };
  ColorMap   fixedMap(data.Fixed->GetBufferPointer(), countOf(data.Fixed));
  ColorMap   movingMap(data.Moving->GetBufferPointer(), countOf(data.Moving));
  const bool labels = fixedMap.LooksLikeLabels() && movingMap.LooksLikeLabels();
  fixedMap.SetDrawAsLabels(labels);
  movingMap.SetDrawAsLabels(labels);

  const auto warped =
    SinkhornRegistration::WarpImage<VDimension>(data.Moving, data.Transform, data.Fixed, 0.0F, labels);
  const Sampler<VDimension> fixed(data.Fixed, labels);
  const Sampler<VDimension> moving(data.Moving, labels);
  const Sampler<VDimension> moved(warped, labels);

  // One scale for all planes, chosen so that the longest axis fills a panel.
  double longest = 0.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    longest = std::max(longest, Extent(data.Fixed, d));
  }
  const auto                                      planes = FindPlanes(data.Fixed);
  const auto                                      movingPlanes = FindPlanes(data.Moving);
  const auto                                      center = FindCenter<VDimension>(data.Fixed);
  const auto                                      movingCenter = FindCenter<VDimension>(data.Moving);
  const double                                    scale = longestPanel / longest;
  constexpr int                                   numberOfColumns = 6;
  const std::array<const char *, numberOfColumns> titles{
    { "fixed", "moving", "warped", "before", "after", "deformed grid" }
  };
  int width = narrowestPanel;
  int height = 2 * gap + 2 * titleHeight;
  for (const Plane & plane : planes)
  {
    width = std::max(width, static_cast<int>(std::ceil(scale * Extent(data.Fixed, plane.Right))));
    height += static_cast<int>(std::ceil(scale * Extent(data.Fixed, plane.Down))) + gap;
  }
  const int margin = VDimension == 3 ? titleHeight : 0;
  Canvas    canvas(margin + numberOfColumns * (width + gap) + gap, height + titleHeight, paper);
  const int captionScale = Canvas::TextWidth(data.Caption, textScale) < numberOfColumns * width ? textScale : 1;
  canvas.DrawText(gap, gap, data.Caption, ink, captionScale);

  int top = gap + 2 * titleHeight;
  for (std::size_t row = 0; row < planes.size(); ++row)
  {
    const Plane & plane = planes[row];
    const int     panelWidth = std::max(1, static_cast<int>(std::lround(scale * Extent(data.Fixed, plane.Right))));
    const int     panelHeight = std::max(1, static_cast<int>(std::lround(scale * Extent(data.Fixed, plane.Down))));
    for (int column = 0; column < numberOfColumns; ++column)
    {
      const int left = margin + gap + column * (width + gap);
      if (row == 0)
      {
        Title(canvas, left, width, top - titleHeight, titles[column], ink);
      }
      Panel<VDimension> panel{
        data.Fixed, plane, center, left + (width - panelWidth) / 2, top, panelWidth, panelHeight
      };
      switch (column)
      {
        case 0: Fill(canvas, panel, [&](const auto & index) { return fixedMap(fixed(index)); }); break;
        case 1:
        {
          // The moving image on its own grid, as large as the room allows.
          const Plane & own = movingPlanes[row];
          const double  fit =
            std::min(width / Extent(data.Moving, own.Right), panelHeight / Extent(data.Moving, own.Down));
          panel.Image = data.Moving;
          panel.Slice = own;
          panel.Center = movingCenter;
          panel.Width = std::max(1, static_cast<int>(fit * Extent(data.Moving, own.Right)));
          panel.Height = std::max(1, static_cast<int>(fit * Extent(data.Moving, own.Down)));
          panel.Left = left + (width - panel.Width) / 2;
          panel.Top = top + (panelHeight - panel.Height) / 2;
          Fill(canvas, panel, [&](const auto & index) { return movingMap(moving(index)); });
          break;
        }
        case 2: Fill(canvas, panel, [&](const auto & index) { return movingMap(moved(index)); }); break;
        case 3:
          Fill(canvas, panel, [&](const auto & index) {
            typename ImageType<VDimension>::PointType point;
            data.Fixed->TransformContinuousIndexToPhysicalPoint(index, point);
            const auto inMoving = data.Moving->template TransformPhysicalPointToContinuousIndex<double>(point);
            return DifferenceColor(fixedMap, fixed(index), movingMap, moving(inMoving), labels);
          });
          break;
        case 4:
          Fill(canvas, panel, [&](const auto & index) {
            return DifferenceColor(fixedMap, fixed(index), movingMap, moved(index), labels);
          });
          break;
        default: FillWithGrid(canvas, panel, data); break;
      }
      if (row + 1 == planes.size())
      {
        DrawLegend(canvas, left, width, top + panelHeight + gap / 2, column);
      }
    }
    top += panelHeight + gap;
  }
  canvas.Write(path);
}

template void
DrawOverview<2>(const std::string &, const OverviewData<2> &);
template void
DrawOverview<3>(const std::string &, const OverviewData<3> &);

} // namespace SinkhornDrawing
} // namespace itk
