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
#ifndef itkSinkhornSlicePlane_h
#define itkSinkhornSlicePlane_h

#include "itkSinkhornFileTypes.h"
#include "itkSinkhornImageFile.h"

#include "itkCompositeTransform.h"

namespace itk
{
namespace SinkhornIO
{

/** Where two images of one slice are registered.
 *
 * A volume of one slice lies in a plane of 3-D space, turned and mirrored as its direction says. Such a pair is
 * registered in 2-D, in perpendicular coordinates of the plane of the fixed slice, and the transform is lifted back to
 * space. For pictures and volumes the coordinates are those of the files. */
class SlicePlane
{
public:
  /** Pictures and volumes. */
  SlicePlane() = default;

  /** \exception UsageError if the slices do not lie in parallel planes. */
  SlicePlane(const FileFacts & fixed, const FileFacts & moving);

  /** Whether the fixed slice, and so the results, lie in 3-D space. */
  bool
  IsLifting() const
  {
    return m_IsLifting;
  }

  /** The grid of a file in the coordinates of the registration, without voxels. */
  template <unsigned int VDimension>
  typename ImageType<VDimension>::Pointer
  MakeGrid(const FileFacts & facts) const;

  /** Coordinates in the plane of a point that may lie beside it. */
  Point<double, 2>
  Project(const Point<double, 3> & point) const;

  /** The transform in space: in the plane that of \a transform, constant along its normal, and the way from the fixed
   * to the moving plane. Displacement fields become fields of three slices, so that rounding does not leave the middle
   * one. \param grid where deformations that are no fields are sampled. */
  CompositeTransform<double, 3>::Pointer
  Lift(const CompositeTransform<double, 2> * transform, const ImageType<2> * grid) const;

  /** Displacements in space from the voxels of the moving slice to fixed points: in the plane by \a inverse, and along
   * its normal back to the fixed one. */
  FieldType<3>::Pointer
  SampleInverse(const Transform<double, 2, 2> * inverse, const FileFacts & moving) const;

private:
  /** A field in space around that of the plane, with one slice on either side of it, without its displacements. */
  FieldType<3>::Pointer
  MakeThreeSlices(const FieldType<2> * flat) const;
  Transform<double, 3, 3>::Pointer
  LiftOne(const Transform<double, 2, 2> * transform, const ImageType<2> * grid) const;
  Transform<double, 3, 3>::Pointer
  LiftLinear(const Transform<double, 2, 2> * transform) const;
  void
  LiftAll(const CompositeTransform<double, 2> * transform,
          const ImageType<2> *                  grid,
          CompositeTransform<double, 3> *       lifted) const;

  bool m_IsSpatial{ false };
  bool m_IsLifting{ false };
  /** Columns: two axes in the plane and its normal. */
  Matrix<double, 3, 3> m_Axes;
  Point<double, 3>     m_Origin;
  /** From the fixed to the moving plane along the normal, mm. */
  double m_Shift{ 0.0 };
  /** Of the fixed slice, mm. */
  double m_Thickness{ 1.0 };
};

} // namespace SinkhornIO
} // namespace itk

#endif
