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
#ifndef itkFoldFreeVelocityFlowRegistrationMethod_hxx
#define itkFoldFreeVelocityFlowRegistrationMethod_hxx

#include "itkFoldFreeVelocityFlowRegistrationMethod.h"

#include <algorithm>

namespace itk
{

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrepareMaps(const GridType * grid,
                                                                                          bool             isFirst,
                                                                                          const PairType & initial)
{
  if (isFirst)
  {
    const auto isStill = [](const FieldType * field) {
      const auto * voxels = field->GetBufferPointer();
      return std::all_of(voxels, voxels + field->GetBufferedRegion().GetNumberOfPixels(), [](const auto & way) {
        return way.GetSquaredNorm() == 0.0;
      });
    };
    if ((initial.Forward && !isStill(initial.Forward)) || this->m_FixedToMiddleTransform)
    {
      itkExceptionMacro(
        "InitialTransform or FixedToMiddleTransform holds a displacement, from which a flow can't begin; "
        "make it the MovingInitialTransform");
    }
    m_Flow = FlowType(grid, m_NumberOfIntervals);
    m_Best = FlowType();
  }
  else
  {
    m_Flow.MoveTo(grid);
  }
  m_Last = m_Flow;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::TakeStep()
{
  double                    value = 0.0;
  std::vector<FieldPointer> changes;
  // Points come to the middle of an interval by the inverses of the maps that images are read through.
  const auto ways = this->ComparesPoints() ? m_Flow.MakeWaysFromEnds() : typename FlowType::WaysFromEnds();
  for (unsigned int k = 0; k < m_Flow.GetNumberOfIntervals(); ++k)
  {
    changes.push_back(this->ComputeChange(
      k, ways.Start.empty() ? nullptr : ways.Start[k], ways.End.empty() ? nullptr : ways.End[k], value));
  }
  m_Flow.Add(changes);
  this->m_CurrentMetricValue = value / m_Flow.GetNumberOfIntervals();
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputeChange(unsigned int interval,
                                                                                            FieldType *  fromStart,
                                                                                            FieldType *  fromEnd,
                                                                                            double &     value)
  -> FieldPointer
{
  const auto fixedMap =
    Superclass::MakeMap({ m_Flow.GetToStart(interval), fromStart }, this->GetFixedInitialTransform());
  const auto movingMap = Superclass::MakeMap({ m_Flow.GetToEnd(interval), fromEnd }, this->m_CompositeTransform);
  const auto fixed = this->Warp(this->GetSide(false, fixedMap));
  const auto moving = this->Warp(this->GetSide(true, movingMap));
  typename Superclass::MeasureType ofInterval = 0.0;
  const auto                       updates = this->ComputeUpdates(fixed, moving, ofInterval);
  value += ofInterval;
  return Sinkhorn::AddScaled<FieldType>(updates.OfFixed, updates.OfMoving, -1.0);
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
bool
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::KeepInvertible(double limit)
{
  const bool stands = m_Flow.Relax(std::min(limit, this->GetSmallestTotalDeterminant()));
  m_Flow = stands ? m_Flow : m_Last;
  m_Last = m_Flow;
  return stands;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::RememberMaps()
{
  m_Best = m_Last;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ReturnToRememberedMaps()
{
  m_Flow = m_Best;
  m_Last = m_Best;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
double
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FindLeastDeterminant() const
{
  return m_Flow.FindLeastDeterminant();
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetWholeMap() const -> PairType
{
  return { m_Flow.GetWhole(), m_Flow.GetInverse() };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetMapsToMiddle(PairType & fixed,
                                                                                              PairType & moving) const
{
  const auto none = Sinkhorn::MakeImageOn<FieldType>(m_Flow.GetWhole());
  fixed = { none, none };
  moving = { m_Flow.GetInverse(), m_Flow.GetWhole() };
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeVelocityFlowRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrintSelf(std::ostream & os,
                                                                                        Indent         indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "NumberOfIntervals: " << m_NumberOfIntervals << std::endl;
}

} // namespace itk

#endif
