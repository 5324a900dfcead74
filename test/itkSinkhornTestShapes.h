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
#ifndef itkSinkhornTestShapes_h
#define itkSinkhornTestShapes_h

#include "itkLineCell.h"
#include "itkMesh.h"
#include "itkTriangleCell.h"

#include <cmath>
#include <functional>

namespace itk
{
namespace Sinkhorn
{
namespace Testing
{

/** An open curve through so many points, wound in space. */
template <unsigned int VDimension>
typename Mesh<float, VDimension>::Pointer
MakeCurveMesh(unsigned int points, double phase = 0.0, double size = 20.0)
{
  using MeshType = Mesh<float, VDimension>;
  auto mesh = MeshType::New();
  for (unsigned int k = 0; k < points; ++k)
  {
    const double                 t = 4.0 * k / (points - 1.0);
    typename MeshType::PointType point;
    point.Fill(0.0);
    point[0] = static_cast<float>(size * std::cos(t + phase) + 0.2 * size * std::sin(3.0 * t));
    point[1] = static_cast<float>(0.7 * size * std::sin(t + phase));
    if (VDimension > 2)
    {
      point[VDimension - 1] = static_cast<float>(0.2 * size * t);
    }
    mesh->SetPoint(k, point);
    if (k > 0)
    {
      typename MeshType::CellAutoPointer cell;
      cell.TakeOwnership(new LineCell<typename MeshType::CellType>);
      cell->SetPointId(0, k - 1);
      cell->SetPointId(1, k);
      mesh->SetCell(k - 1, cell);
    }
  }
  return mesh;
}

/** A bumpy ball of triangles with so many rings. */
inline Mesh<float, 3>::Pointer
MakeSurfaceMesh(unsigned int rings, double phase = 0.0, double size = 20.0)
{
  using MeshType = Mesh<float, 3>;
  constexpr double   pi = 3.14159265358979;
  const unsigned int sectors = 2 * rings;
  auto               mesh = MeshType::New();
  SizeValueType      cells = 0;
  const auto         addTriangle = [&](SizeValueType a, SizeValueType b, SizeValueType c) {
    MeshType::CellAutoPointer cell;
    cell.TakeOwnership(new TriangleCell<MeshType::CellType>);
    cell->SetPointId(0, a);
    cell->SetPointId(1, b);
    cell->SetPointId(2, c);
    mesh->SetCell(cells++, cell);
  };
  for (unsigned int i = 0; i <= rings; ++i)
  {
    for (unsigned int j = 0; j < sectors; ++j)
    {
      const double theta = pi * i / rings;
      const double psi = 2.0 * pi * j / sectors;
      const double radius = size * (1.0 + 0.15 * std::sin(3.0 * psi + phase) * std::sin(theta) * std::sin(theta));
      MeshType::PointType point;
      point[0] = static_cast<float>(1.3 * radius * std::sin(theta) * std::cos(psi));
      point[1] = static_cast<float>(radius * std::sin(theta) * std::sin(psi));
      point[2] = static_cast<float>(0.8 * radius * std::cos(theta));
      mesh->SetPoint(i * sectors + j, point);
      if (i < rings)
      {
        const SizeValueType next = i * sectors + (j + 1) % sectors;
        addTriangle(i * sectors + j, i * sectors + j + sectors, next);
        addTriangle(next, i * sectors + j + sectors, next + sectors);
      }
    }
  }
  return mesh;
}

/** A copy whose points are moved by a function that changes them. */
template <typename TMesh>
typename TMesh::Pointer
MoveMesh(const TMesh * mesh, const std::function<void(typename TMesh::PointType &)> & move)
{
  auto moved = TMesh::New();
  for (auto it = mesh->GetPoints()->Begin(); it != mesh->GetPoints()->End(); ++it)
  {
    auto point = it.Value();
    move(point);
    moved->SetPoint(it.Index(), point);
  }
  for (auto it = mesh->GetCells()->Begin(); it != mesh->GetCells()->End(); ++it)
  {
    typename TMesh::CellAutoPointer cell;
    it.Value()->MakeCopy(cell);
    moved->SetCell(it.Index(), cell);
  }
  return moved;
}

} // namespace Testing
} // namespace Sinkhorn
} // namespace itk

#endif
