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
#include "itkSinkhornPointSoftminSimd.h"

// Highway compiles this file once for every instruction set, by including it again and again, and chooses one of them
// at run time. Arrays of vectors exclude the instruction sets whose vectors have no fixed size.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "itkSinkhornPointSoftminSimd.cxx"
#include <hwy/foreach_target.h>

#include "itkSinkhornLineSoftminMath-inl.h"
#include "itkSinkhornPointBlocks.h"

#include <algorithm>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{

/** \class BlockSoftmin
 * \brief The running sums of the targets of one block.
 *
 * Each target has a reference, the largest exponent met so far or one near it, and a sum of exponentials relative to
 * it. Targets are worked on in groups of two vectors. VDimension 0 stands for any dimension. */
template <typename T, unsigned int VDimension, unsigned int VColumns>
class BlockSoftmin
{
public:
  BlockSoftmin(const PointSoftminPass<T> & pass, SizeValueType targetBlock)
    : m_Pass(pass)
    , m_Dimension(VDimension == 0 ? pass.Dimension : VDimension)
    , m_Block(targetBlock)
    , m_Coordinates(pass.TargetCoordinates + targetBlock * m_Dimension * Length)
    , m_Center(pass.TargetCenters + targetBlock * m_Dimension)
    , m_HalfWidths(pass.TargetHalfWidths + targetBlock * m_Dimension)
  {}

  void
  Run()
  {
    std::vector<double> scores(m_Pass.NumberOfSourceBlocks);
    const SizeValueType first = this->ScoreSources(scores);
    if (m_Pass.Constants[first] == -std::numeric_limits<double>::infinity())
    {
      std::fill(m_Reference, m_Reference + Length, -std::numeric_limits<double>::infinity());
      std::fill(m_Sum, m_Sum + Length, 1.0);
      this->Store();
      return;
    }
    for (int group = 0; group < Groups; ++group)
    {
      this->PrepareLanes(group, first);
      std::copy(m_Bound, m_Bound + Lanes, m_Reference + group * Lanes);
      this->MakeConstants(group);
      this->RaiseReferences(group, first, true);
      this->AddBlock(group, first);
    }
    const double least = this->FindLeastScore(first);
    for (SizeValueType source = 0; source < scores.size(); ++source)
    {
      if (source != first && !(this->WidenScore(scores[source], source, first) < least))
      {
        this->AddWhereItCounts(source);
      }
    }
    this->Store();
  }

private:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;

  static constexpr SizeValueType Length = PointBlocks::Length;
  static constexpr int           Lanes = 2 * static_cast<int>(hn::MaxLanes(D()));
  static constexpr int           Groups = static_cast<int>(Length) / Lanes;
  static constexpr unsigned int  MaximumDimension = VDimension == 0 ? MaximumPointDimension : VDimension;
  /** Exponents may exceed the reference by so much. */
  static constexpr double LargestExcess = 30.0;

  const double *
  GetSourceCenter(SizeValueType source) const
  {
    return m_Pass.SourceCenters + source * m_Dimension;
  }

  /** Bounds the exponents of every source block at the centre of the targets. Returns the block with the largest. */
  SizeValueType
  ScoreSources(std::vector<double> & scores) const
  {
    SizeValueType best = 0;
    for (SizeValueType source = 0; source < scores.size(); ++source)
    {
      const double * center = this->GetSourceCenter(source);
      double         squared = 0.0;
      double         spread = 0.0;
      for (unsigned int d = 0; d < m_Dimension; ++d)
      {
        const double difference = m_Center[d] - center[d];
        squared += difference * difference;
        spread += std::abs(m_Pass.Slopes[source * m_Dimension + d] + difference * m_Pass.InverseEpsilon) *
                  m_Pass.SourceHalfWidths[source * m_Dimension + d];
      }
      scores[source] =
        m_Pass.Constants[source] - 0.5 * squared * m_Pass.InverseEpsilon + m_Pass.Largest[source] + spread;
      if (scores[source] > scores[best])
      {
        best = source;
      }
    }
    return best;
  }

  /** What the exponents of a block can rise to anywhere in the box of the targets, relative to the growth towards the
   * first block. */
  double
  WidenScore(double score, SizeValueType source, SizeValueType first) const
  {
    const double * center = this->GetSourceCenter(source);
    const double * firstCenter = this->GetSourceCenter(first);
    double         widening = 0.0;
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      widening +=
        m_HalfWidths[d] * (std::abs(center[d] - firstCenter[d]) + m_Pass.SourceHalfWidths[source * m_Dimension + d]);
    }
    return score + widening * m_Pass.InverseEpsilon;
  }

  /** What a score has to reach: with u = x − centre, the least of reference + |u|²/2ε − ⟨u, c_first − centre⟩/ε, less
   * the threshold. */
  double
  FindLeastScore(SizeValueType first) const
  {
    const double * firstCenter = this->GetSourceCenter(first);
    double         least = std::numeric_limits<double>::max();
    for (SizeValueType k = 0; k < Length; ++k)
    {
      double relative = m_Reference[k];
      for (unsigned int d = 0; d < m_Dimension; ++d)
      {
        const double u = m_Coordinates[d * Length + k] - m_Center[d];
        relative += u * (0.5 * u - (firstCenter[d] - m_Center[d])) * m_Pass.InverseEpsilon;
      }
      least = std::min(least, relative);
    }
    return least - m_Pass.Threshold;
  }

  /** Everything that a group of targets has with a source block: the constant, the vector that multiplies the offsets
   * and the bound. */
  void
  PrepareLanes(int group, SizeValueType source)
  {
    const double * center = this->GetSourceCenter(source);
    double         squared[Lanes] = {};
    double         spread[Lanes] = {};
    for (unsigned int d = 0; d < m_Dimension; ++d)
    {
      const double * coordinates = m_Coordinates + d * Length + group * Lanes;
      const double   c = center[d];
      const double   slope = m_Pass.Slopes[source * m_Dimension + d];
      const double   halfWidth = m_Pass.SourceHalfWidths[source * m_Dimension + d];
      const double   inverseEpsilon = m_Pass.InverseEpsilon;
      T *            vector = m_Vector + d * Lanes;
      for (int k = 0; k < Lanes; ++k)
      {
        const double difference = coordinates[k] - c;
        const double component = slope + difference * inverseEpsilon;
        squared[k] += difference * difference;
        spread[k] += std::abs(component) * halfWidth;
        vector[k] = static_cast<T>(component);
      }
    }
    const double constant = m_Pass.Constants[source];
    const double largest = m_Pass.Largest[source];
    const double half = 0.5 * m_Pass.InverseEpsilon;
    for (int k = 0; k < Lanes; ++k)
    {
      m_Constant[k] = constant - half * squared[k];
      m_Bound[k] = m_Constant[k] + largest + spread[k];
    }
  }

  /** The constants relative to the references. */
  void
  MakeConstants(int group)
  {
    const double * reference = m_Reference + group * Lanes;
    for (int k = 0; k < Lanes; ++k)
    {
      m_Relative[k] = static_cast<T>(m_Constant[k] - reference[k]);
    }
  }

  void
  AddWhereItCounts(SizeValueType source)
  {
    for (int group = 0; group < Groups; ++group)
    {
      this->PrepareLanes(group, source);
      const double * reference = m_Reference + group * Lanes;
      double         excess = -std::numeric_limits<double>::infinity();
      for (int k = 0; k < Lanes; ++k)
      {
        excess = std::max(excess, m_Bound[k] - reference[k]);
      }
      if (excess < -m_Pass.Threshold)
      {
        continue;
      }
      this->MakeConstants(group);
      if (excess > LargestExcess)
      {
        this->RaiseReferences(group, source, false);
      }
      this->AddBlock(group, source);
    }
  }

  /** The exponents of source j, relative to the references. */
  HWY_INLINE V
  GetExponent(const T * offsets, const T * coordinates, SizeValueType j, V constant, const T * vector) const
  {
    const D d;
    V       exponent = hn::Add(constant, hn::Set(d, offsets[j]));
    for (unsigned int e = 0; e < m_Dimension; ++e)
    {
      exponent = hn::MulAdd(hn::Set(d, coordinates[e * Length + j]), hn::Load(d, vector + e * Lanes), exponent);
    }
    return exponent;
  }

  /** Raises the references to the largest exponents of a block where these are higher; \a always also lowers them. */
  void
  RaiseReferences(int group, SizeValueType source, bool always)
  {
    const D   d;
    const T * offsets = m_Pass.Offsets + source * Length;
    const T * coordinates = m_Pass.Coordinates + source * m_Dimension * Length;
    for (int half = 0; half < 2; ++half)
    {
      const int lane = half * Lanes / 2;
      const V   constant = hn::Load(d, m_Relative + lane);
      V         largest = hn::Set(d, always ? std::numeric_limits<T>::lowest() : T(0));
      for (SizeValueType j = 0; j < Length; ++j)
      {
        largest = hn::Max(largest, this->GetExponent(offsets, coordinates, j, constant, m_Vector + lane));
      }
      HWY_ALIGN T rise[Lanes];
      hn::Store(largest, d, rise);
      for (int k = 0; k < Lanes / 2; ++k)
      {
        const int place = group * Lanes + lane + k;
        m_Reference[place] += rise[k];
        const double factor = always ? 0.0 : std::exp(-static_cast<double>(rise[k]));
        m_Sum[place] *= factor;
        for (unsigned int c = 0; c < VColumns; ++c)
        {
          m_Moments[c * Length + place] *= factor;
        }
      }
    }
    this->MakeConstants(group);
  }

  void
  AddBlock(int group, SizeValueType source)
  {
    const D   d;
    const T * offsets = m_Pass.Offsets + source * Length;
    const T * coordinates = m_Pass.Coordinates + source * m_Dimension * Length;
    const V   constant0 = hn::Load(d, m_Relative);
    const V   constant1 = hn::Load(d, m_Relative + Lanes / 2);
    V         sum0 = hn::Zero(d);
    V         sum1 = hn::Zero(d);
    V         moments0[VColumns + 1];
    V         moments1[VColumns + 1];
    for (unsigned int c = 0; c < VColumns; ++c)
    {
      moments0[c] = moments1[c] = hn::Zero(d);
    }
    for (SizeValueType j = 0; j < Length; ++j)
    {
      const V weight0 = ScaledExp(d, this->GetExponent(offsets, coordinates, j, constant0, m_Vector));
      const V weight1 = ScaledExp(d, this->GetExponent(offsets, coordinates, j, constant1, m_Vector + Lanes / 2));
      sum0 = hn::Add(sum0, weight0);
      sum1 = hn::Add(sum1, weight1);
      for (unsigned int c = 0; c < VColumns; ++c)
      {
        const V value = hn::Set(d, m_Pass.Values[(source * VColumns + c) * Length + j]);
        moments0[c] = hn::MulAdd(weight0, value, moments0[c]);
        moments1[c] = hn::MulAdd(weight1, value, moments1[c]);
      }
    }
    HWY_ALIGN T sums[Lanes];
    hn::Store(sum0, d, sums);
    hn::Store(sum1, d, sums + Lanes / 2);
    for (int k = 0; k < Lanes; ++k)
    {
      m_Sum[group * Lanes + k] += sums[k];
    }
    for (unsigned int c = 0; c < VColumns; ++c)
    {
      HWY_ALIGN T moments[Lanes];
      hn::Store(moments0[c], d, moments);
      hn::Store(moments1[c], d, moments + Lanes / 2);
      const double mean = m_Pass.ValueMeans[source * VColumns + c];
      for (int k = 0; k < Lanes; ++k)
      {
        m_Moments[c * Length + group * Lanes + k] +=
          static_cast<double>(moments[k]) + mean * static_cast<double>(sums[k]);
      }
    }
  }

  void
  Store() const
  {
    constexpr double scale = 0.69314718055994530942 * SoftminTraits<T>::ScaleExponent;
    for (SizeValueType k = 0; k < Length; ++k)
    {
      m_Pass.Out[m_Block * Length + k] = m_Reference[k] + (std::log(m_Sum[k]) - scale);
      for (unsigned int c = 0; c < VColumns; ++c)
      {
        m_Pass.Means[(m_Block * VColumns + c) * Length + k] = m_Moments[c * Length + k] / m_Sum[k];
      }
    }
  }

  const PointSoftminPass<T> & m_Pass;
  const unsigned int          m_Dimension;
  const SizeValueType         m_Block;
  const double *              m_Coordinates;
  const double *              m_Center;
  const double *              m_HalfWidths;
  double                      m_Reference[Length] = {};
  double                      m_Sum[Length] = {};
  double                      m_Moments[(VColumns + 1) * Length] = {};
  double                      m_Constant[Lanes] = {};
  double                      m_Bound[Lanes] = {};
  HWY_ALIGN T                 m_Relative[Lanes];
  HWY_ALIGN T                 m_Vector[MaximumDimension * Lanes];
};

template <typename T, unsigned int VColumns>
void
ApplyInDimension(const PointSoftminPass<T> & pass, SizeValueType block)
{
  switch (pass.Dimension)
  {
    case 2: BlockSoftmin<T, 2, VColumns>(pass, block).Run(); return;
    case 3: BlockSoftmin<T, 3, VColumns>(pass, block).Run(); return;
    default: BlockSoftmin<T, 0, VColumns>(pass, block).Run(); return;
  }
}

void
ApplyPointsFloat(const PointSoftminPass<float> & pass, SizeValueType block)
{
  pass.Values != nullptr ? ApplyInDimension<float, PointValueColumns>(pass, block)
                         : ApplyInDimension<float, 0>(pass, block);
}

void
ApplyPointsDouble(const PointSoftminPass<double> & pass, SizeValueType block)
{
  pass.Values != nullptr ? ApplyInDimension<double, PointValueColumns>(pass, block)
                         : ApplyInDimension<double, 0>(pass, block);
}

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace itk
{
namespace Sinkhorn
{
HWY_EXPORT(ApplyPointsFloat);
HWY_EXPORT(ApplyPointsDouble);

template <>
void
ApplyPointSoftmin(const PointSoftminPass<float> & pass, SizeValueType targetBlock)
{
  HWY_DYNAMIC_DISPATCH(ApplyPointsFloat)(pass, targetBlock);
}

template <>
void
ApplyPointSoftmin(const PointSoftminPass<double> & pass, SizeValueType targetBlock)
{
  HWY_DYNAMIC_DISPATCH(ApplyPointsDouble)(pass, targetBlock);
}
} // namespace Sinkhorn
} // namespace itk
#endif
