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
// Bins of intensity in the kernel distance: against the sum over all pairs, differences, and what they decide.
#include "itkKernelDistanceImageToImageMetricv4.h"
#include "itkSinkhornMetricTestUtilities.h"
#include "itkSinkhornTransportTestUtilities.h"

#include "itkAffineTransform.h"
#include "itkTranslationTransform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace itk::Sinkhorn::Test;
using itk::Sinkhorn::MassModel;

namespace
{

using ImageType = itk::Image<double, 2>;
using MetricType = itk::KernelDistanceImageToImageMetricv4<ImageType, ImageType>;

TEST(KernelDistanceFeatures, IsTheSumOverPlacesAndBins)
{
  constexpr itk::SizeValueType           nodes = 30;
  constexpr double                       blur = 1.7;
  const std::vector<double>              similarities{ 1.0, 0.6, 0.1, 0.6, 1.0, 0.5, 0.1, 0.5, 1.0 };
  std::mt19937                           random(5);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  std::vector<double>                    alpha(3 * nodes);
  std::vector<double>                    beta(3 * nodes);
  for (itk::SizeValueType i = 0; i < alpha.size(); ++i)
  {
    alpha[i] = uniform(random);
    beta[i] = uniform(random);
  }
  double     expected = 0.0;
  const auto kernel = [&](itk::SizeValueType i, itk::SizeValueType j) {
    const double x = static_cast<double>(i % nodes % 6) - static_cast<double>(j % nodes % 6);
    const double y = 1.5 * (static_cast<double>(i % nodes / 6) - static_cast<double>(j % nodes / 6));
    return similarities[i / nodes * 3 + j / nodes] * std::exp(-(x * x + y * y) / (2.0 * blur * blur));
  };
  std::vector<double> potential(alpha.size(), 0.0);
  for (itk::SizeValueType i = 0; i < alpha.size(); ++i)
  {
    for (itk::SizeValueType j = 0; j < alpha.size(); ++j)
    {
      potential[i] += kernel(i, j) * (alpha[j] - beta[j]);
    }
    expected += (alpha[i] - beta[i]) * potential[i];
  }
  itk::Sinkhorn::KernelDistance<double> distance;
  const auto                            update = [&](const std::vector<double> & kappa) {
    distance.Update({ 6, 5 }, { 1.0, 1.5 }, alpha, beta, itk::Sinkhorn::DistanceKernel::Gaussian, blur, 0, kappa);
  };
  update(similarities);
  EXPECT_NEAR(distance.GetValue(), expected, 1e-10 * expected);
  for (itk::SizeValueType i = 0; i < alpha.size(); ++i)
  {
    EXPECT_NEAR(distance.GetPotential()[i], potential[i], 1e-9);
  }
  EXPECT_EQ(distance.GetNumberOfConvolutions(), 3u);
  update(similarities);
  EXPECT_EQ(distance.GetNumberOfConvolutions(), 3u);
  EXPECT_THROW(update({ 1.0, 0.5, 0.5 }), itk::ExceptionObject);
}

MetricType::Pointer
MakeMetric(const ImageType * fixed, const ImageType * moving, double blur, unsigned int bins)
{
  const auto metric = MetricType::New();
  metric->SetFixedImage(fixed);
  metric->SetMovingImage(moving);
  metric->SetVirtualDomainFromImage(fixed);
  metric->SetBlur(blur);
  metric->SetNumberOfIntensityBins(bins);
  return metric;
}

TEST(KernelDistanceFeatures, DerivativeIsTheGradient)
{
  const auto fixed = MakeBumps<ImageType>(MakeCube<2>(20), 0.0, 20);
  const auto moving = MakeBumps<ImageType>(MakeCube<2>(20), 1.2, 18.8);
  for (const MassModel model : { MassModel::Intensity, MassModel::PushForward })
  {
    const auto metric = MakeMetric(fixed, moving, 3.0, 4);
    metric->SetMassModel(model);
    const auto transform = itk::AffineTransform<double, 2>::New();
    transform->Shear(0, 1, 0.04);
    transform->Scale(0.97);
    metric->SetMovingTransform(transform);
    metric->Initialize();
    EXPECT_LT(CompareWithFiniteDifferences(*metric, std::vector<double>(6, 1e-5)), 1e-3) << model;
  }
}

/** A bright box and a dim one of the same mass, 20 mm apart, on a faint rest of neither. */
ImageType::Pointer
MakeBoxes(double bright, double dim)
{
  return itk::Sinkhorn::Testing::MakeDensity<ImageType>(
    { 80, 24 }, { 1.0, 1.0 }, [=](const ImageType::PointType & point) {
      const double y = std::abs(point[1] - 12.0);
      if (std::max(std::abs(point[0] - bright), y) < 2.5)
      {
        return 121.0 / 25.0;
      }
      return std::max(std::abs(point[0] - dim), y) < 5.5 ? 1.0 : 0.0;
    });
}

/** Two things of different brightness have changed places: by place alone they had better stay, with bins the bright
 * one goes to the bright one, though nothing is left for the dim one. */
TEST(KernelDistanceFeatures, BrightMassPrefersBrightMass)
{
  const auto valueOf = [](unsigned int bins, double shift) {
    const auto metric = MakeMetric(MakeBoxes(25.0, 45.0), MakeBoxes(45.0, 25.0), 5.0, bins);
    metric->SetIntensityWeight(50.0);
    metric->SetMassModel(MassModel::PushForward);
    const auto             transform = itk::TranslationTransform<double, 2>::New();
    itk::Vector<double, 2> way(0.0);
    way[0] = shift;
    transform->Translate(way);
    metric->SetMovingTransform(transform);
    metric->Initialize();
    return metric->GetValue();
  };
  EXPECT_LT(valueOf(0, 0.0), 0.5 * valueOf(0, 20.0));
  EXPECT_LT(valueOf(8, 20.0), 0.6 * valueOf(8, 0.0));
}

TEST(KernelDistanceFeatures, BadSettingsAreNamed)
{
  const auto image = MakeBumps<ImageType>(MakeCube<2>(20), 0.0, 20);
  const auto metric = MakeMetric(image, image, 3.0, 4);
  metric->SetKernel(itk::Sinkhorn::DistanceKernel::Energy);
  const auto initialize = [&] { metric->Initialize(); };
  EXPECT_NE(itk::Sinkhorn::Testing::GetMessage(initialize).find("NumberOfIntensityBins is 4"), std::string::npos);
  metric->SetKernel(itk::Sinkhorn::DistanceKernel::Gaussian);
  metric->SetNumberOfIntensityBins(1);
  EXPECT_NE(itk::Sinkhorn::Testing::GetMessage(initialize).find("NumberOfIntensityBins is 1"), std::string::npos);
}

} // namespace
