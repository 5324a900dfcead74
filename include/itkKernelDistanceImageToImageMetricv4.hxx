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
#ifndef itkKernelDistanceImageToImageMetricv4_hxx
#define itkKernelDistanceImageToImageMetricv4_hxx

#include "itkKernelDistanceImageToImageMetricv4.h"

#include <cmath>
#include <vector>

// The class of this file has five template parameters.
#define itkKernelDistanceMetricTemplate             \
  template <typename TFixedImage,                   \
            typename TMovingImage,                  \
            typename TVirtualImage,                 \
            typename TInternalComputationValueType, \
            typename TMetricTraits>
#define itkKernelDistanceMetricClass                                \
  KernelDistanceImageToImageMetricv4<TFixedImage,                   \
                                     TMovingImage,                  \
                                     TVirtualImage,                 \
                                     TInternalComputationValueType, \
                                     TMetricTraits>

namespace itk
{

itkKernelDistanceMetricTemplate void
itkKernelDistanceMetricClass::VerifyParameters() const
{
  Superclass::VerifyParameters();
  if (this->GetNumberOfIntensityBins() > 0 && m_Kernel != KernelEnum::Gaussian)
  {
    itkExceptionMacro("NumberOfIntensityBins is " << this->GetNumberOfIntensityBins() << ", but the " << m_Kernel
                                                  << " kernel has no bins of intensity. Set it to 0, or choose the "
                                                     "Gaussian kernel.");
  }
}

itkKernelDistanceMetricTemplate double
itkKernelDistanceMetricClass::CompareDensities(const GridType & grid, ScaledDensity alpha, ScaledDensity beta) const
{
  const double        blur = this->GetBlurInUse();
  std::vector<double> similarities(this->GetIntensityCosts());
  for (double & similarity : similarities)
  {
    similarity = std::exp(-similarity / (blur * blur));
  }
  const auto workUnits = this->GetMaximumNumberOfWorkUnits();
  Sinkhorn::ScaleMasses(alpha.Mass, alpha.Scale, workUnits);
  Sinkhorn::ScaleMasses(beta.Mass, beta.Scale, workUnits);
  m_Distance.Update(Sinkhorn::GetSizeOfGrid<Superclass::VirtualImageDimension>(grid),
                    Sinkhorn::GetSpacingOfGrid<Superclass::VirtualImageDimension>(grid),
                    std::move(alpha.Mass),
                    std::move(beta.Mass),
                    m_Kernel,
                    blur,
                    workUnits,
                    similarities);
  return m_Distance.GetValue();
}

itkKernelDistanceMetricTemplate auto
itkKernelDistanceMetricClass::ComputeVariation(Sinkhorn::Side side) const -> Variation
{
  // of ⟨α − β, k ⋆ (α − β)⟩
  const SolverRealType factor = (side == Sinkhorn::Side::Alpha) ? 2 : -2;
  const auto &         potential = m_Distance.GetPotential();
  const auto &         masses = m_Distance.GetMasses(side);
  struct Sums
  {
    double integral{ 0.0 };
    double mass{ 0.0 };
    Sums &
    operator+=(const Sums & other)
    {
      integral += other.integral;
      mass += other.mass;
      return *this;
    }
  };
  Variation variation;
  variation.Values.resize(potential.size());
  const auto sums = Sinkhorn::SumOverChunks<Sums>(
    potential.size(), this->GetMaximumNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
      Sums part;
      for (SizeValueType i = begin; i < end; ++i)
      {
        variation.Values[i] = factor * potential[i];
        part.integral += static_cast<double>(variation.Values[i]) * static_cast<double>(masses[i]);
        part.mass += static_cast<double>(masses[i]);
      }
      return part;
    });
  variation.Integral = sums.integral;
  variation.Mass = sums.mass;
  return variation;
}

itkKernelDistanceMetricTemplate void
itkKernelDistanceMetricClass::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  os << indent << "Kernel: " << m_Kernel << std::endl;
  os << indent << "NumberOfConvolutions: " << this->GetNumberOfConvolutions() << std::endl;
}

} // namespace itk

#undef itkKernelDistanceMetricTemplate
#undef itkKernelDistanceMetricClass

#endif
