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
#ifndef itkSinkhornRegistrationStageInputs_hxx
#define itkSinkhornRegistrationStageInputs_hxx

#include "itkSinkhornRegistrationEngine.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationIntensities.h"
#include "itkSinkhornRegistrationMetrics.h"
#include "itkSinkhornRegistrationSettings.h"
#include "itkSinkhornRegistrationSimilarity.h"
#include "itkSinkhornRegistrationStages.h"

#include "itkLocalStandardizationImageFilter.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornLabelMixture.h"

#include <cmath>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** Local standardisation of the recipe's finish, standard deviation in voxels: wide enough to keep the contrast between
 * neighbouring structures. */
constexpr double standardizedVoxels = 16.0;

template <unsigned int VDimension>
typename MaskType<VDimension>::Pointer
MakeMaskObject(const MaskImageType<VDimension> * image)
{
  const auto mask = MaskType<VDimension>::New();
  mask->SetImage(image);
  mask->Update();
  return mask;
}

template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
StandardizeLocally(const ImageType<VDimension> * image, const MaskImageType<VDimension> * mask, double sigma)
{
  const auto filter = LocalStandardizationImageFilter<ImageType<VDimension>>::New();
  filter->SetInput(image);
  filter->SetMaskImage(mask);
  filter->SetSigma(sigma);
  filter->Update();
  return filter->GetOutput();
}

/** Geometric mean over the axes, mm. */
template <unsigned int VDimension>
double
GetMeanSpacing(const ImageType<VDimension> * image)
{
  double volume = 1.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    volume *= image->GetSpacing()[d];
  }
  return std::pow(volume, 1.0 / VDimension);
}

/** Densities, masks and grid of a stage. */
template <unsigned int VDimension>
StageInput<VDimension>
PrepareStage(const Plan & plan, const Stage & stage, const ImagePair<VDimension> & images)
{
  const bool             asMass = ComparesMass(stage);
  StageInput<VDimension> input;
  input.Parameters = stage;
  input.Fixed = MakeDensity<VDimension>(images.Fixed, images.FixedMask, plan.FixedMass, asMass, images.FixedName);
  input.Moving = MakeDensity<VDimension>(images.Moving, images.MovingMask, plan.MovingMass, asMass, images.MovingName);
  if (stage.ComparesLabels)
  {
    // They know where nothing is to be compared.
    input.FixedLabels =
      asMass ? images.FixedLabelMap : RenameLabels<VDimension>(images.FixedLabelMap, images.Links.Names);
    input.MovingLabels =
      asMass ? images.MovingLabelMap : RenameLabels<VDimension>(images.MovingLabelMap, images.Links.Names);
    input.Parameters.LabelCosts = images.Links.Costs;
  }
  if (plan.Features == FeatureKind::Intensity)
  {
    input.FixedIntensities = images.Fixed;
    input.MovingIntensities = images.Moving;
    input.NumberOfIntensityBins = plan.NumberOfIntensityBins;
    input.IntensityWeight = plan.IntensityWeight;
  }
  // A density is 0 outside its mask already, and the edge that this makes has to be felt: a mask in the metric would
  // hide it. Local metrics always get both masks: the working grid is larger than the images, and what lies outside an
  // image must not be compared with zero.
  if (!asMass && !stage.ComparesLabels)
  {
    const auto fixedMask = images.FixedMask ? images.FixedMask : MakeFullMask<VDimension>(images.Fixed);
    const auto movingMask = images.MovingMask ? images.MovingMask : MakeFullMask<VDimension>(images.Moving);
    if (stage.Standardize > 0.0)
    {
      const double sigma = stage.Standardize * GetMeanSpacing<VDimension>(images.Fixed);
      input.Fixed = StandardizeLocally<VDimension>(input.Fixed, fixedMask, sigma);
      input.Moving = StandardizeLocally<VDimension>(input.Moving, movingMask, sigma);
    }
    else if (stage.IsRefining && stage.Metric == MetricKind::MeanSquares)
    {
      // Transport compares normalised masses; what refines its result must not see the scale of intensities either.
      MatchBrightness<VDimension>(input.Fixed, input.Moving);
    }
    input.FixedMask = MakeMaskObject<VDimension>(fixedMask);
    input.MovingMask = MakeMaskObject<VDimension>(movingMask);
  }
  const std::size_t named = stage.Iterations.size();
  input.Grid = Sinkhorn::MakeWorkingGrid<VDimension>(input.Fixed,
                                                     input.Moving,
                                                     CountLevels(stage),
                                                     stage.Shrink,
                                                     IsNarrow(stage) ? Sinkhorn::WorkingGridExtent::Frame
                                                                     : Sinkhorn::WorkingGridExtent::Content);
  input.Grid.Factors.resize(named);
  return input;
}

/** Chooses what the recipe leaves open of its last stage. */
template <unsigned int VDimension>
void
AdaptFinish(const Plan & plan, bool showsShapes, Stage & finish)
{
  const bool showsLabels = plan.Features == FeatureKind::Labels;
  if (plan.ChoosesFinish)
  {
    // Local correlation sees neither a drift of brightness nor an inverted contrast, but edges need no neighbourhood.
    const bool follows = !showsShapes && finish.Transform == TransformKind::SyN;
    finish.Metric = follows ? MetricKind::Correlation : MetricKind::MeanSquares;
  }
  const bool comparesLocally = finish.Metric == MetricKind::MeanSquares || finish.Metric == MetricKind::Correlation;
  if (comparesLocally && (!showsShapes || showsLabels) && finish.Transform == TransformKind::SyN)
  {
    finish.Transform = TransformKind::Greedy;
  }
  // Local correlation sees no contrast; what lies around a voxel it takes from the box alone.
  if (finish.Metric == MetricKind::MeanSquares && !showsShapes && plan.ChoosesStandardize)
  {
    finish.Standardize = standardizedVoxels;
  }
  if (plan.ChoosesIterations && comparesLocally)
  {
    // A Gauss-Newton step leaves a tenth of the way; more of them fit noise. Exact edges in pictures can have as many
    // as it takes, in volumes that would be slow.
    const std::vector<unsigned int> exact =
      VDimension == 2 ? finish.Iterations : std::vector<unsigned int>{ 20, 15, 20 };
    const std::vector<unsigned int> detailed =
      IsNarrow(finish) ? std::vector<unsigned int>{ 60, 40, 30 } : std::vector<unsigned int>{ 15, 10, 5 };
    finish.Iterations = showsShapes && !IsNarrow(finish) ? exact : detailed;
  }
  // In volumes a neighbourhood has ten times as many voxels, and its force so much less noise.
  finish.Smoothness = VDimension == 2 ? SmoothnessKind::SmoothCoarseLevels : SmoothnessKind::Detailed;
  finish.ComparesLabels = showsLabels && CanCompareLabels(finish);
}

/** Refines a linear start of images that show no shapes and end within their frame, and before that its orientation
 * unless somebody has spoken of it. */
inline void
RefineLinearly(Plan & plan, bool isDeformation)
{
  const TransformKind kind = isDeformation ? TransformKind::Affine : plan.Main.Transform;
  const auto          where = isDeformation ? plan.Stages.begin() : plan.Stages.end();
  plan.Stages.insert(where, MakeLinearRefinement(kind));
  plan.SearchesRotations =
    kind != TransformKind::Translation &&
    (plan.Initial == InitialKind::Automatic || (!isDeformation && plan.Initial == InitialKind::None));
}

/** Chooses what the recipe leaves open from what the images show. */
template <unsigned int VDimension>
void
AdaptRecipe(Plan & plan, const ImagePair<VDimension> & images)
{
  const auto fixed = MakeDensity<VDimension>(images.Fixed, images.FixedMask, plan.FixedMass, true, images.FixedName);
  const auto moving =
    MakeDensity<VDimension>(images.Moving, images.MovingMask, plan.MovingMass, true, images.MovingName);
  const bool showsShapes = IsPiecewiseConstant<VDimension>(fixed) && IsPiecewiseConstant<VDimension>(moving);
  const bool isDeformation = IsDeformation(plan.Main.Transform);
  if (isDeformation)
  {
    AdaptFinish<VDimension>(plan, showsShapes, plan.Stages.back());
  }
  plan.Stages.back().ShowsShapes = showsShapes;
  const bool showsLabels = plan.Features == FeatureKind::Labels;
  if (showsLabels && plan.Stages.size() > 2)
  {
    // The finish adapts each label, what the outlines say of the intensity of mass is of no more use.
    plan.Stages.erase(plan.Stages.begin() + 1, plan.Stages.end() - 1);
  }
  if (showsShapes || showsLabels)
  {
    return;
  }
  const bool isCut = IsCutByBorder<VDimension>(fixed) || IsCutByBorder<VDimension>(moving);
  if (isCut && isDeformation)
  {
    // Mass beyond a border has no counterpart; a linear transform averages that out, a deformation would follow it.
    plan.Stages.erase(plan.Stages.begin(), plan.Stages.end() - 1);
  }
  if ((plan.Initial != InitialKind::None || !isDeformation) && !isCut)
  {
    RefineLinearly(plan, isDeformation);
  }
}

/** The level on whose grid a stage is evaluated: the finest one, but where label maps are transported the coarsest,
 * where mass was carried; a transport for each label of the finest grid would take longer than the registration. */
template <unsigned int VDimension>
std::size_t
ChooseEvaluatedLevel(const StageInput<VDimension> & input)
{
  return input.FixedLabels && ComparesMass(input.Parameters) ? 0 : input.Grid.Factors.size() - 1;
}

/** Value of the stage's metric between label maps under a transform. */
template <unsigned int VDimension>
Evaluation
EvaluateLabelStage(const StageInput<VDimension> & input, const Transform<double, VDimension, VDimension> * transform)
{
  using Mixtures = Sinkhorn::LabelMixtureImage<VDimension>;
  const std::size_t level = ChooseEvaluatedLevel<VDimension>(input);
  const auto        grid = Sinkhorn::ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors[level]);
  const auto        map = CompositeTransform<double, VDimension>::New();
  map->AddTransform(const_cast<Transform<double, VDimension, VDimension> *>(transform)); // is only read
  map->FlattenTransformQueue();
  const auto warp = [&](const LabelImageType<VDimension> *             labels,
                        const CompositeTransform<double, VDimension> * where) {
    return Sinkhorn::WarpOnto<Mixtures>(
      Sinkhorn::MixLabels<VDimension>(labels, Sinkhorn::FindLevelFactors<VDimension>(grid, where, labels)).GetPointer(),
      where,
      grid.GetPointer(),
      false);
  };
  return EvaluateLabels<VDimension>(input.Parameters,
                                    warp(input.FixedLabels, nullptr),
                                    warp(input.MovingLabels, map),
                                    ChooseBlur(input.Parameters, input.Grid.GetSpacing(level)));
}

/** Value of the stage's metric under a transform: on the finest working grid for sinkhorn, whose mass may lie outside
 * the fixed image, on the grid of the fixed image for the others. */
template <unsigned int VDimension>
Evaluation
EvaluateStage(const StageInput<VDimension> & input, const Transform<double, VDimension, VDimension> * transform)
{
  if (input.FixedLabels)
  {
    return EvaluateLabelStage<VDimension>(input, transform);
  }
  const std::size_t finest = input.Grid.Factors.size() - 1;
  const double      blur = ChooseBlur(input.Parameters, input.Grid.GetSpacing(finest));
  if (ComparesMass(input.Parameters))
  {
    // The densities are 0 outside their masks already.
    const auto grid = Sinkhorn::ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors[finest]);
    const auto warped = input.Parameters.MassModel == MassModelKind::Conserved
                          ? WarpDensity<VDimension>(input.Moving, transform, grid)
                          : WarpImage<VDimension>(input.Moving, transform, grid, 0.0F, false);
    return Evaluate<VDimension>(input.Parameters, input.Fixed, warped, nullptr, nullptr, grid, blur);
  }
  const auto warped = WarpImage<VDimension>(input.Moving, transform, input.Fixed, 0.0F, false);
  const auto mask =
    MakeMaskObject<VDimension>(WarpMask<VDimension>(input.MovingMask->GetImage(), transform, input.Fixed));
  return Evaluate<VDimension>(input.Parameters, input.Fixed, warped, input.FixedMask, mask, input.Fixed, blur);
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
