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
#ifndef itkPointRegistrationForce_hxx
#define itkPointRegistrationForce_hxx

#include "itkPointRegistrationForce.h"

#include "itkSinkhornGridLocator.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <numeric>

namespace itk
{
namespace Sinkhorn
{

/** The same of a metric of ITK, point by point. */
template <typename TPointSet, typename TReal>
double
ComputePointForcesOneByOne(const PointSetToPointSetMetricv4<TPointSet, TPointSet, TReal> * metric,
                           std::vector<double> &                                           masses,
                           std::vector<double> &                                           forces)
{
  constexpr unsigned int  dimension = TPointSet::PointDimension;
  constexpr SizeValueType pointsPerTask = 64;
  using MetricType = PointSetToPointSetMetricv4<TPointSet, TPointSet, TReal>;
  std::vector<std::pair<typename TPointSet::PointIdentifier, typename TPointSet::PointType>> points;
  const auto * const container = metric->GetFixedTransformedPointSet()->GetPoints();
  for (auto it = container->Begin(); it != container->End(); ++it)
  {
    points.emplace_back(it.Index(), it.Value());
  }
  const SizeValueType number = points.size();
  const SizeValueType tasks = (number + pointsPerTask - 1) / pointsPerTask;
  std::vector<double> values(number);
  masses.assign(number, 1.0);
  forces.assign(number * dimension, 0.0);
  ForEachTask(tasks, 0, false, [&](SizeValueType task) {
    for (SizeValueType i = task * pointsPerTask; i < std::min(number, (task + 1) * pointsPerTask); ++i)
    {
      typename MetricType::PixelType pixel{};
      NumericTraits<typename MetricType::PixelType>::SetLength(pixel, 1);
      static_cast<void>(metric->GetFixedPointSet()->GetPointData(points[i].first, &pixel)); // need not be there
      typename MetricType::MeasureType         value{};
      typename MetricType::LocalDerivativeType derivative;
      metric->GetLocalNeighborhoodValueAndDerivative(points[i].second, value, derivative, pixel);
      values[i] = value;
      std::copy(derivative.begin(), derivative.end(), forces.begin() + i * dimension);
    }
  });
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(number);
}

template <typename TPointSet, typename TReal>
double
ComputePointForces(const PointSetToPointSetMetricWithIndexv4<TPointSet, TPointSet, TReal> * metric,
                   std::vector<double> &                                                    masses,
                   std::vector<double> &                                                    forces)
{
  if (const auto * source = dynamic_cast<const PointForceSource<TPointSet::PointDimension> *>(metric))
  {
    return source->ComputePointForces(masses, forces);
  }
  const auto * oneByOne = dynamic_cast<const PointSetToPointSetMetricv4<TPointSet, TPointSet, TReal> *>(metric);
  if (!oneByOne)
  {
    itkGenericExceptionMacro("Sinkhorn: "
                             << metric->GetNameOfClass()
                             << " is neither a PointSetToPointSetMetricv4 nor a PointForceSource, and does "
                                "not tell what pulls at a point. Use one that is.");
  }
  return ComputePointForcesOneByOne(oneByOne, masses, forces);
}

template <unsigned int VDimension>
SizeValueType
SplatPointForces(const std::vector<Point<double, VDimension>> &  places,
                 const std::vector<double> &                     masses,
                 const std::vector<double> &                     forces,
                 Image<Vector<double, VDimension>, VDimension> * forceField,
                 Image<double, VDimension> *                     massImage)
{
  using LocatorType = GridLocator<VDimension>;
  const LocatorType          locator(forceField);
  typename LocatorType::Cell cell;
  SizeValueType              inside = 0;
  for (SizeValueType i = 0; i < places.size(); ++i)
  {
    if (!locator.Locate(places[i], cell))
    {
      continue;
    }
    ++inside;
    for (unsigned int corner = 0; corner < LocatorType::Corners; ++corner)
    {
      const auto   voxel = cell.First + locator.GetOffset(corner);
      const double weight = LocatorType::GetWeight(cell, corner);
      massImage->GetBufferPointer()[voxel] += weight * masses[i];
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        forceField->GetBufferPointer()[voxel][d] += weight * forces[i * VDimension + d];
      }
    }
  }
  return inside;
}

} // namespace Sinkhorn
} // namespace itk

#endif
