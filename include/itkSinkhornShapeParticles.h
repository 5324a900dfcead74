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
#ifndef itkSinkhornShapeParticles_h
#define itkSinkhornShapeParticles_h

#include "itkSinkhornLiftedMeasures.h"

namespace itk
{
namespace Sinkhorn
{

/** \class ShapeParticles
 * \brief The particles of a curve, a surface or a cloud while its vertices move.
 *
 * The cells with most dimensions are the particles: triangles, else segments, else the vertices themselves. Each keeps
 * the mass that it has at the beginning (area, length, 1) and is carried along by its vertices, as pushed-forward mass
 * is; its position is the mean of its vertices, and its direction the present tangent or normal of the cell. See
 * MakeCurveMeasure() and MakeSurfaceMeasure().
 *
 * \ingroup Sinkhorn
 */
class Sinkhorn_EXPORT ShapeParticles
{
public:
  using ArrayType = std::vector<double>;

  /** \param complex vertices at the beginning and cells. Cells without length or area are dropped and counted.
   * \param masses if not empty, the particles are the vertices, with these masses.
   * \exception itk::ExceptionObject if arrays have the wrong length, a vertex number is out of range, a coordinate of a
   * used vertex is not finite, there are no vertices, or no cell has a length or an area. */
  explicit ShapeParticles(const PointComplex & complex, const ArrayType & masses = {});

  /** The particles of the moved shape. \param vertices as many coordinates as at the beginning. */
  PointMeasure
  MakeMeasure(const ArrayType & vertices) const;

  /** The derivative with respect to the vertices' coordinates, from the one with respect to the particles' positions
   * and, if there, directions. */
  ArrayType
  PullBack(const ArrayType & vertices, const PointGradient & gradient) const;

private:
  /** What makes the direction of a cell: its edge, or half the cross product of two edges. */
  struct CellVector
  {
    double Edges[2][3]{};
    double Value[3]{};
    double Length{ 0.0 };
  };

  CellVector
  ComputeTriangle(const ArrayType & vertices, SizeValueType cell) const;

  /** The end of a segment minus its beginning, of any dimension. */
  ArrayType
  ComputeEdge(const ArrayType & vertices, SizeValueType cell) const;

  /** Length or area; 0 if it is rounding. */
  double
  ComputeExtent(const ArrayType & vertices, SizeValueType cell) const;

  void
  PullBackSegment(const ArrayType & vertices,
                  SizeValueType     cell,
                  const double *    direction,
                  ArrayType &       derivative) const;

  void
  PullBackTriangle(const ArrayType & vertices,
                   SizeValueType     cell,
                   const double *    direction,
                   ArrayType &       derivative) const;

  void
  CheckCells(const PointComplex & complex, const char * what) const;

  void
  DropDegenerateCells(const ArrayType & vertices, const char * what, const char * extent);

  const SizeValueType *
  GetCell(SizeValueType cell) const
  {
    return &m_Cells[cell * m_VerticesPerCell];
  }

  bool
  HasDirections() const
  {
    return m_VerticesPerCell == 2 || (m_VerticesPerCell == 3 && m_Dimension == 3);
  }

  unsigned int               m_Dimension{ 0 };
  unsigned int               m_VerticesPerCell{ 1 };
  std::vector<SizeValueType> m_Cells;
  ArrayType                  m_Masses;
  SizeValueType              m_NumberOfDroppedCells{ 0 };
};

} // namespace Sinkhorn
} // namespace itk

#endif
