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
#ifndef itkSinkhornDisplacementFieldInitializerSprings_hxx
#define itkSinkhornDisplacementFieldInitializerSprings_hxx

// The springs that a step follows, by place alone or by place and intensity.
#include "itkSinkhornDisplacementFieldInitializer.h"

#include "itkSinkhornFeatureSprings.h"

#include <algorithm>
#include <utility>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::MakeMasses(const GridType & grid) const
  -> Masses
{
  auto fixed = m_Bins.Carry<float>(*m_FixedImage, m_FixedMask.GetPointer(), grid, "fixed", 0);
  auto moving = m_Bins.Carry<float>(*m_MovingImage, m_MovingMask.GetPointer(), grid, "moving", 0);
  if (m_Settings.PreserveMassRatio)
  {
    Sinkhorn::ScaleMasses(moving.Mass, moving.Unit / fixed.Unit, 0);
  } // else the transport scales both to 1 in any case, and images in very different units would not fit into float
  Masses masses;
  masses.Costs = m_Bins.MakeCosts(*m_MovingImage, m_MovingMask.GetPointer());
  masses.Fixed = std::move(fixed.Mass);
  masses.Moving = std::move(moving.Mass);
  return masses;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::FindBox(const GridType &           grid,
                                                                                     const std::vector<float> & masses)
  -> ImageRegion<ImageDimension>
{
  const auto &        whole = grid.GetBufferedRegion();
  const SizeValueType voxels = whole.GetNumberOfPixels();
  return Sinkhorn::FindBox(whole, [&](SizeValueType voxel) {
    for (SizeValueType i = voxel; i < masses.size(); i += voxels)
    {
      if (masses[i] > 0.0F)
      {
        return true;
      }
    }
    return false;
  });
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
std::vector<float>
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::Crop(
  const GridType &                    grid,
  const std::vector<float> &          masses,
  const ImageRegion<ImageDimension> & box)
{
  std::vector<float> part;
  for (SizeValueType first = 0; first < masses.size(); first += grid.GetBufferedRegion().GetNumberOfPixels())
  {
    auto index = box.GetIndex();
    for (SizeValueType i = 0; i < box.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(box, index))
    {
      part.push_back(masses[first + static_cast<SizeValueType>(grid.ComputeOffset(index))]);
    }
  }
  return part;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
std::vector<float>
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::Carry(const std::vector<float> & fixed,
                                                                                   const FieldType & displacement)
{
  const auto &        region = displacement.GetBufferedRegion();
  const SizeValueType voxels = region.GetNumberOfPixels();
  std::vector<float>  all;
  for (SizeValueType first = 0; first < fixed.size(); first += voxels)
  {
    std::vector<float> carried(voxels, 0.0f);
    auto               index = region.GetIndex();
    for (SizeValueType i = 0; i < voxels; ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      if (fixed[first + i] > 0.0f)
      {
        PointType point;
        displacement.TransformIndexToPhysicalPoint(index, point);
        point += displacement.GetBufferPointer()[i];
        const auto where = Sinkhorn::LocateInGrid<ImageDimension>(displacement, point);
        Sinkhorn::SplatLinearly(region, where, fixed[first + i], carried);
      }
    }
    all.insert(all.end(), carried.begin(), carried.end());
  }
  return all;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::Transport(const Masses &  masses,
                                                                                       const MapType & map) const
  -> Springs
{
  const FieldType & field = *map.GetForward();
  const auto        carried = Carry(masses.Fixed, field);
  return masses.Costs.empty() ? this->TransportPlaces(field, carried, masses.Moving)
                              : this->TransportFeatures(field, carried, masses);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::TransportPlaces(
  const GridType &           grid,
  const std::vector<float> & carried,
  const std::vector<float> & moving) const -> Springs
{
  const auto makeDensity = [&grid](const std::vector<float> & masses) {
    const auto box = FindBox(grid, masses);
    const auto density = DensityType::New();
    density->CopyInformation(&grid);
    density->SetRegions(box);
    density->Allocate();
    const auto part = Crop(grid, masses, box);
    std::copy(part.begin(), part.end(), density->GetBufferPointer());
    return density;
  };
  const auto transport = FilterType::New();
  transport->SetFixedImage(makeDensity(carried));
  transport->SetMovingImage(makeDensity(moving));
  transport->SetReach(m_Settings.Reach);
  transport->SetPreserveMassRatio(m_Settings.PreserveMassRatio);
  if (!m_Blur.IsAutomatic())
  {
    transport->SetBlur(m_Blur.Get());
  }
  transport->Update();
  Springs springs;
  springs.Box = transport->GetSprings()->GetBufferedRegion();
  springs.Divergence = transport->GetDivergence();
  for (SizeValueType i = 0; i < springs.Box.GetNumberOfPixels(); ++i)
  {
    springs.Ways.emplace_back(transport->GetSprings()->GetBufferPointer()[i]);
    springs.Weights.push_back(static_cast<double>(transport->GetTransportedMass()->GetBufferPointer()[i]));
  }
  return springs;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::TransportFeatures(
  const GridType &           grid,
  const std::vector<float> & carried,
  const Masses &             masses) const -> Springs
{
  Springs springs;
  springs.Box = FindBox(grid, carried);
  Sinkhorn::IncludeBox(springs.Box, FindBox(grid, masses.Moving));
  Sinkhorn::SolverParameters parameters;
  parameters.Blur = m_Blur.GetInUse(grid.GetSpacing());
  parameters.Reach = m_Settings.Reach;
  auto found = Sinkhorn::ComputeFeatureSprings<ImageDimension>(grid,
                                                               springs.Box.GetSize(),
                                                               masses.Costs,
                                                               Crop(grid, carried, springs.Box),
                                                               Crop(grid, masses.Moving, springs.Box),
                                                               parameters);
  springs.Ways = std::move(found.Ways);
  springs.Weights = std::move(found.Weights);
  springs.Divergence = found.Divergence;
  return springs;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::ComputeMomentum(const Springs &  springs,
                                                                                             const GridType & grid,
                                                                                             double & meanSquare) const
  -> typename MomentumType::Pointer
{
  const auto momentum = MomentumType::New();
  momentum->CopyInformation(&grid);
  momentum->SetRegions(grid.GetBufferedRegion());
  momentum->Allocate(true);
  double squares = 0.0;
  double total = 0.0;
  auto   index = springs.Box.GetIndex();
  for (SizeValueType i = 0; i < springs.Weights.size(); ++i, Sinkhorn::AdvanceIndex(springs.Box, index))
  {
    const double mass = springs.Weights[i];
    if (mass > 0.0)
    {
      auto & pixel = momentum->GetPixel(index);
      pixel[ImageDimension] = mass;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        pixel[d] = mass * springs.Ways[i][d];
        squares += pixel[d] * pixel[d] / mass;
      }
      total += mass;
    }
  }
  if (!(total > 0.0))
  {
    itkExceptionMacro("The transport moves no mass at all: Reach is too short for the distance of the images.");
  }
  meanSquare = squares / total;
  return momentum;
}

} // namespace itk

#endif
