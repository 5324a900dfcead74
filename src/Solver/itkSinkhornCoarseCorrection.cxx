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
#include "itkSinkhornCoarseCorrection.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
CoarseCorrection<TReal>::CoarseCorrection(const Pyramid<TReal> & pyramid,
                                          size_t                 level,
                                          const Temperature &    temperature,
                                          const double (&mass)[2],
                                          std::vector<TReal> & fineScratch,
                                          std::vector<TReal> & coarseScratch)
  : m_Pyramid(pyramid)
  , m_Level(level)
  , m_Temperature(temperature)
  , m_FineScratch(fineScratch)
  , m_Coarse(pyramid[level + 1], temperature, mass, coarseScratch)
{}

template <typename TReal>
auto
CoarseCorrection<TReal>::Iterate(FixedPoint<TReal> & fine, std::vector<TReal> & f, std::vector<TReal> & g) -> Errors
{
  this->Restrict(Side::Beta, g, m_G0);
  const Errors errors = fine.IteratePlainly(f, g);
  this->Restrict(Side::Alpha, f, m_F1);
  this->Restrict(Side::Beta, g, m_G1);
  m_Residual.resize(m_G1.size());
  m_Pyramid[m_Level + 1].Transfer->RestrictMass(Side::Beta, m_FineScratch.data(), m_Residual.data());
  return errors;
}

template <typename TReal>
unsigned int
CoarseCorrection<TReal>::MakeProblem()
{
  const ThreadIdType workUnits = m_Pyramid[m_Level].Operator->GetNumberOfWorkUnits();
  const auto         scale = static_cast<TReal>(-m_Temperature.GetDamping() * m_Temperature.Epsilon);
  // Offsets so that the coarse T gives (R f₁, R g₀) on (R f₁, R g₀).
  auto & onAlpha = m_Offsets.Values[static_cast<size_t>(Side::Alpha)];
  auto & onBeta = m_Offsets.Values[static_cast<size_t>(Side::Beta)];
  m_Coarse.Softmin(Side::Alpha, Side::Beta, m_G0, onAlpha);
  m_Coarse.Softmin(Side::Beta, Side::Alpha, m_F1, onBeta);
  m_G.resize(onBeta.size());
  ForEachChunk(onAlpha.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      onAlpha[i] = m_F1[i] / scale - onAlpha[i];
    }
  });
  ForEachChunk(onBeta.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      const TReal image = this->GetImage(i, onBeta[i]);
      onBeta[i] = image / scale - onBeta[i];
      m_G[i] = image;
    }
  });
  m_Coarse.BalanceOffsets(m_Offsets);
  m_F = m_F1;
  return 2;
}

template <typename TReal>
TReal
CoarseCorrection<TReal>::GetImage(SizeValueType i, TReal softmin) const
{
  constexpr auto smallest = static_cast<TReal>(0.1);
  const TReal    logWeight = m_Pyramid[m_Level + 1].LogWeights[static_cast<size_t>(Side::Beta)][i];
  const auto     epsilon = static_cast<TReal>(m_Temperature.Epsilon);
  const TReal    marginal = std::exp(std::min(logWeight + m_G0[i] / epsilon + softmin, TReal(30)));
  if (!(marginal > TReal(0)))
  {
    return m_G1[i];
  }
  const TReal ratio = std::min(std::max(TReal(1) + m_Residual[i] / marginal, smallest), TReal(1) / smallest);
  return m_G0[i] + static_cast<TReal>(m_Temperature.GetDamping()) * epsilon * std::log(ratio);
}

template <typename TReal>
void
CoarseCorrection<TReal>::Correct(std::vector<TReal> & f, std::vector<TReal> & g)
{
  if (m_Level > 0) // the finest grid has no memory to spare
  {
    m_Before = g;
  }
  this->Add(Side::Alpha, m_F1, m_F, f);
  this->Add(Side::Beta, m_G1, m_G, g);
}

template <typename TReal>
void
CoarseCorrection<TReal>::Undo(std::vector<TReal> & g)
{
  if (m_Before.size() == g.size())
  {
    g.swap(m_Before);
  }
}

template <typename TReal>
void
CoarseCorrection<TReal>::Restrict(Side                       side,
                                  const std::vector<TReal> & potential,
                                  std::vector<TReal> &       restricted) const
{
  const auto & coarse = m_Pyramid[m_Level + 1];
  restricted.resize(coarse.Operator->GetNumberOfPoints(side));
  coarse.Transfer->RestrictPotential(side, potential.data(), restricted.data());
}

template <typename TReal>
void
CoarseCorrection<TReal>::Add(Side                       side,
                             const std::vector<TReal> & before,
                             std::vector<TReal> &       after,
                             std::vector<TReal> &       fine)
{
  const ThreadIdType workUnits = m_Pyramid[m_Level].Operator->GetNumberOfWorkUnits();
  ForEachChunk(after.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      after[i] -= before[i];
    }
  });
  m_FineScratch.resize(fine.size());
  m_Pyramid[m_Level + 1].Transfer->ProlongPotential(side, after.data(), m_FineScratch.data());
  ForEachChunk(fine.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      fine[i] += m_FineScratch[i];
    }
  });
}

template class CoarseCorrection<float>;
template class CoarseCorrection<double>;

} // namespace Sinkhorn
} // namespace itk
