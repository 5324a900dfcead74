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
#ifndef itkSinkhornColors_h
#define itkSinkhornColors_h

#include "itkSinkhornCanvas.h"

#include <vector>

namespace itk
{
namespace SinkhornDrawing
{

/** How the voxels of one image become colours: grey between two percentiles, or one colour for each label. */
class ColorMap
{
public:
  /** Looks at the values of an image. */
  ColorMap(const float * values, std::size_t count);

  /** The image holds few whole numbers, at least three of them. */
  bool
  LooksLikeLabels() const
  {
    return m_LooksLikeLabels;
  }

  void
  SetDrawAsLabels(bool labels)
  {
    m_DrawAsLabels = labels;
  }

  Color
  operator()(double value) const;

  /** Intensity in [0, 1]. */
  double
  Normalize(double value) const;

private:
  double m_Low{ 0.0 };
  double m_High{ 1.0 };
  bool   m_LooksLikeLabels{ false };
  bool   m_DrawAsLabels{ false };
};

/** Both images at one voxel: grey where they agree, orange where only the fixed one is bright (or has that label), blue
 * where only the other is. */
Color
DifferenceColor(const ColorMap & fixedMap, double fixed, const ColorMap & otherMap, double other, bool labels);

/** det J: white at 1, blue below (shrinks), red above (grows), magenta at 0 and below (folded). */
Color
JacobianColor(double determinant);

/** From dark blue over green to yellow, for values in [0, 1]. */
Color
SequentialColor(double value);
/** From blue over white to red, for values in [0, 1]. */
Color
DivergingColor(double value);
/** From white through orange to black, for values in [0, 1]: how much mass there is. */
Color
InkColor(double value);

/** Colours for legends. */
Color
FixedOnlyColor();
Color
MovingOnlyColor();
Color
FoldedColor();

} // namespace SinkhornDrawing
} // namespace itk

#endif
