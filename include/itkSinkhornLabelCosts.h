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
#ifndef itkSinkhornLabelCosts_h
#define itkSinkhornLabelCosts_h

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class LabelCosts
 * \brief What it costs mass to go from one label to another, c(k,l) in mm², beside the way, for labels 1, 2, 3 ...
 *
 * Where c(k,l) is infinite, but finite costs lead from k to l over others, it is (Σ w)²/2 of the shortest such way,
 * w = √(2c): labels fall into groups without a finite cost between them, and inside a group mass can go from each label
 * to each, so that its transport has a solution whatever the masses are. Costs of labels beyond the table are infinite.
 * After J. Feydy, B. Charlier, F.-X. Vialard, G. Peyré, Optimal Transport for Diffeomorphic Registration, MICCAI 2017
 * (section 2).
 *
 * \ingroup Sinkhorn
 */
class LabelCosts
{
public:
  /** Infinite between all labels. */
  LabelCosts() = default;

  /** \param costs mm², K rows of K, symmetric, 0 on the diagonal, ≥ 0; may be +∞.
   * \exception itk::ExceptionObject that names the entry if the costs are none. */
  explicit LabelCosts(std::vector<double> costs)
    : m_Size(static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(costs.size())))))
    , m_Costs(std::move(costs))
  {
    this->Verify();
    this->Close();
  }

  bool
  IsEmpty() const
  {
    return m_Costs.empty();
  }

  /** mm². */
  double
  Get(std::uint32_t from, std::uint32_t to) const
  {
    if (from == to)
    {
      return 0.0;
    }
    const bool isKnown = from > 0 && to > 0 && from <= m_Size && to <= m_Size;
    return isKnown ? m_Costs[(from - 1) * m_Size + to - 1] : std::numeric_limits<double>::infinity();
  }

  /** Whether mass can go from one label to the other. */
  bool
  AreLinked(std::uint32_t one, std::uint32_t other) const
  {
    return std::isfinite(this->Get(one, other));
  }

  /** The table for some labels, mm²; empty for a single one, as transport without a feature has it. */
  std::vector<double>
  Take(const std::vector<std::uint32_t> & labels) const
  {
    std::vector<double> costs;
    for (const std::uint32_t from : labels)
    {
      for (const std::uint32_t to : labels)
      {
        costs.push_back(this->Get(from, to));
      }
    }
    return labels.size() > 1 ? costs : std::vector<double>();
  }

  /** By label, from 0 on: the smallest label that mass can go to. */
  std::vector<std::uint32_t>
  FindGroups() const
  {
    std::vector<std::uint32_t> groups{ 0 };
    for (std::uint32_t label = 1; label <= m_Size; ++label)
    {
      std::uint32_t first = 1;
      for (; !this->AreLinked(first, label); ++first)
      {}
      groups.push_back(first);
    }
    return groups;
  }

  const std::vector<double> &
  GetTable() const
  {
    return m_Costs;
  }

private:
  void
  Verify() const
  {
    if (m_Size * m_Size != m_Costs.size())
    {
      itkGenericExceptionMacro("LabelCosts: " << m_Costs.size() << " costs are no square table; give K rows of K.");
    }
    for (std::size_t k = 0; k < m_Size; ++k)
    {
      for (std::size_t l = 0; l <= k; ++l)
      {
        const double cost = m_Costs[k * m_Size + l];
        if (!(cost >= 0.0) || cost != m_Costs[l * m_Size + k] || (k == l && cost != 0.0))
        {
          itkGenericExceptionMacro("LabelCosts: the cost between labels "
                                   << k + 1 << " and " << l + 1 << " is " << cost << " and back "
                                   << m_Costs[l * m_Size + k]
                                   << " mm²; costs must be symmetric, 0 on the diagonal and not negative.");
        }
      }
    }
  }

  /** Shortest ways (Floyd and Warshall) in the place of infinite costs. */
  void
  Close()
  {
    std::vector<double> ways(m_Costs.size());
    std::transform(m_Costs.begin(), m_Costs.end(), ways.begin(), [](double cost) { return std::sqrt(2.0 * cost); });
    for (std::size_t over = 0; over < m_Size; ++over)
    {
      for (std::size_t k = 0; k < m_Size; ++k)
      {
        const double first = ways[k * m_Size + over];
        for (std::size_t l = 0; l < m_Size && std::isfinite(first); ++l)
        {
          ways[k * m_Size + l] = std::min(ways[k * m_Size + l], first + ways[over * m_Size + l]);
        }
      }
    }
    for (std::size_t k = 0; k < m_Size; ++k)
    {
      for (std::size_t l = 0; l < k; ++l)
      {
        double & cost = m_Costs[k * m_Size + l];
        cost = std::isfinite(cost) ? cost : 0.5 * ways[k * m_Size + l] * ways[k * m_Size + l];
        m_Costs[l * m_Size + k] = cost;
      }
    }
  }

  std::size_t         m_Size{ 0 };
  std::vector<double> m_Costs;
};

} // namespace Sinkhorn
} // namespace itk

#endif
