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
// The whole registration in one filter: whole-registration FIXED MOVING WARPED, pictures of non-negative intensities.
#include "itkImageFileReader.h"
#include "itkImageFileWriter.h"
#include "itkSinkhornRegistrationMethod.h"

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
  auto registration = itk::SinkhornRegistrationMethod<ImageType>::New();
  registration->SetFixedImage(itk::ReadImage<ImageType>(argv[1]));
  registration->SetMovingImage(itk::ReadImage<ImageType>(argv[2]));
  registration->Update();
  registration->GetTransform();        // fixed to moving points
  registration->GetInverseTransform(); // and back
  std::cout << registration->GetReportAsJson() << std::endl;
  itk::WriteImage(registration->MakeWarpedImage(), argv[3]);
  // [readme] README.md shows what lies between these marks
  return registration->GetReport().Folds.MinimumJacobian > 0.0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
catch (const itk::ExceptionObject & error)
{
  std::cerr << error.GetDescription() << std::endl;
  return EXIT_FAILURE;
}
