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
#ifndef sinkhornRegisterSprings_hxx
#define sinkhornRegisterSprings_hxx

#include "linear.hxx"

#include "itkSimilarity2DTransform.h"
#include "itkSimilarity3DTransform.h"
#include "itkSinkhornTransformInitializer.h"

#include "vnl/algo/vnl_determinant.h"
#include "vnl/algo/vnl_svd.h"

namespace SinkhornRegister
{

template <typename TTransform, unsigned int VDimension>
typename itk::Transform<double, VDimension, VDimension>::Pointer
FitToSprings(const StageInput<VDimension> & input, bool multiStart)
{
  const auto transform = TTransform::New();
  const auto initializer = itk::SinkhornTransformInitializer<TTransform, ImageType<VDimension>>::New();
  initializer->SetTransform(transform);
  initializer->SetFixedImage(input.Fixed);
  initializer->SetMovingImage(input.Moving);
  initializer->SetReach(input.Parameters.Reach);
  initializer->SetUseMultiStart(multiStart);
  initializer->InitializeTransform();
  return transform.GetPointer();
}

/** Whether a linear transform stretches or shrinks by half at most, in any direction, and does not reflect: what
 * anatomies of one kind differ by. More than that is a deformation in disguise. */
template <unsigned int VDimension>
bool
IsModest(const itk::Matrix<double, VDimension, VDimension> & matrix)
{
  constexpr double         largestStretch = 1.5;
  const vnl_matrix<double> entries(matrix.GetVnlMatrix().as_matrix());
  const vnl_svd<double>    decomposition(entries);
  return vnl_determinant(entries) > 0.0 && decomposition.sigma_max() <= largestStretch &&
         decomposition.sigma_min() >= 1.0 / largestStretch;
}

template <unsigned int VDimension>
typename itk::Transform<double, VDimension, VDimension>::Pointer
FitToSprings(const StageInput<VDimension> & input, InitialKind kind, bool multiStart)
{
  using AffineTransform = itk::AffineTransform<double, VDimension>;
  // Anatomies in volumes differ by a modest affine transform first of all. Pictures show parts of things that bend, and
  // the shear that fits a bend is in the way of what follows.
  if (kind == InitialKind::Automatic && VDimension == 2)
  {
    kind = InitialKind::Rigid;
  }
  switch (kind)
  {
    case InitialKind::Rigid: return FitToSprings<RigidTransform<VDimension>, VDimension>(input, multiStart);
    case InitialKind::Similarity: return FitToSprings<SimilarityTransform<VDimension>, VDimension>(input, multiStart);
    default: break;
  }
  const auto affine = FitToSprings<AffineTransform, VDimension>(input, multiStart);
  if (kind == InitialKind::Automatic &&
      !IsModest<VDimension>(static_cast<const AffineTransform *>(affine.GetPointer())->GetMatrix()))
  {
    return FitToSprings<RigidTransform<VDimension>, VDimension>(input, multiStart);
  }
  return affine;
}

} // namespace SinkhornRegister

#endif
