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
#include "itkSinkhornPageViews.h"

#include "itkSinkhornCanvas.h"
#include "itkSinkhornCheckedFile.h"
#include "itkSinkhornColors.h"
#include "itkSinkhornImagePanel.h"
#include "itkSinkhornPage.h"
#include "itkSinkhornRegistrationImages.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace itk
{
namespace SinkhornDrawing
{
namespace
{

using SinkhornIO::FileFacts;
using SinkhornIO::ResultSource;
using SinkhornRegistration::FindBorder;
using SinkhornRegistration::FindOutside;
using Json = nlohmann::ordered_json;

/** Pixels of the longest axis; finer images are thinned out. */
constexpr double longestSide = 384.0;

/** The voxels of one image as colours: grey, those of labels, or its own. */
template <unsigned int VDimension>
class Painter
{
public:
  Painter(const FileFacts & facts, const ImageType<VDimension> * image)
    : m_Image(image)
    , m_Map(image->GetBufferPointer(), image->GetBufferedRegion().GetNumberOfPixels())
  {
    for (unsigned int channel = 0; channel < 3 && facts.IsColor; ++channel)
    {
      m_Channels.push_back(SinkhornIO::ReadChannel<VDimension>(facts, image, channel));
      m_Outside.push_back(FindBorder<VDimension>(m_Channels.back()));
    }
    m_White = facts.ComponentType == IOComponentEnum::USHORT ? 65535.0 : 255.0;
  }

  bool
  LooksLikeLabels() const
  {
    return m_Channels.empty() && m_Map.LooksLikeLabels();
  }

  void
  Prepare(bool labels)
  {
    m_Map.SetDrawAsLabels(labels);
    if (m_Channels.empty())
    {
      m_Outside.push_back(labels ? 0.0 : FindOutside<VDimension>(m_Image));
    }
    for (const auto & channel : m_Channels)
    {
      m_Samplers.emplace_back(channel.GetPointer(), false);
    }
    if (m_Channels.empty())
    {
      m_Samplers.emplace_back(m_Image, labels);
    }
  }

  /** \param factor of the intensity. */
  Color
  operator()(const ContinuousIndex<double, VDimension> & index, double factor = 1.0) const
  {
    const auto at = [&](std::size_t channel) {
      return factor * (m_Samplers[channel].IsInside(index) ? m_Samplers[channel](index) : m_Outside[channel]);
    };
    return m_Channels.empty() ? m_Map(at(0)) : Color{ at(0) / m_White, at(1) / m_White, at(2) / m_White };
  }

private:
  const ImageType<VDimension> *                        m_Image;
  ColorMap                                             m_Map;
  std::vector<typename ImageType<VDimension>::Pointer> m_Channels;
  std::vector<Sampler<VDimension>>                     m_Samplers;
  std::vector<double>                                  m_Outside;
  double                                               m_White{ 255.0 };
};

/** A byte for each pixel of a panel. */
template <unsigned int VDimension>
std::string
EncodeBytes(const Panel<VDimension> &                                                        panel,
            const std::function<double(const ContinuousIndex<double, VDimension> & index)> & byteAt)
{
  using Picture = Image<unsigned char, 2>;
  const auto        picture = Picture::New();
  Picture::SizeType size;
  size[0] = static_cast<SizeValueType>(panel.Width);
  size[1] = static_cast<SizeValueType>(panel.Height);
  picture->SetRegions(size);
  picture->Allocate();
  unsigned char * pixel = picture->GetBufferPointer();
  for (int y = 0; y < panel.Height; ++y)
  {
    for (int x = 0; x < panel.Width; ++x)
    {
      *pixel++ = static_cast<unsigned char>(std::lround(std::min(255.0, std::max(0.0, byteAt(panel.At(x, y))))));
    }
  }
  return ToBase64(SinkhornIO::MakePng<unsigned char>(picture));
}

/** det J as the page's frame colours it: 0 is folded, 1 to 255 are log2 det J from −2 over 0 to 2. */
double
EncodeJacobian(double determinant)
{
  return determinant > 0.0 ? std::min(255.0, std::max(1.0, 128.0 + 127.0 * std::log2(determinant) / 2.0)) : 0.0;
}

/** Draws the slices of one registration. */
template <unsigned int VDimension>
class ViewMaker
{
public:
  using IndexType = ContinuousIndex<double, VDimension>;

  explicit ViewMaker(const PageImages<VDimension> & images)
    : m_Images(images)
    , m_Source(*images.Source)
    , m_Fixed(*m_Source.FixedFacts, m_Source.Fixed)
    , m_Moving(*m_Source.MovingFacts, m_Source.Moving)
    , m_Jacobian(images.Jacobian, false)
    , m_Displacement(LinearInterpolateImageFunction<FieldType<VDimension>, double>::New())
    , m_Center(FindCenter<VDimension>(m_Source.Fixed))
  {
    const bool labels = m_Fixed.LooksLikeLabels() && m_Moving.LooksLikeLabels();
    m_Fixed.Prepare(labels);
    m_Moving.Prepare(labels);
    m_Displacement->SetInputImage(images.Displacement);
    const auto *        first = images.Displacement->GetBufferPointer();
    const SizeValueType count = images.Displacement->GetBufferedRegion().GetNumberOfPixels();
    for (const auto * vector = first; vector != first + count; ++vector)
    {
      m_Longest = std::max<double>(m_Longest, vector->GetNorm());
    }
    double longest = 0.0;
    m_Pixel = m_Source.Fixed->GetSpacing()[0];
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      longest = std::max(longest, Extent(m_Source.Fixed, d));
      m_Pixel = std::min(m_Pixel, m_Source.Fixed->GetSpacing()[d]);
    }
    m_Pixel = std::max(m_Pixel, longest / longestSide);
  }

  double
  GetLongest() const
  {
    return m_Longest;
  }

  Json
  Make(const Plane & plane) const
  {
    const auto pixels = [&](unsigned int axis) {
      return std::max(1, static_cast<int>(std::lround(Extent(m_Source.Fixed, axis) / m_Pixel)));
    };
    const Panel<VDimension> panel{ m_Source.Fixed, plane, m_Center, 0, 0, pixels(plane.Right), pixels(plane.Down) };
    Json                    layers;
    layers["fixed"] = this->Paint(panel, [&](const IndexType & index) { return m_Fixed(index); });
    layers["before"] =
      this->Paint(panel, [&](const IndexType & index) { return m_Moving(this->Carry(index, m_Images.FromFile)); });
    layers["after"] = this->Paint(panel, [&](const IndexType & index) {
      return m_Moving(this->Carry(index, m_Source.ToRegistered), m_Source.ConservesMass ? m_Jacobian(index) : 1.0);
    });
    layers["jacobian"] =
      EncodeBytes<VDimension>(panel, [&](const IndexType & index) { return EncodeJacobian(m_Jacobian(index)); });
    const double scale = m_Longest > 0.0 ? 255.0 / m_Longest : 0.0;
    layers["displacement"] = EncodeBytes<VDimension>(panel, [&](const IndexType & index) {
      return m_Displacement->IsInsideBuffer(index) ? scale * m_Displacement->EvaluateAtContinuousIndex(index).GetNorm()
                                                   : 0.0;
    });
    return { { "name", plane.Name.empty() ? "picture" : plane.Name },
             { "width", panel.Width },
             { "height", panel.Height },
             { "spacing", { m_Pixel, m_Pixel } },
             { "layers", layers } };
  }

private:
  /** Where a voxel of the fixed image goes in the moving one. */
  IndexType
  Carry(const IndexType & index, const Transform<double, VDimension, VDimension> * transform) const
  {
    typename ImageType<VDimension>::PointType point;
    m_Source.Fixed->TransformContinuousIndexToPhysicalPoint(index, point);
    return m_Source.Moving->template TransformPhysicalPointToContinuousIndex<double>(transform->TransformPoint(point));
  }

  template <typename TPaint>
  std::string
  Paint(const Panel<VDimension> & panel, const TPaint & paint) const
  {
    // Pixels that hold several voxels show the mean of what lies in them.
    constexpr int most = 6;
    const double  finest =
      std::min(m_Source.Fixed->GetSpacing()[panel.Slice.Right], m_Source.Fixed->GetSpacing()[panel.Slice.Down]);
    const int parts = std::min(most, std::max(1, static_cast<int>(std::lround(m_Pixel / finest))));
    Canvas    canvas(panel.Width, panel.Height, Color());
    for (int y = 0; y < panel.Height; ++y)
    {
      for (int x = 0; x < panel.Width; ++x)
      {
        Color mean;
        for (int part = 0; part < parts * parts; ++part)
        {
          const double right = x + (part % parts + 0.5) / parts - 0.5;
          const double down = y + (part / parts + 0.5) / parts - 0.5;
          mean = Mix(mean, paint(panel.At(right, down)), 1.0 / (part + 1));
        }
        canvas.SetPixel(x, y, mean);
      }
    }
    return ToBase64(canvas.ToPng());
  }

  const PageImages<VDimension> &                                                  m_Images;
  const ResultSource<VDimension> &                                                m_Source;
  Painter<VDimension>                                                             m_Fixed;
  Painter<VDimension>                                                             m_Moving;
  Sampler<VDimension>                                                             m_Jacobian;
  typename LinearInterpolateImageFunction<FieldType<VDimension>, double>::Pointer m_Displacement;
  IndexType                                                                       m_Center;
  /** Displacement, mm. */
  double m_Longest{ 0.0 };
  /** Side of a pixel, mm. */
  double m_Pixel{ 1.0 };
};

} // namespace

template <unsigned int VDimension>
void
AddViews(const PageImages<VDimension> & images, Json & data)
{
  const ResultSource<VDimension> & source = *images.Source;
  const ViewMaker<VDimension>      maker(images);
  data["views"] = Json::array();
  for (const Plane & plane : FindPlanes(source.Fixed))
  {
    data["views"].push_back(maker.Make(plane));
  }
  data["longest"] = maker.GetLongest();
  for (const FileFacts * facts : { source.FixedFacts, source.MovingFacts })
  {
    data["geometry"][facts->Role] = { { "size", facts->Geometry.Size }, { "spacing", facts->Geometry.Spacing } };
  }
  data["matrix"] = MakeMatrix<VDimension>(source.ToFile);
  if constexpr (VDimension == 2)
  {
    if (source.Plane->IsLifting())
    {
      data["matrix"] = MakeMatrix<3>(source.Plane->Lift(source.ToFile, source.Fixed));
    }
  }
}

template void
AddViews<2>(const PageImages<2> &, Json &);
template void
AddViews<3>(const PageImages<3> &, Json &);

} // namespace SinkhornDrawing
} // namespace itk
