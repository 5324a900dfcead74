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
#ifndef itkParticlePointSetToPointSetMetricv4_hxx
#define itkParticlePointSetToPointSetMetricv4_hxx

#include "itkParticlePointSetToPointSetMetricv4.h"
#include "itkSinkhornGridLocator.h"
#include "itkSinkhornParallel.h"
#include "itkSinkhornPointMeasureFromMesh.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

// The classes of this file have three template parameters.
#define itkParticleMetricTemplate \
  template <typename TFixedPointSet, typename TMovingPointSet, class TInternalComputationValueType>
#define itkParticleMetricClass \
  ParticlePointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>

namespace itk
{

itkParticleMetricTemplate void
itkParticleMetricClass::SetFixedMasses(const MassesType & masses)
{
  m_FixedMasses = masses;
  this->Modified();
}

itkParticleMetricTemplate void
itkParticleMetricClass::SetMovingMasses(const MassesType & masses)
{
  m_MovingMasses = masses;
  this->Modified();
}

itkParticleMetricTemplate void
itkParticleMetricClass::VerifyParameters() const
{
  m_Blur.Verify(this->GetNameOfClass());
  if (!(m_DirectionWeight >= 0.0) || !std::isfinite(m_DirectionWeight))
  {
    itkExceptionMacro("DirectionWeight must be positive and finite (mm), or 0 to leave directions out, but is "
                      << m_DirectionWeight << '.');
  }
}

itkParticleMetricTemplate Sinkhorn::PointComparisonParameters
                          itkParticleMetricClass::MakeComparisonParameters() const
{
  Sinkhorn::PointComparisonParameters parameters;
  parameters.NormalizeMasses = m_NormalizeMasses;
  parameters.DirectionWeight = m_DirectionWeight;
  parameters.OrientedDirections = m_OrientedDirections;
  parameters.NumberOfWorkUnits = 0;
  return parameters;
}

itkParticleMetricTemplate template <typename TPointSet>
std::unique_ptr<Sinkhorn::ShapeParticles>
itkParticleMetricClass::MakeShape(const TPointSet *  pointSet,
                                  const MassesType & masses,
                                  const char *       name,
                                  double &           diagonal) const
{
  const Sinkhorn::PointComplex complex = Sinkhorn::ExtractComplex(pointSet);
  if (complex.Points.empty())
  {
    itkExceptionMacro("The " << name << " point set has no points.");
  }
  const SizeValueType points = complex.Points.size() / PointDimension;
  if (masses.Size() != 0 && masses.Size() != points)
  {
    itkExceptionMacro("There are " << masses.Size() << ' ' << name << " masses for " << points
                                   << " points. Give one for each point, or none.");
  }
  std::unique_ptr<Sinkhorn::ShapeParticles> shape(
    new Sinkhorn::ShapeParticles(complex, VertexArray(masses.begin(), masses.end())));
  const Sinkhorn::PointMeasure measure = shape->MakeMeasure(complex.Points);
  diagonal = std::max(diagonal, measure.GetDiagonal());
  if (m_DirectionWeight > 0.0 && !measure.HasDirections())
  {
    itkExceptionMacro("DirectionWeight is " << m_DirectionWeight << " mm, but the " << name
                                            << " point set has no cells that have directions. Give a mesh with lines "
                                            << "or triangles, or set DirectionWeight to 0.");
  }
  return shape;
}

itkParticleMetricTemplate void
itkParticleMetricClass::Initialize()
{
  this->VerifyParameters();
  if (!this->m_FixedPointSet || !this->m_MovingPointSet)
  {
    itkExceptionMacro("The " << (this->m_FixedPointSet ? "moving" : "fixed") << " point set is missing.");
  }
  double diagonal = 0.0;
  m_FixedShape = this->MakeShape(this->m_FixedPointSet.GetPointer(), m_FixedMasses, "fixed", diagonal);
  m_MovingShape = this->MakeShape(this->m_MovingPointSet.GetPointer(), m_MovingMasses, "moving", diagonal);
  m_BlurInUse = m_Blur.GetInUse(this->GetAutomaticBlur() * diagonal);
  if (!(m_BlurInUse > 0.0))
  {
    itkExceptionMacro("Both point sets are single points, which have no size that Blur could be chosen from. Set it.");
  }
  if (this->m_FixedTransform && !this->m_FixedTransform->GetInverseTransform())
  {
    itkExceptionMacro("The fixed transform has no inverse, by which the fixed points come to the virtual domain.");
  }
  Superclass::Initialize();
}

itkParticleMetricTemplate auto
itkParticleMetricClass::MakeVirtualPoints() const -> std::vector<VirtualPointType>
{
  const auto                    toVirtual = this->m_FixedTransform->GetInverseTransform();
  const auto *                  points = this->m_FixedPointSet->GetPoints();
  std::vector<VirtualPointType> virtualPoints;
  virtualPoints.reserve(points->Size());
  for (auto it = points->Begin(); it != points->End(); ++it)
  {
    VirtualPointType point;
    point.CastFrom(it.Value());
    virtualPoints.push_back(toVirtual->TransformPoint(point));
  }
  return virtualPoints;
}

itkParticleMetricTemplate auto
itkParticleMetricClass::MakeAlphaVertices(const std::vector<VirtualPointType> & virtualPoints) const -> VertexArray
{
  VertexArray vertices;
  vertices.reserve(virtualPoints.size() * PointDimension);
  for (const VirtualPointType & point : virtualPoints)
  {
    const auto moved =
      this->m_CalculateValueAndDerivativeInTangentSpace ? point : this->m_MovingTransform->TransformPoint(point);
    vertices.insert(vertices.end(), moved.Begin(), moved.End());
  }
  return vertices;
}

itkParticleMetricTemplate auto
itkParticleMetricClass::MakeBetaVertices() const -> VertexArray
{
  VertexArray vertices = Sinkhorn::ExtractPoints(this->m_MovingPointSet.GetPointer());
  if (this->m_CalculateValueAndDerivativeInTangentSpace)
  {
    const auto toVirtual = this->m_MovingTransform->GetInverseTransform();
    if (!toVirtual)
    {
      itkExceptionMacro("The moving transform has no inverse, by which the moving points come to the virtual domain.");
    }
    for (auto vertex = vertices.begin(); vertex != vertices.end(); vertex += PointDimension)
    {
      VirtualPointType point;
      std::copy(vertex, vertex + PointDimension, point.Begin());
      point = toVirtual->TransformPoint(point);
      std::copy(point.Begin(), point.End(), vertex);
    }
  }
  return vertices;
}

itkParticleMetricTemplate double
itkParticleMetricClass::Evaluate(const std::vector<VirtualPointType> & virtualPoints, VertexArray * gradient) const
{
  const VertexArray       alpha = this->MakeAlphaVertices(virtualPoints);
  Sinkhorn::PointGradient ofParticles;
  this->m_NumberOfValidPoints = virtualPoints.size();
  this->m_Value = static_cast<MeasureType>(this->CompareMeasures(m_FixedShape->MakeMeasure(alpha),
                                                                 m_MovingShape->MakeMeasure(this->MakeBetaVertices()),
                                                                 gradient ? &ofParticles : nullptr));
  if (gradient)
  {
    *gradient = m_FixedShape->PullBack(alpha, ofParticles);
  }
  return this->m_Value;
}

itkParticleMetricTemplate auto
itkParticleMetricClass::GetValue() const -> MeasureType
{
  return this->Evaluate(this->MakeVirtualPoints(), nullptr);
}

itkParticleMetricTemplate void
itkParticleMetricClass::GetDerivative(DerivativeType & derivative) const
{
  MeasureType value;
  this->GetValueAndDerivative(value, derivative);
}

itkParticleMetricTemplate void
itkParticleMetricClass::GetValueAndDerivative(MeasureType & value, DerivativeType & derivative) const
{
  const auto  virtualPoints = this->MakeVirtualPoints();
  VertexArray gradient;
  value = this->Evaluate(virtualPoints, &gradient);
  if (this->HasLocalSupport() || this->m_CalculateValueAndDerivativeInTangentSpace)
  {
    this->MakeLocalDerivative(virtualPoints, gradient, derivative);
  }
  else
  {
    this->MakeGlobalDerivative(virtualPoints, gradient, derivative);
  }
}

itkParticleMetricTemplate double
itkParticleMetricClass::ComputePointForces(std::vector<double> & masses, std::vector<double> & forces) const
{
  const auto   virtualPoints = this->MakeVirtualPoints();
  const double value = this->Evaluate(virtualPoints, &forces);
  std::transform(forces.begin(), forces.end(), forces.begin(), std::negate<double>());
  // Masses go the way of derivatives from the cells to their vertices.
  const VertexArray           vertices = this->MakeAlphaVertices(virtualPoints);
  const std::vector<double> & ofCells = m_FixedShape->MakeMeasure(vertices).Masses;
  Sinkhorn::PointGradient     everyCoordinate;
  for (const double mass : ofCells)
  {
    everyCoordinate.Positions.insert(everyCoordinate.Positions.end(), PointDimension, mass);
  }
  const VertexArray ofVertices = m_FixedShape->PullBack(vertices, everyCoordinate);
  const double      scale = this->GetMassOfGradient() / std::accumulate(ofCells.begin(), ofCells.end(), 0.0);
  masses.resize(virtualPoints.size());
  for (SizeValueType i = 0; i < masses.size(); ++i)
  {
    masses[i] = scale * ofVertices[i * PointDimension];
  }
  return value;
}

itkParticleMetricTemplate void
itkParticleMetricClass::ExchangeSides()
{
  std::swap(m_FixedMasses, m_MovingMasses);
  this->Modified();
}

itkParticleMetricTemplate void
itkParticleMetricClass::MakeGlobalDerivative(const std::vector<VirtualPointType> & virtualPoints,
                                             const VertexArray &                   gradient,
                                             DerivativeType &                      derivative) const
{
  const auto parameters = this->GetNumberOfLocalParameters();
  const auto chunks = (virtualPoints.size() + Sinkhorn::ChunkLength - 1) / Sinkhorn::ChunkLength;
  // one sum for each chunk of points, added in order
  std::vector<VertexArray> sums(chunks, VertexArray(parameters, 0.0));
  Sinkhorn::ForEachChunk(virtualPoints.size(), 0, [&](SizeValueType begin, SizeValueType end) {
    typename Superclass::MovingTransformJacobianType jacobian(PointDimension, parameters);
    typename Superclass::MovingTransformJacobianType cache;
    VertexArray &                                    sum = sums[begin / Sinkhorn::ChunkLength];
    for (SizeValueType i = begin; i < end; ++i)
    {
      this->GetMovingTransform()->ComputeJacobianWithRespectToParametersCachedTemporaries(
        virtualPoints[i], jacobian, cache);
      for (unsigned int d = 0; d < PointDimension; ++d)
      {
        const double component = gradient[i * PointDimension + d];
        for (unsigned int p = 0; p < parameters; ++p)
        {
          sum[p] -= component * jacobian(d, p);
        }
      }
    }
  });
  derivative.SetSize(parameters);
  derivative.Fill(DerivativeValueType{});
  for (const VertexArray & sum : sums)
  {
    for (unsigned int p = 0; p < parameters; ++p)
    {
      derivative[p] += sum[p];
    }
  }
}

itkParticleMetricTemplate void
itkParticleMetricClass::MakeLocalDerivative(const std::vector<VirtualPointType> & virtualPoints,
                                            const VertexArray &                   gradient,
                                            DerivativeType &                      derivative) const
{
  using LocatorType = Sinkhorn::GridLocator<PointDimension>;
  const bool        isField = this->GetStoreDerivativeAsSparseFieldForLocalSupportTransforms();
  const LocatorType locator(this->GetVirtualImage());
  derivative.SetSize(isField ? this->GetNumberOfParameters() : PointDimension * virtualPoints.size());
  derivative.Fill(DerivativeValueType{});

  typename Superclass::MovingTransformJacobianType jacobian(PointDimension, PointDimension);
  typename Superclass::MovingTransformJacobianType cache;
  jacobian.set_identity();
  for (SizeValueType i = 0; i < virtualPoints.size(); ++i)
  {
    if (!this->m_CalculateValueAndDerivativeInTangentSpace)
    {
      this->GetMovingTransform()->ComputeJacobianWithRespectToParametersCachedTemporaries(
        virtualPoints[i], jacobian, cache);
    }
    double ofPoint[PointDimension] = {};
    for (unsigned int p = 0; p < PointDimension; ++p)
    {
      for (unsigned int d = 0; d < PointDimension; ++d)
      {
        ofPoint[p] -= gradient[i * PointDimension + d] * jacobian(d, p);
      }
    }
    typename LocatorType::Cell      cell;
    typename LocatorType::PointType point;
    point.CastFrom(virtualPoints[i]);
    if (!isField)
    {
      std::copy(ofPoint, ofPoint + PointDimension, derivative.begin() + i * PointDimension);
    }
    else if (locator.Locate(point, cell))
    {
      for (unsigned int corner = 0; corner < LocatorType::Corners; ++corner)
      {
        const auto   offset = (cell.First + locator.GetOffset(corner)) * static_cast<OffsetValueType>(PointDimension);
        const double weight = LocatorType::GetWeight(cell, corner);
        for (unsigned int p = 0; p < PointDimension; ++p)
        {
          derivative[offset + p] += weight * ofPoint[p];
        }
      }
    }
  }
}

itkParticleMetricTemplate auto
itkParticleMetricClass::GetLocalNeighborhoodValue(const PointType &, const PixelType &) const -> MeasureType
{
  itkExceptionMacro("The value is a property of the whole shapes, not a sum over points. Use GetValue().");
}

itkParticleMetricTemplate void
itkParticleMetricClass::GetLocalNeighborhoodValueAndDerivative(const PointType &,
                                                               MeasureType &,
                                                               LocalDerivativeType &,
                                                               const PixelType &) const
{
  itkExceptionMacro("The value is a property of the whole shapes, not a sum over points. Use GetValueAndDerivative().");
}

itkParticleMetricTemplate void
itkParticleMetricClass::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  m_Blur.Print(os, indent);
  os << indent << "BlurInUse: " << m_BlurInUse << std::endl;
  os << indent << "NormalizeMasses: " << Sinkhorn::OnOrOff(m_NormalizeMasses) << std::endl;
  os << indent << "DirectionWeight: " << m_DirectionWeight << std::endl;
  os << indent << "OrientedDirections: " << Sinkhorn::OnOrOff(m_OrientedDirections) << std::endl;
  os << indent << "FixedMasses: " << m_FixedMasses.Size() << std::endl;
  os << indent << "MovingMasses: " << m_MovingMasses.Size() << std::endl;
}

} // namespace itk

#undef itkParticleMetricTemplate
#undef itkParticleMetricClass

#endif
