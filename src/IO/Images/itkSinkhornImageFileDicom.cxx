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
#include "itkSinkhornImageFile.h"

#include "itkGDCMImageIO.h"
#include "itkGDCMSeriesFileNames.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace itk
{
namespace SinkhornIO
{

std::vector<std::string>
FindSeries(const std::string & folder, const std::string & what)
{
  const auto names = GDCMSeriesFileNames::New();
  names->SetUseSeriesDetails(true);
  names->SetDirectory(folder);
  const std::vector<std::string> series = names->GetSeriesUIDs();
  if (series.empty())
  {
    throw UsageError(what + ": is a folder without DICOM images; give an image file, or the folder of a DICOM series");
  }
  if (series.size() > 1)
  {
    std::string list;
    for (const std::string & uid : series)
    {
      list += (list.empty() ? "" : ", ") + uid + " (" + std::to_string(names->GetFileNames(uid).size()) +
              " files, first '" + names->GetFileNames(uid).front() + "')";
    }
    throw UsageError(what + ": the folder holds " + std::to_string(series.size()) + " DICOM series: " + list +
                     "; move the files of one into a folder of its own");
  }
  return names->GetFileNames(series.front());
}

namespace
{

/** Origin of a slice. \exception UsageError if it does not lie like the first one, whose geometry is given. */
vnl_vector<double>
ReadPosition(const std::string & file, const FileGeometry & first, const std::string & what)
{
  const auto io = GDCMImageIO::New();
  io->SetFileName(file);
  io->ReadImageInformation();
  bool same = io->GetNumberOfDimensions() == 3 && io->GetDimensions(2) == 1;
  for (unsigned int d = 0; same && d < 2; ++d)
  {
    const std::vector<double> axis = io->GetDirection(d);
    same =
      io->GetDimensions(d) == first.Size[d] && std::abs(io->GetSpacing(d) - first.Spacing[d]) < 1e-3 * first.Spacing[d];
    for (unsigned int r = 0; r < 3; ++r)
    {
      same = same && std::abs(axis[r] - first.Direction(r, d)) < 1e-3;
    }
  }
  if (!same)
  {
    throw UsageError(what + ": slice '" + file +
                     "' differs from the first one in size, spacing or orientation; convert the series to NIfTI first");
  }
  vnl_vector<double> position(3);
  for (unsigned int r = 0; r < 3; ++r)
  {
    position[r] = io->GetOrigin(r);
  }
  return position;
}

/** \exception UsageError unless the positions along the normal are evenly spaced. */
void
CheckSteps(const std::vector<double> & positions, const FileFacts & facts)
{
  std::vector<double> steps;
  for (std::size_t i = 1; i < positions.size(); ++i)
  {
    steps.push_back(positions[i] - positions[i - 1]);
  }
  std::vector<double> sorted = steps;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  const double spacing = sorted[sorted.size() / 2];
  for (std::size_t i = 0; i < steps.size(); ++i)
  {
    if (!(std::abs(spacing) > 0.0) || std::abs(steps[i] - spacing) > 0.05 * std::abs(spacing))
    {
      std::ostringstream text;
      text << facts.Describe() << ": its slices are not evenly spaced, '" << facts.Slices[i] << "' and '"
           << facts.Slices[i + 1] << "' are " << steps[i] << " mm apart, others " << spacing
           << " mm; is a slice missing? Complete the series, or resample it onto an even grid";
      throw UsageError(text.str());
    }
  }
}

} // namespace

void
StackSlices(FileFacts & facts)
{
  if (facts.Slices.size() < 2)
  {
    return;
  }
  FileGeometry &                  geometry = facts.Geometry;
  const vnl_vector<double>        normal = geometry.Direction.get_column(2);
  std::vector<vnl_vector<double>> corners;
  std::vector<double>             positions;
  for (const std::string & file : facts.Slices)
  {
    corners.push_back(ReadPosition(file, geometry, facts.Describe()));
    positions.push_back(dot_product(normal, corners.back()));
  }
  CheckSteps(positions, facts);
  // The slices may be offset sideways, too: a gantry tilt, which the direction then shows.
  const vnl_vector<double> step = (corners.back() - corners.front()) / static_cast<double>(corners.size() - 1);
  geometry.Size[2] = facts.Slices.size();
  geometry.Spacing[2] = step.two_norm();
  geometry.Direction.set_column(2, step / geometry.Spacing[2]);
}

} // namespace SinkhornIO
} // namespace itk
