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
#ifndef itkSinkhornImageToImageMetricv4TestUtilities_h
#define itkSinkhornImageToImageMetricv4TestUtilities_h

#include "itkSinkhornMetricTestUtilities.h"

#include "itkTranslationTransform.h"

#include <string>

namespace itk
{
namespace Sinkhorn
{
namespace Test
{

/** \name Two bumps on 32² voxels, and their metric. */
/**@{*/
using ImageType = itk::Image<double, 2>;
using FloatImageType = itk::Image<float, 2>;
using MetricType = itk::SinkhornImageToImageMetricv4<ImageType, ImageType>;
using FloatMetricType = itk::SinkhornImageToImageMetricv4<FloatImageType, FloatImageType>;
using TranslationType = itk::TranslationTransform<double, 2>;

constexpr itk::SizeValueType N = 32;

inline MetricType::Pointer
MakeMetric(ImageType * fixed, ImageType * moving)
{
  const auto metric = MakeExactMetric<ImageType>(fixed, moving, 2.0);
  metric->SetMovingTransform(TranslationType::New());
  return metric;
}

inline MetricType::Pointer
MakeMetric(double shift = 3.0)
{
  return MakeMetric(MakeBumps<ImageType>(MakeCube<2>(N), 0.0, N), MakeBumps<ImageType>(MakeCube<2>(N), shift, N));
}

inline double
ValueOf(MetricType & metric)
{
  metric.Initialize();
  return metric.GetValue();
}
/** The message of the exception that Initialize(), or else an evaluation, throws; empty if there is none. */
template <typename TMetric>
std::string
ErrorOf(TMetric & metric)
{
  try
  {
    metric.Initialize();
    typename TMetric::MeasureType    value;
    typename TMetric::DerivativeType derivative;
    metric.GetValueAndDerivative(value, derivative);
  }
  catch (const itk::ExceptionObject & error)
  {
    return error.GetDescription();
  }
  return "";
}

inline itk::Index<2>
At(itk::IndexValueType x, itk::IndexValueType y)
{
  itk::Index<2> index;
  index[0] = x;
  index[1] = y;
  return index;
}
/**@}*/

} // namespace Test
} // namespace Sinkhorn
} // namespace itk

#endif
