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
#ifndef itkSinkhornSoftminOperator_h
#define itkSinkhornSoftminOperator_h

#include "SinkhornExport.h"
#include "itkIntTypes.h"
#include "itkMacro.h"
#include "itkSinkhornSide.h"

#include <memory>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
class SoftminOperator;

/** \class CoarseTransfer
 * \brief Carries arrays over the points of one side between an operator and a coarser version of it.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class CoarseTransfer
{
public:
  virtual ~CoarseTransfer() = default;

  /** Logarithmic weights on the coarse points: the mass of each is that of the fine points it stands for. */
  virtual void
  RestrictLogWeights(Side side, const TReal * fine, TReal * coarse) const = 0;

  /** Masses on the coarse points: the sum over the same points. */
  virtual void
  RestrictMass(Side side, const TReal * fine, TReal * coarse) const = 0;

  /** Potential on the coarse points: the mean over the fine points that a coarse point stands for. */
  virtual void
  RestrictPotential(Side side, const TReal * fine, TReal * coarse) const = 0;

  /** Potential on the fine points from the one on the coarse points, exact where it is an affine function. */
  virtual void
  ProlongPotential(Side side, const TReal * coarse, TReal * fine) const = 0;
};

/** \class CoarserOperator
 * \brief An operator on about half the points per axis, and how to get there and back; both are null if there is none.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
struct CoarserOperator
{
  std::shared_ptr<const SoftminOperator<TReal>> Operator;
  std::shared_ptr<const CoarseTransfer<TReal>>  Transfer;
};

/** \class CropTransfer
 * \brief Carries arrays over the points of one side between an operator and the part of it that has mass.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class CropTransfer
{
public:
  virtual ~CropTransfer() = default;

  /** Reads the points of the part out of an array over the whole. */
  virtual void
  Gather(Side side, const TReal * whole, TReal * part) const = 0;

  /** Writes the points of the part into an array over the whole; the others stay as they are. */
  virtual void
  Scatter(Side side, const TReal * part, TReal * whole) const = 0;
};

/** \class CroppedOperator
 * \brief An operator on a part of the points, and how to get there and back; both are null if there is none.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
struct CroppedOperator
{
  std::shared_ptr<const SoftminOperator<TReal>> Operator;
  std::shared_ptr<const CropTransfer<TReal>>    Transfer;
};

/** \class SoftminOperator
 * \brief The only thing that the Sinkhorn solver knows about geometry.
 *
 * Two measures \f$\alpha=\sum_i \alpha_i\delta_{x_i}\f$ and \f$\beta=\sum_j\beta_j\delta_{y_j}\f$ live on supports that
 * the operator describes. For the cost \f$C(x,y)=|x-y|^2/2\f$ (millimetres) and the temperature
 * \f$\varepsilon=\mathrm{blur}^2\f$ it computes
 * \f[ \mathrm{out}(x) = \log \sum_y \exp\left(w(y) + \frac{g(y) - C(x,y)}{\varepsilon}\right), \f]
 * where \f$w\f$ is a logarithmic weight (\f$-\infty\f$ for an empty point) and \f$g\f$ a dual potential in mm². A grid,
 * a point cloud or a grid with a feature axis are different operators; the solver is the same.
 *
 * An operator may know a coarser version of itself, with the transfer of weights and potentials that belongs to it; the
 * solver then starts on the coarse problem.
 *
 * All arrays are dense, indexed by the point number, and hold GetNumberOfPoints(side) entries. Operators are immutable
 * and may be shared between threads.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT SoftminOperator
{
public:
  using RealType = TReal;
  using Pointer = std::shared_ptr<const SoftminOperator>;

  virtual ~SoftminOperator() = default;

  /** Number of support points of one side. */
  virtual SizeValueType
  GetNumberOfPoints(Side side) const = 0;

  /** \brief The softmin: out has one entry for each point of \a to, the sum runs over the points of \a from.
   *
   * \param blur standard deviation \f$\sigma=\sqrt\varepsilon\f$ of the Gibbs kernel, mm, > 0.
   * \param logWeights logarithm of the weights on \a from; \f$-\infty\f$ is an empty point and contributes nothing.
   * \param potential dual potential on \a from, mm²; may be nullptr (zero). Entries at empty points are ignored unless
   * NaN. \param out must not overlap the inputs. It is \f$-\infty\f$ everywhere if all weights are empty, never NaN. */
  virtual void
  Apply(Side to, Side from, double blur, const TReal * logWeights, const TReal * potential, TReal * out) const = 0;

  /** Whether both sides are the same points in the same order, so that equal weights are equal measures. */
  virtual bool
  HasOneSupport() const
  {
    return false;
  }

  /** Upper bound of the distance between a point of one side and a point of the other, mm. */
  virtual double
  GetDiameter() const = 0;

  /** Distance between neighbouring points, mm (the largest over the axes of a grid); 0 if that has no meaning. A blur
   * below it cannot be resolved. */
  virtual double
  GetResolution() const = 0;

  /** The same domain with about half the points per axis, with what leads there and back; by default there is none. */
  virtual CoarserOperator<TReal>
  MakeCoarser() const
  {
    return {};
  }

  /** The operator on a smaller part of the domain that holds all points with mass, with what leads there and back;
   * none, the default, if that would not save much. \param logAlpha, logBeta logarithmic weights of the two sides. */
  virtual CroppedOperator<TReal>
  MakeCropped(const TReal * itkNotUsed(logAlpha), const TReal * itkNotUsed(logBeta)) const
  {
    return {};
  }

  /** Number of work units (threads) used by Apply(); 0 lets ITK choose. Never changes a result, not even in the last
   * bit. */
  virtual ThreadIdType
  GetNumberOfWorkUnits() const
  {
    return 0;
  }
};

} // namespace Sinkhorn
} // namespace itk

#endif
