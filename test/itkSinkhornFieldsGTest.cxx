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
// The room of fields: reading, composing, inverting, unfolding, smoothing and warping, against closed forms and ITK.
#include "itkSinkhornFoldOracle.h"
#include "itkSinkhornMetricTestUtilities.h"

#include "itkAffineTransform.h"
#include "itkLocalStandardizationImageFilter.h"
#include "itkMakeRegistrationForce.h"
#include "itkResampleImageFilter.h"
#include "itkSinkhornFoldRegularizer.h"
#include "itkSinkhornNarrowGaussian.h"
#include "itkSinkhornWarp.h"
#include "itkUpdateFieldRegularizer.h"
#include "itkVectorLinearInterpolateImageFunction.h"

#include <gtest/gtest.h>

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Test;

namespace
{

template <unsigned int D>
using Field = DisplacementField<D>;

/** A field of smooth bumps, mm, on a rotated anisotropic grid with a start index. */
template <unsigned int D>
typename Field<D>::Pointer
MakeSmoothField(double amplitude)
{
  const auto geometry = MakeObliqueGeometry<D>(D == 2 ? 40 : 18);
  const auto grid = MakeImage<itk::Image<float, D>>(geometry, [](const auto &) { return 0.0; });
  const auto centre = GetCentre(geometry);
  return MakeField<Field<D>>(*grid, [&](const itk::Point<double, D> & point) {
    itk::Vector<double, D> way(0.0);
    for (unsigned int d = 0; d < D; ++d)
    {
      way[d] = amplitude * (d % 2 == 0 ? 1.0 : -0.7) * Bump(point, centre, D == 2 ? 9.0 : 5.0);
    }
    return way;
  });
}

template <unsigned int D>
void
ExpectSamplerAgreesWithItk()
{
  const auto                          field = MakeSmoothField<D>(2.0);
  const DisplacementSampler<Field<D>> sampler(field);
  const auto                          interpolator = itk::VectorLinearInterpolateImageFunction<Field<D>, double>::New();
  interpolator->SetInputImage(field);
  for (unsigned int i = 0; i < 200; ++i)
  {
    itk::ContinuousIndex<double, D> index;
    for (unsigned int d = 0; d < D; ++d)
    {
      const auto size = static_cast<double>(field->GetBufferedRegion().GetSize(d));
      index[d] = static_cast<double>(field->GetBufferedRegion().GetIndex(d)) - 1.0 +
                 (size + 1.0) * std::fmod(0.618034 * (i + 1) * (d + 1.3), 1.0);
    }
    itk::Point<double, D> point;
    field->TransformContinuousIndexToPhysicalPoint(index, point);
    ASSERT_EQ(sampler.IsInside(point), interpolator->IsInsideBuffer(point));
    itk::Vector<double, D> expected(0.0);
    if (interpolator->IsInsideBuffer(point))
    {
      expected = interpolator->Evaluate(point);
    }
    EXPECT_LT((sampler(point) - expected).GetNorm(), 1e-12);
    // The derivative of the interpolant, away from the faces of cells.
    bool inCell = interpolator->IsInsideBuffer(point);
    for (unsigned int d = 0; d < D; ++d)
    {
      const double part = index[d] - std::floor(index[d]);
      inCell = inCell && part > 0.01 && part < 0.99;
    }
    const auto jacobian = sampler.ComputeJacobian(point);
    for (unsigned int d = 0; d < D && inCell; ++d)
    {
      constexpr double step = 1e-5;
      auto             ahead = point;
      ahead[d] += step;
      auto behind = point;
      behind[d] -= step;
      const auto slope = (sampler(ahead) - sampler(behind)) / (2.0 * step);
      for (unsigned int e = 0; e < D; ++e)
      {
        EXPECT_NEAR(jacobian(e, d), slope[e] + (d == e ? 1.0 : 0.0), 1e-7);
      }
    }
  }
}

TEST(SinkhornFields, SamplerAgreesWithItk)
{
  ExpectSamplerAgreesWithItk<2>();
  ExpectSamplerAgreesWithItk<3>();
}

template <unsigned int D>
void
ExpectInverseUndoes()
{
  const auto field = MakeSmoothField<D>(1.5);
  const auto inverse = InvertField<Field<D>>(field, MakeImageOn<Field<D>>(field));
  // At the voxels of the inverse the residual is what was asked for.
  const auto   there = ComposeFields<Field<D>>(field, inverse);
  const double smallest = *std::min_element(field->GetSpacing().Begin(), field->GetSpacing().End());
  double       largest = 0.0;
  for (itk::ImageRegionConstIterator<Field<D>> it(there, there->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    largest = std::max(largest, it.Get().GetNorm());
  }
  EXPECT_LE(largest, 1.01e-3 * smallest);
  EXPECT_GT(largest, 0.0);
}

TEST(SinkhornFields, InverseUndoesTheMap)
{
  ExpectInverseUndoes<2>();
  ExpectInverseUndoes<3>();
}

/** One voxel is pulled across its neighbour. */
template <unsigned int D>
typename Field<D>::Pointer
MakeFoldedField()
{
  const auto field = MakeSmoothField<D>(0.5);
  auto       index = field->GetBufferedRegion().GetIndex();
  for (unsigned int d = 0; d < D; ++d)
  {
    index[d] += static_cast<itk::IndexValueType>(field->GetBufferedRegion().GetSize(d) / 2);
  }
  auto way = field->GetPixel(index);
  for (unsigned int d = 0; d < D; ++d)
  {
    way[d] += 1.6 * field->GetSpacing()[0] * field->GetDirection()(d, 0);
  }
  field->SetPixel(index, way);
  return field;
}

template <unsigned int D>
void
ExpectUnfolds()
{
  const auto folded = MakeFoldedField<D>();
  ASSERT_LE(SinkhornFoldOracle::Measure(folded.GetPointer()).Least, 0.0);
  typename Field<D>::Pointer field = folded;
  EXPECT_TRUE(FoldRegularizer<D>::RelaxForward(field, 0.01));
  EXPECT_GE(SinkhornFoldOracle::Measure(field.GetPointer()).Least, 0.0099);
  // Only the neighbourhood of the fold is another one, and the field that was given is left alone.
  const auto         count = field->GetBufferedRegion().GetNumberOfPixels();
  itk::SizeValueType changed = 0;
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    changed += (field->GetBufferPointer()[i] - folded->GetBufferPointer()[i]).GetNorm() > 1e-6 ? 1 : 0;
  }
  EXPECT_LT(changed, count / 3);
  EXPECT_LE(SinkhornFoldOracle::Measure(folded.GetPointer()).Least, 0.0);
  // What does not fold is the same object.
  const typename Field<D>::Pointer sound = MakeSmoothField<D>(0.5);
  typename Field<D>::Pointer       same = sound;
  EXPECT_FALSE(FoldRegularizer<D>::RelaxForward(same, 0.01));
  EXPECT_EQ(same, sound);
  MapPair<D> pair{ sound, InvertField<Field<D>>(sound, MakeImageOn<Field<D>>(sound)) };
  EXPECT_TRUE(FoldRegularizer<D>::Relax(pair, 0.05));
  EXPECT_EQ(pair.Forward, sound);
}

TEST(SinkhornFields, OneFoldedCellIsFoundAndUnfolded)
{
  ExpectUnfolds<2>();
  ExpectUnfolds<3>();
}

template <typename TRegularizer>
void
ExpectKeepsAConstant(double tolerance)
{
  const auto field = MakeSmoothField<2>(0.0);
  field->FillBuffer(itk::Vector<double, 2>(0.75));
  const auto regularizer = TRegularizer::New();
  regularizer->SetSigmas({ 6.0, 3.0 });
  const auto smooth = regularizer->Regularize(field, nullptr, 0.01);
  const auto region = smooth->GetBufferedRegion();
  for (itk::ImageRegionConstIteratorWithIndex<Field<2>> it(smooth, region); !it.IsAtEnd(); ++it)
  {
    bool isBorder = false;
    for (unsigned int d = 0; d < 2; ++d)
    {
      isBorder = isBorder || it.GetIndex()[d] == region.GetIndex()[d] || it.GetIndex()[d] == region.GetUpperIndex()[d];
    }
    EXPECT_NEAR(it.Get()[0], isBorder ? 0.0 : 0.75, isBorder ? 0.0 : tolerance);
  }
}

TEST(SinkhornFields, UpdatesThatAreSmoothStay)
{
  ExpectKeepsAConstant<itk::UpdateFieldRegularizer<2>>(1e-9);
  // Each level of the fit leaves a part for the next one (multilevel B-spline approximation); here there are two.
  ExpectKeepsAConstant<itk::BSplineUpdateFieldRegularizer<2>>(0.08);
}

TEST(SinkhornFields, WeightedForcesGiveTheWay)
{
  // Mass times the same way everywhere: the way comes out, however the mass is spread.
  const auto forces = MakeSmoothField<2>(0.0);
  const auto weight = MakeImageOn<itk::Image<double, 2>>(forces);
  const auto count = forces->GetBufferedRegion().GetNumberOfPixels();
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    const double mass = 1.0 + std::sin(0.3 * static_cast<double>(i));
    weight->GetBufferPointer()[i] = mass;
    forces->GetBufferPointer()[i].Fill(2.0 * mass);
  }
  const auto regularizer = itk::UpdateFieldRegularizer<2>::New();
  regularizer->SetSigmas({ 4.0 });
  const auto update = regularizer->Regularize(forces, weight, 1e-6);
  auto       index = update->GetBufferedRegion().GetIndex();
  index[0] += 20;
  index[1] += 15;
  EXPECT_NEAR(update->GetPixel(index)[0], 2.0, 1e-4);
}

template <unsigned int D>
void
ExpectWarpsAsItk()
{
  using ImageType = itk::Image<float, D>;
  using FieldTransformType = itk::DisplacementFieldTransform<double, D>;
  const auto field = MakeSmoothField<D>(2.0);
  const auto geometry = MakeObliqueGeometry<D>(D == 2 ? 40 : 18);
  const auto centre = GetCentre(geometry);
  auto       other = MakeCube<D>(D == 2 ? 37 : 17);
  other.origin += centre - GetCentre(other);
  const auto image =
    MakeImage<ImageType>(other, [&](const auto & point) { return Bump(point, centre, 7.0) + 0.01 * point[0]; });
  const auto affine = itk::AffineTransform<double, D>::New();
  affine->Scale(1.1);
  affine->Rotate(0, 1, 0.2);
  const auto deformation = FieldTransformType::New();
  deformation->SetDisplacementField(field);
  for (const bool isLinear : { true, false })
  {
    const auto map = itk::CompositeTransform<double, D>::New();
    map->AddTransform(affine);
    if (!isLinear)
    {
      map->AddTransform(deformation);
      map->AddTransform(affine); // the last but one is no field on the grid then
    }
    map->AddTransform(deformation);
    const auto filter = itk::ResampleImageFilter<ImageType, ImageType>::New();
    filter->SetInput(image);
    filter->SetTransform(map);
    filter->SetOutputParametersFromImage(field);
    filter->Update();
    const auto warped = WarpOnto<ImageType>(image.GetPointer(), map.GetPointer(), field.GetPointer(), false);
    for (itk::SizeValueType i = 0; i < warped->GetBufferedRegion().GetNumberOfPixels(); ++i)
    {
      ASSERT_NEAR(warped->GetBufferPointer()[i], filter->GetOutput()->GetBufferPointer()[i], 1e-5);
    }
  }
}

TEST(SinkhornFields, WarpsAsItk)
{
  ExpectWarpsAsItk<2>();
  ExpectWarpsAsItk<3>();
}

template <unsigned int D>
void
ExpectForcesOfMeanSquares(const ImageGeometry<D> & geometry, double tolerance)
{
  using ImageType = itk::Image<float, D>;
  using MetricType = itk::MeanSquaresImageToImageMetricv4<ImageType, ImageType>;
  const auto centre = GetCentre(geometry);
  auto       beside = centre;
  beside[0] += 2.0;
  const auto fixed = MakeImage<ImageType>(geometry, [&](const auto & point) { return Bump(point, centre, 6.0); });
  const auto moving = MakeImage<ImageType>(geometry, [&](const auto & point) { return Bump(point, beside, 5.0); });
  const auto metric = MetricType::New();
  metric->SetUseFixedImageGradientFilter(false);
  metric->SetUseMovingImageGradientFilter(false);
  const auto                                                force = itk::MakeRegistrationForce<ImageType>(metric);
  const auto                                                forces = MakeImageOn<Field<D>>(fixed);
  double                                                    value = 0.0;
  typename itk::RegistrationForce<ImageType>::WeightPointer weight;
  ASSERT_TRUE(force->ComputeForces(fixed, moving, nullptr, nullptr, forces, weight, value));
  double alone = 0.0;
  ASSERT_TRUE(force->ComputeForces(fixed, moving, nullptr, nullptr, nullptr, weight, alone));
  EXPECT_EQ(alone, value);

  const auto identity = itk::DisplacementFieldTransform<double, D>::New();
  identity->SetDisplacementField(MakeImageOn<Field<D>>(fixed));
  metric->SetFixedImage(fixed);
  metric->SetMovingImage(moving);
  metric->SetFixedTransform(identity);
  metric->SetMovingTransform(identity);
  metric->SetVirtualDomainFromImage(fixed);
  metric->Initialize();
  double                              expected = 0.0;
  typename MetricType::DerivativeType derivative;
  metric->GetValueAndDerivative(expected, derivative);
  EXPECT_NEAR(value, expected, 1e-7 * expected); // ITK interpolates in single precision
  const double * all = forces->GetBufferPointer()->GetDataPointer();
  double         largest = 0.0;
  for (itk::SizeValueType i = 0; i < derivative.GetSize(); ++i)
  {
    largest = std::max(largest, std::abs(derivative[i]));
  }
  // ITK reads voxels beyond the border as those on it; the bumps are faint there.
  for (itk::SizeValueType i = 0; i < derivative.GetSize(); ++i)
  {
    ASSERT_NEAR(all[i], derivative[i], tolerance * largest);
  }
  EXPECT_GT(largest, 0.01);
  // With a gradient filter only the metric can tell.
  metric->SetUseMovingImageGradientFilter(true);
  EXPECT_FALSE(itk::MakeRegistrationForce<ImageType>(metric)->ComputeForces(
    fixed, moving, nullptr, nullptr, forces, weight, value));
}

TEST(SinkhornFields, ForcesOfMeanSquaresAreThoseOfTheMetric)
{
  ExpectForcesOfMeanSquares<2>(MakeCube<2>(40), 2e-3);
  ExpectForcesOfMeanSquares<3>(MakeCube<3>(20), 2e-2);
  ExpectForcesOfMeanSquares<2>(MakeObliqueGeometry<2>(40), 5e-2);
  ExpectForcesOfMeanSquares<3>(MakeObliqueGeometry<3>(20), 5e-2);
}

/** A sampled Gaussian straight from its definition, along all axes at once. */
template <unsigned int D>
itk::Vector<double, D>
SmoothVoxel(const Field<D> * field, const itk::Index<D> & at, double sigma)
{
  const auto             region = field->GetBufferedRegion();
  const int              radius = static_cast<int>(std::ceil(3.0 * sigma + 0.5));
  itk::Vector<double, D> sum(0.0);
  double                 total = 0.0;
  itk::Size<D>           box;
  box.Fill(static_cast<itk::SizeValueType>(2 * radius + 1));
  const itk::ImageRegion<D> offsets(itk::Index<D>{}, box);
  auto                      offset = offsets.GetIndex();
  for (itk::SizeValueType i = 0; i < offsets.GetNumberOfPixels(); ++i, AdvanceIndex(offsets, offset))
  {
    auto   index = at;
    double squares = 0.0;
    for (unsigned int d = 0; d < D; ++d)
    {
      const auto step = offset[d] - radius;
      squares += static_cast<double>(step * step);
      index[d] = std::clamp(at[d] + step, region.GetIndex()[d], region.GetUpperIndex()[d]);
    }
    const double weight = std::exp(-0.5 * squares / (sigma * sigma));
    sum += field->GetPixel(index) * weight;
    total += weight;
  }
  return sum / total;
}

TEST(SinkhornFields, NarrowGaussiansAreThoseOfTheDefinition)
{
  const auto field = MakeSmoothField<3>(2.0);
  const auto region = field->GetBufferedRegion();
  for (const double sigma : { 0.4, 1.5 })
  {
    itk::FixedArray<double, 3> sigmas;
    for (unsigned int d = 0; d < 3; ++d)
    {
      sigmas[d] = sigma * field->GetSpacing()[d];
    }
    const auto smooth = SmoothNarrowly<Field<3>>(field, sigmas);
    auto       index = region.GetIndex();
    for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
    {
      if (i % 7 == 0)
      {
        ASSERT_LT((smooth->GetBufferPointer()[i] - SmoothVoxel<3>(field, index, sigma)).GetNorm(), 1e-12) << index;
      }
    }
  }
  // Wide ones are ITK's.
  itk::FixedArray<double, 3> wide;
  wide.Fill(30.0);
  const auto smooth = SmoothNarrowly<Field<3>>(field, wide);
  const auto expected = SmoothByGaussian<Field<3>>(field, wide);
  EXPECT_EQ(smooth->GetPixel(region.GetIndex()), expected->GetPixel(region.GetIndex()));
}

TEST(LocalStandardization, KnowsNoFactorAndNoShift)
{
  using ImageType = itk::Image<float, 2>;
  const auto geometry = MakeObliqueGeometry<2>(40);
  const auto make = [&](double factor, double shift) {
    const auto image = MakeImage<ImageType>(geometry, [&](const auto & point) {
      return shift + factor * (std::sin(0.4 * point[0]) + 0.3 * std::cos(0.9 * point[1]));
    });
    const auto filter = itk::LocalStandardizationImageFilter<ImageType>::New();
    filter->SetInput(image);
    filter->SetSigma(8.0);
    filter->Update();
    return typename ImageType::Pointer(filter->GetOutput());
  };
  const auto plain = make(1.0, 0.0);
  const auto changed = make(250.0, 4000.0);
  double     sum = 0.0;
  double     squares = 0.0;
  const auto count = plain->GetBufferedRegion().GetNumberOfPixels();
  for (itk::SizeValueType i = 0; i < count; ++i)
  {
    const double value = plain->GetBufferPointer()[i];
    EXPECT_NEAR(value, changed->GetBufferPointer()[i], 2e-3);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / static_cast<double>(count), 0.0, 0.1);
  EXPECT_NEAR(squares / static_cast<double>(count), 1.0, 0.15);
}

TEST(LocalStandardization, LooksOnlyInsideTheMask)
{
  using ImageType = itk::Image<double, 2>;
  const auto geometry = MakeCube<2>(24);
  const auto mask =
    MakeImage<itk::Image<unsigned char, 2>>(geometry, [](const auto & point) { return point[0] < 12.0 ? 1.0 : 0.0; });
  const auto run = [&](double outside) {
    const auto image = MakeImage<ImageType>(
      geometry, [&](const auto & point) { return point[0] < 12.0 ? std::sin(point[1]) : outside; });
    const auto filter = itk::LocalStandardizationImageFilter<ImageType>::New();
    filter->SetInput(image);
    filter->SetMaskImage(mask);
    filter->SetSigma(4.0);
    filter->Update();
    return typename ImageType::Pointer(filter->GetOutput());
  };
  const auto one = run(0.0);
  const auto other = run(1e6);
  for (itk::SizeValueType i = 0; i < one->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    EXPECT_EQ(one->GetBufferPointer()[i], other->GetBufferPointer()[i]);
    if (mask->GetBufferPointer()[i] == 0)
    {
      EXPECT_EQ(one->GetBufferPointer()[i], 0.0);
    }
  }
}

} // namespace
