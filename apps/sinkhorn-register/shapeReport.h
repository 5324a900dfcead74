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
#ifndef sinkhornRegisterShapeReport_h
#define sinkhornRegisterShapeReport_h

#include "options.h"

#include "itkSinkhornRegistrationReport.h"
#include "itkSinkhornShapeDistance.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace SinkhornRegister
{

/** Blurs within which a place of the fixed shape counts as covered. */
constexpr double coverageBlurs = 2.0;

/** Everything that report.json holds when shapes are registered. */
struct ShapeReport : itk::SinkhornRegistration::PointRegistrationReport
{
  unsigned int                       Dimension{ 0 };
  itk::Sinkhorn::ShapeDistances      Before;
  itk::Sinkhorn::ShapeDistances      After;
  itk::SinkhornRegistration::Folding Folds;
  std::size_t                        NumberOfLandmarks{ 0 };
  /** Mean distance of corresponding landmarks. */
  double ErrorBefore{ 0.0 };
  double ErrorAfter{ 0.0 };
  double Seconds{ 0.0 };
};

/** What report.json holds. */
nlohmann::ordered_json
MakeShapeReport(const Options & options, const ShapeReport & report);

/** One line for people, also the caption of the overview. */
std::string
SummarizeShapes(const ShapeReport & report);

} // namespace SinkhornRegister

#endif
