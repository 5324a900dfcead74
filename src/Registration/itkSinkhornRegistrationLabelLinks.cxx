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
#include "itkSinkhornRegistrationLabelLinks.h"

#include "itkSinkhornLabelCosts.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

constexpr double infinity = std::numeric_limits<double>::infinity();

/** The distances between some labels that the table has. */
class Table
{
public:
  Table(const LabelDistances & distances, const std::set<std::uint32_t> & present)
  {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < distances.Labels.size(); ++i)
    {
      if (present.count(distances.Labels[i]) > 0)
      {
        places.push_back(i);
      }
    }
    std::sort(places.begin(), places.end(), [&distances](std::size_t one, std::size_t other) {
      return distances.Labels[one] < distances.Labels[other];
    });
    std::vector<double> costs;
    for (const std::size_t row : places)
    {
      m_Labels.push_back(distances.Labels[row]);
      for (const std::size_t column : places)
      {
        const double distance = distances.Values[row * distances.Labels.size() + column];
        costs.push_back(0.5 * distance * distance);
      }
    }
    m_Costs = Sinkhorn::LabelCosts(costs);
  }

  /** In ascending order. */
  const std::vector<std::uint32_t> &
  GetLabels() const
  {
    return m_Labels;
  }

  /** mm², between labels by their places. */
  double
  Get(std::size_t one, std::size_t other) const
  {
    return m_Costs.Get(static_cast<std::uint32_t>(one + 1), static_cast<std::uint32_t>(other + 1));
  }

private:
  std::vector<std::uint32_t> m_Labels;
  Sinkhorn::LabelCosts       m_Costs;
};

/** Sets that are joined one by one; each is called by its smallest element. */
class Partition
{
public:
  explicit Partition(std::size_t size)
    : m_Names(size)
  {
    std::iota(m_Names.begin(), m_Names.end(), std::uint32_t(0));
  }
  void
  Join(std::size_t one, std::size_t other)
  {
    const std::uint32_t kept = std::min(m_Names[one], m_Names[other]);
    const std::uint32_t gone = std::max(m_Names[one], m_Names[other]);
    std::replace(m_Names.begin(), m_Names.end(), gone, kept);
  }
  const std::vector<std::uint32_t> &
  GetNames() const
  {
    return m_Names;
  }

private:
  std::vector<std::uint32_t> m_Names;
};

std::set<std::uint32_t>
ListLinked(const LabelSets & sets)
{
  std::set<std::uint32_t> labels;
  for (const auto & group : sets.Linked)
  {
    labels.insert(group.begin(), group.end());
  }
  return labels;
}

/** Groups of more than one label of which each map has one. */
std::vector<std::vector<std::uint32_t>>
FindGroups(const std::set<std::uint32_t> & fixed, const std::set<std::uint32_t> & moving, const Table & table)
{
  const auto &                            labels = table.GetLabels();
  std::vector<std::vector<std::uint32_t>> groups;
  std::vector<bool>                       isDone(labels.size(), false);
  for (std::size_t first = 0; first < labels.size(); ++first)
  {
    if (isDone[first])
    {
      continue;
    }
    std::vector<std::uint32_t> group;
    for (std::size_t i = first; i < labels.size(); ++i)
    {
      if (table.Get(first, i) < infinity)
      {
        isDone[i] = true;
        group.push_back(labels[i]);
      }
    }
    const auto isIn = [&group](const std::set<std::uint32_t> & map) {
      return std::any_of(group.begin(), group.end(), [&map](std::uint32_t label) { return map.count(label) > 0; });
    };
    if (group.size() > 1 && isIn(fixed) && isIn(moving))
    {
      groups.push_back(group);
    }
  }
  return groups;
}

} // namespace

LabelSets
LinkLabels(const std::set<std::uint32_t> & fixed,
           const std::set<std::uint32_t> & moving,
           const LabelDistances &          distances)
{
  LabelSets               sets;
  std::set<std::uint32_t> all = fixed;
  all.insert(moving.begin(), moving.end());
  sets.Linked = FindGroups(fixed, moving, Table(distances, all));
  const auto linked = ListLinked(sets);
  const auto isLinked = [&linked](std::uint32_t label) { return linked.count(label) > 0; };
  std::set_intersection(fixed.begin(), fixed.end(), moving.begin(), moving.end(), std::back_inserter(sets.Common));
  std::set_difference(fixed.begin(), fixed.end(), moving.begin(), moving.end(), std::back_inserter(sets.FixedOnly));
  std::set_difference(moving.begin(), moving.end(), fixed.begin(), fixed.end(), std::back_inserter(sets.MovingOnly));
  for (auto * only : { &sets.FixedOnly, &sets.MovingOnly })
  {
    only->erase(std::remove_if(only->begin(), only->end(), isLinked), only->end());
  }
  return sets;
}

LabelNumbers
FindSame(const LabelSets & sets, const LabelDistances & distances)
{
  const Table  table(distances, ListLinked(sets));
  const auto & labels = table.GetLabels();
  Partition    partition(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
  {
    for (std::size_t j = 0; j < i; ++j)
    {
      if (table.Get(i, j) == 0.0)
      {
        partition.Join(i, j);
      }
    }
  }
  LabelNumbers same;
  for (std::size_t i = 0; i < labels.size(); ++i)
  {
    if (partition.GetNames()[i] != i)
    {
      same[labels[i]] = labels[partition.GetNames()[i]];
    }
  }
  return same;
}

LabelLinks
MakeLinks(const LabelSets &               sets,
          const std::set<std::uint32_t> & fixed,
          const std::set<std::uint32_t> & moving,
          const LabelDistances &          distances,
          const LabelNumbers &            numbers)
{
  const Table                table(distances, ListLinked(sets));
  const auto &               labels = table.GetLabels();
  std::vector<std::uint32_t> own;
  std::transform(labels.begin(), labels.end(), std::back_inserter(own), [&](auto label) { return numbers.at(label); });
  const std::size_t count = own.empty() ? 0 : *std::max_element(own.begin(), own.end());
  LabelLinks        links;
  links.Costs.assign(count * count, infinity);
  std::vector<bool> inFixed(count + 1, false);
  std::vector<bool> inMoving(count + 1, false);
  bool              hasAny = false;
  for (std::size_t i = 0; i < labels.size(); ++i)
  {
    inFixed[own[i]] = inFixed[own[i]] || fixed.count(labels[i]) > 0;
    inMoving[own[i]] = inMoving[own[i]] || moving.count(labels[i]) > 0;
    for (std::size_t j = 0; j < labels.size(); ++j)
    {
      double & cost = links.Costs[(own[i] - 1) * count + own[j] - 1];
      cost = own[i] == own[j] ? 0.0 : std::min(cost, table.Get(i, j));
      hasAny = hasAny || (cost < infinity && own[i] != own[j]);
    }
  }
  if (!hasAny)
  {
    return LabelLinks();
  }
  Partition names(count + 1);
  for (std::size_t number = 1; number <= count; ++number)
  {
    const auto & other = inFixed[number] ? inMoving : inFixed;
    const auto   row = links.Costs.begin() + static_cast<std::ptrdiff_t>((number - 1) * count);
    std::size_t  closest = other[number] ? number : 0;
    for (std::size_t candidate = 1; candidate <= count && !other[number]; ++candidate)
    {
      const double cost = row[static_cast<std::ptrdiff_t>(candidate - 1)];
      if (other[candidate] && cost < (closest > 0 ? row[static_cast<std::ptrdiff_t>(closest - 1)] : infinity))
      {
        closest = candidate;
      }
    }
    names.Join(number, closest > 0 ? closest : number);
  }
  links.Names = names.GetNames();
  links.Groups = Sinkhorn::LabelCosts(links.Costs).FindGroups();
  return links;
}

} // namespace SinkhornRegistration
} // namespace itk
