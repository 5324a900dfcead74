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
// Whole registrations at their defaults, with the time of their stages apart, beside ITK's diffeomorphic demons.
#include "itkDiffeomorphicDemonsRegistrationFilter.h"
#include "itkMultiResolutionPDEDeformableRegistration.h"
#include "itkSinkhornRegistrationEngine.h"
#include "itkSinkhornRegistrationListener.h"
#include "itkSinkhornRegistrationPlan.h"
#include "sinkhornBenchmarkMeter.h"

#include <algorithm>
#include <ctime>
#include <map>

namespace
{
using ImageType = itk::Image<float, 3>;

/** CPU seconds of the parts of a registration, told apart by what it says of itself. */
class StageClock : public itk::SinkhornRegistration::Listener
{
public:
  void
  Say(const std::string & text) override
  {
    this->Stop();
    const auto with = text.find(" with ");
    const auto begins = [&text](const char * start) { return text.rfind(start, 0) == 0; };
    if (begins("start from springs"))
    {
      m_Part = "start_s";
    }
    else if (begins("coarse levels of the finish"))
    {
      m_Part = "trials_s";
    }
    else if (begins("the finish begins") || begins("smoothed by a voxel"))
    {
      m_Part = "finish_s";
    }
    else if (with != std::string::npos && m_Part != "trials_s" && m_Part != "finish_s")
    {
      const std::string transform = text.substr(0, with);
      const bool        isLinear = transform == "affine" || transform == "similarity" || transform == "rigid";
      m_Part = isLinear ? "linear_s" : begins("syn with sinkhorn") ? "mass_s" : "finish_s";
    }
  }

  /** Adds the time since the last event to the part that it belongs to. */
  void
  Stop()
  {
    const std::clock_t now = std::clock();
    m_Seconds[m_Part] += static_cast<double>(now - m_Last) / CLOCKS_PER_SEC;
    m_Last = now;
  }

  const std::map<std::string, double> &
  GetSeconds() const
  {
    return m_Seconds;
  }

private:
  std::clock_t                  m_Last{ std::clock() };
  std::string                   m_Part{ "reading_s" };
  std::map<std::string, double> m_Seconds;
};

/** Default settings, as of sinkhorn-register without options. */
void
BenchmarkRegistration(benchmark::State & state, const std::string & name, unsigned int size, itk::ThreadIdType threads)
{
  const BenchmarkPair &         pair = GetPair(size, name);
  Meter                         meter(state, size, threads);
  std::map<std::string, double> seconds;
  for (auto _ : state)
  {
    namespace Registration = itk::SinkhornRegistration;
    StageClock                 clock;
    Registration::Plan         plan = Registration::MakePlan(Registration::PlanRequest());
    Registration::ImagePair<3> images;
    images.Fixed = MakeDensityImage(pair.LogAlpha, size);
    images.Moving = MakeDensityImage(pair.LogBeta, size);
    images = Registration::ChooseFeatures<3>(plan, images);
    Registration::ChooseDensities<3>(plan, images);
    Registration::AdaptRecipe<3>(plan, images);
    const auto transform = itk::CompositeTransform<double, 3>::New();
    Registration::Register<3>(plan, images, transform, clock);
    clock.Stop();
    for (const auto & part : clock.GetSeconds())
    {
      seconds[part.first] += part.second;
    }
  }
  for (const auto & part : seconds)
  {
    state.counters[part.first] = benchmark::Counter(part.second, benchmark::Counter::kAvgIterations);
  }
  meter.Report();
  state.SetLabel(pair.Name);
}

/** Three levels, 4, 2, 1; 100, 70, 50 iterations; σ 1.5 voxels. */
void
BenchmarkDemons(benchmark::State & state, const std::string & name, unsigned int size, itk::ThreadIdType threads)
{
  using FieldType = itk::Image<itk::Vector<float, 3>, 3>;
  using DemonsType = itk::DiffeomorphicDemonsRegistrationFilter<ImageType, ImageType, FieldType>;
  using MethodType = itk::MultiResolutionPDEDeformableRegistration<ImageType, ImageType, FieldType>;
  const BenchmarkPair & pair = GetPair(size, name);
  Meter                 meter(state, size, threads);
  for (auto _ : state)
  {
    const auto demons = DemonsType::New();
    demons->SmoothDisplacementFieldOn();
    demons->SetStandardDeviations(1.5);
    const auto method = MethodType::New();
    method->SetRegistrationFilter(demons);
    method->SetFixedImage(MakeDensityImage(pair.LogAlpha, size));
    method->SetMovingImage(MakeDensityImage(pair.LogBeta, size));
    method->SetNumberOfLevels(3);
    MethodType::NumberOfIterationsType iterations(3);
    iterations[0] = 100;
    iterations[1] = 70;
    iterations[2] = 50;
    method->SetNumberOfIterations(iterations);
    method->Update();
  }
  meter.Report();
  state.SetLabel(pair.Name);
}

} // namespace

void
RegisterRegistrationBenchmarks(unsigned int size, itk::ThreadIdType threads)
{
  using RunType = void (*)(benchmark::State &, const std::string &, unsigned int, itk::ThreadIdType);
  const std::pair<const char *, RunType> methods[] = { { "Sinkhorn", BenchmarkRegistration },
                                                       { "DiffeomorphicDemons", BenchmarkDemons } };
  for (const std::string name : { "hippocampus", "knee" })
  {
    for (const auto & method : methods)
    {
      const std::string full = std::string("Registration/") + method.first + "/" + SizeName(size) + "/pair:" + name +
                               "/" + ThreadsName(threads);
      benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State & s) { method.second(s, name, size, threads); })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->Iterations(1);
    }
  }
}
