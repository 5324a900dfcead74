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
// Per-target include guard: compiled once for each instruction set, see itkSinkhornLineSoftminSimd.cxx.
#if defined(itkSinkhornLineSoftminMath_inl_h) == defined(HWY_TARGET_TOGGLE)
#ifdef itkSinkhornLineSoftminMath_inl_h
#undef itkSinkhornLineSoftminMath_inl_h
#else
#define itkSinkhornLineSoftminMath_inl_h
#endif

#include "itkSinkhornLineSoftminPlan.h"

#include <hwy/highway.h>

#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{
namespace hn = hwy::HWY_NAMESPACE;

/** 2^SoftminTraits::ScaleExponent·e^x for x ≤ 30. Below the range of the type the result is the smallest number
 * of the range (2^SmallestExponent), never a denormal, never zero; x = −∞ is allowed. Relative error ≤ 2e-7 in float
 * and 4e-16 in double, apart from the rounding of x itself.
 *
 * x = n·log 2 + f with |f| ≤ log(2)/2, Cody and Waite's two-constant reduction; float: minimax polynomial of degree 5
 * (7.5e-8), double: Taylor's of degree 13. Adding 1.5·2^mantissa rounds to an integer and leaves n in the low bits. */
template <class D, std::enable_if_t<sizeof(hn::TFromD<D>) == 4, int> = 0>
HWY_INLINE hn::Vec<D>
           ScaledExp(D d, hn::Vec<D> x)
{
  const hn::RebindToSigned<D> di;
  const int                   scale = SoftminTraits<float>::ScaleExponent;
  const auto                  magic = hn::Set(d, 12582912.0f + static_cast<float>(scale));
  x = hn::Max(x, hn::Set(d, -0.6931471f * static_cast<float>(126 + scale)));
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), magic);
  const auto n = hn::Sub(shifted, magic);
  auto       f = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  f = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), f);
  auto p = hn::MulAdd(hn::Set(d, 0.008297584019601345f), f, hn::Set(d, 0.04191587492823601f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.16667577624320984f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.4999889135360718f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.9999997019767761f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0000001192092896f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

template <class D, std::enable_if_t<sizeof(hn::TFromD<D>) == 8, int> = 0>
HWY_INLINE hn::Vec<D>
           ScaledExp(D d, hn::Vec<D> x)
{
  const hn::RebindToSigned<D> di;
  const int                   scale = SoftminTraits<double>::ScaleExponent;
  const auto                  magic = hn::Set(d, 6755399441055744.0 + scale);
  x = hn::Max(x, hn::Set(d, -0.69314718055994 * (1020 + scale)));
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.44269504088896340736), magic);
  const auto n = hn::Sub(shifted, magic);
  auto       f = hn::NegMulAdd(n, hn::Set(d, 6.93145751953125e-1), x);
  f = hn::NegMulAdd(n, hn::Set(d, 1.42860682030941723212e-6), f);
  auto p = hn::MulAdd(hn::Set(d, 1.0 / 6227020800.0), f, hn::Set(d, 1.0 / 479001600.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 39916800.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 3628800.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 362880.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 40320.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 5040.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 720.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 120.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 24.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 6.0));
  p = hn::MulAdd(p, f, hn::Set(d, 0.5));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<52>(hn::BitCast(di, shifted))));
}

/** offset + log(s·2^−exponent) for normal s > 0. Error of the logarithm ≤ 1e-7 in float and 3e-16 in double, apart from
 * the rounding of the result.
 *
 * s = m·2^n with √½ ≤ m < √2. Float: log m = f + f²·P(f), f = m − 1, minimax of degree 6; double: 2·artanh(f/(2+f)). */
template <class D, std::enable_if_t<sizeof(hn::TFromD<D>) == 4, int> = 0>
HWY_INLINE hn::Vec<D>
           AddLogOfScaled(D d, hn::Vec<D> s, int exponent, hn::Vec<D> offset)
{
  const hn::RebindToSigned<D> di;
  const auto                  bits = hn::BitCast(di, s);
  const auto                  n = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));
  const auto                  m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(n)));
  const auto                  f = hn::Sub(m, hn::Set(d, 1.0f));
  auto                        p = hn::MulAdd(hn::Set(d, -0.10034613311290741f), f, hn::Set(d, 0.16335640847682953f));
  p = hn::MulAdd(p, f, hn::Set(d, -0.1732599437236786f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.19888277351856232f));
  p = hn::MulAdd(p, f, hn::Set(d, -0.2496146559715271f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.33335262537002563f));
  p = hn::MulAdd(p, f, hn::Set(d, -0.500005841255188f));
  const auto logM = hn::MulAdd(hn::Mul(f, f), p, f);
  const auto binary = hn::ConvertTo(d, hn::Sub(n, hn::Set(di, exponent)));
  return hn::Add(hn::MulAdd(binary, hn::Set(d, 0.69314718f), offset), logM);
}

template <class D, std::enable_if_t<sizeof(hn::TFromD<D>) == 8, int> = 0>
HWY_INLINE hn::Vec<D>
           AddLogOfScaled(D d, hn::Vec<D> s, int exponent, hn::Vec<D> offset)
{
  const hn::RebindToSigned<D> di;
  const auto                  bits = hn::BitCast(di, s);
  // The biased exponent is read as a small positive integer: neither arithmetic shifts nor conversions of 64-bit lanes
  // exist on every target.
  const auto below = hn::Sub(bits, hn::Set(di, 0x3fe6a09e667f3bcdLL - (1023LL << 52)));
  const auto biased = hn::BitCast(di, hn::ShiftRight<52>(hn::BitCast(hn::RebindToUnsigned<D>(), below)));
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<52>(hn::Sub(biased, hn::Set(di, 1023)))));
  const auto magic = hn::Set(d, 4503599627370496.0);
  const auto biasedReal = hn::Sub(hn::BitCast(d, hn::Or(hn::BitCast(di, magic), biased)), magic);
  const auto binary = hn::Sub(biasedReal, hn::Set(d, 1023.0 + exponent));
  const auto f = hn::Sub(m, hn::Set(d, 1.0));
  const auto z = hn::Div(f, hn::Add(hn::Set(d, 2.0), f));
  const auto w = hn::Mul(z, z);
  auto       p = hn::MulAdd(hn::Set(d, 1.0 / 23.0), w, hn::Set(d, 1.0 / 21.0));
  for (const double coefficient :
       { 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3 })
  {
    p = hn::MulAdd(p, w, hn::Set(d, coefficient));
  }
  const auto twoZ = hn::Add(z, z);
  const auto logM = hn::MulAdd(hn::Mul(twoZ, w), p, twoZ);
  return hn::Add(hn::MulAdd(binary, hn::Set(d, 0.693147180559945309417), offset), logM);
}

/** In every lane the maximum of the lanes of the same 16 bytes. */
#if HWY_TARGET == HWY_SCALAR
template <class D>
HWY_INLINE hn::Vec<D>
           MaxOfQuads(D, hn::Vec<D> v)
{
  return v;
}
#else
template <class D, std::enable_if_t<sizeof(hn::TFromD<D>) == 4, int> = 0>
HWY_INLINE hn::Vec<D>
           MaxOfQuads(D, hn::Vec<D> v)
{
  v = hn::Max(v, hn::Shuffle2301(v));
  return hn::Max(v, hn::Shuffle1032(v));
}

template <class D, std::enable_if_t<sizeof(hn::TFromD<D>) == 8, int> = 0>
HWY_INLINE hn::Vec<D>
           MaxOfQuads(D, hn::Vec<D> v)
{
  return hn::Max(v, hn::Shuffle01(v));
}
#endif

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#endif
