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
#ifndef itkSinkhornPointParticles_h
#define itkSinkhornPointParticles_h

#include "itkSinkhornPointMeasure.h"

namespace itk
{
namespace SinkhornRegistration
{

/** A shape as particles that lie evenly on it, whatever its cells: long segments and large triangles are cut into
 * pieces, which are then clustered by the voxels of a cubic grid, as narrow as leaves at most \a maximum particles.
 * Each cluster is its mass at its centroid. Total mass 1. \exception itk::ExceptionObject see MakePointMeasure(). */
Sinkhorn::PointMeasure
MakeParticles(const Sinkhorn::PointComplex & complex, SizeValueType maximum);

/** The same of a measure. */
Sinkhorn::PointMeasure
ClusterParticles(const Sinkhorn::PointMeasure & measure, SizeValueType maximum);

/** Mean distance from the particles of one measure to the nearest of the other, and back, weighted by mass; mm. */
double
ComputeMeanDistance(const Sinkhorn::PointMeasure & one, const Sinkhorn::PointMeasure & other);

} // namespace SinkhornRegistration
} // namespace itk

#endif
