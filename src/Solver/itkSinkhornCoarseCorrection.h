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
#ifndef itkSinkhornCoarseCorrection_h
#define itkSinkhornCoarseCorrection_h

#include "itkSinkhornFixedPoint.h"

namespace itk
{
namespace Sinkhorn
{

/** \class CoarseCorrection
 * \brief Carries the slow part of the error of one level of the pyramid to the next coarser one and back.
 *
 * A Sinkhorn iteration removes at once what is rough in the error of the potentials; what is smooth over the distance
 * of several blurs it removes slowly, and a coarse grid shows it just as well for an eighth of the cost. This is the
 * full approximation scheme (Brandt 1977; Briggs, Henson and McCormick, A Multigrid Tutorial, 2000, chapter 6), applied
 * to the marginals of the plan: after an iteration f₁ = T(g₀), g₁ = T(f₁) on the fine level, R denoting the mean over
 * the fine points of a coarse one and S the sum, the coarse level looks for the plan whose marginals are those of the
 * coarse plan of (R f₁, R g₀), plus S(β − marginal of the plan of (f₁, g₀)) on β's side. If the fine iterate is the
 * fine level's solution, (R f₁, R g₀) is the coarse one's: nothing of the fine detail is lost. And since mass, not
 * potentials, is what is carried over, the coarse problem is solvable wherever the fine one is, even where pieces of
 * mass are too far apart to exchange any. The changes of the coarse potentials are then interpolated and added on the
 * fine level. */
template <typename TReal>
class CoarseCorrection
{
public:
  using Errors = typename FixedPoint<TReal>::Errors;
  using Offsets = typename FixedPoint<TReal>::Offsets;

  /** All arguments are kept by reference but for the temperature and the masses; \a level has a coarser one. \param
   * scratch an array for the fine level, the one that its iterations use, and one for the coarse one. */
  CoarseCorrection(const Pyramid<TReal> & pyramid,
                   size_t                 level,
                   const Temperature &    temperature,
                   const double (&mass)[2],
                   std::vector<TReal> & fineScratch,
                   std::vector<TReal> & coarseScratch);

  /** A plain iteration on the fine level, its errors before. */
  Errors
  Iterate(FixedPoint<TReal> & fine, std::vector<TReal> & f, std::vector<TReal> & g);

  /** Prepares the coarse problem; GetF() and GetG() become the start of its iterations. \return softmins on the coarse
   * level. */
  unsigned int
  MakeProblem();

  /** \name Coarse potentials */
  /**@{*/
  std::vector<TReal> &
  GetF()
  {
    return m_F;
  }
  std::vector<TReal> &
  GetG()
  {
    return m_G;
  }
  /**@}*/

  /** The constants of the coarse problem. */
  const Offsets &
  GetOffsets() const
  {
    return m_Offsets;
  }

  /** Adds the changes of the coarse potentials to the fine ones. */
  void
  Correct(std::vector<TReal> & f, std::vector<TReal> & g);

  /** Takes the last correction of g back, where the level is coarse enough for a copy. */
  void
  Undo(std::vector<TReal> & g);

private:
  void
  Restrict(Side side, const std::vector<TReal> & potential, std::vector<TReal> & restricted) const;

  /** What T(R f₁) has to be at coarse point i, whose softmin of R f₁ is given, for the marginal to change by the
   * restricted residual. */
  TReal
  GetImage(SizeValueType i, TReal softmin) const;

  void
  Add(Side side, const std::vector<TReal> & before, std::vector<TReal> & after, std::vector<TReal> & fine);

  const Pyramid<TReal> & m_Pyramid;
  size_t                 m_Level;
  Temperature            m_Temperature;
  std::vector<TReal> &   m_FineScratch;
  FixedPoint<TReal>      m_Coarse;
  std::vector<TReal>     m_G0;       // R g₀
  std::vector<TReal>     m_F1;       // R f₁
  std::vector<TReal>     m_G1;       // R g₁
  std::vector<TReal>     m_Residual; // S(β − marginal)
  Offsets                m_Offsets;
  std::vector<TReal>     m_F;
  std::vector<TReal>     m_G;
  std::vector<TReal>     m_Before; // g before the last correction
};

} // namespace Sinkhorn
} // namespace itk

#endif
