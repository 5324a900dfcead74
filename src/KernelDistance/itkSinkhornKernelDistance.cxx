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
#include "itkSinkhornKernelDistance.h"

#include "itkMacro.h"
#include "itkSinkhornKernelConvolution.h"
#include "itkSinkhornParallel.h"

#include <cmath>
#include <utility>

#include <algorithm>

namespace itk
{
namespace Sinkhorn
{

namespace
{

void
VerifyKernelOnGrid(const KernelOnGrid & kernel, SizeValueType alphaLength, SizeValueType betaLength)
{
  SizeValueType nodes = 1;
  for (const auto length : kernel.Size)
  {
    nodes *= length;
  }
  if (kernel.Spacing.size() != kernel.Size.size() || nodes == 0 || alphaLength != nodes || betaLength != nodes)
  {
    itkGenericExceptionMacro("A grid of " << nodes << " nodes and " << kernel.Size.size() << " dimensions with "
                                          << kernel.Spacing.size() << " spacings and measures of " << alphaLength
                                          << " and " << betaLength << " masses do not belong together.");
  }
  for (const auto spacing : kernel.Spacing)
  {
    if (!(spacing > 0.0) || !std::isfinite(spacing))
    {
      itkGenericExceptionMacro("The grid's spacing must be positive and finite (mm), but is " << spacing << '.');
    }
  }
  if (kernel.Kernel == DistanceKernel::Gaussian && (!(kernel.Blur > 0.0) || !std::isfinite(kernel.Blur)))
  {
    itkGenericExceptionMacro("The kernel's blur must be positive and finite (mm), but is " << kernel.Blur << '.');
  }
}

} // namespace

template <typename TReal>
KernelDistance<TReal>::KernelDistance() = default;

template <typename TReal>
KernelDistance<TReal>::~KernelDistance() = default;

template <typename TReal>
void
KernelDistance<TReal>::Update(const std::vector<SizeValueType> & size,
                              const std::vector<double> &        spacing,
                              std::vector<TReal>                 alpha,
                              std::vector<TReal>                 beta,
                              DistanceKernel                     kernel,
                              double                             blur,
                              ThreadIdType                       numberOfWorkUnits,
                              const std::vector<double> &        similarities)
{
  const KernelOnGrid wanted{ size, spacing, kernel, kernel == DistanceKernel::Gaussian ? blur : 0.0 };
  const auto         bins = std::max<SizeValueType>(
    1, static_cast<SizeValueType>(std::lround(std::sqrt(static_cast<double>(similarities.size())))));
  if (!similarities.empty() && (bins * bins != similarities.size() || alpha.size() % bins != 0))
  {
    itkGenericExceptionMacro("Sinkhorn: " << similarities.size() << " similarities of bins and " << alpha.size()
                                          << " masses; give K rows of K for K times as many masses as nodes.");
  }
  VerifyKernelOnGrid(wanted, alpha.size() / bins, beta.size() % bins == 0 ? beta.size() / bins : 0);
  const bool sameKernel = m_Convolution && m_Convolution->GetKernel() == wanted && m_Similarities == similarities;
  if (sameKernel && alpha == m_Alpha && beta == m_Beta)
  {
    return;
  }
  if (sameKernel && alpha == m_Beta && beta == m_Alpha)
  {
    this->Swap();
    return;
  }

  this->Clear();
  if (!sameKernel)
  {
    m_Convolution.reset(); // its memory, before the next one takes as much
    m_Convolution = KernelConvolution<TReal>::New(wanted);
  }
  std::vector<TReal> difference(alpha.size());
  ForEachChunk(difference.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      difference[i] = alpha[i] - beta[i];
    }
  });
  m_Similarities = similarities;
  std::vector<TReal> potential = this->Convolve(difference, numberOfWorkUnits);
  const double       value =
    SumOverChunks<double>(difference.size(), numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
      double sum = 0.0;
      for (SizeValueType i = begin; i < end; ++i)
      {
        sum += static_cast<double>(difference[i]) * static_cast<double>(potential[i]);
      }
      return sum;
    });
  m_Value = (value < 0.0) ? 0.0 : value; // NaN passes: the caller has to see it
  m_Alpha = std::move(alpha);
  m_Beta = std::move(beta);
  m_Potential = std::move(potential);
}

template <typename TReal>
std::vector<TReal>
KernelDistance<TReal>::Convolve(const std::vector<TReal> & difference, ThreadIdType numberOfWorkUnits)
{
  std::vector<TReal> potential;
  if (m_Similarities.empty())
  {
    m_Convolution->Convolve(difference, potential, numberOfWorkUnits);
    ++m_NumberOfConvolutions;
    return potential;
  }
  const auto bins = static_cast<SizeValueType>(std::lround(std::sqrt(static_cast<double>(m_Similarities.size()))));
  const SizeValueType nodes = difference.size() / bins;
  potential.assign(difference.size(), TReal(0));
  for (SizeValueType k = 0; k < bins; ++k)
  {
    const std::vector<TReal> own(difference.begin() + k * nodes, difference.begin() + (k + 1) * nodes);
    std::vector<TReal>       convolved;
    m_Convolution->Convolve(own, convolved, numberOfWorkUnits);
    ++m_NumberOfConvolutions;
    for (SizeValueType l = 0; l < bins; ++l)
    {
      const auto similarity = static_cast<TReal>(m_Similarities[l * bins + k]);
      ForEachChunk(nodes, numberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
        for (SizeValueType i = begin; i < end; ++i)
        {
          potential[l * nodes + i] += similarity * convolved[i];
        }
      });
    }
  }
  return potential;
}

template <typename TReal>
void
KernelDistance<TReal>::Clear()
{
  m_Alpha.clear();
  m_Beta.clear();
  m_Potential.clear();
  m_Value = 0.0;
}

template <typename TReal>
void
KernelDistance<TReal>::Swap()
{
  std::swap(m_Alpha, m_Beta);
  for (auto & value : m_Potential)
  {
    value = -value;
  }
}

template class Sinkhorn_EXPORT KernelDistance<float>;
template class Sinkhorn_EXPORT KernelDistance<double>;

} // namespace Sinkhorn
} // namespace itk
