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
#ifndef itkSinkhornPointSoftminOperator_h
#define itkSinkhornPointSoftminOperator_h

#include "itkSinkhornSoftminOperator.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class PointSoftminOperator
 * \brief Softmin between two clouds of points, every pair visited: the definition itself, in double precision.
 *
 * The oracle that the grid operator and ClusteredSoftminOperator, which is a hundred times faster, are tested against.
 * Cost O(nm) for n points of α and m of β.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT PointSoftminOperator : public SoftminOperator<TReal>
{
public:
  /** \param dimension coordinates per point, ≥ 1.
   * \param alpha, beta coordinates in mm, point after point.
   * \exception itk::ExceptionObject if a coordinate is not finite or a list is empty or no multiple of the dimension.
   */
  PointSoftminOperator(unsigned int        dimension,
                       std::vector<double> alpha,
                       std::vector<double> beta,
                       ThreadIdType        numberOfWorkUnits = 0);

  SizeValueType
  GetNumberOfPoints(Side side) const override
  {
    return this->GetPoints(side).size() / m_Dimension;
  }

  void
  Apply(Side to, Side from, double blur, const TReal * logWeights, const TReal * potential, TReal * out) const override;

  double
  GetDiameter() const override;

  double
  GetResolution() const override
  {
    return 0.0;
  }

  ThreadIdType
  GetNumberOfWorkUnits() const override
  {
    return m_NumberOfWorkUnits;
  }

  const std::vector<double> &
  GetPoints(Side side) const
  {
    return side == Side::Alpha ? m_Alpha : m_Beta;
  }

private:
  unsigned int        m_Dimension{ 0 };
  std::vector<double> m_Alpha;
  std::vector<double> m_Beta;
  ThreadIdType        m_NumberOfWorkUnits{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
