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
#ifndef itkSinkhornRegistrationListener_h
#define itkSinkhornRegistrationListener_h

#include "itkMacro.h"

#include <cstddef>
#include <string>

namespace itk
{
namespace SinkhornRegistration
{

/** Hears how a registration goes on. What a member throws ends the registration and reaches its caller. */
class Listener
{
public:
  virtual ~Listener() = default;

  /** What begins, or what a stage has come to. */
  virtual void
  Say(const std::string & itkNotUsed(text))
  {}
  /** The result is not what was asked for. */
  virtual void
  Complain(const std::string & itkNotUsed(text))
  {}
  /** \param detail what the level works on, for example its grid and blur. */
  virtual void
  BeginLevel(std::size_t         itkNotUsed(level),
             std::size_t         itkNotUsed(numberOfLevels),
             unsigned int        itkNotUsed(iterations),
             const std::string & itkNotUsed(detail))
  {}
  /** \param marginalError below 0: the metric has none. */
  virtual void
  Iteration(unsigned int itkNotUsed(iteration), double itkNotUsed(value), double itkNotUsed(marginalError))
  {}
  virtual void
  EndLevel()
  {}
  /** Part of the stages that have been run, 0 to 1. */
  virtual void
  Advance(double itkNotUsed(part))
  {}
};

} // namespace SinkhornRegistration
} // namespace itk

#endif
