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
#ifndef itkSinkhornPointRegistration_hxx
#define itkSinkhornPointRegistration_hxx

#include "itkSinkhornPointRegistrationEngine.h"
#include "itkSinkhornPointRegistrationFlow.hxx"
#include "itkSinkhornPointRegistrationStart.hxx"

#include "itkAffineTransform.h"
#include "itkDisplacementFieldTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** \class PointRegistration
 * \brief The whole registration of two shapes; see RegisterPoints(). */
template <unsigned int VDimension>
class PointRegistration
{
public:
  using MeasureType = Sinkhorn::PointMeasure;
  using MapType = Sinkhorn::LinearMap<VDimension>;
  using PairType = Sinkhorn::MapPair<VDimension>;
  using FieldType = Sinkhorn::DisplacementField<VDimension>;
  using SpringsType = PointSprings<VDimension>;
  using TransformType = CompositeTransform<double, VDimension>;

  PointRegistration(const PointRegistrationPlan &  plan,
                    const Sinkhorn::PointComplex & fixed,
                    const Sinkhorn::PointComplex & moving,
                    Listener &                     listener)
    : m_Plan(plan)
    , m_Listener(listener)
  {
    CheckPlan(plan);
    m_Fixed = MakeShape(fixed, plan.MaximumNumberOfParticles, "fixed");
    m_Moving = MakeShape(moving, plan.MaximumNumberOfParticles, "moving");
    m_Diagonal = m_Fixed.GetDiagonal() > 0.0 ? m_Fixed.GetDiagonal() : m_Moving.GetDiagonal();
    if (!(m_Diagonal > 0.0))
    {
      itkGenericExceptionMacro(
        "Sinkhorn: both shapes are single points; there is nothing to register but their places.");
    }
    m_Report.NumberOfFixedParticles = m_Fixed.GetNumberOfParticles();
    m_Report.NumberOfMovingParticles = m_Moving.GetNumberOfParticles();
    m_Report.NumberOfDroppedFixedCells = m_Fixed.NumberOfDroppedCells;
    m_Report.NumberOfDroppedMovingCells = m_Moving.NumberOfDroppedCells;
    m_Report.Blur = plan.Blur > 0.0 ? plan.Blur : defaultBlur * m_Diagonal;
    m_Report.Reach = plan.Reach >= 0.0 ? plan.Reach : lastReach * m_Diagonal;
  }

  PointRegistrationReport
  Run(TransformType * transform, typename Image<float, VDimension>::Pointer * grid)
  {
    const Quality before = this->Measure(m_Moving);
    const auto    start = this->FindStart();
    const auto    linear = SpringsType::Move(m_Moving, start.Map);
    const Quality afterLinear = this->Measure(linear);
    Quality       kept = before;
    MapType       map;
    if (afterLinear.Divergence < before.Divergence)
    {
      map = start.Map;
      kept = afterLinear;
      m_Report.Kept = m_Plan.Deform ? "linear start" : "result";
      m_Report.Initialize = start.Name;
    }
    else
    {
      m_Report.Kept = "start";
      m_Report.MovedNothing = this->IsStill(m_Moving, linear);
    }
    PairType pair;
    if (m_Plan.Deform)
    {
      this->Deform(SpringsType::Move(m_Moving, map), pair, kept);
    }
    this->Conclude(before, kept);
    this->Assemble(map, pair, transform);
    if (grid != nullptr)
    {
      *grid = this->MakeGrid(pair, SpringsType::Move(m_Moving, map));
    }
    return m_Report;
  }

private:
  /** How far a shape is from the fixed one. */
  struct Quality
  {
    double Divergence{ 0.0 };
    double Distance{ 0.0 };
    double MarginalError{ 0.0 };
    bool   Converged{ false };
  };

  // Parts of the diagonal.
  static constexpr double defaultBlur = 0.0125;
  static constexpr double firstBlur = 0.1;
  static constexpr double firstReach = 0.1;
  static constexpr double lastReach = 0.05;

  static void
  CheckPlan(const PointRegistrationPlan & plan)
  {
    if (!std::isfinite(plan.Blur) || plan.Blur < 0.0)
    {
      itkGenericExceptionMacro("Sinkhorn: the blur is " << plan.Blur << " mm; it must be positive, or 0 to be chosen.");
    }
    if (!std::isfinite(plan.Reach))
    {
      itkGenericExceptionMacro("Sinkhorn: the reach is " << plan.Reach
                                                         << " mm; it must be finite, 0 for balanced transport, or "
                                                            "negative to be chosen.");
    }
    if (plan.MaximumNumberOfParticles < 10)
    {
      itkGenericExceptionMacro("Sinkhorn: MaximumNumberOfParticles is " << plan.MaximumNumberOfParticles
                                                                        << "; a shape needs at least 10.");
    }
  }

  static MeasureType
  MakeShape(const Sinkhorn::PointComplex & complex, SizeValueType maximum, const char * name)
  {
    if (complex.Dimension != VDimension)
    {
      itkGenericExceptionMacro("Sinkhorn: the " << name << " shape has points of " << complex.Dimension
                                                << " coordinates; " << VDimension << " are needed.");
    }
    return MakeParticles(complex, maximum);
  }

  Quality
  Measure(const MeasureType & moved) const
  {
    SpringsType springs(m_Fixed, m_Report.Blur, m_Report.Reach);
    springs.Solve(moved);
    return {
      springs.GetDivergence(), ComputeMeanDistance(moved, m_Fixed), springs.GetMarginalError(), springs.GetConverged()
    };
  }

  PointStart<VDimension>
  FindStart()
  {
    m_Listener.Say("linear start from springs");
    PointStartFinder<VDimension> finder(m_Fixed, m_Moving, m_Diagonal);
    return finder.Find(m_Plan.Initialize);
  }

  /** \param pair becomes the deformation if that is nearer than what there was. */
  void
  Deform(const MeasureType & linear, PairType & pair, Quality & kept)
  {
    PointSchedule schedule;
    schedule.NumberOfIterations = m_Plan.NumberOfIterations;
    schedule.Diagonal = m_Diagonal;
    schedule.LastBlur = m_Report.Blur;
    schedule.FirstBlur = std::max(m_Report.Blur, firstBlur * m_Diagonal);
    schedule.LastReach = m_Report.Reach;
    schedule.FirstReach = m_Plan.Reach >= 0.0 ? m_Report.Reach : firstReach * m_Diagonal;
    PointFlow<VDimension> flow(m_Fixed, linear, schedule);
    const double          step = flow.Run(m_Listener);
    m_Report.Iterations = schedule.NumberOfIterations;

    const Sinkhorn::DisplacementSampler<FieldType> way(flow.GetMap().Forward);
    const auto moved = SpringsType::Move(linear, [&way](const auto & point) { return point + way(point); });
    const auto after = this->Measure(moved);
    if (after.Divergence < kept.Divergence && after.Distance <= kept.Distance)
    {
      kept = after;
      pair = flow.GetMap();
      m_Report.Kept = "result";
      m_Report.Converged = step < 0.1 * m_Report.Blur;
      return;
    }
    m_Report.MovedNothing = this->IsStill(linear, moved);
    if (m_Report.MovedNothing)
    {
      m_Listener.Say("the deformation found nothing to move: the " + m_Report.Kept + " is handed over");
      return;
    }
    m_Listener.Complain("the deformation ended farther from the fixed shape than it began; the " + m_Report.Kept +
                        " is handed over instead");
  }

  /** Whether particles lie within a quarter of a blur of where they were, in the mean square. */
  bool
  IsStill(const MeasureType & before, const MeasureType & after) const
  {
    return MeasureWay<VDimension>(before, after) < 0.25 * m_Report.Blur;
  }

  void
  Conclude(const Quality & before, const Quality & kept)
  {
    m_Report.DivergenceBefore = before.Divergence;
    m_Report.DistanceBefore = before.Distance;
    m_Report.DivergenceAfter = kept.Divergence;
    m_Report.DistanceAfter = kept.Distance;
    m_Report.MarginalError = kept.MarginalError;
    const bool isLinearResult = !m_Plan.Deform && m_Report.Kept == "result";
    m_Report.Converged = kept.Converged && (m_Report.Converged || m_Report.MovedNothing || isLinearResult);
  }

  typename Image<float, VDimension>::Pointer
  MakeGrid(const PairType & pair, const MeasureType & moved) const
  {
    constexpr double margin = 0.12; // parts of the diagonal
    constexpr double spacing = 0.02;
    if (!pair.Forward)
    {
      return MakePointGrid<VDimension>(m_Fixed, moved, margin * m_Diagonal, spacing * m_Diagonal);
    }
    const auto grid = Image<float, VDimension>::New();
    grid->CopyInformation(pair.Forward);
    grid->SetRegions(pair.Forward->GetBufferedRegion());
    return grid;
  }

  /** From fixed to moving points: back along the deformation, then along the linear map. */
  static void
  Assemble(const MapType & map, const PairType & pair, TransformType * transform)
  {
    transform->ClearTransformQueue();
    const auto linear = AffineTransform<double, VDimension>::New();
    const auto forward = AffineTransform<double, VDimension>::New();
    forward->SetMatrix(map.Linear);
    forward->SetOffset(map.Offset);
    forward->GetInverse(linear);
    transform->AddTransform(linear);
    if (pair.Forward)
    {
      const auto deformation = DisplacementFieldTransform<double, VDimension>::New();
      deformation->SetDisplacementField(pair.Inverse);
      deformation->SetInverseDisplacementField(pair.Forward);
      transform->AddTransform(deformation); // ITK applies the last one first
    }
  }

  PointRegistrationPlan   m_Plan;
  Listener &              m_Listener;
  MeasureType             m_Fixed;
  MeasureType             m_Moving;
  double                  m_Diagonal{ 0.0 };
  PointRegistrationReport m_Report;
};

template <unsigned int VDimension>
PointRegistrationReport
RegisterPoints(const PointRegistrationPlan &                plan,
               const Sinkhorn::PointComplex &               fixed,
               const Sinkhorn::PointComplex &               moving,
               CompositeTransform<double, VDimension> *     transform,
               typename Image<float, VDimension>::Pointer * grid,
               Listener &                                   listener)
{
  PointRegistration<VDimension> registration(plan, fixed, moving, listener);
  return registration.Run(transform, grid);
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
