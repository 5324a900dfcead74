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
#ifndef sinkhornRegisterFoldGuard_h
#define sinkhornRegisterFoldGuard_h

#include "evaluation.h"

namespace SinkhornRegister
{

/** A map x ↦ x + Forward(x) on a grid and its inverse on the same grid; displacements in mm. */
template <unsigned int VDimension>
struct MapPair
{
  typename FieldType<VDimension>::Pointer Forward;
  typename FieldType<VDimension>::Pointer Inverse;
};

/** x ↦ first, then second; displacements. */
template <unsigned int VDimension>
typename FieldType<VDimension>::Pointer
ComposeFields(const FieldType<VDimension> * second, const FieldType<VDimension> * first);

/** Keeps a discretised map invertible. Where the determinant of the Jacobian of the map or of its inverse, by the
 * strict criterion of itk::DisplacementFieldJacobianCalculator, has fallen below a limit, the displacement is replaced
 * by a smoother one, in the neighbourhood of that place only and no more than is needed, so that a few voxels of low
 * Jacobian do not stop the rest of the map. */
template <unsigned int VDimension>
class FoldGuard
{
public:
  /** Least determinant of the Jacobian over both maps of \a pair, by central differences. */
  static double
  FindLeastDeterminant(const MapPair<VDimension> & pair);

  /** Relaxes \a pair (new fields; the old ones are left alone) until no determinant by central differences is below
   * \a limit: an inverse that was found by iterations scatters by a part of a voxel from node to node, which one-sided
   * differences would take for folds.
   * \return whether that was reached. */
  static bool
  Relax(MapPair<VDimension> & pair, double limit);

  /** Relaxes both, which lead to a common middle, until the map from \a one to \a other, sampled on the grid of \a one,
   * has no determinant by central differences below \a limit. A few cells may still be inside out for a while:
   * RelaxForward() mends them at the end, and held to the strict criterion at every step, they would stop all others.
   * \return whether that was reached. */
  static bool
  RelaxComposition(MapPair<VDimension> & one, MapPair<VDimension> & other, double limit);

  /** Relaxes the forward map of \a pair alone until no determinant of it is below \a limit by the strict criterion, and
   * finds its inverse.
   * \return whether anything had to be changed. */
  static bool
  RelaxForward(MapPair<VDimension> & pair, double limit);

  using Field = FieldType<VDimension>;
  using Image = ImageType<VDimension>;

  /** 1 where the determinant of the Jacobian of x ↦ x + field(x), by the strict criterion, is below \a limit, else 0.
   */
  static typename Image::Pointer
  MarkLowJacobian(const Field * field, double limit);
  /** The same by central differences. */
  static typename Image::Pointer
  MarkLowCentralJacobian(const Field * field, double limit);
  static bool
  HasMarks(const Image * marks);
  /** Takes marks to where x ↦ x + field(x) takes them. */
  static typename Image::Pointer
  Carry(const Image * marks, const Field * field);
  /** A field that is smoother, by a Gaussian of \a width voxels, in the neighbourhood of \a marks. */
  static typename Field::Pointer
  Blend(const Field * field, const Image * marks, double width);
  /** Voxels, wider from round to round. */
  static double
  GetWidth(unsigned int round)
  {
    return 1.5 + 0.5 * round;
  }

private:
  /** Wider and wider neighbourhoods; more do not help. */
  static constexpr unsigned int mostRounds = 8;
  /** Of RelaxForward(): rounds that smooth narrowly where it still folds, and all rounds. */
  static constexpr unsigned int narrowForwardRounds = 40;
  static constexpr unsigned int mostForwardRounds = 70;

  static typename Image::Pointer
  MarkLowJacobian(const MapPair<VDimension> & pair, double limit);
  static void
  RelaxOnce(MapPair<VDimension> & pair, const Image * marks, double width);
};

} // namespace SinkhornRegister

#endif
