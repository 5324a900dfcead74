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
#ifndef itkSinkhornRegistrationReport_h
#define itkSinkhornRegistrationReport_h

#include "SinkhornExport.h"

#include <string>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

struct LevelReport
{
  unsigned int Iterations{ 0 };
  /** Value of the last iteration, on the grid of the level. */
  double Value{ 0.0 };
  /** The optimiser's own criterion ended the level, not the number of iterations. */
  bool Converged{ false };
};

/** How a stage ended. */
struct StageReport
{
  /** Values of its metric on its finest grid (where frames cut through masses: negative similarity). */
  double ValueBefore{ 0.0 };
  double ValueAfter{ 0.0 };
  /** Its result was not worse than its start. */
  bool Kept{ true };
  /** What was dropped lay within a quarter of a voxel of the start. */
  bool MovedNothing{ false };
};

/** How a map folds; see itk::DisplacementFieldJacobianCalculator. */
struct Folding
{
  /** Least determinant of the Jacobian, and the part of the voxels where it is ≤ 0, by the strict criterion. */
  double MinimumJacobian{ 1.0 };
  double Fraction{ 0.0 };
  /** The least one by central differences. */
  double MinimumJacobianCentral{ 1.0 };
  /** mm^dimension */
  double NonDiffeomorphicVolume{ 0.0 };
};

/** What a registration tells about itself. */
struct RegistrationReport
{
  /** Of the main metric at the identity and at the end. */
  double ValueBefore{ 0.0 };
  double ValueAfter{ 0.0 };
  bool   HasMarginalError{ false };
  double MarginalError{ 0.0 };
  /** The last level met its own criterion, what it led to was kept, and the transport that measures it has converged.
   */
  bool Converged{ false };
  /** mm, of the values. */
  double Blur{ 0.0 };
  /** How much of what an image shows, from 0 to 1, was found to have no counterpart in the other one and was left out
   * of the finish. */
  double                   UnmatchedFixed{ 0.0 };
  double                   UnmatchedMoving{ 0.0 };
  std::vector<LevelReport> Levels;
  std::vector<StageReport> Stages;
  /** Of the whole map, on the grid of the fixed image; for who samples it there: MeasureFolding(). */
  Folding Folds;
  /** What was handed over: "result", "linear start" or "start", with the similarity (mutual information, nats) at the
   * identity and of what was handed over. */
  std::string Kept{ "result" };
  /** What was not handed over lay within a quarter of a voxel of what was. */
  bool   MovedNothing{ false };
  double SimilarityBefore{ 0.0 };
  double SimilarityAfter{ 0.0 };
};

struct Plan;

/** Plan and report as a JSON object. */
Sinkhorn_EXPORT std::string
                ToJson(const Plan & plan, const RegistrationReport & report);

} // namespace SinkhornRegistration
} // namespace itk

#endif
