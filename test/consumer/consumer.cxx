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
// A program outside of this project, built against the installed package: the divergence of two points.
#include "itkSinkhornDivergence.h"
#include "itkSinkhornGridSoftminOperator.h"

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>

int
main()
{
  const double              none = -std::numeric_limits<double>::infinity();
  const std::vector<double> alpha{ 0.0, none, none, none, none };
  const std::vector<double> beta{ none, none, none, 0.0, none };

  itk::Sinkhorn::SolverParameters   parameters;
  itk::Sinkhorn::Potentials<double> potentials;
  const auto grid = std::make_shared<itk::Sinkhorn::GridSoftminOperator<double>>(std::vector<itk::SizeValueType>{ 5 },
                                                                                 std::vector<double>{ 2.0 });
  const auto report = itk::Sinkhorn::Solver<double>::Solve(grid, alpha, beta, parameters, potentials);
  const auto values = itk::Sinkhorn::ComputeTransportValues(alpha, beta, parameters, potentials);

  std::cout << "three voxels of 2 mm apart: divergence " << values.Divergence << " mm², " << report.Describe(parameters)
            << std::endl;
  return report.Converged && std::abs(values.Divergence - 18.0) < 1e-6 ? EXIT_SUCCESS : EXIT_FAILURE;
}
