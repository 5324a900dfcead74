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
#ifndef itkSinkhornDensityPushForward_h
#define itkSinkhornDensityPushForward_h

#include "itkContinuousIndex.h"
#include "itkCovariantVector.h"
#include "itkSinkhornDensity.h"

namespace itk
{
namespace Sinkhorn
{

/** \class PushForwardGrid
 * \brief The grid on which mass that a transform has carried into the moving image's space meets the moving density.
 *
 * The grid is that of the moving image, with every axis coarsened by the whole factor that brings its spacing nearest
 * to the virtual domain's (so that coarse levels of a registration stay cheap), and padded where the transform carries
 * mass outside. Mass between the nodes is shared among the 2^d nearest ones with linear weights, which conserves it
 * exactly; the force on it is then the gradient of the linear interpolant of the first variation, the exact derivative
 * of the value.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal, unsigned int VDimension>
class PushForwardGrid
{
public:
  using GridType = ImageBase<VDimension>;
  using GridPointer = typename GridType::Pointer;
  using RegionType = ImageRegion<VDimension>;
  using IndexType = Index<VDimension>;
  using PointType = typename GridType::PointType;
  using ContinuousIndexType = ContinuousIndex<double, VDimension>;
  using GradientType = CovariantVector<double, VDimension>;

  /** \param moving the moving image: geometry and buffered region.
   * \param virtualGrid the virtual domain: its spacing is the resolution aimed at. */
  PushForwardGrid(const GridType & moving, const GridType & virtualGrid);

  /** Keeps the padding of an earlier grid if that has the same geometry and is not much too large, so that potentials
   * can be reused. */
  void
  KeepPaddingOf(const GridType & earlier);

  /** \brief Splats masses; the grid grows if they do not fit.
   *
   * \param count number of masses.
   * \param carrier callable bool(position, Point & where, double & mass), thread-safe; false: no mass there.
   * \return the mass of every node.
   * \exception itk::ExceptionObject if the mass is carried so far that the grid would grow beyond reason. */
  template <typename TCarrier>
  std::vector<TReal>
  Splat(SizeValueType count, const TCarrier & carrier, ThreadIdType numberOfWorkUnits);

  /** Gradient, in physical space (per mm), of the linear interpolant of \a values, one for each node; on a node the
   * mean of both sides. */
  GradientType
  ComputeGradient(const TReal * values, const PointType & point) const;

  const GridType &
  GetGrid() const
  {
    return *m_Grid;
  }

private:
  /** Where a point lies between nodes. */
  struct Cell
  {
    IndexType base;
    double    fraction[VDimension];
  };

  /** Nodes that points have touched. */
  struct Box
  {
    IndexType lower;
    IndexType upper;
    bool      empty{ true };

    void
    Include(const Cell & cell);
  };

  Cell
  Locate(const PointType & point) const;

  template <typename TCarrier>
  Box
  TrySplat(SizeValueType        count,
           const TCarrier &     carrier,
           ThreadIdType         numberOfWorkUnits,
           std::vector<TReal> & masses) const;

  void
  AddToNodes(const Cell & cell, double mass, std::vector<TReal> & masses) const;

  bool
  Contains(const Box & box) const;

  void
  GrowTo(const Box & box);

  SizeValueType
  GetPosition(const IndexType & index) const;

  GridPointer   m_Grid;
  RegionType    m_MovingRegion; // nodes that the moving image itself needs
  SizeValueType m_LargestNumberOfNodes{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornDensityPushForward.hxx"
#endif

#endif
