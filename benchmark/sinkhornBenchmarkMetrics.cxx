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
#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkDisplacementFieldTransform.h"
#include "itkImage.h"
#include "itkKernelDistanceImageToImageMetricv4.h"
#include "itkMattesMutualInformationImageToImageMetricv4.h"
#include "itkMeanSquaresImageToImageMetricv4.h"
#include "itkSinkhornImageToImageMetricv4.h"
#include "sinkhornBenchmarkMeter.h"

#include <algorithm>
#include <cmath>

namespace
{
using ImageType = itk::Image<float, 3>;
using TransformType = itk::DisplacementFieldTransform<double, 3>;

TransformType::Pointer
MakeIdentity(const ImageType * image)
{
  const auto field = TransformType::DisplacementFieldType::New();
  field->SetRegions(image->GetLargestPossibleRegion());
  field->Allocate();
  TransformType::DisplacementFieldType::PixelType zero;
  zero.Fill(0.0);
  field->FillBuffer(zero);
  const auto transform = TransformType::New();
  transform->SetDisplacementField(field);
  return transform;
}

void
Configure(itk::SinkhornImageToImageMetricv4<ImageType, ImageType> & metric)
{
  metric.SetBlur(2.0);
}

void
Configure(itk::KernelDistanceImageToImageMetricv4<ImageType, ImageType> & metric)
{
  metric.SetBlur(2.0);
}

void
Configure(itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<ImageType, ImageType> & metric)
{
  itk::Size<3> radius;
  radius.Fill(4);
  metric.SetRadius(radius);
}

template <typename TMetric>
void
Configure(TMetric &)
{}

/** Value and derivative as in an iteration of a registration with a displacement field: dense sampling, the moving
 * image moved by half a voxel since the evaluation before. */
template <typename TMetric>
void
BenchmarkMetric(benchmark::State & state, unsigned int size, itk::ThreadIdType threads)
{
  const BenchmarkPair & pair = GetPair(size);
  Meter                 meter(state, size, threads);
  const auto            fixed = MakeDensityImage(pair.LogAlpha, size);
  ImageType::Pointer    movings[2] = { MakeDensityImage(pair.LogBeta, size),
                                       MakeDensityImage(MoveByHalfAVoxel(pair, size).LogBeta, size) };
  const auto            metric = TMetric::New();
  Configure(*metric);
  metric->SetFixedImage(fixed);
  metric->SetVirtualDomainFromImage(fixed);
  metric->SetMovingTransform(MakeIdentity(fixed));
  metric->SetMaximumNumberOfWorkUnits(threads);
  typename TMetric::DerivativeType derivative;
  typename TMetric::MeasureType    value;
  unsigned int                     evaluation = 0;
  const auto                       evaluate = [&] {
    metric->SetMovingImage(movings[evaluation++ % 2]);
    metric->Initialize();
    metric->GetValueAndDerivative(value, derivative);
  };
  evaluate(); // the first is cold
  for (auto _ : state)
  {
    evaluate();
    benchmark::DoNotOptimize(value);
  }
  meter.Report();
  state.SetLabel(pair.Name);
}

} // namespace

void
RegisterMetricBenchmarks(unsigned int size, itk::ThreadIdType threads)
{
  const auto add = [=](const std::string & name, void (*run)(benchmark::State &, unsigned int, itk::ThreadIdType)) {
    const std::string full = "MetricIteration/" + name + '/' + SizeName(size) + '/' + ThreadsName(threads);
    benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State & s) {
      run(s, size, threads);
    })->Unit(benchmark::kMillisecond);
  };
  add("Sinkhorn", BenchmarkMetric<itk::SinkhornImageToImageMetricv4<ImageType, ImageType>>);
  add("KernelDistance", BenchmarkMetric<itk::KernelDistanceImageToImageMetricv4<ImageType, ImageType>>);
  add("ANTSNeighborhoodCorrelation",
      BenchmarkMetric<itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<ImageType, ImageType>>);
  add("MeanSquares", BenchmarkMetric<itk::MeanSquaresImageToImageMetricv4<ImageType, ImageType>>);
  add("Mattes", BenchmarkMetric<itk::MattesMutualInformationImageToImageMetricv4<ImageType, ImageType>>);
}
