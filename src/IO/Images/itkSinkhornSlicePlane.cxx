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
#include "itkSinkhornSlicePlane.h"

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornRegistrationImages.h"

#include "itkAffineTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkTranslationTransform.h"

#include <array>
#include <cmath>
#include <sstream>

namespace itk
{
namespace SinkhornIO
{
namespace
{

using SinkhornRegistration::SampleDisplacement;

/** The two axes of a slice of more than one voxel, and the third. */
std::array<unsigned int, 3>
FindSliceAxes(const FileGeometry & spatial)
{
  unsigned int normal = 2;
  for (unsigned int d = 0; d < 3; ++d)
  {
    normal = spatial.Size[d] == 1 ? d : normal;
  }
  return { { normal == 0 ? 1U : 0U, normal == 2 ? 1U : 2U, normal } };
}

Vector<double, 3>
GetAxis(const FileGeometry & spatial, unsigned int axis)
{
  Vector<double, 3> direction;
  for (unsigned int r = 0; r < 3; ++r)
  {
    direction[r] = spatial.Direction(r, axis);
  }
  direction.Normalize();
  return direction;
}

Point<double, 3>
GetOrigin(const FileGeometry & spatial)
{
  return Point<double, 3>(spatial.Origin.data());
}

} // namespace

SlicePlane::SlicePlane(const FileFacts & fixed, const FileFacts & moving)
{
  m_Axes.SetIdentity();
  m_Origin.Fill(0.0);
  m_IsLifting = fixed.Dimension == 2 && fixed.Geometry.GetDimension() > 2;
  m_IsSpatial = m_IsLifting || (moving.Dimension == 2 && moving.Geometry.GetDimension() > 2);
  if (!m_IsSpatial)
  {
    return;
  }
  if (m_IsLifting)
  {
    const FileGeometry spatial = MakeSpatial(fixed.Geometry);
    const auto         axes = FindSliceAxes(spatial);
    const auto         first = GetAxis(spatial, axes[0]);
    auto               second = GetAxis(spatial, axes[1]);
    second -= first * (first * second);
    second.Normalize();
    const auto normal = CrossProduct(first, second);
    for (unsigned int r = 0; r < 3; ++r)
    {
      m_Axes(r, 0) = first[r];
      m_Axes(r, 1) = second[r];
      m_Axes(r, 2) = normal[r];
    }
    m_Origin = GetOrigin(spatial);
    m_Thickness = spatial.Spacing[axes[2]];
  }
  const FileGeometry spatial = MakeSpatial(moving.Geometry);
  const auto         axes = FindSliceAxes(spatial);
  const auto         normal = CrossProduct(GetAxis(spatial, axes[0]), GetAxis(spatial, axes[1]));
  Vector<double, 3>  own;
  for (unsigned int r = 0; r < 3; ++r)
  {
    own[r] = m_Axes(r, 2);
  }
  constexpr double parallel = 0.01; // a hundredth of the slice's width beside the plane at its edge
  if (CrossProduct(own, normal).GetNorm() > parallel)
  {
    std::ostringstream text;
    text << moving.Describe() << ": its single slice has another orientation than that of the fixed image, normal "
         << normal << " against " << own
         << "; single slices are registered in parallel planes, so correct the direction in the header, reslice one of "
            "them, or register the volumes that they come from";
    throw UsageError(text.str());
  }
  m_Shift = own * (GetOrigin(spatial) - m_Origin);
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
SlicePlane::MakeGrid(const FileFacts & facts) const
{
  using Image = ImageType<VDimension>;
  const FileGeometry          spatial = MakeSpatial(facts.Geometry);
  std::array<unsigned int, 3> axes{ { 0, 1, 2 } };
  Matrix<double, 3, 3>        toFrame;
  Vector<double, 3>           origin = GetOrigin(spatial).GetVectorFromOrigin();
  toFrame.SetIdentity();
  if (VDimension == 2 && m_IsSpatial)
  {
    axes = FindSliceAxes(spatial);
    toFrame = Matrix<double, 3, 3>(m_Axes.GetTranspose()); // they are orthonormal by construction
    origin = toFrame * (GetOrigin(spatial) - m_Origin);
  }
  typename Image::SizeType      size;
  typename Image::SpacingType   spacing;
  typename Image::PointType     corner;
  typename Image::DirectionType direction;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    size[d] = spatial.Size[axes[d]];
    spacing[d] = spatial.Spacing[axes[d]];
    corner[d] = origin[d];
    const auto column = toFrame * GetAxis(spatial, axes[d]);
    for (unsigned int r = 0; r < VDimension; ++r)
    {
      direction(r, d) = column[r];
    }
  }
  const auto grid = Image::New();
  grid->SetRegions(size);
  grid->SetSpacing(spacing);
  grid->SetOrigin(corner);
  grid->SetDirection(direction);
  return grid;
}

Point<double, 2>
SlicePlane::Project(const Point<double, 3> & point) const
{
  const auto       inFrame = Matrix<double, 3, 3>(m_Axes.GetTranspose()) * (point - m_Origin);
  Point<double, 2> projected;
  projected[0] = inFrame[0];
  projected[1] = inFrame[1];
  return projected;
}

FieldType<3>::Pointer
SlicePlane::SampleInverse(const Transform<double, 2, 2> * inverse, const FileFacts & moving) const
{
  const auto grid = this->MakeGrid<3>(moving);
  const auto field = FieldType<3>::New();
  field->CopyInformation(grid);
  field->SetRegions(grid->GetLargestPossibleRegion());
  field->Allocate();
  for (ImageRegionIteratorWithIndex<FieldType<3>> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    FieldType<3>::PointType point;
    field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    const auto        flat = this->Project(point);
    const auto        way = inverse->TransformPoint(flat) - flat;
    Vector<double, 3> inFrame;
    inFrame[0] = way[0];
    inFrame[1] = way[1];
    inFrame[2] = -m_Shift;
    it.Set(m_Axes * inFrame);
  }
  return field;
}

Transform<double, 3, 3>::Pointer
SlicePlane::LiftLinear(const Transform<double, 2, 2> * transform) const
{
  Point<double, 2> zero;
  zero.Fill(0.0);
  const auto           shift = transform->TransformPoint(zero);
  Matrix<double, 3, 3> inFrame;
  inFrame.SetIdentity();
  for (unsigned int c = 0; c < 2; ++c)
  {
    Point<double, 2> unit = zero;
    unit[c] = 1.0;
    const auto column = transform->TransformPoint(unit) - shift;
    inFrame(0, c) = column[0];
    inFrame(1, c) = column[1];
  }
  Vector<double, 3> offset;
  offset[0] = shift[0];
  offset[1] = shift[1];
  offset[2] = 0.0;
  const Matrix<double, 3, 3> matrix(m_Axes * inFrame * Matrix<double, 3, 3>(m_Axes.GetTranspose()));
  const auto                 lifted = AffineTransform<double, 3>::New();
  lifted->SetMatrix(matrix);
  lifted->SetOffset(m_Axes * offset + m_Origin.GetVectorFromOrigin() - matrix * m_Origin.GetVectorFromOrigin());
  return lifted.GetPointer();
}

FieldType<3>::Pointer
SlicePlane::MakeThreeSlices(const FieldType<2> * flat) const
{
  const auto                  region = flat->GetBufferedRegion();
  FieldType<3>::IndexType     start;
  FieldType<3>::SizeType      size;
  FieldType<3>::SpacingType   spacing;
  FieldType<3>::DirectionType direction;
  Vector<double, 3>           corner;
  for (unsigned int d = 0; d < 3; ++d)
  {
    start[d] = d < 2 ? region.GetIndex(d) : -1;
    size[d] = d < 2 ? region.GetSize(d) : 3;
    spacing[d] = d < 2 ? flat->GetSpacing()[d] : m_Thickness;
    corner[d] = d < 2 ? flat->GetOrigin()[d] : 0.0;
    Vector<double, 3> column;
    for (unsigned int r = 0; r < 3; ++r)
    {
      column[r] = r < 2 && d < 2 ? flat->GetDirection()(r, d) : (r == d ? 1.0 : 0.0);
    }
    column = m_Axes * column;
    for (unsigned int r = 0; r < 3; ++r)
    {
      direction(r, d) = column[r];
    }
  }
  // Start index 0: transform files do not keep another one.
  const auto thick = FieldType<3>::New();
  thick->SetSpacing(spacing);
  thick->SetDirection(direction);
  thick->SetOrigin(m_Origin + m_Axes * corner);
  Point<double, 3> first;
  thick->TransformIndexToPhysicalPoint(start, first);
  thick->SetOrigin(first);
  thick->SetRegions(size);
  thick->Allocate();
  return thick;
}

Transform<double, 3, 3>::Pointer
SlicePlane::LiftOne(const Transform<double, 2, 2> * transform, const ImageType<2> * grid) const
{
  if (transform->IsLinear())
  {
    return this->LiftLinear(transform);
  }
  FieldType<2>::ConstPointer flat;
  const auto *               fieldTransform = dynamic_cast<const DisplacementFieldTransform<double, 2> *>(transform);
  if (fieldTransform)
  {
    flat = fieldTransform->GetDisplacementField();
  }
  else
  {
    flat = SampleDisplacement<2>(transform, grid);
  }
  const auto          thick = this->MakeThreeSlices(flat);
  const SizeValueType count = flat->GetBufferedRegion().GetNumberOfPixels();
  for (SizeValueType i = 0; i < 3 * count; ++i)
  {
    const auto &      vector = flat->GetBufferPointer()[i % count];
    Vector<double, 3> inFrame;
    inFrame[0] = vector[0];
    inFrame[1] = vector[1];
    inFrame[2] = 0.0;
    thick->GetBufferPointer()[i] = m_Axes * inFrame;
  }
  const auto lifted = DisplacementFieldTransform<double, 3>::New();
  lifted->SetDisplacementField(thick);
  return lifted.GetPointer();
}

void
SlicePlane::LiftAll(const CompositeTransform<double, 2> * transform,
                    const ImageType<2> *                  grid,
                    CompositeTransform<double, 3> *       lifted) const
{
  for (SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i)
  {
    const auto   one = transform->GetNthTransform(i);
    const auto * several = dynamic_cast<const CompositeTransform<double, 2> *>(one.GetPointer());
    if (several)
    {
      this->LiftAll(several, grid, lifted);
    }
    else
    {
      lifted->AddTransform(this->LiftOne(one, grid));
    }
  }
}

CompositeTransform<double, 3>::Pointer
SlicePlane::Lift(const CompositeTransform<double, 2> * transform, const ImageType<2> * grid) const
{
  const auto        lifted = CompositeTransform<double, 3>::New();
  Vector<double, 3> normal;
  normal[0] = 0.0;
  normal[1] = 0.0;
  normal[2] = m_Shift;
  // The first one is applied last.
  const auto away = TranslationTransform<double, 3>::New();
  away->SetOffset(m_Axes * normal);
  lifted->AddTransform(away);
  this->LiftAll(transform, grid, lifted);
  return lifted;
}

template ImageType<2>::Pointer
SlicePlane::MakeGrid<2>(const FileFacts &) const;
template ImageType<3>::Pointer
SlicePlane::MakeGrid<3>(const FileFacts &) const;

} // namespace SinkhornIO
} // namespace itk
