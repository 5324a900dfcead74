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
#ifndef itkSinkhornPointRegistrationStart_hxx
#define itkSinkhornPointRegistrationStart_hxx

#include "itkSinkhornPointRegistrationSprings.h"

#include "itkMath.h"
#include "itkSinkhornLinearFit.h"

#include "vnl/algo/vnl_determinant.h"

#include <algorithm>
#include <string>

namespace itk
{
namespace SinkhornRegistration
{

/** A linear map from moving to fixed space, and the mean squared springs that it leaves, mm². */
template <unsigned int VDimension>
struct PointStart
{
  Sinkhorn::LinearMap<VDimension> Map;
  double                          Rest{ 0.0 };
  std::string                     Name{ "none" };
};

/** \class PointStartFinder
 * \brief Fits linear maps to the springs between two clouds of particles.
 *
 * As SinkhornTransformInitializer does for images: closed-form fits (Sinkhorn::FitLinearMap()) to springs at a blur
 * that shrinks, balanced, so that everything counts. */
template <unsigned int VDimension>
class PointStartFinder
{
public:
  using MapType = Sinkhorn::LinearMap<VDimension>;
  using PointType = Point<double, VDimension>;
  using StartType = PointStart<VDimension>;

  /** \param diagonal of the fixed shape, mm. */
  PointStartFinder(const Sinkhorn::PointMeasure & fixed, const Sinkhorn::PointMeasure & moving, double diagonal)
    : m_Fixed(ClusterParticles(fixed, NumberOfParticles))
    , m_Moving(ClusterParticles(moving, NumberOfParticles))
    , m_Diagonal(diagonal)
  {}

  StartType
  Find(InitialKind kind)
  {
    StartType start;
    if (kind == InitialKind::None)
    {
      return start;
    }
    start = this->Centre(MatrixType::GetIdentity());
    if (kind == InitialKind::Centers)
    {
      start.Name = "centers";
      return start;
    }
    start = this->FindRigid();
    if (kind == InitialKind::Rigid)
    {
      return start;
    }
    const StartType similarity = this->Refine(start, Sinkhorn::LinearModel::Similarity);
    if (kind == InitialKind::Similarity || (kind == InitialKind::Automatic && VDimension == 2))
    {
      return similarity; // the shear that fits a bend of a picture's curves is in the way of what follows
    }
    const StartType affine = this->Refine(start, Sinkhorn::LinearModel::Affine);
    return kind == InitialKind::Affine || IsModest(affine.Map) ? affine : similarity;
  }

  /** Mean squared springs at the blur to which starts are compared, mm². */
  double
  MeasureRest(const MapType & map) const
  {
    PointSprings<VDimension> springs(m_Fixed, compareBlur * m_Diagonal, 0.0);
    springs.Solve(springs.Move(m_Moving, map));
    return springs.GetMeanSquare();
  }

private:
  using MatrixType = Matrix<double, VDimension, VDimension>;

  static constexpr SizeValueType NumberOfParticles = 600;
  /** Of the diagonal. */
  static constexpr double compareBlur = 0.03;
  static constexpr double farBlurs[] = { 0.3, 0.2, 0.2, 0.15, 0.15, 0.1, 0.1, 0.1, 0.07, 0.07, 0.05, 0.05, 0.05, 0.05 };
  static constexpr double nearBlurs[] = { 0.1, 0.1, 0.1, 0.07, 0.07, 0.05, 0.05, 0.05, 0.05, 0.05 };

  /** The centres laid upon each other, after a rotation about that of the moving shape. */
  StartType
  Centre(const MatrixType & rotation) const
  {
    StartType start;
    PointType from;
    PointType to;
    std::copy_n(m_Moving.GetCentroid().data(), VDimension, from.Begin());
    std::copy_n(m_Fixed.GetCentroid().data(), VDimension, to.Begin());
    start.Map.Linear = rotation;
    start.Map.Offset = to - rotation * from;
    return start;
  }

  template <typename TBlurs>
  StartType
  Fit(const StartType & from, Sinkhorn::LinearModel model, const TBlurs & blurs) const
  {
    StartType start = from;
    for (const double part : blurs)
    {
      PointSprings<VDimension> springs(m_Fixed, part * m_Diagonal, 0.0);
      const auto               moved = springs.Move(m_Moving, start.Map);
      springs.Solve(moved);
      const auto moments = springs.ComputeMoments(moved);
      const auto step = Sinkhorn::FitLinearMap<VDimension>(model, moments, leastExtent * m_Diagonal);
      start.Map = Sinkhorn::ComposePart<VDimension>(model, start.Map, step, 1.0, moments.MeanSource, largestStretch);
    }
    start.Rest = this->MeasureRest(start.Map);
    return start;
  }

  StartType
  FindRigid() const
  {
    constexpr double betterPart = 0.5; // shapes that look alike both ways stay as they lie
    constexpr double nearWay = 0.01;   // of the diagonal: there is nothing better to be found
    const auto       model = Sinkhorn::LinearModel::Rigid;
    StartType        best = this->Fit(this->Centre(MatrixType::GetIdentity()), model, farBlurs);
    const StartType  plain = best;
    best.Name = "rigid";
    if (plain.Rest < Math::sqr(nearWay * m_Diagonal))
    {
      return best;
    }
    for (const auto & rotation :
         Sinkhorn::FindAxisRotations<VDimension>(ComputeCovariance(m_Moving), ComputeCovariance(m_Fixed)))
    {
      const StartType rotated = this->Fit(this->Centre(rotation), model, farBlurs);
      best = rotated.Rest < betterPart * plain.Rest && rotated.Rest < best.Rest ? rotated : best;
    }
    best.Name = "rigid";
    return best;
  }

  StartType
  Refine(const StartType & rigid, Sinkhorn::LinearModel model) const
  {
    StartType start = this->Fit(rigid, model, nearBlurs);
    start.Name = model == Sinkhorn::LinearModel::Affine ? "affine" : "similarity";
    return start.Rest <= rigid.Rest ? start : rigid;
  }

  /** Whether, beside a common scale, the map stretches or shrinks by half at most. */
  static bool
  IsModest(const MapType & map)
  {
    constexpr double most = 1.5;
    const double     volume = vnl_determinant(vnl_matrix<double>(map.Linear.GetVnlMatrix().as_matrix()));
    return volume > 0.0 && Sinkhorn::IsModest<VDimension>(map.Linear / std::pow(volume, 1.0 / VDimension), most);
  }

  static MatrixType
  ComputeCovariance(const Sinkhorn::PointMeasure & measure)
  {
    using MomentsType = Sinkhorn::PairMoments<VDimension>;
    return MomentsType::Compute([&](const auto & add) {
             for (SizeValueType i = 0; i < measure.GetNumberOfParticles(); ++i)
             {
               const PointType point = PointSprings<VDimension>::GetPoint(measure, i);
               add(measure.Masses[i], point, point);
             }
           })
      .Source;
  }

  /** Of the diagonal: extents below it do not stretch. */
  static constexpr double leastExtent = 0.01;
  static constexpr double largestStretch = 100.0;

  Sinkhorn::PointMeasure m_Fixed;
  Sinkhorn::PointMeasure m_Moving;
  double                 m_Diagonal;
};

} // namespace SinkhornRegistration
} // namespace itk

#endif
