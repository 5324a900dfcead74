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
// Curves as particles: springs from one to the other, the curve on its way, and the mean of three curves.
#include "shapes.h"

#include "itkSinkhornGridPicture.h"
#include "itkSinkhornPointBarycenter.h"
#include "itkSinkhornPointTransport.h"

#include <cmath>
#include <iostream>

namespace
{

using namespace itk::SinkhornDrawing;

using itk::Sinkhorn::PointMeasure;
using itk::Sinkhorn::PointTransport;
using itk::Sinkhorn::Side;

constexpr unsigned int PanelSize = 128; // mm, and voxels of a panel
constexpr Color        Blue{ 0.05, 0.25, 0.55 };
constexpr Color        Orange{ 0.80, 0.30, 0.00 };
constexpr Color        Grey{ 0.55, 0.55, 0.60 };

/** A closed curve, r(angle) = radius (1 + Σ_k waves[k] cos((k+2) angle + phase)), as one particle for each segment. */
PointMeasure
MakeCurve(double x, double y, double radius, const std::vector<double> & waves, double phase, unsigned int segments)
{
  std::vector<double>             vertices;
  std::vector<itk::SizeValueType> ends;
  for (unsigned int k = 0; k < segments; ++k)
  {
    const double angle = 2.0 * 3.14159265358979 * k / segments;
    double       r = radius;
    for (size_t w = 0; w < waves.size(); ++w)
    {
      r += radius * waves[w] * std::cos((w + 2.0) * angle + phase);
    }
    vertices.insert(vertices.end(), { x + r * std::cos(angle), y + r * std::sin(angle) });
    ends.insert(ends.end(), { k, (k + 1) % segments });
  }
  return itk::Sinkhorn::MakeCurveMeasure(2, vertices, ends);
}

std::array<double, 2>
GetPoint(const std::vector<double> & positions, size_t particle)
{
  return { { positions[2 * particle], positions[2 * particle + 1] } };
}

/** Particle after particle, closed. */
void
DrawCurve(GridPicture &        picture,
          unsigned int         column,
          const PointMeasure & curve,
          const Color &        colour,
          double               width,
          double               opacity = 1.0)
{
  for (size_t i = 0; i < curve.GetNumberOfParticles(); ++i)
  {
    picture.DrawLine(column,
                     0,
                     GetPoint(curve.Positions, i),
                     GetPoint(curve.Positions, (i + 1) % curve.GetNumberOfParticles()),
                     width,
                     colour,
                     opacity);
  }
}

void
DrawCurves(const std::vector<std::string> & arguments)
{
  const PointMeasure blue = MakeCurve(42.0, 66.0, 24.0, { 0.25, 0.12 }, 0.4, 300);
  const PointMeasure orange = MakeCurve(88.0, 60.0, 26.0, { 0.05, 0.30 }, 2.0, 260);
  const PointMeasure third = MakeCurve(66.0, 100.0, 18.0, { 0.35 }, 1.2, 200);

  itk::Sinkhorn::PointTransportParameters parameters;
  parameters.Solver.Blur = 1.5; // mm
  PointTransport transport(blue, orange, parameters);
  const auto &   report = transport.Solve();
  std::cout << "Divergence " << transport.GetValues().Divergence << " mm^2, " << report.Describe(parameters.Solver)
            << std::endl;

  GridPicture picture(3, 1, { { PanelSize, PanelSize } }, 5);
  for (unsigned int column = 0; column < 3; ++column)
  {
    picture.Paint(column, 0, std::vector<Color>(PanelSize * PanelSize, { 1.0, 1.0, 1.0 }));
  }

  const PointMeasure arrived = transport.MakeInterpolation(1.0);
  for (size_t i = 0; i < blue.GetNumberOfParticles(); i += 4)
  {
    picture.DrawLine(0, 0, GetPoint(blue.Positions, i), GetPoint(arrived.Positions, i), 1.2, Grey);
  }
  DrawCurve(picture, 0, blue, Blue, 4.0);
  DrawCurve(picture, 0, orange, Orange, 4.0);

  for (const double t : { 0.0, 0.25, 0.5, 0.75, 1.0 })
  {
    DrawCurve(picture, 1, transport.MakeInterpolation(t), Mix(Blue, Orange, t), 3.0);
  }

  itk::Sinkhorn::PointBarycenterParameters mean;
  mean.Transport = parameters;
  itk::Sinkhorn::PointBarycenterReport meanReport;
  const PointMeasure                   barycenter = itk::Sinkhorn::ComputePointBarycenter(
    { blue, orange, third }, { 1.0, 1.0, 1.0 }, MakeCurve(64.0, 64.0, 15.0, {}, 0.0, 240), mean, &meanReport);
  std::cout << "Barycenter after " << meanReport.NumberOfIterations << " iterations, mean divergence "
            << meanReport.Energy << " mm^2" << std::endl;
  DrawCurve(picture, 2, blue, Blue, 2.5, 0.6);
  DrawCurve(picture, 2, orange, Orange, 2.5, 0.6);
  DrawCurve(picture, 2, third, Grey, 2.5, 0.8);
  DrawCurve(picture, 2, barycenter, { 0.0, 0.0, 0.0 }, 4.0);
  picture.Write(arguments[0]);
}

} // namespace

int
main(int argc, char * argv[])
{
  return example::RunExample(argc, argv, "PICTURE.png", DrawCurves);
}
