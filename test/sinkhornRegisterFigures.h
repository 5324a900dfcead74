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
#ifndef sinkhornRegisterFigures_h
#define sinkhornRegisterFigures_h

#include "itkSinkhornFoldOracle.h"
#include "sinkhornRegisterTesting.h"

#include "itkCompositeTransform.h"
#include "itkLinearInterpolateImageFunction.h"
#include "itkTransformFileReader.h"

#include "vnl/vnl_det.h"

#include <cmath>
#include <map>

/** The figures of a report, computed once more from the files that the program wrote. */
namespace SinkhornRegisterTesting
{

using nlohmann::json;

template <unsigned int VDimension>
using Labels = itk::Image<unsigned char, VDimension>;
template <unsigned int VDimension>
using TransformOf = itk::Transform<double, VDimension, VDimension>;

template <unsigned int VDimension>
typename TransformOf<VDimension>::Pointer
ReadTransform(const std::string & path)
{
  const auto reader = itk::TransformFileReaderTemplate<double>::New();
  reader->SetFileName(path);
  reader->Update();
  EXPECT_EQ(reader->GetTransformList()->size(), 1U);
  auto * const transform = reader->GetTransformList()->front().GetPointer();
  EXPECT_STREQ(transform->GetNameOfClass(), "CompositeTransform");
  return dynamic_cast<TransformOf<VDimension> *>(transform);
}

/** Dice of each label above 0, the moving labels fetched at T(x) from the nearest voxel. */
template <unsigned int VDimension>
std::map<std::string, double>
Dice(const Labels<VDimension> * fixed, const Labels<VDimension> * moving, const TransformOf<VDimension> * transform)
{
  std::map<int, double> both;
  std::map<int, double> either;
  for (itk::ImageRegionConstIteratorWithIndex<Labels<VDimension>> it(fixed, fixed->GetBufferedRegion()); !it.IsAtEnd();
       ++it)
  {
    typename Labels<VDimension>::PointType point;
    fixed->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    const auto index = moving->TransformPhysicalPointToIndex(transform ? transform->TransformPoint(point) : point);
    const int  a = it.Get();
    const int  b = moving->GetBufferedRegion().IsInside(index) ? moving->GetPixel(index) : 0;
    both[a] += a == b ? 1.0 : 0.0;
    either[a] += 1.0;
    either[b] += 1.0;
  }
  std::map<std::string, double> dice;
  for (const auto & entry : either)
  {
    if (entry.first > 0)
    {
      dice[std::to_string(entry.first)] = 2.0 * both[entry.first] / entry.second;
    }
  }
  return dice;
}

inline void
ExpectSameDice(const json & reported, const std::map<std::string, double> & expected)
{
  EXPECT_EQ(reported.size(), expected.size());
  for (const auto & entry : expected)
  {
    ASSERT_TRUE(reported.contains(entry.first)) << "label " << entry.first;
    // Points half-way between two voxels may be rounded either way.
    EXPECT_NEAR(reported[entry.first].get<double>(), entry.second, 2e-3) << "label " << entry.first;
  }
}

/** How the map folds between the voxels of a grid, by an oracle that shares no code with the program. */
template <unsigned int VDimension>
SinkhornFoldOracle::Folds
MeasureFolds(const itk::ImageBase<VDimension> * grid, const TransformOf<VDimension> * transform)
{
  using FieldType = itk::Image<itk::Vector<double, VDimension>, VDimension>;
  const auto field = FieldType::New();
  field->CopyInformation(grid);
  field->SetRegions(grid->GetLargestPossibleRegion());
  field->Allocate();
  for (itk::ImageRegionIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    typename FieldType::PointType point;
    field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    it.Set(transform->TransformPoint(point) - point);
  }
  return SinkhornFoldOracle::Measure(field.GetPointer());
}

/** Keys and kinds of values that the report promises. */
inline void
ExpectContract(const json & report, const std::string & metric, const std::string & transform, bool withLabels)
{
  EXPECT_EQ(report["metric"], metric);
  EXPECT_EQ(report["transform"], transform);
  for (const char * key :
       { "value_before", "value_after", "iterations", "seconds", "peak_memory_mb", "min_jacobian", "folded_fraction" })
  {
    EXPECT_TRUE(report.contains(key) && report[key].is_number()) << key;
  }
  EXPECT_TRUE(report.contains("converged") && report["converged"].is_boolean());
  ASSERT_TRUE(report.contains("marginal_error"));
  EXPECT_EQ(report["marginal_error"].is_number(), metric == "sinkhorn");
  EXPECT_GT(report["peak_memory_mb"].get<double>(), 1.0);
  EXPECT_GT(report["seconds"].get<double>(), 0.0);
  for (const char * key : { "dice_before", "dice_after" })
  {
    EXPECT_EQ(report.contains(key), withLabels) << key;
    EXPECT_EQ(report.contains(std::string(key) + "_mean"), withLabels) << key;
    if (withLabels)
    {
      EXPECT_TRUE(report[key].is_object());
      EXPECT_TRUE(report[std::string(key) + "_mean"].is_number());
    }
  }
}

/** All figures of a report against its files. */
template <unsigned int VDimension>
void
ExpectFiguresOfFiles(const std::string & folder, const std::string & fixedLabels, const std::string & movingLabels)
{
  const json report = ReadReport(folder);
  const auto fixed = Read<Labels<VDimension>>(fixedLabels);
  const auto moving = Read<Labels<VDimension>>(movingLabels);
  const auto transform = ReadTransform<VDimension>(folder + "/transform.h5");
  ASSERT_TRUE(transform);
  ExpectSameDice(report["dice_before"], Dice<VDimension>(fixed, moving, nullptr));
  ExpectSameDice(report["dice_after"], Dice<VDimension>(fixed, moving, transform));
  const auto folds = MeasureFolds<VDimension>(fixed, transform);
  EXPECT_NEAR(report["min_jacobian"].get<double>(), folds.Least, 1e-4);
  EXPECT_EQ(report["folded_fraction"].get<double>() > 0.0, folds.FlippedSimplices > 0);
  EXPECT_NEAR(report["non_diffeomorphic_volume"].get<double>(), folds.InsideOut, 1e-4 * (1.0 + folds.InsideOut));

  // The displacement field says the same as the transform, on the grid of the fixed image.
  using FieldType = itk::Image<itk::Vector<float, VDimension>, VDimension>;
  const auto field = Read<FieldType>(folder + "/displacement.nii.gz");
  ASSERT_EQ(field->GetLargestPossibleRegion().GetSize(), fixed->GetLargestPossibleRegion().GetSize());
  double largest = 0.0;
  for (itk::ImageRegionConstIteratorWithIndex<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    typename FieldType::PointType point;
    fixed->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    typename FieldType::PointType own;
    field->TransformIndexToPhysicalPoint(it.GetIndex(), own);
    largest = std::max(largest, (own - point).GetNorm());
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      largest = std::max(largest, std::abs(transform->TransformPoint(point)[d] - point[d] - it.Get()[d]));
    }
  }
  EXPECT_LT(largest, 1e-2); // mm; NIfTI stores the geometry in single precision
}

using VolumeImage = itk::Image<float, 3>;

/** warped.nii.gz is the moving file at T(x), by the files alone. */
inline void
ExpectWarped(const std::string & folder, const std::string & fixed, const std::string & moving)
{
  const auto grid = Read<VolumeImage>(fixed);
  const auto warped = Read<VolumeImage>(folder + "/warped.nii.gz");
  const auto field = Read<itk::Image<itk::Vector<float, 3>, 3>>(folder + "/displacement.nii.gz");
  ASSERT_EQ(warped->GetBufferedRegion().GetSize(), grid->GetBufferedRegion().GetSize());
  ASSERT_EQ(field->GetBufferedRegion().GetSize(), grid->GetBufferedRegion().GetSize());
  EXPECT_LT((warped->GetDirection().GetVnlMatrix() - grid->GetDirection().GetVnlMatrix()).absolute_value_max(), 1e-4);
  EXPECT_LT((warped->GetOrigin() - grid->GetOrigin()).GetNorm(), 1e-3);
  const auto source = Read<VolumeImage>(moving);
  const auto map = ReadTransform<3>(folder + "/transform.h5");
  const auto sample = itk::LinearInterpolateImageFunction<VolumeImage, double>::New();
  sample->SetInputImage(source);
  std::size_t inside = 0;
  for (itk::ImageRegionConstIteratorWithIndex<VolumeImage> it(warped, warped->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    VolumeImage::PointType point;
    warped->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    const auto to = map->TransformPoint(point);
    for (unsigned int d = 0; d < 3; ++d)
    {
      ASSERT_NEAR(field->GetPixel(it.GetIndex())[d], to[d] - point[d], 1e-3);
    }
    const auto index = source->TransformPhysicalPointToContinuousIndex<double>(to);
    for (unsigned int d = 0; d < 3; ++d)
    {
      if (source->GetBufferedRegion().GetSize()[d] == 1)
      {
        ASSERT_NEAR(index[d], 0.0, 1e-3) << "beside the moving slice";
      }
    }
    if (sample->IsInsideBuffer(to))
    {
      ASSERT_NEAR(it.Get(), sample->Evaluate(to), 0.05);
      ++inside;
    }
  }
  EXPECT_GT(2 * inside, warped->GetBufferedRegion().GetNumberOfPixels());
}

/** inverse_displacement.nii.gz, on the moving grid, leads to points that the transform brings back. */
inline void
ExpectInverse(const std::string & folder, const std::string & fixed, const std::string & moving)
{
  using Field = itk::Image<itk::Vector<float, 3>, 3>;
  const auto  frame = Read<VolumeImage>(fixed);
  const auto  grid = Read<VolumeImage>(moving);
  const auto  field = Read<Field>(folder + "/inverse_displacement.nii.gz");
  const auto  map = ReadTransform<3>(folder + "/transform.h5");
  std::size_t inside = 0;
  ASSERT_EQ(field->GetBufferedRegion().GetSize(), grid->GetBufferedRegion().GetSize());
  for (itk::ImageRegionConstIteratorWithIndex<Field> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    // ITK's reader forgets where a vector image of one slice lies.
    Field::PointType point;
    grid->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    const auto from = point + itk::Vector<double, 3>(it.Get());
    const auto index = frame->TransformPhysicalPointToContinuousIndex<double>(from);
    bool       isWithin = true;
    for (unsigned int d = 0; d < 3; ++d)
    {
      const double last = static_cast<double>(frame->GetBufferedRegion().GetSize()[d] - 1);
      isWithin = isWithin && (last == 0.0 || (index[d] > 1.0 && index[d] < last - 1.0));
      if (last == 0.0)
      {
        ASSERT_NEAR(index[d], 0.0, 1e-3) << "beside the fixed slice";
      }
    }
    if (isWithin)
    {
      ASSERT_LT(map->TransformPoint(from).EuclideanDistanceTo(point), 0.1);
      ++inside;
    }
  }
  EXPECT_GT(4 * inside, field->GetBufferedRegion().GetNumberOfPixels());
}

} // namespace SinkhornRegisterTesting

#endif
