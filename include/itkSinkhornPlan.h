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
#ifndef itkSinkhornPlan_h
#define itkSinkhornPlan_h

#include "itkSinkhornSolver.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class Plan
 * \brief What people want from a transport plan, without ever storing it.
 *
 * A solved problem defines the plan \f$\gamma_{ij} = \alpha_i\beta_j\exp((f_i+g_j-C(x_i,y_j))/\varepsilon)\f$: the
 * spring system of Feydy et al. 2017, in which each particle \f$x_i\f$ is tied to every \f$y_j\f$ with the stiffness
 * \f$\gamma_{ij}\f$. It has a row for every point of one side and a column for every point of the other, far too many
 * for memory. But each sum over a row is a softmin and so separable on a grid: marginals, means over rows (barycentric
 * map, transported images, label probabilities) and the interpolation between both measures cost a softmin or two each.
 * Numerators and denominators come from the same softmin in the logarithmic domain, so that quotients are safe where
 * both would underflow.
 *
 * Rows belong to Side::Alpha, columns to Side::Beta; methods that take a side work on rows or, mirrored, on columns.
 * The plan refers to the caller's arrays of weights and potentials, which must outlive it. Results are arrays over the
 * points of that side, the same for any number of threads.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT Plan
{
public:
  using OperatorType = SoftminOperator<TReal>;
  using ArrayType = std::vector<TReal>;
  using LabelType = unsigned short;

  /** The plan between α and β.
   * \param op, logAlpha, logBeta, blur (mm) as solved. \param potentials the solution, F and G. */
  static Plan
  MakeCross(typename OperatorType::Pointer op,
            const ArrayType &              logAlpha,
            const ArrayType &              logBeta,
            double                         blur,
            const Potentials<TReal> &      potentials);

  /** The symmetric plan of one measure with itself, whose barycentric map is the bias of the cross plan's.
   * \exception itk::ExceptionObject if the potentials hold no self-transport (solved without Debias). */
  static Plan
  MakeSelf(typename OperatorType::Pointer op,
           Side                           side,
           const ArrayType &              logWeights,
           double                         blur,
           const Potentials<TReal> &      potentials);

  /** Logarithm of a row's sum without its own factor: log Σ_j β_j exp((g_j − C_ij)/ε). The other methods take it, so
   * that it is computed once. */
  ArrayType
  ComputeLogSum(Side side) const;

  /** Mass of the plan in every row, α_i exp(f_i/ε + logSum_i). At a balanced solution it is α within the tolerance;
   * what is missing in an unbalanced one is mass destroyed, what exceeds is mass created. */
  ArrayType
  ComputeMarginal(Side side, const ArrayType & logSum) const;

  /** Marginal minus the side's own masses: mass created (> 0) or destroyed (< 0). */
  ArrayType
  ComputeResidual(Side side, const ArrayType & marginal) const;

  /** Mean of a function under every row, Σ_j γ_ij v_j / Σ_j γ_ij. With v one coordinate of the points it is that
   * coordinate of the barycentric target T(x_i); with v an image, its transported copy.
   *
   * Relative to the range of v over the opposite side's mass, the rounding error is that of the softmin's exponents.
   * \param values finite, on the points of the opposite side; those at empty points do not matter. */
  ArrayType
  ComputeMean(Side side, const ArrayType & logSum, const ArrayType & values) const;

  /** Probability of a label under every row, Σ_{j: label_j = label} γ_ij / Σ_j γ_ij. */
  ArrayType
  ComputeLabelProbability(Side                           side,
                          const ArrayType &              logSum,
                          const std::vector<LabelType> & labels,
                          LabelType                      label) const;

  /** The most probable label of every row, the smaller one where two are equal. One softmin for each label that has
   * mass, two arrays of memory for any number of labels. \param probability if not null, that of the chosen label. */
  std::vector<LabelType>
  ComputeLabels(Side                           side,
                const ArrayType &              logSum,
                const std::vector<LabelType> & labels,
                ArrayType *                    probability = nullptr) const;

  /** \brief Where the mass is on its way from α to β: the entropic interpolation (Schrödinger bridge).
   *
   * Every pair of points exchanges its mass γ_ij along a Brownian bridge of variance t(1−t)ε about (1−t)x_i + t·y_j
   * (Léonard 2014, A survey of the Schrödinger problem):
   * \f[ \rho_t(z) \propto \sum_i\alpha_i e^{f_i/\varepsilon-|x_i-z|^2/2t\varepsilon}\;
   *                       \sum_j\beta_j e^{g_j/\varepsilon-|y_j-z|^2/2(1-t)\varepsilon}, \f]
   * scaled to the plan's mass, which stands for the normalising constant also where the bridge is thinner than a grid's
   * voxel. At t = 0 and 1 it is the plan's marginal.
   * \param at the side on whose points z lies. \param t in [0, 1].
   * \exception itk::ExceptionObject if t is outside [0, 1], or at 0 or 1 not on that marginal's own side if the two
   * sides have different numbers of points. */
  ArrayType
  ComputeInterpolation(Side at, double t) const;

  /** The side's own masses. */
  ArrayType
  ComputeMass(Side side) const;

private:
  /** One of the two measures, with its dual potential. */
  struct Measure
  {
    Side              PointsOf;
    const ArrayType * LogWeights;
    const ArrayType * Potential;
  };

  Plan(typename OperatorType::Pointer op, double blur, const Measure & rows, const Measure & columns);

  const Measure &
  GetMeasure(Side side) const
  {
    return side == Side::Alpha ? m_Rows : m_Columns;
  }

  /** Softmin over the opposite side with these weights, on the points of \a side. */
  ArrayType
  SumRows(Side side, const ArrayType & logWeights) const;

  /** Weights of the opposite side restricted to a label. */
  ArrayType
  RestrictToLabel(Side side, const std::vector<LabelType> & labels, LabelType label) const;

  void
  CheckLength(Side pointsOf, SizeValueType length, const char * what) const;

  template <typename TFunction>
  ArrayType
  Generate(SizeValueType length, const TFunction & function) const;

  typename OperatorType::Pointer m_Operator;
  double                         m_Blur;
  Measure                        m_Rows;
  Measure                        m_Columns;
};

} // namespace Sinkhorn
} // namespace itk

#endif
