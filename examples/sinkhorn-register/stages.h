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
#ifndef sinkhornRegisterStages_h
#define sinkhornRegisterStages_h

#include "grid.h"
#include "images.h"
#include "progress.h"
#include "updateShaper.h"

#include "itkCompositeTransform.h"
#include "itkDisplacementFieldTransform.h"

#include <vector>

namespace SinkhornRegister
{

/** The two half-way maps of SyN or a displacement, with their inverses, each on the grid of the last level. */
template <unsigned int VDimension>
struct HalfwayMaps
{
  using TransformType = itk::DisplacementFieldTransform<double, VDimension>;
  typename TransformType::Pointer FixedToMiddle;
  typename TransformType::Pointer MovingToMiddle;
};

/** What a stage starts from. */
template <unsigned int VDimension>
struct StageInput
{
  Stage                                   Parameters;
  typename ImageType<VDimension>::Pointer Fixed;
  typename ImageType<VDimension>::Pointer Moving;
  typename MaskType<VDimension>::Pointer  FixedMask;
  typename MaskType<VDimension>::Pointer  MovingMask;
  WorkingGrid<VDimension>                 Grid;
  /** Composition of the earlier stages, fixed to moving points; may be empty. */
  typename itk::CompositeTransform<double, VDimension>::Pointer Initial;
  /** Maps of the stage before to go on with, or none. They are not part of Initial. */
  HalfwayMaps<VDimension> Maps;
};

struct LevelReport
{
  unsigned int Iterations{ 0 };
  /** Value of the last iteration, on the grid of the level. */
  double Value{ 0.0 };
  /** The optimiser's own criterion ended the level, not the number of iterations. */
  bool Converged{ false };
};

/** What it ends with; the transform is applied before Initial. */
template <unsigned int VDimension>
struct StageOutput
{
  typename itk::Transform<double, VDimension, VDimension>::Pointer Transform;
  std::vector<LevelReport>                                         Levels;
  /** None if nothing can go on with them. */
  HalfwayMaps<VDimension> Maps;
};

/** Blur of a level, mm: the stage's, but no less than the spacing of the level, which could not resolve it; twice that
 * spacing if the stage leaves it open. */
double
ChooseBlur(const Stage & stage, double levelSpacing);

/** Largest displacement of one iteration, voxels of the level's grid. */
double
ChooseLearningRate(const Stage & stage);

/** Standard deviations of the Gaussians whose sum smooths the update of a deformation at a level of the given spacing,
 * mm. */
std::vector<double>
ChooseUpdateSigmas(const Stage & stage, double fieldOfView, double spacing, std::size_t level);

/** Whether a stage can go on with the half-way maps of the stage before it. */
bool
CanBeContinued(TransformKind kind);

/** What the derivative of the metric of a deformation says. */
ForceKind
ChooseForce(const Stage & stage);

/** Whether the metric of a stage sees images as mass. */
bool
ComparesMass(const Stage & stage);

/** How a deformation acts on mass. */
MassModelKind
ChooseMassModel(const Stage & stage);

/** A linear transform that is fitted to springs. */
template <unsigned int VDimension>
struct SpringFit
{
  typename itk::Transform<double, VDimension, VDimension>::Pointer Transform;
  /** Sinkhorn divergence that it leaves, mm². */
  double Divergence{ 0.0 };
  /** The same as a part of the mean squared radius of the mass. */
  double Rest{ 0.0 };
};

/** A linear transform to start from, fitted to the springs of the transport between both densities. \param multiStart
 * also from the rotations that align the principal axes. */
template <unsigned int VDimension>
SpringFit<VDimension>
FitToSprings(const StageInput<VDimension> & input, InitialKind kind, bool multiStart);

/** Translation, rigid, similarity or affine, by gradient descent with steps of bounded physical length. */
template <unsigned int VDimension>
StageOutput<VDimension>
RunLinearStage(const StageInput<VDimension> & input, Progress & progress);

/** A deformation: SyN, the flow of a velocity, or a displacement field. */
template <unsigned int VDimension>
StageOutput<VDimension>
RunDeformableStage(const StageInput<VDimension> & input, Progress & progress);

} // namespace SinkhornRegister

#endif
