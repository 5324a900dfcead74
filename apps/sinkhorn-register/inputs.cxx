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
#include "inputs.h"

#include "itkImageRegionConstIteratorWithIndex.h"

#include <algorithm>

namespace SinkhornRegister
{
namespace
{

template <unsigned int VDimension>
void
CheckSize(const ImageType<VDimension> * image, const std::string & what)
{
  const auto size = image->GetLargestPossibleRegion().GetSize();
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    if (size[d] < 4)
    {
      throw UsageError(what + ": only " + std::to_string(size[d]) + " voxels along axis " + std::to_string(d) +
                       "; at least 4 are needed, so extract a slice and register in 2-D");
    }
  }
}

/** Voxels without a value are outside the mask. */
template <unsigned int VDimension>
void
Restrict(typename MaskImageType<VDimension>::Pointer & mask,
         typename MaskImageType<VDimension>::Pointer   finite,
         const std::string &                           what)
{
  if (!finite || !mask)
  {
    mask = finite ? finite : mask;
    return;
  }
  unsigned char *       inside = mask->GetBufferPointer();
  const unsigned char * valid = finite->GetBufferPointer();
  const auto            count = mask->GetBufferedRegion().GetNumberOfPixels();
  std::transform(
    inside, inside + count, valid, inside, [](unsigned char a, unsigned char b) { return a && b ? 1 : 0; });
  if (std::count(inside, inside + count, 1) == 0)
  {
    throw UsageError(what + ": all voxels inside its mask are NaN or infinite; choose another mask");
  }
}

template <unsigned int VDimension>
itk::Point<double, VDimension>
FindCenter(const ImageType<VDimension> * image, const ImageType<VDimension> * density)
{
  itk::ContinuousIndex<double, VDimension> center;
  center.Fill(0.0);
  double     total = 0.0;
  const auto region = image->GetBufferedRegion();
  for (unsigned int d = 0; d < VDimension && !density; ++d)
  {
    center[d] = 0.5 * static_cast<double>(region.GetSize()[d] - 1);
  }
  if (density)
  {
    for (itk::ImageRegionConstIteratorWithIndex<ImageType<VDimension>> it(density, region); !it.IsAtEnd(); ++it)
    {
      total += it.Get();
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        center[d] += it.Get() * static_cast<double>(it.GetIndex()[d]);
      }
    }
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      center[d] /= total;
    }
  }
  itk::Point<double, VDimension> point;
  image->TransformContinuousIndexToPhysicalPoint(center, point);
  return point;
}

/** Lays the centre of the moving image upon that of the fixed one: of mass where mass is compared, else of the grids.
 */
template <unsigned int VDimension>
void
BringTogether(const Options & options, Inputs<VDimension> & inputs)
{
  using Pointer = typename ImageType<VDimension>::Pointer;
  const bool asMass = ComparesMass(options.Main);
  const auto densityOf = [&](const ImageType<VDimension> *     image,
                             const MaskImageType<VDimension> * mask,
                             const DensityRule &               rule,
                             const char *                      role) {
    return asMass ? MakeDensity<VDimension>(image, mask, rule, true, role) : Pointer();
  };
  Plan                  plan = options;
  ImagePair<VDimension> pair = ChooseFeatures<VDimension>(plan, inputs);
  ChooseDensities<VDimension>(plan, pair);
  const Pointer fixed = densityOf(pair.Fixed, pair.FixedMask, plan.FixedMass, "fixed image");
  const Pointer moving = densityOf(pair.Moving, pair.MovingMask, plan.MovingMass, "moving image");
  inputs.Shift = FindCenter<VDimension>(inputs.Moving, moving) - FindCenter<VDimension>(inputs.Fixed, fixed);
  const auto move = [&inputs](itk::ImageBase<VDimension> * image) {
    if (image)
    {
      image->SetOrigin(image->GetOrigin() - inputs.Shift);
    }
  };
  move(inputs.Moving);
  move(inputs.MovingMask);
  move(inputs.MovingExclusion);
  move(inputs.MovingLabels);
  move(inputs.MovingLabelMap);
}

template <unsigned int VDimension>
void
ReadCompanions(const Options & options, const FileFacts & fixed, const FileFacts & moving, Inputs<VDimension> & inputs)
{
  const auto readMask = [&inputs](const std::string & path, const char * role, const FileFacts & image) {
    return path.empty() ? typename MaskImageType<VDimension>::Pointer()
                        : ReadMask<VDimension>(InspectFile(path, role, true), inputs.Plane, image);
  };
  inputs.FixedMask = readMask(options.FixedMask, "fixed mask", fixed);
  inputs.MovingMask = readMask(options.MovingMask, "moving mask", moving);
  inputs.FixedExclusion = readMask(options.FixedExclusion, "fixed exclusion", fixed);
  inputs.MovingExclusion = readMask(options.MovingExclusion, "moving exclusion", moving);
  if (!options.FixedLabels.empty())
  {
    inputs.FixedLabels =
      ReadLabels<VDimension>(InspectFile(options.FixedLabels, "fixed labels", true), inputs.Plane, fixed);
  }
  if (!options.MovingLabels.empty())
  {
    inputs.MovingLabelFacts = InspectFile(options.MovingLabels, "moving labels", true);
    inputs.MovingLabels = ReadLabels<VDimension>(inputs.MovingLabelFacts, inputs.Plane, moving);
  }
  if (!options.Landmarks.empty())
  {
    const auto pairs =
      ReadLandmarkPairs<VDimension>(options.Landmarks, options.LandmarksAreIndices, inputs.Plane, fixed, moving);
    inputs.FixedLandmarks = pairs.Fixed;
    inputs.MovingLandmarks = pairs.Moving;
    inputs.Notices = pairs.Notices;
  }
}

/** The images as label maps, where these may be compared: if asked for, or if both look like label maps. Numbers beyond
 * 2²⁴ are not whole in images, so that the files are read once more. */
template <unsigned int VDimension>
void
ReadLabelMaps(const Options & options, const FileFacts & fixed, const FileFacts & moving, Inputs<VDimension> & inputs)
{
  const auto isMap = [](const FileFacts & facts, const ImageType<VDimension> * image) {
    return facts.Components == 1 && facts.NotFinite.empty() && IsLabelMap<VDimension>(image);
  };
  if (!MayCompareLabels(options) ||
      (options.Features == FeatureKind::Automatic && !(isMap(fixed, inputs.Fixed) && isMap(moving, inputs.Moving))))
  {
    return;
  }
  inputs.FixedLabelMap = ReadLabels<VDimension>(fixed, inputs.Plane, fixed);
  inputs.MovingLabelMap = ReadLabels<VDimension>(moving, inputs.Plane, moving);
}

/** Whether a difference of scale can be made good. */
bool
MayScale(const Options & options)
{
  const auto scales = [](const Stage & stage) {
    return stage.Transform == TransformKind::Similarity || stage.Transform == TransformKind::Affine;
  };
  return options.Initial == InitialKind::Similarity || options.Initial == InitialKind::Affine ||
         std::any_of(options.Stages.begin(), options.Stages.end(), scales);
}

} // namespace

template <unsigned int VDimension>
typename itk::TranslationTransform<double, VDimension>::Pointer
Inputs<VDimension>::MapFromFile() const
{
  const auto map = itk::TranslationTransform<double, VDimension>::New();
  map->SetOffset(-Shift);
  return map;
}

template <unsigned int VDimension>
typename Inputs<VDimension>::TransformType::Pointer
Inputs<VDimension>::MapToFile(const TransformType * transform) const
{
  const auto whole = TransformType::New();
  if (Shift.GetNorm() > 0.0)
  {
    // The first one is applied last.
    const auto away = itk::TranslationTransform<double, VDimension>::New();
    away->SetOffset(Shift);
    whole->AddTransform(away);
  }
  for (itk::SizeValueType i = 0; i < transform->GetNumberOfTransforms(); ++i)
  {
    whole->AddTransform(const_cast<TransformType *>(transform)->GetNthTransformModifiablePointer(i));
  }
  return whole;
}

template <unsigned int VDimension>
Inputs<VDimension>
ReadInputs(const Options & options, const FileFacts & fixed, const FileFacts & moving)
{
  using MaskPointer = typename MaskImageType<VDimension>::Pointer;
  Inputs<VDimension> inputs;
  inputs.Shift.Fill(0.0);
  inputs.FixedName = "fixed image '" + options.Fixed + "'";
  inputs.MovingName = "moving image '" + options.Moving + "'";
  if (VDimension == 2)
  {
    inputs.Plane = SlicePlane(fixed, moving);
  }
  CheckSize<VDimension>(inputs.Plane.template MakeGrid<VDimension>(fixed), fixed.Describe());
  CheckSize<VDimension>(inputs.Plane.template MakeGrid<VDimension>(moving), moving.Describe());
  MaskPointer fixedFinite;
  MaskPointer movingFinite;
  inputs.Fixed = ReadImage<VDimension>(fixed, inputs.Plane, fixedFinite);
  inputs.Moving = ReadImage<VDimension>(moving, inputs.Plane, movingFinite);
  if (!options.Centers)
  {
    CheckOverlap<VDimension>(inputs.Fixed, inputs.Moving);
  }
  CheckSpacing<VDimension>(inputs.Fixed, inputs.Moving, MayScale(options));
  ReadLabelMaps<VDimension>(options, fixed, moving, inputs);
  ReadCompanions<VDimension>(options, fixed, moving, inputs);
  Restrict<VDimension>(inputs.FixedMask, fixedFinite, fixed.Describe());
  Restrict<VDimension>(inputs.MovingMask, movingFinite, moving.Describe());
  if (options.Centers)
  {
    BringTogether<VDimension>(options, inputs);
  }
  return inputs;
}

#define SINKHORN_REGISTER_INSTANTIATE(D) \
  template struct Inputs<D>;             \
  template Inputs<D> ReadInputs<D>(const Options &, const FileFacts &, const FileFacts &);
SINKHORN_REGISTER_INSTANTIATE(2)
SINKHORN_REGISTER_INSTANTIATE(3)
#undef SINKHORN_REGISTER_INSTANTIATE

} // namespace SinkhornRegister
