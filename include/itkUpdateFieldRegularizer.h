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
#ifndef itkUpdateFieldRegularizer_h
#define itkUpdateFieldRegularizer_h

#include "itkObject.h"
#include "itkObjectFactory.h"
#include "itkSinkhornCompatibility.h"
#include "itkSinkhornFieldAlgebra.h"

#include <vector>

namespace itk
{

/** \class UpdateFieldRegularizer
 * \brief Makes the smooth update of a deformation out of the forces of a metric.
 *
 * Forces are convolved with a sum of Gaussians over physical distances (ITK's own smoothing of updates has one variance
 * in voxels and a truncated kernel) and fade out in a margin instead of stopping at the border voxel. Forces that have
 * a weight are divided by it, smoothed alike: normalized convolution, Knutsson and Westin, CVPR 1993. Derived classes
 * smooth in another way.
 *
 * \sa RegistrationForce, BSplineUpdateFieldRegularizer
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class ITK_TEMPLATE_EXPORT UpdateFieldRegularizer : public Object
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(UpdateFieldRegularizer);

  using Self = UpdateFieldRegularizer;
  using Superclass = Object;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(UpdateFieldRegularizer, Object);

  static constexpr unsigned int ImageDimension = VDimension;
  using FieldType = Sinkhorn::DisplacementField<VDimension>;
  using FieldPointer = typename FieldType::Pointer;
  using WeightType = Image<double, VDimension>;
  using WeightPointer = typename WeightType::Pointer;
  using MarginType = Vector<double, VDimension>;
  using SigmasType = std::vector<double>;

  /** Standard deviations, mm, of the Gaussians whose sum smooths, all of the same height at the centre, so that the
   * narrow ones matter. Default: one of 1 mm.
   * \exception ExceptionObject if there is none, or one is negative or not finite. */
  void
  SetSigmas(const SigmasType & sigmas);
  const SigmasType &
  GetSigmas() const
  {
    return m_Sigmas;
  }

  /** Off: the standard deviations are voxels, along each axis of the grid by itself. Default on: mm. */
  itkSetMacro(SigmasAreSpecifiedInPhysicalUnits, bool);
  itkGetConstMacro(SigmasAreSpecifiedInPhysicalUnits, bool);
  itkBooleanMacro(SigmasAreSpecifiedInPhysicalUnits);

  /** Width of the zone along each border in which the update fades to 0, mm; default 0: only the border voxels stay. */
  itkSetMacro(Margin, MarginType);
  itkGetConstReferenceMacro(Margin, MarginType);

  /** The smooth update, of any length.
   * \param weight of forces that have one, on their grid; else nullptr.
   * \param faintPart weight, as a part of the largest one, at which forces have half their effect. */
  FieldPointer
  Regularize(const FieldType * forces, const WeightType * weight, double faintPart) const;

protected:
  UpdateFieldRegularizer() = default;
  ~UpdateFieldRegularizer() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

  virtual FieldPointer
  Smooth(const FieldType * forces) const;
  virtual FieldPointer
  SmoothWeighted(const FieldType * forces, const WeightType * weight, double faintPart) const;

  static double
  FindMaximum(const WeightType * weight);
  /** Divides forces by their weight; \a floor is added to it. */
  static void
  DivideByWeight(FieldType * forces, const WeightType * weight, double floor);

private:
  template <typename T>
  typename T::Pointer
  SmoothByGaussians(const T * image) const;
  /** Multiplies by a smooth step that is 0 on the border and 1 beyond the margin. */
  void
  FadeOut(FieldType * field) const;

  SigmasType m_Sigmas{ 1.0 };
  MarginType m_Margin{ 0.0 };
  bool       m_SigmasAreSpecifiedInPhysicalUnits{ true };
};

/** \class BSplineUpdateFieldRegularizer
 * \brief The same by the fit of a cubic B-spline, as in B-spline SyN (Tustison and Avants, Frontiers in
 * Neuroinformatics 2013).
 *
 * Its knots are so far apart that a basis function has the largest of the standard deviations; each further one halves
 * the distance. The weights of forces are the confidence of the fit.
 *
 * \sa DisplacementFieldToBSplineImageFilter
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class ITK_TEMPLATE_EXPORT BSplineUpdateFieldRegularizer : public UpdateFieldRegularizer<VDimension>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(BSplineUpdateFieldRegularizer);

  using Self = BSplineUpdateFieldRegularizer;
  using Superclass = UpdateFieldRegularizer<VDimension>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(BSplineUpdateFieldRegularizer, UpdateFieldRegularizer);

  using typename Superclass::FieldPointer;
  using typename Superclass::FieldType;
  using typename Superclass::WeightType;

protected:
  BSplineUpdateFieldRegularizer() = default;
  ~BSplineUpdateFieldRegularizer() override = default;

  FieldPointer
  Smooth(const FieldType * forces) const override;
  FieldPointer
  SmoothWeighted(const FieldType * forces, const WeightType * weight, double faintPart) const override;

private:
  FieldPointer
  Fit(const FieldType * field, const WeightType * confidence) const;
  /** The same voxels from index 0 on along the axes of space. */
  template <typename T>
  static typename T::Pointer
  CopyToPlainGrid(const T * image);
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkUpdateFieldRegularizer.hxx"
#endif

#endif
