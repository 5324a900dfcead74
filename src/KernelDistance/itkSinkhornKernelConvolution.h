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
#ifndef itkSinkhornKernelConvolution_h
#define itkSinkhornKernelConvolution_h

#include "itkSinkhornKernelDistance.h"

#include <memory>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** A grid and a kernel on it. */
struct KernelOnGrid
{
  std::vector<SizeValueType> Size;
  std::vector<double>        Spacing; ///< mm
  DistanceKernel             Kernel{ DistanceKernel::Gaussian };
  double                     Blur{ 0.0 }; ///< mm; 0 for the energy kernel, which has none

  bool
  operator==(const KernelOnGrid & other) const
  {
    return Size == other.Size && Spacing == other.Spacing && Kernel == other.Kernel && Blur == other.Blur;
  }
};

/** \class KernelConvolution
 * \brief Convolution of values on a grid with a kernel, no wrap-around.
 *
 * Transforms of real images by ITK's FFT filters on a grid padded with zeros by the kernel's range: the whole grid, or
 * for a Gaussian the distance at which it has fallen below the rounding error. In double precision, whatever TReal is.
 */
template <typename TReal>
class KernelConvolution
{
public:
  virtual ~KernelConvolution() = default;

  /** \exception itk::ExceptionObject if the dimension is not 2 or 3. */
  static std::unique_ptr<KernelConvolution>
  New(const KernelOnGrid & kernel);

  const KernelOnGrid &
  GetKernel() const
  {
    return m_Kernel;
  }

  /** Σ_y k(x − y) values(y) for every node x. \a values and the result may be the same array. */
  virtual void
  Convolve(const std::vector<TReal> & values, std::vector<TReal> & result, ThreadIdType numberOfWorkUnits) = 0;

protected:
  explicit KernelConvolution(const KernelOnGrid & kernel)
    : m_Kernel(kernel)
  {}

private:
  KernelOnGrid m_Kernel;
};

} // namespace Sinkhorn
} // namespace itk

#endif
