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
#ifndef itkSinkhornPageViews_h
#define itkSinkhornPageViews_h

#include "itkSinkhornImagePanel.h"
#include "itkSinkhornResultFiles.h"

#include <nlohmann/json_fwd.hpp>

namespace itk
{
namespace SinkhornDrawing
{

/** What the pictures of a page are made of. */
template <unsigned int VDimension>
struct PageImages
{
  const SinkhornIO::ResultSource<VDimension> * Source{ nullptr };
  /** The identity between the files, as it is between the images as they are registered. */
  const Transform<double, VDimension, VDimension> * FromFile{ nullptr };
  /** Of the whole map, on the grid of the fixed image. */
  const FieldType<VDimension> * Displacement{ nullptr };
  const ImageType<VDimension> * Jacobian{ nullptr };
};

/** Adds pictures of fixed image, moving image before and after, det J and displacement to the data of a page; in 3-D of
 * the three slices through the centre of mass of the fixed image. With them go the longest displacement, the matrix of
 * the linear part, and size and spacing of the images. */
template <unsigned int VDimension>
void
AddViews(const PageImages<VDimension> & images, nlohmann::ordered_json & data);

} // namespace SinkhornDrawing
} // namespace itk

#endif
