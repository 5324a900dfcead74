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
#ifndef itkSinkhornUnitMassProblem_h
#define itkSinkhornUnitMassProblem_h

#include "itkSinkhornSolver.h"

namespace itk
{
namespace Sinkhorn
{

/** \class UnitMassProblem
 * \brief The transport problem whose two masses are 1, and the constants between its potentials and those wanted.
 *
 * Scaling one measure changes the dual potentials by constants only, which are known in closed form: with a = log m_α,
 * b = log m_β and λ = ρ/(ρ+ε), those of the cross problem are f = f̃ + (u+v)/2 + s and g = g̃ + (u+v)/2 − s,
 * (u+v)/2 = −λε (a+b)/(2(1+λ)) and s = ρ(a−b)/2; those of the self problems differ by −λε a/(1+λ) and −λε b/(1+λ).
 * (The translation of Séjourné, Vialard and Peyré, *Faster unbalanced optimal transport*, 2022, split in the part that
 * the masses alone determine and a rest that stays as small as the potentials are.) So the solver meets masses of 1
 * only, whatever the units of the images, and s, which grows with ρ without any bearing on the plan, never meets single
 * precision. */
template <typename TReal>
class UnitMassProblem
{
public:
  /** Only keeps references to the weights; copies them if their masses are not 1 within rounding. */
  UnitMassProblem(const std::vector<TReal> & logAlpha,
                  const std::vector<TReal> & logBeta,
                  const double (&mass)[2],
                  const SolverParameters & parameters,
                  ThreadIdType             numberOfWorkUnits);

  const std::vector<TReal> &
  GetLogWeights(Side side) const
  {
    const auto k = static_cast<size_t>(side);
    return m_Scaled[k].empty() ? *m_Given[k] : m_Scaled[k];
  }

  /** Share of the mass by which the two measures of mass 1 differ point by point, in [0, 1]; something larger than
   * \a enough, at little cost, if it is larger. */
  double
  ComputeDifference(double enough) const;

  /** Takes the constants off potentials of the wanted problem (a warm start). */
  void
  Reduce(Potentials<TReal> & potentials) const;

  /** Adds the constants to potentials of the problem of masses 1. */
  void
  Complete(Potentials<TReal> & potentials) const;

private:
  void
  Shift(Potentials<TReal> & potentials, double direction, double translation) const;

  const std::vector<TReal> * m_Given[2];
  std::vector<TReal>         m_Scaled[2];
  ThreadIdType               m_NumberOfWorkUnits;
  double                     m_Common{ 0.0 };             // (u+v)/2
  double                     m_Translation{ 0.0 };        // s
  double                     m_LargestTranslation{ 0.0 }; // that the potentials can bear
  double                     m_Self[2]{ 0.0, 0.0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
