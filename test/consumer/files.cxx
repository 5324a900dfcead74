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
// A program outside of this project that uses the libraries of files and of drawing: reads a shape and landmarks, draws
// the shape, and is told what is wrong with a file.
#include "itkSinkhornGridPicture.h"
#include "itkSinkhornLandmarkFile.h"
#include "itkSinkhornShapeDistance.h"
#include "itkSinkhornShapeFile.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>

namespace
{

using namespace itk::SinkhornDrawing;
using namespace itk::SinkhornIO;

bool
ReadsShapes()
{
  std::ofstream("square.vtk") << "# vtk DataFile Version 3.0\na square\nASCII\nDATASET POLYDATA\nPOINTS 4 float\n"
                              << "0 0 0 3 0 0 3 4 0 0 4 0\nPOLYGONS 1 5\n4 0 1 2 3\n";
  const auto shape = ReadShapeFile("square.vtk", "shape");
  const auto distance = itk::Sinkhorn::ShapeTree(shape->GetComplex()).FindDistance({ 1.0, 1.0, 5.0 });
  return shape->GetComplex().Triangles.size() == 6 && std::abs(distance - 5.0) < 1e-12;
}

bool
ReadsLandmarks()
{
  std::ofstream("points.csv") << "name,x,y,z\ntip,1,2,3\nbase,4,5,6\n";
  const LandmarkFile file = ReadLandmarkFile("points.csv", "landmarks", 3);
  return file.Rows.size() == 2 && file.Rows[1].Coordinates == std::vector<double>{ 4.0, 5.0, 6.0 };
}

bool
RefusesDamage()
{
  std::ofstream("damaged.csv") << "x,y,z\n1,2\n";
  try
  {
    ReadLandmarkFile("damaged.csv", "landmarks", 3);
  }
  catch (const UsageError & error)
  {
    return std::string(error.GetDescription()).find("damaged.csv") != std::string::npos;
  }
  return false;
}

bool
Draws()
{
  GridPicture picture(1, 1, { { 8, 8 } }, 10);
  picture.Paint(0, 0, std::vector<Color>(64, InkColor(0.5)));
  picture.DrawLine(0, 0, { 0.0, 0.0 }, { 7.0, 7.0 }, 2.0, FixedOnlyColor());
  picture.Write("picture.png");
  return std::ifstream("picture.png").good();
}

} // namespace

int
main()
{
  const bool all = ReadsShapes() && ReadsLandmarks() && RefusesDamage() && Draws();
  std::cout << (all ? "files are read and drawn" : "something is wrong with files or drawing") << std::endl;
  return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
