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
#include "velocityFlow.h"

#include "foldGuard.h"
#include "smoothing.h"

#include "itkExponentialDisplacementFieldImageFilter.h"
#include "itkResampleImageFilter.h"

#include <algorithm>

namespace SinkhornRegister
{
namespace
{

/** Marks that are in either image. */
template <unsigned int VDimension>
void
Unite(ImageType<VDimension> * marks, const ImageType<VDimension> * others)
{
  const float * other = others->GetBufferPointer();
  float *       voxels = marks->GetBufferPointer();
  const auto    count = marks->GetBufferedRegion().GetNumberOfPixels();
  std::transform(voxels, voxels + count, other, voxels, [](float a, float b) { return std::max(a, b); });
}

} // namespace

template <unsigned int VDimension>
VelocityFlow<VDimension>::VelocityFlow(const itk::ImageBase<VDimension> * grid, unsigned int numberOfIntervals)
{
  for (unsigned int k = 0; k < numberOfIntervals; ++k)
  {
    m_Velocities.push_back(MakeImageOn<Field>(grid));
  }
  this->Integrate();
}

template <unsigned int VDimension>
void
VelocityFlow<VDimension>::Add(const std::vector<FieldPointer> & changes)
{
  for (std::size_t k = 0; k < m_Velocities.size(); ++k)
  {
    m_Velocities[k] = AddScaled<Field>(m_Velocities[k], changes[k], 1.0);
  }
  this->Integrate();
}

template <unsigned int VDimension>
void
VelocityFlow<VDimension>::MoveTo(const itk::ImageBase<VDimension> * grid)
{
  for (FieldPointer & velocity : m_Velocities)
  {
    const auto resampler = itk::ResampleImageFilter<Field, Field>::New();
    resampler->SetInput(velocity);
    resampler->SetUseReferenceImage(true);
    resampler->SetReferenceImage(grid);
    resampler->Update();
    velocity = resampler->GetOutput();
    velocity->DisconnectPipeline();
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
    const auto exponential = itk::ExponentialDisplacementFieldImageFilter<Field, Field>::New();
    exponential->SetInput(AddScaled<Field>(MakeImageOn<Field>(velocity), velocity, sign * duration));
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
    const auto toStartOfInterval = ComposeFields<VDimension>(m_ToStart[k - 1], backwards[k - 1]);
    m_ToStart[k] = ComposeFields<VDimension>(toStartOfInterval, backwards[k]);
  }
  m_Inverse = ComposeFields<VDimension>(m_ToStart[number - 1], backwards[number - 1]);
  m_ToEnd[number - 1] = forwards[number - 1];
  for (std::size_t k = number - 1; k > 0; --k)
  {
    const auto toEndOfInterval = ComposeFields<VDimension>(m_ToEnd[k], forwards[k]);
    m_ToEnd[k - 1] = ComposeFields<VDimension>(toEndOfInterval, forwards[k - 1]);
  }
  m_Whole = ComposeFields<VDimension>(m_ToEnd[0], forwards[0]);
}

template <unsigned int VDimension>
bool
VelocityFlow<VDimension>::Relax(double limit)
{
  using Guard = FoldGuard<VDimension>;
  const VelocityFlow before = *this;
  for (unsigned int round = 0;; ++round)
  {
    const auto starts = Guard::MarkLowCentralJacobian(m_Whole, limit);
    const auto ends = Guard::MarkLowCentralJacobian(m_Inverse, limit);
    if (!Guard::HasMarks(starts) && !Guard::HasMarks(ends))
    {
      return true;
    }
    if (round == mostRounds)
    {
      *this = before;
      return false;
    }
    const std::vector<FieldPointer>                      forwards = this->MakeHalfSteps(1.0);
    const std::vector<FieldPointer>                      backwards = this->MakeHalfSteps(-1.0);
    const std::size_t                                    number = m_Velocities.size();
    std::vector<typename ImageType<VDimension>::Pointer> places(number);
    FieldPointer                                         path = MakeImageOn<Field>(m_Whole);
    for (std::size_t k = 0; k < number; ++k)
    {
      path = ComposeFields<VDimension>(forwards[k], path);
      places[k] = Guard::Carry(starts, path);
      path = ComposeFields<VDimension>(forwards[k], path);
    }
    path = MakeImageOn<Field>(m_Whole);
    for (std::size_t k = number; k-- > 0;)
    {
      path = ComposeFields<VDimension>(backwards[k], path);
      Unite<VDimension>(places[k], Guard::Carry(ends, path));
      path = ComposeFields<VDimension>(backwards[k], path);
    }
    for (std::size_t k = 0; k < number; ++k)
    {
      m_Velocities[k] = Guard::Blend(m_Velocities[k], places[k], Guard::GetWidth(round));
    }
    this->Integrate();
  }
}

template <unsigned int VDimension>
double
VelocityFlow<VDimension>::FindLeastDeterminant() const
{
  return FoldGuard<VDimension>::FindLeastDeterminant({ m_Whole, m_Inverse });
}

template class VelocityFlow<2>;
template class VelocityFlow<3>;

} // namespace SinkhornRegister
