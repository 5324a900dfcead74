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

/** Value of an image at a physical point; 0 outside. */
template <typename TImage>
typename TImage::PixelType
ReadVoxel(const TImage *                                image,
          const GridLocator<TImage::ImageDimension> &   locator,
          const Point<double, TImage::ImageDimension> & point,
          bool                                          nearest)
{
  using PixelType = typename TImage::PixelType;
  using LocatorType = GridLocator<TImage::ImageDimension>;
  typename LocatorType::Cell cell;
  if (!locator.Locate(point, cell))
  {
    return PixelType{};
  }
  const PixelType * const first = image->GetBufferPointer() + cell.First;
  if (nearest)
  {
    unsigned int corner = 0;
    for (unsigned int axis = 0; axis < TImage::ImageDimension; ++axis)
    {
      corner |= cell.Weight[axis] >= 0.5 ? 1U << axis : 0U;
    }
    return first[locator.GetOffset(corner)];
  }
  return VoxelInterpolator<PixelType>::Interpolate(first, locator, cell);
}

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
  const VoxelMap<VDimension>    place(map, grid);
  const GridLocator<VDimension> locator(image);
  const auto                    warped = MakeImageOn<TImage>(grid);
  const auto &                  region = warped->GetBufferedRegion();
  auto * const                  voxels = warped->GetBufferPointer();
  ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, AdvanceIndex(region, index))
    {
      Point<double, VDimension> point;
      warped->TransformIndexToPhysicalPoint(index, point);
      voxels[i] = ReadVoxel(image, locator, place(i, point), nearest);
    }
  });
  return warped;
}

} // namespace Sinkhorn
} // namespace itk

#endif
