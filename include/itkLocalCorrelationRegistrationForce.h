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
#ifndef itkLocalCorrelationRegistrationForce_h
#define itkLocalCorrelationRegistrationForce_h

#include "itkRegistrationForce.h"
#include "itkSize.h"

#include <vector>

namespace itk
{

/** \class LocalCorrelationRegistrationForce
 * \brief Squared correlation within a box around each voxel, with the exact derivative of its mean.
 *
 * With the deviations A = Σ(f − f̄)(w − w̄), B = Σ(f − f̄)², C = Σ(w − w̄)² over the box around a voxel, the value is
 * −mean A²/(BC), as in ANTSNeighborhoodCorrelationImageToImageMetricv4 (Avants et al., Medical Image Analysis 2008),
 * which takes the derivative by the middle of each box alone. Here every box that holds a voxel takes part: with
 * a = A/(BC) and b = A²/(BC²) the derivative by the warped intensity w is −2(f Σa − Σa f̄ − w Σb + Σb w̄), sums over
 * the boxes that hold the voxel (Cachier and Pennec, MMBIA 2000, derive the like for Gaussian windows). All sums are
 * running sums: the radius costs nothing.
 *
 * Its weight is Σb times the squared gradient, the Gauss-Newton approximation of the second derivative: to each box
 * the warped image is, up to a linear map of intensities, the fixed one, and what is left is a least-squares problem.
 *
 * Voxels outside of either mask take part in no sum. Intensities are standardized as a whole first, and B, C and, with
 * the sign of its sum, A have a floor: noise in flat regions counts for little, images that are equal up to contrast
 * are at rest, and a factor or a constant on either image changes nothing.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT LocalCorrelationRegistrationForce : public RegistrationForce<TImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(LocalCorrelationRegistrationForce);

  using Self = LocalCorrelationRegistrationForce;
  using Superclass = RegistrationForce<TImage>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(LocalCorrelationRegistrationForce, RegistrationForce);

  static constexpr unsigned int ImageDimension = TImage::ImageDimension;
  using RadiusType = Size<ImageDimension>;
  using typename Superclass::ForceFieldType;
  using typename Superclass::MaskImageType;
  using typename Superclass::WeightPointer;
  using typename Superclass::WeightType;

  /** Of the box along each axis, voxels. Default 2. */
  itkSetMacro(Radius, RadiusType);
  itkGetConstReferenceMacro(Radius, RadiusType);

  /** Variance and covariance that are added to the local ones, as a part of the variance of the whole image. Default
   * 0.05. */
  itkSetClampMacro(VarianceFloor, double, 1e-9, NumericTraits<double>::max());
  itkGetConstMacro(VarianceFloor, double);

  bool
  ComputeForces(const TImage *        fixed,
                const TImage *        moving,
                const MaskImageType * fixedMask,
                const MaskImageType * movingMask,
                ForceFieldType *      forces,
                WeightPointer &       weight,
                double &              value) const override;

  /** How the contrasts of two images on one grid agree: the sum of the squared local correlations with their signs, as
   * a part of that without; 1 where there are none. 1: what is brighter in the one is brighter in the other; -1:
   * darker; near 0: now this, now that. Masks as in ComputeForces(). */
  double
  MeasureSignAgreement(const TImage *        fixed,
                       const TImage *        moving,
                       const MaskImageType * fixedMask,
                       const MaskImageType * movingMask) const;

  double
  GetLargestFactor(double share) const override
  {
    return 0.5 * share; // the derivative of a square has a factor 2
  }
  double
  GetDefaultLearningRate() const override
  {
    return 1.0;
  }

protected:
  LocalCorrelationRegistrationForce();
  ~LocalCorrelationRegistrationForce() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using Map = std::vector<float>;

  /** Of an image over the voxels that take part. */
  struct Moments
  {
    double Sum{ 0.0 };
    double SumOfSquares{ 0.0 };
    double Mean{ 0.0 };
    double Scale{ 1.0 }; ///< one by the standard deviation
    void
    Conclude(double count);
  };

  /** Of both images. */
  struct PairMoments
  {
    SizeValueType Count{ 0 }; ///< voxels that take part
    Moments       Fixed;
    Moments       Moving;
    PairMoments &
    operator+=(const PairMoments & other);
  };

  /** The images as they are compared, and the way to them. */
  struct Pair
  {
    SizeValueType              Count{ 0 }; ///< voxels that take part
    std::vector<unsigned char> TakesPart;
    Map                        Fixed;
    Map                        Moving;
  };

  /** Over the box around each voxel: of the voxels that take part, and of both images' intensities, their squares and
   * their products there. */
  struct BoxSums
  {
    Map Count;
    Map Fixed;
    Map Moving;
    Map FixedSquares;
    Map MovingSquares;
    Map Products;
  };

  /** Derivative of the sum of correlations by the warped intensity: Residual = −(f Σa − Σa f̄ − w Σb + Σb w̄); Σb. */
  struct Correlation
  {
    Map    Residual;
    Map    Curvature;
    double Sum{ 0.0 };
  };

  /** Sums over the voxels inside both masks.
   * \param[out] takesPart which these are. */
  static PairMoments
  MeasureMoments(const TImage *               fixed,
                 const TImage *               moving,
                 const MaskImageType *        fixedMask,
                 const MaskImageType *        movingMask,
                 std::vector<unsigned char> & takesPart);

  static Pair
  Standardize(const TImage *        fixed,
              const TImage *        moving,
              const MaskImageType * fixedMask,
              const MaskImageType * movingMask);

  BoxSums
  SumOverBoxes(const Pair & pair, const RadiusType & size) const;

  /** Whether the local covariances add up to less than 0, as where contrast is inverted. */
  static bool
  IsInverted(const Pair & pair, const BoxSums & sums);

  Correlation
  Correlate(const Pair & pair, const RadiusType & size, bool withDerivative) const;

  static void
  Differentiate(const Pair & pair, const Correlation & correlation, ForceFieldType * forces, WeightType * weight);

  RadiusType m_Radius;
  double     m_VarianceFloor{ 0.05 };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkLocalCorrelationRegistrationForce.hxx"
#endif

#endif
