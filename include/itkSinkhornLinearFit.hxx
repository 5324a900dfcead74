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
#ifndef itkSinkhornLinearFit_hxx
#define itkSinkhornLinearFit_hxx

#include "itkSinkhornLinearFit.h"

#include "vnl/algo/vnl_determinant.h"
#include "vnl/algo/vnl_matrix_inverse.h"
#include "vnl/algo/vnl_svd.h"
#include "vnl/algo/vnl_symmetric_eigensystem.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

template <unsigned int VDimension>
vnl_matrix<double>
ToDenseMatrix(const Matrix<double, VDimension, VDimension> & matrix)
{
  return matrix.GetVnlMatrix().as_matrix();
}

template <unsigned int VDimension>
Matrix<double, VDimension, VDimension>
ToFixedMatrix(const vnl_matrix<double> & dense)
{
  Matrix<double, VDimension, VDimension> matrix;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    for (unsigned int e = 0; e < VDimension; ++e)
    {
      matrix(d, e) = dense(d, e);
    }
  }
  return matrix;
}

template <unsigned int VDimension>
LinearMap<VDimension>::LinearMap()
{
  Linear.SetIdentity();
  Offset.Fill(0.0);
}

template <unsigned int VDimension>
PairMoments<VDimension>::PairMoments()
{
  MeanSource.Fill(0.0);
  MeanTarget.Fill(0.0);
  Source.Fill(0.0);
  Cross.Fill(0.0);
}

template <unsigned int VDimension>
template <typename TForEachPair>
PairMoments<VDimension>
PairMoments<VDimension>::Compute(const TForEachPair & forEachPair)
{
  PairMoments moments;
  forEachPair([&](double weight, const PointType & source, const PointType & target) {
    moments.Weight += weight;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      moments.MeanSource[d] += weight * source[d];
      moments.MeanTarget[d] += weight * target[d];
    }
  });
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    moments.MeanSource[d] /= moments.Weight;
    moments.MeanTarget[d] /= moments.Weight;
  }
  forEachPair([&](double weight, const PointType & source, const PointType & target) {
    const auto x = source - moments.MeanSource;
    const auto y = target - moments.MeanTarget;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      for (unsigned int e = 0; e < VDimension; ++e)
      {
        moments.Source(d, e) += weight / moments.Weight * x[d] * x[e];
        moments.Cross(d, e) += weight / moments.Weight * y[d] * x[e];
      }
    }
  });
  return moments;
}

template <unsigned int VDimension>
bool
PairMoments<VDimension>::IsFinite() const
{
  double sum = Weight;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    sum += MeanSource[d] + MeanTarget[d];
    for (unsigned int e = 0; e < VDimension; ++e)
    {
      sum += Source(d, e) + Cross(d, e);
    }
  }
  return std::isfinite(sum) && Weight > 0.0;
}

/** The rotation nearest to a finite matrix. \param stretch if not null, becomes the trace of the stretch that is left.
 */
inline vnl_matrix<double>
FindNearestRotation(const vnl_matrix<double> & matrix, double * stretch = nullptr)
{
  const vnl_svd<double> svd(matrix);
  const unsigned int    dimension = matrix.rows();
  vnl_matrix<double>    sign(dimension, dimension);
  sign.set_identity();
  if (vnl_determinant(svd.U()) * vnl_determinant(svd.V()) < 0.0)
  {
    sign(dimension - 1, dimension - 1) = -1.0; // a rotation, not a reflection
  }
  if (stretch != nullptr)
  {
    *stretch = 0.0;
    for (unsigned int d = 0; d < dimension; ++d)
    {
      *stretch += svd.W()(d, d) * sign(d, d);
    }
  }
  return svd.U() * sign * svd.V().transpose();
}

template <unsigned int VDimension>
LinearMap<VDimension>
FitLinearMap(LinearModel model, const PairMoments<VDimension> & moments, double resolution)
{
  constexpr double   leastTurn = 1e-6; // of the shape's variance: what turns where there is no extent is rounding
  vnl_matrix<double> source = ToDenseMatrix<VDimension>(moments.Source);
  vnl_matrix<double> cross = ToDenseMatrix<VDimension>(moments.Cross);
  vnl_matrix<double> linear(VDimension, VDimension);
  linear.set_identity();
  double extent = 0.0;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    extent += source(d, d);
  }
  LinearMap<VDimension> map;
  if (!moments.IsFinite())
  {
    return map;
  }
  if (model == LinearModel::Affine)
  {
    const vnl_matrix<double> change = cross - source;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      source(d, d) += 0.25 * resolution * resolution;
    }
    linear += change * vnl_matrix_inverse<double>(source).as_matrix();
  }
  else if (extent > 0.0)
  {
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      cross(d, d) += leastTurn * extent;
    }
    double stretched = 0.0;
    linear = FindNearestRotation(cross, &stretched);
    if (model == LinearModel::Similarity)
    {
      const double ridge = 0.25 * resolution * resolution;
      linear *= stretched > 0.0 ? (stretched + ridge) / (extent + ridge) : 1.0;
    }
  }
  map.Linear = ToFixedMatrix<VDimension>(linear);
  map.Offset = moments.MeanTarget - map.Linear * moments.MeanSource;
  return map;
}

template <unsigned int VDimension>
bool
IsModest(const Matrix<double, VDimension, VDimension> & matrix, double largestStretch)
{
  const vnl_matrix<double> entries = ToDenseMatrix<VDimension>(matrix);
  const vnl_svd<double>    decomposition(entries);
  return vnl_determinant(entries) > 0.0 && decomposition.sigma_max() <= largestStretch &&
         decomposition.sigma_min() >= 1.0 / largestStretch;
}

template <unsigned int VDimension>
LinearMap<VDimension>
ComposePart(LinearModel                       model,
            const LinearMap<VDimension> &     map,
            const LinearMap<VDimension> &     step,
            double                            share,
            const Point<double, VDimension> & centre,
            double                            largestStretch)
{
  const vnl_matrix<double> before = ToDenseMatrix<VDimension>(map.Linear);
  vnl_matrix<double>       identity(VDimension, VDimension);
  identity.set_identity();
  const vnl_matrix<double> change = ToDenseMatrix<VDimension>(step.Linear) - identity;
  double                   part = share;
  while (part > 1e-3 && !(vnl_determinant(vnl_matrix<double>(identity + part * change)) > 0.0))
  {
    part *= 0.5; // on the way to a reflection
  }
  vnl_matrix<double>    after = (identity + part * change) * before;
  const vnl_svd<double> svd(after);
  if (model == LinearModel::Affine)
  {
    vnl_matrix<double> stretch(VDimension, VDimension, 0.0);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      stretch(d, d) = std::min(std::max(svd.W()(d, d), 1.0 / largestStretch), largestStretch);
    }
    after = svd.U() * stretch * svd.V().transpose();
  }
  else
  {
    const double scale = std::pow(std::abs(vnl_determinant(after)), 1.0 / VDimension);
    after = FindNearestRotation(after);
    after *= model == LinearModel::Rigid ? 1.0 : std::min(std::max(scale, 1.0 / largestStretch), largestStretch);
  }
  // the step as the limits left it
  const auto            linear = ToFixedMatrix<VDimension>(after * vnl_matrix_inverse<double>(before).as_matrix());
  LinearMap<VDimension> result;
  const auto            target = centre + (step(centre) - centre) * share;
  result.Linear = ToFixedMatrix<VDimension>(after);
  result.Offset = linear * map.Offset + (target - linear * centre);
  return result;
}

template <unsigned int VDimension>
double
ComputeDisplacement(const LinearMap<VDimension> & map, const PairMoments<VDimension> & moments)
{
  auto change = map.Linear;
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    change(d, d) -= 1.0;
  }
  const auto spread = change * moments.Source * Matrix<double, VDimension, VDimension>(change.GetTranspose());
  double     squared = (map(moments.MeanSource) - moments.MeanSource).GetSquaredNorm();
  for (unsigned int d = 0; d < VDimension; ++d)
  {
    squared += spread(d, d);
  }
  return std::sqrt(squared);
}

template <unsigned int VDimension>
std::vector<Matrix<double, VDimension, VDimension>>
FindAxisRotations(const Matrix<double, VDimension, VDimension> & from,
                  const Matrix<double, VDimension, VDimension> & to)
{
  const vnl_svd<double>                               axesFrom(ToDenseMatrix<VDimension>(from));
  const vnl_svd<double>                               axesTo(ToDenseMatrix<VDimension>(to));
  std::vector<Matrix<double, VDimension, VDimension>> rotations;
  for (unsigned int signs = 0; signs < (1u << VDimension); ++signs)
  {
    vnl_matrix<double> flip(VDimension, VDimension, 0.0);
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      flip(d, d) = ((signs >> d) & 1u) ? -1.0 : 1.0;
    }
    const vnl_matrix<double> rotation = axesTo.U() * flip * axesFrom.U().transpose();
    if (vnl_determinant(rotation) > 0.0)
    {
      rotations.push_back(ToFixedMatrix<VDimension>(rotation));
    }
  }
  return rotations;
}

template <unsigned int VDimension>
bool
HasExtent(const Matrix<double, VDimension, VDimension> & covariance)
{
  constexpr double                        smallest = 0.5;
  const vnl_symmetric_eigensystem<double> eigen(ToDenseMatrix<VDimension>(covariance));
  return eigen.get_eigenvalue(0) >= smallest; // in ascending order
}

} // namespace Sinkhorn
} // namespace itk

#endif
