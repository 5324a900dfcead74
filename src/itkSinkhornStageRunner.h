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
#ifndef itkSinkhornStageRunner_h
#define itkSinkhornStageRunner_h

#include "itkSinkhornFixedPoint.h"
#include "itkSinkhornRelaxation.h"
#include "itkSinkhornSchedule.h"

#include <limits>

namespace itk
{
namespace Sinkhorn
{

/** \class StageRunner
 * \brief Runs the stages of a schedule one after the other, keeps the report and tells the observer. */
template <typename TReal>
class StageRunner
{
public:
  /** The arguments are kept by reference. \param referencePoints points that one equivalent softmin counts. */
  StageRunner(const Pyramid<TReal> &   pyramid,
              const SolverParameters & parameters,
              const double (&mass)[2],
              SizeValueType          referencePoints,
              const SolverObserver & observer,
              SolverReport &         report);

  /** The part [begin, end] of the whole solve that the next problem stands for. */
  void
  SetFractions(double begin, double end);

  /** Cross problem; potentials must fit the first stage's level or be empty. Returns false if stopped by the observer,
   * or if the first error exceeds \a largestFirstError. */
  bool
  RunCross(const std::vector<Stage> & stages,
           std::vector<TReal> &       f,
           std::vector<TReal> &       g,
           double                     largestFirstError = std::numeric_limits<double>::max());

  /** Problem of one side with itself. Returns false if stopped by the observer. */
  bool
  RunSelf(Side side, const std::vector<Stage> & stages, std::vector<TReal> & potential, double & reportedError);

private:
  using Errors = typename FixedPoint<TReal>::Errors;

  bool
  RunCrossStage(const std::vector<Stage> & stages,
                size_t                     current,
                std::vector<TReal> &       f,
                std::vector<TReal> &       g,
                double                     largestFirstError);

  Temperature
  GetTemperature(const Stage & stage) const;

  Errors
  Alternate(FixedPoint<TReal> &  iteration,
            Relaxation &         relaxation,
            std::vector<TReal> & f,
            std::vector<TReal> & g) const;

  SizeValueType
  GetNumberOfPoints(const Stage & stage) const;

  void
  CountSoftmins(const FixedPoint<TReal> & iteration, const Stage & stage);

  /** Stages count by their points; inside a stage, of unknown length, the fraction approaches its end. */
  double
  GetFraction(const std::vector<Stage> & stages, size_t current, unsigned int count);

  bool
  Notify(const Stage & stage, unsigned int iteration, double error, double fraction);

  const Pyramid<TReal> &   m_Pyramid;
  const SolverParameters & m_Parameters;
  double                   m_Mass[2];
  double                   m_ReferencePoints{ 1.0 };
  const SolverObserver &   m_Observer;
  SolverReport &           m_Report;
  double                   m_FractionBegin{ 0.0 };
  double                   m_FractionEnd{ 1.0 };
  double                   m_LastFraction{ 0.0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
