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
#ifndef itkSinkhornTransformInitializer_hxx
#define itkSinkhornTransformInitializer_hxx

#include "itkSinkhornTransformInitializer.h"

#include "vnl/algo/vnl_determinant.h"
#include "vnl/algo/vnl_svd.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace itk
{

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::GetModel() const -> Model
{
  constexpr unsigned int rigid = ImageDimension * (ImageDimension + 1) / 2;
  const auto             parameters = m_Transform->GetNumberOfParameters();
  if (parameters == rigid)
  {
    return Model::Rigid;
  }
  if (parameters == rigid + 1)
  {
    return Model::Similarity;
  }
  if (parameters != ImageDimension * (ImageDimension + 1))
  {
    itkExceptionMacro("A " << m_Transform->GetNameOfClass() << " with " << parameters
                           << " parameters cannot be initialised: use a rigid, similarity or affine transform whose "
                              "centre is not a parameter, such as Euler"
                           << ImageDimension << "DTransform.");
  }
  return Model::Affine;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
template <typename TImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Bin(const TImage &   image,
                                                                         const MaskType * mask,
                                                                         const char *     name) const -> DensityPointer
{
  Sinkhorn::VerifyDensity(image, mask, name, false, 0);
  // halve the axis of smallest spacing until there are few enough voxels
  const auto &                   region = image.GetBufferedRegion();
  unsigned int                   factors[ImageDimension];
  typename DensityType::SizeType size = region.GetSize();
  std::fill_n(factors, ImageDimension, 1u);
  const auto count = [&] {
    SizeValueType voxels = 1;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      size[d] = (region.GetSize(d) + factors[d] - 1) / factors[d];
      voxels *= size[d];
    }
    return voxels;
  };
  while (count() > m_MaximumNumberOfVoxels)
  {
    unsigned int finest = ImageDimension;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      if (size[d] > 1 && (finest == ImageDimension ||
                          factors[d] * image.GetSpacing()[d] < factors[finest] * image.GetSpacing()[finest]))
      {
        finest = d;
      }
    }
    ++factors[finest];
  }

  typename DensityType::SpacingType       spacing;
  ContinuousIndex<double, ImageDimension> first;
  typename DensityType::PointType         origin;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    spacing[d] = factors[d] * image.GetSpacing()[d];
    first[d] = region.GetIndex(d) + 0.5 * (factors[d] - 1.0);
  }
  image.TransformContinuousIndexToPhysicalPoint(first, origin);
  const auto density = DensityType::New();
  density->SetRegions(size);
  density->SetSpacing(spacing);
  density->SetDirection(image.GetDirection());
  density->SetOrigin(origin);
  density->Allocate(true);
  Sinkhorn::ForEachMass(image, mask, [&](const typename TImage::IndexType & index, double mass) {
    auto bin = index;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      bin[d] = (index[d] - region.GetIndex(d)) / static_cast<IndexValueType>(factors[d]);
    }
    density->GetBufferPointer()[density->ComputeOffset(bin)] += static_cast<float>(mass);
  });
  return density;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Carry(const DensityType & fixed,
                                                                           const LinearMap &   map,
                                                                           const DensityType & moving) const
  -> DensityPointer
{
  const auto &                                         region = fixed.GetBufferedRegion();
  std::vector<ContinuousIndex<double, ImageDimension>> places;
  std::vector<float>                                   masses;
  double                                               lower[ImageDimension];
  double                                               upper[ImageDimension];
  std::fill_n(lower, ImageDimension, std::numeric_limits<double>::max());
  std::fill_n(upper, ImageDimension, std::numeric_limits<double>::lowest());
  auto index = region.GetIndex();
  for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
  {
    if (fixed.GetBufferPointer()[i] > 0.0f)
    {
      PointType point;
      fixed.TransformIndexToPhysicalPoint(index, point);
      masses.push_back(fixed.GetBufferPointer()[i]);
      places.push_back(Sinkhorn::LocateInGrid<ImageDimension>(moving, map(point)));
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        lower[d] = std::min(lower[d], places.back()[d]);
        upper[d] = std::max(upper[d], places.back()[d]);
      }
    }
  }
  ImageRegion<ImageDimension> box;
  for (unsigned int d = 0; d < ImageDimension && !masses.empty(); ++d)
  {
    box.SetIndex(d, static_cast<IndexValueType>(std::floor(lower[d])));
    box.SetSize(d, static_cast<SizeValueType>(std::floor(upper[d]) - std::floor(lower[d])) + 2);
  }
  if (masses.empty())
  {
    itkExceptionMacro("The fixed image has zero total mass: it is 0 everywhere"
                      << (m_FixedMask ? " inside its mask" : "") << ". Transport needs some mass on both sides.");
  }
  std::vector<float> carried(box.GetNumberOfPixels(), 0.0f);
  for (size_t i = 0; i < masses.size(); ++i)
  {
    Sinkhorn::SplatLinearly(box, places[i], masses[i], carried);
  }
  const auto image = DensityType::New();
  image->CopyInformation(&moving);
  image->SetRegions(box);
  image->Allocate();
  std::copy(carried.begin(), carried.end(), image->GetBufferPointer());
  return image;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::ComputeSpringMoments(FilterType & transport)
  -> Moments
{
  const auto & springs = *transport.GetSprings();
  const auto & masses = *transport.GetTransportedMass();
  const auto & region = springs.GetBufferedRegion();
  const auto   forEachSpring = [&](const auto & function) {
    auto index = region.GetIndex();
    for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      if (masses.GetBufferPointer()[i] > 0)
      {
        PointType source;
        springs.TransformIndexToPhysicalPoint(index, source);
        PointType target = source;
        for (unsigned int d = 0; d < ImageDimension; ++d)
        {
          target[d] += static_cast<double>(springs.GetBufferPointer()[i][d]);
        }
        function(static_cast<double>(masses.GetBufferPointer()[i]), source, target);
      }
    }
  };

  Moments moments;
  moments.MeanSource.Fill(0.0);
  moments.MeanTarget.Fill(0.0);
  forEachSpring([&](double weight, const PointType & source, const PointType & target) {
    moments.Weight += weight;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      moments.MeanSource[d] += weight * source[d];
      moments.MeanTarget[d] += weight * target[d];
    }
  });
  if (!(moments.Weight > 0.0))
  {
    itkGenericExceptionMacro("The transport moves no mass at all: Reach is too short for the distance of the images.");
  }
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    moments.MeanSource[d] /= moments.Weight;
    moments.MeanTarget[d] /= moments.Weight;
  }
  moments.Source.Fill(0.0);
  moments.Cross.Fill(0.0);
  forEachSpring([&](double weight, const PointType & source, const PointType & target) {
    const VectorType x = source - moments.MeanSource;
    const VectorType y = target - moments.MeanTarget;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      for (unsigned int e = 0; e < ImageDimension; ++e)
      {
        moments.Source(d, e) += weight / moments.Weight * x[d] * x[e];
        moments.Cross(d, e) += weight / moments.Weight * y[d] * x[e];
      }
    }
  });
  return moments;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Fit(Model model, const Moments & moments)
  -> LinearMap
{
  using DenseMatrix = vnl_matrix<double>;
  constexpr double  degenerate = 1e-8; // relative variance below which a shape is flat
  const DenseMatrix source = moments.Source.GetVnlMatrix().as_matrix();
  const DenseMatrix cross = moments.Cross.GetVnlMatrix().as_matrix();
  DenseMatrix       identity(ImageDimension, ImageDimension);
  identity.set_identity();
  DenseMatrix linear = identity;
  if (model == Model::Affine)
  {
    // the fit as a change of the identity, which remains along directions without extent
    vnl_svd<double> svd(source);
    svd.zero_out_relative(degenerate);
    linear += (cross - source) * svd.pinverse();
  }
  else
  {
    const vnl_svd<double> svd(cross);
    DenseMatrix           sign = identity;
    if (vnl_determinant(svd.U()) * vnl_determinant(svd.V()) < 0.0)
    {
      sign(ImageDimension - 1, ImageDimension - 1) = -1.0; // a rotation, not a reflection
    }
    linear = svd.U() * sign * svd.V().transpose();
    if (model == Model::Similarity)
    {
      double stretched = 0.0;
      double extent = 0.0;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        stretched += svd.W()(d, d) * sign(d, d);
        extent += source(d, d);
      }
      linear *= (extent > 0.0 && stretched > 0.0) ? stretched / extent : 1.0;
    }
  }
  LinearMap map;
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    for (unsigned int e = 0; e < ImageDimension; ++e)
    {
      map.Linear(d, e) = linear(d, e);
    }
  }
  map.Offset = moments.MeanTarget - map.Linear * moments.MeanSource;
  return map;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::ComputeMoments(const DensityType & density)
  -> Moments
{
  const auto & region = density.GetBufferedRegion();
  const auto   forEachVoxel = [&](const auto & function) {
    auto index = region.GetIndex();
    for (SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, Sinkhorn::AdvanceIndex(region, index))
    {
      PointType point;
      density.TransformIndexToPhysicalPoint(index, point);
      function(static_cast<double>(density.GetBufferPointer()[i]), point);
    }
  };
  Moments moments;
  moments.MeanSource.Fill(0.0);
  moments.Source.Fill(0.0);
  forEachVoxel([&](double mass, const PointType & point) {
    moments.Weight += mass;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      moments.MeanSource[d] += mass * point[d];
    }
  });
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    moments.MeanSource[d] /= moments.Weight;
  }
  forEachVoxel([&](double mass, const PointType & point) {
    const VectorType x = point - moments.MeanSource;
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      for (unsigned int e = 0; e < ImageDimension; ++e)
      {
        moments.Source(d, e) += mass / moments.Weight * x[d] * x[e];
      }
    }
  });
  return moments;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
auto
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::MakeStarts(const DensityType & fixed,
                                                                                const DensityType & moving) const
  -> std::vector<LinearMap>
{
  LinearMap identity;
  identity.Linear.SetIdentity();
  identity.Offset.Fill(0.0);
  std::vector<LinearMap> starts{ identity };
  if (!m_UseMultiStart)
  {
    return starts;
  }
  using DenseMatrix = vnl_matrix<double>;
  const Moments         from = ComputeMoments(fixed);
  const Moments         to = ComputeMoments(moving);
  const vnl_svd<double> axesFrom(DenseMatrix(from.Source.GetVnlMatrix().as_matrix()));
  const vnl_svd<double> axesTo(DenseMatrix(to.Source.GetVnlMatrix().as_matrix()));
  for (unsigned int signs = 0; signs < (1u << ImageDimension); ++signs)
  {
    DenseMatrix flip(ImageDimension, ImageDimension, 0.0);
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      flip(d, d) = ((signs >> d) & 1u) ? -1.0 : 1.0;
    }
    const DenseMatrix rotation = axesTo.U() * flip * axesFrom.U().transpose();
    if (vnl_determinant(rotation) > 0.0)
    {
      LinearMap start;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        for (unsigned int e = 0; e < ImageDimension; ++e)
        {
          start.Linear(d, e) = rotation(d, e);
        }
      }
      start.Offset = to.MeanSource - start.Linear * from.MeanSource;
      starts.push_back(start);
    }
  }
  return starts;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::SetTransformTo(const LinearMap & map,
                                                                                    const PointType & centre)
{
  typename TransformType::InputPointType   middle;
  typename TransformType::MatrixType       matrix;
  typename TransformType::OutputVectorType translation;
  const PointType                          image = map(centre);
  for (unsigned int d = 0; d < ImageDimension; ++d)
  {
    middle[d] = centre[d];
    translation[d] = image[d] - centre[d];
    for (unsigned int e = 0; e < ImageDimension; ++e)
    {
      matrix(d, e) = map.Linear(d, e);
    }
  }
  m_Transform->SetIdentity();
  m_Transform->SetCenter(middle);
  m_Transform->SetMatrix(matrix);
  m_Transform->SetTranslation(translation);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
double
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::Refine(Model               model,
                                                                            const DensityType & fixed,
                                                                            DensityType &       moving,
                                                                            LinearMap &         map,
                                                                            unsigned int &      steps) const
{
  double divergence = 0.0;
  double still = moving.GetSpacing()[0];
  for (unsigned int d = 1; d < ImageDimension; ++d)
  {
    still = std::min(still, moving.GetSpacing()[d]);
  }
  still *= 0.01;
  double moved = std::numeric_limits<double>::max();
  for (steps = 0; steps < m_MaximumNumberOfSteps && moved > still; ++steps)
  {
    const auto transport = FilterType::New();
    transport->SetFixedImage(this->Carry(fixed, map, moving));
    transport->SetMovingImage(&moving);
    transport->SetReach(m_Reach);
    if (m_Blur != 0.0)
    {
      transport->SetBlur(m_Blur);
    }
    transport->Update();
    divergence = transport->GetDivergence();

    const auto      moments = ComputeSpringMoments(*transport);
    const LinearMap step = Fit(model, moments);
    map.Linear = step.Linear * map.Linear;
    map.Offset = step.Linear * map.Offset + step.Offset;
    // root mean square displacement of the mass by this step
    const MatrixType change = [&] {
      auto difference = step.Linear;
      for (unsigned int d = 0; d < ImageDimension; ++d)
      {
        difference(d, d) -= 1.0;
      }
      return difference;
    }();
    const MatrixType spread = change * moments.Source * MatrixType(change.GetTranspose());
    double           squared = (step(moments.MeanSource) - moments.MeanSource).GetSquaredNorm();
    for (unsigned int d = 0; d < ImageDimension; ++d)
    {
      squared += spread(d, d);
    }
    moved = std::sqrt(squared);
  }
  return divergence;
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::InitializeTransform()
{
  if (!m_Transform || !m_FixedImage || !m_MovingImage)
  {
    itkExceptionMacro("The " << (!m_Transform ? "Transform" : (!m_FixedImage ? "FixedImage" : "MovingImage"))
                             << " is not set.");
  }
  if (m_MaximumNumberOfSteps == 0 || m_MaximumNumberOfVoxels == 0)
  {
    itkExceptionMacro("MaximumNumberOfSteps and MaximumNumberOfVoxels must be at least 1.");
  }
  const Model model = this->GetModel();
  const auto  fixed = this->Bin(*m_FixedImage, m_FixedMask.GetPointer(), "fixed");
  const auto  moving = this->Bin(*m_MovingImage, m_MovingMask.GetPointer(), "moving");

  LinearMap best;
  m_Divergence = std::numeric_limits<double>::max();
  for (LinearMap map : this->MakeStarts(*fixed, *moving))
  {
    unsigned int steps = 0;
    const double divergence = this->Refine(model, *fixed, *moving, map, steps);
    if (divergence < m_Divergence)
    {
      m_Divergence = divergence;
      m_NumberOfSteps = steps;
      best = map;
    }
  }
  this->SetTransformTo(best, ComputeMoments(*fixed).MeanSource);
}

template <typename TTransform, typename TFixedImage, typename TMovingImage>
void
SinkhornTransformInitializer<TTransform, TFixedImage, TMovingImage>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);

  itkPrintSelfObjectMacro(Transform);
  itkPrintSelfObjectMacro(FixedImage);
  itkPrintSelfObjectMacro(MovingImage);
  itkPrintSelfObjectMacro(FixedMask);
  itkPrintSelfObjectMacro(MovingMask);
  os << indent << "MaximumNumberOfVoxels: " << m_MaximumNumberOfVoxels << std::endl;
  os << indent << "Blur: " << m_Blur << std::endl;
  os << indent << "Reach: " << m_Reach << std::endl;
  os << indent << "MaximumNumberOfSteps: " << m_MaximumNumberOfSteps << std::endl;
  os << indent << "UseMultiStart: " << (m_UseMultiStart ? "On" : "Off") << std::endl;
  os << indent << "NumberOfSteps: " << m_NumberOfSteps << std::endl;
  os << indent << "Divergence: " << m_Divergence << std::endl;
}

} // namespace itk

#endif
