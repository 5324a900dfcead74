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
#ifndef itkSinkhornDisplacementFieldInitializer_hxx
#define itkSinkhornDisplacementFieldInitializer_hxx

#include "itkSinkhornDisplacementFieldInitializer.h"

#include "itkSmoothingRecursiveGaussianImageFilter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::VerifyParameters() const
{
  constexpr SizeValueType smallestGrid = SizeValueType{ 1 } << (3 * ImageDimension); // the coarsest has less
  if (!m_Transform || !m_FixedImage || !m_MovingImage)
  {
    itkExceptionMacro("The " << (!m_Transform ? "Transform" : (!m_FixedImage ? "FixedImage" : "MovingImage"))
                             << " is not set.");
  }
  if (m_MaximumNumberOfSteps == 0)
  {
    itkExceptionMacro("MaximumNumberOfSteps must be at least 1.");
  }
  if (m_MaximumNumberOfVoxels < smallestGrid)
  {
    itkExceptionMacro("MaximumNumberOfVoxels is " << m_MaximumNumberOfVoxels << ", but must be at least "
                                                  << smallestGrid << '.');
  }
  if (m_Grid && m_Grid->GetLargestPossibleRegion().GetNumberOfPixels() == 0)
  {
    itkExceptionMacro("The Grid has no voxels: set its regions, or update the filter that makes it.");
  }
  if (!(m_Smoothing >= 0.0) || !std::isfinite(m_Smoothing))
  {
    itkExceptionMacro("Smoothing is " << m_Smoothing << ", but must be a length in mm, or 0.");
  }
  m_Blur.Verify(this->GetNameOfClass());
  m_Settings.Verify(this->GetNameOfClass());
  m_Bins.Verify(this->GetNameOfClass());
  if (m_Bins.AreOn() && m_Settings.PreserveMassRatio)
  {
    itkExceptionMacro("PreserveMassRatio is on, but bins of intensity compare masses of 1; set it off.");
  }
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::ComputeVelocity(
  const MomentumType & momentum,
  const Workplace &    place,
  double               smoothing) const -> FieldPointer
{
  constexpr double floorFraction = 0.02;
  using GaussianType = SmoothingRecursiveGaussianImageFilter<MomentumType, MomentumType>;
  const auto gaussian = GaussianType::New();
  gaussian->SetInput(&momentum);
  gaussian->SetSigma(smoothing);
  gaussian->Update();
  const auto &  smoothed = *gaussian->GetOutput();
  const auto &  region = smoothed.GetBufferedRegion();
  SizeValueType voxels = region.GetNumberOfPixels();
  double        floor = 0.0;
  for (SizeValueType i = 0; i < voxels; ++i)
  {
    floor = std::max(floor, floorFraction * smoothed.GetBufferPointer()[i][ImageDimension]);
  }
  const auto velocity = Sinkhorn::MakeImageOn<FieldType>(place.Grid);
  auto       index = region.GetIndex();
  for (SizeValueType i = 0; i < voxels; ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    double fade = 1.0;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      const auto fromBorder = std::min(index[d] - region.GetIndex(d), region.GetUpperIndex()[d] - index[d]);
      fade *= std::min(1.0, fromBorder * place.Grid->GetSpacing()[d] / place.Margin);
    }
    const auto & pixel = smoothed.GetBufferPointer()[i];
    // recursive Gaussians have small negative lobes
    const double weight = fade / (std::max(pixel[ImageDimension], 0.0) + floor);
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      velocity->GetBufferPointer()[i][d] = weight * pixel[d];
    }
  }
  return velocity;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
bool
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::Follow(MapType &   map,
                                                                                    FieldType & velocity,
                                                                                    bool &      isShortened)
{
  constexpr double largestDerivative = 0.25;
  constexpr double largestNumberOfParts = 4.0;
  constexpr double smallestDeterminant = 0.05;
  const double     steepest = Sinkhorn::ComputeLargestDerivative(velocity);
  const double     wanted = std::max(1.0, std::ceil(steepest / largestDerivative));
  const double     parts = std::min(wanted, largestNumberOfParts);
  isShortened = wanted > largestNumberOfParts;
  const double scale = isShortened ? largestDerivative / steepest : 1.0 / parts;
  auto *       values = velocity.GetBufferPointer();
  std::for_each(
    values, values + velocity.GetBufferedRegion().GetNumberOfPixels(), [&](VectorType & value) { value *= scale; });
  bool isInvertible = true;
  for (unsigned int part = 0; part < static_cast<unsigned int>(parts) && isInvertible; ++part)
  {
    isInvertible = map.Append(velocity, smallestDeterminant);
  }
  return isInvertible;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::Grow(const Workplace & place) -> MapType
{
  constexpr double smallestGain = 0.01;
  const double     still = 0.01 * place.SmallestSpacing;

  const Masses masses = this->MakeMasses(*place.Grid);

  MapType map(*place.Grid);
  MapType best = map;
  double  smoothing = place.LargestSmoothing;
  double  used = 0.0; // by the last step
  double  last = std::numeric_limits<double>::max();
  m_Divergence = std::numeric_limits<double>::max();
  for (m_NumberOfSteps = 0;; ++m_NumberOfSteps)
  {
    const auto   springs = this->Transport(masses, map);
    const double divergence = springs.Divergence;
    if (m_NumberOfSteps == 0)
    {
      m_InitialDivergence = divergence;
    }
    if (divergence < m_Divergence)
    {
      m_Divergence = divergence;
      best = map;
    }
    double     meanSquare = 0.0;
    const bool isStalled = divergence > (1.0 - smallestGain) * last;
    if ((isStalled && used == place.Smoothing) || m_NumberOfSteps == m_MaximumNumberOfSteps)
    {
      break;
    }
    if (isStalled && smoothing == used)
    {
      smoothing = std::max(0.5 * smoothing, place.Smoothing);
    }
    used = smoothing;
    const auto momentum = this->ComputeMomentum(springs, *place.Grid, meanSquare);
    if (std::sqrt(meanSquare) <= still)
    {
      break;
    }
    last = divergence;
    const auto velocity = this->ComputeVelocity(*momentum, place, smoothing);
    bool       isShortened = false;
    const bool isInvertible = Follow(map, *velocity, isShortened);
    if (!isShortened)
    {
      smoothing = std::max(0.5 * smoothing, place.Smoothing);
    }
    if (!isInvertible)
    {
      const double reached = this->Transport(masses, map).Divergence;
      best = reached < m_Divergence ? map : best;
      m_Divergence = std::min(m_Divergence, reached);
      break;
    }
  }
  return best;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::SetTransformTo(const MapType & map)
{
  using SamplerType = Sinkhorn::DisplacementSampler<FieldType>;
  using OutputSamplerType = Sinkhorn::DisplacementSampler<OutputFieldType>;
  constexpr double  tolerance = 1e-3; // voxels
  const GridType *  model = m_Grid ? m_Grid.GetPointer() : m_FixedImage.GetPointer();
  const auto        grid = GridType::New();
  const SamplerType forward(map.GetForward());
  const SamplerType inverse(map.GetInverse());
  grid->CopyInformation(model);
  grid->SetRegions(model->GetLargestPossibleRegion());

  const auto &            spacing = grid->GetSpacing();
  const double            close = tolerance * *std::min_element(spacing.Begin(), spacing.End());
  const auto              field = Sinkhorn::MakeField<OutputFieldType>(*grid, forward);
  const OutputSamplerType output(field);
  const auto              inverseField = Sinkhorn::MakeField<OutputFieldType>(
    *grid, [&](const PointType & y) { return Sinkhorn::RefineInverse(output, y, inverse(y), close); });
  m_Transform->SetDisplacementField(field);
  m_Transform->SetInverseDisplacementField(inverseField);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::InitializeTransform()
{
  this->VerifyParameters();
  const Workplace place = this->ChooseWorkplace();
  const MapType   map = this->Grow(place);
  m_SmoothingInUse = place.Smoothing;
  m_MinimumJacobianDeterminant = map.GetMinimumJacobianDeterminant();
  this->SetTransformTo(map);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornDisplacementFieldInitializer<TTransform, TFixedImage, TMovingImage>::PrintSelf(std::ostream & os,
                                                                                       Indent         indent) const
{
  Superclass::PrintSelf(os, indent);

  itkPrintSelfObjectMacro(Transform);
  itkPrintSelfObjectMacro(FixedImage);
  itkPrintSelfObjectMacro(MovingImage);
  itkPrintSelfObjectMacro(FixedMask);
  itkPrintSelfObjectMacro(MovingMask);
  itkPrintSelfObjectMacro(Grid);
  os << indent << "MaximumNumberOfVoxels: " << m_MaximumNumberOfVoxels << std::endl;
  os << indent << "Smoothing: " << m_Smoothing << std::endl;
  m_Blur.Print(os, indent);
  m_Settings.Print(os, indent);
  m_Bins.Print(os, indent);
  os << indent << "MaximumNumberOfSteps: " << m_MaximumNumberOfSteps << std::endl;
  os << indent << "NumberOfSteps: " << m_NumberOfSteps << std::endl;
  os << indent << "InitialDivergence: " << m_InitialDivergence << std::endl;
  os << indent << "Divergence: " << m_Divergence << std::endl;
  os << indent << "MinimumJacobianDeterminant: " << m_MinimumJacobianDeterminant << std::endl;
  os << indent << "SmoothingInUse: " << m_SmoothingInUse << std::endl;
}

} // namespace itk

#endif
