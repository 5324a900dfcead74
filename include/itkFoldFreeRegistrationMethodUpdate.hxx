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
#ifndef itkFoldFreeRegistrationMethodUpdate_hxx
#define itkFoldFreeRegistrationMethodUpdate_hxx

// How an update comes about: forces, their weight, and the length of a step.
#include "itkFoldFreeRegistrationMethod.h"

#include "itkSinkhornNarrowGaussian.h"
#include "itkSinkhornWarp.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itk
{
namespace FoldFreeRegistrationDetail
{

/** Largest extent, mm. */
template <typename TGrid>
double
GetFieldOfView(const TGrid * grid)
{
  double extent = 0.0;
  for (unsigned int d = 0; d < TGrid::ImageDimension; ++d)
  {
    extent = std::max(extent, grid->GetSpacing()[d] * static_cast<double>(grid->GetLargestPossibleRegion().GetSize(d)));
  }
  return extent;
}

} // namespace FoldFreeRegistrationDetail

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ChooseSmoothing(const ForceType * force)
{
  if (!m_UpdateSigmasPerLevel.empty())
  {
    m_UpdateRegularizer->SetSigmas(m_UpdateSigmasPerLevel[this->m_CurrentLevel]);
    return;
  }
  const double voxel = FoldFreeRegistrationDetail::GetLargestSpacing(m_Grid.GetPointer());
  double       sigma = force->GetDefaultUpdateSigma() * voxel;
  if (!(sigma > 0.0))
  {
    // Wide first, so that distant mass is carried as a whole, then finer.
    const double levels = static_cast<double>(this->m_NumberOfLevels);
    const double progress = levels > 1.0 ? static_cast<double>(this->m_CurrentLevel) / (levels - 1.0) : 0.5;
    sigma = std::max(FoldFreeRegistrationDetail::GetFieldOfView(m_Grid.GetPointer()) / 8.0 * std::pow(0.2, progress),
                     force->GetLeastUpdateSigma() * voxel);
  }
  m_UpdateRegularizer->SetSigmas(
    { m_UpdateRegularizer->GetSigmasAreSpecifiedInPhysicalUnits() ? sigma : sigma / voxel });
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::SetUpMetric(const Part & part,
                                                                              const Side & fixed,
                                                                              const Side & moving) const
{
  using TransformType = typename Superclass::InitialTransformType;
  const auto mapOf = [this](const Side & side) {
    return side.Map ? static_cast<TransformType *>(side.Map.GetPointer())
                    : static_cast<TransformType *>(m_Identity.GetPointer());
  };
  const auto setUp = [&](ImageMetricType * metric, SizeValueType n) {
    metric->SetFixedObject(fixed.Images[n]);
    metric->SetMovingObject(moving.Images[n]);
    metric->SetFixedTransform(mapOf(fixed));
    metric->SetMovingTransform(mapOf(moving));
    metric->SetFixedImageMask(fixed.Masks[n]);
    metric->SetMovingImageMask(moving.Masks[n]);
  };
  if (auto * const multiMetric = dynamic_cast<MultiMetricType *>(part.Metric))
  {
    const auto metrics = this->GetMetrics();
    for (SizeValueType n = 0; n < metrics.size(); ++n)
    {
      setUp(static_cast<ImageMetricType *>(metrics[n]), n);
    }
    multiMetric->SetFixedTransform(mapOf(fixed));
    multiMetric->SetMovingTransform(mapOf(moving));
  }
  else
  {
    setUp(static_cast<ImageMetricType *>(part.Metric), part.Number);
  }
  part.Metric->Initialize();
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ApplyOptimizerWeights(FieldType * forces) const
  -> FieldPointer
{
  if (!this->m_OptimizerWeightsAreIdentity && this->m_OptimizerWeights.Size() == ImageDimension)
  {
    auto * const voxels = forces->GetBufferPointer();
    for (SizeValueType i = 0; i < forces->GetBufferedRegion().GetNumberOfPixels(); ++i)
    {
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        voxels[i][d] *= this->m_OptimizerWeights[d];
      }
    }
  }
  return forces;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
template <typename TMask>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetMaskImage(const TMask & mask) -> const
  typename Superclass::ImageMaskSpatialObjectType::ImageType *
{
  // PrepareMasks() has seen to the type, Warp() to the grid.
  return mask ? static_cast<const typename Superclass::ImageMaskSpatialObjectType *>(mask.GetPointer())->GetImage()
              : nullptr;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputeLabelForces(
  const Part &                        part,
  const Side &                        fixed,
  const Side &                        moving,
  FieldType *                         forces,
  typename ForceType::WeightPointer & weight,
  MeasureType &                       value) const
{
  if (!part.Force->ComputeLabelForces(fixed.Labels,
                                      moving.Labels,
                                      GetMaskImage(fixed.Masks[part.Number]),
                                      GetMaskImage(moving.Masks[part.Number]),
                                      forces,
                                      weight,
                                      value))
  {
    itkExceptionMacro("FixedLabels and MovingLabels can't be compared: the Force, a "
                      << part.Force->GetNameOfClass()
                      << ", knows nothing of labels, or no label lies inside both masks; choose a "
                         "LabelRegistrationForce, or take the labels away");
  }
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputeForces(
  const Part &                        part,
  const Side &                        fixed,
  const Side &                        moving,
  typename ForceType::WeightPointer & weight,
  MeasureType &                       value) -> FieldPointer
{
  const FieldPointer  forces = Sinkhorn::MakeImageOn<FieldType>(m_Identity->GetDisplacementField());
  const SizeValueType n = part.Number;
  const bool          isOfImages = fixed.Images[n].IsNotNull();
  if (!isOfImages)
  {
    this->ComputePointForces(part, fixed, moving, forces, weight, value);
    return this->ApplyOptimizerWeights(forces);
  }
  if (fixed.Labels && moving.Labels)
  {
    this->ComputeLabelForces(part, fixed, moving, forces, weight, value);
    return this->ApplyOptimizerWeights(forces);
  }
  const bool isOfOneMetric = fixed.Images.size() == 1 || m_ComparesPoints;
  if (!fixed.Map && !moving.Map && isOfOneMetric &&
      part.Force->ComputeForces(fixed.Images[n],
                                moving.Images[n],
                                GetMaskImage(fixed.Masks[n]),
                                GetMaskImage(moving.Masks[n]),
                                forces,
                                weight,
                                value))
  {
    return this->ApplyOptimizerWeights(forces);
  }
  this->SetUpMetric(part, fixed, moving);
  const auto count = forces->GetBufferedRegion().GetNumberOfPixels();
  // The derivative is written where it is needed.
  typename ImageMetricType::DerivativeType derivative(
    reinterpret_cast<double *>(forces->GetBufferPointer()), count * ImageDimension, false);
  part.Metric->GetValueAndDerivative(value, derivative);
  if (derivative.data_block() != reinterpret_cast<double *>(forces->GetBufferPointer()))
  {
    std::copy(derivative.begin(), derivative.end(), reinterpret_cast<double *>(forces->GetBufferPointer()));
  }
  return this->ApplyOptimizerWeights(forces);
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputeWeight(Part &       part,
                                                                                const Side & fixed,
                                                                                const Side & moving) const ->
  typename ForceType::WeightPointer
{
  using WeightType = typename ForceType::WeightType;
  const auto carrier = part.Force->GetCarrier();
  if (carrier == ForceType::Carrier::None)
  {
    return nullptr;
  }
  const Side & side = carrier == ForceType::Carrier::Fixed ? fixed : moving;
  if (part.WeighedImage != side.Images[part.Number])
  {
    part.WeighedImage = side.Images[part.Number];
    part.Weight = part.Force->ComputeWeight(part.WeighedImage);
  }
  const auto grid = m_Identity->GetDisplacementField();
  const bool isThere = !side.Map && Sinkhorn::AreOnOneGrid<ImageDimension>(part.Weight, grid);
  const auto weight = isThere
                        ? part.Weight
                        : Sinkhorn::WarpOnto<WeightType>(part.Weight.GetPointer(), side.Map.GetPointer(), grid, false);
  part.Force->Normalize(weight);
  return weight;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputeUpdate(Part &        part,
                                                                                const Side &  fixed,
                                                                                const Side &  moving,
                                                                                MeasureType & value) -> FieldPointer
{
  typename ForceType::WeightPointer weight;
  FieldPointer                      update = this->ComputeForces(part, fixed, moving, weight, value);
  if (!weight)
  {
    weight = this->ComputeWeight(part, fixed, moving);
  }
  this->ChooseSmoothing(part.Force);
  update = m_UpdateRegularizer->Regularize(update, weight, part.Force->GetFaintPart());
  const double factor = part.Share * m_Step * this->FindStep(part.Force, update, weight.IsNotNull());
  auto * const voxels = update->GetBufferPointer();
  const auto   count = update->GetBufferedRegion().GetNumberOfPixels();
  std::for_each(voxels, voxels + count, [factor](auto & way) { way *= factor; });
  return update;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputeUpdate(const Side &  fixed,
                                                                                const Side &  moving,
                                                                                MeasureType & value) -> FieldPointer
{
  FieldPointer sum = this->ComputeUpdate(m_Parts.front(), fixed, moving, value);
  for (SizeValueType k = 1; k < m_Parts.size(); ++k)
  {
    MeasureType notTold = 0.0;
    sum = Sinkhorn::AddScaled<FieldType>(sum, this->ComputeUpdate(m_Parts[k], fixed, moving, notTold), 1.0);
  }
  return sum;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputeUpdates(const Side &  fixed,
                                                                                 const Side &  moving,
                                                                                 MeasureType & value) -> Updates
{
  const auto opposite = [](const FieldType * field) {
    return Sinkhorn::AddScaled<FieldType>(Sinkhorn::MakeImageOn<FieldType>(field), field, -1.0);
  };
  Updates sum;
  for (Part & part : m_Parts)
  {
    MeasureType movingValue = 0.0;
    MeasureType fixedValue = 0.0;
    Updates     updates;
    updates.OfFixed = this->ComputeUpdate(part, fixed, moving, movingValue);
    updates.OfMoving = this->ComputeUpdate(part, moving, fixed, fixedValue);
    if (part.Force->GetSitsOnMovedImage())
    {
      // The derivative is that with respect to the points at which an image is read; wanted is the motion of its
      // content.
      updates = { opposite(updates.OfMoving), opposite(updates.OfFixed) };
    }
    if (!sum.OfFixed)
    {
      value = 0.5 * (movingValue + fixedValue);
      sum = updates;
      continue;
    }
    sum.OfFixed = Sinkhorn::AddScaled<FieldType>(sum.OfFixed, updates.OfFixed, 1.0);
    sum.OfMoving = Sinkhorn::AddScaled<FieldType>(sum.OfMoving, updates.OfMoving, 1.0);
  }
  return sum;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
double
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FindStep(const ForceType * force,
                                                                           const FieldType * update,
                                                                           bool              isWay) const
{
  /** Squares of the longest displacement, voxels, and of the largest norm of forward differences per unit of length. */
  struct Largest
  {
    double Length{ 0.0 };
    double Gradient{ 0.0 };
    Largest &
    operator+=(const Largest & other)
    {
      Length = std::max(Length, other.Length);
      Gradient = std::max(Gradient, other.Gradient);
      return *this;
    }
  };
  const auto   region = update->GetBufferedRegion();
  const auto * voxels = update->GetBufferPointer();
  const auto & spacing = update->GetSpacing();
  const auto   largest =
    Sinkhorn::SumOverChunks<Largest>(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
      Largest part;
      auto    index = Sinkhorn::PositionToIndex(region, begin);
      for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
      {
        double length = 0.0;
        double gradient = 0.0;
        for (unsigned int d = 0; d < ImageDimension; ++d)
        {
          length += Math::sqr(voxels[i][d] / spacing[d]);
          if (index[d] < region.GetUpperIndex()[d])
          {
            gradient += (voxels[i + update->GetOffsetTable()[d]] - voxels[i]).GetSquaredNorm() / Math::sqr(spacing[d]);
          }
        }
        part += Largest{ length, gradient };
      }
      return part;
    });
  const double longest = std::sqrt(largest.Length);
  const double gradient = std::sqrt(largest.Gradient);
  const double rate = this->m_LearningRate > 0.0 ? this->m_LearningRate : force->GetDefaultLearningRate();
  const double most = isWay ? force->GetLargestFactor(this->GetShare()) : std::numeric_limits<double>::max();
  const double factor = std::min(longest > 0.0 ? rate / longest : 0.0, most);
  return factor * gradient > m_LargestUpdateGradient ? m_LargestUpdateGradient / gradient : factor;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::RegularizeTotal(FieldType * field) const
  -> FieldPointer
{
  if (!(m_TotalFieldSigma > 0.0))
  {
    return field;
  }
  FixedArray<double, ImageDimension> sigmas;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    sigmas[d] = m_TotalFieldSigma * field->GetSpacing()[d];
  }
  const FieldPointer smooth = Sinkhorn::SmoothNarrowly<FieldType>(field, sigmas);
  // Beyond the border nothing moves; smoothing must not carry displacements there.
  const auto   region = smooth->GetBufferedRegion();
  auto * const voxels = smooth->GetBufferPointer();
  auto         index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      if (index[d] == region.GetIndex()[d] || index[d] == region.GetUpperIndex()[d])
      {
        voxels[i].Fill(0.0);
        break;
      }
    }
  }
  return smooth;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::MakeMap(
  const PairType &                                  pair,
  const typename Superclass::InitialTransformType * initial) -> typename CompositeTransformType::Pointer
{
  const auto transform = OutputTransformType::New();
  transform->SetDisplacementField(pair.Forward);
  if (pair.Inverse)
  {
    transform->SetInverseDisplacementField(pair.Inverse);
  }
  const auto composite = CompositeTransformType::New();
  if (initial)
  {
    composite->AddTransform(const_cast<typename Superclass::InitialTransformType *>(initial));
  }
  composite->AddTransform(transform);
  composite->FlattenTransformQueue();
  composite->SetOnlyMostRecentTransformToOptimizeOn();
  return composite;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::MakeTransform(const PairType & pair) ->
  typename OutputTransformType::Pointer
{
  const auto transform = OutputTransformType::New();
  transform->SetDisplacementField(pair.Forward);
  transform->SetInverseDisplacementField(pair.Inverse);
  return transform;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::Resample(const PairType & pair, const GridType * grid)
  -> PairType
{
  const auto resample = [grid](const FieldType * field) {
    return Sinkhorn::MakeField<FieldType>(*grid, Sinkhorn::DisplacementSampler<FieldType>(field));
  };
  return { resample(pair.Forward), resample(pair.Inverse) };
}

} // namespace itk

#endif
