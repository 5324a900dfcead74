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
// The kernel distance of two measures on a grid against sums over all pairs of nodes.
#include "itkImage.h"
#include "itkMultiThreaderBase.h"
#include "itkObjectFactoryBase.h"
#include "itkSinkhornKernelDistance.h"
#include "itkSinkhornTestUtilities.h"
#include "itkVersion.h"
#include "itkVnlHalfHermitianToRealInverseFFTImageFilter.h"
#include "itkVnlRealToHalfHermitianForwardFFTImageFilter.h"

#include <gtest/gtest.h>

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Testing;

namespace
{

struct Grid
{
  std::vector<itk::SizeValueType> size;
  std::vector<double>             spacing;
};

const Grid Flat{ { 13, 9 }, { 0.7, 1.9 } };
const Grid Deep{ { 6, 5, 7 }, { 1.3, 0.6, 2.2 } };
const Grid Line{ { 1, 12 }, { 3.0, 0.5 } };

template <typename TReal>
std::vector<TReal>
MakeMasses(const Grid & grid, unsigned int seed, bool equalTotal = true)
{
  std::mt19937                           generator(seed);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  itk::SizeValueType                     nodes = 1;
  for (const auto n : grid.size)
  {
    nodes *= n;
  }
  std::vector<double> masses(nodes);
  double              total = 0.0;
  for (auto & mass : masses)
  {
    mass = std::max(0.0, uniform(generator) - 0.3);
    total += mass;
  }
  std::vector<TReal> result(nodes);
  for (size_t i = 0; i < nodes; ++i)
  {
    result[i] = static_cast<TReal>(equalTotal ? masses[i] / total : masses[i]);
  }
  return result;
}

/** k ⋆ (α − β), by its definition. */
template <typename TReal>
std::vector<double>
ConvolveDensely(const Grid &               grid,
                const std::vector<TReal> & alpha,
                const std::vector<TReal> & beta,
                DistanceKernel             kernel,
                double                     blur)
{
  const auto          points = MakeGridPoints(grid.size, grid.spacing);
  const auto          dimension = grid.size.size();
  std::vector<double> result(alpha.size(), 0.0);
  for (size_t x = 0; x < alpha.size(); ++x)
  {
    for (size_t y = 0; y < alpha.size(); ++y)
    {
      double squared = 0.0;
      for (size_t d = 0; d < dimension; ++d)
      {
        squared += std::pow(points[x * dimension + d] - points[y * dimension + d], 2);
      }
      const double k =
        kernel == DistanceKernel::Gaussian ? std::exp(-0.5 * squared / (blur * blur)) : -std::sqrt(squared);
      result[x] += k * (static_cast<double>(alpha[y]) - static_cast<double>(beta[y]));
    }
  }
  return result;
}

/** Largest error of the potential and of the value, relative to the largest potential and to the value. */
template <typename TReal>
void
ExpectDenseResult(const Grid &               grid,
                  const std::vector<TReal> & alpha,
                  const std::vector<TReal> & beta,
                  DistanceKernel             kernel,
                  double                     blur,
                  double                     tolerance)
{
  KernelDistance<TReal> distance;
  EXPECT_TRUE(distance.IsEmpty());
  distance.Update(grid.size, grid.spacing, alpha, beta, kernel, blur, 2);
  const auto expected = ConvolveDensely(grid, alpha, beta, kernel, blur);
  double     value = 0.0;
  double     error = 0.0;
  double     largest = 0.0;
  ASSERT_EQ(distance.GetPotential().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
  {
    value += expected[i] * (static_cast<double>(alpha[i]) - static_cast<double>(beta[i]));
    error = std::max(error, std::abs(expected[i] - static_cast<double>(distance.GetPotential()[i])));
    largest = std::max(largest, std::abs(expected[i]));
  }
  EXPECT_GT(value, 0.0);
  EXPECT_LE(error, tolerance * largest) << kernel << ", blur " << blur << ", " << grid.size.size() << "-D";
  EXPECT_NEAR(distance.GetValue(), value, tolerance * value) << kernel << ", blur " << blur;
}

template <typename TReal>
void
ExpectDenseResults(double tolerance)
{
  for (const auto & grid : { Flat, Deep, Line })
  {
    const auto alpha = MakeMasses<TReal>(grid, 1);
    const auto beta = MakeMasses<TReal>(grid, 2);
    for (const double blur : { 0.4, 2.0, 20.0 })
    {
      ExpectDenseResult<TReal>(grid, alpha, beta, DistanceKernel::Gaussian, blur, tolerance);
      ExpectDenseResult<TReal>(
        grid, alpha, MakeMasses<TReal>(grid, 3, false), DistanceKernel::Gaussian, blur, tolerance);
    }
    ExpectDenseResult<TReal>(grid, alpha, beta, DistanceKernel::Energy, 0.0, tolerance);
  }
}

/** Makes ITK hand out VNL's transforms wherever it would choose FFTW's. */
class VnlFactory : public itk::ObjectFactoryBase
{
public:
  using Self = VnlFactory;
  using Pointer = itk::SmartPointer<Self>;
  itkFactorylessNewMacro(Self);

  const char *
  GetITKSourceVersion() const override
  {
    return ITK_SOURCE_VERSION;
  }
  const char *
  GetDescription() const override
  {
    return "VNL's FFTs";
  }

protected:
  VnlFactory()
  {
    this->Override<float, 2>();
    this->Override<float, 3>();
    this->Override<double, 2>();
    this->Override<double, 3>();
  }

private:
  template <typename TReal, unsigned int VDimension>
  void
  Override()
  {
    using RealType = itk::Image<TReal, VDimension>;
    using ComplexType = itk::Image<std::complex<TReal>, VDimension>;
    this->Override<itk::RealToHalfHermitianForwardFFTImageFilter<RealType>,
                   itk::VnlRealToHalfHermitianForwardFFTImageFilter<RealType>>();
    this->Override<itk::HalfHermitianToRealInverseFFTImageFilter<ComplexType>,
                   itk::VnlHalfHermitianToRealInverseFFTImageFilter<ComplexType>>();
  }

  template <typename TFilter, typename TVnlFilter>
  void
  Override()
  {
    this->RegisterOverride(
      typeid(TFilter).name(), typeid(TVnlFilter).name(), "", true, itk::CreateObjectFunction<TVnlFilter>::New());
  }
};

} // namespace

TEST(SinkhornKernelDistance, EqualsTheSumOverAllPairs)
{
  ExpectDenseResults<double>(1e-12);
  ExpectDenseResults<float>(1e-5);
}

TEST(SinkhornKernelDistance, EqualsTheSumOverAllPairsWithVnl)
{
  const auto factory = VnlFactory::New();
  itk::ObjectFactoryBase::RegisterFactory(factory, itk::ObjectFactoryBase::InsertionPositionEnum::INSERT_AT_FRONT);
  ExpectDenseResults<double>(1e-12);
  ExpectDenseResults<float>(1e-5);
  itk::ObjectFactoryBase::UnRegisterFactory(factory);
}

TEST(SinkhornKernelDistance, ShortGaussianOnALongGrid)
{
  // the padding is shorter than the grid: what is left of the kernel beyond must not matter
  const Grid grid{ { 70, 4 }, { 0.5, 0.5 } };
  ExpectDenseResult<double>(
    grid, MakeMasses<double>(grid, 4), MakeMasses<double>(grid, 5), DistanceKernel::Gaussian, 0.9, 1e-12);
  ExpectDenseResult<float>(
    grid, MakeMasses<float>(grid, 4), MakeMasses<float>(grid, 5), DistanceKernel::Gaussian, 0.9, 1e-5);
}

TEST(SinkhornKernelDistance, RemembersKernelAndResult)
{
  const auto             alpha = MakeMasses<double>(Flat, 1);
  const auto             beta = MakeMasses<double>(Flat, 2);
  const auto             gamma = MakeMasses<double>(Flat, 3);
  constexpr auto         kernel = DistanceKernel::Energy;
  KernelDistance<double> distance;
  const std::function<double(KernelDistance<double> &, const std::vector<double> &, const std::vector<double> &)>
    compare = [&](KernelDistance<double> & d, const std::vector<double> & a, const std::vector<double> & b) {
      d.Update(Flat.size, Flat.spacing, a, b, kernel, 0.0, 1);
      return d.GetValue();
    };
  const double value = compare(distance, alpha, beta);
  const auto   potential = distance.GetPotential();
  EXPECT_EQ(compare(distance, alpha, beta), value);
  EXPECT_EQ(compare(distance, beta, alpha), value);
  EXPECT_EQ(distance.GetNumberOfConvolutions(), 1u);
  EXPECT_EQ(distance.GetMasses(Side::Alpha), beta);
  for (size_t i = 0; i < potential.size(); ++i)
  {
    ASSERT_EQ(distance.GetPotential()[i], -potential[i]);
  }

  // the kernel's transform and the buffers are used again, without traces of what was in them
  KernelDistance<double> fresh;
  EXPECT_EQ(compare(distance, gamma, beta), compare(fresh, gamma, beta));
  EXPECT_EQ(distance.GetPotential(), fresh.GetPotential());
  EXPECT_EQ(compare(distance, alpha, beta), value);
  EXPECT_EQ(distance.GetPotential(), potential);
  EXPECT_EQ(distance.GetNumberOfConvolutions(), 3u);

  // another kernel, another blur, another grid
  distance.Update(Flat.size, Flat.spacing, alpha, beta, DistanceKernel::Gaussian, 1.0, 1);
  const double narrow = distance.GetValue();
  distance.Update(Flat.size, Flat.spacing, alpha, beta, DistanceKernel::Gaussian, 2.0, 1);
  EXPECT_NE(distance.GetValue(), narrow);
  distance.Update(Flat.size, { 2.0, 2.0 }, alpha, beta, DistanceKernel::Gaussian, 2.0, 1);
  fresh.Update(Flat.size, { 2.0, 2.0 }, alpha, beta, DistanceKernel::Gaussian, 2.0, 1);
  EXPECT_EQ(distance.GetValue(), fresh.GetValue());
  EXPECT_EQ(distance.GetNumberOfConvolutions(), 6u);
  distance.Clear();
  EXPECT_TRUE(distance.IsEmpty());
}

TEST(SinkhornKernelDistance, EqualMeasuresAreAtDistanceZero)
{
  const auto            alpha = MakeMasses<float>(Deep, 1);
  KernelDistance<float> distance;
  for (const auto kernel : { DistanceKernel::Gaussian, DistanceKernel::Energy })
  {
    distance.Update(Deep.size, Deep.spacing, alpha, alpha, kernel, 1.0, 1);
    EXPECT_EQ(distance.GetValue(), 0.0);
    for (const auto value : distance.GetPotential())
    {
      ASSERT_EQ(value, 0.0f);
    }
  }
}

TEST(SinkhornKernelDistance, IsBitIdenticalForAnyNumberOfThreads)
{
  const auto before = itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  for (const auto & grid : { Grid{ { 150, 201 }, { 1.0, 1.0 } }, Grid{ { 33, 40, 37 }, { 1.0, 1.5, 1.0 } } })
  {
    const auto alpha = MakeMasses<float>(grid, 1);
    const auto beta = MakeMasses<float>(grid, 2);
    for (const auto kernel : { DistanceKernel::Gaussian, DistanceKernel::Energy })
    {
      double             value = 0.0;
      std::vector<float> potential;
      for (itk::ThreadIdType threads = 1; threads <= 4; ++threads)
      {
        // FFTW's filters look at the global number
        itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(threads);
        KernelDistance<float> distance;
        distance.Update(grid.size, grid.spacing, alpha, beta, kernel, 4.0, threads);
        if (threads == 1)
        {
          value = distance.GetValue();
          potential = distance.GetPotential();
        }
        EXPECT_EQ(distance.GetValue(), value) << threads << " threads, " << kernel;
        EXPECT_TRUE(distance.GetPotential() == potential) << threads << " threads, " << kernel;
      }
    }
  }
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(before);
}

TEST(SinkhornKernelDistance, RefusesWhatDoesNotFit)
{
  KernelDistance<double>    distance;
  const std::vector<double> six(6, 1.0);
  const auto                messageOf =
    [&](const std::vector<itk::SizeValueType> & size, const std::vector<double> & spacing, double blur) -> std::string {
    try
    {
      distance.Update(size, spacing, six, six, DistanceKernel::Gaussian, blur, 1);
    }
    catch (const itk::ExceptionObject & error)
    {
      return error.GetDescription();
    }
    return "";
  };
  EXPECT_EQ(messageOf({ 2, 3 }, { 1.0, 1.0 }, 1.0), "");
  EXPECT_NE(messageOf({ 2, 2 }, { 1.0, 1.0 }, 1.0).find("6 masses"), std::string::npos);
  EXPECT_NE(messageOf({ 2, 3 }, { 1.0 }, 1.0).find("1 spacings"), std::string::npos);
  EXPECT_NE(messageOf({ 2, 3 }, { 1.0, -1.0 }, 1.0).find("spacing"), std::string::npos);
  EXPECT_NE(messageOf({ 2, 3 }, { 1.0, 1.0 }, 0.0).find("blur"), std::string::npos);
  EXPECT_NE(messageOf({ 6 }, { 1.0 }, 1.0).find("not for 1"), std::string::npos);
  EXPECT_NE(messageOf({ 1, 2, 3, 1 }, { 1.0, 1.0, 1.0, 1.0 }, 1.0).find("not for 4"), std::string::npos);
}
