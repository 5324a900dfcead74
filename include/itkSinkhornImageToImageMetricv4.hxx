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
#ifndef itkSinkhornImageToImageMetricv4_hxx
#define itkSinkhornImageToImageMetricv4_hxx

#include "itkSinkhornImageToImageMetricv4.h"

#include <cmath>
#include <sstream>

// The classes of this file have five template parameters.
#define itkSinkhornMetricTemplate                   \
  template <typename TFixedImage,                   \
            typename TMovingImage,                  \
            typename TVirtualImage,                 \
            typename TInternalComputationValueType, \
            typename TMetricTraits>
#define itkSinkhornMetricClass \
  SinkhornImageToImageMetricv4<TFixedImage, TMovingImage, TVirtualImage, TInternalComputationValueType, TMetricTraits>

namespace itk
{

itkSinkhornMetricTemplate typename RegistrationForce<TFixedImage>::Pointer
itkSinkhornMetricClass::CreateForce() const
{
  // The divergence is half the mean square of the way left; what is less than this the grid can't tell.
  constexpr double                                       smallestWay = 0.15;
  const typename RegistrationForce<TFixedImage>::Pointer force =
    this->GetMassModel() == Sinkhorn::MassModel::PushForward
      ? typename RegistrationForce<TFixedImage>::Pointer(MassRegistrationForce<TFixedImage>::New())
      : Superclass::CreateForce();
  force->SetSmallestWay(smallestWay);
  return force;
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::VerifyParameters() const
{
  Superclass::VerifyParameters();
  m_Settings.Verify(this->GetNameOfClass());
}

itkSinkhornMetricTemplate std::string
                          itkSinkhornMetricClass::DescribeSettings() const
{
  std::ostringstream settings;
  settings << Superclass::DescribeSettings() << ' ';
  m_Settings.Print(settings, Indent());
  return settings.str();
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::GetMassNormalization() const -> MassNormalization
{
  if (!this->GetNormalizeMasses())
  {
    return MassNormalization::None;
  }
  return m_Settings.HasCommonScale() ? MassNormalization::Common : MassNormalization::Each;
}

itkSinkhornMetricTemplate Sinkhorn::SolverParameters
                          itkSinkhornMetricClass::MakeSolverParameters() const
{
  auto parameters = m_Settings.MakeSolverParameters(this->GetBlurInUse());
  parameters.Accelerate = m_Acceleration;
  return parameters;
}

itkSinkhornMetricTemplate double
itkSinkhornMetricClass::CompareDensities(const GridType & grid, ScaledDensity alpha, ScaledDensity beta) const
{
  const auto & costs = this->GetIntensityCosts();
  const auto   workUnits = this->GetMaximumNumberOfWorkUnits();
  Sinkhorn::ConvertToLogWeights(alpha.Mass, alpha.Scale, workUnits);
  Sinkhorn::ConvertToLogWeights(beta.Mass, beta.Scale, workUnits);
  m_Transport.SetUseWarmStart(m_UseWarmStart);
  m_Transport.Update(Sinkhorn::GetSizeOfGrid<Superclass::VirtualImageDimension>(grid),
                     Sinkhorn::GetSpacingOfGrid<Superclass::VirtualImageDimension>(grid),
                     std::move(alpha.Mass),
                     std::move(beta.Mass),
                     this->MakeSolverParameters(),
                     workUnits,
                     costs);
  const auto & report = m_Transport.GetReport();
  if (!report.Converged)
  {
    this->WarnOnce(m_NotConvergedWarning,
                   "The transport has " + report.Describe(m_Transport.GetParameters()) +
                     ". Raise MaximumNumberOfIterations, Blur or Tolerance. Shown once for each level and setting; "
                     "GetConverged() tells it for each evaluation.");
  }
  return m_Transport.GetValues().Divergence;
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::ComputeVariation(Sinkhorn::Side side) const -> Variation
{
  const auto   workUnits = this->GetMaximumNumberOfWorkUnits();
  const auto & values = m_Transport.GetValues();
  const bool   isAlpha = (side == Sinkhorn::Side::Alpha);
  Variation    variation;
  Sinkhorn::ComputeFirstVariation(side,
                                  m_Transport.GetParameters(),
                                  m_Transport.GetPotentials(),
                                  isAlpha ? values.MassBeta : values.MassAlpha,
                                  variation.Values,
                                  workUnits);
  variation.Integral = Sinkhorn::Integrate(m_Transport.GetLogWeights(side), variation.Values, workUnits);
  variation.Mass = isAlpha ? values.MassAlpha : values.MassBeta;
  return variation;
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::GetFixedPotential() const -> typename PotentialImageType::Pointer
{
  return this->MakeDualImage(Sinkhorn::Opposite(this->GetSideOfMoving()));
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::GetMovingPotential() const -> typename PotentialImageType::Pointer
{
  return this->MakeDualImage(this->GetSideOfMoving());
}

itkSinkhornMetricTemplate auto
itkSinkhornMetricClass::MakeDualImage(Sinkhorn::Side side) const -> typename PotentialImageType::Pointer
{
  this->VerifyEvaluated();
  const auto & potentials = m_Transport.GetPotentials();
  auto         values = side == Sinkhorn::Side::Alpha ? potentials.F : potentials.G;
  for (auto & value : values)
  {
    value = static_cast<SolverRealType>(static_cast<double>(value) + potentials.GetShift(side));
  }
  return this->MakePotentialImage(values);
}

itkSinkhornMetricTemplate double
itkSinkhornMetricClass::GetPaperFidelity() const
{
  this->VerifyEvaluated();
  return Sinkhorn::ComputePaperFidelity(m_Transport.GetLogWeights(Sinkhorn::Side::Alpha),
                                        m_Transport.GetLogWeights(Sinkhorn::Side::Beta),
                                        m_Transport.GetParameters(),
                                        m_Transport.GetPotentials());
}

itkSinkhornMetricTemplate void
itkSinkhornMetricClass::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  m_Settings.Print(os, indent);
  os << indent << "Acceleration: " << m_Acceleration << std::endl;
  os << indent << "UseWarmStart: " << Sinkhorn::OnOrOff(m_UseWarmStart) << std::endl;
  os << indent << "NumberOfIterations: " << this->GetNumberOfIterations() << std::endl;
  os << indent << "MarginalError: " << this->GetMarginalError() << std::endl;
  os << indent << "Converged: " << (this->GetConverged() ? "Yes" : "No") << std::endl;
  os << indent << "TransportValue: " << this->GetTransportValue() << std::endl;
  os << indent << "NumberOfSolves: " << this->GetNumberOfSolves() << std::endl;
}

} // namespace itk

#undef itkSinkhornMetricTemplate
#undef itkSinkhornMetricClass

#endif
