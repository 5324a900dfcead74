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
#ifndef itkFoldFreeSyNImageRegistrationMethod_h
#define itkFoldFreeSyNImageRegistrationMethod_h

#include "itkFoldFreeRegistrationMethod.h"

namespace itk
{

/** \class FoldFreeSyNImageRegistrationMethod
 * \brief Symmetric normalization whose maps stay invertible, for any metric of images or points.
 *
 * As in SyN (Avants, Epstein, Grossman and Gee, Medical Image Analysis 2008) both images are brought to a common middle
 * by maps that grow by composition with smooth steps. How steps are made and folds are kept away is told at
 * FoldFreeRegistrationMethod. Unlike in itk::SyNImageRegistrationMethod each map is inverted once an iteration and
 * stays as it is: there it is replaced by the inverse of its inverse, and each of these interpolations wipes out
 * detail.
 *
 * SetFixedToMiddleTransform() and SetMovingToMiddleTransform() with the transforms that another method has got
 * (GetModifiable...) go on from its maps; they are copied.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedImage,
          typename TMovingImage = TFixedImage,
          typename TPointSet = PointSet<unsigned int, TFixedImage::ImageDimension>>
class ITK_TEMPLATE_EXPORT FoldFreeSyNImageRegistrationMethod
  : public FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(FoldFreeSyNImageRegistrationMethod);

  using Self = FoldFreeSyNImageRegistrationMethod;
  using Superclass = FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(FoldFreeSyNImageRegistrationMethod, FoldFreeRegistrationMethod);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  using typename Superclass::FieldPointer;
  using typename Superclass::FieldType;
  using typename Superclass::GridType;
  using typename Superclass::PairType;

protected:
  FoldFreeSyNImageRegistrationMethod() = default;
  ~FoldFreeSyNImageRegistrationMethod() override = default;

  void
  PrepareMaps(const GridType * grid, bool isFirst, const PairType & initial) override;
  void
  TakeStep() override;
  bool
  KeepInvertible(double limit) override;
  void
  RememberMaps() override;
  void
  ReturnToRememberedMaps() override;
  double
  FindLeastDeterminant() const override;
  PairType
  GetWholeMap() const override;
  void
  GetMapsToMiddle(PairType & fixed, PairType & moving) const override;

private:
  struct Maps
  {
    PairType Fixed;  ///< from the fixed image to the middle
    PairType Moving; ///< from the moving image to the middle
  };

  PairType
  Follow(const PairType & map, const FieldType * step) const;

  Maps m_Maps;
  Maps m_Last;
  Maps m_Best;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkFoldFreeSyNImageRegistrationMethod.hxx"
#endif

#endif
