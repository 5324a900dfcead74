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
// sinkhorn-register: register two images with entropic optimal transport, or with one of ITK's own metrics under the
// same schedule. See sinkhorn-register --help and the README.
#include "options.h"
#include "pipeline.h"

#include "itkMultiThreaderBase.h"
#include "itkSinkhornImageFile.h"
#include "itkSinkhornUnfinishedFiles.h"

#include <cstdlib>
#include <iostream>
#include <new>
#include <system_error>

namespace
{

using namespace SinkhornRegister;

/** Exit status of a run whose result was worse than its start, which was handed over in its place. */
constexpr int exitKeptStart = 3;

/** \return whether the result itself was handed over. */
bool
Run(const Options & options)
{
  // For everything that ITK starts. Not the global maximum, to which ITK cuts down the number of pieces that filters
  // have divided their work into: the B-spline filter then leaves out the last ones.
  if (options.Threads > 0)
  {
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(options.Threads);
  }
  itk::Object::SetGlobalWarningDisplay(!options.Quiet);
  if (!options.FixedPoints.empty())
  {
    return RunShapePipeline(options);
  }
  const FileFacts fixed = InspectFile(options.Fixed, "fixed image");
  const FileFacts moving = InspectFile(options.Moving, "moving image");
  if (fixed.Dimension != moving.Dimension)
  {
    throw UsageError("the fixed image is " + std::to_string(fixed.Dimension) + "-D and the moving image " +
                     std::to_string(moving.Dimension) + "-D; both must have the same number of dimensions");
  }
  if (!options.Quiet && (fixed.IsColor || moving.IsColor))
  {
    std::cout << "colour is compared by its luminance\n";
  }
  if (!options.Quiet && (fixed.HasAlpha || moving.HasAlpha))
  {
    std::cout << "transparent pixels are taken for black, by their opacity\n";
  }
  if (fixed.Dimension == 2)
  {
    return RunPipeline<2>(options, fixed, moving);
  }
  return RunPipeline<3>(options, fixed, moving);
}

void
Complain(const std::string & what)
{
  std::cerr << "sinkhorn-register: " << what << std::endl;
}

/** Without the destructors of static objects: ITK's do not survive a pool of threads that could not be made. */
[[noreturn]] void
EndWithoutMemory()
{
  Complain(
    "there is not enough memory, or too few threads may be started: crop or shrink the images, or lower --threads");
  std::_Exit(EXIT_FAILURE);
}

} // namespace

int
main(int argc, char ** argv)
{
  CatchSignals();
  SetWarningHandler([](const std::string & text) { Complain("warning: " + text); }); // with --quiet too
  try
  {
    Options   options;
    const int finished = ParseCommandLine(argc, argv, options);
    if (finished >= 0)
    {
      return finished;
    }
    return Run(options) ? EXIT_SUCCESS : exitKeptStart;
  }
  catch (const std::bad_alloc &)
  {
    EndWithoutMemory();
  }
  catch (const std::system_error & error) // a thread that can't be started
  {
    error.code() == std::errc::resource_unavailable_try_again ? EndWithoutMemory() : Complain(error.what());
  }
  catch (const itk::ExceptionObject & error)
  {
    Complain(error.GetDescription());
  }
  catch (const std::exception & error)
  {
    Complain(error.what());
  }
  catch (...)
  {
    Complain("an error of a kind that is not known here");
  }
  return EXIT_FAILURE;
}
