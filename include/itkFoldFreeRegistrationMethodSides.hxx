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
#ifndef itkFoldFreeRegistrationMethodSides_hxx
#define itkFoldFreeRegistrationMethodSides_hxx

// The two sides as metrics see them: images, masks, labels and points.
#include "itkFoldFreeRegistrationMethod.h"

#include "itkImageMaskSpatialObject.h"
#include "itkSinkhornWarp.h"

namespace itk
{

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
void
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::PrepareLabels()
{
  if (this->ComparesLabels())
  {
    const auto mix = [this](const LabelImageType * labels, const typename Superclass::InitialTransformType * map) {
      return Sinkhorn::MixLabels<ImageDimension>(
        labels, Sinkhorn::FindLevelFactors<ImageDimension>(m_Grid.GetPointer(), map, labels));
    };
    m_FixedMixtures = mix(m_FixedLabels, this->GetFixedInitialTransform());
    m_MovingMixtures = mix(m_MovingLabels, this->GetMovingInitialTransform());
  }
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::GetSide(bool                     moving,
                                                                          CompositeTransformType * map) const -> Side
{
  Side side;
  side.IsMoving = moving;
  side.Images = moving ? this->m_MovingSmoothImages : this->m_FixedSmoothImages;
  side.Masks = moving ? m_GivenMovingMasks : m_GivenFixedMasks;
  side.Map = map;
  side.Labels = moving ? m_MovingMixtures : m_FixedMixtures;
  side.PointSets = moving ? this->m_MovingPointSets : this->m_FixedPointSets;
  if (m_ComparesPoints)
  {
    const FieldPointer none = m_Identity->GetModifiableDisplacementField();
    side.PointMap = map ? map : MakeMap({ none, none }, nullptr).GetPointer();
  }
  return side;
}

template <typename TFixedImage, typename TMovingImage, typename TPointSet>
auto
FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>::Warp(const Side & side) const -> Side
{
  using MaskType = typename Superclass::ImageMaskSpatialObjectType;
  using MaskImageType = typename MaskType::ImageType;
  Side warped;
  warped.IsMoving = side.IsMoving;
  warped.PointSets = side.PointSets;
  warped.PointMap = side.PointMap;
  warped.PlaceMap = side.PlaceMap;
  if (side.Labels)
  {
    warped.Labels =
      Sinkhorn::WarpOnto<LabelMixturesType>(side.Labels, side.Map.GetPointer(), m_Grid.GetPointer(), false);
  }
  for (SizeValueType n = 0; n < side.Images.size(); ++n)
  {
    // Nobody looks at images whose labels are compared.
    warped.Images.push_back(
      side.Labels || !side.Images[n]
        ? side.Images[n]
        : Sinkhorn::WarpOnto<ImageType>(side.Images[n], side.Map.GetPointer(), m_Grid.GetPointer(), false)
            .GetPointer());
    typename MaskType::Pointer mask;
    if (side.Masks[n])
    {
      const auto * given = static_cast<const MaskType *>(side.Masks[n].GetPointer());
      mask = MaskType::New();
      mask->SetImage(
        Sinkhorn::WarpOnto<MaskImageType>(given->GetImage(), side.Map.GetPointer(), m_Grid.GetPointer(), true));
      mask->Update();
    }
    warped.Masks.push_back(mask.GetPointer());
  }
  return warped;
}

} // namespace itk

#endif
