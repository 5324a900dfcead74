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
#include "itkSinkhornRegistrationReport.h"

#include "itkSinkhornPointRegistrationEngine.h"
#include "itkSinkhornRegistrationPlan.h"

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{
namespace
{

/** JSON has no infinities and no NaN: null says that there is no such number. */
std::string
Number(double value)
{
  if (!std::isfinite(value))
  {
    return "null";
  }
  std::ostringstream text;
  text.precision(std::numeric_limits<double>::max_digits10);
  text << value;
  return text.str();
}

std::string
Truth(bool value)
{
  return value ? "true" : "false";
}

/** None of the texts of a report holds a character that JSON would have to escape but the quotation mark. */
std::string
Quote(const std::string & text)
{
  std::string quoted = "\"";
  for (const char c : text)
  {
    quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return quoted + "\"";
}

std::string
List(std::size_t count, const std::function<std::string(std::size_t)> & item)
{
  std::string list = "[";
  for (std::size_t i = 0; i < count; ++i)
  {
    list += (i > 0 ? ", " : "") + item(i);
  }
  return list + "]";
}

/** The members of a JSON object, in the order in which they are put. */
class Members
{
public:
  void
  Put(const char * key, const std::string & value)
  {
    m_Text += (m_Text.empty() ? "" : ",\n ") + Quote(key) + ": " + value;
  }
  std::string
  Close() const
  {
    return "{" + m_Text + "}";
  }

private:
  std::string m_Text;
};

std::string
DescribeStage(const Stage & stage, const StageReport & facts)
{
  return "{\"transform\": " + Quote(ToString(stage.Transform)) + ", \"metric\": " + Quote(ToString(stage.Metric)) +
         ", \"mass_model\": " + (ComparesMass(stage) ? Quote(ToString(ChooseMassModel(stage))) : "null") +
         ", \"reach\": " + (stage.Metric == MetricKind::Sinkhorn ? Number(stage.Reach) : "null") +
         ", \"standardize\": " + Number(stage.Standardize) +
         ", \"levels\": " + std::to_string(stage.Iterations.size()) +
         ", \"value_before\": " + Number(facts.ValueBefore) + ", \"value_after\": " + Number(facts.ValueAfter) +
         ", \"kept\": " + Truth(facts.Kept) + "}";
}

std::string
DescribeLevel(const LevelReport & level)
{
  return "{\"iterations\": " + std::to_string(level.Iterations) + ", \"value\": " + Number(level.Value) +
         ", \"converged\": " + Truth(level.Converged) + "}";
}

} // namespace

std::string
ToJson(const Plan & plan, const RegistrationReport & report)
{
  const Stage & main = plan.Main;
  unsigned int  iterations = 0;
  for (const LevelReport & level : report.Levels)
  {
    iterations += level.Iterations;
  }
  Members    json;
  const auto put = [&json](const char * key, const std::string & value) { json.Put(key, value); };
  put("metric", Quote(ToString(main.Metric)));
  put("transform", Quote(ToString(main.Transform)));
  put("value_before", Number(report.ValueBefore));
  put("value_after", Number(report.ValueAfter));
  put("iterations", std::to_string(iterations));
  put("converged", Truth(report.Converged));
  put("kept", Quote(report.Kept));
  put("similarity_before", Number(report.SimilarityBefore));
  put("similarity_after", Number(report.SimilarityAfter));
  put("marginal_error", report.HasMarginalError ? Number(report.MarginalError) : "null");
  put("min_jacobian", Number(report.Folds.MinimumJacobian));
  put("folded_fraction", Number(report.Folds.Fraction));
  put("min_jacobian_central", Number(report.Folds.MinimumJacobianCentral));
  put("non_diffeomorphic_volume", Number(report.Folds.NonDiffeomorphicVolume));
  put("levels", List(report.Levels.size(), [&](std::size_t i) { return DescribeLevel(report.Levels[i]); }));
  put("initialize", Quote(ToString(plan.Centers ? InitialKind::Centers : plan.Initial)));
  put("stages", List(plan.Stages.size(), [&](std::size_t i) {
        return DescribeStage(plan.Stages[i], i < report.Stages.size() ? report.Stages[i] : StageReport());
      }));
  const auto listLabels = [](const std::vector<std::uint32_t> & labels) {
    return List(labels.size(), [&](std::size_t i) { return std::to_string(labels[i]); });
  };
  put("features", Quote(DescribeFeatures(plan)));
  put("labels", listLabels(plan.Labels.Common));
  put("labels_fixed_only", listLabels(plan.Labels.FixedOnly));
  put("labels_moving_only", listLabels(plan.Labels.MovingOnly));
  put("labels_linked",
      List(plan.Labels.Linked.size(), [&](std::size_t i) { return listLabels(plan.Labels.Linked[i]); }));
  put("density", Quote(plan.Mass.ToString()));
  put("density_fixed", Quote(plan.FixedMass.ToString()));
  put("density_moving", Quote(plan.MovingMass.ToString()));
  put("unmatched_fixed", Number(report.UnmatchedFixed));
  put("unmatched_moving", Number(report.UnmatchedMoving));
  put("blur", report.HasMarginalError ? Number(report.Blur) : "null");
  put("reach", Number(main.Reach));
  put("learning_rate", Number(ChooseLearningRate(main)));
  return json.Close();
}

std::string
ToJson(const PointRegistrationPlan &   plan,
       const PointRegistrationReport & report,
       unsigned int                    dimension,
       const Folding &                 folds)
{
  Members json;
  json.Put("metric", Quote(ToString(MetricKind::Sinkhorn)));
  json.Put("transform", Quote(plan.Deform ? "displacement" : ToString(plan.Initialize)));
  json.Put("initialize", Quote(report.Initialize));
  json.Put("dimension", std::to_string(dimension));
  json.Put("particle_distance_before", Number(report.DistanceBefore));
  json.Put("particle_distance_after", Number(report.DistanceAfter));
  json.Put("divergence_before", Number(report.DivergenceBefore));
  json.Put("divergence_after", Number(report.DivergenceAfter));
  json.Put("blur", Number(report.Blur));
  json.Put("reach", Number(report.Reach));
  json.Put("iterations", std::to_string(report.Iterations));
  json.Put("converged", Truth(report.Converged));
  json.Put("marginal_error", Number(report.MarginalError));
  json.Put("kept", Quote(report.Kept));
  json.Put("moved_nothing", Truth(report.MovedNothing));
  json.Put("min_jacobian", Number(folds.MinimumJacobian));
  json.Put("folded_fraction", Number(folds.Fraction));
  json.Put("fixed_particles", std::to_string(report.NumberOfFixedParticles));
  json.Put("moving_particles", std::to_string(report.NumberOfMovingParticles));
  json.Put("fixed_dropped_cells", std::to_string(report.NumberOfDroppedFixedCells));
  json.Put("moving_dropped_cells", std::to_string(report.NumberOfDroppedMovingCells));
  return json.Close();
}

} // namespace SinkhornRegistration
} // namespace itk
