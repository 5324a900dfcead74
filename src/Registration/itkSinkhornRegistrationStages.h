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
#ifndef itkSinkhornRegistrationStages_h
#define itkSinkhornRegistrationStages_h

#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationListener.h"
#include "itkSinkhornRegistrationReport.h"
#include "itkSinkhornRegistrationStage.h"
#include "itkSinkhornWorkingGrid.h"

#include "itkCompositeTransform.h"
#include "itkDisplacementFieldTransform.h"

#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** The two half-way maps of SyN or a displacement, with their inverses, each on the grid of the last level. */
template <unsigned int VDimension>
struct HalfwayMaps
{
  using TransformType = DisplacementFieldTransform<double, VDimension>;
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
  Sinkhorn::WorkingGrid<VDimension>       Grid;
  /** Compared in place of the images; nullptr: none. */
  typename LabelImageType<VDimension>::Pointer FixedLabels;
  typename LabelImageType<VDimension>::Pointer MovingLabels;
  /** What the springs of the start compare beside the place, see itk::SinkhornTransformInitializer; nullptr: nothing.
   */
  typename ImageType<VDimension>::Pointer FixedIntensities;
  typename ImageType<VDimension>::Pointer MovingIntensities;
  unsigned int                            NumberOfIntensityBins{ 0 };
  double                                  IntensityWeight{ 0.0 };
  /** Composition of the earlier stages, fixed to moving points; may be empty. */
  typename CompositeTransform<double, VDimension>::Pointer Initial;
  /** Maps of the stage before to go on with, or none. They are not part of Initial. */
  HalfwayMaps<VDimension> Maps;
};

/** What it ends with; the transform is applied before Initial. */
template <unsigned int VDimension>
struct StageOutput
{
  typename Transform<double, VDimension, VDimension>::Pointer Transform;
  std::vector<LevelReport>                                    Levels;
  /** None if nothing can go on with them. */
  HalfwayMaps<VDimension> Maps;
};

/** What the pipeline has to know of a kind of metric; all else a metric tells itself. */
struct MetricTraits
{
  /** Images are densities to it. */
  bool ComparesMass;
  /** It says how far mass has to go. */
  bool Transports;
  /** Blur, spacings of the level, if the user gives none. */
  double BlurInSpacings;
};

const MetricTraits &
GetTraits(MetricKind kind);

/** Levels down to the full resolution; a stage may run the coarsest of them only. */
std::size_t
CountLevels(const Stage & stage);

/** Blur of a level, mm: the stage's, but no less than the spacing of the level, which could not resolve it; twice that
 * spacing if the stage leaves it open. */
double
ChooseBlur(const Stage & stage, double levelSpacing);

/** Standard deviations of the Gaussians whose sum smooths the update of a deformation at a level of the given spacing,
 * mm; voxels where IsNarrow(). */
std::vector<double>
ChooseUpdateSigmas(const Stage & stage, double fieldOfView, double spacing, std::size_t level);

/** Radius of the neighbourhoods of cc at a level, voxels of the level. */
unsigned int
ChooseRadius(const Stage & stage, std::size_t level);

/** Standard deviation of the smoothing of a whole field after each step at a level, voxels of the level; 0: none.
 * \param longest voxels of the level along its longest axis. */
double
ChooseTotalSigma(const Stage & stage, std::size_t level, SizeValueType longest);

/** Whether a stage refines intensities within the frame of the fixed image by narrow updates: then its grid is that
 * frame at full resolution, and smoothing is by voxels. */
bool
IsNarrow(const Stage & stage);

/** Whether a stage has a choice of how smooth its map is on coarse levels: its whole field is smoothed, nobody has said
 * how much. */
bool
LeavesSmoothnessOpen(const Stage & stage);

/** Whether that choice includes SmoothnessKind::Smooth: nobody has spoken of updates or neighbourhoods either. */
bool
AllowsSmoothMap(const Stage & stage);

/** Whether a stage can go on with the half-way maps of the stage before it. */
bool
CanBeContinued(TransformKind kind);

/** A linear transform that is fitted to springs. */
template <unsigned int VDimension>
struct SpringFit
{
  typename Transform<double, VDimension, VDimension>::Pointer Transform;
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
RunLinearStage(const StageInput<VDimension> & input, Listener & listener);

/** A deformation: SyN, the flow of a velocity, or a displacement field. */
template <unsigned int VDimension>
StageOutput<VDimension>
RunDeformableStage(const StageInput<VDimension> & input, Listener & listener);

} // namespace SinkhornRegistration
} // namespace itk

#endif
