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
#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornGridTransfer.h"
#include "itkSinkhornLineSoftmin.h"
#include "itkSinkhornParallel.h"

#include "itkMacro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** An axis is halved while it has more voxels than this. */
constexpr SizeValueType SmallestAxis = 4;

/** Cropping copies arrays and costs four softmins on the whole grid in the end; it has to leave out this much. */
constexpr double LargestCropFraction = 0.75;

std::vector<SizeValueType>
GetStrides(const std::vector<SizeValueType> & size)
{
  std::vector<SizeValueType> strides(size.size(), 1);
  for (size_t d = 1; d < size.size(); ++d)
  {
    strides[d] = strides[d - 1] * size[d - 1];
  }
  return strides;
}

/** Lines that one task works on. */
SizeValueType
GetLinesPerTask(SizeValueType length)
{
  return std::max<SizeValueType>(1, ChunkLength / length);
}

/** Calls function(offset in the whole grid, offset in its part) for the beginning of each line of the part, on several
 * threads. */
template <typename TFunction>
void
ForEachCroppedLine(const std::vector<SizeValueType> & whole,
                   const std::vector<SizeValueType> & part,
                   const std::vector<SizeValueType> & start,
                   ThreadIdType                       numberOfWorkUnits,
                   const TFunction &                  function)
{
  const std::vector<SizeValueType> strides = GetStrides(whole);
  const SizeValueType              lines = GetStrides(part).back() * part.back() / part[0];
  const SizeValueType              linesPerTask = GetLinesPerTask(part[0]);
  const SizeValueType              tasks = (lines + linesPerTask - 1) / linesPerTask;
  ForEachTask(tasks, numberOfWorkUnits, lines * part[0] <= SerialLength, [&](SizeValueType task) {
    for (SizeValueType line = task * linesPerTask; line < std::min(lines, (task + 1) * linesPerTask); ++line)
    {
      SizeValueType offset = start[0];
      SizeValueType rest = line;
      for (size_t d = 1; d < part.size(); ++d)
      {
        offset += (start[d] + rest % part[d]) * strides[d];
        rest /= part[d];
      }
      function(offset, line * part[0]);
    }
  });
}

/** Smallest box around some voxels, by its first and last index along each axis. */
struct Box
{
  explicit Box(const std::vector<SizeValueType> & size)
    : First(size)
    , Last(size.size(), 0)
  {}

  /** Makes room for a line from index \a begin to index \a end. */
  void
  Include(SizeValueType line, SizeValueType begin, SizeValueType end, const std::vector<SizeValueType> & size)
  {
    First[0] = std::min(First[0], begin);
    Last[0] = std::max(Last[0], end);
    for (size_t d = 1; d < size.size(); ++d)
    {
      const SizeValueType index = line % size[d];
      First[d] = std::min(First[d], index);
      Last[d] = std::max(Last[d], index);
      line /= size[d];
    }
  }

  void
  Include(const Box & other)
  {
    for (size_t d = 0; d < First.size(); ++d)
    {
      First[d] = std::min(First[d], other.First[d]);
      Last[d] = std::max(Last[d], other.Last[d]);
    }
  }

  std::vector<SizeValueType> First;
  std::vector<SizeValueType> Last;
};

/** The box around the voxels that have mass in at least one of the arrays. */
template <typename TReal>
Box
FindBox(const TReal *                      logAlpha,
        const TReal *                      logBeta,
        const std::vector<SizeValueType> & size,
        SizeValueType                      numberOfPoints,
        ThreadIdType                       numberOfWorkUnits)
{
  constexpr TReal     empty = -std::numeric_limits<TReal>::infinity();
  const SizeValueType length = size[0];
  const SizeValueType lines = numberOfPoints / length;
  const SizeValueType linesPerTask = GetLinesPerTask(length);
  std::vector<Box>    boxes((lines + linesPerTask - 1) / linesPerTask, Box(size));
  ForEachTask(boxes.size(), numberOfWorkUnits, numberOfPoints <= SerialLength, [&](SizeValueType task) {
    Box & box = boxes[task];
    for (SizeValueType line = task * linesPerTask; line < std::min(lines, (task + 1) * linesPerTask); ++line)
    {
      const auto isFull = [&](SizeValueType x) {
        const SizeValueType point = line * length + x;
        return logAlpha[point] > empty || logBeta[point] > empty;
      };
      // Only the two ends of a line's mass matter.
      SizeValueType begin = 0;
      while (begin < length && !isFull(begin))
      {
        ++begin;
      }
      if (begin < length)
      {
        SizeValueType end = length - 1;
        while (end > std::max(begin, box.Last[0]) && !isFull(end))
        {
          --end;
        }
        box.Include(line, begin, end, size);
      }
    }
  });
  Box whole(size);
  for (const Box & box : boxes)
  {
    whole.Include(box);
  }
  return whole;
}

/** Between a grid and a box of it. */
template <typename TReal>
class GridCrop : public CropTransfer<TReal>
{
public:
  /** \param start index of the part's first voxel in the whole. */
  GridCrop(std::vector<SizeValueType> whole,
           std::vector<SizeValueType> part,
           std::vector<SizeValueType> start,
           ThreadIdType               numberOfWorkUnits)
    : m_Whole(std::move(whole))
    , m_Part(std::move(part))
    , m_Start(std::move(start))
    , m_NumberOfWorkUnits(numberOfWorkUnits)
  {}

  void
  Gather(Side, const TReal * whole, TReal * part) const override
  {
    ForEachCroppedLine(m_Whole, m_Part, m_Start, m_NumberOfWorkUnits, [&](SizeValueType inWhole, SizeValueType inPart) {
      std::copy_n(whole + inWhole, m_Part[0], part + inPart);
    });
  }

  void
  Scatter(Side, const TReal * part, TReal * whole) const override
  {
    ForEachCroppedLine(m_Whole, m_Part, m_Start, m_NumberOfWorkUnits, [&](SizeValueType inWhole, SizeValueType inPart) {
      std::copy_n(part + inPart, m_Part[0], whole + inWhole);
    });
  }

private:
  std::vector<SizeValueType> m_Whole;
  std::vector<SizeValueType> m_Part;
  std::vector<SizeValueType> m_Start;
  ThreadIdType               m_NumberOfWorkUnits;
};

} // namespace

template <typename TReal>
GridSoftminOperator<TReal>::GridSoftminOperator(std::vector<SizeValueType> size,
                                                std::vector<double>        spacing,
                                                ThreadIdType               numberOfWorkUnits)
  : m_Size(std::move(size))
  , m_Spacing(std::move(spacing))
  , m_NumberOfWorkUnits(numberOfWorkUnits)
{
  if (m_Size.empty() || m_Size.size() != m_Spacing.size())
  {
    itkGenericExceptionMacro("Sinkhorn: a grid needs one size and one spacing per axis, but there are "
                             << m_Size.size() << " sizes and " << m_Spacing.size() << " spacings.");
  }
  for (size_t d = 0; d < m_Size.size(); ++d)
  {
    if (m_Size[d] == 0 || !(m_Spacing[d] > 0.0) || !std::isfinite(m_Spacing[d]))
    {
      itkGenericExceptionMacro("Sinkhorn: axis " << d << " of the grid has size " << m_Size[d] << " and spacing "
                                                 << m_Spacing[d] << " mm; both must be positive and finite.");
    }
    m_NumberOfPoints *= m_Size[d];
  }
}

template <typename TReal>
void
GridSoftminOperator<TReal>::Apply(Side,
                                  Side,
                                  double        blur,
                                  const TReal * logWeights,
                                  const TReal * potential,
                                  TReal *       out) const
{
  const std::vector<SizeValueType> strides = GetStrides(m_Size);

  std::vector<LinePass<TReal>> passes(m_Size.size());
  for (size_t d = 0; d < m_Size.size(); ++d)
  {
    LinePass<TReal> & pass = passes[d];
    pass.out = out;
    pass.length = m_Size[d];
    pass.inner = strides[d];
    pass.outer = m_NumberOfPoints / (m_Size[d] * strides[d]);
    pass.step = m_Spacing[d] / blur;
    // The first pass reads the caller's arrays, the others work in place: no copy of the exponent is ever stored.
    pass.logWeights = d == 0 ? logWeights : out;
    pass.potential = d == 0 ? potential : nullptr;
    pass.inverseEpsilon = static_cast<TReal>(1.0 / (blur * blur));
  }
  ApplyLinePasses(passes, m_NumberOfWorkUnits);
}

template <typename TReal>
double
GridSoftminOperator<TReal>::GetDiameter() const
{
  double squaredDiameter = 0.0;
  for (size_t d = 0; d < m_Size.size(); ++d)
  {
    const double extent = static_cast<double>(m_Size[d] - 1) * m_Spacing[d];
    squaredDiameter += extent * extent;
  }
  return std::sqrt(squaredDiameter);
}

template <typename TReal>
double
GridSoftminOperator<TReal>::GetResolution() const
{
  double largest = 0.0;
  for (size_t d = 0; d < m_Size.size(); ++d)
  {
    // An axis with a single voxel has nothing to resolve.
    largest = m_Size[d] > 1 ? std::max(largest, m_Spacing[d]) : largest;
  }
  return largest;
}

template <typename TReal>
CoarserOperator<TReal>
GridSoftminOperator<TReal>::MakeCoarser() const
{
  double smallestSpacing = std::numeric_limits<double>::max();
  for (size_t d = 0; d < m_Size.size(); ++d)
  {
    smallestSpacing = m_Size[d] > SmallestAxis ? std::min(smallestSpacing, m_Spacing[d]) : smallestSpacing;
  }
  std::vector<SizeValueType> size = m_Size;
  std::vector<double>        spacing = m_Spacing;
  bool                       coarser = false;
  for (size_t d = 0; d < m_Size.size(); ++d)
  {
    if (m_Size[d] > SmallestAxis && m_Spacing[d] < 1.5 * smallestSpacing)
    {
      size[d] = (m_Size[d] + 1) / 2;
      spacing[d] = 2.0 * m_Spacing[d];
      coarser = true;
    }
  }
  if (!coarser)
  {
    return {};
  }
  return { std::make_shared<const GridSoftminOperator>(size, std::move(spacing), m_NumberOfWorkUnits),
           std::make_shared<const GridTransfer<TReal>>(m_Size, size, m_NumberOfWorkUnits) };
}

template <typename TReal>
CroppedOperator<TReal>
GridSoftminOperator<TReal>::MakeCropped(const TReal * logAlpha, const TReal * logBeta) const
{
  const size_t               dimension = m_Size.size();
  Box                        box = FindBox(logAlpha, logBeta, m_Size, m_NumberOfPoints, m_NumberOfWorkUnits);
  std::vector<SizeValueType> size(dimension);
  SizeValueType              points = 1;
  for (size_t d = 0; d < dimension; ++d)
  {
    size[d] = box.Last[d] + 1 - box.First[d];
    points *= size[d];
  }
  if (static_cast<double>(points) > LargestCropFraction * static_cast<double>(m_NumberOfPoints))
  {
    return {};
  }
  return { std::make_shared<const GridSoftminOperator>(size, m_Spacing, m_NumberOfWorkUnits),
           std::make_shared<const GridCrop<TReal>>(m_Size, size, std::move(box.First), m_NumberOfWorkUnits) };
}

template class GridSoftminOperator<float>;
template class GridSoftminOperator<double>;

} // namespace Sinkhorn
} // namespace itk
