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
#ifndef sinkhornRegisterShapeFiles_h
#define sinkhornRegisterShapeFiles_h

#include "itkMath.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

/** A surface, as the bytes of files of the formats that people have. */
namespace SinkhornRegisterTesting
{

using Vertex = std::array<float, 3>;

/** A lopsided octahedron-like closed surface of 3 rings. */
struct Surface
{
  std::vector<Vertex>             Vertices;
  std::vector<std::array<int, 3>> Faces;
};

inline Surface
MakeSurface(float shift)
{
  Surface   surface;
  const int around = 10;
  const int rings = 6;
  for (int i = 0; i <= rings; ++i)
  {
    for (int k = 0; k < around; ++k)
    {
      const double polar = itk::Math::pi * (0.05 + 0.9 * i / rings);
      const double angle = 2.0 * itk::Math::pi * k / around;
      surface.Vertices.push_back({ static_cast<float>(30.0 * std::cos(polar) + shift),
                                   static_cast<float>(18.0 * std::sin(polar) * std::cos(angle)),
                                   static_cast<float>((10.0 + 0.2 * i) * std::sin(polar) * std::sin(angle) - shift) });
      if (i < rings)
      {
        const int a = i * around + k;
        const int b = i * around + (k + 1) % around;
        surface.Faces.push_back({ a, a + around, b });
        surface.Faces.push_back({ b, a + around, b + around });
      }
    }
  }
  return surface;
}

template <typename T>
void
AppendBytes(std::string & bytes, T value, bool bigEndian)
{
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  if (bigEndian)
  {
    std::reverse(raw, raw + sizeof(T));
  }
  bytes.append(raw, sizeof(T));
}

inline std::string
PointLines(const Surface & surface, const std::string & before = "")
{
  std::ostringstream text;
  text << std::fixed; // GIFTI's reader of text knows no exponents
  for (const Vertex & vertex : surface.Vertices)
  {
    text << before << vertex[0] << " " << vertex[1] << " " << vertex[2] << "\n";
  }
  return text.str();
}

inline std::string
FaceLines(const Surface & surface, const std::string & before, int first)
{
  std::ostringstream text;
  for (const auto & face : surface.Faces)
  {
    text << before << face[0] + first << " " << face[1] + first << " " << face[2] + first << "\n";
  }
  return text.str();
}

inline std::string
ToVtk(const Surface & surface, bool binary)
{
  std::ostringstream head;
  head << "# vtk DataFile Version 3.0\na title\n"
       << (binary ? "BINARY" : "ASCII") << "\nDATASET POLYDATA\nPOINTS " << surface.Vertices.size() << " FLOAT\n";
  std::string       text = head.str();
  const std::string polygons =
    "POLYGONS " + std::to_string(surface.Faces.size()) + " " + std::to_string(4 * surface.Faces.size()) + "\n";
  const std::string data = "\nCELL_DATA " + std::to_string(surface.Faces.size()) + "\nPOINT_DATA " +
                           std::to_string(surface.Vertices.size()) + "\nSCALARS height float\nLOOKUP_TABLE default\n";
  if (!binary)
  {
    text += PointLines(surface) + polygons + FaceLines(surface, "3 ", 0) + data;
    for (std::size_t i = 0; i < surface.Vertices.size(); ++i)
    {
      text += std::to_string(i) + "\n";
    }
    return text;
  }
  for (const Vertex & vertex : surface.Vertices)
  {
    for (const float coordinate : vertex)
    {
      AppendBytes(text, coordinate, true);
    }
  }
  text += "\n" + polygons;
  for (const auto & face : surface.Faces)
  {
    AppendBytes(text, std::int32_t{ 3 }, true);
    for (const int vertex : face)
    {
      AppendBytes(text, static_cast<std::int32_t>(vertex), true);
    }
  }
  text += data;
  for (std::size_t i = 0; i < surface.Vertices.size(); ++i)
  {
    AppendBytes(text, static_cast<float>(i), true);
  }
  return text + "\n";
}

/** Version 5: offsets and connectivity, as VTK 9 writes. */
inline std::string
ToNewVtk(const Surface & surface)
{
  std::ostringstream text;
  text << "# vtk DataFile Version 5.1\nvtk output\nASCII\nDATASET POLYDATA\nPOINTS " << surface.Vertices.size()
       << " double\n"
       << PointLines(surface) << "METADATA\nINFORMATION 1\nNAME L2_NORM LOCATION vtkDataArray\nDATA 1 3\n\nPOLYGONS "
       << surface.Faces.size() + 1 << " " << 3 * surface.Faces.size() << "\nOFFSETS vtktypeint64\n";
  for (std::size_t f = 0; f <= surface.Faces.size(); ++f)
  {
    text << 3 * f << " ";
  }
  text << "\nCONNECTIVITY vtktypeint64\n" << FaceLines(surface, "", 0);
  return text.str();
}

inline std::string
ToPly(const Surface & surface, bool binary)
{
  std::ostringstream head;
  head << "ply\nformat " << (binary ? "binary_little_endian" : "ascii")
       << " 1.0\ncomment made by a test\nelement vertex " << surface.Vertices.size()
       << "\nproperty float x\nproperty float y\nproperty float z\nelement face " << surface.Faces.size()
       << "\nproperty list uchar int vertex_indices\nend_header\n";
  std::string text = head.str();
  if (!binary)
  {
    return text + PointLines(surface) + FaceLines(surface, "3 ", 0);
  }
  for (const Vertex & vertex : surface.Vertices)
  {
    for (const float coordinate : vertex)
    {
      AppendBytes(text, coordinate, false);
    }
  }
  for (const auto & face : surface.Faces)
  {
    text.push_back(3);
    for (const int vertex : face)
    {
      AppendBytes(text, static_cast<std::int32_t>(vertex), false);
    }
  }
  return text;
}

inline std::string
ToStl(const Surface & surface, bool binary)
{
  std::string        bytes(80, ' ');
  std::ostringstream text;
  text << "solid thing\n";
  AppendBytes(bytes, static_cast<std::uint32_t>(surface.Faces.size()), false);
  for (const auto & face : surface.Faces)
  {
    text << "facet normal 0 0 1\nouter loop\n";
    for (int i = 0; i < 3; ++i)
    {
      AppendBytes(bytes, 0.0F, false);
    }
    for (const int corner : face)
    {
      const Vertex & vertex = surface.Vertices[static_cast<std::size_t>(corner)];
      text << "vertex " << vertex[0] << " " << vertex[1] << " " << vertex[2] << "\n";
      for (const float coordinate : vertex)
      {
        AppendBytes(bytes, coordinate, false);
      }
    }
    AppendBytes(bytes, std::uint16_t{ 0 }, false);
    text << "endloop\nendfacet\n";
  }
  text << "endsolid thing\n";
  return binary ? bytes : text.str();
}

inline std::string
ToOff(const Surface & surface)
{
  return "OFF\n" + std::to_string(surface.Vertices.size()) + " " + std::to_string(surface.Faces.size()) + " 0\n" +
         PointLines(surface) + FaceLines(surface, "3 ", 0);
}

inline std::string
ToObj(const Surface & surface)
{
  return PointLines(surface, "v ") + FaceLines(surface, "f ", 1);
}

inline std::string
ToGifti(const Surface & surface)
{
  const auto array =
    [](const std::string & intent, const std::string & type, std::size_t rows, const std::string & data) {
      return "<DataArray Intent=\"" + intent + "\" DataType=\"" + type +
             "\" ArrayIndexingOrder=\"RowMajorOrder\" Dimensionality=\"2\" Dim0=\"" + std::to_string(rows) +
             "\" Dim1=\"3\" Encoding=\"ASCII\" Endian=\"LittleEndian\" ExternalFileName=\"\" ExternalFileOffset=\"\">\n"
             "<MetaData></MetaData>\n<CoordinateSystemTransformMatrix><DataSpace><![CDATA[NIFTI_XFORM_UNKNOWN]]></"
             "DataSpace>"
             "<TransformedSpace><![CDATA[NIFTI_XFORM_UNKNOWN]]></TransformedSpace><MatrixData>1 0 0 0 0 1 0 0 0 0 1 0 "
             "0 0 0 "
             "1</MatrixData></CoordinateSystemTransformMatrix>\n<Data>" +
             data + "</Data></DataArray>\n";
    };
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE GIFTI SYSTEM "
         "\"http://www.nitrc.org/frs/download.php/115/gifti.dtd\">\n<GIFTI Version=\"1.0\" "
         "NumberOfDataArrays=\"2\">\n<MetaData></MetaData><LabelTable></LabelTable>\n" +
         array("NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", surface.Vertices.size(), PointLines(surface)) +
         array("NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32", surface.Faces.size(), FaceLines(surface, "", 0)) +
         "</GIFTI>\n";
}

inline std::string
ToFreeSurfer(const Surface & surface)
{
  std::string bytes = "\xFF\xFF\xFE"
                      "created by a test\n\n";
  AppendBytes(bytes, static_cast<std::int32_t>(surface.Vertices.size()), true);
  AppendBytes(bytes, static_cast<std::int32_t>(surface.Faces.size()), true);
  for (const Vertex & vertex : surface.Vertices)
  {
    for (const float coordinate : vertex)
    {
      AppendBytes(bytes, coordinate, true);
    }
  }
  for (const auto & face : surface.Faces)
  {
    for (const int vertex : face)
    {
      AppendBytes(bytes, static_cast<std::int32_t>(vertex), true);
    }
  }
  return bytes;
}

} // namespace SinkhornRegisterTesting

#endif
