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
#ifndef sinkhornRegisterLibraries_h
#define sinkhornRegisterLibraries_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornRegistrationImages.h"

namespace itk
{
namespace SinkhornDrawing
{}
} // namespace itk

namespace SinkhornRegister
{

/** The program speaks of images, maps, settings, files and pictures as the libraries do. */
using namespace itk::SinkhornRegistration;
using namespace itk::SinkhornDrawing;
using namespace itk::SinkhornIO;

} // namespace SinkhornRegister

#endif
