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
#ifndef itkKernelDistanceImageToImageMetricv4_h
#define itkKernelDistanceImageToImageMetricv4_h

#include "itkDensityImageToImageMetricv4.h"
#include "itkSinkhornKernelDistance.h"

namespace itk
{

/** \class KernelDistanceImageToImageMetricv4
 * \brief Kernel distance between two images seen as mass.
 *
 * The value is \f[ \|g\star(\alpha-\beta)\|^2 = \langle\alpha-\beta, k\star(\alpha-\beta)\rangle
 *   = \sum_x\sum_y (\alpha-\beta)(x)\,k(x-y)\,(\alpha-\beta)(y), \f]
 * with the masses of the voxels (intensity × volume, normalised to a sum of 1 each by default) and the kernel
 * - DistanceKernel::Gaussian (default): \f$k(r)=e^{-r^2/(2\,\mathrm{Blur}^2)}\f$, whose peak is 1, so that g is the
 *   Gaussian of standard deviation Blur/√2 whose square integrates to 1. The value has no unit; normalised it lies
 *   between 0 and 2, near 2 for shapes that are small beside Blur and far apart;
 * - DistanceKernel::Energy: \f$k(r)=-r\f$, the energy distance, in mm. Blur has no meaning.
 *
 * It does not depend on the grid's resolution: on a finer grid the sums converge to integrals. GeomLoss's kernel losses
 * are half of it.
 *
 * It is the baseline against which J. Feydy, B. Charlier, F.-X. Vialard, G. Peyré, *Optimal Transport for Diffeomorphic
 * Registration*, MICCAI 2017, arXiv:1706.05218, compare optimal transport: it is cheaper than
 * SinkhornImageToImageMetricv4, but the Gaussian kernel has no force beyond a few times Blur and sees no details much
 * below it, and both kernels weigh near and far masses alike on all of a shape, so that it has local minima where
 * transport has none. Choose Blur about as large as the displacement, and let it fall from level to level: the
 * automatic blur, twice the largest spacing, is one for the last level.
 *
 * Mass models, masks, image gradient, errors and the scaling of value and derivative are those of
 * DensityImageToImageMetricv4, and so are those of SinkhornImageToImageMetricv4; the first variation with respect to α
 * is \f$2k\star(\alpha-\beta)\f$. The value of equal densities is exactly 0. The last result is kept: equal densities,
 * or the same swapped, as SyN asks for them, cost no second convolution.
 *
 * \par Bins of intensity
 * With NumberOfIntensityBins the kernel is the product k(x,y)·exp(−c(k,l)/Blur²) with the cost of
 * Sinkhorn::MakeIntensityCosts(): a Gaussian of place and intensity, whose axis of intensity is IntensityWeight long.
 * One convolution for each bin. For the Gaussian kernel alone.
 *
 * \par NormalizeMasses
 * On (default), both masses are scaled to 1. Off, the Gaussian kernel sees a difference of mass, and the value has the
 * unit of mass squared; the energy kernel needs masses that differ by at most a thousandth.
 *
 * \par Dimensions
 * The convolution, a zero-padded FFT of ITK, is there for 2-D and 3-D images.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedImage,
          typename TMovingImage,
          typename TVirtualImage = TFixedImage,
          typename TInternalComputationValueType = double,
          typename TMetricTraits =
            DefaultImageToImageMetricTraitsv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType>>
class ITK_TEMPLATE_EXPORT KernelDistanceImageToImageMetricv4
  : public DensityImageToImageMetricv4<TFixedImage,
                                       TMovingImage,
                                       TVirtualImage,
                                       TInternalComputationValueType,
                                       TMetricTraits>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(KernelDistanceImageToImageMetricv4);

  /** Standard class type aliases. */
  using Self = KernelDistanceImageToImageMetricv4;
  using Superclass =
    DensityImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(KernelDistanceImageToImageMetricv4, DensityImageToImageMetricv4);

  using MeasureType = typename Superclass::MeasureType;
  using DerivativeType = typename Superclass::DerivativeType;
  using SolverRealType = typename Superclass::SolverRealType;
  using PotentialImageType = typename Superclass::PotentialImageType;
  using MassModelEnum = typename Superclass::MassModelEnum;
  using KernelEnum = Sinkhorn::DistanceKernel;

  /** The kernel. Default DistanceKernel::Gaussian, with the standard deviation Blur. */
  itkSetEnumMacro(Kernel, KernelEnum);
  itkGetEnumMacro(Kernel, KernelEnum);

  /** Convolutions computed since this object was made; an evaluation that needed none is not counted. */
  SizeValueType
  GetNumberOfConvolutions() const
  {
    return m_Distance.GetNumberOfConvolutions();
  }

protected:
  using typename Superclass::GridType;
  using typename Superclass::MassNormalization;
  using typename Superclass::ScaledDensity;
  using typename Superclass::Variation;

  KernelDistanceImageToImageMetricv4() = default;
  ~KernelDistanceImageToImageMetricv4() override = default;

  double
  CompareDensities(const GridType & grid, ScaledDensity alpha, ScaledDensity beta) const override;

  Variation
  ComputeVariation(Sinkhorn::Side side) const override;

  bool
  HasComparison() const override
  {
    return !m_Distance.IsEmpty();
  }

  void
  ClearComparison() const override
  {
    m_Distance.Clear();
  }

  MassNormalization
  GetMassNormalization() const override
  {
    return this->GetNormalizeMasses() ? MassNormalization::Each : MassNormalization::None;
  }

  bool
  ComparesIntensityBins() const override
  {
    return true;
  }

  bool
  RequiresEqualMasses() const override
  {
    return m_Kernel == KernelEnum::Energy;
  }

  std::string
  GetUnequalMassesRemedy() const override
  {
    return "Set NormalizeMasses on, or choose the Gaussian kernel.";
  }

  void
  VerifyParameters() const override;

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  KernelEnum                                       m_Kernel{ KernelEnum::Gaussian };
  mutable Sinkhorn::KernelDistance<SolverRealType> m_Distance;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkKernelDistanceImageToImageMetricv4.hxx"
#endif

#endif
