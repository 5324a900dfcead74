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
#include "itkSinkhornRegistrationExclusions.h"

#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornRegistrationImages.h"

#include "itkBinaryThresholdImageFunction.h"
#include "itkFloodFilledImageFunctionConditionalConstIterator.h"
#include "itkImageRegionExclusionConstIteratorWithIndex.h"

#include <algorithm>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

template <unsigned int VDimension>
std::vector<Index<VDimension>>
CollectBackgroundOfBorder(const MaskImageType<VDimension> * mask)
{
  std::vector<Index<VDimension>>                                        seeds;
  ImageRegionExclusionConstIteratorWithIndex<MaskImageType<VDimension>> it(mask, mask->GetBufferedRegion());
  it.SetExclusionRegionToInsetRegion();
  for (it.GoToBegin(); !it.IsAtEnd(); ++it)
  {
    if (it.Get() == 0)
    {
      seeds.push_back(it.GetIndex());
    }
  }
  return seeds;
}

/** 1 where a mask is 0 and no way through its zeros leads to the border. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
FindHoles(const MaskImageType<VDimension> * mask)
{
  using MaskType = MaskImageType<VDimension>;
  const auto      holes = Sinkhorn::MakeImageOn<MaskType>(mask);
  const auto      count = mask->GetBufferedRegion().GetNumberOfPixels();
  unsigned char * first = holes->GetBufferPointer();
  std::transform(mask->GetBufferPointer(), mask->GetBufferPointer() + count, first, [](unsigned char inside) {
    return inside == 0 ? 1 : 0;
  });
  auto seeds = CollectBackgroundOfBorder<VDimension>(mask);
  if (!seeds.empty())
  {
    using IsZeroType = BinaryThresholdImageFunction<MaskType, double>;
    const auto isZero = IsZeroType::New();
    isZero->SetInputImage(mask);
    isZero->ThresholdBelow(0);
    for (FloodFilledImageFunctionConditionalConstIterator<MaskType, IsZeroType> it(mask, isZero, seeds); !it.IsAtEnd();
         ++it)
    {
      holes->SetPixel(it.GetIndex(), 0);
    }
  }
  return holes;
}

/** 1 where one of two masks on the same grid is; each may be missing. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
Unite(const MaskImageType<VDimension> * one, const MaskImageType<VDimension> * other)
{
  if (!one || !other)
  {
    return one ? Sinkhorn::CopyImage(one) : other ? Sinkhorn::CopyImage(other) : nullptr;
  }
  const auto      both = Sinkhorn::CopyImage(one);
  unsigned char * first = both->GetBufferPointer();
  std::transform(first,
                 first + both->GetBufferedRegion().GetNumberOfPixels(),
                 other->GetBufferPointer(),
                 first,
                 [](unsigned char a, unsigned char b) { return a || b ? 1 : 0; });
  return both;
}

template <unsigned int VDimension>
bool
IsEmpty(const MaskImageType<VDimension> * mask)
{
  const unsigned char * first = mask->GetBufferPointer();
  const unsigned char * last = first + mask->GetBufferedRegion().GetNumberOfPixels();
  return std::all_of(first, last, [](unsigned char value) { return value == 0; });
}

/** \a mask, everything if it is missing, without what is excluded. */
template <unsigned int VDimension>
typename MaskImageType<VDimension>::Pointer
Without(const MaskImageType<VDimension> * mask, const MaskImageType<VDimension> * excluded)
{
  const auto      rest = Sinkhorn::MakeImageOn<MaskImageType<VDimension>>(excluded);
  const auto      count = excluded->GetBufferedRegion().GetNumberOfPixels();
  unsigned char * out = rest->GetBufferPointer();
  for (SizeValueType i = 0; i < count; ++i)
  {
    const bool isInside = !mask || mask->GetBufferPointer()[i] != 0;
    out[i] = isInside && excluded->GetBufferPointer()[i] == 0 ? 1 : 0;
  }
  return rest;
}

template <unsigned int VDimension>
void
ApplyExclusion(typename MaskImageType<VDimension>::Pointer & mask,
               typename MaskImageType<VDimension>::Pointer & excluded,
               const std::string &                           name)
{
  const typename MaskImageType<VDimension>::Pointer holes = mask ? FindHoles<VDimension>(mask) : nullptr;
  if (excluded)
  {
    mask = Without<VDimension>(mask, excluded);
    if (IsEmpty<VDimension>(mask))
    {
      throw UsageError(name + ": what is excluded leaves nothing of it to compare; exclude less, or widen its mask");
    }
  }
  excluded = Unite<VDimension>(excluded, holes);
  if (excluded && IsEmpty<VDimension>(excluded))
  {
    excluded = nullptr;
  }
}

} // namespace

template <unsigned int VDimension>
ImagePair<VDimension>
ApplyExclusions(const ImagePair<VDimension> & images)
{
  ImagePair<VDimension> pair = images;
  ApplyExclusion<VDimension>(pair.FixedMask, pair.FixedExclusion, pair.FixedName);
  ApplyExclusion<VDimension>(pair.MovingMask, pair.MovingExclusion, pair.MovingName);
  return pair;
}

template <unsigned int VDimension>
ImagePair<VDimension>
ExcludeMore(const ImagePair<VDimension> &     images,
            const MaskImageType<VDimension> * fixed,
            const MaskImageType<VDimension> * moving)
{
  ImagePair<VDimension> pair = images;
  pair.FixedExclusion = Unite<VDimension>(images.FixedExclusion, fixed);
  pair.MovingExclusion = Unite<VDimension>(images.MovingExclusion, moving);
  return ApplyExclusions<VDimension>(pair);
}

template <unsigned int VDimension>
ImagePair<VDimension>
ShareExclusions(const ImagePair<VDimension> & images, const Transform<double, VDimension, VDimension> * map)
{
  ImagePair<VDimension> pair = images;
  if (images.MovingExclusion)
  {
    pair.FixedMask =
      Without<VDimension>(images.FixedMask, WarpMask<VDimension>(images.MovingExclusion, map, images.Fixed));
  }
  const auto inverse = images.FixedExclusion ? map->GetInverseTransform() : nullptr;
  if (inverse)
  {
    pair.MovingMask =
      Without<VDimension>(images.MovingMask, WarpMask<VDimension>(images.FixedExclusion, inverse, images.Moving));
  }
  return pair;
}

#define SINKHORN_INSTANTIATE(D)                                                                                   \
  template ImagePair<D> ApplyExclusions<D>(const ImagePair<D> & images);                                          \
  template ImagePair<D> ExcludeMore<D>(const ImagePair<D> &, const MaskImageType<D> *, const MaskImageType<D> *); \
  template ImagePair<D> ShareExclusions<D>(const ImagePair<D> & images, const Transform<double, D, D> * map);
SINKHORN_INSTANTIATE(2)
SINKHORN_INSTANTIATE(3)
#undef SINKHORN_INSTANTIATE

} // namespace SinkhornRegistration
} // namespace itk
