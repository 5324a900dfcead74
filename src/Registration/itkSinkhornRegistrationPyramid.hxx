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
#ifndef itkSinkhornRegistrationPyramid_hxx
#define itkSinkhornRegistrationPyramid_hxx

#include "itkSinkhornRegistrationMetrics.h"
#include "itkSinkhornRegistrationStages.h"

#include "itkCommand.h"
#include "itkImageRegistrationMethodv4.h"

#include <algorithm>
#include <functional>
#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{

/** Calls \a action on an event of an ITK object for as long as this object lives. */
class Observation
{
public:
  Observation(Object * subject, const EventObject & event, std::function<void()> action)
    : m_Subject(subject)
  {
    m_Tag = subject->AddObserver(event, [action](const EventObject &) { action(); });
  }
  Observation(const Observation &) = delete;
  Observation &
  operator=(const Observation &) = delete;
  ~Observation() { m_Subject->RemoveObserver(m_Tag); }

private:
  Object *      m_Subject;
  unsigned long m_Tag;
};

/** Smoothing of the images at a level, mm: half the spacing of the axes that the level shrinks. */
template <unsigned int VDimension>
double
ChooseImageSigma(const Sinkhorn::WorkingGrid<VDimension> & grid, std::size_t level)
{
  double smallest = 0.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const unsigned int factor = grid.Factors[level][d];
    const double       spacing = grid.Image->GetSpacing()[d] * factor;
    if (factor > 1 && (smallest == 0.0 || spacing < smallest))
    {
      smallest = spacing;
    }
  }
  return 0.5 * smallest;
}

/** Images, masks, metric, working grid and pyramid of a stage into a registration method. */
template <unsigned int VDimension, typename TMethod>
void
ConfigurePyramid(const StageInput<VDimension> & input, const Metric<VDimension> & metric, TMethod * method)
{
  const std::size_t numberOfLevels = input.Parameters.Iterations.size();
  metric.Pointer->SetFixedImageMask(input.FixedMask);
  metric.Pointer->SetMovingImageMask(input.MovingMask);
  metric.Pointer->SetVirtualDomainFromImage(input.Grid.Image);
  method->SetFixedImage(input.Fixed);
  method->SetMovingImage(input.Moving);
  method->SetMetric(metric.Pointer);
  if (input.Initial && !input.Initial->IsTransformQueueEmpty())
  {
    method->SetMovingInitialTransform(input.Initial);
  }
  method->SetNumberOfLevels(numberOfLevels);
  typename TMethod::SmoothingSigmasArrayType sigmas(numberOfLevels);
  for (std::size_t level = 0; level < numberOfLevels; ++level)
  {
    typename TMethod::ShrinkFactorsPerDimensionContainerType factors;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      factors[d] = input.Grid.Factors[level][d];
    }
    method->SetShrinkFactorsPerDimension(static_cast<unsigned int>(level), factors);
    sigmas[level] = ChooseImageSigma(input.Grid, level);
  }
  method->SetSmoothingSigmasPerLevel(sigmas);
  method->SetSmoothingSigmasAreSpecifiedInPhysicalUnits(true);
}

/** "grid 32 x 32, spacing 4 mm, blur 8 mm" */
template <unsigned int VDimension>
std::string
DescribeLevel(const StageInput<VDimension> & input, std::size_t level, bool withBlur)
{
  const auto         size = input.Grid.GetSize(level);
  std::ostringstream text;
  text << "grid ";
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    text << (d > 0 ? " x " : "") << size[d];
  }
  const double spacing = input.Grid.GetSpacing(level);
  text << ", spacing " << spacing << " mm";
  if (withBlur)
  {
    text << ", blur " << ChooseBlur(input.Parameters, spacing) << " mm";
  }
  return text.str();
}

/** Call at the beginning of a level: sets blur and radius and announces the level. */
template <unsigned int VDimension>
void
EnterLevel(const StageInput<VDimension> & input,
           const Metric<VDimension> &     metric,
           std::size_t                    level,
           Listener &                     listener)
{
  if (metric.SetBlur)
  {
    metric.SetBlur(ChooseBlur(input.Parameters, input.Grid.GetSpacing(level)));
  }
  if (metric.SetRadius)
  {
    metric.SetRadius(ChooseRadius(input.Parameters, level));
  }
  const auto & iterations = input.Parameters.Iterations;
  listener.BeginLevel(
    level, iterations.size(), iterations[level], DescribeLevel(input, level, static_cast<bool>(metric.SetBlur)));
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
