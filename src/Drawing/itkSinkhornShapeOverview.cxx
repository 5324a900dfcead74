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
#include "itkSinkhornShapeOverview.h"

#include "itkSinkhornCanvas.h"
#include "itkSinkhornColors.h"
#include "itkSinkhornPage.h"
#include "itkSinkhornShapeDistance.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace itk
{
namespace SinkhornDrawing
{
namespace
{

using Sinkhorn::SampleShape;
using Sinkhorn::ShapePoint;
using Points = std::vector<ShapePoint>;

/** A view along one axis: which axes lie across and up. */
struct View
{
  unsigned int Across;
  unsigned int Up;
  const char * Name;
};

std::vector<View>
ListViews(unsigned int dimension)
{
  return dimension == 2 ? std::vector<View>{ { 0, 1, "x y" } }
                        : std::vector<View>{ { 0, 1, "x y" }, { 0, 2, "x z" }, { 1, 2, "y z" } };
}

/** Points that are drawn of a shape. */
constexpr std::size_t samples = 30000;

constexpr int panelSize = 320;
constexpr int gap = 12;
constexpr int textHeight = 24;

/** Where the panel's pixels lie in the plane of a view: the middle of what is shown, and pixels per mm. */
struct Frame
{
  double Across{ 0.0 };
  double Up{ 0.0 };
  double Scale{ 1.0 };
};

Frame
FitFrame(const std::vector<const Points *> & shapes, const View & view)
{
  constexpr double filled = 0.92;
  const double     most = std::numeric_limits<double>::max();
  double           lowest[2] = { most, most };
  double           highest[2] = { -most, -most };
  for (const Points * points : shapes)
  {
    for (const ShapePoint & point : *points)
    {
      const double place[2] = { point[view.Across], point[view.Up] };
      for (unsigned int d = 0; d < 2; ++d)
      {
        lowest[d] = std::min(lowest[d], place[d]);
        highest[d] = std::max(highest[d], place[d]);
      }
    }
  }
  const double extent = std::max(highest[0] - lowest[0], highest[1] - lowest[1]);
  Frame        frame;
  frame.Across = 0.5 * (lowest[0] + highest[0]);
  frame.Up = 0.5 * (lowest[1] + highest[1]);
  frame.Scale = extent > 0.0 ? filled * panelSize / extent : 1.0;
  return frame;
}

/** Two shapes in their colours, and a mixture of these where both are. */
void
DrawPanel(Canvas & canvas, int left, int top, const Points & fixed, const Points & moving, const View & view)
{
  const Frame      frame = FitFrame({ &fixed, &moving }, view);
  std::vector<int> marks(panelSize * panelSize, 0);
  const auto       mark = [&](const Points & points, int bit) {
    for (const ShapePoint & point : points)
    {
      const double x = panelSize / 2.0 + frame.Scale * (point[view.Across] - frame.Across);
      const double y = panelSize / 2.0 - frame.Scale * (point[view.Up] - frame.Up);
      if (x >= 0.0 && x < panelSize && y >= 0.0 && y < panelSize)
      {
        marks[static_cast<std::size_t>(static_cast<int>(y) * panelSize + static_cast<int>(x))] |= bit;
      }
    }
  };
  mark(fixed, 1);
  mark(moving, 2);
  const Color both = Mix(FixedOnlyColor(), MovingOnlyColor(), 0.5);
  for (int y = 0; y < panelSize; ++y)
  {
    for (int x = 0; x < panelSize; ++x)
    {
      const int here = marks[static_cast<std::size_t>(y * panelSize + x)];
      if (here > 0)
      {
        canvas.SetPixel(left + x, top + y, here == 3 ? both : (here == 1 ? FixedOnlyColor() : MovingOnlyColor()));
      }
    }
  }
}

} // namespace

void
DrawShapeOverview(const std::string &            path,
                  const Sinkhorn::PointComplex & fixed,
                  const Sinkhorn::PointComplex & moving,
                  const Sinkhorn::PointComplex & moved,
                  unsigned int                   dimension,
                  const std::string &            caption)
{
  const Points            fixedPoints = SampleShape(fixed, samples);
  const Points            before = SampleShape(moving, samples);
  const Points            after = SampleShape(moved, samples);
  const std::vector<View> views = ListViews(dimension);
  const int               wanted = gap + static_cast<int>(views.size()) * (panelSize + gap);
  const int               width = std::max(wanted, Canvas::TextWidth(caption, 1) + 2 * gap);
  const int               height = 3 * textHeight + 2 * (panelSize + textHeight);
  const Color             white{ 1.0, 1.0, 1.0 };
  const Color             black{ 0.0, 0.0, 0.0 };
  Canvas                  canvas(width, height, white);
  canvas.DrawText(gap, gap, caption, black, 1);
  int x = gap;
  for (const auto & legend : { std::make_pair("fixed", FixedOnlyColor()), std::make_pair("moving", MovingOnlyColor()) })
  {
    canvas.DrawText(x, gap + textHeight, legend.first, legend.second, 2);
    x += Canvas::TextWidth(legend.first, 2) + gap;
  }
  for (unsigned int row = 0; row < 2; ++row)
  {
    const int top = 3 * textHeight + static_cast<int>(row) * (panelSize + textHeight);
    for (std::size_t v = 0; v < views.size(); ++v)
    {
      const int left = gap + static_cast<int>(v) * (panelSize + gap);
      DrawPanel(canvas, left, top, fixedPoints, row == 0 ? before : after, views[v]);
      canvas.DrawText(left, top - 10, std::string(row == 0 ? "before, " : "after, ") + views[v].Name, black, 1);
    }
  }
  canvas.Write(path);
}

nlohmann::ordered_json
MakeShapeViews(const Sinkhorn::PointComplex & fixed,
               const Sinkhorn::PointComplex & moving,
               const Sinkhorn::PointComplex & moved,
               unsigned int                   dimension)
{
  const Points fixedPoints = SampleShape(fixed, samples);
  const Points before = SampleShape(moving, samples);
  const Points after = SampleShape(moved, samples);
  auto         all = nlohmann::ordered_json::array();
  for (const View & view : ListViews(dimension))
  {
    const auto draw = [&](const Points & points) {
      Canvas canvas(panelSize, panelSize, { 1.0, 1.0, 1.0 });
      DrawPanel(canvas, 0, 0, fixedPoints, points, view);
      return ToBase64(canvas.ToPng());
    };
    all.push_back({ { "name", view.Name },
                    { "width", panelSize },
                    { "height", panelSize },
                    { "spacing", { 1.0, 1.0 } },
                    { "layers", { { "before", draw(before) }, { "after", draw(after) } } } });
  }
  return all;
}

} // namespace SinkhornDrawing
} // namespace itk
