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
#ifndef itkSinkhornImagePanel_h
#define itkSinkhornImagePanel_h

#include "itkSinkhornRegistrationTypes.h"

#include "itkContinuousIndex.h"
#include "itkLinearInterpolateImageFunction.h"
#include "itkNearestNeighborInterpolateImageFunction.h"

#include <string>
#include <vector>

namespace itk
{
namespace SinkhornDrawing
{

using SinkhornRegistration::FieldType;
using SinkhornRegistration::ImageType;

/** A plane of an image: which axis runs to the right, which down, and whether they are mirrored for display. */
struct Plane
{
  std::string  Name;
  unsigned int Right{ 0 };
  unsigned int Down{ 1 };
  bool         MirrorRight{ false };
  bool         MirrorDown{ false };
};

/** Planes as radiologists look at them: patient's left to the right, front up, head up. */
std::vector<Plane>
FindPlanes(const ImageType<3> * image);

/** A picture has one. */
std::vector<Plane>
FindPlanes(const ImageType<2> * image);

/** Continuous index of the centre of mass above the smallest value. */
template <unsigned int VDimension>
ContinuousIndex<double, VDimension>
FindCenter(const ImageType<VDimension> * image);

/** Length of an axis, mm. */
template <typename TImage>
double
Extent(const TImage * image, unsigned int axis)
{
  return image->GetSpacing()[axis] * static_cast<double>(image->GetLargestPossibleRegion().GetSize()[axis]);
}

/** A panel of the picture that shows a plane of an image, and the way from its pixels to the image. */
template <unsigned int VDimension>
struct Panel
{
  const ImageType<VDimension> *       Image;
  Plane                               Slice;
  ContinuousIndex<double, VDimension> Center;
  int                                 Left;
  int                                 Top;
  int                                 Width;
  int                                 Height;

  ContinuousIndex<double, VDimension>
  At(double x, double y) const
  {
    auto         index = Center;
    const auto   size = Image->GetLargestPossibleRegion().GetSize();
    const double u = (x + 0.5) / Width;
    const double v = (y + 0.5) / Height;
    index[Slice.Right] = (Slice.MirrorRight ? 1.0 - u : u) * static_cast<double>(size[Slice.Right]) - 0.5;
    index[Slice.Down] = (Slice.MirrorDown ? 1.0 - v : v) * static_cast<double>(size[Slice.Down]) - 0.5;
    return index;
  }
};

/** Value at a continuous index, linear or nearest neighbour. */
template <unsigned int VDimension>
class Sampler
{
public:
  Sampler(const ImageType<VDimension> * image, bool nearest)
  {
    using Image = ImageType<VDimension>;
    if (nearest)
    {
      m_Interpolator = NearestNeighborInterpolateImageFunction<Image, double>::New().GetPointer();
    }
    else
    {
      m_Interpolator = LinearInterpolateImageFunction<Image, double>::New().GetPointer();
    }
    m_Interpolator->SetInputImage(image);
  }
  bool
  IsInside(const ContinuousIndex<double, VDimension> & index) const
  {
    return m_Interpolator->IsInsideBuffer(index);
  }
  double
  operator()(const ContinuousIndex<double, VDimension> & index) const
  {
    return m_Interpolator->IsInsideBuffer(index) ? m_Interpolator->EvaluateAtContinuousIndex(index) : 0.0;
  }

private:
  typename InterpolateImageFunction<ImageType<VDimension>, double>::Pointer m_Interpolator;
};

} // namespace SinkhornDrawing
} // namespace itk

#endif
