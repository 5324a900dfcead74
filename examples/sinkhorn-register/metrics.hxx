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
#ifndef sinkhornRegisterMetrics_hxx
#define sinkhornRegisterMetrics_hxx

#include "metrics.h"
#include "stages.h"

#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkIdentityTransform.h"
#include "itkKernelDistanceImageToImageMetricv4.h"
#include "itkMattesMutualInformationImageToImageMetricv4.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkSinkhornImageToImageMetricv4.h"

namespace SinkhornRegister
{

template <unsigned int VDimension>
Metric<VDimension>
MakeSinkhornMetric(const Stage & stage)
{
  using Image = ImageType<VDimension>;
  const auto         sinkhorn = itk::SinkhornImageToImageMetricv4<Image, Image>::New();
  Metric<VDimension> metric;
  sinkhorn->SetReach(stage.Reach);
  sinkhorn->SetMassModel(ChooseMassModel(stage) == MassModelKind::PushForward ? itk::Sinkhorn::MassModel::PushForward
                                                                              : itk::Sinkhorn::MassModel::Intensity);
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
  using Image = ImageType<VDimension>;
  const auto kernel = itk::KernelDistanceImageToImageMetricv4<Image, Image>::New();
  kernel->SetMassModel(ChooseMassModel(stage) == MassModelKind::PushForward ? itk::Sinkhorn::MassModel::PushForward
                                                                            : itk::Sinkhorn::MassModel::Intensity);
  Metric<VDimension> metric;
  metric.Pointer = kernel;
  metric.SetBlur = [kernel](double blur) { kernel->SetBlur(blur); };
  return metric;
}

template <unsigned int VDimension>
Metric<VDimension>
MakeMetric(const Stage & stage)
{
  using Image = ImageType<VDimension>;
  Metric<VDimension> metric;
  switch (stage.Metric)
  {
    case MetricKind::Kernel: metric = MakeKernelMetric<VDimension>(stage); break;
    case MetricKind::MeanSquares: metric.Pointer = itk::MeanSquaresImageToImageMetricv4<Image, Image>::New(); break;
    case MetricKind::Correlation:
    {
      const auto correlation = itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<Image, Image>::New();
      typename itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<Image, Image>::RadiusType radius;
      radius.Fill(stage.Radius);
      correlation->SetRadius(radius);
      metric.Pointer = correlation;
      break;
    }
    case MetricKind::Mattes:
    {
      const auto mattes = itk::MattesMutualInformationImageToImageMetricv4<Image, Image>::New();
      mattes->SetNumberOfHistogramBins(32);
      metric.Pointer = mattes;
      break;
    }
    default: metric = MakeSinkhornMetric<VDimension>(stage); break;
  }
  // Plain central differences: ITK's default filter smooths the gradient with the spacing and scales it by sigma.
  metric.Pointer->SetUseFixedImageGradientFilter(false);
  metric.Pointer->SetUseMovingImageGradientFilter(false);
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
  if (metric.SetBlur)
  {
    metric.SetBlur(blur);
  }
  const auto identity = itk::IdentityTransform<double, VDimension>::New();
  metric.Pointer->SetFixedImage(fixed);
  metric.Pointer->SetMovingImage(warped);
  metric.Pointer->SetFixedImageMask(fixedMask);
  metric.Pointer->SetMovingImageMask(warpedMask);
  metric.Pointer->SetFixedTransform(identity);
  metric.Pointer->SetMovingTransform(identity);
  metric.Pointer->SetVirtualDomainFromImage(domain);
  metric.Pointer->Initialize();
  Evaluation evaluation;
  evaluation.Value = metric.Pointer->GetValue();
  if (metric.GetMarginalError)
  {
    evaluation.MarginalError = metric.GetMarginalError();
    evaluation.Converged = metric.GetConverged();
  }
  return evaluation;
}

} // namespace SinkhornRegister

#endif
