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
#ifndef sinkhornRegisterUpdateShaper_h
#define sinkhornRegisterUpdateShaper_h

#include "evaluation.h"
#include "smoothing.h"

#include "itkDisplacementFieldToBSplineImageFilter.h"
#include "itkImageRegionIteratorWithIndex.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace SinkhornRegister
{

/** What the derivative of a metric says, voxel by voxel. */
enum class ForceKind
{
  Direction,              ///< where to go, without a length
  MassTimesWay,           ///< mass (1 in total) times the way that it has to go, mm
  DifferenceTimesGradient ///< mean squares: twice the difference times the gradient of the moving image
};

/** How updates are smoothed. */
enum class Smoother
{
  Gaussian, ///< convolution with a sum of Gaussians
  BSpline   ///< fit of a cubic B-spline; see itk::DisplacementFieldToBSplineImageFilter
};

/** Makes the update of a deformation out of the derivative of a metric: smoothed over physical distances (ITK's own
 * smoothing has one variance in voxels and a truncated kernel), fading out in a margin instead of stopping at the
 * border voxel, and bounded in length and in gradient.
 *
 * A force that is a weight times a way is smoothed, and so is its weight, and the one divided by the other. With mass
 * as the weight thin and faint parts move as fast as bulky ones, a step is as long as the way that is left, and far
 * from all mass nothing moves. With the squared gradient as the weight it is a Gauss-Newton step for the motion that
 * explains the differences in the neighbourhood: strong and faint edges move as far as they have to, and no further. */
template <unsigned int VDimension>
class UpdateShaper
{
public:
  static constexpr unsigned int Dimension = VDimension;
  using Field = FieldType<VDimension>;
  using WeightType = itk::Image<double, VDimension>;

  void
  SetForce(ForceKind force)
  {
    m_Force = force;
  }
  ForceKind
  GetForce() const
  {
    return m_Force;
  }
  void
  SetSmoother(Smoother smoother)
  {
    m_Smoother = smoother;
  }
  /** Standard deviations, mm, of the Gaussians whose sum smooths, all of the same height at the centre, so that the
   * narrow ones matter. B-spline: its knots are so far apart that a basis function has the largest of them; each
   * further one halves the distance. */
  void
  SetSigmas(std::vector<double> sigmas)
  {
    m_Sigmas = std::move(sigmas);
  }
  /** Width of the zone along each border in which the update fades to 0, mm. */
  void
  SetMargin(const itk::Vector<double, VDimension> & margin)
  {
    m_Margin = margin;
  }

  /** The smooth update, of any length. \param weight of forces that have one, on the grid of \a forces. */
  typename Field::Pointer
  Smooth(const Field * forces, const WeightType * weight) const
  {
    const bool              weighted = m_Force != ForceKind::Direction;
    typename Field::Pointer smooth;
    if (m_Smoother == Smoother::BSpline)
    {
      smooth = weighted ? this->FitWeighted(forces, weight) : this->FitByBSpline(forces, nullptr);
    }
    else
    {
      smooth = this->SmoothByGaussians(forces);
      if (weighted)
      {
        this->DivideByWeight(smooth, this->SmoothByGaussians(weight).GetPointer());
      }
    }
    this->FadeOut(smooth);
    return smooth;
  }

  /** Factor that turns a smooth update into a step. \param length largest displacement, voxels. \param share part of
   * the way that this image has to go. */
  double
  FindStep(const Field * update, double length, double share) const
  {
    const double longest = FindLargestStep(update);
    double       factor = longest > 0.0 ? length / longest : 0.0;
    if (m_Force == ForceKind::MassTimesWay)
    {
      factor = std::min(factor, share);
    }
    else if (m_Force == ForceKind::DifferenceTimesGradient)
    {
      factor = std::min(factor, 0.5 * share); // the derivative of a square has a factor 2
    }
    const double gradient = FindLargestGradient(update);
    return factor * gradient > largestGradient ? largestGradient / gradient : factor;
  }

  /** Squared length of the gradient by central differences, as in ITK's metrics; 0 on the border. */
  static typename WeightType::Pointer
  ComputeSquaredGradient(const ImageType<VDimension> * image)
  {
    const auto    squares = MakeImageOn<WeightType>(image);
    const auto    region = image->GetBufferedRegion();
    const float * voxels = image->GetBufferPointer();
    for (itk::ImageRegionIteratorWithIndex<WeightType> it(squares, region); !it.IsAtEnd(); ++it)
    {
      const float * here = voxels + image->ComputeOffset(it.GetIndex());
      double        squared = 0.0;
      for (unsigned int d = 0; d < VDimension; ++d)
      {
        if (it.GetIndex()[d] > region.GetIndex()[d] && it.GetIndex()[d] < region.GetUpperIndex()[d])
        {
          const auto stride = image->GetOffsetTable()[d];
          squared += itk::Math::sqr((here[stride] - *(here - stride)) / (2.0 * image->GetSpacing()[d]));
        }
      }
      it.Set(squared);
    }
    return squares;
  }

private:
  /** Upper bound of the gradient of one step. */
  static constexpr double largestGradient = 0.25;
  /** Smoothed weight, relative to its maximum, at which forces have half their effect. */
  static constexpr double faintMass = 0.02;
  static constexpr double faintGradient = 0.01;

  template <typename T>
  typename T::Pointer
  SmoothByGaussians(const T * image) const
  {
    typename T::Pointer sum;
    double              height = 0.0;
    for (const double sigma : m_Sigmas)
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

  static double
  FindMaximum(const WeightType * weight)
  {
    const double * first = weight->GetBufferPointer();
    return *std::max_element(first, first + weight->GetBufferedRegion().GetNumberOfPixels());
  }

  double
  FindFloor(const WeightType * weight) const
  {
    return (m_Force == ForceKind::MassTimesWay ? faintMass : faintGradient) * FindMaximum(weight);
  }

  /** Divides smoothed forces by their weight, smoothed alike. */
  void
  DivideByWeight(Field * forces, const WeightType * weight) const
  {
    const double floor = this->FindFloor(weight);
    if (!(floor > 0.0))
    {
      return; // nothing pulls
    }
    itk::ImageRegionConstIterator<WeightType> density(weight, weight->GetBufferedRegion());
    for (itk::ImageRegionIterator<Field> it(forces, forces->GetBufferedRegion()); !it.IsAtEnd(); ++it, ++density)
    {
      it.Set(it.Get() / (std::max(0.0, density.Get()) + floor));
    }
  }

  /** The ways, fitted with their weights as confidence. */
  typename Field::Pointer
  FitWeighted(const Field * forces, const WeightType * weight) const
  {
    const typename Field::Pointer      ways = SmoothByGaussian(forces, 0.0); // a copy
    const typename WeightType::Pointer confidence = SmoothByGaussian(weight, 0.0);
    const double                       floor = this->FindFloor(weight);
    if (!(floor > 0.0))
    {
      return ways; // nothing pulls
    }
    this->DivideByWeight(ways, weight);
    double *   first = confidence->GetBufferPointer();
    const auto count = confidence->GetBufferedRegion().GetNumberOfPixels();
    std::transform(first, first + count, first, [floor](double w) { return (std::max(0.0, w) + floor) / floor; });
    return this->FitByBSpline(ways, confidence);
  }

  typename Field::Pointer
  FitByBSpline(const Field * field, const WeightType * confidence) const
  {
    using FilterType = itk::DisplacementFieldToBSplineImageFilter<Field>;
    constexpr unsigned int         order = 3;
    const double                   sigma = *std::max_element(m_Sigmas.begin(), m_Sigmas.end());
    const double                   knots = sigma * std::sqrt(3.0); // variance of the cubic B-spline: 1/3
    const auto                     filter = FilterType::New();
    typename FilterType::ArrayType points;
    typename FilterType::ArrayType levels;
    const auto                     size = field->GetBufferedRegion().GetSize();
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      const double extent = static_cast<double>(size[d] - 1) * field->GetSpacing()[d];
      const double most = static_cast<double>(size[d]);
      points[d] = order + static_cast<unsigned int>(std::max(1.0, std::min(most, std::round(extent / knots))));
      levels[d] = static_cast<unsigned int>(m_Sigmas.size());
    }
    filter->SetDisplacementField(field);
    if (confidence)
    {
      filter->SetConfidenceImage(confidence);
    }
    filter->SetUseInputFieldToDefineTheBSplineDomain(true);
    filter->SetSplineOrder(order);
    filter->SetNumberOfControlPoints(points);
    filter->SetNumberOfFittingLevels(levels);
    filter->SetEnforceStationaryBoundary(false); // FadeOut sees to that
    filter->Update();
    const typename Field::Pointer output = filter->GetOutput();
    output->DisconnectPipeline();
    return output;
  }

  /** Multiplies by a smooth step that is 0 on the border and 1 beyond the margin. */
  void
  FadeOut(Field * field) const
  {
    const auto region = field->GetLargestPossibleRegion();
    for (itk::ImageRegionIteratorWithIndex<Field> it(field, region); !it.IsAtEnd(); ++it)
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
  FindLargestStep(const Field * field)
  {
    double largest = 0.0;
    for (itk::ImageRegionConstIterator<Field> it(field, field->GetBufferedRegion()); !it.IsAtEnd(); ++it)
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
  static double
  FindLargestGradient(const Field * field)
  {
    const auto                        region = field->GetBufferedRegion();
    const typename Field::PixelType * buffer = field->GetBufferPointer();
    double                            largest = 0.0;
    for (itk::ImageRegionConstIteratorWithIndex<Field> it(field, region); !it.IsAtEnd(); ++it)
    {
      const typename Field::PixelType * here = buffer + field->ComputeOffset(it.GetIndex());
      double                            squared = 0.0;
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

  std::vector<double>             m_Sigmas{ 1.0 };
  itk::Vector<double, VDimension> m_Margin{ 0.0 };
  ForceKind                       m_Force{ ForceKind::Direction };
  Smoother                        m_Smoother{ Smoother::Gaussian };
};

} // namespace SinkhornRegister

#endif
