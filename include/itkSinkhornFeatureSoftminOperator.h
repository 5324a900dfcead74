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
#ifndef itkSinkhornFeatureSoftminOperator_h
#define itkSinkhornFeatureSoftminOperator_h

#include "itkSinkhornSoftminOperator.h"

#include "SinkhornExport.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class FeatureSoftminOperator
 * \brief Softmin between measures of place and feature: every point of another operator, once for each bin of a
 * feature.
 *
 * The cost is a sum, C(x,y) + c(k,l), so that the kernel stays a product: K softmins of the space and one sum over bins
 * at every point. Mass goes to mass of its own kind where c is large: labels, ranges of intensity, orientations (Feydy
 * et al. 2017, section 2, "Position + Orientation"). An infinite cost keeps two bins apart altogether.
 *
 * Point k·N + i is point i of the space with bin k, N the number of points of that side. Bins without mass cost
 * nothing. Coarser and cropped operators are those of the space; bins stay as they are.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT FeatureSoftminOperator : public SoftminOperator<TReal>
{
public:
  using Superclass = SoftminOperator<TReal>;
  using Pointer = typename Superclass::Pointer;

  /** \param space the operator of the places.
   * \param costs c(k,l) in mm², K rows of K, symmetric, 0 on the diagonal, ≥ 0; may be +∞.
   * \exception itk::ExceptionObject that names the entry if the costs are none. */
  FeatureSoftminOperator(Pointer space, std::vector<double> costs);

  SizeValueType
  GetNumberOfBins() const
  {
    return m_NumberOfBins;
  }

  const Superclass &
  GetSpace() const
  {
    return *m_Space;
  }

  SizeValueType
  GetNumberOfPoints(Side side) const override
  {
    return m_NumberOfBins * m_Space->GetNumberOfPoints(side);
  }

  void
  Apply(Side to, Side from, double blur, const TReal * logWeights, const TReal * potential, TReal * out) const override;

  bool
  HasOneSupport() const override
  {
    return m_Space->HasOneSupport();
  }

  /** Of the space, lengthened by the largest finite cost: annealing has to begin above it. */
  double
  GetDiameter() const override;

  double
  GetResolution() const override
  {
    return m_Space->GetResolution();
  }

  CoarserOperator<TReal>
  MakeCoarser() const override;

  CroppedOperator<TReal>
  MakeCropped(const TReal * logAlpha, const TReal * logBeta) const override;

  ThreadIdType
  GetNumberOfWorkUnits() const override
  {
    return m_Space->GetNumberOfWorkUnits();
  }

private:
  /** exp(−c/ε) between bins, and c/ε, which does not leave the range. */
  struct Kernel
  {
    std::vector<TReal> Values;
    std::vector<TReal> Exponents;
  };

  /** Replaces K softmins of single bins, \a begin to \a end of \a length points each, by those over all bins. */
  void
  MixBins(const Kernel & kernel, SizeValueType length, SizeValueType begin, SizeValueType end, TReal * values) const;

  Pointer             m_Space;
  std::vector<double> m_Costs;
  SizeValueType       m_NumberOfBins{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
