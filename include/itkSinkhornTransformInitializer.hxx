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
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::AppendSprings(FilterType &          transport,
                                                                                   double                share,
                                                                                   std::vector<Spring> & list)
{
  const auto & springs = *transport.GetSprings();
  const auto & masses = *transport.GetTransportedMass();
  const auto & region = springs.GetBufferedRegion();
  auto         index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (masses.GetBufferPointer()[i] > 0)
    {
      Spring spring;
      spring.Weight = share * static_cast<double>(masses.GetBufferPointer()[i]);
      springs.TransformIndexToPhysicalPoint(index, spring.Source);
      spring.Target = spring.Source;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        spring.Target[d] += static_cast<double>(springs.GetBufferPointer()[i][d]);
      }
      list.push_back(spring);
    }
  }
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::ComputeMoments(const Pairs &  pairs,
                                                                                    DensityPointer Pair::*side)
  -> MomentsType
{
  return MomentsType::Compute([&](const auto & function) {
    for (const Pair & pair : pairs)
    {
      const DensityType & density = *(pair.*side);
      const auto &        region = density.GetBufferedRegion();
      auto                index = region.GetIndex();
      for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
      {
        PointType point;
        density.TransformIndexToPhysicalPoint(index, point);
        function(pair.Share * static_cast<double>(density.GetBufferPointer()[i]), point, point);
      }
    }
  });
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
bool
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::IsFlat(const Pairs &  pairs,
                                                                            DensityPointer Pair::*side)
{
  // along the axes of the grid, in units of the spacing
  const DensityType & first = *(pairs.front().*side);
  auto                spacing = first.GetSpacing();
  for (const Pair & pair : pairs)
  {
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      spacing[d] = std::max(spacing[d], (pair.*side)->GetSpacing()[d]);
    }
  }
  const MatrixType toAxes(first.GetInverseDirection());
  auto             covariance = toAxes * ComputeMoments(pairs, side).Source * MatrixType(toAxes.GetTranspose());
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    for (unsigned int e = 0; e < ImageDimension; ++e)
    {
      covariance(d, e) /= spacing[d] * spacing[e];
    }
  }
  return !Sinkhorn::HasExtent<ImageDimension>(covariance);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakeStarts(const Pairs & pairs) const
  -> std::vector<MapType>
{
  std::vector<MapType> starts(1);
  if (!m_UseMultiStart)
  {
    return starts;
  }
  const MomentsType from = ComputeMoments(pairs, &Pair::Fixed);
  const MomentsType to = ComputeMoments(pairs, &Pair::Moving);
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
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Transport(const Pair &          pair,
                                                                               Trial &               trial,
                                                                               double &              divergence,
                                                                               std::vector<Spring> & list) const
{
  const auto transport = FilterType::New();
  transport->SetFixedImage(
    Carry(*pair.Fixed, trial.Map, *pair.Moving, FindCarriedRegion(*pair.Fixed, trial.Map, *pair.Moving)));
  transport->SetMovingImage(pair.Moving);
  transport->SetReach(m_Settings.Reach);
  transport->SetPreserveMassRatio(m_Settings.PreserveMassRatio);
  if (!m_Blur.IsAutomatic())
  {
    transport->SetBlur(m_Blur.Get());
  }
  transport->Update();
  trial.Blur += pair.Share * transport->GetBlurInUse();
  divergence += pair.Share * transport->GetDivergence();
  AppendSprings(*transport, pair.Share, list);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Evaluate(const Pairs &   pairs,
                                                                              const MapType & map) const -> Trial
{
  Trial trial;
  trial.Map = map;
  const auto isAffordable = [&](const Pair & pair) {
    return IsAffordable(*pair.Fixed, map, *pair.Moving, pair.MaximumNumberOfVoxels);
  };
  if (!std::all_of(pairs.begin(), pairs.end(), isAffordable))
  {
    return trial;
  }
  std::vector<Spring> springs;
  double              divergence = 0.0;
  for (const Pair & pair : pairs)
  {
    if (pair.Costs.empty())
    {
      this->Transport(pair, trial, divergence, springs);
    }
    else
    {
      this->TransportFeatures(pair, trial, divergence, springs);
    }
  }
  trial.Springs = MomentsType::Compute([&springs](const auto & function) {
    for (const Spring & spring : springs)
    {
      function(spring.Weight, spring.Source, spring.Target);
    }
  });
  if (!(trial.Springs.Weight > 0.0))
  {
    itkExceptionMacro("The transport moves no mass at all: Reach is too short for the distance of the images.");
  }
  if (trial.Springs.IsFinite())
  {
    trial.Divergence = divergence;
  }
  return trial;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Refine(ModelType       model,
                                                                            const Pairs &   pairs,
                                                                            const MapType & start,
                                                                            unsigned int &  steps) const -> Trial
{
  constexpr double leastShare = 0.25;
  double           still = pairs.front().Moving->GetSpacing()[0];
  for (const Pair & pair : pairs)
  {
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      still = std::min(still, pair.Moving->GetSpacing()[d]);
    }
  }
  still *= 0.01;
  Trial  best = this->Evaluate(pairs, start);
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
    const Trial   trial = this->Evaluate(pairs, part);
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
  const bool hasLabels = m_FixedLabels && m_MovingLabels;
  if (!m_Transform || (!hasLabels && (!m_FixedImage || !m_MovingImage)))
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
  m_Blur.Verify(this->GetNameOfClass());
  m_Settings.Verify(this->GetNameOfClass());
  if (!hasLabels)
  {
    Sinkhorn::VerifyDensity(*m_FixedImage, m_FixedMask.GetPointer(), "fixed", false, 0);
    Sinkhorn::VerifyDensity(*m_MovingImage, m_MovingMask.GetPointer(), "moving", false, 0);
  }
  this->VerifyFeatures();
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::InitializeTransform()
{
  this->VerifyParameters();
  ModelType   model = this->GetModel();
  const Pairs pairs = m_FixedLabels && m_MovingLabels ? this->MakeLabelPairs() : Pairs{ this->MakeImagePair() };
  if (model == ModelType::Affine && (IsFlat(pairs, &Pair::Fixed) || IsFlat(pairs, &Pair::Moving)))
  {
    model = ModelType::Similarity;
  }

  Trial best;
  for (const MapType & start : this->MakeStarts(pairs))
  {
    unsigned int steps = 0;
    const Trial  trial = this->Refine(model, pairs, start, steps);
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
  this->SetTransformTo(best.Map, ComputeMoments(pairs, &Pair::Fixed).MeanSource);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  itkPrintSelfObjectMacro(Transform);
  itkPrintSelfObjectMacro(FixedImage);
  itkPrintSelfObjectMacro(MovingImage);
  itkPrintSelfObjectMacro(FixedLabels);
  itkPrintSelfObjectMacro(MovingLabels);
  os << indent << "LabelCosts: " << m_LabelCosts.GetTable().size() << std::endl;
  itkPrintSelfObjectMacro(FixedMask);
  itkPrintSelfObjectMacro(MovingMask);
  itkPrintSelfObjectMacro(FixedIntensities);
  itkPrintSelfObjectMacro(MovingIntensities);
  m_Bins.Print(os, indent);
  os << indent << "MaximumNumberOfVoxels: " << m_MaximumNumberOfVoxels << std::endl;
  m_Blur.Print(os, indent);
  m_Settings.Print(os, indent);
  os << indent << "MaximumStretch: " << m_MaximumStretch << std::endl;
  os << indent << "MaximumNumberOfSteps: " << m_MaximumNumberOfSteps << std::endl;
  os << indent << "UseMultiStart: " << (m_UseMultiStart ? "On" : "Off") << std::endl;
  os << indent << "NumberOfSteps: " << m_NumberOfSteps << std::endl;
  os << indent << "Divergence: " << m_Divergence << std::endl;
}

} // namespace itk

#endif
