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
#include "itkSinkhornPage.h"

#include "itkSinkhornCheckedFile.h"

#include "itksys/Base64.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace itk
{
namespace SinkhornDrawing
{

/** The page without its data, put in when the program is built. */
extern const char * const pageFrame;

namespace
{

using Json = nlohmann::ordered_json;

} // namespace

std::string
ToBase64(const std::string & bytes)
{
  std::vector<unsigned char> text(bytes.size() * 3 / 2 + 5);
  const std::size_t          length =
    itksysBase64_Encode(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(), text.data(), 0);
  return std::string(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length));
}

template <unsigned int VDimension>
Json
MakeMatrix(const CompositeTransform<double, VDimension> * transform)
{
  Matrix<double, VDimension + 1, VDimension + 1> total;
  total.SetIdentity();
  for (SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i) // the last one acts first
  {
    const auto & part = transform->GetNthTransformConstPointer(i);
    if (!part->IsLinear())
    {
      continue;
    }
    // From where it takes the origin and the axes: the matrix of every linear transform, whatever its class.
    Point<double, VDimension> corner;
    corner.Fill(0.0);
    const auto                                     origin = part->TransformPoint(corner);
    Matrix<double, VDimension + 1, VDimension + 1> matrix;
    matrix.SetIdentity();
    for (unsigned int column = 0; column < VDimension; ++column)
    {
      corner.Fill(0.0);
      corner[column] = 1.0;
      const auto axis = part->TransformPoint(corner) - origin;
      for (unsigned int row = 0; row < VDimension; ++row)
      {
        matrix(row, column) = axis[row];
        matrix(row, VDimension) = origin[row];
      }
    }
    total = total * matrix;
  }
  Json rows = Json::array();
  for (unsigned int row = 0; row <= VDimension; ++row)
  {
    rows.push_back(std::vector<double>(total[row], total[row] + VDimension + 1));
  }
  return rows;
}

void
WritePage(const std::string & path, const Json & data)
{
  // Names of files may hold anything: bytes that are no UTF-8, and what would end the script that the data stand in.
  std::string text;
  for (const char letter : data.dump(-1, ' ', false, Json::error_handler_t::replace))
  {
    text += letter == '<' ? std::string("\\u003c") : std::string(1, letter);
  }
  std::string       page = pageFrame;
  const std::string place = "@DATA@";
  SinkhornIO::WriteBytes(path, page.replace(page.find(place), place.size(), text));
}

template Json
MakeMatrix<2>(const CompositeTransform<double, 2> *);
template Json
MakeMatrix<3>(const CompositeTransform<double, 3> *);

} // namespace SinkhornDrawing
} // namespace itk
