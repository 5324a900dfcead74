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
#include "itkSinkhornKernelConvolution.h"

#include "itkHalfHermitianToRealInverseFFTImageFilter.h"
#include "itkImage.h"
#include "itkRealToHalfHermitianForwardFFTImageFilter.h"
#include "itkSinkhornParallel.h"
#include "itkVersion.h"
#include "itkVnlHalfHermitianToRealInverseFFTImageFilter.h"
#include "itkVnlRealToHalfHermitianForwardFFTImageFilter.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** ITK's best filter of a kind, or VNL's where no factory has been registered (ITK from 5.3 on leaves that to the
 * program, and Python registers them late). */
template <typename TFilter, typename TVnlFilter>
typename TFilter::Pointer
MakeFilter()
{
#if ITK_VERSION_MAJOR == 5 && ITK_VERSION_MINOR < 3
  return TFilter::New();
#else
  typename TFilter::Pointer filter = ObjectFactory<TFilter>::Create();
  if (filter.IsNull())
  {
    filter = TVnlFilter::New();
  }
  return filter;
#endif
}

/** Transforms of real images, there and back. Always in double precision: kernels that are wide beside the grid, and
 * the energy kernel, have sums so much larger than what varies that rounding in float would bury it. */
template <unsigned int VDimension>
struct Fourier
{
  using RealImageType = Image<double, VDimension>;
  using ComplexImageType = Image<std::complex<double>, VDimension>;
  using ForwardType = RealToHalfHermitianForwardFFTImageFilter<RealImageType>;
  using InverseType = HalfHermitianToRealInverseFFTImageFilter<ComplexImageType>;

  static typename ForwardType::Pointer
  MakeForward()
  {
    return MakeFilter<ForwardType, VnlRealToHalfHermitianForwardFFTImageFilter<RealImageType>>();
  }

  static typename InverseType::Pointer
  MakeInverse()
  {
    return MakeFilter<InverseType, VnlHalfHermitianToRealInverseFFTImageFilter<ComplexImageType>>();
  }

  static typename RealImageType::Pointer
  MakeZeros(const Size<VDimension> & size)
  {
    const auto image = RealImageType::New();
    image->SetRegions(size);
    image->Allocate(true);
    return image;
  }
};

/** The smallest size from \a size on that transforms well: even, and without prime factors above \a largestFactor. */
SizeValueType
FindTransformSize(SizeValueType size, SizeValueType largestFactor)
{
  for (SizeValueType candidate = size + size % 2;; candidate += 2)
  {
    SizeValueType rest = candidate;
    for (SizeValueType factor = 2; factor <= largestFactor; ++factor)
    {
      while (rest % factor == 0)
      {
        rest /= factor;
      }
    }
    if (rest == 1)
    {
      return candidate;
    }
  }
}

/** The range in nodes beyond which the kernel may be cut off along an axis. */
SizeValueType
FindRange(const KernelOnGrid & kernel, unsigned int axis)
{
  const SizeValueType whole = kernel.Size[axis] - 1;
  if (kernel.Kernel == DistanceKernel::Energy)
  {
    return whole;
  }
  const double lowest = std::numeric_limits<double>::epsilon() / 8.0;
  const double range = std::ceil(std::sqrt(-2.0 * std::log(lowest)) * kernel.Blur / kernel.Spacing[axis]);
  return range < static_cast<double>(whole) ? static_cast<SizeValueType>(range) : whole;
}

/** Transform of the Gaussian, cut off at \a range nodes, on a circle of \a period nodes: real, since it is even. */
std::vector<double>
TransformGaussian(double blurInNodes, SizeValueType range, SizeValueType period)
{
  std::vector<double> cosines(period);
  for (SizeValueType i = 0; i < period; ++i)
  {
    cosines[i] = std::cos(2.0 * Math::pi * static_cast<double>(i) / static_cast<double>(period));
  }
  std::vector<double> gaussian(range + 1);
  for (SizeValueType i = 0; i <= range; ++i)
  {
    const double distance = static_cast<double>(i) / blurInNodes;
    gaussian[i] = std::exp(-0.5 * distance * distance);
  }
  std::vector<double> transform(period);
  for (SizeValueType frequency = 0; frequency < period; ++frequency)
  {
    double sum = 0.0;
    for (SizeValueType i = range; i > 0; --i) // small ones first
    {
      sum += 2.0 * gaussian[i] * cosines[(i * frequency) % period];
    }
    transform[frequency] = gaussian[0] + sum;
  }
  return transform;
}

template <unsigned int VDimension>
SizeValueType
CountNodes(const Size<VDimension> & size)
{
  return ImageRegion<VDimension>(size).GetNumberOfPixels();
}

/** Calls function(begin of the row in the array, index of its first element) for every row of an array. */
template <unsigned int VDimension, typename TFunction>
void
ForEachRow(const Size<VDimension> & size, ThreadIdType numberOfWorkUnits, const TFunction & function)
{
  const SizeValueType nodes = CountNodes(size);
  const SizeValueType rows = nodes / size[0];
  const SizeValueType rowsPerTask = std::max<SizeValueType>(1, ChunkLength / size[0]);
  ForEachTask(
    (rows + rowsPerTask - 1) / rowsPerTask, numberOfWorkUnits, nodes <= SerialLength, [&](SizeValueType task) {
      const SizeValueType end = std::min(rows, (task + 1) * rowsPerTask);
      for (SizeValueType row = task * rowsPerTask; row < end; ++row)
      {
        Size<VDimension> index;
        index[0] = 0;
        SizeValueType rest = row;
        for (unsigned int d = 1; d < VDimension; ++d)
        {
          index[d] = rest % size[d];
          rest /= size[d];
        }
        function(row * size[0], index);
      }
    });
}

/** The implementation for one dimension. */
template <typename TReal, unsigned int VDimension>
class KernelConvolutionOf : public KernelConvolution<TReal>
{
public:
  explicit KernelConvolutionOf(const KernelOnGrid & kernel)
    : KernelConvolution<TReal>(kernel)
    , m_Forward(FourierType::MakeForward())
    , m_Inverse(FourierType::MakeInverse())
  {
    const SizeValueType largestFactor = std::min<SizeValueType>(
      5, std::min(m_Forward->GetSizeGreatestPrimeFactor(), m_Inverse->GetSizeGreatestPrimeFactor()));
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      m_Size[d] = kernel.Size[d];
      m_PaddedSize[d] = FindTransformSize(m_Size[d] + FindRange(kernel, d), largestFactor);
    }
    m_HalfSize = m_PaddedSize;
    m_HalfSize[0] = m_PaddedSize[0] / 2 + 1;
    if (kernel.Kernel == DistanceKernel::Gaussian)
    {
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        m_AxisTransforms[d] = TransformGaussian(kernel.Blur / kernel.Spacing[d], FindRange(kernel, d), m_PaddedSize[d]);
      }
    }
    else
    {
      this->TransformEnergyKernel();
    }
    m_Padded = FourierType::MakeZeros(m_PaddedSize);
    m_Forward->SetInput(m_Padded);
  }

  void
  Convolve(const std::vector<TReal> & values, std::vector<TReal> & result, ThreadIdType numberOfWorkUnits) override
  {
    auto * padded = m_Padded->GetBufferPointer();
    ForEachRow(m_Size, numberOfWorkUnits, [&](SizeValueType begin, const Size<VDimension> & index) {
      std::copy_n(values.data() + begin, m_Size[0], padded + this->GetPaddedPosition(index));
    });
    m_Padded->Modified();
    m_Forward->Update();
    this->MultiplySpectrum(m_Forward->GetOutput()->GetBufferPointer(), numberOfWorkUnits);

    // An image that lends the buffer: the inverse may use it as scratch, and must not run the forward filter again.
    const auto spectrum = FourierType::ComplexImageType::New();
    spectrum->Graft(m_Forward->GetOutput());
    spectrum->ReleaseDataFlagOn();
    m_Inverse->SetInput(spectrum);
    m_Inverse->SetActualXDimensionIsOdd(false);
    m_Inverse->Update();

    const auto * convolved = m_Inverse->GetOutput()->GetBufferPointer();
    result.resize(values.size());
    ForEachRow(m_Size, numberOfWorkUnits, [&](SizeValueType begin, const Size<VDimension> & index) {
      const auto * row = convolved + this->GetPaddedPosition(index);
      std::transform(
        row, row + m_Size[0], result.begin() + begin, [](double value) { return static_cast<TReal>(value); });
    });
  }

private:
  using FourierType = Fourier<VDimension>;

  SizeValueType
  GetPaddedPosition(const Size<VDimension> & index) const
  {
    SizeValueType position = 0;
    for (unsigned int d = VDimension; d-- > 0;)
    {
      position = position * m_PaddedSize[d] + index[d];
    }
    return position;
  }

  void
  TransformEnergyKernel()
  {
    const auto & spacing = this->GetKernel().Spacing;
    const auto   image = FourierType::MakeZeros(m_PaddedSize);
    auto *       buffer = image->GetBufferPointer();
    const auto   distance = [&](SizeValueType i, unsigned int d) {
      return spacing[d] * static_cast<double>(std::min(i, m_PaddedSize[d] - i));
    };
    ForEachRow(m_PaddedSize, 1, [&](SizeValueType begin, const Size<VDimension> & index) {
      double squared = 0.0;
      for (unsigned int d = 1; d < VDimension; ++d)
      {
        squared += distance(index[d], d) * distance(index[d], d);
      }
      for (SizeValueType i = 0; i < m_PaddedSize[0]; ++i)
      {
        buffer[begin + i] = -std::sqrt(squared + distance(i, 0) * distance(i, 0));
      }
    });
    const auto forward = FourierType::MakeForward();
    forward->SetInput(image);
    forward->Update();
    const auto * transform = forward->GetOutput()->GetBufferPointer();
    m_Transform.resize(CountNodes(m_HalfSize));
    std::transform(transform, transform + m_Transform.size(), m_Transform.begin(), [](const std::complex<double> & c) {
      return c.real(); // the kernel is even
    });
  }

  void
  MultiplySpectrum(std::complex<double> * spectrum, ThreadIdType numberOfWorkUnits) const
  {
    ForEachRow(m_HalfSize, numberOfWorkUnits, [&](SizeValueType begin, const Size<VDimension> & index) {
      double factor = 1.0;
      for (unsigned int d = 1; d < VDimension; ++d)
      {
        factor *= m_Transform.empty() ? m_AxisTransforms[d][index[d]] : 1.0;
      }
      for (SizeValueType i = 0; i < m_HalfSize[0]; ++i)
      {
        spectrum[begin + i] *= m_Transform.empty() ? factor * m_AxisTransforms[0][i] : m_Transform[begin + i];
      }
    });
  }

  Size<VDimension>                             m_Size;
  Size<VDimension>                             m_PaddedSize;
  Size<VDimension>                             m_HalfSize; ///< of the transform
  typename FourierType::ForwardType::Pointer   m_Forward;
  typename FourierType::InverseType::Pointer   m_Inverse;
  typename FourierType::RealImageType::Pointer m_Padded;
  std::vector<double>                          m_AxisTransforms[VDimension]; ///< the Gaussian is separable
  std::vector<double>                          m_Transform;                  ///< of the kernel that is not
};

} // namespace

template <typename TReal>
std::unique_ptr<KernelConvolution<TReal>>
KernelConvolution<TReal>::New(const KernelOnGrid & kernel)
{
  if (kernel.Size.size() == 2)
  {
    return std::make_unique<KernelConvolutionOf<TReal, 2>>(kernel);
  }
  if (kernel.Size.size() == 3)
  {
    return std::make_unique<KernelConvolutionOf<TReal, 3>>(kernel);
  }
  itkGenericExceptionMacro("The kernel distance is there for two and three dimensions, not for " << kernel.Size.size()
                                                                                                 << '.');
}

template class KernelConvolution<float>;
template class KernelConvolution<double>;

} // namespace Sinkhorn
} // namespace itk
