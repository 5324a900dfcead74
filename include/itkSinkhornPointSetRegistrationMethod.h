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
#ifndef itkSinkhornPointSetRegistrationMethod_h
#define itkSinkhornPointSetRegistrationMethod_h

#include "itkSinkhornCompatibility.h"
#include "itkSinkhornPointMeasureFromMesh.h"
#include "itkSinkhornPointRegistrationEngine.h"
#include "itkSinkhornRegistrationImages.h"

#include "itkDataObjectDecorator.h"
#include "itkProcessObject.h"

#include <string>
#include <vector>

namespace itk
{

/** \class SinkhornPointSetRegistrationMethod
 * \brief Registers two curves, surfaces or clouds of points with optimal transport: a linear transform, and a
 * diffeomorphism of space.
 *
 * What the program sinkhorn-register does with --fixed-points and --moving-points, without files. A shape is an
 * itk::Mesh (its triangles, else its segments, else its points) or a Sinkhorn::PointComplex; how finely it is sampled,
 * in what order, and in what unit of length does not matter. Lengths are in mm.
 *
 * The result is a CompositeTransform from fixed to moving points, as everywhere in ITK: it carries images of the moving
 * subject to the fixed one. Its inverse carries the moving shape onto the fixed one. Neither folds by the strict
 * criterion of DisplacementFieldJacobianCalculator. A deformation that is farther from the fixed shape than what it
 * began with is not handed over: see the report's Kept and GetMessages().
 *
 * MultiResolutionIterationEvent is sent at the beginning of every level, IterationEvent after every iteration, and
 * ProgressEvent; AbortGenerateDataOn() ends the registration with itk::ProcessAborted. Results are the same bits for
 * any number of threads.
 *
 * Reference: Feydy, Charlier, Vialard, Peyré, Optimal Transport for Diffeomorphic Registration, MICCAI 2017.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class ITK_TEMPLATE_EXPORT SinkhornPointSetRegistrationMethod : public ProcessObject
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornPointSetRegistrationMethod);

  using Self = SinkhornPointSetRegistrationMethod;
  using Superclass = ProcessObject;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(SinkhornPointSetRegistrationMethod, ProcessObject);

  static constexpr unsigned int Dimension = VDimension;
  static_assert(VDimension == 2 || VDimension == 3, "shapes of two or three dimensions");
  using ComplexType = Sinkhorn::PointComplex;
  using TransformType = CompositeTransform<double, VDimension>;
  using DecoratedTransformType = DataObjectDecorator<TransformType>;
  using InitialKind = SinkhornRegistration::InitialKind;
  using PlanType = SinkhornRegistration::PointRegistrationPlan;
  using ReportType = SinkhornRegistration::PointRegistrationReport;

  /** The shapes; both must be set. */
  void
  SetFixedShape(const ComplexType & shape)
  {
    m_FixedShape = shape;
    this->Modified();
  }
  void
  SetMovingShape(const ComplexType & shape)
  {
    m_MovingShape = shape;
    this->Modified();
  }
  /** The same from an itk::Mesh or itk::PointSet, as it is now. */
  template <typename TPointSet>
  void
  SetFixedMesh(const TPointSet * mesh)
  {
    this->SetFixedShape(Sinkhorn::ExtractComplex(mesh));
  }
  template <typename TPointSet>
  void
  SetMovingMesh(const TPointSet * mesh)
  {
    this->SetMovingShape(Sinkhorn::ExtractComplex(mesh));
  }

  /** Linear transform to start from, fitted to springs. Default Automatic: in space the affine one if, beside a common
   * scale, it stretches by half at most, otherwise and in the plane the similarity. */
  void
  SetInitialize(InitialKind kind)
  {
    this->Change(m_Plan.Initialize, kind);
  }
  /** Go on with a deformation. Default true. */
  void
  SetDeform(bool on)
  {
    this->Change(m_Plan.Deform, on);
  }
  /** Blur at the end, mm; default 0: 1.25 % of the diagonal of the fixed shape. */
  void
  SetBlur(double blur)
  {
    this->Change(m_Plan.Blur, blur);
  }
  /** Distance beyond which mass is left alone, mm; 0: never; default, negative: 10 % of the diagonal at first, 5 % at
   * the end. */
  void
  SetReach(double reach)
  {
    this->Change(m_Plan.Reach, reach);
  }
  /** Of the deformation. */
  void
  SetNumberOfIterations(unsigned int iterations)
  {
    this->Change(m_Plan.NumberOfIterations, iterations);
  }
  /** That a shape is reduced to. Default 2,000. */
  void
  SetMaximumNumberOfParticles(SizeValueType particles)
  {
    this->Change(m_Plan.MaximumNumberOfParticles, particles);
  }
  const PlanType &
  GetPlan() const
  {
    return m_Plan;
  }

  /** Computed by Update(). \exception ExceptionObject if there is nothing yet. */
  TransformType *
  GetModifiableTransform();
  const TransformType *
  GetTransform() const
  {
    return const_cast<Self *>(this)->GetModifiableTransform();
  }
  typename TransformType::Pointer
  GetInverseTransform() const;
  /** The vertices of the moving shape on the fixed one, coordinate after coordinate, in their order. */
  std::vector<double>
  MakeWarpedPoints() const;
  /** Displacement of space around the shapes, from fixed to moving points, mm; on the grid of the deformation, or of a
   * fiftieth of the diagonal where there is none. */
  typename SinkhornRegistration::FieldType<VDimension>::Pointer
  MakeDisplacementField() const;
  /** How it went, also as a JSON object with the keys of the program's report.json: how the displacement field folds, too,
   * and instead of distances between the shapes those between their particles. */
  const ReportType &
  GetReport() const
  {
    return m_Report;
  }
  std::string
  GetReportAsJson() const;
  const std::vector<std::string> &
  GetMessages() const
  {
    return m_Messages;
  }

  /** For observers: level at work, from 1 and of how many; iteration, from 1; the divergence, mm². */
  itkGetConstMacro(CurrentLevel, unsigned int);
  itkGetConstMacro(NumberOfLevels, unsigned int);
  itkGetConstMacro(CurrentIteration, unsigned int);
  itkGetConstMacro(CurrentValue, double);

  using Superclass::MakeOutput;
  DataObject::Pointer
  MakeOutput(DataObjectPointerArraySizeType index) override;

protected:
  SinkhornPointSetRegistrationMethod();
  ~SinkhornPointSetRegistrationMethod() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;
  void
  GenerateData() override;

private:
  /** Passes on what the engine tells. */
  class EventListener;

  template <typename T>
  void
  Change(T & setting, const T & value)
  {
    if (setting != value)
    {
      setting = value;
      this->Modified();
    }
  }

  ComplexType                     m_FixedShape;
  ComplexType                     m_MovingShape;
  PlanType                        m_Plan;
  ReportType                      m_Report;
  typename TransformType::Pointer m_Transform;
  /** Of the displacement field, without voxels. */
  typename SinkhornRegistration::ImageType<VDimension>::Pointer m_Grid;
  std::vector<std::string>        m_Messages;
  unsigned int                    m_CurrentLevel{ 0 };
  unsigned int                    m_NumberOfLevels{ 0 };
  unsigned int                    m_CurrentIteration{ 0 };
  double                          m_CurrentValue{ 0.0 };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornPointSetRegistrationMethod.hxx"
#endif

#endif
