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

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace itk
{
namespace SinkhornIO
{
namespace
{

namespace fs = std::filesystem;

/** Reads numbers at byte offsets of a header, whichever end comes first. */
class HeaderReader
{
public:
  HeaderReader(std::vector<char> bytes, bool swapped)
    : m_Bytes(std::move(bytes))
    , m_Swapped(swapped)
  {}
  template <typename T>
  T
  At(std::size_t offset) const
  {
    char number[sizeof(T)]{};
    for (std::size_t i = 0; i < sizeof(T); ++i)
    {
      number[m_Swapped ? sizeof(T) - 1 - i : i] = m_Bytes.at(offset + i);
    }
    T value;
    std::memcpy(&value, number, sizeof(T));
    return value;
  }
  bool
  Has(std::size_t offset, const char * text) const
  {
    return m_Bytes.size() >= offset + std::strlen(text) && std::memcmp(&m_Bytes[offset], text, std::strlen(text)) == 0;
  }

private:
  std::vector<char> m_Bytes;
  bool              m_Swapped;
};

/** The two headers differ in where things stand and how wide they are. */
struct HeaderLayout
{
  bool        IsSecond;
  std::size_t Dim, DataType, PixDim, VoxOffset, Units, Qcode, Scode, Quatern, Qoffset, Srow;
};
constexpr HeaderLayout layout1{ false, 40, 70, 76, 108, 123, 252, 254, 256, 268, 280 };
constexpr HeaderLayout layout2{ true, 16, 12, 104, 168, 500, 344, 348, 352, 376, 400 };

class Header
{
public:
  Header(const HeaderReader & reader, const HeaderLayout & layout)
    : m_Reader(reader)
    , m_Layout(layout)
  {}
  double
  Real(std::size_t start, unsigned int i) const
  {
    return m_Layout.IsSecond ? m_Reader.At<double>(start + 8 * i) : m_Reader.At<float>(start + 4 * i);
  }
  std::int64_t
  Dim(unsigned int i) const
  {
    return m_Layout.IsSecond ? m_Reader.At<std::int64_t>(m_Layout.Dim + 8 * i)
                             : m_Reader.At<std::int16_t>(m_Layout.Dim + 2 * i);
  }
  int
  Code(std::size_t start) const
  {
    return m_Layout.IsSecond ? m_Reader.At<std::int32_t>(start) : m_Reader.At<std::int16_t>(start);
  }
  int
  DataType() const
  {
    return m_Reader.At<std::int16_t>(m_Layout.DataType);
  }
  int
  Units() const
  {
    return (m_Layout.IsSecond ? m_Reader.At<std::int32_t>(m_Layout.Units)
                              : m_Reader.At<unsigned char>(m_Layout.Units)) &
           7;
  }

private:
  const HeaderReader & m_Reader;
  const HeaderLayout & m_Layout;
};

unsigned int
BytesOf(int dataType)
{
  switch (dataType)
  {
    case 2:
    case 256: return 1;
    case 4:
    case 512: return 2;
    case 128: return 3;
    case 8:
    case 16:
    case 768:
    case 2304: return 4;
    case 32:
    case 64:
    case 1024:
    case 1280: return 8;
    case 1536:
    case 1792: return 16;
    case 2048: return 32;
    default: return 0; // ITK refuses it
  }
}

/** Index → RAS of the quaternion form; the formulas of nifti1.h. */
void
FillQform(const Header & header, const HeaderLayout & layout, NiftiFacts & facts)
{
  const double b = header.Real(layout.Quatern, 0);
  const double c = header.Real(layout.Quatern, 1);
  const double d = header.Real(layout.Quatern, 2);
  const double a = std::sqrt(std::max(0.0, 1.0 - b * b - c * c - d * d));
  const double handed = header.Real(layout.PixDim, 0) < 0.0 ? -1.0 : 1.0;
  const double rotation[3][3] = {
    { a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c) },
    { 2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b) },
    { 2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c },
  };
  for (unsigned int r = 0; r < 3; ++r)
  {
    for (unsigned int k = 0; k < 3; ++k)
    {
      facts.Qform[r][k] = rotation[r][k] * facts.VoxelSize[k] * (k == 2 ? handed : 1.0);
    }
    facts.Qform[r][3] = header.Real(layout.Qoffset, r);
  }
}

void
FillFacts(const Header & header, const HeaderLayout & layout, const std::string & what, NiftiFacts & facts)
{
  const std::int64_t dimensions = header.Dim(0);
  for (unsigned int i = 1; i <= 7 && i <= dimensions; ++i)
  {
    if (header.Dim(i) < 0 || (header.Dim(i) == 0 && i <= 3))
    {
      throw UsageError(what + ": its header is damaged, the size along axis " + std::to_string(i) + " is " +
                       std::to_string(header.Dim(i)) + "; copy or make it again");
    }
    facts.Size.push_back(static_cast<std::uint64_t>(std::max<std::int64_t>(1, header.Dim(i))));
  }
  facts.DataType = header.DataType();
  facts.BytesPerVoxel = BytesOf(facts.DataType);
  facts.QformCode = facts.IsAnalyze ? 0 : header.Code(layout.Qcode);
  facts.SformCode = facts.IsAnalyze ? 0 : header.Code(layout.Scode);
  const int units = facts.IsAnalyze ? 2 : header.Units();
  facts.UnitScale = units == 1 ? 1e3 : (units == 3 ? 1e-3 : 1.0);
  for (unsigned int k = 0; k < 3; ++k)
  {
    facts.VoxelSize[k] = std::abs(header.Real(layout.PixDim, 1 + k));
  }
  FillQform(header, layout, facts);
  for (unsigned int r = 0; r < 3; ++r)
  {
    for (unsigned int k = 0; k < 4; ++k)
    {
      facts.Sform[r][k] = header.Real(layout.Srow, 4 * r + k);
    }
  }
}

/** File beside \a header with the voxels of a pair; gzipped or not. */
std::string
FindVoxels(const std::string & header, const std::string & what)
{
  std::string base = header;
  if (base.size() > 3 && base.compare(base.size() - 3, 3, ".gz") == 0)
  {
    base.resize(base.size() - 3);
  }
  base.resize(base.size() - std::min<std::size_t>(base.size(), 4));
  for (const char * extension : { ".img", ".img.gz", ".IMG", ".IMG.gz" })
  {
    if (std::ifstream(base + extension).good())
    {
      return base + extension;
    }
  }
  throw UsageError(what + ": the file with its voxels, '" + base + ".img', is missing; keep both side by side");
}

/** Header of a NIfTI or Analyze file; empty if it is another one. */
std::vector<char>
ReadHeader(const std::string & path, const std::string & what, bool compressed)
{
  std::vector<char> bytes;
  if (!compressed)
  {
    std::ifstream file(path, std::ios::binary);
    bytes.resize(540);
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
  }
  StreamBytes(path, 0, true, what, [&bytes](const char * data, std::size_t count) {
    const std::size_t wanted = std::min<std::size_t>(count, 540 - std::min<std::size_t>(540, bytes.size()));
    bytes.insert(bytes.end(), data, data + wanted);
  });
  return bytes;
}

/** Notes voxels that are not finite in a stream of T. */
template <typename T>
class FiniteCheck
{
public:
  explicit FiniteCheck(NiftiFacts & facts)
    : m_Facts(facts)
  {}
  void
  Take(char byte)
  {
    m_Number[m_Facts.IsSwapped ? sizeof(T) - 1 - m_Filled : m_Filled] = byte;
    if (++m_Filled == sizeof(T))
    {
      T value;
      std::memcpy(&value, m_Number, sizeof(T));
      if (!std::isfinite(value))
      {
        m_Facts.NotFinite.push_back(m_Index);
      }
      ++m_Index;
      m_Filled = 0;
    }
  }

private:
  NiftiFacts &  m_Facts;
  char          m_Number[sizeof(T)] = {};
  std::size_t   m_Filled{ 0 };
  std::uint64_t m_Index{ 0 };
};

/** Streams through all voxels. \return number of bytes there are. */
std::uint64_t
ScanVoxels(const std::string & what, std::uint64_t expected, NiftiFacts & facts)
{
  std::uint64_t       position = 0;
  FiniteCheck<float>  single(facts);
  FiniteCheck<double> real(facts);
  const auto          sink = [&](const char * data, std::size_t count) {
    const std::uint64_t begin = position;
    position += count;
    if (facts.DataType != 16 && facts.DataType != 64)
    {
      return;
    }
    for (std::size_t i = 0; i < count; ++i)
    {
      const std::uint64_t at = begin + i;
      if (at >= facts.DataOffset && at < facts.DataOffset + expected)
      {
        facts.DataType == 16 ? single.Take(data[i]) : real.Take(data[i]);
      }
    }
  };
  const std::uint64_t all = StreamBytes(facts.DataPath, 0, IsGzip(facts.DataPath), what, sink);
  return all - std::min(all, facts.DataOffset);
}

/** Compares the voxels with what the header promises, and says what that is. */
void
CompareSize(std::uint64_t present, double expected, const NiftiFacts & facts, const std::string & what)
{
  std::string text;
  for (const std::uint64_t size : facts.Size)
  {
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  }
  constexpr double mostBytes = 9e18;
  CompareLength(present,
                static_cast<std::uint64_t>(std::min(expected, mostBytes)),
                true,
                what + " (" + text + " voxels of " + std::to_string(facts.BytesPerVoxel) + " bytes by its header)");
}

} // namespace

NiftiFacts
InspectNifti(const std::string & path, const std::string & what)
{
  NiftiFacts              facts;
  const bool              compressed = IsGzip(path);
  const std::vector<char> bytes = ReadHeader(path, what, compressed);
  if (bytes.size() < 348)
  {
    return facts;
  }
  for (const bool swapped : { false, true })
  {
    const HeaderReader   reader(bytes, swapped);
    const int            headerSize = reader.At<std::int32_t>(0);
    const bool           second = headerSize == 540 && bytes.size() >= 540;
    const HeaderLayout & layout = second ? layout2 : layout1;
    const bool           single = reader.Has(second ? 4 : 344, second ? "n+2" : "n+1");
    const bool           pair = reader.Has(second ? 4 : 344, second ? "ni2" : "ni1");
    const std::string    name = fs::path(path).filename().string();
    const bool           analyze = !single && !pair && name.find(".hdr") != std::string::npos;
    if ((headerSize != 348 && !second) || (!single && !pair && !analyze))
    {
      continue;
    }
    const Header header(reader, layout);
    facts.IsNifti = true;
    facts.IsSwapped = swapped;
    facts.IsAnalyze = analyze;
    FillFacts(header, layout, what, facts);
    facts.DataPath = single ? path : FindVoxels(path, what);
    const double offset = second ? static_cast<double>(reader.At<std::int64_t>(layout.VoxOffset))
                                 : static_cast<double>(reader.At<float>(layout.VoxOffset));
    facts.DataOffset = offset > 0.0 ? static_cast<std::uint64_t>(offset) : (single ? headerSize + 4 : 0);
    double expected = facts.BytesPerVoxel;
    for (const std::uint64_t size : facts.Size)
    {
      expected *= static_cast<double>(size);
    }
    if (facts.BytesPerVoxel > 0)
    {
      const double mostBytes = 9e18;
      CompareSize(
        ScanVoxels(what, static_cast<std::uint64_t>(std::min(expected, mostBytes)), facts), expected, facts, what);
    }
    break;
  }
  return facts;
}

} // namespace SinkhornIO
} // namespace itk
