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
#ifndef itkSinkhornLandmarkPairs_h
#define itkSinkhornLandmarkPairs_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornImageReading.h"

#include "itkTransform.h"

#include <string>
#include <vector>

namespace itk
{
namespace SinkhornIO
{

template <unsigned int VDimension>
using Landmarks = std::vector<Point<double, VDimension>>;

/** Corresponding points of both images or shapes, mm, LPS where they are images. */
template <unsigned int VDimension>
struct LandmarkPairs
{
  Landmarks<VDimension> Fixed;
  Landmarks<VDimension> Moving;
  /** What a user should know: pairs left out, points outside their image. */
  std::vector<std::string> Notices;
};

/** Reads the files of landmarks of a fixed and a moving image; see ReadLandmarkFile() and MatchLandmarks().
 * \param paths two files, fixed and moving.
 * \param asIndices they hold (continuous) voxel indices; a file that says otherwise is refused, and one that says so
 * itself is heeded without it.
 * \exception UsageError if a file can't be read in one way only, or if its points lie so far outside of the image that
 * they can't be meant in these units. */
template <unsigned int VDimension>
LandmarkPairs<VDimension>
ReadLandmarkPairs(const std::vector<std::string> & paths,
                  bool                             asIndices,
                  const ImageType<VDimension> *    fixed,
                  const ImageType<VDimension> *    moving);

/** The same for the files of two images, in the coordinates in which these are registered: points of slices in space
 * have three coordinates, of which those in the plane are left. */
template <unsigned int VDimension>
LandmarkPairs<VDimension>
ReadLandmarkPairs(const std::vector<std::string> & paths,
                  bool                             asIndices,
                  const SlicePlane &               plane,
                  const FileFacts &                fixed,
                  const FileFacts &                moving);

/** The same for curves and surfaces, which have no voxels: coordinates as they are in the files. */
template <unsigned int VDimension>
LandmarkPairs<VDimension>
ReadLandmarkPairs(const std::vector<std::string> & paths);

/** Mean distance between T(fixed point) and its moving point, mm. */
template <unsigned int VDimension>
double
ComputeTargetError(const Landmarks<VDimension> &                     fixed,
                   const Landmarks<VDimension> &                     moving,
                   const Transform<double, VDimension, VDimension> * transform);

} // namespace SinkhornIO
} // namespace itk

#endif
