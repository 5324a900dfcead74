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
#ifndef itkSinkhornPointRegistrationEngine_h
#define itkSinkhornPointRegistrationEngine_h

#include "itkSinkhornPointMeasure.h"
#include "itkSinkhornRegistrationListener.h"
#include "itkSinkhornRegistrationReport.h"
#include "itkSinkhornRegistrationStage.h"

#include "itkCompositeTransform.h"
#include "itkImage.h"

#include <string>

namespace itk
{
namespace SinkhornRegistration
{

/** What is asked of the registration of two curves, surfaces or clouds. Lengths in mm. */
struct PointRegistrationPlan
{
  /** Linear transform to start from, fitted to springs. Automatic: in space the affine one if, beside a common scale,
   * it stretches by half at most, otherwise and in the plane the similarity. */
  InitialKind Initialize{ InitialKind::Automatic };
  /** Go on with a deformation. */
  bool Deform{ true };
  /** σ at the end; 0: 1.25 % of the diagonal of the fixed shape. */
  double Blur{ 0.0 };
  /** Distance beyond which mass is left alone rather than moved; 0: never (balanced); negative: 10 % of the diagonal at
   * first and 5 % at the end, for parts that the other shape has not. */
  double Reach{ -1.0 };
  /** Of the deformation. */
  unsigned int NumberOfIterations{ 40 };
  /** Particles that a shape is reduced to by clustering. */
  SizeValueType MaximumNumberOfParticles{ 2000 };
};

/** What a registration of points tells about itself. */
struct PointRegistrationReport
{
  /** Sinkhorn divergence at the final blur and reach, both masses 1, mm²: as given, and of what was handed over. */
  double DivergenceBefore{ 0.0 };
  double DivergenceAfter{ 0.0 };
  /** Mean distance from each particle to the nearest one of the other shape, both ways, mm. */
  double DistanceBefore{ 0.0 };
  double DistanceAfter{ 0.0 };
  /** mm, of the divergence. */
  double Blur{ 0.0 };
  double Reach{ 0.0 };
  /** The linear transform that was fitted: "rigid", "similarity", "affine", "centers", or "none". */
  std::string  Initialize{ "none" };
  unsigned int Iterations{ 0 };
  /** The last step moved particles by less than a tenth of the blur (root mean square), what it led to was kept, and
   * the transport that measures it has converged. */
  bool   Converged{ false };
  double MarginalError{ 0.0 };
  /** What was handed over: "result", "linear start" or "start". */
  std::string Kept{ "result" };
  /** What was not handed over lay within a quarter of a blur of what was. */
  bool          MovedNothing{ false };
  SizeValueType NumberOfFixedParticles{ 0 };
  SizeValueType NumberOfMovingParticles{ 0 };
  /** Cells that were left out because they have neither length nor area. */
  SizeValueType NumberOfDroppedFixedCells{ 0 };
  SizeValueType NumberOfDroppedMovingCells{ 0 };
};

/** Plan and report as a JSON object; its keys are also those of the program's report.json where they mean the same. */
Sinkhorn_EXPORT std::string
                ToJson(const PointRegistrationPlan &   plan,
                       const PointRegistrationReport & report,
                       unsigned int                    dimension,
                       const Folding &                 folds);

/** Registers two shapes: a linear transform and a diffeomorphism of space that bring the moving shape onto the fixed
 * one.
 *
 * Particles follow the springs of the Sinkhorn divergence (Feydy et al. 2017) at a blur that shrinks from iteration to
 * iteration. The springs, with their masses, are spread on a grid of space and smoothed by ever narrower Gaussians,
 * divided by the mass smoothed alike, and composed onto the map; where that is about to fold it is relaxed.
 *
 * \param transform becomes the map from fixed to moving points; its inverse carries the moving shape onto the fixed
 * one. \param grid if not null, becomes the grid of the deformation, or one that holds both shapes if
 * there is none, without voxels.
 * \exception itk::ExceptionObject for shapes without mass or of another dimension, and settings out of range. */
template <unsigned int VDimension>
Sinkhorn_EXPORT PointRegistrationReport
RegisterPoints(const PointRegistrationPlan &                plan,
               const Sinkhorn::PointComplex &               fixed,
               const Sinkhorn::PointComplex &               moving,
               CompositeTransform<double, VDimension> *     transform,
               typename Image<float, VDimension>::Pointer * grid,
               Listener &                                   listener);

} // namespace SinkhornRegistration
} // namespace itk

#endif
