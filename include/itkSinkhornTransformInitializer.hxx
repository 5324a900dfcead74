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
#ifndef itkSinkhornTransformInitializer_hxx
#define itkSinkhornTransformInitializer_hxx

#include "itkSinkhornTransformInitializer.h"

#include <algorithm>
#include <cmath>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::GetModel() const -> ModelType
{
  constexpr unsigned int rigid = ImageDimension * (ImageDimension + 1) / 2;
  const auto             parameters = m_Transform->GetNumberOfParameters();
  if (parameters == rigid)
  {
    return ModelType::Rigid;
  }
  if (parameters == rigid + 1)
  {
    return ModelType::Similarity;
  }
  if (parameters != ImageDimension * (ImageDimension + 1))
  {
    itkExceptionMacro("A " << m_Transform->GetNameOfClass() << " with " << parameters
                           << " parameters cannot be initialised: use a rigid, similarity or affine transform whose "
                              "centre is not a parameter, such as Euler"
                           << ImageDimension << "DTransform.");
  }
  return ModelType::Affine;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
template <typename TImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Bin(const TImage &   image,
                                                                         const MaskType * mask,
                                                                         const char *     name,
                                                                         SizeValueType    maximumNumberOfVoxels,
                                                                         double &         mass) const -> DensityPointer
{
  // grow the factors of the axes of smallest spacing, all of them at once, until there are few enough voxels
  const auto &                   region = image.GetBufferedRegion();
  unsigned int                   factors[ImageDimension];
  typename DensityType::SizeType size = region.GetSize();
  std::fill_n(factors, ImageDimension, 1u);
  while (ImageRegion<ImageDimension>(size).GetNumberOfPixels() > maximumNumberOfVoxels)
  {
    double finest = std::numeric_limits<double>::max();
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      finest = size[d] > 1 ? std::min(finest, factors[d] * image.GetSpacing()[d]) : finest;
    }
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      factors[d] += (size[d] > 1 && factors[d] * image.GetSpacing()[d] <= (1.0 + 1e-6) * finest) ? 1u : 0u;
      size[d] = (region.GetSize(d) + factors[d] - 1) / factors[d];
    }
  }

  // The bins lie around the middle, so that it does not matter in which order an axis is stored; the halves of a voxel
  // can fall into different bins.
  typename DensityType::SpacingType       spacing;
  ContinuousIndex<double, ImageDimension> first;
  typename DensityType::PointType         origin;
  IndexValueType                          padding[ImageDimension]; // in half voxels
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    padding[d] = static_cast<IndexValueType>(size[d] * factors[d] - region.GetSize(d));
    spacing[d] = factors[d] * image.GetSpacing()[d];
    first[d] = region.GetIndex(d) + 0.5 * (factors[d] - 1.0 - static_cast<double>(padding[d]));
  }
  image.TransformContinuousIndexToPhysicalPoint(first, origin);
  const auto density = DensityType::New();
  density->SetRegions(size);
  density->SetSpacing(spacing);
  density->SetDirection(image.GetDirection());
  density->SetOrigin(origin);
  density->Allocate();
  std::vector<double>       masses(density->GetBufferedRegion().GetNumberOfPixels(), 0.0);
  Sinkhorn::Density<double> sum;
  sum.NumberOfSamples = Sinkhorn::ForEachMass(image, mask, [&](const typename TImage::IndexType & index, double value) {
    constexpr unsigned int corners = 1u << ImageDimension;
    sum.Total += value;
    for (unsigned int corner = 0; corner < corners; ++corner)
    {
      auto bin = index;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        const IndexValueType half = 2 * (index[d] - region.GetIndex(d)) + padding[d] + ((corner >> d) & 1u);
        bin[d] = half / (2 * static_cast<IndexValueType>(factors[d]));
      }
      masses[static_cast<size_t>(density->ComputeOffset(bin))] += value / corners;
    }
  });
  Sinkhorn::VerifyTotal(sum, name, mask != nullptr);
  mass = sum.Total;
  std::transform(masses.begin(), masses.end(), density->GetBufferPointer(), [mass](double value) {
    return static_cast<float>(value / mass);
  });
  return density;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::FindCarriedRegion(const DensityType & fixed,
                                                                                       const MapType &     map,
                                                                                       const DensityType & moving)
  -> ImageRegion<ImageDimension>
{
  const auto &                                  region = fixed.GetBufferedRegion();
  const Sinkhorn::IndexMap<ImageDimension>      indices(fixed, moving, map);
  const Sinkhorn::VoxelSplatter<ImageDimension> splatter(indices);
  double                                        lower[ImageDimension];
  double                                        upper[ImageDimension];
  std::fill_n(lower, ImageDimension, std::numeric_limits<double>::max());
  std::fill_n(upper, ImageDimension, std::numeric_limits<double>::lowest());
  auto index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (fixed.GetBufferPointer()[i] > 0.0f)
    {
      const auto where = splatter.Locate(index);
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        lower[d] = std::min(lower[d], where[d] - splatter.GetHalfExtent(d));
        upper[d] = std::max(upper[d], where[d] + splatter.GetHalfExtent(d));
      }
    }
  }
  ImageRegion<ImageDimension> box;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    box.SetIndex(d, static_cast<IndexValueType>(std::floor(lower[d])));
    box.SetSize(d, static_cast<SizeValueType>(std::floor(upper[d]) - std::floor(lower[d])) + 2);
  }
  return box;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Carry(const DensityType & fixed,
                                                                           const MapType &     map,
                                                                           const DensityType & moving) -> DensityPointer
{
  const auto                              box = FindCarriedRegion(fixed, map, moving);
  const auto &                            region = fixed.GetBufferedRegion();
  Sinkhorn::VoxelSplatter<ImageDimension> splatter(Sinkhorn::IndexMap<ImageDimension>(fixed, moving, map));
  splatter.Initialize(region, box);
  std::vector<float> carried(box.GetNumberOfPixels(), 0.0f);
  auto               index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (fixed.GetBufferPointer()[i] > 0.0f)
    {
      splatter.Splat(index, fixed.GetBufferPointer()[i], carried);
    }
  }
  const auto image = DensityType::New();
  image->CopyInformation(&moving);
  image->SetRegions(box);
  image->Allocate();
  std::copy(carried.begin(), carried.end(), image->GetBufferPointer());
  return image;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
bool
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::IsAffordable(const DensityType & fixed,
                                                                                  const MapType &     map,
                                                                                  const DensityType & moving) const
{
  constexpr double largestGrowth = 32.0;
  auto             box = FindCarriedRegion(fixed, map, moving);
  const auto &     other = moving.GetBufferedRegion();
  double           voxels = 1.0;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    const auto lower = std::min(box.GetIndex(d), other.GetIndex(d));
    const auto upper = std::max(box.GetUpperIndex()[d], other.GetUpperIndex()[d]);
    voxels *= static_cast<double>(upper - lower) + 1.0;
  }
  return voxels <= largestGrowth * std::max(static_cast<double>(m_MaximumNumberOfVoxels), 1000.0);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::ComputeSpringMoments(FilterType & transport)
  -> MomentsType
{
  const auto & springs = *transport.GetSprings();
  const auto & masses = *transport.GetTransportedMass();
  const auto & region = springs.GetBufferedRegion();
  return MomentsType::Compute([&](const auto & function) {
    auto index = region.GetIndex();
    for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      if (masses.GetBufferPointer()[i] > 0)
      {
        PointType source;
        springs.TransformIndexToPhysicalPoint(index, source);
        PointType target = source;
        for (unsigned int d = 0; d < ImageDimension; ++d)
        {
          target[d] += static_cast<double>(springs.GetBufferPointer()[i][d]);
        }
        function(static_cast<double>(masses.GetBufferPointer()[i]), source, target);
      }
    }
  });
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::ComputeMoments(const DensityType & density)
  -> MomentsType
{
  const auto & region = density.GetBufferedRegion();
  return MomentsType::Compute([&](const auto & function) {
    auto index = region.GetIndex();
    for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      PointType point;
      density.TransformIndexToPhysicalPoint(index, point);
      function(static_cast<double>(density.GetBufferPointer()[i]), point, point);
    }
  });
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
bool
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::IsFlat(const DensityType & density)
{
  // along the axes of the grid, in units of the spacing
  const MatrixType toAxes(density.GetInverseDirection());
  auto             covariance = toAxes * ComputeMoments(density).Source * MatrixType(toAxes.GetTranspose());
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    for (unsigned int e = 0; e < ImageDimension; ++e)
    {
      covariance(d, e) /= density.GetSpacing()[d] * density.GetSpacing()[e];
    }
  }
  return !Sinkhorn::HasExtent<ImageDimension>(covariance);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakeStarts(const DensityType & fixed,
                                                                                const DensityType & moving) const
  -> std::vector<MapType>
{
  std::vector<MapType> starts(1);
  if (!m_UseMultiStart)
  {
    return starts;
  }
  const MomentsType from = ComputeMoments(fixed);
  const MomentsType to = ComputeMoments(moving);
  for (const auto & rotation : Sinkhorn::FindAxisRotations<ImageDimension>(from.Source, to.Source))
  {
    MapType start;
    start.Linear = rotation;
    start.Offset = to.MeanSource - rotation * from.MeanSource;
    starts.push_back(start);
  }
  return starts;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::SetTransformTo(const MapType &   map,
                                                                                    const PointType & centre)
{
  typename TransformType::InputPointType   middle;
  typename TransformType::MatrixType       matrix;
  typename TransformType::OutputVectorType translation;
  const PointType                          image = map(centre);
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    middle[d] = centre[d];
    translation[d] = image[d] - centre[d];
    for (unsigned int e = 0; e < ImageDimension; ++e)
    {
      matrix(d, e) = map.Linear(d, e);
    }
  }
  m_Transform->SetIdentity();
  m_Transform->SetCenter(middle);
  m_Transform->SetMatrix(matrix);
  m_Transform->SetTranslation(translation);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Evaluate(const DensityType & fixed,
                                                                              const DensityType & moving,
                                                                              const MapType &     map) const -> Trial
{
  Trial trial;
  trial.Map = map;
  if (!this->IsAffordable(fixed, map, moving))
  {
    return trial;
  }
  const auto transport = FilterType::New();
  transport->SetFixedImage(this->Carry(fixed, map, moving));
  transport->SetMovingImage(&moving);
  transport->SetReach(m_Reach);
  transport->SetPreserveMassRatio(m_PreserveMassRatio);
  if (m_Blur != 0.0)
  {
    transport->SetBlur(m_Blur);
  }
  transport->Update();
  trial.Blur = transport->GetBlurInUse();
  trial.Springs = ComputeSpringMoments(*transport);
  if (!(trial.Springs.Weight > 0.0))
  {
    itkExceptionMacro("The transport moves no mass at all: Reach is too short for the distance of the images.");
  }
  if (trial.Springs.IsFinite())
  {
    trial.Divergence = transport->GetDivergence();
  }
  return trial;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Refine(ModelType           model,
                                                                            const DensityType & fixed,
                                                                            const DensityType & moving,
                                                                            const MapType &     start,
                                                                            unsigned int &      steps) const -> Trial
{
  constexpr double leastShare = 0.25;
  double           still = moving.GetSpacing()[0];
  for (unsigned int d = 1; d < ImageDimension; ++d)
  {
    still = std::min(still, moving.GetSpacing()[d]);
  }
  still *= 0.01;
  Trial  best = this->Evaluate(fixed, moving, start);
  double share = 1.0;
  steps = 0;
  for (unsigned int tried = 0; tried < m_MaximumNumberOfSteps && best.Springs.IsFinite(); ++tried)
  {
    const MapType step = Sinkhorn::FitLinearMap(model, best.Springs, best.Blur);
    if (Sinkhorn::ComputeDisplacement(step, best.Springs) <= still)
    {
      break;
    }
    const MapType part = Sinkhorn::ComposePart(model, best.Map, step, share, best.Springs.MeanSource, m_MaximumStretch);
    const Trial   trial = this->Evaluate(fixed, moving, part);
    if (trial.Divergence < best.Divergence)
    {
      best = trial;
      share = 1.0;
      ++steps;
    }
    else if ((share *= 0.5) < leastShare)
    {
      break;
    }
  }
  return best;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::VerifyParameters() const
{
  if (!m_Transform || !m_FixedImage || !m_MovingImage)
  {
    itkExceptionMacro("The " << (!m_Transform ? "Transform" : (!m_FixedImage ? "FixedImage" : "MovingImage"))
                             << " is not set.");
  }
  if (m_MaximumNumberOfSteps == 0 || m_MaximumNumberOfVoxels == 0)
  {
    itkExceptionMacro("MaximumNumberOfSteps and MaximumNumberOfVoxels must be at least 1.");
  }
  if (!(m_MaximumStretch >= 1.0) || !std::isfinite(m_MaximumStretch))
  {
    itkExceptionMacro("MaximumStretch is " << m_MaximumStretch << ", but must be at least 1 and finite.");
  }
  Sinkhorn::VerifyDensity(*m_FixedImage, m_FixedMask.GetPointer(), "fixed", false, 0);
  Sinkhorn::VerifyDensity(*m_MovingImage, m_MovingMask.GetPointer(), "moving", false, 0);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::InitializeTransform()
{
  this->VerifyParameters();
  ModelType  model = this->GetModel();
  double     mass[2];
  const auto fixed = this->Bin(*m_FixedImage, m_FixedMask.GetPointer(), "fixed", m_MaximumNumberOfVoxels, mass[0]);
  // a small moving image would make a fine lattice for a large fixed one
  DensityPointer moving;
  for (SizeValueType voxels = m_MaximumNumberOfVoxels; !moving || !this->IsAffordable(*fixed, MapType(), *moving);
       voxels = (voxels + 1) / 2)
  {
    moving = this->Bin(*m_MovingImage, m_MovingMask.GetPointer(), "moving", voxels, mass[1]);
    if (voxels == 1)
    {
      break;
    }
  }
  if (m_PreserveMassRatio)
  {
    const auto ratio = static_cast<float>(mass[0] / mass[1]);
    auto *     buffer = fixed->GetBufferPointer();
    std::for_each(
      buffer, buffer + fixed->GetBufferedRegion().GetNumberOfPixels(), [ratio](float & value) { value *= ratio; });
  }
  if (model == ModelType::Affine && (IsFlat(*fixed) || IsFlat(*moving)))
  {
    model = ModelType::Similarity;
  }

  Trial best;
  for (const MapType & start : this->MakeStarts(*fixed, *moving))
  {
    unsigned int steps = 0;
    const Trial  trial = this->Refine(model, *fixed, *moving, start, steps);
    if (trial.Divergence < best.Divergence)
    {
      m_NumberOfSteps = steps;
      best = trial;
    }
  }
  if (!std::isfinite(best.Divergence))
  {
    itkExceptionMacro("No start has a finite divergence on a grid of reasonable size: the images are too far apart, or "
                      "one is too small for the other. Bring them closer together, for instance with "
                      "CenteredTransformInitializer, or raise MaximumNumberOfVoxels.");
  }
  m_Divergence = best.Divergence;
  this->SetTransformTo(best.Map, ComputeMoments(*fixed).MeanSource);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  itkPrintSelfObjectMacro(Transform);
  itkPrintSelfObjectMacro(FixedImage);
  itkPrintSelfObjectMacro(MovingImage);
  itkPrintSelfObjectMacro(FixedMask);
  itkPrintSelfObjectMacro(MovingMask);
  os << indent << "MaximumNumberOfVoxels: " << m_MaximumNumberOfVoxels << std::endl;
  os << indent << "Blur: " << m_Blur << std::endl;
  os << indent << "Reach: " << m_Reach << std::endl;
  os << indent << "PreserveMassRatio: " << (m_PreserveMassRatio ? "On" : "Off") << std::endl;
  os << indent << "MaximumStretch: " << m_MaximumStretch << std::endl;
  os << indent << "MaximumNumberOfSteps: " << m_MaximumNumberOfSteps << std::endl;
  os << indent << "UseMultiStart: " << (m_UseMultiStart ? "On" : "Off") << std::endl;
  os << indent << "NumberOfSteps: " << m_NumberOfSteps << std::endl;
  os << indent << "Divergence: " << m_Divergence << std::endl;
}

} // namespace itk

#endif
