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
#ifndef itkSinkhornBarycenterImageFilter_hxx
#define itkSinkhornBarycenterImageFilter_hxx

#include "itkSinkhornBarycenterImageFilter.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace itk
{

template <typename TInputImage>
SinkhornBarycenterImageFilter<TInputImage>::SinkhornBarycenterImageFilter()
{
  this->SetNumberOfRequiredInputs(1);
  m_Settings.MaximumNumberOfIterations = 500; // each brings less than one of a transport
}

template <typename TInputImage>
void
SinkhornBarycenterImageFilter<TInputImage>::SetInput(unsigned int k, const InputImageType * image)
{
  this->ProcessObject::SetNthInput(k, const_cast<InputImageType *>(image));
}

template <typename TInputImage>
auto
SinkhornBarycenterImageFilter<TInputImage>::GetInput(unsigned int k) const -> const InputImageType *
{
  return itkDynamicCastInDebugMode<const InputImageType *>(this->ProcessObject::GetInput(k));
}

template <typename TInputImage>
void
SinkhornBarycenterImageFilter<TInputImage>::SetWeights(const WeightsType & weights)
{
  if (m_Weights != weights)
  {
    m_Weights = weights;
    this->Modified();
  }
}

template <typename TInputImage>
auto
SinkhornBarycenterImageFilter<TInputImage>::MakeWeights() const -> WeightsType
{
  const size_t inputs = this->GetNumberOfIndexedInputs();
  for (unsigned int k = 0; k < inputs; ++k)
  {
    if (this->GetInput(k) == nullptr)
    {
      itkExceptionMacro("Input " << k << " of " << inputs << " is not set. Number the inputs from 0 without gaps.");
    }
  }
  if (m_Weights.empty())
  {
    return WeightsType(inputs, 1.0 / inputs);
  }
  const double sum = std::accumulate(m_Weights.begin(), m_Weights.end(), 0.0);
  const bool   areValid =
    std::all_of(m_Weights.begin(), m_Weights.end(), [](double weight) { return weight >= 0.0; }) && sum > 0.0;
  if (m_Weights.size() != inputs || !areValid || !std::isfinite(sum))
  {
    itkExceptionMacro("There are " << m_Weights.size() << " weights of sum " << sum << " for " << inputs
                                   << " inputs. Each input needs one, none negative and not all 0.");
  }
  auto weights = m_Weights;
  for (auto & weight : weights)
  {
    weight /= sum;
  }
  return weights;
}

template <typename TInputImage>
void
SinkhornBarycenterImageFilter<TInputImage>::GenerateOutputInformation()
{
  this->MakeWeights(); // all inputs have to be there
  std::vector<const GridType *> others;
  for (unsigned int k = 1; k < this->GetNumberOfIndexedInputs(); ++k)
  {
    others.push_back(this->GetInput(k));
  }
  const auto grid = Sinkhorn::MakeCommonGrid<ImageDimension>(*this->GetInput(0), others);
  this->GetOutput()->CopyInformation(grid);
  this->GetOutput()->SetLargestPossibleRegion(grid->GetLargestPossibleRegion());
}

template <typename TInputImage>
void
SinkhornBarycenterImageFilter<TInputImage>::EnlargeOutputRequestedRegion(DataObject * output)
{
  output->SetRequestedRegionToLargestPossibleRegion();
}

template <typename TInputImage>
void
SinkhornBarycenterImageFilter<TInputImage>::GenerateData()
{
  m_Blur.Verify(this->GetNameOfClass());
  m_Settings.Verify(this->GetNameOfClass());
  m_Report = Sinkhorn::BarycenterReport{};
  OutputImageType & output = *this->GetOutput();
  output.SetBufferedRegion(output.GetLargestPossibleRegion());
  output.Allocate();
  const auto             workUnits = this->GetNumberOfWorkUnits();
  const WeightsType      weights = this->MakeWeights();
  std::vector<ArrayType> densities;
  double                 mass = 0.0;
  for (unsigned int k = 0; k < weights.size(); ++k)
  {
    const auto & image = *this->GetInput(k);
    const auto   name = "input " + std::to_string(k);
    Sinkhorn::VerifyDensity<InputImageType>(image, nullptr, name, false, workUnits);
    auto density = Sinkhorn::CarryDensity<RealType, InputImageType>(image, nullptr, output, name, workUnits);
    mass += weights[k] * density.Total;
    Sinkhorn::ConvertToLogWeights(density.Mass, density.Unit / density.Total, workUnits);
    densities.push_back(std::move(density.Mass));
  }

  Sinkhorn::BarycenterParameters parameters;
  parameters.Blur = m_Blur.GetInUse(output.GetSpacing(), 1.0);
  parameters.Debias = m_Settings.Debias;
  parameters.Tolerance = m_Settings.Tolerance;
  parameters.MaximumNumberOfIterations = m_Settings.MaximumNumberOfIterations;
  const auto op = Sinkhorn::MakeGridOperator<RealType>({ Sinkhorn::GetSizeOfGrid<ImageDimension>(output),
                                                         Sinkhorn::GetSpacingOfGrid<ImageDimension>(output),
                                                         {},
                                                         workUnits },
                                                       m_OperatorMaker);
  ArrayType  barycenter;
  m_Report = Sinkhorn::ComputeBarycenter<RealType>(
    op, densities, weights, parameters, barycenter, [&](const Sinkhorn::SolverProgress & progress) {
      this->UpdateProgress(static_cast<float>(progress.Fraction));
      return !this->GetAbortGenerateData();
    });
  if (m_Report.Aborted)
  {
    ProcessAborted aborted(__FILE__, __LINE__);
    aborted.SetDescription("The barycentre was aborted on request (AbortGenerateData).");
    aborted.SetLocation(ITK_LOCATION);
    throw aborted;
  }
  if (!m_Report.Converged)
  {
    itkWarningMacro("The barycentre has not converged after "
                    << m_Report.NumberOfIterations << " iterations, marginal error " << m_Report.MarginalError
                    << " (tolerance " << m_Settings.Tolerance
                    << "). Raise MaximumNumberOfIterations, Blur or "
                       "Tolerance.");
  }
  const double scale = mass / Sinkhorn::ComputeVoxelVolume<ImageDimension>(output);
  std::transform(barycenter.begin(), barycenter.end(), output.GetBufferPointer(), [=](RealType value) {
    return static_cast<RealType>(scale * std::exp(static_cast<double>(value)));
  });
  this->UpdateProgress(1.0f);
}

template <typename TInputImage>
void
SinkhornBarycenterImageFilter<TInputImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  os << indent << "Weights:";
  for (const double weight : m_Weights)
  {
    os << ' ' << weight;
  }
  os << (m_Weights.empty() ? " equal" : "") << std::endl;
  m_Blur.Print(os, indent);
  m_Settings.Print(os, indent);
  os << indent << "NumberOfIterations: " << m_Report.NumberOfIterations << std::endl;
  os << indent << "MarginalError: " << m_Report.MarginalError << std::endl;
  os << indent << "Converged: " << (m_Report.Converged ? "Yes" : "No") << std::endl;
}

} // namespace itk

#endif
