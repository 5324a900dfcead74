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
#ifndef itkSinkhornPointRegistrationFlow_hxx
#define itkSinkhornPointRegistrationFlow_hxx

#include "itkSinkhornPointRegistrationSprings.h"

#include "itkDisplacementFieldJacobianCalculator.h"
#include "itkSinkhornFieldExponential.h"
#include "itkSinkhornFoldRegularizer.h"
#include "itkSinkhornRegistrationListener.h"
#include "itkSinkhornVoxelSplatter.h"
#include "itkUpdateFieldRegularizer.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** How the scales of a flow shrink, as parts of the diagonal of the fixed shape where nothing else is said. */
struct PointSchedule
{
  unsigned int NumberOfIterations{ 40 };
  double       Diagonal{ 1.0 };
  /** Standard deviation of the Gaussians that smooth the springs; falls geometrically over the first three quarters, to
   * the blur that is chosen: springs tell nothing finer, and more smoothing would lose some of what they tell. */
  double FirstSigma{ 0.25 };
  double LastSigma{ 0.0125 };
  /** mm, of the transport; falls over the first 60 %. */
  double FirstBlur{ 0.0 };
  double LastBlur{ 0.0 };
  /** mm; 0: balanced. */
  double FirstReach{ 0.0 };
  double LastReach{ 0.0 };

  static double
  Interpolate(double first, double last, double part)
  {
    return first > 0.0 && last > 0.0 ? first * std::pow(last / first, std::min(1.0, part)) : last;
  }
  double
  GetPart(unsigned int iteration, double of) const
  {
    return iteration / std::max(1.0, of * NumberOfIterations - 1.0);
  }
  /** mm */
  double
  GetSigma(unsigned int iteration) const
  {
    return Diagonal * Interpolate(FirstSigma, LastSigma, this->GetPart(iteration, 0.75));
  }
  double
  GetBlur(unsigned int iteration) const
  {
    return Interpolate(FirstBlur, LastBlur, this->GetPart(iteration, 0.6));
  }
  double
  GetReach(unsigned int iteration) const
  {
    return Interpolate(FirstReach, LastReach, this->GetPart(iteration, 0.6));
  }

  /** Levels halve the standard deviation. */
  unsigned int
  GetLevel(unsigned int iteration) const
  {
    constexpr double rounding = 1e-6;
    return static_cast<unsigned int>(std::log2(FirstSigma * Diagonal / this->GetSigma(iteration)) + rounding);
  }
  /** Spacing of the grid that resolves all standard deviations of a level, mm. */
  double
  GetSpacing(unsigned int level) const
  {
    constexpr double voxelsPerSigma = 1.6;
    return Diagonal * std::max(FirstSigma / std::pow(2.0, level + 1.0), LastSigma) / voxelsPerSigma;
  }
};

/** A cubic grid around two shapes. \param margin on every side, mm. */
template <unsigned int VDimension>
typename Image<float, VDimension>::Pointer
MakePointGrid(const Sinkhorn::PointMeasure & one, const Sinkhorn::PointMeasure & other, double margin, double spacing)
{
  constexpr SizeValueType leastSize = 5;
  using GridType = Image<float, VDimension>;
  const auto                     grid = GridType::New();
  typename GridType::SizeType    size;
  typename GridType::PointType   origin;
  typename GridType::SpacingType spacings;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    double lowest = one.Positions[d];
    double highest = lowest;
    for (const Sinkhorn::PointMeasure * measure : { &one, &other })
    {
      for (SizeValueType k = d; k < measure->Positions.size(); k += VDimension)
      {
        lowest = std::min(lowest, measure->Positions[k]);
        highest = std::max(highest, measure->Positions[k]);
      }
    }
    const double extent = highest - lowest + 2.0 * margin;
    size[d] = std::max(leastSize, static_cast<SizeValueType>(std::ceil(extent / spacing)) + 1);
    origin[d] = 0.5 * (lowest + highest) - 0.5 * spacing * static_cast<double>(size[d] - 1);
  }
  grid->SetRegions(size);
  grid->SetOrigin(origin);
  spacings.Fill(spacing);
  grid->SetSpacing(spacings);
  return grid;
}

/** Root mean square way of particles, mm. */
template <unsigned int VDimension>
double
MeasureWay(const Sinkhorn::PointMeasure & before, const Sinkhorn::PointMeasure & after)
{
  using SpringsType = PointSprings<VDimension>;
  double sum = 0.0;
  for (SizeValueType i = 0; i < before.GetNumberOfParticles(); ++i)
  {
    const auto way = SpringsType::GetPoint(after, i) - SpringsType::GetPoint(before, i);
    sum += before.Masses[i] * way.GetSquaredNorm();
  }
  return std::sqrt(sum / before.GetTotalMass());
}

/** \class PointFlow
 * \brief A diffeomorphism of space that grows step by step along the springs of moved particles. */
template <unsigned int VDimension>
class PointFlow
{
public:
  using FieldType = Sinkhorn::DisplacementField<VDimension>;
  using FieldPointer = typename FieldType::Pointer;
  using PairType = Sinkhorn::MapPair<VDimension>;
  using MarksType = typename Sinkhorn::FoldRegularizer<VDimension>::MarksType;
  using MeasureType = Sinkhorn::PointMeasure;
  using SpringsType = PointSprings<VDimension>;
  using PointType = Point<double, VDimension>;

  /** \param moving after the linear start. */
  PointFlow(const MeasureType & fixed, const MeasureType & moving, const PointSchedule & schedule)
    : m_Fixed(fixed)
    , m_Moving(moving)
    , m_Schedule(schedule)
    , m_Springs(fixed, schedule.FirstBlur, schedule.FirstReach)
  {
    m_Springs.SetTolerance(stepTolerance);
  }

  /** \return root mean square of the last step of the particles, mm. */
  double
  Run(Listener & listener)
  {
    const unsigned int levels = m_Schedule.GetLevel(m_Schedule.NumberOfIterations) + 1;
    double             step = 0.0;
    for (unsigned int i = 0, level = levels; i < m_Schedule.NumberOfIterations; ++i)
    {
      if (i == 0 || m_Schedule.GetLevel(i) != level)
      {
        level = m_Schedule.GetLevel(i);
        this->BeginLevel(level);
        std::ostringstream detail;
        detail << "grid " << m_Map.Forward->GetBufferedRegion().GetSize() << ", smoothing " << m_Schedule.GetSigma(i)
               << ", blur " << m_Schedule.GetBlur(i);
        listener.BeginLevel(level, levels, m_Schedule.NumberOfIterations, detail.str());
      }
      m_Springs.SetScales(m_Schedule.GetBlur(i), m_Schedule.GetReach(i));
      step = this->TakeStep(m_Schedule.GetSigma(i));
      listener.Iteration(i + 1, m_Springs.GetDivergence(), m_Springs.GetMarginalError());
      listener.Advance((i + 1.0) / m_Schedule.NumberOfIterations);
    }
    listener.EndLevel();
    this->Finish();
    return step;
  }

  /** From the linear start to the fixed shape, and back. */
  const PairType &
  GetMap() const
  {
    return m_Map;
  }

private:
  static constexpr double stepTolerance = 0.01;
  static constexpr double smallestDeterminant = 0.05;
  /** Of what is handed over. */
  static constexpr double leastDeterminant = 0.001;
  /** Of the largest smoothed mass: where less is, springs fade out. */
  static constexpr double faintPart = 0.01;
  /** Of the diagonal, around both shapes; the outer half fades out. */
  static constexpr double margin = 0.12;

  void
  BeginLevel(unsigned int level)
  {
    const auto grid =
      MakePointGrid<VDimension>(m_Fixed, m_Moving, margin * m_Schedule.Diagonal, m_Schedule.GetSpacing(level));
    if (!m_Map.Forward)
    {
      m_Map.Forward = Sinkhorn::MakeImageOn<FieldType>(grid);
      m_Map.Inverse = m_Map.Forward;
      return;
    }
    this->Invert();
    const auto resample = [&grid](const FieldType * field) {
      return Sinkhorn::MakeField<FieldType>(*grid, Sinkhorn::DisplacementSampler<FieldType>(field));
    };
    m_Map.Forward = resample(m_Map.Forward);
    m_Map.Inverse = resample(m_Map.Inverse);
  }

  void
  Invert()
  {
    m_Map.Inverse = Sinkhorn::InvertField<FieldType>(m_Map.Forward, m_Map.Inverse);
  }

  MeasureType
  MoveParticles() const
  {
    const Sinkhorn::DisplacementSampler<FieldType> way(m_Map.Forward);
    return SpringsType::Move(m_Moving, [&way](const PointType & point) { return point + way(point); });
  }

  double
  TakeStep(double sigma)
  {
    const MeasureType moved = this->MoveParticles();
    m_Springs.Solve(moved);
    // Scaled down until its steepest place does not fold, a step would hold back all other places.
    const FieldPointer step = Sinkhorn::ExponentiateField<FieldType>(this->SmoothSprings(moved, sigma));
    m_Map.Forward = Sinkhorn::ComposeFields<FieldType>(step, m_Map.Forward);
    Sinkhorn::FoldRegularizer<VDimension>::RelaxForward(m_Map.Forward, smallestDeterminant);
    return MeasureWay<VDimension>(moved, this->MoveParticles());
  }

  FieldPointer
  SmoothSprings(const MeasureType & moved, double sigma) const
  {
    using WeightType = typename UpdateFieldRegularizer<VDimension>::WeightType;
    const FieldPointer  forces = Sinkhorn::MakeImageOn<FieldType>(m_Map.Forward);
    const auto          weight = Sinkhorn::MakeImageOn<WeightType>(m_Map.Forward);
    const auto &        region = forces->GetBufferedRegion();
    std::vector<double> masses(region.GetNumberOfPixels());
    for (unsigned int component = 0; component <= VDimension; ++component)
    {
      std::fill(masses.begin(), masses.end(), 0.0);
      for (SizeValueType i = 0; i < moved.GetNumberOfParticles(); ++i)
      {
        const auto   where = Sinkhorn::LocateInGrid<VDimension>(*forces, SpringsType::GetPoint(moved, i));
        const double value = component < VDimension ? m_Springs.GetForce(i)[component] : m_Springs.GetMass(i);
        Sinkhorn::SplatLinearly<double, VDimension>(region, where, value, masses);
      }
      for (SizeValueType k = 0; k < masses.size(); ++k)
      {
        (component < VDimension ? forces->GetBufferPointer()[k][component] : weight->GetBufferPointer()[k]) = masses[k];
      }
    }
    const auto regularizer = UpdateFieldRegularizer<VDimension>::New();
    regularizer->SetSigmas({ sigma });
    regularizer->SetMargin(typename UpdateFieldRegularizer<VDimension>::MarginType(0.5 * margin * m_Schedule.Diagonal));
    return regularizer->Regularize(forces, weight, faintPart);
  }

  /** Neither the map nor its sampled inverse may fold by the strict criterion. */
  void
  Finish()
  {
    constexpr unsigned int rounds = 4;
    using Regularizer = Sinkhorn::FoldRegularizer<VDimension>;
    if (this->MendInverse())
    {
      return;
    }
    for (unsigned int round = 0; round < rounds; ++round)
    {
      this->Invert();
      if (!Regularizer::RelaxForward(m_Map.Inverse, leastDeterminant))
      {
        return;
      }
      m_Map.Forward = Sinkhorn::InvertField<FieldType>(m_Map.Inverse, m_Map.Forward);
      if (!Regularizer::RelaxForward(m_Map.Forward, leastDeterminant))
      {
        return;
      }
    }
  }

  /** Smooths the map where voxels of its inverse that fold come from. Where the map compresses, a voxel of the inverse
   * spans many of the map: smoothing the inverse itself would smear the map, and the shape, over all of them.
   * \return whether neither folds any more. */
  bool
  MendInverse()
  {
    constexpr unsigned int rounds = 20;
    constexpr double       firstWidth = 0.7; // voxels, as in RelaxForward()
    constexpr double       growth = 0.1;
    using Regularizer = Sinkhorn::FoldRegularizer<VDimension>;
    Regularizer::RelaxForward(m_Map.Forward, leastDeterminant);
    for (unsigned int round = 0; round < rounds; ++round)
    {
      this->Invert();
      const auto marks = this->MarkFoldsOfInverse();
      if (!marks)
      {
        return true;
      }
      m_Map.Forward = Regularizer::Blend(
        m_Map.Forward, Regularizer::Carry(marks, m_Map.Inverse), firstWidth + growth * static_cast<double>(round));
      Regularizer::RelaxForward(m_Map.Forward, leastDeterminant);
    }
    return false;
  }

  /** Nullptr if there are none. */
  typename MarksType::Pointer
  MarkFoldsOfInverse() const
  {
    const auto calculator = DisplacementFieldJacobianCalculator<FieldType>::New();
    calculator->SetDisplacementField(m_Map.Inverse);
    const auto    marks = calculator->ComputeImage();
    float * const voxels = marks->GetBufferPointer();
    bool          any = false;
    std::for_each(voxels, voxels + marks->GetBufferedRegion().GetNumberOfPixels(), [&any](float & voxel) {
      const bool isSound = voxel >= leastDeterminant; // not where it is not a number
      any = any || !isSound;
      voxel = isSound ? 0.0F : 1.0F;
    });
    return any ? marks : nullptr;
  }

  MeasureType   m_Fixed;
  MeasureType   m_Moving;
  PointSchedule m_Schedule;
  SpringsType   m_Springs;
  PairType      m_Map;
};

} // namespace SinkhornRegistration
} // namespace itk

#endif
