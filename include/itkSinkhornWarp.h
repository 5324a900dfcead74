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
#ifndef itkSinkhornWarp_h
#define itkSinkhornWarp_h

#include "itkCompositeTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornGridLocator.h"

namespace itk
{
namespace Sinkhorn
{

template <unsigned int VDimension>
bool
AreOnOneGrid(const ImageBase<VDimension> * one, const ImageBase<VDimension> * other);

/** What an image is between its voxels. */
template <typename TPixel>
struct VoxelInterpolator
{
  /** \param first voxel of the cell in the buffer. */
  template <unsigned int VDimension>
  static TPixel
  Interpolate(const TPixel *                                 first,
              const GridLocator<VDimension> &                locator,
              const typename GridLocator<VDimension>::Cell & cell)
  {
    double value = 0.0;
    for (unsigned int corner = 0; corner < GridLocator<VDimension>::Corners; ++corner)
    {
      const double weight = GridLocator<VDimension>::GetWeight(cell, corner);
      value += weight > 0.0 ? weight * static_cast<double>(first[locator.GetOffset(corner)]) : 0.0;
    }
    return static_cast<TPixel>(value);
  }
};

/** The image on \a grid whose value at x is that of \a image at map(x), by linear interpolation or, for \a nearest,
 * that of the nearest voxel; 0 where map(x) leaves the image. As itk::ResampleImageFilter does, but a displacement on
 * \a grid is read off where it lies, and what comes after it is one matrix if it is linear: several times as fast.
 * \param map nullptr: the identity. */
template <typename TImage, unsigned int VDimension = TImage::ImageDimension>
typename TImage::Pointer
WarpOnto(const TImage *                                 image,
         const CompositeTransform<double, VDimension> * map,
         const ImageBase<VDimension> *                  grid,
         bool                                           nearest);

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornWarp.hxx"
#endif

#endif
