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
#ifndef itkRegistrationForce_h
#define itkRegistrationForce_h

#include "itkImage.h"
#include "itkObject.h"
#include "itkObjectFactory.h"
#include "itkSinkhornCompatibility.h"

#include <limits>

namespace itk
{

namespace Sinkhorn
{
struct LabelMixture;
}

/** \class RegistrationForce
 * \brief What the derivative of a metric says, voxel by voxel, and how far one step along it may go.
 *
 * A registration of fields smooths the derivative of its metric into an update. Some derivatives are a weight times a
 * way: then the update is the smoothed derivative divided by the weight, smoothed alike (normalized convolution,
 * Knutsson and Westin, CVPR 1993), it is as long as the way that is left, and faint things move as fast as strong ones.
 * A metric whose derivative is of such a kind brings its force along by CreateForce(); see RegistrationForceSource.
 *
 * This base class is the force of any metric: a direction without a length, which a step of a given length follows.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT RegistrationForce : public Object
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(RegistrationForce);

  using Self = RegistrationForce;
  using Superclass = Object;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(RegistrationForce, Object);

  using ImageType = TImage;
  static constexpr unsigned int ImageDimension = TImage::ImageDimension;
  using WeightType = Image<double, ImageDimension>;
  using WeightPointer = typename WeightType::Pointer;

  using ForceFieldType = Image<Vector<double, ImageDimension>, ImageDimension>;
  using MaskImageType = Image<unsigned char, ImageDimension>;
  using LabelsType = Image<Sinkhorn::LabelMixture, ImageDimension>;

  /** What the metric's value and derivative would be for two images on one grid, without the detours that a metric for
   * any transform has to make.
   * \param fixedMask, movingMask voxels other than 0 take part, on the same grid; nullptr: all.
   * \param forces 0 on that grid; nullptr: only the value is asked for.
   * \param weight left alone where ComputeWeight() makes it, else made here. \return false if only the metric can tell.
   */
  virtual bool
  ComputeForces(const ImageType *     itkNotUsed(fixed),
                const ImageType *     itkNotUsed(moving),
                const MaskImageType * itkNotUsed(fixedMask),
                const MaskImageType * itkNotUsed(movingMask),
                ForceFieldType *      itkNotUsed(forces),
                WeightPointer &       itkNotUsed(weight),
                double &              itkNotUsed(value)) const
  {
    return false;
  }

  /** The same for label maps, whose labels are compared with their like and never by their numbers. \param weight is
   * always made here. \return false if this force knows nothing of labels, or if there is nothing to compare. */
  virtual bool
  ComputeLabelForces(const LabelsType *    itkNotUsed(fixed),
                     const LabelsType *    itkNotUsed(moving),
                     const MaskImageType * itkNotUsed(fixedMask),
                     const MaskImageType * itkNotUsed(movingMask),
                     ForceFieldType *      itkNotUsed(forces),
                     WeightPointer &       itkNotUsed(weight),
                     double &              itkNotUsed(value)) const
  {
    return false;
  }

  /** The image that the weight is made of. */
  enum class Carrier : uint8_t
  {
    None, ///< there is no weight, or ComputeForces() makes it of both
    Fixed,
    Moving
  };
  virtual Carrier
  GetCarrier() const
  {
    return Carrier::None;
  }

  /** The weight on the grid of the carrier. */
  virtual WeightPointer
  ComputeWeight(const ImageType *) const
  {
    return nullptr;
  }
  /** Called with the weight on the grid of the forces. */
  virtual void
  Normalize(WeightType *) const
  {}

  /** Weight, as a part of the largest one, at which forces have half their effect. Defaults: 0.02 for mass, 0.01 for
   * mean squares; more keeps what is faint, as noise is, quieter. */
  itkSetClampMacro(FaintPart, double, 1e-9, 1.0);
  itkGetConstMacro(FaintPart, double);

  /** Largest factor from a smoothed update, divided by its weight, to a step. \param share part of the way that the
   * image that is moved has to go: 0.5 where both move. */
  virtual double
  GetLargestFactor(double itkNotUsed(share)) const
  {
    return std::numeric_limits<double>::max();
  }

  /** Length of the longest displacement of a step, voxels, if the user gives none. */
  virtual double
  GetDefaultLearningRate() const
  {
    return 0.5;
  }

  /** Standard deviation of the smoothing of an update if the user gives none, voxels of the level; 0: from an eighth of
   * the field of view at the coarsest level to a fortieth at the finest. */
  virtual double
  GetDefaultUpdateSigma() const
  {
    return 3.0;
  }

  /** The smoothing that is chosen so is at least as wide, voxels of the level. */
  virtual double
  GetLeastUpdateSigma() const
  {
    return 0.0;
  }

  /** The value may rise without end however well the images match, and tells so by rising. */
  virtual bool
  GetCanDiverge() const
  {
    return false;
  }

  /** Value, as a part of the value that a level began with, below which the level has done its work: finer ones see
   * what is left better. */
  virtual double
  GetUnexplainedPart() const
  {
    return 0.0;
  }

  /** Way left, as a part of the spacing of a level, below which the level has done its work, for metrics whose value is
   * half the mean square of the way left, mm². Default 0: the value is never small enough. */
  itkSetClampMacro(SmallestWay, double, 0.0, NumericTraits<double>::max());
  itkGetConstMacro(SmallestWay, double);

  /** On: the derivative sits on the image that it is to move. ITK's SyN moves the fixed image by the derivative that
   * belongs to the moving one and vice versa. Where both overlap that comes to the same; but a force of long range sits
   * on the mass that has to go, where the other image may have nothing at all. Off by default. */
  itkSetMacro(SitsOnMovedImage, bool);
  itkGetConstMacro(SitsOnMovedImage, bool);
  itkBooleanMacro(SitsOnMovedImage);

protected:
  RegistrationForce() = default;
  ~RegistrationForce() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override
  {
    Superclass::PrintSelf(os, indent);
    os << indent << "FaintPart: " << m_FaintPart << std::endl;
    os << indent << "SmallestWay: " << m_SmallestWay << std::endl;
    os << indent << "SitsOnMovedImage: " << (m_SitsOnMovedImage ? "On" : "Off") << std::endl;
  }

private:
  double m_FaintPart{ 0.01 };
  double m_SmallestWay{ 0.0 };
  bool   m_SitsOnMovedImage{ false };
};

/** \class MassRegistrationForce
 * \brief Mass times the way that it has to go, mm: pushed-forward mass in a transport metric.
 *
 * Thin and faint parts move as fast as bulky ones, a step is as long as the way that is left, and far from all mass
 * nothing moves. Warping does not conserve mass, so that the value may rise for shapes that match well.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT MassRegistrationForce : public RegistrationForce<TImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(MassRegistrationForce);

  using Self = MassRegistrationForce;
  using Superclass = RegistrationForce<TImage>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(MassRegistrationForce, RegistrationForce);

  using typename Superclass::Carrier;
  using typename Superclass::WeightPointer;
  using typename Superclass::WeightType;

  Carrier
  GetCarrier() const override
  {
    return Carrier::Fixed;
  }
  /** The image itself; its negative voxels count as 0. */
  WeightPointer
  ComputeWeight(const TImage * image) const override;
  /** To a total of 1, as the metric's mass. */
  void
  Normalize(WeightType * weight) const override;
  double
  GetLargestFactor(double share) const override
  {
    return share;
  }
  double
  GetDefaultLearningRate() const override
  {
    return 2.0;
  }
  double
  GetDefaultUpdateSigma() const override
  {
    return 0.0;
  }
  bool
  GetCanDiverge() const override
  {
    return true;
  }

protected:
  MassRegistrationForce() { this->SetFaintPart(0.02); }
  ~MassRegistrationForce() override = default;
};

/** \class GaussNewtonRegistrationForce
 * \brief Mean squares: twice the difference times the gradient of the moving image.
 *
 * With the squared gradient as its weight a step is the Gauss-Newton step for the motion that explains the differences
 * in the neighbourhood (Lucas and Kanade, IJCAI 1981): strong and faint edges move as far as they have to, and no
 * further.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT GaussNewtonRegistrationForce : public RegistrationForce<TImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(GaussNewtonRegistrationForce);

  using Self = GaussNewtonRegistrationForce;
  using Superclass = RegistrationForce<TImage>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(GaussNewtonRegistrationForce, RegistrationForce);

  using typename Superclass::Carrier;
  using typename Superclass::WeightPointer;
  using typename Superclass::WeightType;

  Carrier
  GetCarrier() const override
  {
    return Carrier::Moving;
  }
  /** On: the metric is MeanSquaresImageToImageMetricv4 without gradient filters, and value and derivative of warped
   * images are computed here, as it would but several times as fast. Default off. */
  itkSetMacro(IsExact, bool);
  itkGetConstMacro(IsExact, bool);
  itkBooleanMacro(IsExact);

  bool
  ComputeForces(const TImage *                             fixed,
                const TImage *                             moving,
                const typename Superclass::MaskImageType * fixedMask,
                const typename Superclass::MaskImageType * movingMask,
                typename Superclass::ForceFieldType *      forces,
                WeightPointer &                            weight,
                double &                                   value) const override;

  /** Squared length of the gradient by central differences, as in ITK's metrics; 0 on the border. */
  WeightPointer
  ComputeWeight(const TImage * image) const override;
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
  double
  GetUnexplainedPart() const override
  {
    return 0.01;
  }

protected:
  GaussNewtonRegistrationForce() = default;
  ~GaussNewtonRegistrationForce() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override
  {
    Superclass::PrintSelf(os, indent);
    os << indent << "IsExact: " << (m_IsExact ? "On" : "Off") << std::endl;
  }

private:
  bool m_IsExact{ false };
};

/** \class RegistrationForceSource
 * \brief Interface of a metric that knows what its derivative says.
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class RegistrationForceSource
{
public:
  /** The force of the derivative as the metric is set up now. */
  virtual typename RegistrationForce<TImage>::Pointer
  CreateForce() const = 0;

protected:
  RegistrationForceSource() = default;
  virtual ~RegistrationForceSource() = default;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkRegistrationForce.hxx"
#endif

#endif
