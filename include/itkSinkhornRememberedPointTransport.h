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
#ifndef itkSinkhornRememberedPointTransport_h
#define itkSinkhornRememberedPointTransport_h

#include "itkSinkhornPointTransport.h"

#include <memory>

namespace itk
{
namespace Sinkhorn
{

/** \class RememberedPointTransport
 * \brief The transport between two point measures, remembered from one evaluation to the next: what DensityTransport is
 * for densities.
 *
 * Equal measures and parameters cost no solve. Others with the same masses, particle by particle, start warm from the
 * last potentials, which are exchanged if the measures are; the solver finds out whether these are of use. Anything
 * else starts cold. The key is the content, never an address.
 *
 * \ingroup Sinkhorn
 */
class Sinkhorn_EXPORT RememberedPointTransport
{
public:
  /** Solves, or remembers, the transport. After an exception nothing is remembered.
   * \exception itk::ExceptionObject see PointTransport. */
  const PointTransport &
  Update(const PointMeasure &             alpha,
         const PointMeasure &             beta,
         const PointTransportParameters & parameters,
         bool                             useWarmStart);

  /** Forgets the transport. */
  void
  Clear()
  {
    m_Transport.reset();
  }

  /** The last transport, or nullptr. */
  const PointTransport *
  GetTransport() const
  {
    return m_Transport.get();
  }

  /** Number of transport problems that were really solved. */
  SizeValueType
  GetNumberOfSolves() const
  {
    return m_NumberOfSolves;
  }

private:
  std::unique_ptr<PointTransport> m_Transport;
  SizeValueType                   m_NumberOfSolves{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
