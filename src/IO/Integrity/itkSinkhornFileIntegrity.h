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
#ifndef itkSinkhornFileIntegrity_h
#define itkSinkhornFileIntegrity_h

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornIO
{

/** \exception UsageError always: the file of \a what is damaged or incomplete, \a how. */
[[noreturn]] void
ThrowDamaged(const std::string & what, const std::string & how);

/** \exception UsageError if a file has fewer bytes of voxels than its header promises, or, if the header should say
 * \a exactly, far more. */
void
CompareLength(std::uint64_t present, std::uint64_t expected, bool exactly, const std::string & what);

/** Gets the bytes of a file piece by piece. */
using ByteSink = std::function<void(const char * bytes, std::size_t count)>;

/** Whether the file begins as gzip files do. */
bool
IsGzip(const std::string & path);

/** Passes on the contents of a file from \a offset, inflated if they are gzip's or zlib's: all of it, so that check
 * sums and lengths are compared. \param what "moving image 'm.nii.gz'", for the message. \return number of bytes passed
 * on. \exception UsageError if the compressed stream is cut or damaged. */
std::uint64_t
StreamBytes(const std::string & path,
            std::uint64_t       offset,
            bool                compressed,
            const std::string & what,
            const ByteSink &    sink);

/** What the header of a NIfTI-1, NIfTI-2 or Analyze file says, and what its voxels are, read without ITK: its readers
 * turn NaN into 0, choose among two geometries in silence, and give out missing voxels as 0. */
struct NiftiFacts
{
  bool                       IsNifti{ false };
  std::string                DataPath;
  std::uint64_t              DataOffset{ 0 };
  std::vector<std::uint64_t> Size;
  int                        DataType{ 0 };
  unsigned int               BytesPerVoxel{ 0 };
  bool                       IsSwapped{ false };
  bool                       IsAnalyze{ false };
  int                        QformCode{ 0 };
  int                        SformCode{ 0 };
  /** Millimetres of one unit of length. */
  double                UnitScale{ 1.0 };
  std::array<double, 3> VoxelSize{};
  /** Index → RAS, in the file's units: rows of three and the origin. */
  std::array<std::array<double, 4>, 3> Qform{};
  std::array<std::array<double, 4>, 3> Sform{};
  /** Flat indices of the voxels that are NaN or infinite; float and double only. */
  std::vector<std::uint64_t> NotFinite;
};

/** Reads header and voxels. IsNifti is false for other files.
 * \exception UsageError for a file that is cut, damaged, or holds less or far more than its header says. */
NiftiFacts
InspectNifti(const std::string & path, const std::string & what);

/** \exception UsageError for a PNG file with a wrong check sum or header: libpng would end the program. */
void
CheckPng(const std::string & path, const std::string & what);

/** \exception UsageError for a DICOM file that ends within its voxels, over which GDCM goes on. */
void
CheckDicom(const std::string & path, const std::string & what);

/** \exception UsageError if the voxels of a MetaImage or NRRD file are cut or damaged, or at odds with its header.
 * \param expectedBytes what the header promises. */
void
CheckVolume(const std::string & path, std::uint64_t expectedBytes, const std::string & what);

/** \exception UsageError if a BMP or JPEG file, whose readers do not complain, is cut or damaged, or for a TIFF file
 * that ITK misreads. */
void
CheckPicture(const std::string & path, const std::string & what);

/** ".mha" of "A.MHA". */
std::string
LowerExtension(const std::string & path);

} // namespace SinkhornIO
} // namespace itk

#endif
