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
#ifndef itkFoldFreePointSetTestUtilities_h
#define itkFoldFreePointSetTestUtilities_h

// What the tests of fold-free registrations of points share: methods, metrics, two shapes, and how near they are.
#include "itkSinkhornTestShapes.h"

#include "itkEuclideanDistancePointSetToPointSetMetricv4.h"
#include "itkExpectationBasedPointSetToPointSetMetricv4.h"
#include "itkFoldFreeDisplacementFieldRegistrationMethod.h"
#include "itkFoldFreeSyNImageRegistrationMethod.h"
#include "itkFoldFreeVelocityFlowRegistrationMethod.h"
#include "itkKernelDistancePointSetToPointSetMetricv4.h"
#include "itkSinkhornPointSetToPointSetMetricv4.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace itk
{
namespace Sinkhorn
{
namespace Test
{

template <unsigned int D>
using ImageType = itk::Image<double, D>; // a multi-metric with points takes no other
template <unsigned int D>
using MeshType = itk::Mesh<float, D>;
template <unsigned int D>
using MethodType = itk::FoldFreeRegistrationMethod<ImageType<D>, ImageType<D>, MeshType<D>>;
template <unsigned int D>
using MetricType = itk::PointSetToPointSetMetricv4<MeshType<D>, MeshType<D>>;

inline const std::vector<std::string> methodNames{ "SyN", "Displacement", "Greedy", "Velocity" };
inline const std::vector<std::string> metricNames{ "Sinkhorn", "Kernel", "Euclidean", "Expectation" };

template <unsigned int D>
typename MethodType<D>::Pointer
MakeMethod(const std::string & name)
{
  if (name == "Displacement" || name == "Greedy")
  {
    const auto method =
      itk::FoldFreeDisplacementFieldRegistrationMethod<ImageType<D>, ImageType<D>, MeshType<D>>::New();
    method->SetGreedy(name == "Greedy");
    return method.GetPointer();
  }
  if (name == "Velocity")
  {
    return itk::FoldFreeVelocityFlowRegistrationMethod<ImageType<D>, ImageType<D>, MeshType<D>>::New().GetPointer();
  }
  return itk::FoldFreeSyNImageRegistrationMethod<ImageType<D>, ImageType<D>, MeshType<D>>::New().GetPointer();
}

template <unsigned int D>
typename MetricType<D>::Pointer
MakeMetric(const std::string & name)
{
  using Mesh = MeshType<D>;
  if (name == "Sinkhorn")
  {
    return itk::SinkhornPointSetToPointSetMetricv4<Mesh>::New().GetPointer();
  }
  if (name == "Kernel")
  {
    return itk::KernelDistancePointSetToPointSetMetricv4<Mesh>::New().GetPointer();
  }
  if (name == "Euclidean")
  {
    return itk::EuclideanDistancePointSetToPointSetMetricv4<Mesh>::New().GetPointer();
  }
  const auto metric = itk::ExpectationBasedPointSetToPointSetMetricv4<Mesh>::New();
  metric->SetPointSetSigma(3.0);
  metric->SetEvaluationKNeighborhood(3); // more would shrink a shape to the means of its neighbourhoods
  return metric.GetPointer();
}

/** A grid around the shapes whose spacings differ, which begins at another index, and is turned. */
template <unsigned int D>
typename ImageType<D>::Pointer
MakeDomain()
{
  const auto                           domain = ImageType<D>::New();
  typename ImageType<D>::SpacingType   spacing;
  typename ImageType<D>::IndexType     start;
  typename ImageType<D>::SizeType      size;
  typename ImageType<D>::DirectionType direction;
  direction.SetIdentity();
  const double angle = 0.3;
  direction(0, 0) = direction(1, 1) = std::cos(angle);
  direction(0, 1) = -std::sin(angle);
  direction(1, 0) = std::sin(angle);
  for (unsigned int d = 0; d < D; ++d)
  {
    spacing[d] = (D == 2 ? 1.6 : 3.2) + 0.2 * d;
    start[d] = 3 - static_cast<int>(d);
    size[d] = (D == 2 ? 61 : 29) - 2 * d;
  }
  domain->SetRegions({ start, size });
  domain->SetSpacing(spacing);
  domain->SetDirection(direction);
  domain->Allocate(true);
  itk::Point<double, D>            centre;
  typename ImageType<D>::IndexType middle;
  for (unsigned int d = 0; d < D; ++d)
  {
    middle[d] = start[d] + static_cast<itk::IndexValueType>(size[d]) / 2;
  }
  domain->TransformIndexToPhysicalPoint(middle, centre);
  typename ImageType<D>::PointType origin;
  for (unsigned int d = 0; d < D; ++d)
  {
    origin[d] = -centre[d];
  }
  domain->SetOrigin(origin);
  return domain;
}

/** A curve or a surface, and the same bent and shifted. */
template <unsigned int D>
struct Pair
{
  typename MeshType<D>::Pointer Fixed;
  typename MeshType<D>::Pointer Moving;
};

/** \param fineness 1: with a few points. */
template <unsigned int D>
typename MeshType<D>::Pointer
MakeShape(unsigned int fineness)
{
  if constexpr (D == 2)
  {
    return Testing::MakeCurveMesh<2>(60 * fineness);
  }
  else
  {
    return Testing::MakeSurfaceMesh(16 * fineness);
  }
}

template <unsigned int D>
Pair<D>
MakePair(unsigned int fineness = 1)
{
  Pair<D> pair;
  pair.Fixed = MakeShape<D>(fineness);
  pair.Moving = Testing::MoveMesh<MeshType<D>>(pair.Fixed, [](typename MeshType<D>::PointType & point) {
    const float x = point[0];
    point[0] += 2.0F + 2.5F * std::sin(0.12F * point[1]);
    point[1] += -2.5F + 2.0F * std::cos(0.1F * x);
    point[D - 1] *= 1.1F;
  });
  return pair;
}

/** Mean distance from moved points to a shape that is given by many points. */
template <unsigned int D>
double
MeasureDistance(const MeshType<D> * points, const MeshType<D> * shape, const itk::Transform<double, D, D> * transform)
{
  double sum = 0.0;
  for (auto it = points->GetPoints()->Begin(); it != points->GetPoints()->End(); ++it)
  {
    itk::Point<double, D> point;
    point.CastFrom(it.Value());
    point = transform->TransformPoint(point);
    double closest = std::numeric_limits<double>::max();
    for (auto other = shape->GetPoints()->Begin(); other != shape->GetPoints()->End(); ++other)
    {
      closest = std::min(closest, point.SquaredEuclideanDistanceTo(other.Value()));
    }
    sum += std::sqrt(closest);
  }
  return sum / static_cast<double>(points->GetNumberOfPoints());
}

template <unsigned int D>
void
SetVirtualDomain(MetricType<D> * metric, const ImageType<D> * domain)
{
  metric->SetVirtualDomain(
    domain->GetSpacing(), domain->GetOrigin(), domain->GetDirection(), domain->GetLargestPossibleRegion());
}

/** Largest distance from x to inverse(map(x)), voxels, at the points of a shape. */
template <unsigned int D>
double
MeasureInconsistency(const MeshType<D> *                                 shape,
                     const ImageType<D> *                                domain,
                     const typename MethodType<D>::OutputTransformType * map)
{
  const auto inverse = map->GetInverseTransform();
  double     largest = 0.0;
  for (auto it = shape->GetPoints()->Begin(); it != shape->GetPoints()->End(); ++it)
  {
    itk::Point<double, D> point;
    point.CastFrom(it.Value());
    const auto here = domain->template TransformPhysicalPointToContinuousIndex<double>(point);
    const auto back = domain->template TransformPhysicalPointToContinuousIndex<double>(
      inverse->TransformPoint(map->TransformPoint(point)));
    largest = std::max(largest, here.EuclideanDistanceTo(back));
  }
  return largest;
}

template <unsigned int D>
void
Configure(MethodType<D> * method, const Pair<D> & pair, typename MethodType<D>::MetricType * metric)
{
  method->SetFixedPointSet(pair.Fixed);
  method->SetMovingPointSet(pair.Moving);
  method->SetMetric(metric);
  method->SetNumberOfLevels(2);
  typename MethodType<D>::ShrinkFactorsArrayType factors(2);
  factors[0] = 2;
  factors[1] = 1;
  method->SetShrinkFactorsPerLevel(factors);
  typename MethodType<D>::SmoothingSigmasArrayType sigmas(2);
  sigmas.Fill(0.0);
  method->SetSmoothingSigmasPerLevel(sigmas);
  typename MethodType<D>::NumberOfIterationsArrayType iterations(2);
  iterations[0] = 20;
  iterations[1] = 20;
  method->SetNumberOfIterationsPerLevel(iterations);
  // What is ten times as small is no fold either, but nothing to invert on a grid of these voxels.
  method->SetSmallestTotalDeterminant(0.1);
  if (D == 3)
  {
    // as wide as the triangles, whose corners ITK's metrics pull at one by one
    method->SetUpdateSigmasPerLevel({ { 16.0 }, { 8.0 } });
  }
}

} // namespace Test
} // namespace Sinkhorn
} // namespace itk

#endif
