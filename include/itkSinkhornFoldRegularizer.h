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
#ifndef itkSinkhornFoldRegularizer_h
#define itkSinkhornFoldRegularizer_h

#include "itkSinkhornFieldAlgebra.h"

namespace itk
{
namespace Sinkhorn
{

/** \class FoldRegularizer
 * \brief Keeps discretised maps invertible.
 *
 * Where the determinant of the Jacobian of a map or of its inverse has fallen below a limit, the displacement is
 * replaced by a smoother one, in the neighbourhood of that place only and no more than is needed, so that a few voxels
 * of low Jacobian do not stop the rest of the map. Rejecting the step as a whole, the usual remedy, lets them block all
 * others.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class FoldRegularizer
{
public:
  using FieldType = DisplacementField<VDimension>;
  using FieldPointer = typename FieldType::Pointer;
  using PairType = MapPair<VDimension>;
  /** 1 at marked voxels, else 0. */
  using MarksType = Image<float, VDimension>;
  using MarksPointer = typename MarksType::Pointer;

  /** Least determinant of the Jacobian over both maps of \a pair, by central differences. */
  static double
  FindLeastDeterminant(const PairType & pair);

  /** Relaxes \a pair (new fields; the old ones are left alone) until no determinant by central differences is below
   * \a limit: an inverse that was found by iterations scatters by a part of a voxel from node to node, which one-sided
   * differences would take for folds.
   * \return whether that was reached. */
  static bool
  Relax(PairType & pair, double limit);

  /** Relaxes both, which lead to a common middle, until the map from \a one to \a other, sampled on the grid of \a one,
   * has no determinant by central differences below \a limit. A few cells may still be inside out for a while:
   * RelaxForward() mends them at the end, and held to the strict criterion at every step, they would stop all others.
   * \return whether that was reached. */
  static bool
  RelaxComposition(PairType & one, PairType & other, double limit);

  /** Relaxes a map until no determinant of it is below \a limit by the strict criterion of
   * itk::DisplacementFieldJacobianCalculator, or no round is left.
   * \param field replaced by a new one if anything had to be changed. \return whether it was. */
  static bool
  RelaxForward(FieldPointer & field, double limit);

  /** Voxels where the determinant of the Jacobian of x ↦ x + field(x) is below \a limit, by central differences;
   * nullptr if there are none. */
  static MarksPointer
  MarkLowCentralJacobian(const FieldType * field, double limit);
  /** Takes marks to where x ↦ x + field(x) takes them. */
  static MarksPointer
  Carry(const MarksType * marks, const FieldType * field);
  /** Marks that are in either image; nullptr stands for none. */
  static MarksPointer
  Unite(const MarksType * one, const MarksType * other);
  /** A field that is smoother, by a Gaussian of \a width voxels, in the neighbourhood of \a marks.
   * \param changed if not null, becomes a box outside of which nothing has changed. */
  static FieldPointer
  Blend(const FieldType *                field,
        const MarksType *                marks,
        double                           width,
        typename FieldType::RegionType * changed = nullptr);
  /** Of inverses on the way, voxels: what the next step changes again need not be known better. */
  static constexpr double InverseTolerance = 0.1;
  /** Of Blend(), voxels, wider from round to round. */
  static double
  GetWidth(unsigned int round)
  {
    return 1.5 + 0.5 * round;
  }
  /** Wider and wider neighbourhoods; more do not help. */
  static constexpr unsigned int MaximumNumberOfRounds = 8;

private:
  /** Of RelaxForward(): rounds that smooth narrowly where it still folds, and all rounds. */
  static constexpr unsigned int NarrowForwardRounds = 40;
  static constexpr unsigned int MaximumNumberOfForwardRounds = 70;

  static MarksPointer
  MarkLowCentralJacobian(const PairType & pair, double limit);
  /** Marks voxels below \a limit; nullptr if there are none. */
  static MarksPointer
  MarkBelow(const MarksType * image, double limit);
  static void
  RelaxOnce(PairType & pair, const MarksType * marks, double width);
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornFoldRegularizer.hxx"
#endif

#endif
