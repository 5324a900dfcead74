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
#ifndef itkFoldFreeDisplacementFieldRegistrationMethod_h
#define itkFoldFreeDisplacementFieldRegistrationMethod_h

#include "itkFoldFreeRegistrationMethod.h"

namespace itk
{

/** \class FoldFreeDisplacementFieldRegistrationMethod
 * \brief A displacement of every point of the fixed image that stays invertible, for any metric of images or points.
 *
 * Smooth updates are added to the displacement, or, with GreedyOn(), composed with it. The metric sees both images as
 * they are and the map between them, not warped images, so that mass that is pushed forward is conserved to the last
 * digit. How steps are made and folds are kept away is told at FoldFreeRegistrationMethod; here the whole map is
 * relaxed by the strict criterion. The map is half of a SyN whose middle is the fixed image: a
 * FoldFreeSyNImageRegistrationMethod can go on from it.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedImage,
          typename TMovingImage = TFixedImage,
          typename TPointSet = PointSet<unsigned int, TFixedImage::ImageDimension>>
class ITK_TEMPLATE_EXPORT FoldFreeDisplacementFieldRegistrationMethod
  : public FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(FoldFreeDisplacementFieldRegistrationMethod);

  using Self = FoldFreeDisplacementFieldRegistrationMethod;
  using Superclass = FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(FoldFreeDisplacementFieldRegistrationMethod, FoldFreeRegistrationMethod);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  using typename Superclass::FieldPointer;
  using typename Superclass::FieldType;
  using typename Superclass::GridType;
  using typename Superclass::PairType;

  /** On: the moving image is warped by the present map and compared with the fixed one, and the map is composed with
   * the update, u ← du + u∘(1 + du), which is faster and carries further (greedy diffeomorphic registration;
   * Christensen, Rabbitt and Miller, IEEE Transactions on Image Processing 1996). Together with a small TotalFieldSigma
   * updates can be narrow. Folds are looked for at the end of a level, not after every step. Default off; where label
   * maps are compared updates are always composed. */
  itkSetMacro(Greedy, bool);
  itkGetConstMacro(Greedy, bool);
  itkBooleanMacro(Greedy);

protected:
  FoldFreeDisplacementFieldRegistrationMethod() = default;
  ~FoldFreeDisplacementFieldRegistrationMethod() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

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
  void
  FinishLevel() override;
  double
  GetShare() const override
  {
    return 1.0;
  }

private:
  bool                      m_Greedy{ false };
  typename Superclass::Side m_WarpedFixed; ///< greedy: on the grid of the level
  FieldPointer              m_Field;
  FieldPointer              m_Inverse; ///< of an earlier field until the level has ended
  FieldPointer              m_Last;
  FieldPointer              m_Best;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkFoldFreeDisplacementFieldRegistrationMethod.hxx"
#endif

#endif
