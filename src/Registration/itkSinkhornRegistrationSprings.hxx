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
#ifndef itkSinkhornRegistrationSprings_hxx
#define itkSinkhornRegistrationSprings_hxx

#include "itkSinkhornRegistrationLinear.hxx"
#include "itkSinkhornRegistrationSimilarity.h"

#include "itkImageMomentsCalculator.h"
#include "itkSinkhornLabelCosts.h"
#include "itkSinkhornLinearFit.h"
#include "itkSinkhornTransformInitializer.h"

namespace itk
{
namespace SinkhornRegistration
{

/** Mean squared distance of the mass from its centre, mm². */
template <unsigned int VDimension>
double
GetMassVariance(const ImageType<VDimension> * density)
{
  const auto moments = ImageMomentsCalculator<ImageType<VDimension>>::New();
  moments->SetImage(density);
  moments->Compute();
  return moments->GetPrincipalMoments().GetVnlVector().sum() / moments->GetTotalMass();
}

template <typename TTransform, unsigned int VDimension>
SpringFit<VDimension>
FitToSprings(const StageInput<VDimension> & input, bool multiStart)
{
  const auto transform = TTransform::New();
  const auto initializer = SinkhornTransformInitializer<TTransform, ImageType<VDimension>>::New();
  initializer->SetTransform(transform);
  initializer->SetFixedImage(input.Fixed);
  initializer->SetMovingImage(input.Moving);
  initializer->SetFixedLabels(input.FixedLabels);
  initializer->SetMovingLabels(input.MovingLabels);
  initializer->SetLabelCosts(input.Parameters.LabelCosts);
  initializer->SetFixedIntensities(input.FixedIntensities);
  initializer->SetMovingIntensities(input.MovingIntensities);
  initializer->SetNumberOfIntensityBins(input.NumberOfIntensityBins);
  initializer->SetIntensityWeight(input.IntensityWeight);
  initializer->SetReach(input.Parameters.Reach);
  initializer->SetUseMultiStart(multiStart);
  initializer->InitializeTransform();
  const double divergence = initializer->GetDivergence();
  return { transform.GetPointer(), divergence, divergence / GetMassVariance<VDimension>(input.Fixed) };
}

/** The rigid fit, from a rotated start if the plain one leaves a good part of the way (a third of the radius of the
 * mass) and the rotated one less than half of that divergence: shapes that look alike both ways stay as they lie. */
template <unsigned int VDimension>
SpringFit<VDimension>
FitRigidlyToSprings(const StageInput<VDimension> & input, bool multiStart)
{
  constexpr double farPart = 0.05;
  constexpr double betterPart = 0.5;
  const auto       plain = FitToSprings<RigidTransform<VDimension>, VDimension>(input, multiStart);
  if (multiStart || plain.Rest < farPart)
  {
    return plain;
  }
  const auto rotated = FitToSprings<RigidTransform<VDimension>, VDimension>(input, true);
  return rotated.Divergence < betterPart * plain.Divergence ? rotated : plain;
}

template <unsigned int VDimension>
SpringFit<VDimension>
FitToSprings(const StageInput<VDimension> & input, InitialKind kind, bool multiStart)
{
  using AffineTransform = AffineTransform<double, VDimension>;
  using RigidType = RigidTransform<VDimension>;
  using SimilarityType = SimilarityTransform<VDimension>;
  switch (kind)
  {
    case InitialKind::Rigid: return FitToSprings<RigidType, VDimension>(input, multiStart);
    case InitialKind::Similarity: return FitToSprings<SimilarityType, VDimension>(input, multiStart);
    case InitialKind::Affine: return FitToSprings<AffineTransform, VDimension>(input, multiStart);
    default: break;
  }
  // Anatomies in volumes differ by a modest affine transform first of all. Pictures show parts of things that bend, and
  // the shear that fits a bend is in the way of what follows.
  if (VDimension == 2)
  {
    return FitRigidlyToSprings<VDimension>(input, multiStart);
  }
  const auto affine = FitToSprings<AffineTransform, VDimension>(input, multiStart);
  const auto matrix = static_cast<const AffineTransform *>(affine.Transform.GetPointer())->GetMatrix();
  if (input.FixedLabels)
  {
    // Labels know their like also when they have grown; but an affine transform that fits parts which lie elsewhere in
    // the whole may fit none of them.
    constexpr double largestGrowth = 4.0;
    const auto       rigid = FitRigidlyToSprings<VDimension>(input, multiStart);
    const auto       groups = Sinkhorn::LabelCosts(input.Parameters.LabelCosts).FindGroups();
    const auto       overlap = [&](const SpringFit<VDimension> & fit) {
      return MeasureOverlap<VDimension>(RenameLabels<VDimension>(input.FixedLabels, groups),
                                        RenameLabels<VDimension>(input.MovingLabels, groups),
                                        fit.Transform);
    };
    return Sinkhorn::IsModest<VDimension>(matrix, largestGrowth) && overlap(affine) >= overlap(rigid) ? affine : rigid;
  }
  // Anatomies of one kind differ by half at most: more than that is a deformation in disguise.
  constexpr double largestStretch = 1.5;
  return Sinkhorn::IsModest<VDimension>(matrix, largestStretch) ? affine
                                                                : FitRigidlyToSprings<VDimension>(input, multiStart);
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
