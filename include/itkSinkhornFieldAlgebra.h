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
#ifndef itkSinkhornFieldAlgebra_h
#define itkSinkhornFieldAlgebra_h

#include "itkSinkhornDensity.h"
#include "itkSinkhornDisplacementSampler.h"
#include "itkSinkhornParallel.h"

namespace itk
{
namespace Sinkhorn
{

/** Displacements of maps x ↦ x + u(x), mm, as ITK's DisplacementFieldTransform holds them. */
template <unsigned int VDimension>
using DisplacementField = Image<Vector<double, VDimension>, VDimension>;

/** A map and its inverse, as displacements on one grid. */
template <unsigned int VDimension>
struct MapPair
{
  typename DisplacementField<VDimension>::Pointer Forward;
  typename DisplacementField<VDimension>::Pointer Inverse;
};

/** An image that holds 0 on the buffered region of another. */
template <typename TImage>
typename TImage::Pointer
MakeImageOn(const ImageBase<TImage::ImageDimension> * grid);

template <typename TImage>
typename TImage::Pointer
CopyImage(const TImage * image);

/** one + factor · other, voxel by voxel. */
template <typename TImage>
typename TImage::Pointer
AddScaled(const TImage * one, const TImage * other, double factor);

/** A field on \a grid, mm, filled in parallel by function(point). */
template <typename TField, typename TFunction>
typename TField::Pointer
MakeField(const ImageBase<TField::ImageDimension> & grid, const TFunction & function);

/** The map \a first, then \a second, as a displacement on the grid of \a first: u₁(x) + u₂(x + u₁(x)). Nothing moves
 * outside of the grid of \a second. */
template <typename TField>
typename TField::Pointer
ComposeFields(const TField * second, const TField * first);

/** The inverse of x ↦ x + u(x) at one point by Newton's method with damped steps: the displacement w at y with
 * w + u(y + w) = 0. Kept where the field ends, and where no step comes closer.
 * \param w where to begin. \param tolerance of the residual, mm. */
template <typename TField>
Vector<double, TField::ImageDimension>
RefineInverse(const DisplacementSampler<TField> &            forward,
              const Point<double, TField::ImageDimension> &  y,
              const Vector<double, TField::ImageDimension> & w,
              double                                         tolerance);

/** The inverse of a map at every voxel of \a estimate, where the search begins. \param tolerance voxels. */
template <typename TField>
typename TField::Pointer
InvertField(const TField * field, const TField * estimate, double tolerance = 1e-3);

/** Raises the voxels of a smoothed image to the least value of the original: the recursive Gaussian has small negative
 * lobes, and mass can't be negative. */
template <typename TImage>
void
KeepAboveMinimum(const TImage * original, TImage * smoothed);

/** Convolution of an image or a field with a Gaussian by ITK's recursive filter, the border replicated.
 * \param sigmas standard deviation along each axis, mm; all 0: a copy. */
template <typename TImage>
typename TImage::Pointer
SmoothByGaussian(const TImage * image, const FixedArray<double, TImage::ImageDimension> & sigmas);

/** The same along all axes. */
template <typename TImage>
typename TImage::Pointer
SmoothByGaussian(const TImage * image, double sigma);

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornFieldAlgebra.hxx"
#endif

#endif
