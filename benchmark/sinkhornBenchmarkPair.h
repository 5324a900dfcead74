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
#ifndef sinkhornBenchmarkPair_h
#define sinkhornBenchmarkPair_h

#include <string>
#include <vector>

/** Two densities of mass 1 on a cube of N voxels per axis and unit spacing, as logarithmic weights. */
struct BenchmarkPair
{
  std::string        Name;
  std::vector<float> LogAlpha;
  std::vector<float> LogBeta;
};

/** Reads two 3-D images and stretches each, linearly interpolated, to size³ voxels. Intensities are mass; label maps
 * count any label as 1 if \a binary. */
BenchmarkPair
ReadBenchmarkPair(const std::string & alpha, const std::string & beta, unsigned int size, bool binary);

/** Three Gaussian bumps each over a faint background. */
BenchmarkPair
MakeBenchmarkPair(unsigned int size);

/** The pair with the images moved by half a voxel, α up and β down the first axis, linearly interpolated. */
BenchmarkPair
MoveByHalfAVoxel(const BenchmarkPair & pair, unsigned int size);

/** The pairs that the benchmarks use: hippocampi (dense MR images) and knee cartilages (sparse labels) from the folder
 * in the environment variable SINKHORN_TEST_DATA if that is set, and the synthetic one. */
std::vector<BenchmarkPair>
GetBenchmarkPairs(unsigned int size);

#endif
