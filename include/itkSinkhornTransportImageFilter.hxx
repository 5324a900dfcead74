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
#ifndef itkSinkhornTransportImageFilter_hxx
#define itkSinkhornTransportImageFilter_hxx

#include "itkSinkhornTransportImageFilter.h"

#include "itkLinearInterpolateImageFunction.h"
#include "itkNearestNeighborInterpolateImageFunction.h"
#include "itkSinkhornGridSoftminOperator.h"
#include "itkTimeProbe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace itk
{

template <typename TFixedImage, typename TMovingImage>
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::SinkhornTransportImageFilter()
{
  this->AddRequiredInputName("MovingImage", 1);
  this->SetNumberOfRequiredInputs(2);
  this->SetNumberOfRequiredOutputs(6);
  for (DataObjectPointerArraySizeType i = 1; i < 6; ++i)
  {
    this->SetNthOutput(i, this->MakeOutput(i));
  }
}

template <typename TFixedImage, typename TMovingImage>
DataObject::Pointer
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::MakeOutput(DataObjectPointerArraySizeType index)
{
  return index == 0 ? Superclass::MakeOutput(index) : DataObject::Pointer(RealImageType::New().GetPointer());
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::GetRealOutput(DataObjectPointerArraySizeType index)
  -> RealImageType *
{
  return itkDynamicCastInDebugMode<RealImageType *>(this->ProcessObject::GetOutput(index));
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::SetFixedImage(const FixedImageType * image)
{
  this->ProcessObject::SetNthInput(0, const_cast<FixedImageType *>(image));
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::GetFixedImage() const -> const FixedImageType *
{
  return itkDynamicCastInDebugMode<const FixedImageType *>(this->ProcessObject::GetInput(0));
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::SetMovingImage(const MovingImageType * image)
{
  this->ProcessObject::SetNthInput(1, const_cast<MovingImageType *>(image));
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::GetMovingImage() const -> const MovingImageType *
{
  return itkDynamicCastInDebugMode<const MovingImageType *>(this->ProcessObject::GetInput(1));
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::GenerateOutputInformation()
{
  const GridType & moving = *this->GetMovingImage();
  const auto       grid = Sinkhorn::MakeCommonGrid<ImageDimension>(*this->GetFixedImage(), { &moving });
  for (DataObjectPointerArraySizeType i = 0; i < this->GetNumberOfIndexedOutputs(); ++i)
  {
    auto * output = dynamic_cast<GridType *>(this->ProcessObject::GetOutput(i));
    if (output != nullptr)
    {
      output->CopyInformation(grid);
      output->SetLargestPossibleRegion(grid->GetLargestPossibleRegion());
    }
  }
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::EnlargeOutputRequestedRegion(DataObject *)
{
  for (DataObjectPointerArraySizeType i = 0; i < this->GetNumberOfIndexedOutputs(); ++i)
  {
    this->ProcessObject::GetOutput(i)->SetRequestedRegionToLargestPossibleRegion();
  }
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::Forget()
{
  m_Operator.reset();
  m_LogAlpha.clear();
  m_LogBeta.clear();
  m_Potentials = Sinkhorn::Potentials<RealType>{};
  m_Report = Sinkhorn::SolverReport{};
  m_Values = Sinkhorn::TransportValues{};
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::ReportProgress(double fraction)
{
  if (!this->GetAbortGenerateData())
  {
    this->UpdateProgress(static_cast<float>(fraction)); // observers may ask for the abort
  }
  if (this->GetAbortGenerateData())
  {
    this->Forget();
    ProcessAborted aborted(__FILE__, __LINE__);
    aborted.SetDescription("The transport was aborted on request (AbortGenerateData).");
    aborted.SetLocation(ITK_LOCATION);
    throw aborted;
  }
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::PrepareDensities()
{
  const auto & fixed = *this->GetFixedImage();
  const auto & moving = *this->GetMovingImage();
  const auto   workUnits = this->GetNumberOfWorkUnits();
  for (const auto & warning :
       { Sinkhorn::VerifyDensity(fixed, m_FixedMask.GetPointer(), "fixed", m_ClampNegative, workUnits),
         Sinkhorn::VerifyDensity(moving, m_MovingMask.GetPointer(), "moving", m_ClampNegative, workUnits) })
  {
    if (!warning.empty())
    {
      itkWarningMacro(<< warning);
    }
  }
  auto alpha = Sinkhorn::CarryDensity<RealType>(fixed, m_FixedMask.GetPointer(), *m_Grid, "fixed", workUnits);
  auto beta = Sinkhorn::CarryDensity<RealType>(moving, m_MovingMask.GetPointer(), *m_Grid, "moving", workUnits);
  m_FixedMass = alpha.Total;
  m_MovingMass = beta.Total;

  double scales[2] = { 1.0, 1.0 };
  if (m_NormalizeMasses)
  {
    const double common = 2.0 / (m_FixedMass + m_MovingMass);
    const bool   isCommon = m_Settings.HasCommonScale();
    scales[0] = isCommon ? common : 1.0 / m_FixedMass;
    scales[1] = isCommon ? common : 1.0 / m_MovingMass;
  }
  Sinkhorn::ConvertToLogWeights(alpha.Mass, alpha.Unit * scales[0], workUnits);
  Sinkhorn::ConvertToLogWeights(beta.Mass, beta.Unit * scales[1], workUnits);
  m_LogAlpha = std::move(alpha.Mass);
  m_LogBeta = std::move(beta.Mass);
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::Solve()
{
  constexpr double solverShare = 0.8; // of the progress
  m_Parameters = m_Settings.MakeSolverParameters(m_Blur.GetInUse(m_Grid->GetSpacing()));
  m_Operator =
    std::make_shared<Sinkhorn::GridSoftminOperator<RealType>>(Sinkhorn::GetSizeOfGrid<ImageDimension>(*m_Grid),
                                                              Sinkhorn::GetSpacingOfGrid<ImageDimension>(*m_Grid),
                                                              this->GetNumberOfWorkUnits());

  TimeProbe probe;
  probe.Start();
  m_Report = Sinkhorn::Solver<RealType>::Solve(
    m_Operator, m_LogAlpha, m_LogBeta, m_Parameters, m_Potentials, [&](const Sinkhorn::SolverProgress & progress) {
      this->UpdateProgress(static_cast<float>(solverShare * progress.Fraction));
      return !this->GetAbortGenerateData();
    });
  probe.Stop();
  m_SolverSeconds = probe.GetTotal();
  this->ReportProgress(solverShare);
  if (!m_Report.Converged)
  {
    itkWarningMacro("The transport has " << m_Report.Describe(m_Parameters)
                                         << ". Raise MaximumNumberOfIterations, Blur or Tolerance.");
  }
  m_Values =
    Sinkhorn::ComputeTransportValues(m_LogAlpha, m_LogBeta, m_Parameters, m_Potentials, this->GetNumberOfWorkUnits());
  if (!std::isfinite(m_Values.Divergence))
  {
    itkExceptionMacro("The value is not finite (" << m_Values.Divergence
                                                  << "). Raise Blur, or use images of type double.");
  }
}

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
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::FindMassRegion() const -> RegionType
{
  constexpr RealType empty = -std::numeric_limits<RealType>::infinity();
  const auto &       region = m_Grid->GetBufferedRegion();
  auto               lower = region.GetUpperIndex();
  auto               upper = region.GetIndex();
  auto               index = region.GetIndex();
  for (SizeValueType i = 0; i < m_LogAlpha.size(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (m_LogAlpha[i] > empty || m_LogBeta[i] > empty)
    {
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        lower[d] = std::min(lower[d], index[d]);
        upper[d] = std::max(upper[d], index[d]);
      }
    }
  }
  RegionType box;
  box.SetIndex(lower);
  box.SetUpperIndex(upper);
  return box;
}

template <typename TFixedImage, typename TMovingImage>
template <typename TFunction>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::ForEachLine(const RegionType & box,
                                                                     const TFunction &  function) const
{
  const SizeValueType length = box.GetSize(0);
  auto                first = box;
  first.SetSize(0, 1);
  auto index = box.GetIndex();
  for (SizeValueType line = 0; line < first.GetNumberOfPixels(); ++line, Sinkhorn::AdvanceIndex(first, index))
  {
    function(this->GetOutput()->ComputeOffset(index), line * length, length);
  }
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::Crop(const RegionType & box, const ArrayType & whole) const
  -> ArrayType
{
  ArrayType part(whole.empty() ? 0 : box.GetNumberOfPixels());
  if (!whole.empty())
  {
    this->ForEachLine(box, [&](SizeValueType from, SizeValueType to, SizeValueType length) {
      std::copy_n(whole.begin() + from, length, part.begin() + to);
    });
  }
  return part;
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::Store(const RegionType & box,
                                                               const ArrayType &  part,
                                                               RealImageType *    image) const
{
  auto * buffer = image->GetBufferPointer();
  std::fill_n(buffer, m_LogAlpha.size(), RealType{});
  this->ForEachLine(box, [&](SizeValueType to, SizeValueType from, SizeValueType length) {
    std::copy_n(part.begin() + from, length, buffer + to);
  });
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::MakeCoordinate(const RegionType & box, unsigned int axis) const
  -> ArrayType
{
  ArrayType     coordinate;
  SizeValueType stride = 1;
  for (unsigned int d = 0; d < axis; ++d)
  {
    stride *= box.GetSize(d);
  }
  coordinate.reserve(box.GetNumberOfPixels());
  while (coordinate.size() < box.GetNumberOfPixels())
  {
    for (SizeValueType i = 0; i < box.GetSize(axis); ++i)
    {
      coordinate.insert(coordinate.end(), stride, static_cast<RealType>(i * m_Grid->GetSpacing()[axis]));
    }
  }
  return coordinate;
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::ComputeSprings()
{
  constexpr double start = 0.8;
  constexpr double end = 0.95;
  // All sums are over places with mass, and so are most results: nothing else is computed.
  const RegionType box = this->FindMassRegion();
  const auto       logAlpha = this->Crop(box, m_LogAlpha);
  const auto       logBeta = this->Crop(box, m_LogBeta);
  const double     blur = m_Parameters.Blur;

  Sinkhorn::Potentials<RealType> potentials;
  potentials.F = this->Crop(box, m_Potentials.F);
  potentials.G = this->Crop(box, m_Potentials.G);
  potentials.FAlphaAlpha = this->Crop(box, m_Potentials.FAlphaAlpha);
  const auto op = std::make_shared<Sinkhorn::GridSoftminOperator<RealType>>(
    std::vector<SizeValueType>(box.GetSize().begin(), box.GetSize().end()),
    Sinkhorn::GetSpacingOfGrid<ImageDimension>(*m_Grid),
    this->GetNumberOfWorkUnits());
  const auto plan = PlanType::MakeCross(op, logAlpha, logBeta, blur, potentials);
  const auto logSum = plan.ComputeLogSum(SideEnum::Alpha);
  ArrayType  selfLogSum;
  if (m_Settings.Debias)
  {
    selfLogSum = PlanType::MakeSelf(op, SideEnum::Alpha, logAlpha, blur, potentials).ComputeLogSum(SideEnum::Alpha);
  }
  ArrayType displacement[ImageDimension];
  for (unsigned int axis = 0; axis < ImageDimension; ++axis)
  {
    this->ReportProgress(start + (end - start) * axis / ImageDimension);
    ArrayType source = this->MakeCoordinate(box, axis);
    displacement[axis] = plan.ComputeMean(SideEnum::Alpha, logSum, source);
    if (m_Settings.Debias)
    {
      source = PlanType::MakeSelf(op, SideEnum::Alpha, logAlpha, blur, potentials)
                 .ComputeMean(SideEnum::Alpha, selfLogSum, source);
    }
    std::transform(displacement[axis].begin(),
                   displacement[axis].end(),
                   source.begin(),
                   displacement[axis].begin(),
                   std::minus<RealType>());
  }
  this->StoreSprings(box, displacement);

  this->ReportProgress(end);
  const ArrayType moved = plan.ComputeMarginal(SideEnum::Alpha, logSum);
  this->Store(box, moved, this->GetTransportedMass());
  this->Store(box, plan.ComputeResidual(SideEnum::Alpha, moved), this->GetFixedResidual());
  const ArrayType arrived = plan.ComputeMarginal(SideEnum::Beta, plan.ComputeLogSum(SideEnum::Beta));
  this->Store(box, plan.ComputeResidual(SideEnum::Beta, arrived), this->GetMovingResidual());
  const auto store = [](const ArrayType & potential, double shift, RealImageType * image) {
    std::transform(potential.begin(), potential.end(), image->GetBufferPointer(), [shift](RealType value) {
      return static_cast<RealType>(static_cast<double>(value) + shift);
    });
  };
  store(m_Potentials.F, m_Potentials.GetShift(SideEnum::Alpha), this->GetFixedPotential());
  store(m_Potentials.G, m_Potentials.GetShift(SideEnum::Beta), this->GetMovingPotential());
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::StoreSprings(const RegionType & box,
                                                                      const ArrayType *  displacement)
{
  const auto & region = m_Grid->GetBufferedRegion();
  const auto   direction = m_Grid->GetDirection();
  auto *       field = this->GetSprings()->GetBufferPointer();
  Sinkhorn::ForEachChunk(m_LogAlpha.size(), this->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
    auto index = Sinkhorn::PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      SizeValueType position = 0;
      SizeValueType stride = 1;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        const auto last = static_cast<IndexValueType>(box.GetSize(d)) - 1;
        const auto inside = std::min(std::max<IndexValueType>(index[d] - box.GetIndex(d), 0), last);
        position += static_cast<SizeValueType>(inside) * stride;
        stride *= box.GetSize(d);
      }
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        double physical = 0.0;
        for (unsigned int e = 0; e < ImageDimension; ++e)
        {
          physical += direction(d, e) * static_cast<double>(displacement[e][position]);
        }
        field[i][d] = static_cast<RealType>(physical);
      }
    }
  });
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::GenerateData()
{
  m_Blur.Verify(this->GetNameOfClass());
  m_Settings.Verify(this->GetNameOfClass());
  this->Forget();
  m_Grid = GridType::New();
  m_Grid->CopyInformation(this->GetSprings());
  m_Grid->SetRegions(this->GetSprings()->GetLargestPossibleRegion());
  for (DataObjectPointerArraySizeType i = 0; i < this->GetNumberOfIndexedOutputs(); ++i)
  {
    auto * output = dynamic_cast<GridType *>(this->ProcessObject::GetOutput(i));
    output->SetBufferedRegion(m_Grid->GetLargestPossibleRegion());
    output->Allocate();
  }
  try
  {
    this->PrepareDensities();
    this->Solve();
    this->ComputeSprings();
  }
  catch (...)
  {
    this->Forget();
    throw;
  }
  this->UpdateProgress(1.0f);
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
    if (!(logWeights[i] > -std::numeric_limits<RealType>::infinity()))
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
  auto       values = plan.ComputeMean(side, plan.ComputeLogSum(side), this->SampleOnGrid(image));
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
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::TransportLabelsTo(SideEnum               side,
                                                                           const LabelImageType * labels) const
  -> LabelImagePointer
{
  const auto plan = this->MakePlan();
  auto       best = plan.ComputeLabels(side, plan.ComputeLogSum(side), this->SampleLabelsOnGrid(labels));
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
  auto       probability =
    plan.ComputeLabelProbability(side, plan.ComputeLogSum(side), this->SampleLabelsOnGrid(labels), label);
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

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  itkPrintSelfObjectMacro(FixedMask);
  itkPrintSelfObjectMacro(MovingMask);
  m_Blur.Print(os, indent);
  m_Settings.Print(os, indent);
  os << indent << "NormalizeMasses: " << Sinkhorn::OnOrOff(m_NormalizeMasses) << std::endl;
  os << indent << "ClampNegative: " << Sinkhorn::OnOrOff(m_ClampNegative) << std::endl;
  os << indent << "FixedMass: " << m_FixedMass << std::endl;
  os << indent << "MovingMass: " << m_MovingMass << std::endl;
  os << indent << "TransportValue: " << m_Values.Transport << std::endl;
  os << indent << "Divergence: " << m_Values.Divergence << std::endl;
  os << indent << "NumberOfIterations: " << m_Report.NumberOfIterations << std::endl;
  os << indent << "MarginalError: " << m_Report.GetMarginalError() << std::endl;
  os << indent << "Converged: " << Sinkhorn::OnOrOff(m_Report.Converged) << std::endl;
  os << indent << "SolverSeconds: " << m_SolverSeconds << std::endl;
}

} // namespace itk

#endif
