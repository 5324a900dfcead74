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
#include "itksys/SystemTools.hxx"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

namespace itk
{
namespace SinkhornIO
{
namespace
{

namespace fs = std::filesystem;

constexpr std::size_t chunk = 1 << 18;

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

/** NRRD files: their reader overlooks wrong check sums, and data behind what the header promises. */
void
CheckNrrd(const std::string & path, std::uint64_t expectedBytes, const std::string & what)
{
  std::ifstream file(path, std::ios::binary);
  std::string   line;
  std::string   encoding = "raw";
  std::string   dataFile;
  bool          skips = false;
  while (std::getline(file, line) && !line.empty() && line != "\r")
  {
    const std::size_t colon = line.find(": ");
    std::string       key = line.substr(0, colon);
    std::string       value = colon == std::string::npos ? "" : line.substr(colon + 2);
    value.erase(value.find_last_not_of(" \t\r") + 1);
    encoding = key == "encoding" ? value : encoding;
    dataFile = key == "data file" || key == "datafile" ? value : dataFile;
    skips =
      skips || ((key == "line skip" || key == "byte skip" || key == "lineskip" || key == "byteskip") && value != "0");
  }
  const bool gzip = encoding == "gzip" || encoding == "gz";
  // Lists of files and patterns: the reader notices those that are missing.
  if ((!gzip && encoding != "raw") || dataFile.find_first_of("%") != std::string::npos ||
      dataFile.compare(0, 4, "LIST") == 0)
  {
    return;
  }
  const fs::path      data = dataFile.empty() ? fs::path(path) : fs::path(path).parent_path() / dataFile;
  const std::string   whole = dataFile.empty() ? what : what + ", its voxels in '" + data.string() + "'";
  const std::uint64_t offset = dataFile.empty() ? static_cast<std::uint64_t>(file.tellg()) : 0;
  if (!std::ifstream(data).good())
  {
    throw UsageError(whole + ": no such file, or it can't be read; keep header and voxels side by side");
  }
  const std::uint64_t present = gzip ? StreamBytes(data.string(), offset, true, whole, [](const char *, std::size_t) {})
                                     : fs::file_size(data) - offset;
  if (!skips)
  {
    CompareLength(present, expectedBytes, true, whole);
  }
}

} // namespace

std::string
LowerExtension(const std::string & path)
{
  return itksys::SystemTools::LowerCase(fs::path(path).extension().string());
}

void
ThrowDamaged(const std::string & what, const std::string & how)
{
  throw UsageError(what + ": the file is damaged or incomplete, " + how + "; copy or make it again");
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
CheckVolume(const std::string & path, std::uint64_t expectedBytes, const std::string & what)
{
  const std::string extension = LowerExtension(path);
  if (extension == ".mha" || extension == ".mhd")
  {
    CheckMetaImage(path, expectedBytes, what);
  }
  else if (extension == ".nrrd" || extension == ".nhdr")
  {
    CheckNrrd(path, expectedBytes, what);
  }
}

} // namespace SinkhornIO
} // namespace itk
