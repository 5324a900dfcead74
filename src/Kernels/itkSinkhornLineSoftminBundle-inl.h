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
// Per-target include guard: compiled once for each instruction set, see itkSinkhornLineSoftminSimd.cxx.
#if defined(itkSinkhornLineSoftminBundle_inl_h) == defined(HWY_TARGET_TOGGLE)
#ifdef itkSinkhornLineSoftminBundle_inl_h
#undef itkSinkhornLineSoftminBundle_inl_h
#else
#define itkSinkhornLineSoftminBundle_inl_h
#endif

#include "itkSinkhornLineSoftminGroup-inl.h"
#include "itkSinkhornLineSoftminSimd.h"

#include <hwy/cache_control.h>

HWY_BEFORE_NAMESPACE();
namespace itk
{
namespace Sinkhorn
{
namespace HWY_NAMESPACE
{

#if HWY_TARGET == HWY_SCALAR
template <typename TReal>
HWY_INLINE void
TransposeSquare(const TReal * in, int inStride, TReal * out, int outStride)
{
  constexpr int edge = 16 / sizeof(TReal);
  for (int row = 0; row < edge; ++row)
  {
    for (int column = 0; column < edge; ++column)
    {
      out[column * outStride + row] = in[row * inStride + column];
    }
  }
}
#else
/** Transposes one 16-byte square: 4×4 floats or 2×2 doubles. */
HWY_INLINE void
TransposeSquare(const float * in, int inStride, float * out, int outStride)
{
  const hn::FixedTag<float, 4> d;
  const auto                   row0 = hn::LoadU(d, in);
  const auto                   row1 = hn::LoadU(d, in + inStride);
  const auto                   row2 = hn::LoadU(d, in + 2 * inStride);
  const auto                   row3 = hn::LoadU(d, in + 3 * inStride);
  const auto                   lower01 = hn::InterleaveLower(d, row0, row1);
  const auto                   lower23 = hn::InterleaveLower(d, row2, row3);
  const auto                   upper01 = hn::InterleaveUpper(d, row0, row1);
  const auto                   upper23 = hn::InterleaveUpper(d, row2, row3);
  hn::StoreU(hn::ConcatLowerLower(d, lower23, lower01), d, out);
  hn::StoreU(hn::ConcatUpperUpper(d, lower23, lower01), d, out + outStride);
  hn::StoreU(hn::ConcatLowerLower(d, upper23, upper01), d, out + 2 * outStride);
  hn::StoreU(hn::ConcatUpperUpper(d, upper23, upper01), d, out + 3 * outStride);
}

HWY_INLINE void
TransposeSquare(const double * in, int inStride, double * out, int outStride)
{
  const hn::FixedTag<double, 2> d;
  const auto                    row0 = hn::LoadU(d, in);
  const auto                    row1 = hn::LoadU(d, in + inStride);
  hn::StoreU(hn::InterleaveLower(d, row0, row1), d, out);
  hn::StoreU(hn::InterleaveUpper(d, row0, row1), d, out + outStride);
}
#endif

/** Transposes rows × columns, both multiples of 16 bytes. */
template <typename TReal>
HWY_INLINE void
Transpose(const TReal * in, int inStride, int rows, int columns, TReal * out, int outStride)
{
  constexpr int edge = 16 / sizeof(TReal);
  for (int row = 0; row < rows; row += edge)
  {
    for (int column = 0; column < columns; column += edge)
    {
      TransposeSquare(in + row * inStride + column, inStride, out + column * outStride + row, outStride);
    }
  }
}

/** Loads bundles of lines as h = logWeights + potential·inverseEpsilon, runs the kernel on each line and stores them.
 */
template <typename TReal>
class BundleOf
{
  using Kernel = LineKernelOf<TReal>;

public:
  BundleOf(const LinePlan<TReal> & plan, const LinePass<TReal> & pass)
    : m_Pass(pass)
    , m_Kernel(plan)
    , m_Length(plan.length)
    , m_Padded((plan.length + Width - 1) / Width * Width)
    , m_Stride(m_Padded + 2 * Kernel::Margin)
    , m_Inputs(hwy::AllocateAligned<TReal>(static_cast<size_t>(Width) * m_Stride))
    , m_Outputs(hwy::AllocateAligned<TReal>(static_cast<size_t>(Width) * m_Stride))
    , m_Rows(hwy::AllocateAligned<TReal>(static_cast<size_t>(LinesPerBlock) * m_Padded))
  {
    // What lies beside the lines; the kernel's arrays are written before they are read.
    constexpr TReal empty = -std::numeric_limits<TReal>::infinity();
    for (int line = 0; line < Width; ++line)
    {
      std::fill_n(Input(line) - Kernel::Margin, static_cast<int>(Kernel::Margin), empty);
      std::fill_n(Input(line) + m_Length, m_Padded - m_Length + Kernel::Margin, empty);
    }
    std::fill_n(m_Outputs.get(), static_cast<size_t>(Width) * m_Stride, TReal(0));
    std::fill_n(m_Rows.get(), static_cast<size_t>(Width) * m_Padded, TReal(0));
  }

  /** One line of consecutive voxels. */
  void
  ContiguousLine(SizeValueType line)
  {
    const SizeValueType first = line * m_Length;
    Load(first, m_Length, Input(0));
    m_Kernel.Run(Input(0), Output(0));
    std::copy_n(Output(0), m_Length, m_Pass.out + first);
  }

  /** count ≤ LinesPerBlock neighbouring lines from the voxel first on. */
  void
  StridedLines(SizeValueType first, int count)
  {
    for (int y = 0; y < m_Length; ++y)
    {
      const SizeValueType row = first + y * m_Pass.inner;
      for (int line = 0; line < count; line += Width)
      {
        Load(row + line, std::min(Width, count - line), Rows(line) + y * Width);
      }
    }
    for (int line = 0; line < count; line += Width)
    {
      Bundle(Rows(line), std::min(Width, count - line));
    }
    for (int y = 0; y < m_Length; ++y)
    {
      TReal * row = m_Pass.out + first + y * m_Pass.inner;
      for (int line = 0; line < count; line += Width)
      {
        Store(Rows(line) + y * Width, std::min(Width, count - line), row + line);
      }
    }
  }

private:
  static constexpr int Width = static_cast<int>(LinesPerBundle);
  static_assert(Width * sizeof(TReal) >= HWY_MAX_BYTES && Width * sizeof(TReal) % 16 == 0, "whole vectors and squares");

  TReal *
  Input(int line)
  {
    return m_Inputs.get() + line * m_Stride + Kernel::Margin;
  }

  TReal *
  Output(int line)
  {
    return m_Outputs.get() + line * m_Stride + Kernel::Margin;
  }

  /** Where the bundle begins that has this line of the block. */
  TReal *
  Rows(int line)
  {
    return m_Rows.get() + static_cast<SizeValueType>(line) * m_Padded;
  }

  /** Replaces h of count lines, [voxel][line], by the results. */
  HWY_INLINE void
  Bundle(TReal * rows, int count)
  {
    // The previous bundle left results there.
    std::fill_n(rows + m_Length * Width, (m_Padded - m_Length) * Width, -std::numeric_limits<TReal>::infinity());
    Transpose(rows, Width, m_Padded, Width, Input(0), m_Stride);
    for (int line = 0; line < count; ++line)
    {
      m_Kernel.Run(Input(line), Output(line));
    }
    Transpose(Output(0), m_Stride, Width, m_Padded, rows, Width);
  }

  /** Copies count ≤ Width values. */
  HWY_INLINE void
  Store(const TReal * values, int count, TReal * out) const
  {
    if (count < Width)
    {
      std::copy_n(values, count, out);
      return;
    }
    const hn::CappedTag<TReal, Width> d;
    for (int i = 0; i < Width; i += static_cast<int>(hn::Lanes(d)))
    {
      hn::StoreU(hn::LoadU(d, values + i), d, out + i);
    }
  }

  /** h of count consecutive voxels; an empty voxel stays empty whatever its potential, and so does NaN. */
  HWY_INLINE void
  Load(SizeValueType first, int count, TReal * h) const
  {
    using D = hn::CappedTag<TReal, 16>;
    const D       d;
    const int     lanes = static_cast<int>(hn::Lanes(d));
    const TReal * logWeights = m_Pass.logWeights + first;
    const TReal * potential = m_Pass.potential == nullptr ? nullptr : m_Pass.potential + first;
    int           i = 0;
    for (; i + lanes <= count; i += lanes)
    {
      const auto weight = hn::LoadU(d, logWeights + i);
      hn::StoreU(
        potential == nullptr ? Sanitize(d, weight) : Combine(d, weight, hn::LoadU(d, potential + i)), d, h + i);
    }
    if (i < count)
    {
      // The same arithmetic for the remainder, so that a line's result does not depend on its place.
      HWY_ALIGN TReal weights[16] = {};
      HWY_ALIGN TReal potentials[16] = {};
      std::copy_n(logWeights + i, count - i, weights);
      if (potential != nullptr)
      {
        std::copy_n(potential + i, count - i, potentials);
      }
      const auto weight = hn::Load(d, weights);
      hn::Store(potential == nullptr ? Sanitize(d, weight) : Combine(d, weight, hn::Load(d, potentials)), d, weights);
      std::copy_n(weights, count - i, h + i);
    }
  }

  template <class D>
  static HWY_INLINE hn::Vec<D>
                    Sanitize(D d, hn::Vec<D> h)
  {
    const auto lowest = hn::Set(d, std::numeric_limits<TReal>::lowest());
    const auto highest = hn::Set(d, std::numeric_limits<TReal>::max());
    const auto empty = hn::Set(d, -std::numeric_limits<TReal>::infinity());
    return hn::Min(hn::IfThenElse(hn::Ge(h, lowest), h, empty), highest);
  }

  template <class D>
  HWY_INLINE hn::Vec<D>
             Combine(D d, hn::Vec<D> weight, hn::Vec<D> potential) const
  {
    return Sanitize(d, hn::MulAdd(potential, hn::Set(d, m_Pass.inverseEpsilon), weight));
  }

  const LinePass<TReal> &            m_Pass;
  Kernel                             m_Kernel;
  const int                          m_Length;
  const int                          m_Padded;
  const int                          m_Stride;
  hwy::AlignedFreeUniquePtr<TReal[]> m_Inputs;  // [line][voxel]
  hwy::AlignedFreeUniquePtr<TReal[]> m_Outputs; // [line][voxel]
  hwy::AlignedFreeUniquePtr<TReal[]> m_Rows;    // [bundle][voxel][line]
};

template <typename TReal>
void
ApplyBundles(const LinePlan<TReal> & plan, const LinePass<TReal> & pass, SizeValueType begin, SizeValueType end)
{
  BundleOf<TReal> bundle(plan, pass);
  if (pass.inner == 1)
  {
    for (SizeValueType line = begin * LinesPerBlock; line < std::min(pass.outer, end * LinesPerBlock); ++line)
    {
      bundle.ContiguousLine(line);
    }
    return;
  }
  const SizeValueType blocksPerSlab = (pass.inner + LinesPerBlock - 1) / LinesPerBlock;
  for (SizeValueType number = begin; number < end; ++number)
  {
    const SizeValueType neighbour = number % blocksPerSlab * LinesPerBlock;
    const SizeValueType first = number / blocksPerSlab * pass.length * pass.inner + neighbour;
    bundle.StridedLines(first, static_cast<int>(std::min(LinesPerBlock, pass.inner - neighbour)));
  }
}

} // namespace HWY_NAMESPACE
} // namespace Sinkhorn
} // namespace itk
HWY_AFTER_NAMESPACE();

#endif
