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
#ifndef sinkhornRegisterVelocityMethod_h
#define sinkhornRegisterVelocityMethod_h

#include "smoothSyN.h"
#include "velocityFlow.h"

namespace SinkhornRegister
{

/** The flow of a velocity that changes with time, from the fixed image at time 0 to the moving one at time 1. In the
 * middle of each interval of time both images are warped to it and compared as in SyN, and what either would have to go
 * there is added to the velocity. */
template <typename TImage, typename TTransform>
class VelocityMethod : public SmoothSyNMethod<TImage, TTransform>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(VelocityMethod);
  using Self = VelocityMethod;
  using Superclass = SmoothSyNMethod<TImage, TTransform>;
  using Pointer = itk::SmartPointer<Self>;
  using typename Superclass::FieldPointer;
  using typename Superclass::FieldType;
  static constexpr unsigned int Dimension = TImage::ImageDimension;
  using FlowType = VelocityFlow<Dimension>;
  itkNewMacro(Self);
  itkTypeMacro(VelocityMethod, SmoothSyNMethod);

protected:
  VelocityMethod() = default;
  ~VelocityMethod() override = default;

  void
  StartOptimization() override
  {
    while (this->m_CurrentIteration++ < this->m_NumberOfIterationsPerLevel[this->m_CurrentLevel] &&
           !this->m_IsConverged)
    {
      double                    value = 0.0;
      std::vector<FieldPointer> changes;
      for (unsigned int k = 0; k < m_Flow.GetNumberOfIntervals(); ++k)
      {
        changes.push_back(this->ComputeChange(k, value));
      }
      m_Flow.Add(changes);
      this->m_CurrentMetricValue = value / m_Flow.GetNumberOfIntervals();
      this->InvokeEvent(itk::IterationEvent());
    }
    // As a SyN whose middle is the fixed image.
    Superclass::SetPair(this->m_MovingToMiddleTransform, { m_Flow.GetInverse(), m_Flow.GetWhole() });
  }

  bool
  KeepInvertible() override
  {
    const FieldType * const grid = this->m_MovingToMiddleTransform->GetDisplacementField();
    if (m_Flow.GetNumberOfIntervals() == 0)
    {
      m_Flow = FlowType(grid, numberOfIntervals);
    }
    else if (m_Flow.GetWhole()->GetBufferedRegion() != grid->GetBufferedRegion() ||
             m_Flow.GetWhole()->GetSpacing() != grid->GetSpacing())
    {
      m_Flow.MoveTo(grid);
      m_Last = m_Flow;
    }
    const bool stands = m_Flow.Relax(std::min(this->m_Limit, Superclass::smallestTotalDeterminant));
    if (!stands && m_Last.GetNumberOfIntervals() > 0)
    {
      m_Flow = m_Last;
    }
    m_Last = m_Flow;
    return stands;
  }
  void
  RememberMaps() override
  {
    m_Best = m_Last;
  }
  void
  ReturnToRememberedMaps() override
  {
    m_Flow = m_Best;
  }
  double
  FindLeastDeterminant() const override
  {
    return m_Flow.FindLeastDeterminant();
  }

private:
  static constexpr unsigned int numberOfIntervals = 3;

  /** What has to be added to the velocity of an interval. \param value receives the metric's value, added. */
  FieldPointer
  ComputeChange(unsigned int interval, double & value)
  {
    const auto         fixedMap = Superclass::MakeMap(m_Flow.GetToStart(interval), nullptr);
    const auto         movingMap = Superclass::MakeMap(m_Flow.GetToEnd(interval), this->m_CompositeTransform);
    double             fixedValue = 0.0;
    double             movingValue = 0.0;
    const FieldPointer change = this->ComputeUpdateField(this->m_FixedSmoothImages,
                                                         this->m_FixedPointSets,
                                                         fixedMap,
                                                         this->m_MovingSmoothImages,
                                                         this->m_MovingPointSets,
                                                         movingMap,
                                                         this->m_FixedImageMasks,
                                                         this->m_MovingImageMasks,
                                                         movingValue);
    const FieldPointer opposite = this->ComputeUpdateField(this->m_MovingSmoothImages,
                                                           this->m_MovingPointSets,
                                                           movingMap,
                                                           this->m_FixedSmoothImages,
                                                           this->m_FixedPointSets,
                                                           fixedMap,
                                                           this->m_MovingImageMasks,
                                                           this->m_FixedImageMasks,
                                                           fixedValue);
    value += 0.5 * (fixedValue + movingValue);
    return AddScaled<FieldType>(change, opposite, -1.0);
  }

  FlowType m_Flow;
  FlowType m_Last;
  FlowType m_Best;
};

} // namespace SinkhornRegister

#endif
