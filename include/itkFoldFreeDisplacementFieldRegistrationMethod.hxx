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
#ifndef itkFoldFreeDisplacementFieldRegistrationMethod_hxx
#define itkFoldFreeDisplacementFieldRegistrationMethod_hxx

#include "itkFoldFreeDisplacementFieldRegistrationMethod.h"

#include <algorithm>

namespace itk
{

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrepareMaps(const GridType * grid,
                                                                                               bool             isFirst,
                                                                                               const PairType & initial)
{
  if (isFirst)
  {
    m_Field = Sinkhorn::MakeImageOn<FieldType>(grid);
    m_Inverse = m_Field;
    PairType toMiddle;
    PairType fromMoving;
    if (this->GetGivenMaps(toMiddle, fromMoving))
    {
      m_Field = Sinkhorn::ComposeFields<FieldType>(fromMoving.Inverse, toMiddle.Forward);
      m_Inverse = Sinkhorn::ComposeFields<FieldType>(toMiddle.Inverse, fromMoving.Forward);
    }
    else if (initial.Forward)
    {
      m_Field = initial.Forward;
      m_Inverse = initial.Inverse;
    }
    m_Best = nullptr;
  }
  const PairType here = Superclass::Resample({ m_Field, m_Inverse }, grid);
  m_Field = here.Forward;
  m_Inverse = here.Inverse;
  m_Last = m_Field;
  m_WarpedFixed = typename Superclass::Side();
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::TakeStep()
{
  const auto fixedInitial = this->GetFixedInitialTransform();
  const auto none = Sinkhorn::MakeImageOn<FieldType>(m_Field);
  const auto fixedMap = fixedInitial ? Superclass::MakeMap({ none, none }, fixedInitial) : nullptr;
  const bool isComposed = m_Greedy || this->ComparesLabels();
  if (isComposed && this->ComparesPoints())
  {
    m_Inverse =
      Sinkhorn::InvertField<FieldType>(m_Field, m_Inverse, Sinkhorn::FoldRegularizer<ImageDimension>::InverseTolerance);
  }
  auto fixed = this->GetSide(false, fixedMap);
  auto moving = this->GetSide(true, Superclass::MakeMap({ m_Field, m_Inverse }, this->m_CompositeTransform));
  if (!isComposed)
  {
    if (this->ComparesPoints())
    {
      // Fixed points are carried along and compared where they arrive, so that nothing has to be inverted.
      fixed.PlaceMap = fixed.PointMap;
      fixed.PointMap = Superclass::MakeMap({ m_Inverse, m_Field }, fixedInitial);
      moving.PointMap = Superclass::MakeMap({ none, none }, this->m_CompositeTransform);
    }
    const auto step = this->ComputeUpdate(fixed, moving, this->m_CurrentMetricValue);
    m_Field = this->RegularizeTotal(Sinkhorn::AddScaled<FieldType>(m_Field, step, 1.0));
    return;
  }
  if (m_WarpedFixed.Images.empty())
  {
    m_WarpedFixed = this->Warp(fixed);
  }
  const auto step = this->ComputeUpdate(m_WarpedFixed, this->Warp(moving), this->m_CurrentMetricValue);
  m_Field = this->RegularizeTotal(Sinkhorn::ComposeFields<FieldType>(m_Field, step));
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
bool
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::KeepInvertible(double limit)
{
  // Points are brought back by the inverse, which there must be.
  if (!m_Greedy || this->ComparesPoints())
  {
    Sinkhorn::FoldRegularizer<ImageDimension>::RelaxForward(m_Field,
                                                            std::min(limit, this->GetSmallestTotalDeterminant()));
  }
  m_Last = m_Field;
  return true;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::RememberMaps()
{
  m_Best = m_Last;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ReturnToRememberedMaps()
{
  m_Field = m_Best;
  m_Last = m_Best;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
double
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FindLeastDeterminant() const
{
  return Sinkhorn::FoldRegularizer<ImageDimension>::FindLeastDeterminant({ m_Last, m_Last });
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FinishLevel()
{
  m_WarpedFixed = typename Superclass::Side();
  if (m_Greedy)
  {
    Sinkhorn::FoldRegularizer<ImageDimension>::RelaxForward(m_Field, this->GetSmallestTotalDeterminant());
  }
  m_Inverse =
    Sinkhorn::InvertField<FieldType>(m_Field, m_Inverse, Sinkhorn::FoldRegularizer<ImageDimension>::InverseTolerance);
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetWholeMap() const -> PairType
{
  return { m_Field, m_Inverse };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetMapsToMiddle(
  PairType & fixed,
  PairType & moving) const
{
  const auto none = Sinkhorn::MakeImageOn<FieldType>(m_Field);
  fixed = { none, none };
  moving = { m_Inverse, m_Field };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeDisplacementFieldRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrintSelf(std::ostream & os,
                                                                                             Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "Greedy: " << (m_Greedy ? "On" : "Off") << std::endl;
}

} // namespace itk

#endif
