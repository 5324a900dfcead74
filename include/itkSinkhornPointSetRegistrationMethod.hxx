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
#ifndef itkSinkhornPointSetRegistrationMethod_hxx
#define itkSinkhornPointSetRegistrationMethod_hxx

#include "itkSinkhornPointSetRegistrationMethod.h"

#include <algorithm>

namespace itk
{

template <unsigned int VDimension>
class SinkhornPointSetRegistrationMethod<VDimension>::EventListener : public SinkhornRegistration::Listener
{
public:
  explicit EventListener(Self * method)
    : m_Method(method)
  {}

  void
  Complain(const std::string & text) override
  {
    m_Method->m_Messages.push_back(text);
  }
  void
  BeginLevel(std::size_t level, std::size_t numberOfLevels, unsigned int, const std::string &) override
  {
    m_Method->m_CurrentLevel = static_cast<unsigned int>(level) + 1;
    m_Method->m_NumberOfLevels = static_cast<unsigned int>(numberOfLevels);
    m_Method->InvokeEvent(MultiResolutionIterationEvent());
  }
  void
  Iteration(unsigned int iteration, double value, double) override
  {
    m_Method->m_CurrentIteration = iteration;
    m_Method->m_CurrentValue = value;
    m_Method->InvokeEvent(IterationEvent());
    if (m_Method->GetAbortGenerateData())
    {
      ProcessAborted aborted(__FILE__, __LINE__);
      aborted.SetDescription("The registration was aborted by AbortGenerateData.");
      throw aborted;
    }
  }
  void
  Advance(double part) override
  {
    m_Method->UpdateProgress(static_cast<float>(part));
  }

private:
  Self * m_Method;
};

template <unsigned int VDimension>
SinkhornPointSetRegistrationMethod<VDimension>::SinkhornPointSetRegistrationMethod()
{
  this->SetNumberOfRequiredOutputs(1);
  this->SetNthOutput(0, this->MakeOutput(0));
}

template <unsigned int VDimension>
DataObject::Pointer
SinkhornPointSetRegistrationMethod<VDimension>::MakeOutput(DataObjectPointerArraySizeType)
{
  return DecoratedTransformType::New().GetPointer();
}

template <unsigned int VDimension>
auto
SinkhornPointSetRegistrationMethod<VDimension>::GetModifiableTransform() -> TransformType *
{
  if (!m_Transform)
  {
    itkExceptionMacro("There is no transform yet; call Update() first");
  }
  return m_Transform;
}

template <unsigned int VDimension>
auto
SinkhornPointSetRegistrationMethod<VDimension>::GetInverseTransform() const -> typename TransformType::Pointer
{
  const auto inverse = TransformType::New();
  this->GetTransform()->GetInverse(inverse);
  return inverse;
}

template <unsigned int VDimension>
std::vector<double>
SinkhornPointSetRegistrationMethod<VDimension>::MakeWarpedPoints() const
{
  const auto          inverse = this->GetInverseTransform();
  std::vector<double> moved;
  moved.reserve(m_MovingShape.Points.size());
  for (size_t i = 0; i < m_MovingShape.Points.size(); i += VDimension)
  {
    Point<double, VDimension> point;
    std::copy_n(m_MovingShape.Points.data() + i, VDimension, point.Begin());
    point = inverse->TransformPoint(point);
    moved.insert(moved.end(), point.Begin(), point.End());
  }
  return moved;
}

template <unsigned int VDimension>
auto
SinkhornPointSetRegistrationMethod<VDimension>::MakeDisplacementField() const ->
  typename SinkhornRegistration::FieldType<VDimension>::Pointer
{
  return SinkhornRegistration::SampleDisplacement<VDimension>(this->GetTransform(), m_Grid);
}

template <unsigned int VDimension>
std::string
SinkhornPointSetRegistrationMethod<VDimension>::GetReportAsJson() const
{
  return SinkhornRegistration::ToJson(
    m_Plan, m_Report, VDimension, SinkhornRegistration::MeasureFolding<VDimension>(this->MakeDisplacementField()));
}

template <unsigned int VDimension>
void
SinkhornPointSetRegistrationMethod<VDimension>::GenerateData()
{
  if (m_FixedShape.Points.empty() || m_MovingShape.Points.empty())
  {
    itkExceptionMacro("The " << (m_FixedShape.Points.empty() ? "fixed" : "moving")
                             << " shape has no points; set both shapes before Update()");
  }
  m_Messages.clear();
  m_Transform = nullptr;
  const auto    transform = TransformType::New();
  EventListener listener(this);
  m_Report = SinkhornRegistration::RegisterPoints<VDimension>(
    m_Plan, m_FixedShape, m_MovingShape, transform.GetPointer(), &m_Grid, listener);
  m_Transform = transform;
  static_cast<DecoratedTransformType *>(this->ProcessObject::GetOutput(0))->Set(transform);
}

template <unsigned int VDimension>
void
SinkhornPointSetRegistrationMethod<VDimension>::PrintSelf(std::ostream & os, Indent indent) const
{
  Superclass::PrintSelf(os, indent);
  os << indent << "FixedShape: " << m_FixedShape.Points.size() / VDimension << " points" << std::endl;
  os << indent << "MovingShape: " << m_MovingShape.Points.size() / VDimension << " points" << std::endl;
  os << indent << "Initialize: " << SinkhornRegistration::ToString(m_Plan.Initialize) << std::endl;
  os << indent << "Deform: " << (m_Plan.Deform ? "On" : "Off") << std::endl;
  os << indent << "Blur: " << m_Plan.Blur << std::endl;
  os << indent << "Reach: " << m_Plan.Reach << std::endl;
  os << indent << "NumberOfIterations: " << m_Plan.NumberOfIterations << std::endl;
  os << indent << "MaximumNumberOfParticles: " << m_Plan.MaximumNumberOfParticles << std::endl;
  os << indent << "CurrentLevel: " << m_CurrentLevel << std::endl;
  os << indent << "NumberOfLevels: " << m_NumberOfLevels << std::endl;
  os << indent << "CurrentIteration: " << m_CurrentIteration << std::endl;
  os << indent << "CurrentValue: " << m_CurrentValue << std::endl;
}

} // namespace itk

#endif
