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
#ifndef itkSinkhornPointMeasureFromImage_h
#define itkSinkhornPointMeasureFromImage_h

#include "itkSinkhornPointMeasure.h"

#include "itkImage.h"
#include "itkImageRegionConstIteratorWithIndex.h"
#include "itkMacro.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

/** \brief The inside of a label: a particle at the centre of every voxel that has it, with the voxel's volume as mass.
 * \exception itk::ExceptionObject if no voxel has the label. */
template <typename TImage>
PointMeasure
MakeVolumeMeasure(const TImage * image, const typename TImage::PixelType & label)
{
  PointMeasure measure;
  measure.Dimension = TImage::ImageDimension;
  double volume = 1.0;
  for (unsigned int d = 0; d < TImage::ImageDimension; ++d)
  {
    volume *= image->GetSpacing()[d];
  }
  ImageRegionConstIteratorWithIndex<TImage> it(image, image->GetBufferedRegion());
  for (; !it.IsAtEnd(); ++it)
  {
    if (it.Get() == label)
    {
      typename TImage::PointType point;
      image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      measure.Positions.insert(measure.Positions.end(), point.Begin(), point.End());
      measure.Masses.push_back(volume);
    }
  }
  if (measure.Masses.empty())
  {
    itkGenericExceptionMacro("Sinkhorn: no voxel of the image has the label " << +label << '.');
  }
  return measure;
}

/** \class LabelSurface
 * \brief The boundary of a label, as one particle for every face between a voxel that has it and one that has not.
 *
 * The outward normal n is that of a plane which would leave as much of a ball around the face's centre to the label on
 * either side (the first moment of the label in the ball, weighted by (1 − r²/R²)²; R is twice the largest spacing),
 * and the mass of a face whose axis is a, its area times |⟨n, a⟩|: what the face stands for of the smooth surface, so
 * that steps do not make a slanting surface larger (Lenoir, Malgouyres and Revenu, *Fast computation of the normal
 * vector field of the surface of a 3-D discrete object*, 1996). Where the label meets the frame of the image it is cut
 * and has no boundary.
 *
 * In the plane the boundary is a curve, and the direction its normal. */
template <typename TImage>
class LabelSurface
{
public:
  static constexpr unsigned int Dimension = TImage::ImageDimension;
  using IndexType = typename TImage::IndexType;
  using VectorType = typename TImage::PointType::VectorType;

  LabelSurface(const TImage * image, const typename TImage::PixelType & label)
    : m_Image(image)
    , m_Label(label)
    , m_Region(image->GetBufferedRegion())
  {
    const auto spacing = image->GetSpacing();
    for (unsigned int axis = 0; axis < Dimension; ++axis)
    {
      m_Radius = std::max(m_Radius, 2.0 * spacing[axis]);
      m_Area[axis] = 1.0;
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        m_Area[axis] *= d == axis ? 1.0 : spacing[d];
      }
    }
    for (unsigned int axis = 0; axis < Dimension; ++axis)
    {
      this->MakeBall(axis);
    }
  }

  PointMeasure
  MakeMeasure() const
  {
    PointMeasure measure;
    measure.Dimension = Dimension;
    for (ImageRegionConstIteratorWithIndex<TImage> it(m_Image, m_Region); !it.IsAtEnd(); ++it)
    {
      for (unsigned int axis = 0; axis < Dimension; ++axis)
      {
        IndexType next = it.GetIndex();
        ++next[axis];
        if (m_Region.IsInside(next) && this->IsLabel(next) != (it.Get() == m_Label))
        {
          this->AddFace(it.GetIndex(), axis, measure);
        }
      }
    }
    if (measure.Masses.empty())
    {
      itkGenericExceptionMacro("Sinkhorn: the label " << +m_Label
                                                      << " has no boundary inside the image; either no voxel or every "
                                                      << "voxel has it.");
    }
    return measure;
  }

private:
  /** A voxel of the ball around a face's centre: its index relative to the face's first voxel, and its weighted
   * physical offset. */
  struct Neighbor
  {
    typename TImage::OffsetType Offset;
    VectorType                  Moment;
  };

  bool
  IsLabel(const IndexType & index) const
  {
    return m_Image->GetPixel(index) == m_Label;
  }

  void
  MakeBall(unsigned int axis)
  {
    const auto                  spacing = m_Image->GetSpacing();
    typename TImage::OffsetType reach;
    typename TImage::OffsetType offset;
    for (unsigned int d = 0; d < Dimension; ++d)
    {
      reach[d] = static_cast<OffsetValueType>(std::ceil(m_Radius / spacing[d])) + 1;
      offset[d] = -reach[d];
    }
    for (unsigned int d = 0; d < Dimension;)
    {
      VectorType moment;
      for (unsigned int e = 0; e < Dimension; ++e)
      {
        moment[e] = (static_cast<double>(offset[e]) - (e == axis ? 0.5 : 0.0)) * spacing[e];
      }
      const double rest = 1.0 - moment.GetSquaredNorm() / (m_Radius * m_Radius);
      if (rest > 0.0)
      {
        m_Balls[axis].push_back({ offset, m_Image->GetDirection() * moment * (rest * rest) });
      }
      for (d = 0; d < Dimension && ++offset[d] > reach[d]; ++d)
      {
        offset[d] = -reach[d];
      }
    }
  }

  /** Outward; zero if the label is as heavy on all sides. */
  VectorType
  ComputeNormal(const IndexType & index, unsigned int axis) const
  {
    VectorType normal;
    normal.Fill(0.0);
    for (const Neighbor & neighbor : m_Balls[axis])
    {
      IndexType at = index + neighbor.Offset;
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        // beyond the frame the image goes on as at the frame
        const auto first = m_Region.GetIndex(d);
        const auto last = first + static_cast<IndexValueType>(m_Region.GetSize(d)) - 1;
        at[d] = std::min(std::max(at[d], first), last);
      }
      if (this->IsLabel(at))
      {
        normal -= neighbor.Moment;
      }
    }
    const double length = normal.GetNorm();
    if (length > 0.0)
    {
      normal /= length;
    }
    return normal;
  }

  void
  AddFace(const IndexType & index, unsigned int axis, PointMeasure & measure) const
  {
    ContinuousIndex<double, Dimension> center(index);
    center[axis] += 0.5;
    const auto point = m_Image->template TransformContinuousIndexToPhysicalPoint<double>(center);
    VectorType normal = this->ComputeNormal(index, axis);
    VectorType direction;
    for (unsigned int d = 0; d < Dimension; ++d)
    {
      direction[d] = m_Image->GetDirection()(d, axis);
    }
    const double cosine = std::abs(normal * direction);
    if (!(cosine > 0.0))
    {
      normal = this->IsLabel(index) ? direction : -direction;
    }
    measure.Masses.push_back(m_Area[axis] * (cosine > 0.0 ? cosine : 1.0));
    measure.Positions.insert(measure.Positions.end(), point.Begin(), point.End());
    measure.Directions.insert(measure.Directions.end(), normal.Begin(), normal.End());
  }

  const TImage *              m_Image;
  typename TImage::PixelType  m_Label;
  typename TImage::RegionType m_Region;
  double                      m_Radius{ 0.0 };
  double                      m_Area[Dimension]{};
  std::vector<Neighbor>       m_Balls[Dimension];
};

/** \brief The boundary of a label of a 2-D or 3-D image, with its outward unit normal. See LabelSurface.
 * \exception itk::ExceptionObject if the label has no boundary inside the image. */
template <typename TImage>
PointMeasure
MakeSurfaceMeasure(const TImage * image, const typename TImage::PixelType & label)
{
  return LabelSurface<TImage>(image, label).MakeMeasure();
}

} // namespace Sinkhorn
} // namespace itk

#endif
