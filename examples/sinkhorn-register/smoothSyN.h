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
#include "updateShaper.h"

#include "itkImageRegionIterator.h"
#include "itkSyNImageRegistrationMethod.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace SinkhornRegister
{

/** SyN for forces of long range: updates are shaped by an UpdateShaper. After each iteration a watch shortens the steps
 * when the value has not improved, and relaxes the half-way maps where they are about to fold: they stay invertible
 * while the rest goes on. */
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
  using WeightType = itk::Image<double, TImage::ImageDimension>;
  static constexpr unsigned int Dimension = TImage::ImageDimension;
  itkNewMacro(Self);
  itkTypeMacro(SmoothSyNMethod, RangeKeepingMethod);

  /** Standard deviations of the smoothing of updates, mm, for each level; see UpdateShaper. */
  void
  SetUpdateSigmas(std::vector<std::vector<double>> sigmas)
  {
    m_UpdateSigmas = std::move(sigmas);
  }
  UpdateShaper<Dimension> &
  GetShaper()
  {
    return m_Shaper;
  }
  /** On: the derivative of an image moves that image. ITK's SyN moves the fixed image by the derivative that belongs to
   * the moving one and vice versa. Where both overlap that comes to the same; but a force of long range sits on the
   * mass that has to go, where the other image may have nothing at all. */
  void
  SetForceSitsOnMovingImage(bool on)
  {
    m_ForceSitsOnMovingImage = on;
  }
  /** To be called at the end of each iteration. The value need not fall at every one: forces of mass are not its
   * gradient, and relaxing a low Jacobian costs something. */
  void
  Watch()
  {
    const double value = this->m_CurrentMetricValue;
    if (value < m_SmallestValue)
    {
      // The value belongs to the maps before this step, which were good enough.
      this->RememberMaps();
      this->ReturnToRememberedMaps();
      this->m_IsConverged = true;
      return;
    }
    if (m_Shaper.GetForce() == ForceKind::MassTimesWay && this->HasDiverged(value))
    {
      m_Diverged = true;
      this->m_IsConverged = true;
      return;
    }
    const bool stands = this->KeepInvertible();
    if (stands && value < m_BestValue - leastImprovement * std::abs(m_BestValue))
    {
      m_BestValue = value;
      m_Patience = mostPatience;
      m_Step = std::min(1.0, 1.1 * m_Step);
    }
    else if (!stands || --m_Patience == 0)
    {
      m_Blocked = !stands;
      m_Patience = mostPatience;
      m_Step *= 0.5;
    }
    m_FirstValue = std::max(m_FirstValue, value);
    const bool isExplained =
      m_Shaper.GetForce() == ForceKind::DifferenceTimesGradient && value < unexplainedPart * m_FirstValue;
    this->m_IsConverged = m_Step < smallestStep || isExplained;
  }
  /** Value at which a level has done its work; any by default. */
  void
  SetSmallestValue(double value)
  {
    m_SmallestValue = value;
  }
  /** The current level ended because the value does not fall any more or is as small as it has to be: not the number of
   * iterations, a divergence or folds in the way ended it. */
  bool
  GetConverged() const
  {
    return this->m_IsConverged && !m_Diverged && !m_Blocked;
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
    m_NumberOfRises = 0;
    m_Diverged = false;
    m_Blocked = false;
    m_Patience = mostPatience;
    m_Step = 1.0;
    m_Shaper.SetSigmas(m_UpdateSigmas[level]);
    m_LastFixedPair = GetPair(this->m_FixedToMiddleTransform);
    m_LastMovingPair = GetPair(this->m_MovingToMiddleTransform);
    // What a coarser level left, and can't be mended, must not be held against this one.
    m_Limit = smallestDeterminant;
    if (!this->KeepInvertible())
    {
      m_Limit = 0.8 * this->FindLeastDeterminant();
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
    return m_Shaper.Smooth(field, this->ComputeWeight(field));
  }

  FieldPointer
  ScaleUpdateField(const FieldType * field) override
  {
    const double       factor = m_Step * m_Shaper.FindStep(field, this->m_LearningRate, m_Share);
    const FieldPointer scaled = SmoothByGaussian(field, 0.0); // a copy
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

  /** Below this length, relative to the learning rate, a step no longer matters. */
  static constexpr double smallestStep = 0.02;
  /** Iterations without improvement after which steps are halved. */
  static constexpr unsigned int mostPatience = 4;
  /** Relative improvement of the value that counts as one. */
  static constexpr double leastImprovement = 0.002;
  /** Mean squares, relative to their value at the beginning of a level, below which the level has done its work: finer
   * ones see what is left better. */
  static constexpr double unexplainedPart = 0.01;
  /** Least determinant of the Jacobian of the half-way maps and of their inverses, by central differences. */
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

  /** Where a displacement and then an initial transform, if there is one, take a point. */
  static typename Superclass::CompositeTransformType::Pointer
  MakeMap(const FieldType * field, typename Superclass::CompositeTransformType * initial)
  {
    const auto transform = TTransform::New();
    transform->SetDisplacementField(const_cast<FieldType *>(field)); // is only read
    const auto composite = Superclass::CompositeTransformType::New();
    if (initial)
    {
      composite->AddTransform(initial);
    }
    composite->AddTransform(transform);
    composite->FlattenTransformQueue();
    composite->SetOnlyMostRecentTransformToOptimizeOn();
    return composite;
  }

  /** What forces are weighted with, on the grid of \a forces; nullptr if they have no weight. Here both images lie on
   * that grid, warped to the middle. */
  virtual typename WeightType::ConstPointer
  ComputeWeight(const FieldType * forces) const
  {
    const auto * metric = static_cast<const MetricType<Dimension> *>(this->GetMetric());
    switch (m_Shaper.GetForce())
    {
      case ForceKind::MassTimesWay: return ComputeMass(metric->GetFixedImage(), forces).GetPointer();
      case ForceKind::DifferenceTimesGradient:
        return UpdateShaper<Dimension>::ComputeSquaredGradient(metric->GetMovingImage()).GetPointer();
      default: return nullptr;
    }
  }

  /** Mass of an image whose voxels are those of \a grid, 1 in total. */
  static typename WeightType::Pointer
  ComputeMass(const TImage * image, const FieldType * grid)
  {
    const auto    mass = MakeImageOn<WeightType>(grid);
    const auto    count = mass->GetBufferedRegion().GetNumberOfPixels();
    const float * voxels = image->GetBufferPointer();
    const double  total = std::accumulate(voxels, voxels + count, 0.0);
    std::transform(voxels, voxels + count, mass->GetBufferPointer(), [total](float v) { return v / total; });
    return mass;
  }

  /** Relaxes both half-way maps where they are about to fold; takes the iteration back if that fails.
   * \return whether the iteration stands. */
  virtual bool
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

  /** Keeps the maps of the last iteration as the best ones so far. */
  virtual void
  RememberMaps()
  {
    m_BestFixedPair = m_LastFixedPair;
    m_BestMovingPair = m_LastMovingPair;
  }
  virtual void
  ReturnToRememberedMaps()
  {
    SetPair(this->m_FixedToMiddleTransform, m_BestFixedPair);
    SetPair(this->m_MovingToMiddleTransform, m_BestMovingPair);
  }
  /** Least determinants over the present maps and their inverses. */
  virtual double
  FindLeastDeterminant() const
  {
    return std::min(FoldGuard<Dimension>::FindLeastDeterminant(m_LastFixedPair),
                    FoldGuard<Dimension>::FindLeastDeterminant(m_LastMovingPair));
  }

  std::vector<std::vector<double>> m_UpdateSigmas;
  UpdateShaper<Dimension>          m_Shaper;
  /** Part of the way that one update goes: here both images move. */
  double m_Share{ 0.5 };
  double m_Step{ 1.0 };
  double m_Limit{ smallestDeterminant };

private:
  /** Warping does not conserve mass: when shapes differ in how much of it they gain, balanced transport sends the
   * difference from one to the other, however well they match, and every step makes it worse. Then the level ends with
   * its best maps. \param value of the maps before the present step. */
  bool
  HasDiverged(double value)
  {
    if (value < m_BestMassValue)
    {
      m_BestMassValue = value;
      this->RememberMaps();
      m_NumberOfRises = 0;
    }
    else if (value > 1.5 * m_BestMassValue && ++m_NumberOfRises == mostPatience)
    {
      this->ReturnToRememberedMaps();
      return true;
    }
    return false;
  }

  bool   m_ForceSitsOnMovingImage{ false };
  double m_SmallestValue{ itk::NumericTraits<double>::NonpositiveMin() };

  typename FieldType::ConstPointer m_LastInverted;
  typename FieldType::ConstPointer m_LastInverse;
  /** Of the current level. */
  PairType     m_LastFixedPair;
  PairType     m_LastMovingPair;
  PairType     m_BestFixedPair;
  PairType     m_BestMovingPair;
  double       m_BestValue{ 0.0 };
  double       m_FirstValue{ 0.0 };
  double       m_BestMassValue{ 0.0 };
  unsigned int m_NumberOfRises{ 0 };
  bool         m_Diverged{ false };
  /** The last halving of the step was for folds. */
  bool         m_Blocked{ false };
  unsigned int m_Patience{ 0 };
};

} // namespace SinkhornRegister

#endif
