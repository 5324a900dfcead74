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
#ifndef itkSinkhornRegistrationMetrics_hxx
#define itkSinkhornRegistrationMetrics_hxx

#include "itkSinkhornRegistrationMetrics.h"
#include "itkSinkhornRegistrationStages.h"

#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkIdentityTransform.h"
#include "itkKernelDistanceImageToImageMetricv4.h"
#include "itkLabelMassRegistrationForce.h"
#include "itkLabelRegistrationForce.h"
#include "itkMakeRegistrationForce.h"
#include "itkMattesMutualInformationImageToImageMetricv4.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkSinkhornImageToImageMetricv4.h"

#include <map>

namespace itk
{
namespace SinkhornRegistration
{

template <unsigned int VDimension>
Metric<VDimension>
MakeSinkhornMetric(const Stage & stage)
{
  using MetricImage = ImageType<VDimension>;
  const auto         sinkhorn = SinkhornImageToImageMetricv4<MetricImage, MetricImage>::New();
  Metric<VDimension> metric;
  sinkhorn->SetReach(stage.Reach);
  sinkhorn->SetMassModel(ChooseMassModel(stage) == MassModelKind::PushForward ? Sinkhorn::MassModel::PushForward
                                                                              : Sinkhorn::MassModel::Intensity);
  metric.Pointer = sinkhorn;
  metric.SetBlur = [sinkhorn](double blur) { sinkhorn->SetBlur(blur); };
  metric.GetMarginalError = [sinkhorn]() { return sinkhorn->GetMarginalError(); };
  metric.GetConverged = [sinkhorn]() { return sinkhorn->GetConverged(); };
  return metric;
}

template <unsigned int VDimension>
Metric<VDimension>
MakeKernelMetric(const Stage & stage)
{
  using MetricImage = ImageType<VDimension>;
  const auto kernel = KernelDistanceImageToImageMetricv4<MetricImage, MetricImage>::New();
  kernel->SetMassModel(ChooseMassModel(stage) == MassModelKind::PushForward ? Sinkhorn::MassModel::PushForward
                                                                            : Sinkhorn::MassModel::Intensity);
  Metric<VDimension> metric;
  metric.Pointer = kernel;
  metric.SetBlur = [kernel](double blur) { kernel->SetBlur(blur); };
  return metric;
}

template <typename TMetric, unsigned int VDimension>
Metric<VDimension>
MakePlainMetric(const Stage &)
{
  Metric<VDimension> metric;
  metric.Pointer = TMetric::New();
  return metric;
}

template <unsigned int VDimension>
Metric<VDimension>
MakeCorrelationMetric(const Stage &)
{
  using MetricImage = ImageType<VDimension>;
  const auto         correlation = ANTSNeighborhoodCorrelationImageToImageMetricv4<MetricImage, MetricImage>::New();
  const auto         force = LocalCorrelationRegistrationForce<MetricImage>::New();
  Metric<VDimension> metric;
  metric.Pointer = correlation;
  metric.Force = force;
  metric.SetRadius = [correlation, force](unsigned int length) {
    Size<VDimension> radius;
    radius.Fill(length);
    correlation->SetRadius(radius);
    force->SetRadius(radius);
  };
  return metric;
}

/** ITK's metric by one work unit: several add to its histogram in any order, and a default run must not depend on that.
 * ITK 5.2 fixes their number when the threaders are made; SetMaximumNumberOfWorkUnits() comes too late. */
template <unsigned int VDimension>
class SequentialMattesMetric
  : public MattesMutualInformationImageToImageMetricv4<ImageType<VDimension>, ImageType<VDimension>>
{
public:
  using Self = SequentialMattesMetric;
  using Pointer = SmartPointer<Self>;
  itkNewMacro(Self);

protected:
  SequentialMattesMetric()
  {
    this->m_SparseGetValueAndDerivativeThreader->SetNumberOfWorkUnits(1);
    this->m_DenseGetValueAndDerivativeThreader->SetNumberOfWorkUnits(1);
  }
};

template <unsigned int VDimension>
Metric<VDimension>
MakeMattesMetric(const Stage &)
{
  const auto mattes = SequentialMattesMetric<VDimension>::New();
  mattes->SetNumberOfHistogramBins(32);
  Metric<VDimension> metric;
  metric.Pointer = mattes;
  return metric;
}

/** Forces that compare labels, and what is told about them, in place of the metric's own. */
template <unsigned int VDimension>
void
FollowLabels(const Stage & stage, Metric<VDimension> & metric)
{
  using MetricImage = ImageType<VDimension>;
  if (!ComparesMass(stage))
  {
    metric.Force = LabelRegistrationForce<MetricImage>::New();
    return;
  }
  constexpr double smallestWay = 0.15; // as transport of images has it: what is less the grid can't tell
  const auto       force = LabelMassRegistrationForce<MetricImage>::New();
  force->SetReach(stage.Reach);
  force->SetLabelCosts(stage.LabelCosts);
  force->SetSmallestWay(smallestWay);
  metric.Force = force;
  metric.SetBlur = [force](double blur) { force->SetBlur(blur); };
  metric.GetMarginalError = [force]() { return force->GetMarginalError(); };
  metric.GetConverged = [force]() { return force->GetConverged(); };
}

template <unsigned int VDimension>
Metric<VDimension>
MakeMetric(const Stage & stage)
{
  using MetricImage = ImageType<VDimension>;
  using MeanSquares = MeanSquaresImageToImageMetricv4<MetricImage, MetricImage>;
  static const std::map<MetricKind, Metric<VDimension> (*)(const Stage &)> makers{
    { MetricKind::Sinkhorn, MakeSinkhornMetric<VDimension> },
    { MetricKind::Kernel, MakeKernelMetric<VDimension> },
    { MetricKind::MeanSquares, MakePlainMetric<MeanSquares, VDimension> },
    { MetricKind::Correlation, MakeCorrelationMetric<VDimension> },
    { MetricKind::Mattes, MakeMattesMetric<VDimension> }
  };
  Metric<VDimension> metric = makers.at(stage.Metric)(stage);
  // Plain central differences: ITK's default filter smooths the gradient with the spacing and scales it by sigma.
  metric.Pointer->SetUseFixedImageGradientFilter(false);
  metric.Pointer->SetUseMovingImageGradientFilter(false);
  if (stage.ComparesLabels)
  {
    FollowLabels<VDimension>(stage, metric);
  }
  if (!metric.Force)
  {
    metric.Force = MakeRegistrationForce<MetricImage>(metric.Pointer);
  }
  return metric;
}

template <unsigned int VDimension>
Evaluation
Evaluate(const Stage &                 stage,
         const ImageType<VDimension> * fixed,
         const ImageType<VDimension> * warped,
         const MaskType<VDimension> *  fixedMask,
         const MaskType<VDimension> *  warpedMask,
         const ImageType<VDimension> * domain,
         double                        blur)
{
  const Metric<VDimension> metric = MakeMetric<VDimension>(stage);
  Evaluation               evaluation;
  if (metric.SetRadius)
  {
    metric.SetRadius(ChooseRadius(stage, stage.Iterations.size() - 1));
  }
  if (!ComparesMass(stage))
  {
    typename RegistrationForce<ImageType<VDimension>>::WeightPointer none;
    if (metric.Force->ComputeForces(
          fixed, warped, fixedMask->GetImage(), warpedMask->GetImage(), nullptr, none, evaluation.Value))
    {
      return evaluation;
    }
  }
  if (metric.SetBlur)
  {
    metric.SetBlur(blur);
  }
  const auto identity = IdentityTransform<double, VDimension>::New();
  metric.Pointer->SetFixedImage(fixed);
  metric.Pointer->SetMovingImage(warped);
  metric.Pointer->SetFixedImageMask(fixedMask);
  metric.Pointer->SetMovingImageMask(warpedMask);
  metric.Pointer->SetFixedTransform(identity);
  metric.Pointer->SetMovingTransform(identity);
  metric.Pointer->SetVirtualDomainFromImage(domain);
  metric.Pointer->Initialize();
  evaluation.Value = metric.Pointer->GetValue();
  if (metric.GetMarginalError)
  {
    evaluation.MarginalError = metric.GetMarginalError();
    evaluation.Converged = metric.GetConverged();
  }
  return evaluation;
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
