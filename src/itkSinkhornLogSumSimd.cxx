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
// Highway compiles this file once for every instruction set, by including it again and again, and chooses one of them
// at run time.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "itkSinkhornLogSumSimd.cxx"
#include <hwy/foreach_target.h>

#include "itkSinkhornLineSoftminMath-inl.h"
#include "itkSinkhornLogSumSimd.h"

#include <algorithm>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{

/** Calls function(d, i, count): whole vectors, then the rest one by one with vectors of one lane. */
template <typename TReal, typename TFunction>
HWY_INLINE void
ForEachVector(SizeValueType length, const TFunction & function)
{
  const hn::ScalableTag<TReal> d;
  SizeValueType                i = 0;
  for (; i + hn::Lanes(d) <= length; i += hn::Lanes(d))
  {
    function(d, i);
  }
  for (; i < length; ++i)
  {
    function(hn::CappedTag<TReal, 1>(), i);
  }
}

template <typename TReal>
void
AddExponentialsOf(const TReal * values, const TReal * maxima, SizeValueType length, TReal * sums)
{
  ForEachVector<TReal>(length, [=](auto d, SizeValueType i) {
    const auto term = ScaledExp(d, hn::Sub(hn::LoadU(d, values + i), hn::LoadU(d, maxima + i)));
    hn::StoreU(hn::Add(term, hn::LoadU(d, sums + i)), d, sums + i);
  });
}

template <typename TReal>
void
AddMultiplesOf(const TReal * values, TReal factor, SizeValueType length, TReal * sums)
{
  ForEachVector<TReal>(length, [=](auto d, SizeValueType i) {
    hn::StoreU(hn::MulAdd(hn::Set(d, factor), hn::LoadU(d, values + i), hn::LoadU(d, sums + i)), d, sums + i);
  });
}

template <typename TReal>
void
AddLogarithmsOf(const TReal * maxima, const TReal * sums, SizeValueType length, TReal * out)
{
  ForEachVector<TReal>(length, [=](auto d, SizeValueType i) {
    const auto maximum = hn::LoadU(d, maxima + i);
    const auto isFull = hn::Gt(maximum, hn::Set(d, std::numeric_limits<TReal>::lowest()));
    const auto sum = hn::IfThenElse(isFull, hn::LoadU(d, sums + i), hn::Set(d, TReal(1)));
    const auto value = AddLogOfScaled(d, sum, SoftminTraits<TReal>::ScaleExponent, maximum);
    hn::StoreU(hn::IfThenElse(isFull, value, hn::Set(d, -std::numeric_limits<TReal>::infinity())), d, out + i);
  });
}

void
AddExponentialsFloat(const float * values, const float * maxima, SizeValueType length, float * sums)
{
  AddExponentialsOf(values, maxima, length, sums);
}
void
AddExponentialsDouble(const double * values, const double * maxima, SizeValueType length, double * sums)
{
  AddExponentialsOf(values, maxima, length, sums);
}
void
AddMultiplesFloat(const float * values, float factor, SizeValueType length, float * sums)
{
  AddMultiplesOf(values, factor, length, sums);
}
void
AddMultiplesDouble(const double * values, double factor, SizeValueType length, double * sums)
{
  AddMultiplesOf(values, factor, length, sums);
}
void
AddLogarithmsFloat(const float * maxima, const float * sums, SizeValueType length, float * out)
{
  AddLogarithmsOf(maxima, sums, length, out);
}
void
AddLogarithmsDouble(const double * maxima, const double * sums, SizeValueType length, double * out)
{
  AddLogarithmsOf(maxima, sums, length, out);
}

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace itk
{
namespace Sinkhorn
{
HWY_EXPORT(AddExponentialsFloat);
HWY_EXPORT(AddExponentialsDouble);
HWY_EXPORT(AddMultiplesFloat);
HWY_EXPORT(AddMultiplesDouble);
HWY_EXPORT(AddLogarithmsFloat);
HWY_EXPORT(AddLogarithmsDouble);

template <>
void
AddExponentials(const float * values, const float * maxima, SizeValueType length, float * sums)
{
  HWY_DYNAMIC_DISPATCH(AddExponentialsFloat)(values, maxima, length, sums);
}
template <>
void
AddExponentials(const double * values, const double * maxima, SizeValueType length, double * sums)
{
  HWY_DYNAMIC_DISPATCH(AddExponentialsDouble)(values, maxima, length, sums);
}
template <>
void
AddMultiples(const float * values, float factor, SizeValueType length, float * sums)
{
  HWY_DYNAMIC_DISPATCH(AddMultiplesFloat)(values, factor, length, sums);
}
template <>
void
AddMultiples(const double * values, double factor, SizeValueType length, double * sums)
{
  HWY_DYNAMIC_DISPATCH(AddMultiplesDouble)(values, factor, length, sums);
}
template <>
void
AddLogarithms(const float * maxima, const float * sums, SizeValueType length, float * out)
{
  HWY_DYNAMIC_DISPATCH(AddLogarithmsFloat)(maxima, sums, length, out);
}
template <>
void
AddLogarithms(const double * maxima, const double * sums, SizeValueType length, double * out)
{
  HWY_DYNAMIC_DISPATCH(AddLogarithmsDouble)(maxima, sums, length, out);
}
} // namespace Sinkhorn
} // namespace itk
#endif
