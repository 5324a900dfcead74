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
// Properties of the kernel distance and the barycentre on grids of all kinds, with generated cases.
#include "itkSinkhornBarycenter.h"
#include "itkSinkhornGridSoftminOperator.h"
#include "itkSinkhornKernelDistance.h"
#include "itkSinkhornPropertyGrids.h"

#include <algorithm>
#include <memory>

namespace
{

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Testing;

/** Two measures by the kernel distance. */
struct KernelCase : GridCase
{
  static KernelCase
  Make(Random & random)
  {
    KernelCase made;
    static_cast<GridCase &>(made) = GridCase::Make(random);
    made.Size.resize(std::max<size_t>(made.Size.size(), 2), 1);
    made.Spacing.resize(made.Size.size(), made.Spacing[0]);
    return made;
  }

  std::vector<KernelCase>
  Shrink() const
  {
    std::vector<KernelCase> simpler = ShrinkAs(*this);
    simpler.erase(std::remove_if(simpler.begin(), simpler.end(), [](const auto & one) { return one.Size.size() < 2; }),
                  simpler.end());
    return simpler;
  }

  std::string
  Check() const
  {
    return IsSingle ? this->CheckKernel<float>() : this->CheckKernel<double>();
  }

  template <typename TReal>
  std::string
  CheckKernel() const
  {
    const std::vector<itk::SizeValueType> size(Size.begin(), Size.end());
    const auto                            convert = [](const Array & masses) {
      std::vector<TReal> converted;
      for (const double mass : masses)
      {
        converted.push_back(static_cast<TReal>(mass));
      }
      return converted;
    };
    const auto            alpha = convert(this->MakeSide(Side::Alpha));
    const auto            beta = convert(this->MakeSide(Side::Beta));
    const DistanceKernel  kernel = Seed % 2 == 0 ? DistanceKernel::Gaussian : DistanceKernel::Energy;
    KernelDistance<TReal> forth;
    KernelDistance<TReal> back;
    KernelDistance<TReal> threads;
    KernelDistance<TReal> equal;
    forth.Update(size, Spacing, alpha, beta, kernel, Blur, 1);
    back.Update(size, Spacing, beta, alpha, kernel, Blur, 1);
    threads.Update(size, Spacing, alpha, beta, kernel, Blur, 3);
    equal.Update(size, Spacing, alpha, alpha, kernel, Blur, 1);
    const double scale = std::pow(std::max(1.0, MassRatio), 2);
    if (!std::isfinite(forth.GetValue()) || !IsFinite(forth.GetPotential()))
    {
      return "not finite";
    }
    const double unit = kernel == DistanceKernel::Gaussian ? 1.0 : std::abs(forth.GetValue());
    if (!(forth.GetValue() >= 0.0) ||
        !(std::abs(forth.GetValue() - back.GetValue()) <= 1e-6 * scale * std::max(unit, 1e-12)))
    {
      return "not symmetric: " + std::to_string(forth.GetValue()) + " and " + std::to_string(back.GetValue());
    }
    if (equal.GetValue() != 0.0)
    {
      return "equal measures have the distance " + std::to_string(equal.GetValue());
    }
    return forth.GetValue() == threads.GetValue() && forth.GetPotential() == threads.GetPotential()
             ? ""
             : "three threads give another result";
  }
};

TEST(SinkhornProperties, KernelDistance)
{
  CheckProperty<KernelCase>(400);
}

/** The mean of the same measures. */
struct BarycenterCase : GridCase
{
  static BarycenterCase
  Make(Random & random)
  {
    BarycenterCase made;
    static_cast<GridCase &>(made) = GridCase::Make(random);
    made.MassRatio = 1.0;
    return made;
  }

  std::vector<BarycenterCase>
  Shrink() const
  {
    return ShrinkAs(*this);
  }

  std::string
  Check() const
  {
    return IsSingle ? this->CheckBarycenter<float>() : this->CheckBarycenter<double>();
  }

  template <typename TReal>
  std::string
  CheckBarycenter() const
  {
    const std::vector<itk::SizeValueType> size(Size.begin(), Size.end());
    BarycenterParameters                  parameters;
    parameters.Blur = Blur;
    parameters.Debias = Debias;
    parameters.MaximumNumberOfIterations = 20;
    const std::vector<std::vector<TReal>> inputs{ TakeLog<TReal>(this->MakeSide(Side::Alpha)),
                                                  TakeLog<TReal>(this->MakeSide(Side::Beta)) };
    const double                          weight = Random(Seed).Uniform(0.0, 1.0);
    std::vector<TReal>                    results[2];
    for (const itk::ThreadIdType workUnits : { 1U, 3U })
    {
      const auto op = std::make_shared<const GridSoftminOperator<TReal>>(size, Spacing, workUnits);
      ComputeBarycenter<TReal>(op, inputs, { weight, 1.0 - weight }, parameters, results[workUnits == 3]);
    }
    double mass = 0.0;
    for (const TReal logarithm : results[0])
    {
      if (std::isnan(logarithm) || logarithm > TReal(1e-2))
      {
        return "a mass has the logarithm " + std::to_string(logarithm);
      }
      mass += std::exp(static_cast<double>(logarithm));
    }
    if (!(std::abs(mass - 1.0) < 1e-5))
    {
      return "the mass is " + std::to_string(mass);
    }
    return results[0] == results[1] ? "" : "three threads give another result";
  }
};

TEST(SinkhornProperties, Barycenter)
{
  CheckProperty<BarycenterCase>(150);
}

} // namespace
