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
#define HWY_TARGET_INCLUDE "itkSinkhornPotentialUpdateSimd.cxx"
#include <hwy/foreach_target.h>

#include "itkSinkhornLineSoftminMath-inl.h"
#include "itkSinkhornPotentialUpdate.h"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{

/** ScaledExp() is good up to here. A marginal e³⁰ times its due is as wrong as any larger one. */
constexpr double LargestExponent = 30.0;

/** e^x − 1 for |x| ≤ ½ by Taylor's polynomial, to the last digit but one. */
template <class D, typename TReal = hn::TFromD<D>>
HWY_INLINE hn::Vec<D>
           SmallExpMinusOne(D d, hn::Vec<D> x)
{
  constexpr int degree = sizeof(TReal) == 4 ? 7 : 14;
  auto          p = hn::Set(d, TReal(1));
  for (int k = degree; k > 1; --k)
  {
    p = hn::MulAdd(hn::Mul(p, x), hn::Set(d, static_cast<TReal>(1.0 / k)), hn::Set(d, TReal(1)));
  }
  return hn::Mul(p, x);
}

/** Values whose sum is kept in lanes of the array's own type before it is added up in double precision. */
constexpr SizeValueType BlockLength = 1024;

/** Updates \a count ≤ BlockLength values, a multiple of the lanes, and adds to the sums. */
template <class D, typename TReal = hn::TFromD<D>>
HWY_INLINE void
UpdateBlock(D d, const UpdateArguments<TReal> & a, SizeValueType begin, SizeValueType count, UpdateSums & sums)
{
  const auto inverseEpsilon = hn::Set(d, a.InverseEpsilon);
  const auto inverseRho = hn::Set(d, a.InverseRho);
  const auto scale = hn::Set(d, a.Scale);
  const auto relaxation = hn::Set(d, a.Relaxation);
  const auto unscale = hn::Set(d, static_cast<TReal>(std::ldexp(1.0, -SoftminTraits<TReal>::ScaleExponent)));
  const auto largest = hn::Set(d, static_cast<TReal>(LargestExponent));
  auto       error = hn::Zero(d);
  const auto wrong = ScaledExp(d, largest);
  const auto small = hn::Set(d, TReal(0.5));
  auto       damped = hn::Zero(d);
  auto       excess = hn::Zero(d);
  for (SizeValueType i = begin; i < begin + count; i += hn::Lanes(d))
  {
    const auto weight = hn::LoadU(d, a.LogWeights + i);
    const auto softmin = hn::LoadU(d, a.Softmin + i);
    const auto f = hn::LoadU(d, a.Potential + i);
    const auto updated = hn::MulAdd(relaxation, hn::Sub(hn::Mul(scale, softmin), f), f);
    hn::StoreU(updated, d, a.Potential + i);
    // An empty point has the exponent −∞ three times, and contributes the difference of two equal, smallest numbers.
    const auto marginalExponent = hn::Add(weight, hn::MulAdd(f, inverseEpsilon, softmin));
    const auto targetExponent = hn::NegMulAdd(f, inverseRho, weight);
    const auto marginal = ScaledExp(d, hn::Min(marginalExponent, largest));
    const auto target = ScaledExp(d, hn::Min(targetExponent, largest));
    const auto residual = hn::Sub(target, marginal);
    // two bounded exponentials would agree, and so would the bounds of NaN
    const auto isBounded = hn::And(hn::Le(marginalExponent, largest), hn::Le(targetExponent, largest));
    error = hn::Add(error, hn::IfThenElse(isBounded, hn::Abs(residual), wrong));
    if (a.Residual != nullptr)
    {
      hn::StoreU(hn::Mul(residual, unscale), d, a.Residual + i);
    }
    if (a.InverseRho > 0)
    {
      const auto exponent = hn::Neg(hn::Mul(updated, inverseRho));
      const auto mass = ScaledExp(d, weight);
      const auto after = ScaledExp(d, hn::Min(hn::Add(weight, exponent), largest));
      const auto change = hn::Mul(mass, SmallExpMinusOne(d, exponent));
      damped = hn::Add(damped, after);
      excess = hn::Add(excess, hn::IfThenElse(hn::Lt(hn::Abs(exponent), small), change, hn::Sub(after, mass)));
    }
  }
  const auto total = [d](hn::Vec<D> v) {
    return std::ldexp(static_cast<double>(hn::GetLane(hn::SumOfLanes(d, v))), -SoftminTraits<TReal>::ScaleExponent);
  };
  sums.MarginalError += total(error);
  sums.DampedMass += total(damped);
  sums.DampedExcess += total(excess);
}

template <typename TReal>
UpdateSums
UpdateVectors(const UpdateArguments<TReal> & arguments, SizeValueType begin, SizeValueType end)
{
  const hn::ScalableTag<TReal> d;
  const SizeValueType          lanes = hn::Lanes(d);
  UpdateSums                   sums;
  while (begin + lanes <= end)
  {
    const SizeValueType count = std::min(BlockLength, (end - begin) / lanes * lanes);
    UpdateBlock(d, arguments, begin, count, sums);
    begin += count;
  }
  for (; begin < end; ++begin)
  {
    UpdateBlock(hn::CappedTag<TReal, 1>(), arguments, begin, 1, sums);
  }
  return sums;
}

UpdateSums
UpdateFloat(const UpdateArguments<float> & arguments, SizeValueType begin, SizeValueType end)
{
  return UpdateVectors(arguments, begin, end);
}

UpdateSums
UpdateDouble(const UpdateArguments<double> & arguments, SizeValueType begin, SizeValueType end)
{
  return UpdateVectors(arguments, begin, end);
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
HWY_EXPORT(UpdateFloat);
HWY_EXPORT(UpdateDouble);

template <>
UpdateSums
UpdateRange(const UpdateArguments<float> & arguments, SizeValueType begin, SizeValueType end)
{
  return HWY_DYNAMIC_DISPATCH(UpdateFloat)(arguments, begin, end);
}

template <>
UpdateSums
UpdateRange(const UpdateArguments<double> & arguments, SizeValueType begin, SizeValueType end)
{
  return HWY_DYNAMIC_DISPATCH(UpdateDouble)(arguments, begin, end);
}
} // namespace Sinkhorn
} // namespace itk
#endif
