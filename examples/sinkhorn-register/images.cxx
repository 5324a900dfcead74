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
#include "images.h"

#include "itkImageFileReader.h"
#include "itkImageIOFactory.h"
#include "itkImageRegionConstIteratorWithIndex.h"
#include "itkImageRegionIterator.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace SinkhornRegister
{
namespace
{

std::string
Describe(const std::string & role, const std::string & path)
{
  return role + " '" + path + "'";
}

/** MetaIO only grumbles at a file that ends too early and leaves the rest of the image undefined. Finds out whether
 * the voxels of an uncompressed MetaImage, in the file itself or in a single one beside it, are all there. */
bool
IsCutMetaImage(const std::string & path, std::uintmax_t expectedBytes)
{
  namespace fs = std::filesystem;
  const std::string extension = fs::path(path).extension().string();
  if (extension != ".mha" && extension != ".mhd")
  {
    return false;
  }
  std::ifstream file(path, std::ios::binary);
  std::string   line;
  while (std::getline(file, line))
  {
    const std::size_t equals = line.find('=');
    const std::string key = line.substr(0, line.find_first_of(" =\t"));
    std::string       value = equals == std::string::npos ? "" : line.substr(equals + 1);
    value.erase(0, value.find_first_not_of(" \t"));
    value.erase(value.find_last_not_of(" \t\r") + 1);
    if (key == "CompressedData" && !value.empty() && (value[0] == 'T' || value[0] == 't' || value[0] == '1'))
    {
      return false;
    }
    if (key == "ElementDataFile")
    {
      std::error_code error;
      const bool      local = value == "LOCAL" || value == "Local" || value == "local";
      const fs::path  data = local ? fs::path(path) : fs::path(path).parent_path() / value;
      const auto      header = local ? static_cast<std::uintmax_t>(file.tellg()) : 0;
      const auto      size = fs::file_size(data, error);
      return !error && size < header + expectedBytes;
    }
  }
  return false;
}

} // namespace

FileFacts
InspectFile(const std::string & path, const std::string & role)
{
  const std::string what = Describe(role, path);
  if (!std::ifstream(path).good())
  {
    throw UsageError(what + ": no such file, or it can't be read; check the path and its permissions");
  }
  const itk::ImageIOBase::Pointer io =
    itk::ImageIOFactory::CreateImageIO(path.c_str(), itk::ImageIOFactory::IOFileModeEnum::ReadMode);
  if (!io)
  {
    throw UsageError(what + ": not an image file that ITK reads; convert it to NIfTI, MHA, PNG, JPEG or TIFF");
  }
  io->SetFileName(path);
  try
  {
    io->ReadImageInformation();
  }
  catch (const itk::ExceptionObject & error)
  {
    throw UsageError(what + ": its header can't be read (" + error.GetDescription() + ")");
  }
  FileFacts facts;
  facts.Dimension = io->GetNumberOfDimensions();
  while (facts.Dimension > 2 && io->GetDimensions(facts.Dimension - 1) == 1)
  {
    --facts.Dimension;
  }
  facts.Components = io->GetNumberOfComponents();
  facts.ComponentType = itk::ImageIOBase::GetComponentTypeAsString(io->GetComponentType());
  if (facts.Dimension < 2 || facts.Dimension > 3)
  {
    throw UsageError(what + ": has " + std::to_string(facts.Dimension) +
                     " dimensions; only 2-D and 3-D images can be registered, so extract one first");
  }
  if (IsCutMetaImage(path, static_cast<std::uintmax_t>(io->GetImageSizeInBytes())))
  {
    throw UsageError(what + ": the file is damaged or incomplete, its voxels end too early; copy or make it again");
  }
  using PixelEnum = itk::IOPixelEnum;
  const PixelEnum pixel = io->GetPixelType();
  if (pixel != PixelEnum::SCALAR && pixel != PixelEnum::RGB && pixel != PixelEnum::RGBA)
  {
    throw UsageError(what + ": has " + std::to_string(facts.Components) + " components per voxel (" +
                     itk::ImageIOBase::GetPixelTypeAsString(pixel) + "); extract one of them first");
  }
  return facts;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReadImage(const std::string & path, const std::string & role)
{
  using Image = ImageType<VDimension>;
  const auto reader = itk::ImageFileReader<Image>::New();
  reader->SetFileName(path);
  try
  {
    reader->Update();
  }
  catch (const itk::ExceptionObject & error)
  {
    throw UsageError(Describe(role, path) + ": the file is damaged or incomplete (" + error.GetDescription() + ")");
  }
  const typename Image::Pointer image = reader->GetOutput();
  for (itk::ImageRegionConstIteratorWithIndex<Image> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    if (!std::isfinite(it.Get()))
    {
      std::ostringstream message;
      message << Describe(role, path) << ": voxel " << it.GetIndex() << " is " << it.Get()
              << "; replace voxels that are not finite, for example by 0";
      throw UsageError(message.str());
    }
  }
  return image;
}

/** \exception UsageError unless both grids are the same within 1e-3 of a voxel. */
template <typename TImage, typename TReference>
void
CheckSameGrid(const TImage * image, const TReference * reference, const std::string & what, const std::string & role)
{
  const auto   size = image->GetLargestPossibleRegion().GetSize();
  const auto   expected = reference->GetLargestPossibleRegion().GetSize();
  const double tolerance = 1e-3 * reference->GetSpacing()[0];
  std::string  difference;
  if (size != expected)
  {
    std::ostringstream text;
    text << "size " << size << " instead of " << expected;
    difference = text.str();
  }
  else if ((image->GetSpacing() - reference->GetSpacing()).GetNorm() > tolerance)
  {
    difference = "another spacing";
  }
  else if ((image->GetOrigin() - reference->GetOrigin()).GetNorm() > 10.0 * tolerance)
  {
    difference = "another origin";
  }
  else if ((image->GetDirection().GetVnlMatrix() - reference->GetDirection().GetVnlMatrix()).absolute_value_max() >
           1e-3)
  {
    difference = "another direction matrix";
  }
  if (!difference.empty())
  {
    throw UsageError(what + ": not on the grid of the " + role + " (" + difference + "); resample it onto that grid");
  }
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ReadCompanion(const std::string & path, const std::string & role, const ImageType<VDimension> * reference)
{
  const FileFacts facts = InspectFile(path, role);
  if (facts.Dimension != VDimension)
  {
    throw UsageError(Describe(role, path) + ": is " + std::to_string(facts.Dimension) + "-D, its image " +
                     std::to_string(VDimension) + "-D");
  }
  if (facts.Components != 1)
  {
    throw UsageError(Describe(role, path) + ": is a colour image; one number per voxel is needed");
  }
  const auto        image = ReadImage<VDimension>(path, role);
  const std::string owner = role.substr(0, role.find(' ')) + " image";
  CheckSameGrid(image.GetPointer(), reference, Describe(role, path), owner);
  return image;
}

template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
ReadLabels(const std::string & path, const std::string & role, const ImageType<VDimension> * reference)
{
  using Labels = LabelImageType<VDimension>;
  const auto image = ReadCompanion<VDimension>(path, role, reference);
  const auto labels = Labels::New();
  labels->CopyInformation(image);
  labels->SetRegions(image->GetBufferedRegion());
  labels->Allocate();
  itk::ImageRegionConstIteratorWithIndex<ImageType<VDimension>> in(image, image->GetBufferedRegion());
  itk::ImageRegionIterator<Labels>                              out(labels, labels->GetBufferedRegion());
  bool                                                          anyLabel = false;
  for (; !in.IsAtEnd(); ++in, ++out)
  {
    const float value = std::round(in.Get());
    if (std::abs(value - in.Get()) > 1e-3F || value < 0.0F || value > 16777216.0F)
    {
      std::ostringstream message;
      message << Describe(role, path) << ": voxel " << in.GetIndex() << " is " << in.Get()
              << "; labels are whole numbers from 0 to 16777216";
      throw UsageError(message.str());
    }
    out.Set(static_cast<std::int32_t>(value));
    anyLabel = anyLabel || value > 0.0F;
  }
  if (!anyLabel)
  {
    throw UsageError(Describe(role, path) + ": has no label, every voxel is 0");
  }
  return labels;
}

template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
ReadMask(const std::string & path, const std::string & role, const ImageType<VDimension> * reference)
{
  using Mask = MaskImageType<VDimension>;
  const auto image = ReadCompanion<VDimension>(path, role, reference);
  const auto mask = Mask::New();
  mask->CopyInformation(image);
  mask->SetRegions(image->GetBufferedRegion());
  mask->Allocate();
  itk::ImageRegionConstIteratorWithIndex<ImageType<VDimension>> in(image, image->GetBufferedRegion());
  itk::ImageRegionIterator<Mask>                                out(mask, mask->GetBufferedRegion());
  bool                                                          any = false;
  for (; !in.IsAtEnd(); ++in, ++out)
  {
    out.Set(in.Get() > 0.0F ? 1 : 0);
    any = any || in.Get() > 0.0F;
  }
  if (!any)
  {
    throw UsageError(Describe(role, path) + ": is empty, no voxel is above 0; nothing would be left to register");
  }
  return mask;
}

/** Lower and upper corner of the box around an image in physical space, voxel borders included. */
template <unsigned int VDimension>
void
PhysicalBox(const ImageType<VDimension> * image, double lower[VDimension], double upper[VDimension])
{
  const auto size = image->GetLargestPossibleRegion().GetSize();
  std::fill_n(lower, VDimension, itk::NumericTraits<double>::max());
  std::fill_n(upper, VDimension, itk::NumericTraits<double>::NonpositiveMin());
  for (unsigned int corner = 0; corner < (1U << VDimension); ++corner)
  {
    itk::ContinuousIndex<double, VDimension> index;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      index[d] = (corner >> d) & 1U ? static_cast<double>(size[d]) - 0.5 : -0.5;
    }
    typename ImageType<VDimension>::PointType point;
    image->TransformContinuousIndexToPhysicalPoint(index, point);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      lower[d] = std::min(lower[d], point[d]);
      upper[d] = std::max(upper[d], point[d]);
    }
  }
}

template <unsigned int VDimension>
void
CheckOverlap(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving)
{
  double fixedLower[VDimension];
  double fixedUpper[VDimension];
  double movingLower[VDimension];
  double movingUpper[VDimension];
  PhysicalBox<VDimension>(fixed, fixedLower, fixedUpper);
  PhysicalBox<VDimension>(moving, movingLower, movingUpper);
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (fixedUpper[d] <= movingLower[d] || movingUpper[d] <= fixedLower[d])
    {
      std::ostringstream message;
      message << "the images do not overlap: along physical axis " << d << " the fixed image spans [" << fixedLower[d]
              << ", " << fixedUpper[d] << "] mm, the moving image [" << movingLower[d] << ", " << movingUpper[d]
              << "] mm; correct origin or direction in the header of one of them";
      throw UsageError(message.str());
    }
  }
}

namespace
{

/** Intensity → density, for one voxel; \a minimum is that of the image. */
float
MapIntensity(float value, const Density & density, float minimum)
{
  switch (density.How)
  {
    case Density::Mode::Shift: return value - minimum;
    case Density::Mode::Clamp: return std::max(value, 0.0F);
    case Density::Mode::Window:
    {
      const double inside = std::min(std::max<double>(value, density.Low), density.High);
      return static_cast<float>((inside - density.Low) / (density.High - density.Low));
    }
    default: return value;
  }
}

} // namespace

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
MakeDensity(const ImageType<VDimension> *     image,
            const MaskImageType<VDimension> * mask,
            const Density &                   density,
            bool                              asMass,
            const std::string &               role)
{
  using Image = ImageType<VDimension>;
  const auto result = Image::New();
  result->CopyInformation(image);
  result->SetRegions(image->GetBufferedRegion());
  result->Allocate();
  const itk::SizeValueType count = image->GetBufferedRegion().GetNumberOfPixels();
  const float *            in = image->GetBufferPointer();
  const unsigned char *    inside = mask ? mask->GetBufferPointer() : nullptr;
  float *                  out = result->GetBufferPointer();
  const float              minimum = *std::min_element(in, in + count);
  const bool               mapped = asMass || density.How == Density::Mode::Window;
  double                   total = 0.0;
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    out[i] = mapped ? MapIntensity(in[i], density, minimum) : in[i];
    if (!asMass)
    {
      continue;
    }
    if (inside && !inside[i])
    {
      out[i] = 0.0F;
    }
    if (out[i] < 0.0F)
    {
      std::ostringstream message;
      message << role << ": voxel " << image->ComputeIndex(static_cast<itk::OffsetValueType>(i))
              << " has the negative intensity " << in[i]
              << ", which cannot be mass; choose --density shift, clamp or window:LOW:HIGH";
      throw UsageError(message.str());
    }
    total += out[i];
  }
  if (asMass && !(total > 0.0))
  {
    throw UsageError(role + ": its total mass is 0 under --density " + density.ToString() +
                     (mask ? " inside its mask" : "") + "; there is nothing to transport, choose another density");
  }
  return result;
}

#define SINKHORN_REGISTER_INSTANTIATE(D)                                                                             \
  template ImageType<D>::Pointer      ReadImage<D>(const std::string &, const std::string &);                        \
  template LabelImageType<D>::Pointer ReadLabels<D>(const std::string &, const std::string &, const ImageType<D> *); \
  template MaskImageType<D>::Pointer  ReadMask<D>(const std::string &, const std::string &, const ImageType<D> *);   \
  template void                       CheckOverlap<D>(const ImageType<D> *, const ImageType<D> *);                   \
  template ImageType<D>::Pointer      MakeDensity<D>(                                                                \
    const ImageType<D> *, const MaskImageType<D> *, const Density &, bool, const std::string &);
SINKHORN_REGISTER_INSTANTIATE(2)
SINKHORN_REGISTER_INSTANTIATE(3)
#undef SINKHORN_REGISTER_INSTANTIATE

} // namespace SinkhornRegister
