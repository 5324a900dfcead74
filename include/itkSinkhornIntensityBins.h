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
#ifndef itkSinkhornIntensityBins_h
#define itkSinkhornIntensityBins_h

#include "itkIndent.h"
#include "itkMacro.h"
#include "itkSinkhornImageFeatures.h"
#include "itkSinkhornTransportSettings.h"

#include <cmath>
#include <ostream>
#include <vector>

namespace itk
{
namespace Sinkhorn
{

/** \class IntensityBinSettings
 * \brief Whether a metric or filter compares intensities beside places, in how many bins, and what a difference costs.
 *
 * \ingroup Sinkhorn
 */
struct IntensityBinSettings
{
  /** 2 to 256; 0: places alone. */
  SizeValueType NumberOfIntensityBins{ 0 };
  /** How far the darkest bin is from the brightest one, mm; 0 is automatic. */
  double IntensityWeight{ 0.0 };

  bool
  AreOn() const
  {
    return NumberOfIntensityBins > 0;
  }

  /** \param owner name of the class that they belong to, for the message.
   * \exception itk::ExceptionObject that names the setting out of range, its value and a remedy. */
  void
  Verify(const char * owner) const
  {
    constexpr SizeValueType most = 256;
    if (!this->AreOn())
    {
      return;
    }
    if (NumberOfIntensityBins < 2 || NumberOfIntensityBins > most)
    {
      itkGenericExceptionMacro(<< owner << ": NumberOfIntensityBins is " << NumberOfIntensityBins
                               << ", but must be 0 (none) or from 2 to " << most << '.');
    }
    if (!(IntensityWeight >= 0.0) || !std::isfinite(IntensityWeight))
    {
      itkGenericExceptionMacro(<< owner << ": IntensityWeight is " << IntensityWeight
                               << " mm, but must be 0 (automatic) or positive and finite.");
    }
  }

  /** Costs between the bins, see MakeIntensityCostsFor(); empty if there are none. \param density whose mass the
   * automatic weight is of. */
  template <typename TDensity>
  std::vector<double>
  MakeCosts(const TDensity & density, const SpatialObject<TDensity::ImageDimension> * mask) const
  {
    return this->AreOn() ? MakeIntensityCostsFor(density, mask, NumberOfIntensityBins, IntensityWeight)
                         : std::vector<double>();
  }

  /** Mass on a grid, bin after bin if there are bins, see CarryIntensities() and CarryDensity(). */
  template <typename TReal, typename TImage>
  Density<TReal>
  Carry(const TImage &                                image,
        const SpatialObject<TImage::ImageDimension> * mask,
        const ImageBase<TImage::ImageDimension> &     grid,
        const char *                                  name,
        ThreadIdType                                  numberOfWorkUnits) const
  {
    return this->AreOn() ? CarryIntensities<TReal>(image, mask, grid, name, NumberOfIntensityBins, numberOfWorkUnits)
                         : CarryDensity<TReal>(image, mask, grid, name, numberOfWorkUnits);
  }

  void
  Print(std::ostream & os, Indent indent) const
  {
    os << indent << "NumberOfIntensityBins: " << NumberOfIntensityBins << std::endl;
    os << indent << "IntensityWeight: " << IntensityWeight << std::endl;
  }
};

} // namespace Sinkhorn
} // namespace itk

/** Set and get of a class whose IntensityBinSettings are m_Bins. */
#define itkSinkhornIntensityBinsMacro()                                        \
  itkSinkhornMemberSettingMacro(m_Bins, NumberOfIntensityBins, SizeValueType); \
  itkSinkhornMemberSettingMacro(m_Bins, IntensityWeight, double)

#endif
