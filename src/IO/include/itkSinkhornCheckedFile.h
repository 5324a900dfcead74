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
#ifndef itkSinkhornCheckedFile_h
#define itkSinkhornCheckedFile_h

#include "itkSinkhornFileTypes.h"

#include "itkImage.h"
#include "itkRGBPixel.h"

#include <string>

namespace itk
{
namespace SinkhornIO
{

// Files that are whole, or an error: made in memory, where libraries do not stumble over a full disk, and then written.

/** \exception UsageError that says why the file can't be written. */
void
WriteBytes(const std::string & path, const std::string & bytes);

/** \exception UsageError if a file that was written by others is missing, empty or, where its format can tell (.gz),
 * not whole: their writers do not look at what the disk answers. */
void
CheckWritten(const std::string & path);

/** A picture as the bytes of a PNG file. \a TPixel: as in WritePng(). \exception UsageError if memory is short. */
template <typename TPixel>
std::string
MakePng(const Image<TPixel, 2> * picture);

/** Writes a PNG. \a TPixel: unsigned char, unsigned short, or RGB of them. */
template <typename TPixel>
void
WritePng(const Image<TPixel, 2> * picture, const std::string & path);

} // namespace SinkhornIO
} // namespace itk

#endif
