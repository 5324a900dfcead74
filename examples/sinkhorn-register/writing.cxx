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
#include "writing.h"

#include "checkedFile.h"
#include "transformFile.h"

#include "itkCastImageFilter.h"
#include "itkImageFileWriter.h"

#include <cmath>
#include <filesystem>
#include <type_traits>

namespace SinkhornRegister
{
namespace
{

template <typename TPixel, unsigned int VDimension>
void
WriteAs(const ImageType<VDimension> * image, const std::string & path)
{
  using OutputType = itk::Image<TPixel, VDimension>;
  const auto output = OutputType::New();
  output->CopyInformation(image);
  output->SetRegions(image->GetBufferedRegion());
  output->Allocate();
  const float * in = image->GetBufferPointer();
  TPixel *      out = output->GetBufferPointer();
  for (itk::SizeValueType i = 0; i < image->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    out[i] = std::is_integral<TPixel>::value ? static_cast<TPixel>(std::lround(in[i])) : static_cast<TPixel>(in[i]);
  }
  if constexpr (VDimension == 2 && std::is_integral<TPixel>::value && std::is_unsigned<TPixel>::value)
  {
    if (std::filesystem::path(path).extension() == ".png")
    {
      WritePng<TPixel>(output, path); // ITK's writer does not survive a full disk
      return;
    }
  }
  const auto writer = itk::ImageFileWriter<OutputType>::New();
  writer->SetFileName(path);
  writer->SetInput(output);
  writer->UseCompressionOn();
  writer->Update();
}

} // namespace

template <unsigned int VDimension>
void
WriteWarped(const ImageType<VDimension> * image, const std::string & componentType, const std::string & path)
{
  if (componentType == "unsigned_char")
  {
    WriteAs<unsigned char, VDimension>(image, path);
  }
  else if (componentType == "short")
  {
    WriteAs<short, VDimension>(image, path);
  }
  else if (componentType == "unsigned_short")
  {
    WriteAs<unsigned short, VDimension>(image, path);
  }
  else
  {
    WriteAs<float, VDimension>(image, path);
  }
}

template <unsigned int VDimension>
void
WriteDisplacement(const FieldType<VDimension> * field, const std::string & path)
{
  using OutputType = itk::Image<itk::Vector<float, VDimension>, VDimension>;
  const auto cast = itk::CastImageFilter<FieldType<VDimension>, OutputType>::New();
  cast->SetInput(field);
  const auto writer = itk::ImageFileWriter<OutputType>::New();
  writer->SetFileName(path);
  writer->SetInput(cast->GetOutput());
  writer->UseCompressionOn();
  writer->Update();
}

template <unsigned int VDimension>
void
WriteTransform(const itk::CompositeTransform<double, VDimension> * transform, const std::string & path)
{
  WriteTransformFile<VDimension>(transform, path);
}

template void
WriteWarped<2>(const ImageType<2> *, const std::string &, const std::string &);
template void
WriteDisplacement<2>(const FieldType<2> *, const std::string &);
template void
WriteTransform<2>(const itk::CompositeTransform<double, 2> *, const std::string &);

template void
WriteWarped<3>(const ImageType<3> *, const std::string &, const std::string &);
template void
WriteDisplacement<3>(const FieldType<3> *, const std::string &);
template void
WriteTransform<3>(const itk::CompositeTransform<double, 3> *, const std::string &);

} // namespace SinkhornRegister
