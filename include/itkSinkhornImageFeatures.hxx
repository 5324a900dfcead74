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
#ifndef itkSinkhornImageFeatures_hxx
#define itkSinkhornImageFeatures_hxx

#include "itkGradientRecursiveGaussianImageFilter.h"
#include "itkSinkhornFieldAlgebra.h"

#include "itkMath.h"
#include "vnl/algo/vnl_symmetric_eigensystem.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace itk
{
namespace Sinkhorn
{

template <typename TDensity, typename TImage>
std::vector<std::pair<double, double>>
CollectIntensities(const TDensity &                                density,
                   const TImage &                                  intensities,
                   const SpatialObject<TDensity::ImageDimension> * mask)
{
  constexpr SizeValueType                enough = 1u << 20;
  const SizeValueType                    stride = 1 + density.GetBufferedRegion().GetNumberOfPixels() / enough;
  std::vector<std::pair<double, double>> values;
  SizeValueType                          met = 0;
  ForEachMass(density, mask, [&](const typename TDensity::IndexType & index, double mass) {
    if (mass > 0.0 && met++ % stride == 0)
    {
      values.emplace_back(static_cast<double>(intensities.GetPixel(index)), mass);
    }
  });
  return values;
}

inline std::pair<double, double>
FindIntensityRange(std::vector<std::pair<double, double>> values)
{
  constexpr double tail = 0.01;
  std::sort(values.begin(), values.end());
  double total = 0.0;
  for (const auto & value : values)
  {
    total += value.second;
  }
  const auto find = [&values, total](double part) {
    double     sum = 0.0;
    const auto found = std::find_if(values.begin(), values.end(), [&sum, total, part](const auto & value) {
      return (sum += value.second) >= part * total;
    });
    return found == values.end() ? values.back().first : found->first;
  };
  const double low = find(tail);
  const double high = find(1.0 - tail);
  return { low, low < high ? high : low + 1.0 };
}

inline IntensityPlace
FindIntensityPlace(double value, double low, double high, SizeValueType numberOfBins)
{
  const double place = std::clamp((value - low) / (high - low), 0.0, 1.0) * static_cast<double>(numberOfBins - 1);
  const auto   bin = std::min(numberOfBins - 2, static_cast<SizeValueType>(place));
  const bool   isWithin = value > low && value < high;
  return { bin,
           place - static_cast<double>(bin),
           isWithin ? static_cast<double>(numberOfBins - 1) / (high - low) : 0.0 };
}

template <unsigned int VDimension>
std::vector<float>
SplatIntensities(const Image<float, VDimension> * image, double low, double high, SizeValueType numberOfBins)
{
  if (numberOfBins < 2 || !(low < high))
  {
    itkGenericExceptionMacro("Sinkhorn: " << numberOfBins << " bins of intensity from " << low << " to " << high
                                          << "; give two or more and a range.");
  }
  const SizeValueType count = image->GetBufferedRegion().GetNumberOfPixels();
  std::vector<float>  parts(numberOfBins * count, 0.0F);
  for (SizeValueType i = 0; i < count; ++i)
  {
    const auto place = FindIntensityPlace(static_cast<double>(image->GetBufferPointer()[i]), low, high, numberOfBins);
    const auto upper = static_cast<float>(place.Upper);
    parts[place.Bin * count + i] = 1.0F - upper;
    parts[(place.Bin + 1) * count + i] = upper;
  }
  return parts;
}

inline std::vector<double>
MakeIntensityCosts(SizeValueType numberOfBins, double weight)
{
  std::vector<double> costs;
  for (SizeValueType k = 0; k < numberOfBins; ++k)
  {
    for (SizeValueType l = 0; l < numberOfBins; ++l)
    {
      const double way =
        weight * (static_cast<double>(k) - static_cast<double>(l)) / static_cast<double>(numberOfBins - 1);
      costs.push_back(0.5 * way * way);
    }
  }
  return costs;
}

template <typename TDensity, typename TImage, typename TFunction>
double
ForEachBinnedMass(const TDensity &                                density,
                  const TImage &                                  intensities,
                  const SpatialObject<TDensity::ImageDimension> * mask,
                  SizeValueType                                   numberOfBins,
                  const TFunction &                               function)
{
  const auto range = FindIntensityRange(CollectIntensities(density, intensities, mask));
  double     total = 0.0;
  ForEachMass(density, mask, [&](const typename TDensity::IndexType & index, double mass) {
    total += mass;
    const auto place =
      FindIntensityPlace(static_cast<double>(intensities.GetPixel(index)), range.first, range.second, numberOfBins);
    const double upper = place.Upper * mass;
    const double lower = (1.0 - place.Upper) * mass;
    if (lower > 0.0)
    {
      function(index, place.Bin, lower);
    }
    if (upper > 0.0)
    {
      function(index, place.Bin + 1, upper);
    }
  });
  return total;
}

template <typename TReal, typename TImage>
Density<TReal>
CarryIntensities(const TImage &                                image,
                 const SpatialObject<TImage::ImageDimension> * mask,
                 const ImageBase<TImage::ImageDimension> &     grid,
                 const std::string &                           name,
                 SizeValueType                                 numberOfBins,
                 ThreadIdType                                  numberOfWorkUnits)
{
  auto                                  density = CarryDensity<TReal>(image, mask, grid, name, numberOfWorkUnits);
  VoxelSplatter<TImage::ImageDimension> splatter(IndexMap<TImage::ImageDimension>(image, grid));
  splatter.Initialize(image.GetBufferedRegion(), grid.GetBufferedRegion());
  const SizeValueType              voxels = density.Mass.size();
  std::vector<std::vector<double>> masses(numberOfBins, std::vector<double>(voxels, 0.0));
  ForEachBinnedMass(
    image, image, mask, numberOfBins, [&](const typename TImage::IndexType & index, SizeValueType bin, double mass) {
      splatter.Splat(index, mass, masses[bin]);
    });
  density.Mass.clear();
  for (const std::vector<double> & own : masses)
  {
    for (const double mass : own)
    {
      density.Mass.push_back(static_cast<TReal>(mass / density.Unit));
    }
  }
  return density;
}

template <typename TDensity>
std::vector<double>
MakeIntensityCostsFor(const TDensity &                                density,
                      const SpatialObject<TDensity::ImageDimension> * mask,
                      SizeValueType                                   numberOfBins,
                      double                                          weight)
{
  constexpr unsigned int dimension = TDensity::ImageDimension;
  const auto             moments = PairMoments<dimension>::Compute([&](const auto & function) {
    ForEachMass(density, mask, [&](const typename TDensity::IndexType & index, double mass) {
      Point<double, dimension> point;
      density.TransformIndexToPhysicalPoint(index, point);
      function(mass, point, point);
    });
  });
  double                 variance = 0.0;
  for (unsigned int d = 0; d < dimension; ++d)
  {
    variance += moments.Source(d, d);
  }
  return MakeIntensityCosts(numberOfBins, weight > 0.0 ? weight : std::sqrt(variance));
}

template <unsigned int VDimension>
std::vector<Vector<double, VDimension>>
FindOrientationAxes(SizeValueType numberOfBins)
{
  std::vector<Vector<double, VDimension>> axes;
  const auto                              add = [&axes](std::initializer_list<double> components) {
    Vector<double, VDimension> axis;
    std::copy(components.begin(), components.end(), axis.Begin());
    axis.Normalize();
    axes.push_back(axis);
  };
  if constexpr (VDimension == 2)
  {
    if (numberOfBins < 2)
    {
      itkGenericExceptionMacro("Sinkhorn: " << numberOfBins << " bins of orientation; give two or more.");
    }
    for (SizeValueType k = 0; k < numberOfBins; ++k)
    {
      const double angle = Math::pi * static_cast<double>(k) / static_cast<double>(numberOfBins);
      add({ std::cos(angle), std::sin(angle) });
    }
  }
  else
  {
    constexpr SizeValueType directions = 16;
    if (numberOfBins != directions)
    {
      itkGenericExceptionMacro("Sinkhorn: " << numberOfBins << " bins of orientation in space; there are " << directions
                                            << '.');
    }
    const double golden = 0.5 * (1.0 + std::sqrt(5.0));
    for (const double sign : { 1.0, -1.0 })
    {
      add({ 0.0, 1.0, sign * golden }); // corners
      add({ 1.0, sign * golden, 0.0 });
      add({ golden, 0.0, sign });
      add({ 1.0 / golden, 0.0, sign * golden }); // faces
      add({ golden, sign / golden, 0.0 });
      add({ 0.0, golden, sign / golden });
      add({ 1.0, 1.0, sign });
      add({ 1.0, -1.0, sign });
    }
  }
  return axes;
}

template <unsigned int VDimension>
std::vector<double>
MakeOrientationCosts(SizeValueType numberOfBins, double weight)
{
  const auto          axes = FindOrientationAxes<VDimension>(numberOfBins);
  std::vector<double> costs(numberOfBins * numberOfBins, 0.0);
  for (SizeValueType k = 0; k < numberOfBins; ++k)
  {
    for (SizeValueType l = 0; l < k; ++l)
    {
      const double along = axes[k] * axes[l];
      costs[k * numberOfBins + l] = costs[l * numberOfBins + k] = weight * weight * std::max(0.0, 1.0 - along * along);
    }
  }
  return costs;
}

/** Parts of the bins for one direction; linear in the angle in the plane. */
template <unsigned int VDimension>
void
SplatDirection(const Vector<double, VDimension> &              direction,
               const std::vector<Vector<double, VDimension>> & axes,
               std::vector<double> &                           parts)
{
  const std::size_t count = axes.size();
  std::fill(parts.begin(), parts.end(), 0.0);
  if constexpr (VDimension == 2)
  {
    const double angle = std::atan2(direction[1], direction[0]) / Math::pi; // a direction and its opposite are one
    const double place = (angle - std::floor(angle)) * static_cast<double>(count);
    const auto   bin = static_cast<std::size_t>(place);
    const double upper = place - static_cast<double>(bin);
    parts[bin % count] += 1.0 - upper;
    parts[(bin + 1) % count] += upper;
  }
  else
  {
    double sum = 0.0;
    for (std::size_t k = 0; k < count; ++k)
    {
      const double along = direction * axes[k];
      parts[k] = std::pow(along * along, 8.0);
      sum += parts[k];
    }
    for (double & part : parts)
    {
      part /= sum; // some axis is nearer than 30 degrees
    }
  }
}

/** Products of the components of the gradient of an image times \a factor, smoothed: the structure tensor's distinct
 * entries, row by row. */
template <unsigned int VDimension>
std::vector<typename Image<float, VDimension>::Pointer>
ComputeStructureTensor(const Image<float, VDimension> * image, double sigma, double factor)
{
  using ImageType = Image<float, VDimension>;
  const auto gradient = GradientRecursiveGaussianImageFilter<ImageType>::New(); // in physical directions
  gradient->SetInput(image);
  gradient->SetSigma(sigma);
  gradient->Update();
  const auto *                             in = gradient->GetOutput()->GetBufferPointer();
  std::vector<typename ImageType::Pointer> entries;
  for (unsigned int r = 0; r < VDimension; ++r)
  {
    for (unsigned int c = r; c < VDimension; ++c)
    {
      const auto product = CopyImage(image);
      float *    out = product->GetBufferPointer();
      for (SizeValueType i = 0; i < product->GetBufferedRegion().GetNumberOfPixels(); ++i)
      {
        out[i] = static_cast<float>(factor * in[i][r]) * static_cast<float>(factor * in[i][c]);
      }
      entries.push_back(SmoothByGaussian<ImageType>(product, sigma));
    }
  }
  return entries;
}

/** The structure tensor at a voxel. */
template <unsigned int VDimension>
vnl_matrix<double>
GetTensor(const std::vector<typename Image<float, VDimension>::Pointer> & entries, SizeValueType voxel)
{
  vnl_matrix<double> tensor(VDimension, VDimension);
  unsigned int       entry = 0;
  for (unsigned int r = 0; r < VDimension; ++r)
  {
    for (unsigned int c = r; c < VDimension; ++c)
    {
      tensor(r, c) = tensor(c, r) = static_cast<double>(entries[entry++]->GetBufferPointer()[voxel]);
    }
  }
  return tensor;
}

template <unsigned int VDimension>
std::vector<float>
SplatOrientations(const Image<float, VDimension> * image, double sigma, SizeValueType numberOfBins)
{
  const auto axes = FindOrientationAxes<VDimension>(numberOfBins);
  if (!(sigma > 0.0))
  {
    itkGenericExceptionMacro("Sinkhorn: orientations are looked for within " << sigma << " mm; it must be positive.");
  }
  const SizeValueType count = image->GetBufferedRegion().GetNumberOfPixels();
  std::vector<float>  parts(numberOfBins * count, 1.0F / static_cast<float>(numberOfBins));
  double              largest = 0.0;
  for (SizeValueType i = 0; i < count; ++i)
  {
    largest = std::max(largest, std::abs(static_cast<double>(image->GetBufferPointer()[i])));
  }
  if (!(largest > 0.0))
  {
    return parts;
  }
  constexpr double    rounding = 1e-4; // of the largest intensity, over sigma
  const auto          entries = ComputeStructureTensor<VDimension>(image, sigma, sigma / largest);
  std::vector<double> own(numberOfBins);
  for (SizeValueType i = 0; i < count; ++i)
  {
    const vnl_symmetric_eigensystem<double> eigen(GetTensor<VDimension>(entries, i));
    if (!(eigen.get_eigenvalue(VDimension - 1) > rounding * rounding)) // the largest one comes last
    {
      continue;
    }
    Vector<double, VDimension> direction;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      direction[d] = eigen.V(d, VDimension - 1);
    }
    SplatDirection<VDimension>(direction, axes, own);
    for (SizeValueType k = 0; k < numberOfBins; ++k)
    {
      parts[k * count + i] = static_cast<float>(own[k]);
    }
  }
  return parts;
}

template <unsigned int VDimension>
std::vector<float>
LiftMass(const Image<float, VDimension> * density, const std::vector<float> & parts)
{
  const SizeValueType count = density->GetBufferedRegion().GetNumberOfPixels();
  if (count == 0 || parts.empty() || parts.size() % count != 0)
  {
    itkGenericExceptionMacro("Sinkhorn: " << parts.size() << " parts of bins for " << count
                                          << " voxels; give one for each bin of each voxel.");
  }
  std::vector<float> masses(parts.size());
  for (SizeValueType i = 0; i < parts.size(); ++i)
  {
    masses[i] = parts[i] * density->GetBufferPointer()[i % count];
  }
  return masses;
}

} // namespace Sinkhorn
} // namespace itk

#endif
