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

#include "itkSinkhornFeatureTransport.h"
#include "itkSinkhornImageFeatures.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::VerifyFeatures() const
{
  Sinkhorn::VerifyIntensityBins(m_NumberOfIntensityBins, m_IntensityWeight);
  if (m_FixedLabels && m_MovingLabels)
  {
    itkExceptionMacro("NumberOfIntensityBins is " << m_NumberOfIntensityBins
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
  const auto          range = Sinkhorn::FindIntensityRange(Sinkhorn::CollectIntensities(density, intensities, mask));
  const Lattice       lattice = MakeLattice(density, binned.GetBufferedRegion().GetNumberOfPixels());
  const SizeValueType voxels = lattice.Density->GetBufferedRegion().GetNumberOfPixels();
  std::vector<std::vector<double>> masses(m_NumberOfIntensityBins, std::vector<double>(voxels, 0.0));
  const auto                       add = [&](const auto & index, SizeValueType bin, double mass) {
    if (mass > 0.0)
    {
      AddToLattice(lattice, density.GetBufferedRegion(), index, mass, masses[bin]);
    }
  };
  double total = 0.0;
  Sinkhorn::ForEachMass(density, mask, [&](const typename TImage::IndexType & index, double mass) {
    total += mass;
    const auto place = Sinkhorn::FindIntensityPlace(
      static_cast<double>(intensities.GetPixel(index)), range.first, range.second, m_NumberOfIntensityBins);
    add(index, place.Bin, (1.0 - place.Upper) * mass);
    add(index, place.Bin + 1, place.Upper * mass);
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
  constexpr SizeValueType times = 4;
  const bool              hasBins = m_NumberOfIntensityBins > 0;
  const SizeValueType     most =
    hasBins ? std::min(m_MaximumNumberOfVoxels,
                       std::max(fewVoxels, times * m_MaximumNumberOfVoxels / m_NumberOfIntensityBins))
                : m_MaximumNumberOfVoxels;
  Pair pair = this->MakePair(*m_FixedImage, m_FixedMask, *m_MovingImage, m_MovingMask, most);
  if (hasBins)
  {
    pair.FixedBins = this->BinIntensities(
      *m_FixedImage, m_FixedIntensities ? *m_FixedIntensities : *m_FixedImage, m_FixedMask, *pair.Fixed);
    pair.MovingBins = this->BinIntensities(
      *m_MovingImage, m_MovingIntensities ? *m_MovingIntensities : *m_MovingImage, m_MovingMask, *pair.Moving);
    pair.Costs = Sinkhorn::MakeIntensityCostsFor(
      *pair.Moving, static_cast<const MaskType *>(nullptr), m_NumberOfIntensityBins, m_IntensityWeight);
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
  Sinkhorn::IncludeIndex(box, region.GetIndex());
  Sinkhorn::IncludeIndex(box, region.GetUpperIndex());
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
  const auto                 size = Sinkhorn::GetSizeOfGrid<ImageDimension>(*grid);
  const auto                 spacing = Sinkhorn::GetSpacingOfGrid<ImageDimension>(*grid);
  Sinkhorn::SolverParameters parameters;
  parameters.Blur = m_Blur.GetInUse(spacing);
  parameters.Reach = m_Settings.Reach;
  Sinkhorn::FeatureTransport<float> transport(size, spacing, pair.Costs, alpha, beta, parameters);
  transport.Solve();
  trial.Blur += pair.Share * parameters.Blur;
  divergence += pair.Share * transport.GetValues().Divergence;
  const auto springs = transport.ComputeSprings(Sinkhorn::Side::Alpha);
  const auto masses = transport.ComputeTransportedMass(Sinkhorn::Side::Alpha);
  auto       index = box.GetIndex();
  for (SizeValueType i = 0; i < voxels; ++i, Sinkhorn::AdvanceIndex(box, index))
  {
    if (masses[i] > 0.0F)
    {
      VectorType way;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        way[d] = static_cast<double>(springs[d * voxels + i]);
      }
      Spring spring;
      spring.Weight = pair.Share * static_cast<double>(masses[i]);
      grid->TransformIndexToPhysicalPoint(index, spring.Source);
      spring.Target = spring.Source + grid->GetDirection() * way;
      list.push_back(spring);
    }
  }
}

} // namespace itk

#endif
