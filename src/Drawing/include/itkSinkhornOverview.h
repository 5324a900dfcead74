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
#ifndef itkSinkhornOverview_h
#define itkSinkhornOverview_h

#include "itkSinkhornImagePanel.h"

#include "itkTransform.h"

#include <string>

namespace itk
{
namespace SinkhornDrawing
{

template <unsigned int VDimension>
struct OverviewData
{
  const ImageType<VDimension> *                          Fixed{ nullptr };
  const ImageType<VDimension> *                          Moving{ nullptr };
  const itk::Transform<double, VDimension, VDimension> * Transform{ nullptr };
  const FieldType<VDimension> *                          Displacement{ nullptr };
  const ImageType<VDimension> *                          Jacobian{ nullptr };
  /** One line above the picture. */
  std::string Caption;
};

/** Draws fixed, moving and warped image, the difference before and after, and the deformed grid over the determinant of
 * the Jacobian into a PNG file; in 3-D three slices through the centre of mass of the fixed image.
 *
 * Images of few whole numbers are drawn as label maps, one colour a label. \exception ExceptionObject if the file
 * can't be written. */
template <unsigned int VDimension>
void
DrawOverview(const std::string & path, const OverviewData<VDimension> & data);

} // namespace SinkhornDrawing
} // namespace itk

#endif
