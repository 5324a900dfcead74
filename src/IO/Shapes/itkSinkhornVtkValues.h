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
#ifndef itkSinkhornVtkValues_h
#define itkSinkhornVtkValues_h

#include "itksys/SystemTools.hxx"

#include <cstdint>
#include <cstring>
#include <map>
#include <string>

namespace itk
{
namespace SinkhornIO
{

/** Numbers of one kind, as VTK names them. */
struct ValueType
{
  std::size_t Size{ 0 };
  bool        IsReal{ false };
  bool        IsSigned{ true };
};

/** \return whether there is such a type. */
inline bool
FindValueType(const std::string & name, ValueType & type)
{
  static const std::map<std::string, ValueType> types{ { "float", { 4, true } },
                                                       { "double", { 8, true } },
                                                       { "char", { 1, false } },
                                                       { "signed_char", { 1, false } },
                                                       { "unsigned_char", { 1, false, false } },
                                                       { "short", { 2, false } },
                                                       { "unsigned_short", { 2, false, false } },
                                                       { "int", { 4, false } },
                                                       { "unsigned_int", { 4, false, false } },
                                                       { "long", { 8, false } },
                                                       { "unsigned_long", { 8, false, false } },
                                                       { "vtkidtype", { 4, false } },
                                                       { "vtktypeint32", { 4, false } },
                                                       { "vtktypeint64", { 8, false } },
                                                       { "vtktypeuint64", { 8, false, false } } };
  const auto                                    found = types.find(itksys::SystemTools::LowerCase(name));
  if (found == types.end())
  {
    return false;
  }
  type = found->second;
  return true;
}

/** Big-endian, as all binary values of VTK. */
inline double
ReadBinary(const char * bytes, const ValueType & type)
{
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < type.Size; ++i)
  {
    bits = bits << 8U | static_cast<unsigned char>(bytes[i]);
  }
  if (type.IsReal && type.Size == 4)
  {
    const auto half = static_cast<std::uint32_t>(bits);
    float      value = 0.0F;
    std::memcpy(&value, &half, sizeof(value));
    return value;
  }
  if (type.IsReal)
  {
    double value = 0.0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  const std::uint64_t sign = std::uint64_t{ 1 } << (8 * type.Size - 1);
  return type.IsSigned && (bits & sign) != 0 ? -static_cast<double>(~bits & (sign - 1)) - 1.0
                                             : static_cast<double>(bits);
}

template <typename T, typename TBits>
void
AppendBinary(std::string & bytes, double value)
{
  const T number = static_cast<T>(value);
  TBits   bits = 0;
  std::memcpy(&bits, &number, sizeof(bits));
  for (std::size_t i = sizeof(bits); i-- > 0;)
  {
    bytes.push_back(static_cast<char>(bits >> (8 * i) & 0xFFU));
  }
}

} // namespace SinkhornIO
} // namespace itk

#endif
