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
#ifndef sinkhornRegisterOptions_h
#define sinkhornRegisterOptions_h

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace SinkhornRegister
{

/** A mistake of the caller (a file, a value, an image that cannot be used): reported as one sentence that names what,
 * where and the remedy. */
class UsageError : public std::runtime_error
{
public:
  using std::runtime_error::runtime_error;
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
  Velocity,     ///< flow of a velocity that changes with time
  SyN,
  BSplineSyN ///< SyN whose updates are smoothed by B-splines
};

/** How a deformation acts on mass in the sinkhorn metric; see itk::SinkhornImageToImageMetricv4. */
enum class MassModelKind
{
  Automatic,  ///< PushForward for deformations, else Intensity
  Intensity,  ///< the moving image is interpolated
  PushForward ///< every fixed voxel carries its mass along
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

/** Displacement, velocity or SyN, not a linear transform. */
bool
IsDeformation(TransformKind kind);

/** Name as on the command line and in report.json. */
std::string
ToString(MetricKind kind);
std::string
ToString(TransformKind kind);
std::string
ToString(MassModelKind kind);
std::string
ToString(InitialKind kind);

/** How intensities become mass. */
struct Density
{
  enum class Mode
  {
    AsIs,  ///< intensities are the density; negative ones are refused
    Shift, ///< the minimum is subtracted
    Clamp, ///< negative intensities become 0
    Window ///< clamped to [Low, High], then scaled to [0, 1]
  };
  Mode   How{ Mode::AsIs };
  double Low{ 0.0 };
  double High{ 1.0 };

  std::string
  ToString() const;
};

/** One registration: a transform optimised by one metric over a pyramid. The program runs a list of them, each starting
 * from the composition of those before it. */
struct Stage
{
  TransformKind Transform{ TransformKind::SyN };
  MetricKind    Metric{ MetricKind::Sinkhorn };
  /** mm; 0: chosen by level from the spacing (see GetBlur). */
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
  /** Metrics other than sinkhorn: standard deviation, voxels of the fixed image, of the Gaussian within which
   * intensities are brought to mean 0 and variance 1; 0: they are left alone. */
  double Standardize{ 0.0 };
  /** cc: radius of the neighbourhood, voxels. */
  unsigned int Radius{ 4 };
};

struct Options
{
  std::string Fixed;
  std::string Moving;
  std::string Output;
  std::string FixedLabels;
  std::string MovingLabels;
  std::string FixedMask;
  std::string MovingMask;
  /** Files of corresponding points, fixed and moving; empty or both. */
  std::vector<std::string> Landmarks;
  bool                     LandmarksAreIndices{ false };
  Density                  Mass;
  InitialKind              Initial{ InitialKind::None };
  bool                     MultiStart{ false };
  /** Before everything else, the moving image is moved so that its centre lies upon the fixed one. */
  bool               Centers{ false };
  std::vector<Stage> Stages;
  /** The stages are the recipe for deformations with sinkhorn; what was left open (metric, standardization and
   * iterations of the finish) may be chosen from the images. */
  bool IsRecipe{ false };
  bool ChoosesFinish{ false };
  bool ChoosesStandardize{ false };
  bool ChoosesIterations{ false };
  /** The reach of the transport is chosen from what the linear start leaves. */
  bool ChoosesReach{ false };
  /** What value_before and value_after speak of, on the finest grid: the last of the stages if they were given one by
   * one. */
  Stage        Main;
  unsigned int Threads{ 0 };
  bool         Quiet{ false };
};

/** Files that are read: what they are, for messages, and where. */
std::vector<std::pair<std::string, std::string>>
ListInputFiles(const Options & options);

/** Parses the command line.
 * \return -1 to go on, else the exit code of the program (help and version were printed, or the error).
 * \exception UsageError for values that the parser alone cannot judge. */
int
ParseCommandLine(int argc, char ** argv, Options & options);

} // namespace SinkhornRegister

#endif
