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
#ifndef itkSinkhornShapeOverview_h
#define itkSinkhornShapeOverview_h

#include "itkSinkhornPointMeasure.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace itk
{
namespace SinkhornDrawing
{

/** Draws the fixed shape with the moving one as it was (above) and as it was registered (below), seen along each axis;
 * in 2-D as it lies. \exception UsageError if the file can't be written. */
void
DrawShapeOverview(const std::string &            path,
                  const Sinkhorn::PointComplex & fixed,
                  const Sinkhorn::PointComplex & moving,
                  const Sinkhorn::PointComplex & moved,
                  unsigned int                   dimension,
                  const std::string &            caption);

/** The same pictures for a page, each of its own. */
nlohmann::ordered_json
MakeShapeViews(const Sinkhorn::PointComplex & fixed,
               const Sinkhorn::PointComplex & moving,
               const Sinkhorn::PointComplex & moved,
               unsigned int                   dimension);

} // namespace SinkhornDrawing
} // namespace itk

#endif
