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

/** Values with factors other than 0 in any of some rows. */
struct RowRange
{
  SizeValueType Begin;
  SizeValueType End;
};

template <typename TReal>
RowRange
FindRange(const TReal * factors, SizeValueType numberOfRows, SizeValueType first, SizeValueType last)
{
  RowRange range{ numberOfRows, 0 };
  for (SizeValueType k = first; k < last; ++k)
  {
    for (SizeValueType l = 0; l < numberOfRows; ++l)
    {
      if (factors[k * numberOfRows + l] != TReal(0))
      {
        range.Begin = std::min(range.Begin, l);
        range.End = std::max(range.End, l + 1);
      }
    }
  }
  return range;
}

template <typename TReal>
void
MultiplyRowsOf(const TReal * factors,
               SizeValueType numberOfRows,
               const TReal * values,
               SizeValueType stride,
               SizeValueType length,
               TReal *       sums)
{
  // Four rows at once, so that a value is loaded once for all of them and their sums stay in registers.
  constexpr SizeValueType together = 4;
  SizeValueType           first = 0;
  for (; first + together <= numberOfRows; first += together)
  {
    const RowRange range = FindRange(factors, numberOfRows, first, first + together);
    const TReal *  row = factors + first * numberOfRows;
    ForEachVector<TReal>(length, [=](auto d, SizeValueType i) {
      auto sum0 = hn::Zero(d);
      auto sum1 = sum0;
      auto sum2 = sum0;
      auto sum3 = sum0;
      for (SizeValueType l = range.Begin; l < range.End; ++l)
      {
        const auto value = hn::LoadU(d, values + l * stride + i);
        sum0 = hn::MulAdd(hn::Set(d, row[l]), value, sum0);
        sum1 = hn::MulAdd(hn::Set(d, row[numberOfRows + l]), value, sum1);
        sum2 = hn::MulAdd(hn::Set(d, row[2 * numberOfRows + l]), value, sum2);
        sum3 = hn::MulAdd(hn::Set(d, row[3 * numberOfRows + l]), value, sum3);
      }
      hn::StoreU(sum0, d, sums + first * stride + i);
      hn::StoreU(sum1, d, sums + (first + 1) * stride + i);
      hn::StoreU(sum2, d, sums + (first + 2) * stride + i);
      hn::StoreU(sum3, d, sums + (first + 3) * stride + i);
    });
  }
  for (; first < numberOfRows; ++first)
  {
    const RowRange range = FindRange(factors, numberOfRows, first, first + 1);
    const TReal *  row = factors + first * numberOfRows;
    ForEachVector<TReal>(length, [=](auto d, SizeValueType i) {
      auto sum = hn::Zero(d);
      for (SizeValueType l = range.Begin; l < range.End; ++l)
      {
        sum = hn::MulAdd(hn::Set(d, row[l]), hn::LoadU(d, values + l * stride + i), sum);
      }
      hn::StoreU(sum, d, sums + first * stride + i);
    });
  }
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
MultiplyRowsFloat(const float * factors,
                  SizeValueType numberOfRows,
                  const float * values,
                  SizeValueType stride,
                  SizeValueType length,
                  float *       sums)
{
  MultiplyRowsOf(factors, numberOfRows, values, stride, length, sums);
}
void
MultiplyRowsDouble(const double * factors,
                   SizeValueType  numberOfRows,
                   const double * values,
                   SizeValueType  stride,
                   SizeValueType  length,
                   double *       sums)
{
  MultiplyRowsOf(factors, numberOfRows, values, stride, length, sums);
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
HWY_EXPORT(MultiplyRowsFloat);
HWY_EXPORT(MultiplyRowsDouble);
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
MultiplyRows(const float * factors,
             SizeValueType numberOfRows,
             const float * values,
             SizeValueType stride,
             SizeValueType length,
             float *       sums)
{
  HWY_DYNAMIC_DISPATCH(MultiplyRowsFloat)(factors, numberOfRows, values, stride, length, sums);
}
template <>
void
MultiplyRows(const double * factors,
             SizeValueType  numberOfRows,
             const double * values,
             SizeValueType  stride,
             SizeValueType  length,
             double *       sums)
{
  HWY_DYNAMIC_DISPATCH(MultiplyRowsDouble)(factors, numberOfRows, values, stride, length, sums);
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
