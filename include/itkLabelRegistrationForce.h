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
#ifndef itkLabelRegistrationForce_h
#define itkLabelRegistrationForce_h

#include "itkRegistrationForce.h"
#include "itkSinkhornLabelMixture.h"

namespace itk
{

/** \class LabelRegistrationForce
 * \brief Mean squares label by label: the sum over all labels k of (F_k − M_k)², where F_k and M_k are the
 * probabilities of label k in a fixed and a warped moving label map.
 *
 * This is mean squares of as many images as there are labels, the background among them, with the Gauss-Newton weight
 * Σ_k |∇M_k|². All of it is made of products of LabelMixtures: Σ_k (F_k − M_k) (A_k − B_k) = ⟨F,A⟩ − ⟨F,B⟩ − ⟨M,A⟩ +
 * ⟨M,B⟩ for the moving mixtures A and B on both sides of a voxel, so that a voxel costs the same for any number of
 * labels. What labels are called does not matter: permuted labels give the same bits. Voxels where one of the maps is
 * unknown do not count; an edge towards them is none.
 *
 * Images of intensities it treats as its superclass.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT LabelRegistrationForce : public GaussNewtonRegistrationForce<TImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(LabelRegistrationForce);

  using Self = LabelRegistrationForce;
  using Superclass = GaussNewtonRegistrationForce<TImage>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(LabelRegistrationForce, GaussNewtonRegistrationForce);

  using typename Superclass::ForceFieldType;
  using typename Superclass::LabelsType;
  using typename Superclass::MaskImageType;
  using typename Superclass::WeightPointer;
  using typename Superclass::WeightType;
  static constexpr unsigned int ImageDimension = TImage::ImageDimension;

  bool
  ComputeLabelForces(const LabelsType *    fixed,
                     const LabelsType *    moving,
                     const MaskImageType * fixedMask,
                     const MaskImageType * movingMask,
                     ForceFieldType *      forces,
                     WeightPointer &       weight,
                     double &              value) const override;

protected:
  LabelRegistrationForce() = default;
  ~LabelRegistrationForce() override = default;

private:
  /** Adds to the force on a voxel. \return the squared gradient. */
  static double
  Differentiate(const LabelsType *                     fixed,
                const LabelsType *                     moving,
                const typename LabelsType::IndexType & index,
                SizeValueType                          i,
                Vector<double, ImageDimension> &       force);
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkLabelRegistrationForce.hxx"
#endif

#endif
