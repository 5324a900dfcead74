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
#include "itkSinkhornFixedPoint.h"
#include "itkSinkhornParallel.h"

#include <algorithm>
#include <cmath>

namespace itk
{
namespace Sinkhorn
{

template <typename TReal>
FixedPoint<TReal>::FixedPoint(const LevelType &   level,
                              const Temperature & temperature,
                              const double (&mass)[2],
                              std::vector<TReal> & scratch,
                              const Offsets *      offsets)
  : m_Level(level)
  , m_Temperature(temperature)
  , m_Mass{ mass[0], mass[1] }
  , m_Scratch(scratch)
  , m_Offsets(offsets)
{}

template <typename TReal>
void
FixedPoint<TReal>::Softmin(Side to, Side from, const std::vector<TReal> & potential, std::vector<TReal> & out)
{
  out.resize(m_Level.Operator->GetNumberOfPoints(to));
  m_Level.Operator->Apply(to,
                          from,
                          std::sqrt(m_Temperature.Epsilon),
                          m_Level.LogWeights[static_cast<size_t>(from)],
                          potential.data(),
                          out.data());
  ++m_NumberOfSoftmins;
  if (m_Offsets != nullptr)
  {
    const std::vector<TReal> & offset = m_Offsets->Values[static_cast<size_t>(to)];
    ForEachChunk(out.size(), m_Level.Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
      for (SizeValueType i = begin; i < end; ++i)
      {
        out[i] += offset[i];
      }
    });
  }
}

template <typename TReal>
UpdateSums
FixedPoint<TReal>::Update(Side                       side,
                          const std::vector<TReal> & softmin,
                          std::vector<TReal> &       potential,
                          double                     relaxation,
                          TReal *                    residual) const
{
  return UpdatePotential(softmin.size(),
                         m_Level.LogWeights[static_cast<size_t>(side)],
                         softmin.data(),
                         potential.data(),
                         m_Temperature,
                         relaxation,
                         m_Level.Operator->GetNumberOfWorkUnits(),
                         residual);
}

template <typename TReal>
auto
FixedPoint<TReal>::MakeErrors(const UpdateSums & alpha, const UpdateSums & beta) const -> Errors
{
  Errors errors;
  errors.Alpha = alpha.MarginalError / m_Mass[0];
  errors.Beta = beta.MarginalError / m_Mass[1];
  if (m_Temperature.Rho > 0.0)
  {
    // From the changes of the masses, not from the masses: their last digit times ρ may be longer than the domain.
    const double translation = 0.5 * m_Temperature.Rho *
                               (std::log1p(alpha.DampedExcess / m_Mass[0]) - std::log1p(beta.DampedExcess / m_Mass[1]));
    errors.Translation = std::isfinite(translation) ? translation : 0.0;
  }
  return errors;
}

template <typename TReal>
void
FixedPoint<TReal>::Translate(std::vector<TReal> & f, std::vector<TReal> & g, double c) const
{
  const ThreadIdType workUnits = m_Level.Operator->GetNumberOfWorkUnits();
  ShiftPotential(f.size(), f.data(), c, workUnits);
  ShiftPotential(g.size(), g.data(), -c, workUnits);
}

template <typename TReal>
void
FixedPoint<TReal>::AverageSelf(Side side, std::vector<TReal> & potential, double relaxation)
{
  const double share = 1.0 / (1.0 + m_Temperature.GetDamping());
  if (share != relaxation)
  {
    this->Update(side, m_Scratch, potential, (share - relaxation) / (1.0 - relaxation));
  }
}

template <typename TReal>
auto
FixedPoint<TReal>::IterateAlternating(std::vector<TReal> & f,
                                      std::vector<TReal> & g,
                                      double               omegaF,
                                      double               omegaG,
                                      bool                 shift) -> Errors
{
  this->Softmin(Side::Alpha, Side::Beta, g, m_Scratch);
  const UpdateSums alpha = this->Update(Side::Alpha, m_Scratch, f, omegaF);
  this->Softmin(Side::Beta, Side::Alpha, f, m_Scratch);
  const UpdateSums beta = this->Update(Side::Beta, m_Scratch, g, omegaG);

  Errors errors = this->MakeErrors(alpha, beta);
  if (shift && m_Temperature.Rho > 0.0)
  {
    this->Translate(f, g, errors.Translation);
    errors.Translation = 0.0;
  }
  return errors;
}

template <typename TReal>
auto
FixedPoint<TReal>::IterateAveraged(std::vector<TReal> & f, std::vector<TReal> & g) -> Errors
{
  std::vector<TReal> betaSoftmin;
  this->Softmin(Side::Beta, Side::Alpha, f, betaSoftmin);
  this->Softmin(Side::Alpha, Side::Beta, g, m_Scratch);
  const UpdateSums alpha = this->Update(Side::Alpha, m_Scratch, f, 0.5);
  const UpdateSums beta = this->Update(Side::Beta, betaSoftmin, g, 0.5);
  return this->MakeErrors(alpha, beta);
}

template <typename TReal>
double
FixedPoint<TReal>::IterateSelf(Side side, std::vector<TReal> & potential, double relaxation)
{
  this->Softmin(side, side, potential, m_Scratch);
  const UpdateSums sums = this->Update(side, m_Scratch, potential, relaxation);
  return sums.MarginalError / m_Mass[static_cast<size_t>(side)];
}

template <typename TReal>
auto
FixedPoint<TReal>::IteratePlainly(std::vector<TReal> & f, std::vector<TReal> & g) -> Errors
{
  this->Softmin(Side::Alpha, Side::Beta, g, m_Scratch);
  const UpdateSums alpha = this->Update(Side::Alpha, m_Scratch, f, 1.0);
  this->Softmin(Side::Beta, Side::Alpha, f, m_Scratch);
  const UpdateSums beta = this->Update(Side::Beta, m_Scratch, g, 1.0, m_Scratch.data());
  if (m_Offsets != nullptr)
  {
    // With the offset o the plan's target is not β but β e^{−o}.
    const std::vector<TReal> & offset = m_Offsets->Values[static_cast<size_t>(Side::Beta)];
    ForEachChunk(
      m_Scratch.size(), m_Level.Operator->GetNumberOfWorkUnits(), [&](SizeValueType begin, SizeValueType end) {
        for (SizeValueType i = begin; i < end; ++i)
        {
          m_Scratch[i] *= std::exp(std::min(-offset[i], TReal(30)));
        }
      });
  }
  return this->MakeErrors(alpha, beta);
}

template <typename TReal>
void
FixedPoint<TReal>::BalanceOffsets(Offsets & offsets) const
{
  if (m_Temperature.Rho > 0.0)
  {
    return;
  }
  // With the offset o, f = T(g) means that the marginal of the plan is α e^{−o}.
  const ThreadIdType workUnits = m_Level.Operator->GetNumberOfWorkUnits();
  double             mass[2];
  for (size_t side = 0; side < 2; ++side)
  {
    const TReal * logWeights = m_Level.LogWeights[side];
    const auto &  offset = offsets.Values[side];
    mass[side] = SumOverChunks<double>(offset.size(), workUnits, [&](SizeValueType begin, SizeValueType end) {
      double sum = 0.0;
      for (SizeValueType i = begin; i < end; ++i)
      {
        sum += std::exp(static_cast<double>(logWeights[i]) - std::max(static_cast<double>(offset[i]), -30.0));
      }
      return sum;
    });
  }
  const double constant = std::log(mass[1] / mass[0]);
  if (std::isfinite(constant))
  {
    ShiftPotential(offsets.Values[1].size(), offsets.Values[1].data(), constant, workUnits);
  }
}

template class FixedPoint<float>;
template class FixedPoint<double>;

} // namespace Sinkhorn
} // namespace itk
