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
#ifndef sinkhornRegisterDisplacementMethod_h
#define sinkhornRegisterDisplacementMethod_h

#include "smoothSyN.h"

#include "itkIdentityTransform.h"
#include "itkResampleImageFilter.h"

namespace SinkhornRegister
{

/** A displacement of every point of the fixed image, to which smooth updates are added. The metric sees both images as
 * they are and the map between them, not warped images, so that mass that is pushed forward is conserved to the last
 * digit. The map is half of a SyN whose middle is the fixed image. */
template <typename TImage, typename TTransform>
class DisplacementMethod : public SmoothSyNMethod<TImage, TTransform>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(DisplacementMethod);
  using Self = DisplacementMethod;
  using Superclass = SmoothSyNMethod<TImage, TTransform>;
  using Pointer = itk::SmartPointer<Self>;
  using typename Superclass::FieldPointer;
  using typename Superclass::FieldType;
  using typename Superclass::WeightType;
  static constexpr unsigned int Dimension = TImage::ImageDimension;
  itkNewMacro(Self);
  itkTypeMacro(DisplacementMethod, SmoothSyNMethod);

  /** The derivative is that by the displacement already; nothing has to be exchanged. */
  void
  SetForceSitsOnMovingImage(bool)
  {}

protected:
  DisplacementMethod()
  {
    this->m_DownsampleImagesForMetricDerivatives = false;
    this->m_Share = 1.0;
  }
  ~DisplacementMethod() override = default;

  void
  InitializeRegistrationAtEachLevel(const itk::SizeValueType level) override
  {
    Superclass::InitializeRegistrationAtEachLevel(level);
    m_Weight = nullptr;
    if (this->m_Shaper.GetForce() == ForceKind::MassTimesWay)
    {
      const FieldType * const field = this->m_MovingToMiddleTransform->GetInverseDisplacementField();
      const auto              identity = itk::IdentityTransform<double, Dimension>::New();
      const auto              grid = MakeImageOn<TImage>(field);
      m_Weight =
        Superclass::ComputeMass(WarpImage<Dimension>(this->m_FixedSmoothImages[0], identity, grid, 0.0F, false), field);
    }
    else if (this->m_Shaper.GetForce() == ForceKind::DifferenceTimesGradient)
    {
      m_Weight = UpdateShaper<Dimension>::ComputeSquaredGradient(this->m_MovingSmoothImages[0]);
    }
  }

  void
  StartOptimization() override
  {
    const auto identity = itk::IdentityTransform<double, Dimension>::New();
    while (this->m_CurrentIteration++ < this->m_NumberOfIterationsPerLevel[this->m_CurrentLevel] &&
           !this->m_IsConverged)
    {
      const FieldPointer field = this->m_MovingToMiddleTransform->GetModifiableInverseDisplacementField();
      m_Map = Superclass::MakeMap(field, this->m_CompositeTransform);
      const FieldPointer update = this->ComputeUpdateField(this->m_FixedSmoothImages,
                                                           this->m_FixedPointSets,
                                                           identity,
                                                           this->m_MovingSmoothImages,
                                                           this->m_MovingPointSets,
                                                           m_Map,
                                                           this->m_FixedImageMasks,
                                                           this->m_MovingImageMasks,
                                                           this->m_CurrentMetricValue);
      this->m_MovingToMiddleTransform->SetInverseDisplacementField(AddScaled<FieldType>(field, update, 1.0));
      this->InvokeEvent(itk::IterationEvent());
    }
    const FieldPointer field = this->m_MovingToMiddleTransform->GetModifiableInverseDisplacementField();
    const FieldPointer inverse =
      this->InvertDisplacementField(field, this->m_MovingToMiddleTransform->GetDisplacementField());
    Superclass::SetPair(this->m_MovingToMiddleTransform, { inverse, field });
  }

  typename WeightType::ConstPointer
  ComputeWeight(const FieldType * forces) const override
  {
    if (this->m_Shaper.GetForce() != ForceKind::DifferenceTimesGradient)
    {
      return m_Weight.GetPointer();
    }
    // lies on the moving image
    const auto resampler = itk::ResampleImageFilter<WeightType, WeightType>::New();
    resampler->SetInput(m_Weight);
    resampler->SetTransform(m_Map);
    resampler->SetUseReferenceImage(true);
    resampler->SetReferenceImage(forces);
    resampler->Update();
    return resampler->GetOutput();
  }

  bool
  KeepInvertible() override
  {
    MapPair<Dimension> pair{ this->m_MovingToMiddleTransform->GetModifiableInverseDisplacementField(),
                             this->m_MovingToMiddleTransform->GetModifiableDisplacementField() };
    if (FoldGuard<Dimension>::RelaxForward(pair, std::min(this->m_Limit, Superclass::smallestTotalDeterminant)))
    {
      this->m_MovingToMiddleTransform->SetInverseDisplacementField(pair.Forward);
    }
    m_Last = pair.Forward;
    return true;
  }
  void
  RememberMaps() override
  {
    m_Best = m_Last;
  }
  void
  ReturnToRememberedMaps() override
  {
    this->m_MovingToMiddleTransform->SetInverseDisplacementField(m_Best);
  }

private:
  /** Mass of the fixed image on the grid of the level, or squared gradient of the moving image on its own. */
  typename WeightType::Pointer                         m_Weight;
  typename Superclass::CompositeTransformType::Pointer m_Map;
  FieldPointer                                         m_Last;
  FieldPointer                                         m_Best;
};

} // namespace SinkhornRegister

#endif
