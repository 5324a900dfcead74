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
#ifndef itkUpdateFieldRegularizer_hxx
#define itkUpdateFieldRegularizer_hxx

#include "itkUpdateFieldRegularizer.h"

#include "itkDisplacementFieldToBSplineImageFilter.h"
#include "itkSinkhornNarrowGaussian.h"

#include <algorithm>
#include <cmath>

namespace itk
{

template <unsigned int VDimension>
void
UpdateFieldRegularizer<VDimension>::SetSigmas(const SigmasType & sigmas)
{
  if (sigmas.empty())
  {
    itkExceptionMacro("Sigmas is empty; give at least one standard deviation in mm");
  }
  for (const double sigma : sigmas)
  {
    if (!(sigma >= 0.0 && std::isfinite(sigma)))
    {
      itkExceptionMacro("Sigmas holds " << sigma << "; standard deviations are finite and not negative, mm");
    }
  }
  if (m_Sigmas != sigmas)
  {
    m_Sigmas = sigmas;
    this->Modified();
  }
}

template <unsigned int VDimension>
auto
UpdateFieldRegularizer<VDimension>::Regularize(const FieldType *  forces,
                                               const WeightType * weight,
                                               double             faintPart) const -> FieldPointer
{
  const FieldPointer smooth = weight ? this->SmoothWeighted(forces, weight, faintPart) : this->Smooth(forces);
  this->FadeOut(smooth);
  return smooth;
}

template <unsigned int VDimension>
auto
UpdateFieldRegularizer<VDimension>::Smooth(const FieldType * forces) const -> FieldPointer
{
  return this->SmoothByGaussians(forces);
}

template <unsigned int VDimension>
auto
UpdateFieldRegularizer<VDimension>::SmoothWeighted(const FieldType *  forces,
                                                   const WeightType * weight,
                                                   double             faintPart) const -> FieldPointer
{
  const FieldPointer  smooth = this->SmoothByGaussians(forces);
  const WeightPointer smoothWeight = this->SmoothByGaussians(weight);
  DivideByWeight(smooth, smoothWeight, faintPart * FindMaximum(smoothWeight));
  return smooth;
}

template <unsigned int VDimension>
template <typename T>
typename T::Pointer
UpdateFieldRegularizer<VDimension>::SmoothByGaussians(const T * image) const
{
  // A Gaussian of unit sum is σ⁻ᴰ high at its centre.
  const auto weightOf = [](double sigma) { return std::pow(sigma > 0.0 ? sigma : 1.0, VDimension); };
  double     total = 0.0;
  for (const double sigma : m_Sigmas)
  {
    total += weightOf(sigma);
  }
  typename T::Pointer sum;
  for (const double sigma : m_Sigmas)
  {
    FixedArray<double, VDimension> sigmas;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      sigmas[d] = m_SigmasAreSpecifiedInPhysicalUnits ? sigma : sigma * image->GetSpacing()[d];
    }
    const typename T::Pointer part = Sinkhorn::SmoothNarrowly(image, sigmas);
    const double              weight = weightOf(sigma) / total;
    if (m_Sigmas.size() == 1)
    {
      return part;
    }
    sum = Sinkhorn::AddScaled<T>(sum ? sum : Sinkhorn::MakeImageOn<T>(image), part, weight);
  }
  return sum;
}

template <unsigned int VDimension>
double
UpdateFieldRegularizer<VDimension>::FindMaximum(const WeightType * weight)
{
  const double * first = weight->GetBufferPointer();
  return *std::max_element(first, first + weight->GetBufferedRegion().GetNumberOfPixels());
}

template <unsigned int VDimension>
void
UpdateFieldRegularizer<VDimension>::DivideByWeight(FieldType * forces, const WeightType * weight, double floor)
{
  if (!(floor > 0.0))
  {
    return; // nothing pulls
  }
  auto * const   ways = forces->GetBufferPointer();
  const double * density = weight->GetBufferPointer();
  Sinkhorn::ForEachChunk(
    forces->GetBufferedRegion().GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
      for (SizeValueType i = begin; i < end; ++i)
      {
        ways[i] /= std::max(0.0, density[i]) + floor;
      }
    });
}

template <unsigned int VDimension>
void
UpdateFieldRegularizer<VDimension>::FadeOut(FieldType * field) const
{
  const auto   region = field->GetBufferedRegion();
  auto * const voxels = field->GetBufferPointer();
  Sinkhorn::ForEachChunk(region.GetNumberOfPixels(), 0, [&](SizeValueType begin, SizeValueType end) {
    auto index = Sinkhorn::PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      double weight = 1.0;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        const auto   fromFirst = index[d] - region.GetIndex()[d];
        const auto   fromLast = region.GetUpperIndex()[d] - index[d];
        const double distance = static_cast<double>(std::min(fromFirst, fromLast)) * field->GetSpacing()[d];
        const double t = m_Margin[d] > 0.0 ? std::min(1.0, distance / m_Margin[d]) : (distance > 0.0 ? 1.0 : 0.0);
        weight *= t * t * (3.0 - 2.0 * t);
      }
      voxels[i] *= weight;
    }
  });
}

template <unsigned int VDimension>
void
UpdateFieldRegularizer<VDimension>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "Sigmas:";
  for (const double sigma : m_Sigmas)
  {
    os << " " << sigma;
  }
  os << std::endl;
  os << indent << "Margin: " << m_Margin << std::endl;
  os << indent << "SigmasAreSpecifiedInPhysicalUnits: " << (m_SigmasAreSpecifiedInPhysicalUnits ? "On" : "Off")
     << std::endl;
}

template <unsigned int VDimension>
auto
BSplineUpdateFieldRegularizer<VDimension>::Smooth(const FieldType * forces) const -> FieldPointer
{
  return this->Fit(forces, nullptr);
}

template <unsigned int VDimension>
auto
BSplineUpdateFieldRegularizer<VDimension>::SmoothWeighted(const FieldType *  forces,
                                                          const WeightType * weight,
                                                          double             faintPart) const -> FieldPointer
{
  const FieldPointer ways = Sinkhorn::CopyImage(forces);
  const double       floor = faintPart * Superclass::FindMaximum(weight);
  if (!(floor > 0.0))
  {
    return ways; // nothing pulls
  }
  Superclass::DivideByWeight(ways, weight, floor);
  const auto confidence = Sinkhorn::CopyImage(weight);
  double *   first = confidence->GetBufferPointer();
  const auto count = confidence->GetBufferedRegion().GetNumberOfPixels();
  std::transform(first, first + count, first, [floor](double w) { return (std::max(0.0, w) + floor) / floor; });
  return this->Fit(ways, confidence);
}

template <unsigned int VDimension>
auto
BSplineUpdateFieldRegularizer<VDimension>::Fit(const FieldType * field, const WeightType * confidence) const
  -> FieldPointer
{
  using FilterType = DisplacementFieldToBSplineImageFilter<FieldType>;
  constexpr unsigned int         order = 3;
  const auto &                   sigmas = this->GetSigmas();
  const double                   sigma = *std::max_element(sigmas.begin(), sigmas.end());
  const auto                     filter = FilterType::New();
  typename FilterType::ArrayType points;
  typename FilterType::ArrayType levels;
  const auto                     size = field->GetBufferedRegion().GetSize();
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    const double unit = this->GetSigmasAreSpecifiedInPhysicalUnits() ? 1.0 : field->GetSpacing()[d];
    const double knots = sigma * unit * std::sqrt(3.0); // variance of the cubic B-spline: 1/3
    const double extent = static_cast<double>(size[d] - 1) * field->GetSpacing()[d];
    const double most = static_cast<double>(size[d]);
    points[d] = order + static_cast<unsigned int>(std::max(1.0, std::min(most, std::round(extent / knots))));
    levels[d] = static_cast<unsigned int>(sigmas.size());
  }
  // The filter loses points on grids with a start index or turned axes; the fit knows neither.
  const auto plain = CopyToPlainGrid(field);
  filter->SetDisplacementField(plain);
  if (confidence)
  {
    filter->SetConfidenceImage(CopyToPlainGrid(confidence));
  }
  filter->SetUseInputFieldToDefineTheBSplineDomain(true);
  filter->SetSplineOrder(order);
  filter->SetNumberOfControlPoints(points);
  filter->SetNumberOfFittingLevels(levels);
  filter->SetEnforceStationaryBoundary(false); // the margin sees to that
  filter->Update();
  const FieldPointer output = Sinkhorn::MakeImageOn<FieldType>(field);
  std::copy_n(filter->GetOutput()->GetBufferPointer(),
              output->GetBufferedRegion().GetNumberOfPixels(),
              output->GetBufferPointer());
  return output;
}

template <unsigned int VDimension>
template <typename T>
typename T::Pointer
BSplineUpdateFieldRegularizer<VDimension>::CopyToPlainGrid(const T * image)
{
  const auto plain = T::New();
  plain->SetSpacing(image->GetSpacing());
  plain->SetRegions(image->GetBufferedRegion().GetSize());
  plain->Allocate();
  std::copy_n(image->GetBufferPointer(), image->GetBufferedRegion().GetNumberOfPixels(), plain->GetBufferPointer());
  return plain;
}

} // namespace itk

#endif
