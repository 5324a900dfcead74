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
#ifndef itkSinkhornVoxelSplatter_h
#define itkSinkhornVoxelSplatter_h

#include "itkContinuousIndex.h"
#include "itkSinkhornDensity.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** Position of a point in the index space of a grid. */
template <unsigned int VDimension>
ContinuousIndex<double, VDimension>
LocateInGrid(const ImageBase<VDimension> & grid, const Point<double, VDimension> & point);

/** Adds a mass at a point to the 2^d nearest voxels of a region with linear weights, which keeps the mass and, inside
 * the region, its centre. A point outside counts as the nearest one inside.
 * \param masses one for each voxel of the region, fastest axis first. */
template <typename TReal, unsigned int VDimension>
void
SplatLinearly(const ImageRegion<VDimension> &             region,
              const ContinuousIndex<double, VDimension> & where,
              double                                      mass,
              std::vector<TReal> &                        masses);

/** \class IndexMap
 * \brief The affine map from the indices of an image to those of a grid.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
struct IndexMap
{
  IndexMap(const ImageBase<VDimension> & image, const ImageBase<VDimension> & grid);

  /** The image's points are moved by an affine \a transform(point) first. */
  template <typename TTransform>
  IndexMap(const ImageBase<VDimension> & image, const ImageBase<VDimension> & grid, const TTransform & transform);

  ContinuousIndex<double, VDimension>
  operator()(const Index<VDimension> & index) const
  {
    auto where = Offset;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      where += Steps[d] * static_cast<double>(index[d]);
    }
    return where;
  }

  /** Both lattices are the same, up to whole numbers. */
  bool
  IsShift() const;

  /** How far a voxel of the image reaches from its centre, in the grid's indices. */
  double
  GetHalfVoxel(unsigned int gridAxis) const;

  ContinuousIndex<double, VDimension> Offset;
  Vector<double, VDimension>          Steps[VDimension];
};

/** \class VoxelSplatter
 * \brief Spreads the mass of an image's voxels on a grid, whatever the two spacings and directions: no mass is lost, no
 * gap is left, and inside the grid the centre of each voxel's mass stays where it was.
 *
 * Where the axes of the image are axes of the grid, a voxel is the box that it is, integrated against the grid's linear
 * weights: equal voxels give an even density for any ratio of the spacings. Voxels as long as the grid's are points in
 * that direction, which are spread evenly as they are and stay sharper. Where the axes are oblique to each other, a
 * voxel that is longer than the grid's is cut into points at most half a grid voxel apart. Voxels of the grid's own
 * lattice are copied.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class VoxelSplatter
{
public:
  using IndexType = Index<VDimension>;
  using RegionType = ImageRegion<VDimension>;

  explicit VoxelSplatter(const IndexMap<VDimension> & map);

  /** Prepares the spreading of an image's voxels on a region of the grid. */
  void
  Initialize(const RegionType & imageRegion, const RegionType & gridRegion);

  /** How far from its centre, in the grid's indices, a voxel is spread before linear weights are applied. */
  double
  GetHalfExtent(unsigned int gridAxis) const;

  /** Where a voxel's centre lies on the grid, rounded for a grid of the same lattice. */
  ContinuousIndex<double, VDimension>
  Locate(const IndexType & index) const;

  /** Adds the mass of a voxel. \param masses one for each voxel of the region, fastest axis first. */
  template <typename TReal>
  void
  Splat(const IndexType & index, double mass, std::vector<TReal> & masses) const;

private:
  /** What a voxel gives to the nodes of one axis, at one position along it. */
  struct Weights
  {
    SizeValueType       First{ 0 }; // node, times its stride in the region
    std::vector<double> Values;
  };

  /** Width of a voxel along a grid axis, 0 for a point. */
  static double
  GetWidth(double step);
  static Weights
  MakeWeights(double centre, double width, SizeValueType size);
  template <typename TReal>
  void
  SplatBox(const IndexType & index, double mass, std::vector<TReal> & masses) const;
  template <typename TReal>
  void
  SplatPoints(const IndexType & index, double mass, std::vector<TReal> & masses) const;

  IndexMap<VDimension> m_Map;
  bool                 m_IsShift;
  bool                 m_IsAligned{ false };
  RegionType           m_ImageRegion;
  RegionType           m_GridRegion;
  unsigned int         m_GridAxis[VDimension]; // of each image axis
  unsigned int         m_Pieces[VDimension];   // along each image axis, when oblique
  SizeValueType        m_Strides[VDimension];  // of each grid axis
  std::vector<Weights> m_Weights[VDimension];  // of each image axis, when aligned
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornVoxelSplatter.hxx"
#endif

#endif
