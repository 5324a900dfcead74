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
#ifndef itkSinkhornFixedPoint_h
#define itkSinkhornFixedPoint_h

#include "itkSinkhornPotentialUpdate.h"
#include "itkSinkhornPyramid.h"
#include "itkSinkhornSolver.h"

namespace itk
{
namespace Sinkhorn
{

/** \class FixedPoint
 * \brief Single iterations of the Sinkhorn fixed point at one temperature on one level.
 *
 * Needs the scratch array of one softmin, and no other copy of anything. */
template <typename TReal>
class FixedPoint
{
public:
  using LevelType = typename Pyramid<TReal>::Level;

  /** Constants that are added to the softmins of each side: T(g) becomes −λε(softmin + offset). See CoarseCorrection.
   */
  struct Offsets
  {
    std::vector<TReal> Values[2];
  };

  /** All arguments are kept by reference but for the temperature and the masses. \a scratch need not have any size. */
  FixedPoint(const LevelType &   level,
             const Temperature & temperature,
             const double (&mass)[2],
             std::vector<TReal> & scratch,
             const Offsets *      offsets = nullptr);

  /** Marginal errors relative to the masses, of the potentials before the update. */
  struct Errors
  {
    double Alpha{ 0.0 };
    double Beta{ 0.0 };
    /** c so that (f + c, g − c), after the update, is the best of all such pairs; 0 when balanced. */
    double Translation{ 0.0 };
  };

  /** f ← f + ω(T(g) − f), then g ← g + ω(T(f) − g). With \a shift, the unbalanced pair is then moved along (1, −1) to
   * the maximum of the dual (translation-invariant Sinkhorn, Séjourné et al. 2022, Prop. 2): the plain iteration
   * contracts that mode by λ² only. Both masses count as equal, see UnitMassProblem. */
  Errors
  IterateAlternating(std::vector<TReal> & f, std::vector<TReal> & g, double omegaF, double omegaG, bool shift);

  /** f ← T(g), g ← T(f). The scratch array becomes target − marginal on the points of β, between the two updates, when
   * the marginal on α is right. */
  Errors
  IteratePlainly(std::vector<TReal> & f, std::vector<TReal> & g);

  /** (f, g) ← (f, g)/2 + (T(g), T(f))/2, both from the old pair. */
  Errors
  IterateAveraged(std::vector<TReal> & f, std::vector<TReal> & g);

  /** One relaxed update of the symmetric problem of one side with itself. The Gaussian kernel is positive, so the
   * linearised update h ← −T'h has a spectrum in [−1, 0], and relaxation 2/3 contracts every mode by at least 3;
   * averaging (1/2) only by 2. Relaxation 1/2 is exact for the constant that separates zero from the fixed point: the
   * right first step of a cold start. */
  double
  IterateSelf(Side side, std::vector<TReal> & potential, double relaxation);

  /** Replaces h by the mean (λ h + T(h))/(1+λ) of the potential before the last IterateSelf(), which had this
   * relaxation, and its image: at the mean the value is the dual one of the pair (h, T(h)), whose error is of second
   * order. */
  void
  AverageSelf(Side side, std::vector<TReal> & potential, double relaxation);

  /** (f, g) ← (f + c, g − c). */
  void
  Translate(std::vector<TReal> & f, std::vector<TReal> & g, double c) const;

  /** The softmin of \a side. */
  void
  Softmin(Side to, Side from, const std::vector<TReal> & potential, std::vector<TReal> & out);

  /** Adds a constant to one of the offsets so that both ask for the same mass, without which a balanced problem has no
   * solution. */
  void
  BalanceOffsets(Offsets & offsets) const;

  /** Number of softmins computed so far. */
  unsigned int
  GetNumberOfSoftmins() const
  {
    return m_NumberOfSoftmins;
  }

private:
  UpdateSums
  Update(Side                       side,
         const std::vector<TReal> & softmin,
         std::vector<TReal> &       potential,
         double                     relaxation,
         TReal *                    residual = nullptr) const;

  Errors
  MakeErrors(const UpdateSums & alpha, const UpdateSums & beta) const;

  const LevelType &    m_Level;
  Temperature          m_Temperature;
  double               m_Mass[2];
  std::vector<TReal> & m_Scratch;
  const Offsets *      m_Offsets;
  unsigned int         m_NumberOfSoftmins{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
