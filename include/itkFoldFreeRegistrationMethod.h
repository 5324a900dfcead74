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
#ifndef itkFoldFreeRegistrationMethod_h
#define itkFoldFreeRegistrationMethod_h

#include "itkCompositeTransform.h"
#include "itkDisplacementFieldTransform.h"
#include "itkRegistrationForce.h"
#include "itkSinkhornFoldRegularizer.h"
#include "itkSinkhornLabelMixture.h"
#include "itkSyNImageRegistrationMethod.h"
#include "itkUpdateFieldRegularizer.h"

#include <type_traits>
#include <vector>

namespace itk
{

/** Why a level of a fold-free registration ended. */
enum class FoldFreeStopCondition : uint8_t
{
  Iterations, ///< all iterations were run
  Value,      ///< the value is as small as it has to be
  Steps,      ///< the value no longer falls, however short the steps
  Divergence, ///< the value rose and rose; the best maps were kept
  Folds       ///< no step is possible without folding
};

inline std::ostream &
operator<<(std::ostream & os, FoldFreeStopCondition condition)
{
  static const char * const names[] = { "Iterations", "Value", "Steps", "Divergence", "Folds" };
  return os << names[static_cast<unsigned int>(condition)];
}

/** \class FoldFreeRegistrationMethod
 * \brief Base of the registration methods whose maps stay invertible, for any metric of ITK's v4 framework: of images,
 * of point sets and meshes, or of both.
 *
 * It takes what itk::SyNImageRegistrationMethod takes: images or point sets, a metric or a multi-metric of them, masks
 * in the metric, a moving initial transform, levels with shrink factors, smoothing and iterations. Nothing else is
 * needed: no adaptors, no initial transform. It differs in what it does with the derivative of the metric:
 *
 * - it is smoothed by an UpdateFieldRegularizer over physical distances (UpdateSigmasPerLevel) and, where it is a
 * weight times a way, normalised by that weight (RegistrationForce);
 * - a step is as long as the force says, at most LearningRate voxels of the level (0, the default: as many as the force
 *   says) and at most LargestUpdateGradient steep;
 * - after each step the maps are relaxed where the determinant of their Jacobian, or of that of their inverses, falls
 *   below SmallestDeterminant, as little as it takes, so that they stay invertible while the rest goes on;
 * - steps are halved when the value has not fallen for a few iterations; a level ends when they are too short to
 * matter, and its ConvergenceThreshold, ConvergenceWindowSize and variances of smoothing, which belong to ITK's own
 * scheme, are not used.
 *
 * \par Points
 * Input n (SetFixedPointSet(), SetMovingPointSet()) is for metric n, as in ITK: any PointSetToPointSetMetricv4 or
 * PointForceSource. What pulls at each point is put on the voxels around it, and smoothed by the points' masses
 * (PointRegistrationForce). Where there is no image metric, the metric needs a virtual domain that holds both shapes
 * (SetVirtualDomainFromImage() or SetVirtualDomain()); it is where the map lives, and its spacing is as fine as the map
 * can be. Points outside are compared, but pull at nothing. Initial transforms need an inverse, by which points come to
 * the virtual domain. In a multi-metric with point sets a step is the mean of the steps that each metric would make
 * alone, with the multi-metric's weights; the value is the first metric's, as in ITK. ITK's multi-metric takes point
 * set metrics beside metrics of images of double only.
 *
 * The result is a DisplacementFieldTransform with its inverse, on the grid of the last level's virtual domain, without
 * a fold by the strict criterion of DisplacementFieldJacobianCalculator. An initial transform (SetInitialTransform)
 * that has a displacement is where the maps begin. IterationEvent and ProgressEvent are sent after each iteration;
 * AbortGenerateDataOn() ends the registration with itk::ProcessAborted. Results are the same bits for any number of
 * threads if those of the metric are.
 *
 * \sa FoldFreeSyNImageRegistrationMethod, FoldFreeDisplacementFieldRegistrationMethod,
 * FoldFreeVelocityFlowRegistrationMethod
 * \ingroup Sinkhorn
 */
template <typename TFixedImage,
          typename TMovingImage = TFixedImage,
          typename TPointSet = PointSet<unsigned int, TFixedImage::ImageDimension>>
class ITK_TEMPLATE_EXPORT FoldFreeRegistrationMethod
  : public SyNImageRegistrationMethod<TFixedImage,
                                      TMovingImage,
                                      DisplacementFieldTransform<double, TFixedImage::ImageDimension>,
                                      TFixedImage,
                                      TPointSet>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(FoldFreeRegistrationMethod);

  static_assert(std::is_same<TFixedImage, TMovingImage>::value, "both images change roles: one type of image");

  using Self = FoldFreeRegistrationMethod;
  using Superclass = SyNImageRegistrationMethod<TFixedImage,
                                                TMovingImage,
                                                DisplacementFieldTransform<double, TFixedImage::ImageDimension>,
                                                TFixedImage,
                                                TPointSet>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkSinkhornTypeMacro(FoldFreeRegistrationMethod, SyNImageRegistrationMethod);

  static constexpr unsigned int ImageDimension = TFixedImage::ImageDimension;
  using ImageType = TFixedImage;
  using FieldType = Sinkhorn::DisplacementField<ImageDimension>;
  using FieldPointer = typename FieldType::Pointer;
  using PairType = Sinkhorn::MapPair<ImageDimension>;
  using ForceType = RegistrationForce<ImageType>;
  using RegularizerType = UpdateFieldRegularizer<ImageDimension>;
  using UpdateSigmasType = std::vector<std::vector<double>>;
  using GridType = ImageBase<ImageDimension>;
  using LabelMixturesType = Sinkhorn::LabelMixtureImage<ImageDimension>;
  using typename Superclass::CompositeTransformType;
  using typename Superclass::ImageMetricType;
  using typename Superclass::MeasureType;
  using typename Superclass::MetricType;
  using typename Superclass::MultiMetricType;
  using typename Superclass::OutputTransformType;
  using typename Superclass::PointSetMetricType;
  using typename Superclass::RealType;

  /** What the derivative of the metric says; where a multi-metric has point sets, that of its image metrics. Default:
   * none, and MakeRegistrationForce() of the metric is used. */
  itkSetObjectMacro(Force, ForceType);
  itkGetModifiableObjectMacro(Force, ForceType);

  /** Label maps that are compared in place of the images, label by label, where both are set and the force can do that
   * (LabelRegistrationForce); they may lie on grids of their own. Images, metric and masks are needed all the same:
   * they say what the virtual domain is and where. At a level the labels are binned to its spacing. Default: none. */
  using LabelImageType = Sinkhorn::LabelImage<ImageDimension>;
  itkSetConstObjectMacro(FixedLabels, LabelImageType);
  itkGetConstObjectMacro(FixedLabels, LabelImageType);
  itkSetConstObjectMacro(MovingLabels, LabelImageType);
  itkGetConstObjectMacro(MovingLabels, LabelImageType);

  /** How updates are smoothed; its standard deviations are set for each level. Default: by a sum of Gaussians. */
  itkSetObjectMacro(UpdateRegularizer, RegularizerType);
  itkGetModifiableObjectMacro(UpdateRegularizer, RegularizerType);

  /** Standard deviations of the Gaussians whose sum smooths the update, mm, for each level. Default: none, and the
   * force says: three voxels of the level for most metrics. */
  void
  SetUpdateSigmasPerLevel(const UpdateSigmasType & sigmas);
  const UpdateSigmasType &
  GetUpdateSigmasPerLevel() const
  {
    return m_UpdateSigmasPerLevel;
  }
  /** The same with one Gaussian for each level. */
  void
  SetUpdateSigmaPerLevel(const Array<double> & sigmas);

  /** Standard deviation of the Gaussian that smooths the whole displacement after each step, voxels of the level;
   * default 0: none. */
  itkSetClampMacro(TotalFieldSigma, double, 0.0, NumericTraits<double>::max());
  itkGetConstMacro(TotalFieldSigma, double);

  /** Part by which the value must fall below the best one to count as an improvement; after a few iterations without
   * one steps are halved. Default 0.002. */
  itkSetClampMacro(LeastImprovement, double, 0.0, 1.0);
  itkGetConstMacro(LeastImprovement, double);

  /** Upper bound of the gradient of one step. Default 0.25. */
  itkSetClampMacro(LargestUpdateGradient, double, 0.0, 1.0);
  itkGetConstMacro(LargestUpdateGradient, double);

  /** Least determinant of the Jacobian of the maps to the middle and of their inverses, by central differences, at
   * which they are relaxed; and of the whole map. Defaults 0.05 and 0.01. */
  itkSetClampMacro(SmallestDeterminant, double, 1e-6, 1.0);
  itkGetConstMacro(SmallestDeterminant, double);
  itkSetClampMacro(SmallestTotalDeterminant, double, 1e-6, 1.0);
  itkGetConstMacro(SmallestTotalDeterminant, double);

  /** Value at which a level has done its work. Default: as the force says (GetSmallestWay()), else none is small
   * enough. May be set by an observer of MultiResolutionIterationEvent. */
  itkSetMacro(SmallestValue, double);
  itkGetConstMacro(SmallestValue, double);

  /** Why the present or last level ended, and whether by a criterion of its own: neither the number of iterations nor a
   * divergence nor folds in the way. */
  itkGetConstMacro(StopCondition, FoldFreeStopCondition);
  bool
  GetConverged() const
  {
    return m_StopCondition == FoldFreeStopCondition::Value || m_StopCondition == FoldFreeStopCondition::Steps;
  }

protected:
  FoldFreeRegistrationMethod();
  ~FoldFreeRegistrationMethod() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

  /** One image or point set of every metric, as the metric is to see them. */
  struct Side
  {
    bool                                              IsMoving{ false };
    typename Superclass::FixedImagesContainerType     Images;
    typename Superclass::FixedImageMasksContainerType Masks;
    typename CompositeTransformType::Pointer          Map;    ///< from the virtual domain; nullptr: the identity
    typename LabelMixturesType::Pointer               Labels; ///< compared in place of the images; nullptr: none
    typename Superclass::PointSetsContainerType       PointSets;
    typename CompositeTransformType::Pointer          PointMap; ///< from where points are compared to the points
    typename CompositeTransformType::Pointer          PlaceMap; ///< from where they are moved; nullptr: PointMap
  };

  void
  GenerateData() override;
  void
  InitializeRegistrationAtEachLevel(SizeValueType level) override;
  void
  StartOptimization() override;

  /** Brings the maps to the grid of a level; \a initial, of the whole, is where they begin at the first one, or empty.
   */
  virtual void
  PrepareMaps(const GridType * grid, bool isFirst, const PairType & initial) = 0;
  /** One step of all maps; sets m_CurrentMetricValue to the value before it. */
  virtual void
  TakeStep() = 0;
  /** Relaxes the maps where they are about to fold; takes the last step back if that fails. \param limit of the
   * determinants. \return whether the step stands. */
  virtual bool
  KeepInvertible(double limit) = 0;
  /** Keeps the maps before the present step as the best ones so far, and goes back to them. */
  virtual void
  RememberMaps() = 0;
  virtual void
  ReturnToRememberedMaps() = 0;
  /** Over the present maps and their inverses, by central differences. */
  virtual double
  FindLeastDeterminant() const = 0;
  /** Called when a level has ended. */
  virtual void
  FinishLevel()
  {}
  /** The whole map, and what ITK calls the maps to the middle. */
  virtual PairType
  GetWholeMap() const = 0;
  virtual void
  GetMapsToMiddle(PairType & fixed, PairType & moving) const = 0;

  /** Part of the way that one update goes: 0.5 where both images move. */
  virtual double
  GetShare() const
  {
    return 0.5;
  }

  bool
  ComparesLabels() const
  {
    return m_FixedLabels && m_MovingLabels;
  }
  /** Whether a metric compares point sets. */
  bool
  ComparesPoints() const
  {
    return m_ComparesPoints;
  }
  /** The images as they are, seen through \a map, and the points brought to the virtual domain by its inverse. */
  Side
  GetSide(bool moving, CompositeTransformType * map) const;
  /** The images warped to the grid of the level. */
  Side
  Warp(const Side & side) const;
  /** The update of the map that brings \a moving to \a fixed; the metric's value is put into \a value. */
  FieldPointer
  ComputeUpdate(const Side & fixed, const Side & moving, MeasureType & value);
  /** How either side moves where both do. */
  struct Updates
  {
    FieldPointer OfFixed;
    FieldPointer OfMoving;
  };
  /** The same for either side, both of them in the middle. \param value mean of both roles. */
  Updates
  ComputeUpdates(const Side & fixed, const Side & moving, MeasureType & value);
  /** Smooths a whole displacement by TotalFieldSigma; its border stays where it is. */
  FieldPointer
  RegularizeTotal(FieldType * field) const;

  /** Where a displacement and then an initial transform, if there is one, take a point. \param pair without its inverse
   * where nobody asks for that of the map. */
  static typename CompositeTransformType::Pointer
  MakeMap(const PairType & pair, const typename Superclass::InitialTransformType * initial);
  static typename OutputTransformType::Pointer
  MakeTransform(const PairType & pair);
  /** The maps to the middle that a user has set to go on from. \return whether there are any.
   * \exception ExceptionObject if a field of them is missing. */
  bool
  GetGivenMaps(PairType & fixed, PairType & moving) const;
  /** A pair on another grid. */
  static PairType
  Resample(const PairType & pair, const GridType * grid);

private:
  /** Below this length, relative to the learning rate, a step no longer matters. */
  static constexpr double SmallestStep = 0.02;
  /** Iterations without improvement after which steps are halved. */
  static constexpr unsigned int MostPatience = 4;

  /** A metric, or several image metrics in one, whose step is computed by itself. */
  struct Part
  {
    MetricType *                Metric;
    SizeValueType               Number; ///< of its (first) input
    typename ForceType::Pointer Force;
    double                      Share; ///< in the whole step
    /** Weight of an image on its own grid: it outlives many steps where images are not warped. */
    typename ImageType::ConstPointer  WeighedImage;
    typename ForceType::WeightPointer Weight;
  };

  void
  VerifySettings() const;
  void
  VerifyLevels() const;
  /** \param n of the metric and its inputs. */
  void
  VerifyInputs(const MetricType * metric, SizeValueType n) const;
  std::vector<MetricType *>
  GetMetrics() const;
  void
  MakeParts();
  void
  PrepareMasks();
  /** Labels at the spacing of the level. */
  void
  PrepareLabels();
  /** Gives the metric back as it was. */
  void
  RestoreMetric();
  PairType
  GetInitialMap() const;
  void
  ChooseSmoothing(const ForceType * force);
  void
  KeepRange();
  /** Judges the step: the value need not fall at every one, for forces of mass are not its gradient, and relaxing a low
   * Jacobian costs something. */
  void
  Watch();
  bool
  HasDiverged(double value);
  void
  End(FoldFreeStopCondition condition);
  FieldPointer
  ComputeUpdate(Part & part, const Side & fixed, const Side & moving, MeasureType & value);
  FieldPointer
  ComputeForces(const Part &                        part,
                const Side &                        fixed,
                const Side &                        moving,
                typename ForceType::WeightPointer & weight,
                MeasureType &                       value);
  void
  ComputeLabelForces(const Part &                        part,
                     const Side &                        fixed,
                     const Side &                        moving,
                     FieldType *                         forces,
                     typename ForceType::WeightPointer & weight,
                     MeasureType &                       value) const;
  void
  ComputePointForces(const Part &                        part,
                     const Side &                        fixed,
                     const Side &                        moving,
                     FieldType *                         forces,
                     typename ForceType::WeightPointer & weight,
                     MeasureType &                       value) const;
  /** Where the points are that forces move. */
  std::vector<typename FieldType::PointType>
  FindPlaces(const Side & side, SizeValueType n) const;
  FieldPointer
  ApplyOptimizerWeights(FieldType * forces) const;
  template <typename TMask>
  static const typename Superclass::ImageMaskSpatialObjectType::ImageType *
  GetMaskImage(const TMask & mask);
  typename ForceType::WeightPointer
  ComputeWeight(Part & part, const Side & fixed, const Side & moving) const;
  /** Factor from a smoothed update to a step. \param isWay it has been divided by a weight. */
  double
  FindStep(const ForceType * force, const FieldType * update, bool isWay) const;
  void
  SetUpMetric(const Part & part, const Side & fixed, const Side & moving) const;
  template <typename TMetric>
  static void
  SetVirtualDomain(TMetric * metric, const GridType * domain);
  typename GridType::ConstPointer
  FindVirtualDomain();
  void
  FinishMap();

  typename ForceType::Pointer       m_Force;
  std::vector<Part>                 m_Parts;
  bool                              m_ComparesPoints{ false };
  typename RegularizerType::Pointer m_UpdateRegularizer;
  UpdateSigmasType                  m_UpdateSigmasPerLevel;
  double                            m_TotalFieldSigma{ 0.0 };
  double                            m_LeastImprovement{ 0.002 };
  double                            m_LargestUpdateGradient{ 0.25 };
  double                            m_SmallestDeterminant{ 0.05 };
  double                            m_SmallestTotalDeterminant{ 0.01 };
  double                            m_SmallestValue{ NumericTraits<double>::NonpositiveMin() };
  FoldFreeStopCondition             m_StopCondition{ FoldFreeStopCondition::Iterations };

  typename LabelImageType::ConstPointer m_FixedLabels;
  typename LabelImageType::ConstPointer m_MovingLabels;
  /** At the spacing of the level. */
  typename LabelMixturesType::Pointer m_FixedMixtures;
  typename LabelMixturesType::Pointer m_MovingMixtures;

  /** The metrics' masks, virtual domain and flags as the user gave them. */
  typename GridType::ConstPointer m_GivenDomain;
  std::vector<bool>               m_GivenTangentSpaces;

  std::vector<typename Superclass::FixedImageMaskConstPointer>  m_GivenFixedMasks;
  std::vector<typename Superclass::MovingImageMaskConstPointer> m_GivenMovingMasks;
  /** Where the maps begin; empty: at the identity. */
  PairType m_Initial;
  /** Grid of the level, and zero on it. */
  typename GridType::ConstPointer       m_Grid;
  typename OutputTransformType::Pointer m_Identity;
  /** Of the last Update(), which the next one must not take for a state to go on from. */
  typename OutputTransformType::ConstPointer m_OwnFixedToMiddle;

  /** Of the current level. */
  double       m_Step{ 1.0 };
  double       m_Limit{ 0.0 };
  double       m_BestValue{ 0.0 };
  double       m_FirstValue{ 0.0 };
  double       m_BestMassValue{ 0.0 };
  unsigned int m_NumberOfRises{ 0 };
  unsigned int m_Patience{ 0 };
  bool         m_Blocked{ false };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkFoldFreeRegistrationMethod.hxx"
#include "itkFoldFreeRegistrationMethodMetrics.hxx"
#include "itkFoldFreeRegistrationMethodPoints.hxx"
#include "itkFoldFreeRegistrationMethodSides.hxx"
#include "itkFoldFreeRegistrationMethodUpdate.hxx"
#endif

#endif
