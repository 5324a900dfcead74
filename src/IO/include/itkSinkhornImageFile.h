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
#ifndef itkSinkhornImageFile_h
#define itkSinkhornImageFile_h

#include "itkSinkhornFileTypes.h"

#include "itkImageIOBase.h"
#include "vnl/vnl_matrix.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornIO
{

/** Where the voxels of a file lie, in all of its dimensions; ITK's readers give a default direction to an image of
 * fewer dimensions than its file. */
struct FileGeometry
{
  std::vector<SizeValueType> Size;
  std::vector<double>        Spacing;
  std::vector<double>        Origin;
  /** A column for each axis. */
  vnl_matrix<double> Direction;

  unsigned int
  GetDimension() const
  {
    return static_cast<unsigned int>(Size.size());
  }
  SizeValueType
  GetNumberOfVoxels() const;
};

/** The geometry in three dimensions: further axes are left out, a picture lies at z = 0. */
FileGeometry
MakeSpatial(const FileGeometry & geometry);

/** What the header of a file says. */
struct FileFacts
{
  std::string Path;
  /** "fixed image", "moving mask", … */
  std::string  Role;
  FileGeometry Geometry;
  /** Number of axes of more than one voxel, 2 or 3. */
  unsigned int    Dimension{ 0 };
  unsigned int    Components{ 1 };
  IOComponentEnum ComponentType{ IOComponentEnum::UNKNOWNCOMPONENTTYPE };
  /** Red, green and blue. */
  bool IsColor{ false };
  /** The last component is opacity. */
  bool HasAlpha{ false };
  /** A picture with a palette is read as its indices. */
  bool ReadsIndices{ false };
  /** Files of a DICOM series, in their order along the normal; empty: Path alone. */
  std::vector<std::string> Slices;
  /** Flat indices of voxels that are not finite in the file, whatever the reader makes of them. */
  std::vector<std::uint64_t> NotFinite;

  /** "moving image 'm.nii.gz'" */
  std::string
  Describe() const;
};

/** Voxels as they are stored. */
struct Voxels
{
  IOComponentEnum   ComponentType{ IOComponentEnum::UNKNOWNCOMPONENTTYPE };
  unsigned int      Components{ 1 };
  std::vector<char> Bytes;
};

/** Reads the header and makes sure that the voxels are all there and undamaged.
 * \param asLabels pictures with a palette are read as its indices.
 * \exception UsageError if the file, or the DICOM series in a folder, is missing, unreadable, damaged, at odds with its
 * header, no scalar or colour image, sheared, or not 2-D or 3-D. Axes of one voxel do not count. */
FileFacts
InspectFile(const std::string & path, const std::string & role, bool asLabels = false);

/** \exception UsageError if the voxels can't be read. */
Voxels
LoadVoxels(const FileFacts & facts);

/** Files of the only DICOM series in a folder, sorted along its normal.
 * \exception UsageError if there is none, or more than one. */
std::vector<std::string>
FindSeries(const std::string & folder, const std::string & what);

/** Completes the geometry of the first slice, which \a facts hold, by that of the others.
 * \exception UsageError if the slices differ in size or orientation, or if one is missing. */
void
StackSlices(FileFacts & facts);

/** Gets what a user should know though nothing is wrong: what was read may not be what they believe. */
using WarningHandler = std::function<void(const std::string & text)>;

/** Replaces ITK's window of warnings, the default, as the place for the warnings of all readers. An empty one brings it
 * back. Not while files are read. */
void
SetWarningHandler(const WarningHandler & handler);

/** Gives a warning to the handler. */
void
Warn(const std::string & text);

/** Calls \a use with the components of \a voxels in their own type, as a pointer.
 * \return false for a type that no image has. */
template <typename TUse>
bool
WithComponents(const Voxels & voxels, const TUse & use)
{
  const void * bytes = voxels.Bytes.data();
  using Type = IOComponentEnum;
  switch (voxels.ComponentType)
  {
    case Type::UCHAR: use(static_cast<const unsigned char *>(bytes)); return true;
    case Type::CHAR: use(static_cast<const signed char *>(bytes)); return true;
    case Type::USHORT: use(static_cast<const unsigned short *>(bytes)); return true;
    case Type::SHORT: use(static_cast<const short *>(bytes)); return true;
    case Type::UINT: use(static_cast<const unsigned int *>(bytes)); return true;
    case Type::INT: use(static_cast<const int *>(bytes)); return true;
    case Type::ULONG: use(static_cast<const unsigned long *>(bytes)); return true;
    case Type::LONG: use(static_cast<const long *>(bytes)); return true;
    case Type::ULONGLONG: use(static_cast<const unsigned long long *>(bytes)); return true;
    case Type::LONGLONG: use(static_cast<const long long *>(bytes)); return true;
    case Type::FLOAT: use(static_cast<const float *>(bytes)); return true;
    case Type::DOUBLE: use(static_cast<const double *>(bytes)); return true;
    default: return false;
  }
}

} // namespace SinkhornIO
} // namespace itk

#endif
