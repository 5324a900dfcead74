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
#ifndef itkSinkhornWarp_hxx
#define itkSinkhornWarp_hxx

#include "itkSinkhornWarp.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

/** A map from the voxels of a grid to physical space, taken apart: the displacement of a voxel, then a linear map or
 * any transform. */
template <unsigned int VDimension>
class VoxelMap
{
public:
  using MapType = CompositeTransform<double, VDimension>;
  using PointType = Point<double, VDimension>;
  using FieldTransformType = DisplacementFieldTransform<double, VDimension>;

  VoxelMap(const MapType * map, const ImageBase<VDimension> * grid)
    : m_Rest(MapType::New())
  {
    const SizeValueType number = map ? map->GetNumberOfTransforms() : 0;
    for (SizeValueType n = 0; n < number; ++n)
    {
      const auto one = map->GetNthTransform(n);
      // The last one is applied first.
      const auto * field = n + 1 == number ? dynamic_cast<const FieldTransformType *>(one.GetPointer()) : nullptr;
      if (field && AreOnOneGrid<VDimension>(field->GetDisplacementField(), grid))
      {
        m_Field = field->GetDisplacementField();
        break;
      }
      m_Rest->AddTransform(one);
    }
    m_IsLinear = m_Rest->IsTransformQueueEmpty() || m_Rest->IsLinear();
    m_Matrix.SetIdentity();
    m_Offset.Fill(0.0);
    if (m_IsLinear && !m_Rest->IsTransformQueueEmpty())
    {
      const PointType origin(0.0);
      m_Offset = m_Rest->TransformPoint(origin) - origin;
      for (unsigned int c = 0; c < VDimension; ++c)
      {
        PointType unit(0.0);
        unit[c] = 1.0;
        const auto column = m_Rest->TransformPoint(unit) - origin - m_Offset;
        for (unsigned int r = 0; r < VDimension; ++r)
        {
          m_Matrix(r, c) = column[r];
        }
      }
    }
  }

  /** \param i of the voxel, \param point where it lies. */
  PointType
  operator()(SizeValueType i, PointType point) const
  {
    if (m_Field)
    {
      point += m_Field->GetBufferPointer()[i];
    }
    return m_IsLinear ? PointType(m_Matrix * point) + m_Offset : m_Rest->TransformPoint(point);
  }

private:
  typename MapType::Pointer              m_Rest;
  const DisplacementField<VDimension> *  m_Field{ nullptr };
  bool                                   m_IsLinear{ true };
  Matrix<double, VDimension, VDimension> m_Matrix;
  Vector<double, VDimension>             m_Offset;
};

/** Reads an image at physical points. */
template <typename TImage>
class VoxelReader
{
public:
  static constexpr unsigned int Dimension = TImage::ImageDimension;
  using PixelType = typename TImage::PixelType;
  using PointType = Point<double, Dimension>;

  explicit VoxelReader(const TImage * image)
    : m_Buffer(image->GetBufferPointer())
  {
    const auto & region = image->GetBufferedRegion();
    image->TransformIndexToPhysicalPoint(region.GetIndex(), m_Origin);
    for (unsigned int axis = 0; axis < Dimension; ++axis)
    {
      m_Last[axis] = static_cast<double>(region.GetSize(axis)) - 1.0;
      m_Strides[axis] = image->GetOffsetTable()[axis];
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        m_ToIndex(axis, d) = image->GetInverseDirection()(axis, d) / image->GetSpacing()[axis];
      }
    }
  }

  PixelType
  Read(const PointType & point, bool nearest) const
  {
    const auto      index = m_ToIndex * (point - m_Origin);
    OffsetValueType offset = 0;
    double          weights[Dimension];
    for (unsigned int axis = 0; axis < Dimension; ++axis)
    {
      if (!(index[axis] >= -0.5 && index[axis] <= m_Last[axis] + 0.5))
      {
        return PixelType{};
      }
      const double inside = std::min(std::max(index[axis], 0.0), m_Last[axis]);
      const double lower = nearest ? std::floor(inside + 0.5) : std::min(std::floor(inside), m_Last[axis]);
      weights[axis] = nearest ? 0.0 : inside - lower;
      offset += static_cast<OffsetValueType>(lower) * m_Strides[axis];
    }
    return nearest ? m_Buffer[offset] : this->Interpolate(m_Buffer + offset, weights);
  }

private:
  PixelType
  Interpolate(const PixelType * first, const double * weights) const
  {
    double value = 0.0;
    for (unsigned int corner = 0; corner < (1U << Dimension); ++corner)
    {
      double          weight = 1.0;
      OffsetValueType offset = 0;
      for (unsigned int axis = 0; axis < Dimension; ++axis)
      {
        const bool isUpper = (corner >> axis) & 1U;
        weight *= isUpper ? weights[axis] : 1.0 - weights[axis];
        offset += isUpper ? m_Strides[axis] : 0;
      }
      // Beyond the last voxel there is nothing to read, and no weight.
      value += weight > 0.0 ? weight * static_cast<double>(first[offset]) : 0.0;
    }
    return static_cast<PixelType>(value);
  }

  const PixelType *                    m_Buffer;
  PointType                            m_Origin;
  Matrix<double, Dimension, Dimension> m_ToIndex;
  double                               m_Last[Dimension];
  OffsetValueType                      m_Strides[Dimension];
};

template <unsigned int VDimension>
bool
AreOnOneGrid(const ImageBase<VDimension> * one, const ImageBase<VDimension> * other)
{
  return one->GetBufferedRegion() == other->GetBufferedRegion() && one->GetOrigin() == other->GetOrigin() &&
         one->GetSpacing() == other->GetSpacing() && one->GetDirection() == other->GetDirection();
}

template <typename TImage, unsigned int VDimension>
typename TImage::Pointer
WarpOnto(const TImage *                                 image,
         const CompositeTransform<double, VDimension> * map,
         const ImageBase<VDimension> *                  grid,
         bool                                           nearest)
{
  const VoxelMap<VDimension> place(map, grid);
  const VoxelReader<TImage>  reader(image);
  const auto                 warped = MakeImageOn<TImage>(grid);
  const auto &               region = warped->GetBufferedRegion();
  auto * const               voxels = warped->GetBufferPointer();
  ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, AdvanceIndex(region, index))
    {
      Point<double, VDimension> point;
      warped->TransformIndexToPhysicalPoint(index, point);
      voxels[i] = reader.Read(place(i, point), nearest);
    }
  });
  return warped;
}

} // namespace Sinkhorn
} // namespace itk

#endif
