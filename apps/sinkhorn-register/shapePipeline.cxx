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
#include "pipeline.h"

#include "progress.h"
#include "report.h"
#include "shapeReport.h"

#include "itkIdentityTransform.h"
#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornImageWriting.h"
#include "itkSinkhornLandmarkPairs.h"
#include "itkSinkhornOutputFolder.h"
#include "itkSinkhornPage.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornShapeFile.h"
#include "itkSinkhornShapeOverview.h"
#include "itksys/SystemTools.hxx"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace SinkhornRegister
{
namespace
{

namespace fs = std::filesystem;

using Complex = itk::Sinkhorn::PointComplex;

/** Whether all points of both shapes have the same z. */
bool
AreInOnePlane(const Complex & one, const Complex & other)
{
  const double z = one.Points[2];
  const auto   isThere = [z](const Complex & complex) {
    std::size_t i = 2;
    while (i < complex.Points.size() && complex.Points[i] == z)
    {
      i += 3;
    }
    return i >= complex.Points.size();
  };
  return isThere(one) && isThere(other);
}

/** The first \a dimension coordinates of each point. */
Complex
Project(const Complex & complex, unsigned int dimension)
{
  Complex projected = complex;
  projected.Dimension = dimension;
  projected.Points.clear();
  for (std::size_t i = 0; i < complex.Points.size(); i += 3)
  {
    projected.Points.insert(projected.Points.end(),
                            complex.Points.begin() + static_cast<std::ptrdiff_t>(i),
                            complex.Points.begin() + static_cast<std::ptrdiff_t>(i + dimension));
  }
  return projected;
}

template <unsigned int VDimension>
void
MovePoints(const itk::Transform<double, VDimension, VDimension> * transform, std::vector<double> & points)
{
  for (std::size_t i = 0; i < points.size(); i += 3)
  {
    itk::Point<double, VDimension> point;
    std::copy_n(points.begin() + static_cast<std::ptrdiff_t>(i), VDimension, point.Begin());
    const auto moved = transform->TransformPoint(point);
    std::copy_n(moved.Begin(), VDimension, points.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

template <unsigned int VDimension>
void
MeasureLandmarks(const LandmarkPairs<VDimension> &                      landmarks,
                 const itk::Transform<double, VDimension, VDimension> * transform,
                 ShapeReport &                                          report)
{
  report.NumberOfLandmarks = landmarks.Fixed.size();
  if (report.NumberOfLandmarks > 0)
  {
    const auto identity = itk::IdentityTransform<double, VDimension>::New();
    report.ErrorBefore = ComputeTargetError<VDimension>(landmarks.Fixed, landmarks.Moving, identity.GetPointer());
    report.ErrorAfter = ComputeTargetError<VDimension>(landmarks.Fixed, landmarks.Moving, transform);
  }
}

void
WarnOfDroppedCells(const std::string & what, itk::SizeValueType count, Progress & progress)
{
  if (count > 0)
  {
    progress.Warn(what + ": " + std::to_string(count) + " cells without length or area are left out");
  }
}

/** How large a shape is, for the page. */
nlohmann::ordered_json
CountParts(const Complex & complex)
{
  return { { "points", complex.Points.size() / 3 },
           { "segments", complex.Segments.size() / 2 },
           { "triangles", complex.Triangles.size() / 3 } };
}

/** The registration itself, and warnings of what it leaves out.
 * \param[out] grid around the shapes. */
template <unsigned int VDimension>
itk::SinkhornRegistration::PointRegistrationReport
AlignShapes(const Options &                                   options,
            const ShapeFile &                                 fixed,
            const ShapeFile &                                 moving,
            Progress &                                        progress,
            itk::CompositeTransform<double, VDimension> *     transform,
            typename itk::Image<float, VDimension>::Pointer & grid)
{
  auto report = itk::SinkhornRegistration::RegisterPoints<VDimension>(options.Points,
                                                                      Project(fixed.GetComplex(), VDimension),
                                                                      Project(moving.GetComplex(), VDimension),
                                                                      transform,
                                                                      &grid,
                                                                      progress);
  WarnOfDroppedCells("fixed points '" + options.FixedPoints + "'", report.NumberOfDroppedFixedCells, progress);
  WarnOfDroppedCells("moving points '" + options.MovingPoints + "'", report.NumberOfDroppedMovingCells, progress);
  return report;
}

template <unsigned int VDimension>
bool
RegisterShapes(const Options & options, const ShapeFile & fixed, const ShapeFile & moving, Progress & progress)
{
  using TransformType = itk::CompositeTransform<double, VDimension>;
  const auto start = std::chrono::steady_clock::now();
  const auto landmarks =
    options.Landmarks.empty() ? LandmarkPairs<VDimension>() : ReadLandmarkPairs<VDimension>(options.Landmarks);
  for (const std::string & notice : landmarks.Notices)
  {
    progress.Warn(notice);
  }
  OutputFolder folder(options.Output, ListInputFiles(options));
  ShapeReport  report;
  report.Dimension = VDimension;

  const auto                                      transform = TransformType::New();
  typename itk::Image<float, VDimension>::Pointer grid;
  static_cast<itk::SinkhornRegistration::PointRegistrationReport &>(report) =
    AlignShapes<VDimension>(options, fixed, moving, progress, transform.GetPointer(), grid);
  const auto inverse = TransformType::New();
  transform->GetInverse(inverse);
  Complex moved = moving.GetComplex();
  MovePoints<VDimension>(inverse.GetPointer(), moved.Points);
  report.Before = itk::Sinkhorn::MeasureShapes(fixed.GetComplex(), moving.GetComplex(), coverageBlurs * report.Blur);
  report.After = itk::Sinkhorn::MeasureShapes(fixed.GetComplex(), moved, coverageBlurs * report.Blur);
  MeasureLandmarks<VDimension>(landmarks, transform.GetPointer(), report);
  const auto field = SampleDisplacement<VDimension>(transform.GetPointer(), grid);
  report.Folds = itk::SinkhornRegistration::MeasureFolding<VDimension>(field);
  report.Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  const std::string warped =
    "warped" + itksys::SystemTools::LowerCase(fs::path(options.MovingPoints).extension().string());
  moving.Write(folder.Stage(warped), moved.Points);
  WriteTransform<VDimension>(transform, folder.Stage("transform.h5"));
  WriteDisplacement<VDimension>(field, folder.Stage("displacement.nii.gz"));
  WriteDisplacement<VDimension>(SampleDisplacement<VDimension>(inverse.GetPointer(), grid),
                                folder.Stage("inverse_displacement.nii.gz"));
  const std::string caption = SummarizeShapes(report);
  DrawShapeOverview(folder.Stage("overview.png"), fixed.GetComplex(), moving.GetComplex(), moved, VDimension, caption);
  const auto json = MakeShapeReport(options, report);
  WriteBytes(folder.Stage("report.json"), json.dump(2) + "\n");
  if (options.WritesPage)
  {
    auto page = DescribeRun(options, json, progress);
    page["views"] = MakeShapeViews(fixed.GetComplex(), moving.GetComplex(), moved, VDimension);
    page["matrix"] = MakeMatrix<VDimension>(transform.GetPointer());
    page["geometry"]["fixed points"] = CountParts(fixed.GetComplex());
    page["geometry"]["moving points"] = CountParts(moving.GetComplex());
    WritePage(folder.Stage("report.html"), page);
  }
  folder.Commit();

  progress.Say(caption);
  progress.Say("results in " + options.Output);
  return report.Kept == "result" || report.MovedNothing;
}

} // namespace

bool
RunShapePipeline(const Options & options)
{
  Progress   progress(options.Quiet);
  const auto fixed = ReadShapeFile(options.FixedPoints, "fixed points");
  const auto moving = ReadShapeFile(options.MovingPoints, "moving points");
  for (const std::string & notice : moving->GetNotices())
  {
    progress.Warn(notice);
  }
  if (AreInOnePlane(fixed->GetComplex(), moving->GetComplex()))
  {
    return RegisterShapes<2>(options, *fixed, *moving, progress);
  }
  return RegisterShapes<3>(options, *fixed, *moving, progress);
}

} // namespace SinkhornRegister
