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
#ifndef itkSinkhornKernelDistance_h
#define itkSinkhornKernelDistance_h

#include "SinkhornExport.h"
#include "itkIntTypes.h"
#include "itkSinkhornSide.h"

#include <memory>
#include <ostream>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** The kernel k of a kernel distance; r is a distance in mm. */
enum class DistanceKernel : uint8_t
{
  Gaussian, ///< exp(−r²/(2·blur²)): sees no farther than a few times the blur
  Energy    ///< −r: sees everything, needs no blur, and equal masses
};

inline std::ostream &
operator<<(std::ostream & os, DistanceKernel kernel)
{
  return os << (kernel == DistanceKernel::Gaussian ? "Gaussian" : "Energy");
}

template <typename TReal>
class KernelConvolution;

/** \class KernelDistance
 * \brief Squared kernel distance of two measures on one grid,
 * ⟨α − β, k ⋆ (α − β)⟩ = Σ_x Σ_y (α−β)(x) k(x−y) (α−β)(y).
 *
 * The measures are masses, not densities, so neither a volume nor the number of nodes enters: on a finer grid the value
 * converges. With the Gaussian kernel, whose peak is 1, it is a number without unit times mass², for masses of 1 each
 * between 0 and 2, and equals ‖g ⋆ (α − β)‖² for the Gaussian g of standard deviation blur/√2 whose square integrates
 * to 1, so that k = g ⋆ g. With the energy kernel it is in mm times mass². GeomLoss's kernel losses are half of it.
 *
 * The convolution is exact: zero-padded FFTs of ITK in double precision, FFTW's where ITK has been built with it, else
 * VNL's. Kernel transform and buffers are kept for the next evaluation on the same grid. The last result is kept as
 * well: equal measures, bit for bit, or the same two swapped, cost nothing. 2-D and 3-D.
 *
 * \ingroup Sinkhorn
 */
template <typename TReal>
class Sinkhorn_EXPORT KernelDistance
{
public:
  KernelDistance();
  ~KernelDistance();
  KernelDistance(const KernelDistance &) = delete;
  KernelDistance &
  operator=(const KernelDistance &) = delete;

  /** Computes, or remembers, the distance.
   *
   * \param size, spacing of the grid (mm), fastest axis first.
   * \param alpha, beta mass of every node, finite.
   * \param blur standard deviation of the Gaussian kernel, mm; without meaning for the energy kernel.
   * \param similarities κ(k,l) between K bins of a feature, K rows of K, symmetric and positive semidefinite: the
   * kernel is the product k(x,y) κ(k,l), and alpha and beta have the masses of every node bin after bin. Empty: no
   * feature. \exception itk::ExceptionObject for arrays, sizes or spacings that do not belong together, for another
   * dimension than 2 or 3, and for a blur that is not positive. */
  void
  Update(const std::vector<SizeValueType> & size,
         const std::vector<double> &        spacing,
         std::vector<TReal>                 alpha,
         std::vector<TReal>                 beta,
         DistanceKernel                     kernel,
         double                             blur,
         ThreadIdType                       numberOfWorkUnits,
         const std::vector<double> &        similarities = {});

  /** Forgets the result, but neither the kernel's transform nor the number of convolutions. */
  void
  Clear();

  /** Whether there is a result. */
  bool
  IsEmpty() const
  {
    return m_Alpha.empty();
  }

  /** The squared distance. Never negative: what rounding leaves below zero is zero. */
  double
  GetValue() const
  {
    return m_Value;
  }

  /** k ⋆ (α − β) on the nodes, of every bin. Twice this is the derivative of the value with respect to the masses of α;
   * for those of β the sign changes. */
  const std::vector<TReal> &
  GetPotential() const
  {
    return m_Potential;
  }

  /** The measures of the last result. */
  const std::vector<TReal> &
  GetMasses(Side side) const
  {
    return side == Side::Alpha ? m_Alpha : m_Beta;
  }

  /** Convolutions that were really computed. */
  SizeValueType
  GetNumberOfConvolutions() const
  {
    return m_NumberOfConvolutions;
  }

private:
  void
  Swap();
  /** k ⋆ difference, for K bins mixed by their similarities. */
  std::vector<TReal>
  Convolve(const std::vector<TReal> & difference, ThreadIdType numberOfWorkUnits);

  std::unique_ptr<KernelConvolution<TReal>> m_Convolution;
  std::vector<TReal>                        m_Alpha;
  std::vector<TReal>                        m_Beta;
  std::vector<TReal>                        m_Potential;
  std::vector<double>                       m_Similarities;
  double                                    m_Value{ 0.0 };
  SizeValueType                             m_NumberOfConvolutions{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
