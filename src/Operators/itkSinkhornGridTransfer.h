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
#ifndef itkSinkhornGridTransfer_h
#define itkSinkhornGridTransfer_h

#include "itkSinkhornSoftminOperator.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class GridTransfer
 * \brief Carries arrays between a grid and the coarser one that halves some of its axes.
 *
 * Coarse voxel k of a halved axis stands for the fine voxels 2k and 2k + 1 (the last one of an odd axis for one only)
 * and is centred at the fine coordinate 2k + 1/2. Works row by row along the first axis. */
template <typename TReal>
class GridTransfer : public CoarseTransfer<TReal>
{
public:
  /** Sizes with the fastest axis first; each coarse one equals the fine one or half of it, rounded up. */
  GridTransfer(std::vector<SizeValueType> fineSize,
               std::vector<SizeValueType> coarseSize,
               ThreadIdType               numberOfWorkUnits);

  /** Logarithm of the sum of the exponentials of the fine voxels. */
  void
  RestrictLogWeights(Side side, const TReal * fine, TReal * coarse) const override;

  /** Mean of the fine voxels. */
  void
  RestrictPotential(Side side, const TReal * fine, TReal * coarse) const override;

  /** Sum of the fine voxels. */
  void
  RestrictMass(Side side, const TReal * fine, TReal * coarse) const override;

  /** Linear interpolation. Beyond the outermost coarse centres it continues linearly: dual potentials are sloped there,
   * and a constant would misplace the mass. */
  void
  ProlongPotential(Side side, const TReal * coarse, TReal * fine) const override;

private:
  struct Row
  {
    SizeValueType Offset{ 0 }; ///< of its first voxel
    TReal         Weight{ 1 };
  };

  std::vector<Row>
  FineRowsOf(SizeValueType coarseRow) const;

  std::vector<Row>
  CoarseRowsAround(SizeValueType fineRow) const;

  /** Sum or mean of the fine voxels. */
  void
  RestrictLinearly(const TReal * fine, TReal * coarse, bool mean) const;

  template <typename TFunction>
  void
  ForEachRow(const std::vector<SizeValueType> & size, const TFunction & function) const;

  std::vector<SizeValueType> m_FineSize;
  std::vector<SizeValueType> m_CoarseSize;
  ThreadIdType               m_NumberOfWorkUnits;
};

} // namespace Sinkhorn
} // namespace itk

#endif
