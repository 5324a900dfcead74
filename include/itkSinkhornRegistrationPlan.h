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
#ifndef itkSinkhornRegistrationPlan_h
#define itkSinkhornRegistrationPlan_h

#include "itkSinkhornLabelDistances.h"
#include "itkSinkhornRegistrationStage.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** Labels of two label maps, 0 left out, in ascending order. */
struct LabelSets
{
  std::vector<std::uint32_t> Common;
  /** They take part in nothing: no label of the other map is at a finite distance. */
  std::vector<std::uint32_t> FixedOnly;
  std::vector<std::uint32_t> MovingOnly;
  /** Labels between which mass can go, of both maps, in groups of more than one. */
  std::vector<std::vector<std::uint32_t>> Linked;
};

/** What a registration does. */
struct Plan
{
  /** As it was asked for, and what that comes to for each image: ChooseDensities(). */
  DensityRule Mass;
  DensityRule FixedMass;
  DensityRule MovingMass;
  /** As it was asked for, and by ChooseFeatures() what it comes to, with the labels if these are compared. */
  FeatureKind Features{ FeatureKind::Automatic };
  LabelSets   Labels;
  /** Between labels that are not the same; empty: infinite. */
  LabelDistances Distances;
  /** FeatureKind::Intensity: see itk::SinkhornTransformInitializer. */
  unsigned int NumberOfIntensityBins{ 0 };
  double       IntensityWeight{ 0.0 };
  InitialKind  Initial{ InitialKind::None };
  /** Start also from the rotations that align the principal axes. */
  bool MultiStart{ false };
  /** What one image alone shows is compared by the finish, not looked for and left out. */
  bool KeepUnmatched{ false };
  /** Before everything else, the moving image is moved so that its centre lies upon the fixed one. */
  bool               Centers{ false };
  std::vector<Stage> Stages;
  /** The stages are the recipe for deformations with sinkhorn, or a linear transform whose metric was left open; what
   * was left open (a linear refinement; metric, standardization and iterations of the finish) may be chosen from the
   * images. */
  bool IsRecipe{ false };
  /** Whether another orientation makes the images more similar is looked at before they are refined. */
  bool SearchesRotations{ false };
  bool ChoosesFinish{ false };
  bool ChoosesStandardize{ false };
  bool ChoosesIterations{ false };
  /** The reach of the transport is chosen from what the linear start leaves. */
  bool ChoosesReach{ false };
  /** What the values before and after speak of, on the finest grid: the last of the stages if they were given one by
   * one. */
  Stage Main;
  /** In front of the names of settings in messages: "--" for a command line. */
  std::string Prefix;
};

/** What a user says, as text; what is left out is chosen. */
struct PlanRequest
{
  std::string Metric;    ///< sinkhorn
  std::string Transform; ///< syn
  /** Metric that refines what transport has brought near, or "none". */
  std::string Finish;
  std::string Initialize;
  std::string Density;
  std::string Features; ///< auto
  /** File of distances between labels, or the table itself; see ReadLabelDistances(). Empty: infinite. */
  std::string LabelCosts;
  bool        MultiStart{ false };
  bool        KeepUnmatched{ false };
  /** Of stages: blur, reach, mass-model, iterations, shrink, update-sigma, learning-rate, radius, standardize. */
  std::map<std::string, std::string> Settings;
  /** "syn,sinkhorn,blur=4", one each; then there is no metric, transform nor finish. */
  std::vector<std::string> Stages;
  std::string              Prefix; ///< see Plan
};

/** Whether label maps may be compared label by label: by default in a recipe that is free to, if asked for in any stage
 * that can. */
Sinkhorn_EXPORT bool
MayCompareLabels(const Plan & plan);

/** Features as in the settings and in reports: "labels", "intensity:16". */
Sinkhorn_EXPORT std::string
                DescribeFeatures(const Plan & plan);

/** The plan for a request. With no more than two images in mind this is the recipe, SyN with transport as good as it
 * gets without further advice: a linear start from the springs of transport; mass is carried on the coarsest level
 * until nothing is gained any more; there the moving image's intensities are adapted; then a local metric refines on
 * all levels. \exception UsageError that names the setting, its value and the remedy. */
Sinkhorn_EXPORT Plan
MakePlan(const PlanRequest & request);

} // namespace SinkhornRegistration
} // namespace itk

#endif
