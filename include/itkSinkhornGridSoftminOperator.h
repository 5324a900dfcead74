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
#ifndef itkSinkhornGridSoftminOperator_h
#define itkSinkhornGridSoftminOperator_h

#include "itkSinkhornSoftminOperator.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class GridSoftminOperator
 * \brief Softmin between two densities on one regular grid, one axis at a time.
 *
 * The Gibbs kernel \f$e^{-|x-y|^2/2\sigma^2}\f$ is a product over the axes of the grid, so the softmin over all voxels
 * is a sequence of softmins along lines (Feydy et al. 2017, section 3; Solomon et al. 2015), here in the logarithmic
 * domain and therefore safe at any displacement. Because the grid's direction matrix is orthonormal, distances along
 * the axes are distances in physical space and the direction does not enter.
 *
 * There is no switch to the linear domain or to an FFT at wide blurs: measured, FFTW is slower at every size and blur
 * where single precision would allow it (benchmark/README.md).
 *
 * Both sides live on the same grid. The first axis varies fastest, as in an itk::Image buffer.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT GridSoftminOperator : public SoftminOperator<TReal>
{
public:
  using Superclass = SoftminOperator<TReal>;
  using Pointer = typename Superclass::Pointer;

  /** \param size number of voxels along each axis, ≥ 1, fastest axis first; any number of axes ≥ 1.
   * \param spacing distance between voxel centres along each axis, mm, > 0.
   * \param numberOfWorkUnits threads to use; 0 lets ITK choose.
   * \exception itk::ExceptionObject if a size or a spacing is not positive or their numbers differ. */
  GridSoftminOperator(std::vector<SizeValueType> size, std::vector<double> spacing, ThreadIdType numberOfWorkUnits = 0);

  SizeValueType
  GetNumberOfPoints(Side) const override
  {
    return m_NumberOfPoints;
  }

  void
  Apply(Side to, Side from, double blur, const TReal * logWeights, const TReal * potential, TReal * out) const override;

  bool
  HasOneSupport() const override
  {
    return true;
  }

  double
  GetDiameter() const override;

  double
  GetResolution() const override;

  /** Halves every axis whose spacing is less than 1.5 times the smallest one (so that anisotropic voxels become
   * isotropic first) and that has more than four voxels. */
  CoarserOperator<TReal>
  MakeCoarser() const override;

  /** The bounding box of all mass of both sides. */
  CroppedOperator<TReal>
  MakeCropped(const TReal * logAlpha, const TReal * logBeta) const override;

  ThreadIdType
  GetNumberOfWorkUnits() const override
  {
    return m_NumberOfWorkUnits;
  }

  const std::vector<SizeValueType> &
  GetSize() const
  {
    return m_Size;
  }

  const std::vector<double> &
  GetSpacing() const
  {
    return m_Spacing;
  }

private:
  std::vector<SizeValueType> m_Size;
  std::vector<double>        m_Spacing;
  SizeValueType              m_NumberOfPoints{ 1 };
  ThreadIdType               m_NumberOfWorkUnits{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
