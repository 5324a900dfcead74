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

#include "foldGuard.h"
#include "pyramid.hxx"
#include "smoothing.h"

#include "itkImageRegionIteratorWithIndex.h"
#include "itkSyNImageRegistrationMethod.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

  /** Standard deviations, mm, of the Gaussians whose sum smooths the update field, for each level. All have the same
   * height at the centre, so that the narrow ones matter. */
  void
  SetUpdateSigmas(std::vector<std::vector<double>> sigmas)
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
  /** On: the derivative is, voxel by voxel, the mass of the fixed image (1 in total) times the way it has to go, mm.
   * Mass and force are then smoothed alike and divided: thin and faint parts move as fast as bulky ones, a step is as
   * long as the way that is left (half of it for each image), and far from all mass nothing moves. */
  void
  SetForceIsMassTimesWay(bool on)
  {
    m_ForceIsMassTimesWay = on;
  }
  /** On: the derivative is that of mean squares, voxel by voxel twice the difference times the gradient of the moving
   * image. It and the squared gradient are smoothed alike and divided, which is a Gauss-Newton step for the motion that
   * explains the differences in the neighbourhood: strong and faint edges move as far as they have to, and no further.
   */
  void
  SetForceIsDifferenceTimesGradient(bool on)
  {
    m_ForceIsDifferenceTimesGradient = on;
  }
  /** To be called at the end of each iteration. The value need not fall at every one: forces of mass are not its
   * gradient, and mending tight places costs something. */
  void
  Watch()
  {
    const double value = this->m_CurrentMetricValue;
    if (m_ForceIsMassTimesWay && this->HasGoneAstray(value))
    {
      this->m_IsConverged = true;
      return;
    }
    const bool stands = this->KeepInvertible();
    if (stands && value < m_BestValue - m_LeastImprovement * std::abs(m_BestValue))
    {
      m_BestValue = value;
      m_Patience = mostPatience;
      m_Step = std::min(1.0, 1.1 * m_Step);
    }
    else if (!stands || --m_Patience == 0)
    {
      m_Patience = mostPatience;
      m_Step *= 0.5;
    }
    m_FirstValue = std::max(m_FirstValue, value);
    const bool isExplained = m_ForceIsDifferenceTimesGradient && value < unexplainedPart * m_FirstValue;
    this->m_IsConverged = m_Step < smallestStep || isExplained || value < m_SmallestValue;
  }
  /** Least relative improvement of the value that counts as one. */
  void
  SetLeastImprovement(double improvement)
  {
    m_LeastImprovement = improvement;
  }
  /** Value at which a level has done its work; any by default. */
  void
  SetSmallestValue(double value)
  {
    m_SmallestValue = value;
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
    m_BestValue = itk::NumericTraits<double>::max();
    m_FirstValue = 0.0;
    m_BestMassValue = itk::NumericTraits<double>::max();
    m_Astray = 0;
    m_Patience = mostPatience;
    m_Step = 1.0;
    m_LastFixedPair = GetPair(this->m_FixedToMiddleTransform);
    m_LastMovingPair = GetPair(this->m_MovingToMiddleTransform);
    // What a coarser level left, and can't be mended, must not be held against this one.
    m_Limit = smallestDeterminant;
    if (!this->KeepInvertible())
    {
      m_Limit = 0.8 * std::min(FoldGuard<Dimension>::FindLeastDeterminant(m_LastFixedPair),
                               FoldGuard<Dimension>::FindLeastDeterminant(m_LastMovingPair));
    }
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
    const FieldPointer smooth = this->SmoothByKernel(field);
    if (m_ForceIsMassTimesWay)
    {
      this->DivideByWeight(smooth, this->ComputeMass(field), m_FaintMass);
    }
    else if (m_ForceIsDifferenceTimesGradient)
    {
      this->DivideByWeight(smooth, this->ComputeSquaredGradient(field), m_FaintGradient);
    }
    this->FadeOut(smooth);
    return smooth;
  }

  FieldPointer
  ScaleUpdateField(const FieldType * field) override
  {
    const double length = this->FindLargestStep(field);
    const double gradient = this->FindLargestGradient(field);
    double       factor = length > 0.0 ? this->m_LearningRate / length : 0.0;
    if (m_ForceIsMassTimesWay)
    {
      factor = std::min(factor, 0.5); // both images move
    }
    else if (m_ForceIsDifferenceTimesGradient)
    {
      factor = std::min(factor, 0.25); // both images move, and the derivative of a square has a factor 2
    }
    factor = m_Step * (factor * gradient > m_LargestGradient ? m_LargestGradient / gradient : factor);
    const FieldPointer scaled = Superclass::GaussianSmoothDisplacementField(field, 0.0); // a copy
    for (itk::ImageRegionIterator<FieldType> it(scaled, scaled->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      it.Set(it.Get() * factor);
    }
    return scaled;
  }

  /** SyN inverts every map twice, so that both directions are consistent. Each inversion interpolates the field and
   * thus smooths it; tens of them wipe out detail faster than forces can bring it in. Here the composed map stays as it
   * is and only its inverse is computed. */
  FieldPointer
  InvertDisplacementField(const FieldType * field, const FieldType * estimate) override
  {
    if (field == m_LastInverse && estimate == m_LastInverted)
    {
      return const_cast<FieldType *>(estimate); // a field of the base class's own
    }
    m_LastInverted = field;
    m_LastInverse = Superclass::InvertDisplacementField(field, estimate);
    return const_cast<FieldType *>(m_LastInverse.GetPointer());
  }

private:
  /** Below this length, relative to the learning rate, a step no longer matters. */
  static constexpr double smallestStep = 0.02;
  /** Iterations without improvement after which steps are halved. */
  static constexpr unsigned int mostPatience = 4;
  /** Mean squares, relative to their value at the beginning of a level, below which the level has done its work: finer
   * ones see what is left better. */
  static constexpr double unexplainedPart = 0.01;
  /** Least determinant of the Jacobian of the half-way maps and of their inverses. */
  static constexpr double smallestDeterminant = 0.05;
  /** The same of the whole map from fixed to moving. */
  static constexpr double smallestTotalDeterminant = 0.01;

  using PairType = MapPair<Dimension>;

  static PairType
  GetPair(TTransform * transform)
  {
    return { transform->GetModifiableDisplacementField(), transform->GetModifiableInverseDisplacementField() };
  }
  static void
  SetPair(TTransform * transform, const PairType & pair)
  {
    transform->SetDisplacementField(pair.Forward);
    transform->SetInverseDisplacementField(pair.Inverse);
  }

  /** Warping does not conserve mass: when shapes differ in how much of it they gain, balanced transport sends the
   * difference from one to the other, however well they match, and every step makes it worse. Then the level ends with
   * its best maps. \param value of the maps before the present step. */
  bool
  HasGoneAstray(double value)
  {
    if (value < m_BestMassValue)
    {
      m_BestMassValue = value;
      m_BestFixedPair = m_LastFixedPair;
      m_BestMovingPair = m_LastMovingPair;
      m_Astray = 0;
    }
    else if (value > 1.5 * m_BestMassValue && ++m_Astray == mostPatience)
    {
      SetPair(this->m_FixedToMiddleTransform, m_BestFixedPair);
      SetPair(this->m_MovingToMiddleTransform, m_BestMovingPair);
      return true;
    }
    return false;
  }

  /** Relaxes both half-way maps where they are about to fold; takes the iteration back if that fails.
   * \return whether the iteration stands. */
  bool
  KeepInvertible()
  {
    PairType   fixedPair = GetPair(this->m_FixedToMiddleTransform);
    PairType   movingPair = GetPair(this->m_MovingToMiddleTransform);
    const bool stands =
      FoldGuard<Dimension>::Relax(fixedPair, m_Limit) && FoldGuard<Dimension>::Relax(movingPair, m_Limit) &&
      FoldGuard<Dimension>::RelaxComposition(fixedPair, movingPair, std::min(m_Limit, smallestTotalDeterminant));
    if (stands)
    {
      m_LastFixedPair = fixedPair;
      m_LastMovingPair = movingPair;
    }
    SetPair(this->m_FixedToMiddleTransform, m_LastFixedPair);
    SetPair(this->m_MovingToMiddleTransform, m_LastMovingPair);
    return stands;
  }

  template <typename T>
  typename T::Pointer
  SmoothByKernel(const T * image) const
  {
    typename T::Pointer sum;
    double              height = 0.0;
    for (const double sigma : m_UpdateSigmas[this->m_CurrentLevel])
    {
      const typename T::Pointer part = SmoothByGaussian(image, sigma);
      // a Gaussian of unit sum is σ⁻ᴰ high at its centre
      const double weight = std::pow(sigma > 0.0 ? sigma : 1.0, Dimension);
      height += weight;
      if (!sum)
      {
        sum = part;
        Scale<T>(sum, weight);
        continue;
      }
      itk::ImageRegionConstIterator<T> in(part, part->GetBufferedRegion());
      for (itk::ImageRegionIterator<T> out(sum, sum->GetBufferedRegion()); !out.IsAtEnd(); ++out, ++in)
      {
        out.Set(out.Get() + in.Get() * weight);
      }
    }
    Scale<T>(sum, 1.0 / height);
    return sum;
  }

  template <typename T>
  static void
  Scale(T * image, double factor)
  {
    for (itk::ImageRegionIterator<T> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      it.Set(it.Get() * factor);
    }
  }

  using WeightType = itk::Image<double, Dimension>;

  /** Mass of the metric's fixed image, 1 in total. */
  typename WeightType::Pointer
  ComputeMass(const FieldType * grid) const
  {
    const auto *  fixed = static_cast<const MetricType<Dimension> *>(this->GetMetric())->GetFixedImage();
    const auto    mass = MakeImageOn<WeightType>(grid);
    const auto    count = mass->GetBufferedRegion().GetNumberOfPixels();
    const float * voxels = fixed->GetBufferPointer();
    const double  total = std::accumulate(voxels, voxels + count, 0.0);
    std::transform(voxels, voxels + count, mass->GetBufferPointer(), [total](float v) { return v / total; });
    return mass;
  }

  /** Squared length of the gradient of the metric's moving image, by central differences as in the metric. */
  typename WeightType::Pointer
  ComputeSquaredGradient(const FieldType * grid) const
  {
    const auto *  moving = static_cast<const MetricType<Dimension> *>(this->GetMetric())->GetMovingImage();
    const auto    squares = MakeImageOn<WeightType>(grid);
    const auto    region = moving->GetBufferedRegion();
    const float * voxels = moving->GetBufferPointer();
    for (itk::ImageRegionIteratorWithIndex<WeightType> it(squares, region); !it.IsAtEnd(); ++it)
    {
      const float * here = voxels + moving->ComputeOffset(it.GetIndex());
      double        squared = 0.0;
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        if (it.GetIndex()[d] > region.GetIndex()[d] && it.GetIndex()[d] < region.GetUpperIndex()[d])
        {
          const auto stride = moving->GetOffsetTable()[d];
          squared += itk::Math::sqr((here[stride] - *(here - stride)) / (2.0 * moving->GetSpacing()[d]));
        }
      }
      it.Set(squared);
    }
    return squares;
  }

  /** Divides smoothed forces by their weight, smoothed alike. \param faint weight, relative to its maximum, at which
   * forces have half their effect. */
  void
  DivideByWeight(FieldType * forces, const WeightType * weight, double faint) const
  {
    const auto     smooth = this->template SmoothByKernel<WeightType>(weight);
    const double * first = smooth->GetBufferPointer();
    const double   floor = faint * *std::max_element(first, first + smooth->GetBufferedRegion().GetNumberOfPixels());
    if (!(floor > 0.0))
    {
      return; // nothing pulls
    }
    itk::ImageRegionConstIterator<WeightType> density(smooth, smooth->GetBufferedRegion());
    for (itk::ImageRegionIterator<FieldType> it(forces, forces->GetBufferedRegion()); !it.IsAtEnd(); ++it, ++density)
    {
      it.Set(it.Get() / (std::max(0.0, density.Get()) + floor));
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

  /** Largest length, voxels. */
  static double
  FindLargestStep(const FieldType * field)
  {
    double largest = 0.0;
    for (itk::ImageRegionConstIterator<FieldType> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      double squared = 0.0;
      for (unsigned int d = 0; d < Dimension; ++d)
      {
        squared += itk::Math::sqr(it.Get()[d] / field->GetSpacing()[d]);
      }
      largest = std::max(largest, squared);
    }
    return std::sqrt(largest);
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

  std::vector<std::vector<double>> m_UpdateSigmas;
  itk::Vector<double, Dimension>   m_Margin{ 0.0 };
  double                           m_LargestGradient{ 0.25 };
  bool                             m_ForceSitsOnMovingImage{ false };
  bool                             m_ForceIsMassTimesWay{ false };
  bool                             m_ForceIsDifferenceTimesGradient{ false };
  /** Smoothed weight, relative to its maximum, at which forces have half their effect. */
  double m_FaintMass{ 0.02 };
  double m_SmallestValue{ itk::NumericTraits<double>::NonpositiveMin() };
  double m_FaintGradient{ 0.01 };

  typename FieldType::ConstPointer m_LastInverted;
  typename FieldType::ConstPointer m_LastInverse;
  /** Of the current level. */
  PairType     m_LastFixedPair;
  PairType     m_LastMovingPair;
  double       m_Limit{ smallestDeterminant };
  double       m_LeastImprovement{ 0.002 };
  double       m_BestValue{ 0.0 };
  double       m_FirstValue{ 0.0 };
  double       m_BestMassValue{ 0.0 };
  PairType     m_BestFixedPair;
  PairType     m_BestMovingPair;
  unsigned int m_Astray{ 0 };
  unsigned int m_Patience{ 0 };
  double       m_Step{ 1.0 };
};

} // namespace SinkhornRegister

#endif
