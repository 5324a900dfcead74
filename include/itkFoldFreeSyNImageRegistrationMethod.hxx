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
#ifndef itkFoldFreeSyNImageRegistrationMethod_hxx
#define itkFoldFreeSyNImageRegistrationMethod_hxx

#include "itkFoldFreeSyNImageRegistrationMethod.h"

#include <algorithm>

namespace itk
{

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrepareMaps(const GridType * grid,
                                                                                      bool             isFirst,
                                                                                      const PairType & initial)
{
  if (isFirst)
  {
    const auto none = Sinkhorn::MakeImageOn<FieldType>(grid);
    m_Maps = { { none, none }, { none, none } };
    if (!this->GetGivenMaps(m_Maps.Fixed, m_Maps.Moving) && initial.Forward)
    {
      // The middle is the fixed image then; both images move from there on.
      m_Maps.Moving = { initial.Inverse, initial.Forward };
    }
    m_Best = Maps();
  }
  m_Maps = { Superclass::Resample(m_Maps.Fixed, grid), Superclass::Resample(m_Maps.Moving, grid) };
  m_Last = m_Maps;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::Follow(const PairType &  map,
                                                                                 const FieldType * step) const
  -> PairType
{
  const FieldPointer forward = this->RegularizeTotal(Sinkhorn::ComposeFields<FieldType>(step, map.Forward));
  return { forward,
           Sinkhorn::InvertField<FieldType>(
             forward, map.Inverse, Sinkhorn::FoldRegularizer<ImageDimension>::InverseTolerance) };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::TakeStep()
{
  const auto fixedMap =
    Superclass::MakeMap({ m_Maps.Fixed.Inverse, m_Maps.Fixed.Forward }, this->GetFixedInitialTransform());
  const auto movingMap =
    Superclass::MakeMap({ m_Maps.Moving.Inverse, m_Maps.Moving.Forward }, this->m_CompositeTransform);
  auto fixed = this->GetSide(false, fixedMap);
  auto moving = this->GetSide(true, movingMap);
  if (this->m_DownsampleImagesForMetricDerivatives || this->ComparesLabels())
  {
    fixed = this->Warp(fixed);
    moving = this->Warp(moving);
  }
  auto steps = this->ComputeUpdates(fixed, moving, this->m_CurrentMetricValue);
  if (this->m_AverageMidPointGradients)
  {
    steps.OfFixed = Sinkhorn::AddScaled<FieldType>(steps.OfFixed, steps.OfMoving, -1.0);
    steps.OfMoving =
      Sinkhorn::AddScaled<FieldType>(Sinkhorn::MakeImageOn<FieldType>(steps.OfFixed), steps.OfFixed, -1.0);
  }
  m_Maps = { this->Follow(m_Maps.Fixed, steps.OfFixed), this->Follow(m_Maps.Moving, steps.OfMoving) };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
bool
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::KeepInvertible(double limit)
{
  using Folds = Sinkhorn::FoldRegularizer<ImageDimension>;
  const bool stands =
    Folds::Relax(m_Maps.Fixed, limit) && Folds::Relax(m_Maps.Moving, limit) &&
    Folds::RelaxComposition(m_Maps.Fixed, m_Maps.Moving, std::min(limit, this->GetSmallestTotalDeterminant()));
  m_Maps = stands ? m_Maps : m_Last;
  m_Last = m_Maps;
  return stands;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::RememberMaps()
{
  m_Best = m_Last;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ReturnToRememberedMaps()
{
  m_Maps = m_Best;
  m_Last = m_Best;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
double
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FindLeastDeterminant() const
{
  using Folds = Sinkhorn::FoldRegularizer<ImageDimension>;
  return std::min(Folds::FindLeastDeterminant(m_Last.Fixed), Folds::FindLeastDeterminant(m_Last.Moving));
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetWholeMap() const -> PairType
{
  return { Sinkhorn::ComposeFields<FieldType>(m_Maps.Moving.Inverse, m_Maps.Fixed.Forward),
           Sinkhorn::ComposeFields<FieldType>(m_Maps.Fixed.Inverse, m_Maps.Moving.Forward) };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeSyNImageRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetMapsToMiddle(PairType & fixed,
                                                                                          PairType & moving) const
{
  fixed = m_Maps.Fixed;
  moving = m_Maps.Moving;
}

} // namespace itk

#endif
