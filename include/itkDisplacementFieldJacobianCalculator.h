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
#ifndef itkDisplacementFieldJacobianCalculator_h
#define itkDisplacementFieldJacobianCalculator_h

#include "itkImage.h"
#include "itkObject.h"
#include "itkObjectFactory.h"
#include "itkSinkhornCompatibility.h"

namespace itk
{

/** \class DisplacementFieldJacobianCalculator
 * \brief Jacobian determinants of the map x ↦ x + u(x) of a displacement field, by the strict criterion.
 *
 * A voxel of a discretised map is sound only if the determinants of all combinations of one-sided differences at it are
 * positive: they are the orientations of the corners of the cells around it (triangles in 2-D, tetrahedra in 3-D). In
 * 3-D the two tetrahedra inside each cell that touch no such corner (one for each way to cut a cell into five) must be
 * positive as well; they are counted at the voxel of the cell's lowest index. Voxels on the border count like all
 * others. This is the definition of a digital diffeomorphism of Liu, Chen, Wei, Carass and Prince, "On finite
 * difference Jacobian computation in deformable image registration", International Journal of Computer Vision (2024).
 * Central differences, the usual definition, overlook cells that are inside out, as in a checkerboard of displacements;
 * their least determinant is computed beside it.
 *
 * The determinants are those of ∂T/∂x in physical space: spacing and direction are taken into account, also a direction
 * that is not orthonormal. The field must be in physical units, as everywhere in ITK; spacing and direction of the
 * field give the grid. Axes of one voxel count as undeformed. A value that is not finite counts as folded.
 *
 * Results are the same bits for any number of work units.
 *
 * \ingroup Sinkhorn
 */
template <typename TDisplacementField>
class ITK_TEMPLATE_EXPORT DisplacementFieldJacobianCalculator : public Object
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(DisplacementFieldJacobianCalculator);

  using Self = DisplacementFieldJacobianCalculator;
  using Superclass = Object;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(DisplacementFieldJacobianCalculator, Object);

  static constexpr unsigned int ImageDimension = TDisplacementField::ImageDimension;
  static_assert(ImageDimension == 2 || ImageDimension == 3, "fields of two or three dimensions");

  using DisplacementFieldType = TDisplacementField;
  using RealImageType = Image<float, ImageDimension>;

  /** The field, in physical units. Its buffered region is looked at. */
  itkSetConstObjectMacro(DisplacementField, DisplacementFieldType);
  itkGetConstObjectMacro(DisplacementField, DisplacementFieldType);

  /** Number of work units; 0, the default: ITK's own default. */
  itkSetMacro(NumberOfWorkUnits, ThreadIdType);
  itkGetConstMacro(NumberOfWorkUnits, ThreadIdType);

  /** Looks at all voxels.
   * \exception ExceptionObject if there is no field or it has no voxel. */
  void
  Compute();

  /** The same, and the least strict determinant of every voxel as an image on the grid of the field. */
  typename RealImageType::Pointer
  ComputeImage();

  /** Brings an image of ComputeImage() up to date after the field has changed in \a changed alone: the voxels there and
   * next to it are looked at again. The image is then the same as that of ComputeImage(); the figures below stay as
   * they are. \param image on the grid of the field. \exception ExceptionObject if there is no field, it has no voxel,
   * or the image has another buffered region. */
  void
  UpdateImage(RealImageType * image, typename RealImageType::RegionType changed) const;

  /** The determinant of every voxel by central differences, which tells how a voxel's surroundings stretch but not
   * whether its cells are sound. Of the figures below only GetMinimumCentral() is set. */
  typename RealImageType::Pointer
  ComputeCentralImage();

  /** The least determinant by central differences alone, several times as fast as Compute(). */
  double
  ComputeMinimumCentral();

  /** Least determinant over all voxels by the strict criterion. */
  itkGetConstMacro(Minimum, double);
  /** Number of voxels whose least determinant is not positive, and their part of all voxels, in [0, 1]. */
  itkGetConstMacro(NumberOfFoldedVoxels, SizeValueType);
  itkGetConstMacro(FoldedFraction, double);
  /** Least determinant by central differences, one-sided on the border. */
  itkGetConstMacro(MinimumCentral, double);
  /** Volume (2-D: area) of the parts of cells that are mapped inside out, mm^dimension: the mean over the two ways to
   * cut each cell into simplices of the sum of −det · volume of those with a negative determinant (Liu et al. 2024). */
  itkGetConstMacro(NonDiffeomorphicVolume, double);

protected:
  DisplacementFieldJacobianCalculator() = default;
  ~DisplacementFieldJacobianCalculator() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using Edge = FixedArray<double, ImageDimension>;
  struct Summary;
  struct Voxel;
  class Grid;

  /** The least strict determinant of a voxel; adds to \a summary what its cells are. */
  static double
  ExamineVoxel(const Grid &                                   grid,
               const Voxel &                                  voxel,
               const typename TDisplacementField::PixelType * here,
               Summary &                                      summary);
  Summary
  Examine(SizeValueType begin, SizeValueType end, const Grid & grid, float * least) const;
  double
  ExamineCentral(SizeValueType begin, SizeValueType end, const Grid & grid, float * central) const;
  void
  CheckField() const;
  void
  Run(float * least);
  void
  RunCentral(float * central);
  typename RealImageType::Pointer
  MakeImage() const;

  typename DisplacementFieldType::ConstPointer m_DisplacementField;
  ThreadIdType                                 m_NumberOfWorkUnits{ 0 };
  double                                       m_Minimum{ 1.0 };
  double                                       m_MinimumCentral{ 1.0 };
  double                                       m_FoldedFraction{ 0.0 };
  double                                       m_NonDiffeomorphicVolume{ 0.0 };
  SizeValueType                                m_NumberOfFoldedVoxels{ 0 };
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkDisplacementFieldJacobianCalculator.hxx"
#endif

#endif
