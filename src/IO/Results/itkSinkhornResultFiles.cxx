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
#include "itkSinkhornResultFiles.h"

#include "itkSinkhornImageReading.h"
#include "itkSinkhornImageWriting.h"
#include "itkSinkhornRegistrationImages.h"

#include <algorithm>
#include <array>
#include <type_traits>

namespace itk
{
namespace SinkhornIO
{
namespace
{

using SinkhornRegistration::FindBorder;
using SinkhornRegistration::FindOutside;
using SinkhornRegistration::SampleDisplacement;
using SinkhornRegistration::WarpDensity;
using SinkhornRegistration::WarpImage;
using SinkhornRegistration::WarpLabels;

using Type = IOComponentEnum;

/** Whether a picture file, which has no origin and no direction, can hold this grid. */
bool
IsPicture(const FileGeometry & geometry)
{
  if (geometry.GetDimension() != 2)
  {
    return false;
  }
  vnl_matrix<double> identity(2, 2);
  identity.set_identity();
  return geometry.Origin[0] == 0.0 && geometry.Origin[1] == 0.0 && geometry.Direction == identity;
}

/** Extension that the warped image has. */
std::string
ChooseWarpedExtension(const FileFacts & fixed, const FileFacts & moving)
{
  const bool isByte = moving.ComponentType == Type::UCHAR;
  if (IsPicture(fixed.Geometry) && (isByte || (moving.IsColor && moving.ComponentType == Type::USHORT)))
  {
    return ".png";
  }
  // NIfTI has colours of 8 bits only.
  return moving.IsColor && !isByte ? ".nrrd" : ".nii.gz";
}

/** The labels' own integer type; the smallest that holds them, for labels that were stored as reals. */
template <unsigned int VDimension>
Type
ChooseLabelType(const FileFacts & facts, const LabelImageType<VDimension> * labels)
{
  if (facts.ComponentType != Type::FLOAT && facts.ComponentType != Type::DOUBLE)
  {
    return facts.ComponentType;
  }
  const std::uint32_t * first = labels->GetBufferPointer();
  const std::uint32_t   most = *std::max_element(first, first + labels->GetBufferedRegion().GetNumberOfPixels());
  return most < 256 ? Type::UCHAR : (most < 65536 ? Type::USHORT : Type::UINT);
}

template <unsigned int VDimension>
void
WriteWarpedFile(const ResultSource<VDimension> & source, const std::string & path)
{
  const FileFacts &    facts = *source.MovingFacts;
  const FileGeometry & geometry = source.FixedFacts->Geometry;
  // Between two labels there is no third.
  const bool isReal = facts.ComponentType == Type::FLOAT || facts.ComponentType == Type::DOUBLE;
  if (source.MovingLabelMap && !isReal)
  {
    const auto labels = WarpLabels<VDimension>(source.MovingLabelMap, source.ToRegistered, source.Fixed);
    WriteLabels<VDimension>(labels, facts.ComponentType, geometry, path);
    return;
  }
  if (!facts.IsColor)
  {
    const bool  isMap = source.MovingLabelMap != nullptr;
    const float outside = isMap ? 0.0F : FindOutside<VDimension>(source.Moving);
    const auto  warped = source.ConservesMass
                           ? WarpDensity<VDimension>(source.Moving, source.ToRegistered, source.Fixed)
                           : WarpImage<VDimension>(source.Moving, source.ToRegistered, source.Fixed, outside, isMap);
    WriteWarped<VDimension>(warped, facts.ComponentType, geometry, path);
    return;
  }
  std::array<typename ImageType<VDimension>::Pointer, 3> channels;
  for (unsigned int channel = 0; channel < 3; ++channel)
  {
    const auto  own = ReadChannel<VDimension>(facts, source.Moving, channel);
    const float outside = FindBorder<VDimension>(own);
    channels[channel] = WarpImage<VDimension>(own, source.ToRegistered, source.Fixed, outside, false);
  }
  WriteColor<VDimension>(channels, facts.ComponentType, geometry, path);
}

/** From moving points, on the grid of the moving file, to fixed ones.
 * Not written where an initial transform has no inverse. */
template <unsigned int VDimension>
void
WriteInverse(OutputFolder & folder, const ResultSource<VDimension> & source)
{
  const auto inverse = CompositeTransform<double, VDimension>::New();
  if (!source.ToFile->GetInverse(inverse))
  {
    return;
  }
  const std::string path = folder.Stage("inverse_displacement.nii.gz");
  if constexpr (VDimension == 2)
  {
    if (source.Plane->IsLifting())
    {
      WriteDisplacement<3>(source.Plane->SampleInverse(inverse, *source.MovingFacts), path);
      return;
    }
  }
  const auto grid = source.Plane->template MakeGrid<VDimension>(*source.MovingFacts);
  WriteDisplacement<VDimension>(SampleDisplacement<VDimension>(inverse, grid), path);
}

/** Transform and displacement as they apply to the files: in space, for slices that lie there. */
template <unsigned int VDimension>
void
WriteMaps(OutputFolder & folder, const ResultSource<VDimension> & source)
{
  const std::string transform = folder.Stage("transform.h5");
  const std::string displacement = folder.Stage("displacement.nii.gz");
  if constexpr (VDimension == 2)
  {
    if (source.Plane->IsLifting())
    {
      const auto lifted = source.Plane->Lift(source.ToFile, source.Fixed);
      const auto grid = source.Plane->template MakeGrid<3>(*source.FixedFacts);
      WriteTransform<3>(lifted, transform);
      WriteDisplacement<3>(SampleDisplacement<3>(lifted, grid), displacement);
      return;
    }
  }
  WriteTransform<VDimension>(source.ToFile, transform);
  WriteDisplacement<VDimension>(SampleDisplacement<VDimension>(source.ToFile, source.Fixed), displacement);
}

} // namespace

template <unsigned int VDimension>
void
WriteResults(OutputFolder & folder, const ResultSource<VDimension> & source)
{
  const std::string warped = "warped" + ChooseWarpedExtension(*source.FixedFacts, *source.MovingFacts);
  WriteWarpedFile<VDimension>(source, folder.Stage(warped));
  if (source.MovingLabels)
  {
    const Type type = ChooseLabelType<VDimension>(*source.LabelFacts, source.MovingLabels);
    const bool fits = type == Type::UCHAR || type == Type::USHORT;
    const bool png = warped == "warped.png" && fits;
    const auto labels = WarpLabels<VDimension>(source.MovingLabels, source.ToRegistered, source.Fixed);
    WriteLabels<VDimension>(
      labels, type, source.FixedFacts->Geometry, folder.Stage(png ? "warped_labels.png" : "warped_labels.nii.gz"));
  }
  WriteMaps<VDimension>(folder, source);
  WriteInverse<VDimension>(folder, source);
}

template void
WriteResults<2>(OutputFolder &, const ResultSource<2> &);
template void
WriteResults<3>(OutputFolder &, const ResultSource<3> &);

} // namespace SinkhornIO
} // namespace itk
