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
#ifndef itkSinkhornResultFiles_h
#define itkSinkhornResultFiles_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornImageReading.h"
#include "itkSinkhornOutputFolder.h"
#include "itkSinkhornSlicePlane.h"

#include <vector>

namespace itk
{
namespace SinkhornIO
{

/** What the files of a result are made of. */
template <unsigned int VDimension>
struct ResultSource
{
  const FileFacts *             FixedFacts{ nullptr };
  const FileFacts *             MovingFacts{ nullptr };
  const FileFacts *             LabelFacts{ nullptr };
  const SlicePlane *            Plane{ nullptr };
  const ImageType<VDimension> * Fixed{ nullptr };
  const ImageType<VDimension> * Moving{ nullptr };
  /** The moving image, where it was compared label by label. */
  const LabelImageType<VDimension> * MovingLabelMap{ nullptr };
  const LabelImageType<VDimension> * MovingLabels{ nullptr };
  /** To the moving image as it was registered, and as it lies in its file. */
  const CompositeTransform<double, VDimension> * ToRegistered{ nullptr };
  const CompositeTransform<double, VDimension> * ToFile{ nullptr };
  /** The moving image is a density: what it is warped to has its mass. */
  bool ConservesMass{ false };
};

/** Writes warped image and labels, transform and displacement, on the grid and in the dimension of the fixed file, and
 * the displacement of the inverse on those of the moving file. */
template <unsigned int VDimension>
void
WriteResults(OutputFolder & folder, const ResultSource<VDimension> & source);

} // namespace SinkhornIO
} // namespace itk

#endif
