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
#include "itkSinkhornTestUtilities.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>

namespace
{

using namespace itk::Sinkhorn;
using Json = nlohmann::json;

/** A problem solved to marginal errors below 5e-14 by independent dense code. */
struct GoldenCase
{
  explicit GoldenCase(const std::string & name)
  {
    std::string folder = SINKHORN_GOLDEN_DIR;
    if (!std::ifstream(folder + "/" + name + ".json"))
    {
      // Cases made from real pictures are not part of the repository.
      const char * data = std::getenv("SINKHORN_TEST_DATA");
      folder = data ? std::string(data) + "/../golden" : std::string();
    }
    std::ifstream file(folder + "/" + name + ".json");
    Available = static_cast<bool>(file);
    if (!Available)
    {
      return;
    }
    const Json json = Json::parse(file);
    const auto shape = json["shape"].get<std::vector<itk::SizeValueType>>();
    Spacing = json["spacing"].get<std::vector<double>>();
    Size.assign(shape.rbegin(), shape.rend());
    std::reverse(Spacing.begin(), Spacing.end());
    Half = json["half"];
    Parameters.Blur = json["sigma"].get<double>();
    Parameters.Reach = json["rho_half"].is_null() ? 0.0 : std::sqrt(json["rho_half"].get<double>());
    const auto read = [&](const char * suffix) { return Testing::ReadNpy(folder + "/" + name + suffix + ".npy"); };
    A = read("_a");
    B = read("_b");
    F = read("_f");
    G = read("_g");
    FAlphaAlpha = read("_faa");
    GBetaBeta = read("_gbb");
  }

  bool                            Available{ false };
  std::vector<itk::SizeValueType> Size;
  std::vector<double>             Spacing;
  Json                            Half;
  SolverParameters                Parameters;
  std::vector<double>             A, B, F, G, FAlphaAlpha, GBetaBeta;
};

/** Mean |p − q| under the weights, after removing the mean difference if the problem leaves it free. The stopping rule
 * bounds errors in this norm. */
template <typename TReal>
double
PotentialDifference(const std::vector<TReal> &  potential,
                    const std::vector<double> & golden,
                    const std::vector<double> & weights,
                    bool                        freeConstant)
{
  double shift = 0.0;
  double mass = 0.0;
  for (size_t i = 0; i < golden.size(); ++i)
  {
    shift += freeConstant && weights[i] > 0.0 ? weights[i] * (potential[i] - golden[i]) : 0.0;
    mass += weights[i];
  }
  double difference = 0.0;
  for (size_t i = 0; i < golden.size(); ++i)
  {
    // The reference leaves potentials of empty points undefined.
    difference += weights[i] > 0.0 ? weights[i] * std::abs(potential[i] - golden[i] - shift / mass) : 0.0;
  }
  return difference / mass;
}

class SinkhornGolden : public ::testing::TestWithParam<const char *>
{};

template <typename TReal>
void
CheckGoldenCase(const std::string & name, double tolerance, double bound)
{
  GoldenCase golden(name);
  if (!golden.Available)
  {
    GTEST_SKIP() << "SINKHORN_TEST_DATA is not set: " << name
                 << " is made from a picture that is not in the repository";
  }
  golden.Parameters.Tolerance = tolerance;
  golden.Parameters.MaximumNumberOfIterations = 5000;
  const auto        logA = Testing::ToLog<TReal>(golden.A);
  const auto        logB = Testing::ToLog<TReal>(golden.B);
  const auto        op = std::make_shared<GridSoftminOperator<TReal>>(golden.Size, golden.Spacing);
  Potentials<TReal> potentials;
  const auto        report = Solver<TReal>::Solve(op, logA, logB, golden.Parameters, potentials);
  EXPECT_TRUE(report.Converged) << report.Describe(golden.Parameters);

  const auto   values = ComputeTransportValues(logA, logB, golden.Parameters, potentials);
  const double transport = golden.Half["OT_eps"];
  const double divergence = golden.Half["S_eps"];
  EXPECT_NEAR(values.Transport, transport, bound * std::abs(transport)) << report.Describe(golden.Parameters);
  EXPECT_NEAR(values.Divergence, divergence, bound * std::abs(transport));

  const double epsilon = golden.Parameters.Blur * golden.Parameters.Blur;
  const bool   balanced = golden.Parameters.Reach == 0.0;
  double       scale = epsilon;
  for (size_t i = 0; i < golden.A.size(); ++i)
  {
    scale = golden.A[i] > 0.0 ? std::max(scale, std::abs(golden.F[i])) : scale;
  }
  EXPECT_LE(PotentialDifference(potentials.F, golden.F, golden.A, balanced), bound * scale);
  EXPECT_LE(PotentialDifference(potentials.G, golden.G, golden.B, balanced), bound * scale);
  EXPECT_LE(PotentialDifference(potentials.FAlphaAlpha, golden.FAlphaAlpha, golden.A, false), bound * scale);
  EXPECT_LE(PotentialDifference(potentials.GBetaBeta, golden.GBetaBeta, golden.B, false), bound * scale);

  if (balanced)
  {
    // The paper's fidelity in its own units (cost |x−y|², twice ours) is its primal objective 2 (⟨P,C⟩ − ε H(P)),
    // H = −Σ P (log P − 1), up to the constant 2 ε_paper m that the two halves ½ stand for.
    const double primal = 2.0 * golden.Half["paper_entropy_form_<P,C>-eps*H"].get<double>();
    const double expected = primal + 4.0 * epsilon * values.MassAlpha;
    EXPECT_NEAR(ComputePaperFidelity(logA, logB, golden.Parameters, potentials),
                expected,
                bound * (std::abs(expected) + std::abs(transport)));
  }
}

TEST_P(SinkhornGolden, Double)
{
  CheckGoldenCase<double>(GetParam(), 1e-10, 1e-8);
}

TEST_P(SinkhornGolden, Float)
{
  // Single precision rounds potentials of 2·10³ ε to 10⁻⁴ ε, and the marginals with them.
  CheckGoldenCase<float>(GetParam(), 1e-4, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Cases,
                         SinkhornGolden,
                         ::testing::Values("aniso_2d_20x32",
                                           "aniso_3d_8x10x12",
                                           "blobs_2d_16_sig1_16",
                                           "blobs_2d_16_sig1_32",
                                           "blobs_2d_32_sig1_16",
                                           "blobs_2d_32_sig1_32",
                                           "blobs_2d_32_sig1_64",
                                           "blobs_3d_12_sig1_12",
                                           "blobs_3d_8_sig1_8",
                                           "unbal_2d_24_rho0.05",
                                           "unbal_2d_24_rho0.5",
                                           "crescent_2d_32_sig1_32",
                                           "crescent_2d_32_sig1_64",
                                           "knee_2d_64_sig1_64",
                                           "knee_3d_16_sig1_16",
                                           "knee_3d_16_sig1_32",
                                           "photo_2d_24_sig1_24",
                                           "unbal_crescent_32_rho0.02"),
                         [](const ::testing::TestParamInfo<const char *> & info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

} // namespace
