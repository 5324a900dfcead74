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
// What the examples have in common: the shapes that they transport, and how they begin and end.
#ifndef sinkhorn_examples_shapes_h
#define sinkhorn_examples_shapes_h

#include "itkImage.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace example
{

using Density = itk::Image<float, 2>;

/** The two shapes of an example: files if their names are given (dark shapes on a bright ground are inverted), else a
 * made-up pair. \exception itk::ExceptionObject on unreadable files. */
std::pair<Density::Pointer, Density::Pointer>
LoadPair(const std::vector<std::string> & arguments);

/** Reads one density from a file. */
Density::Pointer
LoadDensity(const std::string & name);

/** A filled shape with a soft edge, r(angle) = radius (1 + Σ_k waves[k] cos((k+2) angle + phase)). */
Density::Pointer
MakeShape(unsigned int size, double x, double y, double radius, const std::vector<double> & waves, double phase);

/** Calls body, prints exceptions; the exit status of a program. */
int
RunExample(int                                                           argc,
           char *                                                        argv[],
           const char *                                                  usage,
           const std::function<void(const std::vector<std::string> &)> & body);

} // namespace example

#endif
