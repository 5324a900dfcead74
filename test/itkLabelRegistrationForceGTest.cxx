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
// Forces between label maps: against dense sums over labels, finite differences and a dense transport; and that what
// labels are called does not matter.
#include "itkLabelMassRegistrationForce.h"
#include "itkLabelRegistrationForce.h"
#include "itkSinkhornMetricTestUtilities.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

using namespace itk::Sinkhorn;
using namespace itk::Sinkhorn::Test;

namespace
{

template <unsigned int D>
using TestImage = itk::Image<float, D>;
template <unsigned int D>
using Mixtures = LabelMixtureImage<D>;
template <unsigned int D>
using Field = itk::Image<itk::Vector<double, D>, D>;

/** Four labels around the centre of an oblique grid, background around them, moved by \a shift along every axis. */
template <unsigned int D>
typename LabelImage<D>::Pointer
MakeLabels(double shift, const std::map<std::uint32_t, std::uint32_t> & names = {}, bool withUnknown = false)
{
  const auto geometry = MakeObliqueGeometry<D>(D == 2 ? 45 : 30);
  auto       centre = GetCentre(geometry);
  for (unsigned int d = 0; d < D; ++d)
  {
    centre[d] += shift;
  }
  return MakeImage<LabelImage<D>>(geometry, [=](const itk::Point<double, D> & p) {
    const double  radius = p.EuclideanDistanceTo(centre) / (D == 2 ? 15.0 : 9.0);
    std::uint32_t label = 0;
    if (radius < 1.0)
    {
      label = radius < 0.4 ? 9 : (p[0] < centre[0] ? 2 : (p[1] < centre[1] + 2.0 ? 70 : 5));
    }
    if (withUnknown && label == 70)
    {
      return static_cast<double>(UnknownLabel);
    }
    return static_cast<double>(names.empty() ? label : names.at(label));
  });
}

template <unsigned int D>
typename Mixtures<D>::Pointer
Mix(const LabelImage<D> * labels, unsigned int factor = 3)
{
  return MixLabels<D>(labels, itk::FixedArray<unsigned int, D>(factor));
}

template <unsigned int D>
struct Result
{
  typename Field<D>::Pointer                                   Forces;
  typename itk::RegistrationForce<TestImage<D>>::WeightPointer Weight;
  double                                                       Value{ 0.0 };
  bool                                                         Found{ false };
};

template <unsigned int D, typename TForce>
Result<D>
Compute(const TForce * force, const Mixtures<D> * fixed, const Mixtures<D> * moving)
{
  Result<D> result;
  result.Forces = MakeImageOn<Field<D>>(fixed);
  result.Found = force->ComputeLabelForces(fixed, moving, nullptr, nullptr, result.Forces, result.Weight, result.Value);
  return result;
}

template <unsigned int D>
class LabelPair
{
public:
  typename Mixtures<D>::Pointer Fixed{ Mix<D>(MakeLabels<D>(0.0)) };
  typename Mixtures<D>::Pointer Moving{ Mix<D>(MakeLabels<D>(1.7)) };
  itk::SizeValueType            Count{ Fixed->GetBufferedRegion().GetNumberOfPixels() };
};

template <unsigned int D>
typename TestImage<D>::Pointer
TakeLabel(const Mixtures<D> * mixtures, std::uint32_t label)
{
  const auto image = MakeImageOn<TestImage<D>>(mixtures);
  for (itk::SizeValueType i = 0; i < image->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    image->GetBufferPointer()[i] = static_cast<float>(mixtures->GetBufferPointer()[i].GetPart(label));
  }
  return image;
}

/** Mean squares of one image for each label, by the force of mean squares. */
template <unsigned int D>
void
CheckAgainstChannels()
{
  const LabelPair<D> pair;
  const auto         result =
    Compute<D>(itk::LabelRegistrationForce<TestImage<D>>::New().GetPointer(), pair.Fixed, pair.Moving);
  ASSERT_TRUE(result.Found);
  const auto dense = itk::GaussNewtonRegistrationForce<TestImage<D>>::New();
  dense->IsExactOn();
  const auto forces = MakeImageOn<Field<D>>(pair.Fixed);
  const auto weight = MakeImageOn<itk::Image<double, D>>(pair.Fixed);
  double     total = 0.0;
  for (const std::uint32_t label : { 0, 9, 2, 70, 5 })
  {
    const auto                                                   fixed = TakeLabel<D>(pair.Fixed, label);
    const auto                                                   moving = TakeLabel<D>(pair.Moving, label);
    double                                                       value = 0.0;
    typename itk::RegistrationForce<TestImage<D>>::WeightPointer none;
    ASSERT_TRUE(dense->ComputeForces(fixed, moving, nullptr, nullptr, forces, none, value));
    total += value;
    const auto squares = dense->ComputeWeight(moving);
    for (itk::SizeValueType i = 0; i < pair.Count; ++i)
    {
      weight->GetBufferPointer()[i] += squares->GetBufferPointer()[i];
    }
  }
  EXPECT_NEAR(result.Value, total, 1e-6 * total);
  for (itk::SizeValueType i = 0; i < pair.Count; ++i)
  {
    ASSERT_NEAR(result.Weight->GetBufferPointer()[i], weight->GetBufferPointer()[i], 1e-5);
    ASSERT_LT((result.Forces->GetBufferPointer()[i] - forces->GetBufferPointer()[i]).GetNorm(), 1e-5);
  }
}

TEST(LabelForce, IsMeanSquaresOfEveryLabel)
{
  CheckAgainstChannels<2>();
  CheckAgainstChannels<3>();
}

/** Where a point moves along the force the value falls as the force says. */
template <unsigned int D>
void
CheckFiniteDifferences()
{
  const LabelPair<D> pair;
  const auto         force = itk::LabelRegistrationForce<TestImage<D>>::New();
  const auto         result = Compute<D>(force.GetPointer(), pair.Fixed, pair.Moving);
  const auto         region = pair.Fixed->GetBufferedRegion();
  const double       step = 1e-3;
  double             predicted = 0.0;
  const auto         valueAt = [&](double sign) {
    const auto field = MakeImageOn<Field<D>>(pair.Fixed);
    auto       index = region.GetIndex();
    predicted = 0.0;
    for (itk::SizeValueType i = 0; i < pair.Count; ++i, AdvanceIndex(region, index))
    {
      bool isInside = true;
      for (unsigned int d = 0; d < D; ++d)
      {
        isInside = isInside && index[d] > region.GetIndex(d) && index[d] < region.GetUpperIndex()[d];
      }
      for (unsigned int d = 0; d < D && isInside; ++d)
      {
        field->GetBufferPointer()[i][d] = sign * step * std::sin(0.7 * static_cast<double>(i) + d);
      }
      predicted -=
        sign * (result.Forces->GetBufferPointer()[i] * field->GetBufferPointer()[i]) / static_cast<double>(pair.Count);
    }
    const auto transform = itk::DisplacementFieldTransform<double, D>::New();
    transform->SetDisplacementField(field);
    const auto map = itk::CompositeTransform<double, D>::New();
    map->AddTransform(transform);
    const auto warped = WarpOnto<Mixtures<D>>(pair.Moving, map.GetPointer(), pair.Fixed.GetPointer(), false);
    return Compute<D>(force.GetPointer(), pair.Fixed, warped).Value;
  };
  const double before = valueAt(-1.0);
  const double after = valueAt(1.0);
  EXPECT_GT(std::abs(predicted), 1e-7);
  EXPECT_NEAR(0.5 * (after - before), predicted, 0.02 * std::abs(predicted));
}

TEST(LabelForce, IsTheDerivative)
{
  CheckFiniteDifferences<2>();
  CheckFiniteDifferences<3>();
}

/** The same bits whatever labels are called, up to 32 bits. */
template <typename TForce>
void
CheckNames()
{
  const std::map<std::uint32_t, std::uint32_t> names{
    { 0, 0 }, { 9, 4294967294U }, { 2, 16777217 }, { 70, 16777216 }, { 5, 1 }
  };
  const auto plain = Compute<2>(TForce::New().GetPointer(), Mix<2>(MakeLabels<2>(0.0)), Mix<2>(MakeLabels<2>(1.7)));
  const auto named =
    Compute<2>(TForce::New().GetPointer(), Mix<2>(MakeLabels<2>(0.0, names)), Mix<2>(MakeLabels<2>(1.7, names)));
  EXPECT_GT(plain.Value, 0.0);
  EXPECT_EQ(plain.Value, named.Value);
  for (itk::SizeValueType i = 0; i < plain.Forces->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    ASSERT_EQ(plain.Forces->GetBufferPointer()[i], named.Forces->GetBufferPointer()[i]);
    ASSERT_EQ(plain.Weight->GetBufferPointer()[i], named.Weight->GetBufferPointer()[i]);
  }
}

TEST(LabelForce, KnowsNoNames)
{
  CheckNames<itk::LabelRegistrationForce<TestImage<2>>>();
  CheckNames<itk::LabelMassRegistrationForce<TestImage<2>>>();
}

/** Nothing pulls where nothing is known, and no edge is seen towards it. */
TEST(LabelForce, LeavesTheUnknownAlone)
{
  const auto fixed = MakeLabels<2>(0.0);
  const auto unknown = Mix<2>(MakeLabels<2>(0.0, {}, true), 1);
  const auto result =
    Compute<2>(itk::LabelRegistrationForce<TestImage<2>>::New().GetPointer(), Mix<2>(fixed, 1), unknown);
  EXPECT_EQ(result.Value, 0.0);
  itk::SizeValueType ofLabel = 0;
  for (itk::SizeValueType i = 0; i < fixed->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    ASSERT_EQ(result.Forces->GetBufferPointer()[i].GetNorm(), 0.0);
    if (fixed->GetBufferPointer()[i] == 70)
    {
      ++ofLabel;
      ASSERT_EQ(result.Weight->GetBufferPointer()[i], 0.0);
      ASSERT_FALSE(unknown->GetBufferPointer()[i].IsKnown());
    }
  }
  EXPECT_GT(ofLabel, 50U);
}

/** Transport between points with a place and a label, an infinite cost between labels, by plain iterations in double
 * precision on a dense matrix. */
class DenseTransport
{
public:
  struct Atom
  {
    itk::Point<double, 2> Place;
    std::uint32_t         Label;
    double                Mass;
  };
  using Atoms = std::vector<Atom>;

  DenseTransport(double blur, double reach)
    : m_Epsilon(blur * blur)
    , m_Damping(reach > 0.0 ? reach * reach / (reach * reach + blur * blur) : 1.0)
  {}

  /** Potentials of both sides. */
  std::pair<std::vector<double>, std::vector<double>>
  Solve(const Atoms & alpha, const Atoms & beta) const
  {
    std::vector<double> f(alpha.size(), 0.0);
    std::vector<double> g(beta.size(), 0.0);
    for (unsigned int i = 0; i < 400; ++i)
    {
      f = this->Update(alpha, beta, g);
      g = this->Update(beta, alpha, f);
    }
    return { f, g };
  }
  std::vector<double>
  SolveSelf(const Atoms & alpha) const
  {
    std::vector<double> f(alpha.size(), 0.0);
    for (unsigned int i = 0; i < 100; ++i)
    {
      const auto next = this->Update(alpha, alpha, f);
      std::transform(f.begin(), f.end(), next.begin(), f.begin(), [](double a, double b) { return 0.5 * (a + b); });
    }
    return f;
  }
  /** The potential at a place. */
  double
  Extend(const Atom & at, const Atoms & beta, const std::vector<double> & g) const
  {
    double largest = -std::numeric_limits<double>::max();
    for (int pass = 0;; ++pass)
    {
      double sum = 0.0;
      for (std::size_t j = 0; j < beta.size(); ++j)
      {
        if (beta[j].Label == at.Label)
        {
          const double h =
            std::log(beta[j].Mass) + (g[j] - 0.5 * at.Place.SquaredEuclideanDistanceTo(beta[j].Place)) / m_Epsilon;
          largest = pass == 0 ? std::max(largest, h) : largest;
          sum += pass == 0 ? 0.0 : std::exp(h - largest);
        }
      }
      if (pass == 1)
      {
        return -m_Damping * m_Epsilon * (largest + std::log(sum));
      }
    }
  }

private:
  std::vector<double>
  Update(const Atoms & to, const Atoms & from, const std::vector<double> & g) const
  {
    std::vector<double> f;
    std::transform(
      to.begin(), to.end(), std::back_inserter(f), [&](const Atom & at) { return this->Extend(at, from, g); });
    return f;
  }
  double m_Epsilon;
  double m_Damping;
};

DenseTransport::Atoms
ListAtoms(const Mixtures<2> * mixtures)
{
  DenseTransport::Atoms           atoms;
  std::map<std::uint32_t, double> masses;
  const auto                      region = mixtures->GetBufferedRegion();
  for (const int pass : { 0, 1 })
  {
    auto index = region.GetIndex();
    for (itk::SizeValueType i = 0; i < region.GetNumberOfPixels(); ++i, AdvanceIndex(region, index))
    {
      const LabelMixture & mixture = mixtures->GetBufferPointer()[i];
      for (unsigned int n = 0; n < mixture.Count; ++n)
      {
        if (mixture.Label[n] == 0)
        {
          continue;
        }
        if (pass == 0)
        {
          masses[mixture.Label[n]] += mixture.Part[n];
          continue;
        }
        DenseTransport::Atom atom{ {}, mixture.Label[n], mixture.Part[n] / masses[mixture.Label[n]] };
        mixtures->TransformIndexToPhysicalPoint(index, atom.Place);
        atoms.push_back(atom);
      }
    }
  }
  return atoms;
}

std::map<std::uint32_t, double>
ShareMass(const Mixtures<2> * mixtures)
{
  std::map<std::uint32_t, double> shares;
  double                          total = 0.0;
  for (itk::SizeValueType i = 0; i < mixtures->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    const LabelMixture & mixture = mixtures->GetBufferPointer()[i];
    for (unsigned int n = 0; n < mixture.Count; ++n)
    {
      shares[mixture.Label[n]] += mixture.Label[n] == 0 ? 0.0 : mixture.Part[n];
      total += mixture.Label[n] == 0 ? 0.0 : mixture.Part[n];
    }
  }
  for (auto & share : shares)
  {
    share.second /= total;
  }
  return shares;
}

void
CheckTransport(double reach)
{
  const double         blur = 4.0;
  const LabelPair<2>   pair;
  const auto           force = itk::LabelMassRegistrationForce<TestImage<2>>::New();
  const DenseTransport dense(blur, reach);
  force->SetBlur(blur);
  force->SetReach(reach);
  const auto result = Compute<2>(force.GetPointer(), pair.Fixed, pair.Moving);
  ASSERT_TRUE(result.Found);
  EXPECT_TRUE(force->GetConverged());
  const auto alpha = ListAtoms(pair.Fixed);
  const auto beta = ListAtoms(pair.Moving);
  const auto potentials = dense.Solve(alpha, beta);
  const auto fSelf = dense.SolveSelf(alpha);
  const auto gSelf = dense.SolveSelf(beta);
  auto       shares = ShareMass(pair.Fixed);
  for (const auto & other : ShareMass(pair.Moving))
  {
    shares[other.first] = 0.5 * (shares[other.first] + other.second);
  }
  const double rho = reach * reach;
  const auto   term = [&](double self, double f) {
    return reach > 0.0 ? (rho + 0.5 * blur * blur) * (std::exp(-self / rho) - std::exp(-f / rho)) : f - self;
  };
  double value = 0.0;
  for (std::size_t i = 0; i < alpha.size(); ++i)
  {
    value += shares[alpha[i].Label] * alpha[i].Mass * term(fSelf[i], potentials.first[i]);
  }
  for (std::size_t j = 0; j < beta.size(); ++j)
  {
    value += shares[beta[j].Label] * beta[j].Mass * term(gSelf[j], potentials.second[j]);
  }
  EXPECT_NEAR(result.Value, value, 0.01 * value);

  // The force on the mass of a voxel, by differences of the first variation over a voxel on both sides.
  const auto variation = [&](const DenseTransport::Atom & at) {
    const double f = dense.Extend(at, beta, potentials.second);
    const double self = dense.Extend(at, alpha, fSelf);
    return reach > 0.0 ? (rho + blur * blur) * (std::exp(-self / rho) - std::exp(-f / rho)) : f - self;
  };
  std::vector<itk::Vector<double, 2>> expected(pair.Count, itk::Vector<double, 2>(0.0));
  for (const auto & atom : alpha)
  {
    itk::Index<2> index;
    pair.Fixed->TransformPhysicalPointToIndex(atom.Place, index);
    const auto at = static_cast<std::size_t>(pair.Fixed->ComputeOffset(index));
    for (unsigned int axis = 0; axis < 2; ++axis)
    {
      const double h = pair.Fixed->GetSpacing()[axis];
      auto         after = atom;
      auto         before = atom;
      for (unsigned int d = 0; d < 2; ++d)
      {
        after.Place[d] += h * pair.Fixed->GetDirection()(d, axis);
        before.Place[d] -= h * pair.Fixed->GetDirection()(d, axis);
      }
      const double slope = (variation(after) - variation(before)) / (2.0 * h);
      for (unsigned int d = 0; d < 2; ++d)
      {
        expected[at][d] -= shares[atom.Label] * atom.Mass * slope * pair.Fixed->GetDirection()(d, axis);
      }
    }
  }
  double largest = 0.0;
  for (const auto & way : expected)
  {
    largest = std::max(largest, way.GetNorm());
  }
  for (itk::SizeValueType i = 0; i < pair.Count; ++i)
  {
    ASSERT_LT((result.Forces->GetBufferPointer()[i] - expected[i]).GetNorm(), 0.02 * largest);
  }
}

TEST(LabelForce, TransportsEachLabelByItself)
{
  CheckTransport(0.0);
  CheckTransport(6.0);
}

/** Swapped maps cost no second solve, and the weight is the mass. */
TEST(LabelForce, MassOfBothSides)
{
  const LabelPair<2> pair;
  const auto         force = itk::LabelMassRegistrationForce<TestImage<2>>::New();
  const auto         there = Compute<2>(force.GetPointer(), pair.Fixed, pair.Moving);
  const auto         back = Compute<2>(force.GetPointer(), pair.Moving, pair.Fixed);
  EXPECT_NEAR(there.Value, back.Value, 1e-6 * there.Value);
  for (const auto & side : { there, back })
  {
    const double * first = side.Weight->GetBufferPointer();
    EXPECT_NEAR(std::accumulate(first, first + pair.Count, 0.0), 1.0, 1e-4);
  }
}

} // namespace
