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
#ifndef itkSinkhornTransportImageFilterOutputs_hxx
#define itkSinkhornTransportImageFilterOutputs_hxx

// What is carried through the plan after an update.
#include "itkSinkhornTransportImageFilter.h"

#include "itkLinearInterpolateImageFunction.h"
#include "itkNearestNeighborInterpolateImageFunction.h"
#include "itkSinkhornSprings.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <vector>

namespace itk
{

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::MakePlan() const -> PlanType
{
  if (m_Potentials.F.empty())
  {
    itkExceptionMacro("There is no transport to read: call Update() first.");
  }
  return PlanType::MakeCross(m_Operator, m_LogAlpha, m_LogBeta, m_Parameters.Blur, m_Potentials);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::MakeImage(const ArrayType & values) const -> RealImagePointer
{
  const auto image = RealImageType::New();
  image->CopyInformation(m_Grid);
  image->SetRegions(m_Grid->GetBufferedRegion());
  image->Allocate();
  std::copy(values.begin(), values.end(), image->GetBufferPointer());
  return image;
}

template <typename TFixedImage, typename TMovingImage>
template <typename TArray>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::RestrictToSupport(SideEnum side, TArray & values) const
{
  const ArrayType & logWeights = this->GetLogWeights(side);
  for (SizeValueType i = 0; i < values.size(); ++i)
  {
    bool hasMass = false;
    for (SizeValueType lifted = i; lifted < logWeights.size(); lifted += values.size())
    {
      hasMass = hasMass || logWeights[lifted] > -std::numeric_limits<RealType>::infinity();
    }
    if (!hasMass)
    {
      values[i] = 0;
    }
  }
}

/** Values of an image at the voxels of a grid, 0 outside the image. */
template <typename TValue, typename TInterpolator, typename TImage, unsigned int VDimension>
std::vector<TValue>
SinkhornSampleOnGrid(const TImage * image, const ImageBase<VDimension> & grid, ThreadIdType workUnits)
{
  if (image == nullptr || image->GetBufferPointer() == nullptr)
  {
    itkGenericExceptionMacro("The image to be transported is missing or has no pixels: update its source first.");
  }
  const auto interpolator = TInterpolator::New();
  interpolator->SetInputImage(image);
  const auto &        region = grid.GetBufferedRegion();
  std::vector<TValue> values(region.GetNumberOfPixels(), TValue{});
  Sinkhorn::ForEachChunk(values.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
    auto index = Sinkhorn::PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      typename ImageBase<VDimension>::PointType point;
      grid.TransformIndexToPhysicalPoint(index, point);
      if (interpolator->IsInsideBuffer(point))
      {
        values[i] = static_cast<TValue>(interpolator->Evaluate(point));
      }
    }
  });
  return values;
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::SampleOnGrid(const RealImageType * image) const -> ArrayType
{
  using InterpolatorType = LinearInterpolateImageFunction<RealImageType, double>;
  return SinkhornSampleOnGrid<RealType, InterpolatorType, RealImageType, ImageDimension>(
    image, *m_Grid, this->GetNumberOfWorkUnits());
}

template <typename TFixedImage, typename TMovingImage>
std::vector<unsigned short>
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::SampleLabelsOnGrid(const LabelImageType * labels) const
{
  using InterpolatorType = NearestNeighborInterpolateImageFunction<LabelImageType, double>;
  return SinkhornSampleOnGrid<unsigned short, InterpolatorType, LabelImageType, ImageDimension>(
    labels, *m_Grid, this->GetNumberOfWorkUnits());
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportTo(SideEnum side, const RealImageType * image) const
  -> RealImagePointer
{
  const auto plan = this->MakePlan();
  auto       values = this->AverageOverBins(
    this->GetLogWeights(side),
    plan.ComputeMean(
      side, plan.ComputeLogSum(side), Sinkhorn::RepeatForBins(this->SampleOnGrid(image), this->GetNumberOfBins())));
  this->RestrictToSupport(side, values);
  return this->MakeImage(values);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportToFixed(const RealImageType * image) const
  -> RealImagePointer
{
  return this->TransportTo(SideEnum::Alpha, image);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportToMoving(const RealImageType * image) const
  -> RealImagePointer
{
  return this->TransportTo(SideEnum::Beta, image);
}

template <typename TFixedImage, typename TMovingImage>
std::vector<unsigned short>
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::FindLabelsOverBins(
  const PlanType &                    plan,
  SideEnum                            side,
  const std::vector<unsigned short> & labels) const
{
  const auto                  logSum = plan.ComputeLogSum(side);
  const auto                  lifted = Sinkhorn::RepeatForBins(labels, this->GetNumberOfBins());
  ArrayType                   largest(labels.size(), RealType(0));
  std::vector<unsigned short> best(labels.size(), 0);
  for (const unsigned short label : std::set<unsigned short>(labels.begin(), labels.end()))
  {
    const auto probability =
      this->AverageOverBins(this->GetLogWeights(side), plan.ComputeLabelProbability(side, logSum, lifted, label));
    for (SizeValueType i = 0; i < best.size(); ++i)
    {
      if (probability[i] > largest[i])
      {
        largest[i] = probability[i];
        best[i] = label;
      }
    }
  }
  return best;
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportLabelsTo(SideEnum               side,
                                                                           const LabelImageType * labels) const
  -> LabelImagePointer
{
  const auto plan = this->MakePlan();
  auto best = m_Costs.empty() ? plan.ComputeLabels(side, plan.ComputeLogSum(side), this->SampleLabelsOnGrid(labels))
                              : this->FindLabelsOverBins(plan, side, this->SampleLabelsOnGrid(labels));
  this->RestrictToSupport(side, best);
  const auto image = LabelImageType::New();
  image->CopyInformation(m_Grid);
  image->SetRegions(m_Grid->GetBufferedRegion());
  image->Allocate();
  std::copy(best.begin(), best.end(), image->GetBufferPointer());
  return image;
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportLabelsToFixed(const LabelImageType * labels) const
  -> LabelImagePointer
{
  return this->TransportLabelsTo(SideEnum::Alpha, labels);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportLabelsToMoving(const LabelImageType * labels) const
  -> LabelImagePointer
{
  return this->TransportLabelsTo(SideEnum::Beta, labels);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportLabelProbabilityTo(SideEnum               side,
                                                                                     const LabelImageType * labels,
                                                                                     unsigned short         label) const
  -> RealImagePointer
{
  const auto plan = this->MakePlan();
  auto       probability = this->AverageOverBins(
    this->GetLogWeights(side),
    plan.ComputeLabelProbability(side,
                                 plan.ComputeLogSum(side),
                                 Sinkhorn::RepeatForBins(this->SampleLabelsOnGrid(labels), this->GetNumberOfBins()),
                                 label));
  this->RestrictToSupport(side, probability);
  return this->MakeImage(probability);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportLabelProbabilityToFixed(const LabelImageType * labels,
                                                                                          unsigned short label) const
  -> RealImagePointer
{
  return this->TransportLabelProbabilityTo(SideEnum::Alpha, labels, label);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportLabelProbabilityToMoving(
  const LabelImageType * labels,
  unsigned short         label) const -> RealImagePointer
{
  return this->TransportLabelProbabilityTo(SideEnum::Beta, labels, label);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::DisplaceMass(const PlanType & plan, double t) const
  -> ArrayType
{
  const auto &    springs = *this->GetOutput();
  const ArrayType moved = plan.ComputeMarginal(SideEnum::Alpha, plan.ComputeLogSum(SideEnum::Alpha));
  const auto &    region = m_Grid->GetBufferedRegion();
  ArrayType       result(moved.size(), RealType{});
  auto            index = region.GetIndex();
  for (SizeValueType i = 0; i < moved.size(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (moved[i] > 0)
    {
      Point<double, ImageDimension> point;
      m_Grid->TransformIndexToPhysicalPoint(index, point);
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        point[d] += t * static_cast<double>(springs.GetBufferPointer()[i][d]);
      }
      Sinkhorn::SplatLinearly(region, Sinkhorn::LocateInGrid<ImageDimension>(*m_Grid, point), moved[i], result);
    }
  }
  return result;
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::Interpolate(double t, InterpolationEnum interpolation) const
  -> RealImagePointer
{
  if (!(t >= 0.0 && t <= 1.0))
  {
    itkExceptionMacro("The time of an interpolation must lie in [0, 1], but is " << t << '.');
  }
  if (!m_Costs.empty())
  {
    itkExceptionMacro("NumberOfIntensityBins is " << this->GetNumberOfBins()
                                                  << ", but bins of intensity have no interpolation. Set it to 0.");
  }
  const auto                     plan = this->MakePlan();
  const double                   epsilon = m_Parameters.Blur * m_Parameters.Blur;
  Sinkhorn::Potentials<RealType> scaled;
  ArrayType                      resting(m_LogAlpha.size(), RealType{});
  const auto                     separate = [&](SideEnum side, const ArrayType & potential, double share) {
    const ArrayType   marginal = plan.ComputeMarginal(side, plan.ComputeLogSum(side));
    const ArrayType & logWeights = this->GetLogWeights(side);
    ArrayType         result(potential);
    for (SizeValueType i = 0; i < marginal.size(); ++i)
    {
      const double own = std::exp(static_cast<double>(logWeights[i]));
      if (own >= marginal[i])
      {
        resting[i] += static_cast<RealType>(share * (own - marginal[i]));
      }
      else
      {
        result[i] += static_cast<RealType>(share * epsilon * std::log(own / marginal[i]));
      }
    }
    return result;
  };
  scaled.F = separate(SideEnum::Alpha, m_Potentials.F, 1.0 - t);
  scaled.G = separate(SideEnum::Beta, m_Potentials.G, t);
  const auto moving = PlanType::MakeCross(m_Operator, m_LogAlpha, m_LogBeta, m_Parameters.Blur, scaled);
  ArrayType  mass = interpolation == InterpolationEnum::Entropic ? moving.ComputeInterpolation(SideEnum::Alpha, t)
                                                                 : this->DisplaceMass(moving, t);
  std::transform(mass.begin(), mass.end(), resting.begin(), mass.begin(), std::plus<RealType>());
  return this->MakeImage(mass);
}

} // namespace itk

#endif
