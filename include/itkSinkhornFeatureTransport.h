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
#ifndef itkSinkhornFeatureTransport_h
#define itkSinkhornFeatureTransport_h

#include "itkSinkhornDivergence.h"
#include "itkSinkhornGridOperator.h"
#include "itkSinkhornSolver.h"

#include "SinkhornExport.h"

#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class FeatureTransport
 * \brief Transport between two images whose mass has a feature beside its place: a label, an intensity, an orientation.
 *
 * Each voxel spreads its mass over K bins; going from bin k to bin l costs c(k,l) beside |x−y|²/2, both in mm² (Feydy
 * et al. 2017, section 2, "Position + Orientation"). Results are means over the bins of a voxel, by their mass. Bins
 * and costs come from itkSinkhornImageFeatures.h or from the caller.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT FeatureTransport
{
public:
  using ArrayType = std::vector<TReal>;

  /** \param size, spacing of the grid of both images, fastest axis first; see GridSoftminOperator.
   * \param costs K rows of K, mm²; see FeatureSoftminOperator.
   * \param alpha, beta masses, bin after bin, K times as many as voxels, ≥ 0; each is normalised to the sum 1.
   * \param numberOfWorkUnits threads; 0 lets ITK choose. \param maker of the operator, see OperatorMaker.
   * \exception itk::ExceptionObject if there are not as many masses as voxels and bins, one is negative or no number,
   * or all are 0. */
  FeatureTransport(std::vector<SizeValueType>   size,
                   std::vector<double>          spacing,
                   std::vector<double>          costs,
                   const ArrayType &            alpha,
                   const ArrayType &            beta,
                   const SolverParameters &     parameters,
                   ThreadIdType                 numberOfWorkUnits = 0,
                   const OperatorMaker<TReal> & maker = nullptr);

  /** \exception itk::ExceptionObject see Solver::Solve(). */
  const SolverReport &
  Solve(const SolverObserver & observer = nullptr);

  /** OT and divergence, mm² times mass. */
  TransportValues
  GetValues() const;

  /** Mean of an image of the opposite side over where the mass of each voxel comes from or goes to,
   * Σ γ v / Σ γ; 0 where a voxel has no mass. \param values one for each voxel. */
  ArrayType
  ComputeMean(Side side, const ArrayType & values) const;

  /** Mass of the plan in every voxel, of all bins together; balanced that of the image within the tolerance. */
  ArrayType
  ComputeTransportedMass(Side side) const;

  /** Where the mass of each voxel is to go, mm along each axis of the grid, axis after axis: T(x) − x, debiased
   * T(x) − T_αα(x), which vanishes for equal images; 0 where a voxel has no mass. */
  ArrayType
  ComputeSprings(Side side) const;

  SizeValueType
  GetNumberOfVoxels() const
  {
    return m_NumberOfVoxels;
  }

private:
  const ArrayType &
  GetLogWeights(Side side) const
  {
    return side == Side::Alpha ? m_LogAlpha : m_LogBeta;
  }

  SizeValueType
  GetNumberOfBins() const
  {
    return m_Operator->GetNumberOfPoints(Side::Alpha) / m_NumberOfVoxels;
  }

  void
  CheckSolved() const;

  ArrayType
  MakeLogWeights(const char * name, const ArrayType & masses) const;

  std::vector<SizeValueType>               m_Size;
  std::vector<double>                      m_Spacing;
  SizeValueType                            m_NumberOfVoxels;
  SolverParameters                         m_Parameters;
  ThreadIdType                             m_NumberOfWorkUnits;
  typename SoftminOperator<TReal>::Pointer m_Operator;
  ArrayType                                m_LogAlpha;
  ArrayType                                m_LogBeta;
  Potentials<TReal>                        m_Potentials;
  SolverReport                             m_Report;
};

} // namespace Sinkhorn
} // namespace itk

#endif
