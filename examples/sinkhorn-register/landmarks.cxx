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
#include "landmarks.h"

#include "options.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace SinkhornRegister
{

template <unsigned int VDimension>
Landmarks<VDimension>
ReadLandmarks(const std::string & path, const ImageType<VDimension> * image, const std::string & role)
{
  std::ifstream file(path);
  if (!file)
  {
    throw UsageError(role + " '" + path + "': no such file, or it can't be read");
  }
  Landmarks<VDimension> landmarks;
  for (std::string line; std::getline(file, line);)
  {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream                       stream(line);
    itk::ContinuousIndex<double, VDimension> coordinates;
    bool                                     complete = true;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      complete = complete && static_cast<bool>(stream >> coordinates[d]);
    }
    if (!complete)
    {
      continue;
    }
    itk::Point<double, VDimension> point;
    if (image)
    {
      image->TransformContinuousIndexToPhysicalPoint(coordinates, point);
    }
    else
    {
      std::copy_n(coordinates.GetDataPointer(), VDimension, point.GetDataPointer());
    }
    landmarks.push_back(point);
  }
  if (landmarks.empty())
  {
    throw UsageError(role + " '" + path + "': holds no point; a line for each is wanted, " +
                     std::to_string(VDimension) + " numbers separated by blanks or commas");
  }
  return landmarks;
}

template <unsigned int VDimension>
double
ComputeTargetError(const Landmarks<VDimension> &                          fixed,
                   const Landmarks<VDimension> &                          moving,
                   const itk::Transform<double, VDimension, VDimension> * transform)
{
  double sum = 0.0;
  for (std::size_t i = 0; i < fixed.size(); ++i)
  {
    sum += transform->TransformPoint(fixed[i]).EuclideanDistanceTo(moving[i]);
  }
  return sum / static_cast<double>(fixed.size());
}

#define SINKHORN_REGISTER_INSTANTIATE(D)                                                                  \
  template Landmarks<D> ReadLandmarks<D>(const std::string &, const ImageType<D> *, const std::string &); \
  template double       ComputeTargetError<D>(                                                            \
    const Landmarks<D> &, const Landmarks<D> &, const itk::Transform<double, D, D> *);
SINKHORN_REGISTER_INSTANTIATE(2)
SINKHORN_REGISTER_INSTANTIATE(3)
#undef SINKHORN_REGISTER_INSTANTIATE

} // namespace SinkhornRegister
