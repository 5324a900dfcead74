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
#ifndef itkSinkhornTransformInitializerFeatures_hxx
#define itkSinkhornTransformInitializerFeatures_hxx

// Pairs of densities whose mass has an intensity beside its place, and their springs.
#include "itkSinkhornTransformInitializer.h"

#include "itkSinkhornFeatureSprings.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::VerifyFeatures() const
{
  if (!m_Bins.AreOn())
  {
    return;
  }
  m_Bins.Verify(this->GetNameOfClass());
  if (m_FixedLabels && m_MovingLabels)
  {
    itkExceptionMacro("NumberOfIntensityBins is " << m_Bins.NumberOfIntensityBins
                                                  << ", but label maps have no intensities; set it to 0.");
  }
  if (m_Settings.PreserveMassRatio)
  {
    itkExceptionMacro("PreserveMassRatio is on, but bins of intensity compare masses of 1; set it off.");
  }
  const auto verify = [this](const auto & density, const auto & intensities, const char * name) {
    if (intensities && intensities->GetBufferedRegion() != density->GetBufferedRegion())
    {
      itkExceptionMacro(<< name << "Intensities have the region " << intensities->GetBufferedRegion() << " and " << name
                        << "Image " << density->GetBufferedRegion() << "; they must have the same voxels.");
    }
  };
  verify(m_FixedImage, m_FixedIntensities, "Fixed");
  verify(m_MovingImage, m_MovingIntensities, "Moving");
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
template <typename TImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::BinIntensities(const TImage &      density,
                                                                                    const TImage &      intensities,
                                                                                    const MaskType *    mask,
                                                                                    const DensityType & binned) const
  -> std::vector<DensityPointer>
{
  const SizeValueType              number = m_Bins.NumberOfIntensityBins;
  const Lattice                    lattice = MakeLattice(density, binned.GetBufferedRegion().GetNumberOfPixels());
  const SizeValueType              voxels = lattice.Density->GetBufferedRegion().GetNumberOfPixels();
  std::vector<std::vector<double>> masses(number, std::vector<double>(voxels, 0.0));
  const double                     total = Sinkhorn::ForEachBinnedMass(
    density, intensities, mask, number, [&](const typename TImage::IndexType & index, SizeValueType bin, double mass) {
      AddToLattice(lattice, density.GetBufferedRegion(), index, mass, masses[bin]);
    });
  std::vector<DensityPointer> bins;
  for (const std::vector<double> & own : masses)
  {
    bins.push_back(Sinkhorn::MakeImageOn<DensityType>(&binned));
    std::transform(own.begin(), own.end(), bins.back()->GetBufferPointer(), [total](double mass) {
      return static_cast<float>(mass / total);
    });
  }
  return bins;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakeImagePair() const -> Pair
{
  constexpr SizeValueType fewVoxels = 500;
  const SizeValueType     most =
    Sinkhorn::LimitVoxelsForBins(m_MaximumNumberOfVoxels, fewVoxels, m_Bins.NumberOfIntensityBins);
  Pair pair = this->MakePair(*m_FixedImage, m_FixedMask, *m_MovingImage, m_MovingMask, most);
  if (m_Bins.AreOn())
  {
    pair.FixedBins = this->BinIntensities(
      *m_FixedImage, m_FixedIntensities ? *m_FixedIntensities : *m_FixedImage, m_FixedMask, *pair.Fixed);
    pair.MovingBins = this->BinIntensities(
      *m_MovingImage, m_MovingIntensities ? *m_MovingIntensities : *m_MovingImage, m_MovingMask, *pair.Moving);
    pair.Costs = m_Bins.MakeCosts(*pair.Moving, nullptr);
  }
  return pair;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::TransportFeatures(const Pair &          pair,
                                                                                       Trial &               trial,
                                                                                       double &              divergence,
                                                                                       std::vector<Spring> & list) const
{
  auto         box = FindCarriedRegion(*pair.Fixed, trial.Map, *pair.Moving);
  const auto & region = pair.Moving->GetBufferedRegion();
  Sinkhorn::IncludeBox(box, region);
  const SizeValueType voxels = box.GetNumberOfPixels();
  std::vector<float>  alpha;
  std::vector<float>  beta(voxels * pair.MovingBins.size(), 0.0F);
  DensityPointer      grid;
  for (std::size_t k = 0; k < pair.FixedBins.size(); ++k)
  {
    grid = Carry(*pair.FixedBins[k], trial.Map, *pair.Moving, box);
    alpha.insert(alpha.end(), grid->GetBufferPointer(), grid->GetBufferPointer() + voxels);
    auto index = region.GetIndex();
    for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      beta[k * voxels + static_cast<SizeValueType>(grid->ComputeOffset(index))] =
        pair.MovingBins[k]->GetBufferPointer()[i];
    }
  }
  Sinkhorn::SolverParameters parameters;
  parameters.Blur = m_Blur.GetInUse(grid->GetSpacing());
  parameters.Reach = m_Settings.Reach;
  const auto springs =
    Sinkhorn::ComputeFeatureSprings<ImageDimension>(*grid, box.GetSize(), pair.Costs, alpha, beta, parameters);
  trial.Blur += pair.Share * parameters.Blur;
  divergence += pair.Share * springs.Divergence;
  auto index = box.GetIndex();
  for (SizeValueType i = 0; i < voxels; ++i, Sinkhorn::AdvanceIndex(box, index))
  {
    if (springs.Weights[i] > 0.0)
    {
      Spring spring;
      spring.Weight = pair.Share * springs.Weights[i];
      grid->TransformIndexToPhysicalPoint(index, spring.Source);
      spring.Target = spring.Source + springs.Ways[i];
      list.push_back(spring);
    }
  }
}

} // namespace itk

#endif
