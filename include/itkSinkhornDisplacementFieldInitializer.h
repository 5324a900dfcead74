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
#ifndef itkSinkhornDisplacementFieldInitializer_h
#define itkSinkhornDisplacementFieldInitializer_h

#include "itkImage.h"
#include "itkObject.h"
#include "itkObjectFactory.h"
#include "itkSinkhornDiffeomorphicMap.h"
#include "itkSinkhornTransportImageFilter.h"

#include <vector>

namespace itk
{

/** \class SinkhornDisplacementFieldInitializer
 * \brief Starts a deformable registration from the transport between two images: a smooth, invertible displacement
 * field that follows the springs.
 *
 * Sets the displacement field and the inverse field of a DisplacementFieldTransform, fixed points to moving points as
 * registration wants. For linear transforms see SinkhornTransformInitializer.
 *
 * \par Method
 * The springs themselves are no diffeomorphism, and between the masses they mean nothing. So the map is grown in steps:
 * carry the fixed mass by the present map, solve the optimal transport to the moving mass, smooth the springs \f$s\f$
 * as the momentum of the transported mass m, \f$v=G_\sigma*(m\,s)/(G_\sigma*m+0.02\max G_\sigma*m)\f$, let v fade to 0
 * at the border of the grid, and follow the map by \f$x\mapsto x+v/n\f$ n times, n ≤ 4, with no derivative of v/n above
 * 1/4 (v is shortened if need be), which makes each of them invertible. σ starts at half of the extent of both masses
 * together and is halved, down to Smoothing, whenever a step need not be shortened. It ends when the divergence no
 * longer falls by 1 %, when the mass moves by less than a hundredth of a voxel, or when the determinant of the map
 * would somewhere drop below 0.05; the map with the smallest divergence is kept.
 *
 * \par Grid
 * The steps are made on a lattice along the axes of the fixed image, coarser by whole factors, that holds both masses
 * and a margin. The result is interpolated linearly on the grid of the fixed image, or on Grid. The transform is the
 * identity outside of that: mass of the fixed image is all inside, but for an inverse that is defined on all of a
 * moving image that lies elsewhere, or a map that is invertible across the border of the grid, set a Grid that holds
 * both images. There the inverse is refined until it undoes the field to a thousandth of a voxel.
 *
 * \par Errors
 * InitializeTransform() throws an itk::ExceptionObject on a missing image or transform, on parameters out of range, and
 * on bad images as SinkhornTransportImageFilter does. The transform then is as it was.
 *
 * The result does not depend on the number of threads.
 *
 * \tparam TTransform DisplacementFieldTransform<float or double, dimension> or one derived from it.
 *
 * \ingroup Sinkhorn
 */
template <typename TTransform, typename TFixedImage, typename TMovingImage = TFixedImage>
class ITK_TEMPLATE_EXPORT SinkhornDisplacementFieldInitializer : public Object
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornDisplacementFieldInitializer);

  /** Standard class type aliases. */
  using Self = SinkhornDisplacementFieldInitializer;
  using Superclass = Object;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(SinkhornDisplacementFieldInitializer, Object);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  static_assert(TMovingImage::ImageDimension == ImageDimension, "both images must have the same dimension");
  static_assert(TTransform::Dimension == ImageDimension, "transform and images must have the same dimension");

  using TransformType = TTransform;
  using FixedImageType = TFixedImage;
  using MovingImageType = TMovingImage;
  using MaskType = SpatialObject<ImageDimension>;
  using GridType = ImageBase<ImageDimension>;

  /** The transform to be set. It gets new fields; what it held before does not matter. */
  itkSetObjectMacro(Transform, TransformType);
  itkGetModifiableObjectMacro(Transform, TransformType);

  /** The two densities. */
  itkSetConstObjectMacro(FixedImage, FixedImageType);
  itkGetConstObjectMacro(FixedImage, FixedImageType);
  itkSetConstObjectMacro(MovingImage, MovingImageType);
  itkGetConstObjectMacro(MovingImage, MovingImageType);

  /** Voxels outside have no mass; none by default. */
  itkSetConstObjectMacro(FixedMask, MaskType);
  itkGetConstObjectMacro(FixedMask, MaskType);
  itkSetConstObjectMacro(MovingMask, MaskType);
  itkGetConstObjectMacro(MovingMask, MaskType);

  /** Where the fields are to be defined: geometry and largest possible region of this image. None by default: those of
   * the fixed image. */
  itkSetConstObjectMacro(Grid, GridType);
  itkGetConstObjectMacro(Grid, GridType);

  /** The grid of the steps has at most this many voxels, at least 8 to the power of the dimension. Default 40,000. */
  itkSetMacro(MaximumNumberOfVoxels, SizeValueType);
  itkGetConstMacro(MaximumNumberOfVoxels, SizeValueType);

  /** Standard deviation of the last, finest smoothing of the springs, mm; 0 (default) is automatic, a tenth of the
   * longest extent of one of the masses, but no less than twice the largest spacing of the grid of the steps. */
  itkSetMacro(Smoothing, double);
  itkGetConstMacro(Smoothing, double);

  /** Standard deviation of the Gibbs kernel, mm, positive. As long as it is not set it is automatic, twice the largest
   * spacing of the grid of the steps. */
  itkSinkhornBlurMacro();

  /** Distance beyond which mass is ignored rather than moved, mm; 0 (default) is balanced transport. Useful where one
   * image shows parts that the other does not. */
  itkSinkhornSettingMacro(Reach, double);

  /** With a Reach: whether a difference of mass means something, see SinkhornTransportImageFilter. Off by default. */
  itkSinkhornBooleanSettingMacro(PreserveMassRatio);

  /** Bins of intensity beside the place, 2 to 256: mass prefers mass as bright as itself, by the cost of
   * Sinkhorn::MakeIntensityCosts(), and takes its bin along the map. Each image's bins lie at equal distances between
   * the intensities below and above which a hundredth of its mass is. Bins have four times MaximumNumberOfVoxels
   * together. 0, the default: places alone. Not with PreserveMassRatio. */
  itkSinkhornIntensityBinsMacro();

  /** Steps allowed, of one transport each. Default 20. */
  itkSetMacro(MaximumNumberOfSteps, unsigned int);
  itkGetConstMacro(MaximumNumberOfSteps, unsigned int);

  /** Sets the transform. */
  virtual void
  InitializeTransform();

  /** \name What the last initialisation found. */
  /**@{*/
  /** Steps made. */
  itkGetConstMacro(NumberOfSteps, unsigned int);
  /** Sinkhorn divergence, mm², masses normalised, of the images as they lie. */
  itkGetConstMacro(InitialDivergence, double);
  /** The same between the fixed mass carried by the map and the moving mass. */
  itkGetConstMacro(Divergence, double);
  /** Of the map on the grid of the steps. */
  itkGetConstMacro(MinimumJacobianDeterminant, double);
  /** The finest smoothing, mm. */
  itkGetConstMacro(SmoothingInUse, double);
  /**@}*/

protected:
  SinkhornDisplacementFieldInitializer() = default;
  ~SinkhornDisplacementFieldInitializer() override = default;

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using DensityType = Image<float, ImageDimension>;
  using FilterType = SinkhornTransportImageFilter<DensityType>;
  using PointType = Point<double, ImageDimension>;
  using VectorType = Vector<double, ImageDimension>;
  using MapType = Sinkhorn::DiffeomorphicMap<ImageDimension>;
  using FieldType = typename MapType::FieldType;
  using FieldPointer = typename FieldType::Pointer;
  using MomentumType = Image<Vector<double, ImageDimension + 1>, ImageDimension>;
  using OutputFieldType = typename TransformType::DisplacementFieldType;

  /** The box of a mass along the axes of the fixed image, in its continuous indices. */
  struct Extent
  {
    VectorType Lower;
    VectorType Upper;
    VectorType Sum;
    double     Mass{ 0.0 };
  };

  /** Where the steps are made. */
  struct Workplace
  {
    typename GridType::Pointer Grid;
    double                     Margin{ 0.0 };           ///< mm
    double                     Smoothing{ 0.0 };        ///< the finest, mm
    double                     LargestSmoothing{ 0.0 }; ///< mm
    double                     LargestSpacing{ 0.0 };
    double                     SmallestSpacing{ 0.0 };
  };

  void
  VerifyParameters() const;
  template <typename TImage>
  Extent
  FindExtent(const TImage & image, const MaskType * mask, const char * name) const;
  SizeValueType
  GetLargestNumberOfVoxels() const;
  /** The lattice of the steps around a box in continuous indices of the fixed image. \param margin mm. */
  typename GridType::Pointer
  MakeGrid(const VectorType & lower, const VectorType & upper, double margin) const;
  Workplace
  ChooseWorkplace() const;
  /** Both densities on the grid of the steps, bin after bin, and the costs between bins, mm²; empty: no bins. */
  struct Masses
  {
    std::vector<float>  Fixed;
    std::vector<float>  Moving;
    std::vector<double> Costs;
  };

  /** Springs of the voxels of a box, mm, and the masses that they move. */
  struct Springs
  {
    ImageRegion<ImageDimension> Box;
    std::vector<VectorType>     Ways;
    std::vector<double>         Weights;
    double                      Divergence{ 0.0 };
  };

  Masses
  MakeMasses(const GridType & grid) const;
  /** The part of the grid that has mass, of any bin. */
  static ImageRegion<ImageDimension>
  FindBox(const GridType & grid, const std::vector<float> & masses);
  /** That part of the masses, bin after bin. */
  static std::vector<float>
  Crop(const GridType & grid, const std::vector<float> & masses, const ImageRegion<ImageDimension> & box);
  /** The fixed masses where the map takes them. */
  static std::vector<float>
  Carry(const std::vector<float> & fixed, const FieldType & displacement);
  /** The transport from the fixed mass that a map has carried to the moving mass. */
  Springs
  Transport(const Masses & masses, const MapType & map) const;
  Springs
  TransportPlaces(const GridType & grid, const std::vector<float> & carried, const std::vector<float> & moving) const;
  Springs
  TransportFeatures(const GridType & grid, const std::vector<float> & carried, const Masses & masses) const;
  /** Mass times spring, and mass. \param meanSquare of the springs, mm². */
  typename MomentumType::Pointer
  ComputeMomentum(const Springs & springs, const GridType & grid, double & meanSquare) const;
  /** Springs, smoothed and faded. */
  FieldPointer
  ComputeVelocity(const MomentumType & momentum, const Workplace & place, double smoothing) const;
  /** Moves the map along the velocity in invertible parts. \return false if the map would have folded. */
  static bool
  Follow(MapType & map, FieldType & velocity, bool & isShortened);
  MapType
  Grow(const Workplace & place);
  void
  SetTransformTo(const MapType & map);

  typename TransformType::Pointer        m_Transform;
  typename FixedImageType::ConstPointer  m_FixedImage;
  typename MovingImageType::ConstPointer m_MovingImage;
  typename MaskType::ConstPointer        m_FixedMask;
  typename MaskType::ConstPointer        m_MovingMask;
  typename GridType::ConstPointer        m_Grid;
  SizeValueType                          m_MaximumNumberOfVoxels{ 40000 };
  double                                 m_Smoothing{ 0.0 };
  Sinkhorn::BlurSetting                  m_Blur;
  Sinkhorn::ReachSettings                m_Settings;
  Sinkhorn::IntensityBinSettings         m_Bins;
  unsigned int                           m_MaximumNumberOfSteps{ 20 };
  unsigned int                           m_NumberOfSteps{ 0 };
  double                                 m_InitialDivergence{ 0.0 };
  double                                 m_Divergence{ 0.0 };
  double                                 m_MinimumJacobianDeterminant{ 1.0 };
  double                                 m_SmoothingInUse{ 0.0 };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornDisplacementFieldInitializer.hxx"
#include "itkSinkhornDisplacementFieldInitializerGrid.hxx"
#include "itkSinkhornDisplacementFieldInitializerSprings.hxx"
#endif

#endif
