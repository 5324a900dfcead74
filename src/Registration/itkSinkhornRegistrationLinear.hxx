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
#ifndef itkSinkhornRegistrationLinear_hxx
#define itkSinkhornRegistrationLinear_hxx

#include "itkSinkhornRegistrationPyramid.hxx"

#include "itkAffineTransform.h"
#include "itkEuler2DTransform.h"
#include "itkEuler3DTransform.h"
#include "itkPhysicalStepGradientDescentOptimizerv4.h"
#include "itkRegistrationParameterScalesFromPhysicalShift.h"
#include "itkSimilarity2DTransform.h"
#include "itkSimilarity3DTransform.h"
#include "itkSinkhornCompatibility.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkTranslationTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

/** A registration method of ITK whose smoothed images keep to the range of the originals: the recursive Gaussian has
 * small negative lobes, and mass can't be negative. */
template <typename TMethod>
class RangeKeepingMethod : public TMethod
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(RangeKeepingMethod);
  using Self = RangeKeepingMethod;
  using Superclass = TMethod;
  using Pointer = SmartPointer<Self>;
  itkNewMacro(Self);
  itkSinkhornTypeMacro(RangeKeepingMethod, TMethod);

protected:
  RangeKeepingMethod() = default;
  ~RangeKeepingMethod() override = default;

  void
  InitializeRegistrationAtEachLevel(const SizeValueType level) override
  {
    Superclass::InitializeRegistrationAtEachLevel(level);
    if (this->m_SmoothingSigmasPerLevel[level] > 0)
    {
      // The method owns the smoothed images and hands them to the metric as const ones.
      using ImageType = typename TMethod::FixedImageType;
      Sinkhorn::KeepAboveMinimum(this->GetFixedImage(),
                                 const_cast<ImageType *>(this->m_FixedSmoothImages[0].GetPointer()));
      Sinkhorn::KeepAboveMinimum(this->GetMovingImage(),
                                 const_cast<ImageType *>(this->m_MovingSmoothImages[0].GetPointer()));
    }
  }
};

template <unsigned int VDimension>
using RigidTransform = std::conditional_t<VDimension == 2, Euler2DTransform<double>, Euler3DTransform<double>>;

template <unsigned int VDimension>
using SimilarityTransform =
  std::conditional_t<VDimension == 2, Similarity2DTransform<double>, Similarity3DTransform<double>>;

/** The identity, centred on the fixed image where there is a centre. */
template <unsigned int VDimension>
typename Transform<double, VDimension, VDimension>::Pointer
MakeLinearTransform(TransformKind kind, const ImageType<VDimension> * fixed)
{
  if (kind == TransformKind::Translation)
  {
    const auto translation = TranslationTransform<double, VDimension>::New();
    translation->SetIdentity();
    return translation.GetPointer();
  }
  ContinuousIndex<double, VDimension> middle;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    middle[d] = 0.5 * (static_cast<double>(fixed->GetLargestPossibleRegion().GetSize()[d]) - 1.0);
  }
  typename ImageType<VDimension>::PointType center;
  fixed->TransformContinuousIndexToPhysicalPoint(middle, center);
  typename MatrixOffsetTransformBase<double, VDimension, VDimension>::Pointer transform;
  switch (kind)
  {
    case TransformKind::Rigid: transform = RigidTransform<VDimension>::New(); break;
    case TransformKind::Similarity: transform = SimilarityTransform<VDimension>::New(); break;
    default: transform = AffineTransform<double, VDimension>::New(); break;
  }
  transform->SetIdentity();
  transform->SetCenter(center);
  return transform.GetPointer();
}

template <unsigned int VDimension>
StageOutput<VDimension>
RunLinearStage(const StageInput<VDimension> & input, Listener & listener)
{
  using MetricImage = ImageType<VDimension>;
  using TransformType = Transform<double, VDimension, VDimension>;
  using MethodType = RangeKeepingMethod<ImageRegistrationMethodv4<MetricImage, MetricImage, TransformType>>;
  using ScalesType = RegistrationParameterScalesFromPhysicalShift<MetricType<VDimension>>;

  const Metric<VDimension> metric = MakeMetric<VDimension>(input.Parameters);
  const auto               method = MethodType::New();
  ConfigurePyramid(input, metric, method.GetPointer());
  StageOutput<VDimension> output;
  output.Transform = MakeLinearTransform<VDimension>(input.Parameters.Transform, input.Fixed);
  method->SetInitialTransform(output.Transform);
  method->InPlaceOn();

  const auto scales = ScalesType::New();
  scales->SetMetric(metric.Pointer);
  const auto optimizer = PhysicalStepGradientDescentOptimizerv4::New();
  optimizer->SetScalesEstimator(scales);
  if (!ComparesMass(input.Parameters))
  {
    optimizer->SetOverlap([metric]() {
      return static_cast<double>(metric.Pointer->GetNumberOfValidPoints()) /
             static_cast<double>(metric.Pointer->GetVirtualRegion().GetNumberOfPixels());
    });
  }
  method->SetOptimizer(optimizer);

  std::size_t       level = 0;
  const Observation levels(method, MultiResolutionIterationEvent(), [&]() {
    level = method->GetCurrentLevel();
    EnterLevel(input, metric, level, listener);
    optimizer->SetNumberOfIterations(input.Parameters.Iterations[level]);
    const double longest = ChooseLearningRate(input.Parameters) * input.Grid.GetSpacing(level);
    optimizer->SetLongestStep(longest);
    optimizer->SetShortestStep(0.01 * longest);
    output.Levels.emplace_back();
  });
  const Observation iterations(optimizer, IterationEvent(), [&]() {
    LevelReport & report = output.Levels.back();
    report.Iterations =
      std::min(static_cast<unsigned int>(optimizer->GetCurrentIteration() + 1), input.Parameters.Iterations[level]);
    report.Value = optimizer->GetBestValue();
    report.Converged = optimizer->GetConverged();
    listener.Iteration(report.Iterations, report.Value, metric.GetMarginalError ? metric.GetMarginalError() : -1.0);
  });
  method->Update();
  listener.EndLevel();
  return output;
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
