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
#include "itkSinkhornClusteredSoftminOperator.h"
#include "itkSinkhornParallel.h"
#include "itkSinkhornPackedSources.h"
#include "itkSinkhornPointBlocks.h"
#include "itkSinkhornPointClusters.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** What is left out of a sum, relative to it: e to the power of minus this. */
template <typename T>
constexpr double Neglect = 17.0;
template <>
constexpr double Neglect<double> = 39.0;

/** The half width of a block may be so many blurs, squared, before offsets lose digits that matter. */
constexpr double LargestSquaredBlurs = 300.0;

/** Fewer points than this, of both sides together, need no coarser version. */
constexpr SizeValueType LeastPoints = 2 * PointBlocks::Length;

/** A coarser version has at most this part of the points. */
constexpr double LargestShare = 0.5;

/** Cells are looked for from this part of the typical width of a block on: the distance of 32 points in a row. */
constexpr double FirstCell = 1.0 / 32.0;

/** Neighbours, itself among them, whose potential a point's affine function is fitted to. */
constexpr SizeValueType FittedPoints = 8;

double
LogAdd(double a, double b)
{
  const double largest = std::max(a, b);
  return largest > -std::numeric_limits<double>::infinity() ? largest + std::log1p(std::exp(std::min(a, b) - largest))
                                                            : largest;
}

} // namespace

std::ostream &
operator<<(std::ostream & os, PairPrecision precision)
{
  return os << (precision == PairPrecision::Single ? "Single" : "Double");
}

struct ClusteredSoftminOperator::Cloud
{
  Cloud(unsigned int dimension, std::vector<double> points, std::vector<double> masses)
    : Points(std::move(points))
    , Masses(std::move(masses))
    , Blocks(dimension, Points)
  {}

  std::vector<double>            Points;
  std::vector<double>            Masses;
  PointBlocks                    Blocks;
  std::unique_ptr<PointClusters> Clusters;
  /** Of each point; of coarser versions only. */
  std::vector<SizeValueType> Neighbors;

  /** The square of the width of the box around the median block. */
  double
  GetTypicalSquaredWidth() const
  {
    std::vector<double> widths(Blocks.GetNumberOfBlocks(), 0.0);
    for (SizeValueType k = 0; k < Blocks.HalfWidths.size(); ++k)
    {
      const double width = 2.0 * Blocks.HalfWidths[k];
      widths[k / Blocks.Dimension] += width * width;
    }
    const auto middle = widths.begin() + static_cast<std::ptrdiff_t>(widths.size() / 2);
    std::nth_element(widths.begin(), middle, widths.end());
    return *middle;
  }

  double
  GetLargestHalfWidth() const
  {
    return *std::max_element(Blocks.HalfWidths.begin(), Blocks.HalfWidths.end());
  }
};

struct ClusteredSoftminOperator::Task
{
  Side           To;
  Side           From;
  double         Blur;
  const double * LogWeights;
  const double * Potential;
  double *       Out;
  const double * Values;
  unsigned int   NumberOfColumns;
  double *       Means;
};

ClusteredSoftminOperator::ClusteredSoftminOperator(unsigned int        dimension,
                                                   std::vector<double> alpha,
                                                   std::vector<double> beta,
                                                   std::vector<double> alphaMasses,
                                                   std::vector<double> betaMasses,
                                                   PairPrecision       precision,
                                                   ThreadIdType        numberOfWorkUnits)
  : m_Dimension(dimension)
  , m_Precision(precision)
  , m_NumberOfWorkUnits(numberOfWorkUnits)
{
  if (dimension > MaximumPointDimension)
  {
    itkGenericExceptionMacro("Sinkhorn: points of " << dimension << " coordinates; at most " << MaximumPointDimension
                                                    << " are possible.");
  }
  CheckPointList(dimension, alpha, "alpha");
  CheckPointList(dimension, beta, "beta");
  if (alphaMasses.size() * dimension != alpha.size() || betaMasses.size() * dimension != beta.size())
  {
    itkGenericExceptionMacro("Sinkhorn: " << alpha.size() / dimension << " and " << beta.size() / dimension
                                          << " points, but " << alphaMasses.size() << " and " << betaMasses.size()
                                          << " masses. Give one for each point.");
  }
  m_HasOneSupport = alpha == beta;
  m_Diameter = ComputeBoxDiagonal(dimension, { &alpha, &beta });
  m_Clouds[0].reset(new Cloud(dimension, std::move(alpha), std::move(alphaMasses)));
  m_Clouds[1].reset(new Cloud(dimension, std::move(beta), std::move(betaMasses)));
  const double typical =
    std::sqrt(std::min(m_Clouds[0]->GetTypicalSquaredWidth(), m_Clouds[1]->GetTypicalSquaredWidth()));
  this->MakeClusters(FirstCell * (typical > 0.0 ? typical : m_Diameter));
  m_Resolution = 0.5 * m_CellSize;
}

ClusteredSoftminOperator::ClusteredSoftminOperator(const ClusteredSoftminOperator & finer, double resolution)
  : m_Dimension(finer.m_Dimension)
  , m_Precision(finer.m_Precision)
  , m_NumberOfWorkUnits(finer.m_NumberOfWorkUnits)
  , m_Diameter(finer.m_Diameter)
  , m_Resolution(resolution)
{
  for (size_t side = 0; side < 2; ++side)
  {
    const PointClusters & clusters = *finer.m_Clouds[side]->Clusters;
    m_Clouds[side].reset(new Cloud(m_Dimension, clusters.Positions, clusters.Masses));
    Cloud & cloud = *m_Clouds[side];
    cloud.Neighbors = FindNeighbors(cloud.Blocks, cloud.Points, FittedPoints, m_NumberOfWorkUnits);
  }
  m_HasOneSupport = m_Clouds[0]->Points == m_Clouds[1]->Points;
  this->MakeClusters(2.0 * resolution);
}

ClusteredSoftminOperator::~ClusteredSoftminOperator() = default;

void
ClusteredSoftminOperator::MakeClusters(double smallestCell)
{
  const SizeValueType points = m_Clouds[0]->Masses.size() + m_Clouds[1]->Masses.size();
  if (points < LeastPoints || !(smallestCell > 0.0))
  {
    return;
  }
  for (double cell = smallestCell; cell <= m_Diameter; cell *= 2.0)
  {
    SizeValueType clusters = 0;
    for (const auto & cloud : m_Clouds)
    {
      cloud->Clusters.reset(new PointClusters(m_Dimension, cloud->Points, cloud->Masses, cell));
      clusters += cloud->Clusters->Masses.size();
    }
    if (static_cast<double>(clusters) <= LargestShare * static_cast<double>(points))
    {
      m_CellSize = cell;
      return;
    }
  }
}

SizeValueType
ClusteredSoftminOperator::GetNumberOfPoints(Side side) const
{
  return this->GetCloud(side).Masses.size();
}

bool
ClusteredSoftminOperator::HasOneSupport() const
{
  return m_HasOneSupport;
}

double
ClusteredSoftminOperator::GetDiameter() const
{
  return m_Diameter;
}

double
ClusteredSoftminOperator::GetResolution() const
{
  return m_Resolution;
}

template <typename T>
void
ClusteredSoftminOperator::Run(const Task & task) const
{
  const PointBlocks & targets = this->GetCloud(task.To).Blocks;
  const PointBlocks & sources = this->GetCloud(task.From).Blocks;
  const double        inverseEpsilon = 1.0 / (task.Blur * task.Blur);
  PackedSources<T>    packed(sources, inverseEpsilon, task.LogWeights, task.Potential, m_NumberOfWorkUnits);
  std::vector<double> sums(targets.Order.size());
  std::vector<double> means(task.Values != nullptr ? targets.Order.size() * PointValueColumns : 0);

  PointSoftminPass<T> pass;
  pass.InverseEpsilon = inverseEpsilon;
  pass.Threshold = Neglect<T> + std::log(static_cast<double>(this->GetNumberOfPoints(task.From)));
  pass.TargetCoordinates = targets.Coordinates.data();
  pass.TargetCenters = targets.Centers.data();
  pass.TargetHalfWidths = targets.HalfWidths.data();
  pass.Out = sums.data();
  pass.Means = means.data();
  unsigned int column = 0;
  do
  {
    if (task.Values != nullptr)
    {
      packed.PackValues(task.Values, task.NumberOfColumns, column);
    }
    packed.Fill(pass);
    ForEachTask(targets.GetNumberOfBlocks(), m_NumberOfWorkUnits, false, [&](SizeValueType block) {
      ApplyPointSoftmin(pass, block);
      for (SizeValueType k = 0; k < targets.Counts[block]; ++k)
      {
        const SizeValueType place = block * PointBlocks::Length + k;
        const SizeValueType point = targets.Order[place];
        if (task.Out != nullptr)
        {
          task.Out[point] = sums[place];
        }
        for (unsigned int c = 0; c < PointValueColumns && column + c < task.NumberOfColumns; ++c)
        {
          task.Means[point * task.NumberOfColumns + column + c] =
            means[(block * PointValueColumns + c) * PointBlocks::Length + k];
        }
      }
    });
    column += PointValueColumns;
  } while (column < task.NumberOfColumns);
}

bool
ClusteredSoftminOperator::IsSingleEnough(double blur) const
{
  const double halfWidth =
    std::max(this->GetCloud(Side::Alpha).GetLargestHalfWidth(), this->GetCloud(Side::Beta).GetLargestHalfWidth());
  return m_Precision == PairPrecision::Single && halfWidth * halfWidth <= LargestSquaredBlurs * blur * blur;
}

void
ClusteredSoftminOperator::Apply(Side           to,
                                Side           from,
                                double         blur,
                                const double * logWeights,
                                const double * potential,
                                double *       out) const
{
  const Task task{ to, from, blur, logWeights, potential, out, nullptr, 0, nullptr };
  this->IsSingleEnough(blur) ? this->Run<float>(task) : this->Run<double>(task);
}

void
ClusteredSoftminOperator::ComputeMeans(Side           to,
                                       Side           from,
                                       double         blur,
                                       const double * logWeights,
                                       const double * potential,
                                       const double * values,
                                       unsigned int   numberOfColumns,
                                       double *       means) const
{
  const Task task{ to, from, blur, logWeights, potential, nullptr, values, numberOfColumns, means };
  this->IsSingleEnough(blur) ? this->Run<float>(task) : this->Run<double>(task);
}

class ClusteredSoftminOperator::Transfer : public CoarseTransfer<double>
{
public:
  Transfer(const ClusteredSoftminOperator & fine, const ClusteredSoftminOperator & coarse)
    : m_Dimension(fine.m_Dimension)
    , m_NumberOfWorkUnits(fine.m_NumberOfWorkUnits)
    , m_Fine{ fine.m_Clouds[0], fine.m_Clouds[1] }
    , m_Coarse{ coarse.m_Clouds[0], coarse.m_Clouds[1] }
  {}

  void
  RestrictLogWeights(Side side, const double * fine, double * coarse) const override;
  void
  RestrictMass(Side side, const double * fine, double * coarse) const override;
  void
  RestrictPotential(Side side, const double * fine, double * coarse) const override;
  void
  ProlongPotential(Side side, const double * coarse, double * fine) const override;

private:
  const Cloud &
  GetFine(Side side) const
  {
    return *m_Fine[static_cast<size_t>(side)];
  }
  const Cloud &
  GetCoarse(Side side) const
  {
    return *m_Coarse[static_cast<size_t>(side)];
  }

  unsigned int                 m_Dimension;
  ThreadIdType                 m_NumberOfWorkUnits;
  std::shared_ptr<const Cloud> m_Fine[2];
  std::shared_ptr<const Cloud> m_Coarse[2];
};

CoarserOperator<double>
ClusteredSoftminOperator::MakeCoarser() const
{
  if (!(m_CellSize > 0.0))
  {
    return {};
  }
  const std::shared_ptr<const ClusteredSoftminOperator> coarse(new ClusteredSoftminOperator(*this, m_CellSize));
  return { coarse, std::make_shared<const Transfer>(*this, *coarse) };
}

void
ClusteredSoftminOperator::Transfer::RestrictLogWeights(Side side, const double * fine, double * coarse) const
{
  const std::vector<SizeValueType> & parents = this->GetFine(side).Clusters->Parents;
  std::fill(coarse, coarse + this->GetCoarse(side).Masses.size(), -std::numeric_limits<double>::infinity());
  for (size_t i = 0; i < parents.size(); ++i)
  {
    coarse[parents[i]] = LogAdd(coarse[parents[i]], fine[i]);
  }
}

void
ClusteredSoftminOperator::Transfer::RestrictMass(Side side, const double * fine, double * coarse) const
{
  const std::vector<SizeValueType> & parents = this->GetFine(side).Clusters->Parents;
  std::fill(coarse, coarse + this->GetCoarse(side).Masses.size(), 0.0);
  for (size_t i = 0; i < parents.size(); ++i)
  {
    coarse[parents[i]] += fine[i];
  }
}

void
ClusteredSoftminOperator::Transfer::RestrictPotential(Side side, const double * fine, double * coarse) const
{
  const Cloud &       cloud = this->GetFine(side);
  std::vector<double> counts(this->GetCoarse(side).Masses.size(), 0.0);
  for (const SizeValueType parent : cloud.Clusters->Parents)
  {
    counts[parent] += 1.0;
  }
  std::fill(coarse, coarse + counts.size(), 0.0);
  for (size_t i = 0; i < cloud.Masses.size(); ++i)
  {
    const SizeValueType parent = cloud.Clusters->Parents[i];
    const double        mass = cloud.Clusters->Masses[parent];
    coarse[parent] += fine[i] * (mass > 0.0 ? cloud.Masses[i] / mass : 1.0 / counts[parent]);
  }
}

void
ClusteredSoftminOperator::Transfer::ProlongPotential(Side side, const double * coarse, double * fine) const
{
  const Cloud &       clusters = this->GetCoarse(side);
  const SizeValueType count = clusters.Neighbors.size() / clusters.Masses.size();
  std::vector<double> slopes(clusters.Points.size());
  ForEachChunk(clusters.Masses.size(), m_NumberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    std::vector<double> coordinates(m_Dimension * count);
    std::vector<double> values(count);
    for (SizeValueType i = begin; i < end; ++i)
    {
      for (SizeValueType k = 0; k < count; ++k)
      {
        const SizeValueType neighbor = clusters.Neighbors[i * count + k];
        values[k] = coarse[neighbor];
        for (unsigned int d = 0; d < m_Dimension; ++d)
        {
          coordinates[d * count + k] = clusters.Points[neighbor * m_Dimension + d];
        }
      }
      FitSlope(m_Dimension,
               coordinates.data(),
               count,
               values.data(),
               count,
               &clusters.Points[i * m_Dimension],
               &slopes[i * m_Dimension]);
    }
  });
  const Cloud & cloud = this->GetFine(side);
  for (size_t i = 0; i < cloud.Masses.size(); ++i)
  {
    const SizeValueType parent = cloud.Clusters->Parents[i];
    fine[i] = coarse[parent];
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      fine[i] += slopes[parent * m_Dimension + d] *
                 (cloud.Points[i * m_Dimension + d] - cloud.Clusters->Positions[parent * m_Dimension + d]);
    }
  }
}

} // namespace Sinkhorn
} // namespace itk
