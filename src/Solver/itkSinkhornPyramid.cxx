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
#include "itkSinkhornPyramid.h"

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
Pyramid<TReal>::Pyramid(typename OperatorType::Pointer finest,
                        const TReal *                  logAlpha,
                        const TReal *                  logBeta,
                        double                         coarsestResolution)
{
  m_Levels.emplace_back();
  m_Levels[0].Operator = std::move(finest);
  m_Levels[0].LogWeights[0] = logAlpha;
  m_Levels[0].LogWeights[1] = logBeta;

  for (;;)
  {
    const Level & fine = m_Levels.back();
    Level         coarse;
    const auto    coarser = fine.Operator->MakeCoarser();
    coarse.Operator = coarser.Operator;
    coarse.Transfer = coarser.Transfer;
    if (!coarse.Operator || coarse.Operator->GetResolution() > coarsestResolution)
    {
      return;
    }
    for (const Side side : { Side::Alpha, Side::Beta })
    {
      const auto s = static_cast<size_t>(side);
      coarse.Storage[s].resize(coarse.Operator->GetNumberOfPoints(side));
      coarse.Transfer->RestrictLogWeights(side, fine.LogWeights[s], coarse.Storage[s].data());
      // Moving a vector keeps its buffer, so the pointer stays good.
      coarse.LogWeights[s] = coarse.Storage[s].data();
    }
    m_Levels.push_back(std::move(coarse));
  }
}

template <typename TReal>
size_t
Pyramid<TReal>::GetCoarsestLevel(double resolution) const
{
  size_t level = m_Levels.size() - 1;
  while (level > 0 && m_Levels[level].Operator->GetResolution() > resolution)
  {
    --level;
  }
  return level;
}

template <typename TReal>
void
Pyramid<TReal>::Prolong(Side side, size_t from, size_t to, std::vector<TReal> & potential) const
{
  if (potential.empty())
  {
    potential.assign(m_Levels[to].Operator->GetNumberOfPoints(side), TReal{});
    return;
  }
  for (size_t level = from; level > to; --level)
  {
    std::vector<TReal> prolonged(m_Levels[level - 1].Operator->GetNumberOfPoints(side));
    m_Levels[level].Transfer->ProlongPotential(side, potential.data(), prolonged.data());
    potential.swap(prolonged);
  }
}

template class Pyramid<float>;
template class Pyramid<double>;

} // namespace Sinkhorn
} // namespace itk
