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

#include "itkSinkhornSprings.h"
#include "itkTimeProbe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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
  m_Costs.clear();
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
  auto alpha = m_Bins.Carry<RealType>(fixed, m_FixedMask.GetPointer(), *m_Grid, "fixed", workUnits);
  auto beta = m_Bins.Carry<RealType>(moving, m_MovingMask.GetPointer(), *m_Grid, "moving", workUnits);
  m_Costs = m_Bins.MakeCosts(moving, m_MovingMask.GetPointer());
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
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::MakeOperator(const std::vector<SizeValueType> & size) const
  -> OperatorPointer
{
  return Sinkhorn::MakeGridOperator<RealType>(
    { size, Sinkhorn::GetSpacingOfGrid<ImageDimension>(*m_Grid), m_Costs, this->GetNumberOfWorkUnits() },
    m_OperatorMaker);
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::SumOverBins(ArrayType values) const -> ArrayType
{
  return m_Costs.empty() ? std::move(values) : Sinkhorn::SumBins(values, values.size() / this->GetNumberOfBins());
}

template <typename TFixedImage, typename TMovingImage>
auto
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::AverageOverBins(const ArrayType & logWeights,
                                                                         ArrayType         values) const -> ArrayType
{
  return m_Costs.empty() ? std::move(values)
                         : Sinkhorn::AverageBins(logWeights, values, values.size() / this->GetNumberOfBins());
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::Solve()
{
  constexpr double solverShare = 0.8; // of the progress
  m_Parameters = m_Settings.MakeSolverParameters(m_Blur.GetInUse(m_Grid->GetSpacing()));
  m_Operator = this->MakeOperator(Sinkhorn::GetSizeOfGrid<ImageDimension>(*m_Grid));

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
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::FindMassRegion() const -> RegionType
{
  constexpr RealType empty = -std::numeric_limits<RealType>::infinity();
  const auto &       region = m_Grid->GetBufferedRegion();
  return Sinkhorn::FindBox(region, [&](SizeValueType voxel) {
    for (SizeValueType i = voxel; i < m_LogAlpha.size(); i += region.GetNumberOfPixels())
    {
      if (m_LogAlpha[i] > empty || m_LogBeta[i] > empty)
      {
        return true;
      }
    }
    return false;
  });
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
  const SizeValueType bins = whole.empty() ? 0 : this->GetNumberOfBins();
  const SizeValueType voxels = m_Grid->GetBufferedRegion().GetNumberOfPixels();
  ArrayType           part(bins * box.GetNumberOfPixels());
  for (SizeValueType k = 0; k < bins; ++k)
  {
    this->ForEachLine(box, [&](SizeValueType from, SizeValueType to, SizeValueType length) {
      std::copy_n(whole.begin() + k * voxels + from, length, part.begin() + k * box.GetNumberOfPixels() + to);
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
  std::fill_n(buffer, m_Grid->GetBufferedRegion().GetNumberOfPixels(), RealType{});
  this->ForEachLine(box, [&](SizeValueType to, SizeValueType from, SizeValueType length) {
    std::copy_n(part.begin() + from, length, buffer + to);
  });
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
  const std::vector<SizeValueType> size(box.GetSize().begin(), box.GetSize().end());
  const auto                       spacing = Sinkhorn::GetSpacingOfGrid<ImageDimension>(*m_Grid);
  const auto                       op = this->MakeOperator(size);
  const auto                       plan = PlanType::MakeCross(op, logAlpha, logBeta, blur, potentials);
  const auto self = m_Settings.Debias ? PlanType::MakeSelf(op, SideEnum::Alpha, logAlpha, blur, potentials) : plan;
  const auto logSum = plan.ComputeLogSum(SideEnum::Alpha);
  auto       displacement =
    Sinkhorn::ComputeSprings(plan,
                             logSum,
                             m_Settings.Debias ? &self : nullptr,
                             SideEnum::Alpha,
                             size,
                             spacing,
                             this->GetNumberOfBins(),
                             [&](std::size_t axis) {
                               this->ReportProgress(start + (end - start) * static_cast<double>(axis) / ImageDimension);
                             });
  for (ArrayType & along : displacement)
  {
    along = this->AverageOverBins(logAlpha, std::move(along));
  }
  this->StoreSprings(box, displacement);

  this->ReportProgress(end);
  const ArrayType moved = plan.ComputeMarginal(SideEnum::Alpha, logSum);
  this->Store(box, this->SumOverBins(moved), this->GetTransportedMass());
  this->Store(box, this->SumOverBins(plan.ComputeResidual(SideEnum::Alpha, moved)), this->GetFixedResidual());
  const ArrayType arrived = plan.ComputeMarginal(SideEnum::Beta, plan.ComputeLogSum(SideEnum::Beta));
  this->Store(box, this->SumOverBins(plan.ComputeResidual(SideEnum::Beta, arrived)), this->GetMovingResidual());
  const auto store = [](const ArrayType & potential, double shift, RealImageType * image) {
    std::transform(potential.begin(), potential.end(), image->GetBufferPointer(), [shift](RealType value) {
      return static_cast<RealType>(static_cast<double>(value) + shift);
    });
  };
  store(this->AverageOverBins(m_LogAlpha, m_Potentials.F),
        m_Potentials.GetShift(SideEnum::Alpha),
        this->GetFixedPotential());
  store(this->AverageOverBins(m_LogBeta, m_Potentials.G),
        m_Potentials.GetShift(SideEnum::Beta),
        this->GetMovingPotential());
}

template <typename TFixedImage, typename TMovingImage>
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::StoreSprings(const RegionType &             box,
                                                                      const std::vector<ArrayType> & displacement)
{
  const auto & region = m_Grid->GetBufferedRegion();
  const auto   direction = m_Grid->GetDirection();
  auto *       field = this->GetSprings()->GetBufferPointer();
  Sinkhorn::ForEachChunk(
    region.GetNumberOfPixels(), this->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
      auto index = Sinkhorn::PositionToIndex(region, begin);
      for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
      {
        if (!m_Costs.empty() && !box.IsInside(index))
        {
          field[i].Fill(RealType{});
          continue;
        }
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
  m_Bins.Verify(this->GetNameOfClass());
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
void
SinkhornTransportImageFilter<TFixedImage, TMovingImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  itkPrintSelfObjectMacro(FixedMask);
  itkPrintSelfObjectMacro(MovingMask);
  m_Blur.Print(os, indent);
  m_Settings.Print(os, indent);
  os << indent << "NormalizeMasses: " << Sinkhorn::OnOrOff(m_NormalizeMasses) << std::endl;
  m_Bins.Print(os, indent);
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
