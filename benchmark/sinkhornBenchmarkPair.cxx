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
#include "sinkhornBenchmarkPair.h"

#include "itkImage.h"
#include "itkImageFileReader.h"
#include "itkResampleImageFilter.h"

#include <cmath>
#include <cstdlib>
#include <limits>

namespace
{

using ImageType = itk::Image<float, 3>;

std::vector<float>
ToLogWeights(const std::vector<double> & weights)
{
  double mass = 0.0;
  for (const double w : weights)
  {
    mass += w;
  }
  std::vector<float> logWeights;
  logWeights.reserve(weights.size());
  for (const double w : weights)
  {
    logWeights.push_back(w > 0.0 ? static_cast<float>(std::log(w / mass)) : -std::numeric_limits<float>::infinity());
  }
  return logWeights;
}

std::vector<float>
ReadLogWeights(const std::string & path, unsigned int size, bool binary)
{
  const auto reader = itk::ImageFileReader<ImageType>::New();
  reader->SetFileName(path);
  reader->Update();
  const auto image = reader->GetOutput();
  if (binary)
  {
    for (auto * p = image->GetBufferPointer(); p != image->GetBufferPointer() + image->GetPixelContainer()->Size(); ++p)
    {
      *p = *p > 0.5f ? 1.0f : 0.0f;
    }
  }
  // Voxel centres of the cube span those of the image.
  auto spacing = image->GetSpacing();
  for (unsigned int d = 0; d < 3; ++d)
  {
    spacing[d] *= static_cast<double>(image->GetBufferedRegion().GetSize(d) - 1) / (size - 1);
  }
  ImageType::SizeType cube;
  cube.Fill(size);
  const auto resampler = itk::ResampleImageFilter<ImageType, ImageType>::New();
  resampler->SetInput(image);
  resampler->SetSize(cube);
  resampler->SetOutputSpacing(spacing);
  resampler->SetOutputOrigin(image->GetOrigin());
  resampler->SetOutputDirection(image->GetDirection());
  resampler->Update();
  const float *       buffer = resampler->GetOutput()->GetBufferPointer();
  std::vector<double> weights(buffer, buffer + resampler->GetOutput()->GetPixelContainer()->Size());
  for (double & w : weights)
  {
    w = std::max(w, 0.0);
  }
  return ToLogWeights(weights);
}

/** Scales the weights to a mass of 1. */
void
Normalize(std::vector<float> & logWeights)
{
  double mass = 0.0;
  for (const float w : logWeights)
  {
    mass += std::exp(static_cast<double>(w));
  }
  const auto logMass = static_cast<float>(std::log(mass));
  for (float & w : logWeights)
  {
    w -= logMass;
  }
}

} // namespace

BenchmarkPair
MoveByHalfAVoxel(const BenchmarkPair & pair, unsigned int size)
{
  BenchmarkPair moved = pair;
  const auto    mean = [](const std::vector<float> & logWeights, size_t voxel, size_t neighbour) {
    return std::log(0.5f * (std::exp(logWeights[voxel]) + std::exp(logWeights[neighbour])));
  };
  for (size_t voxel = 0; voxel < pair.LogAlpha.size(); ++voxel)
  {
    const bool first = voxel % size == 0;
    const bool last = voxel % size == size - 1;
    moved.LogAlpha[voxel] = mean(pair.LogAlpha, voxel, first ? voxel : voxel - 1);
    moved.LogBeta[voxel] = mean(pair.LogBeta, voxel, last ? voxel : voxel + 1);
  }
  // Mass at the faces of the grid has changed.
  Normalize(moved.LogAlpha);
  Normalize(moved.LogBeta);
  return moved;
}

BenchmarkPair
ReadBenchmarkPair(const std::string & alpha, const std::string & beta, unsigned int size, bool binary)
{
  BenchmarkPair pair;
  pair.LogAlpha = ReadLogWeights(alpha, size, binary);
  pair.LogBeta = ReadLogWeights(beta, size, binary);
  return pair;
}

BenchmarkPair
MakeBenchmarkPair(unsigned int size)
{
  struct Bump
  {
    double X, Y, Z, Width, Height;
  };
  const std::vector<std::vector<Bump>> bumps = {
    { { 0.25, 0.25, 0.4, 0.05, 1.0 }, { 0.7, 0.3, 0.5, 0.08, 0.7 }, { 0.5, 0.8, 0.6, 0.06, 1.0 } },
    { { 0.3, 0.7, 0.5, 0.06, 1.0 }, { 0.8, 0.8, 0.4, 0.05, 1.0 }, { 0.6, 0.2, 0.6, 0.08, 0.5 } }
  };
  const auto density = [size](const std::vector<Bump> & shapes) {
    std::vector<double> weights;
    for (unsigned int z = 0; z < size; ++z)
    {
      for (unsigned int y = 0; y < size; ++y)
      {
        for (unsigned int x = 0; x < size; ++x)
        {
          double value = 1e-3;
          for (const Bump & b : shapes)
          {
            const double dx = (x + 0.5) / size - b.X;
            const double dy = (y + 0.5) / size - b.Y;
            const double dz = (z + 0.5) / size - b.Z;
            value += b.Height * std::exp(-(dx * dx + dy * dy + dz * dz) / (2.0 * b.Width * b.Width));
          }
          weights.push_back(value);
        }
      }
    }
    return ToLogWeights(weights);
  };
  BenchmarkPair pair;
  pair.Name = "bumps";
  pair.LogAlpha = density(bumps[0]);
  pair.LogBeta = density(bumps[1]);
  return pair;
}

std::vector<BenchmarkPair>
GetBenchmarkPairs(unsigned int size)
{
  std::vector<BenchmarkPair> pairs{ MakeBenchmarkPair(size) };
  if (const char * data = std::getenv("SINKHORN_TEST_DATA"))
  {
    const std::string folder = data;
    pairs.push_back(ReadBenchmarkPair(folder + "/msd_hippocampus/images/hippocampus_004.nii.gz",
                                      folder + "/msd_hippocampus/images/hippocampus_006.nii.gz",
                                      size,
                                      false));
    pairs.back().Name = "hippocampus";
    pairs.push_back(ReadBenchmarkPair(
      folder + "/geomloss_densities/OAI_a.nii.gz", folder + "/geomloss_densities/OAI_b.nii.gz", size, true));
    pairs.back().Name = "knee";
  }
  return pairs;
}
