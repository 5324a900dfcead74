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
#include "itkSinkhornCheckedFile.h"

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornOutputFolder.h"

#include "itk_png.h"
#include "itk_zlib.h"
#include "itkPixelTraits.h"

#include <cerrno>
#include <csetjmp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace itk
{
namespace SinkhornIO
{
namespace
{

[[noreturn]] void
RefuseFile(const std::string & path, const std::string & reason)
{
  // Without the hidden folder, in which nobody would look for it.
  const std::filesystem::path place(path);
  const bool hidden = place.parent_path().filename().string().rfind(OutputFolder::StagingPrefix, 0) == 0;
  const auto shown = hidden ? place.parent_path().parent_path() / place.filename() : place;
  throw UsageError("output '" + shown.string() + "': can't be written whole (" + reason +
                   "); make room on the disk, or choose another --output");
}

/** Whether a file in gzip's format is there to its end, with the right check sum. */
bool
IsWholeGzip(const std::string & path)
{
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr)
  {
    return false;
  }
  std::vector<char> buffer(1U << 18U);
  gzbuffer(file, static_cast<unsigned int>(buffer.size()));
  int read = 0;
  while ((read = gzread(file, buffer.data(), static_cast<unsigned int>(buffer.size()))) > 0)
  {}
  const bool compressed = gzdirect(file) == 0;
  // A truncated stream shows only when it is closed.
  return gzclose(file) == Z_OK && read == 0 && compressed;
}

/** What libpng needs to know. Nothing in the function that jumps has a destructor. */
struct PngSource
{
  png_uint_32   Width;
  png_uint_32   Height;
  int           Depth;
  int           ColorType;
  double        Spacing[2];
  png_bytepp    Rows;
  std::string * Bytes;
  char          Message[128];
};

void
AppendPng(png_structp png, png_bytep data, png_size_t size)
{
  try
  {
    static_cast<PngSource *>(png_get_io_ptr(png))->Bytes->append(reinterpret_cast<const char *>(data), size);
    return;
  }
  catch (const std::exception &)
  {}
  png_error(png, "not enough memory");
}

void
FailPng(png_structp png, png_const_charp message)
{
  auto * source = static_cast<PngSource *>(png_get_error_ptr(png));
  std::strncpy(source->Message, message, sizeof(source->Message) - 1);
  png_longjmp(png, 1);
}

bool
EncodePng(PngSource & source)
{
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &source, FailPng, nullptr);
  png_infop   info = png != nullptr ? png_create_info_struct(png) : nullptr;
  if (info == nullptr || setjmp(png_jmpbuf(png)) != 0)
  {
    png_destroy_write_struct(&png, info != nullptr ? &info : nullptr);
    return false;
  }
  png_set_write_fn(png, &source, AppendPng, nullptr);
  png_set_IHDR(png,
               info,
               source.Width,
               source.Height,
               source.Depth,
               source.ColorType,
               PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_set_sCAL(png, info, PNG_SCALE_METER, source.Spacing[0], source.Spacing[1]); // as ITK keeps the spacing
  png_write_info(png, info);
  if (source.Depth > 8)
  {
    const png_uint_16 one = 1;
    if (*reinterpret_cast<const unsigned char *>(&one) == 1)
    {
      png_set_swap(png);
    }
  }
  png_write_image(png, source.Rows);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return true;
}

} // namespace

void
WriteBytes(const std::string & path, const std::string & bytes)
{
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file)
  {
    RefuseFile(path, errno != 0 ? std::strerror(errno) : "no reason is known");
  }
}

void
CheckWritten(const std::string & path)
{
  std::error_code error;
  const auto      size = std::filesystem::file_size(path, error);
  if (error || size == 0)
  {
    RefuseFile(path, error ? error.message() : "nothing of it is on the disk");
  }
  if (std::filesystem::path(path).extension() == ".gz" && !IsWholeGzip(path))
  {
    RefuseFile(path, "it ends early");
  }
}

template <typename TPixel>
std::string
MakePng(const Image<TPixel, 2> * picture)
{
  const auto             size = picture->GetBufferedRegion().GetSize();
  std::vector<png_bytep> rows(size[1]);
  auto *                 pixels = const_cast<TPixel *>(picture->GetBufferPointer()); // libpng's rows are not const
  for (std::size_t y = 0; y < size[1]; ++y)
  {
    rows[y] = reinterpret_cast<png_bytep>(pixels + y * size[0]);
  }
  std::string bytes;
  PngSource   source{};
  source.Width = static_cast<png_uint_32>(size[0]);
  source.Height = static_cast<png_uint_32>(size[1]);
  source.Depth = 8 * static_cast<int>(sizeof(typename PixelTraits<TPixel>::ValueType));
  source.ColorType = PixelTraits<TPixel>::Dimension == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY;
  source.Spacing[0] = picture->GetSpacing()[0];
  source.Spacing[1] = picture->GetSpacing()[1];
  source.Rows = rows.data();
  source.Bytes = &bytes;
  if (!EncodePng(source))
  {
    throw UsageError(std::string("a picture can't be made as a PNG (") + source.Message + ")");
  }
  return bytes;
}

template <typename TPixel>
void
WritePng(const Image<TPixel, 2> * picture, const std::string & path)
{
  WriteBytes(path, MakePng<TPixel>(picture));
}

template std::string
MakePng<unsigned char>(const Image<unsigned char, 2> *);
template std::string
MakePng<RGBPixel<unsigned char>>(const Image<RGBPixel<unsigned char>, 2> *);
template void
WritePng<unsigned char>(const Image<unsigned char, 2> *, const std::string &);
template void
WritePng<unsigned short>(const Image<unsigned short, 2> *, const std::string &);
template void
WritePng<RGBPixel<unsigned char>>(const Image<RGBPixel<unsigned char>, 2> *, const std::string &);
template void
WritePng<RGBPixel<unsigned short>>(const Image<RGBPixel<unsigned short>, 2> *, const std::string &);

} // namespace SinkhornIO
} // namespace itk
