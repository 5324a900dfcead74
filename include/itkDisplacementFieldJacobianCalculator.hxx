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
#ifndef itkDisplacementFieldJacobianCalculator_hxx
#define itkDisplacementFieldJacobianCalculator_hxx

#include "itkDisplacementFieldJacobianCalculator.h"

#include "itkSinkhornDensity.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itk
{

/** Determinants of the edges of a cell. */
namespace DisplacementFieldJacobianDetail
{

inline double
Determinant(const FixedArray<double, 2> * edges)
{
  return edges[0][0] * edges[1][1] - edges[0][1] * edges[1][0];
}

inline double
Determinant(const FixedArray<double, 3> * e)
{
  return e[0][0] * (e[1][1] * e[2][2] - e[1][2] * e[2][1]) - e[0][1] * (e[1][0] * e[2][2] - e[1][2] * e[2][0]) +
         e[0][2] * (e[1][0] * e[2][1] - e[1][1] * e[2][0]);
}

/** What is not finite counts as folded. */
inline double
GetFinite(double determinant)
{
  return std::isfinite(determinant) ? determinant : std::numeric_limits<double>::lowest();
}

inline float
ToFloat(double determinant)
{
  return static_cast<float>(std::max<double>(determinant, std::numeric_limits<float>::lowest()));
}

} // namespace DisplacementFieldJacobianDetail

template <typename TDisplacementField>
struct DisplacementFieldJacobianCalculator<TDisplacementField>::Summary
{
  double        Least{ std::numeric_limits<double>::max() };
  double        LeastCentral{ std::numeric_limits<double>::max() };
  double        InsideOut{ 0.0 };
  SizeValueType Folded{ 0 };

  Summary &
  operator+=(const Summary & other)
  {
    Least = std::min(Least, other.Least);
    LeastCentral = std::min(LeastCentral, other.LeastCentral);
    InsideOut += other.InsideOut;
    Folded += other.Folded;
    return *this;
  }
};

/** The geometry of the field's grid. */
template <typename TDisplacementField>
class DisplacementFieldJacobianCalculator<TDisplacementField>::Grid
{
public:
  explicit Grid(const TDisplacementField & field)
    : Region(field.GetBufferedRegion())
  {
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      Strides[axis] = field.GetOffsetTable()[axis];
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        Steps[axis][d] = field.GetDirection()(d, axis) * field.GetSpacing()[axis];
      }
    }
    Volume = DisplacementFieldJacobianDetail::Determinant(Steps);
    for (unsigned int corner = 0; corner < (1U << ImageDimension); ++corner)
    {
      Corners[corner].Fill(0.0);
      CornerOffsets[corner] = 0;
      for (unsigned int axis = 0; axis < ImageDimension; ++axis)
      {
        if ((corner >> axis) & 1U)
        {
          CornerOffsets[corner] += Strides[axis];
          for (unsigned int d = 0; d < ImageDimension; ++d)
          {
            Corners[corner][d] += Steps[axis][d];
          }
        }
      }
    }
  }

  typename TDisplacementField::RegionType Region;
  OffsetValueType                         Strides[ImageDimension];
  /** From a voxel to the next one along each axis, mm. */
  Edge Steps[ImageDimension];
  /** Signed volume of a cell. */
  double Volume;
  /** From the lowest voxel of a cell to each of its corners, mm and voxels in memory; bit k of a corner's number says
   * on which side along axis k it lies. */
  Edge            Corners[1U << ImageDimension];
  OffsetValueType CornerOffsets[1U << ImageDimension];
};

/** The images of the edges that leave a voxel, to the neighbour behind (0) and ahead (1) along each axis, both taken in
 * the direction of the axis. */
template <typename TDisplacementField>
struct DisplacementFieldJacobianCalculator<TDisplacementField>::Voxel
{
  using PixelType = typename TDisplacementField::PixelType;

  Voxel(const Grid & grid, const PixelType * here, const Index<ImageDimension> & index)
  {
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      const bool hasBefore = index[axis] > grid.Region.GetIndex(axis);
      const bool hasAfter = index[axis] < grid.Region.GetUpperIndex()[axis];
      HasCell = HasCell && hasAfter;
      const PixelType * const start[2] = { hasBefore ? here - grid.Strides[axis] : here,
                                           hasAfter || !hasBefore ? here : here - grid.Strides[axis] };
      const bool isAlone = !hasBefore && !hasAfter;
      for (unsigned int side = 0; side < 2; ++side)
      {
        Exists[axis][side] = side == 0 ? hasBefore : hasAfter;
        const PixelType * const end = isAlone ? start[side] : start[side] + grid.Strides[axis];
        for (unsigned int d = 0; d < ImageDimension; ++d)
        {
          Edges[axis][side][d] =
            grid.Steps[axis][d] + (static_cast<double>((*end)[d]) - static_cast<double>((*start[side])[d]));
        }
      }
    }
  }

  /** Of the edges of each corner: bit k of its number chooses the side along axis k. */
  void
  CornerDeterminants(double * determinants) const
  {
    // The corners of a row along the first axis have the other edges, and so the cofactors, in common.
    for (unsigned int row = 0; row < (1U << (ImageDimension - 1)); ++row)
    {
      Edge cofactors;
      if constexpr (ImageDimension == 2)
      {
        cofactors[0] = Edges[1][row][1];
        cofactors[1] = -Edges[1][row][0];
      }
      else
      {
        const Edge & a = Edges[1][row & 1U];
        const Edge & b = Edges[2][row >> 1];
        cofactors[0] = a[1] * b[2] - a[2] * b[1];
        cofactors[1] = a[2] * b[0] - a[0] * b[2];
        cofactors[ImageDimension - 1] = a[0] * b[1] - a[1] * b[0];
      }
      for (unsigned int side = 0; side < 2; ++side)
      {
        double & determinant = determinants[2 * row + side];
        determinant = Edges[0][side][0] * cofactors[0];
        for (unsigned int d = 1; d < ImageDimension; ++d)
        {
          determinant += Edges[0][side][d] * cofactors[d];
        }
      }
    }
  }
  double
  CentralDeterminant() const
  {
    Edge mean[ImageDimension];
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        mean[axis][d] = 0.5 * (Edges[axis][0][d] + Edges[axis][1][d]);
      }
    }
    return DisplacementFieldJacobianDetail::Determinant(mean);
  }
  /** Whether the corner belongs to a cell of the grid, not to an edge that stands in for one beyond the border. */
  bool
  IsCornerOfCell(unsigned int corner) const
  {
    for (unsigned int axis = 0; axis < ImageDimension; ++axis)
    {
      if (!Exists[axis][(corner >> axis) & 1U])
      {
        return false;
      }
    }
    return true;
  }
  /** Determinants of the two inner tetrahedra of the cell whose lowest voxel this is, 1 for the identity (3-D only). */
  void
  InnerDeterminants(const Grid & grid, const PixelType * here, double determinants[2]) const
  {
    // Corners of the cell as bits; the first of each tetrahedron is where its edges start.
    constexpr unsigned int tetrahedra[2][4] = { { 0, 3, 5, 6 }, { 7, 4, 1, 2 } };
    for (unsigned int t = 0; t < 2; ++t)
    {
      Edge start;
      Edge edges[ImageDimension];
      for (unsigned int vertex = 0; vertex < 4; ++vertex)
      {
        const unsigned int      bits = tetrahedra[t][vertex];
        const PixelType * const corner = here + grid.CornerOffsets[bits];
        for (unsigned int d = 0; d < ImageDimension; ++d)
        {
          const double place = grid.Corners[bits][d] + static_cast<double>((*corner)[d]);
          (vertex == 0 ? start[d] : edges[(vertex + ImageDimension - 1) % ImageDimension][d]) =
            vertex == 0 ? place : place - start[d];
        }
      }
      // In units of the axes the edges of both have the determinant −2.
      determinants[t] = DisplacementFieldJacobianDetail::Determinant(edges) / (-2.0 * grid.Volume);
    }
  }

  Edge Edges[ImageDimension][2];
  bool Exists[ImageDimension][2];
  bool HasCell{ true };
};

template <typename TDisplacementField>
double
DisplacementFieldJacobianCalculator<TDisplacementField>::ExamineVoxel(
  const Grid &                                   grid,
  const Voxel &                                  voxel,
  const typename TDisplacementField::PixelType * here,
  Summary &                                      summary)
{
  constexpr unsigned int corners = 1U << ImageDimension;
  // Part of a cell that the simplex at a corner and an inner tetrahedron fill, halved: each is in one of two cuts.
  constexpr double cornerPart = ImageDimension == 2 ? 0.25 : 1.0 / 12.0;
  constexpr double innerPart = 1.0 / 6.0;
  const auto       inside = DisplacementFieldJacobianDetail::GetFinite;
  double           smallest = std::numeric_limits<double>::max();
  double           determinants[corners];
  voxel.CornerDeterminants(determinants);
  for (unsigned int corner = 0; corner < corners; ++corner)
  {
    const double determinant = inside(determinants[corner] / grid.Volume);
    smallest = std::min(smallest, determinant);
    if (determinant < 0.0 && voxel.IsCornerOfCell(corner))
    {
      summary.InsideOut -= cornerPart * determinant;
    }
  }
  if (ImageDimension == 3 && voxel.HasCell)
  {
    voxel.InnerDeterminants(grid, here, determinants);
    for (unsigned int t = 0; t < 2; ++t)
    {
      const double determinant = inside(determinants[t]);
      smallest = std::min(smallest, determinant);
      summary.InsideOut -= innerPart * std::min(0.0, determinant);
    }
  }
  return smallest;
}

template <typename TDisplacementField>
auto
DisplacementFieldJacobianCalculator<TDisplacementField>::Examine(SizeValueType begin,
                                                                 SizeValueType end,
                                                                 const Grid &  grid,
                                                                 float *       least) const -> Summary
{
  Summary      summary;
  auto         index = Sinkhorn::PositionToIndex(grid.Region, begin);
  const auto * voxels = m_DisplacementField->GetBufferPointer();
  for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(grid.Region, index))
  {
    const Voxel  voxel(grid, voxels + i, index);
    const double smallest = ExamineVoxel(grid, voxel, voxels + i, summary);
    summary.Least = std::min(summary.Least, smallest);
    const double centralDeterminant =
      DisplacementFieldJacobianDetail::GetFinite(voxel.CentralDeterminant() / grid.Volume);
    summary.LeastCentral = std::min(summary.LeastCentral, centralDeterminant);
    summary.Folded += smallest > 0.0 ? 0 : 1;
    if (least)
    {
      least[i] = DisplacementFieldJacobianDetail::ToFloat(smallest);
    }
  }
  return summary;
}

template <typename TDisplacementField>
double
DisplacementFieldJacobianCalculator<TDisplacementField>::ExamineCentral(SizeValueType begin,
                                                                        SizeValueType end,
                                                                        const Grid &  grid,
                                                                        float *       central) const
{
  double       smallest = std::numeric_limits<double>::max();
  auto         index = Sinkhorn::PositionToIndex(grid.Region, begin);
  const auto * voxels = m_DisplacementField->GetBufferPointer();
  for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(grid.Region, index))
  {
    const Voxel  voxel(grid, voxels + i, index);
    const double determinant = DisplacementFieldJacobianDetail::GetFinite(voxel.CentralDeterminant() / grid.Volume);
    smallest = std::min(smallest, determinant);
    if (central)
    {
      central[i] = DisplacementFieldJacobianDetail::ToFloat(determinant);
    }
  }
  return smallest;
}

template <typename TDisplacementField>
void
DisplacementFieldJacobianCalculator<TDisplacementField>::RunCentral(float * central)
{
  struct Least
  {
    double Value{ std::numeric_limits<double>::max() };
    Least &
    operator+=(const Least & other)
    {
      Value = std::min(Value, other.Value);
      return *this;
    }
  };
  this->CheckField();
  const Grid grid(*m_DisplacementField);
  m_MinimumCentral = Sinkhorn::SumOverChunks<Least>(grid.Region.GetNumberOfPixels(),
                                                    m_NumberOfWorkUnits,
                                                    [&](SizeValueType begin, SizeValueType end) {
                                                      return Least{ this->ExamineCentral(begin, end, grid, central) };
                                                    })
                       .Value;
}

template <typename TDisplacementField>
double
DisplacementFieldJacobianCalculator<TDisplacementField>::ComputeMinimumCentral()
{
  this->RunCentral(nullptr);
  return m_MinimumCentral;
}

template <typename TDisplacementField>
void
DisplacementFieldJacobianCalculator<TDisplacementField>::Run(float * least)
{
  const Grid          grid(*m_DisplacementField);
  const SizeValueType count = grid.Region.GetNumberOfPixels();
  const Summary       summary =
    Sinkhorn::SumOverChunks<Summary>(count, m_NumberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
      return this->Examine(begin, end, grid, least);
    });
  m_Minimum = summary.Least;
  m_MinimumCentral = summary.LeastCentral;
  m_NumberOfFoldedVoxels = summary.Folded;
  m_FoldedFraction = static_cast<double>(summary.Folded) / static_cast<double>(count);
  m_NonDiffeomorphicVolume = summary.InsideOut * std::abs(grid.Volume);
}

template <typename TDisplacementField>
void
DisplacementFieldJacobianCalculator<TDisplacementField>::CheckField() const
{
  if (!m_DisplacementField)
  {
    itkExceptionMacro("DisplacementField is not set; call SetDisplacementField() first");
  }
  if (m_DisplacementField->GetBufferedRegion().GetNumberOfPixels() == 0)
  {
    itkExceptionMacro("DisplacementField has no voxel in its buffered region "
                      << m_DisplacementField->GetBufferedRegion() << "; update the filter that makes it first");
  }
}

template <typename TDisplacementField>
void
DisplacementFieldJacobianCalculator<TDisplacementField>::Compute()
{
  this->CheckField();
  this->Run(nullptr);
}

template <typename TDisplacementField>
auto
DisplacementFieldJacobianCalculator<TDisplacementField>::MakeImage() const -> typename RealImageType::Pointer
{
  this->CheckField();
  const auto image = RealImageType::New();
  image->CopyInformation(m_DisplacementField);
  image->SetRegions(m_DisplacementField->GetBufferedRegion());
  image->Allocate();
  return image;
}

template <typename TDisplacementField>
auto
DisplacementFieldJacobianCalculator<TDisplacementField>::ComputeImage() -> typename RealImageType::Pointer
{
  const auto image = this->MakeImage();
  this->Run(image->GetBufferPointer());
  return image;
}

template <typename TDisplacementField>
void
DisplacementFieldJacobianCalculator<TDisplacementField>::UpdateImage(RealImageType *                    image,
                                                                     typename RealImageType::RegionType changed) const
{
  this->CheckField();
  const Grid grid(*m_DisplacementField);
  if (!image || image->GetBufferedRegion() != grid.Region)
  {
    itkExceptionMacro("image is not on the grid of the field, whose buffered region is " << grid.Region);
  }
  changed.PadByRadius(1);
  if (!changed.Crop(grid.Region))
  {
    return;
  }
  const auto * const  voxels = m_DisplacementField->GetBufferPointer();
  const SizeValueType length = changed.GetSize(0);
  Sinkhorn::ForEachChunk(
    changed.GetNumberOfPixels() / length, m_NumberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
      Summary ignored;
      for (SizeValueType row = begin; row < end; ++row)
      {
        auto index = Sinkhorn::PositionToIndex(changed, row * length);
        for (SizeValueType k = 0; k < length; ++k, ++index[0])
        {
          const auto  i = m_DisplacementField->ComputeOffset(index);
          const Voxel voxel(grid, voxels + i, index);
          image->GetBufferPointer()[i] =
            DisplacementFieldJacobianDetail::ToFloat(ExamineVoxel(grid, voxel, voxels + i, ignored));
        }
      }
    });
}

template <typename TDisplacementField>
auto
DisplacementFieldJacobianCalculator<TDisplacementField>::ComputeCentralImage() -> typename RealImageType::Pointer
{
  const auto image = this->MakeImage();
  this->RunCentral(image->GetBufferPointer());
  return image;
}

template <typename TDisplacementField>
void
DisplacementFieldJacobianCalculator<TDisplacementField>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "NumberOfWorkUnits: " << m_NumberOfWorkUnits << std::endl;
  os << indent << "Minimum: " << m_Minimum << std::endl;
  os << indent << "MinimumCentral: " << m_MinimumCentral << std::endl;
  os << indent << "NumberOfFoldedVoxels: " << m_NumberOfFoldedVoxels << std::endl;
  os << indent << "FoldedFraction: " << m_FoldedFraction << std::endl;
  os << indent << "NonDiffeomorphicVolume: " << m_NonDiffeomorphicVolume << std::endl;
  itkPrintSelfObjectMacro(DisplacementField);
}

} // namespace itk

#endif
