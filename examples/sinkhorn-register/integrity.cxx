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
#include "integrity.h"

#include "options.h"

#include "itk_zlib.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

// After <cstdio>: it uses FILE without including it.
#include "itk_jpeg.h"
#include <csetjmp>

namespace SinkhornRegister
{
namespace
{

namespace fs = std::filesystem;

constexpr std::size_t chunk = 1 << 18;

[[noreturn]] void
ThrowDamaged(const std::string & what, const std::string & how)
{
  throw UsageError(what + ": the file is damaged or incomplete, " + how + "; copy or make it again");
}

std::string
LowerExtension(const std::string & path)
{
  std::string extension = fs::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return extension;
}

/** zlib's state, ended in every case. */
struct Inflater
{
  Inflater()
  {
    // 15 bits of window; 32: gzip or zlib, by its header.
    Ready = inflateInit2(&Stream, 15 + 32) == Z_OK;
  }
  ~Inflater() { inflateEnd(&Stream); }
  z_stream Stream{};
  bool     Ready{ false };
};

std::uint64_t
InflateBytes(std::ifstream & file, const std::string & what, const ByteSink & sink)
{
  Inflater          inflater;
  z_stream &        stream = inflater.Stream;
  std::vector<char> in(chunk);
  std::vector<char> out(chunk);
  std::uint64_t     total = 0;
  bool              ended = false;
  while (inflater.Ready)
  {
    if (stream.avail_in == 0)
    {
      file.read(in.data(), static_cast<std::streamsize>(in.size()));
      stream.next_in = reinterpret_cast<Bytef *>(in.data());
      stream.avail_in = static_cast<uInt>(file.gcount());
      if (stream.avail_in == 0)
      {
        break;
      }
    }
    if (ended)
    {
      // gzip files may have several members, one behind the other; zeros may fill up the last block.
      if (*stream.next_in != 0x1f)
      {
        return total;
      }
      inflateReset(&stream);
      ended = false;
    }
    stream.next_out = reinterpret_cast<Bytef *>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int         status = inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = out.size() - stream.avail_out;
    sink(out.data(), got);
    total += got;
    ended = status == Z_STREAM_END;
    if (status != Z_OK && !ended && status != Z_BUF_ERROR)
    {
      ThrowDamaged(what,
                   std::string("its compressed data can't be unpacked (") + (stream.msg ? stream.msg : "zlib") + ")");
    }
  }
  if (!ended)
  {
    ThrowDamaged(what, "its compressed data end too early");
  }
  return total;
}

/** Value of the header of a MetaImage, blanks removed. */
bool
SplitMetaLine(const std::string & line, std::string & key, std::string & value)
{
  const std::size_t equals = line.find('=');
  if (equals == std::string::npos)
  {
    return false;
  }
  const auto trim = [](std::string text) {
    text.erase(0, text.find_first_not_of(" \t"));
    text.erase(text.find_last_not_of(" \t\r") + 1);
    return text;
  };
  key = trim(line.substr(0, equals));
  value = trim(line.substr(equals + 1));
  return true;
}

void
CompareLength(std::uint64_t present, std::uint64_t expected, bool exactly, const std::string & what)
{
  // Files may be filled up to whole blocks.
  constexpr std::uint64_t padding = 512;
  if (present < expected)
  {
    ThrowDamaged(
      what, "its voxels end too early: " + std::to_string(present) + " bytes instead of " + std::to_string(expected));
  }
  if (exactly && present > expected + padding)
  {
    throw UsageError(what + ": its header does not fit its voxels: it promises " + std::to_string(expected) +
                     " bytes, there are " + std::to_string(present) + "; correct the size or type in the header");
  }
}

/** MetaIO only grumbles at a file that ends too early and leaves the rest of the image undefined. */
void
CheckMetaImage(const std::string & path, std::uint64_t expectedBytes, const std::string & what)
{
  std::ifstream file(path, std::ios::binary);
  std::string   line;
  std::string   key;
  std::string   value;
  bool          compressed = false;
  bool          ascii = false;
  long long     headerSize = 0;
  while (std::getline(file, line))
  {
    if (!SplitMetaLine(line, key, value))
    {
      continue;
    }
    const bool isTrue = !value.empty() && (value[0] == 'T' || value[0] == 't' || value[0] == '1');
    compressed = key == "CompressedData" ? isTrue : compressed;
    ascii = key == "BinaryData" ? !isTrue : ascii;
    headerSize = key == "HeaderSize" ? std::atoll(value.c_str()) : headerSize;
    if (key == "ElementDataFile")
    {
      break;
    }
  }
  // Lists of files and patterns: MetaIO notices those that are missing.
  if (key != "ElementDataFile" || ascii || headerSize != 0 || value.find_first_of("%") != std::string::npos ||
      value.compare(0, 4, "LIST") == 0)
  {
    return;
  }
  const bool        local = value == "LOCAL" || value == "Local" || value == "local";
  const fs::path    data = local ? fs::path(path) : fs::path(path).parent_path() / value;
  const std::string whole = local ? what : what + ", its voxels in '" + data.string() + "'";
  if (!std::ifstream(data).good())
  {
    throw UsageError(whole + ": no such file, or it can't be read; keep header and voxels side by side");
  }
  const std::uint64_t offset = local ? static_cast<std::uint64_t>(file.tellg()) : 0;
  const std::uint64_t present = compressed
                                  ? StreamBytes(data.string(), offset, true, whole, [](const char *, std::size_t) {})
                                  : fs::file_size(data) - offset;
  CompareLength(present, expectedBytes, true, whole);
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
  std::ifstream     file(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
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

bool
IsGzip(const std::string & path)
{
  std::ifstream file(path, std::ios::binary);
  return file.get() == 0x1f && file.get() == 0x8b;
}

std::uint64_t
StreamBytes(const std::string & path,
            std::uint64_t       offset,
            bool                compressed,
            const std::string & what,
            const ByteSink &    sink)
{
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  if (compressed)
  {
    return InflateBytes(file, what, sink);
  }
  std::vector<char> bytes(chunk);
  std::uint64_t     total = 0;
  while (file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())), file.gcount() > 0)
  {
    sink(bytes.data(), static_cast<std::size_t>(file.gcount()));
    total += static_cast<std::uint64_t>(file.gcount());
  }
  return total;
}

void
CheckVoxelData(const std::string & path, std::uint64_t expectedBytes, const std::string & what)
{
  const std::string extension = LowerExtension(path);
  if (extension == ".mha" || extension == ".mhd")
  {
    CheckMetaImage(path, expectedBytes, what);
  }
  else if (extension == ".bmp")
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

} // namespace SinkhornRegister
