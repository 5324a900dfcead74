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
#include "itkSinkhornColors.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace itk
{
namespace SinkhornDrawing
{
namespace
{

constexpr std::size_t mostLabels = 48;

const Color &
LabelColor(int label)
{
  static const std::vector<Color> colors{ { 0.90, 0.62, 0.00 }, { 0.34, 0.71, 0.91 }, { 0.00, 0.62, 0.45 },
                                          { 0.94, 0.89, 0.26 }, { 0.84, 0.37, 0.00 }, { 0.80, 0.47, 0.65 },
                                          { 0.55, 0.80, 0.35 }, { 0.25, 0.45, 0.85 }, { 0.75, 0.75, 0.75 },
                                          { 0.60, 0.35, 0.15 }, { 0.65, 0.55, 0.95 }, { 0.95, 0.60, 0.55 } };
  static const Color              background{ 0.08, 0.08, 0.10 };
  return label <= 0 ? background : colors[static_cast<std::size_t>(label - 1) % colors.size()];
}

double
Percentile(std::vector<float> & values, double fraction)
{
  const auto position = values.begin() + static_cast<std::ptrdiff_t>(fraction * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), position, values.end());
  return *position;
}

/** Piecewise linear map through equally spaced colours. */
template <std::size_t N>
Color
Interpolate(const Color (&stops)[N], double value)
{
  const double      position = std::min(1.0, std::max(0.0, value)) * (N - 1);
  const std::size_t lower = std::min(static_cast<std::size_t>(position), N - 2);
  return Mix(stops[lower], stops[lower + 1], position - static_cast<double>(lower));
}

} // namespace

ColorMap::ColorMap(const float * values, std::size_t count)
{
  std::set<float> distinct;
  bool            whole = true;
  for (std::size_t i = 0; i < count && whole && distinct.size() <= mostLabels; ++i)
  {
    whole = values[i] == std::floor(values[i]) && values[i] >= 0.0F && values[i] < 256.0F;
    distinct.insert(values[i]);
  }
  m_LooksLikeLabels = whole && distinct.size() >= 3 && distinct.size() <= mostLabels;
  // A sample is enough for the percentiles.
  const std::size_t  step = std::max<std::size_t>(1, count / 500000);
  std::vector<float> sample;
  for (std::size_t i = 0; i < count; i += step)
  {
    sample.push_back(values[i]);
  }
  m_Low = Percentile(sample, 0.005);
  m_High = Percentile(sample, 0.995);
  if (!(m_High > m_Low))
  {
    m_Low = *std::min_element(values, values + count);
    m_High = *std::max_element(values, values + count);
  }
}

double
ColorMap::Normalize(double value) const
{
  return m_High > m_Low ? std::min(1.0, std::max(0.0, (value - m_Low) / (m_High - m_Low))) : 0.0;
}

Color
ColorMap::operator()(double value) const
{
  if (m_DrawAsLabels)
  {
    return LabelColor(static_cast<int>(std::lround(value)));
  }
  const double grey = this->Normalize(value);
  return { grey, grey, grey };
}

Color
FixedOnlyColor()
{
  return { 1.00, 0.60, 0.10 };
}

Color
MovingOnlyColor()
{
  return { 0.20, 0.60, 1.00 };
}

Color
FoldedColor()
{
  return { 0.85, 0.00, 0.85 };
}

Color
DifferenceColor(const ColorMap & fixedMap, double fixed, const ColorMap & otherMap, double other, bool labels)
{
  const Color fixedOnly = FixedOnlyColor();
  const Color movingOnly = MovingOnlyColor();
  if (labels)
  {
    const long a = std::lround(fixed);
    const long b = std::lround(other);
    if (a == b)
    {
      return a == 0 ? LabelColor(0) : Color{ 0.75, 0.75, 0.75 };
    }
    return b == 0 ? fixedOnly : (a == 0 ? movingOnly : Color{ 0.9, 0.2, 0.5 });
  }
  const double a = fixedMap.Normalize(fixed);
  const double b = otherMap.Normalize(other);
  const double both = 0.8 * std::min(a, b);
  const double more = std::max(0.0, a - b);
  const double less = std::max(0.0, b - a);
  return { both + more * fixedOnly.Red + less * movingOnly.Red,
           both + more * fixedOnly.Green + less * movingOnly.Green,
           both + more * fixedOnly.Blue + less * movingOnly.Blue };
}

Color
JacobianColor(double determinant)
{
  if (!(determinant > 0.0))
  {
    return FoldedColor();
  }
  const Color  white{ 1.0, 1.0, 1.0 };
  const Color  blue{ 0.35, 0.55, 0.90 };
  const Color  red{ 0.93, 0.50, 0.40 };
  const double amount = std::min(1.0, std::abs(std::log2(determinant)) / 2.0);
  return Mix(white, determinant < 1.0 ? blue : red, amount);
}

Color
SequentialColor(double value)
{
  static const Color stops[] = {
    { 0.27, 0.00, 0.33 }, { 0.23, 0.32, 0.55 }, { 0.13, 0.57, 0.55 }, { 0.37, 0.79, 0.38 }, { 0.99, 0.91, 0.14 }
  };
  return Interpolate(stops, value);
}

Color
DivergingColor(double value)
{
  static const Color stops[] = {
    { 0.02, 0.19, 0.38 }, { 0.26, 0.58, 0.76 }, { 0.97, 0.97, 0.97 }, { 0.84, 0.38, 0.30 }, { 0.40, 0.00, 0.12 }
  };
  return Interpolate(stops, value);
}

Color
InkColor(double value)
{
  static const Color stops[] = {
    { 1.00, 1.00, 1.00 }, { 0.99, 0.75, 0.44 }, { 0.88, 0.35, 0.33 }, { 0.45, 0.12, 0.50 }, { 0.05, 0.03, 0.15 }
  };
  return Interpolate(stops, value);
}

} // namespace SinkhornDrawing
} // namespace itk
