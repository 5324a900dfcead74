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
#ifndef itkSinkhornPackedSources_h
#define itkSinkhornPackedSources_h

#include "itkSinkhornPointBlocks.h"
#include "itkSinkhornPointSoftminSimd.h"

namespace itk
{
namespace Sinkhorn
{

/** \class PackedSources
 * \brief The sources of a softmin between points, in blocks and relative to them: see PointSoftminPass. */
template <typename T>
class PackedSources
{
public:
  /** \a blocks is kept by reference. \param potential may be null. */
  PackedSources(const PointBlocks & blocks,
                double              inverseEpsilon,
                const double *      logWeights,
                const double *      potential,
                ThreadIdType        workUnits);

  /** Columns [begin, begin + PointValueColumns) of so many; missing ones are 0. */
  void
  PackValues(const double * values, unsigned int numberOfColumns, unsigned int begin);

  /** The sources' part of a pass, which refers to this object. */
  void
  Fill(PointSoftminPass<T> & pass) const;

private:
  void
  PackBlock(SizeValueType block, double inverseEpsilon, const double * logWeights, const double * potential);

  const PointBlocks & m_Blocks;
  std::vector<double> m_Constants;
  std::vector<double> m_Slopes;
  std::vector<double> m_Largest;
  std::vector<T>      m_Offsets;
  std::vector<T>      m_Coordinates;
  std::vector<T>      m_Values;
  std::vector<double> m_ValueMeans;
};

} // namespace Sinkhorn
} // namespace itk

#endif
