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
// Highway compiles the files named *-inl.h once for every instruction set, by including this file again and again, and
// chooses one of them at run time. Arrays of vectors exclude the instruction sets whose vectors have no fixed size.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "itkSinkhornLineSoftminSimd.cxx"
#include <hwy/foreach_target.h>

#include "itkSinkhornLineSoftminBundle-inl.h"

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{
int
LanesOfFloat()
{
  return static_cast<int>(hn::Lanes(hn::ScalableTag<float>()));
}

int
LanesOfDouble()
{
  return static_cast<int>(hn::Lanes(hn::ScalableTag<double>()));
}

void
ApplyFloat(const LinePlan<float> & plan, const LinePass<float> & pass, SizeValueType begin, SizeValueType end)
{
  ApplyBundles(plan, pass, begin, end);
}

void
ApplyDouble(const LinePlan<double> & plan, const LinePass<double> & pass, SizeValueType begin, SizeValueType end)
{
  ApplyBundles(plan, pass, begin, end);
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
HWY_EXPORT(LanesOfFloat);
HWY_EXPORT(LanesOfDouble);
HWY_EXPORT(ApplyFloat);
HWY_EXPORT(ApplyDouble);

std::vector<std::string>
GetSimdTargets()
{
  std::vector<std::string> names;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets())
  {
    names.emplace_back(hwy::TargetName(target));
  }
  return names;
}

void
SetSimdTargetForTest(const std::string & name)
{
  hwy::SetSupportedTargetsForTest(0);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets())
  {
    if (name == hwy::TargetName(target))
    {
      hwy::SetSupportedTargetsForTest(target);
      break;
    }
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

template <>
int
GetSimdLanes<float>()
{
  return HWY_DYNAMIC_DISPATCH(LanesOfFloat)();
}

template <>
int
GetSimdLanes<double>()
{
  return HWY_DYNAMIC_DISPATCH(LanesOfDouble)();
}

template <>
void
ApplySimdLinePass(const LinePlan<float> & plan, const LinePass<float> & pass, SizeValueType begin, SizeValueType end)
{
  HWY_DYNAMIC_DISPATCH(ApplyFloat)(plan, pass, begin, end);
}

template <>
void
ApplySimdLinePass(const LinePlan<double> & plan, const LinePass<double> & pass, SizeValueType begin, SizeValueType end)
{
  HWY_DYNAMIC_DISPATCH(ApplyDouble)(plan, pass, begin, end);
}
} // namespace Sinkhorn
} // namespace itk
#endif
