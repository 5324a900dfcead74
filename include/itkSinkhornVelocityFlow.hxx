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
#ifndef itkSinkhornVelocityFlow_hxx
#define itkSinkhornVelocityFlow_hxx

#include "itkSinkhornVelocityFlow.h"

#include "itkExponentialDisplacementFieldImageFilter.h"

namespace itk
{
namespace Sinkhorn
{
template <unsigned int VDimension>
VelocityFlow<VDimension>::VelocityFlow(const ImageBase<VDimension> * grid, unsigned int numberOfIntervals)
{
  for (unsigned int k = 0; k < numberOfIntervals; ++k)
  {
    m_Velocities.push_back(MakeImageOn<FieldType>(grid));
  }
  this->Integrate();
}

template <unsigned int VDimension>
void
VelocityFlow<VDimension>::Add(const std::vector<FieldPointer> & changes)
{
  for (std::size_t k = 0; k < m_Velocities.size(); ++k)
  {
    m_Velocities[k] = AddScaled<FieldType>(m_Velocities[k], changes[k], 1.0);
  }
  this->Integrate();
}

template <unsigned int VDimension>
void
VelocityFlow<VDimension>::MoveTo(const ImageBase<VDimension> * grid)
{
  for (FieldPointer & velocity : m_Velocities)
  {
    velocity = MakeField<FieldType>(*grid, DisplacementSampler<FieldType>(velocity));
  }
  this->Integrate();
}

template <unsigned int VDimension>
auto
VelocityFlow<VDimension>::MakeHalfSteps(double sign) const -> std::vector<FieldPointer>
{
  const double              duration = 0.5 / static_cast<double>(m_Velocities.size());
  std::vector<FieldPointer> steps;
  for (const FieldPointer & velocity : m_Velocities)
  {
    const auto exponential = ExponentialDisplacementFieldImageFilter<FieldType, FieldType>::New();
    exponential->SetInput(AddScaled<FieldType>(MakeImageOn<FieldType>(velocity), velocity, sign * duration));
    exponential->AutomaticNumberOfIterationsOn();
    exponential->SetMaximumNumberOfIterations(10);
    exponential->Update();
    steps.push_back(exponential->GetOutput());
    steps.back()->DisconnectPipeline();
  }
  return steps;
}

template <unsigned int VDimension>
void
VelocityFlow<VDimension>::Integrate()
{
  const std::size_t               number = m_Velocities.size();
  const std::vector<FieldPointer> forwards = this->MakeHalfSteps(1.0);
  const std::vector<FieldPointer> backwards = this->MakeHalfSteps(-1.0);
  m_ToStart.resize(number);
  m_ToEnd.resize(number);
  m_ToStart[0] = backwards[0];
  for (std::size_t k = 1; k < number; ++k)
  {
    const auto toStartOfInterval = ComposeFields<FieldType>(m_ToStart[k - 1], backwards[k - 1]);
    m_ToStart[k] = ComposeFields<FieldType>(toStartOfInterval, backwards[k]);
  }
  m_Inverse = ComposeFields<FieldType>(m_ToStart[number - 1], backwards[number - 1]);
  m_ToEnd[number - 1] = forwards[number - 1];
  for (std::size_t k = number - 1; k > 0; --k)
  {
    const auto toEndOfInterval = ComposeFields<FieldType>(m_ToEnd[k], forwards[k]);
    m_ToEnd[k - 1] = ComposeFields<FieldType>(toEndOfInterval, forwards[k - 1]);
  }
  m_Whole = ComposeFields<FieldType>(m_ToEnd[0], forwards[0]);
}

template <unsigned int VDimension>
auto
VelocityFlow<VDimension>::MakeWaysFromEnds() const -> WaysFromEnds
{
  const std::size_t               number = m_Velocities.size();
  const std::vector<FieldPointer> forwards = this->MakeHalfSteps(1.0);
  const std::vector<FieldPointer> backwards = this->MakeHalfSteps(-1.0);
  WaysFromEnds                    ways{ forwards, backwards };
  for (std::size_t k = 1; k < number; ++k)
  {
    const auto fromStart = ComposeFields<FieldType>(forwards[k - 1], ways.Start[k - 1]);
    ways.Start[k] = ComposeFields<FieldType>(forwards[k], fromStart);
    const auto fromEnd = ComposeFields<FieldType>(backwards[number - k], ways.End[number - k]);
    ways.End[number - k - 1] = ComposeFields<FieldType>(backwards[number - k - 1], fromEnd);
  }
  return ways;
}

template <unsigned int VDimension>
bool
VelocityFlow<VDimension>::Relax(double limit)
{
  using Folds = FoldRegularizer<VDimension>;
  const VelocityFlow before = *this;
  for (unsigned int round = 0;; ++round)
  {
    const auto starts = Folds::MarkLowCentralJacobian(m_Whole, limit);
    const auto ends = Folds::MarkLowCentralJacobian(m_Inverse, limit);
    if (!starts && !ends)
    {
      return true;
    }
    if (round == Folds::MaximumNumberOfRounds)
    {
      *this = before;
      return false;
    }
    const std::vector<FieldPointer>           forwards = this->MakeHalfSteps(1.0);
    const std::vector<FieldPointer>           backwards = this->MakeHalfSteps(-1.0);
    const std::size_t                         number = m_Velocities.size();
    std::vector<typename Folds::MarksPointer> places(number);
    FieldPointer                              path = MakeImageOn<FieldType>(m_Whole);
    for (std::size_t k = 0; k < number; ++k)
    {
      path = ComposeFields<FieldType>(forwards[k], path);
      places[k] = starts ? Folds::Carry(starts, path) : nullptr;
      path = ComposeFields<FieldType>(forwards[k], path);
    }
    path = MakeImageOn<FieldType>(m_Whole);
    for (std::size_t k = number; k-- > 0;)
    {
      path = ComposeFields<FieldType>(backwards[k], path);
      places[k] = Folds::Unite(places[k], ends ? Folds::Carry(ends, path) : nullptr);
      path = ComposeFields<FieldType>(backwards[k], path);
    }
    for (std::size_t k = 0; k < number; ++k)
    {
      m_Velocities[k] = Folds::Blend(m_Velocities[k], places[k], Folds::GetWidth(round));
    }
    this->Integrate();
  }
}

template <unsigned int VDimension>
double
VelocityFlow<VDimension>::FindLeastDeterminant() const
{
  return FoldRegularizer<VDimension>::FindLeastDeterminant({ m_Whole, m_Inverse });
}

} // namespace Sinkhorn
} // namespace itk

#endif
