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
#ifndef itkSinkhornTransportSettings_h
#define itkSinkhornTransportSettings_h

#include "itkIndent.h"
#include "itkMacro.h"
#include "itkSinkhornSolver.h"

#include <algorithm>
#include <cmath>
#include <ostream>

namespace itk
{
namespace Sinkhorn
{

inline const char *
OnOrOff(bool value)
{
  return value ? "On" : "Off";
}

/** \class BlurSetting
 * \brief The blur σ of a class (mm, standard deviation of the Gibbs kernel, ε = σ²), which is automatic until it is
 * set.
 *
 * Automatic is a number of the largest spacings of the grid on which the densities meet, two unless the class says
 * otherwise. For points it is a part of the diagonal of the larger shape.
 *
 * \ingroup Sinkhorn
 */
class BlurSetting
{
public:
  /** \return whether anything has changed. */
  bool
  Set(double blur)
  {
    const bool hasChanged = m_IsAutomatic || m_Value != blur;
    m_Value = blur;
    m_IsAutomatic = false;
    return hasChanged;
  }

  bool
  SetToAutomatic()
  {
    const bool hasChanged = !m_IsAutomatic;
    m_Value = 0.0;
    m_IsAutomatic = true;
    return hasChanged;
  }

  /** mm; 0 while it is automatic. */
  double
  Get() const
  {
    return m_Value;
  }

  bool
  IsAutomatic() const
  {
    return m_IsAutomatic;
  }

  /** The blur that is used where the automatic one would be \a automatic, mm. */
  double
  GetInUse(double automatic) const
  {
    return m_IsAutomatic ? automatic : m_Value;
  }

  /** The same on a grid. \param spacing mm, a range. */
  template <typename TSpacing>
  double
  GetInUse(const TSpacing & spacing, double automaticNumberOfSpacings = 2.0) const
  {
    return this->GetInUse(automaticNumberOfSpacings * *std::max_element(spacing.begin(), spacing.end()));
  }

  /** \param owner name of the class that it belongs to, for the message.
   * \exception itk::ExceptionObject if it is set, but not positive and finite. */
  void
  Verify(const char * owner) const
  {
    if (!m_IsAutomatic && (!(m_Value > 0.0) || !std::isfinite(m_Value)))
    {
      itkGenericExceptionMacro(<< owner << ": Blur is " << m_Value
                               << " mm, but must be positive and finite. Set about two voxels, or let it be "
                                  "automatic (SetBlurToAutomatic()).");
    }
  }

  /** \param automatic the automatic blur, mm, if it is known; else 0. */
  void
  Print(std::ostream & os, Indent indent, double automatic = 0.0) const
  {
    os << indent << "Blur: ";
    if (!m_IsAutomatic)
    {
      os << m_Value << std::endl;
      return;
    }
    os << "automatic";
    if (automatic > 0.0)
    {
      os << ", " << automatic;
    }
    os << std::endl;
  }

private:
  double m_Value{ 0.0 };
  bool   m_IsAutomatic{ true };
};

/** \class ReachSettings
 * \brief How far mass is moved, and what its amount means.
 *
 * \ingroup Sinkhorn
 */
struct ReachSettings
{
  /** Distance beyond which mass is created or destroyed rather than moved, mm, ρ = Reach²; 0 is balanced transport,
   * where all mass is moved. */
  double Reach{ 0.0 };
  /** With a Reach: scale both masses by the common factor 2/(m_α + m_β) instead of each to 1, so that what one side has
   * more of is created or destroyed. Balanced transport needs equal masses and takes no notice. */
  bool PreserveMassRatio{ false };

  /** Whether normalised masses keep their ratio. */
  bool
  HasCommonScale() const
  {
    return PreserveMassRatio && Reach > 0.0;
  }

  /** \param owner name of the class that they belong to, for the message.
   * \exception itk::ExceptionObject that names the setting out of range, its value and a remedy. */
  void
  Verify(const char * owner) const
  {
    if (!(Reach >= 0.0) || !std::isfinite(Reach))
    {
      itkGenericExceptionMacro(<< owner << ": Reach is " << Reach
                               << " mm, but must be positive and finite, or 0 for balanced transport.");
    }
  }

  void
  Print(std::ostream & os, Indent indent) const
  {
    os << indent << "Reach: " << Reach << std::endl;
    os << indent << "PreserveMassRatio: " << OnOrOff(PreserveMassRatio) << std::endl;
  }
};

/** \class IterationSettings
 * \brief What is solved, and how well.
 *
 * \ingroup Sinkhorn
 */
struct IterationSettings
{
  /** Sinkhorn divergence, and springs without the blur's bias, instead of OT_ε. */
  bool Debias{ true };
  /** The solver stops when the L1 error of the marginals, relative to the mass, is at most this; positive. */
  double Tolerance{ 1e-3 };
  /** Iterations allowed at the last blur, on every grid of the solver's pyramid; at least 1. */
  unsigned int MaximumNumberOfIterations{ 200 };

  /** See ReachSettings::Verify(). */
  void
  Verify(const char * owner) const
  {
    if (!(Tolerance > 0.0) || !std::isfinite(Tolerance))
    {
      itkGenericExceptionMacro(<< owner << ": Tolerance is " << Tolerance
                               << ", but must be positive and finite. The default is 1e-3.");
    }
    if (MaximumNumberOfIterations == 0)
    {
      itkGenericExceptionMacro(<< owner << ": MaximumNumberOfIterations is 0, but must be at least 1; some hundreds "
                               << "are usual.");
    }
  }

  void
  Print(std::ostream & os, Indent indent) const
  {
    os << indent << "Debias: " << OnOrOff(Debias) << std::endl;
    os << indent << "Tolerance: " << Tolerance << std::endl;
    os << indent << "MaximumNumberOfIterations: " << MaximumNumberOfIterations << std::endl;
  }
};

/** \class TransportSettings
 * \brief What metrics and filters ask of a transport beside its blur: defaults, checks, printing.
 *
 * \ingroup Sinkhorn
 */
struct TransportSettings
  : ReachSettings
  , IterationSettings
{
  void
  Verify(const char * owner) const
  {
    ReachSettings::Verify(owner);
    IterationSettings::Verify(owner);
  }

  /** \param blur in use, mm. */
  SolverParameters
  MakeSolverParameters(double blur) const
  {
    SolverParameters parameters;
    parameters.Blur = blur;
    parameters.Reach = Reach;
    parameters.Debias = Debias;
    parameters.Tolerance = Tolerance;
    parameters.MaximumNumberOfIterations = MaximumNumberOfIterations;
    return parameters;
  }

  void
  Print(std::ostream & os, Indent indent) const
  {
    ReachSettings::Print(os, indent);
    IterationSettings::Print(os, indent);
  }
};

} // namespace Sinkhorn
} // namespace itk

/** Set, get and automatic of a class whose BlurSetting is m_Blur. */
#define itkSinkhornBlurMacro()            \
  virtual void SetBlur(double blur)       \
  {                                       \
    if (m_Blur.Set(blur))                 \
    {                                     \
      this->Modified();                   \
    }                                     \
  }                                       \
  virtual double GetBlur() const          \
  {                                       \
    return m_Blur.Get();                  \
  }                                       \
  virtual void SetBlurToAutomatic()       \
  {                                       \
    if (m_Blur.SetToAutomatic())          \
    {                                     \
      this->Modified();                   \
    }                                     \
  }                                       \
  virtual bool GetBlurIsAutomatic() const \
  {                                       \
    return m_Blur.IsAutomatic();          \
  }                                       \
  ITK_MACROEND_NOOP_STATEMENT

/** Set and get of one setting in a struct that is a member of a class. */
#define itkSinkhornMemberSettingMacro(member, name, type) \
  virtual void Set##name(type value)                      \
  {                                                       \
    if (member.name != value)                             \
    {                                                     \
      member.name = value;                                \
      this->Modified();                                   \
    }                                                     \
  }                                                       \
  virtual type Get##name() const                          \
  {                                                       \
    return member.name;                                   \
  }                                                       \
  ITK_MACROEND_NOOP_STATEMENT

/** The same in a class whose settings, of one of the kinds above, are m_Settings. */
#define itkSinkhornSettingMacro(name, type) itkSinkhornMemberSettingMacro(m_Settings, name, type)

/** The same with On and Off. */
#define itkSinkhornBooleanSettingMacro(name) \
  itkSinkhornSettingMacro(name, bool);       \
  itkBooleanMacro(name)

#endif
