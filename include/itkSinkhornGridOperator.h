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
#ifndef itkSinkhornGridOperator_h
#define itkSinkhornGridOperator_h

#include "itkSinkhornFeatureSoftminOperator.h"
#include "itkSinkhornGridSoftminOperator.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class GridProblem
 * \brief What a metric or filter needs a softmin operator for.
 *
 * \ingroup Sinkhorn
 */
struct GridProblem
{
  /** Voxels and mm along each axis, fastest first. */
  std::vector<SizeValueType> Size;
  std::vector<double>        Spacing;
  /** mm², K rows of K, between K bins of a feature that stand beside the places; empty: no feature. */
  std::vector<double> Costs;
  /** Threads; 0 lets ITK choose. */
  ThreadIdType NumberOfWorkUnits{ 0 };
};

/** Makes the operator of a problem: one with a point for each voxel on both sides, with a feature bin after bin. So a
 * kernel of one's own, or another implementation of the same, takes part in a metric or a filter; null: as
 * MakeGridOperator() does it by itself. A problem may be only a box of the image, the one that holds all mass. */
template <typename TReal>
using OperatorMaker = std::function<typename SoftminOperator<TReal>::Pointer(const GridProblem &)>;

/** The operator of a problem, from its maker; without one, a GridSoftminOperator, and a FeatureSoftminOperator on it if
 * there are costs. \exception itk::ExceptionObject if the maker's operator does not have the points of the problem. */
template <typename TReal>
typename SoftminOperator<TReal>::Pointer
MakeGridOperator(const GridProblem & problem, const OperatorMaker<TReal> & maker)
{
  if (maker)
  {
    const auto    op = maker(problem);
    SizeValueType points = 1;
    for (const SizeValueType size : problem.Size)
    {
      points *= size;
    }
    SizeValueType bins = 1;
    while (bins * bins < problem.Costs.size())
    {
      ++bins;
    }
    if (!op || op->GetNumberOfPoints(Side::Alpha) != bins * points ||
        op->GetNumberOfPoints(Side::Beta) != bins * points)
    {
      itkGenericExceptionMacro("Sinkhorn: the operator that was made for a grid "
                               << (op ? "has another number of points than its " : "is null, but the grid has ")
                               << points << " voxels with " << bins
                               << " bins each. Correct the OperatorMaker, or set none.");
    }
    return op;
  }
  const auto places =
    std::make_shared<const GridSoftminOperator<TReal>>(problem.Size, problem.Spacing, problem.NumberOfWorkUnits);
  if (problem.Costs.empty())
  {
    return places;
  }
  return std::make_shared<const FeatureSoftminOperator<TReal>>(places, problem.Costs);
}

} // namespace Sinkhorn
} // namespace itk

/** Sets the maker of the operators of a class whose OperatorMaker is m_OperatorMaker. In C++ only: wrappings know no
 * functions. */
#ifdef ITK_WRAPPING_PARSER
#define itkSinkhornOperatorMakerMacro(real) ITK_MACROEND_NOOP_STATEMENT
#else
#define itkSinkhornOperatorMakerMacro(real)                  \
  void SetOperatorMaker(Sinkhorn::OperatorMaker<real> maker) \
  {                                                          \
    m_OperatorMaker = std::move(maker);                      \
    this->Modified();                                        \
  }                                                          \
  ITK_MACROEND_NOOP_STATEMENT
#endif

#endif
