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

// SyN with the Sinkhorn metric: minimal FIXED MOVING WARPED, 2-D images of non-negative intensities.
#include "itkImageFileReader.h"
#include "itkImageFileWriter.h"
#include "itkResampleImageFilter.h"
#include "itkSinkhornImageToImageMetricv4.h"
#include "itkSyNImageRegistrationMethod.h"

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
  using ImageType = itk::Image<float, 2>;
  using TransformType = itk::DisplacementFieldTransform<double, 2>;
  const auto fixed = itk::ReadImage<ImageType>(argv[1]);
  const auto moving = itk::ReadImage<ImageType>(argv[2]);

  auto metric = itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::New();
  metric->SetBlur(2.0); // mm

  auto transform = TransformType::New();
  for (const bool inverse : { false, true })
  {
    auto field = TransformType::DisplacementFieldType::New();
    field->CopyInformation(fixed);
    field->SetRegions(fixed->GetLargestPossibleRegion());
    field->Allocate(true);
    inverse ? transform->SetInverseDisplacementField(field) : transform->SetDisplacementField(field);
  }

  auto registration = itk::SyNImageRegistrationMethod<ImageType, ImageType, TransformType>::New();
  registration->SetFixedImage(fixed);
  registration->SetMovingImage(moving);
  registration->SetMetric(metric);
  registration->SetInitialTransform(transform);
  registration->InPlaceOn();
  registration->SetNumberOfLevels(1);
  registration->SetSmoothingSigmasPerLevel(itk::Array<double>(1, 0.0));
  registration->SetNumberOfIterationsPerLevel(itk::Array<itk::SizeValueType>(1, 100));
  registration->SetLearningRate(0.5);                                 // voxels
  registration->SetGaussianSmoothingVarianceForTheUpdateField(100.0); // voxels²: a far force needs a wide smoothing
  registration->SetAverageMidPointGradients(true); // without it, each image moves only where the other one has edges
  registration->Update();

  auto resample = itk::ResampleImageFilter<ImageType, ImageType>::New();
  resample->SetInput(moving);
  resample->SetReferenceImage(fixed);
  resample->UseReferenceImageOn();
  resample->SetTransform(transform);
  resample->Update();
  itk::WriteImage(resample->GetOutput(), argv[3]);
  // [readme] README.md shows what lies between these marks
  return EXIT_SUCCESS;
}
catch (const itk::ExceptionObject & error)
{
  std::cerr << error.GetDescription() << std::endl;
  return EXIT_FAILURE;
}
