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
#include "itkSinkhornRegistrationEngine.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** Parts of a voxel that the grid can't show. */
constexpr double smallestPart = 0.05;
/** With a reach of so many fields of view all mass is moved, to many more digits than anything is known. */
constexpr double mostFieldsOfView = 100.0;

/** What the limits follow from. */
struct Extents
{
  double Voxel{ 0.0 };       ///< smallest spacing of the fixed image, mm
  double FieldOfView{ 0.0 }; ///< diagonal of the box around both images, mm
  double Longest{ 0.0 };     ///< axis of the fixed image, voxels
  double Shortest{ 0.0 };
};

/** A setting of a stage. */
struct Setting
{
  std::string Option;
  std::string Place;

  /** \param why what a value outside of [lowest, highest] would be. */
  void
  Check(double value, double lowest, double highest, const std::string & unit, const std::string & why) const
  {
    if (value >= lowest && value <= highest)
    {
      return;
    }
    std::ostringstream message;
    message.precision(4);
    message << Option << " " << value << Place << ": must be from " << lowest << " to " << highest << " " << unit
            << " for these images; " << why;
    throw UsageError(message.str());
  }
};

template <unsigned int VDimension>
Extents
Measure(const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving)
{
  itk::Point<double, VDimension> lower;
  itk::Point<double, VDimension> upper;
  lower.Fill(itk::NumericTraits<double>::max());
  upper.Fill(itk::NumericTraits<double>::NonpositiveMin());
  for (const ImageType<VDimension> * image : { fixed, moving })
  {
    const auto & region = image->GetLargestPossibleRegion();
    for (unsigned int corner = 0; corner < (1U << VDimension); ++corner)
    {
      itk::ContinuousIndex<double, VDimension> index;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        index[d] = static_cast<double>(region.GetIndex()[d]) - 0.5 +
                   ((corner >> d) & 1U ? static_cast<double>(region.GetSize()[d]) : 0.0);
      }
      itk::Point<double, VDimension> point;
      image->TransformContinuousIndexToPhysicalPoint(index, point);
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        lower[d] = std::min(lower[d], point[d]);
        upper[d] = std::max(upper[d], point[d]);
      }
    }
  }
  Extents    extents;
  const auto size = fixed->GetLargestPossibleRegion().GetSize();
  extents.Voxel = *std::min_element(fixed->GetSpacing().Begin(), fixed->GetSpacing().End());
  extents.FieldOfView = lower.EuclideanDistanceTo(upper);
  extents.Longest = static_cast<double>(*std::max_element(size.begin(), size.end()));
  extents.Shortest = static_cast<double>(*std::min_element(size.begin(), size.end()));
  return extents;
}

void
CheckLengths(const Stage & stage, const std::string & prefix, const std::string & place, const Extents & extents)
{
  const double smallest = smallestPart * extents.Voxel;
  const auto   inMillimetres = "mm, a twentieth of a voxel and the diagonal of both images";
  if (stage.Blur > 0.0)
  {
    Setting{ prefix + "blur", place }.Check(
      stage.Blur, smallest, extents.FieldOfView, inMillimetres, "beyond that nothing would be told apart");
  }
  if (stage.Reach > 0.0)
  {
    Setting{ prefix + "reach", place }.Check(stage.Reach,
                                             smallest,
                                             mostFieldsOfView * extents.FieldOfView,
                                             "mm, a twentieth of a voxel and 100 diagonals of both images",
                                             "write 0 if no mass may be created or destroyed");
  }
  for (const auto & level : stage.UpdateSigmas)
  {
    for (const double sigma : level)
    {
      if (sigma > 0.0)
      {
        Setting{ prefix + "update-sigma", place }.Check(
          sigma, smallest, extents.FieldOfView, inMillimetres, "write 0 for no smoothing");
      }
    }
  }
}

void
CheckVoxels(const Stage & stage, const std::string & prefix, const std::string & place, const Extents & extents)
{
  if (stage.LearningRate > 0.0)
  {
    Setting{ prefix + "learning-rate", place }.Check(stage.LearningRate,
                                                     1e-4,
                                                     0.5 * extents.Longest,
                                                     "voxels of the level's grid, up to half of the longest axis",
                                                     "shorter steps lead nowhere, longer ones out of the image");
  }
  for (const double sigma : stage.TotalSigmas)
  {
    if (sigma > 0.0)
    {
      Setting{ prefix + "total-sigma", place }.Check(
        sigma, smallestPart, 0.5 * extents.Longest, "voxels of the level's grid", "write 0 for none");
    }
  }
  // The default is never refused: in small images the neighbourhood is cut off at the border.
  for (const unsigned int radius : stage.Radii)
  {
    Setting{ prefix + "radius", place }.Check(radius,
                                              1.0,
                                              std::max(1.0, std::floor(0.5 * (extents.Longest - 1.0))),
                                              "voxels",
                                              "the neighbourhood has to fit into the image");
  }
  if (stage.Standardize > 0.0)
  {
    Setting{ prefix + "standardize", place }.Check(
      stage.Standardize, 0.5, extents.Longest, "voxels of the fixed image", "write 0 for none");
  }
  for (const unsigned int factor : stage.Shrink)
  {
    Setting{ prefix + "shrink", place }.Check(
      factor,
      1.0,
      std::max(1.0, std::floor(std::min(extents.Shortest, 0.25 * extents.Longest))),
      "times",
      "a level needs 4 voxels along the longest axis of the fixed image");
  }
}

} // namespace

template <unsigned int VDimension>
void
CheckLimits(const Plan & plan, const ImageType<VDimension> * fixed, const ImageType<VDimension> * moving)
{
  const Extents            extents = Measure<VDimension>(fixed, moving);
  const std::vector<Stage> given = plan.IsRecipe ? std::vector<Stage>{ plan.Main } : plan.Stages;
  for (std::size_t i = 0; i < given.size(); ++i)
  {
    const std::string place = given.size() == 1
                                ? ""
                                : " (stage " + std::to_string(i + 1) + ", " + ToString(given[i].Transform) + " with " +
                                    ToString(given[i].Metric) + ")";
    CheckLengths(given[i], plan.Prefix, place, extents);
    CheckVoxels(given[i], plan.Prefix, place, extents);
  }
}

template void
CheckLimits<2>(const Plan &, const ImageType<2> *, const ImageType<2> *);
template void
CheckLimits<3>(const Plan &, const ImageType<3> *, const ImageType<3> *);

} // namespace SinkhornRegistration
} // namespace itk
