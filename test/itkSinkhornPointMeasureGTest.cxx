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
#include "itkSinkhornPointMeasure.h"
#include "itkSinkhornPointMeasureFromImage.h"
#include "itkSinkhornPointMeasureFromMesh.h"

#include "itkImageRegionIteratorWithIndex.h"
#include "itkMesh.h"
#include "itkPointSet.h"
#include "itkPolygonCell.h"
#include "itkQuadrilateralCell.h"
#include "itkTriangleCell.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace
{

using namespace itk::Sinkhorn;
using Indices = std::vector<itk::SizeValueType>;

/** The message of the exception that a call throws. */
template <typename TFunction>
std::string
GetError(const TFunction & function)
{
  try
  {
    function();
  }
  catch (const itk::ExceptionObject & error)
  {
    return error.GetDescription();
  }
  return "no exception";
}

void
ExpectMention(const std::string & message, const std::string & text)
{
  EXPECT_NE(message.find(text), std::string::npos) << message;
}

using LabelImage = itk::Image<short, 3>;

/** A ball around the middle of an anisotropic, rotated image with an odd start index. */
LabelImage::Pointer
MakeBall(double radius, double center[3])
{
  auto                    image = LabelImage::New();
  LabelImage::SizeType    size{ { 33, 29, 15 } };
  LabelImage::IndexType   start{ { -3, 5, 2 } };
  LabelImage::SpacingType spacing;
  spacing[0] = 0.9;
  spacing[1] = 1.0;
  spacing[2] = 2.0;
  LabelImage::DirectionType direction;
  direction.SetIdentity();
  direction(0, 0) = direction(1, 1) = std::cos(0.4);
  direction(1, 0) = std::sin(0.4);
  direction(0, 1) = -direction(1, 0);
  image->SetRegions({ start, size });
  image->SetSpacing(spacing);
  image->SetDirection(direction);
  image->Allocate();
  LabelImage::IndexType middle{ { -3 + 16, 5 + 14, 2 + 7 } };
  LabelImage::PointType at;
  image->TransformIndexToPhysicalPoint(middle, at);
  itk::ImageRegionIteratorWithIndex<LabelImage> it(image, image->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    LabelImage::PointType point;
    image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    it.Set(point.EuclideanDistanceTo(at) <= radius ? 7 : 0);
  }
  std::copy(at.Begin(), at.End(), center);
  return image;
}

TEST(SinkhornPointMeasure, ACurveIsItsSegments)
{
  // three segments, one of them without length
  const std::vector<double> points{ 0, 0, 3, 4, 3, 4, 3, 10 };
  const PointMeasure        measure = MakeCurveMeasure(2, points, { 0, 1, 1, 2, 2, 3 });
  measure.Check("the test");
  EXPECT_EQ(measure.NumberOfDroppedCells, 1u);
  EXPECT_EQ(measure.Masses, (std::vector<double>{ 5, 6 }));
  EXPECT_EQ(measure.Positions, (std::vector<double>{ 1.5, 2, 3, 7 }));
  EXPECT_EQ(measure.Directions, (std::vector<double>{ 0.6, 0.8, 0, 1 }));
  EXPECT_DOUBLE_EQ(measure.GetTotalMass(), 11);
  EXPECT_DOUBLE_EQ(measure.GetDiagonal(), std::hypot(1.5, 5.0));
  EXPECT_DOUBLE_EQ(measure.GetCentroid()[0], (5 * 1.5 + 6 * 3) / 11);
}

TEST(SinkhornPointMeasure, ASurfaceIsItsTriangles)
{
  const std::vector<double> points{ 0, 0, 0, 2, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 1e-9 };
  // the second has no area, the third a small one
  const PointMeasure measure = MakeSurfaceMeasure(3, points, { 0, 1, 2, 0, 1, 3, 0, 1, 4 });
  measure.Check("the test");
  EXPECT_EQ(measure.NumberOfDroppedCells, 1u);
  ASSERT_EQ(measure.GetNumberOfParticles(), 2u);
  EXPECT_DOUBLE_EQ(measure.Masses[0], 3.0);
  EXPECT_DOUBLE_EQ(measure.Masses[1], 1e-9);
  EXPECT_EQ(std::vector<double>(measure.Directions.begin(), measure.Directions.begin() + 3),
            (std::vector<double>{ 0, 0, 1 }));
  // in the plane: the same area, no normal
  const PointMeasure plane = MakeSurfaceMeasure(2, { 0, 0, 2, 0, 0, 3 }, { 0, 2, 1 });
  EXPECT_DOUBLE_EQ(plane.Masses[0], 3.0);
  EXPECT_FALSE(plane.HasDirections());
}

TEST(SinkhornPointMeasure, RefusesWhatIsNoMeasure)
{
  const double              nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> points{ 0, 0, 1, 0, 0, 1 };
  ExpectMention(GetError([&] { MakeCurveMeasure(2, points, { 0, 3 }); }), "vertex 3");
  ExpectMention(GetError([&] { MakeCurveMeasure(2, points, { 0, 0 }); }), "1 segments has a length");
  ExpectMention(GetError([&] { MakeCurveMeasure(2, { 0, 0, nan, 1 }, { 0, 1 }); }), "coordinate 0 of point 1 is nan");
  ExpectMention(GetError([&] { MakeSurfaceMeasure(4, points, { 0, 1, 2 }); }), "dimension 4");
  ExpectMention(GetError([&] { MakePointMeasure(2, {}); }), "no particle");
  ExpectMention(GetError([&] { MakePointMeasure(2, points, { 1, 2 }); }), "2 masses");
  ExpectMention(GetError([&] { MakePointMeasure(2, points, { 1, -2, 3 }); }), "mass of particle 1");
  ExpectMention(GetError([&] { MakePointMeasure(2, points, { 0, 0, 0 }); }), "no mass");
}

TEST(SinkhornPointMeasure, TakesMeshesApart)
{
  using MeshType = itk::Mesh<float, 3>;
  auto        mesh = MeshType::New();
  const float coordinates[5][3] = { { 0, 0, 0 }, { 1, 0, 0 }, { 1, 1, 0 }, { 0, 1, 0 }, { 0, 0, 2 } };
  for (unsigned int k = 0; k < 5; ++k)
  {
    mesh->SetPoint(k, MeshType::PointType(coordinates[k]));
  }
  MeshType::CellAutoPointer cell;
  cell.TakeOwnership(new itk::QuadrilateralCell<MeshType::CellType>);
  for (unsigned int k = 0; k < 4; ++k)
  {
    cell->SetPointId(k, k);
  }
  mesh->SetCell(0, cell);
  cell.TakeOwnership(new itk::TriangleCell<MeshType::CellType>);
  cell->SetPointId(0, 0);
  cell->SetPointId(1, 1);
  cell->SetPointId(2, 4);
  mesh->SetCell(1, cell);
  cell.TakeOwnership(new itk::PolygonCell<MeshType::CellType>(2)); // as some writers store lines
  cell->SetPointId(0, 3);
  cell->SetPointId(1, 4);
  mesh->SetCell(2, cell);

  const PointComplex complex = ExtractComplex(mesh.GetPointer());
  EXPECT_EQ(complex.Triangles, (Indices{ 0, 1, 2, 0, 2, 3, 0, 1, 4 }));
  EXPECT_EQ(complex.Segments, (Indices{ 3, 4 }));
  const PointMeasure surface = MakePointMeasureFromMesh(mesh.GetPointer());
  EXPECT_EQ(surface.Masses, (std::vector<double>{ 0.5, 0.5, 1.0 }));

  // the same points without cells
  auto points = itk::PointSet<float, 3>::New();
  for (unsigned int k = 0; k < 5; ++k)
  {
    points->SetPoint(k, itk::PointSet<float, 3>::PointType(coordinates[k]));
  }
  const PointMeasure cloud = MakePointMeasureFromMesh(points.GetPointer());
  EXPECT_DOUBLE_EQ(cloud.GetTotalMass(), static_cast<double>(points->GetNumberOfPoints()));
  ExpectMention(GetError([&] { MakePointMeasureFromMesh(MeshType::New().GetPointer()); }), "no particle");
}

TEST(SinkhornPointMeasure, APolygonOfThePlaneIsItsOutline)
{
  using MeshType = itk::Mesh<double, 2>;
  auto                      mesh = MeshType::New();
  const double              square[4][2] = { { 0, 0 }, { 2, 0 }, { 2, 1 }, { 0, 1 } };
  MeshType::CellAutoPointer cell;
  cell.TakeOwnership(new itk::PolygonCell<MeshType::CellType>(4));
  for (unsigned int k = 0; k < 4; ++k)
  {
    mesh->SetPoint(k, MeshType::PointType(square[k]));
    cell->SetPointId(k, k);
  }
  mesh->SetCell(0, cell);
  EXPECT_DOUBLE_EQ(MakePointMeasureFromMesh(mesh.GetPointer()).GetTotalMass(), 6.0);
}

TEST(SinkhornPointMeasure, ALabelHasVolumeAreaAndNormals)
{
  double             center[3];
  const double       radius = 10.3;
  const auto         image = MakeBall(radius, center);
  const double       pi = 3.14159265358979;
  const PointMeasure volume = MakeVolumeMeasure(image.GetPointer(), 7);
  EXPECT_NEAR(volume.GetTotalMass(), 4.0 / 3.0 * pi * radius * radius * radius, 0.03 * 4000.0);
  const PointMeasure surface = MakeSurfaceMeasure(image.GetPointer(), 7);
  surface.Check("the ball's");
  // the faces alone have an area of 3/2 of the sphere's
  EXPECT_NEAR(surface.GetTotalMass(), 4.0 * pi * radius * radius, 0.04 * 4.0 * pi * radius * radius);
  double cosine = 0.0;
  for (itk::SizeValueType i = 0; i < surface.GetNumberOfParticles(); ++i)
  {
    double radial = 0.0;
    double length = 0.0;
    for (unsigned int d = 0; d < 3; ++d)
    {
      const double offset = surface.Positions[3 * i + d] - center[d];
      radial += offset * surface.Directions[3 * i + d];
      length += offset * offset;
    }
    EXPECT_GT(radial, 0.8 * std::sqrt(length));
    cosine += radial / std::sqrt(length) * surface.Masses[i] / surface.GetTotalMass();
  }
  EXPECT_GT(cosine, 0.99);
  for (unsigned int d = 0; d < 3; ++d)
  {
    EXPECT_NEAR(volume.GetCentroid()[d], center[d], 1e-4);
    EXPECT_NEAR(surface.GetCentroid()[d], center[d], 1e-4);
  }
  ExpectMention(GetError([&] { MakeVolumeMeasure(image.GetPointer(), 3); }), "label 3");
  ExpectMention(GetError([&] { MakeSurfaceMeasure(image.GetPointer(), 3); }), "label 3");
}

TEST(SinkhornPointMeasure, AppendsPieces)
{
  PointMeasure measure = MakeCurveMeasure(2, { 0, 0, 1, 0 }, { 0, 1 });
  AppendPointMeasure(measure, MakeCurveMeasure(2, { 5, 0, 5, 2 }, { 0, 1 }));
  measure.Check("the test");
  EXPECT_EQ(measure.GetNumberOfParticles(), 2u);
  EXPECT_TRUE(measure.HasDirections());
  AppendPointMeasure(measure, MakePointMeasure(2, { 7, 7 }));
  measure.Check("the test");
  EXPECT_FALSE(measure.HasDirections());
  ExpectMention(GetError([&] { AppendPointMeasure(measure, MakePointMeasure(3, { 7, 7, 7 })); }), "dimension 3");
}

} // namespace
