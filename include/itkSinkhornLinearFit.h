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
#ifndef itkSinkhornLinearFit_h
#define itkSinkhornLinearFit_h

#include "itkMatrix.h"
#include "itkPoint.h"
#include "itkVector.h"
#include "vnl/vnl_matrix.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** What kinds of matrices a least-squares fit may choose from. */
enum class LinearModel : uint8_t
{
  Rigid,
  Similarity,
  Affine
};

/** \class LinearMap
 * \brief y = Linear · x + Offset
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
struct LinearMap
{
  using PointType = Point<double, VDimension>;

  /** The identity. */
  LinearMap();

  PointType
  operator()(const PointType & point) const
  {
    return Linear * point + Offset;
  }

  Matrix<double, VDimension, VDimension> Linear;
  Vector<double, VDimension>             Offset;
};

/** \class PairMoments
 * \brief Weighted moments of pairs of points (x, y), added one by one in the order of the pairs.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
struct PairMoments
{
  using PointType = Point<double, VDimension>;
  using MatrixType = Matrix<double, VDimension, VDimension>;

  PairMoments();

  /** Two passes over pairs keep the digits of shapes far from the origin: \a forEachPair(function) calls
   * function(weight, x, y) for each. */
  template <typename TForEachPair>
  static PairMoments
  Compute(const TForEachPair & forEachPair);

  bool
  IsFinite() const;

  double     Weight{ 0.0 };
  PointType  MeanSource;
  PointType  MeanTarget;
  MatrixType Source; ///< mean of (x − x̄)(x − x̄)ᵀ
  MatrixType Cross;  ///< mean of (y − ȳ)(x − x̄)ᵀ
};

/** \brief The map that takes the points x of weighted pairs nearest to the points y, in the least-squares sense.
 *
 * Rotations and similarities: S. Umeyama, *Least-squares estimation of transformation parameters between two point
 * patterns*, IEEE PAMI 13(4), 1991. Affine: the normal equations of the change from the identity.
 *
 * \param resolution length, mm, below which the extents of a shape mean nothing: rotations about an axis around which
 * there is no extent are left out, and the change of an affine map fades along short directions (a ridge of
 * resolution²/4). That biases no iteration of fits, because the change at its fixed point is zero. */
template <unsigned int VDimension>
LinearMap<VDimension>
FitLinearMap(LinearModel model, const PairMoments<VDimension> & moments, double resolution);

/** \brief A map, followed by a part of a step.
 *
 * \param share of the step that is taken, in (0, 1]; 0 is none of it.
 * \param centre goes along that part of its way that the share says, whatever the limits make of the matrix.
 * \param largestStretch limit of the singular values of the matrix of the result, and of their inverses.
 * \return a map of the same model as both, without reflection if the first has none. */
template <unsigned int VDimension>
LinearMap<VDimension>
ComposePart(LinearModel                       model,
            const LinearMap<VDimension> &     map,
            const LinearMap<VDimension> &     step,
            double                            share,
            const Point<double, VDimension> & centre,
            double                            largestStretch);

/** Whether a matrix stretches or shrinks by no more than a factor ≥ 1, in any direction, and does not reflect. */
template <unsigned int VDimension>
bool
IsModest(const Matrix<double, VDimension, VDimension> & matrix, double largestStretch);

/** Root mean square displacement of the points x of weighted pairs by a map. */
template <unsigned int VDimension>
double
ComputeDisplacement(const LinearMap<VDimension> & map, const PairMoments<VDimension> & moments);

/** The rotations that turn the principal axes of one shape into those of another, whatever their signs: 2 in 2-D, 4 in
 * 3-D. */
template <unsigned int VDimension>
std::vector<Matrix<double, VDimension, VDimension>>
FindAxisRotations(const Matrix<double, VDimension, VDimension> & from,
                  const Matrix<double, VDimension, VDimension> & to);

/** Whether a shape has an extent in all directions: a variance of at least half a squared voxel, which two layers of
 * voxels have not, but three have.
 * \param covariance in units of the spacing, along the axes of the grid. */
template <unsigned int VDimension>
bool
HasExtent(const Matrix<double, VDimension, VDimension> & covariance);

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornLinearFit.hxx"
#endif

#endif
