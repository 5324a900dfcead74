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
#ifndef itkFoldFreeVelocityFlowRegistrationMethod_h
#define itkFoldFreeVelocityFlowRegistrationMethod_h

#include "itkFoldFreeRegistrationMethod.h"
#include "itkSinkhornVelocityFlow.h"

namespace itk
{

/** \class FoldFreeVelocityFlowRegistrationMethod
 * \brief The flow of a velocity that changes with time, from the fixed image at time 0 to the moving one at time 1, for
 * any metric of images or points.
 *
 * The velocity is constant in each of a few intervals of time. In the middle of each both images are warped to it and
 * compared as in SyN, and what either would have to go there is added to the velocity. How steps are made and folds are
 * kept away is told at FoldFreeRegistrationMethod. A flow has more to it than the map at its end, so it can not go on
 * from the maps of another method nor from an initial transform with a displacement.
 *
 * \sa TimeVaryingVelocityFieldImageRegistrationMethodv4
 * \ingroup Sinkhorn
 */
template <typename TFixedImage,
          typename TMovingImage = TFixedImage,
          typename TPointSet = PointSet<unsigned int, TFixedImage::ImageDimension>>
class ITK_TEMPLATE_EXPORT FoldFreeVelocityFlowRegistrationMethod
  : public FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(FoldFreeVelocityFlowRegistrationMethod);

  using Self = FoldFreeVelocityFlowRegistrationMethod;
  using Superclass = FoldFreeRegistrationMethod<TFixedImage, TMovingImage, TPointSet>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(FoldFreeVelocityFlowRegistrationMethod, FoldFreeRegistrationMethod);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  using typename Superclass::FieldPointer;
  using typename Superclass::FieldType;
  using typename Superclass::GridType;
  using typename Superclass::PairType;
  using FlowType = Sinkhorn::VelocityFlow<ImageDimension>;

  /** Number of intervals in which the velocity is constant, default 3. 1: a stationary velocity field. */
  itkSetClampMacro(NumberOfIntervals, unsigned int, 1, 64);
  itkGetConstMacro(NumberOfIntervals, unsigned int);

protected:
  FoldFreeVelocityFlowRegistrationMethod() = default;
  ~FoldFreeVelocityFlowRegistrationMethod() override = default;
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

private:
  /** What has to be added to the velocity of an interval. \param fromStart, fromEnd displacements from the ends of time
   * to its middle, or nullptr where nobody asks for them. \param value receives the metric's value, added. */
  FieldPointer
  ComputeChange(unsigned int interval, FieldType * fromStart, FieldType * fromEnd, double & value);

  unsigned int m_NumberOfIntervals{ 3 };
  FlowType     m_Flow;
  FlowType     m_Last;
  FlowType     m_Best;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkFoldFreeVelocityFlowRegistrationMethod.hxx"
#endif

#endif
