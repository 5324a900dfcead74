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
#ifndef itkFoldFreeRegistrationMethod_hxx
#define itkFoldFreeRegistrationMethod_hxx

#include "itkFoldFreeRegistrationMethod.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace FoldFreeRegistrationDetail
{

/** Largest spacing, mm. */
template <typename TGrid>
double
GetLargestSpacing(const TGrid * grid)
{
  return *std::max_element(grid->GetSpacing().Begin(), grid->GetSpacing().End());
}

} // namespace FoldFreeRegistrationDetail

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FoldFreeRegistrationMethod()
  : m_UpdateRegularizer(RegularizerType::New())
{
  this->SetLearningRate(0.0);
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::SetUpdateSigmasPerLevel(
  const UpdateSigmasType & sigmas)
{
  if (m_UpdateSigmasPerLevel != sigmas)
  {
    m_UpdateSigmasPerLevel = sigmas;
    this->Modified();
  }
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::SetUpdateSigmaPerLevel(const Array<double> & sigmas)
{
  UpdateSigmasType levels;
  for (const double sigma : sigmas)
  {
    levels.push_back({ sigma });
  }
  this->SetUpdateSigmasPerLevel(levels);
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GenerateData()
{
  this->VerifySettings();
  this->MakeParts();
  m_Initial = this->GetInitialMap();
  this->AllocateOutputs();
  if (!this->GetInitialTransform())
  {
    // The result of an earlier run belongs to the user.
    this->m_OutputTransform = OutputTransformType::New();
    this->GetTransformOutput()->Set(this->m_OutputTransform);
  }
  m_GivenFixedMasks.clear();
  m_GivenMovingMasks.clear();
  m_GivenTangentSpaces.clear();
  for (const auto * const metric : this->GetMetrics())
  {
    const auto * const ofPoints = dynamic_cast<const PointSetMetricType *>(metric);
    m_GivenTangentSpaces.push_back(ofPoints && ofPoints->GetCalculateValueAndDerivativeInTangentSpace());
  }
  m_GivenDomain = this->FindVirtualDomain();
  try
  {
    for (this->m_CurrentLevel = 0; this->m_CurrentLevel < this->m_NumberOfLevels; ++this->m_CurrentLevel)
    {
      this->InitializeRegistrationAtEachLevel(this->m_CurrentLevel);
      // The base class adds the transform that an optimizer would work on; here it is added when it is known.
      this->m_CompositeTransform->RemoveTransform();
      this->StartOptimization();
      this->FinishLevel();
      this->m_CompositeTransform->AddTransform(this->m_OutputTransform);
    }
  }
  catch (...)
  {
    this->RestoreMetric();
    throw;
  }
  this->RestoreMetric();
  this->FinishMap();
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FinishMap()
{
  // What is less than this may not survive the rounding of a file.
  constexpr double leastDeterminant = 0.001;
  PairType         whole = this->GetWholeMap();
  Sinkhorn::FoldRegularizer<ImageDimension>::RelaxForward(whole.Forward, leastDeterminant);
  whole.Inverse = Sinkhorn::InvertField<FieldType>(whole.Forward, whole.Inverse);
  PairType fixed;
  PairType moving;
  this->GetMapsToMiddle(fixed, moving);
  this->m_FixedToMiddleTransform = MakeTransform(fixed);
  this->m_MovingToMiddleTransform = MakeTransform(moving);
  m_OwnFixedToMiddle = this->m_FixedToMiddleTransform;
  this->m_OutputTransform->SetDisplacementField(whole.Forward);
  this->m_OutputTransform->SetInverseDisplacementField(whole.Inverse);
  this->GetTransformOutput()->Set(this->m_OutputTransform);
  // Images and weights of the last level are of no more use.
  m_FixedMixtures = nullptr;
  m_MovingMixtures = nullptr;
  this->m_FixedSmoothImages.clear();
  this->m_MovingSmoothImages.clear();
  m_Parts.clear();
  m_Initial = PairType();
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetInitialMap() const -> PairType
{
  const auto * const      initial = dynamic_cast<const OutputTransformType *>(this->GetInitialTransform());
  const FieldType * const field = initial ? initial->GetDisplacementField() : nullptr;
  if (!field)
  {
    return {};
  }
  const FieldType * const inverse = initial->GetInverseDisplacementField();
  const FieldPointer      forward = Sinkhorn::CopyImage(field);
  return { forward,
           inverse ? Sinkhorn::CopyImage(inverse)
                   : Sinkhorn::InvertField<FieldType>(forward, Sinkhorn::MakeImageOn<FieldType>(forward)) };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
bool
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetGivenMaps(PairType & fixed,
                                                                               PairType & moving) const
{
  if (!this->m_FixedToMiddleTransform || !this->m_MovingToMiddleTransform)
  {
    return false;
  }
  const auto pairOf = [this](const typename OutputTransformType::Pointer & transform) -> PairType {
    if (!transform->GetDisplacementField() || !transform->GetInverseDisplacementField())
    {
      itkExceptionMacro("FixedToMiddleTransform or MovingToMiddleTransform lacks its displacement field or the inverse "
                        "of it; set both fields of both transforms, or neither transform");
    }
    return { transform->GetModifiableDisplacementField(), transform->GetModifiableInverseDisplacementField() };
  };
  fixed = pairOf(this->m_FixedToMiddleTransform);
  moving = pairOf(this->m_MovingToMiddleTransform);
  return true;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::InitializeRegistrationAtEachLevel(
  const SizeValueType level)
{
  // Not the direct superclass: its maps need adaptors, and it works on those that were handed over.
  using ImageRegistrationType = typename Superclass::Superclass;
  if (level == 0 && m_OwnFixedToMiddle.GetPointer() == this->m_FixedToMiddleTransform.GetPointer())
  {
    this->m_FixedToMiddleTransform = nullptr;
    this->m_MovingToMiddleTransform = nullptr;
  }
  ImageRegistrationType::InitializeRegistrationAtEachLevel(level);
  if (level == 0)
  {
    this->PrepareMasks();
  }
  this->KeepRange();
  const auto virtualDomain = this->GetCurrentLevelVirtualDomainImage();
  const auto grid = GridType::New();
  grid->CopyInformation(virtualDomain);
  grid->SetRegions(virtualDomain->GetLargestPossibleRegion());
  m_Grid = grid;
  const FieldPointer none = Sinkhorn::MakeImageOn<FieldType>(grid);
  m_Identity = MakeTransform({ none, none });
  this->PrepareLabels();
  for (Part & part : m_Parts)
  {
    part.WeighedImage = nullptr;
    part.Weight = nullptr;
  }
  m_StopCondition = FoldFreeStopCondition::Iterations;
  m_BestValue = NumericTraits<double>::max();
  m_BestMassValue = NumericTraits<double>::max();
  m_FirstValue = 0.0;
  m_NumberOfRises = 0;
  m_Patience = MostPatience;
  m_Blocked = false;
  m_Step = 1.0;
  this->PrepareMaps(grid, level == 0, m_Initial);
  // What a coarser level left, and can't be mended, must not be held against this one.
  m_Limit = m_SmallestDeterminant;
  if (!this->KeepInvertible(m_Limit))
  {
    m_Limit = 0.8 * this->FindLeastDeterminant();
  }
}

/** This method owns the smoothed images and hands them to the metric as const ones. */
template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::KeepRange()
{
  if (!(this->m_SmoothingSigmasPerLevel[this->m_CurrentLevel] > 0.0))
  {
    return;
  }
  for (SizeValueType n = 0; n < this->m_FixedSmoothImages.size(); ++n)
  {
    if (this->m_FixedSmoothImages[n]) // else these are points
    {
      Sinkhorn::KeepAboveMinimum(this->GetFixedImage(n),
                                 const_cast<ImageType *>(this->m_FixedSmoothImages[n].GetPointer()));
      Sinkhorn::KeepAboveMinimum(this->GetMovingImage(n),
                                 const_cast<ImageType *>(this->m_MovingSmoothImages[n].GetPointer()));
    }
  }
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::StartOptimization()
{
  const SizeValueType mostIterations = this->m_NumberOfIterationsPerLevel[this->m_CurrentLevel];
  this->m_IsConverged = false;
  while (this->m_CurrentIteration < mostIterations && !this->m_IsConverged)
  {
    ++this->m_CurrentIteration;
    this->TakeStep();
    this->Watch();
    this->InvokeEvent(IterationEvent());
    const double level = static_cast<double>(this->m_CurrentIteration) / static_cast<double>(mostIterations);
    this->UpdateProgress(static_cast<float>((static_cast<double>(this->m_CurrentLevel) + level) /
                                            static_cast<double>(this->m_NumberOfLevels)));
    if (this->GetAbortGenerateData())
    {
      ProcessAborted aborted(__FILE__, __LINE__);
      aborted.SetDescription("The registration was aborted by AbortGenerateData.");
      throw aborted;
    }
  }
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::End(FoldFreeStopCondition condition)
{
  m_StopCondition = condition;
  this->m_IsConverged = true;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::Watch()
{
  // The value is that of the first metric.
  const ForceType * const force = m_Parts.front().Force;
  const double            value = this->m_CurrentMetricValue;
  const double way = force->GetSmallestWay() * FoldFreeRegistrationDetail::GetLargestSpacing(m_Grid.GetPointer());
  if (value < std::max(m_SmallestValue, way > 0.0 ? 0.5 * way * way : m_SmallestValue))
  {
    // The value belongs to the maps before this step, which were good enough.
    this->RememberMaps();
    this->ReturnToRememberedMaps();
    this->End(FoldFreeStopCondition::Value);
    return;
  }
  if (force->GetCanDiverge() && this->HasDiverged(value))
  {
    this->End(FoldFreeStopCondition::Divergence);
    return;
  }
  const bool stands = this->KeepInvertible(m_Limit);
  if (stands && value < m_BestValue - m_LeastImprovement * std::abs(m_BestValue))
  {
    m_BestValue = value;
    m_Patience = MostPatience;
    m_Step = std::min(1.0, 1.1 * m_Step);
  }
  else if (!stands || --m_Patience == 0)
  {
    m_Blocked = !stands;
    m_Patience = MostPatience;
    m_Step *= 0.5;
  }
  m_FirstValue = std::max(m_FirstValue, value);
  const double unexplained = force->GetUnexplainedPart();
  if (unexplained > 0.0 && value < unexplained * m_FirstValue)
  {
    this->End(FoldFreeStopCondition::Value);
  }
  else if (m_Step < SmallestStep)
  {
    this->End(m_Blocked ? FoldFreeStopCondition::Folds : FoldFreeStopCondition::Steps);
  }
}

/** Warping does not conserve mass: when shapes differ in how much of it they gain, balanced transport sends the
 * difference from one to the other, however well they match, and every step makes it worse. Then the level ends with
 * its best maps. \param value of the maps before the present step. */
template <typename TFixedImage, typename TMovingImage, typename TPointSet>
bool
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::HasDiverged(double value)
{
  constexpr double muchWorse = 1.5;
  if (value < m_BestMassValue)
  {
    m_BestMassValue = value;
    this->RememberMaps();
    m_NumberOfRises = 0;
  }
  else if (value > muchWorse * m_BestMassValue && ++m_NumberOfRises == MostPatience)
  {
    this->ReturnToRememberedMaps();
    return true;
  }
  return false;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  itkPrintSelfObjectMacro(Force);
  itkPrintSelfObjectMacro(UpdateRegularizer);
  itkPrintSelfObjectMacro(FixedLabels);
  itkPrintSelfObjectMacro(MovingLabels);
  os << indent << "UpdateSigmasPerLevel:";
  for (const auto & level : m_UpdateSigmasPerLevel)
  {
    os << (&level == &m_UpdateSigmasPerLevel.front() ? "" : ",");
    for (const double sigma : level)
    {
      os << " " << sigma;
    }
  }
  os << std::endl;
  os << indent << "TotalFieldSigma: " << m_TotalFieldSigma << std::endl;
  os << indent << "LeastImprovement: " << m_LeastImprovement << std::endl;
  os << indent << "LargestUpdateGradient: " << m_LargestUpdateGradient << std::endl;
  os << indent << "SmallestDeterminant: " << m_SmallestDeterminant << std::endl;
  os << indent << "SmallestTotalDeterminant: " << m_SmallestTotalDeterminant << std::endl;
  os << indent << "SmallestValue: " << m_SmallestValue << std::endl;
  os << indent << "StopCondition: " << m_StopCondition << std::endl;
}

} // namespace itk

#endif
