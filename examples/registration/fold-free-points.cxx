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
// SyN without folds of two curves, without any image: an ellipse is brought onto a bean.
#include "itkDisplacementFieldJacobianCalculator.h"
#include "itkFoldFreeSyNImageRegistrationMethod.h"
#include "itkLineCell.h"
#include "itkMesh.h"
#include "itkSinkhornPointSetToPointSetMetricv4.h"
using ImageType = itk::Image<float, 2>;
using MeshType = itk::Mesh<float, 2>;

static MeshType::Pointer // a closed curve, mm
MakeCurve(unsigned int points, double width, double height, double bend)
{
  const auto mesh = MeshType::New();
  for (unsigned int k = 0; k < points; ++k)
  {
    const double t = 2.0 * itk::Math::pi * k / points;
    const double y = height * std::sin(t) + bend * std::cos(t) * std::cos(t);
    const float  coordinates[] = { static_cast<float>(width * std::cos(t)), static_cast<float>(y) };
    mesh->SetPoint(k, coordinates);
    MeshType::CellAutoPointer line;
    line.TakeOwnership(new itk::LineCell<MeshType::CellType>);
    line->SetPointId(0, k);
    line->SetPointId(1, (k + 1) % points);
    mesh->SetCell(k, line);
  }
  return mesh;
}

int
main()
try
{
  // [readme] README.md shows what lies between these marks
  const auto fixed = MakeCurve(150, 20.0, 12.0, 0.0);
  const auto moving = MakeCurve(200, 24.0, 9.0, -10.0);
  const auto domain = ImageType::New(); // where the map lives: 80 x 80 mm around both
  domain->SetRegions(itk::Size<2>::Filled(81));
  const double corner[] = { -40.0, -40.0 };
  domain->SetOrigin(corner);

  auto metric = itk::SinkhornPointSetToPointSetMetricv4<MeshType>::New();
  metric->SetVirtualDomain(
    domain->GetSpacing(), domain->GetOrigin(), domain->GetDirection(), domain->GetLargestPossibleRegion());

  auto registration = itk::FoldFreeSyNImageRegistrationMethod<ImageType, ImageType, MeshType>::New();
  registration->SetFixedPointSet(fixed);
  registration->SetMovingPointSet(moving);
  registration->SetMetric(metric);
  registration->Update();
  const auto transform = registration->GetModifiableTransform(); // fixed to moving points; has an inverse
  // [readme] README.md shows what lies between these marks
  const auto folds = itk::DisplacementFieldJacobianCalculator<itk::Sinkhorn::DisplacementField<2>>::New();
  folds->SetDisplacementField(transform->GetDisplacementField());
  folds->Compute();
  std::cout << "divergence " << registration->GetCurrentMetricValue() << " mm2" << std::endl;
  return folds->GetMinimum() > 0.0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
catch (const itk::ExceptionObject & error)
{
  std::cerr << error.GetDescription() << std::endl;
  return EXIT_FAILURE;
}
