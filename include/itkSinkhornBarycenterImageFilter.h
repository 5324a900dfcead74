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
#ifndef itkSinkhornBarycenterImageFilter_h
#define itkSinkhornBarycenterImageFilter_h

#include "itkImage.h"
#include "itkImageSource.h"
#include "itkSinkhornBarycenter.h"
#include "itkSinkhornCommonGrid.h"
#include "itkSinkhornCompatibility.h"
#include "itkSinkhornGridOperator.h"
#include "itkSinkhornTransportSettings.h"

#include <type_traits>

namespace itk
{

/** \class SinkhornBarycenterImageFilter
 * \brief The mean shape of N densities: their Wasserstein barycentre.
 *
 * Where the average of images is a blur of all shapes in all places, the barycentre is one shape in the mean place: it
 * minimises \f$\sum_k w_k S_\varepsilon(\alpha_k,\alpha)\f$ with the Sinkhorn divergence
 * \f$S_\varepsilon\f$, \f$\varepsilon=\mathrm{Blur}^2\f$, cost \f$|x-y|^2/2\f$ in mm² (H. Janati, M. Cuturi, A.
 * Gramfort, *Debiased Sinkhorn barycenters*, ICML 2020). The barycentre of translated copies is the copy at the mean
 * position. A template to start groupwise registration from.
 *
 * \par Grid and masses
 * Inputs may have any geometry; the output lives on the first input's lattice (spacing, direction, indices), enlarged
 * until it covers all. Mass is carried there without loss and scaled to 1 for each density. The output has the weighted
 * mean of the inputs' masses, so that its intensities are of their kind.
 *
 * \par Precision
 * Single if the inputs have float pixels, else double.
 *
 * \par Errors
 * Update() throws an itk::ExceptionObject that says what is wrong and what to do: no inputs; parameters or weights out
 * of range; negative, NaN or infinite voxels (the input and the first index); inputs without mass, or too far apart.
 * AbortGenerateDataOn() is honoured between iterations with itk::ProcessAborted. Without convergence there is a warning
 * and GetConverged() is false.
 *
 * \ingroup Sinkhorn
 */
template <typename TInputImage>
class ITK_TEMPLATE_EXPORT SinkhornBarycenterImageFilter
  : public ImageSource<
      Image<std::conditional_t<std::is_same<typename TInputImage::PixelType, float>::value, float, double>,
            TInputImage::ImageDimension>>
{
public:
  ITK_DISALLOW_COPY_AND_MOVE(SinkhornBarycenterImageFilter);

  static constexpr unsigned int ImageDimension = TInputImage::ImageDimension;

  /** Type in which the barycentre is computed. */
  using RealType = std::conditional_t<std::is_same<typename TInputImage::PixelType, float>::value, float, double>;
  using InputImageType = TInputImage;
  using OutputImageType = Image<RealType, ImageDimension>;
  using WeightsType = std::vector<double>;

  /** Standard class type aliases. */
  using Self = SinkhornBarycenterImageFilter;
  using Superclass = ImageSource<OutputImageType>;
  using Pointer = SmartPointer<Self>;
  using ConstPointer = SmartPointer<const Self>;

  /** Method for creation through the object factory. */
  itkNewMacro(Self);

  /** Run-time type information (and related methods). */
  itkSinkhornTypeMacro(SinkhornBarycenterImageFilter, ImageSource);

  /** The k-th density; inputs are numbered from 0 without gaps. */
  using Superclass::SetInput;
  virtual void
  SetInput(unsigned int k, const InputImageType * image);
  const InputImageType *
  GetInput(unsigned int k) const;

  /** Weights of the inputs, not negative, scaled to sum 1. Empty (default): all equal. */
  virtual void
  SetWeights(const WeightsType & weights);
  virtual const WeightsType &
  GetWeights() const
  {
    return m_Weights;
  }

  /** Standard deviation of the Gibbs kernel, mm, positive. As long as it is not set it is automatic, the largest
   * spacing of the first input. Details below it come back with the debiasing, but slowly: at two voxels edges need ten
   * times the iterations. */
  itkSinkhornBlurMacro();

  /** On (default): the mean of divergences, as sharp as the inputs. Off: the mean of OT_ε, blurred by about Blur. */
  itkSinkhornBooleanSettingMacro(Debias);

  /** Stop when the marginals of all N plans differ from the barycentre by at most this, in L1 and relative to the mass.
   * Default 1e-3. */
  itkSinkhornSettingMacro(Tolerance, double);

  /** Iterations allowed at the final blur, 2N+1 softmins each. Default 500. */
  itkSinkhornSettingMacro(MaximumNumberOfIterations, unsigned int);

  /** Makes the operator of the transports, for a kernel of one's own; null, the default: that of the grid. In C++ only.
   */
  itkSinkhornOperatorMakerMacro(RealType);

  /** \name What the last update found. */
  /**@{*/
  unsigned int
  GetNumberOfIterations() const
  {
    return m_Report.NumberOfIterations;
  }
  double
  GetMarginalError() const
  {
    return m_Report.MarginalError;
  }
  bool
  GetConverged() const
  {
    return m_Report.Converged;
  }
  /**@}*/

protected:
  SinkhornBarycenterImageFilter();
  ~SinkhornBarycenterImageFilter() override = default;

  void
  GenerateOutputInformation() override;
  void
  EnlargeOutputRequestedRegion(DataObject * output) override;
  void
  GenerateData() override;
  void
  PrintSelf(std::ostream & os, Indent indent) const override;

private:
  using GridType = ImageBase<ImageDimension>;
  using ArrayType = std::vector<RealType>;

  WeightsType
  MakeWeights() const;

  WeightsType                       m_Weights;
  Sinkhorn::BlurSetting             m_Blur;
  Sinkhorn::IterationSettings       m_Settings;
  Sinkhorn::OperatorMaker<RealType> m_OperatorMaker;
  Sinkhorn::BarycenterReport        m_Report;
};

} // namespace itk

#ifndef ITK_MANUAL_INSTANTIATION
#include "itkSinkhornBarycenterImageFilter.hxx"
#endif

#endif
