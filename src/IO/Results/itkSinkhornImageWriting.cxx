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
#include "itkSinkhornImageWriting.h"

#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornTransformFile.h"

#include "itkCastImageFilter.h"
#include "itkImageFileWriter.h"
#include "itkRGBPixel.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <type_traits>
#include <vector>

namespace itk
{
namespace SinkhornIO
{
namespace
{

/** Types that WritePng() takes. */
template <typename TPixel>
struct IsPngPixel
  : std::bool_constant<std::is_same_v<TPixel, unsigned char> || std::is_same_v<TPixel, unsigned short> ||
                       std::is_same_v<TPixel, RGBPixel<unsigned char>> ||
                       std::is_same_v<TPixel, RGBPixel<unsigned short>>>
{};

/** Nearest value of the type. */
template <typename TPixel>
TPixel
Convert(double value)
{
  if (!std::is_integral<TPixel>::value)
  {
    return static_cast<TPixel>(value);
  }
  // Compared in double, where the largest value of a 64-bit type is one too much: never converted itself.
  if (!(value > static_cast<double>(std::numeric_limits<TPixel>::lowest())))
  {
    return std::numeric_limits<TPixel>::lowest();
  }
  return value >= static_cast<double>(std::numeric_limits<TPixel>::max()) ? std::numeric_limits<TPixel>::max()
                                                                          : static_cast<TPixel>(std::round(value));
}

template <typename TPixel, unsigned int VFile>
void
WriteVoxels(const std::vector<TPixel> & voxels, const FileGeometry & geometry, const std::string & path)
{
  using OutputType = Image<TPixel, VFile>;
  typename OutputType::SizeType      size;
  typename OutputType::SpacingType   spacing;
  typename OutputType::PointType     origin;
  typename OutputType::DirectionType direction;
  for (unsigned int d = 0; d < VFile; ++d)
  {
    size[d] = geometry.Size[d];
    spacing[d] = geometry.Spacing[d];
    origin[d] = geometry.Origin[d];
    for (unsigned int r = 0; r < VFile; ++r)
    {
      direction(r, d) = geometry.Direction(r, d);
    }
  }
  const auto output = OutputType::New();
  output->SetRegions(size);
  output->SetSpacing(spacing);
  output->SetOrigin(origin);
  output->SetDirection(direction);
  output->Allocate();
  std::copy(voxels.begin(), voxels.end(), output->GetBufferPointer());
  if constexpr (VFile == 2 && IsPngPixel<TPixel>::value)
  {
    if (std::filesystem::path(path).extension() == ".png")
    {
      WritePng<TPixel>(output, path); // ITK's writer does not survive a full disk
      return;
    }
  }
  const auto writer = ImageFileWriter<OutputType>::New();
  writer->SetFileName(path);
  writer->SetInput(output);
  writer->UseCompressionOn();
  writer->Update();
}

/** In the dimension of the file whose geometry it is; axes of one voxel beyond the fourth are left out. */
template <typename TPixel>
void
WriteOn(const std::vector<TPixel> & voxels, const FileGeometry & geometry, const std::string & path)
{
  switch (geometry.GetDimension())
  {
    case 2: WriteVoxels<TPixel, 2>(voxels, geometry, path); break;
    case 4: WriteVoxels<TPixel, 4>(voxels, geometry, path); break;
    default: WriteVoxels<TPixel, 3>(voxels, MakeSpatial(geometry), path); break;
  }
}

template <typename TPixel, typename TImage>
void
WriteAs(const TImage * image, const FileGeometry & geometry, const std::string & path)
{
  const auto *        in = image->GetBufferPointer();
  std::vector<TPixel> voxels(image->GetBufferedRegion().GetNumberOfPixels());
  std::transform(in, in + voxels.size(), voxels.begin(), [](auto value) { return Convert<TPixel>(value); });
  WriteOn(voxels, geometry, path);
}

template <typename TComponent, unsigned int VDimension>
void
WriteColorAs(const std::array<typename ImageType<VDimension>::Pointer, 3> & channels,
             const FileGeometry &                                           geometry,
             const std::string &                                            path)
{
  std::vector<RGBPixel<TComponent>> voxels(channels[0]->GetBufferedRegion().GetNumberOfPixels());
  for (std::size_t i = 0; i < voxels.size(); ++i)
  {
    for (unsigned int channel = 0; channel < 3; ++channel)
    {
      voxels[i][channel] = Convert<TComponent>(channels[channel]->GetBufferPointer()[i]);
    }
  }
  WriteOn(voxels, geometry, path);
}

/** In the type that is named; \a TOther for types that no image is written in. */
template <typename TOther, typename TImage>
void
WriteInType(const TImage * image, IOComponentEnum type, const FileGeometry & geometry, const std::string & path)
{
  using Type = IOComponentEnum;
  switch (type)
  {
    case Type::UCHAR: WriteAs<unsigned char>(image, geometry, path); break;
    case Type::CHAR: WriteAs<signed char>(image, geometry, path); break;
    case Type::USHORT: WriteAs<unsigned short>(image, geometry, path); break;
    case Type::SHORT: WriteAs<short>(image, geometry, path); break;
    case Type::UINT: WriteAs<unsigned int>(image, geometry, path); break;
    case Type::INT: WriteAs<int>(image, geometry, path); break;
    case Type::ULONG:
    case Type::ULONGLONG: WriteAs<unsigned long>(image, geometry, path); break;
    case Type::LONG:
    case Type::LONGLONG: WriteAs<long>(image, geometry, path); break;
    case Type::DOUBLE: WriteAs<double>(image, geometry, path); break;
    default: WriteAs<TOther>(image, geometry, path); break;
  }
}

} // namespace

template <unsigned int VDimension>
void
WriteWarped(const ImageType<VDimension> * image,
            IOComponentEnum               componentType,
            const FileGeometry &          geometry,
            const std::string &           path)
{
  WriteInType<float>(image, componentType, geometry, path);
}

template <unsigned int VDimension>
void
WriteColor(const std::array<typename ImageType<VDimension>::Pointer, 3> & channels,
           IOComponentEnum                                                componentType,
           const FileGeometry &                                           geometry,
           const std::string &                                            path)
{
  componentType == IOComponentEnum::UCHAR ? WriteColorAs<unsigned char, VDimension>(channels, geometry, path)
                                          : WriteColorAs<unsigned short, VDimension>(channels, geometry, path);
}

template <unsigned int VDimension>
void
WriteLabels(const LabelImageType<VDimension> * labels,
            IOComponentEnum                    componentType,
            const FileGeometry &               geometry,
            const std::string &                path)
{
  WriteInType<std::uint32_t>(labels, componentType, geometry, path);
}

template <unsigned int VDimension>
void
WriteDisplacement(const FieldType<VDimension> * field, const std::string & path)
{
  using OutputType = Image<Vector<float, VDimension>, VDimension>;
  const auto cast = CastImageFilter<FieldType<VDimension>, OutputType>::New();
  cast->SetInput(field);
  const auto writer = ImageFileWriter<OutputType>::New();
  writer->SetFileName(path);
  writer->SetInput(cast->GetOutput());
  writer->UseCompressionOn();
  writer->Update();
}

template <unsigned int VDimension>
void
WriteTransform(const CompositeTransform<double, VDimension> * transform, const std::string & path)
{
  WriteTransformFile<VDimension>(transform, path);
}

template void
WriteWarped<2>(const ImageType<2> *, IOComponentEnum, const FileGeometry &, const std::string &);
template void
WriteColor<2>(const std::array<ImageType<2>::Pointer, 3> &, IOComponentEnum, const FileGeometry &, const std::string &);
template void
WriteLabels<2>(const LabelImageType<2> *, IOComponentEnum, const FileGeometry &, const std::string &);
template void
WriteDisplacement<2>(const FieldType<2> *, const std::string &);
template void
WriteTransform<2>(const CompositeTransform<double, 2> *, const std::string &);

template void
WriteWarped<3>(const ImageType<3> *, IOComponentEnum, const FileGeometry &, const std::string &);
template void
WriteColor<3>(const std::array<ImageType<3>::Pointer, 3> &, IOComponentEnum, const FileGeometry &, const std::string &);
template void
WriteLabels<3>(const LabelImageType<3> *, IOComponentEnum, const FileGeometry &, const std::string &);
template void
WriteDisplacement<3>(const FieldType<3> *, const std::string &);
template void
WriteTransform<3>(const CompositeTransform<double, 3> *, const std::string &);

} // namespace SinkhornIO
} // namespace itk
