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
#include "itkSinkhornLandmarkPairs.h"

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornLandmarkFile.h"

#include <algorithm>
#include <iterator>

namespace itk
{
namespace SinkhornIO
{
namespace
{

template <unsigned int VDimension>
using IndexType = ContinuousIndex<double, VDimension>;

/** How far a continuous index lies outside of an image, as a part of its longest axis (by extent). */
template <unsigned int VDimension>
double
MeasureOutside(const ImageType<VDimension> * image, const IndexType<VDimension> & index)
{
  const auto & region = image->GetLargestPossibleRegion();
  double       longest = 0.0;
  double       farthest = 0.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const double spacing = image->GetSpacing()[d];
    const double first = static_cast<double>(region.GetIndex()[d]) - 0.5;
    const double last = first + static_cast<double>(region.GetSize()[d]);
    longest = std::max(longest, spacing * static_cast<double>(region.GetSize()[d]));
    farthest = std::max(farthest, spacing * std::max(first - index[d], index[d] - last));
  }
  return std::max(0.0, farthest) / longest;
}

/** Continuous index of coordinates that are indices or physical points. \param sign of x and y, to try RAS. */
template <unsigned int VDimension>
IndexType<VDimension>
ToIndex(const ImageType<VDimension> * image, const std::vector<double> & coordinates, bool asIndices, double sign = 1.0)
{
  IndexType<VDimension>     index;
  Point<double, VDimension> point;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    index[d] = coordinates[d];
    point[d] = d < 2 ? sign * coordinates[d] : coordinates[d];
  }
  return asIndices ? index : image->template TransformPhysicalPointToContinuousIndex<double>(point);
}

/** How far the farthest point of a file lies outside. */
template <unsigned int VDimension>
double
MeasureFarthest(const ImageType<VDimension> * image, const LandmarkFile & file, bool asIndices, double sign = 1.0)
{
  double farthest = 0.0;
  for (const LandmarkRow & row : file.Rows)
  {
    if (!row.IsGap)
    {
      farthest = std::max(
        farthest, MeasureOutside<VDimension>(image, ToIndex<VDimension>(image, row.Coordinates, asIndices, sign)));
    }
  }
  return farthest;
}

template <unsigned int VDimension>
std::string
SuggestUnits(const ImageType<VDimension> * image, const LandmarkFile & file, bool asIndices)
{
  if (MeasureFarthest<VDimension>(image, file, !asIndices) == 0.0)
  {
    return asIndices ? "; as points in mm all of them lie inside: leave --landmark-indices out"
                     : "; as voxel indices all of them lie inside: add --landmark-indices";
  }
  if (!asIndices && MeasureFarthest<VDimension>(image, file, false, -1.0) == 0.0)
  {
    return "; as RAS all of them lie inside: change the signs of x and y, for LPS";
  }
  return asIndices ? "; they must be voxel indices, counted from 0" : "; they must be in mm, LPS";
}

/** The points of a file. Some may lie just outside of the image; far off, the units are another's. */
template <unsigned int VDimension>
std::vector<Point<double, VDimension>>
PlacePoints(const ImageType<VDimension> * image,
            const LandmarkFile &          file,
            bool                          asIndices,
            std::vector<std::string> &    notices)
{
  constexpr double                       tooFar = 0.25;
  std::vector<Point<double, VDimension>> points(file.Rows.size());
  std::size_t                            outside = 0;
  std::size_t                            firstOutside = 0;
  for (std::size_t i = 0; i < file.Rows.size(); ++i)
  {
    if (file.Rows[i].IsGap)
    {
      continue;
    }
    const auto   index = ToIndex<VDimension>(image, file.Rows[i].Coordinates, asIndices);
    const double distance = MeasureOutside<VDimension>(image, index);
    if (distance > tooFar)
    {
      throw UsageError(file.Place(i) + ": the point lies far outside of its image, by " +
                       std::to_string(static_cast<long long>(std::min(1e9, 100.0 * distance))) +
                       " % of the image's extent" + SuggestUnits<VDimension>(image, file, asIndices));
    }
    firstOutside = distance > 0.0 && outside == 0 ? i : firstOutside;
    outside += distance > 0.0 ? 1 : 0;
    image->TransformContinuousIndexToPhysicalPoint(index, points[i]);
  }
  if (2 * outside > file.Rows.size())
  {
    throw UsageError(file.Place(firstOutside) + ": this point and most others lie outside of their image" +
                     SuggestUnits<VDimension>(image, file, asIndices));
  }
  if (outside > 0)
  {
    notices.push_back(file.Place(firstOutside) + ": " +
                      (outside > 1 ? std::to_string(outside) + " points, this the "
                                                               "first, lie"
                                   : "the point lies") +
                      " outside of the image");
  }
  return points;
}

bool
AreIndices(const LandmarkFile & file, bool asIndices)
{
  if (asIndices && file.Space == LandmarkSpace::Physical)
  {
    throw UsageError(file.Role + " '" + file.Path +
                     "': the file says that its points are in mm, but --landmark-indices that they are voxel indices");
  }
  return asIndices || file.Space == LandmarkSpace::Index;
}

/** The points that belong together. \param placeFixed, placeMoving the points of the rows of a file; they add to the
 * notices that they are given. */
template <unsigned int VDimension, typename TPlaceFixed, typename TPlaceMoving>
LandmarkPairs<VDimension>
PairUp(const LandmarkFile & fixedFile,
       const LandmarkFile & movingFile,
       const TPlaceFixed &  placeFixed,
       const TPlaceMoving & placeMoving)
{
  const LandmarkMatches     matches = MatchLandmarks(fixedFile, movingFile);
  LandmarkPairs<VDimension> pairs;
  const auto                fixedPoints = placeFixed(fixedFile, pairs.Notices);
  const auto                movingPoints = placeMoving(movingFile, pairs.Notices);
  for (const auto & match : matches)
  {
    pairs.Fixed.push_back(fixedPoints[match.first]);
    pairs.Moving.push_back(movingPoints[match.second]);
  }
  const std::size_t given = std::max(fixedFile.Rows.size(), movingFile.Rows.size());
  if (matches.size() < given)
  {
    pairs.Notices.push_back("--landmarks: " + std::to_string(given - matches.size()) + " of " + std::to_string(given) +
                            " pairs are left out, one of their points has no coordinates");
  }
  return pairs;
}

} // namespace

template <unsigned int VDimension>
LandmarkPairs<VDimension>
ReadLandmarkPairs(const std::vector<std::string> & paths,
                  bool                             asIndices,
                  const ImageType<VDimension> *    fixed,
                  const ImageType<VDimension> *    moving)
{
  const LandmarkFile fixedFile = ReadLandmarkFile(paths[0], "fixed landmarks", VDimension);
  const LandmarkFile movingFile = ReadLandmarkFile(paths[1], "moving landmarks", VDimension);
  const auto         placeIn = [asIndices](const ImageType<VDimension> * image, const LandmarkFile & file) {
    const bool areIndices = AreIndices(file, asIndices);
    return [image, areIndices](const LandmarkFile & rows, std::vector<std::string> & notices) {
      return PlacePoints<VDimension>(image, rows, areIndices, notices);
    };
  };
  const auto placeFixed = placeIn(fixed, fixedFile);
  return PairUp<VDimension>(fixedFile, movingFile, placeFixed, placeIn(moving, movingFile));
}

template <unsigned int VDimension>
LandmarkPairs<VDimension>
ReadLandmarkPairs(const std::vector<std::string> & paths,
                  bool                             asIndices,
                  const SlicePlane &               plane,
                  const FileFacts &                fixed,
                  const FileFacts &                moving)
{
  if constexpr (VDimension == 2)
  {
    if (fixed.Geometry.GetDimension() > 2)
    {
      const auto pairs = ReadLandmarkPairs<3>(paths, asIndices, plane, fixed, moving);
      const auto project = [&plane](const Landmarks<3> & points) {
        Landmarks<2> projected;
        std::transform(points.begin(), points.end(), std::back_inserter(projected), [&plane](const auto & point) {
          return plane.Project(point);
        });
        return projected;
      };
      return { project(pairs.Fixed), project(pairs.Moving), pairs.Notices };
    }
  }
  const auto fixedGrid = plane.MakeGrid<VDimension>(fixed);
  const auto movingGrid = plane.MakeGrid<VDimension>(moving);
  return ReadLandmarkPairs<VDimension>(paths, asIndices, fixedGrid.GetPointer(), movingGrid.GetPointer());
}

template <unsigned int VDimension>
LandmarkPairs<VDimension>
ReadLandmarkPairs(const std::vector<std::string> & paths)
{
  const LandmarkFile fixedFile = ReadLandmarkFile(paths[0], "fixed landmarks", VDimension);
  const LandmarkFile movingFile = ReadLandmarkFile(paths[1], "moving landmarks", VDimension);
  for (const LandmarkFile * file : { &fixedFile, &movingFile })
  {
    if (file->Space == LandmarkSpace::Index)
    {
      throw UsageError(file->Role + " '" + file->Path +
                       "': its points are voxel indices, but curves and surfaces have no voxels; give coordinates");
    }
  }
  const auto place = [](const LandmarkFile & file, std::vector<std::string> &) {
    Landmarks<VDimension> points(file.Rows.size());
    for (std::size_t i = 0; i < points.size(); ++i)
    {
      if (!file.Rows[i].IsGap)
      {
        std::copy_n(file.Rows[i].Coordinates.begin(), VDimension, points[i].Begin());
      }
    }
    return points;
  };
  return PairUp<VDimension>(fixedFile, movingFile, place, place);
}

template <unsigned int VDimension>
double
ComputeTargetError(const Landmarks<VDimension> &                     fixed,
                   const Landmarks<VDimension> &                     moving,
                   const Transform<double, VDimension, VDimension> * transform)
{
  double sum = 0.0;
  for (std::size_t i = 0; i < fixed.size(); ++i)
  {
    sum += transform->TransformPoint(fixed[i]).EuclideanDistanceTo(moving[i]);
  }
  return sum / static_cast<double>(fixed.size());
}

#define SINKHORN_IO_INSTANTIATE(D)                                                                     \
  template LandmarkPairs<D> ReadLandmarkPairs<D>(                                                      \
    const std::vector<std::string> &, bool, const ImageType<D> *, const ImageType<D> *);               \
  template LandmarkPairs<D> ReadLandmarkPairs<D>(                                                      \
    const std::vector<std::string> &, bool, const SlicePlane &, const FileFacts &, const FileFacts &); \
  template LandmarkPairs<D> ReadLandmarkPairs<D>(const std::vector<std::string> &);                    \
  template double ComputeTargetError<D>(const Landmarks<D> &, const Landmarks<D> &, const Transform<double, D, D> *);
SINKHORN_IO_INSTANTIATE(2)
SINKHORN_IO_INSTANTIATE(3)
#undef SINKHORN_IO_INSTANTIATE

} // namespace SinkhornIO
} // namespace itk
