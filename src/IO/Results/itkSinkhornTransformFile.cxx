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
#include "itkSinkhornTransformFile.h"

#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornFileTypes.h"

#include "itk_hdf5.h"
#include "itkCompositeTransform.h"
#include "itkVersion.h"

#include <algorithm>
#include <vector>

namespace itk
{
namespace SinkhornIO
{
namespace
{

/** An object of HDF5, closed when it goes. */
class Handle
{
public:
  using CloserType = herr_t (*)(hid_t);
  Handle(hid_t id, CloserType closer)
    : m_Id(id)
    , m_Closer(closer)
  {
    if (id < 0)
    {
      throw UsageError("output 'transform.h5': HDF5 can't make it in memory");
    }
  }
  Handle(const Handle &) = delete;
  Handle &
  operator=(const Handle &) = delete;
  ~Handle() { m_Closer(m_Id); }
  operator hid_t() const { return m_Id; }

private:
  hid_t      m_Id;
  CloserType m_Closer;
};

void
Check(herr_t status)
{
  if (status < 0)
  {
    throw UsageError("output 'transform.h5': HDF5 can't make it in memory");
  }
}

/** Properties of new objects: no times. */
Handle
MakeProperties(hid_t kind)
{
  const hid_t properties = H5Pcreate(kind);
  H5Pset_obj_track_times(properties, false);
  return { properties, H5Pclose };
}

void
AddGroup(hid_t file, const std::string & name)
{
  const Handle properties = MakeProperties(H5P_GROUP_CREATE);
  const Handle group(H5Gcreate2(file, name.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT), H5Gclose);
}

void
AddText(hid_t file, const std::string & name, const std::string & text)
{
  const hsize_t one = 1;
  const Handle  properties = MakeProperties(H5P_DATASET_CREATE);
  const Handle  space(H5Screate_simple(1, &one, nullptr), H5Sclose);
  const Handle  type(H5Tcopy(H5T_C_S1), H5Tclose);
  Check(H5Tset_size(type, H5T_VARIABLE));
  const Handle set(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose);
  const char * content = text.c_str();
  Check(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &content));
}

void
AddNumbers(hid_t file, const std::string & name, const double * numbers, hsize_t count, bool compressed)
{
  constexpr hsize_t largestChunk = 1024 * 1024;
  const Handle      properties = MakeProperties(H5P_DATASET_CREATE);
  if (compressed && count > 0)
  {
    const hsize_t chunk = std::min(count, largestChunk);
    Check(H5Pset_deflate(properties, 5));
    Check(H5Pset_chunk(properties, 1, &chunk));
  }
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Handle set(H5Dcreate2(file, name.c_str(), H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, properties, H5P_DEFAULT),
                   H5Dclose);
  if (count > 0)
  {
    Check(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers));
  }
}

/** The transform itself, and behind a composite one its parts. */
template <unsigned int VDimension>
void
AddTransforms(hid_t file, const Transform<double, VDimension, VDimension> * transform)
{
  using TransformType = Transform<double, VDimension, VDimension>;
  std::vector<const TransformType *> list{ transform };
  const auto * composite = dynamic_cast<const CompositeTransform<double, VDimension> *>(transform);
  if (composite)
  {
    for (SizeValueType i = 0; i < composite->GetNumberOfTransforms(); ++i)
    {
      list.push_back(composite->GetNthTransformConstPointer(i));
    }
  }
  AddGroup(file, "/TransformGroup");
  for (std::size_t i = 0; i < list.size(); ++i)
  {
    const std::string group = "/TransformGroup/" + std::to_string(i);
    AddGroup(file, group);
    AddText(file, group + "/TransformType", list[i]->GetTransformTypeAsString());
    if (i > 0 || !composite)
    {
      const auto & fixed = list[i]->GetFixedParameters();
      const auto & parameters = list[i]->GetParameters();
      AddNumbers(file, group + "/TransformFixedParameters", fixed.data_block(), fixed.Size(), false);
      AddNumbers(file, group + "/TransformParameters", parameters.data_block(), parameters.Size(), true);
    }
  }
}

} // namespace

template <unsigned int VDimension>
void
WriteTransformFile(const Transform<double, VDimension, VDimension> * transform, const std::string & path)
{
  constexpr std::size_t growth = 1U << 20U;
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); // errors become exceptions, not text on the terminal
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  Check(H5Pset_fapl_core(access, growth, false));
  // Every version of HDF5 can read it; and the newer format has check sums that are wrong in the image of an open file.
  Check(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18));
  const Handle creation = MakeProperties(H5P_FILE_CREATE);
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), H5Fclose);
  AddText(file, "/ITKVersion", Version::GetITKVersion());
  AddText(file, "/HDFVersion", H5_VERS_INFO);
  AddTransforms<VDimension>(file, transform);
  Check(H5Fflush(file, H5F_SCOPE_GLOBAL));
  const auto size = H5Fget_file_image(file, nullptr, 0);
  if (size <= 0)
  {
    throw UsageError("output '" + path + "': HDF5 can't make it in memory");
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  H5Fget_file_image(file, bytes.data(), bytes.size());
  WriteBytes(path, bytes);
}

template void
WriteTransformFile<2>(const Transform<double, 2, 2> *, const std::string &);
template void
WriteTransformFile<3>(const Transform<double, 3, 3> *, const std::string &);

} // namespace SinkhornIO
} // namespace itk
