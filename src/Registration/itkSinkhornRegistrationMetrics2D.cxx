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
#include "itkSinkhornRegistrationMetrics.hxx"

#include "itkMakeRegistrationForce.h"

namespace itk
{
namespace SinkhornRegistration
{

template Metric<2>
MakeMetric<2>(const Stage &);

template Evaluation
Evaluate<2>(const Stage &,
            const ImageType<2> *,
            const ImageType<2> *,
            const MaskType<2> *,
            const MaskType<2> *,
            const ImageType<2> *,
            double);

double
ChooseLearningRate(const Stage & stage)
{
  if (stage.LearningRate > 0.0)
  {
    return stage.LearningRate;
  }
  // The force of a metric does not depend on the dimension.
  return IsDeformation(stage.Transform)
           ? MakeRegistrationForce<ImageType<2>>(MakeMetric<2>(stage).Pointer)->GetDefaultLearningRate()
           : 1.0;
}

} // namespace SinkhornRegistration
} // namespace itk
