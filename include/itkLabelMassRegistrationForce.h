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
#ifndef itkLabelMassRegistrationForce_h
#define itkLabelMassRegistrationForce_h

#include "itkRegistrationForce.h"
#include "itkSinkhornDensityTransport.h"
#include "itkSinkhornLabelCosts.h"
#include "itkSinkhornLabelMixture.h"

#include <map>
#include <utility>
#include <vector>

namespace itk
{

/** \class LabelMassRegistrationForce
 * \brief Mass times the way that it has to go, label by label: optimal transport in space and label with an infinite
 * cost between labels, or finite ones.
 *
 * Each label's mass is normalised to 1 on both sides and transported by itself (entropic, debiased; reach 0: balanced),
 * in the box that holds it in both maps; the background is not transported. A label counts with its share of the mass,
 * the mean of both maps: the value is the mean of the Sinkhorn divergences, mm², and the force on a voxel of the fixed
 * map is the sum over labels of share times mass times the way −∇φ_k, φ_k the first variation of the divergence, by
 * central differences. The weight is the same without the way. Labels that only one map has do not take part.
 *
 * Labels with finite costs between them (SetLabelCosts()) are transported together, as a group whose mass is normalised
 * and that takes part if both maps have one of its labels; φ_k is that of the group at label k.
 *
 * The last transports are kept for warm starts, group by group; the two maps swapped, as SyN asks for them, cost no
 * second solve.
 *
 * After J. Feydy, B. Charlier, F.-X. Vialard, G. Peyré, Optimal Transport for Diffeomorphic Registration, MICCAI 2017
 * (section 2, "local features").
 *
 * \ingroup Sinkhorn
 */
template <typename TImage>
class ITK_TEMPLATE_EXPORT LabelMassRegistrationForce : public MassRegistrationForce<TImage>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(LabelMassRegistrationForce);

  using Self = LabelMassRegistrationForce;
  using Superclass = MassRegistrationForce<TImage>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  itkNewMacro(Self);
  itkSinkhornTypeMacro(LabelMassRegistrationForce, MassRegistrationForce);

  using typename Superclass::ForceFieldType;
  using typename Superclass::LabelsType;
  using typename Superclass::MaskImageType;
  using typename Superclass::WeightPointer;
  using typename Superclass::WeightType;
  static constexpr unsigned int ImageDimension = TImage::ImageDimension;

  /** Standard deviation of the Gibbs kernel, mm. Default 0: twice the largest spacing of the maps. */
  itkSetClampMacro(Blur, double, 0.0, NumericTraits<double>::max());
  itkGetConstMacro(Blur, double);
  /** Distance beyond which mass is created or destroyed rather than moved, mm; 0, the default: never. */
  itkSetClampMacro(Reach, double, 0.0, NumericTraits<double>::max());
  itkGetConstMacro(Reach, double);

  /** Costs between the labels 1, 2, 3 ..., mm², rows of a square table; empty, the default: infinite. See
   * Sinkhorn::LabelCosts, also for the exception. */
  void
  SetLabelCosts(const std::vector<double> & costs)
  {
    m_Costs = Sinkhorn::LabelCosts(costs);
    m_Memory.clear();
    this->Modified();
  }
  const std::vector<double> &
  GetLabelCosts() const
  {
    return m_Costs.GetTable();
  }

  /** Of the last evaluation, the largest over all labels. */
  itkGetConstMacro(MarginalError, double);
  itkGetConstMacro(Converged, bool);

  bool
  ComputeLabelForces(const LabelsType *    fixed,
                     const LabelsType *    moving,
                     const MaskImageType * fixedMask,
                     const MaskImageType * movingMask,
                     ForceFieldType *      forces,
                     WeightPointer &       weight,
                     double &              value) const override;

protected:
  LabelMassRegistrationForce() = default;
  ~LabelMassRegistrationForce() override = default;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using RegionType = ImageRegion<ImageDimension>;
  using TransportType = Sinkhorn::DensityTransport<float>;

  /** A label, or the first one of a group, in both maps. */
  struct Extent
  {
    std::uint32_t Label{ 0 };
    double        Fixed{ 0.0 }; ///< mass, voxels
    double        Moving{ 0.0 };
    RegionType    Box;
    /** All of them. */
    std::vector<std::uint32_t> Group;
  };
  struct Memory
  {
    RegionType    Box;
    TransportType Transport;
  };

  using MapPair = std::pair<const LabelsType *, const MaskImageType *>;

  /** All labels of the maps, in the order in which these have them. */
  static std::vector<Extent>
  FindExtents(const MapPair & fixed, const MapPair & moving);
  /** Puts labels with finite costs between them together, in the order of their first ones. */
  std::vector<Extent>
  JoinGroups(std::vector<Extent> extents) const;
  /** A box for a group, that of its last transport if it will do. */
  RegionType
  ChooseBox(const Extent & extent, const RegionType & whole) const;
  /** Logarithms of the masses in a group's box, label after label, which add up to 1. */
  static std::vector<float>
  Rasterize(const MapPair & map, const Extent & extent, double mass);
  /** Solves the transport of a group. */
  const TransportType &
  Transport(const Extent & extent, const MapPair & fixed, const MapPair & moving) const;
  static void
  AddForces(const TransportType & transport,
            const RegionType &    box,
            double                share,
            ForceFieldType *      forces,
            WeightType *          weight);

  double                                  m_Blur{ 0.0 };
  double                                  m_Reach{ 0.0 };
  Sinkhorn::LabelCosts                    m_Costs;
  mutable double                          m_MarginalError{ 0.0 };
  mutable bool                            m_Converged{ false };
  mutable std::map<std::uint32_t, Memory> m_Memory;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkLabelMassRegistrationForce.hxx"
#endif

#endif
