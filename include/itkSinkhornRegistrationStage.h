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
#ifndef itkSinkhornRegistrationStage_h
#define itkSinkhornRegistrationStage_h

#include "SinkhornExport.h"
#include "itkMacro.h"

#include <string>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** A mistake of the caller (a value, an image that cannot be used): its description is one sentence that names what,
 * where and the remedy. */
class UsageError : public ExceptionObject
{
public:
  explicit UsageError(const std::string & description)
    : ExceptionObject(__FILE__, __LINE__, description)
  {}
  const char *
  GetNameOfClass() const override
  {
    return "UsageError";
  }
};

enum class MetricKind
{
  Sinkhorn,
  Kernel,
  MeanSquares,
  Correlation,
  Mattes
};

enum class TransformKind
{
  Translation,
  Rigid,
  Similarity,
  Affine,
  Displacement, ///< of every voxel of the fixed image
  Greedy,       ///< the same, grown by composition with narrow updates and lightly smoothed as a whole
  Velocity,     ///< flow of a velocity that changes with time
  SyN,
  BSplineSyN ///< SyN whose updates are smoothed by B-splines
};

/** How a deformation acts on mass in the sinkhorn metric; see itk::SinkhornImageToImageMetricv4. */
enum class MassModelKind
{
  Automatic,   ///< PushForward for deformations, else Intensity
  Intensity,   ///< the moving image is interpolated
  PushForward, ///< every fixed voxel carries its mass along
  Conserved ///< the same in every stage: images are densities whose mass must not change, M(T(x)) det J(x) is compared
};

/** Transform that the stages start from, fitted to the springs of transport; see itk::SinkhornTransformInitializer. */
enum class InitialKind
{
  None,
  Centers,   ///< the moving centre is laid upon the fixed one; then as if nothing had been said
  Automatic, ///< Affine in volumes where that stretches by half at most, else Rigid
  Rigid,
  Similarity,
  Affine
};

/** What is compared beside the place. */
enum class FeatureKind
{
  Automatic, ///< Labels if both images are label maps of more than one label, else None
  None,      ///< intensities, whatever they stand for
  Labels,    ///< each label with its like
  Intensity  ///< mass as bright as itself, by the springs of the start; then intensities
};

/** Displacement, velocity or SyN, not a linear transform. */
Sinkhorn_EXPORT bool
IsDeformation(TransformKind kind);

/** Name as in the settings, on the command line and in reports. */
Sinkhorn_EXPORT std::string
                ToString(MetricKind kind);
Sinkhorn_EXPORT std::string
                ToString(TransformKind kind);
Sinkhorn_EXPORT std::string
                ToString(MassModelKind kind);
Sinkhorn_EXPORT std::string
                ToString(InitialKind kind);
Sinkhorn_EXPORT std::string
                ToString(FeatureKind kind);

/** How intensities become mass. */
struct Sinkhorn_EXPORT DensityRule
{
  enum class Mode
  {
    AsIs,      ///< intensities are the density; negative ones are refused
    Automatic, ///< one of the others for each image: see ChooseDensities()
    Shift,     ///< the minimum is subtracted
    Clamp,     ///< negative intensities become 0
    Window,    ///< 0 at Low, 1 at High and beyond; dark things on a bright ground have Low above High
    Around     ///< distance from Low, which is the background, up to that of High
  };
  Mode   How{ Mode::AsIs };
  double Low{ 0.0 };
  double High{ 1.0 };

  std::string
  ToString() const;
};

/** How smooth the map of a greedy stage by cc is: standard deviations in voxels of the level. */
enum class SmoothnessKind : uint8_t
{
  Smooth,             ///< updates 3, whole field 0.7; what is narrow is noise
  SmoothCoarseLevels, ///< updates 1.5, whole field 1 and 0.7 on the coarse levels, 0.4 on the finest one
  Detailed            ///< updates 1.5, whole field 0.4 on all levels
};

/** One registration: a transform optimised by one metric over a pyramid. A plan is a list of them, each starting from
 * the composition of those before it. */
struct Stage
{
  TransformKind Transform{ TransformKind::SyN };
  MetricKind    Metric{ MetricKind::Sinkhorn };
  /** mm; 0: chosen by level from the spacing. */
  double Blur{ 0.0 };
  /** mm; 0: balanced. */
  double        Reach{ 0.0 };
  MassModelKind MassModel{ MassModelKind::Automatic };
  /** Iterations of each level, coarsest first. */
  std::vector<unsigned int> Iterations{ 100, 50, 25 };
  /** Shrink factor of each level relative to the finest; empty: chosen from the size of the grid. */
  std::vector<unsigned int> Shrink;
  /** Deformations: standard deviations of the Gaussians whose sum smooths the update field, mm, of each level; empty:
   * fractions of the field of view. */
  std::vector<std::vector<double>> UpdateSigmas;
  /** Largest displacement of one iteration, in voxels of the level's grid; 0: the default of the transform. */
  double LearningRate{ 0.0 };
  /** Levels of the pyramid, of which Iterations names the coarsest; 0: it names them all. */
  std::size_t NumberOfLevels{ 0 };
  /** Refines what an earlier stage has brought near. */
  bool IsRefining{ false };
  /** Both images are silhouettes or label maps: their edges are exact and there is no noise to smooth away. */
  bool ShowsShapes{ false };
  /** sinkhorn: way left, in the mean square and in voxels of the level, at which a level has done its work; 0: what the
   * grid can't tell, see itk::RegistrationForce. */
  double SmallestWay{ 0.0 };
  /** Label maps are compared label by label in place of the images. */
  bool ComparesLabels{ false };
  /** sinkhorn: costs between these labels, mm², see Sinkhorn::LabelCosts; empty: infinite. */
  std::vector<double> LabelCosts;
  /** Metrics other than sinkhorn: standard deviation, voxels of the fixed image, of the Gaussian within which
   * intensities are brought to mean 0 and variance 1; 0: they are left alone. */
  double Standardize{ 0.0 };
  /** cc: radius of the neighbourhood, voxels of the level, of each level; empty: 4, in a greedy stage 3 at the two
   * finest levels, or 2 where the map is smooth. */
  std::vector<unsigned int> Radii;
  /** All deformations but velocity: standard deviation of the Gaussian that smooths the whole field after each step,
   * voxels of the level, of each level; empty: 0.5 where a greedy stage follows intensities, for cc as Smoothness says,
   * else none. */
  std::vector<double> TotalSigmas;
  /** Where the smoothing is left open. */
  SmoothnessKind Smoothness{ SmoothnessKind::Detailed };
};

/** Whether the metric of a stage sees images as mass. */
Sinkhorn_EXPORT bool
ComparesMass(const Stage & stage);

/** Whether a stage can compare label maps label by label: deformations by mean squares or transport. */
Sinkhorn_EXPORT bool
CanCompareLabels(const Stage & stage);

/** How a deformation acts on mass. */
Sinkhorn_EXPORT MassModelKind
ChooseMassModel(const Stage & stage);

/** Largest displacement of one iteration, voxels of the level's grid. */
Sinkhorn_EXPORT double
ChooseLearningRate(const Stage & stage);

} // namespace SinkhornRegistration
} // namespace itk

#endif
