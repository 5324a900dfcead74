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
#include "itkSinkhornFileIntegrity.h"

#include "itkSinkhornFileTypes.h"

#include "itk_zlib.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

// After <cstdio>: it uses FILE without including it.
#include "itk_jpeg.h"
#include <csetjmp>

namespace itk
{
namespace SinkhornIO
{
namespace
{

namespace fs = std::filesystem;

std::uint32_t
ReadBigEndian(const std::string & bytes, std::size_t at)
{
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i)
  {
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

std::string
ReadBytes(const std::string & path)
{
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

/** What libpng asks of the first chunk. */
bool
IsPngHeader(const std::string & bytes, std::size_t at)
{
  constexpr std::uint32_t mostPixels = 1000000; // libpng's limit along an axis
  const std::uint32_t     width = ReadBigEndian(bytes, at);
  const std::uint32_t     height = ReadBigEndian(bytes, at + 4);
  const int               depth = bytes[at + 8];
  const int               color = bytes[at + 9];
  const bool              deep = depth == 8 || depth == 16;
  const bool              shallow = depth == 1 || depth == 2 || depth == 4;
  const bool              known = (color == 0 && (deep || shallow)) || (color == 3 && (depth == 8 || shallow)) ||
                     ((color == 2 || color == 4 || color == 6) && deep);
  return width > 0 && height > 0 && width <= mostPixels && height <= mostPixels && known && bytes[at + 10] == 0 &&
         bytes[at + 11] == 0 && (bytes[at + 12] == 0 || bytes[at + 12] == 1);
}

/** ITK's reader of BMP files does not look whether it got what it asked for. */
void
CheckBitmap(const std::string & path, const std::string & what)
{
  std::ifstream file(path, std::ios::binary);
  unsigned char header[38] = {};
  file.read(reinterpret_cast<char *>(header), sizeof(header));
  const auto number = [&header](int at) {
    return static_cast<std::uint32_t>(header[at]) | static_cast<std::uint32_t>(header[at + 1]) << 8U |
           static_cast<std::uint32_t>(header[at + 2]) << 16U | static_cast<std::uint32_t>(header[at + 3]) << 24U;
  };
  if (file.gcount() < static_cast<std::streamsize>(sizeof(header)) || header[0] != 'B' || header[1] != 'M')
  {
    return; // ITK refuses it
  }
  const std::uint64_t width = number(18);
  const std::int64_t  height = static_cast<std::int32_t>(number(22));
  const std::uint64_t bits = header[28] | header[29] << 8;
  const bool          packed = number(30) == 1 || number(30) == 2;
  const std::uint64_t bytes =
    packed ? number(34) : (width * bits + 31) / 32 * 4 * static_cast<std::uint64_t>(height < 0 ? -height : height);
  CompareLength(fs::file_size(path) - std::min<std::uint64_t>(number(10), fs::file_size(path)), bytes, false, what);
}

struct JpegFailure
{
  jpeg_error_mgr Manager;
  std::jmp_buf   Back;
};

/** Decodes a JPEG file: libjpeg fills up what is missing with grey and calls that a warning.
 * \return 0, or else the warning's or error's number is in \a message. */
bool
DecodesCleanly(std::FILE * file, std::string & message)
{
  jpeg_decompress_struct decoder{};
  JpegFailure            failure{};
  char                   text[JMSG_LENGTH_MAX] = "";
  decoder.err = jpeg_std_error(&failure.Manager);
  failure.Manager.error_exit = [](j_common_ptr common) {
    std::longjmp(reinterpret_cast<JpegFailure *>(common->err)->Back, 1);
  };
  failure.Manager.output_message = [](j_common_ptr) {};
  bool whole = false;
  if (setjmp(failure.Back) == 0)
  {
    jpeg_create_decompress(&decoder);
    jpeg_stdio_src(&decoder, file);
    jpeg_read_header(&decoder, TRUE);
    jpeg_start_decompress(&decoder);
    const JSAMPARRAY row = (*decoder.mem->alloc_sarray)(
      reinterpret_cast<j_common_ptr>(&decoder), JPOOL_IMAGE, decoder.output_width * decoder.output_components, 1);
    while (decoder.output_scanline < decoder.output_height)
    {
      jpeg_read_scanlines(&decoder, row, 1);
    }
    jpeg_finish_decompress(&decoder);
    whole = failure.Manager.num_warnings == 0;
  }
  if (!whole)
  {
    (*failure.Manager.format_message)(reinterpret_cast<j_common_ptr>(&decoder), text);
    message = text;
  }
  jpeg_destroy_decompress(&decoder);
  return whole;
}

void
CheckJpeg(const std::string & path, const std::string & what)
{
  const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  std::string                                            message;
  if (file && !DecodesCleanly(file.get(), message))
  {
    ThrowDamaged(what, "its picture can't be decoded whole (" + message + ")");
  }
}

/** ITK takes a grey TIFF with an alpha channel for a grey one, and reads grey and alpha in turn. */
void
CheckTiff(const std::string & path, const std::string & what)
{
  const std::string bytes = ReadBytes(path);
  const bool        big = bytes.size() > 8 && bytes[0] == 'M';
  const auto        number = [&](std::uint64_t at, unsigned int width) {
    std::uint64_t value = 0;
    for (unsigned int i = 0; i < width && at + width <= bytes.size(); ++i)
    {
      const auto byte = static_cast<unsigned char>(bytes[at + (big ? i : width - 1 - i)]);
      value = value << 8U | byte;
    }
    return value;
  };
  if (bytes.size() < 8 || number(2, 2) != 42)
  {
    return; // BigTIFF, or no TIFF at all
  }
  const std::uint64_t directory = number(4, 4);
  for (std::uint64_t entry = 0; entry < number(directory, 2); ++entry)
  {
    const std::uint64_t at = directory + 2 + 12 * entry;
    if (number(at, 2) == 277 && number(at + 8, 2) == 2)
    {
      throw UsageError(what + ": is a TIFF picture of grey and alpha channel, which ITK does not read; save it without "
                              "alpha channel");
    }
  }
}

} // namespace

void
CheckPng(const std::string & path, const std::string & what)
{
  const std::string bytes = LowerExtension(path) == ".png" ? ReadBytes(path) : "";
  if (bytes.compare(0, 8, "\x89PNG\r\n\x1a\n") != 0)
  {
    return; // ITK refuses it
  }
  // Chunks: length, name, contents, check sum of name and contents.
  std::size_t at = 8;
  std::string name;
  while (name != "IEND")
  {
    const std::uint64_t length = at + 12 <= bytes.size() ? ReadBigEndian(bytes, at) : 0;
    if (at + 12 + length > bytes.size())
    {
      ThrowDamaged(what, "it ends too early");
    }
    name = bytes.substr(at + 4, 4);
    const auto sum = crc32(
      crc32(0, nullptr, 0), reinterpret_cast<const Bytef *>(bytes.data() + at + 4), static_cast<uInt>(length + 4));
    if (sum != ReadBigEndian(bytes, at + 8 + length))
    {
      ThrowDamaged(what, "the check sum of its part " + name + " is wrong");
    }
    if (at == 8 && (name != "IHDR" || length != 13 || !IsPngHeader(bytes, at + 8)))
    {
      ThrowDamaged(what, "its size or type is none that PNG has");
    }
    at += 12 + length;
  }
}

void
CheckDicom(const std::string & path, const std::string & what)
{
  const std::string bytes = ReadBytes(path);
  const std::string tag("\xe0\x7f\x10\x00", 4);
  const auto        number = [&bytes](std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 4 && at + 4 <= bytes.size(); ++i)
    {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    }
    return value;
  };
  // The last one with a type: icons have such elements before it. Files without types: the first.
  std::size_t found = std::string::npos;
  for (std::size_t at = bytes.find(tag); at != std::string::npos; at = bytes.find(tag, at + 1))
  {
    const std::string type = bytes.substr(at + 4, 2);
    found = type == "OW" || type == "OB" ? at : found;
  }
  const bool isTyped = found != std::string::npos;
  found = isTyped ? found : bytes.find(tag);
  if (found == std::string::npos)
  {
    return; // other byte orders, deflated ones, or no image at all: GDCM knows
  }
  constexpr std::uint64_t undefined = 0xffffffffU;
  const std::size_t       start = found + (isTyped ? 12 : 8);
  const std::uint64_t     length = number(start - 4);
  const bool cut = length == undefined ? bytes.find(std::string("\xfe\xff\xdd\xe0", 4), start) == std::string::npos
                                       : start + length > bytes.size();
  if (cut)
  {
    ThrowDamaged(what, "'" + path + "' ends within its voxels");
  }
}

void
CheckPicture(const std::string & path, const std::string & what)
{
  const std::string extension = LowerExtension(path);
  if (extension == ".bmp")
  {
    CheckBitmap(path, what);
  }
  else if (extension == ".jpg" || extension == ".jpeg")
  {
    CheckJpeg(path, what);
  }
  else if (extension == ".tif" || extension == ".tiff")
  {
    CheckTiff(path, what);
  }
}

} // namespace SinkhornIO
} // namespace itk
