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
#ifndef itkSinkhornLogSumSimd_h
#define itkSinkhornLogSumSimd_h

#include "itkIntTypes.h"

namespace itk
{
namespace Sinkhorn
{

/** \name Element by element, with the best instruction set of the machine. The results of an element depend neither on
 * its place nor on the length. */
/**@{*/

/** sums ← sums + c·exp(values − maxima), where c is a power of two and no value exceeds its maximum by more than 30.
 * values may be −∞; maxima are finite. Terms below the range of the type are the smallest number of the range. */
template <typename TReal>
void
AddExponentials(const TReal * values, const TReal * maxima, SizeValueType length, TReal * sums);

/** sums_k ← Σ_l factor_kl·values_l for K rows of sums and of values, each \a stride after the one before. \param
 * factors K rows of K. Products with factors of 0 may be left out: values are finite. */
template <typename TReal>
void
MultiplyRows(const TReal * factors,
             SizeValueType numberOfRows,
             const TReal * values,
             SizeValueType stride,
             SizeValueType length,
             TReal *       sums);

/** out ← maxima + log(sums/c), or −∞ where the maximum is the lowest number. */
template <typename TReal>
void
AddLogarithms(const TReal * maxima, const TReal * sums, SizeValueType length, TReal * out);
/**@}*/

} // namespace Sinkhorn
} // namespace itk

#endif
