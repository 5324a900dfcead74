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

#include "itkSinkhornCoarseCorrection.h"
#include "itkSinkhornFixedPoint.h"
#include "itkSinkhornRelaxation.h"
#include "itkSinkhornSchedule.h"

#include <memory>

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

  /** Cross problem; potentials must fit the first stage's level or be empty. Returns false if stopped by the observer.
   */
  bool
  RunCross(const std::vector<Stage> & stages, std::vector<TReal> & f, std::vector<TReal> & g);

  /** The same from old potentials and on the finest grid, at the last stage of the schedule only. Also returns false as
   * soon as they prove to be of no use. */
  bool
  RunWarmCross(const Stage & stage, std::vector<TReal> & f, std::vector<TReal> & g);

  /** Problem of one side with itself. Returns false if stopped by the observer. */
  bool
  RunSelf(Side side, const std::vector<Stage> & stages, std::vector<TReal> & potential, double & reportedError);

private:
  using Errors = typename FixedPoint<TReal>::Errors;

  /** What a level is to do beyond its stage. */
  struct Task
  {
    const typename FixedPoint<TReal>::Offsets * Offsets{ nullptr };  ///< of a correction
    bool                                        IsFinest{ false };   ///< its counts and errors are reported
    bool                                        IsTrial{ false };    ///< gives up if the start is of no use
    bool                                        IsCautious{ false }; ///< the offsets are those of a cautious correction
    double                                      Begin{ 0.0 };        ///< fraction of the problem done before
    double                                      End{ 1.0 };          ///< and after
  };

  /** How a level is corrected by the coarser one. */
  enum class Correction : uint8_t
  {
    Full,     ///< after every iteration, by all that the coarse problem asks for
    Cautious, ///< after two iterations, by the beginning of the coarse iterations
    None      ///< corrections do not pay
  };

  enum class Outcome : uint8_t
  {
    Finished,   ///< within the tolerance, or at the last iteration
    Unfinished, ///< to be continued by other means
    Stopped     ///< by the observer, or useless
  };

  /** The iterations of a level that the coarser one corrects, and whether its corrections pay. */
  class CorrectedLevel;

  /** Runs a stage on its level, with corrections by the coarser one while they pay. Returns false if stopped. */
  bool
  RunLevel(const Stage & stage, const Task & task, std::vector<TReal> & f, std::vector<TReal> & g);

  Outcome
  RunRelaxed(const Stage &        stage,
             const Task &         task,
             FixedPoint<TReal> &  iteration,
             unsigned int &       count,
             std::vector<TReal> & f,
             std::vector<TReal> & g);

  /** A short annealing from \a heat times the stage's blur. */
  void
  Reheat(const Stage & stage, double heat, std::vector<TReal> & f, std::vector<TReal> & g);

  /** One correction of \a error by the coarser level. */
  bool
  CorrectCoarsely(const Stage &             stage,
                  double                    error,
                  CoarseCorrection<TReal> & correction,
                  std::vector<TReal> &      f,
                  std::vector<TReal> &      g);

  bool
  IsCorrected(const Stage & stage) const;

  /** Never bolder than what the coarser level has come to: the same pieces of mass make both difficult. */
  Correction
  GetCorrection(size_t level) const;

  /** The correction of the stage's level, made at its first use. */
  CoarseCorrection<TReal> &
  KeepCorrection(const Stage & stage);

  /** After a correction that has not paid. */
  void
  Demote(size_t level, bool wasCautious, bool isFar);

  double
  GetFirstEta(const Stage & stage, const Task & task) const;

  Temperature
  GetTemperature(const Stage & stage) const;

  Errors
  Alternate(FixedPoint<TReal> &  iteration,
            Relaxation &         relaxation,
            const Task &         task,
            std::vector<TReal> & f,
            std::vector<TReal> & g) const;

  SizeValueType
  GetNumberOfPoints(const Stage & stage) const;

  void
  CountSoftmins(unsigned int softmins, size_t level);

  /** The part of all stages' work before stage number \a current. Stages count by their points. */
  double
  GetFractionBefore(const std::vector<Stage> & stages, size_t current) const;

  bool
  Notify(const Stage & stage, unsigned int iteration, double error, double fraction);

  /** Reports an iteration of the cross problem; false to stop. */
  bool
  Observe(const Stage & stage, const Task & task, unsigned int count, const Errors & errors);

  const Pyramid<TReal> &   m_Pyramid;
  const SolverParameters & m_Parameters;
  double                   m_Mass[2];
  double                   m_ReferencePoints{ 1.0 };
  const SolverObserver &   m_Observer;
  SolverReport &           m_Report;
  double                   m_FractionBegin{ 0.0 };
  double                   m_FractionEnd{ 1.0 };
  double                   m_LastFraction{ 0.0 };
  // of each level
  std::vector<Correction>                               m_CorrectionOf;
  std::vector<bool>                                     m_IsDifficult; ///< a full correction has failed far away
  std::vector<std::unique_ptr<CoarseCorrection<TReal>>> m_Corrections;
  std::vector<std::vector<TReal>>                       m_Scratch;
};

} // namespace Sinkhorn
} // namespace itk

#endif
