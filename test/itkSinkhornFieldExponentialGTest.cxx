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

#include "itkSinkhornFieldExponential.h"

#include "itkDisplacementFieldJacobianCalculator.h"

#include <gtest/gtest.h>

#include <cmath>

namespace
{

template <unsigned int D>
using Field = itk::Sinkhorn::DisplacementField<D>;

/** A grid around the origin from -half to half along each axis, mm. */
template <unsigned int D>
typename Field<D>::Pointer
MakeGrid(double half, double spacing)
{
  const auto                   grid = Field<D>::New();
  typename Field<D>::SizeType  size;
  typename Field<D>::PointType origin;
  size.Fill(static_cast<itk::SizeValueType>(std::lround(2.0 * half / spacing)) + 1);
  origin.Fill(-half);
  grid->SetRegions(size);
  grid->SetOrigin(origin);
  typename Field<D>::SpacingType spacings;
  spacings.Fill(spacing);
  grid->SetSpacing(spacings);
  return grid;
}

/** v(x) = -rate · x · exp(-|x|² / 200): a sink at the origin. */
template <unsigned int D>
itk::Vector<double, D>
Sink(const itk::Point<double, D> & x, double rate)
{
  const auto way = x.GetVectorFromOrigin();
  return way * (-rate * std::exp(-way.GetSquaredNorm() / 200.0));
}

/** Classical Runge-Kutta in 400 steps. */
template <unsigned int D>
itk::Point<double, D>
FollowSink(itk::Point<double, D> x, double rate)
{
  constexpr int steps = 400;
  for (int k = 0; k < steps; ++k)
  {
    constexpr double h = 1.0 / steps;
    const auto       a = Sink(x, rate);
    const auto       b = Sink(x + a * (0.5 * h), rate);
    const auto       c = Sink(x + b * (0.5 * h), rate);
    const auto       d = Sink(x + c * h, rate);
    x += (a + b * 2.0 + c * 2.0 + d) * (h / 6.0);
  }
  return x;
}

/** \param parts into which the time is cut: a power of 2. \param tolerance of interpolations, mm. */
template <unsigned int D>
void
ExpectFlowOfSink(double rate, int parts, double spacing, double tolerance)
{
  const auto grid = MakeGrid<D>(40.0, spacing);
  const auto velocity =
    itk::Sinkhorn::MakeField<Field<D>>(*grid, [rate](const itk::Point<double, D> & x) { return Sink<D>(x, rate); });
  const auto flow = itk::Sinkhorn::ExponentiateField<Field<D>>(velocity);

  const auto calculator = itk::DisplacementFieldJacobianCalculator<Field<D>>::New();
  calculator->SetDisplacementField(flow);
  calculator->Compute();
  EXPECT_GT(calculator->GetMinimum(), 0.0);

  const itk::Sinkhorn::DisplacementSampler<Field<D>> way(flow);
  for (const double along : { -21.0, -9.0, -2.0, 0.0, 1.0, 5.0, 14.0 })
  {
    itk::Point<double, D> x;
    x.Fill(along);
    x[0] = 3.0;
    const auto            moved = x + way(x);
    itk::Point<double, D> stepped = x;
    for (int k = 0; k < parts; ++k)
    {
      stepped += Sink<D>(stepped, rate) / parts;
    }
    EXPECT_LT(moved.EuclideanDistanceTo(stepped), tolerance) << x;
    // A step of first order whose derivative is at most 0.3 is wrong by at most half of that, as a part of it.
    const auto exact = FollowSink<D>(x, rate);
    EXPECT_LT(moved.EuclideanDistanceTo(exact), 0.15 * exact.EuclideanDistanceTo(x) + tolerance) << x;
  }
}

} // namespace

// Added to the places as it is, each of these velocities but the first would turn the origin inside out.
TEST(SinkhornFieldExponential, FlowOfSinkInThePlane)
{
  ExpectFlowOfSink<2>(0.2, 1, 0.5, 0.01);
  ExpectFlowOfSink<2>(1.5, 8, 0.5, 0.01);
  ExpectFlowOfSink<2>(3.0, 16, 0.5, 0.02);
}

TEST(SinkhornFieldExponential, FlowOfSinkInSpace)
{
  ExpectFlowOfSink<3>(2.0, 8, 1.0, 0.05);
}

TEST(SinkhornFieldExponential, FlatVelocityIsAShift)
{
  // Where it is not steep, the way is the velocity itself, bit for bit.
  const auto grid = MakeGrid<2>(10.0, 1.0);
  const auto velocity = itk::Sinkhorn::MakeField<Field<2>>(*grid, [](const itk::Point<double, 2> & x) {
    itk::Vector<double, 2> way;
    way[0] = 0.25 * x[1];
    way[1] = -0.125 * x[0];
    return way;
  });
  const auto flow = itk::Sinkhorn::ExponentiateField<Field<2>>(velocity);
  ASSERT_NE(flow, velocity);
  for (itk::SizeValueType k = 0; k < flow->GetBufferedRegion().GetNumberOfPixels(); ++k)
  {
    EXPECT_EQ(flow->GetBufferPointer()[k], velocity->GetBufferPointer()[k]);
  }
}
