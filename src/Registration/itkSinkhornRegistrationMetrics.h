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
#ifndef itkSinkhornRegistrationMetrics_h
#define itkSinkhornRegistrationMetrics_h

#include "itkSinkhornRegistrationStage.h"
#include "itkSinkhornRegistrationTypes.h"

#include "itkImageToImageMetricv4.h"
#include "itkRegistrationForce.h"
#include "itkSinkhornLabelMixture.h"

#include <functional>

namespace itk
{
namespace SinkhornRegistration
{

template <unsigned int VDimension>
using MetricType = ImageToImageMetricv4<ImageType<VDimension>, ImageType<VDimension>>;

/** A metric behind the interface of ITK's v4 registration, and what only Sinkhorn's can tell. */
template <unsigned int VDimension>
struct Metric
{
  typename MetricType<VDimension>::Pointer Pointer;
  /** What deformations follow. */
  typename RegistrationForce<ImageType<VDimension>>::Pointer Force;
  /** Sinkhorn and kernel only (else empty): sets the blur, mm. */
  std::function<void(double)> SetBlur;
  /** cc only (else empty): sets the radius, voxels. */
  std::function<void(unsigned int)> SetRadius;
  /** Sinkhorn only (else empty): largest L1 marginal error of the last evaluation, and whether it met the tolerance. */
  std::function<double()> GetMarginalError;
  std::function<bool()>   GetConverged;
};

/** A new metric as the stage asks. */
template <unsigned int VDimension>
Metric<VDimension>
MakeMetric(const Stage & stage);

/** What a metric said about a pair of images. */
struct Evaluation
{
  double Value{ 0.0 };
  double MarginalError{ 0.0 };
  bool   Converged{ true };
};

/** Value of the stage's metric between \a fixed and \a warped, an image that has been brought onto \a domain, summed
 * over the voxels of \a domain. \param fixedMask, warpedMask on \a domain; may be nullptr for metrics of mass. \param
 * blur mm; ignored by metrics that have none. */
template <unsigned int VDimension>
Evaluation
Evaluate(const Stage &                 stage,
         const ImageType<VDimension> * fixed,
         const ImageType<VDimension> * warped,
         const MaskType<VDimension> *  fixedMask,
         const MaskType<VDimension> *  warpedMask,
         const ImageType<VDimension> * domain,
         double                        blur);

/** The same for label maps, both on one grid. */
template <unsigned int VDimension>
Evaluation
EvaluateLabels(const Stage &                                   stage,
               const Sinkhorn::LabelMixtureImage<VDimension> * fixed,
               const Sinkhorn::LabelMixtureImage<VDimension> * warped,
               double                                          blur);

} // namespace SinkhornRegistration
} // namespace itk

#endif
