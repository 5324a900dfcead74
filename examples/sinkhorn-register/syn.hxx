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
#ifndef sinkhornRegisterSyN_hxx
#define sinkhornRegisterSyN_hxx

#include "pyramid.hxx"

#include "itkDisplacementFieldTransform.h"
#include "itkDisplacementFieldTransformParametersAdaptor.h"
#include "itkImageRegionIteratorWithIndex.h"
#include "itkSmoothingRecursiveGaussianImageFilter.h"
#include "itkSyNImageRegistrationMethod.h"

#include <cmath>

namespace SinkhornRegister
{

/** SyN for forces of long range: the update field is smoothed over a physical distance chosen per level (ITK's own
 * smoothing has one variance in voxels and a truncated kernel), fades out in a margin instead of stopping at the border
 * voxel, and every step is bounded in length and in gradient, so that each composed map is invertible. */
template <typename TImage, typename TTransform>
class SmoothSyNMethod : public RangeKeepingMethod<itk::SyNImageRegistrationMethod<TImage, TImage, TTransform>>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SmoothSyNMethod);
  using Self = SmoothSyNMethod;
  using Superclass = RangeKeepingMethod<itk::SyNImageRegistrationMethod<TImage, TImage, TTransform>>;
  using Pointer = itk::SmartPointer<Self>;
  using FieldType = typename Superclass::DisplacementFieldType;
  using FieldPointer = typename Superclass::DisplacementFieldPointer;
  using VectorType = typename FieldType::PixelType;
  using RealType = typename Superclass::RealType;
  static constexpr unsigned int Dimension = TImage::ImageDimension;
  itkNewMacro(Self);
  itkTypeMacro(SmoothSyNMethod, RangeKeepingMethod);

  /** Standard deviation of the smoothing of the update field at each level, mm; 0 for none. */
  void
  SetUpdateSigmas(std::vector<double> sigmas)
  {
    m_UpdateSigmas = std::move(sigmas);
  }
  /** Width of the zone along each border in which the update fades to 0, mm. */
  void
  SetMargin(const itk::Vector<double, Dimension> & margin)
  {
    m_Margin = margin;
  }
  /** On: the derivative of an image moves that image. ITK's SyN moves the fixed image by the derivative that belongs to
   * the moving one and vice versa. Where both overlap that comes to the same; but a force of long range sits on the mass
   * that has to go, where the other image may have nothing at all. */
  void
  SetForceSitsOnMovingImage(bool on)
  {
    m_ForceSitsOnMovingImage = on;
  }
  /** The convergence criterion ended the current level. */
  bool
  GetStoppedItself() const
  {
    return this->m_IsConverged;
  }
  /** Upper bound of the largest entry of the gradient of one step (dimensionless). */
  void
  SetLargestGradient(double gradient)
  {
    m_LargestGradient = gradient;
  }

protected:
  SmoothSyNMethod()
  {
    // The base class must call the smoothing below for the update and leave the total field alone.
    this->SetGaussianSmoothingVarianceForTheUpdateField(1.0);
    this->SetGaussianSmoothingVarianceForTheTotalField(0.0);
  }
  ~SmoothSyNMethod() override = default;

  FieldPointer
  ComputeUpdateField(const typename Superclass::FixedImagesContainerType      fixedImages,
                     const typename Superclass::PointSetsContainerType        fixedPointSets,
                     const typename Superclass::TransformBaseType *           fixedTransform,
                     const typename Superclass::MovingImagesContainerType     movingImages,
                     const typename Superclass::PointSetsContainerType        movingPointSets,
                     const typename Superclass::TransformBaseType *           movingTransform,
                     const typename Superclass::FixedImageMasksContainerType  fixedMasks,
                     const typename Superclass::MovingImageMasksContainerType movingMasks,
                     typename Superclass::MeasureType &                       value) override
  {
    if (!m_ForceSitsOnMovingImage)
    {
      return Superclass::ComputeUpdateField(fixedImages,
                                            fixedPointSets,
                                            fixedTransform,
                                            movingImages,
                                            movingPointSets,
                                            movingTransform,
                                            fixedMasks,
                                            movingMasks,
                                            value);
    }
    // The derivative with respect to the points at which the image is read; SyN wants the motion of its content.
    const FieldPointer field = Superclass::ComputeUpdateField(movingImages,
                                                              movingPointSets,
                                                              movingTransform,
                                                              fixedImages,
                                                              fixedPointSets,
                                                              fixedTransform,
                                                              movingMasks,
                                                              fixedMasks,
                                                              value);
    for (itk::ImageRegionIterator<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      it.Set(-it.Get());
    }
    return field;
  }

  FieldPointer
  GaussianSmoothDisplacementField(const FieldType * field, const RealType variance) override
  {
    if (variance <= 0.0)
    {
      return Superclass::GaussianSmoothDisplacementField(field, variance);
    }
    const double sigma = m_UpdateSigmas[this->m_CurrentLevel];
    if (sigma <= 0.0)
    {
      const FieldPointer copy = Superclass::GaussianSmoothDisplacementField(field, 0.0);
      this->FadeOut(copy);
      return copy;
    }
    using SmootherType = itk::SmoothingRecursiveGaussianImageFilter<FieldType, FieldType>;
    const auto smoother = SmootherType::New();
    smoother->SetInput(field);
    smoother->SetSigma(sigma);
    smoother->Update();
    const FieldPointer smooth = smoother->GetOutput();
    smooth->DisconnectPipeline();
    this->FadeOut(smooth);
    return smooth;
  }

  FieldPointer
  ScaleUpdateField(const FieldType * field) override
  {
    const FieldPointer scaled = Superclass::ScaleUpdateField(field);
    const double       gradient = this->FindLargestGradient(scaled);
    if (gradient > m_LargestGradient)
    {
      const double factor = m_LargestGradient / gradient;
      for (itk::ImageRegionIterator<FieldType> it(scaled, scaled->GetBufferedRegion()); !it.IsAtEnd(); ++it)
      {
        it.Set(it.Get() * factor);
      }
    }
    return scaled;
  }

private:
  /** Multiplies by a smooth step that is 0 on the border and 1 beyond the margin. */
  void
  FadeOut(FieldType * field) const
  {
    const auto region = field->GetLargestPossibleRegion();
    for (itk::ImageRegionIteratorWithIndex<FieldType> it(field, region); !it.IsAtEnd(); ++it)
    {
      double weight = 1.0;
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        const auto   fromFirst = it.GetIndex()[d] - region.GetIndex()[d];
        const auto   fromLast = region.GetUpperIndex()[d] - it.GetIndex()[d];
        const double distance = static_cast<double>(std::min(fromFirst, fromLast)) * field->GetSpacing()[d];
        const double t = m_Margin[d] > 0.0 ? std::min(1.0, distance / m_Margin[d]) : (distance > 0.0 ? 1.0 : 0.0);
        weight *= t * t * (3.0 - 2.0 * t);
      }
      it.Set(it.Get() * weight);
    }
  }

  /** Largest Frobenius norm of the forward differences, per unit of length. */
  double
  FindLargestGradient(const FieldType * field) const
  {
    const auto         region = field->GetBufferedRegion();
    const VectorType * buffer = field->GetBufferPointer();
    double             largest = 0.0;
    for (itk::ImageRegionConstIteratorWithIndex<FieldType> it(field, region); !it.IsAtEnd(); ++it)
    {
      const VectorType * here = buffer + field->ComputeOffset(it.GetIndex());
      double             squared = 0.0;
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        if (it.GetIndex()[d] < region.GetUpperIndex()[d])
        {
          squared += (here[field->GetOffsetTable()[d]] - *here).GetSquaredNorm() / itk::Math::sqr(field->GetSpacing()[d]);
        }
      }
      largest = std::max(largest, squared);
    }
    return std::sqrt(largest);
  }

  std::vector<double>            m_UpdateSigmas;
  itk::Vector<double, Dimension> m_Margin{ 0.0 };
  double                         m_LargestGradient{ 0.25 };
  bool                           m_ForceSitsOnMovingImage{ false };
};

/** A displacement of zero on the grid of a level. */
template <typename TTransform>
typename TTransform::Pointer
MakeZeroField(const ImageType<TTransform::Dimension> * grid)
{
  using FieldType = typename TTransform::DisplacementFieldType;
  const auto makeField = [grid]() {
    const auto field = FieldType::New();
    field->CopyInformation(grid);
    field->SetRegions(grid->GetLargestPossibleRegion());
    field->Allocate();
    field->FillBuffer(typename FieldType::PixelType(0.0));
    return field;
  };
  const auto transform = TTransform::New();
  transform->SetDisplacementField(makeField());
  transform->SetInverseDisplacementField(makeField());
  return transform;
}

template <unsigned int VDimension>
StageOutput<VDimension>
RunSyNStage(const StageInput<VDimension> & input, Progress & progress)
{
  using Image = ImageType<VDimension>;
  using TransformType = itk::DisplacementFieldTransform<double, VDimension>;
  using MethodType = SmoothSyNMethod<Image, TransformType>;
  using AdaptorType = itk::DisplacementFieldTransformParametersAdaptor<TransformType>;

  const Stage &            stage = input.Parameters;
  const std::size_t        numberOfLevels = stage.Iterations.size();
  const Metric<VDimension> metric = MakeMetric<VDimension>(stage);
  const auto               method = MethodType::New();
  ConfigurePyramid(input, metric, method.GetPointer());
  method->SetLearningRate(ChooseLearningRate(stage));
  method->SetMargin(input.Grid.Margin);
  // With the push-forward model the derivative sits on the fixed image already.
  method->SetForceSitsOnMovingImage(stage.Metric == MetricKind::Sinkhorn && !UsesPushForward(stage));

  typename MethodType::TransformParametersAdaptorsContainerType adaptors;
  typename MethodType::NumberOfIterationsArrayType              iterations(numberOfLevels);
  std::vector<double>                                           sigmas;
  for (std::size_t level = 0; level < numberOfLevels; ++level)
  {
    const auto grid = ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors[level]);
    const auto adaptor = AdaptorType::New();
    adaptor->SetRequiredSpacing(grid->GetSpacing());
    adaptor->SetRequiredSize(grid->GetLargestPossibleRegion().GetSize());
    adaptor->SetRequiredDirection(grid->GetDirection());
    adaptor->SetRequiredOrigin(grid->GetOrigin());
    adaptors.push_back(adaptor);
    iterations[level] = stage.Iterations[level];
    sigmas.push_back(ChooseUpdateSigma(stage, input.Grid.FieldOfView, level));
  }
  method->SetTransformParametersAdaptorsPerLevel(adaptors);
  method->SetNumberOfIterationsPerLevel(iterations);
  method->SetUpdateSigmas(sigmas);

  const auto transform =
    MakeZeroField<TransformType>(ShrinkGeometry<VDimension>(input.Grid.Image, input.Grid.Factors.front()));
  method->SetInitialTransform(transform);
  method->InPlaceOn();

  StageOutput<VDimension> output;
  const Observation       levels(method, itk::MultiResolutionIterationEvent(), [&]() {
    EnterLevel(input, metric, method->GetCurrentLevel(), progress);
    output.Levels.emplace_back();
  });
  const Observation       steps(method, itk::IterationEvent(), [&]() {
    // The pyramid announces itself with the same event, as iteration 0.
    if (method->GetCurrentIteration() == 0)
    {
      return;
    }
    LevelReport & report = output.Levels.back();
    report.Iterations = static_cast<unsigned int>(method->GetCurrentIteration());
    report.Value = method->GetCurrentMetricValue();
    report.Converged = method->GetStoppedItself();
    progress.Iteration(report.Iterations, report.Value, metric.GetMarginalError ? metric.GetMarginalError() : -1.0);
  });
  method->Update();
  progress.EndLevel();
  output.Transform = method->GetModifiableTransform();
  return output;
}

} // namespace SinkhornRegister

#endif
