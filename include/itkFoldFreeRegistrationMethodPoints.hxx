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
#ifndef itkFoldFreeRegistrationMethodPoints_hxx
#define itkFoldFreeRegistrationMethodPoints_hxx

// How point sets take part in an update.
#include "itkFoldFreeRegistrationMethod.h"

#include "itkPointRegistrationForce.h"

namespace itk
{
namespace FoldFreeRegistrationDetail
{

/** While it lives the sides of a metric are exchanged. */
template <unsigned int VDimension>
class ExchangedSides
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(ExchangedSides);

  /** \param source nullptr: a metric that knows nothing of its sides. */
  explicit ExchangedSides(PointForceSource<VDimension> * source)
    : m_Source(source)
  {
    this->Exchange();
  }
  ~ExchangedSides() { this->Exchange(); }

private:
  void
  Exchange()
  {
    if (m_Source)
    {
      m_Source->ExchangeSides();
    }
  }

  PointForceSource<VDimension> * m_Source;
};

} // namespace FoldFreeRegistrationDetail

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::FindPlaces(const Side & side, SizeValueType n) const
  -> std::vector<typename FieldType::PointType>
{
  const auto map = (side.PlaceMap ? side.PlaceMap : side.PointMap)->GetInverseTransform();
  std::vector<typename FieldType::PointType> places;
  const auto * const                         points = side.PointSets[n]->GetPoints();
  places.reserve(points->Size());
  for (auto it = points->Begin(); it != points->End(); ++it)
  {
    typename FieldType::PointType point;
    point.CastFrom(it.Value());
    places.push_back(map->TransformPoint(point));
  }
  return places;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::ComputePointForces(
  const Part &                        part,
  const Side &                        fixed,
  const Side &                        moving,
  FieldType *                         forces,
  typename ForceType::WeightPointer & weight,
  MeasureType &                       value) const
{
  const SizeValueType n = part.Number;
  for (const Side * side : { &fixed, &moving })
  {
    if (!side->PointMap->GetInverseTransform())
    {
      itkExceptionMacro(<< (side->IsMoving ? "Moving" : "Fixed")
                        << "InitialTransform has no inverse, by which points come to the virtual domain; give one that "
                           "has, or move the points yourself");
    }
  }
  auto * const metric = static_cast<PointSetMetricType *>(part.Metric);
  const FoldFreeRegistrationDetail::ExchangedSides<ImageDimension> sides(
    fixed.IsMoving ? dynamic_cast<PointForceSource<ImageDimension> *>(metric) : nullptr);
  metric->SetFixedPointSet(fixed.PointSets[n]);
  metric->SetMovingPointSet(moving.PointSets[n]);
  metric->SetFixedTransform(fixed.PointMap);
  metric->SetMovingTransform(moving.PointMap);
  metric->SetCalculateValueAndDerivativeInTangentSpace(true);
  metric->Initialize();
  std::vector<double> ofPoints;
  std::vector<double> masses;
  value = Sinkhorn::ComputePointForces<TPointSet, RealType>(metric, masses, ofPoints);
  weight = Sinkhorn::MakeImageOn<typename ForceType::WeightType>(forces);
  if (Sinkhorn::SplatPointForces<ImageDimension>(this->FindPlaces(fixed, n), masses, ofPoints, forces, weight) == 0)
  {
    itkExceptionMacro("No point of " << (fixed.IsMoving ? "MovingPointSet " : "FixedPointSet ") << n
                                     << " lies in the virtual domain; give the metric one that holds both point sets");
  }
}

} // namespace itk

#endif
