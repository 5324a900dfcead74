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
#ifndef itkSinkhornPyramid_h
#define itkSinkhornPyramid_h

#include "itkSinkhornSoftminOperator.h"

#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** A transport problem on an operator and on the coarser operators that it knows. Level 0 is the finest; its weights
 * are the caller's and are not copied. */
template <typename TReal>
class Pyramid
{
public:
  using OperatorType = SoftminOperator<TReal>;

  struct Level
  {
    typename OperatorType::Pointer               Operator;
    std::shared_ptr<const CoarseTransfer<TReal>> Transfer; ///< from and to the next finer level; null at level 0
    const TReal *                                LogWeights[2]{ nullptr, nullptr };
    std::vector<TReal>                           Storage[2];
  };

  /** Adds coarser levels until \a coarsestResolution (mm) would be exceeded or the operator has no coarser one. */
  Pyramid(typename OperatorType::Pointer finest,
          const TReal *                  logAlpha,
          const TReal *                  logBeta,
          double                         coarsestResolution);

  size_t
  GetNumberOfLevels() const
  {
    return m_Levels.size();
  }

  const Level &
  operator[](size_t level) const
  {
    return m_Levels[level];
  }

  /** The coarsest level whose resolution is at most \a resolution, else level 0. */
  size_t
  GetCoarsestLevel(double resolution) const;

  /** Carries a potential of one side from a level to a finer one; an empty potential becomes zero. */
  void
  Prolong(Side side, size_t from, size_t to, std::vector<TReal> & potential) const;

private:
  std::vector<Level> m_Levels;
};

} // namespace Sinkhorn
} // namespace itk

#endif
