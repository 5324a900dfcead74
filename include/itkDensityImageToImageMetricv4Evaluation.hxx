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
#ifndef itkDensityImageToImageMetricv4Evaluation_hxx
#define itkDensityImageToImageMetricv4Evaluation_hxx

// The evaluation of DensityImageToImageMetricv4: part of itkDensityImageToImageMetricv4.hxx, which includes it.

namespace itk
{

itkDensityMetricTemplate void
itkDensityMetricClass::GetValueAndDerivativeExecute() const
{
  this->m_Value = NumericTraits<MeasureType>::max(); // what remains after an exception
  if (m_MassModel == MassModelEnum::Intensity)
  {
    this->EvaluateIntensity();
  }
  else
  {
    this->EvaluatePushForward();
  }
}

itkDensityMetricTemplate void
itkDensityMetricClass::EvaluateIntensity() const
{
  m_Grid = Sinkhorn::CopyGrid<VirtualImageDimension>(*this->m_VirtualImage);
  m_MassModelOfGrid = MassModelEnum::Intensity;
  auto moving = this->RasterizeMoving(*m_Grid);
  auto fixed = this->RasterizeFixed(*m_Grid);
  m_MovingMass = moving.Total;
  m_FixedMass = fixed.Total;
  this->m_NumberOfValidPoints = moving.NumberOfSamples;

  const auto   scales = this->ComputeMassScales(moving.Total, fixed.Total);
  const double volume = Sinkhorn::ComputeVoxelVolume<VirtualImageDimension>(*m_Grid);
  this->Compare(this->ShareByBins(std::move(moving.Mass), volume, m_MovingRange),
                this->ShareByBins(std::move(fixed.Mass), volume, m_FixedRange),
                scales);
  if (!this->GetComputeDerivative())
  {
    return;
  }

  const auto   weights = this->ComputeSampleWeights();
  const double factor = scales.alpha * volume;
  this->AccumulateDerivative([&](SizeValueType position, const VirtualPointType & point, ForceType & force) {
    double sample = 0.0;
    if (!this->SampleMoving(point, sample) || sample < 0.0)
    {
      return false;
    }
    const double weight = this->WeighSample(weights, position, sample);
    if (weight == 0.0)
    {
      return false;
    }
    MovingImageGradientType gradient;
    this->ComputeMovingImageGradientAtPoint(this->MapToMoving(point), gradient);
    for (unsigned int d = 0; d < MovingImageDimension; ++d)
    {
      // The factor is as large as intensities are small: only here, in double precision, is it taken in.
      force[d] = -factor * weight * static_cast<double>(gradient[d]);
    }
    return true;
  });
}

itkDensityMetricTemplate template <typename TImage>
auto
itkDensityMetricClass::FindRange(const TImage & image, const SpatialObject<TImage::ImageDimension> * mask)
  -> IntensityRange
{
  return Sinkhorn::FindIntensityRange(Sinkhorn::CollectIntensities(image, image, mask));
}

itkDensityMetricTemplate auto
itkDensityMetricClass::ShareByBins(VectorType masses, double volume, const IntensityRange & range) const -> VectorType
{
  const SizeValueType bins = this->GetNumberOfIntensityBins();
  if (bins == 0)
  {
    return masses;
  }
  const SizeValueType voxels = masses.size();
  VectorType          shared(bins * voxels, SolverRealType(0));
  Sinkhorn::ForEachChunk(voxels, m_MaximumNumberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      const auto mass = static_cast<double>(masses[i]);
      const auto place = this->FindPlace(mass / volume, range);
      shared[place.Bin * voxels + i] = static_cast<SolverRealType>((1.0 - place.Upper) * mass);
      shared[(place.Bin + 1) * voxels + i] = static_cast<SolverRealType>(place.Upper * mass);
    }
  });
  return shared;
}

itkDensityMetricTemplate template <typename TCarrier>
auto
itkDensityMetricClass::SplatBins(PushForwardType &      grid,
                                 SizeValueType          count,
                                 const TCarrier &       carrier,
                                 double                 volume,
                                 const IntensityRange & range) const -> VectorType
{
  const SizeValueType bins = this->GetNumberOfIntensityBins();
  if (bins == 0)
  {
    return grid.Splat(count, carrier, m_MaximumNumberOfWorkUnits);
  }
  // Points are mapped once, for all bins.
  std::vector<MovingImagePointType>     places(count);
  std::vector<double>                   carried(count, 0.0);
  std::vector<Sinkhorn::IntensityPlace> parts(count);
  Sinkhorn::ForEachChunk(count, m_MaximumNumberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      double mass = 0.0;
      if (carrier(i, places[i], mass))
      {
        carried[i] = mass;
        parts[i] = this->FindPlace(mass / volume, range);
      }
    }
  });
  const auto splat = [&](const auto & partOf) {
    return grid.Splat(
      count,
      [&](SizeValueType position, MovingImagePointType & where, double & mass) {
        where = places[position];
        mass = carried[position] * partOf(parts[position]);
        return mass > 0.0;
      },
      m_MaximumNumberOfWorkUnits);
  };
  // Of all bins together, so that the grid has its final size.
  splat([](const auto &) { return 1.0; });
  VectorType shared;
  for (SizeValueType k = 0; k < bins; ++k)
  {
    const auto masses = splat([k](const Sinkhorn::IntensityPlace & place) {
      return place.Bin == k ? 1.0 - place.Upper : (place.Bin + 1 == k ? place.Upper : 0.0);
    });
    shared.insert(shared.end(), masses.begin(), masses.end());
  }
  return shared;
}

itkDensityMetricTemplate double
itkDensityMetricClass::WeighSample(const VectorType & weights, SizeValueType position, double intensity) const
{
  if (this->GetNumberOfIntensityBins() == 0)
  {
    return static_cast<double>(weights[position]);
  }
  const SizeValueType voxels = m_Grid->GetBufferedRegion().GetNumberOfPixels();
  const auto          place = this->FindPlace(intensity, m_MovingRange);
  const auto          lower = static_cast<double>(weights[place.Bin * voxels + position]);
  const auto          upper = static_cast<double>(weights[(place.Bin + 1) * voxels + position]);
  return lower + (place.Upper + intensity * place.Slope) * (upper - lower);
}

itkDensityMetricTemplate void
itkDensityMetricClass::Compare(VectorType alpha, VectorType beta, const MassScales & scales) const
{
  this->m_Value = static_cast<MeasureType>(
    this->CompareDensities(*m_Grid, { std::move(alpha), scales.alpha }, { std::move(beta), scales.beta }));
  if (!std::isfinite(this->m_Value))
  {
    this->ClearComparison();
    itkExceptionMacro("The value is not finite (" << this->m_Value << "). Raise Blur, or use images of type double.");
  }
}

itkDensityMetricTemplate auto
itkDensityMetricClass::ComputeSampleWeights() const -> VectorType
{
  auto variation = this->ComputeVariation(Sinkhorn::Side::Alpha);

  // Normalisation makes every sample act on all masses: the mean of the variation has to be taken off.
  double     mean = 0.0;
  const auto normalization = this->GetMassNormalization();
  if (normalization == MassNormalization::Common)
  {
    mean = 0.5 * (variation.Integral + this->ComputeVariation(Sinkhorn::Side::Beta).Integral);
  }
  else if (normalization == MassNormalization::Each || this->RequiresEqualMasses())
  {
    mean = variation.Integral / variation.Mass;
  }

  auto & values = variation.Values;
  Sinkhorn::ForEachChunk(values.size(), m_MaximumNumberOfWorkUnits, [&](SizeValueType begin, SizeValueType end) {
    for (SizeValueType i = begin; i < end; ++i)
    {
      values[i] = static_cast<SolverRealType>(static_cast<double>(values[i]) - mean);
    }
  });
  return std::move(variation.Values);
}

itkDensityMetricTemplate void
itkDensityMetricClass::EvaluatePushForward() const
{
  const auto virtualGrid = Sinkhorn::CopyGrid<VirtualImageDimension>(*this->m_VirtualImage);
  const auto fixed = this->RasterizeFixed(*virtualGrid);
  m_FixedMass = fixed.Total;
  this->m_NumberOfValidPoints = fixed.NumberOfSamples;

  PushForwardType grid(*this->m_MovingImage, *virtualGrid);
  if (m_Grid && m_MassModelOfGrid == MassModelEnum::PushForward)
  {
    grid.KeepPaddingOf(*m_Grid);
  }
  const double volume = Sinkhorn::ComputeVoxelVolume<VirtualImageDimension>(*virtualGrid);
  auto         alpha = this->SplatFixed(grid, *virtualGrid, fixed);
  auto         beta = this->SplatMoving(grid);
  m_Grid = Sinkhorn::CopyGrid<VirtualImageDimension>(grid.GetGrid());
  m_MassModelOfGrid = MassModelEnum::PushForward;

  const auto scales = this->ComputeMassScales(m_FixedMass, m_MovingMass);
  this->Compare(std::move(alpha), std::move(beta), scales);
  if (!this->GetComputeDerivative())
  {
    return;
  }

  const auto          variation = this->ComputeVariation(Sinkhorn::Side::Alpha).Values;
  const SizeValueType nodes = m_Grid->GetBufferedRegion().GetNumberOfPixels();
  this->AccumulateDerivative([&](SizeValueType position, const VirtualPointType & point, ForceType & force) {
    if (!(fixed.Mass[position] > 0))
    {
      return false;
    }
    const auto mass = static_cast<double>(fixed.Mass[position]);
    const auto where = this->MapToMoving(point);
    if (this->GetNumberOfIntensityBins() == 0)
    {
      force = grid.ComputeGradient(variation.data(), where) * (-scales.alpha * mass);
      return true;
    }
    const auto place = this->FindPlace(mass / volume, m_FixedRange);
    force = (grid.ComputeGradient(variation.data() + place.Bin * nodes, where) * (1.0 - place.Upper) +
             grid.ComputeGradient(variation.data() + (place.Bin + 1) * nodes, where) * place.Upper) *
            (-scales.alpha * mass);
    return true;
  });
}

itkDensityMetricTemplate auto
itkDensityMetricClass::SplatFixed(PushForwardType & grid, const GridType & virtualGrid, const DensityType & fixed) const
  -> VectorType
{
  const auto & region = virtualGrid.GetBufferedRegion();
  return this->SplatBins(
    grid,
    fixed.Mass.size(),
    [&](SizeValueType position, MovingImagePointType & where, double & mass) {
      mass = fixed.Mass[position];
      if (mass > 0.0)
      {
        VirtualPointType point;
        virtualGrid.TransformIndexToPhysicalPoint(Sinkhorn::PositionToIndex(region, position), point);
        where = this->MapToMoving(point);
      }
      return mass > 0.0;
    },
    Sinkhorn::ComputeVoxelVolume<VirtualImageDimension>(virtualGrid),
    m_FixedRange);
}

itkDensityMetricTemplate auto
itkDensityMetricClass::SplatMoving(PushForwardType & grid) const -> VectorType
{
  const auto & image = *this->m_MovingImage;
  const auto & region = image.GetBufferedRegion();
  const auto   volume = Sinkhorn::ComputeVoxelVolume<MovingImageDimension>(image);
  const auto   masses = this->SplatBins(
    grid,
    region.GetNumberOfPixels(),
    [&](SizeValueType position, MovingImagePointType & where, double & mass) {
      mass = volume * static_cast<double>(image.GetBufferPointer()[position]);
      if (mass > 0.0)
      {
        image.TransformIndexToPhysicalPoint(Sinkhorn::PositionToIndex(region, position), where);
      }
      return mass > 0.0 && (!this->m_MovingImageMask || this->m_MovingImageMask->IsInsideInWorldSpace(where));
    },
    volume,
    m_MovingRange);
  m_MovingMass = 0.0;
  for (const auto mass : masses)
  {
    m_MovingMass += static_cast<double>(mass);
  }
  if (!(m_MovingMass > 0.0))
  {
    itkExceptionMacro("The moving image has zero total mass: it is 0 everywhere"
                      << (this->m_MovingImageMask ? " inside its mask" : "")
                      << ". Both images need some mass: correct the image or its mask.");
  }
  return masses;
}

itkDensityMetricTemplate void
itkDensityMetricClass::AddParts(const std::vector<std::vector<double>> & sums, DerivativeType & derivative)
{
  std::vector<double> total(sums.empty() ? 0 : sums.front().size(), 0.0);
  for (const auto & sum : sums)
  {
    std::transform(sum.begin(), sum.end(), total.begin(), total.begin(), std::plus<double>());
  }
  for (SizeValueType p = 0; p < total.size(); ++p)
  {
    derivative[p] += static_cast<DerivativeValueType>(total[p]);
  }
}

itkDensityMetricTemplate template <typename TForce>
void
itkDensityMetricClass::AccumulateDerivative(const TForce & forceAt) const
{
  // A partition by the size of the domain alone, and parts added in order: bit-identical for any number of threads.
  constexpr SizeValueType largestNumberOfParts = 64;
  const auto &            region = this->GetVirtualRegion();
  const SizeValueType     voxels = region.GetNumberOfPixels();
  const SizeValueType     partLength =
    std::max(Sinkhorn::ChunkLength, (voxels + largestNumberOfParts - 1) / largestNumberOfParts);
  const SizeValueType              parts = (voxels + partLength - 1) / partLength;
  const bool                       isLocal = this->HasLocalSupport();
  const NumberOfParametersType     localParameters = this->GetNumberOfLocalParameters();
  std::vector<std::vector<double>> sums(isLocal ? 0 : parts);
  auto &                           derivative = *this->m_DerivativeResult;

  const auto addPart = [&](SizeValueType part) {
    JacobianType        jacobian(MovingImageDimension, localParameters);
    JacobianType        jacobianCache;
    std::vector<double> sum(localParameters, 0.0);
    const SizeValueType begin = part * partLength;
    const SizeValueType end = std::min(voxels, begin + partLength);
    auto                index = Sinkhorn::PositionToIndex(region, begin);
    for (SizeValueType i = begin; i < end; ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      VirtualPointType point;
      this->TransformVirtualIndexToPhysicalPoint(index, point);
      ForceType force;
      if (!forceAt(i, point, force) || force.GetSquaredNorm() == 0.0)
      {
        continue;
      }
      typename MovingTransformType::InputPointType input;
      input.CastFrom(point);
      this->m_MovingTransform->ComputeJacobianWithRespectToParametersCachedTemporaries(input, jacobian, jacobianCache);
      const OffsetValueType offset = isLocal ? this->ComputeParameterOffsetFromVirtualIndex(index, localParameters) : 0;
      for (NumberOfParametersType p = 0; p < localParameters; ++p)
      {
        const double product = PullOnParameter(force, jacobian, p);
        if (isLocal)
        {
          derivative[offset + p] += static_cast<DerivativeValueType>(product);
        }
        else
        {
          sum[p] += product;
        }
      }
    }
    if (!isLocal)
    {
      sums[part] = std::move(sum);
    }
  };
  Sinkhorn::ForEachTask(parts, m_MaximumNumberOfWorkUnits, false, addPart);

  AddParts(sums, derivative);
  if (!std::all_of(derivative.begin(), derivative.end(), [](DerivativeValueType v) { return std::isfinite(v); }))
  {
    itkExceptionMacro(
      "The derivative is not finite: the moving transform's Jacobian, the image gradient (if computed by a "
      "filter or a calculator of your own) or a potential has left the range of numbers.");
  }
}

} // namespace itk

#endif
