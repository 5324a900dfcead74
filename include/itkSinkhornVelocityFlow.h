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
#ifndef itkSinkhornVelocityFlow_h
#define itkSinkhornVelocityFlow_h

#include "itkSinkhornFoldRegularizer.h"

#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class VelocityFlow
 * \brief The flow of a velocity from time 0 to time 1.
 *
 * The velocity is constant in each of a few intervals of equal length, so that the flow is a chain of exponentials,
 * which ITK computes by scaling and squaring (Arsigny, Commowick, Pennec and Ayache, MICCAI 2006), and its inverse the
 * chain of those of the opposite velocities. (ITK's integration of time-varying fields runs backwards along another
 * path than forwards.) All fields lie on one grid; mm, and mm per unit of time.
 *
 * \ingroup Sinkhorn
 */
template <unsigned int VDimension>
class VelocityFlow
{
public:
  using FieldType = DisplacementField<VDimension>;
  using FieldPointer = typename FieldType::Pointer;

  VelocityFlow() = default;
  /** At rest. */
  VelocityFlow(const ImageBase<VDimension> * grid, unsigned int numberOfIntervals);

  unsigned int
  GetNumberOfIntervals() const
  {
    return static_cast<unsigned int>(m_Velocities.size());
  }
  /** Displacement from the middle of an interval to time 0. */
  FieldPointer
  GetToStart(unsigned int interval) const
  {
    return m_ToStart[interval];
  }
  /** Displacement from the middle of an interval to time 1. */
  FieldPointer
  GetToEnd(unsigned int interval) const
  {
    return m_ToEnd[interval];
  }
  /** Displacements from either end of time to the middle of each interval. */
  struct WaysFromEnds
  {
    std::vector<FieldPointer> Start;
    std::vector<FieldPointer> End;
  };
  WaysFromEnds
  MakeWaysFromEnds() const;
  /** Displacement from time 0 to time 1. */
  FieldPointer
  GetWhole() const
  {
    return m_Whole;
  }
  /** Displacement from time 1 to time 0. */
  FieldPointer
  GetInverse() const
  {
    return m_Inverse;
  }

  /** Adds \a changes, one for each interval, to the velocities. */
  void
  Add(const std::vector<FieldPointer> & changes);

  /** Samples the velocities on another grid. */
  void
  MoveTo(const ImageBase<VDimension> * grid);

  /** Smooths the velocities along the paths of the points where the determinant of the Jacobian of the whole flow or of
   * its inverse is below \a limit. \return whether no such point is left; the flow is left alone otherwise. */
  bool
  Relax(double limit);

  double
  FindLeastDeterminant() const;

private:
  void
  Integrate();
  /** Displacements of half an interval. \param sign -1: backwards. */
  std::vector<FieldPointer>
  MakeHalfSteps(double sign) const;

  std::vector<FieldPointer> m_Velocities;
  std::vector<FieldPointer> m_ToStart;
  std::vector<FieldPointer> m_ToEnd;
  FieldPointer              m_Whole;
  FieldPointer              m_Inverse;
};

} // namespace Sinkhorn
} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornVelocityFlow.hxx"
#endif

#endif
