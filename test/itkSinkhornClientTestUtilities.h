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
#ifndef itkSinkhornClientTestUtilities_h
#define itkSinkhornClientTestUtilities_h

// What the tests of the metrics in ITK's registration methods share: a shape in two images whose grids have nothing in
// common, the metrics, and what a registration has achieved.
#include "itkSinkhornMetricTestUtilities.h"

#include "itkDisplacementFieldTransform.h"

#include <gtest/gtest.h>

#include <vnl/vnl_det.h>

#include <limits>
#include <sstream>
#include <string>

namespace itk
{
namespace Sinkhorn
{
namespace Test
{

/** A metric, and how it lets a transform act. */
struct ClientKind
{
  bool      isSinkhorn;
  MassModel model;
};

inline std::ostream &
operator<<(std::ostream & os, const ClientKind & kind)
{
  return os << (kind.isSinkhorn ? "Sinkhorn" : "Kernel") << kind.model;
}

inline std::vector<ClientKind>
MakeClientKinds()
{
  return { { true, MassModel::Intensity },
           { true, MassModel::PushForward },
           { false, MassModel::Intensity },
           { false, MassModel::PushForward } };
}

inline std::string
GetClientKindName(const ::testing::TestParamInfo<ClientKind> & info)
{
  std::ostringstream name;
  name << info.param;
  return name.str();
}

template <typename TImage, typename TReal = double>
using ClientMetric = DensityImageToImageMetricv4<TImage, TImage, TImage, TReal>;

template <typename TImage, typename TReal = double>
typename ClientMetric<TImage, TReal>::Pointer
MakeClientMetric(const ClientKind & kind)
{
  typename ClientMetric<TImage, TReal>::Pointer metric;
  if (kind.isSinkhorn)
  {
    metric = SinkhornImageToImageMetricv4<TImage, TImage, TImage, TReal>::New();
    metric->SetBlur(2.0);
  }
  else
  {
    metric = KernelDistanceImageToImageMetricv4<TImage, TImage, TImage, TReal>::New();
    metric->SetBlur(6.0);
  }
  metric->SetMassModel(kind.model);
  return metric;
}

/** Anisotropic, rotated, not at the origin; with a start index where the client can cope with one. */
template <unsigned int VDimension>
ImageGeometry<VDimension>
MakeFixedGeometry(bool withStartIndex)
{
  auto geometry = MakeObliqueGeometry<VDimension>(VDimension == 2 ? 40 : 22);
  if (!withStartIndex)
  {
    geometry.start.Fill(0);
  }
  return geometry;
}

/** Another spacing, size, direction and start index, around the same centre. */
template <unsigned int VDimension>
ImageGeometry<VDimension>
MakeMovingGeometry(const ImageGeometry<VDimension> & fixed)
{
  auto geometry = MakeCube<VDimension>(VDimension == 2 ? 38 : 21);
  geometry.spacing.Fill(1.1);
  geometry.spacing[0] = 1.2;
  geometry.start.Fill(-2);
  geometry.start[0] = 5;
  const double angle = -0.25;
  geometry.direction(0, 0) = geometry.direction(1, 1) = std::cos(angle);
  geometry.direction(1, 0) = std::sin(angle);
  geometry.direction(0, 1) = -std::sin(angle);
  geometry.origin += GetCentre(fixed) - GetCentre(geometry);
  return geometry;
}

/** The shape: an unsymmetric L of three bumps around a centre. */
template <unsigned int VDimension>
double
Shape(const Point<double, VDimension> & point, const Point<double, VDimension> & centre)
{
  const double scale = VDimension == 2 ? 1.0 : 0.6;
  const auto   bump = [&](double x, double y, double z, double radius) {
    auto where = centre;
    where[0] += scale * x;
    where[1] += scale * y;
    where[VDimension - 1] += VDimension == 3 ? scale * z : 0.0;
    return Bump(point, where, scale * radius);
  };
  return bump(-4, -3, 0, 6.0) + 0.8 * bump(4, -3, 2, 5.0) + 0.7 * bump(-4, 6, 4, 4.0);
}

/** What a registration has achieved. */
struct ClientOutcome
{
  double valueBefore{ 0.0 };
  double valueAfter{ 0.0 };
  double errorBefore{ 0.0 }; ///< root mean square distance, over the shape, of where a point goes and should go, mm
  double errorAfter{ 0.0 };
  double diceAfter{ 0.0 };                                            ///< of the shapes above 0.3
  double smallestJacobian{ std::numeric_limits<double>::infinity() }; ///< of the whole domain
};

/** A shape and its image under a transform \a truth, fixed to moving points. */
template <typename TImage>
class ClientPair
{
public:
  static constexpr unsigned int Dimension = TImage::ImageDimension;
  using PointType = Point<double, Dimension>;
  using TransformType = Transform<double, Dimension, Dimension>;
  using FieldTransformType = DisplacementFieldTransform<double, Dimension>;
  using MapType = std::function<PointType(const PointType &)>;

  ClientPair(const TransformType * truth, bool withStartIndex)
    : m_FixedGeometry(MakeFixedGeometry<Dimension>(withStartIndex))
    , m_Centre(GetCentre(m_FixedGeometry))
    , m_Truth(truth)
    , m_Inverse(truth->GetInverseTransform())
  {
    m_Fixed = MakeImage<TImage>(m_FixedGeometry, [this](const PointType & p) { return Shape<Dimension>(p, m_Centre); });
    m_Moving = MakeImage<TImage>(MakeMovingGeometry(m_FixedGeometry),
                                 [this](const PointType & p) { return this->MovingShape(p); });
  }

  TImage *
  GetFixed() const
  {
    return m_Fixed;
  }
  TImage *
  GetMoving() const
  {
    return m_Moving;
  }

  /** A field of zeros on the fixed image's grid. */
  template <typename TField>
  typename TField::Pointer
  MakeZeroField() const
  {
    const auto field = TField::New();
    field->CopyInformation(m_Fixed);
    field->SetRegions(m_Fixed->GetBufferedRegion());
    field->Allocate();
    field->FillBuffer(typename TField::PixelType(0.0));
    return field;
  }

  /** Judges a map from fixed to moving points by itself, by both images, and by a fresh metric. */
  ClientOutcome
  Judge(const ClientKind & kind, const MapType & map) const
  {
    ClientOutcome outcome;
    const auto    identity = [](const PointType & p) { return p; };
    outcome.valueBefore = this->ComputeValue(kind, identity);
    outcome.valueAfter = this->ComputeValue(kind, map);
    outcome.errorBefore = this->ComputeError(identity);
    outcome.errorAfter = this->ComputeError(map);
    double common = 0.0;
    double both = 0.0;
    for (ImageRegionConstIteratorWithIndex<TImage> it(m_Fixed, m_Fixed->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      PointType point;
      m_Fixed->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      const bool inFixed = it.Get() > 0.3;
      const bool inMoving = this->MovingShape(map(point)) > 0.3;
      common += inFixed && inMoving ? 2.0 : 0.0;
      both += (inFixed ? 1.0 : 0.0) + (inMoving ? 1.0 : 0.0);
      outcome.smallestJacobian = std::min(outcome.smallestJacobian, ComputeJacobian(map, point));
    }
    outcome.diceAfter = common / both;
    return outcome;
  }

private:
  double
  MovingShape(const PointType & point) const
  {
    return Shape<Dimension>(m_Inverse->TransformPoint(point), m_Centre);
  }

  double
  ComputeError(const MapType & map) const
  {
    double sum = 0.0;
    double weight = 0.0;
    for (ImageRegionConstIteratorWithIndex<TImage> it(m_Fixed, m_Fixed->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      PointType point;
      m_Fixed->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      sum += it.Get() * map(point).SquaredEuclideanDistanceTo(m_Truth->TransformPoint(point));
      weight += it.Get();
    }
    return std::sqrt(sum / weight);
  }

  /** The map as a displacement field, so that every transform is valued alike. */
  double
  ComputeValue(const ClientKind & kind, const MapType & map) const
  {
    const auto field = this->template MakeZeroField<typename FieldTransformType::DisplacementFieldType>();
    ImageRegionIteratorWithIndex<typename FieldTransformType::DisplacementFieldType> it(field,
                                                                                        field->GetBufferedRegion());
    for (; !it.IsAtEnd(); ++it)
    {
      PointType point;
      field->TransformIndexToPhysicalPoint(it.GetIndex(), point);
      it.Set(map(point) - point);
    }
    const auto transform = FieldTransformType::New();
    transform->SetDisplacementField(field);
    const auto metric = MakeClientMetric<TImage>(kind);
    metric->SetFixedImage(m_Fixed);
    metric->SetMovingImage(m_Moving);
    metric->SetMovingTransform(transform);
    metric->Initialize();
    return metric->GetValue();
  }

  /** Determinant of the map's derivative, by central differences along the axes of space. */
  static double
  ComputeJacobian(const MapType & map, const PointType & point)
  {
    constexpr double                     step = 0.25;
    Matrix<double, Dimension, Dimension> derivative;
    for (unsigned int d = 0; d < Dimension; ++d)
    {
      auto before = point;
      auto after = point;
      before[d] -= step;
      after[d] += step;
      const auto difference = map(after) - map(before);
      for (unsigned int e = 0; e < Dimension; ++e)
      {
        derivative(e, d) = difference[e] / (2.0 * step);
      }
    }
    return vnl_det(derivative.GetVnlMatrix());
  }

  ImageGeometry<Dimension>                            m_FixedGeometry;
  PointType                                           m_Centre;
  typename TransformType::ConstPointer                m_Truth;
  typename TransformType::InverseTransformBasePointer m_Inverse;
  typename TImage::Pointer                            m_Fixed;
  typename TImage::Pointer                            m_Moving;
};

} // namespace Test
} // namespace Sinkhorn
} // namespace itk

#endif
