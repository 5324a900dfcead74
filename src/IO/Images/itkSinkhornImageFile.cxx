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
#include "itkSinkhornImageFile.h"

#include "itkSinkhornFileIntegrity.h"

#include "itkImageFileReader.h"
#include "itkImageIOFactory.h"
#include "itkOutputWindow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace itk
{
namespace SinkhornIO
{
namespace
{

WarningHandler &
GetWarningHandler()
{
  static WarningHandler handler;
  return handler;
}

using Matrix34 = std::array<std::array<double, 4>, 3>;

/** Cosine between two axes above which they are not perpendicular: 0.06 degrees. */
constexpr double mostShear = 1e-3;

std::string
ToText(const vnl_matrix<double> & matrix)
{
  std::ostringstream text;
  for (unsigned int r = 0; r < matrix.rows(); ++r)
  {
    text << (r > 0 ? "; " : "[");
    for (unsigned int c = 0; c < matrix.cols(); ++c)
    {
      text << (c > 0 ? " " : "") << matrix(r, c);
    }
  }
  return text.str() + "]";
}

/** \exception UsageError unless the columns are perpendicular. */
void
CheckDirection(const vnl_matrix<double> & direction, const std::string & what, const std::string & name)
{
  for (unsigned int i = 0; i < direction.cols(); ++i)
  {
    const double length = direction.get_column(i).two_norm();
    if (!(length > 0.0) || !std::isfinite(length))
    {
      throw UsageError(what + ": its " + name + " " + ToText(direction) +
                       " has an axis without direction; correct it in the header");
    }
    for (unsigned int j = 0; j < i; ++j)
    {
      const double other = direction.get_column(j).two_norm();
      if (std::abs(dot_product(direction.get_column(i), direction.get_column(j))) > mostShear * length * other)
      {
        throw UsageError(
          what + ": its " + name + " " + ToText(direction) +
          " is sheared, not orthonormal (a gantry tilt?), and NIfTI results could not hold that; resample "
          "it onto a grid with perpendicular axes");
      }
    }
  }
}

/** Index → LPS, mm. */
vnl_matrix<double>
MakeLPS(const Matrix34 & form, double scale)
{
  vnl_matrix<double> matrix(3, 4);
  for (unsigned int r = 0; r < 3; ++r)
  {
    for (unsigned int c = 0; c < 4; ++c)
    {
      matrix(r, c) = (r < 2 ? -scale : scale) * form[r][c];
    }
  }
  return matrix;
}

vnl_matrix<double>
MakeLPS(const FileGeometry & spatial)
{
  vnl_matrix<double> matrix(3, 4);
  for (unsigned int r = 0; r < 3; ++r)
  {
    for (unsigned int c = 0; c < 3; ++c)
    {
      matrix(r, c) = spatial.Direction(r, c) * spatial.Spacing[c];
    }
    matrix(r, 3) = spatial.Origin[r];
  }
  return matrix;
}

/** Largest distance of a corner voxel under two maps. */
double
LargestDifference(const vnl_matrix<double> & a, const vnl_matrix<double> & b, const FileGeometry & spatial)
{
  double largest = 0.0;
  for (unsigned int corner = 0; corner < 8; ++corner)
  {
    vnl_vector<double> index(4, 1.0);
    for (unsigned int d = 0; d < 3; ++d)
    {
      index[d] = (corner >> d) & 1U ? static_cast<double>(spatial.Size[d]) - 1.0 : 0.0;
    }
    largest = std::max(largest, ((a - b) * index).two_norm());
  }
  return largest;
}

/** What ITK would refuse without naming file or remedy, or read as another geometry in silence. */
void
CheckForms(const NiftiFacts & nifti, const std::string & what)
{
  if (nifti.SformCode <= 0)
  {
    return;
  }
  const vnl_matrix<double> sform = MakeLPS(nifti.Sform, 1.0).extract(3, 3);
  CheckDirection(sform, what, "sform direction");
  for (unsigned int k = 0; k < 3 && nifti.QformCode <= 0; ++k)
  {
    const double length = sform.get_column(k).two_norm();
    if (std::abs(length - nifti.VoxelSize[k]) > 0.01 * length)
    {
      std::ostringstream text;
      text << what << ": the header contradicts itself, along axis " << k << " a voxel measures " << length
           << " by the sform and " << nifti.VoxelSize[k] << " by pixdim; correct one of them";
      throw UsageError(text.str());
    }
  }
}

/** Gives the grid a map from index to LPS, mm, whose axes are perpendicular. */
void
TakeForm(const vnl_matrix<double> & form, FileGeometry & geometry)
{
  for (unsigned int d = 0; d < 3 && d < geometry.GetDimension(); ++d)
  {
    const vnl_vector<double> axis = form.get_column(d);
    geometry.Spacing[d] = axis.two_norm();
    geometry.Origin[d] = form(d, 3);
    for (unsigned int r = 0; r < 3 && r < geometry.GetDimension(); ++r)
    {
      geometry.Direction(r, d) = axis[r] / geometry.Spacing[d];
    }
  }
}

/** Warns where qform and sform disagree, and brings the origin to millimetres, which ITK forgets. */
void
SettleForms(const NiftiFacts & nifti, FileFacts & facts)
{
  FileGeometry spatial = MakeSpatial(facts.Geometry);
  if (nifti.UnitScale != 1.0 && (nifti.QformCode > 0 || nifti.SformCode > 0))
  {
    const auto form = MakeLPS(nifti.QformCode > 0 ? nifti.Qform : nifti.Sform, 1.0);
    const auto other = MakeLPS(nifti.SformCode > 0 ? nifti.Sform : nifti.Qform, 1.0);
    const auto origin = MakeLPS(spatial).get_column(3);
    for (const auto & column : { form.get_column(3), other.get_column(3) })
    {
      // As it stands in the file, so not yet in millimetres.
      if ((origin - column).two_norm() < (origin - column * nifti.UnitScale).two_norm())
      {
        for (unsigned int d = 0; d < 3 && d < facts.Geometry.GetDimension(); ++d)
        {
          facts.Geometry.Origin[d] = origin[d] * nifti.UnitScale;
        }
        Warn(facts.Describe() + ": lengths in its header are in " + (nifti.UnitScale > 1.0 ? "metres" : "micrometres") +
             "; they are taken in mm, the origin too, which ITK's reader leaves as it is");
        break;
      }
    }
    spatial = MakeSpatial(facts.Geometry);
  }
  if (nifti.QformCode > 0 && nifti.SformCode > 0)
  {
    const auto   qform = MakeLPS(nifti.Qform, nifti.UnitScale);
    const auto   sform = MakeLPS(nifti.Sform, nifti.UnitScale);
    const double difference = LargestDifference(qform, sform, spatial);
    const double voxel = std::min({ spatial.Spacing[0], spatial.Spacing[1], spatial.Spacing[2] });
    if (difference > 0.1 * voxel)
    {
      // As nibabel, FSL and SPM do; ITK's own reader takes the qform.
      TakeForm(sform, facts.Geometry);
      std::ostringstream text;
      text << facts.Describe() << ": qform (code " << nifti.QformCode << ") and sform (code " << nifti.SformCode
           << ") disagree by up to " << difference
           << " mm; the sform is used, where ITK's own reader would take the qform: make both the same in the header";
      Warn(text.str());
    }
  }
}

ImageIOBase::Pointer
OpenFile(const std::string & path, const std::string & what, bool asLabels)
{
  const ImageIOBase::Pointer io = ImageIOFactory::CreateImageIO(path.c_str(), ImageIOFactory::IOFileModeEnum::ReadMode);
  if (!io)
  {
    throw UsageError(what +
                     ": not an image file that ITK reads; convert it to NIfTI, MHA, NRRD, PNG, JPEG, TIFF, BMP or "
                     "DICOM");
  }
  io->SetFileName(path);
  if (asLabels)
  {
    io->SetExpandRGBPalette(false);
  }
  try
  {
    io->ReadImageInformation();
  }
  catch (const ExceptionObject & error)
  {
    throw UsageError(what + ": its header can't be read (" + error.GetDescription() + ")");
  }
  return io;
}

FileGeometry
MakeGeometry(const ImageIOBase * io)
{
  FileGeometry       geometry;
  const unsigned int dimension = io->GetNumberOfDimensions();
  geometry.Direction.set_size(dimension, dimension);
  for (unsigned int d = 0; d < dimension; ++d)
  {
    geometry.Size.push_back(io->GetDimensions(d));
    geometry.Spacing.push_back(io->GetSpacing(d));
    geometry.Origin.push_back(io->GetOrigin(d));
    const std::vector<double> axis = io->GetDirection(d);
    for (unsigned int r = 0; r < dimension; ++r)
    {
      geometry.Direction(r, d) = axis[r];
    }
  }
  return geometry;
}

/** Counts the axes of more than one voxel. */
void
SetDimension(FileFacts & facts)
{
  unsigned int longest = 0;
  for (unsigned int d = 0; d < facts.Geometry.GetDimension(); ++d)
  {
    facts.Dimension += facts.Geometry.Size[d] > 1 ? 1 : 0;
    longest = facts.Geometry.Size[d] > 1 ? d + 1 : longest;
  }
  if (longest > 3 || facts.Geometry.GetDimension() < 2 || facts.Dimension < 2)
  {
    throw UsageError(facts.Describe() + ": has " + std::to_string(longest > 3 ? longest : facts.Dimension) +
                     " dimensions; only 2-D and 3-D images can be registered, so extract one first");
  }
  for (unsigned int d = 0; d < facts.Geometry.GetDimension() && d < 3; ++d)
  {
    if (!(facts.Geometry.Spacing[d] > 0.0) || !std::isfinite(facts.Geometry.Spacing[d]) ||
        !std::isfinite(facts.Geometry.Origin[d]))
    {
      std::ostringstream text;
      text << facts.Describe() << ": along axis " << d << " its spacing is " << facts.Geometry.Spacing[d]
           << " and its origin " << facts.Geometry.Origin[d] << "; correct the header";
      throw UsageError(text.str());
    }
  }
}

/** Headers can promise any size: what can't fit is refused before it is asked for. */
void
CheckMemory(const FileFacts & facts, unsigned int bytesPerComponent)
{
#ifndef _WIN32
  double voxels = 1.0;
  for (const auto size : facts.Geometry.Size)
  {
    voxels *= static_cast<double>(size);
  }
  const double bytes = voxels * (facts.Components * bytesPerComponent + sizeof(float));
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  if (memory > 0.0 && bytes > memory)
  {
    std::ostringstream text;
    text << facts.Describe() << ": by its header it has " << voxels << " voxels and would need " << bytes / 1073741824.0
         << " GiB to be read, this machine has " << memory / 1073741824.0
         << "; correct the header, or crop or shrink the image";
    throw UsageError(text.str());
  }
#endif
}

/** Which of the components are colours, which is opacity. */
void
SetMeaning(const ImageIOBase * io, FileFacts & facts)
{
  using PixelEnum = IOPixelEnum;
  const PixelEnum   pixel = io->GetPixelType();
  const std::string reader = io->GetNameOfClass();
  const bool        isColor = pixel == PixelEnum::RGB || pixel == PixelEnum::RGBA;
  if (reader == "JPEGImageIO" && facts.Components == 4)
  {
    throw UsageError(facts.Describe() + ": is a CMYK picture, made for printing; save it as RGB or grey");
  }
  facts.IsColor = isColor && (facts.Components == 3 || facts.Components == 4);
  const bool isGreyAlpha = reader == "PNGImageIO" && facts.Components == 2;
  facts.HasAlpha = isGreyAlpha || (facts.IsColor && facts.Components == 4);
  if (!facts.IsColor && !isGreyAlpha && facts.Components != 1)
  {
    throw UsageError(facts.Describe() + ": has " + std::to_string(facts.Components) + " components per voxel (" +
                     ImageIOBase::GetPixelTypeAsString(pixel) + "); extract one of them first");
  }
}

} // namespace

SizeValueType
FileGeometry::GetNumberOfVoxels() const
{
  SizeValueType number = 1;
  for (const auto size : Size)
  {
    number *= size;
  }
  return number;
}

FileGeometry
MakeSpatial(const FileGeometry & geometry)
{
  FileGeometry spatial;
  spatial.Direction.set_size(3, 3);
  spatial.Direction.set_identity();
  const unsigned int present = std::min(3U, geometry.GetDimension());
  for (unsigned int d = 0; d < 3; ++d)
  {
    spatial.Size.push_back(d < present ? geometry.Size[d] : 1);
    spatial.Spacing.push_back(d < present ? geometry.Spacing[d] : 1.0);
    spatial.Origin.push_back(d < present ? geometry.Origin[d] : 0.0);
    for (unsigned int c = 0; c < 3 && d < present; ++c)
    {
      spatial.Direction(d, c) = c < present ? geometry.Direction(d, c) : 0.0;
    }
  }
  return spatial;
}

std::string
FileFacts::Describe() const
{
  return Role + " '" + Path + "'";
}

void
SetWarningHandler(const WarningHandler & handler)
{
  GetWarningHandler() = handler;
}

void
Warn(const std::string & text)
{
  const WarningHandler & handler = GetWarningHandler();
  handler ? handler(text) : OutputWindow::GetInstance()->DisplayWarningText((text + "\n").c_str());
}

FileFacts
InspectFile(const std::string & path, const std::string & role, bool asLabels)
{
  FileFacts facts;
  facts.Path = path;
  facts.Role = role;
  facts.ReadsIndices = asLabels;
  const std::string what = facts.Describe();
  std::string       first = path;
  if (std::filesystem::is_directory(path))
  {
    facts.Slices = FindSeries(path, what);
    first = facts.Slices.front();
  }
  if (!std::ifstream(first).good())
  {
    throw UsageError(what + ": no such file, or it can't be read; check the path and its permissions");
  }
  // Before ITK looks at it: its readers stumble over a damaged stream, or give out missing voxels as 0.
  NiftiFacts nifti = InspectNifti(first, what);
  if (nifti.IsNifti)
  {
    CheckForms(nifti, what);
    facts.NotFinite = std::move(nifti.NotFinite);
  }
  CheckPng(first, what);
  const ImageIOBase::Pointer io = OpenFile(first, what, asLabels);
  facts.Geometry = MakeGeometry(io);
  facts.Components = io->GetNumberOfComponents();
  facts.ComponentType = io->GetComponentType();
  SetMeaning(io, facts);
  if (!facts.Slices.empty())
  {
    StackSlices(facts);
  }
  if (nifti.IsNifti)
  {
    SettleForms(nifti, facts);
  }
  CheckDirection(facts.Geometry.Direction, what, "direction matrix");
  SetDimension(facts);
  CheckMemory(facts, io->GetComponentSize());
  if (facts.Slices.empty() && !nifti.IsNifti)
  {
    CheckVolume(first, static_cast<std::uint64_t>(io->GetImageSizeInBytes()), what);
    CheckPicture(first, what);
  }
  if (std::string(io->GetNameOfClass()) == "GDCMImageIO")
  {
    for (const std::string & file : facts.Slices.empty() ? std::vector<std::string>{ first } : facts.Slices)
    {
      CheckDicom(file, what);
    }
  }
  return facts;
}

Voxels
LoadVoxels(const FileFacts & facts)
{
  Voxels                         voxels;
  const std::vector<std::string> files = facts.Slices.empty() ? std::vector<std::string>{ facts.Path } : facts.Slices;
  for (const std::string & file : files)
  {
    const ImageIOBase::Pointer io = OpenFile(file, facts.Describe(), facts.ReadsIndices);
    ImageIORegion              region(io->GetNumberOfDimensions());
    for (unsigned int d = 0; d < io->GetNumberOfDimensions(); ++d)
    {
      region.SetSize(d, io->GetDimensions(d));
    }
    io->SetIORegion(region);
    if (io->GetComponentType() != facts.ComponentType || io->GetNumberOfComponents() != facts.Components)
    {
      throw UsageError(facts.Describe() + ": the voxels of slice '" + file +
                       "' are of another type than those of the first one; convert the series to NIfTI first");
    }
    const std::size_t before = voxels.Bytes.size();
    try
    {
      voxels.Bytes.resize(before + static_cast<std::size_t>(io->GetImageSizeInBytes()));
      io->Read(voxels.Bytes.data() + before);
    }
    catch (const ExceptionObject & error)
    {
      throw UsageError(facts.Describe() + ": the file is damaged or incomplete (" + error.GetDescription() + ")");
    }
    catch (const std::bad_alloc &)
    {
      throw UsageError(facts.Describe() + ": does not fit into memory; crop or shrink the image");
    }
  }
  voxels.ComponentType = facts.ComponentType;
  voxels.Components = facts.Components;
  return voxels;
}

} // namespace SinkhornIO
} // namespace itk
