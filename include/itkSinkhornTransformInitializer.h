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
#ifndef itkSinkhornTransformInitializer_h
#define itkSinkhornTransformInitializer_h

#include "itkImage.h"
#include "itkObject.h"
#include "itkObjectFactory.h"
#include "itkSinkhornLabelCosts.h"
#include "itkSinkhornLabelMixture.h"
#include "itkSinkhornLinearFit.h"
#include "itkSinkhornTransportImageFilter.h"

#include <limits>
#include <vector>

namespace itk
{

/** \class SinkhornTransformInitializer
 * \brief Starts a registration from the transport between two images: the rigid, similarity or affine transform that
 * fits the springs best.
 *
 * Used like CenteredTransformInitializer, but it sees more than centres and moments of mass: it solves the optimal
 * transport between both densities on a coarse grid, fits the transform to the springs by weighted least squares (each
 * fixed voxel counts with the mass that the plan moves from it), carries the fixed mass along and repeats until the fit
 * no longer moves it. A step is kept only if the divergence falls; else a half or a quarter of it is tried. The springs
 * of a rotated shape are not the rotation but go some of the way, which is why it takes steps; like all methods of this
 * kind it finds the nearest of several possible rotations.
 *
 * The fits are closed-form, see Sinkhorn::FitLinearMap(). The kind of fit follows from the transform: in 2-D transforms
 * of 3 (rigid), 4 (similarity) or 6 (affine) parameters, in 3-D of 6, 7 or 12. Where one of the shapes has no extent in
 * some direction (at most two layers of binned voxels), an affine transform is fitted as a similarity. The transform,
 * which maps fixed points to moving points as registration wants, gets the centre of the fixed mass as its centre.
 *
 * \par Errors
 * InitializeTransform() throws an itk::ExceptionObject on a missing image or transform, a transform of another kind,
 * and on bad images and parameters as SinkhornTransportImageFilter does. The transform then is as it was.
 *
 * \ingroup Sinkhorn
 */
template <typename TTransform, typename TFixedImage, typename TMovingImage = TFixedImage>
class ITK_TEMPLATE_EXPORT SinkhornTransformInitializer : public Object
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornTransformInitializer);

  /** Standard class type aliases. */
  using Self = SinkhornTransformInitializer;
  using Superclass = Object;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(SinkhornTransformInitializer, Object);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  static_assert(TMovingImage::ImageDimension == ImageDimension, "both images must have the same dimension");

  using TransformType = TTransform;
  using FixedImageType = TFixedImage;
  using MovingImageType = TMovingImage;
  using MaskType = SpatialObject<ImageDimension>;

  /** The transform to be set. */
  itkSetObjectMacro(Transform, TransformType);
  itkGetModifiableObjectMacro(Transform, TransformType);

  /** The two densities. */
  itkSetConstObjectMacro(FixedImage, FixedImageType);
  itkGetConstObjectMacro(FixedImage, FixedImageType);
  itkSetConstObjectMacro(MovingImage, MovingImageType);
  itkGetConstObjectMacro(MovingImage, MovingImageType);

  /** Label maps in place of the densities: every label that both have, but 0 and UnknownLabel, is transported by
   * itself, and the map fits the springs of all of them together; a label counts with its share of the voxels, the mean
   * of both maps. What labels are called does not matter. Masks do not apply. Default: none. */
  using LabelImageType = Sinkhorn::LabelImage<ImageDimension>;
  itkSetConstObjectMacro(FixedLabels, LabelImageType);
  itkGetConstObjectMacro(FixedLabels, LabelImageType);
  itkSetConstObjectMacro(MovingLabels, LabelImageType);
  itkGetConstObjectMacro(MovingLabels, LabelImageType);

  /** With label maps: costs between the labels 1, 2, 3 ..., mm², rows of a square table, see Sinkhorn::LabelCosts.
   * Labels with finite costs between them are transported together, with one balance, and take part if both maps have
   * one of them. Empty, the default: infinite. \exception itk::ExceptionObject that names the entry if the costs are
   * none. */
  virtual void
  SetLabelCosts(const std::vector<double> & costs)
  {
    m_LabelCosts = Sinkhorn::LabelCosts(costs);
    this->Modified();
  }
  virtual const std::vector<double> &
  GetLabelCosts() const
  {
    return m_LabelCosts.GetTable();
  }

  /** Bins of intensity beside the place, 2 to 256: mass prefers mass as bright as itself, and a map fits the springs of
   * all bins together. Intensities are compared after the hundredth of the mass that is darkest and that which is
   * brightest were given the outermost bins, so that a factor or a shift of the intensities of either image changes
   * nothing. 0, the default: places alone. Not for label maps, nor with PreserveMassRatio. */
  itkSinkhornIntensityBinsMacro();

  /** With NumberOfIntensityBins: the intensities, on the voxels of the densities; by default the densities themselves.
   */
  itkSetConstObjectMacro(FixedIntensities, FixedImageType);
  itkGetConstObjectMacro(FixedIntensities, FixedImageType);
  itkSetConstObjectMacro(MovingIntensities, MovingImageType);
  itkGetConstObjectMacro(MovingIntensities, MovingImageType);

  /** Voxels outside have no mass; none by default. */
  itkSetConstObjectMacro(FixedMask, MaskType);
  itkGetConstObjectMacro(FixedMask, MaskType);
  itkSetConstObjectMacro(MovingMask, MaskType);
  itkGetConstObjectMacro(MovingMask, MaskType);

  /** The images are binned by whole factors until each has at most this many voxels. Default 20,000: enough for the
   * parameters of a linear transform. Labels share them, at least 500 each; bins of intensity have four times as many
   * together. */
  itkSetMacro(MaximumNumberOfVoxels, SizeValueType);
  itkGetConstMacro(MaximumNumberOfVoxels, SizeValueType);

  /** Standard deviation of the Gibbs kernel, mm, positive. As long as it is not set it is automatic, twice the largest
   * spacing of the binned images. */
  itkSinkhornBlurMacro();

  /** Distance beyond which mass is ignored rather than moved, mm; 0 (default) is balanced transport. Useful where one
   * image shows parts that the other does not. */
  itkSinkhornSettingMacro(Reach, double);

  /** With a Reach: whether a difference of mass means something, see SinkhornTransportImageFilter. Off by default. */
  itkSinkhornBooleanSettingMacro(PreserveMassRatio);

  /** Limit of the scale, or of the singular values of an affine matrix, and of their inverses. Default 10, at least 1.
   */
  itkSetMacro(MaximumStretch, double);
  itkGetConstMacro(MaximumStretch, double);

  /** Steps tried at most, from each start. Default 30; fewer are made when a step moves the mass by less than a
   * hundredth of a binned voxel, or when no part of it lowers the divergence. */
  itkSetMacro(MaximumNumberOfSteps, unsigned int);
  itkGetConstMacro(MaximumNumberOfSteps, unsigned int);

  /** Off (default): one start, from the images as they lie. On: also from those rotations that align the principal axes
   * of both shapes, 2 in 2-D and 4 in 3-D; the start that ends with the smallest divergence wins. For shapes that may
   * be turned by more than about 45°. */
  itkSetMacro(UseMultiStart, bool);
  itkGetConstMacro(UseMultiStart, bool);
  itkBooleanMacro(UseMultiStart);

  /** Sets the transform. */
  virtual void
  InitializeTransform();

  /** Steps of the last initialisation that were kept. */
  itkGetConstMacro(NumberOfSteps, unsigned int);

  /** Sinkhorn divergence (mm², masses normalised) between the fixed mass carried by the result and the moving mass:
   * tells which of several starts is best. */
  itkGetConstMacro(Divergence, double);

protected:
  SinkhornTransformInitializer() = default;
  ~SinkhornTransformInitializer() override = default;

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using DensityType = Image<float, ImageDimension>;
  using DensityPointer = typename DensityType::Pointer;
  using FilterType = SinkhornTransportImageFilter<DensityType>;
  using PointType = Point<double, ImageDimension>;
  using VectorType = Vector<double, ImageDimension>;
  using MatrixType = Matrix<double, ImageDimension, ImageDimension>;

  using MapType = Sinkhorn::LinearMap<ImageDimension>;
  using MomentsType = Sinkhorn::PairMoments<ImageDimension>;
  using ModelType = Sinkhorn::LinearModel;

  /** Densities of mass 1 that are transported by themselves. */
  struct Pair
  {
    DensityPointer Fixed;
    DensityPointer Moving;
    double         Share{ 1.0 };
    SizeValueType  MaximumNumberOfVoxels{ 0 };
    /** The same masses by bins of a feature, on the same voxels, and the costs between these; empty: no feature. */
    std::vector<DensityPointer> FixedBins;
    std::vector<DensityPointer> MovingBins;
    std::vector<double>         Costs;
  };
  using Pairs = std::vector<Pair>;

  struct LabelExtent
  {
    std::uint32_t               Label{ 0 };
    SizeValueType               Voxels{ 0 };
    ImageRegion<ImageDimension> Box;
  };
  /** Labels between which mass can go, as each map has them. */
  struct LabelGroup
  {
    std::vector<std::uint32_t> Labels;
    LabelExtent                Fixed;
    LabelExtent                Moving;
  };

  /** An image in bins of several voxels each, which lie around its middle. */
  struct Lattice
  {
    DensityPointer Density;
    SizeValueType  Factors[ImageDimension];
    IndexValueType Padding[ImageDimension]; ///< half voxels
  };

  struct Spring
  {
    double    Weight;
    PointType Source;
    PointType Target;
  };

  /** A map with what the transport of the fixed mass that it carries says. */
  struct Trial
  {
    MapType     Map;
    MomentsType Springs;
    double      Blur{ 0.0 };
    double      Divergence{ std::numeric_limits<double>::infinity() };
  };

  void
  VerifyParameters() const;
  void
  VerifyFeatures() const;
  ModelType
  GetModel() const;
  /** Voxels by whole factors, so that there are few; the density is not filled. */
  static Lattice
  MakeLattice(const ImageBase<ImageDimension> & image, SizeValueType maximumNumberOfVoxels);
  /** Adds the mass of a voxel to those of the lattice; the halves of a voxel can fall into different bins. */
  static void
  AddToLattice(const Lattice &                     lattice,
               const ImageRegion<ImageDimension> & region,
               const Index<ImageDimension> &       index,
               double                              mass,
               std::vector<double> &               masses);
  /** A density of mass 1 with few voxels. \param mass becomes the image's. */
  template <typename TImage>
  DensityPointer
  Bin(const TImage &   image,
      const MaskType * mask,
      const char *     name,
      SizeValueType    maximumNumberOfVoxels,
      double &         mass) const;
  /** The region of \a moving's lattice over which the mass of \a fixed, carried by the map, is spread. */
  static ImageRegion<ImageDimension>
  FindCarriedRegion(const DensityType & fixed, const MapType & map, const DensityType & moving);
  static DensityPointer
  Carry(const DensityType &                 fixed,
        const MapType &                     map,
        const DensityType &                 moving,
        const ImageRegion<ImageDimension> & box);
  /** Whether the carried mass fits on a grid of reasonable size. */
  static bool
  IsAffordable(const DensityType & fixed,
               const MapType &     map,
               const DensityType & moving,
               SizeValueType       maximumNumberOfVoxels);
  template <typename TFixed, typename TMoving>
  Pair
  MakePair(const TFixed &   fixed,
           const MaskType * fixedMask,
           const TMoving &  moving,
           const MaskType * movingMask,
           SizeValueType    maximumNumberOfVoxels) const;
  /** The mass of a density by intensity, bin by bin, on the voxels of \a binned, which was made of the same density. */
  template <typename TImage>
  std::vector<DensityPointer>
  BinIntensities(const TImage &      density,
                 const TImage &      intensities,
                 const MaskType *    mask,
                 const DensityType & binned) const;
  /** The images, with their bins of intensity if there are to be any. */
  Pair
  MakeImagePair() const;
  /** Labels in the order in which the map has them. */
  static std::vector<LabelExtent>
  FindLabels(const LabelImageType & labels);
  /** All labels by groups, also those that only one map has. */
  std::vector<LabelGroup>
  FindLabelGroups() const;
  /** 1 where a box, which may reach beyond the map, has one of some labels. */
  static DensityPointer
  TakeLabels(const LabelImageType &              map,
             const std::vector<std::uint32_t> &  labels,
             const ImageRegion<ImageDimension> & box);
  /** The mass of labels, each on the voxels of \a binned, which was made of all of them in the same box. */
  static std::vector<DensityPointer>
  BinLabels(const LabelImageType &              map,
            const std::vector<std::uint32_t> &  labels,
            const ImageRegion<ImageDimension> & box,
            const DensityType &                 binned);
  /** \param to in the moving map, grown until it holds the box \a from of the fixed one. */
  ImageRegion<ImageDimension>
  FindCommonBox(const LabelImageType &              fixed,
                const ImageRegion<ImageDimension> & from,
                ImageRegion<ImageDimension>         to) const;
  Pair
  MakeLabelPair(const LabelGroup & group, SizeValueType maximumNumberOfVoxels) const;
  Pairs
  MakeLabelPairs() const;
  /** Transports of the mass that a map carries. The divergence stays infinite if a grid would be too large, or if there
   * are no finite springs. */
  Trial
  Evaluate(const Pairs & pairs, const MapType & map) const;
  static void
  AppendSprings(FilterType & transport, double share, std::vector<Spring> & list);
  /** Transports a pair without features or with them; its springs are appended. */
  void
  Transport(const Pair & pair, Trial & trial, double & divergence, std::vector<Spring> & list) const;
  void
  TransportFeatures(const Pair & pair, Trial & trial, double & divergence, std::vector<Spring> & list) const;
  /** Weight, centre and covariance of all densities of one side, as MeanSource and Source. */
  static MomentsType
  ComputeMoments(const Pairs & pairs, DensityPointer Pair::*side);
  static bool
  IsFlat(const Pairs & pairs, DensityPointer Pair::*side);
  /** Where to start from, the identity first. */
  std::vector<MapType>
  MakeStarts(const Pairs & pairs) const;
  /** Alternates transport and fit from a map. \return the best. */
  Trial
  Refine(ModelType model, const Pairs & pairs, const MapType & start, unsigned int & steps) const;
  void
  SetTransformTo(const MapType & map, const PointType & centre);

  typename TransformType::Pointer        m_Transform;
  typename FixedImageType::ConstPointer  m_FixedImage;
  typename MovingImageType::ConstPointer m_MovingImage;
  typename LabelImageType::ConstPointer  m_FixedLabels;
  typename LabelImageType::ConstPointer  m_MovingLabels;
  Sinkhorn::LabelCosts                   m_LabelCosts;
  typename FixedImageType::ConstPointer  m_FixedIntensities;
  typename MovingImageType::ConstPointer m_MovingIntensities;
  Sinkhorn::IntensityBinSettings         m_Bins;
  typename MaskType::ConstPointer        m_FixedMask;
  typename MaskType::ConstPointer        m_MovingMask;
  SizeValueType                          m_MaximumNumberOfVoxels{ 20000 };
  Sinkhorn::BlurSetting                  m_Blur;
  Sinkhorn::ReachSettings                m_Settings;
  double                                 m_MaximumStretch{ 10.0 };
  unsigned int                           m_MaximumNumberOfSteps{ 30 };
  bool                                   m_UseMultiStart{ false };
  unsigned int                           m_NumberOfSteps{ 0 };
  double                                 m_Divergence{ 0.0 };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornTransformInitializer.hxx"
#include "itkSinkhornTransformInitializerFeatures.hxx"
#include "itkSinkhornTransformInitializerLabels.hxx"
#include "itkSinkhornTransformInitializerPairs.hxx"
#endif

#endif
