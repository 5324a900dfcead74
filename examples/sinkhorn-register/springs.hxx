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

template <unsigned int VDimension>
typename itk::Transform<double, VDimension, VDimension>::Pointer
FitToSprings(const StageInput<VDimension> & input, InitialKind kind, bool multiStart)
{
  using SimilarityTransform =
    std::conditional_t<VDimension == 2, itk::Similarity2DTransform<double>, itk::Similarity3DTransform<double>>;
  switch (kind)
  {
    case InitialKind::Rigid: return FitToSprings<RigidTransform<VDimension>, VDimension>(input, multiStart);
    case InitialKind::Similarity: return FitToSprings<SimilarityTransform, VDimension>(input, multiStart);
    default: return FitToSprings<itk::AffineTransform<double, VDimension>, VDimension>(input, multiStart);
  }
}

} // namespace SinkhornRegister

#endif
