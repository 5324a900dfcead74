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
// SyN without folds, with local correlation: fold-free-syn FIXED MOVING WARPED, volumes.
#include "itkANTSNeighborhoodCorrelationImageToImageMetricv4.h"
#include "itkFoldFreeSyNImageRegistrationMethod.h"
#include "itkImageFileReader.h"
#include "itkImageFileWriter.h"
#include "itkResampleImageFilter.h"

int
main(int argc, char * argv[])
try
{
  if (argc != 4)
  {
    std::cerr << "usage: " << argv[0] << " FIXED MOVING WARPED" << std::endl;
    return EXIT_FAILURE;
  }
  // [readme] README.md shows what lies between these marks
  using ImageType = itk::Image<float, 3>;
  const auto fixed = itk::ReadImage<ImageType>(argv[1]);
  const auto moving = itk::ReadImage<ImageType>(argv[2]);

  auto metric = itk::ANTSNeighborhoodCorrelationImageToImageMetricv4<ImageType, ImageType>::New();
  metric->SetRadius(itk::Size<3>::Filled(3));

  auto registration = itk::FoldFreeSyNImageRegistrationMethod<ImageType>::New();
  registration->SetFixedImage(fixed);
  registration->SetMovingImage(moving);
  registration->SetMetric(metric);
  itk::Array<itk::SizeValueType> shrink(2);
  itk::Array<itk::SizeValueType> iterations(2);
  itk::Array<double>             smoothing(2);
  shrink[0] = 2, smoothing[0] = 1.0, iterations[0] = 40;
  shrink[1] = 1, smoothing[1] = 0.0, iterations[1] = 20;
  registration->SetNumberOfLevels(2);
  registration->SetShrinkFactorsPerLevel(shrink);
  registration->SetSmoothingSigmasPerLevel(smoothing);
  registration->SetNumberOfIterationsPerLevel(iterations);
  registration->Update();
  const auto transform = registration->GetModifiableTransform(); // and transform->GetInverseTransform()
  // [readme] README.md shows what lies between these marks

  auto resample = itk::ResampleImageFilter<ImageType, ImageType>::New();
  resample->SetInput(moving);
  resample->SetReferenceImage(fixed);
  resample->UseReferenceImageOn();
  resample->SetTransform(transform);
  resample->Update();
  itk::WriteImage(resample->GetOutput(), argv[3]);
  return EXIT_SUCCESS;
}
catch (const itk::ExceptionObject & error)
{
  std::cerr << error.GetDescription() << std::endl;
  return EXIT_FAILURE;
}
