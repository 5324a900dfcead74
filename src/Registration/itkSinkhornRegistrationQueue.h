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
#ifndef itkSinkhornRegistrationQueue_h
#define itkSinkhornRegistrationQueue_h

#include "itkCompositeTransform.h"
#include "itkIdentityTransform.h"
#include "itkTranslationTransform.h"

namespace itk
{
namespace SinkhornRegistration
{

template <unsigned int VDimension>
using CompositePointer = typename CompositeTransform<double, VDimension>::Pointer;

/** What \a several holds, on top of \a queue; both then share the transforms. */
template <unsigned int VDimension>
void
Append(const CompositeTransform<double, VDimension> * several, CompositeTransform<double, VDimension> * queue)
{
  for (SizeValueType i = 0; i < several->GetNumberOfTransforms(); ++i)
  {
    queue->AddTransform(several->GetNthTransform(i));
  }
}

/** \a queue then holds what \a other does. */
template <unsigned int VDimension>
void
Assign(const CompositeTransform<double, VDimension> * other, CompositeTransform<double, VDimension> * queue)
{
  queue->ClearTransformQueue();
  Append<VDimension>(other, queue);
}

template <unsigned int VDimension>
CompositePointer<VDimension>
CopyQueue(const CompositeTransform<double, VDimension> * transform)
{
  const auto copy = CompositeTransform<double, VDimension>::New();
  Append<VDimension>(transform, copy);
  return copy;
}

/** A copy of \a queue with the result of a stage, which may be a queue itself, on top. */
template <unsigned int VDimension>
CompositePointer<VDimension>
CopyQueueWith(const CompositeTransform<double, VDimension> * queue, Transform<double, VDimension, VDimension> * result)
{
  const auto copy = CopyQueue<VDimension>(queue);
  copy->AddTransform(result);
  copy->FlattenTransformQueue();
  return copy;
}

/** The identity where nothing is in the queue: an empty one is no transform for ITK. */
template <unsigned int VDimension>
typename Transform<double, VDimension, VDimension>::ConstPointer
GetMap(const CompositeTransform<double, VDimension> * queue)
{
  if (queue->GetNumberOfTransforms() > 0)
  {
    return queue;
  }
  return IdentityTransform<double, VDimension>::New().GetPointer();
}

/** An empty queue is no transform for ITK's files. */
template <unsigned int VDimension>
void
AddIdentityIfEmpty(CompositeTransform<double, VDimension> * queue)
{
  if (queue->IsTransformQueueEmpty())
  {
    queue->AddTransform(TranslationTransform<double, VDimension>::New());
  }
}

} // namespace SinkhornRegistration
} // namespace itk

#endif
