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
#ifndef sinkhornRegisterSmoothSyN_h
#define sinkhornRegisterSmoothSyN_h

#include "evaluation.h"
#include "pyramid.hxx"

#include "itkImageRegionIteratorWithIndex.h"
#include "itkSmoothingRecursiveGaussianImageFilter.h"
#include "itkSyNImageRegistrationMethod.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

namespace SinkhornRegister
{

/** SyN for forces of long range: the update field is smoothed over a physical distance chosen per level (ITK's own
 * smoothing has one variance in voxels and a truncated kernel), fades out in a margin instead of stopping at the border
 * voxel, and every step is bounded in length and in gradient. After each iteration a watch shortens the steps when the
 * value has risen, and takes an iteration back if one of the half-way maps is about to fold, damping later updates
 * around the place: the map stays invertible while the rest goes on. */
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
   * the moving one and vice versa. Where both overlap that comes to the same; but a force of long range sits on the
   * mass that has to go, where the other image may have nothing at all. */
  void
  SetForceSitsOnMovingImage(bool on)
  {
    m_ForceSitsOnMovingImage = on;
  }
  /** To be called at the end of each iteration. */
  void
  Watch()
  {
    if (this->TakeBackFolds())
    {
      return;
    }
    const double value = this->m_CurrentMetricValue;
    if (m_HasLastValue)
    {
      const bool risen = value > m_LastValue + 0.01 * std::abs(m_LastValue);
      m_Step = risen ? 0.6 * m_Step : std::min(1.0, 1.2 * m_Step);
    }
    m_LastValue = value;
    m_HasLastValue = true;
    this->m_IsConverged = m_Step < smallestStep;
  }
  /** Shorter and shorter steps or folds in the way ended the current level, not the number of iterations. */
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
    // The watch decides; the base class's criterion depends on the history of the values and stops too early when they
    // fall by orders of magnitude.
    this->SetConvergenceThreshold(itk::NumericTraits<RealType>::NonpositiveMin());
  }
  ~SmoothSyNMethod() override = default;

  void
  InitializeRegistrationAtEachLevel(const itk::SizeValueType level) override
  {
    Superclass::InitializeRegistrationAtEachLevel(level);
    m_HasLastValue = false;
    m_Step = 1.0;
    m_TakenBack = 0;
    m_Kept.clear();
    const auto * field = this->m_FixedToMiddleTransform->GetDisplacementField();
    m_Weights = WeightsType::New();
    m_Weights->CopyInformation(field);
    m_Weights->SetRegions(field->GetBufferedRegion());
    m_Weights->Allocate();
    m_Weights->FillBuffer(1.0F);
    this->Remember();
    // What a coarser level left must not be held against this one.
    m_Limit = std::min(smallestDeterminant, 0.8 * this->FindFolds(smallestDeterminant, nullptr));
  }

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
    const double       factor = m_Step * (gradient > m_LargestGradient ? m_LargestGradient / gradient : 1.0);
    itk::ImageRegionConstIterator<WeightsType> weight(m_Weights, m_Weights->GetBufferedRegion());
    for (itk::ImageRegionIterator<FieldType> it(scaled, scaled->GetBufferedRegion()); !it.IsAtEnd(); ++it, ++weight)
    {
      it.Set(it.Get() * (factor * weight.Get()));
    }
    return scaled;
  }

private:
  using WeightsType = itk::Image<float, Dimension>;
  /** Below this length, relative to the learning rate, a step no longer matters. */
  static constexpr double smallestStep = 0.02;
  /** Least determinant of the Jacobian of the half-way maps and of their inverses. */
  static constexpr double smallestDeterminant = 0.02;
  /** States to go back to. */
  static constexpr std::size_t mostKept = 5;
  /** Part of the lost weight that a damped place gets back at each iteration. */
  static constexpr double recovery = 0.1;
  /** Iterations in a row that may be taken back before a level ends. */
  static constexpr unsigned int mostTakenBack = 20;

  /** Keeps the present maps, the last few of them (SyN makes new fields at every iteration). */
  void
  Remember()
  {
    m_Kept.push_back({ this->m_FixedToMiddleTransform->GetModifiableDisplacementField(),
                       this->m_FixedToMiddleTransform->GetModifiableInverseDisplacementField(),
                       this->m_MovingToMiddleTransform->GetModifiableDisplacementField(),
                       this->m_MovingToMiddleTransform->GetModifiableInverseDisplacementField() });
    if (m_Kept.size() > mostKept)
    {
      m_Kept.pop_front();
    }
  }

  /** \return true if the iteration was taken back. */
  bool
  TakeBackFolds()
  {
    const auto places = WeightsType::New();
    places->CopyInformation(m_Weights);
    places->SetRegions(m_Weights->GetBufferedRegion());
    places->Allocate(true);
    if (!(this->FindFolds(m_Limit, places) < m_Limit))
    {
      m_TakenBack = 0;
      this->Remember();
      this->Recover();
      return false;
    }
    // One step further back than the last good state: that one is too close to the fold for anything to move.
    if (m_Kept.size() > 1)
    {
      m_Kept.pop_back();
    }
    const auto & kept = m_Kept.back();
    this->m_FixedToMiddleTransform->SetDisplacementField(kept[0]);
    this->m_FixedToMiddleTransform->SetInverseDisplacementField(kept[1]);
    this->m_MovingToMiddleTransform->SetDisplacementField(kept[2]);
    this->m_MovingToMiddleTransform->SetInverseDisplacementField(kept[3]);
    this->Damp(places);
    m_Step *= 0.8;
    this->m_IsConverged = ++m_TakenBack >= mostTakenBack;
    return true;
  }

  /** Smallest determinant of the Jacobian of both half-way maps and their inverses. Marks with 1 in \a places, in the
   * middle space in which updates live, where it is below \a limit. */
  double
  FindFolds(double limit, WeightsType * places) const
  {
    double smallest = itk::NumericTraits<double>::max();
    for (const TTransform * transform :
         { this->m_FixedToMiddleTransform.GetPointer(), this->m_MovingToMiddleTransform.GetPointer() })
    {
      smallest = std::min(smallest, FindFoldsOf(transform->GetDisplacementField(), true, limit, places));
      smallest = std::min(smallest, FindFoldsOf(transform->GetInverseDisplacementField(), false, limit, places));
    }
    return smallest;
  }

  static double
  FindFoldsOf(const FieldType * field, bool endsInMiddle, double limit, WeightsType * places)
  {
    const auto jacobian = ComputeJacobian<Dimension>(field);
    double     smallest = itk::NumericTraits<double>::max();
    for (itk::ImageRegionConstIteratorWithIndex<ImageType<Dimension>> it(jacobian, jacobian->GetBufferedRegion());
         !it.IsAtEnd();
         ++it)
    {
      smallest = std::min<double>(smallest, it.Get());
      if (places && it.Get() < limit)
      {
        auto index = it.GetIndex();
        if (endsInMiddle)
        {
          typename FieldType::PointType point;
          field->TransformIndexToPhysicalPoint(index, point);
          index = field->TransformPhysicalPointToIndex(point + field->GetPixel(index));
        }
        if (places->GetBufferedRegion().IsInside(index))
        {
          places->SetPixel(index, 1.0F);
        }
      }
    }
    return smallest;
  }

  /** Halves the weight of updates around the marked places, the wider the more often this has not helped. */
  void
  Damp(const WeightsType * places)
  {
    using SmootherType = itk::SmoothingRecursiveGaussianImageFilter<WeightsType, WeightsType>;
    const double                          width = 2.0 + m_TakenBack; // voxels
    const auto                            smoother = SmootherType::New();
    typename SmootherType::SigmaArrayType sigmas;
    double                                peak = 1.0;
    for (unsigned int d = 0; d < Dimension; ++d)
    {
      sigmas[d] = width * places->GetSpacing()[d];
      peak *= width * std::sqrt(2.0 * itk::Math::pi); // height of one voxel's smoothed mark, inverted
    }
    smoother->SetInput(places);
    smoother->SetSigmaArray(sigmas);
    smoother->Update();
    itk::ImageRegionConstIterator<WeightsType> mark(smoother->GetOutput(), m_Weights->GetBufferedRegion());
    for (itk::ImageRegionIterator<WeightsType> it(m_Weights, m_Weights->GetBufferedRegion()); !it.IsAtEnd();
         ++it, ++mark)
    {
      const double amount = std::min(1.0, std::max(0.0, peak * mark.Get()));
      it.Set(static_cast<float>(it.Get() * (1.0 - 0.5 * amount)));
    }
  }

  /** Lets damped places take part again, little by little. */
  void
  Recover()
  {
    for (itk::ImageRegionIterator<WeightsType> it(m_Weights, m_Weights->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      it.Set(it.Get() + static_cast<float>(recovery) * (1.0F - it.Get()));
    }
  }

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
          squared +=
            (here[field->GetOffsetTable()[d]] - *here).GetSquaredNorm() / itk::Math::sqr(field->GetSpacing()[d]);
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

  /** Of the current level. */
  std::deque<std::array<FieldPointer, 4>> m_Kept;
  typename WeightsType::Pointer           m_Weights;
  double                                  m_Limit{ smallestDeterminant };
  double                                  m_LastValue{ 0.0 };
  bool                                    m_HasLastValue{ false };
  double                                  m_Step{ 1.0 };
  unsigned int                            m_TakenBack{ 0 };
};

} // namespace SinkhornRegister

#endif
