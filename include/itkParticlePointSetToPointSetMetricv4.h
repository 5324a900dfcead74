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
#ifndef itkParticlePointSetToPointSetMetricv4_h
#define itkParticlePointSetToPointSetMetricv4_h

#include "itkArray.h"
#include "itkPointRegistrationForce.h"
#include "itkPointSetToPointSetMetricv4.h"
#include "itkSinkhornCompatibility.h"
#include "itkSinkhornShapeParticles.h"
#include "itkSinkhornTransportSettings.h"

#include <memory>
#include <vector>

namespace itk
{

/** \class ParticlePointSetToPointSetMetricv4
 * \brief Base of the metrics that compare two curves, surfaces or clouds as weighted particles.
 *
 * A mesh with triangles (or quadrilaterals or polygons, which are taken apart) is a surface: its particles are the
 * centres of the triangles, with their areas as masses and their normals as directions. A mesh with lines or polylines
 * is a curve, with lengths and tangents. A point set, or a mesh with neither, is a cloud of points, of mass 1 each or
 * of the masses that are set. Masses are normalised, so a finer sampling of the same shape is nearly the same measure.
 *
 * Fixed vertices are carried to the moving space by the inverse of the fixed transform and by the moving transform, and
 * the particles with them; they keep their masses (as MassModel::PushForward does for images), and their directions
 * turn with the cells. A subclass supplies a distance between two measures and its derivative with respect to the
 * particles.
 *
 * \par Value and derivative
 * The value is minimised and is a property of the whole shapes: unlike in ITK's other point set metrics it is not
 * divided by the number of points, and no point is left out, whether or not it lies in the virtual domain. As for every
 * ITK metric the derivative is the one that improves the value when it is *added* to the parameters, that is minus the
 * gradient; it is the true gradient of the value for transforms of global and of local support alike. For a
 * displacement field the derivative of each vertex is shared out to the nodes of the field around it, by the weights of
 * the linear interpolation that moves it (ITK's own metrics add it to the nearest node); outside the field there is
 * none. Only the moving transform is active; GradientSource is that of the superclass, the fixed points.
 *
 * \par Threads
 * Results are bit-identical for any number of work units.
 *
 * \par SyN and other methods of diffeomorphisms
 * CalculateValueAndDerivativeInTangentSpace and StoreDerivativeAsSparseFieldForLocalSupportTransforms are respected, so
 * the metric works where ITK's point set metrics do, alone or with image metrics in an ObjectToObjectMultiMetricv4.
 * ITK's SyN needs DownsampleImagesForMetricDerivatives off when a multi-metric has point sets, or else gives them
 * identity transforms (ITK#3830).
 *
 * \par Errors
 * Initialize() throws an itk::ExceptionObject that says what is wrong and what to do: missing or empty point sets,
 * coordinates that are not finite, no cell with a length or an area, masses of the wrong number or negative, parameters
 * out of range, directions asked for of clouds, a fixed transform without inverse.
 *
 * \ingroup Sinkhorn
 */
template <typename TFixedPointSet,
          typename TMovingPointSet = TFixedPointSet,
          class TInternalComputationValueType = double>
class ITK_TEMPLATE_EXPORT ParticlePointSetToPointSetMetricv4
  : public PointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>
  , public PointForceSource<TFixedPointSet::PointDimension>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(ParticlePointSetToPointSetMetricv4);

  /** Standard class type aliases. */
  using Self = ParticlePointSetToPointSetMetricv4;
  using Superclass = PointSetToPointSetMetricv4<TFixedPointSet, TMovingPointSet, TInternalComputationValueType>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(ParticlePointSetToPointSetMetricv4, PointSetToPointSetMetricv4);

  using MeasureType = typename Superclass::MeasureType;
  using DerivativeType = typename Superclass::DerivativeType;
  using DerivativeValueType = typename Superclass::DerivativeValueType;
  using LocalDerivativeType = typename Superclass::LocalDerivativeType;
  using PointType = typename Superclass::PointType;
  using VirtualPointType = typename Superclass::VirtualPointType;
  using PixelType = typename Superclass::PixelType;
  using MassesType = Array<double>;

  static constexpr unsigned int PointDimension = Superclass::PointDimension;

  /** Blur of the comparison, mm: standard deviation of its Gaussian kernel, positive. As long as it is not set it is
   * automatic, a part of the larger one of the two shapes' diagonals that depends on the metric; see GetBlurInUse(). */
  itkSinkhornBlurMacro();

  /** The blur that Initialize() chose, or Blur if that was set, mm. 0 before. */
  itkGetConstMacro(BlurInUse, double);

  /** On (default): both masses are scaled to 1, or both by one common factor if the subclass says so. Off: masses are
   * lengths (mm), areas (mm²) or numbers. */
  itkSetMacro(NormalizeMasses, bool);
  itkGetConstMacro(NormalizeMasses, bool);
  itkBooleanMacro(NormalizeMasses);

  /** s, mm: what a tangent or normal weighs against a distance: it adds s²(1−⟨n,m⟩²) to the cost |x−y|²/2, or
   * s²(1−⟨n,m⟩) if directions are oriented. 0 (default): directions do not matter. A few per cent of the shapes' size
   * help where curves cross; more hurts. Needs cells. */
  itkSetMacro(DirectionWeight, double);
  itkGetConstMacro(DirectionWeight, double);

  /** Whether n and −n are different directions. Off by default: surfaces made of scans are seldom oriented well. */
  itkSetMacro(OrientedDirections, bool);
  itkGetConstMacro(OrientedDirections, bool);
  itkBooleanMacro(OrientedDirections);

  /** \name Masses of the points, ≥ 0, in the order of their identifiers. If there are any, the points are the
   * particles, whatever cells there are. */
  /**@{*/
  void
  SetFixedMasses(const MassesType & masses);
  void
  SetMovingMasses(const MassesType & masses);
  itkGetConstReferenceMacro(FixedMasses, MassesType);
  itkGetConstReferenceMacro(MovingMasses, MassesType);
  /**@}*/

  void
  Initialize() override;

  MeasureType
  GetValue() const override;

  void
  GetDerivative(DerivativeType & derivative) const override;

  void
  GetValueAndDerivative(MeasureType & value, DerivativeType & derivative) const override;

  /** Not there: the value is not a sum over points. \exception itk::ExceptionObject always. */
  MeasureType
  GetLocalNeighborhoodValue(const PointType &, const PixelType &) const override;
  void
  GetLocalNeighborhoodValueAndDerivative(const PointType &,
                                         MeasureType &,
                                         LocalDerivativeType &,
                                         const PixelType &) const override;

  /** Minus the gradient with respect to the vertices, which have equal shares of the masses of their cells. */
  double
  ComputePointForces(std::vector<double> & masses, std::vector<double> & forces) const override;

  /** A distance between measures has a direction only. */
  bool
  GetForcesAreWays() const override
  {
    return false;
  }

  /** Exchanges FixedMasses and MovingMasses. */
  void
  ExchangeSides() override;

protected:
  ParticlePointSetToPointSetMetricv4() = default;
  ~ParticlePointSetToPointSetMetricv4() override = default;

  /** The distance of the moved fixed particles α from the moving ones β. \param gradient if not null, becomes its
   * derivative with respect to the positions and, if they matter, directions of α. */
  virtual double
  CompareMeasures(const Sinkhorn::PointMeasure & alpha,
                  const Sinkhorn::PointMeasure & beta,
                  Sinkhorn::PointGradient *      gradient) const = 0;

  /** Total mass of α that the last gradient was scaled by, where forces are ways. */
  virtual double
  GetMassOfGradient() const
  {
    return 1.0;
  }

  /** The automatic blur, as a part of the larger diagonal. */
  virtual double
  GetAutomaticBlur() const = 0;

  /** Checks the parameters. A subclass calls its superclass. */
  virtual void
  VerifyParameters() const;

  /** What this class knows of the comparison. */
  Sinkhorn::PointComparisonParameters
  MakeComparisonParameters() const;

  bool
  RequiresMovingPointsLocator() const override
  {
    return false;
  }

  bool
  RequiresFixedPointsLocator() const override
  {
    return false;
  }

  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using VertexArray = std::vector<double>;

  template <typename TPointSet>
  std::unique_ptr<Sinkhorn::ShapeParticles>
  MakeShape(const TPointSet * pointSet, const MassesType & masses, const char * name, double & diagonal) const;

  /** Fixed points in the virtual domain. */
  std::vector<VirtualPointType>
  MakeVirtualPoints() const;

  /** The fixed vertices where the moving ones are: in the moving space, or in the virtual domain. */
  VertexArray
  MakeAlphaVertices(const std::vector<VirtualPointType> & virtualPoints) const;

  VertexArray
  MakeBetaVertices() const;

  /** The value, and the derivative with respect to the vertices of α if asked for. */
  double
  Evaluate(const std::vector<VirtualPointType> & virtualPoints, VertexArray * gradient) const;

  void
  MakeGlobalDerivative(const std::vector<VirtualPointType> & virtualPoints,
                       const VertexArray &                   gradient,
                       DerivativeType &                      derivative) const;

  void
  MakeLocalDerivative(const std::vector<VirtualPointType> & virtualPoints,
                      const VertexArray &                   gradient,
                      DerivativeType &                      derivative) const;

  Sinkhorn::BlurSetting m_Blur;
  double                m_BlurInUse{ 0.0 };
  bool                  m_NormalizeMasses{ true };
  double                m_DirectionWeight{ 0.0 };
  bool                  m_OrientedDirections{ false };
  MassesType            m_FixedMasses;
  MassesType            m_MovingMasses;

  std::unique_ptr<Sinkhorn::ShapeParticles> m_FixedShape;
  std::unique_ptr<Sinkhorn::ShapeParticles> m_MovingShape;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkParticlePointSetToPointSetMetricv4.hxx"
#endif

#endif
