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
#ifndef itkSinkhornSolverTestUtilities_h
#define itkSinkhornSolverTestUtilities_h

#include "itkSinkhornTestUtilities.h"

#include "itkMacro.h"

#include <functional>
#include <string>

namespace itk
{
namespace Sinkhorn
{
namespace Testing
{

/** A problem on a small anisotropic grid. */
template <typename TReal>
struct GridProblem
{
  GridProblem(std::vector<itk::SizeValueType> size, std::vector<double> spacing, double background = 0.0)
    : Size(std::move(size))
    , Spacing(std::move(spacing))
    , A(MakeBlobs(Size, Spacing, 1, background))
    , B(MakeBlobs(Size, Spacing, 2, background))
    , LogA(ToLog<TReal>(A))
    , LogB(ToLog<TReal>(B))
    , Operator(std::make_shared<GridSoftminOperator<TReal>>(Size, Spacing))
  {}

  TransportValues
  Solve(const SolverParameters & parameters)
  {
    Report = Solver<TReal>::Solve(Operator, LogA, LogB, parameters, Duals);
    return ComputeTransportValues(LogA, LogB, parameters, Duals);
  }

  std::vector<itk::SizeValueType>          Size;
  std::vector<double>                      Spacing;
  std::vector<double>                      A, B;
  std::vector<TReal>                       LogA, LogB;
  typename SoftminOperator<TReal>::Pointer Operator;
  Potentials<TReal>                        Duals;
  SolverReport                             Report;
};

inline SolverParameters
MakeParameters(double blur, double tolerance = 1e-9)
{
  SolverParameters parameters;
  parameters.Blur = blur;
  parameters.Tolerance = tolerance;
  parameters.MaximumNumberOfIterations = 3000;
  return parameters;
}

inline std::string
MessageOf(const std::function<void()> & function)
{
  try
  {
    function();
  }
  catch (const itk::ExceptionObject & error)
  {
    return error.GetDescription();
  }
  return "no exception";
}

} // namespace Testing
} // namespace Sinkhorn
} // namespace itk

#endif
