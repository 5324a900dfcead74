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
#ifndef sinkhornRegisterEvaluation_h
#define sinkhornRegisterEvaluation_h

#include "images.h"

#include "itkTransform.h"

#include <map>

namespace SinkhornRegister
{

template <unsigned int VDimension>
using FieldType = itk::Image<itk::Vector<double, VDimension>, VDimension>;

/** Displacement T(x) − x, mm, at every voxel of the grid of \a reference. */
template <unsigned int VDimension>
typename FieldType<VDimension>::Pointer
SampleDisplacement(const itk::Transform<double, VDimension, VDimension> * transform,
                   const ImageType<VDimension> *                          reference);

/** How a map folds; see itk::DisplacementFieldJacobianCalculator. */
struct Folding
{
  /** Least determinant of the Jacobian, and the part of the voxels where it is ≤ 0, by the strict criterion. */
  double MinimumJacobian{ 1.0 };
  double Fraction{ 0.0 };
  /** The least one by central differences. */
  double MinimumJacobianCentral{ 1.0 };
  /** mm^dimension */
  double NonDiffeomorphicVolume{ 0.0 };
};

template <unsigned int VDimension>
Folding
MeasureFolding(const FieldType<VDimension> * field);

/** Least determinant of the Jacobian of x ↦ x + field(x) at every voxel, by the strict criterion. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ComputeJacobian(const FieldType<VDimension> * field);

/** The same by central differences. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
ComputeCentralJacobian(const FieldType<VDimension> * field);

/** Dice = 2|A∩B| / (|A|+|B|) of each label above 0 that is in either image. */
struct DiceScores
{
  std::map<std::uint32_t, double> Label;
  double                          Mean{ 0.0 };
};

template <unsigned int VDimension>
DiceScores
ComputeDice(const LabelImageType<VDimension> * fixed, const LabelImageType<VDimension> * warped);

/** Image on the grid of \a reference whose value at x is that of \a moving at T(x): linear interpolation, \a outside
 * where T(x) leaves the moving image. */
template <unsigned int VDimension>
typename ImageType<VDimension>::Pointer
WarpImage(const ImageType<VDimension> *                          moving,
          const itk::Transform<double, VDimension, VDimension> * transform,
          const ImageType<VDimension> *                          reference,
          float                                                  outside,
          bool                                                   nearest);

/** The same for labels and masks: nearest neighbour, 0 outside. */
template <unsigned int VDimension>
typename LabelImageType<VDimension>::Pointer
WarpLabels(const LabelImageType<VDimension> *                     moving,
           const itk::Transform<double, VDimension, VDimension> * transform,
           const ImageType<VDimension> *                          reference);

template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
WarpMask(const MaskImageType<VDimension> *                      moving,
         const itk::Transform<double, VDimension, VDimension> * transform,
         const ImageType<VDimension> *                          reference);

} // namespace SinkhornRegister

#endif
