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
#ifndef itkSinkhornFoldOracle_h
#define itkSinkhornFoldOracle_h

#include "itkImage.h"

#include <array>
#include <vector>

/** How a displacement field folds, for tests: by the orientation of the mapped simplices of every cell, through ITK's
 * own conversion of indices to points. Shares no code with DisplacementFieldJacobianCalculator, which works voxel by
 * voxel on differences. */
namespace SinkhornFoldOracle
{

struct Folds
{
  double        Least{ 1e300 };
  double        InsideOut{ 0.0 };
  unsigned long FlippedSimplices{ 0 };
};

/** Signed volume, times dimension factorial, of a simplex given by its vertices. */
template <unsigned int D>
double
SignedVolume(const std::array<itk::Point<double, D>, D + 1> & vertices)
{
  // Gaussian elimination on the edges
  double matrix[D][D];
  double determinant = 1.0;
  for (unsigned int r = 0; r < D; ++r)
  {
    for (unsigned int c = 0; c < D; ++c)
    {
      matrix[r][c] = vertices[r + 1][c] - vertices[0][c];
    }
  }
  for (unsigned int k = 0; k < D; ++k)
  {
    unsigned int pivot = k;
    for (unsigned int r = k; r < D; ++r)
    {
      pivot = std::abs(matrix[r][k]) > std::abs(matrix[pivot][k]) ? r : pivot;
    }
    if (matrix[pivot][k] == 0.0)
    {
      return 0.0;
    }
    if (pivot != k)
    {
      std::swap(matrix[pivot], matrix[k]);
      determinant = -determinant;
    }
    determinant *= matrix[k][k];
    for (unsigned int r = k + 1; r < D; ++r)
    {
      for (unsigned int c = D; c-- > k;)
      {
        matrix[r][c] -= matrix[r][k] / matrix[k][k] * matrix[k][c];
      }
    }
  }
  return determinant;
}

/** All simplices of both cuts of every cell: the two pairs of triangles of a square; in 3-D, two times five tetrahedra.
 */
template <unsigned int D>
std::vector<std::array<unsigned int, D + 1>>
CutsOfCell()
{
  std::vector<std::array<unsigned int, D + 1>> simplices;
  for (unsigned int corner = 0; corner < (1U << D); ++corner)
  {
    std::array<unsigned int, D + 1> simplex;
    simplex[0] = corner;
    for (unsigned int d = 0; d < D; ++d)
    {
      simplex[d + 1] = corner ^ (1U << d);
    }
    simplices.push_back(simplex);
  }
  if (D == 3)
  {
    for (const unsigned int parity : { 0U, 1U })
    {
      std::array<unsigned int, D + 1> inner{};
      unsigned int                    n = 0;
      for (unsigned int corner = 0; corner < (1U << D); ++corner)
      {
        if (((corner & 1U) ^ ((corner >> 1) & 1U) ^ ((corner >> 2) & 1U)) == parity)
        {
          inner[n++] = corner;
        }
      }
      simplices.push_back(inner);
    }
  }
  return simplices;
}

template <typename TField>
Folds
Measure(const TField * field)
{
  constexpr unsigned int D = TField::ImageDimension;
  const auto             simplices = CutsOfCell<D>();
  const double           factorial = D == 2 ? 2.0 : 6.0;
  Folds                  folds;
  const auto             region = field->GetBufferedRegion();
  for (itk::SizeValueType position = 0; position < region.GetNumberOfPixels(); ++position)
  {
    const auto lowest = field->ComputeIndex(static_cast<itk::OffsetValueType>(position));
    bool       isCell = true;
    for (unsigned int d = 0; d < D; ++d)
    {
      isCell = isCell && lowest[d] < region.GetUpperIndex()[d];
    }
    if (!isCell)
    {
      continue;
    }
    for (const auto & simplex : simplices)
    {
      std::array<itk::Point<double, D>, D + 1> before;
      std::array<itk::Point<double, D>, D + 1> after;
      for (unsigned int v = 0; v <= D; ++v)
      {
        auto index = lowest;
        for (unsigned int d = 0; d < D; ++d)
        {
          index[d] += (simplex[v] >> d) & 1U;
        }
        field->TransformIndexToPhysicalPoint(index, before[v]);
        for (unsigned int d = 0; d < D; ++d)
        {
          after[v][d] = before[v][d] + field->GetPixel(index)[d];
        }
      }
      const double volume = SignedVolume<D>(before);
      const double ratio = SignedVolume<D>(after) / volume;
      folds.Least = std::min(folds.Least, ratio);
      if (ratio <= 0.0)
      {
        ++folds.FlippedSimplices;
        folds.InsideOut -= 0.5 * ratio * std::abs(volume) / factorial;
      }
    }
  }
  return folds;
}

} // namespace SinkhornFoldOracle

#endif
