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
// Properties of the image metrics and of the force of labels on images of all kinds, with generated cases.
#include "itkKernelDistanceImageToImageMetricv4.h"
#include "itkLabelMassRegistrationForce.h"
#include "itkSinkhornImageToImageMetricv4.h"
#include "itkSinkhornPropertyImages.h"

#include "itkTranslationTransform.h"

namespace
{

using namespace itk::Sinkhorn::Testing;

struct MetricCase : ImageCase<2>
{
  using ImageType = itk::Image<float, 2>;
  using DerivativeType = itk::Array<double>;
  itk::Sinkhorn::MassModel Model{ itk::Sinkhorn::MassModel::Intensity };
  double                   Shift{ 0.0 }; ///< of the transform, voxels

  static MetricCase
  Make(Random & random)
  {
    MetricCase made;
    static_cast<ImageCase<2> &>(made) = MakeRandom(random, 1000);
    made.Offset = 0.0; // with an intensity model the moving mass has to be seen from the fixed image
    made.Model = random.Chance(0.5) ? itk::Sinkhorn::MassModel::Intensity : itk::Sinkhorn::MassModel::PushForward;
    made.Shift = random.Chance(0.5) ? 0.0 : random.Uniform(-0.4, 0.4);
    return made;
  }

  std::vector<MetricCase>
  Shrink() const
  {
    auto simpler = ShrinkAs(*this);
    if (Shift != 0.0)
    {
      simpler.push_back(*this);
      simpler.back().Shift = 0.0;
    }
    return simpler;
  }

  struct Evaluation
  {
    double         Value{ 0.0 };
    DerivativeType Derivative;
    bool           IsOfUse{ true }; ///< converged, where that has a meaning
  };

  template <typename TMetric>
  Evaluation
  Evaluate(TMetric & metric, unsigned int fixed, unsigned int moving, bool isScaled, itk::ThreadIdType workUnits) const
  {
    const auto transform = itk::TranslationTransform<double, 2>::New();
    auto       shift = transform->GetParameters();
    shift.Fill(Shift * *std::min_element(Spacing.begin(), Spacing.end()));
    transform->SetParameters(shift);
    metric.SetFixedImage(MakeImage<ImageType>(fixed, isScaled ? Factors[fixed] : 1.0));
    metric.SetMovingImage(MakeImage<ImageType>(moving, isScaled ? Factors[moving] : 1.0));
    metric.SetFixedImageMask(MakeMask(fixed));
    metric.SetMovingImageMask(MakeMask(moving));
    metric.SetMovingTransform(transform);
    metric.SetMassModel(Model);
    metric.SetBlur(Blur);
    metric.SetMaximumNumberOfWorkUnits(workUnits);
    metric.SetGlobalWarningDisplay(false);
    metric.Initialize();
    Evaluation evaluation;
    metric.GetValueAndDerivative(evaluation.Value, evaluation.Derivative);
    return evaluation;
  }

  Evaluation
  EvaluateSinkhorn(unsigned int fixed, unsigned int moving, bool isScaled = true, itk::ThreadIdType workUnits = 1) const
  {
    const auto metric = itk::SinkhornImageToImageMetricv4<ImageType, ImageType>::New();
    metric->SetReach(Reach);
    metric->SetDebias(Debias);
    metric->SetMaximumNumberOfIterations(60);
    auto evaluation = this->Evaluate(*metric, fixed, moving, isScaled, workUnits);
    evaluation.IsOfUse = metric->GetConverged();
    return evaluation;
  }

  Evaluation
  EvaluateKernel(unsigned int fixed, unsigned int moving, bool isScaled = true, itk::ThreadIdType workUnits = 1) const
  {
    const auto metric = itk::KernelDistanceImageToImageMetricv4<ImageType, ImageType>::New();
    if (Seed % 2 == 0)
    {
      metric->SetKernel(itk::Sinkhorn::DistanceKernel::Energy);
    }
    return this->Evaluate(*metric, fixed, moving, isScaled, workUnits);
  }

  std::string
  Check() const
  {
    const double cost = GetCost();
    const double rounding = 64.0 * 1.2e-7 * (30.0 + cost / (Blur * Blur));
    const auto   sinkhorn = [this](unsigned int fixed, unsigned int moving, bool isScaled, itk::ThreadIdType units) {
      return this->EvaluateSinkhorn(fixed, moving, isScaled, units);
    };
    const auto kernel = [this](unsigned int fixed, unsigned int moving, bool isScaled, itk::ThreadIdType units) {
      return this->EvaluateKernel(fixed, moving, isScaled, units);
    };
    const auto fault = this->CheckMetric(sinkhorn, (4e-3 + rounding) * cost, Debias);
    // the energy is a length times mass²
    const double unit = Seed % 2 == 0 ? GetDiameter() : 1.0;
    const auto   kernelFault = this->CheckMetric(kernel, 1e-5 * unit, true);
    return fault.empty() ? (kernelFault.empty() ? "" : "kernel distance: " + kernelFault) : fault;
  }

  template <typename TEvaluate>
  std::string
  CheckMetric(const TEvaluate & evaluate, double bound, bool isDistance) const
  {
    const Evaluation   forth = evaluate(0, 1, true, 1);
    std::ostringstream said;
    if (!std::isfinite(forth.Value) || !IsFinite(forth.Derivative))
    {
      return "the value or the derivative is not finite";
    }
    const Evaluation threads = evaluate(0, 1, true, 3);
    if (threads.Value != forth.Value || threads.Derivative != forth.Derivative)
    {
      return "three threads give another result";
    }
    if (isDistance && forth.IsOfUse && !(forth.Value >= -bound))
    {
      said << "negative: " << forth.Value << ", allowed " << -bound;
    }
    const Evaluation plain = evaluate(0, 1, false, 1);
    if (std::min(Factors[0], Factors[1]) > 1e-25 && forth.IsOfUse && plain.IsOfUse &&
        !(std::abs(plain.Value - forth.Value) <= bound))
    {
      said << "factors change the value from " << plain.Value << " to " << forth.Value << ", allowed " << bound;
    }
    if (Shift == 0.0)
    {
      const Evaluation back = evaluate(1, 0, true, 1);
      if (forth.IsOfUse && back.IsOfUse && !(std::abs(back.Value - forth.Value) <= bound))
      {
        said << "not symmetric: " << forth.Value << " and " << back.Value << ", allowed " << bound;
      }
      const Evaluation equal = evaluate(0, 0, true, 1);
      if (isDistance && !(std::abs(equal.Value) <= 1e-2 * bound))
      {
        said << "equal images have the value " << equal.Value;
      }
    }
    return said.str();
  }
};

TEST(SinkhornProperties, ImageMetrics)
{
  CheckProperty<MetricCase>(150);
  CheckSeeds<MetricCase>({ 1193 }); // a derivative of tiny intensities
}

/** Label maps of up to six labels, whose names are any, and what the transport of each asks for. */
struct LabelCase : ImageCase<2>
{
  unsigned int Labels{ 2 };

  static LabelCase
  Make(Random & random)
  {
    LabelCase made;
    static_cast<ImageCase<2> &>(made) = MakeRandom(random, 1500);
    made.Offset = 0.0;
    made.Labels = 1 + random.Index(6);
    return made;
  }

  std::vector<LabelCase>
  Shrink() const
  {
    auto simpler = ShrinkAs(*this);
    if (Labels > 1)
    {
      simpler.push_back(*this);
      --simpler.back().Labels;
    }
    return simpler;
  }

  /** Some voxels are of labels that the other map has not, some unknown. */
  template <typename TLabels>
  typename TLabels::Pointer
  MakeLabels(unsigned int k) const
  {
    const auto                 image = MakeGrid<TLabels>(k);
    Random                     names(Seed);
    std::vector<std::uint32_t> name{ 0 };
    for (unsigned int i = 0; i < Labels; ++i)
    {
      name.push_back(1 + names.Index(4000000000U));
    }
    name.push_back(k + 1);
    name.push_back(itk::Sinkhorn::UnknownLabel);
    Random        random(Seed + 5 + k);
    const auto    count = image->GetBufferedRegion().GetNumberOfPixels();
    std::uint32_t current = 0;
    for (itk::SizeValueType i = 0; i < count; ++i)
    {
      current = random.Chance(0.2) ? name[random.Index(static_cast<unsigned int>(name.size()))] : current;
      image->GetBufferPointer()[i] = itk::Sinkhorn::LabelMixture::MakePure(current);
    }
    return image;
  }

  std::string
  Check() const
  {
    using ImageType = itk::Image<float, 2>;
    using ForceType = itk::LabelMassRegistrationForce<ImageType>;
    const auto force = ForceType::New();
    force->SetBlur(Blur);
    force->SetReach(Reach);
    const auto fixed = MakeLabels<ForceType::LabelsType>(0);
    const auto moving = MakeLabels<ForceType::LabelsType>(1);
    double     values[3] = { 0.0, 0.0, 0.0 };
    for (int i = 0; i < 3; ++i)
    {
      const auto forces = MakeGrid<ForceType::ForceFieldType>(0);
      forces->FillBuffer(ForceType::ForceFieldType::PixelType(0.0));
      ForceType::WeightPointer weight;
      const auto &             second = i == 2 ? fixed : (i == 0 ? moving : fixed);
      const auto &             first = i == 1 ? moving : fixed;
      if (!force->ComputeLabelForces(first, second, nullptr, nullptr, forces, weight, values[i]))
      {
        continue; // no label in common
      }
      if (!std::isfinite(values[i]) || !IsImageFinite(forces.GetPointer()) ||
          (weight && !IsImageFinite(weight.GetPointer())))
      {
        return "the value or a force is not finite";
      }
    }
    const double cost = GetCost();
    const double bound = (1e-2 + 64.0 * 1.2e-7 * (30.0 + cost / (Blur * Blur))) * cost;
    if (force->GetConverged() && !(values[0] >= -bound && std::abs(values[2]) <= 1e-2 * bound))
    {
      return "negative, or not 0 for equal maps: " + std::to_string(values[0]) + ' ' + std::to_string(values[2]);
    }
    return "";
  }
};

TEST(SinkhornProperties, LabelForces)
{
  CheckProperty<LabelCase>(200);
}

} // namespace
